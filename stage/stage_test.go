package stage

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

// purchase is looked → bought → loyal (which falls), or lost from bought on.
func purchase(restart bool) Definition {
	return Definition{Stages: []Stage{{Key: "looked", Name: "Looked", Rule: `"look"`}, {Key: "bought", Name: "Bought", Rule: `"buy"`}, {Key: "loyal", Name: "Loyal", Rule: `"often"`, Falls: true}},
		Lost: &Lost{Key: "lost", Name: "Lost", Rule: `"silent"`, From: "bought", Restart: restart}}
}

// Where somebody stands, step by step: rules that hold, and the stage that follows.
func TestMachine(t *testing.T) {
	for _, c := range []struct {
		name    string
		restart bool
		steps   string // "look+ looked; buy+ bought": rule begins (+) or ceases (-) to hold, and the stage then
	}{
		{"a stage stays once it was entered", false, "look+ looked; buy+ bought; buy- bought; look- bought"},
		{"one that falls does not", false, "look+ looked; often+ loyal; often- looked"},
		{"what was reached behind one that falls is where somebody falls to", false, "often+ loyal; buy+ loyal; often- bought"},
		{"stages may be left out", false, "buy+ bought; look+ bought"},
		{"nobody is lost who has not come so far", false, "silent+ none; look+ looked; silent- looked"},
		{"who is silent is lost, and comes back to where they were", false, "look+ looked; buy+ bought; silent+ lost; silent- bought"},
		{"who comes further while they are lost is there when they are back", false, "buy+ bought; silent+ lost; often+ lost; silent- loyal"},
		{"or begins anew", true, "buy+ bought; buy- bought; silent+ lost; look+ lost; silent- looked"},
		{"and where rules still hold, there they are", true, "buy+ bought; silent+ lost; silent- bought"},
	} {
		d := purchase(c.restart)
		p := placesOf(&d)
		var st standing
		for step := range strings.SplitSeq(c.steps, "; ") {
			what, want, _ := strings.Cut(step, " ")
			at := 1 + slices.Index([]string{"look", "buy", "often", "silent"}, what[:len(what)-1])
			st = p.decide(st, with(st.holds, at, strings.HasSuffix(what, "+")))
			got := p.key(st.stage)
			if got == "" {
				got = "none"
			}
			if got != want {
				t.Errorf("%s: after %s somebody is %s, not %s", c.name, what, got, want)
			}
		}
	}
}

func create(w *world, d Definition) Cycle {
	w.t.Helper()
	x, err := w.stages.Create(context.Background(), Draft{Key: "purchase", Name: "Purchase", Definition: d}, Who{ID: "ann", Name: "Ann"})
	w.must(err)
	w.work()
	x, err = w.stages.Get(context.Background(), x.ID)
	w.must(err)
	return x
}

