package apptest

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// asked is a request of somebody, as the API shows it.
type asked struct {
	ID, State, Receipt, Job string
	Identifiers             []string
	Persons                 int64
}

// removed is what a receipt says of a place.
type removed struct {
	Place         string
	Before, After int64
}

// crowd is some people with a few events each.
type crowd struct {
	*Server
	t testing.TB
	n int
}

func (c *crowd) live(at time.Time, first, n int, round string) {
	c.t.Helper()
	var events []Event
	for i := first; i < first+n; i++ {
		user, phone := fmt.Sprintf("crowd-user-%04d", i), fmt.Sprintf("+86139%08d", 70000000+i)
		events = append(events,
			Event{"type": "identify", "messageId": fmt.Sprint(round, "i", i), "userId": user, "anonymousId": fmt.Sprintf("crowd-device-%04d", i), "timestamp": at.Format(time.RFC3339Nano),
				"traits": map[string]any{"phone": phone, "name": fmt.Sprintf("crowd-name-%04d", i), "city": "杭州"}},
			Event{"type": "track", "messageId": fmt.Sprint(round, "t", i), "userId": user, "event": "Viewed", "timestamp": at.Format(time.RFC3339Nano), "properties": map[string]any{"contact": phone}},
		)
	}
	for len(events) > 0 {
		some := events[:min(200, len(events))]
		c.Track(some...)
		events = events[len(some):]
	}
	c.Drain()
}

// ask puts in an erasure of the people from first on, by their phone numbers.
func (c *crowd) ask(first, n int, suppress bool) (ids []string, bulk string) {
	c.t.Helper()
	var people [][]string
	for i := first; i < first+n; i++ {
		people = append(people, []string{fmt.Sprintf("phone:139%08d", 70000000+i)}) // as people write it
	}
	var out struct {
		Items []asked
		Bulk  string
	}
	c.Call(http.MethodPost, "/api/v1/privacy/requests", map[string]any{"kind": "erasure", "people": people, "reason": "request", "note": "asked by crowd-user", "confirm": n, "suppress": suppress}, &out)
	for _, one := range out.Items {
		ids = append(ids, one.ID)
	}
	return ids, out.Bulk
}

func (c *crowd) request(id string) (r asked) {
	c.t.Helper()
	c.Call(http.MethodGet, "/api/v1/privacy/requests/"+id, nil, &r)
	return r
}

func (c *crowd) awaitDone(ids []string) {
	c.t.Helper()
	for _, id := range ids {
		Eventually(c.t, 2*time.Minute, "the request "+id+" is done and has its receipt", func() bool {
			r := c.request(id)
			return r.State == "done" && r.Receipt != ""
		})
	}
}

// Many people are forgotten with one request, also when the server is killed meanwhile: each has a receipt
// that holds and agrees with what was there; nobody comes back with what is sent again, with an
// import, or when store and warehouse are made anew; the others are as they were; and whoever comes again is
// somebody new, unless that was not to be.
func TestManyAreForgotten(t *testing.T) {
	t.Parallel()
	s := Start(t)
	c := &crowd{s, t, 160}
	before := time.Now().Add(-time.Hour)
	c.live(before, 0, c.n, "a")
	others := portrait(s, "user_id:crowd-user-0150", "phone:+8613970000151")
	ids, bulk := c.ask(0, 120, false)
	if bulk == "" || len(ids) != 100 { // the first hundred are told
		t.Fatalf("%d requests, bulk %q", len(ids), bulk)
	}
	again, _ := c.ask(0, 2, false)
	time.Sleep(time.Duration(rand.IntN(300)) * time.Millisecond) //nolint:gosec // any moment will do
	s.Kill()
	s.Launch()
	c.awaitDone(ids)
	for i, id := range again { // asked for while it was open, or when it was done already
		if r := c.request(id); id != ids[i] && r.State != "nobody" {
			t.Errorf("the same was asked for again and is %+v", r)
		}
	}
	gone, _ := c.ask(140, 1, true)
	c.awaitDone(gone)
	left := int64(2 * (c.n - 121))
	Eventually(t, time.Minute, "the warehouse holds the others only", func() bool { return s.Number("SELECT count(*) FROM events") == left })
	c.receipts(append(ids, gone...))
	c.nobody()

	c.live(before, 0, c.n, "b") // the file comes again, by another way, with other message ids
	Eventually(t, time.Minute, "what was sent again has been worked on", func() bool { return s.Number("SELECT count(*) FROM events") == 2*left })
	c.nobody()
	c.importAgain()
	c.nobody()
	count := s.Number("SELECT count(*) FROM events")
	portraits := portrait(s, "user_id:crowd-user-0150", "phone:+8613970000151")
	if len(others) == 0 || len(portraits) == 0 {
		t.Fatal("there are no others")
	}
	s.Stop()
	s.forget(true)
	s.Launch()
	s.Drain()
	Eventually(t, 2*time.Minute, fmt.Sprintf("the warehouse is made anew with %d events", count), func() bool {
		now := s.Number("SELECT count(*) FROM events")
		return now == count
	})
	c.nobody()
	if d := cmp.Diff(portraits, portrait(s, "user_id:crowd-user-0150", "phone:+8613970000151")); d != "" {
		t.Errorf("after all was made anew another is somebody else: %s", d)
	}

	s.Track(Event{"type": "track", "messageId": "new", "userId": "crowd-user-0003", "event": "Viewed"},
		Event{"type": "track", "messageId": "never", "userId": "crowd-user-0140", "event": "Viewed"})
	s.Drain()
	if p := s.Person("user_id:crowd-user-0003"); p.Counters.Events != 1 || p.Traits["name"] != nil {
		t.Errorf("who comes again is %+v", p)
	}
	if status, _ := s.Do(http.MethodGet, "/api/v1/persons/user_id:crowd-user-0140", nil, nil); status != http.StatusNotFound {
		t.Errorf("who was suppressed is there: %d", status)
	}
	s.Call(http.MethodPost, "/api/v1/privacy/tombstones/lift", map[string]any{"identifiers": []string{"user_id:crowd-user-0140"}}, nil)
	s.Track(Event{"type": "track", "messageId": "then", "userId": "crowd-user-0140", "event": "Viewed"})
	s.Drain()
	if p := s.Person("user_id:crowd-user-0140"); p.Counters.Events != 1 {
		t.Errorf("who was let in again is %+v", p)
	}
}

