package identity

import (
	"testing"

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
