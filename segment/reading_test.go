package segment

import (
	"strings"
	"testing"

	"github.com/touchstone-cdp/touchstone/segment/rule"
)

func TestReadingCallsSegmentsByTheirNames(t *testing.T) {
	w := newWorld(t, openDB(t))
	staff, err := w.segs.CreateStatic(ctx, Draft{Name: "员工"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := rule.ParseText(`did buy in the last 1 day and not in segment "` + staff.ID + `" and in segment gone`)
	if err != nil {
		t.Fatal(err)
	}
	got, err := w.segs.Read(ctx, r)
	if err != nil {
		t.Fatal(err)
	}
	if got.Words["zh"] != "近 1 天做过“buy”，且不属于人群“员工”，且属于人群“gone”" || got.Words["en"] != "did buy in the last day, and is not in 员工, and is in gone" {
		t.Errorf("words: %v", got.Words)
	}
	if again, err := rule.ParseText(got.Text); err != nil || again.JSON() != got.Rule || !strings.Contains(got.Text, staff.ID) {
		t.Errorf("%s is not %s: %v", got.Text, got.Rule, err)
	}
}
