package household

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

// said makes events in which few persons say few addresses, cards, devices and cars.
func said(t *rapid.T) (list []touchstone.Occurrence) {
	start := time.Date(2025, 1, 1, 22, 0, 0, 0, time.UTC)
	for i := range rapid.IntRange(1, 50).Draw(t, "events") {
		who := rapid.IntRange(1, 10).Draw(t, "who")
		e := touchstone.Event{Type: touchstone.Track, Name: "Order Completed", MessageID: fmt.Sprint("m", i), Time: start.AddDate(0, 0, rapid.IntRange(0, 900).Draw(t, "day")),
			Identifiers: []touchstone.Identifier{{Kind: "user_id", Value: fmt.Sprint("u", who)}}}
		n := rapid.IntRange(1, 4).Draw(t, "thing")
		switch rapid.IntRange(0, 4).Draw(t, "kind") {
		case 0, 1:
			e.Type, e.Name = touchstone.Identify, "$identify"
			e.Traits = touchstone.JSON(fmt.Sprintf(`{"address":"上海市张江路%d号","name":"王%d","birthday":"%d-01-01"}`, n, who, 1980+n*10))
		case 2:
			e.Properties = touchstone.JSON(fmt.Sprintf(`{"revenue":%d.25,"payment_token":"card%d"}`, n, n))
		case 3:
			e.Identifiers = append(e.Identifiers, touchstone.Identifier{Kind: touchstone.KindDeviceID, Value: fmt.Sprint("d", n)})
		default:
			e.Identifiers = append(e.Identifiers, touchstone.Identifier{Kind: touchstone.KindVIN, Value: fmt.Sprint("LMR", n)})
		}
		list = append(list, touchstone.Occurrence{Kind: touchstone.EventHappened, Person: touchstone.PersonID(who), Name: e.Name, Time: e.Time, MessageID: e.MessageID,
			Cause: touchstone.MakeSeq(0, uint64(i+1), 0), Event: &e}) //nolint:gosec // small
	}
	return list
}

