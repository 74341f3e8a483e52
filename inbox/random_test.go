package inbox

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

// TestWhateverFails lets random things go wrong: batches that fail and come again, occurrences
// that a reactor cannot work on, calls that fail for a while, panics, restarts in the midst of
// work. Each reactor hears each of the others' once, in the order of the log, and those at
// fault are its dead letters; how the events were batched makes no difference.
func TestWhateverFails(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		const name = "rapid.checks"
		before := flag.Lookup(name).Value.String()
		_ = flag.Set(name, histories)
		defer func() { _ = flag.Set(name, before) }()
		round := 0
		rapid.Check(t, func(t *rapid.T) {
			round++
			play(t, db, round)
		})
	})
}

// histories are so many on each database.
const histories = "6"

func play(t *rapid.T, db *store.DB, round int) {
	names := []string{fmt.Sprint("a", round), fmt.Sprint("b", round)}
	var bad sync.Map // what is at fault: reactor and message id
	var reactors []*scribe
	for _, name := range names {
		s := &scribe{name: name, interest: Interest{Events: []string{"x", "y"}}, panics: rapid.Bool().Draw(t, "panics")}
		if name[0] == 'b' {
			s.interest = Interest{Events: []string{"*"}, Backfill: true}
		}
		var calls atomic.Int64
		troubles := int64(rapid.IntRange(0, 4).Draw(t, "troubles in a row"))
		between := int64(rapid.IntRange(4, 20).Draw(t, "calls between them"))
		s.refuse = func(o *touchstone.Occurrence) error {
			if _, at := bad.Load(name + o.MessageID); at {
				return errors.New("at fault")
			}
			return nil
		}
		s.trouble = func() error {
			if calls.Add(1)%(troubles+between) < troubles {
				return context.DeadlineExceeded
			}
			return nil
		}
		reactors = append(reactors, s)
	}
	r := newRig(quietly{t: t}, db, reactors...)
	defer func() { r.stop() }()
	want := map[string][]string{}
	dead := map[string]int{}
	for range rapid.IntRange(1, 3).Draw(t, "rounds") {
		b := &touchstone.Batch{}
		for range rapid.IntRange(0, 60).Draw(t, "events") {
			f := r.event(touchstone.PersonID(rapid.IntRange(1, 5).Draw(t, "person")), rapid.SampledFrom([]string{"x", "y", "z"}).Draw(t, "name"))
			f.Backfill = rapid.IntRange(0, 4).Draw(t, "backfill") == 0
			o := touchstone.Item{Fact: &f}.Occurrence()
			for _, name := range names {
				if name[0] == 'a' && (f.Backfill || f.Name == "z") {
					continue
				}
				if rapid.IntRange(0, 40).Draw(t, "at fault") == 0 {
					bad.Store(name+f.MessageID, true)
					dead[name]++
					continue
				}
				want[name] = append(want[name], tell(&o))
			}
			b.Facts = append(b.Facts, f)
		}
		for range rapid.IntRange(0, 2).Draw(t, "failures of the batch") {
			_ = db.Update(context.Background(), func(tx *store.Tx) error {
				b.Now = time.Now()
				_ = r.writer.Apply(context.Background(), tx, b)
				return errors.New("the batch fails")
			})
			r.writer.Rollback()
		}
		for len(b.Facts) > 0 { // cut anywhere
			n := rapid.IntRange(1, len(b.Facts)).Draw(t, "cut")
			r.events(b.Facts[:n]...)
			b.Facts = b.Facts[n:]
		}
		if r.stop(); rapid.Bool().Draw(t, "restart") {
			r.open()
		}
		r.run()
	}
	r.drain(names...)
	for _, name := range names {
		if got := r.heard(name); !slices.Equal(got, want[name]) {
			t.Fatalf("%s heard\n\t%s\nwant\n\t%s", name, strings.Join(got, "\n\t"), strings.Join(want[name], "\n\t"))
		}
		if p := r.progress(name); int(p.DeadLetters) != dead[name] || int(p.Passed) != dead[name]+len(want[name]) || p.Dropped != 0 {
			t.Fatalf("%s: %+v, want %d dead letters among %d", name, p, dead[name], dead[name]+len(want[name]))
		}
	}
}

// quietly is a rapid.T for a rig. A history has no cleanup of its own.
type quietly struct {
	testing.TB
	t *rapid.T
}

func (q quietly) Helper()                           {}
func (q quietly) Cleanup(func())                    {}
func (q quietly) Fatal(args ...any)                 { q.t.Fatal(args...) }
func (q quietly) Fatalf(format string, args ...any) { q.t.Fatalf(format, args...) }
func (q quietly) Error(args ...any)                 { q.t.Error(args...) }
