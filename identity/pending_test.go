package identity

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

func (b *bench) pending(t *testing.T) *Pending {
	t.Helper()
	v, err := b.rules.View(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return v.Pending
}

// Rules that were changed and not run again are told, until a re-run has followed them; its result
// takes back all that it followed, not only its own change.
func TestRulesThatTheGraphDoesNotFollow(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		b := newRuled(t, db)
		rules := func(body RulesBody) {
			t.Helper()
			if _, _, err := b.command(RulesCommand, body); err != nil {
				t.Fatal(err)
			}
			b.apply()
		}
		for i := range 4 {
			b.apply(b.event("user_id:ann", "device_id:d"+string(rune('1'+i))))
		}
		before := b.partition()
		if p := b.pending(t); p != nil {
			t.Fatalf("nobody has changed a rule: %+v", p)
		}
		contact := b.limited("device_id", 10)
		contact.Contact = true
		rules(RulesBody{Kinds: []touchstone.KindConfig{contact}})
		if p := b.pending(t); p != nil {
			t.Fatalf("who sees contacts changes nobody: %+v", p)
		}
		rules(RulesBody{Kinds: []touchstone.KindConfig{b.limited("device_id", 2)}})
		rules(RulesBody{Blocked: []BlockRule{{"device_id", "d1", true}}})
		p := b.pending(t)
		if p == nil || len(p.Kinds) != 1 || p.Kinds[0] != "device_id" || p.Values != 1 || p.Partial || !p.Undoable {
			t.Fatalf("%+v", p)
		}
		// What is taken back before anything was judged is no change.
		rules(RulesBody{Kinds: []touchstone.KindConfig{contact}, Blocked: []BlockRule{{"device_id", "d1", false}}})
		if p := b.pending(t); p != nil {
			t.Fatalf("all is as it was: %+v", p)
		}
		rules(RulesBody{Kinds: []touchstone.KindConfig{b.limited("device_id", 2)}})
		preview := b.rerun(t, RulesBody{}, false)
		if preview.Split == 0 || b.pending(t) == nil {
			t.Fatalf("a preview of what waits: %+v", preview)
		}
		done := b.rerun(t, RulesBody{Blocked: []BlockRule{{"device_id", "d2", true}}}, true)
		if p := b.pending(t); p != nil {
			t.Fatalf("run again, and yet %+v", p)
		}
		if gocmp.Equal(before, b.partition()) {
			t.Fatal("nothing was changed")
		}
		b.rerun(t, done.Was, true)
		if d := gocmp.Diff(before, b.partition()); d != "" {
			t.Fatalf("one run takes back both changes: %s", d)
		}
	})
}

// A re-run that ends in the middle leaves a graph that follows neither rules, and says so even when
// the rules are taken back by hand.
func TestAReRunThatStopsInTheMiddleIsTold(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		b := newRuled(t, db)
		for i := range 3 {
			b.apply(b.event("user_id:ann", "device_id:d"+string(rune('1'+i))))
		}
		was := b.limited("device_id", 10)
		for _, c := range []struct {
			kind string
			body any
		}{
			{RulesCommand, RulesBody{Kinds: []touchstone.KindConfig{b.limited("device_id", 1)}}},
			{RejudgeCommand, RejudgeBody{Identifiers: []string{"user_id:ann"}}},
			{RulesCommand, RulesBody{Kinds: []touchstone.KindConfig{was}}},
		} {
			if _, _, err := b.command(c.kind, c.body); err != nil {
				t.Fatal(err)
			}
			b.apply()
		}
		if p := b.pending(t); p == nil || !p.Partial {
			t.Fatalf("%+v", p)
		}
		if b.rerun(t, RulesBody{}, true); b.pending(t) != nil {
			t.Fatal("run through, and yet pending")
		}
	})
}

// Rules of an earlier release, which only the store has, come into the log with the next change.
func TestRulesOfAnEarlierReleaseComeIntoTheLog(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		b := newRuled(t, db)
		if err := b.rules.changed(t, RulesBody{Kinds: []touchstone.KindConfig{b.limited("device_id", 2)}, Blocked: []BlockRule{{"", "kiosk", true}}}); err != nil {
			t.Fatal(err)
		}
		err := db.Update(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Exec(t.Context(), `UPDATE identity_rules SET logged = 0, was = '', since = 0`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		var log []RulesBody
		submit := func(in RulesBody, _ bool) error {
			log = append(log, in)
			_, _, err := b.command(RulesCommand, in)
			b.apply()
			return err
		}
		for _, value := range []string{"a", "b"} {
			if err := b.rules.change(t.Context(), RulesBody{Blocked: []BlockRule{{"email", value + "@x.cn", true}}}, submit); err != nil {
				t.Fatal(err)
			}
		}
		if len(log) != 3 || !log[0].Whole || len(log[0].Kinds) != 1 || log[0].Kinds[0].Limit != 2 || len(log[0].Blocked) != 1 {
			t.Fatalf("%+v", log)
		}
		if p := b.pending(t); p == nil || len(p.Kinds) != 0 || p.Values != 2 {
			t.Fatalf("telling the log changes nothing: %+v", p)
		}
	})
}

// What stands behind a change of the rules is linked by them also when both come in one batch, as
// they do when a store is built anew; a batch that fails leaves the former rules.
func TestRulesHoldForTheFactsBehindThem(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		b := newRuled(t, db)
		body, err := json.Marshal(RulesBody{Kinds: []touchstone.KindConfig{b.limited("device_id", 1)}})
		if err != nil {
			t.Fatal(err)
		}
		facts := []touchstone.Fact{b.event("user_id:ann", "device_id:d1"), b.event("user_id:ann", "device_id:d2")}
		one := func(fail error) error {
			batch := &touchstone.Batch{Now: b.now, Facts: slices.Clone(facts)}
			err := db.Update(t.Context(), func(tx *store.Tx) error {
				c := touchstone.Command{ID: "cmd_r", Kind: RulesCommand, SubmittedAt: b.now, Body: touchstone.JSON(body)}
				if _, err := (ruler{b.g, b.rules}).do(t.Context(), tx, batch, c); err != nil {
					return err
				}
				if err := b.g.Apply(t.Context(), tx, batch); err != nil {
					return err
				}
				return fail
			})
			if err != nil {
				b.g.Rollback()
				return err
			}
			b.g.Committed(batch)
			return nil
		}
		if err := one(errors.New("the store is gone")); err == nil || b.rules.set.Limit("device_id") == 1 {
			t.Fatal(err)
		}
		if err := one(nil); err != nil || b.rules.set.Limit("device_id") != 1 {
			t.Fatal(err)
		}
		for _, ids := range b.partition() {
			if slices.Contains(ids, "device_id:d1") && slices.Contains(ids, "device_id:d2") {
				t.Fatal("the facts behind the rules are linked by those before them")
			}
		}
	})
}
