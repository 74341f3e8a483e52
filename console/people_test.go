package console

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/analytics"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/segment"
)

func (w *world) get(path string, status int, texts ...string) answer {
	w.t.Helper()
	return w.want(call{method: "GET", path: "/api/v1" + path, key: w.admin}, status, texts...)
}

func (w *world) post(path, body string, status int, texts ...string) answer {
	w.t.Helper()
	return w.want(call{method: "POST", path: "/api/v1" + path, key: w.admin, body: body}, status, texts...)
}

func (w *world) patch(path, body string, status int, texts ...string) answer {
	w.t.Helper()
	return w.want(call{method: "PATCH", path: "/api/v1" + path, key: w.admin, body: body}, status, texts...)
}

// personID is the id of whom a reference means.
func (w *world) personID(ref string) string {
	w.t.Helper()
	return w.get("/persons/"+url.PathEscape(ref), 200).field(w.t, "id")
}

func TestPersons(t *testing.T) {
	w := newWorld(t)
	w.get("/persons", 200, `{"items":[],"next_cursor":""}`)
	w.shop()
	ann := w.personID("user_id:u-ann")
	for _, ref := range []string{ann, "anonymous_id:a1", "email:ann@example.com", "email:ANN@example.com"} {
		w.get("/persons/"+url.PathEscape(ref), 200, `"id":"`+ann+`"`, `"name":"Ann Lee"`, `"known":true`, `"city":"上海"`, `"segments":[]`,
			`"scores":{}`, `"consent":{}`, `"aliases":[]`, `"kind":"email"`, `"value":"a1"`, `"first_seen":"2026-02-20T01:00:00.000Z"`,
			`"last_seen":"2026-02-20T05:00:00.000Z"`, `"events":5`, `"view":2`)
	}
	w.get("/persons/p_zzzzz", 404)
	w.get("/persons/email:nobody@example.com", 404)
	w.get("/persons/nonsense", 400)

	var list api.Page[api.PersonLine]
	w.get("/persons", 200).decode(t, &list)
	if len(list.Items) != 3 {
		t.Fatalf("%d persons", len(list.Items))
	}
	seen := map[touchstone.PersonID]bool{}
	for cursor := ""; ; {
		var p api.Page[api.PersonLine]
		w.get("/persons?limit=1&cursor="+cursor, 200).decode(t, &p)
		for _, s := range p.Items {
			seen[s.ID] = true
		}
		if cursor = p.NextCursor; cursor == "" {
			break
		}
	}
	if len(seen) != 3 {
		t.Errorf("paging shows %d persons", len(seen))
	}
	for _, q := range []string{"u-ann", "u-a", "ann@", "Ann", "ann lee", "email:ann", ann} {
		var found api.Page[api.PersonLine]
		w.get("/persons?q="+url.QueryEscape(q), 200).decode(t, &found)
		if len(found.Items) != 1 || found.Items[0].ID.String() != ann {
			t.Errorf("search for %q: %+v", q, found.Items)
		}
	}
	w.get("/persons?q=nobody", 200, `"items":[]`)
}

