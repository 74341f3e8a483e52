package collect_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/collect"
)

// damages are ways to break an event so that its neighbours can still be told from it;
// code is the reason that it gets.
var damages = []struct{ name, value, code string }{
	{"NaN", `NaN`, "malformed"},
	{"Infinity", `-Infinity`, "malformed"},
	{"undefined", `undefined`, "malformed"},
	{"invalid UTF-8", "\"a\xffb\"", "malformed"},
	{"overlong UTF-8", "\"\xc0\x80\"", "malformed"},
	{"half a character", "\"\xe4\xbd\"", "malformed"},
	{"raw newline", "\"a\nb\"", "malformed"},
	{"raw NUL", "\"\x00\"", "malformed"},
	{"unknown escape", `"\x41"`, "malformed"},
	{"short escape", `"\u12"`, "malformed"},
	{"single quotes", `'x'`, "malformed"},
	{"leading zero", `007`, "malformed"},
	{"bare point", `1.`, "malformed"},
	{"trailing comma", `[1,]`, "malformed"},
	{"trailing comma in an object", `{"b":{"c":1,}}`, "malformed"},
	{"no value", ``, "malformed"},
	{"comment", `1/*,*/`, "malformed"},
	{"brackets crossed", `{"b":[1}`, "malformed"},
	{"a bracket too many", `1}`, "malformed"},
	{"a brace missing", `{"b":1`, "malformed"},
	{"quote missing", `"abc`, "malformed"},
	{"quote too many", `"a"b"`, "malformed"},
	{"nested beyond reason", strings.Repeat(`{"a":[`, 400) + strings.Repeat(`]}`, 400), "malformed"},
	{"NaN among objects", `[{"b":1},{"c":NaN},{"type":"track"},{"userId":"u"}]`, "malformed"},
	{"too large", `"` + strings.Repeat("x", 33<<10) + `"`, "too_large"},
	{"deep", strings.Repeat(`[`, 70) + strings.Repeat(`]`, 70), "too_deep"},
	{"key twice", `{"b":1,"b":2}`, "duplicate_key"},
	{"huge number", `1e999`, "number_out_of_range"},
	{"endless number", strings.Repeat("9", 200), "number_too_long"},
	{"long key", `{"` + strings.Repeat("k", 600) + `":1}`, "key_too_long"},
}

// Every kind of damage costs the one event that it stands in.
func TestDamagedEventCostsNoNeighbour(t *testing.T) {
	e := newEdge(t, nil)
	for _, d := range damages {
		t.Run(d.name, func(t *testing.T) {
			a := e.post(t, "/v1/batch", `{"batch":[{"type":"track","event":"a","userId":"1"}, {"type":"track","event":"b","userId":"1","messageId":"m-b","properties":{"a":`+d.value+`}} ,
				{"type":"track","event":"c","userId":"1"}],"sentAt":"2026-03-01T12:00:00Z"}`)
			got := e.log.take()
			if a.status != 200 || len(got) != 3 || got[0].Name != "a" || got[2].Name != "c" || got[2].Type != touchstone.Track {
				t.Fatalf("%d %s: %s", a.status, a.body, pretty(t, got))
			}
			code, detail := collect.SplitReason(got[1].Reason)
			if code != d.code || got[1].MessageID != "m-b" || !strings.Contains(detail, "propert") && d.code != "too_large" && d.name != "a bracket too many" {
				t.Errorf("%q, message id %s", got[1].Reason, got[1].MessageID)
			}
			if !json.Valid([]byte(got[1].Raw)) || !strings.Contains(string(got[1].Raw), "m-b") || strings.Contains(string(got[1].Raw), `"c"`) {
				t.Errorf("kept: %s", got[1].Raw)
			}
		})
	}
	for name, test := range map[string]struct {
		batch string
		want  string // names of events, ! for one set aside
	}{
		"bare words":             {`NaN,{"type":"track","event":"a","userId":"1"},undefined`, "!a!"},
		"nothing between commas": {`{"type":"track","event":"a","userId":"1"},,{"type":"track","event":"b","userId":"1"}`, "a!b"},
		"a comma at the end":     {`{"type":"track","event":"a","userId":"1"},`, "a!"},
		"a comma missing":        {`{"type":"track","event":"a","userId":"1"} {"type":"track","event":"b","userId":"1"}`, "!b"},
		"text behind":            {`{"type":"track","event":"a","userId":"1"}x,{"type":"track","event":"b","userId":"1"}`, "!b"},
		"all of them":            {`{"a":NaN},{"a":NaN},{"a":NaN}`, "!!!"},
		"two open strings":       {`{"type":"track","event":"a,"userId":"1"},{"type":"track","event":"b","userId":"1"},{"type":"track","event":"c,"userId":"1"},{"type":"track","event":"d","userId":"1"}`, "!b!d"},
		"the last one is open":   {`{"type":"track","event":"a","userId":"1"},{"type":"track","event":"b","userId":"1","properties":{"a":[1}}`, "a!"},
		"the last string is":     {`{"type":"track","event":"a","userId":"1"},{"type":"track","userId":"1","event":"b}`, "a!"},
	} {
		a := e.post(t, "/v1/batch", `{"batch":[`+test.batch+`],"sentAt":"2026-03-01T12:00:00Z","context":{"list":[]}}`)
		have := ""
		for _, ev := range e.log.take() {
			if ev.Type == touchstone.Rejected {
				have += "!"
			}
			have += ev.Name
		}
		if a.status != 200 || have != test.want {
			t.Errorf("%s: %d %s, %s; want %s", name, a.status, a.body, have, test.want)
		}
	}
}

