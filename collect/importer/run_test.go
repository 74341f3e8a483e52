package importer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/s2"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/collect/intake"
)

// fakeServer takes imports as the management API does, and fails when it is told to.
type fakeServer struct {
	t testing.TB

	mu       sync.Mutex
	imports  map[string]*fakeImport // by fingerprint
	rows     map[string]int         // message id → how often it was appended
	rejected map[string]touchstone.Event
	events   int64
	fail     func(r *http.Request) string // "", "before", "after", "busy", "cut", "forget"
}

type fakeImport struct {
	id, status string
	next       int64
	mapping    json.RawMessage

	accepted, rejected int64
	reasons            *intake.Reasons
}

func newFakeServer(t testing.TB) (*fakeServer, *httptest.Server) {
	f := &fakeServer{t: t, imports: map[string]*fakeImport{}, rows: map[string]int{}, rejected: map[string]touchstone.Event{},
		fail: func(*http.Request) string { return "" }}
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return f, s
}

func (f *fakeServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.Header.Get("Authorization") != "Bearer key" {
		answer(w, 401, map[string]any{"title": "Unauthorized", "detail": "This key is not known.", "hint": "Make one."})
		return
	}
	what := f.fail(r)
	switch what {
	case "before":
		panic(http.ErrAbortHandler)
	case "busy":
		answer(w, 503, map[string]any{"detail": "The disk is nearly full."})
		return
	case "cut":
		_, _ = io.CopyN(io.Discard, r.Body, 100)
		panic(http.ErrAbortHandler)
	}
	status, body := f.handle(r, what)
	if what == "after" { // done, but the answer is lost
		panic(http.ErrAbortHandler)
	}
	answer(w, status, body)
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func (f *fakeServer) handle(r *http.Request, what string) (int, any) {
	path := strings.TrimPrefix(r.URL.Path, "/api/v1/")
	switch {
	case path == "stats":
		return 200, map[string]any{"accepted": f.events, "in_warehouse": f.events - int64(len(f.rejected)), "quarantined": len(f.rejected), "persons": 7}
	case path == "imports":
		var in Request
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			f.t.Error(err)
		}
		i := f.imports[in.Fingerprint]
		if i == nil {
			i = &fakeImport{id: fmt.Sprintf("imp_%d", len(f.imports)+1), status: "running", next: 1, mapping: in.Mapping, reasons: intake.NewReasons(100)}
			f.imports[in.Fingerprint] = i
		}
		return 200, i.show()
	case path == "imports/preview":
		n := int64(0)
		f.read(r, func(*touchstone.Event) { n++ })
		return 200, Persons{Created: n, Events: n}
	case path == "imports/check":
		var step Step
		reasons := intake.NewReasons(100)
		row, _ := strconv.ParseInt(r.URL.Query().Get("first_row"), 10, 64)
		f.read(r, func(e *touchstone.Event) {
			if step.Accepted++; e.Type == touchstone.Rejected {
				step.Accepted--
				step.Rejected++
				reasons.Add(intake.RowReason{Reason: e.Reason, Rows: 1, FirstRow: row})
				step.Refused = append(step.Refused, Refused{row, e.Reason})
			}
			row++
		})
		step.Reasons = reasons.List(100)
		return 200, step
	}
	for _, i := range f.imports {
		switch path {
		case "imports/" + i.id:
			return 200, i.show()
		case "imports/" + i.id + "/finish":
			i.status = "finished"
			return 200, i.show()
		case "imports/" + i.id + "/rows":
			if what == "forget" && i.next > 1 { // restored from a backup
				i.next = max(1, i.next-700)
			}
			return f.append(r, i)
		}
	}
	return 404, map[string]any{"detail": "no " + path}
}

func (i *fakeImport) show() any {
	return map[string]any{"id": i.id, "status": i.status, "next_row": i.next, "mapping": i.mapping, "accepted": i.accepted, "rejected": i.rejected, "reasons": i.reasons.List(100), "source": map[string]any{"id": "src_1", "name": "shop"}}
}

