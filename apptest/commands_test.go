package apptest

import (
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

// forget removes what can be computed anew from the log: the warehouse, and the store.
func (s *Server) forget(store bool) {
	s.t.Helper()
	patterns := []string{"warehouse.duckdb*"}
	if store {
		patterns = append(patterns, "store.db*")
	}
	s.lose(patterns...)
}

// lose removes files of the data folder, of which there are some for each pattern.
func (s *Server) lose(patterns ...string) {
	s.t.Helper()
	for _, pattern := range patterns {
		files, err := filepath.Glob(filepath.Join(s.Data, pattern))
		if err != nil || len(files) == 0 {
			s.t.Fatalf("there is no %s: %v", pattern, err)
		}
		for _, f := range files {
			if err := os.RemoveAll(f); err != nil {
				s.t.Fatal(err)
			}
		}
	}
}

// portrait is what is known of the persons that some references mean: who they are, with
// which identifiers, traits and events.
func portrait(s *Server, refs ...string) (lines []string) {
	s.t.Helper()
	for _, ref := range refs {
		var p struct {
			Person
			Rebuilding bool
		}
		var status int
		var err error
		for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
			p.Rebuilding = false
			if status, err = s.Do(http.MethodGet, "/api/v1/persons/"+url.PathEscape(ref), nil, &p); err != nil && status != http.StatusNotFound {
				s.t.Fatal(err)
			}
			if !p.Rebuilding {
				break
			}
			if time.Now().After(deadline) {
				s.t.Fatalf("%s is being rebuilt for ever", ref)
			}
		}
		if status == http.StatusNotFound {
			lines = append(lines, ref+": nobody")
			continue
		}
		var ids, events []string
		for _, id := range p.Identifiers {
			ids = append(ids, id.Kind+":"+id.Value)
		}
		for _, e := range s.Timeline(ref, 50) {
			events = append(events, e.MessageID)
		}
		slices.Sort(ids)
		slices.Sort(events)
		lines = append(lines, fmt.Sprintf("%s: %s %v %v events %d %v", ref, p.ID, ids, p.Traits, p.Counters.Events, events))
	}
	return lines
}

// operated is a server on which operators have split, merged, corrected, rebuilt and erased.
type operated struct {
	*Server
	t    testing.TB
	refs []string
}

func operate(t *testing.T) *operated {
	o := &operated{Start(t), t, []string{"user_id:ann", "user_id:bob", "anonymous_id:tablet", "email:ann@example.com", "user_id:cai", "anonymous_id:till", "user_id:dan", "phone:+8613912345678"}}
	o.Track(
		Event{"type": "identify", "messageId": "m1", "userId": "ann", "anonymousId": "phone", "traits": map[string]any{"email": "ann@example.com", "city": "上海"}},
		Event{"type": "track", "messageId": "m2", "userId": "ann", "anonymousId": "tablet", "event": "Viewed"},
		Event{"type": "track", "messageId": "m3", "anonymousId": "tablet", "event": "Viewed"},
		Event{"type": "identify", "messageId": "m4", "userId": "bob", "traits": map[string]any{"city": "北京", "plan": "old"}},
		Event{"type": "identify", "messageId": "m5", "userId": "cai", "traits": map[string]any{"city": "广州"}},
		Event{"type": "track", "messageId": "m6", "anonymousId": "till", "event": "Viewed"},
		Event{"type": "identify", "messageId": "m7", "userId": "dan", "traits": map[string]any{"phone": "+8613912345678", "name": "Dan"}},
		Event{"type": "track", "messageId": "m8", "userId": "dan", "event": "Viewed"},
	)
	o.Drain()
	o.split()
	// After it, the same event again would have joined the two.
	o.Track(
		Event{"type": "track", "messageId": "m9", "userId": "ann", "anonymousId": "tablet", "event": "Viewed"},
		Event{"type": "track", "messageId": "m10", "userId": "bob", "anonymousId": "tablet", "event": "Viewed"},
	)
	o.Drain()
	o.Call(http.MethodPost, "/api/v1/persons/user_id:cai/merge", map[string]any{"other": "anonymous_id:till"}, nil)
	o.Call(http.MethodPatch, "/api/v1/persons/user_id:bob/traits", map[string]any{"traits": map[string]any{"city": "成都", "plan": nil}}, nil)
	o.Track( // of before the correction, and so without effect; the other is of after it
		Event{"type": "identify", "messageId": "m11", "userId": "bob", "timestamp": time.Now().Add(-time.Hour).UTC().Format(time.RFC3339), "traits": map[string]any{"plan": "older"}},
		Event{"type": "identify", "messageId": "m12", "userId": "cai", "traits": map[string]any{"city": "深圳"}},
	)
	o.Drain()
	o.Call(http.MethodPost, "/api/v1/persons/user_id:bob/rebuild", nil, nil)
	return o
}

func (o *operated) split() {
	o.t.Helper()
	var split struct {
		ID, Other string
		Moved     int
	}
	o.Call(http.MethodPost, "/api/v1/persons/user_id:ann/split", map[string]any{"identifiers": []string{"anonymous_id:tablet"}}, &split)
	if split.Moved != 1 || split.ID == split.Other {
		o.t.Fatalf("%+v", split)
	}
}

