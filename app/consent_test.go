package app

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/tidwall/gjson"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/activation"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/consent"
)

// Every route, job and deliverer says for which use it shows or acts on persons, or why nobody is asked. (A
// route that does not is closed: see the console.)
func TestEverythingSaysWhatItServes(t *testing.T) {
	a := openForTest(t)
	for _, res := range a.console.Resources() {
		for i := range res.Routes {
			if rt := &res.Routes[i]; !res.ServesOf(rt).Said() {
				t.Errorf("%s %s does not say what it serves: give it, or its resource, Serves", rt.Method, rt.Path)
			}
		}
	}
	for _, k := range a.jobKinds() {
		if !k.Serves.Said() {
			t.Errorf("jobs of the kind %s do not say what they serve", k.Name)
		}
	}
	for _, d := range a.deliverers() {
		if !d.Serves().Said() {
			t.Errorf("the deliverer of %s does not say what it serves", d.Kind())
		}
	}
}

// A route of which nobody says what it serves answers nobody.
func TestARouteThatSaysNothingIsClosed(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Data, cfg.Listen, cfg.Dev, cfg.MemoryLimit = t.TempDir(), "127.0.0.1:0", true, 0
	route := api.Route{Method: http.MethodGet, Path: "/stamps/{ref}", Need: "people:read", Rows: api.Impersonal, Handle: func(w http.ResponseWriter, _ *http.Request) error {
		return api.WriteJSON(w, http.StatusOK, map[string]any{})
	}}
	res := (&stamps{}).resource()
	res.Serves, res.Routes = touchstone.Serves{}, []api.Route{route}
	a, err := newWith(t.Context(), cfg, slog.New(slog.DiscardHandler), slots{resources: []api.Resource{res}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.console.Close(); a.backups.Close(); _ = a.engines.close() })
	w, r := httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v1/stamps/p_1", nil)
	r.RemoteAddr = "127.0.0.1:1"
	r.Header.Set("Authorization", "Bearer dev")
	a.newServer().Handler.ServeHTTP(w, r)
	if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "does not say for which use") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// state is a state of consent that a person can be in.
type state struct {
	name   string
	choice consent.Decision // about every purpose of the matrix but for those of except; "": none
	except string           // of which nothing is said
	all    bool             // agreed to all by one category of a consent manager
	child  bool
	refuse string // a purpose that events serve, refused afterwards
}

var consentStates = []state{
	{name: "undecided"},
	{name: "granted", choice: consent.Granted},
	{name: "generic", choice: consent.NonPersonalised},
	{name: "denied", choice: consent.Denied},
	{name: "child", choice: consent.Granted, except: "guardian", child: true},
	{name: "guarded", choice: consent.Granted, child: true},
	{name: "ordinary", all: true},
	{name: "pseudonymised", choice: consent.Granted, refuse: "counted"},
	{name: "left_out", choice: consent.Granted, refuse: "kept"},
}

// Who is shown, acted on and told of under each sort of purpose. It is written down here, and not asked of the gate.
// Who agrees to all by a category has agreed to no purpose that needs a consent of its own.
var consentMatrix = []struct {
	name                string
	key, basis, class   string
	undecided, ordinary bool // whether they are, beside those who have agreed
	everybody           bool
}{
	{name: "opt in", key: "in", basis: "opt_in", ordinary: true},
	{name: "opt out", key: "out", basis: "opt_out", ordinary: true, undecided: true},
	{name: "personalised, opt in", key: "personal_in", basis: "opt_in", class: "personalised", ordinary: true},
	{name: "personalised, opt out", key: "personal_out", basis: "opt_out", class: "personalised", ordinary: true, undecided: true},
	{name: "shared", key: "shared", basis: "opt_in", class: "sharing"},
	{name: "location", key: "location", basis: "opt_in", class: "location"},
	{name: "biometric", key: "biometric", basis: "opt_in", class: "biometric"},
	{name: "under 14", key: "guardian", basis: "opt_in", class: "minor"},
	{name: "necessary", key: "needed", basis: "necessary", everybody: true},
}

// seenUnder returns the states of those who are seen under a row.
func seenUnder(row int) (seen []string) {
	r := consentMatrix[row]
	seen = []string{"granted", "guarded", "left_out", "pseudonymised"}
	if r.ordinary {
		seen = append(seen, "ordinary")
	}
	if r.undecided {
		seen = append(seen, "undecided")
	}
	if r.everybody {
		seen = append(seen, "child", "denied", "generic", "ordinary", "undecided")
	}
	slices.Sort(seen)
	return seen
}