const againMapping = `
event: Bought
time: {column: when, layout: "2006-01-02 15:04:05", zone: UTC}
identifiers: {user_id: user}
`

// importAgain loads a file of everybody: those who were forgotten stay away though their events are new.
func (c *crowd) importAgain() {
	c.t.Helper()
	dir := c.t.TempDir()
	file, mapping := filepath.Join(dir, "again.csv"), filepath.Join(dir, "again.yaml")
	var lines bytes.Buffer
	lines.WriteString("user,when\n")
	for i := range c.n {
		fmt.Fprintf(&lines, "crowd-user-%04d,%s\n", i, time.Now().UTC().Format("2006-01-02 15:04:05"))
	}
	for path, text := range map[string]string{file: lines.String(), mapping: againMapping} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			c.t.Fatal(err)
		}
	}
	c.Import(file, mapping, "again")
	c.Drain()
	Eventually(c.t, time.Minute, "the file is in the warehouse, but for those who were forgotten", func() bool {
		return c.Number("SELECT count(*) FROM events WHERE event = 'Bought'") == int64(c.n-121)
	})
}

// nobody asks for all who were forgotten.
func (c *crowd) nobody() { c.t.Helper(); c.nobodyOf(120) }

func (c *crowd) nobodyOf(n int) {
	c.t.Helper()
	for i := range n {
		for _, ref := range []string{fmt.Sprintf("user_id:crowd-user-%04d", i), fmt.Sprintf("phone:+86139%08d", 70000000+i), fmt.Sprintf("anonymous_id:crowd-device-%04d", i)} {
			if status, err := c.Do(http.MethodGet, "/api/v1/persons/"+ref, nil, nil); status != http.StatusNotFound {
				c.t.Fatalf("%s is answered with %d, %v", ref, status, err)
			}
		}
	}
}

// receipts verifies each with the command, and that one that was changed does not hold.
func (c *crowd) receipts(ids []string) {
	c.t.Helper()
	var key struct {
		Public string `json:"public_key"`
	}
	c.Call(http.MethodGet, "/api/v1/privacy/key", nil, &key)
	if raw, err := base64.StdEncoding.DecodeString(key.Public); err != nil || len(raw) != 32 {
		c.t.Fatalf("the public key is %q, %v", key.Public, err)
	}
	dir := c.t.TempDir()
	for i, id := range ids {
		r := c.request(id)
		if len(r.Identifiers) != 0 || r.Persons != 1 {
			c.t.Errorf("a request that is done says %+v", r)
		}
		_, text := (&erasure{Server: c.Server, t: c.t}).ask(http.MethodGet, "/privacy/receipts/"+r.Receipt, "")
		var signed struct {
			Receipt struct {
				Request string
				Removed []removed
			}
		}
		c.Call(http.MethodGet, "/api/v1/privacy/receipts/"+r.Receipt, nil, &signed)
		counted := map[string]removed{}
		for _, one := range signed.Receipt.Removed {
			counted[one.Place] = one
			if one.Before == 0 || one.After != 0 {
				c.t.Errorf("the receipt of %s says %+v", id, one)
			}
		}
		if signed.Receipt.Request != id || counted["identity_nodes.person"].Before != 3 || counted["warehouse.events"].Before != 2 || counted["profile_traits.person"].Before != 1 {
			c.t.Errorf("the receipt of %s says %+v", id, signed)
		}
		for _, is := range []string{"crowd-", "139700", "crowd-name"} {
			if strings.Contains(text, is) {
				c.t.Errorf("the receipt names somebody: %s", text)
			}
		}
		if i > 2 { // a process each
			continue
		}
		file := filepath.Join(dir, id+".json")
		for _, change := range []bool{false, true} {
			if change {
				text = strings.Replace(text, `"before":3`, `"before":4`, 1)
			}
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				c.t.Fatal(err)
			}
			out, err := exec.Command(Binary(c.t), "receipt", "verify", file, "--key", key.Public).CombinedOutput() //nolint:gosec // the program under test
			if (err == nil) == change {
				c.t.Errorf("a receipt that was changed (%v) is answered with %v: %s", change, err, out)
			}
		}
	}
}
