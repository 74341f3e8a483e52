package collect_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/collect"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

func TestSourcesLive(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		e := newEdgeOn(t, db, nil)
		s := e.Sources()
		src, err := s.Create(ctx, collect.NewSource{Name: " 官网 ", Kind: "web", RateLimit: 100})
		if err != nil {
			t.Fatal(err)
		}
		if src.Name != "官网" || !strings.HasPrefix(src.ID, "src_") || !strings.HasPrefix(src.WriteKey, "wk_") || len(src.WriteKey) != 35 || !src.Enabled || !src.CreatedAt.Equal(e.now) {
			t.Errorf("%+v", src)
		}
		for name, bad := range map[string]collect.NewSource{
			"no name": {Kind: "web"}, "long name": {Name: strings.Repeat("x", 101), Kind: "web"}, "kind": {Name: "x", Kind: "fax"}, "rate": {Name: "x", Kind: "web", RateLimit: -1},
		} {
			if _, err := s.Create(ctx, bad); touchstone.KindOf(err) != touchstone.Invalid {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := s.Create(ctx, collect.NewSource{Name: "官网", Kind: "app"}); touchstone.KindOf(err) != touchstone.Conflict {
			t.Errorf("same name: %v", err)
		}
		name, kind := "App", "app"
		changed, err := s.Update(ctx, src.ID, collect.SourceChange{Name: &name, Kind: &kind})
		if err != nil || changed.Name != "App" || changed.Kind != "app" || changed.WriteKey != src.WriteKey || changed.RateLimit != 100 {
			t.Errorf("%+v %v", changed, err)
		}
		taken := "site"
		if _, err := s.Update(ctx, src.ID, collect.SourceChange{Name: &taken}); touchstone.KindOf(err) != touchstone.Conflict {
			t.Errorf("taken name: %v", err)
		}
		again, err := s.EnsureByName(ctx, "App", "import")
		if err != nil || again.ID != src.ID {
			t.Errorf("%+v %v", again, err)
		}
		made, err := s.EnsureByName(ctx, "retail", "import")
		if err != nil || made.Kind != "import" {
			t.Errorf("%+v %v", made, err)
		}
		for range 2 {
			if dev, err := s.EnsureDev(ctx); err != nil || dev.WriteKey != "dev" {
				t.Errorf("%+v %v", dev, err)
			}
		}
		list, err := s.List(ctx)
		if err != nil || len(list) != 4 {
			t.Errorf("%d sources, %v", len(list), err)
		}
		if err := s.Delete(ctx, src.ID); err != nil {
			t.Fatal(err)
		}
		for what, err := range map[string]error{
			"get": second(s.Get(ctx, src.ID)), "delete": s.Delete(ctx, src.ID), "rotate": second(s.Rotate(ctx, src.ID, 0)), "update": second(s.Update(ctx, src.ID, collect.SourceChange{})),
		} {
			if touchstone.KindOf(err) != touchstone.NotFound {
				t.Errorf("%s of a deleted source: %v", what, err)
			}
		}
		if a := e.do(t, "POST", "/v1/track", event(``), "Authorization", basic(src.WriteKey)); a.status != 401 {
			t.Errorf("deleted source: %d", a.status)
		}
	})
}

func second[T any](_ T, err error) error { return err }

// Two processes on one database: what one changes, the other sees.
func TestSourcesAreSharedBetweenProcesses(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		a := newEdgeOn(t, db, nil)
		clock := a.now
		b, err := collect.New(ctx, collect.Config{DB: db, Log: &fakeLog{}, Clock: touchstone.ClockFunc(func() time.Time { return clock })})
		if err != nil {
			t.Fatal(err)
		}
		made, err := b.Sources().Create(ctx, collect.NewSource{Name: "new", Kind: "server"})
		if err != nil {
			t.Fatal(err)
		}
		send := func(key string) int {
			return a.do(t, "POST", "/v1/track", event(``), "Authorization", basic(key)).status
		}
		if got := send(made.WriteKey); got != 200 { // an unknown key makes it look
			t.Fatalf("a new source: %d", got)
		}
		other, err := b.Sources().Create(ctx, collect.NewSource{Name: "newer", Kind: "server"})
		if err != nil {
			t.Fatal(err)
		}
		if got := send(other.WriteKey); got != 401 { // but not with every request
			t.Fatalf("a flood of unknown keys must not reach the database: %d", got)
		}
		a.now = a.now.Add(2 * time.Second)
		if got := send(other.WriteKey); got != 200 {
			t.Fatalf("later: %d", got)
		}
		no := false
		if _, err := b.Sources().Update(ctx, made.ID, collect.SourceChange{Enabled: &no}); err != nil {
			t.Fatal(err)
		}
		stop := run(t, a)
		defer stop()
		for deadline := time.Now().Add(2 * time.Minute); send(made.WriteKey) != 401; time.Sleep(50 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("the other process still takes a disabled source")
			}
		}
	})
}

// run starts the collector's loop; the returned function ends it.
func run(t *testing.T, e *edge) func() {
	t.Helper()
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestSourceCountersSurviveARestart(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		e := newEdgeOn(t, db, nil)
		stop := run(t, e)
		e.post(t, "/v1/batch", `{"batch":[{"type":"track","event":"x","userId":"u"},{"type":"track","event":"x","userId":"u"},{"type":"track"}]}`)
		check := func(when string, s *collect.Sources) {
			t.Helper()
			src, err := s.Get(ctx, e.source.ID)
			if err != nil || src.Accepted != 2 || src.Quarantined != 1 || src.LastEventAt == nil || !src.LastEventAt.Equal(e.now) {
				t.Errorf("%s: %+v %v", when, src, err)
			}
		}
		check("at once", e.Sources())
		stop()
		check("after the last flush", e.Sources())
		next, err := collect.New(ctx, collect.Config{DB: db, Log: &fakeLog{}})
		if err != nil {
			t.Fatal(err)
		}
		check("after a restart", next.Sources())
	})
}
