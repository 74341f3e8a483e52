package apptest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

type use struct {
	Kind  string   `json:"kind"`
	ID    string   `json:"id"`
	Name  string   `json:"name"`
	How   []string `json:"how"`
	Steps int      `json:"steps"`
	Via   []struct {
		ID string `json:"id"`
	} `json:"via"`
	Out *struct {
		Name     string `json:"name"`
		Contacts string `json:"contacts"`
	} `json:"out"`
}

type uses struct {
	Uses   []use `json:"uses"`
	Hidden int   `json:"hidden"`
}

func (u uses) of(kind string) *use {
	if i := slices.IndexFunc(u.Uses, func(one use) bool { return one.Kind == kind }); i >= 0 {
		return &u.Uses[i]
	}
	return nil
}

func usesOf(s *Server, sort, event, name string) (u uses) {
	s.Call(http.MethodGet, "/api/v1/catalogue/uses?"+url.Values{"sort": {sort}, "event": {event}, "name": {name}}.Encode(), nil, &u)
	return u
}

// Whatever goes by a field is found from outside, by way of others too, to whom it leaves the program included; each
// definition is found as soon as it is there, and no more when it is gone.
func TestWhatHangsOnAField(t *testing.T) {
	t.Parallel()
	s := Start(t)
	if u := usesOf(s, "property", "Paid", "price"); len(u.Uses) != 0 {
		t.Fatalf("nobody has set anything up: %+v", u)
	}
	var buyers, gold, plan struct{ ID string }
	s.Call(http.MethodPost, "/api/v1/segments", map[string]any{"name": "Buyers", "rule": map[string]any{"event": "Paid", "where": []any{map[string]any{"property": "price", "op": "gte", "value": 100}}}}, &buyers)
	s.Call(http.MethodPost, "/api/v1/segments", map[string]any{"name": "Gold", "rule": map[string]any{"and": []any{map[string]any{"segment": buyers.ID}, map[string]any{"trait": "city", "op": "eq", "value": "Beijing"}}}}, &gold)
	var hook struct{ ID string }
	s.Call(http.MethodPost, "/api/v1/webhooks", map[string]any{"name": "CRM", "url": "https://crm.example.com/hook", "segments": []string{gold.ID}, "identifiers": "full"}, &hook)
	s.Call(http.MethodPost, "/api/v1/schedules", map[string]any{"name": "Nightly", "cron": "0 3 * * *", "kind": "segment.export", "input": map[string]any{"segment": gold.ID, "columns": []string{"name", "trait.city"}}}, nil)
	s.Call(http.MethodPost, "/api/v1/plans", map[string]any{"name": "Shop", "draft": map[string]any{"events": []any{map[string]any{"name": "Paid", "schema": map[string]any{"type": "object", "properties": map[string]any{"price": map[string]any{"type": "number"}}}}}}}, &plan)
	s.Call(http.MethodPost, "/api/v1/mends", map[string]any{"name": "cost is price", "event": "Paid", "steps": []any{map[string]any{"do": "rename", "field": "properties.cost", "to": "properties.price"}}}, nil)
	s.Call(http.MethodPut, "/api/v1/retention", map[string]any{"rules": []any{map[string]any{"name": "Cities go", "kind": "traits", "traits": []string{"city"}, "keep_days": 300}}}, nil)

	u := usesOf(s, "property", "Paid", "price")
	if b := u.of("segment"); b == nil || b.ID != buyers.ID || b.Steps != 1 || !slices.Equal(b.How, []string{"compares"}) {
		t.Errorf("the segment that compares it: %+v", u.Uses)
	}
	if w := u.of("webhook"); w == nil || w.Steps != 3 || len(w.Via) != 2 || w.Via[0].ID != buyers.ID || w.Via[1].ID != gold.ID || w.Out == nil || w.Out.Name != "crm.example.com" || w.Out.Contacts != "full" {
		t.Errorf("the webhook of a segment of a segment: %+v", w)
	}
	if e := u.of("schedule"); e == nil || e.Name != "Nightly" || e.Steps != 3 || e.Out == nil {
		t.Errorf("the nightly export: %+v", e)
	}
	if p := u.of("plan"); p == nil || p.ID != plan.ID || p.Steps != 1 {
		t.Errorf("the plan: %+v", p)
	}
	if cost := usesOf(s, "property", "Paid", "cost"); cost.of("mend") == nil || cost.of("webhook") == nil || cost.of("webhook").Steps != 4 {
		t.Errorf("what a rule makes of another property: %+v", cost.Uses)
	}
	city := usesOf(s, "trait", "", "city")
	if city.of("retention") == nil || city.of("segment") == nil || city.of("segment").ID != gold.ID || city.of("schedule") == nil || !slices.Contains(city.of("schedule").How, "sends") {
		t.Errorf("the trait: %+v", city.Uses)
	}
	if other := usesOf(s, "property", "Refunded", "price"); other.of("segment") != nil {
		t.Errorf("of another event: %+v", other.Uses)
	}
	if g := usesOf(s, "segment", "", gold.ID); g.of("webhook") == nil || g.of("schedule") == nil || g.of("segment") != nil {
		t.Errorf("what hangs on a segment: %+v", g.Uses)
	}
	hiding(t, s)
	s.Call(http.MethodDelete, "/api/v1/webhooks/"+hook.ID, nil, nil)
	if u := usesOf(s, "property", "Paid", "price"); u.of("webhook") != nil {
		t.Errorf("the webhook is gone: %+v", u.Uses)
	}
}

