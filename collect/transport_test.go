package collect_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/collect"
)

func TestAuthentication(t *testing.T) {
	e := newEdge(t, nil)
	off, err := e.Sources().Create(ctx, collect.NewSource{Name: "off", Kind: "web"})
	if err != nil {
		t.Fatal(err)
	}
	no := false
	if _, err := e.Sources().Update(ctx, off.ID, collect.SourceChange{Enabled: &no}); err != nil {
		t.Fatal(err)
	}
	withKey := func(key string) string { return event(`,"writeKey":"` + key + `"`) }
	for name, test := range map[string]struct {
		header, body string
		status       int
		detail       string
	}{
		"basic":                       {basic(e.key), event(``), 200, ""},
		"basic, lower case":           {strings.Replace(basic(e.key), "Basic", "basic", 1), event(``), 200, ""},
		"bearer":                      {"Bearer " + e.key, event(``), 200, ""},
		"body":                        {"", withKey(e.key), 200, ""},
		"escaped in the body":         {"", withKey(strings.Replace(e.key, "wk_", `\u0077k_`, 1)), 200, ""},
		"OAuth token and body":        {"Bearer eyJhbGciOi.x.y", withKey(e.key), 200, ""},
		"empty basic and body":        {basic(""), withKey(e.key), 200, ""},
		"nothing":                     {"", event(``), 401, "There is no valid write key."},
		"unknown, basic":              {basic("nope"), event(``), 401, "The write key is unknown."},
		"unknown, basic, but in body": {basic("nope"), withKey(e.key), 401, "The write key is unknown."},
		"unknown, bearer":             {"Bearer nope", event(``), 401, "There is no valid write key."},
		"unknown, body":               {"", withKey("nope"), 401, "The write key is unknown."},
		"wrong type in body":          {"", event(`,"writeKey":{}`), 401, "There is no valid write key."},
		"not base64":                  {"Basic ???", event(``), 401, "not valid"},
		"disabled":                    {basic(off.WriteKey), event(``), 401, `The source "off" of this write key is disabled.`},
		"malformed beats no key":      {"", `{`, 400, "not valid JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			var header []string
			if test.header != "" {
				header = []string{"Authorization", test.header}
			}
			a := e.do(t, "POST", "/v1/track", test.body, header...)
			if a.status != test.status || !strings.Contains(a.detail(), test.detail) {
				t.Errorf("%d %s", a.status, a.body)
			}
			if got := len(e.log.take()); got != map[bool]int{true: 1, false: 0}[test.status == 200] {
				t.Errorf("stored %d", got)
			}
		})
	}
	if a := e.do(t, "POST", "/v1/batch", `{"batch":[{"type":"track","event":"x","userId":"u"}],"writeKey":"`+e.key+`"}`); a.status != 200 {
		t.Errorf("batch with the key behind the events: %d %s", a.status, a.body)
	}
}

func TestRotatedKeyWorksForADay(t *testing.T) {
	e := newEdge(t, nil)
	rotated, err := e.Sources().Rotate(ctx, e.source.ID, collect.RotationGrace)
	if err != nil {
		t.Fatal(err)
	}
	status := func(key string) int {
		return e.do(t, "POST", "/v1/track", event(``), "Authorization", basic(key)).status
	}
	if rotated.WriteKey == e.key || status(e.key) != 200 || status(rotated.WriteKey) != 200 {
		t.Fatal("both keys should work")
	}
	e.now = e.now.Add(25 * time.Hour)
	if a := e.post(t, "/v1/track", event(``)); a.status != 401 || !strings.Contains(a.detail(), "was rotated") {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if status(rotated.WriteKey) != 200 {
		t.Fatal("the new key should work")
	}
	again, err := e.Sources().Rotate(ctx, e.source.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	if status(rotated.WriteKey) != 401 || status(again.WriteKey) != 200 {
		t.Fatal("a rotation without grace ends the old key at once")
	}
}

func TestBrowsersMaySendFromAnySite(t *testing.T) {
	e := newEdge(t, nil)
	a := e.do(t, "OPTIONS", "/v1/t", "", "Origin", "https://shop.example", "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization,content-type")
	allowed := strings.ToLower(a.header.Get("Access-Control-Allow-Headers"))
	if a.status != 204 || a.header.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(allowed, "authorization") || !strings.Contains(allowed, "content-type") ||
		!strings.Contains(a.header.Get("Access-Control-Allow-Methods"), "POST") || a.header.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("preflight: %d %v", a.status, a.header)
	}
	// sendBeacon can only send text/plain, without an Authorization header.
	a = e.do(t, "POST", "/v1/t", event(`,"writeKey":"`+e.key+`"`), "Origin", "https://shop.example", "Content-Type", "text/plain;charset=UTF-8")
	if a.status != 200 || a.header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("%d %v", a.status, a.header)
	}
	a = e.do(t, "POST", "/v1/t", `{`, "Origin", "https://shop.example")
	if a.status != 400 || a.header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("an error must be readable too: %d %v", a.status, a.header)
	}
	if a = e.do(t, "POST", "/v1/t", event(`,"writeKey":"`+e.key+`"`)); a.status != 200 || a.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("an answer to a server needs no headers for browsers: %d %v", a.status, a.header)
	}
	if a = e.do(t, "POST", "/v1/m", `{"series":[]}`, "Content-Type", "text/plain"); a.status != 200 || e.counter(t, "beacons_ignored_total") != 1 {
		t.Errorf("beacon: %d", a.status)
	}
	if a = e.do(t, "GET", "/v1/track", ""); a.status != 405 {
		t.Errorf("GET: %d", a.status)
	}
}

