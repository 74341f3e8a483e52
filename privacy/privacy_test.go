package privacy

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

var ctx = context.Background()

func testKeys() *Keys { return newKeys(bytes.Repeat([]byte{7}, 32), bytes.Repeat([]byte{9}, 32)) }

// A key is made once, for its owner only, and is the same at the next start; one that is damaged is
// not replaced.
func TestKeysAreMadeOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "privacy.key")
	first, err := LoadKeys(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the key's mode is %v, %v", info.Mode(), err)
	}
	again, err := LoadKeys(path, nil)
	if err != nil || again.ID() != first.ID() || !again.Public().Equal(first.Public()) {
		t.Fatalf("another key at the next start: %v", err)
	}
	if other, _ := LoadKeys(filepath.Join(t.TempDir(), "privacy.key"), nil); other.ID() == first.ID() {
		t.Error("two keys are the same")
	}
	if err := os.WriteFile(path, []byte(`{"version":1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadKeys(path, nil); err == nil {
		t.Error("a damaged key is taken")
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("beside the key are %v", entries)
	}
}

func signedReceipt(t testing.TB) []byte {
	t.Helper()
	at := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	text, err := testKeys().Sign(&Receipt{Format: Format, ID: "rcpt_1", IssuedAt: at, AskedAt: at, ErasedAt: at, Persons: 1, Command: "cmd_1",
		Removed: []Removed{{"identity", "identity_nodes.person", 5, 0}}, Places: places, Tombstone: Tombstone{Key: "k", Identifiers: 5}, Compacted: Compacted{State: "pending"}})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// A receipt verifies as it is and formatted anew; with any byte of it changed it says something
// else, or is none.
func TestOneChangedByteFails(t *testing.T) {
	text := signedReceipt(t)
	r, err := Verify(text, testKeys().Public())
	if err != nil || r.Removed[0].Before != 5 {
		t.Fatalf("%v, %v", r, err)
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, text, "", "  "); err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(pretty.Bytes(), testKeys().Public()); err != nil {
		t.Errorf("formatted anew: %v", err)
	}
	other, _, _ := ed25519.GenerateKey(nil)
	if _, err := Verify(text, other); err == nil {
		t.Error("another key verifies it")
	}
	for i := range text {
		for _, bit := range []byte{1, 2, 4, 8, 16, 32, 64, 128} {
			changed := bytes.Clone(text)
			changed[i] ^= bit
			if got, err := Verify(changed, testKeys().Public()); err == nil {
				t.Fatalf("byte %d of …%s… changed by %d: it verifies and says %+v", i, text[max(0, i-20):min(len(text), i+20)], bit, got)
			}
		}
	}
	for name, forged := range map[string]string{
		"a name twice":    strings.Replace(string(text), `{"receipt":`, `{"receipt":{},"receipt":`, 1),
		"something more":  string(text) + "{}",
		"an unknown name": strings.Replace(string(text), `"signature":`, `"x":1,"signature":`, 1),
	} {
		if _, err := Verify([]byte(forged), nil); err == nil {
			t.Errorf("%s verifies", name)
		}
	}
}

func event(id string, happened, received time.Time, source string, ids ...string) *touchstone.Event {
	e := &touchstone.Event{Type: touchstone.Track, MessageID: id, Name: "x", Time: happened, ReceivedAt: received, Source: source}
	for _, text := range ids {
		one, _ := touchstone.ParseIdentifier(text)
		e.Identifiers = append(e.Identifiers, one)
	}
	return e
}

func openTest(t testing.TB, db *store.DB, beside string) *Privacy {
	t.Helper()
	p, err := Open(ctx, Config{DB: db, Keys: testKeys(), Beside: beside, Kinds: touchstone.DefaultKindSet(), Imports: func(source string) bool { return source == "file" }})
	if err == nil {
		err = p.Recall(ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func buryTest(t testing.TB, p *Privacy, at time.Time, suppress bool, ids ...string) {
	t.Helper()
	list, err := parseAll(ids)
	if err != nil {
		t.Fatal(err)
	}
	err = p.cfg.DB.Update(ctx, func(tx *store.Tx) error {
		b, err := p.dig(ctx, tx, touchstone.Command{ID: "cmd_test", SubmittedAt: at})
		if err != nil {
			return err
		}
		b.bury(list, suppress)
		return b.save(ctx, tx)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// What is from before an erasure stays out, live or read again; imports stay out until it is lifted;
// whoever comes again is let in. A store that was restored learns of it from the list beside.
func TestTombstones(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		beside := filepath.Join(t.TempDir(), "tombstones.jsonl")
		p := openTest(t, db, beside)
		at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		early, late := at.Add(-time.Hour), at.Add(time.Hour)
		buryTest(t, p, at, false, "email:ann@example.com", "user_id:ann")
		buryTest(t, p, at, true, "user_id:zoe")
		lift := late.Add(time.Hour)
		later := lift.Add(time.Hour)
		check := func(p *Privacy, lifted bool) {
			t.Helper()
			imported, suppressed := whyImport, whySuppressed
			if lifted {
				imported, suppressed = "", ""
			}
			for _, c := range []struct {
				e    *touchstone.Event
				want string
			}{
				{event("1", early, early, "app", "user_id:ann"), whyBefore},
				{event("2", early, late, "app", "user_id:ann"), whyBefore}, // a telephone that was offline
				{event("3", late, late, "app", "user_id:ann"), ""},
				{event("4", late, late, "file", "user_id:ann"), whyImport},
				{event("4b", later, later, "file", "user_id:ann"), imported},
				{event("5", later, later, "file", "user_id:bob", "email:ann@example.com"), imported},
				{event("6", early, early, "app", "user_id:bob", "email:ann@example.com"), ""}, // Bob's
				{event("7", early, early, "app", "email:ann@example.com"), whyBefore},
				{event("8", late, late, "app", "user_id:zoe"), whySuppressed},
				{event("8b", later, later, "app", "user_id:zoe"), suppressed},
				{event("9", late, late, "app", "user_id:bob"), ""},
			} {
				if got := p.LeavesOut(c.e); got != c.want {
					t.Errorf("event %s (lifted: %v): %q, want %q", c.e.MessageID, lifted, got, c.want)
				}
			}
		}
		check(p, false)
		if err := p.listBeside(ctx); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(beside)
		if err != nil || bytes.Contains(text, []byte("ann")) || bytes.Count(text, []byte("\n")) != 3 {
			t.Errorf("the list beside says %s, %v", text, err)
		}
		check(openTest(t, db, ""), false) // another process, or the next start
		if err := db.Update(ctx, func(tx *store.Tx) error { _, err := tx.Exec(ctx, `DELETE FROM privacy_tombstones`); return err }); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(beside, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		f.WriteString(`{"mac":"0011`) // a line that was cut off
		f.Close()
		p = openTest(t, db, beside)
		check(p, false)
		ids, _ := parseAll([]string{"email:ann@example.com", "user_id:ann", "user_id:zoe", "user_id:bob"})
		if err := db.Update(ctx, func(tx *store.Tx) error {
			n, err := p.lift(ctx, tx, ids, &touchstone.Command{ID: "cmd_lift", SubmittedAt: lift})
			if n != 3 {
				t.Errorf("%d were lifted", n)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		check(p, true)
		check(openTest(t, db, beside), true) // the older list does not bury again what was lifted
	})
}

// Whatever is buried and lifted in whatever order, the maps say what a list of all of it says.
func TestGravesAreAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g, want := &graves{}, map[mac]grave{}
		for range rapid.IntRange(1, 6).Draw(t, "times") {
			more := map[mac]grave{}
			for range rapid.IntRange(0, 3000).Draw(t, "many") {
				var m mac
				m[0], m[1] = rapid.Byte().Draw(t, "a"), rapid.Byte().Draw(t, "b")
				more[m] = grave{at: int64(rapid.IntRange(1, 100).Draw(t, "at"))}
			}
			g = g.with(more)
			for m, one := range more {
				want[m] = one
			}
		}
		for m, one := range want {
			if got, known := g.get(m); !known || got != one {
				t.Fatalf("%x is %v, want %v", m, got, one)
			}
		}
	})
}

func BenchmarkLeavesOut(b *testing.B) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	p := &Privacy{cfg: Config{Keys: testKeys(), Imports: func(source string) bool { return source == "file" }}}
	more := map[mac]grave{}
	for i := range 100_000 {
		var m mac
		m[0], m[1], m[2] = byte(i), byte(i>>8), byte(i>>16)
		more[m] = grave{at: at.UnixMilli()}
	}
	p.graves.Store((&graves{}).with(more))
	for name, e := range map[string]*touchstone.Event{
		"live":   event("1", at.Add(time.Hour), at.Add(time.Hour), "app", "user_id:u1234567", "email:somebody@example.com", "anonymous_id:0a1b2c3d-0000"),
		"import": event("1", at.Add(time.Hour), at.Add(time.Hour), "file", "user_id:u1234567", "email:somebody@example.com", "anonymous_id:0a1b2c3d-0000"),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if p.LeavesOut(e) != "" {
					b.Fatal("left out")
				}
			}
		})
	}
}

