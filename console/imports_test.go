package console

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/klauspost/compress/s2"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/collect"
	"github.com/touchstone-cdp/touchstone/collect/importer"
	"github.com/touchstone-cdp/touchstone/collect/imports"
	"github.com/touchstone-cdp/touchstone/collect/intake"
	"github.com/touchstone-cdp/touchstone/identity"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/sqlite"
	"github.com/touchstone-cdp/touchstone/store/storetest"
	"github.com/touchstone-cdp/touchstone/stream"
	"github.com/touchstone-cdp/touchstone/stream/memory"
)

// edgeServer is a console with the real edge and identity graph behind it.
type edgeServer struct {
	*testServer
	edge *collect.Collector
	log  *memory.Log
}

func newEdgeServer(t *testing.T, db *store.DB) *edgeServer {
	t.Helper()
	ctx := context.Background()
	if err := db.Migrate(ctx, "collect", collect.Migrations()); err != nil {
		t.Fatal(err)
	}
	log := memory.New(1, nil)
	batcher := stream.NewBatcher(log, stream.BatcherConfig{})
	t.Cleanup(batcher.Close)
	edge, err := collect.New(ctx, collect.Config{DB: db, Log: batcher})
	if err != nil {
		t.Fatal(err)
	}
	graph, err := identity.New(ctx, identity.Config{DB: db})
	if err != nil {
		t.Fatal(err)
	}
	var files *imports.Imports
	s := newTestServerOn(t, db, func(c *Config) {
		c.Feeds = api.NewFeeds(200, nil)
		parts := collect.Parts{Sources: edge.Sources(), Quarantine: edge.Quarantine(), Events: edge.Feed()}
		c.Resources = append(append(collect.Resources(func() collect.Parts { return parts }, nil, c.Feeds), imports.Resources(func() *imports.Imports { return files })...),
			api.Resource{Name: "People", Serves: touchstone.Operation("a test"), Permissions: []access.Declared{{Permission: "people:read", Allows: "see people"}}})
	})
	if files, err = imports.New(ctx, imports.Config{DB: db, Clock: s.clock, Logger: slog.New(slog.DiscardHandler),
		Sources: edge.Sources(), Frames: edge, Kinds: touchstone.DefaultKindSet(), Persons: simulated(graph)}); err != nil {
		t.Fatal(err)
	}
	return &edgeServer{s, edge, log}
}

// simulated is what app gives imports to foresee persons by.
func simulated(graph *identity.Graph) func(context.Context, importer.Question) (importer.Persons, error) {
	return func(ctx context.Context, q importer.Question) (p importer.Persons, err error) {
		dir, err := os.MkdirTemp("", "trial")
		if err != nil {
			return p, err
		}
		defer os.RemoveAll(dir)
		db, err := sqlite.Open(filepath.Join(dir, "trial.db"), sqlite.Options{})
		if err != nil {
			return p, err
		}
		defer db.Close()
		trial, err := graph.NewTrial(ctx, db, identity.TrialOptions{})
		if err != nil {
			return p, err
		}
		for s := range q.Samples {
			p.Events++
			if err := trial.Take(ctx, []identity.TrialEvent{{Event: s.Event, Row: s.Row, Rows: s.Rows}}); err != nil {
				return p, err
			}
		}
		r, err := trial.Finish(ctx, nil)
		p.Created, p.Merged, p.Matched, p.RowsOfNew = r.Created, r.Merged, r.Matched, r.RowsOfNew
		p.Merges, p.Refused, p.Shared = []importer.MergeOfRow{}, []importer.RefusedLinks{}, []importer.SharedByRows{}
		return p, err
	}
}

// importJSON is what tests read of an import.
type importJSON struct {
	ID       string             `json:"id"`
	Source   collect.Source     `json:"source"`
	Mapping  jsontext.Value     `json:"mapping"`
	Status   string             `json:"status"`
	NextRow  int64              `json:"next_row"`
	Accepted int64              `json:"accepted"`
	Rejected int64              `json:"rejected"`
	Reasons  []intake.RowReason `json:"reasons"`
}

