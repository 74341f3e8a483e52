package collect_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/collect"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

const groupOnly = `{"event":"x","context":{"externalIds":[{"id":"acme","type":"group_id","collection":"users"}]}}`

// Identifiers of kinds that name no person are left out; an event that has no others is
// refused with the reason. Files are judged alike.
func TestKindsThatNameNobody(t *testing.T) {
	e := newEdge(t, func(c *collect.Config) {
		c.Takes = func(k touchstone.IdentifierKind) bool { return k != touchstone.KindGroupID && k != "kind_251" }
	})
	for name, test := range map[string]struct{ event, code, ids string }{
		"a group":                {groupOnly, "no_person", ""},
		"one kind too many":      {strings.ReplaceAll(groupOnly, "group_id", "kind_251"), "no_person", ""},
		"a blocked user, too":    {strings.Replace(groupOnly, "{", `{"userId":"null",`, 1), "no_person", ""},
		"beside an anonymous id": {strings.Replace(groupOnly, "{", `{"anonymousId":"a",`, 1), "", "anonymous_id:a"},
		"a kind that there is":   {strings.ReplaceAll(groupOnly, "group_id", "kind_250"), "", "kind_250:acme"},
	} {
		got := e.one(t, "/v1/track", test.event)
		ids := ""
		for _, id := range got.Identifiers {
			ids += id.String()
		}
		code := ""
		if got.Type == touchstone.Rejected {
			code, _ = collect.SplitReason(got.Reason)
		}
		if code != test.code || ids != test.ids {
			t.Errorf("%s: %s %q with %q, want %q with %q", name, got.Type, got.Reason, ids, test.code, test.ids)
		}
	}
	group, mixed, broken := imported(1), imported(2), imported(3)
	group.Identifiers = []touchstone.Identifier{{Kind: touchstone.KindGroupID, Value: "acme"}}
	mixed.Identifiers = append(group.Identifiers[:1:1], touchstone.Identifier{Kind: "email", Value: "a@example.com"})
	broken.Identifiers = []touchstone.Identifier{{Kind: "openid", Value: "a\xff"}}
	vetted, err := e.AppendFrames(ctx, e.source.ID, collect.Rows{}, bytes.NewReader(frames(group, mixed, broken)))
	got := e.log.take()
	if err != nil || vetted.Accepted != 1 || vetted.Rejected != 2 || !strings.HasPrefix(got[0].Reason, "no_person: ") || len(got[1].Identifiers) != 1 || !strings.HasPrefix(got[2].Reason, "wrong_type: ") {
		t.Errorf("of a file: %d %d %v %+v", vetted.Accepted, vetted.Rejected, err, got)
	}
}

// A valid event that was set aside behind the edge is in quarantine, and a replay makes the
// same event of it.
func TestSetAsideEventsAreReplayedAsTheyWere(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		e := newEdgeOn(t, db, nil)
		for _, sent := range []struct{ path, body string }{
			{"track", `{"event":"Paid \"now\"","userId":"u","anonymousId":"a","properties":{"a":[1,{"b":null}]},"context":{"traits":{"email":"a@example.com"}},"timestamp":"2026-02-01T10:00:00.123Z"}`},
			{"identify", `{"userId":"u","traits":{"email":"b@example.com","phone":"13800138001","name":"李"}}`},
			{"page", `{"anonymousId":"a","name":"Home","properties":{"path":"/"}}`},
			{"screen", `{"anonymousId":"a","category":"c"}`},
			{"group", `{"userId":"u","groupId":"g","traits":{"plan":"x"}}`},
			{"alias", `{"userId":"u","previousId":"p"}`},
			{"track", `{"event":"x","context":{"externalIds":[{"id":"o","type":"openid","collection":"users"}]}}`},
		} {
			e.checkReplay(t, e.one(t, "/v1/"+sent.path, sent.body))
		}
		ofFile := imported(1)
		ofFile.Identifiers = []touchstone.Identifier{{Kind: "unionid", Value: "x"}, {Kind: "email", Value: "c@example.com"}}
		if _, err := e.AppendFrames(ctx, e.source.ID, collect.Rows{}, bytes.NewReader(frames(ofFile))); err != nil {
			t.Fatal(err)
		}
		e.checkReplay(t, e.log.take()[0])
	})
}

func (e *edge) checkReplay(t *testing.T, was touchstone.Event) {
	t.Helper()
	if was.Type == touchstone.Rejected {
		t.Fatalf("refused: %s", was.Reason)
	}
	aside := touchstone.Fact{Event: was}
	aside.Reason = "warehouse_refused: it did not like it"
	err := e.db.Update(ctx, func(tx *store.Tx) error {
		return collect.NewQuarantineWriter(nil).Write(ctx, tx, []touchstone.Fact{aside})
	})
	if err != nil {
		t.Fatal(err)
	}
	items, _, err := e.Quarantine().List(ctx, access.System(), collect.QuarantineFilter{Code: "warehouse_refused"}, 1, "")
	if err != nil || len(items) != 1 || items[0].Reason != "it did not like it" || items[0].ReplayedAt != nil {
		t.Fatalf("in quarantine: %+v, %v", items, err)
	}
	if _, err := e.Quarantine().Replay(ctx, items[0].ID, ""); err != nil {
		t.Fatalf("%s is refused: %v", items[0].Event, err)
	}
	got := e.log.take()
	if len(got) != 1 {
		t.Fatalf("%d events of one", len(got))
	}
	again := got[0]
	if len(was.Context) == 0 || !strings.Contains(string(was.Context), "externalIds") {
		again.Context, was.Context = "", "" // may have got externalIds
	}
	if d := cmp.Diff(was, again, cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })); d != "" {
		t.Errorf("replayed -was +is:\n%s", d)
	}
	if _, err := e.Quarantine().Discard(ctx, collect.QuarantineFilter{IDs: []string{items[0].ID}}); err != nil {
		t.Fatal(err)
	}
}