// A list that is narrowed shows each person once, whatever the size of its pages.
func TestPersonFilters(t *testing.T) {
	w := newWorld(t)
	w.shop()
	var all api.Page[api.PersonLine]
	w.get("/persons", 200).decode(t, &all)
	id := w.post("/segments", `{"name":"Panel","persons":["`+all.Items[0].ID.String()+`","`+all.Items[2].ID.String()+`"]}`, 201).field(t, "id")
	w.live(id)
	keep := func(pass func(s *api.PersonLine) bool) (want []string) {
		for i := range all.Items {
			if pass(&all.Items[i]) {
				want = append(want, all.Items[i].ID.String())
			}
		}
		slices.Sort(want)
		return want
	}
	has := func(kind touchstone.IdentifierKind) func(s *api.PersonLine) bool {
		return func(s *api.PersonLine) bool {
			return slices.ContainsFunc(s.Identifiers, func(id touchstone.Identifier) bool { return id.Kind == kind })
		}
	}
	for query, want := range map[string][]string{
		"known=true":    keep(func(s *api.PersonLine) bool { return s.Known }),
		"known=false":   keep(func(s *api.PersonLine) bool { return !s.Known }),
		"kind=email":    keep(has("email")),
		"kind=vin":      nil,
		"channel=none":  nil,
		"segment=" + id: {all.Items[0].ID.String(), all.Items[2].ID.String()},
		"seen_after=" + url.QueryEscape(all.Items[1].LastSeen.Format(time.RFC3339Nano)): keep(func(s *api.PersonLine) bool { return !s.LastSeen.Before(all.Items[1].LastSeen) }),
		"segment=" + id + "&q=" + all.Items[2].ID.String():                              {all.Items[2].ID.String()},
		"known=true&q=ann": keep(func(s *api.PersonLine) bool { return s.Name != nil && strings.HasPrefix(*s.Name, "Ann") }),
	} {
		slices.Sort(want)
		for _, limit := range []string{"1", "2", "50"} {
			var got []string
			for cursor := ""; ; {
				var p api.Page[api.PersonLine]
				w.get("/persons?"+query+"&limit="+limit+"&cursor="+url.QueryEscape(cursor), 200).decode(t, &p)
				for _, s := range p.Items {
					got = append(got, s.ID.String())
				}
				if cursor = p.NextCursor; cursor == "" {
					break
				}
			}
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("%s in pages of %s: got %v, want %v", query, limit, got, want)
			}
		}
	}
	for _, wrong := range []string{"known=maybe", "kind=%21%21", "seen_after=today", "segment=seg_none&known=true"} {
		code := 400
		if strings.HasPrefix(wrong, "segment") {
			code = 404
		}
		w.get("/persons?"+wrong, code)
	}
	w.get("/persons?known=true&cursor=eHl6", 400, "cursor")
}

func TestTimelineAndIdentity(t *testing.T) {
	w := newWorld(t)
	w.shop()
	ann := w.personID("user_id:u-ann")
	var names []string
	for cursor := ""; ; {
		var p api.Page[analytics.TimelineEvent]
		w.get("/persons/"+ann+"/events?limit=2&cursor="+cursor, 200).decode(t, &p)
		for _, e := range p.Items {
			names = append(names, e.Event)
			if e.Person.String() != ann || e.Source == "" || e.MessageID == "" {
				t.Errorf("%+v", e)
			}
		}
		if cursor = p.NextCursor; cursor == "" {
			break
		}
	}
	if got, want := strings.Join(names, " "), "transaction addtocart $identify view view"; got != want {
		t.Errorf("timeline %q, want %q", got, want)
	}
	w.get("/persons/"+ann+"/events?event=view", 200, `"properties":{"price":12.5,"city":"上海"}`, `"context":{"page":{"path":"/shop"}}`, `"time":"2026-02-20T02:00:00.000Z"`, "!transaction")
	w.get("/persons/"+ann+"/events?cursor=AAAA", 400, "cursor")
	w.get("/persons/p_zzzz/events", 404)

	w.get("/persons/"+ann+"/identity", 200, `"person":"`+ann+`"`, `"evidence":"identify"`, `"merges":[]`, `"dropped":[]`, "!path")
	w.get("/persons/"+ann+"/identity?from=anonymous_id:a1&to=email:ann@example.com", 200, `"path":[{`)
	w.get("/persons/"+ann+"/identity?from=anonymous_id:a1", 400, "kind:value")
	w.get("/persons/"+ann+"/identity?from=anonymous_id:a1&to=user_id:u-ben", 404)
}

