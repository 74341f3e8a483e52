package console

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

	"github.com/touchstone-cdp/touchstone/collect"

	"github.com/touchstone-cdp/touchstone/api"
)

// track sends a body to the tracking API.
func (w *world) track(key, body string) {
	w.t.Helper()
	r := chi.NewRouter()
	w.edge.Routes(r)
	req := httptest.NewRequest("POST", "/v1/batch", strings.NewReader(body))
	req.SetBasicAuth(key, "")
	rec := httptest.NewRecorder()
	r.ServeHTTP(rec, req)
	if rec.Code != http.StatusOK {
		w.t.Fatalf("tracking API: %d %s", rec.Code, rec.Body)
	}
	w.settle()
}

func TestSources(t *testing.T) {
	w := newWorld(t)
	a := w.post("/sources", `{"name":"Shop","kind":"web"}`, 201, `"enabled":true`, `"rate_limit":0`, `"last_event_at":null`, `"accepted":0`)
	id, key := a.field(t, "id"), a.field(t, "write_key")
	w.post("/sources", `{"name":"Shop","kind":"web"}`, 409)
	w.post("/sources", `{"name":"x","kind":"fridge"}`, 400, "fridge")
	w.track(key, `{"batch":[{"type":"track","event":"Hello","userId":"u1"},{"type":"track","userId":"u1"}]}`)
	w.get("/sources/"+id, 200, `"accepted":1,"quarantined":1`, `"last_event_at":"2026-03-01T12:00:00.000Z"`)

	// Who may not change sources does not see their keys.
	read := w.apiKey("read")
	for _, path := range []string{"/api/v1/sources", "/api/v1/sources/" + id} {
		w.want(call{method: "GET", path: path, key: read}, 200, "!"+key, `"write_key":""`)
	}
	// Who sees people, a consultant, reads what sources are called, and no more of them.
	people := w.apiKey("people:read")
	w.want(call{method: "GET", path: "/api/v1/sources/names", key: people}, 200, `{"id":"`+id+`","name":"Shop","kind":"web"}`, "!"+key, "!write_key", "!accepted")
	w.want(call{method: "GET", path: "/api/v1/sources", key: people}, 403)
	w.want(call{method: "GET", path: "/api/v1/sources/names", key: w.apiKey("events:read")}, 403)
	tag := w.do(call{method: "GET", path: "/api/v1/sources/" + id, key: w.admin}).header.Get("ETag")
	w.track(key, `{"batch":[{"type":"track","event":"Hello","userId":"u1"}]}`)
	// Events do not change the version; only people do.
	w.want(call{method: "PATCH", path: "/api/v1/sources/" + id, key: w.admin, body: `{"name":"Web shop","rate_limit":100}`, header: map[string]string{"If-Match": tag}}, 200, `"name":"Web shop"`, `"rate_limit":100`)
	w.want(call{method: "PATCH", path: "/api/v1/sources/" + id, key: w.admin, body: `{"enabled":false}`, header: map[string]string{"If-Match": tag}}, 409)
	w.patch("/sources/"+id, `{"rate_limit":-1}`, 400)

	b := w.post("/sources/"+id+"/rotate", "", 200, `"previous_key_until":"2026-03-02T12:00:00.000Z"`, "!"+key)
	w.track(key, `{"batch":[{"type":"track","event":"Hello","userId":"u1"}]}`) // for another day
	w.post("/sources/"+id+"/rotate", `{"grace_seconds":0}`, 200, "!previous_key_until", "!"+b.field(t, "write_key"))
	w.post("/sources/"+id+"/rotate", `{"grace_seconds":-1}`, 400)
	w.post("/sources/none/rotate", ``, 404)

	w.want(call{method: "DELETE", path: "/api/v1/sources/" + id, key: w.admin}, 204)
	w.get("/sources/"+id, 404)
	w.patch("/sources/"+id, `{}`, 404)
	for _, name := range []string{"A", "B", "C"} {
		w.post("/sources", `{"name":"`+name+`","kind":"server"}`, 201)
	}
	var names []string
	for cursor := ""; ; {
		var p api.Page[collect.Source]
		w.get("/sources?limit=2&cursor="+cursor, 200).decode(t, &p)
		for _, s := range p.Items {
			names = append(names, s.Name)
		}
		if cursor = p.NextCursor; cursor == "" {
			break
		}
	}
	if got := strings.Join(names, " "); len(names) != 3 || !strings.Contains(got, "B") {
		t.Errorf("sources: %s", got)
	}
	w.get("/sources?cursor=c3JjX2dvbmU", 400)
}

