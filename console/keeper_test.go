package console

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/keep/keeptest"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

// Each event of the exercise is something that was done about its person, with an answer that is kept.
func TestKeeper(t *testing.T) {
	keeptest.Exercise(t, func(t testing.TB, w *keeptest.World) keeptest.Feature {
		if _, err := OpenSettings(context.Background(), w.DB, Organisation{Name: "x", TimeZone: "UTC"}); err != nil {
			t.Fatal(err)
		}
		promise := func(_ string, value any) any { // that something was done about a number that was erased stays
			if detail, _ := value.(map[string]any)["detail"].(map[string]any); len(detail) == 0 {
				return nil
			}
			return value
		}
		return keeptest.Feature{Keeper: Keeper(), Promise: promise, React: func(ctx context.Context, tx *store.Tx, b *touchstone.Batch) error {
			for i := range b.Facts {
				f := &b.Facts[i]
				id := f.Identifiers[0]
				_, err := tx.Exec(ctx, `INSERT INTO audit_log (id, at, actor_kind, actor_id, actor_name, action, target, target_name, detail, request_id) VALUES (?, ?, 'user', 'usr_1', 'me', 'x', ?, ?, ?, '')`,
					fmt.Sprintf("%019d", int64(f.Seq)), f.ReceivedAt.UnixMilli(), id.String(), "called "+f.MessageID, fmt.Sprintf(`{"user":%q}`, f.MessageID))
				if err != nil {
					return err
				}
				_, err = tx.Exec(ctx, `INSERT INTO console_answers (owner, idem_key, request, status, body, created_at) VALUES ('o', ?, '', 200, ?, 0)`,
					f.MessageID, []byte(fmt.Sprintf(`{"identifiers":[{"value":%q}]}`, id.Value)))
				if err != nil {
					return err
				}
			}
			return nil
		}}
	})
}

// After an erasure the audit log tells who did what to which number, and nothing that says who
// it was; others' entries stay as they are.
func TestKeeperTakesNamesOut(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		if _, err := OpenSettings(ctx, db, Organisation{Name: "x", TimeZone: "UTC"}); err != nil {
			t.Fatal(err)
		}
		ann := keep.Whole{Person: 40, Nodes: []touchstone.NodeID{40, 41}, Identifiers: []touchstone.Identifier{{Kind: "user_id", Value: "7"}, {Kind: "email", Value: "Ann@example.com"}}}
		p40, p41, bob := touchstone.PersonID(40).String(), touchstone.PersonID(41).String(), touchstone.PersonID(42).String()
		entries := [][4]string{ // target, name, detail; whether it says who Ann is
			{p40, "Ann", `{"plan":"gold"}`, "yes"}, {p41, "Ann, too", `{}`, "yes"}, {"email:Ann@example.com", "", `{}`, "yes"},
			{"seg_1", "VIPs", `{"persons":["user_id:7"]}`, "yes"}, {"cmd_1", "", `{"identifiers":["email:ann@example.com"]}`, "yes"},
			{bob, "Bob", `{"plan":"7","note":"Ann"}`, ""}, {"seg_2", "7", `{"n":7}`, ""},
		}
		answers := map[string]string{"a": `{"id":"` + p41 + `"}`, "b": `{"id":"` + bob + `"}`, "c": `{"identifiers":[{"value":"ann@example.com"}]}`}
		err := db.Update(ctx, func(tx *store.Tx) error {
			for i, e := range entries {
				if _, err := tx.Exec(ctx, `INSERT INTO audit_log (id, at, actor_kind, actor_id, actor_name, action, target, target_name, detail, request_id) VALUES (?, ?, 'user', 'usr_1', 'me', 'x', ?, ?, ?, '')`,
					string(rune('a'+i)), i, e[0], e[1], e[2]); err != nil {
					return err
				}
			}
			for key, body := range answers {
				if _, err := tx.Exec(ctx, `INSERT INTO console_answers (owner, idem_key, request, status, body, created_at) VALUES ('o', ?, '', 200, ?, 0)`, key, []byte(body)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		exported := 0
		if err := Keeper().Export(ctx, db.Reader(), ann, func(string, any) error { exported++; return nil }); err != nil || exported != 5 {
			t.Errorf("%d entries exported, %v", exported, err)
		}
		if err := db.Update(ctx, func(tx *store.Tx) error { return Keeper().Erase(ctx, tx, []keep.Whole{ann}) }); err != nil {
			t.Fatal(err)
		}
		i := 0
		err = keep.Each(ctx, db.Reader(), `SELECT target, target_name, detail FROM audit_log ORDER BY id`, nil, func(scan func(...any) error) error {
			var target, name, detail string
			if err := scan(&target, &name, &detail); err != nil {
				return err
			}
			was := entries[i]
			switch all := strings.ToLower(target + name + detail); {
			case was[3] == "" && (target != was[0] || name != was[1] || detail != was[2]):
				t.Errorf("entry %d of others is %q %q %q now", i, target, name, detail)
			case was[3] != "" && (strings.Contains(all, "ann") || name != "" || detail != "{}"):
				t.Errorf("entry %d still says %q %q %q", i, target, name, detail)
			case was[0] == "email:Ann@example.com" && target != p40:
				t.Errorf("entry %d is about %q", i, target)
			}
			i++
			return nil
		})
		if err != nil || i != len(entries) {
			t.Fatal(i, err)
		}
		var left string
		if err := db.Reader().QueryRow(ctx, `SELECT min(idem_key) || max(idem_key) FROM console_answers`).Scan(&left); err != nil || left != "bb" {
			t.Errorf("answers left: %q, %v", left, err)
		}
	})
}