// The life of a life cycle: people move as rules say, with the moment and the cause; traits follow; versions are built and
// asked; what is deleted leaves nothing.
func TestStages(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		ctx, w := t.Context(), newWorld(t, db)
		w.set("look", 2, true) // before there was a life cycle
		w.set("buy", 3, true)
		w.since["look"] = map[touchstone.PersonID]time.Time{2: w.now.Add(-time.Hour), 3: w.now.Add(-time.Hour)}
		w.since["buy"] = map[touchstone.PersonID]time.Time{3: w.now.Add(-30 * time.Minute)}
		w.set("look", 3, true)
		w.inbox = nil
		w.now = w.now.Add(time.Minute)
		x := create(w, purchase(false))
		if x.Serving != 1 || x.BeganAt == nil {
			t.Fatalf("it does not decide: %+v", x)
		}
		if got := w.way(x, 3); got != "looked 07:00, bought 07:30" {
			t.Errorf("the past of 3 is %q", got)
		}
		if got := w.trait(3, "stage.purchase"); got != `"bought"` {
			t.Errorf("3's trait is %s", got)
		}
		if got := w.trait(3, "stage.purchase_was"); got != `"looked"` {
			t.Errorf("3 was %s", got)
		}
		hour := func() { w.now = w.now.Add(time.Hour) }
		hour()
		w.set("look", 1, true)
		w.hear(9)
		hour()
		w.set("buy", 1, true)
		w.set("often", 1, true)
		hour()
		w.set("often", 1, false)
		w.hear(9)
		hour()
		w.set("silent", 1, true)
		w.hear(9)
		if got := w.way(x, 1); got != "looked 09:01, loyal 10:01, bought 11:01, lost 12:01" {
			t.Errorf("the way of 1 is %q", got)
		}
		if got := w.trait(1, "stage.purchase") + w.trait(1, "stage.purchase_since"); got != `"lost""2026-03-01T12:01:00.000Z"` {
			t.Errorf("the traits of 1 are %s", got)
		}
		spans, _, err := w.stages.Spans(ctx, x.ID, SpanQuery{Limit: 1})
		w.must(err)
		if r := spans[0].Reason; r.Why != whyEntered || r.Stage != "lost" || r.Message == "" || spans[0].From != "bought" {
			t.Errorf("the reason is %+v", spans[0])
		}

		// Another version: who has looked is not in it any more, and loyal stays.
		d := purchase(false)
		d.Stages = d.Stages[1:]
		d.Stages[1].Falls = false
		w.building = true
		_, err = w.stages.Update(ctx, x.ID, Patch{Definition: &d, Note: "without looking"}, Who{ID: "bob"})
		w.must(err)
		w.work()
		w.set("silent", 1, false)
		w.hear(9)
		x, err = w.stages.Get(ctx, x.ID)
		w.must(err)
		if x.Version != 2 || x.Serving != 1 || w.trait(1, "stage.purchase") != `"bought"` {
			t.Errorf("while it is built, %d of %d serves and 1 is %s", x.Serving, x.Version, w.trait(1, "stage.purchase"))
		}
		w.building = false
		hour()
		w.work()
		x, err = w.stages.Get(ctx, x.ID)
		w.must(err)
		if x.Serving != 2 || w.trait(2, "stage.purchase") != "null" || w.trait(3, "stage.purchase") != `"bought"` {
			t.Errorf("by version %d, 2 is %s and 3 %s", x.Serving, w.trait(2, "stage.purchase"), w.trait(3, "stage.purchase"))
		}
		if diff, err := w.stages.Compare(ctx, x.ID, 1, 2); err != nil || len(diff) != 7 {
			t.Errorf("the versions differ in %+v, %v", diff, err)
		}
		if len(w.rules) != 3 {
			t.Errorf("sets are left: %v", w.rules)
		}

		w.must(w.do(ctx, DeleteJob, x.ID))
		for _, table := range []string{"stage_spans", "stage_cycles", "stage_versions"} {
			var n int
			w.must(db.Reader().QueryRow(ctx, `SELECT COUNT(*) FROM `+table).Scan(&n))
			if n != 0 {
				t.Errorf("%s has %d rows when the life cycle is deleted", table, n)
			}
		}
		if w.trait(3, "stage.purchase") != "null" || len(w.rules) != 0 {
			t.Errorf("3 still is %s; sets %v", w.trait(3, "stage.purchase"), w.rules)
		}
	})
}

// What people write is refused with the place of the mistake.
func TestDefinitions(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		for name, change := range map[string]func(d *Definition){
			"stages: there are 1 to 20":                     func(d *Definition) { d.Stages = nil },
			`stages.1.key: "Bought" is no key`:              func(d *Definition) { d.Stages[1].Key = "Bought" },
			"stages.1.key: there is a stage looked already": func(d *Definition) { d.Stages[1].Key = "looked" },
			"stages.0.name: has 1 to 200 characters":        func(d *Definition) { d.Stages[0].Name = " " },
			"stages.2.rule: a rule of this test is a text":  func(d *Definition) { d.Stages[2].Rule = `{}` },
			"lost.key: there is a stage bought already":     func(d *Definition) { d.Lost.Key = "bought" },
			`lost.from: there is no stage "sold"`:           func(d *Definition) { d.Lost.From = "sold" },
			"lost.rule: a rule of this test is a text":      func(d *Definition) { d.Lost.Rule = `1` },
		} {
			d := purchase(false)
			change(&d)
			_, err := w.stages.Create(t.Context(), Draft{Key: "k", Name: "K", Definition: d}, Who{})
			if err == nil || !strings.HasPrefix(err.Error(), name) {
				t.Errorf("%v, not %s", err, name)
			}
		}
		create(w, purchase(false))
		if _, err := w.stages.Create(t.Context(), Draft{Key: "purchase_since", Name: "P", Definition: purchase(true)}, Who{}); touchstone.KindOf(err) != touchstone.Invalid {
			t.Errorf("a key that another one's trait has: %v", err)
		}
		if _, err := w.stages.Create(t.Context(), Draft{Key: "purchase", Name: "P", Definition: purchase(true)}, Who{}); touchstone.KindOf(err) != touchstone.Conflict {
			t.Errorf("a key comes twice: %v", err)
		}
	})
}

