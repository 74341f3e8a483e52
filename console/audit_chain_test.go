package console

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/console/chain"
	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

// In the store: entries from before are taken into the chain once, what is done to one is found, what an
// erasure takes out is not taken for that, pruning leaves a chain, and an export says the same.
func TestAuditChain(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		clock := &testClock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
		if _, err := OpenSettings(ctx, db, Organisation{}); err != nil {
			t.Fatal(err)
		}
		exec := func(query string, args ...any) {
			t.Helper()
			if err := db.Update(ctx, func(tx *store.Tx) error { _, err := tx.Exec(ctx, query, args...); return err }); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 5 { // from before
			exec(`INSERT INTO audit_log (id, at, actor_kind, actor_id, actor_name, action, target, target_name, detail, request_id) VALUES (?, ?, 'user', 'usr_1', 'me', 'x.y', 'p_9', 'Ann', '{}', '')`,
				fmt.Sprint("old", i), clock.now.UnixMilli()+int64(i))
		}
		key := ed25519.NewKeyFromSeed(make([]byte, 32))
		c := &Console{cfg: Config{DB: db, Clock: clock, Audit: AuditConfig{Key: key, Submit: func(ctx context.Context, cmd touchstone.Command) error {
			return db.Update(ctx, func(tx *store.Tx) error { _, err := AuditCommands()[0].Do(ctx, tx, nil, cmd); return err })
		}}}}
		for range 2 {
			if err := chainOld(ctx, db, clock.now); err != nil {
				t.Fatal(err)
			}
		}
		say := func(target, detail string) {
			t.Helper()
			clock.now = clock.now.Add(time.Minute)
			err := db.Update(ctx, func(tx *store.Tx) error {
				return appendAudit(ctx, tx, &chain.Entry{ID: c.auditID(clock.now), At: clock.now.UnixMilli(), ActorKind: "user", ActorID: "usr_1", ActorName: "me", Action: "segment.create", Open: &[chain.Fields]string{target, "", detail}})
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		for i := range 6 {
			say(touchstone.PersonID(40+i).String(), `{"email":"ann@example.com"}`)
		}
		verdict := func() chain.Verdict {
			t.Helper()
			v, err := CheckAudit(ctx, db)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		fine := func(what string, through int64) {
			t.Helper()
			if v := verdict(); v.Fault != nil || v.Through != through {
				t.Fatalf("%s: %+v, %v", what, v, v.Fault)
			}
		}
		fine("all as written", 11)
		for range 2 {
			if err := c.SignAudit(ctx); err != nil {
				t.Fatal(err)
			}
		}
		if v := verdict(); v.Heads != 1 || v.Signed != 11 {
			t.Fatalf("signed: %+v", v)
		}

		ann := keep.Whole{Person: 40, Nodes: []touchstone.NodeID{40}, Identifiers: []touchstone.Identifier{{Kind: "user_id", Value: "ann-1"}}}
		if err := db.Update(ctx, func(tx *store.Tx) error { return Keeper().Erase(ctx, tx, []keep.Whole{ann}) }); err != nil {
			t.Fatal(err)
		}
		fine("redacted by an erasure", 12)
		if v := verdict(); v.Redacted != 1 {
			t.Errorf("redacted: %+v", v)
		}

		for what, tamper := range map[string]struct {
			do, undo string
			want     chain.Fault
		}{
			"an actor is another":   {`UPDATE audit_log SET actor_id = 'usr_2' WHERE n = 7`, `UPDATE audit_log SET actor_id = 'usr_1' WHERE n = 7`, chain.Fault{Kind: chain.Changed, Number: 7}},
			"an old one is another": {`UPDATE audit_log SET target_name = 'Eve' WHERE n = 2`, `UPDATE audit_log SET target_name = 'Ann' WHERE n = 2`, chain.Fault{Kind: chain.Changed, Number: 2}},
			"a number is another":   {`UPDATE audit_log SET n = 99 WHERE n = 4`, `UPDATE audit_log SET n = 4 WHERE n = 99`, chain.Fault{Kind: chain.Missing, Number: 4}},
			"the newest is gone":    {`UPDATE audit_log SET n = 0 WHERE n = 12`, `UPDATE audit_log SET n = 12 WHERE n = 0`, chain.Fault{Kind: chain.Reordered, Number: 0}},
			"a foreign one":         {`INSERT INTO audit_log (id, at, actor_kind, actor_id, actor_name, action, target, target_name, detail, request_id) VALUES ('foreign', 1, '', '', '', '', '', '', '', '')`, `DELETE FROM audit_log WHERE id = 'foreign'`, chain.Fault{Kind: chain.Reordered, Number: 0}},
		} {
			exec(tamper.do)
			if v := verdict(); v.Fault == nil || v.Fault.Kind != tamper.want.Kind || v.Fault.Number != tamper.want.Number {
				t.Errorf("%s: %v, want %v", what, v.Fault, tamper.want)
			}
			exec(tamper.undo)
			fine(what+", put right", 12)
		}

		c.cfg.Audit.Keep = LeastAuditKept
		clock.now = clock.now.Add(LeastAuditKept - time.Hour)
		say("seg_1", "{}")
		clock.now = clock.now.Add(48 * time.Hour)
		for range 2 {
			if err := c.pruneAudit(ctx); err != nil {
				t.Fatal(err)
			}
		}
		fine("pruned", 14)
		if v := verdict(); v.Entries != 3 { // what the erasure has said is of the wall clock
			t.Errorf("kept: %+v", v)
		}
		exec(`DELETE FROM audit_log WHERE action = 'audit.prune'`)
		if v := verdict(); v.Fault == nil {
			t.Error("that the beginning is missing is excused by nobody")
		}
	})
}

// An export is checked without the store, and by who sees no contacts.
func TestAuditExport(t *testing.T) {
	s := newTestServer(t, nil)
	admin := s.apiKey("admin")
	s.want(call{method: "PATCH", path: "/api/v1/settings", body: `{"organisation":{"name":"Acme"}}`, key: admin}, 200)
	a := s.want(call{method: "GET", path: "/api/v1/audit/chain/export", key: admin}, 200)
	check := func(text string) (chain.Verdict, error) {
		lines := strings.Split(strings.TrimSpace(text), "\n")
		return CheckExport(func() ([]byte, error) {
			if len(lines) == 0 {
				return nil, nil
			}
			line := lines[0]
			lines = lines[1:]
			return []byte(line), nil
		})
	}
	v, err := check(a.body)
	if err != nil || v.Fault != nil || v.Entries == 0 || v.Withheld > 0 {
		t.Fatalf("%+v, %v, %v", v, v.Fault, err)
	}
	if v, err := check(strings.Replace(a.body, "Acme", "Acne", 1)); err != nil || v.Fault == nil || v.Fault.Kind != chain.Changed {
		t.Errorf("a changed word: %+v, %v", v, err)
	}
	if _, err := check("{}"); touchstone.KindOf(err) != touchstone.Invalid {
		t.Errorf("no export: %v", err)
	}
	state := s.want(call{method: "GET", path: "/api/v1/audit/chain", key: admin}, 200)
	var told auditState
	if err := json.Unmarshal([]byte(state.body), &told); err != nil || told.Fault != nil || told.Through != v.Through {
		t.Errorf("%s, %v", state.body, err)
	}
}