// Two known visitors turn out to be one person.
func TestMerges(t *testing.T) {
	w := newWorld(t)
	at := w.clock.Now()
	view := func(id string, who ...string) touchstone.Event {
		return touchstone.Event{Type: touchstone.Track, MessageID: id, Name: "view", Time: at, Identifiers: ids(who...)}
	}
	w.send(view("m1", "anonymous_id", "x1"), view("m2", "email", "x@example.com"))
	kept, absorbed := w.personID("anonymous_id:x1"), w.personID("email:x@example.com")
	changes, _ := w.subscribe("/api/v1/live/changes", w.admin)
	w.send(view("m3", "anonymous_id", "x1", "email", "x@example.com"))
	if m := next(t, changes); !strings.Contains(m, `"kind":"persons_merged"`) || !strings.Contains(m, `"other":"`+absorbed+`"`) || !strings.Contains(m, `"segment":null`) || !strings.Contains(m, `"message_id":"m3"`) {
		t.Errorf("live change: %s", m)
	} else {
		checkMessage(t, "LiveChange", m)
	}
	w.get("/persons/"+absorbed, 200, `"id":"`+kept+`"`, `"aliases":["`+absorbed+`"]`)
	w.get("/persons/"+absorbed+"/events", 200, `"message_id":"m1"`, `"message_id":"m2"`, `"message_id":"m3"`)
	w.get("/persons/"+kept+"/identity", 200, `"merges":[{"kept":"`+kept+`","absorbed":"`+absorbed+`"`, `"because":{`)
	// A fixed list that names the absorbed person means the one that it became.
	id := w.post("/segments", `{"name":"Panel","persons":["`+absorbed+`"]}`, 201).field(t, "id")
	w.live(id)
	w.get("/segments/"+id+"/members", 200, `"id":"`+kept+`"`)
}

func TestCatalogue(t *testing.T) {
	w := newWorld(t)
	w.get("/catalogue/events", 200, `"items":[]`)
	w.shop()
	w.get("/catalogue/events", 200, `{"event":"view","type":"track","count":4,"persons":3,"first_seen":"2026-02-20T01:00:00.000Z","last_seen":"2026-02-20T09:00:00.000Z","daily":[{"date":"2026-01-31","count":0}`,
		`{"date":"2026-02-20","count":4}`)
	w.get("/catalogue/events?from=2026-02-20T05:30:00Z&to=2026-02-21T00:00:00Z", 200, `{"event":"view","type":"track","count":2,"persons":2`)
	w.get("/catalogue/events?from=yesterday", 400, "from")
	w.get("/catalogue/events?from=2026-02-21T00:00:00Z&to=2026-02-20T00:00:00Z", 400)
	w.get("/catalogue/events/view/properties", 200, `{"property":"price","types":{"number":2,"string":1},"fill_rate":0.75,"examples":[`)
	w.get("/catalogue/events/%24identify/properties", 200)
	w.get("/catalogue/events/none/properties", 200, `"items":[]`)
	w.get("/catalogue/traits", 200, `{"trait":"city","type":"string"`, `"examples":["`)
	w.get("/catalogue/values?event=view&property=city", 200, `{"values":["上海"]}`)
	w.get("/catalogue/values?event=addtocart&property=price&q=1", 200, `{"values":["12.5"]}`)
	w.get("/catalogue/values?trait=name&q=ann", 200, `{"values":["Ann Lee"]}`)
	w.get("/catalogue/values?dimension=type", 200, `"track"`)
	w.get("/catalogue/values", 400, "one of")
	w.get("/catalogue/values?trait=a&property=b", 400)
}

