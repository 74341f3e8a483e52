package apptest

import (
	"bytes"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	_ "github.com/mattn/go-sqlite3"
)

// The texts that say who Ann is. Nobody else has one of them.
var (
	annIs   = []string{"13912345678", "ann.lin@example.com", "ann-7421", "林安娜", "ann-phone-5f0c", "order-ann-1"}
	annRefs = []string{"phone:+8613912345678", "email:ann.lin@example.com", "user_id:ann-7421", "anonymous_id:ann-phone-5f0c"}
)

// erasure is a server on which Ann and Bob have lived: they share a tablet, which is Bob's.
type erasure struct {
	*Server
	t                testing.TB
	id               string // Ann's
	buyers, city     string
	others           string // a segment of Bob
	deaf             *hookReceiver
	hook             hook
	answers          bool // whether the receiver takes calls
	bob              []string
	bobEvents, total int64
	exports          []string // jobs whose files hold Ann, and one that does not
}

func liveWithAnn(t *testing.T, s *Server) *erasure {
	e := &erasure{Server: s, t: t, deaf: newHookReceiver(t), bobEvents: 4}
	e.buyers = s.CreateSegment("buyers", DidEvent("Order Completed", 1, "")).ID
	e.city = s.CreateSegment("in Hangzhou", map[string]any{"trait": "city", "op": "eq", "value": "杭州"}).ID
	e.others = s.CreateSegment("Bobs", map[string]any{"trait": "name", "op": "eq", "value": "Bob"}).ID
	e.deaf.answer = func() int {
		if e.answers {
			return http.StatusOK
		}
		return http.StatusBadGateway
	}
	e.hook = s.CreateWebhook("crm", e.deaf.URL, e.buyers, map[string]any{"identifiers": "full"})
	e.deaf.trust(t, e.hook.Secret)
	ann := map[string]any{"phone": "+8613912345678", "email": "ann.lin@example.com", "name": "林安娜", "city": "杭州"}
	s.Track(
		Event{"type": "identify", "messageId": "b1", "userId": "bob", "anonymousId": "tablet", "traits": map[string]any{"name": "Bob", "city": "杭州"}},
		Event{"type": "track", "messageId": "b2", "userId": "bob", "anonymousId": "tablet", "event": "Order Completed", "properties": map[string]any{"revenue": 7}},
		Event{"type": "track", "messageId": "a0", "anonymousId": "ann-phone-5f0c", "event": "Viewed", "properties": map[string]any{"page": "/p"}},
		Event{"type": "identify", "messageId": "a1", "userId": "ann-7421", "anonymousId": "ann-phone-5f0c", "traits": ann},
	)
	s.Drain()
	s.Track(
		Event{"type": "track", "messageId": "a2", "userId": "ann-7421", "event": "Order Completed", "properties": map[string]any{"order_id": "order-ann-1", "revenue": 99, "contact": "13912345678"}},
		Event{"type": "track", "messageId": "a3", "userId": "ann-7421", "anonymousId": "tablet", "event": "Viewed"},
		Event{"type": "track", "messageId": "b3", "userId": "bob", "anonymousId": "tablet", "event": "Viewed"},
		Event{"type": "track", "messageId": "b4", "anonymousId": "tablet", "event": "Viewed"},
	)
	s.Drain()
	e.id = s.Person("user_id:ann-7421").ID
	if got := s.Person("email:ann.lin@example.com").ID; got != e.id || s.Person("user_id:bob").ID == e.id || s.Person("anonymous_id:tablet").ID == e.id {
		t.Fatalf("Ann is %s and %s; Bob is %s", e.id, got, s.Person("user_id:bob").ID)
	}
	Eventually(t, time.Minute, "Ann is found, is in both segments and is waited for by the webhook", func() bool {
		var h hook
		s.Call(http.MethodGet, "/api/v1/webhooks/"+e.hook.ID, nil, &h)
		_, buys := s.Members(e.buyers)[e.id]
		_, lives := s.Members(e.city)[e.id]
		return h.Queue.Waiting == 2 && buys && lives && len(s.Members(e.others)) == 1
	})
	for _, text := range annIs[:5] {
		checkSearch(t, s, e.id, text)
	}
	if n := e.number("SELECT count(*) FROM events WHERE person = '" + e.id + "'"); n != 4 {
		t.Fatalf("the warehouse has %d events of Ann", n)
	}
	for _, segment := range []string{e.city, e.buyers, e.others} {
		j := s.AwaitJob(s.StartJob("segment.export", map[string]any{"segment": segment, "columns": []string{"id.phone", "id.email", "trait.name"}}).ID)
		if holds := e.says(s.download(j.ID), false) != ""; holds != (segment != e.others) {
			t.Fatalf("the export of %s holds Ann: %v", segment, holds)
		}
		e.exports = append(e.exports, j.ID)
	}
	e.bob = e.portrait()
	return e
}

