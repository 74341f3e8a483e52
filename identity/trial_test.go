package identity

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/sqlite"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

// records groups facts as the log would: each as many as it says.
func (b *bench) records(facts []touchstone.Fact, sizes []int) (list [][]touchstone.Fact) {
	for len(facts) > 0 {
		n := min(len(facts), sizes[len(list)%len(sizes)])
		record := slices.Clone(facts[:n])
		for i := range record {
			record[i].Seq = touchstone.MakeSeq(0, facts[0].Seq.Offset(), i)
		}
		list, facts = append(list, record), facts[n:]
	}
	return list
}

// trial tries records, and returns what they would do and whose each event would be, 0 for somebody new.
func (b *bench) trial(t fataler, dir string, records [][]touchstone.Fact, o TrialOptions) (TrialResult, []touchstone.PersonID) {
	t.Helper()
	ctx := context.Background()
	dir, err := os.MkdirTemp(dir, "trial")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	db, err := sqlite.Open(filepath.Join(dir, "store.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	x, err := b.g.NewTrial(ctx, db, o)
	if err != nil {
		t.Fatal(err)
	}
	row := int64(0)
	for _, record := range records {
		events := make([]TrialEvent, len(record))
		for i := range record {
			row++
			events[i] = TrialEvent{record[i].Event, row, 1}
		}
		if err := x.Take(ctx, events); err != nil {
			t.Fatal(err)
		}
	}
	var whose []touchstone.PersonID
	got, err := x.Finish(ctx, func(_ int64, p touchstone.PersonID, fresh bool) {
		if fresh {
			p = 0
		}
		whose = append(whose, p)
	})
	if err != nil {
		t.Fatal(err)
	}
	return got, whose
}

// owners returns whose each node is that says who somebody is.
func (b *bench) owners(t fataler) map[touchstone.NodeID]touchstone.PersonID {
	t.Helper()
	all := map[touchstone.NodeID]touchstone.PersonID{}
	rows, err := rowsOf(context.Background(), b.db.Reader(), `SELECT id, person, kind, trust FROM identity_nodes`)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		if k := b.g.kinds.number(touchstone.IdentifierKind(textOf(r[2]))); !b.g.kinds.relates(k) && r[3].(int64) != int64(shared) {
			all[touchstone.NodeID(r[0].(int64))] = touchstone.PersonID(r[1].(int64))
		}
	}
	return all
}

func (b *bench) countOf(t fataler, query string, args ...any) (n int64) {
	t.Helper()
	if err := b.db.Reader().QueryRow(context.Background(), query, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func distinctPersons(owners map[touchstone.NodeID]touchstone.PersonID) map[touchstone.PersonID]bool {
	set := map[touchstone.PersonID]bool{}
	for _, p := range owners {
		set[p] = true
	}
	return set
}

// A row joins two who are there, one brings a second user of an address, two are of somebody new.
func TestTrialNamesRows(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db)
		b.apply(b.event("user_id:u1", "email:e1@x.org"), b.event("anonymous_id:a1"), b.event("user_id:u3"))
		one, two := b.person("user_id:u1"), b.person("anonymous_id:a1")
		record := []touchstone.Fact{b.event("email:e1@x.org", "anonymous_id:a1"), b.event("user_id:u2", "email:e1@x.org"), b.event("user_id:u9"), b.event("user_id:u9", "anonymous_id:a9")}
		got, whose := b.trial(t, t.TempDir(), [][]touchstone.Fact{record}, TrialOptions{})
		email := touchstone.Identifier{Kind: touchstone.KindEmail, Value: "e1@x.org"}
		want := TrialResult{Created: 2, Matched: 1, Merged: 1, RowsOfNew: 3, RowsOfKnown: 1,
			Merges:  []TrialMerge{{1, one, two, record[0].Identifiers}},
			Refused: []TrialRefusal{{"limit of 1 user_id", 1, []TrialLink{{2, email}}}}, Shared: []TrialShared{}}
		if d := gocmp.Diff(want, got); d != "" {
			t.Error(d)
		}
		if !slices.Equal(whose, []touchstone.PersonID{one, 0, 0, 0}) {
			t.Errorf("rows come under %v", whose)
		}
		less, _ := b.trial(t, t.TempDir(), [][]touchstone.Fact{record}, TrialOptions{WithoutMerges: true})
		if less.Merged != 0 || less.Created != 2 || less.Matched != 0 || !slices.Equal(less.Left, []int64{1}) || less.LeftRows != 1 {
			t.Errorf("without merges: %+v", less)
		}
		before, _, _ := b.g.Counts(t.Context())
		b.apply(record...)
		if after, _, _ := b.g.Counts(t.Context()); after-before != got.Created-got.Merged {
			t.Errorf("%d persons became %d", before, after)
		}
	})
}

