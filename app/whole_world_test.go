package app

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/identity"
	"github.com/touchstone-cdp/touchstone/inbox"
	"github.com/touchstone-cdp/touchstone/stream"
)

// wholeRules are segments that refer to each other by their places; some lapse with time, some are about households.
var wholeRules = append(slices.Clone(orderRules),
	`{"event":"Order Completed","count":{"op":"gte","value":2}}`,
	`{"and":[{"event":"Viewed"},{"trait":"plan","op":"exists"}]}`,
	`{"not":{"event":"Order Completed","within":"1d"}}`,
	`{"household":{"any":{"event":"Order Completed","where":[{"property":"revenue","op":"gte","value":100}]}}}`,
	`{"event":"Viewed","within":"2d"}`,
)

// wholeWorld is the whole program on a clock of its own, with all that is told to it.
type wholeWorld struct {
	*running
	t    *testing.T
	now  *atomic.Int64
	last stream.Offset
	stop func()
	// rebuilt: all profiles have been computed anew from history.
	rebuilt bool
}

// openWhole starts the program. Without a URL of PostgreSQL its store is SQLite.
func openWhole(t *testing.T, folder, storeURL string, now *atomic.Int64) *wholeWorld {
	t.Helper()
	cards := &stamps{}
	extra := stampSlots(cards)
	extra.clock = touchstone.ClockFunc(func() time.Time { return time.UnixMilli(now.Load()).UTC() })
	cfg := DefaultConfig()
	cfg.Data, cfg.Listen, cfg.Dev, cfg.MemoryLimit, cfg.Store.URL = folder, "127.0.0.1:0", true, 0, storeURL
	cfg.Pipeline.MinInterval = time.Millisecond
	a, err := newWith(t.Context(), cfg, slog.New(slog.DiscardHandler), extra)
	if err != nil {
		t.Fatal(err)
	}
	cards.db, cards.persons = a.store, a.graph
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- a.Run(ctx, func() { close(ready) }) }()
	select {
	case <-ready:
	case err := <-done:
		t.Fatal(err)
	}
	w := &wholeWorld{running: &running{App: a, url: "http://" + a.Address()}, t: t, now: now}
	stopped := false
	w.stop = func() {
		if cancel(); !stopped {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		stopped = true
	}
	t.Cleanup(w.stop)
	return w
}

// define makes the segments; their names are their places.
func (w *wholeWorld) define() {
	w.t.Helper()
	ids := make([]string, len(wholeRules))
	for i, text := range wholeRules {
		for at, id := range ids[:i] {
			text = strings.ReplaceAll(text, fmt.Sprintf(`"segment":"%d"`, at), fmt.Sprintf(`"segment":%q`, id))
		}
		text = strings.NewReplacer(`"event":"A"`, `"event":"Viewed"`, `"event":"B"`, `"event":"Signed Up"`).Replace(text)
		status, answer := w.post("/api/v1/segments", fmt.Sprintf(`{"name":"%d","rule":%s}`, i, text), "Authorization", "Bearer dev", "Content-Type", "application/json")
		if status/100 != 2 {
			w.t.Fatalf("segment %s: %d %s", text, status, answer)
		}
		var made struct{ ID string }
		if err := json.Unmarshal([]byte(answer), &made); err != nil {
			w.t.Fatal(err)
		}
		ids[i] = made.ID
	}
	// What was done is signed now, and not in the middle of something.
	until(w.t, "what was done is signed", func() bool { return w.console.SignAudit(w.t.Context()) == nil })
	w.look()
}

// append writes events, or a command alone, as one record.
func (w *wholeWorld) append(events ...touchstone.Event) {
	w.t.Helper()
	var frames []byte
	for i := range events {
		frames = stream.AppendFrame(frames, touchstone.AppendEvent(nil, &events[i]))
	}
	offset, err := w.log.Append(w.t.Context(), 0, stream.EncodeRecord(nil, frames, len(events)))
	if err != nil {
		w.t.Fatal(err)
	}
	w.last = offset
}

// dawn is the first event of both worlds. Repeated, it is a duplicate, which changes nothing: the clean
// world has it wherever the other has a mistake, so that all else has the same place in the log.
func dawn(now time.Time) touchstone.Event {
	return touchstone.Event{Type: touchstone.Track, Name: "Viewed", MessageID: "dawn", Source: "web", ReceivedAt: now, Time: now, Properties: `{"x":0}`,
		Identifiers: []touchstone.Identifier{{Kind: touchstone.KindUserID, Value: "dawn"}}}
}

// telling is what is told of a story.
type telling struct {
	*story
	steps []step
}

