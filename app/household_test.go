package app

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tidwall/gjson"
)

// In the whole program: two who share an address are a household; a third who lives elsewhere
// is none's, joins by decision and leaves again; a merge and an erasure are followed; a child
// is masked, and in no export; questions count households.
func TestHouseholds(t *testing.T) {
	r := run(t)
	say := func(id, who, traits string) {
		t.Helper()
		status, text := r.post("/v1/identify", fmt.Sprintf(`{"messageId":%q,"userId":%q,"traits":%s}`, id, who, traits), "Authorization", "Basic ZGV2Og==", "Content-Type", "application/json")
		if status != http.StatusOK {
			t.Fatal(status, text)
		}
	}
	buy := func(id, who string, amount int) {
		t.Helper()
		status, text := r.post("/v1/track", fmt.Sprintf(`{"messageId":%q,"userId":%q,"event":"Order Completed","properties":{"revenue":%d}}`, id, who, amount), "Authorization", "Basic ZGV2Og==", "Content-Type", "application/json")
		if status != http.StatusOK {
			t.Fatal(status, text)
		}
	}
	born := time.Now().AddDate(-9, 0, 0).Format(time.DateOnly)
	say("m1", "ann", `{"name":"王安","address":"上海市浦东新区张江路88弄12号301室","birthday":"1985-03-01"}`)
	say("m2", "bob", fmt.Sprintf(`{"name":"王博","address":"上海 浦东新区 张江路８８弄１２号 ３０１","birthday":%q}`, born))
	say("m3", "eve", `{"name":"李夏","address":"北京市朝阳区建国路1号502室"}`)
	buy("m4", "ann", 100)
	buy("m5", "bob", 1)
	buy("m6", "eve", 7)
	one := func() gjson.Result {
		_, text := r.get("/api/v1/households")
		return gjson.Get(text, "items.0")
	}
	until(t, "ann and bob are a household", func() bool { h := one(); return h.Get("size").Int() == 2 && h.Get("revenue").Num == 101 })
	id := one().Get("id").String()
	if _, text := r.get("/api/v1/households/" + id); gjson.Get(text, "children").Int() != 1 || !strings.Contains(text, `"payer"`) || !strings.Contains(text, "张江路") {
		t.Errorf("the household: %s", text)
	}

	if _, text := r.get("/api/v1/households/" + id); gjson.Get(text, "payers").Int() != 2 || gjson.Get(text, "revenue_365").Num != 101 || gjson.Get(text, "vehicles").Int() != 0 || !gjson.Get(text, "cities").IsArray() {
		t.Errorf("what the household is: %s", text)
	}
	for query, want := range map[string]int64{"": 1, "q=" + url.QueryEscape("王安"): 1, "q=user_id:bob": 1, "q=" + url.QueryEscape("李夏"): 0, "q=nobody": 0, "min_size=2": 1, "min_size=3": 0} {
		if _, text := r.get("/api/v1/households?" + query); gjson.Get(text, "items.#").Int() != want {
			t.Errorf("households by %q: %s", query, text)
		}
	}

	// Questions: three persons, two households.
	ask := func(subject string) string {
		_, text := r.post("/api/v1/query", fmt.Sprintf(`{"kind":"trend","subject":%q,"from":"2020-01-01T00:00:00Z","to":"2040-01-01T00:00:00Z","interval":"total","series":[{"event":"Order Completed","measure":"persons"}]}`, subject), "Authorization", "Bearer dev", "Content-Type", "application/json")
		return gjson.Get(text, "rows.0.2").String()
	}
	until(t, "the warehouse has the orders", func() bool { return ask("person") == "3" })
	if got := ask("household"); got != "2" {
		t.Errorf("%s households have bought, not 2", got)
	}
	_, text := r.post("/api/v1/query", `{"kind":"funnel","subject":"household","from":"2020-01-01T00:00:00Z","to":"2040-01-01T00:00:00Z","window":"30d","steps":[{"event":"$identify"},{"event":"Order Completed"}]}`, "Authorization", "Bearer dev", "Content-Type", "application/json")
	if gjson.Get(text, "rows.0.2").Int() != 2 || gjson.Get(text, "rows.1.2").Int() != 2 {
		t.Errorf("the funnel: %s", text)
	}
	_, text = r.post("/api/v1/query/people", `{"query":{"kind":"trend","subject":"household","from":"2020-01-01T00:00:00Z","to":"2040-01-01T00:00:00Z","interval":"total","series":[{"event":"Order Completed","measure":"persons"}]},"select":{"series":0}}`, "Authorization", "Bearer dev", "Content-Type", "application/json")
	if gjson.Get(text, "total").Int() != 3 {
		t.Errorf("behind two households are three people: %s", text)
	}

	// What would be learnt of one pair: nothing.
	if _, text := r.get("/api/v1/households/strengths"); gjson.Get(text, "pairs").Int() != 1 || gjson.Get(text, "strengths.#").Int() != 0 || gjson.Get(text, "threshold").Num != 0.8 {
		t.Errorf("learnt: %s", text)
	}

	// Segments by household: whose payer has spent much and where nobody reads; it follows what members
	// do, who joins and who leaves, and what the preview says.
	_, text = r.post("/api/v1/segments", `{"name":"homes","rule":{"and":[{"household":{"role":"payer","any":{"event":"Order Completed","where":[{"property":"revenue","op":"gte","value":100}]}}},{"household":{"none":{"event":"Article Read"}}}]}}`, "Authorization", "Bearer dev", "Content-Type", "application/json")
	homes := gjson.Get(text, "id").String()
	in := func() int64 {
		_, text := r.get("/api/v1/segments/" + homes)
		return gjson.Get(text, "members").Int()
	}
	until(t, "ann and bob are in the segment of households", func() bool { return in() == 2 })

	// An export of everybody leaves out the child.
	_, text = r.post("/api/v1/segments", `{"name":"all","rule":{"trait":"name","op":"exists"}}`, "Authorization", "Bearer dev", "Content-Type", "application/json")
	segment := gjson.Get(text, "id").String()
	until(t, "the segment is built", func() bool {
		_, text := r.get("/api/v1/segments/" + segment)
		return gjson.Get(text, "members").Int() == 3
	})
	_, text = r.post("/api/v1/jobs", fmt.Sprintf(`{"kind":"segment.export","input":{"segment":%q,"columns":["name"]}}`, segment), "Authorization", "Bearer dev", "Content-Type", "application/json")
	job := gjson.Get(text, "id").String()
	until(t, "the export is done", func() bool {
		_, text = r.get("/api/v1/jobs/" + job)
		return gjson.Get(text, "status").String() == "done"
	})
	if gjson.Get(text, "result.rows").Int() != 2 || gjson.Get(text, "result.left_out").Int() != 1 {
		t.Errorf("the export: %s", text)
	}

	// Decisions.
	decide := func(who, with, verdict string) {
		t.Helper()
		status, text := r.post("/api/v1/households/decisions", fmt.Sprintf(`{"who":%q,"with":[%q],"verdict":%q}`, who, with, verdict), "Authorization", "Bearer dev", "Content-Type", "application/json")
		if status != http.StatusOK {
			t.Fatal(status, text)
		}
	}
	decide("user_id:eve", "user_id:ann", "together")
	until(t, "eve belongs to it", func() bool { return one().Get("size").Int() == 3 })
	until(t, "so she is in the segment", func() bool { return in() == 3 })
	if got := one().Get("id").String(); got != id {
		t.Errorf("the household is %s now, not %s", got, id)
	}
	decide("user_id:eve", "user_id:ann", "")
	until(t, "eve does not", func() bool { return one().Get("size").Int() == 2 })
	until(t, "nor is she in the segment", func() bool { return in() == 2 })
	decide("user_id:bob", "user_id:ann", "apart")
	until(t, "nobody is", func() bool { return !one().Exists() })
	until(t, "who lives alone has no role", func() bool { return in() == 0 })
	decide("user_id:bob", "user_id:ann", "")
	until(t, "bob is again", func() bool { return one().Get("id").String() == id })

	// Rules.
	_, text = r.get("/api/v1/households/rules")
	text = strings.Replace(text, `"weight":0.9,`, `"weight":0.1,`, 1)
	rules := "{}"
	for _, k := range []string{"threshold", "rules", "night_from", "night_to", "paid", "paid_fields", "born_fields", "role_fields", "name_fields"} {
		rules = strings.TrimSuffix(rules, "}") + map[bool]string{true: "", false: ","}[rules == "{}"] + fmt.Sprintf("%q:%s}", k, gjson.Get(text, k).Raw)
	}
	req, err := http.NewRequest(http.MethodPut, r.url+"/api/v1/households/rules", strings.NewReader(rules))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer dev")
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatal(resp.Status)
	}
	until(t, "by such rules nobody lives together", func() bool { return !one().Exists() })
}