func TestSegments(t *testing.T) {
	w := newWorld(t)
	w.shop()
	ann, ben := w.personID("user_id:u-ann"), w.personID("user_id:u-ben")
	const rule = `{"and":[{"event":"view","count":{"op":"gte","value":1},"within":"30d"},{"trait":"city","op":"eq","value":"上海"}]}`
	w.post("/segments/preview", `{"rule":`+rule+`}`, 200, `"members":1,"of":3`, `"name":"Ann Lee"`, `{"path":"and.0","members":3}`, `{"path":"and.1","members":1}`)
	for rule, members := range map[string]int{ // out of the warehouse; Ann has viewed for 9 and 12.5, Ben for "n/a"
		`{"event":"view","sum":{"property":"price","op":"gte","value":21.5},"within":"3650d"}`:                         1,
		`{"event":"view","sum":{"property":"price","op":"eq","value":21.5}}`:                                           1,
		`{"event":"view","sum":{"property":"price","op":"gte","value":21.51}}`:                                         0,
		`{"event":"view","avg":{"property":"price","op":"eq","value":10.75}}`:                                          1,
		`{"event":"view","max":{"property":"price","op":"lt","value":12.5}}`:                                           0,
		`{"event":"view","distinct":{"property":"price","op":"gte","value":1}}`:                                        2,
		`{"event":"view","distinct":{"property":"price","op":"gte","value":2},"within":"3650d"}`:                       1,
		`{"event":"view","days":{"op":"eq","value":1}}`:                                                                3,
		`{"event":"view","first":{"property":"price","op":"eq","value":9}}`:                                            1,
		`{"event":"view","last":{"property":"price","op":"eq","value":"n/a"}}`:                                         1,
		`{"event":"view","since":"2026-02-20T02:00:00Z","until":"2026-02-20T09:00:00Z"}`:                               2,
		`{"sequence":[{"event":"view"},{"event":"addtocart"}]}`:                                                        2,
		`{"sequence":[{"event":"view"},{"event":"addtocart","within":"90m"}]}`:                                         1,
		`{"sequence":[{"event":"addtocart"},{"event":"transaction","within":"2h","not":true}]}`:                        1,
		`{"sequence":[{"event":"view"},{"event":"addtocart"},{"event":"transaction","within":"1h"}],"within":"3650d"}`: 1,
	} {
		w.post("/segments/preview", `{"rule":`+rule+`}`, 200, fmt.Sprintf(`"members":%d,"of":3`, members))
	}
	spent := w.post("/segments", `{"name":"Spent","rule":{"event":"view","sum":{"property":"price","op":"gte","value":21.5}}}`, 201)
	w.live(spent.field(t, "id"))
	w.get("/segments/"+spent.field(t, "id")+"/members", 200, `"name":"Ann Lee"`)
	w.want(call{method: "DELETE", path: "/api/v1/segments/" + spent.field(t, "id"), key: w.admin}, 204)
	w.post("/segments/preview", `{"rule":{"trait":"city"}}`, 400, "op")
	w.post("/segments/preview", `{}`, 400)

	changes, _ := w.subscribe("/api/v1/live/changes", w.admin)
	a := w.post("/segments", `{"name":"Shanghai","description":"Look","rule":`+rule+`}`, 201, `"kind":"rule"`, `"members":0`)
	id := a.field(t, "id")
	w.live(id)
	w.post("/segments", `{"name":"Shanghai","rule":`+rule+`}`, 409)
	w.post("/segments", `{"name":"x"}`, 400, "either")
	w.post("/segments", `{"name":"x","rule":`+rule+`,"persons":[]}`, 400, "either")
	w.post("/segments", `{"name":"x","rule":{"segment":"seg_none"}}`, 400, "seg_none")
	w.get("/segments/"+id, 200, `"status":"live","progress":1,"members":1`)
	w.get("/segments/"+id+"/members", 200, `"id":"`+ann+`"`, `"entered_at":"`, `"name":"Ann Lee"`)
	w.get("/segments", 200, `"items":[{"id":"`+id+`"`)
	w.get("/persons/"+ann, 200, `"segments":[{"id":"`+id+`","name":"Shanghai","entered_at":"`)

	// Ben moves; the feed tells.
	w.clock.advance(1e9)
	w.send(touchstone.Event{Type: touchstone.Identify, Name: "$identify", Time: w.clock.Now(), Traits: `{"city":"上海"}`, Identifiers: ids("user_id", "u-ben")})
	for {
		m := next(t, changes)
		checkMessage(t, "LiveChange", m)
		if strings.Contains(m, `"person":"`+ben+`"`) {
			if !strings.Contains(m, `"kind":"segment_entered"`) || !strings.Contains(m, `"segment":{"id":"`+id+`","name":"Shanghai"}`) || !strings.Contains(m, `"name":"Ben"`) {
				t.Errorf("live change: %s", m)
			}
			break
		}
	}
	w.get("/segments/"+id+"/changes", 200, `{"person":"`+ben+`","name":"Ben","kind":"entered","time":"2026-03-01T12:00:01.000Z"}`)
	w.get("/segments/"+id+"/history", 200, `"members":2`)
	w.get("/segments/movements", 200, `"next_cursor":""`)
	w.get("/segments/movements?days=0", 400, "days")
	var members api.Page[segment.Member]
	first := w.get("/segments/"+id+"/members?limit=1", 200, ben)
	first.decode(t, &struct {
		*api.Page[segment.Member]
		X map[string]any `json:",unknown"`
	}{Page: &members})
	w.get("/segments/"+id+"/members?limit=1&cursor="+first.field(t, "next_cursor"), 200, ann, `"next_cursor":""`)
	w.get("/segments/"+id+"/members?cursor=AAAA", 400)
	w.get("/segments/seg_none/members", 404)

	tag := w.do(call{method: "GET", path: "/api/v1/segments/" + id, key: w.admin}).header.Get("ETag")
	w.want(call{method: "PATCH", path: "/api/v1/segments/" + id, key: w.admin, body: `{"name":"S2"}`, header: map[string]string{"If-Match": tag}}, 200, `"name":"S2"`)
	w.want(call{method: "PATCH", path: "/api/v1/segments/" + id, key: w.admin, body: `{"name":"S3"}`, header: map[string]string{"If-Match": tag}}, 409, "someone else")
	w.patch("/segments/"+id, `{"rule":{"trait":"city","op":"eq","value":"北京"}}`, 200)
	w.patch("/segments/"+id, `{"rule":{"trait":"city","op":"is"}}`, 400)
	w.post("/segments", `{"name":"Outer","rule":{"segment":"`+id+`"}}`, 201)
	w.want(call{method: "DELETE", path: "/api/v1/segments/" + id, key: w.admin}, 409, "Outer")
	w.want(call{method: "DELETE", path: "/api/v1/segments/seg_none", key: w.admin}, 404)
}

