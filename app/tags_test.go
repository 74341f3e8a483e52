package app

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/tidwall/gjson"
)

// In the whole program: a tag by rules follows events, a file gives values by several identifiers, behaviour by a
// taxonomy; each is a trait that a segment goes by; a merge, a split of values, an erasure and an
// export are followed.
func TestTags(t *testing.T) {
	r := run(t)
	send := func(path, body string) {
		t.Helper()
		status, text := r.post(path, body, "Authorization", "Basic ZGV2Og==", "Content-Type", "application/json")
		if status != http.StatusOK {
			t.Fatal(status, text)
		}
	}
	ask := func(path, kind, body string) string {
		t.Helper()
		status, text := r.post("/api/v1"+path, body, "Authorization", "Bearer dev", "Content-Type", kind)
		if status/100 != 2 {
			t.Fatal(path, status, text)
		}
		return text
	}
	tagged := func(body string) string {
		t.Helper()
		id := gjson.Get(ask("/tags", "application/json", body), "id").String()
		ask("/tags/"+id+"/approve", "application/json", `{"version":1}`)
		return id
	}
	trait := func(ref, key, want string) {
		t.Helper()
		until(t, fmt.Sprintf("%s has %s %s", ref, key, want), func() bool {
			_, text := r.get("/api/v1/persons/" + url.PathEscape(ref))
			return gjson.Get(text, "traits.tag\\."+key).Raw == want
		})
	}
	for i, who := range []string{"ann", "bob", "eve"} {
		send("/v1/identify", fmt.Sprintf(`{"messageId":"i%d","userId":%q,"traits":{"email":%q,"tag.tier":"forged"}}`, i, who, who+"@example.com"))
	}
	buy := func(id, who, model string) {
		t.Helper()
		send("/v1/track", fmt.Sprintf(`{"messageId":%q,"userId":%q,"event":"Order Completed","properties":{"model":%q}}`, id, who, model))
	}
	tier := tagged(`{"key":"tier","name":"Value tier","kind":"rule","definition":{"rules":[{"value":"gold","rule":{"event":"Order Completed","count":{"value":2}}},{"value":"silver","rule":{"event":"Order Completed"}}]}}`)
	buy("b1", "ann", "X5")
	trait("user_id:ann", "tier", `"silver"`)
	trait("user_id:bob", "tier", "")
	buy("b2", "ann", "X1")
	trait("user_id:ann", "tier", `"gold"`)

	// A segment by the tag.
	seg := gjson.Get(ask("/segments", "application/json", `{"name":"gold","rule":{"trait":"tag.tier","op":"eq","value":"gold"}}`), "id").String()
	in := func(want int64) {
		t.Helper()
		until(t, fmt.Sprintf("%d are gold", want), func() bool {
			_, text := r.get("/api/v1/segments/" + seg)
			return gjson.Get(text, "status").String() == "live" && gjson.Get(text, "members").Int() == want
		})
	}
	in(1)
	buy("b3", "bob", "A4")
	buy("b4", "bob", "A4")
	in(2)

	// A file by two kinds of identifiers.
	file := tagged(`{"key":"risk","name":"Risk","kind":"import","definition":{}}`)
	report := ask("/tags/"+file+"/file?name=risk.csv", "text/csv", "user_id,email,value\nann,ANN@example.com,0.5\n,bob@example.com,high\nann,eve@example.com,1\ndan,,1\n,,1\n")
	for path, want := range map[string]int64{"rows": 5, "matched": 2, "ambiguous": 1, "unknown": 1, "invalid": 1, "changed": 2, "by_kind.#": 2} {
		if got := gjson.Get(report, path).Int(); got != want {
			t.Errorf("the report has %s = %d, not %d: %s", path, got, want, report)
		}
	}
	trait("user_id:ann", "risk", "0.5")
	trait("user_id:bob", "risk", `"high"`)

	// An interest. (A query needs a process of its own, which this test does not have: apptest shows it.)
	tree := gjson.Get(ask("/taxonomies?name=Cars&levels=brand,series", "text/csv", "brand,series\nBMW,X5\nBMW,X1\nAudi,A4\n"), "id").String()
	tagged(fmt.Sprintf(`{"key":"brand","name":"Brand","kind":"interest","definition":{"interest":{"taxonomy":%q,"level":1,"top":1,"least":0.5,"half_life_hours":72,"events":[{"event":"Order Completed","property":"model","weight":2}]}}}`, tree))
	buy("b5", "ann", "A4")
	trait("user_id:ann", "brand", `"Audi"`)
	_, text := r.get("/api/v1/persons/user_id:ann/tags")
	if gjson.Get(text, "items.#").Int() < 3 || !strings.Contains(text, `"risk.csv"`) || !strings.Contains(text, `"item":"Audi"`) {
		t.Errorf("ann's tags: %s", text)
	}
	_, text = r.get("/api/v1/tags/" + tier + "/distribution")
	if gjson.Get(text, "persons").Int() != 2 || gjson.Get(text, "of").Int() != 3 {
		t.Errorf("the distribution: %s", text)
	}

	// Ann and Eve are one: three values are hers. By hand nobody writes what is computed.
	send("/v1/alias", `{"messageId":"a1","userId":"eve","previousId":"ann"}`)
	until(t, "they are one", func() bool {
		_, a := r.get("/api/v1/persons/user_id:ann")
		_, e := r.get("/api/v1/persons/user_id:eve")
		return gjson.Get(a, "id").String() == gjson.Get(e, "id").String()
	})
	trait("user_id:eve", "tier", `"gold"`)
	status, _ := r.post("/api/v1/tags/"+tier+"/values", `{"values":[{"person":"user_id:bob","value":"gold"}]}`, "Authorization", "Bearer dev", "Content-Type", "application/json")
	if status != http.StatusConflict {
		t.Errorf("a value by rules is written by hand: %d", status)
	}
	hand := tagged(`{"key":"vip","name":"VIP","kind":"manual","definition":{"expires_hours":24}}`)
	if got := ask("/tags/"+hand+"/values", "application/json", `{"values":[{"person":"user_id:bob","value":true},{"person":"user_id:who","value":true}]}`); gjson.Get(got, "changed").Int() != 1 || gjson.Get(got, "unknown").Int() != 1 {
		t.Errorf("gave %s", got)
	}
	trait("user_id:bob", "vip", "true")
	ask("/tags/"+hand+"/give", "application/json", fmt.Sprintf(`{"segment":%q,"value":"yes"}`, seg))
	trait("user_id:eve", "vip", `"yes"`)

	if _, text = r.get("/api/v1/persons/user_id:bob/export"); !strings.Contains(text, `"tag":"risk"`) {
		t.Error("the export lacks tags")
	}
	// Who asks what hangs on the event is told of the tags, and of the segment by way of the trait that one makes.
	_, text = r.get("/api/v1/catalogue/uses?sort=event&name=" + url.QueryEscape("Order Completed"))
	if !strings.Contains(text, tier) || !strings.Contains(text, seg) {
		t.Errorf("on the event hang %s", text)
	}

	// A deleted tag leaves no trait.
	req, err := http.NewRequest(http.MethodDelete, r.url+"/api/v1/tags/"+file, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer dev")
	answer, err := http.DefaultClient.Do(req)
	if err != nil || answer.StatusCode != http.StatusAccepted {
		t.Fatal(answer, err)
	}
	_ = answer.Body.Close()
	trait("user_id:bob", "risk", "")
}
