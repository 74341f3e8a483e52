package console

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
)

// hidden is what nobody who is limited to the people of one store may be told.
const hidden = "Xanthippe"

// rowsWorld has three people: Pia and Paul buy in Pudong, Xanthippe elsewhere. All of them are
// in one segment.
func rowsWorld(t *testing.T) (w *world, segment string) {
	w = newWorld(t)
	at := time.Date(2026, 2, 20, 10, 0, 0, 0, time.UTC)
	for i, p := range [][3]string{{"Pia", "Pudong", "pia"}, {"Paul", "Pudong", "paul"}, {hidden, "Jingan", "xan"}} {
		w.send(
			touchstone.Event{Type: touchstone.Identify, MessageID: "i-" + p[2], Name: "$identify", Time: at.Add(time.Duration(i) * time.Minute), Identifiers: ids("user_id", "u-"+p[2]),
				Traits: touchstone.JSON(fmt.Sprintf(`{"name":%q,"store":%q,"owner":"lea@example.com","nick":"nick of %s"}`, p[0], p[1], p[0]))},
			touchstone.Event{Type: touchstone.Track, MessageID: "b-" + p[2], Name: "buy", Time: at.Add(time.Hour), Identifiers: ids("user_id", "u-"+p[2]),
				Properties: touchstone.JSON(fmt.Sprintf(`{"engraving":"for %s","amount":10}`, p[0]))},
		)
	}
	s := w.post("/segments", `{"name":"Buyers","rule":{"event":"buy","count":{"op":"gte","value":1}}}`, 201)
	segment = s.field(t, "id")
	w.live(segment)
	return w, segment
}

// limitedKey makes a key that may do everything, to the people of one store.
func (w *world) limitedKey(scope string) string {
	w.t.Helper()
	a := w.post("/api-keys", `{"name":"Pudong `+scope+`","scopes":["`+scope+`"],"rows":{"any":[{"trait":"store","values":["Pudong"],"me":false}]}}`, 201,
		`"rows":{"any":[{"trait":"store","values":["Pudong"],"me":false}]}`)
	key := a.field(w.t, "key")
	w.seen(key, 2)
	return key
}

// seen waits until somebody sees so many people.
func (w *world) seen(key string, n int) {
	w.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(5 * time.Millisecond) {
		var p api.Page[api.PersonLine]
		w.want(call{method: "GET", path: "/api/v1/persons?limit=500", key: key}, 200).decode(w.t, &p)
		if len(p.Items) == n {
			return
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("%d people are seen, not %d", len(p.Items), n)
		}
	}
}