func (e *erasure) number(query string) int64 { e.t.Helper(); return e.Number("%s", query) }

// portrait is all that is known of Bob and of the tablet.
func (e *erasure) portrait() []string {
	e.t.Helper()
	lines := portrait(e.Server, "user_id:bob", "anonymous_id:tablet")
	for _, segment := range []string{e.buyers, e.city} {
		at, in := e.Members(segment)[e.Person("user_id:bob").ID]
		lines = append(lines, fmt.Sprint(segment, in, at.UnixMilli()))
	}
	return lines
}

// erase asks for it, and is killed in the middle once.
func (e *erasure) erase(kill time.Duration) {
	e.t.Helper()
	path, body := "/api/v1/persons/"+e.id+"/erase", map[string]any{"confirm": e.id}
	if kill >= 0 {
		asked := make(chan string, 1)
		go func() {
			status, err := e.Do(http.MethodPost, path, body, nil)
			asked <- fmt.Sprint(status, err)
		}()
		time.Sleep(kill)
		e.Kill()
		e.t.Logf("killed after %s; the answer was %.120s", kill, <-asked)
		e.Launch()
	}
	Eventually(e.t, time.Minute, "Ann is erased", func() bool { // as whoever asked would: until it is so
		status, err := e.Do(http.MethodPost, path, body, nil)
		if err != nil && status != http.StatusNotFound {
			e.t.Logf("the erasure is answered with %v", err)
		}
		return status == http.StatusNotFound
	})
	Eventually(e.t, time.Minute, "the warehouse hears of it", func() bool {
		return e.number("SELECT count(*) FROM events") == e.bobEvents
	})
}

// nothing asks everywhere for what says who Ann is.
func (e *erasure) nothing() {
	e.t.Helper()
	for _, ref := range append(slices.Clone(annRefs), e.id) {
		for _, what := range []string{"", "/events", "/identity", "/export"} {
			if status, err := e.Do(http.MethodGet, "/api/v1/persons/"+url.PathEscape(ref)+what, nil, nil); status != http.StatusNotFound {
				e.t.Errorf("%s%s is answered with %d, %v", ref, what, status, err)
			}
		}
	}
	for _, text := range annIs {
		var page struct{ Items []struct{ ID string } }
		e.Call(http.MethodGet, "/api/v1/persons?q="+url.QueryEscape(text), nil, &page)
		if len(page.Items) != 0 {
			e.t.Errorf("a search for %q finds %v", text, page.Items)
		}
	}
	for _, path := range []string{"/persons", "/segments/" + e.buyers + "/members", "/segments/" + e.city + "/changes", "/segments/" + e.city + "/members", "/segments/" + e.buyers + "/changes",
		"/catalogue/values?trait=name", "/catalogue/values?trait=phone", "/catalogue/values?trait=email", "/catalogue/values?property=contact", "/catalogue/values?property=order_id",
		"/catalogue/events", "/identity/suggestions", "/quarantine", "/live/events", "/webhooks/" + e.hook.ID + "/deliveries"} {
		e.silent(path, true)
	}
	for _, path := range []string{"/audit", "/commands", "/live/changes"} {
		e.silent(path, false) // they tell that a number was erased
	}
	for i, id := range e.exports {
		status, text := e.ask(http.MethodGet, "/jobs/"+id+"/file", "")
		if holds := i < 2; holds != (status == http.StatusNotFound) || holds != strings.Contains(text, "erased") || e.says(text, true) != "" {
			e.t.Errorf("the file of an export that held Ann (%v) is answered with %d %s", holds, status, text)
		}
	}
	if n := e.Segment(e.buyers).Members; n != 1 {
		e.t.Errorf("there are %d buyers", n)
	}
	export := e.download(e.AwaitJob(e.StartJob("segment.export", map[string]any{"segment": e.city, "columns": []string{"name", "id.user_id", "id.phone", "id.email", "trait.phone", "events"}}).ID).ID)
	if e.says(export, true) != "" || !strings.Contains(export, "Bob") {
		e.t.Errorf("the export is %s", export)
	}
	for _, query := range []string{"SELECT * FROM events", "SELECT * FROM events_raw"} {
		if status, text := e.ask(http.MethodPost, "/query", fmt.Sprintf(`{"kind":"sql","sql":%q}`, query)); e.says(text, true) != "" || status >= 500 {
			e.t.Errorf("%s finds %d %s", query, status, text)
		}
	}
}

// says returns what of Ann a text holds.
func (e *erasure) says(text string, number bool) string {
	for _, is := range annIs {
		if strings.Contains(text, is) {
			return is
		}
	}
	if number && strings.Contains(text, `"`+e.id+`"`) {
		return e.id
	}
	return ""
}

func (e *erasure) silent(path string, number bool) {
	e.t.Helper()
	status, text := e.ask(http.MethodGet, path, "")
	if is := e.says(text, number); is != "" || status >= 500 {
		e.t.Errorf("%s is answered with %d and says %q: %.1500s", path, status, is, text)
	}
}

