package apptest

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// fixtures is where the data folders of earlier releases are, VERSION.tar.gz, each with what it
// answers, VERSION.json.gz.
const fixtures = "testdata/upgrade"

// longAgo keeps message ids remembered for as long as a fixture may be old.
const longAgo = "--pipeline-dedupe-window=87600h"

// A data folder of each earlier release, left by a process that was killed with events in the
// log that were not in the store, and events in the store that were not in the warehouse,
// answers today as it did then, and goes on.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	found, err := filepath.Glob(filepath.Join(fixtures, "*.tar.gz"))
	if err != nil || len(found) == 0 {
		t.Fatalf("no data folder of an earlier release is in %s: %v", fixtures, err)
	}
	for _, path := range found {
		version := strings.TrimSuffix(filepath.Base(path), ".tar.gz")
		t.Run(version, func(t *testing.T) {
			data := filepath.Join(t.TempDir(), "data")
			unpack(t, path, data)
			var want answers
			readJSON(t, filepath.Join(fixtures, version+".json.gz"), &want)
			s := StartIn(t, data, longAgo)
			s.Drain()
			wantAnswers(t, answersOf(s), want)
			keysSeeContacts(t, s)
			goesOn(t, s)
			s.Kill()
			s.Launch() // what this release has written, it reads
			s.Drain()
			signsIn(t, s)
		})
	}
}

// goesOn works with an upgraded server: duplicates of what the earlier release took in are
// dropped, persons it knew are found by new events, segments it made move, new things are made.
func goesOn(t *testing.T, s *Server) {
	t.Helper()
	before := s.Stats()
	story(s, 0)
	if st := s.Drain(); st.InWarehouse != before.InWarehouse || st.Persons != before.Persons {
		t.Errorf("what was sent again was not dropped: %+v, before %+v", st, before)
	}
	person := s.Person("user_id:u-0")
	var bought []Event
	for range 20 {
		bought = append(bought, Event{"type": "track", "event": "Order Completed", "userId": "u-0", "anonymousId": "dev-after", "properties": map[string]any{"revenue": 1}})
	}
	s.Track(bought...)
	s.Drain()
	after := s.Person("anonymous_id:dev-after")
	if after.ID != person.ID || after.Counters.Events != person.Counters.Events+20 || len(s.Timeline("user_id:u-0", 500)) != int(after.Counters.Events) {
		t.Errorf("u-0 was %+v, and with 20 events more is %+v", person, after)
	}
	for _, name := range []string{"buyers", "often"} {
		if _, in := s.Members(s.segmentID(name))[after.ID]; !in {
			t.Errorf("u-0 bought 20 times and is not in %q", name)
		}
	}
	seg := s.CreateSegment("since the upgrade", DidEvent("Order Completed", 20, ""))
	if _, in := s.Members(seg.ID)[after.ID]; !in {
		t.Error("a new segment does not see what was before")
	}
	_, key := s.Source("since the upgrade", "web")
	s.TrackAs(key, Event{"type": "track", "event": "New", "userId": "u-new"})
	s.Drain()
}

func (s *Server) segmentID(name string) string {
	s.t.Helper()
	for _, item := range (answers{}).keepList(s, "/api/v1/segments", "id", "name") {
		if item["name"] == name {
			return item["id"].(string)
		}
	}
	s.t.Fatalf("there is no segment %q", name)
	return ""
}

// keysSeeContacts checks that a key from before contacts were masked sees them still: it has
// been given the scope.
func keysSeeContacts(t *testing.T, s *Server) {
	t.Helper()
	var keys struct{ Items []struct{ Scopes []string } }
	s.Call(http.MethodGet, "/api/v1/api-keys", nil, &keys)
	if len(keys.Items) != 1 || !slices.Contains(keys.Items[0].Scopes, "contacts") {
		t.Errorf("the keys are %+v", keys.Items)
	}
}

const upgradePassword = "correct horse battery"