func TestPackedBodies(t *testing.T) {
	e := newEdge(t, nil)
	for encoding, pack := range map[string]func(string) string{"gzip": gzipped, "GZIP": gzipped, "zstd": zstded, "identity": func(s string) string { return s }} {
		for range 3 { // the second uses a reader of the pool
			a := e.do(t, "POST", "/v1/batch", pack(batchOf(500, `{"type":"track","event":"x","userId":"u","properties":{"a":"`+strings.Repeat("y", 500)+`"}}`)),
				"Authorization", basic(e.key), "Content-Encoding", encoding)
			if n := len(e.log.take()); a.status != 200 || n != 500 {
				t.Errorf("%s: %d %s, %d events", encoding, a.status, a.body, n)
			}
		}
	}
}

func TestRequestID(t *testing.T) {
	e := newEdge(t, nil)
	if a := e.do(t, "POST", "/v1/track", event(``), "Authorization", basic(e.key), "X-Request-Id", "trace-1.2:3_x"); a.header.Get("X-Request-Id") != "trace-1.2:3_x" {
		t.Errorf("%v", a.header)
	}
	for _, bad := range []string{"", "a b", strings.Repeat("x", 65), `"><script>`} {
		a := e.do(t, "POST", "/v1/track", event(``), "Authorization", basic("nope"), "X-Request-Id", bad)
		id := a.header.Get("X-Request-Id")
		var p struct {
			ErrorID string `json:"error_id"`
		}
		if err := json.Unmarshal([]byte(a.body), &p); err != nil || !strings.HasPrefix(id, "req_") || p.ErrorID != id {
			t.Errorf("%q: header %q, body %q, %v", bad, id, p.ErrorID, err)
		}
	}
}

func TestRateLimitPerSource(t *testing.T) {
	e := newEdge(t, func(c *collect.Config) { c.MaxBatchEvents = 10 })
	limit := 5.0
	if _, err := e.Sources().Update(ctx, e.source.ID, collect.SourceChange{RateLimit: &limit}); err != nil {
		t.Fatal(err)
	}
	one := `{"type":"track","event":"x","userId":"u"}`
	if a := e.post(t, "/v1/batch", batchOf(10, one)); a.status != 200 {
		t.Fatalf("a whole batch fits: %d %s", a.status, a.body)
	}
	a := e.post(t, "/v1/batch", batchOf(10, one))
	if a.status != 429 || a.header.Get("Retry-After") != "1" || a.header.Get("X-RateLimit-Reset") != "1" {
		t.Fatalf("%d %v %s", a.status, a.header, a.body)
	}
	e.now = e.now.Add(time.Second)
	if a := e.post(t, "/v1/batch", batchOf(10, one)); a.status != 429 || a.header.Get("Retry-After") != "1" {
		t.Fatalf("5 of 10: %d %v", a.status, a.header)
	}
	if a := e.post(t, "/v1/batch", batchOf(5, one)); a.status != 200 {
		t.Fatalf("5 of 5: %d %v", a.status, a.header)
	}
	if n := len(e.log.take()); n != 15 {
		t.Fatalf("%d events", n)
	}
	other, err := e.Sources().Create(ctx, collect.NewSource{Name: "other", Kind: "server"})
	if err != nil {
		t.Fatal(err)
	}
	if a := e.do(t, "POST", "/v1/track", event(``), "Authorization", basic(other.WriteKey)); a.status != 200 {
		t.Fatalf("another source: %d", a.status)
	}
	if n := e.counter(t, "rate_limited_total", "source", e.source.ID); n != 2 {
		t.Fatalf("rate_limited_total is %v", n)
	}
}

