package tag

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

const cars = "\ufeffbrand,maker,series,weight\n长安商用,长安汽车,欧尚,\n长安商用,长安汽车,长安之星,2\nGMC,GMC,SAVANA,\nBMW,BMW Brilliance,X1,\nBMW,BMW AG,X1,\nBMW,BMW AG,\"X5 \",3\n大众,一汽-大众,宝来/宝来经典,\n"

// Names and paths are found however they are written; what is on top by the same name as what is below does not hide it.
func TestTaxonomy(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		w, ctx := newTestWorld(t, db), t.Context()
		r, err := w.tags.SetTaxonomy(ctx, "", "Cars", []string{"brand", "maker", "series"}, strings.NewReader(cars))
		w.must(err)
		if r.Rows != 7 || r.Items != 16 || r.Added != 16 || r.Levels != 3 || r.Version != 1 {
			t.Errorf("read %+v", r)
		}
		find := func(value string) string {
			t.Helper()
			tr, err := w.tags.tree(ctx, db.Reader(), r.ID)
			w.must(err)
			item, ok := tr.find(value)
			if !ok {
				return ""
			}
			return item.Path
		}
		for value, want := range map[string]string{"欧尚": "长安商用 / 长安汽车 / 欧尚", " savana": "GMC / GMC / SAVANA", "GMC": "GMC / GMC", "bmw": "BMW", "X1": "", "BMW AG/X1": "BMW / BMW AG / X1",
			"BMW > x5": "BMW / BMW AG / X5", "BMW/x1": "", "GMC/X5": "", "宝来/宝来经典": "大众 / 一汽-大众 / 宝来/宝来经典", "大众 / 一汽-大众 / 宝来/宝来经典": "大众 / 一汽-大众 / 宝来/宝来经典", "宝来经典": "", "": "", "/": "", "Audi": ""} {
			if got := find(value); got != want {
				t.Errorf("%q is %q, not %q", value, got, want)
			}
		}
		number := func(path string) (n int64) {
			list, err := w.tags.Items(ctx, r.ID)
			w.must(err)
			for _, x := range list {
				if x.Path == path {
					n = x.Number
				}
			}
			return n
		}
		before := number("BMW / BMW AG / X5")
		r, err = w.tags.SetTaxonomy(ctx, r.ID, "Cars", []string{"brand", "series"}, strings.NewReader("series,brand\nX5,BMW\nA4,Audi\n"))
		w.must(err)
		if r.Version != 2 || r.Gone != 15 || r.Added != 3 {
			t.Errorf("read again %+v", r)
		}
		r, err = w.tags.SetTaxonomy(ctx, r.ID, "Cars", []string{"brand", "maker", "series"}, strings.NewReader(cars))
		w.must(err)
		if number("BMW / BMW AG / X5") != before || find("X5") != "BMW / BMW AG / X5" {
			t.Error("an item that has come back has another number")
		}
		for text, levels := range map[string]string{"": "brand", "brand\n": "brand", "a\nb\n": "brand", "brand,weight\nx,-1\n": "brand", "brand,weight\nx,inf\n": "brand", "brand\n\"x": "brand"} {
			if _, err := w.tags.SetTaxonomy(ctx, "", "Other", strings.Split(levels, ","), strings.NewReader(text)); touchstone.KindOf(err) != touchstone.Invalid {
				t.Errorf("%q was read: %v", text, err)
			}
		}
	})
}

// outboxOf keeps what is put.
type outboxOf struct{ effects []touchstone.Effect }

func (o *outboxOf) Put(_ context.Context, _ *store.Tx, effects ...touchstone.Effect) error {
	o.effects = append(o.effects, effects...)
	return nil
}