func without(states []string, out ...string) []string {
	return slices.DeleteFunc(slices.Clone(states), func(s string) bool { return slices.Contains(out, s) })
}

// matrixPolicy has all purposes of the matrix, and the uses serve one of them. Events serve a purpose that keeps those of who
// refuses it as nobody's, and such of the name Dropped one that does not.
func matrixPolicy(use string) string {
	const text = `,"title":{"zh":"一","en":"One"},"text":{"zh":"一","en":"One"}}`
	purposes := []string{`{"key":"counted","basis":"opt_out"` + text, `{"key":"kept","basis":"opt_out"` + text}
	var ordinary []string
	for _, row := range consentMatrix {
		purposes = append(purposes, fmt.Sprintf(`{"key":%q,"basis":%q,"class":%q`, row.key, row.basis, row.class)+text)
		if row.ordinary || row.everybody {
			ordinary = append(ordinary, strconv.Quote(row.key))
		}
	}
	return fmt.Sprintf(`{"policy":{"purposes":[%s],"categories":{"Everything":[%s]},"refused":"pseudonymise","collected":[{"event":"Dropped","purpose":"kept"}],
		"uses":{"collect":"counted","analyse":%[3]q,"act":%[3]q,"share":%[3]q,"personalise":%[3]q}},"note":""}`, strings.Join(purposes, ","), strings.Join(ordinary, ","), use)
}

// matrix is a running server with a person in each state, a segment of all of them, a webhook that tells
// of it, and a program with a key.
type matrix struct {
	*running
	t       *testing.T
	key     string
	persons map[string]string // state by id
	segment string
	hook    string
	watched int // times

	mu    sync.Mutex
	calls string // bodies
}

// Each route, job and deliverer that serves a use × each state of consent × each sort of purpose. They are found in
// app's lists; one without a probe fails.
func TestConsentMatrix(t *testing.T) {
	m := &matrix{running: run(t), t: t, persons: map[string]string{}}
	m.prepare()
	for _, res := range m.console.Resources() {
		for i := range res.Routes {
			rt := &res.Routes[i]
			if serves := res.ServesOf(rt); serves.Use == "" {
				continue
			}
			name := rt.Method + " " + rt.Path
			if routeProbes[name] == nil {
				t.Errorf("%s serves %s: add a probe of it to the consent matrix", name, res.ServesOf(rt).Use)
			}
		}
	}
	for _, k := range m.jobKinds() {
		if k.Serves.Use != "" && k.Name != "segment.export" && k.Name != activation.JobKind {
			t.Errorf("jobs of the kind %s serve %s: add a probe of it to the consent matrix", k.Name, k.Serves.Use)
		}
	}
	for _, d := range m.deliverers() {
		if d.Serves().Use != "" && d.Kind() != "webhook" {
			t.Errorf("the deliverer of %s serves %s: add a probe of it to the consent matrix", d.Kind(), d.Serves().Use)
		}
	}
	for n, row := range consentMatrix {
		t.Run(row.name, func(t *testing.T) {
			m.t = t
			m.policy(row.key)
			seen := seenUnder(n)
			for name, probe := range routeProbes {
				want := seen
				if name == "GET /live/changes" { // what nobody does is no change of somebody
					want = without(seen, "pseudonymised")
				}
				if got := probe(m); !slices.Equal(got, want) {
					t.Errorf("%s shows %q, not %q", name, got, want)
				}
			}
			// Children are in no file and no call, whatever was agreed to: households see to it.
			adults := without(seen, "child", "guarded")
			if got := m.export(); !slices.Equal(got, adults) {
				t.Errorf("a file holds %q, not %q", got, adults)
			}
			if got := m.activate(n); !slices.Equal(got, adults) {
				t.Errorf("an activation sends %q, not %q", got, adults)
			}
			if got, want := m.tell(n), without(adults, "pseudonymised"); !slices.Equal(got, want) {
				t.Errorf("a webhook tells of %q, not %q", got, want)
			}
		})
	}
}