func (f *fakeServer) append(r *http.Request, i *fakeImport) (int, any) {
	first, _ := strconv.ParseInt(r.URL.Query().Get("first_row"), 10, 64)
	rows, _ := strconv.ParseInt(r.URL.Query().Get("rows"), 10, 64)
	switch {
	case first+rows <= i.next:
		return 200, map[string]any{"next_row": i.next}
	case first > i.next:
		return 409, map[string]any{"detail": "The import goes on with another row."}
	}
	n := int64(0)
	accepted, rejected := i.accepted, i.rejected
	f.read(r, func(e *touchstone.Event) {
		switch n++; {
		case first+n-1 < i.next: // it came before
		case e.Type == touchstone.Rejected:
			i.rejected++
			i.reasons.Add(intake.RowReason{Reason: e.Reason, Rows: 1, FirstRow: first + n - 1})
		default:
			i.accepted++
		}
		if f.rows[e.MessageID]++; f.rows[e.MessageID] == 1 {
			f.events++
			if e.Type == touchstone.Rejected {
				f.rejected[e.MessageID] = *e
			}
		}
		if e.Source != "src_1" {
			f.t.Errorf("source %q", e.Source)
		}
	})
	if n != rows {
		f.t.Errorf("%d events for %d rows", n, rows)
	}
	i.next = first + rows
	return 200, map[string]any{"next_row": i.next, "accepted": i.accepted - accepted, "rejected": i.rejected - rejected}
}

func (f *fakeServer) read(r *http.Request, fn func(*touchstone.Event)) {
	if r.Header.Get("Content-Encoding") != "s2" {
		f.t.Error("not packed with S2")
	}
	frames, err := io.ReadAll(s2.NewReader(r.Body))
	if err != nil {
		f.t.Error(err)
	}
	in := bytes.NewBuffer(frames)
	for in.Len() > 0 {
		size, err := readUvarint(in)
		if err != nil {
			f.t.Fatal(err)
		}
		var e touchstone.Event
		if err := touchstone.DecodeEvent(string(in.Next(int(size))), &e); err != nil {
			f.t.Fatal(err)
		}
		fn(&e)
	}
}

func readUvarint(in *bytes.Buffer) (n uint64, err error) {
	for shift := 0; ; shift += 7 {
		b, err := in.ReadByte()
		if err != nil {
			return 0, err
		}
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return n, nil
		}
	}
}

// bigFile has rows rows; each 100th is bad.
func bigFile(t testing.TB, rows int) string {
	var b strings.Builder
	b.WriteString("who,day,what,price\n")
	for i := 1; i <= rows; i++ {
		price := "2.50"
		if i%100 == 0 {
			price = "free"
		}
		fmt.Fprintf(&b, "u%d,2026-01-02,tea,%s\n", i%7+1, price)
	}
	return writeFile(t, "big.csv", b.String())
}