// Every operation of the document is tried by somebody who may do everything, to the people of
// one store, in many ways that name another person. No answer holds that person's name, and
// what names it is answered as what does not exist.
func TestNobodyOutsideOfTheRowsIsShown(t *testing.T) {
	w, segment := rowsWorld(t)
	var x, pia struct {
		ID string `json:"id"`
	}
	w.get("/persons/user_id:u-xan", 200, hidden).decode(t, &x)
	w.get("/persons/user_id:u-pia", 200).decode(t, &pia)
	key := w.limitedKey("admin")
	trend := `{"kind":"trend","from":"2026-02-01T00:00:00Z","to":"2026-03-01T00:00:00Z","interval":"total","series":[{"event":"buy","measure":"persons"}],"breakdown":[{"property":"engraving"}]}`
	bodies := map[string][]string{
		"POST /query":                  {trend, `{"kind":"sql","sql":"select * from events"}`},
		"POST /query/people":           {`{"query":` + strings.Replace(trend, `,"breakdown":[{"property":"engraving"}]`, "", 1) + `,"select":{"bucket":"2026-02-01T00:00:00.000Z","series":0}}`},
		"POST /query/segment":          {`{"query":` + strings.Replace(trend, `,"breakdown":[{"property":"engraving"}]`, "", 1) + `,"select":{"bucket":"2026-02-01T00:00:00.000Z","series":0},"name":"Mine"}`},
		"POST /segments":               {`{"name":"All","rule":{"trait":"name","op":"exists"}}`, `{"name":"She","persons":["` + x.ID + `"]}`},
		"POST /segments/preview":       {`{"rule":{"trait":"name","op":"exists"}}`, `{"rule":{"trait":"name","op":"eq","value":"` + hidden + `"}}`},
		"POST /identity/check":         {`{"kind":"user_id","value":"u-xan"}`},
		"POST /persons/{ref}/reveal":   {`{"reason":"curious"}`},
		"POST /persons/{ref}/merge":    {`{"other":"user_id:u-pia"}`},
		"POST /persons/{ref}/split":    {`{"identifiers":["user_id:u-xan"]}`},
		"POST /persons/{ref}/erase":    {`{"confirm":"` + x.ID + `"}`},
		"PATCH /persons/{ref}/traits":  {`{"traits":{"store":"Pudong"}}`},
		"PATCH /segments/{id}":         {`{"description":"mine"}`},
		"POST /identity/suggestions":   {`{"kind":"user_id","value":"u-xan","decision":"block"}`},
		"POST /users":                  {`{"email":"me@example.com","password":"a long enough phrase","role":"admin"}`},
		"POST /api-keys":               {`{"name":"all","scopes":["admin"]}`},
		"PATCH /settings":              {`{"organisation":{"name":"Mine"}}`},
		"PATCH /identity/kinds/{kind}": {`{"limit":1}`},
		"POST /identity/blocked":       {`{"kind":"user_id","value":"u-xan","blocked":true}`},
		"DELETE /segments/{id}":        nil, // last, by itself
		"PATCH /session":               nil,
		"DELETE /session":              nil,
		"POST /session":                nil,
		"POST /setup":                  nil,
	}
	queries := map[string][]string{
		"GET /persons":                {"", "?q=" + hidden, "?q=Xan", "?q=u-xan", "?q=" + x.ID, "?things=true", "?known=true&q=x", "?segment=" + segment, "?segment=" + segment + "&q=Xan", "?kind=user_id"},
		"GET /persons/{ref}/identity": {"", "?from=user_id:u-pia&to=user_id:u-xan"},
		"GET /catalogue/values":       {"?trait=name", "?trait=nick", "?property=engraving", "?event=buy&property=engraving"},
		"GET /segments/{id}/members":  {"", "?limit=1"},
	}
	document := loadDocument(t)
	for _, op := range slices.Sorted(maps.Keys(document.operations())) {
		method, path, _ := strings.Cut(op, " ")
		path, inside := strings.CutPrefix(path, "/api/v1")
		list, listed := bodies[method+" "+path]
		if !inside || listed && list == nil || strings.HasPrefix(path, "/live/") {
			continue
		}
		if len(list) == 0 {
			list = []string{""}
		}
		tails := queries[method+" "+path]
		if tails == nil {
			tails = []string{""}
		}
		for _, ref := range []string{x.ID, "user_id:u-xan"} {
			place := strings.NewReplacer("{ref}", url.PathEscape(ref), "{id}", segment, "{name}", "buy", "{kind}", "user_id").Replace(path)
			for _, body := range list {
				for _, tail := range tails {
					a := w.do(call{method: method, path: "/api/v1" + place + tail, key: key, body: body})
					if strings.Contains(a.body, hidden) || strings.Contains(a.body, `"m":"b-xan"`) || strings.Contains(a.body, "b-xan") {
						t.Errorf("%s %s%s %s shows her: %s", method, place, tail, body, a.body)
					}
					if strings.Contains(path, "{ref}") && a.status != 404 && a.status != 403 {
						t.Errorf("%s %s%s: %d, as if she were there: %s", method, place, tail, a.status, a.body)
					}
				}
			}
		}
	}
	// A person outside and one that there is not are answered with the same words.
	gone := w.want(call{method: "GET", path: "/api/v1/persons/user_id:u-none", key: key}, 404)
	out := w.want(call{method: "GET", path: "/api/v1/persons/user_id:u-xan", key: key}, 404)
	words := func(s string) string { s, _, _ = strings.Cut(s, `","error_id"`); return s }
	if words(strings.ReplaceAll(gone.body, "u-none", "u-xan")) != words(out.body) {
		t.Errorf("told apart: %s and %s", gone.body, out.body)
	}
	// Nobody outside was changed, and she is still whole for others.
	w.get("/persons/user_id:u-xan", 200, hidden, `"Jingan"`)

	// What she does see is hers, and counted as hers.
	see := func(path string, status int, texts ...string) {
		t.Helper()
		w.want(call{method: "GET", path: "/api/v1" + path, key: key}, status, texts...)
	}
	see("/persons/user_id:u-pia", 200, `"name":"Pia"`, `"Buyers"`)
	see("/persons/user_id:u-pia/events", 200, "b-pia")
	see("/persons?q=Pia", 200, `"name":"Pia"`)
	see("/segments/"+segment, 200, `"members":2`)
	see("/segments/"+segment+"/members", 200, `"name":"Paul"`, `"name":"Pia"`)
	see("/segments/"+segment+"/history", 403, "access is limited to some")
	see("/segments", 200, `"members":2`)
	see("/catalogue/events?from=2026-02-01T00:00:00Z", 200, `"event":"buy"`, `"persons":2`)
	see("/audit", 403)
	see("/session", 200, `"rows":{"any":[`)
	var session struct {
		Permissions []string `json:"permissions"`
		Closed      []string `json:"closed"`
	}
	w.want(call{method: "GET", path: "/api/v1/session", key: key}, 200).decode(t, &session)
	for p, closed := range map[string]bool{"stats:read": true, "sql:run": true, "quarantine:read": true, "people:read": false, "analytics:read": false, "segments:write": false} {
		if !slices.Contains(session.Permissions, p) || slices.Contains(session.Closed, p) != closed {
			t.Errorf("the session says of %s: %+v", p, session)
		}
	}
	w.want(call{method: "POST", path: "/api/v1/segments/preview", key: key, body: `{"rule":{"trait":"name","op":"exists"}}`}, 200, `"members":2`, `"of":2`)
	w.want(call{method: "POST", path: "/api/v1/query", key: key, body: strings.Replace(trend, `,"breakdown":[{"property":"engraving"}]`, "", 1)}, 200, `,2]`, `"scanned_events":4`)
	w.want(call{method: "POST", path: "/api/v1/query", key: key, body: `{"kind":"sql","sql":"select 1"}`}, 403, "SQL reads the events of all people")
}

