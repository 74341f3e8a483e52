package identity

import (
	"context"
	"fmt"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

// A client that unbinds a phone number parts it from the person. Events that name both
// do not join them again; a client that binds it again does.
func TestUnbindPartsAndBindJoinsAgain(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		woken := 0
		b := newBench(t, db, func(c *Config) { c.Wake = func() { woken++ } })
		named := func(name, context string, ids ...string) touchstone.Fact {
			f := b.event(ids...)
			f.Name, f.Context = name, touchstone.JSON(context)
			return f
		}
		b.apply(b.event("user_id:u1", "phone:+8613800138000", "anonymous_id:a1"))
		person := b.person("user_id:u1")

		unbind := `{"unbind":[{"type":"phone","id":"138 0013 8000"},{"type":"email","id":"nobody@example.com"},{"type":"user_id","id":"u1"}]}`
		b.apply(named(unbindEvent, unbind, "user_id:u1"))
		if woken == 0 {
			t.Error("nobody was woken to do it")
		}
		b.apply() // the batch that does it
		parted := b.person("phone:+8613800138000")
		if parted == person || b.person("anonymous_id:a1") != person || b.person("user_id:u1") != person {
			t.Fatalf("u1 is %s, a1 %s, the number %s", b.person("user_id:u1"), b.person("anonymous_id:a1"), parted)
		}
		b.apply(b.event("user_id:u1", "phone:+8613800138000")) // an old device that does not know
		if got := b.person("phone:+8613800138000"); got != parted {
			t.Errorf("an event joined what was parted: %s", got)
		}
		b.apply(named(unbindEvent, unbind, "user_id:u1")) // twice is once
		b.apply()
		b.apply(named(bindEvent, `{}`, "user_id:u1", "phone:+8613800138000"))
		if got := b.person("phone:+8613800138000"); got != b.person("user_id:u1") {
			t.Errorf("bound again, it is %s, not %s", got, b.person("user_id:u1"))
		}
		b.g.Rollback() // the caches start anew: what holds is in the store
		b.apply(b.event("user_id:u1", "phone:+8613800138000"))
		if got := b.person("phone:+8613800138000"); got != b.person("user_id:u1") {
			t.Errorf("after a restart it is %s", got)
		}
		// Bound to another user, it goes there.
		b.apply(named(unbindEvent, unbind, "user_id:u1"))
		b.apply()
		b.apply(named(bindEvent, `{}`, "user_id:u2", "phone:+8613800138000"))
		if got := b.person("phone:+8613800138000"); got != b.person("user_id:u2") || got == b.person("user_id:u1") {
			t.Errorf("bound to u2, it is %s", got)
		}
	})
}

// What is known in memory of who was parted is what a start reads from the store, after
// any splits, merges and binds.
func TestApartnessInMemoryIsThatOfTheStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db)
		for u := range 4 {
			b.apply(b.event(fmt.Sprintf("user_id:u%d", u), fmt.Sprintf("phone:+861380013800%d", u), fmt.Sprintf("email:e%d@example.com", u)))
		}
		unbind := func(user int, kind, id string) {
			f := b.event(fmt.Sprintf("user_id:u%d", user))
			f.Name, f.Context = unbindEvent, touchstone.JSON(fmt.Sprintf(`{"unbind":[{"type":%q,"id":%q}]}`, kind, id))
			b.apply(f)
			b.apply()
		}
		bind := func(ids ...string) {
			f := b.event(ids...)
			f.Name = bindEvent
			b.apply(f)
		}
		for step, act := range []func(){
			func() { unbind(0, "phone", "13800138000") },
			func() { unbind(0, "email", "e0@example.com") },
			func() { unbind(1, "phone", "13800138001") },
			func() { b.apply(b.event("phone:+8613800138000", "email:e0@example.com")) }, // those that were parted become one
			func() { bind("user_id:u2", "phone:+8613800138001") },
			func() { unbind(2, "phone", "13800138001") },
			func() { bind("user_id:u1", "phone:+8613800138001") },
			func() { bind("user_id:u0", "phone:+8613800138000") },
		} {
			act()
			var stored apartness
			if err := stored.load(context.Background(), db.Reader()); err != nil {
				t.Fatal(err)
			}
			if len(stored.from) == 0 {
				stored.from = nil
			}
			known := b.g.apart.from
			if len(known) == 0 {
				known = nil
			}
			if d := gocmp.Diff(stored.from, known); d != "" {
				t.Fatalf("after step %d: %s", step, d)
			}
		}
	})
}
