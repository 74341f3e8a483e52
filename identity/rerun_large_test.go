package identity

import (
	"fmt"
	"testing"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

// A hundred thousand identifiers, of which a hundredth breaks the new rules: the preview looks at all
// of them and says what the commit does, nobody else is touched, and the former rules bring it back.
func TestARerunOverALargeGraph(t *testing.T) {
	if testing.Short() {
		t.Skip("a hundred thousand identifiers")
	}
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		b := newRuled(t, db)
		const users, crowded = 49_000, 400
		var facts []touchstone.Fact
		flush := func() {
			b.apply(facts...)
			facts = facts[:0]
		}
		for i := range users {
			devices := 1
			if i < crowded {
				devices = 6
			}
			for d := range devices {
				facts = append(facts, b.event(fmt.Sprint("user_id:u", i), fmt.Sprintf("device_id:d%d-%d", i, d)))
			}
			if len(facts) >= 5000 {
				flush()
			}
		}
		flush()
		change := RulesBody{Kinds: []touchstone.KindConfig{b.limited("device_id", 3)}}
		preview := b.rerun(t, change, false)
		if want := users*2 + crowded*5; preview.Identifiers != int64(want) {
			t.Fatalf("looked at %d of %d identifiers", preview.Identifiers, want)
		}
		if preview.Changed != crowded || preview.Split != crowded*3 || preview.Merged != 0 || preview.Then != preview.Now+crowded*3 {
			t.Fatalf("%+v", preview)
		}
		done := b.rerun(t, change, true)
		if done.Changed != preview.Changed || done.Split != preview.Split || done.Then != preview.Then || b.pending(t) != nil {
			t.Fatalf("preview %+v, done %+v", preview, done)
		}
		back := b.rerun(t, done.Was, true)
		if back.Merged != done.Split || back.Then != preview.Now {
			t.Fatalf("taken back: %+v", back)
		}
	})
}
