package collect_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/collect"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

// list is the form of a call with these events.
func list(events string) string {
	return "data_list=" + url.QueryEscape(base64.StdEncoding.EncodeToString([]byte(events)))
}

func gzipList(events string) string {
	return "gzip=1&data_list=" + url.QueryEscape(base64.StdEncoding.EncodeToString([]byte(gzipped(events))))
}

func saEvent(n int) string {
	return fmt.Sprintf(`{"type":"track","event":"x","distinct_id":"c1","_track_id":%d,"time":1772366400000,"properties":{"n":%d}}`, n, n)
}

func TestSensorsCallsInEveryForm(t *testing.T) {
	e := newEdge(t, func(c *collect.Config) { c.SensorsProjects = map[string]string{"shop": "site"} })
	events := `[` + saEvent(1) + `,` + saEvent(2) + `]`
	one := "data=" + url.QueryEscape(base64.StdEncoding.EncodeToString([]byte(saEvent(1)))) + "&ext=crc%3D-12"
	for name, c := range map[string]struct {
		method, path, body string
		header             []string
		events             int
	}{
		"form":                          {"POST", "/sa?project=default&token=" + e.key, list(events), []string{"Content-Type", "application/x-www-form-urlencoded"}, 2},
		"packed form":                   {"POST", "/sa?token=" + e.key, gzipList(events), nil, 2},
		"packed body":                   {"POST", "/sa?token=" + e.key, gzipped(list(events)), []string{"Content-Encoding", "gzip"}, 2},
		"beacon":                        {"POST", "/sa.gif?token=" + e.key, one, []string{"Content-Type", "text/plain;charset=UTF-8"}, 1},
		"JSON":                          {"POST", "/sa?token=" + e.key, events, []string{"Content-Type", "application/json"}, 2},
		"image":                         {"GET", "/sa.gif?token=" + e.key + "&" + one, "", nil, 1},
		"the key by Basic":              {"POST", "/sa", list(events), []string{"Authorization", basic(e.key)}, 2},
		"the project is a source's":     {"POST", "/sa?project=shop", list(events), nil, 2},
		"token and project in the form": {"POST", "/sa", list(events) + "&project=other&token=" + e.key, nil, 2},
		"debug":                         {"POST", "/debug?token=" + e.key, list(events), nil, 2},
		"debug, but not to be kept":     {"POST", "/debug?token=" + e.key, list(events), []string{"Dry-Run", "true"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			a := e.do(t, c.method, c.path, c.body, c.header...)
			if a.status != http.StatusOK {
				t.Fatalf("%d %s", a.status, a.body)
			}
			if c.method == "GET" && (a.header.Get("Content-Type") != "image/gif" || !strings.HasPrefix(a.body, "GIF89a")) || c.method == "POST" && a.body != "{}" {
				t.Errorf("answered with %q", a.body)
			}
			got := e.log.take()
			if len(got) != c.events {
				t.Fatalf("%d events, not %d", len(got), c.events)
			}
			for _, ev := range got {
				if ev.Type != touchstone.Track || ev.Name != "x" || ev.Source != e.source.ID || ev.AnonymousID != "c1" {
					t.Errorf("%+v", ev)
				}
			}
		})
	}
	if n := e.counter(t, "requests_total", "call", "sensors", "status", "200"); n != 11 {
		t.Errorf("%g calls are counted", n)
	}
}

