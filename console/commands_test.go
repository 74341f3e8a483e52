package console

import (
	"strings"
	"testing"
)

func TestMergeCorrectAndRebuild(t *testing.T) {
	w := newWorld(t)
	w.shop()
	ann, ben := w.personID("user_id:u-ann"), w.personID("user_id:u-ben")

	w.patch("/persons/"+ann+"/traits", `{"traits":{"city":"杭州","vip":true}}`, 200, `"id":"`+ann+`"`, `"command":"cmd_`)
	w.get("/persons/"+ann, 200, `"city":"杭州"`, `"vip":true`, `"source":"operator"`)
	w.patch("/persons/"+ann+"/traits", `{"traits":{"vip":null}}`, 200)
	if strings.Contains(w.get("/persons/"+ann, 200).body, `"vip":true`) {
		t.Error("a trait that was taken away is there")
	}
	w.patch("/persons/"+ann+"/traits", `{"traits":{}}`, 400, "1 to 100 traits")
	w.patch("/persons/p_zzzzz/traits", `{"traits":{"a":1}}`, 404)

	w.post("/persons/"+ann+"/merge", `{"other":"user_id:u-ben"}`, 400, "limit of 1 user_id")
	w.post("/persons/"+ann+"/merge", `{"other":"`+ann+`"}`, 400, "the same person")
	w.post("/persons/"+ann+"/merge", `{"other":"user_id:u-none"}`, 404)
	header := map[string]string{"Idempotency-Key": "merge-1"}
	c := call{method: "POST", path: "/api/v1/persons/" + ann + "/merge", key: w.admin, body: `{"other":"user_id:u-ben","over_limits":true}`, header: header}
	first := w.want(c, 200, `"other":"p_`)
	if again := w.want(c, 200); again.body != first.body {
		t.Errorf("a repeat says %s, not %s", again.body, first.body)
	}
	if w.personID("user_id:u-ben") != w.personID("user_id:u-ann") {
		t.Error("not merged")
	}
	w.get("/persons/"+ben+"/identity", 200, `"evidence":"operator"`)

	w.post("/persons/"+ann+"/rebuild", "", 409, "no history") // this world has none
	w.get("/commands?state=failed", 200, `"kind":"person.merge"`, `"kind":"person.rebuild"`, "limit of 1 user_id")
	w.get("/audit?action=trait.correct", 200, `"target":"`+ann+`"`, `"traits":"city, vip"`)
	w.get("/commands/cmd_none", 404)

	// The merge is undone.
	w.post("/persons/"+ann+"/split", `{"identifiers":["user_id:u-ben"]}`, 200, `"moved":1`)
	if w.personID("user_id:u-ben") == w.personID("user_id:u-ann") {
		t.Error("not parted")
	}
}

func TestBlockAndCut(t *testing.T) {
	w := newWorld(t)
	w.shop()
	person := w.personID("email:ann@example.com")
	w.post("/identity/blocked", `{"kind":"email","value":"ann@example.com","blocked":true,"cut":true}`, 200, "ann@example.com")
	if strings.Contains(w.get("/persons/"+person+"/identity", 200).body, `"kind":"email","value":"ann@example.com"`) {
		t.Error("the person still has it")
	}
	w.post("/identity/check", `{"kind":"email","value":"ann@example.com"}`, 200, `"blocked_by":"ann@example.com"`)
	w.get("/commands?kind=identifier.block", 200, `"cut":true`)
}