// routeProbes ask a route as a program would, and return the states of the persons whom the answers show.
var routeProbes = map[string]func(m *matrix) []string{
	"GET /persons":               func(m *matrix) []string { return m.in(m.ask("GET", "/persons?limit=100", "")) },
	"GET /persons/{ref}":         func(m *matrix) []string { return m.each("") },
	"GET /persons/{ref}/events":  func(m *matrix) []string { return m.each("/events") },
	"GET /segments/{id}/members": func(m *matrix) []string { return m.in(m.ask("GET", "/segments/"+m.segment+"/members", "")) },
	"GET /segments/{id}/changes": func(m *matrix) []string { return m.in(m.ask("GET", "/segments/"+m.segment+"/changes", "")) },
	"POST /segments/preview": func(m *matrix) []string {
		return m.in(m.ask("POST", "/segments/preview", `{"rule":{"trait":"state","op":"exists"}}`))
	},
	"POST /audience/count": func(m *matrix) []string {
		return m.in(m.ask("POST", "/audience/count", `{"rule":{"trait":"state","op":"exists"},"fresh":true}`))
	},
	"POST /audience/overlap": func(m *matrix) []string {
		return m.in(m.ask("POST", "/audience/overlap", `{"sets":[{"segment":"`+m.segment+`"},{"rule":{"trait":"state","op":"exists"}}],"sample":{"in":[0,1]}}`))
	},
	"POST /query/people": func(m *matrix) []string {
		return m.in(m.ask("POST", "/query/people", `{"query":{"kind":"trend","from":"2020-01-01T00:00:00Z","to":"2040-01-01T00:00:00Z","interval":"total","series":[{"event":"$identify","measure":"persons"}]},"select":{"series":0}}`))
	},
	"POST /query/households": func(m *matrix) []string {
		return m.in(m.ask("POST", "/query/households", `{"query":{"kind":"trend","from":"2020-01-01T00:00:00Z","to":"2040-01-01T00:00:00Z","interval":"total","series":[{"event":"$identify","measure":"persons"}]},"select":{"series":0}}`))
	},
	"GET /live/changes": func(m *matrix) []string { return m.live() },
}

func (m *matrix) prepare() {
	t := m.t
	_, text := m.post("/api/v1/api-keys", `{"name":"program","scopes":["read","write"]}`, "Authorization", "Bearer dev", "Content-Type", "application/json")
	var key struct {
		Key string `json:"key"`
	}
	if err := json.Unmarshal([]byte(text), &key); err != nil || key.Key == "" {
		t.Fatal(err, text)
	}
	m.key = key.Key
	m.policy("personal_in")
	_, text = m.post("/api/v1/segments", `{"name":"everybody","rule":{"trait":"state","op":"exists"}}`, "Authorization", "Bearer dev", "Content-Type", "application/json")
	var made struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal([]byte(text), &made); err != nil {
		t.Fatal(err, text)
	}
	m.segment = made.ID
	until(t, "the segment is built", func() bool {
		_, text := m.get("/api/v1/segments/" + m.segment)
		return strings.Contains(text, `"status":"live"`)
	})
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		m.mu.Lock()
		defer m.mu.Unlock()
		m.calls += string(body)
	}))
	t.Cleanup(receiver.Close)
	_, text = m.post("/api/v1/webhooks", fmt.Sprintf(`{"name":"partner","url":%q,"segments":["*"],"events":["segment.entered"],"identifiers":"none"}`, receiver.URL), "Authorization", "Bearer dev", "Content-Type", "application/json")
	if err := json.Unmarshal([]byte(text), &made); err != nil || made.ID == "" {
		t.Fatal(err, text)
	}
	m.hook = made.ID
	for i := range consentStates {
		m.track(consentStates[i].events()...)
	}
	for _, one := range consentStates {
		until(t, one.name+" is known", func() bool {
			p, err := m.graph.Resolve(context.Background(), "user_id:"+one.name)
			if err == nil {
				m.persons[p.String()] = one.name
			}
			return err == nil
		})
		if one.child {
			until(t, "it is known who is a child", func() bool {
				_, text := m.get("/api/v1/persons/user_id:" + one.name + "/consents")
				return strings.Contains(text, `"minor":true`)
			})
		}
	}
	until(t, "everybody is in the segment", func() bool { return m.members(m.segment) == len(consentStates) })
	until(t, "all live in one household", func() bool {
		_, text := m.get("/api/v1/households")
		return len(m.in(text)) == len(consentStates)
	})
	// What was refused is counted as nobody's, or not at all: three events of the one (with that which refuses), none of
	// the other.
	until(t, "refused events are nobody's", func() bool {
		return m.count("person LIKE 'nobody_%'") == 3 && m.count("event = 'Counted'") == 1 && m.count("event = 'Said'") == 2
	})
	if n := m.count("event = 'Dropped'"); n != 0 {
		t.Errorf("%d events are kept of who refused them", n)
	}
}

// count counts events in the warehouse.
func (m *matrix) count(where string) int {
	m.t.Helper()
	body, err := json.Marshal(map[string]string{"kind": "sql", "sql": "SELECT count(*) FROM events WHERE " + where})
	if err != nil {
		m.t.Fatal(err)
	}
	status, text := m.send("POST", "/api/v1/query", string(body), "Bearer dev")
	var answer struct{ Rows [][]int }
	if err := json.Unmarshal([]byte(text), &answer, json.MatchCaseInsensitiveNames(true)); err != nil || len(answer.Rows) != 1 {
		m.t.Fatal(status, text, err)
	}
	return answer.Rows[0][0]
}

