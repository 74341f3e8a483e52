package app

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tidwall/gjson"
)

// In the whole program: what is older than a rule says goes, from the warehouse, the timeline and the
// profile, as the preview has said; whom a hold keeps is left alone, by retention and by an erasure, until it is
// lifted; what a later run or a new store does is the same.
func TestRetentionAndHolds(t *testing.T) {
	r := run(t)
	ask := func(method, path, body string, want int) gjson.Result {
		t.Helper()
		req, err := http.NewRequest(method, r.url+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer dev")
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != want {
			t.Fatalf("%s %s: %d, not %d: %s, %v", method, path, resp.StatusCode, want, text, err)
		}
		return gjson.ParseBytes(text)
	}
	at := func(days int) string { return time.Now().AddDate(0, 0, -days).UTC().Format(time.RFC3339) }
	n := 0
	for _, who := range []string{"ann", "bob"} {
		for _, days := range []int{100, 50, 10, 0} {
			n++
			if status, text := r.post("/v1/track", fmt.Sprintf(`{"writeKey":"dev","messageId":"m%d","userId":%q,"event":"Viewed","timestamp":%q}`, n, who, at(days))); status != http.StatusOK {
				t.Fatal(status, text)
			}
		}
		if status, text := r.post("/v1/identify", fmt.Sprintf(`{"writeKey":"dev","messageId":"i%s","userId":%q,"traits":{"shoe":43,"plan":"pro"},"timestamp":%q}`, who, who, at(50))); status != http.StatusOK {
			t.Fatal(status, text)
		}
	}
	if err := r.settled(); err != nil {
		t.Fatal(err)
	}
	events := func(who string) int64 {
		return int64(len(ask("GET", "/api/v1/persons/user_id:"+who+"/events?limit=100", "", 200).Get("items").Array()))
	}
	if a, b := events("ann"), events("bob"); a != 5 || b != 5 {
		t.Fatalf("%d and %d events", a, b)
	}

	hold := ask("POST", "/api/v1/holds", `{"reason":"case 12","persons":["user_id:ann"]}`, 201)
	if hold.Get("persons").Int() != 1 || hold.Get("state").Str != "holding" {
		t.Fatalf("%s", hold.Raw)
	}
	const rules = `{"rules":[{"name":"views","kind":"events","event":"Viewed","keep_days":30},{"name":"shoes","kind":"traits","traits":["shoe"],"keep_days":30}]}`
	ask("PUT", "/api/v1/retention", `{"rules":[{"name":"x","kind":"events","keep_days":0}]}`, 400)
	preview := ask("POST", "/api/v1/retention/preview", rules, 200)
	if got := preview.Get("items.#.removed").Raw + preview.Get("items.#.held").Raw; got != "[2,1][2,1]" {
		t.Errorf("the preview: %s", preview.Raw)
	}
	ask("PUT", "/api/v1/retention", rules, 200)
	if a, b := events("ann"), events("bob"); a != 5 || b != 5 {
		t.Errorf("a preview has removed something: %d and %d", a, b)
	}
	run := func() gjson.Result {
		t.Helper()
		id := ask("POST", "/api/v1/jobs", `{"kind":"retention.run"}`, 202).Get("id").Str
		var job gjson.Result
		until(t, "the run ends", func() bool {
			job = ask("GET", "/api/v1/jobs/"+id, "", 200)
			return job.Get("status").Str == "done" || job.Get("status").Str == "failed"
		})
		if job.Get("status").Str != "done" {
			t.Fatalf("%s", job.Raw)
		}
		return ask("GET", "/api/v1/retention/runs", "", 200).Get("items.0")
	}
	receipt := run()
	if got := receipt.Get("counts.#.removed").Raw + receipt.Get("counts.#.held").Raw; got != "[2,1][2,1]" || !receipt.Get("ended_at").Exists() {
		t.Errorf("the receipt: %s", receipt.Raw)
	}
	if a, b := events("ann"), events("bob"); a != 5 || b != 3 {
		t.Errorf("%d and %d events are left", a, b)
	}
	traits := func(who string) string { return ask("GET", "/api/v1/persons/user_id:"+who, "", 200).Get("traits").Raw }
	until(t, "bob's shoe is gone", func() bool { return !strings.Contains(traits("bob"), "shoe") })
	if !strings.Contains(traits("bob"), "plan") || !strings.Contains(traits("ann"), "shoe") {
		t.Errorf("traits: %s, %s", traits("bob"), traits("ann"))
	}
	if err := r.settled(); err != nil { // counters add up: what was removed is counted
		t.Error(err)
	}
	if got := run().Get("counts.#.removed").Raw; got != "[0,0]" {
		t.Errorf("a second run has removed %s", got)
	}

	ann := ask("GET", "/api/v1/persons/user_id:ann", "", 200).Get("id").Str
	refused := ask("POST", "/api/v1/persons/user_id:ann/erase", fmt.Sprintf(`{"confirm":%q}`, ann), 409)
	if !strings.Contains(refused.Get("detail").Str, "case 12") {
		t.Errorf("why an erasure is refused: %s", refused.Raw)
	}
	ask("POST", "/api/v1/holds/"+hold.Get("id").Str+"/lift", `{}`, 200)
	if got := run().Get("counts.#.removed").Raw; got != "[2,1]" {
		t.Errorf("when the hold is lifted a run removes %s", got)
	}
	if list := ask("GET", "/api/v1/holds", "", 200); list.Get("items.0.state").Str != "lifted" {
		t.Errorf("%s", list.Raw)
	}
}
