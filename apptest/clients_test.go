package apptest

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"
)

// The official SDKs, with nothing changed but their host options, send every call type;
// anonymous and known, browser and server, all of it is one person with one timeline.
func TestOfficialSegmentClients(t *testing.T) {
	t.Parallel()
	s := Start(t)
	browser := runClient(t, "browser.mjs", s.URL, "dev", Chromium(t))
	runClient(t, "node.mjs", s.URL, "dev")
	var sent struct{ AnonymousID string }
	if err := json.Unmarshal(browser, &sent); err != nil {
		t.Fatalf("%v: %s", err, browser)
	}
	stats := s.Drain()
	if stats.Quarantined > 0 || stats.InWarehouse != 14 {
		t.Errorf("14 calls were made; got %+v", stats)
	}

	var person struct {
		ID          string
		Traits      map[string]any
		Identifiers []struct{ Kind, Value string }
	}
	s.Call(http.MethodGet, "/api/v1/persons/user_id:u-42", nil, &person)
	for kind, value := range map[string]string{
		"user_id": "u-42", "anonymous_id": sent.AnonymousID, "email": "u42@example.com", "phone": "+8613800138001",
	} {
		if !slices.ContainsFunc(person.Identifiers, func(i struct{ Kind, Value string }) bool { return i.Kind == kind && i.Value == value }) {
			t.Errorf("the person lacks %s %q: %v", kind, value, person.Identifiers)
		}
	}
	for trait, want := range map[string]any{"name": "王小明", "city": "上海", "plan": "pro 🚗"} {
		if person.Traits[trait] != want {
			t.Errorf("trait %s is %v, want %v", trait, person.Traits[trait], want)
		}
	}
	checkSamePerson(t, s, person.ID, "user_id:legacy-42", "anonymous_id:"+sent.AnonymousID, "email:u42@example.com")
	checkTimeline(t, s)
}

func checkSamePerson(t *testing.T, s *Server, id string, refs ...string) {
	t.Helper()
	for _, ref := range refs {
		var other struct{ ID string }
		s.Call(http.MethodGet, "/api/v1/persons/"+ref, nil, &other)
		if other.ID != id {
			t.Errorf("%s is %s, not %s", ref, other.ID, id)
		}
	}
}

func checkTimeline(t *testing.T, s *Server) {
	t.Helper()
	var timeline struct {
		Items []struct {
			Type, Event string
			Time        time.Time
		}
	}
	s.Call(http.MethodGet, "/api/v1/persons/user_id:u-42/events?limit=100", nil, &timeline)
	types := map[string]int{}
	for i, e := range timeline.Items {
		types[e.Type]++
		if age := time.Since(e.Time); age < -time.Minute || age > 10*time.Minute {
			t.Errorf("%s %q is dated %s", e.Type, e.Event, e.Time)
		}
		if i > 0 && e.Time.After(timeline.Items[i-1].Time) {
			t.Errorf("the timeline is not newest first at %d", i)
		}
	}
	want := map[string]int{"track": 4, "identify": 2, "page": 2, "screen": 2, "group": 2, "alias": 2}
	for typ, n := range want {
		if types[typ] != n {
			t.Errorf("the timeline has %d %s calls, want %d", types[typ], typ, n)
		}
	}
}

// Chromium returns the path of the system's Chromium.
func Chromium(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	Missing(t, "Chromium")
	return ""
}

// runClient runs one of the scripts in clients/ and returns what it printed.
func runClient(t *testing.T, script string, args ...string) []byte {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		Missing(t, "Node.js")
	}
	if _, err := os.Stat("clients/node_modules"); err != nil {
		Missing(t, "apptest/clients/node_modules (run `npm ci` there)")
	}
	cmd := exec.Command("node", append([]string{script}, args...)...)
	cmd.Dir = "clients"
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if ee, ok := err.(*exec.ExitError); ok { //nolint:errorlint // Output returns it bare
			exit = ee
		}
		if exit != nil {
			t.Fatalf("%s: %v\n%s%s", script, err, out, exit.Stderr)
		}
		t.Fatalf("%s: %v", script, err)
	}
	return out
}

// browser returns where Chromium is and the folder for pictures of the console: that of
// TOUCHSTONE_SCREENSHOTS, or one that goes with the test. It needs the console's build. The test
// runs beside others: a page waits for its server, and the script for the page.
func browser(t *testing.T) (chromium, shots string) {
	t.Helper()
	t.Parallel()
	chromium = Chromium(t)
	if _, err := os.Stat("../console/ui/dist/index.html"); err != nil {
		Missing(t, "the console's build (run `make ui`)")
	}
	if shots = os.Getenv("TOUCHSTONE_SCREENSHOTS"); shots == "" {
		shots = t.TempDir()
	}
	return chromium, shots
}
