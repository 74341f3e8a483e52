package console

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/s2"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/collect"
	"github.com/touchstone-cdp/touchstone/identity"
	"github.com/touchstone-cdp/touchstone/store"
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
	s := newTestServerOn(t, db, func(c *Config) {
		c.Sources, c.Frames, c.Simulator = edge.Sources(), edge, graph
		c.Feeds = api.NewFeeds(200, nil)
		parts := collect.Parts{Sources: edge.Sources(), Quarantine: edge.Quarantine(), Events: edge.Feed()}
		c.Resources = append(collect.Resources(func() collect.Parts { return parts }, nil, c.Feeds),
			api.Resource{Name: "People", Permissions: []access.Declared{{Permission: "people:read", Allows: "see people"}}})
	})
	return &edgeServer{s, edge, log}
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

func (s *edgeServer) begin(key, source, mapping string, status int) importAnswer {
	s.t.Helper()
	var a importAnswer
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
		var list api.Page[importAnswer]
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
	s.want(post("?first_row=1&rows=1", strings.Repeat("x", framesMaxBody+1)), 413)
	s.send(key, "imp_none", 1, 1, 404)
	s.want(call{method: "POST", path: "/api/v1/imports/imp_none/finish", key: key}, 404)
	s.want(call{method: "GET", path: "/api/v1/imports/imp_none", key: key}, 404)
	if n := len(s.c.imports.open); n > 1 {
		t.Errorf("%d imports are held in memory", n)
	}
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
		`{"persons_created":2,"persons_merged":0,"persons_matched":0,"events":10,"truncated":false}`)
	s.want(call{method: "POST", path: "/api/v1/imports/preview", key: s.apiKey("ingest"), body: "garbage"}, 400)
	if n := len(s.messages()); n != 0 {
		t.Errorf("a preview wrote %d events", n)
	}
}

// A crash may lose the last second of progress, never rows: the server asks for some of
// them again.
func TestImportProgressIsWrittenBehind(t *testing.T) {
	db := newTestDB(t)
	s := newEdgeServer(t, db)
	key := s.apiKey("ingest")
	a := s.begin(key, "retail", `{}`, 201)
	s.send(key, a.ID, 1, 5, 200)
	if err := s.c.imports.flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	s.send(key, a.ID, 6, 5, 200, `"next_row":11`)

	after := newEdgeServer(t, db) // the process that comes after the crash
	after.send(key, a.ID, 11, 5, 409, "row 6")
	after.want(call{method: "GET", path: "/api/v1/imports/" + a.ID, key: key}, 200, `"next_row":6`)
	after.send(key, a.ID, 6, 10, 200, `"next_row":16`)
	after.want(call{method: "POST", path: "/api/v1/imports/" + a.ID + "/finish", key: key}, 200, `"next_row":16`)

	last := newEdgeServer(t, db)
	last.want(call{method: "GET", path: "/api/v1/imports/" + a.ID, key: key}, 200, `"status":"finished"`, `"next_row":16`)
}

// Two clients send the same file at once; with PostgreSQL through two servers.
func TestImportBySeveralAtOnce(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		servers := []*edgeServer{newEdgeServer(t, db)}
		if db.Dialect() == store.Postgres {
			servers = append(servers, newEdgeServer(t, db))
		} else {
			servers = append(servers, servers[0])
		}
		key := servers[0].apiKey("ingest")
		a := servers[0].begin(key, "retail", `{}`, 201)
		const parts, size = 30, 7
		var wg sync.WaitGroup
		stop := make(chan struct{})
		flusher := sync.WaitGroup{}
		flusher.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					if err := servers[0].c.imports.flush(context.Background()); err != nil {
						t.Error(err)
					}
				}
			}
		})
		for _, s := range servers {
			wg.Go(func() {
				for part := 0; part < parts; {
					first := 1 + part*size
					res := s.do(call{method: "POST", key: key, body: rows(first, size), path: "/api/v1/imports/" + a.ID + "/rows?first_row=" + strconv.Itoa(first) + "&rows=" + strconv.Itoa(size)})
					if res.status != http.StatusOK {
						t.Errorf("part %d: %d %s", part, res.status, res.body)
						return
					}
					part++
				}
			})
		}
		wg.Wait()
		close(stop)
		flusher.Wait()
		servers[0].want(call{method: "POST", path: "/api/v1/imports/" + a.ID + "/finish", key: key}, 200, fmt.Sprintf(`"next_row":%d`, parts*size+1))
		seen := map[string]bool{}
		for _, s := range servers {
			for _, id := range s.messages() {
				seen[id] = true
			}
		}
		if len(seen) != parts*size {
			t.Errorf("%d of %d rows are in the logs", len(seen), parts*size)
		}
	})
}