// erase has Dan forgotten, and kills the server while it is asked: the command is in the log or it is not,
// so it is asked again until it is done.
func (o *operated) erase() {
	o.t.Helper()
	id := o.Person("user_id:dan").ID
	path, body := "/api/v1/persons/"+id+"/erase", map[string]any{"confirm": id}
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		_, _ = o.Do(http.MethodPost, path, body, nil)
	}()
	time.Sleep(time.Duration(rand.IntN(25)) * time.Millisecond) //nolint:gosec // any moment will do
	o.Kill()
	<-asked
	o.Launch()
	Eventually(o.t, time.Minute, "Dan is erased", func() bool {
		status, _ := o.Do(http.MethodPost, path, body, nil)
		return status == http.StatusNotFound
	})
	o.erased(2)
}

// erased waits until the figures say that so many events went with their persons.
func (o *operated) erased(want int64) {
	o.t.Helper()
	Eventually(o.t, time.Minute, fmt.Sprint(want, " events are erased"), func() bool { return o.Stats().Erased == want })
	st := o.Drain()
	if st.Erased != want || st.InWarehouse+st.SetAside+st.Erased != st.Processed {
		o.t.Errorf("%+v", st)
	}
	if n := o.Number("SELECT count(*) FROM events_raw WHERE message_id IN ('m7', 'm8')"); n != 0 {
		o.t.Errorf("the warehouse has %d events of who was erased", n)
	}
}

func (o *operated) commands() (list []string) {
	o.t.Helper()
	var page struct {
		Items []struct{ ID, Kind, Actor, State string }
	}
	o.Call(http.MethodGet, "/api/v1/commands", nil, &page)
	for _, c := range page.Items {
		// One erasure that was asked for twice may have failed; the audit log signs itself.
		if c.Kind != "audit.head" && (c.Kind != "person.erase" || c.State == "done") {
			list = append(list, fmt.Sprint(c.ID, " ", c.Kind, " ", c.Actor, " ", c.State))
		}
	}
	return list
}

// What operators have done stands in the log: a store and a warehouse that are computed anew
// from it say the same as those that were lost, also when that is cut short by a kill.
func TestARebuildKeepsWhatOperatorsDid(t *testing.T) {
	t.Parallel()
	s := operate(t)
	s.erase()
	before, was := portrait(s.Server, s.refs...), s.commands()
	for i, want := range []string{"上海", "成都", "[m10 m11 m3 m4]", "上海", "深圳", "m6", "nobody", "nobody"} {
		if !strings.Contains(before[i], want) {
			t.Errorf("%s lacks %s", before[i], want)
		}
	}
	if strings.Contains(before[1], "plan") || len(was) != 5 || t.Failed() {
		t.Fatalf("%v, %v", before, was)
	}
	for _, storeToo := range []bool{true, false} {
		s.Stop()
		s.forget(storeToo)
		s.Launch()
		s.Kill()
		s.Launch()
		s.Settle()
		s.erased(2)
		// Profiles that a command computes anew follow their history, which the sink may bring later.
		now := portrait(s.Server, s.refs...)
		for end := time.Now().Add(patience); cmp.Diff(before, now) != "" && time.Now().Before(end); now = portrait(s.Server, s.refs...) {
			time.Sleep(100 * time.Millisecond)
		}
		if d := cmp.Diff(before, now); d != "" {
			t.Errorf("what was computed anew says something else: %s", d)
		}
		if d := cmp.Diff(was, s.commands()); d != "" {
			t.Errorf("the commands: %s", d)
		}
	}
}

// All profiles are computed anew by a job, which goes on after a kill: what was lost of them is
// there again, and who has nothing wrong is as before.
func TestAllProfilesAreComputedAnew(t *testing.T) {
	t.Parallel()
	const persons = 450
	s := Start(t)
	var events []Event
	for i := range persons {
		events = append(events, Event{"type": "identify", "messageId": fmt.Sprint("m", i), "userId": fmt.Sprint("u-", i), "traits": map[string]any{"n": i}})
	}
	s.Track(events...)
	s.Drain()
	s.Call(http.MethodPatch, "/api/v1/persons/user_id:u-7/traits", map[string]any{"traits": map[string]any{"city": "成都"}}, nil)
	var refs []string
	for i := 0; i < persons; i += 7 {
		refs = append(refs, fmt.Sprint("user_id:u-", i))
	}
	before := portrait(s, refs...)
	s.Stop()
	db, err := sql.Open("sqlite3", filepath.Join(s.Data, "store.db"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.Exec(`DELETE FROM profile_traits WHERE person % 2 = 0 OR person > 200`)
	if e := db.Close(); err != nil || e != nil {
		t.Fatal(err, e)
	}
	s.Launch()
	if lost := portrait(s, refs...); slices.Equal(lost, before) {
		t.Fatal("nothing is lost")
	}
	j := s.StartJob("profiles.rebuild", map[string]any{})
	time.Sleep(time.Duration(rand.IntN(1500)) * time.Millisecond) //nolint:gosec // any moment will do
	s.Kill()
	s.Launch()
	s.AwaitJob(j.ID)
	if d := cmp.Diff(before, portrait(s, refs...)); d != "" {
		t.Errorf("what was computed anew says something else: %s", d)
	}
}