// messages returns the message ids in the log.
func (s *edgeServer) messages() []string {
	s.t.Helper()
	ctx := context.Background()
	_, end, err := s.log.Bounds(ctx, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	var ids []string
	for at := stream.Offset(1); at < end; {
		records, err := s.log.Read(ctx, 0, at, 100, 1<<20)
		if err != nil {
			s.t.Fatal(err)
		}
		for _, r := range records {
			frames, err := stream.DecodeRecord(r.Data)
			if err != nil {
				s.t.Fatal(err)
			}
			for f := range frames.All() {
				var e touchstone.Event
				if err := touchstone.DecodeEvent(f, &e); err != nil {
					s.t.Fatal(err)
				}
				ids = append(ids, e.MessageID)
			}
			at = r.Offset + 1
		}
	}
	return ids
}

// rows makes the packed frames of rows first…first+n-1.
func rows(first, n int) string {
	var frames []byte
	for row := first; row < first+n; row++ {
		frames = stream.AppendFrame(frames, touchstone.AppendEvent(nil, &touchstone.Event{
			Type: touchstone.Track, MessageID: fmt.Sprint("row-", row), Name: "Bought", Time: time.UnixMilli(1e12), ReceivedAt: time.UnixMilli(1e12),
			Identifiers: []touchstone.Identifier{{Kind: "user_id", Value: fmt.Sprint("u", row%2)}},
		}))
	}
	var b strings.Builder
	w := s2.NewWriter(&b)
	w.Write(frames)
	w.Close()
	return b.String()
}

func (s *edgeServer) begin(key, source, mapping string, status int) importJSON {
	s.t.Helper()
	var a importJSON
	s.want(call{method: "POST", path: "/api/v1/imports", key: key,
		body: `{"file":"shop.csv","fingerprint":"sha256:1","size":10,"source":"` + source + `","mapping":` + mapping + `}`}, status).decode(s.t, &a)
	return a
}

func (s *edgeServer) send(key, id string, first, n, status int, texts ...string) answer {
	s.t.Helper()
	return s.want(call{method: "POST", path: fmt.Sprintf("/api/v1/imports/%s/rows?first_row=%d&rows=%d", id, first, n), key: key, body: rows(first, n),
		header: map[string]string{"Content-Encoding": "s2", "Content-Type": "application/x-touchstone-events"}}, status, texts...)
}

func TestImport(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		s := newEdgeServer(t, db)
		key, admin := s.apiKey("ingest"), s.apiKey("admin")
		a := s.begin(key, "retail", `{"event":"Bought"}`, 201)
		if a.NextRow != 1 || a.Status != "running" || a.Source.Name != "retail" || a.Source.Kind != "import" || a.Source.WriteKey != "" {
			t.Fatalf("%+v", a)
		}
		if b := s.begin(key, "retail", `{"event":"Sold"}`, 200); b.ID != a.ID || string(b.Mapping) != `{"event":"Sold"}` {
			t.Errorf("begun again before any row: %+v", b)
		}
		if b := s.begin(key, "other", `{"event":"Sold"}`, 201); b.ID == a.ID {
			t.Errorf("another source has the same import: %+v", b)
		}
		s.send(key, a.ID, 1, 3, 200, `"next_row":4,"accepted":3,"rejected":0,"duplicates":0`)
		s.send(key, a.ID, 1, 3, 200, `"next_row":4,"accepted":0,"rejected":0,"duplicates":3`)
		s.send(key, a.ID, 6, 2, 409, "goes on with row 4")
		s.send(key, a.ID, 3, 3, 200, `"next_row":6,"accepted":2`, `"duplicates":1`) // row 3 again: it is passed over
		if b := s.begin(key, "retail", `{"event":"Bought"}`, 200); b.NextRow != 6 || string(b.Mapping) != `{"event":"Sold"}` {
			t.Errorf("begun again: %+v", b)
		}
		s.want(call{method: "GET", path: "/api/v1/imports/" + a.ID, key: key}, 200, `"status":"running"`, `"next_row":6`, `"accepted":5`, `"duplicates":4`, `"finished_at":null`)
		s.want(call{method: "POST", path: "/api/v1/imports/" + a.ID + "/finish", key: key, body: "{}"}, 200, `"status":"finished"`, `"finished_at":"2026-03-01T12:00:00.000Z"`)
		s.want(call{method: "POST", path: "/api/v1/imports/" + a.ID + "/finish", key: key, body: "{}"}, 200, `"status":"finished"`)
		if b := s.begin(key, "retail", `{"event":"Sold"}`, 200); b.Status != "finished" || b.NextRow != 6 {
			t.Errorf("begun after its end: %+v", b)
		}
		s.send(key, a.ID, 6, 1, 409, "finished")
		s.send(key, a.ID, 4, 2, 200, `"next_row":6,"accepted":0`)
		if got, want := strings.Join(s.messages(), " "), "row-1 row-2 row-3 row-4 row-5"; got != want {
			t.Errorf("in the log: %s\nwant:       %s", got, want)
		}

		// What was begun and finished is in the audit log, parts are not.
		var log api.Page[auditEntry]
		s.want(call{method: "GET", path: "/api/v1/audit", key: admin}, 200).decode(t, &log)
		var actions []string
		for _, e := range log.Items {
			actions = append(actions, e.Action)
		}
		if got, want := strings.Join(actions, " "), "import.finish import.create import.create"; got != want {
			t.Errorf("audit log: %s; want %s", got, want)
		}

		// A source that is gone leaves its name; going on makes it again.
		b := s.begin(key, "other", `{"event":"Sold"}`, 200)
		s.want(call{method: "DELETE", path: "/api/v1/sources/" + b.Source.ID, key: admin}, 204)
		s.want(call{method: "GET", path: "/api/v1/imports/" + b.ID, key: key}, 200, `"name":"other"`)
		s.send(key, b.ID, 1, 1, 404, "no source")
		if again := s.begin(key, "other", `{"event":"Sold"}`, 200); again.ID != b.ID || again.Source.ID == b.Source.ID {
			t.Errorf("%+v", again)
		}
		s.send(key, b.ID, 1, 1, 200)
		var list api.Page[importJSON]
		s.want(call{method: "GET", path: "/api/v1/imports?limit=1", key: key}, 200).decode(t, &list)
		s.want(call{method: "GET", path: "/api/v1/imports?limit=1&cursor=" + list.NextCursor, key: key}, 200, `"next_cursor":""`).decode(t, &list)
	})
}

