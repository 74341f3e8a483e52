package apptest

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone/sim"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

// erasedOfTheWorld is how many persons are erased, of twenty times as many; TOUCHSTONE_TEST_ERASED says
// another number.
func erasedOfTheWorld(t *testing.T) int {
	t.Helper()
	text := os.Getenv("TOUCHSTONE_TEST_ERASED")
	if text == "" {
		return 15
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("TOUCHSTONE_TEST_ERASED=%s is no number of persons", text)
	}
	return n
}

// subject is somebody of the world who is to be forgotten.
type subject struct {
	id     string
	refs   []string // kind:value
	values []string // that nobody else's contain
	events int64
}

// Random persons of the demo's world, with visits, forms and receipts, are erased, and the files rewritten: none of
// their identifiers is in any byte of folder and database, receipts hold and agree with what was there, and nobody
// comes back when all of the world is sent and imported once more, or all is made anew from the log.
func TestNobodyOfTheWorldIsFoundAgain(t *testing.T) {
	t.Parallel()
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		testNobodyIsFoundAgain(t, "")
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		testNobodyIsFoundAgain(t, storetest.PostgresSchema(t))
	})
}

func testNobodyIsFoundAgain(t *testing.T, store string) {
	t.Helper()
	var flags, more []string
	if store != "" {
		flags, more = []string{"--store-url", store}, []string{"--store", store}
	}
	s := Start(t, flags...)
	n := erasedOfTheWorld(t)
	world, err := sim.NewWorld(sim.Config{Seed: 7, Persons: 20 * n, Days: 20, End: time.Now().Add(-time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]string{}
	for _, source := range sim.Sources() {
		_, keys[source.Name] = s.Source(source.Name, source.Kind)
	}
	load := func() {
		t.Helper()
		if _, err := sim.Load(t.Context(), world, sim.LoadOptions{Server: s.URL, Keys: keys}); err != nil {
			t.Fatal(err)
		}
	}
	load()
	importSlips(t, s, world)
	s.Drain()
	subjects := chooseSubjects(t, s, n)
	var values []string
	for _, one := range subjects {
		values = append(values, one.values...)
	}
	planted := plantMentions(t, s, subjects)
	eraseSubjects(t, s, subjects)
	if p := s.Person("user_id:" + planted); p.Traits["recommended_by"] != nil || p.Traits["city"] != "Hangzhou" {
		t.Errorf("who was recommended by somebody erased has %v", p.Traits)
	}
	s.Stop()
	if found, none := s.scanWith(values, more...); none {
		t.Fatalf("before the compaction nothing is found: nothing is shown by what is not found afterwards: %s", found)
	}
	args := append([]string{"privacy", "compact", "--data", s.Data}, more...)
	if out, err := exec.Command(Binary(t), args...).CombinedOutput(); err != nil { //nolint:gosec // the program under test
		t.Fatalf("the compaction fails: %v\n%s", err, out)
	} else if strings.Contains(string(out), "not rewritten") && store == "" {
		t.Errorf("the compaction leaves something: %s", out)
	}
	if found, none := s.scanWith(values, more...); !none {
		t.Errorf("after the compaction there is: %.3000s", found)
	}
	s.Launch()
	load() // all of it comes again, also what was left out then
	importSlipsAgain(t, s, world)
	s.Drain()
	nobodyIsBack(t, s, subjects)
	if n := s.Number("SELECT count(*) FROM events WHERE event = 'Recommended' AND (properties->>'city') = 'Hangzhou'"); n != 1 {
		t.Errorf("of an event of somebody else that names an erased person there is %d", n)
	}
	if store != "" {
		return
	}
	s.Stop()
	s.forget(true)
	s.Launch()
	s.Drain()
	nobodyIsBack(t, s, subjects)
}

// scanWith is scan with more flags.
func (s *Server) scanWith(values []string, more ...string) (found string, none bool) {
	cmd := exec.Command(Binary(s.t), append([]string{"privacy", "scan", "--data", s.Data}, more...)...) //nolint:gosec // the program under test
	cmd.Stdin = strings.NewReader(strings.Join(values, "\n"))
	out, err := cmd.CombinedOutput()
	return string(out), err == nil
}

// chooseSubjects returns random persons with what is to be looked for of them.
func chooseSubjects(t *testing.T, s *Server, n int) (list []subject) {
	t.Helper()
	var all []Person
	for cursor := ""; ; {
		var page struct {
			Items      []struct{ ID string }
			NextCursor string `json:"next_cursor"`
		}
		s.Call(http.MethodGet, "/api/v1/persons?limit=200&cursor="+cursor, nil, &page)
		for _, one := range page.Items {
			all = append(all, s.Person(one.ID))
		}
		if cursor = page.NextCursor; cursor == "" {
			break
		}
	}
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	var others []string
	for _, p := range all[min(n, len(all)):] {
		for _, id := range p.Identifiers {
			others = append(others, id.Value)
		}
	}
	for _, row := range s.SQL("SELECT DISTINCT properties->>'vin' FROM events WHERE (properties->>'vin') IS NOT NULL") {
		others = append(others, fmt.Sprint(row[0])) // a car's number may hold a person's by chance
	}
	kept := strings.ToLower(strings.Join(others, "\n"))
	for _, p := range all[:min(n, len(all))] {
		one := subject{id: p.ID, events: p.Counters.Events}
		for _, id := range p.Identifiers {
			one.refs = append(one.refs, id.Kind+":"+id.Value)
			if len(id.Value) >= 5 && !strings.Contains(kept, strings.ToLower(id.Value)) {
				one.values = append(one.values, id.Value)
			}
		}
		if len(one.refs) == 0 || len(one.values) == 0 {
			t.Fatalf("%s has nothing that can be looked for: %v", p.ID, one.refs)
		}
		list = append(list, one)
	}
	return list
}

// plantMentions has somebody name a person who will be erased in a trait and in an event, and returns who it is.
func plantMentions(t *testing.T, s *Server, subjects []subject) (user string) {
	t.Helper()
	user, by := "grateful-customer", subjects[0].values[0]
	s.Track(Event{"type": "identify", "userId": user, "traits": map[string]any{"recommended_by": by, "city": "Hangzhou"}},
		Event{"type": "track", "userId": user, "event": "Recommended", "properties": map[string]any{"by": by, "city": "Hangzhou"}})
	s.Drain()
	if p := s.Person("user_id:" + user); p.Traits["recommended_by"] != by {
		t.Fatalf("the recommended person has %v", p.Traits)
	}
	return user
}

// eraseSubjects has them forgotten, and compares the receipts with what was there.
func eraseSubjects(t *testing.T, s *Server, subjects []subject) {
	t.Helper()
	c := &crowd{s, t, 0}
	var people [][]string
	for _, one := range subjects {
		people = append(people, one.refs[:1])
	}
	var out struct{ Items []asked }
	s.Call(http.MethodPost, "/api/v1/privacy/requests", map[string]any{"kind": "erasure", "people": people, "reason": "request", "confirm": len(people)}, &out)
	var ids []string
	for _, one := range out.Items {
		ids = append(ids, one.ID)
	}
	c.awaitDone(ids)
	var key struct {
		Public string `json:"public_key"`
	}
	s.Call(http.MethodGet, "/api/v1/privacy/key", nil, &key)
	if _, err := base64.StdEncoding.DecodeString(key.Public); err != nil {
		t.Fatal(err)
	}
	for i, id := range ids {
		receipt := c.request(id).Receipt
		var signed struct{ Receipt struct{ Removed []removed } }
		s.Call(http.MethodGet, "/api/v1/privacy/receipts/"+receipt, nil, &signed)
		counted := map[string]removed{}
		for _, one := range signed.Receipt.Removed {
			if counted[one.Place] = one; one.Before == 0 || one.After != 0 {
				t.Errorf("the receipt of %s says %+v", subjects[i].id, one)
			}
		}
		if counted["identity_nodes.person"].Before != int64(len(subjects[i].refs)) || counted["warehouse.events"].Before != subjects[i].events {
			t.Errorf("%s had %d identifiers and %d events; the receipt says %+v", subjects[i].id, len(subjects[i].refs), subjects[i].events, counted)
		}
		if i < 3 { // a process each
			_, text := (&erasure{Server: s, t: t}).ask(http.MethodGet, "/privacy/receipts/"+receipt, "")
			verifyReceipt(t, text, key.Public)
		}
	}
	nobodyIsBack(t, s, subjects)
}

// verifyReceipt verifies a receipt with the command, and that it does not hold once any byte has changed.
func verifyReceipt(t *testing.T, text, key string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "receipt.json")
	verify := func(text []byte) error {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return exec.Command(Binary(t), "receipt", "verify", file, "--key", key).Run() //nolint:gosec // the program under test
	}
	if err := verify([]byte(text)); err != nil {
		t.Errorf("the receipt is not verified: %v\n%s", err, text)
	}
	for range 3 {
		changed := []byte(text)
		at := rand.IntN(len(changed))
		for !strings.ContainsRune("0123456789abcdefghijklmnopqrstuvwxyz", rune(changed[at])) {
			at = rand.IntN(len(changed))
		}
		changed[at] ^= 1
		if verify(changed) == nil {
			t.Errorf("with byte %d changed the receipt holds: %s", at, changed)
		}
	}
}

// importSlipsAgain imports the files of the world once more: who was erased is refused.
func importSlipsAgain(t *testing.T, s *Server, world *sim.World) {
	t.Helper()
	eachSlips(t, world, func(path, mapping, source string) { s.Import(path, mapping, source+"-again") })
}

// nobodyIsBack asks for all of them by all of their identifiers.
func nobodyIsBack(t *testing.T, s *Server, subjects []subject) {
	t.Helper()
	var back []string
	for _, one := range subjects {
		for _, ref := range slices.Concat([]string{one.id}, one.refs) {
			if status, _ := s.Do(http.MethodGet, "/api/v1/persons/"+ref, nil, nil); status != http.StatusNotFound {
				back = append(back, fmt.Sprintf("%s of %s: %d", ref, one.id, status))
			}
		}
	}
	if len(back) > 0 {
		t.Fatalf("%d are there: %.2000s", len(back), strings.Join(back, "\n"))
	}
}