// Requests are found by what is known of them, and ended ones by the identifier that they named; who may not see contacts
// finds out nothing by searching for them.
func TestRequestsAreSearched(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		now := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
		p, err := Open(ctx, Config{DB: db, Keys: testKeys(), Kinds: touchstone.DefaultKindSet(), Clock: touchstone.ClockFunc(func() time.Time { return now })})
		if err != nil {
			t.Fatal(err)
		}
		put := func(a Ask) []Request {
			t.Helper()
			a.Kind = Erasure
			list, err := p.Put(ctx, a)
			if err != nil {
				t.Fatal(err)
			}
			return list
		}
		ann := put(Ask{People: [][]string{{"email:Ann@example.com"}}, Reason: "request", By: "clerk@brand.cn", Note: "Came by 100% post_card", DueDays: 5})[0]
		both := put(Ask{People: [][]string{{"phone:13912345678", "user_id:bob"}, {"user_id:cem"}}, Reason: "unlawful", By: "other@brand.cn", DueDays: 30})
		err = db.Retry(ctx, func(tx *store.Tx) error {
			return endRequest(ctx, tx, ann.ID, ended{state: Done, persons: 1, command: "cmd_1", at: now})
		})
		if err != nil {
			t.Fatal(err)
		}
		find := func(f Filter) string {
			t.Helper()
			list, err := p.List(ctx, f, 10)
			if err != nil {
				t.Fatal(err)
			}
			found := map[string]string{ann.ID: "ann", both[0].ID: "bob", both[1].ID: "cem"}
			var names []string
			for _, r := range list {
				names = append(names, found[r.ID])
			}
			slices.Sort(names)
			return strings.Join(names, " ")
		}
		for _, x := range []struct {
			text            string
			with, withoutIt string
		}{
			{ann.ID, "ann", "ann"}, {both[0].Bulk, "bob cem", "bob cem"}, {" CLERK@ ", "ann", "ann"}, {"brand.cn", "ann bob cem", "ann bob cem"},
			{"email:ann@example.com", "ann", ""}, {"EMAIL:ANN@example.com", "ann", ""}, {"ann@example", "", ""}, // ended: only the whole of what it named
			{"phone:139 1234 5678", "bob", ""}, {"1234567", "bob", ""}, {"user_id:cem", "cem", ""}, {"bo_", "", ""}, {"100% post_card", "", ""}, {"nobody", "", ""},
		} {
			if got := find(Filter{Text: x.text, Contacts: true}); got != x.with {
				t.Errorf("%q finds %q, not %q", x.text, got, x.with)
			}
			if got := find(Filter{Text: x.text}); got != x.withoutIt {
				t.Errorf("%q finds %q for who may not see contacts", x.text, got)
			}
		}
		if got := find(Filter{Reason: "unlawful"}); got != "bob cem" {
			t.Errorf("unlawful are %q", got)
		}
		if got := find(Filter{Late: true}); got != "" {
			t.Errorf("late are %q", got)
		}
		now = now.AddDate(0, 0, 31) // ann's is done
		if got := find(Filter{Late: true}); got != "bob cem" {
			t.Errorf("late are %q", got)
		}
	})
}