// members returns how many a segment has.
func (m *matrix) members(segment string) int {
	m.t.Helper()
	_, text := m.get("/api/v1/segments/" + segment)
	var answer struct{ Members int }
	if err := json.Unmarshal([]byte(text), &answer, json.MatchCaseInsensitiveNames(true)); err != nil {
		m.t.Fatal(text, err)
	}
	return answer.Members
}

// track sends events, which are JSON.
func (m *matrix) track(events ...string) {
	m.t.Helper()
	status, text := m.post("/v1/batch", `{"batch":[`+strings.Join(events, ",")+`]}`, "Authorization", "Basic ZGV2Og==", "Content-Type", "application/json")
	if status != http.StatusOK {
		m.t.Fatal(status, text)
	}
}

// events are those of a person in a state: who it is, with what was decided, and what comes behind a refusal.
func (s *state) events() []string {
	traits := fmt.Sprintf(`{"state":%q,"address":"上海市徐汇区漕溪路1号2幢301室"}`, s.name)
	if s.child {
		traits = fmt.Sprintf(`{"state":%q,"address":"上海市徐汇区漕溪路1号2幢301室","birthday":%q}`, s.name, touchstone.SystemClock{}.Now().AddDate(-7, 0, 0).Format("2006-01-02"))
	}
	said := ""
	switch {
	case s.all:
		said = `,"context":{"consent":{"categoryPreferences":{"Everything":true}}}`
	case s.choice != "":
		var purposes []string
		for _, row := range consentMatrix {
			if row.key != s.except {
				purposes = append(purposes, fmt.Sprintf(`%q:%q`, row.key, s.choice))
			}
		}
		said = fmt.Sprintf(`,"context":{"consent":{"purposes":{%s}}}`, strings.Join(purposes, ","))
	}
	list := []string{fmt.Sprintf(`{"type":"identify","userId":%q,"messageId":"m-%[1]s","traits":%s%s}`, s.name, traits, said)}
	if s.refuse != "" {
		list = append(list, fmt.Sprintf(`{"type":"track","event":"Said","userId":%q,"context":{"consent":{"purposes":{%q:false}}}}`, s.name, s.refuse))
	}
	switch s.refuse {
	case "counted":
		list = append(list, fmt.Sprintf(`{"type":"track","event":"Counted","userId":%q,"messageId":"secret-1","properties":{"mark":"secret-2"}}`, s.name),
			fmt.Sprintf(`{"type":"identify","userId":%q,"messageId":"secret-3","traits":{"mark":"secret-4"}}`, s.name))
	case "kept":
		list = append(list, fmt.Sprintf(`{"type":"track","event":"Dropped","userId":%q,"messageId":"secret-5","properties":{"mark":"secret-6"}}`, s.name))
	}
	return list
}

// policy has the uses serve a purpose.
func (m *matrix) policy(purpose string) {
	m.t.Helper()
	status, text := m.send("PUT", "/api/v1/consent/policy", matrixPolicy(purpose), "Bearer dev")
	if status != http.StatusOK {
		m.t.Fatal(status, text)
	}
}

func (m *matrix) send(method, path, body, credential string) (int, string) {
	m.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, m.url+path, strings.NewReader(body))
	if err != nil {
		m.t.Fatal(err)
	}
	req.Header.Set("Authorization", credential)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		m.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		m.t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// ask asks with the program's key.
func (m *matrix) ask(method, path, body string) string {
	m.t.Helper()
	status, text := m.send(method, "/api/v1"+path, body, "Bearer "+m.key)
	if status != http.StatusOK {
		m.t.Fatal(path, status, text)
	}
	return text
}

// in returns the states of the persons that a text names. What is nobody's, or was not taken in, is in no text.
func (m *matrix) in(text string) (states []string) {
	for _, never := range []string{"secret-", "nobody_"} {
		if strings.Contains(text, never) {
			m.t.Errorf("%q is told in %.2000s", never, text)
		}
	}
	for id, state := range m.persons {
		if strings.Contains(text, `"`+id+`"`) || strings.Contains(text, "\n"+id+",") {
			states = append(states, state)
		}
	}
	slices.Sort(states)
	return states
}

