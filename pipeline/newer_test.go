package pipeline

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
	"github.com/touchstone-cdp/touchstone/stream"
)

// A log that a later release wrote ends the loop with a word about the release, not about
// damage, and changes nothing.
func TestEventsOfANewerReleaseEndTheLoop(t *testing.T) {
	e := touchstone.Event{Type: touchstone.Track, MessageID: "m", Name: "x", Identifiers: []touchstone.Identifier{{Kind: touchstone.KindUserID, Value: "u"}}}
	event := touchstone.AppendEvent(nil, &e)
	newerEvent := append([]byte{touchstone.EventVersion + 1}, event[1:]...)
	record := stream.EncodeRecord(nil, stream.AppendFrame(nil, event), 1)
	newerRecord := append([]byte{stream.RecordVersion + 1}, record[1:]...)
	for name, data := range map[string][]byte{
		"event":  stream.EncodeRecord(nil, stream.AppendFrame(nil, newerEvent), 1),
		"record": newerRecord,
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Run(t, func(t *testing.T, db *store.DB) {
				r := newRig(t, db)
				if _, err := r.log.Append(t.Context(), 0, data); err != nil {
					t.Fatal(err)
				}
				p, err := New(t.Context(), Config{Log: r.log, DB: db, Stages: []Stage{r.stage}})
				if err != nil {
					t.Fatal(err)
				}
				err = p.Run(t.Context(), nil)
				if !errors.Is(err, touchstone.ErrNewer) || !strings.Contains(err.Error(), "record 1 of partition 0") || strings.Contains(err.Error(), "backup") {
					t.Errorf("ended with %v", err)
				}
				if p.Through(0) != 0 {
					t.Errorf("went past it, to %d", p.Through(0))
				}
			})
		})
	}
}

// A state that a later release wrote is not mended by trying again.
func TestStatesOfANewerReleaseEndTheLoop(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		r := newRig(t, db)
		p, err := New(t.Context(), Config{Log: r.log, DB: db, Stages: []Stage{newerState{}}})
		if err != nil {
			t.Fatal(err)
		}
		e := touchstone.Event{Type: touchstone.Track, MessageID: "m", Name: "x"}
		if _, err := r.log.Append(t.Context(), 0, stream.EncodeRecord(nil, stream.AppendFrame(nil, touchstone.AppendEvent(nil, &e)), 1)); err != nil {
			t.Fatal(err)
		}
		if err := p.Run(t.Context(), nil); !errors.Is(err, touchstone.ErrNewer) {
			t.Errorf("ended with %v", err)
		}
	})
}

type newerState struct{}

func (newerState) Name() string { return "newer" }
func (newerState) Rollback()    {}
func (newerState) Apply(context.Context, *store.Tx, *touchstone.Batch) error {
	return touchstone.Newer("a state", 2, 1)
}