func TestRunSurvivesEveryKindOfFailure(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			f, s := newFakeServer(t)
			random, stopper := rand.New(rand.NewPCG(seed, 1)), rand.New(rand.NewPCG(seed, 2))
			forgets := 3
			f.fail = func(r *http.Request) string {
				switch n := random.IntN(40); {
				case n < 3:
					return "before"
				case n < 6:
					return "after"
				case n < 9:
					return "busy"
				case n < 11 && r.Method == http.MethodPost:
					return "cut"
				case n < 12 && forgets > 0:
					forgets--
					return "forget"
				}
				return ""
			}
			const rows = 5003
			o := Options{Server: s.URL, Key: "key", File: bigFile(t, rows), Mapping: mustMapping(t, simpleMapping), Source: "shop", ChunkRows: 150, pause: time.Millisecond}
			stops := 0
			var got Summary
			for {
				ctx, cancel := context.WithCancel(t.Context())
				o.Progress = func(p Progress) {
					if p.Phase == PhaseSend && stopper.IntN(30) == 0 { // Ctrl-C
						cancel()
					}
				}
				var err error
				got, err = Run(ctx, o)
				cancel()
				if err == nil {
					break
				}
				if !errors.Is(err, context.Canceled) {
					t.Fatal(err)
				}
				if stops++; stops > 200 {
					t.Fatal("it never ends")
				}
			}
			if len(f.rows) != rows || f.events != rows || len(f.rejected) != rows/100 {
				t.Errorf("%d rows, %d events, %d rejected", len(f.rows), f.events, len(f.rejected))
			}
			if got.Rows != rows || !got.InWarehouse || got.AlreadyImported {
				t.Errorf("%+v", got)
			}
			if again, err := Run(t.Context(), o); err != nil || !again.AlreadyImported || again.Accepted != 0 || f.events != rows {
				t.Errorf("the second import: %+v, %v, %d events", again, err, f.events)
			}
		})
	}
}

func TestSummaryCountsAndNamesReasons(t *testing.T) {
	f, s := newFakeServer(t)
	o := Options{Server: s.URL, Key: "key", File: bigFile(t, 1000), Mapping: mustMapping(t, simpleMapping), Source: "shop"}
	got, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	got.Seconds, got.RowsPerSecond, got.Fingerprint = 0, 0, ""
	want := Summary{Import: "imp_1", Source: "shop", File: o.File, Rows: 1000, Accepted: 990, Rejected: 10, InWarehouse: true, PersonsBefore: 7, Persons: 7,
		Reasons: []intake.RowReason{{Reason: `wrong_type: price: "free" is no number`, Rows: 10, FirstRow: 100}}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for id, e := range f.rejected {
		if !strings.HasSuffix(id, "00") || !strings.Contains(string(e.Context), `{"import":{"row":`) || e.Raw == "" {
			t.Errorf("%s: %+v", id, e)
		}
	}
	var text strings.Builder
	if err := got.Print(&text); err != nil || !strings.Contains(text.String(), "row 100 and 9 more") {
		t.Errorf("%v\n%s", err, text.String())
	}

	// Again is another import with other events; a changed mapping alone is not.
	o.Again = true
	if got, err = Run(t.Context(), o); err != nil || got.Accepted != 990 || f.events != 2000 {
		t.Errorf("again: %+v, %v", got, err)
	}
	o.Again = false
	notes := ""
	o.Progress = func(p Progress) { notes += p.Note }
	o.Mapping = mustMapping(t, strings.Replace(simpleMapping, "Bought", "Sold", 1))
	if got, err = Run(t.Context(), o); err != nil || !got.AlreadyImported || !strings.Contains(notes, "another mapping") {
		t.Errorf("another mapping: %+v, %v, %q", got, err, notes)
	}
}

func TestRunDoesNotTroubleTheServerWithABadMapping(t *testing.T) {
	f, s := newFakeServer(t)
	f.fail = func(*http.Request) string { t.Error("a request was sent"); return "" }
	o := Options{Server: s.URL, Key: "key", File: bigFile(t, 10), Mapping: mustMapping(t, strings.Replace(simpleMapping, "user_id: who", "user_id: whom", 1)), Source: "shop"}
	if _, err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), `no column "whom"; it has: who, day, what, price`) {
		t.Error(err)
	}
}

func TestErrorsOfTheServerArePassedOn(t *testing.T) {
	_, s := newFakeServer(t)
	o := Options{Server: s.URL, Key: "wrong", File: bigFile(t, 10), Mapping: mustMapping(t, simpleMapping), Source: "shop"}
	_, err := Run(t.Context(), o)
	if touchstone.KindOf(err) != touchstone.Unauthenticated || !strings.Contains(err.Error(), "This key is not known. (Make one.)") {
		t.Error(err)
	}
	o.Server, o.RetryFor = "http://127.0.0.1:1", time.Millisecond
	if _, err = Run(t.Context(), o); touchstone.KindOf(err) != touchstone.Unavailable || !strings.Contains(err.Error(), "does not answer") {
		t.Error(err)
	}
}