// each asks about the persons one by one.
func (m *matrix) each(rest string) (states []string) {
	for id, state := range m.persons {
		switch status, text := m.send("GET", "/api/v1/persons/"+id+rest, "", "Bearer "+m.key); status {
		case http.StatusOK:
			m.in(text)
			states = append(states, state)
		case http.StatusForbidden:
		default:
			m.t.Fatal(status, text)
		}
	}
	slices.Sort(states)
	return states
}

// activate sends the segment to a file.
func (m *matrix) activate(n int) []string {
	_, text := m.post("/api/v1/activations", fmt.Sprintf(`{"name":"list %d","segment":%q,"format":"csv","kinds":["user_id"]}`, n, m.segment), "Authorization", "Bearer dev", "Content-Type", "application/json")
	return m.fileOf(fmt.Sprintf(`{"kind":"activation.send","input":{"activation":%q}}`, gjson.Get(text, "id").String()))
}

// export makes a file of the segment.
func (m *matrix) export() []string {
	return m.fileOf(fmt.Sprintf(`{"kind":"segment.export","input":{"segment":%q}}`, m.segment))
}

// fileOf returns the states of those whom the file of a job names.
func (m *matrix) fileOf(request string) []string {
	_, text := m.post("/api/v1/jobs", request, "Authorization", "Bearer dev", "Content-Type", "application/json")
	var job struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal([]byte(text), &job); err != nil || job.ID == "" {
		m.t.Fatal(err, text)
	}
	until(m.t, "the file is there", func() bool {
		_, text = m.get("/api/v1/jobs/" + job.ID)
		return strings.Contains(text, `"status":"done"`)
	})
	_, text = m.get("/api/v1/jobs/" + job.ID + "/file")
	return m.in(text)
}

// enter has everybody enter a segment of its own.
func (m *matrix) enter(trait string) {
	_, text := m.post("/api/v1/segments", fmt.Sprintf(`{"name":%q,"rule":{"trait":%[1]q,"op":"exists"}}`, trait), "Authorization", "Bearer dev", "Content-Type", "application/json")
	var made struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal([]byte(text), &made); err != nil {
		m.t.Fatal(err, text)
	}
	until(m.t, "the segment is built", func() bool {
		_, text := m.get("/api/v1/segments/" + made.ID)
		return strings.Contains(text, `"status":"live"`)
	})
	for _, state := range m.persons {
		m.track(fmt.Sprintf(`{"type":"identify","userId":%q,"traits":{%q:1}}`, state, trait))
	}
	until(m.t, "all have entered but for who is not counted by name", func() bool { return m.members(made.ID) == len(consentStates)-1 })
}

// tell has everybody enter a segment, and returns of whom the receiver hears. Whom it does not hear of is withheld,
// which is seen in the list of what was sent.
func (m *matrix) tell(n int) []string {
	m.mu.Lock()
	m.calls = ""
	m.mu.Unlock()
	m.enter(fmt.Sprintf("told_%d", n))
	until(m.t, "nothing waits", func() bool { return m.settled() && m.settled() })
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.in(m.calls)
}

// settled reports whether all entries have been told of, or not: first by the reactor, then by the deliverer.
func (m *matrix) settled() bool {
	list, err := m.inbox.Progress(context.Background())
	if err != nil {
		m.t.Fatal(err)
	}
	for i := range list {
		if list[i].Waiting > 0 {
			return false
		}
	}
	q, err := m.outbox.Queue(context.Background(), "webhook", m.hook)
	if err != nil {
		m.t.Fatal(err)
	}
	return q.Waiting == 0
}

// live watches changes while everybody enters a segment.
func (m *matrix) live() []string {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, m.url+"/api/v1/live/changes", nil)
	if err != nil {
		m.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+m.key)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		m.t.Fatal(err)
	}
	var mu sync.Mutex
	var text strings.Builder
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer res.Body.Close()
		chunk := make([]byte, 4096)
		for {
			n, err := res.Body.Read(chunk)
			mu.Lock()
			text.Write(chunk[:n])
			mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	m.watched++
	entered := fmt.Sprintf("live_%d", m.watched)
	m.enter(entered)
	// Somebody who agrees to everything leaves last, which is told behind all entries.
	m.track(fmt.Sprintf(`{"type":"identify","userId":"granted","traits":{%q:null}}`, entered))
	told := func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.DeleteFunc(strings.Split(text.String(), "\n\n"), func(change string) bool {
			return !strings.Contains(change, `"`+entered+`"`) // it begins with what came before
		})
	}
	until(m.t, "the feed has come to the end", func() bool {
		return slices.ContainsFunc(told(), func(change string) bool { return strings.Contains(change, "segment_left") })
	})
	stop()
	<-done
	return m.in(strings.Join(told(), "\n\n"))
}
