package identity

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

// command carries out a command as the pipeline does: at the beginning of a batch, which is
// without facts here.
func (b *bench) command(kind string, body any) (result any, batch *touchstone.Batch, err error) {
	b.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		b.t.Fatal(err)
	}
	b.seq++
	c := touchstone.Command{ID: fmt.Sprint("cmd_", b.seq), Kind: kind, Actor: "usr_1", SubmittedAt: b.now, Body: touchstone.JSON(text), Seq: touchstone.MakeSeq(0, uint64(b.seq), 0)}
	batch = &touchstone.Batch{Now: b.now}
	for _, k := range b.g.Commands(b.rules) {
		if k.Name != kind {
			continue
		}
		if err := k.Check(c.Body); err != nil {
			return nil, nil, err
		}
		err = b.db.Update(context.Background(), func(tx *store.Tx) error {
			if result, err = k.Do(context.Background(), tx, batch, c); err != nil {
				return err
			}
			return b.g.Apply(context.Background(), tx, batch)
		})
		if err != nil {
			b.g.Rollback()
			return nil, nil, err
		}
		b.g.Committed(batch)
		return result, batch, nil
	}
	b.t.Fatalf("there is no command %s", kind)
	return nil, nil, nil
}

func TestMergeByHand(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db)
		b.apply(b.event("identify user_id:u1", "anonymous_id:a1"), b.event("identify user_id:u2", "email:e2@x.org"), b.event("phone:+8613812345678"), b.event("vin:AAAAA11111"))
		one, three := b.person("user_id:u1"), b.person("phone:+8613812345678")

		result, batch, err := b.command(MergeCommand, MergeBody{Identifiers: [2]string{"phone:+8613812345678", "anonymous_id:a1"}})
		if d := gocmp.Diff(Merged{one, three}, result); err != nil || d != "" {
			t.Fatal(d, err)
		}
		if d := gocmp.Diff([]touchstone.Change{{Kind: touchstone.PersonsMerged, Person: one, Other: three, Time: b.now}}, batch.Changes); d != "" {
			t.Error(d)
		}
		for range 2 { // from memory and from the store
			done := b.apply(b.event("phone:+8613812345678"))
			if done.Facts[0].Person != one {
				t.Errorf("came to %d", done.Facts[0].Person)
			}
			b.g.Rollback()
		}
		v := b.view("user_id:u1")
		if len(v.Merges) != 1 || v.Merges[0].Because.Evidence != "operator" || v.Merges[0].Because.Source != "usr_1" || !strings.HasPrefix(v.Merges[0].MessageID, "cmd_") {
			t.Errorf("%+v", v.Merges)
		}
		if len(b.overrides()) == 0 || b.overrides()[touchstone.NodeID(three)] != one {
			t.Errorf("its history did not follow: %v", b.overrides())
		}

		// Two user ids are two persons, unless the operator says so.
		both := MergeBody{Identifiers: [2]string{"user_id:u1", "user_id:u2"}}
		if _, _, err := b.command(MergeCommand, both); touchstone.KindOf(err) != touchstone.Invalid || !strings.Contains(err.Error(), "limit of 1 user_id") {
			t.Errorf("got %v", err)
		}
		both.OverLimits = true
		if _, _, err := b.command(MergeCommand, both); err != nil || b.person("email:e2@x.org") != one {
			t.Errorf("%v, %d, not %d", err, b.person("email:e2@x.org"), one)
		}
		if persons, known := b.counts(); persons != 1 || known != 1 {
			t.Errorf("%d persons, %d known", persons, known)
		}

		// What was parted is joined again by hand, and by no event.
		if _, _, err := b.command(SplitCommand, SplitBody{[]string{"user_id:u2", "email:e2@x.org"}}); err != nil {
			t.Fatal(err)
		}
		b.apply(b.event("email:e2@x.org", "anonymous_id:a1"))
		if b.person("email:e2@x.org") == one {
			t.Fatal("an event has joined what was parted")
		}
		if _, _, err := b.command(MergeCommand, both); err != nil || b.person("email:e2@x.org") != one {
			t.Errorf("%v, %d, not %d", err, b.person("email:e2@x.org"), one)
		}
		if v := b.view("user_id:u1"); len(v.Parted) != 0 {
			t.Errorf("still parted: %+v", v.Parted)
		}
		for ids, kind := range map[[2]string]touchstone.ErrorKind{
			{"user_id:u1", "anonymous_id:a1"}: touchstone.Conflict,
			{"user_id:u1", "user_id:nobody"}:  touchstone.NotFound,
			{"user_id:u1", "vin:AAAAA11111"}:  touchstone.Invalid,
			{"user_id:u1", "nonsense"}:        touchstone.Invalid,
		} {
			if _, _, err := b.command(MergeCommand, MergeBody{Identifiers: ids}); touchstone.KindOf(err) != kind {
				t.Errorf("%v: %v", ids, err)
			}
		}
	})
}

func TestBlockCutsWhatTheValueJoined(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		rules, err := OpenRules(t.Context(), RulesConfig{DB: db})
		if err != nil {
			t.Fatal(err)
		}
		b := newBench(t, db, func(c *Config) { c.Kinds = rules.Kinds() })
		b.rules = rules
		shop := "phone:+862154321000"
		b.apply(b.event("user_id:u1", shop), b.event("anonymous_id:a1", shop), b.event("email:alone@x.org"))
		person := b.person("user_id:u1")
		if b.person("anonymous_id:a1") != person {
			t.Fatal("the phone has not joined them")
		}
		body := BlockBody{Kind: "phone", Value: "+862154321000", Blocked: true, Cut: true}
		result, _, err := b.command(BlockCommand, body)
		if err != nil {
			t.Fatal(err)
		}
		cut := result.(Blocked).Cut
		if len(cut) != 1 || cut[0].ID != person && cut[0].Other != person {
			t.Fatalf("cut %+v of %d", cut, person)
		}
		for _, n := range b.view("user_id:u1").Nodes {
			if n.Identifier().String() == shop {
				t.Errorf("the phone is still theirs: %+v", n)
			}
		}
		if v, err := rules.Check(t.Context(), access.System(), "phone", "+862154321000"); err != nil || v.Refusal != touchstone.RefusedBlocked {
			t.Errorf("the rule is not in force: %+v, %v", v, err)
		}
		if result, _, err = b.command(BlockCommand, body); err != nil || len(result.(Blocked).Cut) != 0 {
			t.Errorf("again: %+v, %v", result, err)
		}
		if _, _, err := b.command(BlockCommand, BlockBody{Value: "x", Cut: true}); touchstone.KindOf(err) != touchstone.Invalid {
			t.Errorf("cut without a block: %v", err)
		}
		if _, _, err := b.command(BlockCommand, BlockBody{Blocked: true}); touchstone.KindOf(err) != touchstone.Invalid {
			t.Errorf("no value: %v", err)
		}
	})
}

func systemViewer() *access.Viewer { return access.System() }