func TestImportRefusesNonsense(t *testing.T) {
	s := newEdgeServer(t, newTestDB(t))
	key := s.apiKey("ingest")
	a := s.begin(key, "retail", `{}`, 201)
	post := func(query, body string) call {
		return call{method: "POST", path: "/api/v1/imports/" + a.ID + "/rows" + query, key: key, body: body}
	}
	for query, text := range map[string]string{
		"": "first_row", "?first_row=1": "rows", "?first_row=0&rows=1": "first_row", "?first_row=1&rows=0": "rows",
		"?first_row=-1&rows=1": "first_row", "?first_row=x&rows=1": "first_row", "?first_row=1&rows=1000001": "rows",
		"?first_row=9223372036854775807&rows=1": "first_row",
	} {
		s.want(post(query, rows(1, 1)), 400, text)
	}
	s.want(post("?first_row=1&rows=1", ""), 400, "empty")
	for _, body := range []string{"{}", "\x00", "\xff\x06\x00\x00S2sTwOgarbage", strings.Repeat("\xff", 100), rows(1, 1)[:20]} {
		s.want(post("?first_row=1&rows=1", body), 400)
	}
	s.want(post("?first_row=1&rows=1", strings.Repeat("x", 32<<20+1)), 413)
	s.send(key, "imp_none", 1, 1, 404)
	s.want(call{method: "POST", path: "/api/v1/imports/imp_none/finish", key: key}, 404)
	s.want(call{method: "GET", path: "/api/v1/imports/imp_none", key: key}, 404)
	for body, text := range map[string]string{
		`{"file":"","fingerprint":"x","source":"s","mapping":{}}`:                  "file",
		`{"file":"f","fingerprint":"","source":"s","mapping":{}}`:                  "fingerprint",
		`{"file":"f","fingerprint":"x","source":" ","mapping":{}}`:                 "source",
		`{"file":"f","fingerprint":"x","source":"s","mapping":[]}`:                 "mapping",
		`{"file":"f","fingerprint":"x","source":"s"}`:                              "mapping",
		`{"file":"f","fingerprint":"x","source":"s","mapping":{},"shape":"round"}`: "shape",
	} {
		s.want(call{method: "POST", path: "/api/v1/imports", key: key, body: body}, 400, text)
	}
	// Nothing of all that moved the import.
	s.send(key, a.ID, 1, 1, 200, `"next_row":2`)
}

func TestImportPreview(t *testing.T) {
	s := newEdgeServer(t, newTestDB(t))
	s.want(call{method: "POST", path: "/api/v1/imports/preview", key: s.apiKey("ingest"), body: rows(1, 10)}, 200,
		`{"persons_created":2,"persons_merged":0,"persons_matched":0,"persons_parted":0,"events":10,"truncated":false,"rows_of_new":10,`)
	s.want(call{method: "POST", path: "/api/v1/imports/preview", key: s.apiKey("ingest"), body: "garbage"}, 400)
	if n := len(s.messages()); n != 0 {
		t.Errorf("a preview wrote %d events", n)
	}
}
