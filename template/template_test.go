package template

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/segment/rule"
)

// Every template is whole: its rules are of the language once slots are filled, it goes by no slot that it does not ask for, and each slot is
// used; names are there in both languages.
func TestTemplates(t *testing.T) {
	list, err := All()
	if err != nil || len(list) < 5 {
		t.Fatal(len(list), err)
	}
	for i := range list {
		x := &list[i]
		filled := map[string]Filled{}
		for _, s := range x.Slots {
			filled[s.Key] = Filled{"Event " + s.Key, "amount"}
			if s.Name.EN == "" || s.Name.ZH == "" || len(s.Like) == 0 {
				t.Errorf("%s: the slot %s is not whole", x.Key, s.Key)
			}
		}
		used := map[string]bool{}
		check := func(what string, name Text, text json.RawMessage) {
			if name.EN == "" || name.ZH == "" {
				t.Errorf("%s: %s lacks a name", x.Key, what)
			}
			made, ok, err := fill(text, filled)
			if err != nil || !ok {
				t.Errorf("%s: %s: %v %v", x.Key, what, ok, err)
				return
			}
			r, err := rule.Parse(made)
			if err != nil {
				t.Errorf("%s: %s: %v", x.Key, what, err)
				return
			}
			if w := r.Warnings(); len(w) > 0 {
				t.Errorf("%s: %s is warned of: %v", x.Key, what, w)
			}
			for _, l := range r.Leaves() {
				used[strings.TrimPrefix(l.Event, "Event ")] = true
			}
		}
		for _, s := range x.Cycle.Stages {
			check("stage "+s.Key, s.Name, s.Rule)
		}
		if x.Cycle.Lost != nil {
			check("lost", x.Cycle.Lost.Name, x.Cycle.Lost.Rule)
		}
		for _, s := range x.Segments {
			check(s.Name.EN, s.Name, s.Rule)
		}
		for _, tier := range x.Tiers {
			check("tier "+tier.Value, x.Name, tier.Rule)
		}
		for _, s := range x.Slots {
			if !used[s.Key] {
				t.Errorf("%s: nothing goes by %s", x.Key, s.Key)
			}
		}
	}
}

// Slots are prefilled with the names that catalogues have, however they are written.
func TestSuggest(t *testing.T) {
	list, err := All()
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(list, func(x Template) bool { return x.Key == "consumer" })
	for catalogue, want := range map[string]string{
		"Product Viewed,Product Added,Order Completed,Signed Up": "Product Viewed,Product Added,Order Completed,Signed Up",
		"product_viewed,product_added,order_completed,sign_up":   "product_viewed,product_added,order_completed,sign_up",
		"view,addtocart,transaction":                             "view,addtocart,transaction,",
		"浏览商品,加入购物车,支付订单":                                        "浏览商品,加入购物车,支付订单,",
		"Battery Charged": ",,,",
	} {
		var got []string
		for i := range list[at].Slots {
			got = append(got, list[at].Slots[i].Suggest(strings.Split(catalogue, ",")))
		}
		if strings.Join(got, ",") != want {
			t.Errorf("of %s: %s, not %s", catalogue, strings.Join(got, ","), want)
		}
	}
}

// made takes down what is made.
type made struct{ list []string }

func (m *made) makes() Makes {
	return Makes{
		Segment: func(_ context.Context, name, _ string, r touchstone.JSON) (string, error) {
			m.list = append(m.list, "segment "+name+" "+string(r))
			return "seg_1", nil
		},
		Tag: func(_ context.Context, _ *access.Viewer, x Tag) (string, error) {
			if x.Key == "rfm_group" {
				return "", touchstone.Errorf(touchstone.Conflict, "there is one")
			}
			m.list = append(m.list, "tag "+x.Key)
			return "tag_1", nil
		},
		Cycle: func(_ context.Context, _ *access.Viewer, key, name string, d touchstone.JSON) (string, error) {
			m.list = append(m.list, "cycle "+key+" "+name+" "+string(d))
			return "cyc_1", nil
		},
	}
}

// What is not filled is left out and said so; of what is joined by "or" the rest stays.
func TestApply(t *testing.T) {
	x, err := find("restaurant")
	if err != nil {
		t.Fatal(err)
	}
	var m made
	result, err := apply(t.Context(), m.makes(), nil, x, Order{Language: "zh", Events: map[string]Filled{"view": {Event: "看"}, "order": {Event: "买"}}})
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Made) != 3 || len(m.list) != 3 {
		t.Errorf("made %+v: %v", result.Made, m.list)
	}
	if got := m.list[0]; !strings.HasPrefix(got, `cycle guest 食客旅程 {"stages":[{"key":"visitor","name":"潜客","rule":{"or":[{"event":"看"}]}}`) {
		t.Errorf("the life cycle is %s", got)
	}
	if got := fmt.Sprint(result.LeftOut); got != "[{segment 券敏感 unfilled} {tag 餐饮 · 价值等级 unfilled}]" {
		t.Errorf("left out: %s", got)
	}
	if _, err = apply(t.Context(), m.makes(), nil, x, Order{Events: map[string]Filled{"view": {Event: "看"}}}); err == nil || !strings.HasPrefix(err.Error(), "events.order: is missing") {
		t.Errorf("an order is needed: %v", err)
	}
	if _, err = apply(t.Context(), m.makes(), nil, x, Order{Events: map[string]Filled{"order": {Event: "买"}, "eat": {Event: "吃"}}}); err == nil {
		t.Error("there is no slot eat")
	}
}

func TestRFM(t *testing.T) {
	good := RFM{Event: "it's", Amount: `a"b`, Days: 365, EveryHours: 24}
	var m made
	result, err := applyRFM(t.Context(), m.makes(), nil, &good, "en")
	if err != nil || len(result.Made) != 4 || len(result.LeftOut) != 1 || result.LeftOut[0].Why != "exists" {
		t.Errorf("%+v, %v", result, err)
	}
	list := good.tags("en")
	if sql := list[0].SQL; !strings.Contains(sql, `event = 'it''s'`) || !strings.Contains(sql, `'$."a\"b"'`) {
		t.Errorf("names are not quoted: %s", sql)
	}
	if list[0].EveryMinutes != 1440 || list[0].MaxAgeMinutes != 1800 {
		t.Errorf("it may be %d minutes old, computed each %d", list[0].MaxAgeMinutes, list[0].EveryMinutes)
	}
	for want, change := range map[string]func(r *RFM){
		"event: name the event":             func(r *RFM) { r.Event = "" },
		"amount: name the property":         func(r *RFM) { r.Amount = "" },
		"days: is between":                  func(r *RFM) { r.Days = 0 },
		"every_hours: is between":           func(r *RFM) { r.EveryHours = 0 },
		"money: there are 4":                func(r *RFM) { r.Money = []float64{1} },
		"recency: each threshold is strict": func(r *RFM) { r.Recency = []float64{10, 20, 30, 40} },
	} {
		r := good
		change(&r)
		if err := r.check(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, not %s", err, want)
		}
	}
}
