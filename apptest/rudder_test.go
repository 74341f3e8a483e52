package apptest

import (
	"encoding/json"
	"net/http"
	"testing"
)

// RudderStack's own SDKs, unmodified: the browser asks for its configuration, then sends
// one by one, in batches and by beacon; the server sends compressed batches.
func TestOfficialRudderStackClients(t *testing.T) {
	t.Parallel()
	s := Start(t)
	out := runClient(t, "rudder-browser.mjs", s.URL, "dev", Chromium(t))
	runClient(t, "rudder-node.mjs", s.URL, "dev")
	var ways map[string]struct{ AnonymousID string }
	if err := json.Unmarshal(out, &ways); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if stats := s.Drain(); stats.Quarantined > 0 || stats.InWarehouse != 3*5+7 {
		t.Errorf("22 calls were made; got %+v", stats)
	}
	for way, sent := range ways {
		t.Run(way, func(t *testing.T) {
			p := s.Person("user_id:r-" + way)
			checkSamePerson(t, s, p.ID, "anonymous_id:"+sent.AnonymousID, "email:r-"+way+"@example.com")
			checkTraits(t, p, map[string]any{"name": "王小明", "email": "r-" + way + "@example.com"})
			if p.Counters.Events != 5 || p.Counters.ByEvent["Product Viewed"] != 1 || p.Counters.ByChannel["web"] != 5 {
				t.Errorf("%+v", p.Counters)
			}
		})
	}
	p := s.Person("user_id:r-node")
	checkSamePerson(t, s, p.ID, "anonymous_id:r-visitor", "phone:+8613800138001", "anonymous_id:r-legacy")
	checkTraits(t, p, map[string]any{"city": "上海"})
	if p.Counters.Events != 7 {
		t.Errorf("%+v", p.Counters)
	}
	if got := s.SQL("select distinct platform, utm_source, page_path from events where event = '$page' and platform = 'web'"); len(got) != 1 || got[0][1] != "weibo" || got[0][2] != "/models" {
		t.Errorf("the pages are from %v", got)
	}
	if status, text := s.Raw(http.MethodGet, "/sourceConfig?writeKey=nobody", ""); status != http.StatusUnauthorized {
		t.Errorf("a wrong key: %d %s", status, text)
	}
}
