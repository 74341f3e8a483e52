package consent

import (
	"context"
	"testing"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/keep/keeptest"
	"github.com/touchstone-cdp/touchstone/store"
)

// exercised is a policy by which what keeptest's events hold is a decision.
var exercised = &Policy{
	Purposes: []Purpose{
		{Key: "marketing", Basis: OptOut, Channels: []string{"email"}, Title: Text{"营销", "Marketing"}, Text: Text{"可以联系您吗？", "May we write?"}},
		{Key: "analytics", Basis: OptOut, Title: Text{"分析", "Analytics"}, Text: Text{"可以统计吗？", "May we count?"}},
	},
	Channels: []Channel{{"email", Text{"邮件", "E-mail"}}},
	Signals: []Signal{
		{"Viewed", "marketing", "", Granted}, {"Bought", "marketing", "email", Denied}, {"$identify", "marketing", "", Denied}, {"$page", "marketing", "email", Granted},
	},
}

func setPolicy(t testing.TB, c *Consent, p *Policy, version uint64) {
	t.Helper()
	p.fill()
	text, err := encode(p)
	if err != nil {
		t.Fatal(err)
	}
	err = c.cfg.DB.Update(context.Background(), func(tx *store.Tx) error {
		_, err := c.Set(context.Background(), tx, nil, touchstone.Command{Seq: touchstone.MakeSeq(0, version, 0), Body: touchstone.JSON(`{"policy":` + text + `,"note":"new"}`)})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestKeeper(t *testing.T) {
	keeptest.Exercise(t, func(t testing.TB, w *keeptest.World) keeptest.Feature {
		c, err := Open(context.Background(), Config{DB: w.DB, Clock: w.Clock()})
		if err != nil {
			t.Fatal(err)
		}
		latest, err := c.Latest(context.Background(), w.DB.Reader())
		if err != nil {
			t.Fatal(err)
		}
		if latest.Version == 0 {
			setPolicy(t, c, exercised, 1)
		}
		s := c.Stage()
		return keeptest.Feature{Keeper: c.Keeper(), Apply: s.Apply, Rollback: s.Rollback, Committed: s.Committed}
	})
}