func TestFailedAppendIsNotAnAnswerOf200(t *testing.T) {
	e := newEdge(t, nil)
	e.log.fail = &touchstone.Error{Kind: touchstone.Unavailable, Message: "The disk is nearly full.", RetryAfter: 7 * time.Second}
	if a := e.post(t, "/v1/track", event(``)); a.status != 503 || a.header.Get("Retry-After") != "7" || a.detail() != "The disk is nearly full." {
		t.Errorf("%d %v %s", a.status, a.header, a.body)
	}
	e.log.fail = errors.New("secret detail of the disk")
	if a := e.post(t, "/v1/track", event(``)); a.status != 503 || strings.Contains(a.body, "secret") || a.header.Get("Retry-After") == "" {
		t.Errorf("%d %v %s", a.status, a.header, a.body)
	}
	if src, err := e.Sources().Get(ctx, e.source.ID); err != nil || src.Accepted != 0 {
		t.Errorf("%+v %v", src, err)
	}
	if n := e.counter(t, "requests_total", "status", "503"); n != 2 || e.counter(t, "events_accepted_total") != 0 {
		t.Errorf("%v requests", n)
	}
}

func TestAddressAndAgentOfPeoplesDevicesOnly(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8")}
	e := newEdge(t, func(c *collect.Config) { c.TrustedProxies = proxies })
	strict := newEdge(t, func(c *collect.Config) { c.TrustedProxies = []netip.Prefix{} })
	key := func(e *edge, kind string) string {
		src, err := e.Sources().Create(ctx, collect.NewSource{Name: kind, Kind: kind})
		if err != nil {
			t.Fatal(err)
		}
		return src.WriteKey
	}
	web, app := key(e, "web"), key(e, "app")
	for name, test := range map[string]struct {
		edge         *edge
		key          string
		xff          []string
		origin, body string
		want         string
	}{
		"server":               {e, e.key, []string{"203.0.113.7"}, "", event(``), ``},
		"web":                  {e, web, []string{"203.0.113.7"}, "https://x.cn", event(``), `{"ip":"203.0.113.7","userAgent":"Agent \"7\""}`},
		"server on web's key":  {e, web, []string{"203.0.113.7"}, "", event(``), ``},
		"app":                  {e, app, []string{"203.0.113.7"}, "", event(``), `{"ip":"203.0.113.7"}`},
		"forged first":         {e, app, []string{"1.1.1.1, 203.0.113.7, 10.2.3.4"}, "", event(``), `{"ip":"203.0.113.7"}`},
		"several lines":        {e, app, []string{"1.1.1.1", "203.0.113.7", "10.2.3.4"}, "", event(``), `{"ip":"203.0.113.7"}`},
		"garbage":              {e, app, []string{"203.0.113.7, drop table"}, "", event(``), `{"ip":"127.0.0.1"}`},
		"all proxies":          {e, app, []string{"10.1.1.1"}, "", event(``), `{"ip":"10.1.1.1"}`},
		"no header":            {e, app, nil, "", event(``), `{"ip":"127.0.0.1"}`},
		"IPv6":                 {e, app, []string{"2001:db8::1"}, "", event(``), `{"ip":"2001:db8::1"}`},
		"untrusted proxy":      {strict, key(strict, "app"), []string{"203.0.113.7"}, "", event(``), `{"ip":"127.0.0.1"}`},
		"the event knows more": {e, web, []string{"203.0.113.7"}, "https://x.cn", event(`,"context":{"ip":"9.9.9.9","userAgent":"own"}`), `{"ip":"9.9.9.9","userAgent":"own"}`},
		"beside other context": {e, app, []string{"203.0.113.7"}, "", event(`,"context":{"locale":"zh-CN"}`), `{"locale":"zh-CN","ip":"203.0.113.7"}`},
	} {
		t.Run(name, func(t *testing.T) {
			header := []string{"Authorization", basic(test.key), "User-Agent", `Agent "7"`}
			if test.origin != "" {
				header = append(header, "Origin", test.origin)
			}
			req := func() *answer {
				if len(test.xff) == 0 {
					return test.edge.do(t, "POST", "/v1/track", test.body, header...)
				}
				r, _ := http.NewRequest("POST", test.edge.url+"/v1/track", strings.NewReader(test.body))
				for i := 0; i < len(header); i += 2 {
					r.Header.Set(header[i], header[i+1])
				}
				r.Header["X-Forwarded-For"] = test.xff
				res, err := http.DefaultClient.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				res.Body.Close()
				return &answer{status: res.StatusCode}
			}
			if a := req(); a.status != 200 {
				t.Fatal(a.status)
			}
			got := test.edge.log.take()
			if len(got) != 1 || string(got[0].Context) != test.want {
				t.Errorf("%s, want %s", got[0].Context, test.want)
			}
		})
	}
}

