package identity

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

func openRules(t *testing.T, db *store.DB) *Rules {
	t.Helper()
	r, err := OpenRules(t.Context(), RulesConfig{DB: db})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// changed changes rules as a command does.
func (r *Rules) changed(t *testing.T, in RulesBody) error {
	t.Helper()
	err := r.cfg.DB.Retry(t.Context(), func(tx *store.Tx) error {
		_, _, err := r.changeIn(t.Context(), tx, touchstone.Command{ID: "cmd_rules", SubmittedAt: day}, in)
		return err
	})
	if err != nil {
		return err
	}
	return r.Reload(t.Context())
}

func (r *Rules) block(t *testing.T, kind touchstone.IdentifierKind, value string, blocked bool) error {
	t.Helper()
	return r.changed(t, RulesBody{Blocked: []BlockRule{{kind, value, blocked}}})
}

func (r *Rules) kind(t *testing.T, k touchstone.KindConfig) error {
	t.Helper()
	return r.changed(t, RulesBody{Kinds: []touchstone.KindConfig{k}})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestRulesAreChangedForEveryProcess(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		here, there := openRules(t, db), openRules(t, db)
		b := newBench(t, db, func(c *Config) { c.Kinds = here.Kinds() })
		_ = b
		if _, ok := here.Kinds().Normalise("user_id", "guest"); ok {
			t.Fatal("guest is somebody")
		}
		must(t, here.block(t, "", "guest", false))
		must(t, here.block(t, "", "tmp-*", true))
		must(t, here.block(t, "phone", "138 1234 5678", true))
		must(t, here.kind(t, touchstone.KindConfig{Kind: "member_no", Role: touchstone.Relates, Priority: 7, Limit: 3, Normaliser: "integer"}))
		must(t, there.Reload(ctx))
		for name, set := range map[string]*touchstone.KindSet{"here": here.Kinds(), "there": there.Kinds(), "after a start": openRules(t, db).Kinds()} {
			for id, want := range map[touchstone.Identifier]touchstone.Refusal{
				{Kind: "user_id", Value: "guest"}: "", {Kind: "user_id", Value: "TMP-1"}: "blocked", {Kind: "phone", Value: "+8613812345678"}: "blocked",
				{Kind: "user_id", Value: "null"}: "blocked", {Kind: "member_no", Value: "12.0"}: "",
			} {
				if _, refused := set.Check(id.Kind, id.Value); refused != want {
					t.Errorf("%s: %s is %q, want %q", name, id, refused, want)
				}
			}
			if c := set.Config("member_no"); c.Role != touchstone.Relates || c.Limit != 3 || c.Priority != 7 {
				t.Errorf("%s: %+v", name, c)
			}
		}
		v, err := here.View(ctx)
		must(t, err)
		find := func(list []BlockedValue, value string) *BlockedValue {
			for i := range list {
				if list[i].Value == value {
					return &list[i]
				}
			}
			return nil
		}
		if g := find(v.Blocked, "guest"); g == nil || g.Blocked || !g.BuiltIn || g.ChangedAt == nil {
			t.Errorf("guest is shown as %+v", g)
		}
		if own := find(v.Blocked, "tmp-*"); own == nil || !own.Blocked || own.BuiltIn {
			t.Errorf("tmp-* is shown as %+v", own)
		}
		i := slices.IndexFunc(v.Kinds, func(k KindView) bool { return k.Kind == "member_no" })
		if i < 0 || v.Kinds[i].BuiltIn || !v.Kinds[i].Changed {
			t.Errorf("kinds: %+v", v.Kinds)
		}
		// And back.
		must(t, here.block(t, "", "guest", true))
		must(t, here.block(t, "", "tmp-*", false))
		must(t, here.changed(t, RulesBody{Reset: []touchstone.IdentifierKind{"member_no"}}))
		v, err = here.View(ctx)
		must(t, err)
		if g := find(v.Blocked, "guest"); g.ChangedAt != nil || find(v.Blocked, "tmp-*") != nil {
			t.Error("a difference is left")
		}
	})
}

