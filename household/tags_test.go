package household

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

// Tags are given by a command, follow a household into the one that it becomes, are exported with its members, and go with an
// erasure that leaves one; traits tell households apart.
func TestTags(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		ctx, now := context.Background(), time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
		h, err := Open(ctx, Config{DB: db, Clock: touchstone.ClockFunc(func() time.Time { return now }), Cities: func(context.Context, []touchstone.PersonID) (map[touchstone.PersonID]string, error) {
			return map[touchstone.PersonID]string{1: "上海", 2: "上海", 3: "苏州"}, nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		seq := uint64(0)
		lives := func(p touchstone.PersonID, number int) {
			seq++
			e := touchstone.Event{Type: touchstone.Identify, Name: "$identify", Time: now.AddDate(0, -1, 0), Identifiers: []touchstone.Identifier{{Kind: "user_id", Value: fmt.Sprint("u", p)}},
				Traits: touchstone.JSON(fmt.Sprintf(`{"address":"上海市张江路%d号301室","name":"王%d"}`, number, p))}
			o := touchstone.Occurrence{Kind: touchstone.EventHappened, Person: p, Name: e.Name, Time: e.Time, Cause: touchstone.MakeSeq(0, seq, 0), Event: &e}
			if err := db.Update(ctx, func(tx *store.Tx) error { return h.React(ctx, tx, []touchstone.Occurrence{o}, nowhere{}) }); err != nil {
				t.Fatal(err)
			}
		}
		for p, number := range []int{5, 5, 7, 7, 7} {
			lives(touchstone.PersonID(p+1), number)
		}
		all, err := h.counting(ctx)
		if err != nil || len(all) != 2 {
			t.Fatalf("%+v, %v", all, err)
		}
		tag := func(id ID, add, remove []string) error {
			body, err := json.Marshal(TagBody{id.String(), add, remove})
			if err != nil {
				t.Fatal(err)
			}
			if err := checkTags(touchstone.JSON(body)); err != nil {
				return err
			}
			return db.Update(ctx, func(tx *store.Tx) error {
				_, err := h.doTag(ctx, tx, &touchstone.Batch{}, touchstone.Command{Actor: "usr_1", SubmittedAt: now, Body: touchstone.JSON(body)})
				return err
			})
		}
		traits := func(name string) (list []string) {
			t.Helper()
			if err := h.Traits(ctx, name, func(persons []int64, values []string) { list = append(list, fmt.Sprint(persons, values)) }); err != nil {
				t.Fatal(err)
			}
			return list
		}
		small, large := all[0].id, all[1].id
		if err := tag(large, []string{"VIP", "电车"}, nil); err != nil {
			t.Fatal(err)
		}
		if err := tag(small, []string{"VIP"}, []string{"none"}); err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string][]string{"size": {"[1 2] [2]", "[3 4 5] [3]"}, "tag": {"[1 2] [VIP]", "[3 4 5] [VIP 电车]"}, "city": {"[1 2] [上海]", "[3 4 5] [苏州]"}, "revenue": {"[1 2] [0]", "[3 4 5] [0]"}} {
			if got := traits(name); !slices.Equal(got, want) {
				t.Errorf("%s is %v", name, got)
			}
		}
		if err := h.Traits(ctx, "colour", nil); touchstone.KindOf(err) != touchstone.Invalid {
			t.Errorf("an unknown trait: %v", err)
		}
		for _, bad := range [][]string{{" x"}, {""}, {"a\nb"}, nil} {
			if err := tag(large, bad, nil); touchstone.KindOf(err) != touchstone.Invalid {
				t.Errorf("%q: %v", bad, err)
			}
		}
		if err := tag(large, nil, []string{"电车"}); err != nil {
			t.Fatal(err)
		}
		if found, _, err := h.List(ctx, ListQuery{Tag: "VIP", Limit: 10}); err != nil || len(found) != 2 {
			t.Errorf("%v, %v", found, err)
		}
		behind, total, more, err := h.Behind(ctx, []touchstone.PersonID{2, 4, 9}, 0, 1)
		if err != nil || len(behind) != 1 || total != 2 || !more {
			t.Errorf("%v of %d, %v", behind, total, err)
		}

		// The small one becomes the large one: its tag is the large one's, too.
		if err := db.Update(ctx, func(tx *store.Tx) error {
			_, err := tx.Exec(ctx, `INSERT INTO household_aliases (old, household) VALUES (?, ?)`, int64(small), int64(large))
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if err := tag(small, []string{"old"}, []string{"VIP"}); err != nil {
			t.Fatal(err)
		}
		if found, err := tagsOf(ctx, db.Reader(), []int64{int64(large)}); err != nil || len(found[large]) != 1 || found[large][0].Tag != "old" {
			t.Errorf("%v, %v", found, err)
		}
		var exported []string
		if err := h.Keeper().Export(ctx, db.Reader(), keep.Whole{Person: 4}, func(kind string, v any) error {
			if x, ok := v.(exportedTag); ok {
				exported = append(exported, kind+" "+x.Tag)
			}
			return nil
		}); err != nil || !slices.Equal(exported, []string{"household_tag old"}) {
			t.Errorf("exported %v, %v", exported, err)
		}
		count := func() (n int) {
			if err := db.Reader().QueryRow(ctx, `SELECT COUNT(*) FROM household_tags`).Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		for i, p := range []touchstone.PersonID{3, 4} {
			if err := db.Update(ctx, func(tx *store.Tx) error {
				return h.Keeper().Erase(ctx, tx, []keep.Whole{{Person: p, Nodes: []touchstone.NodeID{touchstone.NodeID(p)}, Identifiers: []touchstone.Identifier{{Kind: "user_id", Value: fmt.Sprint("u", p)}}}})
			}); err != nil {
				t.Fatal(err)
			}
			if n := count(); n != 1-i {
				t.Errorf("after %d erasures there are %d tags", i+1, n)
			}
		}
	})
}