func (e *erasure) ask(method, path, body string) (int, string) {
	e.t.Helper()
	req, err := http.NewRequest(method, e.URL+"/api/v1"+path, strings.NewReader(body))
	if err != nil {
		e.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer dev")
	resp, err := e.http.Do(req)
	if err != nil {
		e.t.Fatal(err)
	}
	defer resp.Body.Close()
	live := strings.HasPrefix(path, "/live/")
	if live { // it never ends
		defer time.AfterFunc(time.Second, func() { resp.Body.Close() }).Stop()
	}
	var text bytes.Buffer
	if _, err := text.ReadFrom(resp.Body); err != nil && !live {
		e.t.Fatal(err)
	}
	return resp.StatusCode, text.String()
}

// files asks the store's file itself, once it has been packed: free pages are not promised.
func (e *erasure) files() {
	e.t.Helper()
	path := filepath.Join(e.Data, "store.db")
	db, err := sql.Open("sqlite3", path)
	if err != nil {
		e.t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range []string{"VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"} {
		if _, err := db.Exec(statement); err != nil {
			e.t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		e.t.Fatal(err)
	}
	exports, err := filepath.Glob(filepath.Join(e.Data, "jobs", "job_*", "*.csv"))
	if err != nil || len(exports) != 2 { // of Bob, and that of everybody that was made afterwards
		e.t.Errorf("the files of exports are %v, %v", exports, err)
	}
	for _, path := range exports {
		if text, err := os.ReadFile(path); err != nil || e.says(string(text), false) != "" {
			e.t.Errorf("%s says %s, %v", path, text, err)
		}
	}
	if !bytes.Contains(text, []byte("tablet")) {
		e.t.Error("the store's file does not say what it should: nothing is shown by what it does not say")
	}
	for _, is := range annIs {
		if at := bytes.Index(text, []byte(is)); at >= 0 {
			e.t.Errorf("the store's file says %q: …%q…", is, text[max(0, at-300):min(len(text), at+100)])
		}
	}
}

// Somebody asks to be forgotten and is, also when the server is killed meanwhile, when the warehouse is
// lost, and when all is computed anew; whoever shared a device stays as he is. What comes later
// with the same phone is a person of whom nothing is known.
func TestErasureLeavesNothing(t *testing.T) {
	t.Parallel()
	s := Start(t)
	e := liveWithAnn(t, s)
	e.erase(time.Duration(rand.IntN(25)) * time.Millisecond) //nolint:gosec // any moment will do
	e.same("the erasure")
	e.nothing()
	e.answers = true
	s.Call(http.MethodPost, "/api/v1/webhooks/"+e.hook.ID+"/resume", nil, nil)
	Eventually(t, time.Minute, "what waits for the webhook is told", func() bool { return e.deaf.count() == 1 })
	for _, body := range e.deaf.bodies {
		if is := e.says(body, true); is != "" {
			t.Errorf("the webhook is told %s", body)
		}
	}
	s.Stop()
	e.files()
	e.lose("warehouse.duckdb*")
	s.Launch()
	e.wait(e.bobEvents)
	e.same("the loss of the warehouse")
	e.nothing()

	s.Track(Event{"type": "track", "messageId": "c1", "event": "Viewed", "context": map[string]any{"traits": map[string]any{"phone": "+8613912345678"}}})
	e.wait(e.bobEvents + 1)
	again := s.Person(annRefs[0])
	if again.ID == e.id || again.Counters.Events != 1 || len(again.Segments) != 0 || again.Traits["name"] != nil || len(s.Timeline(annRefs[0], 10)) != 1 {
		t.Errorf("who comes again with the phone is %+v", again)
	}
	for _, lost := range [][]string{{"warehouse.duckdb*"}, {"warehouse.duckdb*", "store.db*"}} {
		before := portrait(s, annRefs...)
		s.Stop()
		e.lose(lost...)
		s.Launch()
		e.wait(e.bobEvents + 1)
		if len(lost) == 1 {
			e.same("another loss")
		}
		if d := cmp.Diff(before, portrait(s, annRefs...)); d != "" {
			t.Errorf("after the loss of %v Ann is somebody else: %s", lost, d)
		}
	}
}

func (e *erasure) wait(events int64) {
	e.t.Helper()
	Eventually(e.t, time.Minute, fmt.Sprint("there are ", events, " events"), func() bool {
		return e.number("SELECT count(*) FROM events") == events && e.Stats().InWarehouse == events
	})
}

func (e *erasure) same(after string) {
	e.t.Helper()
	if d := cmp.Diff(e.bob, e.portrait()); d != "" {
		e.t.Errorf("after %s Bob is somebody else: %s", after, d)
	}
}

// On every shape the same is forgotten.
func testErasure(t *testing.T, shape Shape) {
	e := liveWithAnn(t, shape.Start(t))
	e.erase(-1)
	e.same("the erasure")
	e.nothing()
}