func TestSensorsAnswersKeepDataOnPhones(t *testing.T) {
	e := newEdge(t, func(c *collect.Config) { c.MaxBatchEvents = 3 })
	limited, err := e.Sources().Create(ctx, collect.NewSource{Name: "slow", Kind: "app", RateLimit: 1})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		path, body string
		status     int
	}{
		"no key":             {"/sa", list(`[]`), http.StatusForbidden},
		"a wrong key":        {"/sa?token=wk_x", list(`[]`), http.StatusForbidden},
		"an unknown project": {"/sa?project=x", list(`[]`), http.StatusForbidden},
		"too many events":    {"/sa?token=" + e.key, list(`[` + strings.Repeat(saEvent(1)+",", 3) + saEvent(1) + `]`), http.StatusBadRequest},
		"no JSON":            {"/sa?token=" + e.key, list(`x`), http.StatusBadRequest},
		"half a gzip":        {"/sa?token=" + e.key, "gzip=1&data_list=" + base64.RawURLEncoding.EncodeToString([]byte(gzipped(saEvent(1)))[:40]), http.StatusBadRequest},
		"a bomb":             {"/sa?token=" + e.key, gzipList(strings.Repeat(" ", 64<<20)), http.StatusRequestEntityTooLarge},
		"over the size":      {"/sa?token=" + e.key, gzipList(`[` + strings.Repeat(" ", 600<<10) + `]`), http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			if a := e.do(t, "POST", c.path, c.body); a.status != c.status {
				t.Errorf("%d, not %d: %s", a.status, c.status, a.body)
			}
		})
	}
	for range 10 {
		a := e.do(t, "POST", "/sa?token="+limited.WriteKey, list(saEvent(1)))
		if a.status == http.StatusServiceUnavailable && a.header.Get("Retry-After") != "" {
			return
		} else if a.status != http.StatusOK {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	t.Error("the rate limit does not hold")
}

func TestSensorsBodiesAreWithinTheMemoryOfAll(t *testing.T) {
	e := newEdge(t, func(c *collect.Config) { c.MaxRequestMemory = 200 << 10 })
	a := e.do(t, "POST", "/sa?token="+e.key, gzipList(`[`+strings.Repeat(" ", 400<<10)+`]`))
	if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := e.do(t, "POST", "/sa?token="+e.key, list(saEvent(1))); a.status != http.StatusOK {
		t.Errorf("a small one after it: %d %s", a.status, a.body)
	}
}

func TestSensorsPagesOfAnySiteMayCall(t *testing.T) {
	e := newEdge(t, nil)
	a := e.do(t, "OPTIONS", "/sa.gif?token="+e.key, "", "Origin", "https://shop.example", "Access-Control-Request-Method", "POST")
	if a.status != http.StatusNoContent || a.header.Get("Access-Control-Allow-Origin") != "https://shop.example" || a.header.Get("Access-Control-Allow-Credentials") != "true" {
		t.Errorf("preflight: %d %v", a.status, a.header)
	}
	for _, path := range []string{"/sa.gif?token=" + e.key, "/sa.gif?token=wrong"} { // a page must be able to read an error, too
		if a := e.do(t, "POST", path, list(`[]`), "Origin", "https://shop.example"); a.header.Get("Access-Control-Allow-Origin") != "https://shop.example" {
			t.Errorf("%s: %d %v", path, a.status, a.header)
		}
	}
}

func TestSensorsEventsInQuarantine(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		e := newEdgeOn(t, db, nil)
		bad := `{"type":"profile_increment","distinct_id":"c1","_track_id":9,"time":1772366400000,"properties":{"points":"ten"}}`
		nobody := `{"type":"track","event":"x","distinct_id":"null"}`
		if a := e.do(t, "POST", "/sa?token="+e.key, list(`[`+saEvent(1)+`,`+bad+`,`+nobody+`]`)); a.status != http.StatusOK {
			t.Fatal(a.body)
		}
		e.settle(t)
		q := e.Quarantine()
		codes := map[string]collect.Quarantined{}
		items, _, err := q.List(ctx, access.System(), collect.QuarantineFilter{}, 10, "")
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range items {
			codes[item.Code] = item
		}
		if len(items) != 2 || string(codes["wrong_type"].Event) != bad || string(codes["blocked_user"].Event) != nobody {
			t.Fatalf("%+v", items)
		}
		if !strings.Contains(codes["wrong_type"].Reason, `profile_increment needs numbers; "points" is none`) {
			t.Errorf("the reason is %s", codes["wrong_type"].Reason)
		}
		if _, err := q.Replay(ctx, codes["wrong_type"].ID, ""); touchstone.KindOf(err) != touchstone.Invalid {
			t.Errorf("unrepaired: %v", err)
		}
		if _, err := q.Replay(ctx, codes["wrong_type"].ID, touchstone.JSON(strings.Replace(bad, `"ten"`, "10", 1))); err != nil {
			t.Fatal(err)
		}
		got := e.log.take()
		if len(got) != 1 || got[0].Type != touchstone.Identify || string(got[0].Context) != `{"traitOperations":{"increment":{"points":10}}}` {
			t.Errorf("replayed as %+v", got)
		}
	})
}

func TestSensorsItems(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		e := newEdgeOn(t, db, func(c *collect.Config) { c.MaxItems = 2 })
		item := func(kind, id, rest string) string {
			return fmt.Sprintf(`{"type":"item_%s","item_type":"book","item_id":%q%s}`, kind, id, rest)
		}
		send := func(status int, items ...string) {
			t.Helper()
			if a := e.do(t, "POST", "/sa?token="+e.key, list(`[`+strings.Join(items, ",")+`]`)); a.status != status {
				t.Fatalf("%d %s", a.status, a.body)
			}
		}
		read := func(id string) (properties string) {
			t.Helper()
			if err := db.Reader().QueryRow(ctx, `SELECT properties FROM items WHERE type = 'book' AND id = ?`, id).Scan(&properties); err != nil {
				t.Fatal(err)
			}
			return properties
		}
		send(200, item("set", "b1", `,"properties":{"price":1},"time":1772366400000`), item("set", "b2", `,"properties":{"a":"车"},"time":1772366400000`))
		send(200, item("set", "b1", `,"properties":{"price":2},"time":1772366500000`))
		send(200, item("set", "b1", `,"properties":{"price":9},"time":1772366450000`)) // late
		send(200, item("delete", "b2", `,"time":1772366600000`))
		send(200, item("set", "b2", `,"properties":{},"time":1772366500000`)) // older than its deletion
		if read("b1") != `{"price":2}` || read("b2") != "" {
			t.Errorf("b1 is %s, b2 %s", read("b1"), read("b2"))
		}
		if n := e.counter(t, "items_total", "what", "set"); n != 5 {
			t.Errorf("%g items are counted", n)
		}
		if err := e.RecountItems(ctx); err != nil {
			t.Fatal(err)
		}
		send(503, item("set", "b3", `,"properties":{}`))
	})
}
