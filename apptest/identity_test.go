package apptest

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A car is sold. Who had it and who has it are two persons, each with a history of their
// own; the car's own reports are the car's.
func testTwoOwnersOfOneCar(t *testing.T, shape Shape) {
	s := shape.Start(t)
	const vin = "LSVAU2A37N2183294"
	car := map[string]any{"externalIds": []map[string]any{{"id": vin, "type": "vin", "collection": "users"}}}
	s.Track(
		Event{"type": "identify", "userId": "ann", "traits": map[string]any{"name": "Ann"}, "context": car},
		Event{"type": "track", "event": "Test Drive", "anonymousId": "b-1", "context": car},
		Event{"type": "identify", "userId": "ben", "anonymousId": "b-1", "traits": map[string]any{"name": "Ben"}, "context": car},
		Event{"type": "track", "event": "Charging Finished", "context": car},
	)
	st := s.Drain()
	if st.InWarehouse != 4 || st.Persons != 2 || st.KnownPersons != 2 || st.Quarantined != 0 {
		t.Errorf("two owners and a car make %+v", st)
	}
	ann, ben := s.Person("user_id:ann"), s.Person("user_id:ben")
	if ann.ID == ben.ID {
		t.Fatal("the owners of one car are one person")
	}
	for ref, want := range map[string]string{"user_id:ann": "$identify", "user_id:ben": "$identify Test Drive", "vin:" + vin: "Charging Finished"} {
		var names []string
		for _, e := range s.Timeline(ref, 100) {
			names = append(names, e.Event)
		}
		if got := strings.Join(names, " "); got != want && got != "Test Drive $identify" {
			t.Errorf("the timeline of %s is %q, want %q", ref, got, want)
		}
	}
	var subject struct {
		ID             string
		RelatedPersons []struct{ ID, Name string } `json:"related_persons"`
	}
	s.Call(http.MethodGet, "/api/v1/persons/vin:"+vin, nil, &subject)
	if len(subject.RelatedPersons) != 2 || subject.ID == ann.ID || subject.ID == ben.ID {
		t.Errorf("the car is %+v", subject)
	}
	var owner struct {
		Relations []struct{ Kind, Value, ID string }
	}
	s.Call(http.MethodGet, "/api/v1/persons/user_id:ann", nil, &owner)
	if len(owner.Relations) != 1 || owner.Relations[0].Value != vin || owner.Relations[0].ID != subject.ID {
		t.Errorf("ann has to do with %+v", owner.Relations)
	}
	if n := s.Number("SELECT count(DISTINCT person) FROM events"); n != 3 {
		t.Errorf("the warehouse tells %d persons apart, want two owners and a car", n)
	}
}

// Placeholders join nobody, at the edge and in files; what counts as one is data, and holds
// at once.
func testWhatNamesNobody(t *testing.T, shape Shape) {
	s := shape.Start(t)
	for i := range 3 {
		for at, id := range []string{`"null"`, "not_authenticated", "distinct_id", "#REF!", "1.38E+10"} {
			s.Track(Event{"type": "identify", "userId": id, "anonymousId": fmt.Sprintf("visitor-%d-%d", at, i)})
		}
	}
	s.Track(Event{"type": "track", "event": "x", "userId": `="00123"`}, Event{"type": "track", "event": "x", "userId": "'00123"})
	if st := s.Drain(); st.Persons != 16 || st.KnownPersons != 1 {
		t.Errorf("15 visitors and 00123 make %+v", st)
	}
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	mapping := write("map.yaml", "event: E\ntime: {column: ts}\nidentifiers:\n  user_id: id\n")
	rows := write("in.csv", "id,ts\n1.38E+10,2026-01-02 03:04:05\n\"=\"\"00123\"\"\",2026-01-02 03:04:05\n#N/A,2026-01-02 03:04:05\nguest,2026-01-02 03:04:05\nshop-17,2026-01-02 03:04:05\n")
	s.Call(http.MethodPost, "/api/v1/identity/blocked", map[string]any{"value": "guest", "blocked": false}, nil)
	s.Call(http.MethodPost, "/api/v1/identity/blocked", map[string]any{"kind": "user_id", "value": "shop-*", "blocked": true}, nil)
	if d := s.DryRun(rows, mapping, "crm"); d.Quarantined != 3 || d.Rows != 5 {
		t.Errorf("the dry run tells %+v", d)
	}
	if sum := s.Import(rows, mapping, "crm"); sum.Quarantined != 3 || sum.Accepted != 2 {
		t.Errorf("the import tells %+v", sum)
	}
	s.Track(Event{"type": "track", "event": "x", "userId": "guest"})
	s.Drain()
	for ref, events := range map[string]int{"user_id:00123": 3, "user_id:guest": 2} {
		if got := len(s.Timeline(ref, 100)); got != events {
			t.Errorf("%s has %d events, want %d", ref, got, events)
		}
	}
}