// For any batch with k damaged events, the other n−k are accepted, in order, and k are set aside.
func TestDamagedBatches(t *testing.T) {
	e := newEdge(t, func(c *collect.Config) { c.MaxBatchBytes = 4 << 20 })
	seed := rand.Uint64()
	rnd := rand.New(rand.NewPCG(seed, 1))
	for round := range 300 {
		n := 1 + rnd.IntN(40)
		var body strings.Builder
		var want []string
		body.WriteString(`{"sentAt":"2026-03-01T12:00:00Z","batch":[`)
		for i := range n {
			if i > 0 {
				body.WriteString([]string{",", ", ", "\n,\t"}[rnd.IntN(3)])
			}
			name := fmt.Sprintf("e%d", i)
			value, code := []string{`1`, `"},{"`, `[{"a":"]"},{"b":"\""}]`, `{"type":"track","userId":"u"}`, `"你好"`}[rnd.IntN(5)], ""
			if rnd.IntN(3) == 0 {
				d := damages[rnd.IntN(len(damages))]
				value, code = d.value, d.code
			}
			want = append(want, name+code)
			fmt.Fprintf(&body, `{"type":"track","messageId":%q,"userId":"u1","event":%q,"properties":{"x":[1,2],"a":%s,"y":{"z":"w"}}}`, name, name, value)
		}
		body.WriteString(`]}`)
		a := e.post(t, "/v1/batch", body.String())
		var have []string
		for _, ev := range e.log.take() {
			code := ""
			if ev.Type == touchstone.Rejected {
				code, _ = collect.SplitReason(ev.Reason)
			}
			have = append(have, ev.MessageID+code)
		}
		if a.status != 200 || strings.Join(have, " ") != strings.Join(want, " ") {
			t.Fatalf("seed %d, round %d: %d %s\nhave %s\nwant %s\nbody %q", seed, round, a.status, a.body, have, want, body.String())
		}
	}
}

// Text made to be split over and over costs no more than a bounded number of passes.
func TestSplittingIsBounded(t *testing.T) {
	e := newEdge(t, func(c *collect.Config) { c.MaxBatchBytes, c.MaxBatchEvents = 4<<20, 60_000 })
	for name, unit := range map[string]string{
		"open strings":       `{"a":"},{"type":"track","userId":"u"},`,
		"open brackets":      `{"a":[[[[[{},{`,
		"objects that break": `{"a":NaN},{"b":{},{"b":{},{"b":`,
		"nothing but commas": `,`,
	} {
		body := `{"batch":[` + strings.Repeat(unit, 40_000/len(unit)*8) + `]}`
		passed := collect.SplitCost([]byte(body))
		if passed > 9*len(body) {
			t.Errorf("%s: passed over %d bytes of %d", name, passed, len(body))
		}
		if a := e.post(t, "/v1/batch", body); a.status != 200 && a.status != 400 {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
		e.log.take()
	}
}