// What somebody looks at becomes an interest at once, in the order of scores, and ends by itself when the score has fallen.
func TestInterestTags(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		w, ctx := newTestWorld(t, db), t.Context()
		r, err := w.tags.SetTaxonomy(ctx, "", "Cars", []string{"brand", "maker", "series"}, strings.NewReader(cars))
		w.must(err)
		def := func(level, top int) Definition {
			return Definition{Interest: &InterestDef{Taxonomy: r.ID, Level: level, Top: top, Least: 1, HalfLife: 24, Events: []InterestEvent{{"Viewed", "model", 1}, {"Test drive", "car.model", 5}, {"Ordered", "model", 10}}}}
		}
		brand := w.approved(Draft{Key: "brand", Name: "Brand", Kind: Interest, Definition: def(1, 1)})
		series := w.approved(Draft{Key: "series", Name: "Series", Kind: Interest, Definition: def(3, 2)})
		w.work()
		happens := func(node touchstone.NodeID, person touchstone.PersonID, name, properties string) {
			t.Helper()
			out := &outboxOf{}
			w.must(db.Update(ctx, func(tx *store.Tx) error {
				out.effects = nil
				return w.tags.React(ctx, tx, []touchstone.Occurrence{{Kind: touchstone.EventHappened, Person: person, Node: node, Time: w.now, Event: &touchstone.Event{Name: name, Properties: touchstone.JSON(properties)}}}, out)
			}))
			for _, e := range out.effects {
				_, err := w.tags.Deliverer().Deliver(ctx, e, 1)
				w.must(err)
				before := w.commands
				_, err = w.tags.Deliverer().Deliver(ctx, e, 2) // again: nothing changes
				w.must(err)
				if w.commands != before+1 {
					t.Error("an effect is another command when it is done again")
				}
			}
		}
		happens(1, 1, "Viewed", `{"model":"SAVANA"}`)
		happens(2, 1, "Viewed", `{"model":["BMW/BMW AG/X1",7]}`)
		happens(1, 1, "Viewed", `{"other":"X5"}`)
		happens(3, 3, "Ordered", `{"model":"Audi"}`)
		w.want("brand", `"GMC"`, "", "") // of two that are as strong the one with the lesser number
		w.want("series", `["SAVANA","X1"]`)
		happens(1, 1, "Viewed", `{"model":"X5"}`) // weighs 3
		w.want("series", `["X5","SAVANA"]`)
		of, err := w.tags.Of(ctx, 1)
		w.must(err)
		if len(of) != 2 || len(of[1].Scores) != 3 || of[1].Scores[0].Item != "BMW / BMW AG / X5" || of[1].Scores[0].Score < 2.99 || of[1].Scores[0].Score > 3.001 {
			t.Errorf("the person has %+v", of)
		}
		// Those of weight 1 fall below 1 at once; after log2(3) half-lives the strongest does.
		for _, x := range []Tag{brand, series} {
			for asked := 0; w.trait(1, x.Key) != "null"; asked++ {
				at := w.timers["p_1 "+x.ID]
				if at.IsZero() || asked > 60 {
					t.Fatalf("%s is never asked again (%s, %d times): %s", x.Key, at, asked, w.trait(1, x.Key))
				}
				w.now = at
				_, err := w.tags.refresh(ctx, x.ID, []touchstone.PersonID{1}, "cmd_timer")
				w.must(err)
			}
		}
		if days := w.now.Sub(time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)).Hours() / 24; days < 1.58 || days > 2.01 {
			t.Errorf("the interest ended after %.2f days", days)
		}
		if at := w.timers["p_1 "+series.ID]; !at.IsZero() {
			t.Errorf("who has no interest has a timer at %s", at)
		}

		// Another level keeps the sums; another half-life begins anew.
		happens(1, 1, "Ordered", `{"model":"X5"}`)
		change := func(d Definition, version int64) {
			t.Helper()
			_, err := w.tags.Update(ctx, series.ID, Patch{Definition: &d}, ann)
			w.must(err)
			_, err = w.tags.Approve(ctx, series.ID, version, time.Time{}, bob)
			w.must(err)
			w.work()
		}
		change(def(2, 1), 2)
		w.want("series", `"BMW AG"`)
		other := def(2, 1)
		other.Interest.HalfLife = 12
		change(other, 3)
		w.want("series", "null")
	})
}

func TestDefinitionsThatAreWrong(t *testing.T) {
	good := func() *InterestDef {
		return &InterestDef{Taxonomy: "tax_1", Top: 1, Least: 1, HalfLife: 1, Events: []InterestEvent{{"a", "b", 1}}}
	}
	bad := func(change func(*InterestDef)) *InterestDef {
		d := good()
		change(d)
		return d
	}
	for name, one := range map[string]struct {
		kind Kind
		d    Definition
	}{
		"no kind": {"magic", Definition{}}, "no rules": {Rule, Definition{}}, "rules of another kind": {SQL, Definition{SQL: "select 1", Rules: []ValueRule{{"1", "{}"}}}},
		"an object": {Rule, Definition{Rules: []ValueRule{{"{}", "{}"}}}}, "null": {Rule, Definition{Rules: []ValueRule{{"null", "{}"}}}}, "no JSON": {Rule, Definition{Rules: []ValueRule{{"gold", "{}"}}}},
		"expiring rules": {Rule, Definition{ExpiresHours: 1, Rules: []ValueRule{{"1", "{}"}}}}, "no query": {SQL, Definition{SQL: " "}},
		"a contract that cannot be kept": {SQL, Definition{SQL: "select 1", EveryMinutes: 60, MaxAgeMinutes: 60}}, "a negative age": {Manual, Definition{MaxAgeMinutes: -1}},
		"no interest": {Interest, Definition{}}, "no top": {Interest, Definition{Interest: bad(func(d *InterestDef) { d.Top = 0 })}}, "no least": {Interest, Definition{Interest: bad(func(d *InterestDef) { d.Least = 0 })}},
		"no half-life": {Interest, Definition{Interest: bad(func(d *InterestDef) { d.HalfLife = 0 })}}, "a negative weight": {Interest, Definition{Interest: bad(func(d *InterestDef) { d.Events[0].Weight = -1 })}},
		"twice the same": {Interest, Definition{Interest: bad(func(d *InterestDef) { d.Events = append(d.Events, d.Events[0]) })}},
	} {
		if err := one.d.Check(one.kind); touchstone.KindOf(err) != touchstone.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	d := Definition{Interest: good()}
	if err := d.Check(Interest); err != nil {
		t.Error(err)
	}
}
