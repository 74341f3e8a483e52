package apptest

import (
	"encoding/json"
	"net/http"
	"os"
	"testing"
)

// The mini-program SDK as it is shipped, against a fake wx and a real server.
func TestMiniProgramSDK(t *testing.T) {
	t.Parallel()
	s := Start(t)
	out := runClient(t, "miniprogram.mjs", s.URL, "dev")
	var done struct{ EveryCall struct{ AnonymousID string } }
	if err := json.Unmarshal(out, &done); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if stats := s.Drain(); stats.Quarantined > 0 || stats.Duplicates != 1 {
		t.Errorf("only what the killed program sent again is there twice: %+v", stats)
	}
	p := s.Person("user_id:mp-1")
	checkSamePerson(t, s, p.ID, "anonymous_id:"+done.EveryCall.AnonymousID, "openid:o-1", "unionid:un-1", "anonymous_id:mp-legacy")
	checkTraits(t, p, map[string]any{"nickname": "小明", "city": "上海"})
	if p.Counters.Events != 8 || p.Counters.ByChannel["mini_program"] != 8 {
		t.Errorf("%+v", p.Counters)
	}
	if got := s.SQL("select distinct platform, os, channel, utm_source, utm_campaign, page_path from events where event = 'Booked'"); len(got) != 1 ||
		got[0][0] != "mini_program" || got[0][1] != "Android" || got[0][2] != "mini_program" || got[0][3] != "moments" || got[0][4] != "autumn" || got[0][5] != "pages/model/detail" {
		t.Errorf("the context is %v", got)
	}
	for event, want := range map[string]int64{"Offline 0": 1, "Offline 2": 1, "Before the kill": 1, "Killed unsent": 1, "After the kill": 1, "Waited": 1,
		"Full 13": 0, "Full 14": 1, "Full 23": 1, "Good 0": 1, "Good 8": 1, "Poison": 0, "Huge": 0, "Large": 60, "Kept": 0} {
		if got := s.Number("select count(*) from events where event = '%s'", event); got != want {
			t.Errorf("%d times %s, not %d", got, event, want)
		}
	}
}

// What is shipped is made of what is read, and small.
func TestMiniProgramSDKIsWhatItsSourceMakes(t *testing.T) {
	shipped, err := os.ReadFile("../sdk/miniprogram/touchstone.js")
	if err != nil {
		t.Fatal(err)
	}
	if len(shipped) > 6000 {
		t.Errorf("the SDK has %d bytes", len(shipped))
	}
	s := Start(t)
	if status, served := s.Raw(http.MethodGet, "/sdk/touchstone-miniprogram.js", ""); status != http.StatusOK || served != string(shipped) {
		t.Errorf("the server answers %d and %d bytes", status, len(served))
	}
	made := runClient(t, "miniprogram-build.mjs")
	if string(made) != string(shipped) {
		t.Error("touchstone.js is not what touchstone.src.js makes: run `make sdk`")
	}
}