// However rules begin and cease to hold, persons merge, chunks are cut and versions come: when everything was heard, each
// stands where the function says of the sets, has one open span, a way without gaps, and traits that say so.
func TestStagesFollowTheRules(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		rapid.Check(t, func(rt *rapid.T) {
			w := newWorld(rt, db)
			w.must(db.Update(context.Background(), func(tx *store.Tx) error {
				for _, table := range []string{"stage_spans", "stage_cycles", "stage_versions"} {
					if _, err := tx.Exec(context.Background(), `DELETE FROM `+table); err != nil {
						return err
					}
				}
				return nil
			}))
			story(rt, w)
		})
	})
}

func story(rt *rapid.T, w *world) {
	restart := rapid.Bool().Draw(rt, "restart")
	x := create(w, purchase(restart))
	model := map[touchstone.PersonID]standing{} // of those who never merged: each change in its order
	touched := map[touchstone.PersonID]bool{}
	version := false
	for range rapid.IntRange(5, 60).Draw(rt, "steps") {
		w.now = w.now.Add(time.Duration(rapid.IntRange(0, 3).Draw(rt, "minutes")) * time.Minute)
		person := w.who(touchstone.PersonID(rapid.IntRange(1, 4).Draw(rt, "person")))
		switch what := rapid.IntRange(0, 19).Draw(rt, "what"); {
		case what < 12:
			rules := []string{"look", "buy", "often", "silent"}
			i := rapid.IntRange(0, 3).Draw(rt, "rule")
			holds := !w.members[rules[i]][person]
			w.set(rules[i], person, holds)
			p := placesOf(&x.Definition)
			model[person] = p.decide(model[person], with(model[person].holds, i+1, holds))
		case what < 16:
			w.hear(rapid.IntRange(1, 5).Draw(rt, "chunk"))
		case what < 17:
			w.work()
		case what < 18 && person != 1:
			w.merge(person, 1)
			touched[1], touched[person] = true, true
		case what < 19:
			d := purchase(restart)
			_, err := w.stages.Update(context.Background(), x.ID, Patch{Definition: &d}, Who{})
			w.must(err)
			version = true
		default:
			w.mark++ // sets were built anew in silence: all are asked, some before what lies behind was heard
			version = true
		}
	}
	w.hear(len(w.inbox))
	w.now = w.now.Add(time.Minute)
	w.work()
	w.hear(len(w.inbox))
	w.work()
	x, err := w.stages.Get(context.Background(), x.ID)
	w.must(err)
	p := placesOf(&x.Definition)
	for person := touchstone.PersonID(1); person <= 4; person++ {
		if w.merged[person] != 0 {
			continue
		}
		w.judge(rt, x, p, person, model[person], !touched[person] && !version)
	}
}