func TestQuarantine(t *testing.T) {
	w := newWorld(t)
	key := w.post("/sources", `{"name":"Shop","kind":"web"}`, 201).field(t, "write_key")
	w.track(key, `{"batch":[{"type":"track","userId":"u1","properties":{"color":"gold"}},{"type":"track","event":"Lost"},{"type":"track","event":"Lost again"}]}`)

	var list api.Page[collect.Quarantined]
	w.get("/quarantine?code=missing_event", 200, `"origin":"http"`, `"row":null`, `"replayed_at":null`, `"event":{`).decode(t, &list)
	if len(list.Items) != 1 {
		t.Fatalf("%d events", len(list.Items))
	}
	w.get("/quarantine?q=GOLD", 200, list.Items[0].ID)
	w.get("/quarantine?q=silver", 200, `"items":[]`)
	w.get("/quarantine?limit=1", 200, `"next_cursor":"`)
	w.get("/quarantine?cursor=AAAA", 400)
	w.get("/quarantine/summary", 200, `"code":"missing_user"`, `"count":2`)

	id := list.Items[0].ID
	w.post("/quarantine/"+id+"/replay", "", 400, "refused again")
	w.post("/quarantine/"+id+"/replay", `{"event":{"type":"track","event":"Found","userId":"u1"}}`, 200, `{"replayed":1,"rejected":0}`)
	w.post("/quarantine/"+id+"/replay", `{"happening":{}}`, 400, "happening")
	w.settle()
	w.get("/persons/user_id:u1/events", 200, `"event":"Found"`)
	w.post("/quarantine/none/replay", "", 404)
	w.post("/quarantine/replay", `{"code":"missing_user"}`, 200, `{"replayed":0,"rejected":2}`)
	w.post("/quarantine/replay", `{}`, 400)
	w.get("/quarantine?code=missing_user&limit=1", 200).decode(t, &list)
	w.post("/quarantine/discard", `{"ids":["`+list.Items[0].ID+`","qr_none"]}`, 200, `{"discarded":1}`)
	w.post("/quarantine/discard", `{"ids":[]}`, 400)
	w.want(call{method: "DELETE", path: "/api/v1/quarantine/" + id, key: w.admin}, 204)
	w.want(call{method: "DELETE", path: "/api/v1/quarantine/" + id, key: w.admin}, 404)
}

func TestSettings(t *testing.T) {
	w := newWorld(t)
	w.get("/settings", 200, `{"organisation":{"name":"Hexagon","time_zone":"Asia/Shanghai","currency":"CNY","order_event":"","order_amount":""}}`)
	w.patch("/settings", `{"organisation":{"order_event":"下单","order_amount":" price "}}`, 200, `"order_event":"下单","order_amount":"price"`)
	w.patch("/settings", `{"organisation":{"order_amount":""}}`, 200, `"order_event":"下单","order_amount":""`)
	w.patch("/settings", `{"organisation":{"time_zone":"Europe/London"}}`, 200, `"name":"Hexagon","time_zone":"Europe/London"`)
	if got := w.c.cfg.Settings.Zone().String(); got != "Europe/London" {
		t.Errorf("others see the zone %s", got)
	}
	w.patch("/settings", `{"organisation":{"time_zone":"Mars/Phobos"}}`, 400, "Mars/Phobos")
	w.patch("/settings", `{"organisation":{"currency":"cny"}}`, 400)
	w.patch("/settings", `{"organisation":{"name":""}}`, 400)
	w.patch("/settings", `{"organisation":{"nome":"x"}}`, 400, `organisation.nome`)
	w.want(call{method: "GET", path: "/api/v1/session"}, 200, `"time_zone":"Europe/London"`)
}