// tell writes the steps of many stories to both worlds, each in its order, mixed with each other.
func tell(rng *rand.Rand, dirty, clean *wholeWorld, now time.Time, stories []telling) {
	stories = slices.Clone(stories)
	var record, pure []touchstone.Event
	flush := func() {
		if len(record) > 0 {
			dirty.append(record...)
			clean.append(pure...)
			record, pure = nil, nil
		}
	}
	for {
		stories = slices.DeleteFunc(stories, func(t telling) bool { return len(t.steps) == 0 })
		if len(stories) == 0 {
			flush()
			return
		}
		i := rng.IntN(len(stories))
		st := stories[i].steps[0]
		stories[i].steps = stories[i].steps[1:]
		right, ok := stories[i].right(&st)
		if !ok {
			right = dawn(now)
		}
		if st.command != nil {
			flush()
			if st.known {
				dirty.append(dawn(now))
			} else {
				dirty.append(st.command.Event())
			}
			clean.append(right)
			continue
		}
		if record, pure = append(record, st.event), append(pure, right); rng.IntN(4) == 0 {
			flush()
		}
	}
}

// keepPace gives the clean world as many records as the other has.
func (w *wholeWorld) keepPace(other *wholeWorld, now time.Time) {
	for w.last < other.last {
		w.append(dawn(now))
	}
}

// waiting says what has not come to rest.
func (w *wholeWorld) waiting() string {
	ctx := w.t.Context()
	if at := w.pipeline.Through(0); at < w.last {
		return fmt.Sprintf("the pipeline is at record %d of %d: %v", at, w.last, w.pipeline.Troubles())
	}
	for what, query := range map[string]string{
		"builds of segments":          `SELECT COUNT(*) FROM segment_generations WHERE phase <> 2`,
		"profiles":                    `SELECT COUNT(*) FROM profile_rebuilds`,
		"households":                  `SELECT COUNT(*) FROM household_dirty`,
		"timers":                      fmt.Sprintf(`SELECT COUNT(*) FROM timers WHERE due_at <= %d`, w.now.Load()),
		"effects that wait to happen": `SELECT COUNT(*) FROM outbox_effects WHERE state = 0`,
	} {
		var n int
		if err := w.store.Reader().QueryRow(ctx, query).Scan(&n); err != nil || n > 0 {
			return fmt.Sprintf("%d %s are unfinished: %v", n, what, err)
		}
	}
	reactors, err := w.inbox.Progress(ctx)
	if err != nil {
		return err.Error()
	}
	for _, p := range reactors {
		if p.State != inbox.Idle || p.DeadLetters > 0 {
			return fmt.Sprintf("reactor %s: %+v", p.Name, p)
		}
	}
	version, err := w.graph.OverrideVersion(ctx)
	if err != nil || w.sink.Through(0) < w.last || w.sink.OverrideVersion() < version {
		return fmt.Sprintf("the warehouse is at record %d of %d, persons %d of %d: %v", w.sink.Through(0), w.last, w.sink.OverrideVersion(), version, err)
	}
	return ""
}

// settle waits until nothing is to be done any more, for as long as something moves.
func (w *wholeWorld) settle() {
	w.t.Helper()
	last, moved := "", time.Now()
	for calm := 0; calm < 2; time.Sleep(5 * time.Millisecond) {
		what := w.waiting()
		if calm++; what != "" {
			calm = 0
		}
		if what != last {
			last, moved = what, time.Now()
		}
		if time.Since(moved) > 5*time.Minute {
			w.t.Fatalf("it does not come to rest: %s", what)
		}
	}
}

// people returns whose each identifier is by the graph.
func (w *wholeWorld) people() map[string]touchstone.PersonID {
	w.t.Helper()
	out := map[string]touchstone.PersonID{}
	w.rows(`SELECT kind || ':' || value, person FROM identity_nodes`, func(scan func(...any) error) error {
		var id string
		var person int64
		err := scan(&id, &person)
		out[id] = touchstone.PersonID(person)
		return err
	})
	return out
}

func (w *wholeWorld) rows(query string, row func(scan func(...any) error) error) {
	w.t.Helper()
	rows, err := w.store.Reader().Query(w.t.Context(), query)
	if err != nil {
		w.t.Fatal(query, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			w.t.Fatal(query, err)
		}
	}
	if err := rows.Err(); err != nil {
		w.t.Fatal(query, err)
	}
}

// repair has everybody be who they are in truth, by splits and merges of an operator, and returns
// how many it took.
func (w *wholeWorld) repair(stories []*story) (done int) {
	w.t.Helper()
	submit := func(kind string, body any) {
		w.t.Helper()
		text, err := json.Marshal(body)
		if err != nil {
			w.t.Fatal(err)
		}
		done++
		c := touchstone.Command{ID: fmt.Sprintf("cmd_repair_%d_%d", w.last, done), Kind: kind, Actor: "repair", SubmittedAt: time.UnixMilli(w.now.Load()), Body: touchstone.JSON(text)}
		w.append(c.Event())
	}
	for range 8 {
		w.settle()
		at, before := w.people(), done
		w.mistrusted(stories, func(id, state string) {
			submit(identity.TrustCommand, identity.TrustBody{Identifier: id, State: state})
		})
		if done > before {
			continue
		}
		for _, s := range stories {
			mixed := map[touchstone.PersonID][]*owner{}
			for _, o := range s.owners {
				var mine []touchstone.PersonID
				for _, id := range o.ids {
					if p := at[id.String()]; p != 0 && !slices.Contains(mine, p) {
						mine = append(mine, p)
						mixed[p] = append(mixed[p], o)
					}
				}
			}
			for _, p := range slices.Sorted(maps.Keys(mixed)) {
				for _, o := range mixed[p][1:] {
					var theirs []string
					for _, id := range o.ids {
						if at[id.String()] == p {
							theirs = append(theirs, id.String())
						}
					}
					submit(identity.SplitCommand, identity.SplitBody{Identifiers: theirs})
				}
			}
		}
		if done == before {
			for _, s := range stories {
				for _, o := range s.owners {
					w.join(o, at, submit)
				}
			}
		}
		if done == before {
			return done
		}
	}
	w.t.Fatalf("it cannot be repaired: %v", w.pipeline.Troubles())
	return done
}