func TestStaticSegments(t *testing.T) {
	w := newWorld(t)
	w.shop()
	ann, ben := w.personID("user_id:u-ann"), w.personID("user_id:u-ben")
	a := w.post("/segments", `{"name":"Panel","persons":["`+ann+`","`+ben+`","`+ann+`"]}`, 201, `"kind":"static"`, `"rule":null`)
	w.live(a.field(t, "id"))
	w.get("/segments/"+a.field(t, "id"), 200, `"members":2`)
	w.post("/segments", `{"name":"x","persons":["p_zzzz"]}`, 400, "no person p_zzzz")
	w.post("/segments", `{"name":"x","persons":["ann"]}`, 400, "not a person id")
	w.post("/segments", `{"name":"x","persons":["p_1"],"rule":{"trait":"a","op":"exists"}}`, 400)
}

func TestQuery(t *testing.T) {
	w := newWorld(t)
	w.shop()
	ann, ben := w.personID("user_id:u-ann"), w.personID("user_id:u-ben")
	const rangeOf = `"from":"2026-02-01T00:00:00Z","to":"2026-03-01T00:00:00Z"`
	const funnel = `{"kind":"funnel",` + rangeOf + `,"steps":[{"event":"view"},{"event":"addtocart"},{"event":"transaction"}],"window":"7d"}`
	var a analytics.Answer
	w.post("/query", funnel, 200, `"scanned_events":9`, `"from":"2026-02-01T00:00:00.000Z"`).decode(t, &a)
	if len(a.Rows) != 3 {
		t.Fatalf("%v", a.Rows)
	}
	// The organisation's day begins at 16:00 UTC.
	w.post("/query", `{"kind":"trend",`+rangeOf+`,"interval":"day","series":[{"event":"view","measure":"persons"}]}`, 200, `"2026-02-19T16:00:00.000Z"`)
	w.post("/query", `{"kind":"trend",`+rangeOf+`,"interval":"total","tz":"UTC","series":[{"event":"transaction","measure":"sum","property":"amount"}]}`, 200, `25`)
	w.post("/query", `{"kind":"sql","sql":"select event, count(*) as n from events group by 1 order by 2 desc limit 1"}`, 200, `"rows":[["view",4]]`)
	for _, bad := range []string{`{"kind":"sql","sql":"drop table events_raw"}`, `{"kind":"sql","sql":"select * from read_csv('/etc/passwd')"}`, `{"kind":"magic"}`,
		`{"kind":"funnel"}`, `{"kind":"trend","from":"x"}`, `{"kind":"sql","sql":"select 1","sql":"select 2"}`} {
		w.post("/query", bad, 400)
	}

	people := func(sel string) string { return `{"query":` + funnel + `,"select":` + sel + `}` }
	w.post("/query/people", people(`{"step":1,"outcome":"reached"}`), 200, `"total":3`)
	w.post("/query/people", people(`{"step":2,"outcome":"reached"}`), 200, `"total":2`, ann, ben)
	w.post("/query/people", people(`{"step":2,"outcome":"lost"}`), 200, `"total":1`, `"name":"Ben"`, "!"+`"`+ann+`"`)
	w.post("/query/people", people(`{"step":3,"outcome":"reached"}`), 200, `"total":1`, `"name":"Ann Lee"`)
	var first struct {
		Total      int              `json:"total"`
		Items      []api.PersonLine `json:"items"`
		NextCursor string           `json:"next_cursor"`
	}
	w.post("/query/people", strings.TrimSuffix(people(`{"step":1,"outcome":"reached"}`), "}")+`,"limit":2}`, 200).decode(t, &first)
	w.post("/query/people", strings.TrimSuffix(people(`{"step":1,"outcome":"reached"}`), "}")+`,"limit":2,"cursor":"`+first.NextCursor+`"}`, 200, `"total":3`, `"next_cursor":""`)
	w.post("/query/people", people(`{"step":9,"outcome":"reached"}`), 400)
	w.post("/query/people", `{"query":`+funnel+`}`, 400, "select")
	w.post("/query/people", `{"query":{"kind":"sql","sql":"select 1"},"select":{}}`, 400)

	body := `{"query":` + funnel + `,"select":{"step":2,"outcome":"lost"},"name":"Left the cart"}`
	s := w.post("/query/segment", body, 201, `"kind":"static"`, `"name":"Left the cart"`)
	w.live(s.field(t, "id"))
	w.get("/segments/"+s.field(t, "id")+"/members", 200, `"name":"Ben"`)
	w.post("/query/segment", body, 409)
	w.post("/query/segment", `{"query":`+funnel+`,"select":{"step":2,"outcome":"lost"},"name":" "}`, 400, "name")
	w.post("/query", strings.Replace(funnel, `"window"`, `"segment":"`+s.field(t, "id")+`","window"`, 1), 200)
	w.post("/query", strings.Replace(funnel, `"window"`, `"segment":"seg_none","window"`, 1), 404)
}

// A car that reports for itself is found by its number, and does not stand among the people.
func TestThingsAreNoPeople(t *testing.T) {
	w := newWorld(t)
	w.shop()
	at := w.clock.Now()
	w.send(touchstone.Event{Type: touchstone.Track, MessageID: "car", Name: "Trip Ended", Time: at, Identifiers: ids("vin", "LSVAA000000001234")})
	for query, listed := range map[string]bool{"": false, "?limit=1": false, "?things=true": true, "?q=LSVAA": true, "?q=1234": true, "?q=LSVAA&things=false": false} {
		var p api.Page[api.PersonLine]
		w.get("/persons"+query, 200).decode(t, &p)
		got := slices.ContainsFunc(p.Items, func(s api.PersonLine) bool { return len(s.Identifiers) > 0 && s.Identifiers[0].Kind == "vin" })
		if got != listed || query == "" && len(p.Items) != 3 {
			t.Errorf("%q lists %d, the car among them: %v, want %v", query, len(p.Items), got, listed)
		}
	}
	w.get("/persons?things=maybe", 400, "things")
}
