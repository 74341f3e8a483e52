package console

import (
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone"
)

func TestIdentityRules(t *testing.T) {
	w := newWorld(t)
	w.get("/identity/kinds", 200, `{"kind":"user_id","role":"identifies","priority":100,"limit":1`, `{"kind":"vin","role":"relates"`,
		`{"value":"guest","blocked":true,"built_in":true,"changed_at":null}`, `"normalisers":["text"`)
	w.post("/identity/check", `{"kind":"user_id","value":"\"Guest\""}`, 200, `"refusal":"blocked"`, `"blocked_by":"guest"`, `"everywhere":true`, `"holders":[]`)
	w.post("/identity/blocked", `{"value":"guest","blocked":false}`, 200, `{"value":"guest","blocked":false,"built_in":true,"changed_at":"2026-03-01T12:00:00.000Z"}`)
	w.post("/identity/check", `{"kind":"userId","value":" =\"00123\""}`, 200, `"kind":"user_id"`, `"value":"00123"`, `"refusal":""`)
	w.post("/identity/check", `{"kind":"user_id","value":"guest"}`, 200, `"value":"guest"`, `"refusal":""`)
	w.post("/identity/blocked", `{"kind":"phone","value":"138 1234 5678","blocked":true}`, 200, `138 1234 5678`)
	w.post("/identity/check", `{"kind":"phone","value":"+8613812345678"}`, 200, `"blocked_by":"138 1234 5678"`, `"everywhere":false`)
	w.patch("/identity/kinds/plate", `{"role":"identifies"}`, 200, `{"kind":"plate","role":"identifies","priority":40,"limit":10,"normaliser":"plate","max_length":32`)
	w.patch("/identity/kinds/member_no", `{"limit":2}`, 200, `{"kind":"member_no","role":"identifies","priority":30,"limit":2`)
	w.want(call{method: "DELETE", path: "/api/v1/identity/kinds/plate", key: w.admin}, 200, `{"kind":"plate","role":"relates"`)

	w.patch("/identity/kinds/user_id", `{"role":"relates"}`, 400, "always says who somebody is")
	w.patch("/identity/kinds/E-Mail", `{"limit":2}`, 400)
	w.patch("/identity/kinds/email", `{"limit":0}`, 400, "limit")
	w.post("/identity/blocked", `{"value":"*","blocked":true}`, 400)
	w.post("/identity/blocked", `{"value":"x"}`, 400, "blocked is missing")
	w.post("/identity/check", `{"kind":"微信","value":"x"}`, 400)
	w.get("/identity/suggestions?state=odd", 400)
	w.get("/audit", 200, `"action":"identity.block"`, `"target":"*:guest"`, `"action":"identity.kind.update"`, `"action":"identity.kind.reset"`)

	// They hold at once where events come in.
	_, key := w.source()
	w.track(key, `{"batch":[{"type":"track","event":"x","userId":"guest"}]}`)
	w.settle()
	w.get("/persons/user_id:guest", 200)
}

func (w *world) source() (id, key string) {
	w.t.Helper()
	a := w.post("/sources", `{"name":"Site","kind":"web"}`, 201)
	return a.field(w.t, "id"), a.field(w.t, "write_key")
}

func TestTwoOwnersOfOneCar(t *testing.T) {
	w := newWorld(t)
	at := time.Date(2026, 2, 20, 1, 0, 0, 0, time.UTC)
	const vin = "LSVAU2A37N2183294"
	w.send(
		touchstone.Event{Type: touchstone.Identify, MessageID: "m1", Name: "$identify", Time: at, Traits: `{"name":"Ann Lee"}`, Identifiers: ids("user_id", "u-ann", "vin", vin)},
		touchstone.Event{Type: touchstone.Identify, MessageID: "m2", Name: "$identify", Time: at.Add(time.Hour), Traits: `{"name":"Ben"}`, Identifiers: ids("user_id", "u-ben", "vin", vin)},
	)
	ref := url.PathEscape("vin:" + vin)
	// The car has reported nothing yet, and is found all the same.
	car := w.get("/persons/"+ref, 200, `"name":null`, `"related_persons":[{"id":"`+w.personID("user_id:u-ben")+`","name":"Ben"`, `"name":"Ann Lee"`, `"relations":[]`).field(t, "id")
	w.send(touchstone.Event{Type: touchstone.Track, MessageID: "m3", Name: "Charging Finished", Time: at.Add(2 * time.Hour), Identifiers: ids("vin", vin)})
	w.get("/persons/"+ref+"/events", 200, `"event":"Charging Finished"`)
	w.get("/persons/user_id:u-ann", 200, `"relations":[{"kind":"vin","value":"`+vin+`","id":"`+car+`"`, `"related_persons":[]`)
	if w.personID("user_id:u-ann") == w.personID("user_id:u-ben") {
		t.Error("two owners are one person")
	}
	// Who types the chassis number into the search finds the owners.
	w.get("/persons?q="+vin[:8], 200, `"Ann Lee"`, `"Ben"`, car)
}

func TestSuggestionsAndSplit(t *testing.T) {
	w := newWorld(t)
	at := time.Date(2026, 2, 20, 1, 0, 0, 0, time.UTC)
	for i := range 12 {
		w.send(touchstone.Event{Type: touchstone.Track, MessageID: fmt.Sprint("a", i), Name: "view", Time: at, Identifiers: ids("anonymous_id", fmt.Sprint("a", i))})
	}
	for i := range 12 {
		w.send(touchstone.Event{Type: touchstone.Track, MessageID: fmt.Sprint("b", i), Name: "call", Time: at, Identifiers: ids("phone", "+862154321000", "anonymous_id", fmt.Sprint("a", i))})
	}
	w.get("/identity/suggestions", 200, `"kind":"phone","value":"+862154321000","state":"open"`, `"examples":["anonymous_id:a`)
	person := w.personID("phone:+862154321000")
	w.post("/identity/suggestions", `{"kind":"phone","value":"+862154321000","decision":"block"}`, 204)
	w.get("/identity/suggestions", 200, `"items":[]`)
	w.get("/identity/suggestions?state=blocked", 200, `+862154321000`)
	w.post("/identity/check", `{"kind":"phone","value":"+86 21 5432 1000"}`, 200, `"blocked_by":"+862154321000"`, `"person":"`+person+`"`, `"identifiers":13`)
	w.post("/identity/suggestions", `{"kind":"phone","value":"+862154321001","decision":"block"}`, 404)
	w.post("/persons/"+person+"/split", `{"identifiers":["anonymous_id:a3"]}`, 200, `"id":"`+person+`"`, `"other":"p_`, `"moved":1`, `"command":"cmd_`)
	w.get("/commands?kind=person.split&state=done", 200, `"actor":"key_`, `"body":{"identifiers":["anonymous_id:a3"]}`, `"result":{"id":"`+person+`"`)
	if w.personID("anonymous_id:a3") == person {
		t.Error("not parted")
	}
	w.post("/persons/"+person+"/split", `{"identifiers":["anonymous_id:a3"]}`, 400)
}