func TestDryRunChangesNothing(t *testing.T) {
	f, s := newFakeServer(t)
	o := Options{Server: s.URL, Key: "key", File: bigFile(t, 1000), Mapping: mustMapping(t, simpleMapping)}
	got, err := DryRun(t.Context(), o, 2)
	if err != nil {
		t.Fatal(err)
	}
	if f.events != 0 || len(f.imports) != 0 {
		t.Error("it imported")
	}
	if got.Rows != 1000 || got.Rejected != 10 || got.IdentifierSets != 7 || got.Persons == nil || got.Persons.Created != 7 || len(got.Events) != 2 {
		t.Errorf("%+v", got)
	}
	var text strings.Builder
	if err := got.Print(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"columns: who, day, what, price", `"event": "Bought"`, `"price": 2.50`, "1,000 rows, 10 of them would be quarantined", "7 would be created"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%q is not in\n%s", want, text.String())
		}
	}
	o.Server = ""
	if got, err := DryRun(t.Context(), o, 2); err != nil || got.Persons != nil || got.Rows != 1000 {
		t.Errorf("without a server: %+v, %v", got, err)
	}
}

func TestMeter(t *testing.T) {
	for _, terminal := range []bool{false, true} {
		var out bytes.Buffer
		m := NewMeter(&out, terminal)
		at := time.Unix(1e9, 0)
		m.now = func() time.Time { return at }
		m.Report(Progress{Phase: PhaseFingerprint, Bytes: 100, TotalBytes: 100})
		m.Report(Progress{Phase: PhaseSend, TotalBytes: 100, Note: "going on behind row 7"})
		at = at.Add(10 * time.Second)
		m.Report(Progress{Phase: PhaseSend, Rows: 500_000, Bytes: 50, TotalBytes: 100, Rejected: 3})
		if got := m.detail(); got != " 500,000 rows · 50,000/s · 10s left · 3 to quarantine" {
			t.Errorf("%q", got)
		}
		m.Report(Progress{Phase: PhaseSettle, Rows: 541_909})
		m.Close()
		if !terminal && (!strings.Contains(out.String(), "going on behind row 7\n") || !strings.Contains(out.String(), "500,000 rows · 50,000/s")) {
			t.Errorf("%q", out.String())
		}
	}
}

// busyServer cannot take every second part at first.
type busyServer struct {
	Server
	calls int
}

func (b *busyServer) Append(ctx context.Context, id string, p Part) (Step, error) {
	if b.calls++; b.calls%2 == 1 {
		return Step{}, touchstone.Errorf(touchstone.Unavailable, "The disk is nearly full.")
	}
	return b.Server.Append(ctx, id, p)
}

func TestRunWaitsForAServerOfTheSameProcess(t *testing.T) {
	f, s := newFakeServer(t)
	over := &client{http: http.DefaultClient, base: s.URL, key: "key", patience: patience{retryFor: time.Minute, pause: time.Millisecond, note: func(string) {}}}
	notes := 0
	o := Options{To: &busyServer{Server: over}, File: bigFile(t, 1000), Name: "orders.csv", Mapping: mustMapping(t, simpleMapping), Source: "shop", ChunkRows: 300, pause: time.Millisecond,
		Progress: func(p Progress) {
			if strings.Contains(p.Note, "The disk is nearly full.") {
				notes++
			}
		}}
	got, err := Run(t.Context(), o)
	if err != nil || got.Accepted != 990 || notes != 4 || f.events != 1000 {
		t.Errorf("%+v, %v, %d notes", got, err, notes)
	}
}