// Changes at the same moment, in any process, take turns: none is refused because of another.
func TestChangesOfRulesTakeTurns(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		both := []*Rules{openRules(t, db), openRules(t, db)}
		var all sync.WaitGroup
		for i := range 4 {
			all.Go(func() {
				for n := range 3 {
					if err := both[i%2].block(t, "", fmt.Sprintf("kiosk-%d-%d", i, n), true); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		must(t, both[0].Reload(t.Context()))
		for i := range 4 {
			for n := range 3 {
				if _, ok := both[0].Kinds().Normalise("user_id", fmt.Sprintf("kiosk-%d-%d", i, n)); ok {
					t.Errorf("kiosk-%d-%d is somebody", i, n)
				}
			}
		}
	})
}

func TestRulesRefuseWhatCannotHold(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		r := openRules(t, db)
		good := touchstone.KindConfig{Kind: "email", Role: touchstone.Identifies, Priority: 70, Limit: 5, Normaliser: "email"}
		for name, change := range map[string]func(*touchstone.KindConfig){
			"name":             func(c *touchstone.KindConfig) { c.Kind = "E-Mail" },
			"role":             func(c *touchstone.KindConfig) { c.Role = "owns" },
			"limit":            func(c *touchstone.KindConfig) { c.Limit = 0 },
			"normaliser":       func(c *touchstone.KindConfig) { c.Normaliser = "upside_down" },
			"too long":         func(c *touchstone.KindConfig) { c.MaxLength = 5000 },
			"user_id relates":  func(c *touchstone.KindConfig) { c.Kind, c.Normaliser, c.Role = "user_id", "", touchstone.Relates },
			"group_id":         func(c *touchstone.KindConfig) { c.Kind = "group_id" },
			"priority too big": func(c *touchstone.KindConfig) { c.Priority = 1 << 20 },
		} {
			c := good
			change(&c)
			if err := r.kind(t, c); touchstone.KindOf(err) != touchstone.Invalid {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, value := range []string{"", "  ", "*", "*x*", "a\x00b"} {
			if err := r.block(t, "", value, true); touchstone.KindOf(err) != touchstone.Invalid {
				t.Errorf("%q: %v", value, err)
			}
		}
		must(t, r.kind(t, good))
	})
}

// A value that a shop types into every form is suggested for blocking, and only suggested.
func TestValuesThatJoinManyAreSuggested(t *testing.T) {
	for name, c := range map[string]struct {
		events func(b *bench, i int) []touchstone.Fact
		value  string
		most   func(s Suggestion) int64
	}{
		"a phone that joins visitors": {func(b *bench, i int) []touchstone.Fact {
			return []touchstone.Fact{b.event(fmt.Sprint("anonymous_id:a", i)), b.event("phone:+862154321000", fmt.Sprint("anonymous_id:a", i))}
		}, "+862154321000", func(s Suggestion) int64 { return s.Merges }},
		"a phone of known users": {func(b *bench, i int) []touchstone.Fact {
			return []touchstone.Fact{b.event(fmt.Sprint("user_id:u", i), "phone:+862154321000")}
		}, "+862154321000", func(s Suggestion) int64 { return s.Others }}, // shared by then, and worth a look all the same
		"a user id of new visitors": {func(b *bench, i int) []touchstone.Fact {
			return []touchstone.Fact{b.event("user_id:shop", fmt.Sprint("anonymous_id:a", i))}
		}, "shop", func(s Suggestion) int64 { return s.Others }},
		"a car of everybody": {func(b *bench, i int) []touchstone.Fact {
			return []touchstone.Fact{b.event(fmt.Sprint("user_id:u", i), "vin:LSV000000000000XX")}
		}, "LSV000000000000XX", func(s Suggestion) int64 { return s.Others }},
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Run(t, func(t *testing.T, db *store.DB) {
				r := openRules(t, db)
				b := newBench(t, db, func(cfg *Config) { cfg.Kinds = r.Kinds() })
				for i := range 4 { // a family does that
					b.apply(c.events(b, i)...)
				}
				list, err := r.Suggestions(t.Context(), access.System(), "open", 10)
				must(t, err)
				if len(list) != 0 {
					t.Fatalf("after four: %+v", list)
				}
				for i := 4; i < 120; i++ {
					b.apply(c.events(b, i)...)
				}
				list, err = r.Suggestions(t.Context(), access.System(), "open", 10)
				must(t, err)
				if len(list) != 1 || list[0].Value != c.value || c.most(list[0]) < 4 || len(list[0].Examples) == 0 || list[0].Person == nil {
					t.Fatalf("suggestions: %+v", list)
				}
				s := list[0]
				if _, ok := r.Kinds().Normalise(s.Kind, s.Value); !ok {
					t.Fatal("blocked by itself")
				}
				must(t, r.block(t, s.Kind, s.Value, true))
				must(t, r.decide(t.Context(), s.Kind, s.Value, "blocked"))
				if _, refused := r.Kinds().Check(s.Kind, s.Value); refused != touchstone.RefusedBlocked {
					t.Errorf("not blocked: %q", refused)
				}
				v, err := r.Check(t.Context(), access.System(), s.Kind, s.Value)
				must(t, err)
				if v.BlockedBy != s.Value || v.Everywhere || len(v.Holders) != 1 || v.Holders[0].Person != *s.Person {
					t.Errorf("verdict: %+v", v)
				}
				if list, _ := r.Suggestions(t.Context(), access.System(), "blocked", 10); len(list) != 1 {
					t.Errorf("decided: %+v", list)
				}
			})
		})
	}
}

// An import of many people, each with identifiers of their own, raises nothing.
func TestManyPeopleAreNotSuspicious(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		r := openRules(t, db)
		b := newBench(t, db)
		for at := range 20 {
			var facts []touchstone.Fact
			for i := range 1000 {
				n := at*1000 + i
				facts = append(facts, b.event(fmt.Sprint("anonymous_id:a", n)), b.event(fmt.Sprint("user_id:u", n), fmt.Sprintf("email:e%d@x.cn", n), fmt.Sprint("anonymous_id:a", n), fmt.Sprint("anonymous_id:b", n)))
			}
			b.apply(facts...)
		}
		list, err := r.Suggestions(t.Context(), access.System(), "open", 10)
		if err != nil || len(list) != 0 {
			t.Errorf("%+v %v", list, err)
		}
		if n := len(b.g.suspects.watched); n > maxSuspects/10 {
			t.Errorf("%d are watched", n)
		}
	})
}

func TestSuspicionFadesWithTheDay(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		r := openRules(t, db)
		b := newBench(t, db)
		for i := range 30 { // one a day
			b.now = day.Add(time.Duration(i) * 25 * time.Hour)
			b.apply(b.event(fmt.Sprint("anonymous_id:a", i)), b.event("user_id:ann", fmt.Sprint("anonymous_id:a", i)))
		}
		if list, err := r.Suggestions(t.Context(), access.System(), "open", 10); err != nil || len(list) != 0 {
			t.Errorf("%+v %v", list, err)
		}
	})
}
