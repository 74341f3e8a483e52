package console

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/internal/live"
)

// What nobody without the right may see, wherever it is written.
var contactsOfZoe = []string{"13800138001", "zoe.lee@example.com", "LSVAU2A37N4123456", "沪A12345", "wx_zoe_77"}

// zoe sends events that hold contacts in every place that there is.
func (w *world) zoe() {
	w.t.Helper()
	w.want(call{method: "PATCH", path: "/api/v1/identity/kinds/wechat", key: w.admin, body: `{"limit":5,"priority":30,"contact":true}`}, 200)
	w.send(
		touchstone.Event{Type: touchstone.Identify, MessageID: "z1", Name: "$identify", Time: w.clock.Now(),
			Traits:      `{"name":"Zoe Lee","email":"zoe.lee@example.com","phone":"13800138001","note":"ring 13800138001","city":"上海","contact":{"mobile":13800138001}}`,
			Context:     `{"traits":{"email":"zoe.lee@example.com"},"page":{"path":"/u/zoe.lee@example.com"}}`,
			Identifiers: ids("user_id", "u-zoe", "email", "zoe.lee@example.com", "phone", "+8613800138001", "wechat", "wx_zoe_77", "vin", "LSVAU2A37N4123456", "plate", "沪A12345")},
		touchstone.Event{Type: touchstone.Track, MessageID: "z2", Name: "call", Time: w.clock.Now(), Identifiers: ids("user_id", "u-zoe"),
			Properties: `{"phone":"13800138001","n":13800138001,"licensePlate":"沪A12345","vin":"LSVAU2A37N4123456","wechat":"wx_zoe_77","price":12.5}`},
		touchstone.Event{Type: touchstone.Rejected, MessageID: "z3", Time: w.clock.Now(), Reason: "bad_time: the time of zoe.lee@example.com is odd",
			Raw: `{"type":"track","event":"call","userId":"13800138001","traits":{"email":"zoe.lee@example.com","phone":"13800138001"}}`},
	)
}

// Every read that shows people, asked by who may see contacts and by who may not.
func TestContactsAreMasked(t *testing.T) {
	w := newWorld(t)
	w.shop()
	w.zoe()
	seg := w.want(call{method: "POST", path: "/api/v1/segments", key: w.admin, body: `{"name":"callers","rule":{"event":"call","count":{"op":"gte","value":1}}}`}, 201).field(t, "id")
	w.live(seg)
	w.want(call{method: "POST", path: "/api/v1/persons/user_id:u-zoe/split", key: w.admin, body: `{"identifiers":["phone:+8613800138001"]}`}, 200)
	w.want(call{method: "POST", path: "/api/v1/identity/blocked", key: w.admin, body: `{"kind":"email","value":"zoe.lee@example.com","blocked":true}`}, 200)
	w.settle()
	trend := `{"kind":"trend","from":"2026-02-01T00:00:00Z","to":"2026-04-01T00:00:00Z","interval":"total","series":[{"event":"call"}]`
	reads := []call{
		{method: "GET", path: "/api/v1/persons"},
		{method: "GET", path: "/api/v1/persons?q=Zoe"},
		{method: "GET", path: "/api/v1/persons?segment=" + seg + "&q=zoe"},
		{method: "GET", path: "/api/v1/persons/user_id:u-zoe"},
		{method: "GET", path: "/api/v1/persons/user_id:u-zoe/events"},
		{method: "GET", path: "/api/v1/persons/user_id:u-zoe/identity"},
		{method: "GET", path: "/api/v1/segments/" + seg + "/members"},
		{method: "GET", path: "/api/v1/segments/" + seg + "/changes"},
		{method: "POST", path: "/api/v1/segments/preview", body: `{"rule":{"event":"call","count":{"op":"gte","value":1}}}`},
		{method: "GET", path: "/api/v1/quarantine"},
		{method: "GET", path: "/api/v1/quarantine/summary"},
		{method: "GET", path: "/api/v1/catalogue/traits"},
		{method: "GET", path: "/api/v1/catalogue/events/call/properties"},
		{method: "GET", path: "/api/v1/catalogue/values?trait=phone"},
		{method: "GET", path: "/api/v1/catalogue/values?trait=note"},
		{method: "GET", path: "/api/v1/catalogue/values?property=licensePlate"},
		{method: "GET", path: "/api/v1/catalogue/values?property=n"},
		{method: "GET", path: "/api/v1/catalogue/values?dimension=page_path"},
		{method: "POST", path: "/api/v1/query", body: trend + `,"breakdown":[{"property":"phone"}]}`},
		{method: "POST", path: "/api/v1/query", body: trend + `,"breakdown":[{"property":"n"},{"property":"wechat"},{"property":"vin"}]}`},
		{method: "POST", path: "/api/v1/query/people", body: `{"query":` + trend + `},"select":{"bucket":"2026-02-01T00:00:00.000Z","series":0}}`},
		{method: "GET", path: "/api/v1/identity/suggestions"},
		{method: "POST", path: "/api/v1/identity/check", body: `{"kind":"user_id","value":"u-zoe"}`},
	}
	masked, seen := w.apiKey("read"), 0
	for _, read := range reads {
		read.key = w.admin
		whole := w.want(read, 200)
		for _, contact := range contactsOfZoe {
			if strings.Contains(whole.body, contact) {
				seen++
				break
			}
		}
		read.key = masked
		a := w.want(read, 200)
		for _, contact := range contactsOfZoe {
			if strings.Contains(a.body, contact) {
				t.Errorf("%s %s %s tells %s:\n%.1500s", read.method, read.path, read.body, contact, a.body)
			}
		}
	}
	if seen < 15 { // else the test looks at nothing
		t.Errorf("only %d of %d reads show contacts to an administrator", seen, len(reads))
	}
	// What was shown masked can be named as it was shown.
	w.want(call{method: "GET", path: "/api/v1/persons/user_id:u-zoe/identity?from=user_id:u-zoe&to=" + url.QueryEscape("wechat:w****"), key: masked}, 200, `"path":[{`)
	w.want(call{method: "GET", path: "/api/v1/persons/user_id:u-zoe/identity?from=user_id:u-zoe&to=" + url.QueryEscape("email:z***@example.com"), key: masked}, 400, "!zoe.lee", "no way")
	audit := w.userSession(access.Auditor)
	w.want(call{method: "GET", path: "/api/v1/audit?limit=500", cookie: audit}, 200, "person.split", "identity.block", "!13800138001", "!zoe.lee", `"name":"auditor@example.com"`)
	w.want(call{method: "GET", path: "/api/v1/audit?limit=500", key: w.admin}, 200, "+8613800138001", "zoe.lee@example.com")
}