// hiding asks with a key that may see the catalogue only.
func hiding(t *testing.T, s *Server) {
	t.Helper()
	var key struct{ Key string }
	s.Call(http.MethodPost, "/api/v1/api-keys", map[string]any{"name": "catalogue", "scopes": []string{"catalogue:read", "plans:read"}}, &key)
	status, text := raw(s, "GET", "/api/v1/catalogue/uses?sort=property&event=Paid&name=price", "", "Authorization", "Bearer "+key.Key)
	if status != http.StatusOK || strings.Contains(text, "Buyers") || strings.Contains(text, "CRM") || !strings.Contains(text, "Shop") || !strings.Contains(text, `"hidden":4`) {
		t.Errorf("who may not see segments and webhooks is told: %d %s", status, text)
	}
}

// An alarm about a property tells which events carry the fault, whose they are, and what these persons did with the
// segments that go by it.
func TestWhatAnAlarmTouches(t *testing.T) {
	t.Parallel()
	s := Start(t)
	var spenders struct{ ID string }
	s.Call(http.MethodPost, "/api/v1/segments", map[string]any{"name": "Spenders", "rule": map[string]any{"event": "Paid", "where": []any{map[string]any{"property": "price", "op": "gte", "value": 100}}}}, &spenders)
	s.AwaitLive(spenders.ID)
	paid := func(user string, price any) {
		s.Track(Event{"type": "track", "userId": user, "event": "Paid", "properties": map[string]any{"price": price, "at": time.Now().UnixNano()}})
	}
	// A steady stream: what is usual of a type is learnt from the first 200 events that are looked at, 40 in ten seconds.
	bad, sent := 0, time.Time{}
	stream := func(good bool) {
		if time.Since(sent) < 100*time.Millisecond {
			return
		}
		sent = time.Now()
		if good {
			paid("u-calm", 5)
			return
		}
		paid([]string{"u-1", "u-2", "u-3"}[bad%3], "120")
		bad++
	}
	Eventually(t, 5*time.Minute, "two whole minutes have been looked at", func() bool {
		stream(true)
		var list struct {
			Items []struct {
				Start  time.Time
				Events int
			} `json:"items"`
		}
		s.Call(http.MethodGet, "/api/v1/quality/scores?by=minute", nil, &list)
		enough := 0
		for _, m := range list.Items {
			if m.Events > 250 {
				enough++
			}
		}
		return enough >= 2
	})
	var alarm struct {
		ID string `json:"id"`
	}
	Eventually(t, 3*time.Minute, "an alarm that the type of price has changed", func() bool {
		stream(false)
		var list struct {
			Items []struct {
				ID, Kind, Field, Event string
			} `json:"items"`
		}
		s.Call(http.MethodGet, "/api/v1/quality/alarms", nil, &list)
		for _, a := range list.Items {
			if a.Kind == "type_changed" && a.Field == "price" && a.Event == "Paid" {
				alarm.ID = a.ID
			}
		}
		return alarm.ID != ""
	})
	s.Drain()
	var impact struct {
		Known, Whole    bool
		Events, Persons int64
		Segments        []struct {
			ID                     string
			Entered, Left, Members int64
		}
		Uses []use
	}
	Eventually(t, 60*time.Second, "what it touches", func() bool {
		s.Call(http.MethodGet, "/api/v1/quality/alarms/"+alarm.ID+"/impact", nil, &impact)
		return impact.Persons == 3 && len(impact.Segments) == 1
	})
	if !impact.Known || !impact.Whole || impact.Events == 0 || impact.Events > int64(bad) || impact.Segments[0].ID != spenders.ID || impact.Segments[0].Members != 3 || impact.Segments[0].Entered > 3 {
		t.Errorf("touched: %+v of %d bad events", impact, bad)
	}
	if !slices.ContainsFunc(impact.Uses, func(u use) bool { return u.ID == spenders.ID }) {
		t.Errorf("uses: %+v", impact.Uses)
	}
	if status, text := s.Raw("GET", "/api/v1/quality/alarms/alm_none/impact", ""); status != http.StatusNotFound || !strings.Contains(text, "alarm") {
		t.Errorf("an alarm that is not there: %d %s", status, text)
	}
}