func TestBatchContextLiesUnderTheEvents(t *testing.T) {
	e := newEdge(t, nil)
	a := e.post(t, "/v1/batch", `{"context":{"locale":"zh-CN", "app":{"name":"shop"},"traits":{"email":"a@b.cn"},"device":{"id":"D-1"}},"batch":[
		{"type":"track","event":"a","userId":"u","context":{"locale":"en","ip":"1.1.1.1"}},
		{"type":"track","event":"b","userId":"u"},
		{"type":"track","event":"c","userId":"u","context":{"traits":{"plan":"x"}}}]}`)
	if a.status != 200 {
		t.Fatal(a.body)
	}
	var got []string
	for _, ev := range e.log.take() {
		got = append(got, fmt.Sprint(ev.Context, ev.Identifiers))
	}
	ids := `[user_id:u email:a@b.cn device_id:d-1]`
	want := []string{
		`{"locale":"en","ip":"1.1.1.1","app":{"name":"shop"},"traits":{"email":"a@b.cn"},"device":{"id":"D-1"}}` + ids,
		`{"locale":"zh-CN","app":{"name":"shop"},"traits":{"email":"a@b.cn"},"device":{"id":"D-1"}}` + ids,
		`{"traits":{"plan":"x"},"locale":"zh-CN","app":{"name":"shop"},"device":{"id":"D-1"}}` + ids,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestIdentifiers(t *testing.T) {
	e := newEdge(t, func(c *collect.Config) {
		kinds, err := touchstone.NewKindSet(touchstone.DefaultKinds(), map[string]touchstone.Normaliser{"phone": collect.PhoneNormaliser("86")})
		if err != nil {
			t.Fatal(err)
		}
		c.Kinds = kinds
	})
	many := strings.TrimSuffix(strings.Repeat(`{"id":"%d","type":"crm_id"},`, 30), ",")
	n := make([]any, 30)
	for i := range n {
		n[i] = i + 1
	}
	for name, test := range map[string]struct{ path, body, want string }{
		"strongest first": {"track", `{"event":"x","anonymousId":"A1","userId":"u","context":{"device":{"id":"AB-1","advertisingId":"EA7583CD"},"traits":{"email":"A@b.cn","phone":13800138001}}}`,
			`[user_id:u phone:+8613800138001 email:a@b.cn device_id:ab-1 advertising_id:ea7583cd anonymous_id:A1]`},
		"phones of the world": {"identify", `{"anonymousId":"a","traits":{"phone":"+1 (415) 555-2671"},"context":{"traits":{"phone":"010 6234 5678"}}}`,
			`[phone:+14155552671 phone:+861062345678 anonymous_id:a]`},
		"no phone":             {"identify", `{"anonymousId":"a","traits":{"phone":"12","email":"nobody"}}`, `[anonymous_id:a]`},
		"blocked user is left": {"track", `{"event":"x","anonymousId":"a","userId":"null"}`, `[anonymous_id:a]`},
		"once each":            {"identify", `{"userId":"u","traits":{"email":"A@b.cn"},"context":{"traits":{"email":"a@B.cn"},"externalIds":[{"id":"a@b.cn","type":"email","collection":"users"}]}}`, `[user_id:u email:a@b.cn]`},
		"external": {"track", `{"event":"x","context":{"externalIds":[{"id":"o1","type":"openid","collection":"users","encoding":"none"},{"collection":"users","type":"ios.idfa","id":"X"},
			{"id":"c1","type":"crm_id"},{"id":7,"type":"loyalty-no"},{"id":"acc","type":"account","collection":"accounts"},{"id":"x","type":"微信"},{"type":"crm_id"},"junk",{"id":null,"type":"a"}]}}`,
			`[openid:o1 ios_idfa:X crm_id:c1 loyalty_no:7]`},
		"only an e-mail":       {"identify", `{"traits":{"email":"a@b.cn"}}`, `[email:a@b.cn]`},
		"a group's are not":    {"group", `{"userId":"u","groupId":"g","traits":{"email":"info@g.cn","phone":"+8613800138001"}}`, `[user_id:u]`},
		"properties are not":   {"track", event(`,"properties":{"email":"a@b.cn"}`), `[user_id:u1]`},
		"at most twenty":       {"track", event(`,"context":{"externalIds":[` + fmt.Sprintf(many, n...) + `]}`), `[user_id:u1 crm_id:1 crm_id:2 crm_id:3 crm_id:4 crm_id:5 crm_id:6 crm_id:7 crm_id:8 crm_id:9 crm_id:10 crm_id:11 crm_id:12 crm_id:13 crm_id:14 crm_id:15 crm_id:16 crm_id:17 crm_id:18 crm_id:19]`},
		"externalIds of a map": {"track", event(`,"context":{"externalIds":{"id":"x"}}`), `[user_id:u1]`},
	} {
		t.Run(name, func(t *testing.T) {
			got := e.one(t, "/v1/"+test.path, test.body)
			if s := fmt.Sprint(got.Identifiers); s != test.want {
				t.Errorf("%s %s\nwant %s", s, got.Reason, test.want)
			}
		})
	}
	if e.counter(t, "identifiers_refused_total", "reason", "blocked") == 0 || e.counter(t, "identifiers_over_limit_total") == 0 {
		t.Error("what is dropped must be counted")
	}
}

func TestEventsOfOnePersonShareAPartition(t *testing.T) {
	db := openDB(t)
	log := &fakeLog{partitions: 8}
	e := newEdgeOn(t, db, func(c *collect.Config) { c.Log = log })
	var batch []string
	for i := range 200 {
		batch = append(batch, fmt.Sprintf(`{"type":"track","event":"%d","userId":"u%d","anonymousId":"a%d"}`, i, i%50, i))
	}
	if a := e.post(t, "/v1/batch", `{"batch":[`+strings.Join(batch, ",")+`]}`); a.status != 200 {
		t.Fatal(a.body)
	}
	if len(log.events) != 200 {
		t.Fatalf("%d events", len(log.events))
	}
	home, used := map[string]int{}, map[int]bool{}
	for i, ev := range log.events {
		if p, ok := home[ev.UserID]; ok && p != log.where[i] {
			t.Fatalf("%s is in %d and %d", ev.UserID, p, log.where[i])
		}
		home[ev.UserID], used[log.where[i]] = log.where[i], true
	}
	if len(used) < 6 {
		t.Errorf("only %d of 8 partitions are used", len(used))
	}
}

func TestSettingsForSegmentsLibraries(t *testing.T) {
	e := newEdge(t, nil)
	a := e.do(t, "GET", "/v1/projects/"+e.key+"/settings", "", "Origin", "https://shop.example")
	var got struct {
		Integrations map[string]struct{ APIKey, APIHost, Protocol string }
		Plan         map[string]any
		Metrics      struct{ SampleRate *float64 }
	}
	if err := json.Unmarshal([]byte(a.body), &got); err != nil || a.status != 200 || a.header.Get("Access-Control-Allow-Origin") != "*" {
		t.Fatalf("%d %v %v", a.status, a.header, err)
	}
	s := got.Integrations["Segment.io"]
	if s.APIKey != e.key || s.APIHost != strings.TrimPrefix(e.url, "http://")+"/v1" || s.Protocol != "http" || len(got.Integrations) != 1 || *got.Metrics.SampleRate != 0 {
		t.Errorf("%s", a.body)
	}
	if a := e.do(t, "GET", "/v1/projects/nope/settings", ""); a.status != 401 {
		t.Errorf("%d", a.status)
	}
	a = e.do(t, "GET", "/v1/projects/"+e.key+"/settings", "", "X-Forwarded-Proto", "https", "X-Forwarded-Host", "events.brand.cn")
	if !strings.Contains(a.body, `"apiHost":"events.brand.cn/v1"`) || !strings.Contains(a.body, `"protocol":"https"`) {
		t.Errorf("%s", a.body)
	}
}

func TestLiveFeedShowsAcceptedAndRejected(t *testing.T) {
	e := newEdge(t, func(c *collect.Config) { c.FeedPerSecond = 5 })
	e.post(t, "/v1/track", event(``))
	e.post(t, "/v1/track", `{"event":"x"}`)
	e.post(t, "/v1/batch", batchOf(100, `{"type":"track","event":"more","userId":"u"}`))
	var got []string
	for _, ev := range e.Feed().Latest(100, nil) {
		got = append(got, ev.Type.String()+" "+ev.Name)
	}
	want := []string{"track x", "rejected ", "track more", "track more", "track more"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if n := e.counter(t, "feed_sampled_out_total"); n != 97 {
		t.Errorf("feed_sampled_out_total is %v", n)
	}
	e.now = e.now.Add(time.Second)
	e.post(t, "/v1/track", event(``))
	if n := len(e.Feed().Latest(100, nil)); n != 6 {
		t.Errorf("%d in the feed a second later", n)
	}
	e.log.fail = errors.New("x")
	e.now = e.now.Add(time.Second)
	e.post(t, "/v1/track", event(``))
	if n := len(e.Feed().Latest(100, nil)); n != 6 {
		t.Errorf("the feed shows what was not stored")
	}
}

func TestMemoryOfAllRequestsIsBounded(t *testing.T) {
	e := newEdge(t, func(c *collect.Config) { c.MaxRequestMemory = 8 << 10 })
	big := event(`,"properties":{"a":"` + strings.Repeat("x", 20<<10) + `"}`)
	for _, encoding := range []string{"", "gzip", "zstd"} {
		body := map[string]string{"": big, "gzip": gzipped(big), "zstd": zstded(big)}[encoding]
		a := e.do(t, "POST", "/v1/track", body, "Authorization", basic(e.key), "Content-Encoding", encoding)
		if a.status != 503 || a.header.Get("Retry-After") != "1" || len(e.log.take()) != 0 {
			t.Errorf("%q: %d %s", encoding, a.status, a.body)
		}
	}
	for range 100 { // what was held was given back
		e.one(t, "/v1/track", event(``))
	}
}

func TestManyClientsAtOnce(t *testing.T) {
	log := &fakeLog{partitions: 4}
	e := newEdgeOn(t, openDB(t), func(c *collect.Config) { c.Log = log })
	const clients, requests = 16, 30
	var wg sync.WaitGroup
	for client := range clients {
		wg.Go(func() {
			for i := range requests {
				id := fmt.Sprintf("%d-%d", client, i)
				var a *answer
				switch i % 3 {
				case 0:
					a = e.post(t, "/v1/track", `{"event":"`+id+`","userId":"u`+id+`","properties":{"id":"`+id+`"}}`)
				case 1:
					body := `{"batch":[{"type":"track","event":"` + id + `","userId":"u` + id + `","properties": {"id": "` + id + `"}},{"type":"track","event":"` + id + `"}]}`
					a = e.do(t, "POST", "/v1/batch", gzipped(body), "Authorization", basic(e.key), "Content-Encoding", "gzip")
				case 2:
					a = e.do(t, "POST", "/v1/track", zstded(`{"event":"`+id+`","userId":"\u0075`+id+`","properties":{"id":"`+id+`"},"writeKey":"`+e.key+`"}`), "Content-Encoding", "zstd")
				}
				if a.status != 200 {
					t.Errorf("%d %s", a.status, a.body)
				}
			}
		})
	}
	wg.Wait()
	seen := map[string]int{}
	for _, ev := range log.take() {
		if ev.Type == touchstone.Rejected {
			seen["rejected"]++
			continue
		}
		if want := touchstone.JSON(`{"id":"` + ev.Name + `"}`); ev.UserID != "u"+ev.Name || ev.Properties != want {
			t.Fatalf("events were mixed up: %+v", ev)
		}
		seen[ev.Name]++
	}
	if len(seen) != clients*requests+1 || seen["rejected"] != clients*requests/3 {
		t.Errorf("%d names, %d rejected", len(seen), seen["rejected"])
	}
	if e.counter(t, "events_accepted_total") != clients*requests {
		t.Errorf("accepted %v", e.counter(t, "events_accepted_total"))
	}
}