// all reads what is stored: memberships without what follows from the order of arrival.
func all(t *rapid.T, db *store.DB, ids bool) (list []string) {
	rows, err := db.Reader().Query(context.Background(), `SELECT `+memberColumns+` FROM household_members`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	mates := map[ID][]string{}
	for rows.Next() {
		m, err := scanMember(rows)
		if err != nil {
			t.Fatal(err)
		}
		line := fmt.Sprint(m.person, m.spans, m.score, m.roles, m.born, m.evidence)
		if ids {
			line = fmt.Sprint(m.household, line)
		}
		mates[m.household] = append(mates[m.household], line)
	}
	for _, who := range mates {
		slices.Sort(who)
		list = append(list, fmt.Sprint(who))
	}
	slices.Sort(list)
	return list
}

func wipe(t *rapid.T, db *store.DB) {
	err := db.Update(context.Background(), func(tx *store.Tx) error {
		for _, table := range []string{"clues", "value", "spent", "members", "births", "decisions", "dirty", "aliases"} {
			if _, err := tx.Exec(context.Background(), `DELETE FROM household_`+table); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// batches reacts to occurrences in chunks of random sizes.
func batches(t *rapid.T, h *Households, db *store.DB, list []touchstone.Occurrence, rng *rand.Rand) {
	for len(list) > 0 {
		n := 1 + rng.IntN(len(list))
		err := db.Update(context.Background(), func(tx *store.Tx) error { return h.React(context.Background(), tx, list[:n], nowhere{}) })
		if err != nil {
			t.Fatal(err)
		}
		list = list[n:]
	}
}

// What batches make of events, cut anywhere, is what one batch of all makes, ids included; and
// in any other order it is the same but for the ids, which follow from who came first.
func TestIncrementalEqualsBatch(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		h, err := Open(context.Background(), Config{DB: db})
		if err != nil {
			t.Fatal(err)
		}
		rapid.Check(t, func(t *rapid.T) {
			list := said(t)
			rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 2))
			wipe(t, db)
			if err := db.Update(context.Background(), func(tx *store.Tx) error { return h.React(context.Background(), tx, list, nowhere{}) }); err != nil {
				t.Fatal(err)
			}
			want, unnamed := all(t, db, true), all(t, db, false)
			if d := cmp.Diff(want, fromScratch(t, h, db)); d != "" {
				t.Fatalf("what is stored is not what all clues give (-stored +derived): %s", d)
			}
			wipe(t, db)
			batches(t, h, db, list, rng)
			if d := cmp.Diff(want, all(t, db, true)); d != "" {
				t.Fatalf("cut elsewhere, other households: %s", d)
			}
			wipe(t, db)
			rng.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
			for i := range list {
				list[i].Cause = touchstone.MakeSeq(0, uint64(i+1), 0) //nolint:gosec // small
			}
			batches(t, h, db, list, rng)
			if d := cmp.Diff(unnamed, all(t, db, false)); d != "" {
				t.Fatalf("in another order, other households: %s", d)
			}
		})
	})
}

// fromScratch derives the memberships of everybody from all rows at once.
func fromScratch(t *rapid.T, h *Households, db *store.DB) []string {
	r := &region{persons: map[touchstone.PersonID]bool{}, decisions: map[string]Decision{}}
	for p := touchstone.PersonID(1); p <= 10; p++ {
		r.persons[p] = true
	}
	ctx := context.Background()
	err := store.SelectIn(ctx, db.Reader(), `SELECT `+clueColumns+` FROM household_clues WHERE person IN (...)`, []int64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, func(rows *sql.Rows) error {
		c, err := scanClue(rows)
		r.clues = append(r.clues, c)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	rules, err := h.current(ctx, db.Reader())
	if err != nil {
		t.Fatal(err)
	}
	rows, _, err := r.rows(ctx, db.Reader(), rules)
	if err != nil {
		t.Fatal(err)
	}
	mates, list := map[ID][]string{}, []string(nil)
	for _, m := range rows {
		mates[m.household] = append(mates[m.household], fmt.Sprint(m.household, fmt.Sprint(m.person, m.spans, m.score, m.roles, m.born, m.evidence)))
	}
	for _, who := range mates {
		slices.Sort(who)
		list = append(list, fmt.Sprint(who))
	}
	slices.Sort(list)
	return list
}

// An address is the same however it is written.
func TestAddresses(t *testing.T) {
	for _, same := range [][]string{
		{"上海市浦东新区张江路88弄12号301室", "上海 浦东新区 张江路８８弄１２号 ３０１", "中国上海市上海市浦东新区张江路88弄十二号301室"},
		{"广东省深圳市南山区科技园路5号2栋三单元1203", "深圳市南山区科技园路5号2幢3单元1203室"},
		{"12 Main Street, Apt 4, Springfield", "12 main st., #4, Springfield", "12 MAIN ST apt 4, springfield"},
		{"145 N. 12th Avenue, Portland", "145 North 12th Ave, Portland"},
		{"Hauptstraße 7, Köln", "hauptstraße 7, Koln"},
	} {
		first := parsePlace(same[0])
		for _, s := range same[1:] {
			p := parsePlace(s)
			if p.key() != first.key() {
				t.Errorf("%q is %q, %q is %q", same[0], first.key(), s, p.key())
			}
		}
	}
	for _, differ := range [][2]string{
		{"上海市浦东新区张江路88弄12号301室", "上海市浦东新区张江路88弄12号302室"}, {"上海市张江路88号", "北京市张江路88号"},
		{"12 Main St, Springfield", "13 Main St, Springfield"}, {"12 Main St, Apt 1, Springfield", "12 Main St, Apt 2, Springfield"},
	} {
		a, b := parsePlace(differ[0]), parsePlace(differ[1])
		if a.key() == b.key() {
			t.Errorf("%q and %q are both %q", differ[0], differ[1], a.key())
		}
	}
	for _, s := range []string{"", "上海市", "Main Street", "???"} {
		if p := parsePlace(s); p.key() != "" {
			t.Errorf("%q is a home: %q", s, p.key())
		}
	}
}

// Readers of anything never fail, and give keys that they read again.
func FuzzAddress(f *testing.F) {
	f.Add("上海市浦东新区张江路88弄十二号301室")
	f.Add("12 Main Street, Apt 4")
	f.Fuzz(func(_ *testing.T, s string) {
		p := parsePlace(s)
		_ = p.key()
		_ = familyOf(s)
		_, _ = readBirth(s)
		_, _ = tenThousandths(s)
	})
}