func signsIn(t *testing.T, s *Server) {
	t.Helper()
	if _, err := s.Do(http.MethodPost, "/api/v1/session", map[string]any{"email": "ann@example.com", "password": upgradePassword}, nil); err != nil {
		t.Errorf("a user of before cannot sign in: %v", err)
	}
}

// TestMakeUpgradeFixture makes the fixture of the release that TOUCHSTONE_TEST_BINARY names;
// scripts/upgrade-fixture.sh runs it.
func TestMakeUpgradeFixture(t *testing.T) {
	version := os.Getenv("TOUCHSTONE_UPGRADE_FIXTURE")
	if version == "" {
		t.Skip("scripts/upgrade-fixture.sh makes fixtures")
	}
	data := filepath.Join(t.TempDir(), "data")
	s := StartIn(t, data, longAgo)
	_, key := s.Source("shop", "server")
	s.TrackAs(key, Event{"type": "track", "event": "Order Completed", "userId": "u-3", "messageId": "shop-1", "timestamp": "2026-01-01T00:00:00Z", "properties": map[string]any{"revenue": 0.1}})
	s.Call(http.MethodPost, "/api/v1/users", map[string]any{"email": "ann@example.com", "password": upgradePassword, "role": "analyst"}, nil)
	s.Call(http.MethodPost, "/api/v1/api-keys", map[string]any{"name": "reports", "scopes": []string{"read"}}, nil)
	story(s, 0)
	s.Drain()
	s.CreateSegment("buyers", DidEvent("Order Completed", 1, ""))
	s.CreateSegment("often", DidEvent("Order Completed", 4, ""))
	s.Drain()
	s.Stop()                                      // so that not all is in the engines' write-ahead logs
	s.runPart("collect,process,console", func() { // taken into the store, and not into the warehouse
		story(s, 1)
		Eventually(t, time.Minute, "the events are in the store", func() bool {
			st := s.Stats()
			return st.Accepted == st.Processed+st.Duplicates+st.Quarantined
		})
	})
	s.runPart("collect,console", func() { story(s, 2) }) // in the log only
	copied := copyData(t, data)
	s.Launch()
	if st := s.Drain(); st.InWarehouse < 300 {
		t.Fatalf("%+v", st)
	}
	want := answersOf(s)
	s.Stop()
	pack(t, copied, filepath.Join(fixtures, version+".tar.gz"))
	writeJSON(t, filepath.Join(fixtures, version+".json.gz"), want)
}

// runPart runs a server that has ended in some of its roles and kills it again.
func (s *Server) runPart(roles string, do func()) {
	s.t.Helper()
	flags := s.flags
	s.flags = append(slices.Clone(flags), "--roles", roles)
	s.Launch()
	do()
	s.Kill()
	s.flags = flags
}

func pack(t *testing.T, dir, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	packed, err := gzip.NewWriterLevel(f, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	archive := tar.NewWriter(packed)
	err = archive.AddFS(os.DirFS(dir))
	if err := errors.Join(err, archive.Close(), packed.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
}

func unpack(t *testing.T, path, dir string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	packed, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	archive := tar.NewReader(packed)
	for {
		head, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil || !filepath.IsLocal(head.Name) {
			t.Fatalf("%q: %v", head.Name, err)
		}
		to := filepath.Join(dir, head.Name)
		if head.FileInfo().IsDir() {
			err = os.MkdirAll(to, 0o750)
		} else {
			err = unpackFile(to, archive)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func unpackFile(to string, from io.Reader) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o750); err != nil {
		return err
	}
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, fs.FileMode(0o600))
	if err != nil {
		return err
	}
	_, err = io.Copy(f, from)
	return errors.Join(err, f.Close())
}

func writeJSON(t *testing.T, path string, v any) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	packed := gzip.NewWriter(f)
	err = json.NewEncoder(packed).Encode(v)
	if err := errors.Join(err, packed.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
}

func readJSON(t *testing.T, path string, v any) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	packed, err := gzip.NewReader(f)
	if err == nil {
		err = json.NewDecoder(packed).Decode(v)
	}
	if err != nil {
		t.Fatal(err)
	}
}