// What a trial says of a file is what then happens, whatever was there and however the rows are cut into records.
func TestTrialForetells(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		dir := t.TempDir()
		b := newBench(t, db, func(c *Config) { c.Imports = func(source string) bool { return source == "src_file" } })
		rapid.Check(t, func(t *rapid.T) {
			reset(b.t.(*testing.T), db, b)
			for _, record := range b.records(b.drawn(t, "there"), []int{1, 3}) {
				b.apply(record...)
			}
			file := b.drawn(t, "file")
			for i := range file {
				file[i].Source, file[i].Backfill = "src_file", true
			}
			records := b.records(file, rapid.SliceOfN(rapid.IntRange(1, 9), 1, 4).Draw(t, "sizes"))
			before := b.owners(t)
			got, whose := b.trial(t, dir, records, TrialOptions{})
			if len(b.owners(t)) != len(before) {
				t.Fatal("a trial has changed the graph")
			}
			var want TrialResult
			last := touchstone.NodeID(b.countOf(t, `SELECT COALESCE(MAX(id), 0) FROM identity_nodes`))
			var facts []touchstone.Fact
			for _, record := range records {
				facts = append(facts, b.apply(record...).Facts...)
			}
			after := b.owners(t)
			for p := range distinctPersons(after) {
				if touchstone.NodeID(p) > last {
					want.Created++
				}
			}
			for p := range distinctPersons(before) {
				if now, ok := after[touchstone.NodeID(p)]; ok && now != p {
					want.Merged++
				}
			}
			var now []touchstone.PersonID
			for i := range facts {
				p := touchstone.PersonID(b.countOf(t, `SELECT person FROM identity_nodes WHERE id = ?`, int64(facts[i].Node)))
				if touchstone.NodeID(p) > last {
					p = 0
				}
				now = append(now, p)
			}
			if d := gocmp.Diff(now, whose); d != "" {
				t.Fatalf("persons of the events are others than foretold (-then +foretold):\n%s", d)
			}
			if got.Created != want.Created || got.Merged != want.Merged {
				t.Fatalf("%d created and %d merged; foretold were %d and %d", want.Created, want.Merged, got.Created, got.Merged)
			}
			refused := int64(0)
			for _, r := range got.Refused {
				refused += r.Links
			}
			if n := b.countOf(t, `SELECT COUNT(*) FROM identity_dropped WHERE source = 'src_file'`); n != refused {
				t.Fatalf("%d links refused; foretold were %d", n, refused)
			}
			if n := b.countOf(t, `SELECT COUNT(*) FROM identity_shared WHERE source = 'src_file'`); n != got.SharedN {
				t.Fatalf("%d identifiers shared; foretold were %d", n, got.SharedN)
			}
		})
	})
}

// Without the rows that a trial leaves out, nobody who is there is merged with another one.
func TestTrialWithoutMerges(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		dir := t.TempDir()
		b := newBench(t, db)
		left := 0
		rapid.Check(t, func(t *rapid.T) {
			reset(b.t.(*testing.T), db, b)
			for _, f := range b.drawn(t, "there") {
				b.apply(f)
			}
			records := b.records(b.drawn(t, "file"), []int{1, 5, 2})
			before := distinctPersons(b.owners(t))
			got, _ := b.trial(t, dir, records, TrialOptions{WithoutMerges: true})
			if got.Merged != 0 {
				t.Fatalf("foretold are %d merges", got.Merged)
			}
			left += len(got.Left)
			row := int64(0)
			for _, record := range records {
				record = slices.DeleteFunc(record, func(touchstone.Fact) bool { row++; return slices.Contains(got.Left, row) })
				if len(record) == 0 {
					continue
				}
				for _, c := range b.apply(record...).Changes {
					if c.Kind == touchstone.PersonsMerged && before[c.Person] && before[c.Other] {
						t.Fatalf("%d and %d merged", c.Person, c.Other)
					}
				}
			}
		})
		if left == 0 {
			t.Error("no file would have merged anybody")
		}
	})
}

// drawn draws events in which persons share identifiers, some of them too many.
func (b *bench) drawn(t *rapid.T, label string) (facts []touchstone.Fact) {
	for _, ids := range drawShared(t) {
		facts = append(facts, b.event(ids...))
	}
	return facts
}