// The feed of events as they arrive, with what was refused among them.
func TestLiveEventsAreMasked(t *testing.T) {
	hub := live.New[touchstone.Event](200, 10)
	s := newTestServer(t, func(c *Config) { watch(c, hub, 200) })
	hub.Publish(
		touchstone.Event{Type: touchstone.Track, MessageID: "z1", Name: "call", UserID: "13800138001", AnonymousID: "a", Identifiers: ids("email", "zoe.lee@example.com", "user_id", "13800138001"),
			Properties: `{"phone":"13800138001"}`, Traits: `{"email":"zoe.lee@example.com"}`, Context: `{"page":{"path":"/zoe.lee@example.com"}}`},
		touchstone.Event{Type: touchstone.Rejected, MessageID: "z2", Reason: "bad_event: zoe.lee@example.com", Raw: `{"type":"track","event":"call","userId":"13800138001","traits":{"email":"zoe.lee@example.com"}}`},
	)
	for scope, tells := range map[string]bool{"read": false, "admin": true} {
		key := s.apiKey(scope)
		events, leave := s.subscribe("/api/v1/live/events", key)
		text := next(t, events) + next(t, events)
		leave()
		for _, contact := range []string{"13800138001", "zoe.lee@example.com"} {
			if strings.Contains(text, contact) != tells {
				t.Errorf("the feed tells a key with the scope %s %s: %s", scope, contact, text)
			}
		}
	}
	events, leave := s.subscribe("/api/v1/live/events?q=1380013", s.apiKey("read"))
	defer leave()
	hub.Publish(touchstone.Event{Type: touchstone.Track, MessageID: "z3", Name: "note 1380013", Properties: `{}`})
	if got := next(t, events); !strings.Contains(got, `"z3"`) {
		t.Errorf("a part of a contact finds %s", got)
	}
}