// The feeds show what happens to the people that the watcher may see, and nothing else.
func TestFeedsAreOfTheRows(t *testing.T) {
	w, _ := rowsWorld(t)
	w.live(w.post("/segments", `{"name":"Twice","rule":{"event":"buy","count":{"op":"gte","value":2}}}`, 201).field(t, "id"))
	key := w.limitedKey("read")
	for _, feed := range []string{"/api/v1/live/events", "/api/v1/live/changes"} {
		messages, leave := w.subscribe(feed, key)
		for _, e := range []touchstone.Event{
			{Type: touchstone.Track, MessageID: "n-" + feed, Name: "buy", Time: w.clock.Now(), Identifiers: ids("user_id", "u-new"+feed[len(feed)-6:])},
			{Type: touchstone.Track, MessageID: "x-" + feed, Name: "buy", Time: w.clock.Now(), Identifiers: ids("user_id", "u-xan"), Properties: `{"engraving":"for Xanthippe again"}`},
			{Type: touchstone.Identify, MessageID: "y-" + feed, Name: "$identify", Time: w.clock.Now(), Identifiers: ids("user_id", "u-pia", "email", "pia"+feed[len(feed)-6:]+"@example.com")},
			{Type: touchstone.Track, MessageID: "z-" + feed, Name: "buy", Time: w.clock.Now(), Identifiers: ids("user_id", "u-pia"), Properties: `{"last":"yes"}`},
		} {
			w.send(e) // of a part of an import, the feed shows the first
		}
		for text, done := "", false; !done; {
			text = next(t, messages)
			if strings.Contains(text, "u-xan") || strings.Contains(text, hidden) || strings.Contains(text, "u-new") {
				t.Errorf("%s shows somebody else: %s", feed, text)
			}
			done = strings.Contains(text, "z-"+feed) || strings.HasSuffix(feed, "changes") && strings.Contains(text, `"name":"Pia"`)
		}
		leave()
	}
}