// mistrusted calls fn with tablets that say who somebody is, and with what is somebody's and does not.
func (w *wholeWorld) mistrusted(stories []*story, fn func(id, state string)) {
	w.t.Helper()
	const shared = 1
	tablets := map[string]bool{}
	for _, s := range stories {
		if s.tablet != nil {
			tablets[s.tablet.ids[0].String()] = true
		}
	}
	w.rows(`SELECT kind || ':' || value, trust FROM identity_nodes ORDER BY id`, func(scan func(...any) error) error {
		var id string
		var trust int
		err := scan(&id, &trust)
		switch {
		case tablets[id] && trust != shared:
			fn(id, "shared")
		case !tablets[id] && trust == shared:
			fn(id, "trusted")
		}
		return err
	})
}

// join merges what an owner's identifiers are under, where that is several persons.
func (w *wholeWorld) join(o *owner, at map[string]touchstone.PersonID, submit func(kind string, body any)) {
	first := ""
	var with []touchstone.PersonID
	for _, id := range o.ids {
		switch p := at[id.String()]; {
		case p == 0:
		case first == "":
			first, with = id.String(), append(with, p)
		case !slices.Contains(with, p):
			with = append(with, p)
			submit(identity.MergeCommand, identity.MergeBody{Identifiers: [2]string{first, id.String()}, OverLimits: true})
		}
	}
}

// erase forgets those who are erased behind the first chapter.
func (w *wholeWorld) erase(stories []*story) (n int) {
	w.t.Helper()
	at := w.people()
	for _, s := range stories {
		for _, o := range s.erased {
			var ids []string
			for _, id := range o.ids {
				if at[id.String()] != 0 {
					ids = append(ids, id.String())
				}
			}
			if len(ids) == 0 {
				continue
			}
			n++
			text, err := json.Marshal(identity.EraseBody{Identifiers: ids})
			if err != nil {
				w.t.Fatal(err)
			}
			// What is received within its millisecond is before it.
			c := touchstone.Command{ID: "cmd_erase_" + o.label, Kind: identity.EraseCommand, Actor: "test", SubmittedAt: time.UnixMilli(w.now.Load() - 1), Body: touchstone.JSON(text)}
			w.append(c.Event())
		}
	}
	return n
}

// rerun runs the rules of identity again, changed as said, and returns what takes the change back.
func (w *wholeWorld) rerun(change identity.RulesBody) (was identity.RulesBody, moved int64) {
	w.t.Helper()
	w.settle()
	input, err := json.Marshal(identity.RerunInput{Rules: change, Commit: true})
	if err != nil {
		w.t.Fatal(err)
	}
	var out identity.RerunResult
	if err := json.Unmarshal(w.jobWith(identity.RerunJob, string(input)), &out); err != nil {
		w.t.Fatal(err)
	}
	return out.Was, out.Moved
}

// job does a job over everybody.
func (w *wholeWorld) job(kind string) {
	w.t.Helper()
	w.jobWith(kind, "{}")
}

func (w *wholeWorld) jobWith(kind, input string) json.RawMessage {
	w.t.Helper()
	status, text := w.post("/api/v1/jobs", fmt.Sprintf(`{"kind":%q,"input":%s}`, kind, input), "Authorization", "Bearer dev", "Content-Type", "application/json")
	if status/100 != 2 {
		w.t.Fatal(status, text)
	}
	var job struct {
		ID, Status string
		Result     json.RawMessage
	}
	if err := json.Unmarshal([]byte(text), &job); err != nil {
		w.t.Fatal(err)
	}
	until(w.t, kind+" ends", func() bool {
		if status, text = w.get("/api/v1/jobs/" + job.ID); status != http.StatusOK {
			w.t.Fatal(status, text)
		}
		err := json.Unmarshal([]byte(text), &job)
		return err == nil && job.Status != "queued" && job.Status != "running"
	})
	if job.Status != "done" {
		w.t.Fatalf("%s: %s", kind, text)
	}
	w.look() // it may have put commands there
	return job.Result
}

// look finds out how far the log is.
func (w *wholeWorld) look() {
	w.t.Helper()
	_, next, err := w.log.Bounds(w.t.Context(), 0)
	if err != nil {
		w.t.Fatal(err)
	}
	w.last = next - 1
}

// shm returns a folder in memory, where there is one: what a disk does is not the subject.
func shm(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "whole")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