// judge compares what is kept of somebody with what the sets and the model say.
func (w *world) judge(rt *rapid.T, x Cycle, p places, person touchstone.PersonID, model standing, exact bool) {
	list, _, err := w.stages.Spans(context.Background(), x.ID, SpanQuery{Limit: 500})
	w.must(err)
	slices.Reverse(list)
	var way []Span
	open := 0
	for _, s := range list {
		if s.Person == person {
			way = append(way, s)
			if s.Ended == nil {
				open++
			}
		}
	}
	truth, err := w.InTagRules(context.Background(), nil, x.sets(), []touchstone.PersonID{person})
	w.must(err)
	holds := make([]int, len(truth[person]))
	for i, n := range truth[person] {
		holds[i] = n + 1
	}
	if len(way) == 0 {
		if len(holds) > 0 {
			rt.Fatalf("%s has no span, and %v hold", person, holds)
		}
		return
	}
	if open != 1 {
		rt.Fatalf("%s has %d open spans: %s", person, open, w.way(x, person))
	}
	wr := &writer{s: w.stages, x: &x, p: p}
	heads, err := openSpans(context.Background(), w.db.Reader(), &x, []touchstone.PersonID{person})
	w.must(err)
	st, _ := wr.standing(&track{person: person, open: []span{heads[person].span}})
	if !slices.Equal(st.holds, holds) {
		rt.Fatalf("%s: %v are thought to hold, %v do", person, st.holds, holds)
	}
	if next := p.decide(st, holds); next.stage != st.stage {
		rt.Fatalf("%s is %q and should be %q: %s", person, p.key(st.stage), p.key(next.stage), w.way(x, person))
	}
	if exact {
		if st.stage != model.stage || st.reached != model.reached {
			rt.Fatalf("%s is %q (reached %d), by each change in its order %q (%d): %s", person, p.key(st.stage), st.reached, p.key(model.stage), model.reached, w.way(x, person))
		}
		for i := 1; i < len(way); i++ {
			if way[i-1].Ended == nil || !way[i-1].Ended.Equal(way[i].Began) || way[i].From != way[i-1].Stage && way[i-1].Began.Before(*way[i-1].Ended) {
				rt.Fatalf("%s has a gap: %+v", person, way)
			}
		}
	}
	want := "null"
	if st.stage != 0 {
		want = fmt.Sprintf("%q", p.key(st.stage))
	}
	if got := w.trait(person, "stage.purchase"); got != want && !(got == "" && want == "null") {
		rt.Fatalf("the trait of %s is %s, not %s", person, got, want)
	}
}

// The report of three people whose ways are known.
func TestReport(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		ctx, w := t.Context(), newWorld(t, db)
		x := create(w, purchase(false))
		begin := w.now
		on := func(hours int, rule string, person touchstone.PersonID, holds bool) {
			w.now = begin.Add(time.Duration(hours) * time.Hour)
			w.set(rule, person, holds)
		}
		on(1, "look", 1, true)
		on(2, "look", 2, true)
		on(3, "look", 3, true)
		on(11, "buy", 1, true)
		on(32, "buy", 2, true)
		on(40, "silent", 1, true)
		on(50, "often", 4, true) // straight to the end
		w.hear(20)
		w.now = begin.Add(60 * time.Hour)
		r, err := w.stages.Report(ctx, x.ID, begin, w.now)
		w.must(err)
		text := func(f func(s StageReport) any) (out string) {
			for _, s := range r.Stages {
				out += fmt.Sprint(f(s), " ")
			}
			return strings.TrimSpace(out)
		}
		for what, c := range map[string]struct{ got, want string }{
			"persons, began": {fmt.Sprint(r.Persons, r.Began), "4 4"},
			"now":            {text(func(s StageReport) any { return s.Now }), "1 1 1 1"},
			"entered":        {text(func(s StageReport) any { return s.Entered }), "3 2 1 1"},
			"reached":        {text(func(s StageReport) any { return s.Reached }), "4 3 1 0"},
			"to the next":    {text(func(s StageReport) any { return s.ToNext.Median / 3600 }), "10 0 0 0"},
			"stays":          {text(func(s StageReport) any { return fmt.Sprint(s.Stay.Count, ":", s.Stay.P90/3600) }), "2:30 1:29 0:0 0:0"},
			"days":           {fmt.Sprint(r.Days), "[{2026-03-01 [2 1 0 0]} {2026-03-02 [1 2 0 0]} {2026-03-03 [1 1 1 1]}]"},
			"flows":          {fmt.Sprint(r.Flows), "[{ looked 3} { loyal 1} {looked bought 2} {bought lost 1}]"},
		} {
			if c.got != c.want {
				t.Errorf("%s: %s, not %s", what, c.got, c.want)
			}
		}
		if _, err := w.stages.Report(ctx, x.ID, w.now, w.now); touchstone.KindOf(err) != touchstone.Invalid {
			t.Errorf("a report of no time: %v", err)
		}
	})
}

// Of somebody who was two persons, the further stage counts at each moment.
func TestPathOfTwo(t *testing.T) {
	d := purchase(false)
	c := newCounter(&Cycle{Definition: d}, time.UnixMilli(0), time.UnixMilli(1000), time.UnixMilli(1000), time.UTC)
	got := c.path([]leg{{10, 50, 1}, {20, 60, 4}, {30, 40, 2}, {60, 0, 4}})
	if want := "[{10 30 1} {30 40 2} {40 50 1} {50 0 4}]"; fmt.Sprint(got) != want {
		t.Errorf("%v, not %s", got, want)
	}
}