// A consultant sees the people whose trait names him; who is moved to another store or owner is
// gone at once, and limits that are lifted are lifted at once.
func TestLimitsOfAMember(t *testing.T) {
	w, _ := rowsWorld(t)
	const password = "a long enough phrase"
	u := w.post("/users", `{"email":"lea@example.com","password":"`+password+`","role":"consultant","rows":{"any":[{"trait":"owner","values":[],"me":true}]}}`, 201,
		`"rows":{"any":[{"trait":"owner","values":[],"me":true}]}`)
	id := u.field(t, "id")
	a := w.want(call{method: "POST", path: "/api/v1/session", body: `{"email":"lea@example.com","password":"` + password + `"}`}, 200, `"rows":{"any":[{"trait":"owner"`)
	cookie := a.cookie
	people := func() (n int) {
		var p api.Page[api.PersonLine]
		w.want(call{method: "GET", path: "/api/v1/persons", cookie: cookie}, 200).decode(t, &p)
		return len(p.Items)
	}
	until := func(n int) {
		t.Helper()
		for deadline := time.Now().Add(2 * time.Minute); people() != n; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%d people are seen, not %d", people(), n)
			}
		}
	}
	until(3)
	w.send(touchstone.Event{Type: touchstone.Identify, MessageID: "moved", Name: "$identify", Time: w.clock.Now(), Identifiers: ids("user_id", "u-paul"), Traits: `{"owner":"tom@example.com"}`})
	if n := people(); n != 2 { // in the transaction that worked on the event
		t.Errorf("%d people are seen after one was given to somebody else", n)
	}
	w.want(call{method: "GET", path: "/api/v1/persons/user_id:u-paul", cookie: cookie}, 404)
	w.want(call{method: "PATCH", path: "/api/v1/users/" + id, key: w.admin, body: `{"rows":{"any":[{"trait":"store","values":["Jingan"," Jingan"],"me":false}]}}`}, 200, `"values":["Jingan"]`)
	until(1)
	w.want(call{method: "PATCH", path: "/api/v1/users/" + id, key: w.admin, body: `{"role":"admin"}`}, 400, "sees everybody")
	w.want(call{method: "PATCH", path: "/api/v1/users/" + id, key: w.admin, body: `{"role":"marketer"}`}, 200, "Jingan") // stays limited
	if n := people(); n != 1 {
		t.Errorf("another role shows %d people", n)
	}
	w.want(call{method: "PATCH", path: "/api/v1/users/" + id, key: w.admin, body: `{"rows":null}`}, 200, `"rows":null`)
	if n := people(); n != 3 {
		t.Errorf("without limits %d people are seen", n)
	}
	audit := w.userSession(access.Auditor)
	w.want(call{method: "GET", path: "/api/v1/audit?action=user.update", cookie: audit}, 200, `"rows":{"any":[{"trait":"store"`, `"rows":null`)
	for _, bad := range []string{`{"any":[]}`, `{"any":[{"trait":"","values":["x"],"me":false}]}`, `{"any":[{"trait":"store","values":[],"me":false}]}`, `{"all":[]}`, `[]`} {
		w.want(call{method: "PATCH", path: "/api/v1/users/" + id, key: w.admin, body: `{"rows":` + bad + `}`}, 400)
	}
	w.post("/api-keys", `{"name":"x","scopes":["read"],"rows":{"any":[{"trait":"owner","values":[],"me":true}]}}`, 400, "nobody")

	// A set that nobody uses is forgotten, and the one in use is not.
	key := w.limitedKey("read")
	w.clock.advance(2 * time.Hour)
	if err := w.c.forgetOld(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.seen(key, 2)
}
