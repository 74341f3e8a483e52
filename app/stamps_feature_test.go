package app

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/inbox"
	"github.com/touchstone-cdp/touchstone/job"
	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/keep/keeptest"
	"github.com/touchstone-cdp/touchstone/outbox"
	"github.com/touchstone-cdp/touchstone/store"
)

// The feature's line in each list.
func stampSlots(s *stamps) slots {
	return slots{name: "stamps", migrations: stampTables, keepers: []keep.Keeper{s}, reactors: []inbox.Reactor{s}, deliverers: []outbox.Deliverer{&s.coffees},
		jobs: []job.Kind{s.tally()}, resources: []api.Resource{s.resource()}}
}

// The feature's state holds in random lives, as that of each member of the list.
func TestStampsKeeper(t *testing.T) {
	keeptest.Exercise(t, func(t testing.TB, w *keeptest.World) keeptest.Feature {
		if err := w.DB.Migrate(context.Background(), "stamps", stampTables); err != nil {
			t.Fatal(err)
		}
		s := &stamps{db: w.DB}
		return keeptest.Feature{Keeper: s, React: func(ctx context.Context, tx *store.Tx, b *touchstone.Batch) error {
			var heard []touchstone.Occurrence
			for i := range b.Facts {
				f := &b.Facts[i]
				heard = append(heard, touchstone.Occurrence{Kind: touchstone.EventHappened, Person: f.Person, MessageID: f.MessageID, Time: f.Time, Event: &f.Event})
			}
			return s.React(ctx, tx, heard, nowhere{})
		}}
	})
}

// nowhere is an outbox of which nothing comes.
type nowhere struct{}

func (nowhere) Put(context.Context, *store.Tx, ...touchstone.Effect) error { return nil }

// In the whole program: purchases are stamped, two cards become one with the person, the café
// is told once, the API and a job count, an export holds the card and an erasure leaves none.
func TestAFeatureInItsSlots(t *testing.T) {
	s := &stamps{}
	cfg := DefaultConfig()
	cfg.Data, cfg.Listen, cfg.Dev, cfg.MemoryLimit = t.TempDir(), "127.0.0.1:0", true, 0
	a, err := newWith(t.Context(), cfg, slog.New(slog.DiscardHandler), stampSlots(s))
	if err != nil {
		t.Fatal(err)
	}
	s.db, s.persons = a.store, a.graph
	ctx, stop := context.WithCancel(context.Background())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- a.Run(ctx, func() { close(ready) }) }()
	<-ready
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	r := &running{App: a, url: "http://" + a.Address()}
	buy := func(id, who string) {
		status, text := r.post("/v1/batch", fmt.Sprintf(`{"batch":[{"type":"track","event":"Bought coffee","messageId":%q,%s}]}`, id, who), "Authorization", "Basic ZGV2Og==", "Content-Type", "application/json")
		if status != http.StatusOK {
			t.Fatal(status, text)
		}
	}
	card := func(ref, want string) {
		t.Helper()
		until(t, ref+" has "+want, func() bool {
			_, text := r.get("/api/v1/stamps/" + ref)
			return strings.Contains(text, `"stamps":`+want)
		})
	}
	buy("m1", `"anonymousId":"visitor-1"`)
	buy("m2", `"userId":"user-1"`)
	card("anonymous_id:visitor-1", "1")
	buy("m3", `"userId":"user-1","anonymousId":"visitor-1"`) // now they are one
	card("user_id:user-1", "3")
	until(t, "the café is told", func() bool {
		s.coffees.mu.Lock()
		defer s.coffees.mu.Unlock()
		return len(s.coffees.given) == 1 && strings.Contains(s.coffees.given["coffee/m3"], `"stamps":3`)
	})

	status, text := r.post("/api/v1/jobs", `{"kind":"stamps.tally"}`, "Authorization", "Bearer dev", "Content-Type", "application/json")
	if status/100 != 2 {
		t.Fatal(status, text)
	}
	until(t, "the job counts", func() bool {
		_, text := r.get("/api/v1/jobs")
		return strings.Contains(text, `"cards":1`) && strings.Contains(text, `"stamps":3`)
	})

	status, text = r.get("/api/v1/persons/user_id:user-1/export")
	if status != http.StatusOK || strings.Count(text, `"name":"stamp"`) != 3 || !strings.Contains(text, "visitor-1") || !strings.Contains(text, `"Bought coffee":3`) {
		t.Fatalf("exported %d %s", status, text)
	}
	who := r.whole(t, "user_id:user-1")
	if _, text = r.get("/api/v1/audit?action=person.export"); !strings.Contains(text, who.Person.String()) {
		t.Errorf("the audit log says %s", text)
	}
	_, spec := r.get("/openapi.json")
	if !strings.Contains(spec, "getStamps") {
		t.Error("the document does not have the feature's piece")
	}
	err = a.store.Update(t.Context(), func(tx *store.Tx) error {
		for _, k := range a.keepers() {
			if err := k.Erase(t.Context(), tx, []keep.Whole{who}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	card("user_id:user-1", "0")
}

func (r *running) whole(t *testing.T, ref string) keep.Whole {
	t.Helper()
	p, err := r.graph.Resolve(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	nodes, err := r.graph.Nodes(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	who := keep.Whole{Person: p}
	for _, n := range nodes {
		who.Nodes, who.Identifiers = append(who.Nodes, n.ID), append(who.Identifiers, n.Identifier())
	}
	return who
}

// until asks again until the answer is yes.
func until(t *testing.T, what string, ask func() bool) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if ask() {
			return
		}
	}
	t.Fatalf("never: %s", what)
}