// A search finds what is shown, or a contact that is written out whole; nothing between.
func TestSearchIsNoOracle(t *testing.T) {
	w := newWorld(t)
	w.zoe()
	masked := w.apiKey("read")
	found := func(key, path string) bool {
		return strings.Contains(w.want(call{method: "GET", path: path, key: key}, 200).body, `"u-zoe"`)
	}
	for q, want := range map[string]bool{
		"Zoe": true, "u-zo": true, "%2B86138": true, "%2B8613800138001": true, "13800138001": true, "zoe.lee%40example.com": true, "Zoe.Lee%40Example.com": true,
		"%2B861380": false, "%2B861380013800": false, "1380013": false, "zoe.l": false, "zoe.lee%40": false, "phone:%2B861380": false, "phone:%2B8613800138001": true, "wx_zoe_77": true, "wx_zoe_7": false,
		"LSVAU2A3": false, "LSVAU2A37N4123456": true, "123456": false,
	} {
		if got := found(masked, "/api/v1/persons?q="+q); got != want {
			t.Errorf("q=%s finds: %v, want %v", q, got, want)
		}
		if !found(w.admin, "/api/v1/persons?q="+q) && want {
			t.Errorf("q=%s is not found by an administrator", q)
		}
	}
	for q, want := range map[string]bool{"call": true, "1380013": false, "zoe.l": false, "13800138001": true, "zoe.lee%40example.com": true, "oe.lee%40example.com": false} {
		got := strings.Contains(w.want(call{method: "GET", path: "/api/v1/quarantine?q=" + q, key: masked}, 200).body, `"reason"`)
		if got != want {
			t.Errorf("in quarantine q=%s finds: %v, want %v", q, got, want)
		}
	}
	trend := `{"kind":"trend","from":"2026-02-01T00:00:00Z","to":"2026-04-01T00:00:00Z","interval":"total","series":[{"event":"call","where":[%s]}]}`
	for condition, status := range map[string]int{
		`{"property":"phone","op":"eq","value":"13800138001"}`:                           200,
		`{"property":"phone","op":"in","value":["13800138001","x"]}`:                     200,
		`{"property":"phone","op":"exists"}`:                                             200,
		`{"property":"price","op":"gte","value":10}`:                                     200,
		`{"property":"city","op":"contains","value":"上"}`:                                200,
		`{"property":"phone","op":"starts_with","value":"1380"}`:                         403,
		`{"property":"phone","op":"gt","value":"138"}`:                                   403,
		`{"property":"wechat","op":"contains","value":"wx"}`:                             403,
		`{"property":"note","op":"contains","value":"1380013"}`:                          403,
		`{"context":"traits.email","op":"contains","value":"z"}`:                         403,
		`{"context":"page.path","op":"contains","value":"zoe.lee@ex"}`:                   403,
		`{"property":"phone","op":"in","value":[` + strings.Repeat(`"1",`, 30) + `"2"]}`: 403,
	} {
		w.want(call{method: "POST", path: "/api/v1/query", key: masked, body: fmt.Sprintf(trend, condition)}, status)
		w.want(call{method: "POST", path: "/api/v1/query", key: w.admin, body: fmt.Sprintf(trend, condition)}, 200)
	}
	for rule, status := range map[string]int{
		`{"trait":"phone","op":"starts_with","value":"1380"}`:                                                           403,
		`{"and":[{"trait":"city","op":"eq","value":"上海"},{"trait":"email","op":"contains","value":"z"}]}`:               403,
		`{"trait":"phone","op":"exists"}`:                                                                               200,
		`{"event":"call","last":{"property":"phone","op":"starts_with","value":"1380"}}`:                                403,
		`{"event":"call","max":{"property":"phone","op":"gte","value":13800000000}}`:                                    403,
		`{"sequence":[{"event":"call"},{"event":"call","where":[{"property":"phone","op":"contains","value":"138"}]}]}`: 403,
	} {
		w.want(call{method: "POST", path: "/api/v1/segments/preview", key: masked, body: `{"rule":` + rule + `}`}, status)
	}
	w.want(call{method: "POST", path: "/api/v1/segments", cookie: w.userSession(access.Marketer), body: `{"name":"x","rule":{"trait":"phone","op":"starts_with","value":"1380"}}`}, 403)
}

// Revealing shows what is masked, to who has the right, and is in the audit log, without
// the contacts.
func TestReveal(t *testing.T) {
	w := newWorld(t)
	w.zoe()
	reveal := call{method: "POST", path: "/api/v1/persons/user_id:u-zoe/reveal", body: `{"reason":"asked for a call"}`}
	for role, status := range map[access.Role]int{access.Consultant: 200, access.Developer: 200, access.Admin: 200, access.Analyst: 403, access.Marketer: 403, access.Auditor: 403} {
		reveal.cookie = w.userSession(role)
		a := w.want(reveal, status)
		if status == 200 {
			for _, want := range []string{"+8613800138001", "zoe.lee@example.com", "wx_zoe_77", `"phone":"13800138001"`, `"note":"ring 13800138001"`, "!Zoe Lee", "!上海"} {
				if absent, ok := strings.CutPrefix(want, "!"); ok == strings.Contains(a.body, strings.TrimPrefix(absent, "!")) {
					t.Errorf("%s sees %s, want %q", role, a.body, want)
				}
			}
		}
	}
	var log api.Page[auditEntry]
	w.want(call{method: "GET", path: "/api/v1/audit?action=person.reveal", key: w.admin}, 200, "asked for a call", `"kinds":[`, "!13800138001", "!zoe.lee").decode(t, &log)
	if len(log.Items) != 3 {
		t.Errorf("%d reveals are in the audit log", len(log.Items))
	}
	w.want(call{method: "POST", path: "/api/v1/persons/user_id:u-nobody/reveal", body: `{"reason":"asked"}`, key: w.admin}, 404)
	for _, body := range []string{"", "{}", `{"reason":" "}`} {
		w.want(call{method: "POST", path: "/api/v1/persons/user_id:u-zoe/reveal", body: body, key: w.admin}, 400, "!13800138001")
	}
}
