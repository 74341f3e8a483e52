package app

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/tidwall/gjson"
)

// In the whole program: people go from stage to stage as events come, one is lost by silence and comes back, two become one;
// a segment goes by the stage, an export has the way, and what is deleted is gone.
func TestStages(t *testing.T) {
	r := run(t)
	send := func(path, body string) {
		t.Helper()
		status, text := r.post(path, body, "Authorization", "Basic ZGV2Og==", "Content-Type", "application/json")
		if status != http.StatusOK {
			t.Fatal(status, text)
		}
	}
	ask := func(path, body string) string {
		t.Helper()
		status, text := r.post("/api/v1"+path, body, "Authorization", "Bearer dev", "Content-Type", "application/json")
		if status/100 != 2 {
			t.Fatal(path, status, text)
		}
		return text
	}
	for i, who := range []string{"ann", "bob", "eve"} {
		send("/v1/identify", fmt.Sprintf(`{"messageId":"i%d","userId":%q,"traits":{"email":%q,"stage.purchase":"forged"}}`, i, who, who+"@example.com"))
	}
	n := 0
	did := func(who, event string) {
		t.Helper()
		n++
		send("/v1/track", fmt.Sprintf(`{"messageId":"t%d","userId":%q,"event":%q}`, n, who, event))
	}
	did("bob", "Viewed") // before there is a life cycle
	id := gjson.Get(ask("/stages", `{"key":"purchase","name":"Purchase","definition":{"stages":[
		{"key":"looked","name":"Looked","rule":{"event":"Viewed"}},
		{"key":"bought","name":"Bought","rule":{"event":"Paid"}},
		{"key":"active","name":"Active","falls":true,"rule":{"event":"Paid","count":{"value":2},"within":"10s"}}],
		"lost":{"key":"lost","name":"Lost","from":"bought","rule":{"not":{"event":"Paid","within":"14s"}}}}}`), "id").String()
	stands := func(ref, want string) {
		t.Helper()
		until(t, fmt.Sprintf("%s is %q", ref, want), func() bool {
			_, text := r.get("/api/v1/persons/" + url.PathEscape(ref))
			return gjson.Get(text, "traits.stage\\.purchase").String() == want
		})
	}
	stands("user_id:bob", "looked")
	did("ann", "Viewed")
	stands("user_id:ann", "looked")
	seg := gjson.Get(ask("/segments", `{"name":"active","rule":{"trait":"stage.purchase","op":"eq","value":"active"}}`), "id").String()
	until(t, "the segment is live", func() bool {
		_, text := r.get("/api/v1/segments/" + seg)
		return gjson.Get(text, "status").String() == "live"
	})
	send("/v1/batch", `{"batch":[{"type":"track","messageId":"p1","userId":"ann","event":"Paid"},{"type":"track","messageId":"p2","userId":"ann","event":"Paid"}]}`)
	way := func(ref string) (text string) {
		t.Helper()
		_, body := r.get("/api/v1/persons/" + url.PathEscape(ref) + "/stages")
		for _, s := range gjson.Get(body, "items.0.spans").Array() {
			text = s.Get("stage").String() + " " + text
		}
		return strings.TrimSpace(text)
	}
	// By time alone: she is no longer active, and then lost.
	stands("user_id:ann", "lost")
	if got := way("user_id:ann"); !strings.HasSuffix(got, "active bought lost") || !strings.HasPrefix(got, "looked") {
		t.Errorf("the way of ann is %q", got)
	}
	_, body := r.get("/api/v1/persons/user_id:ann/stages")
	spans := gjson.Get(body, "items.0.spans").Array()
	if r := spans[1].Get("reason"); r.Get("why").String() != "left" || r.Get("stage").String() != "active" || r.Get("message_id").String() != "" {
		t.Errorf("the reason is %s", r)
	}
	until(t, "who was active has left the segment", func() bool {
		_, text := r.get("/api/v1/segments/" + seg + "/changes")
		return gjson.Get(text, "items.#").Int() == 2
	})
	// Two become one: the further stage is theirs.
	send("/v1/alias", `{"messageId":"a1","userId":"bob","previousId":"ann"}`)
	stands("user_id:bob", "lost")
	did("bob", "Paid")
	stands("user_id:ann", "bought")

	_, body = r.get("/api/v1/stages/" + id + "/report")
	if gjson.Get(body, "began").Int() != 1 || gjson.Get(body, "stages.1.reached").Int() != 1 || gjson.Get(body, "stages.1.now").Int() != 1 {
		t.Errorf("the report: %s", body)
	}
	_, body = r.get("/api/v1/stages/" + id + "/spans?open=true&stage=bought")
	if gjson.Get(body, "items.#").Int() != 1 || gjson.Get(body, "items.0.line.id").String() == "" {
		t.Errorf("who is in it: %s", body)
	}
	if _, body = r.get("/api/v1/persons/user_id:bob/export"); !strings.Contains(body, `"life_cycle":"purchase"`) {
		t.Error("the export lacks stages")
	}
	if _, body = r.get("/api/v1/catalogue/uses?sort=event&name=Paid"); !strings.Contains(body, id) || !strings.Contains(body, seg) {
		t.Errorf("on the event hang %s", body)
	}
	req, err := http.NewRequest(http.MethodDelete, r.url+"/api/v1/stages/"+id, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer dev")
	answer, err := http.DefaultClient.Do(req)
	if err != nil || answer.StatusCode != http.StatusAccepted {
		t.Fatal(answer, err)
	}
	_ = answer.Body.Close()
	stands("user_id:bob", "")
}
