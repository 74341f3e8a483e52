package analytics

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/warehouse"
)

// noWarehouse answers nothing: parsing asks nothing.
type noWarehouse struct{ warehouse.Warehouse }

func (noWarehouse) Dialect() warehouse.Dialect { return nil }

type anySegment struct{}

func (anySegment) Members(context.Context, string) ([]touchstone.PersonID, error) { return nil, nil }

func TestParseRefuses(t *testing.T) {
	e := New(noWarehouse{}, Options{Segments: anySegment{}})
	const scope = `"from":"2026-01-01T00:00:00Z","to":"2026-02-01T00:00:00Z",`
	deep := `{"kind":"trend",` + scope + `"series":[{"event":"a","where":[` + strings.Repeat(`{"property":"p","op":"exists"},`, 100) + `{"property":"p","op":"exists"}]}]}`
	for _, c := range []struct{ query, want string }{
		{``, "query: must be an object, not nothing"},
		{`[]`, "query: must be an object, not a list"},
		{`{`, "query: is not valid JSON"},
		{`{"kind":"trend","kind":"funnel"}`, "query: is not valid JSON"},
		{`{}`, "kind: is missing; use one of trend, funnel, retention, matched, exposed, sql"},
		{`{"kind":"pie"}`, `kind: unknown kind "pie"; use one of trend, funnel, retention, matched, exposed, sql`},
		{`{"kind":7}`, "kind: must be a text, not a number"},
		{`{"kind":"paths",` + scope + `"x":1}`, `kind: "paths" is not available yet; use one of trend`},
		{`{"kind":"trend","series":[]}`, "from: is missing"},
		{`{"kind":"trend","from":"2026-01-01T00:00:00Z"}`, "to: is missing"},
		{`{"kind":"trend","from":"yesterday"}`, `from: "yesterday" is not a time; write 2026-01-31T00:00:00Z`},
		{`{"kind":"trend","from":"2026-01-01T00:00:00Z","to":"2026-01-01T00:00:00Z"}`, "to: must be later than from"},
		{`{"kind":"trend","from":"1800-01-01T00:00:00Z","to":"2026-01-01T00:00:00Z"}`, "from: must be from 1900-01-01 on"},
		{`{"kind":"trend",` + scope + `"tz":"Mars/Olympus"}`, `tz: unknown time zone "Mars/Olympus"`},
		{`{"kind":"trend",` + scope + `"tz":"Local"}`, `tz: unknown time zone`},
		{`{"kind":"trend",` + scope + `"tz":"../../etc/passwd"}`, `tz: unknown time zone`},
		{`{"kind":"trend",` + scope + `"subject":"vehicle"}`, `subject: unknown value "vehicle"; use one of person`},
		{`{"kind":"trend",` + scope + `"interval":"fortnight"}`, `interval: unknown value "fortnight"; use one of day, hour, week, month, total`},
		{`{"kind":"trend",` + scope + `"segment":""}`, "segment: must not be empty"},
		{`{"kind":"trend"}`, "from: is missing"},
		{`{"kind":"trend",` + scope + `"interval":"day"}`, "series: is missing"},
		{`{"kind":"trend",` + scope + `"series":[]}`, "series: must hold 1 to 50 items, not 0"},
		{`{"kind":"trend",` + scope + `"series":[{}]}`, `series.0.event: is missing; the name of an event, or "*" for all`},
		{`{"kind":"trend",` + scope + `"series":[{"event":"a"},{"event":5}]}`, "series.1.event: must be a text, not a number"},
		{`{"kind":"trend",` + scope + `"series":[{"event":"a\u0000"}]}`, "series.0.event: holds a NUL character"},
		{`{"kind":"trend",` + scope + `"series":[{"event":"a","measure":"mode"}]}`, `series.0.measure: unknown value "mode"; use one of count, persons, per_person, sum, avg, min, max, median, p90, p95, p99`},
		{`{"kind":"trend",` + scope + `"series":[{"event":"a","measure":"sum"}]}`, "series.0.property: is missing; sum needs the property to measure"},
		{`{"kind":"trend",` + scope + `"series":[{"event":"a","property":"x"}]}`, "series.0.property: count measures no property"},
		{`{"kind":"trend",` + scope + `"series":[{"event":"a","size":1}]}`, "series.0.size: unknown field; known here: event, where, name, measure, property"},
		{`{"kind":"trend",` + scope + `"series":[{"event":"a"}],"order":"loose"}`, "order: unknown field; known here: kind, from, to"},
		{`{"kind":"trend",` + scope + `"series":[{"event":"a","where":[{"property":"p","op":"like","value":1}]}]}`, `series.0.where.0.op: unknown operator "like"; use one of eq, neq`},
		{`{"kind":"trend",` + scope + `"series":[{"event":"a","where":[{"property":"p","op":"exists"},{"property":"p","op":"eq"}]}]}`, "series.0.where.1.value: is missing"},
		{`{"kind":"trend",` + scope + `"series":[{"event":"a","where":{}}]}`, "series.0.where: must be a list, not an object"},
		{`{"kind":"trend",` + scope + `"series":[{"event":"a","where":[{"dimension":"shoe","op":"exists"}]}]}`, `series.0.where.0.dimension: unknown dimension "shoe"; use one of event, type, source, session, platform`},
		{`{"kind":"trend",` + scope + `"series":[{"event":"a","where":[{"dimension":"os","op":"eq","value":true}]}]}`, "series.0.where.0.value: a dimension is a text"},
		{`{"kind":"trend",` + scope + `"series":[{"event":"a","where":[{"dimension":"os","property":"os","op":"exists"}]}]}`, "series.0.where.0: holds both dimension and property"},
		{`{"kind":"trend",` + scope + `"series":[{"event":"a"}],"filters":[{"dimension":"event","op":"exists"}]}`, "filters.0.dimension: the event is chosen"},
		{`{"kind":"trend",` + scope + `"series":[{"event":"a"}],"breakdown":[{}]}`, "breakdown.0: must hold one of property, context and dimension"},
		{`{"kind":"trend",` + scope + `"series":[{"event":"a"}],"breakdown":[{"trait":"city"}]}`, "breakdown.0.trait: unknown field"},
		{`{"kind":"trend",` + scope + `"series":[{"event":"a"}],"breakdown":[1,2,3,4,5,6]}`, "breakdown: must hold 0 to 5 items, not 6"},
		{`{"kind":"trend",` + scope + `"series":[{"event":"a"}],"limit":0}`, "limit: must be a whole number from 1 to 1000"},
		{`{"kind":"trend","from":"2020-01-01T00:00:00Z","to":"2026-01-01T00:00:00Z","interval":"hour","series":[{"event":"a"}]}`, "interval: the range has more than 10000 intervals"},
		{deep, "series.0.where: must hold 0 to 100 items"},
		{`{"kind":"funnel",` + scope + `"steps":[]}`, "steps: must hold 1 to 20 items, not 0"},
		{`{"kind":"funnel",` + scope + `"steps":[{"event":"a"}],"window":"soon"}`, `window: "soon" is not a length of time; write 7d, 12h, 30m or 90s`},
		{`{"kind":"funnel",` + scope + `"steps":[{"event":"a"}],"window":"9999d"}`, `window: "9999d" is not a length of time`},
		{`{"kind":"funnel",` + scope + `"steps":[{"event":"a"}],"order":"strict"}`, `order: unknown value "strict"; use one of loose`},
		{`{"kind":"funnel","from":"1980-01-01T00:00:00Z","to":"2079-01-01T00:00:00Z","breakdown":[{"property":"p"}],"steps":[` + strings.Repeat(`{"event":"a"},`, 19) + `{"event":"a"}]}`, "steps: so many steps on the same event"},
		{`{"kind":"retention",` + scope + `"return":{"event":"a"}}`, `first: is missing; an event such as {"event":"view"}`},
		{`{"kind":"retention",` + scope + `"first":{"event":"a"},"return":[]}`, "return: must be an object, not a list"},
		{`{"kind":"retention",` + scope + `"first":{"event":"a"},"return":{"event":"a"},"interval":"hour"}`, `interval: unknown value "hour"; use one of day, week, month`},
		{`{"kind":"retention",` + scope + `"first":{"event":"a"},"return":{"event":"a"},"mode":"bracket"}`, `mode: unknown value "bracket"; use one of n_day, rolling`},
		{`{"kind":"retention",` + scope + `"first":{"event":"a"},"return":{"event":"a"},"periods":1.5}`, "periods: must be a whole number from 1 to 400"},
		{`{"kind":"retention",` + scope + `"first":{"event":"a"},"return":{"event":"a"},"breakdown":[{"property":"p"}]}`, "breakdown: is not available for retention yet"},
		{`{"kind":"sql"}`, "sql: is missing"},
		{`{"kind":"sql","sql":"select 1","from":"2026-01-01T00:00:00Z"}`, "from: unknown field; known here: kind, sql"},
	} {
		_, err := e.Parse([]byte(c.query))
		if touchstone.KindOf(err) != touchstone.Invalid || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%.200s\n got  %v\n want %s", c.query, err, c.want)
		}
	}
}

func TestParseRefusesSegmentsThatNobodyHas(t *testing.T) {
	_, err := New(noWarehouse{}, Options{}).Parse([]byte(`{"kind":"trend","from":"2026-01-01T00:00:00Z","to":"2026-02-01T00:00:00Z","segment":"seg_1","series":[{"event":"a"}]}`))
	if touchstone.KindOf(err) != touchstone.Invalid {
		t.Errorf("got %v", err)
	}
}

func TestSelectionRefuses(t *testing.T) {
	e := New(noWarehouse{}, Options{Zone: func() *time.Location { return time.UTC }})
	const scope = `"from":"2026-01-01T00:00:00Z","to":"2026-02-01T00:00:00Z",`
	const trend = `{"kind":"trend",` + scope + `"series":[{"event":"a"}],"breakdown":[{"property":"p"}]}`
	const funnel = `{"kind":"funnel",` + scope + `"steps":[{"event":"a"},{"event":"b"}]}`
	const retention = `{"kind":"retention",` + scope + `"first":{"event":"a"},"return":{"event":"b"},"periods":3}`
	for _, c := range []struct{ query, sel, want string }{
		{trend, `{"series":0,"breakdown":["x"]}`, "select.bucket: is missing"},
		{trend, `{"bucket":"2026-01-01T01:00:00Z","breakdown":["x"]}`, "select.bucket: 2026-01-01T01:00:00Z is not the time of a row"},
		{trend, `{"bucket":"2026-01-01T00:00:00Z","series":1,"breakdown":["x"]}`, "select.series: must be a whole number from 0 to 0"},
		{trend, `{"bucket":"2026-01-01T00:00:00Z"}`, "select.breakdown: is missing"},
		{trend, `{"bucket":"2026-01-01T00:00:00Z","breakdown":[]}`, "select.breakdown: must hold 1 to 1 items"},
		{trend, `{"bucket":"2026-01-01T00:00:00Z","breakdown":[5]}`, "select.breakdown: must be a text, not a number"},
		{funnel, `{}`, "select.step: is missing; 1 to 2"},
		{funnel, `{"step":3}`, "select.step: must be a whole number from 1 to 2"},
		{funnel, `{"step":1,"outcome":"won"}`, `select.outcome: unknown value "won"; use one of reached, converted, lost`},
		{funnel, `{"step":2,"outcome":"lost"}`, "select.outcome: there is no step after the last one"},
		{funnel, `{"step":2,"series":1}`, "select.series: unknown field; known here: step, outcome"},
		{retention, `{"period":1}`, "select.cohort: is missing"},
		{retention, `{"cohort":"2026-01-01T00:00:00Z","period":4}`, "select.period: must be a whole number from 0 to 3"},
		{retention, `{"cohort":"2025-01-01T00:00:00Z"}`, "select.cohort: 2025-01-01T00:00:00Z is not the time of a row"},
		{`{"kind":"sql","sql":"select 1"}`, `{}`, "query: there are no people behind the rows of SQL"},
		{trend, `[]`, "select: must be an object, not a list"},
	} {
		_, err := e.People(t.Context(), access.System(), []byte(c.query), []byte(c.sel))
		if touchstone.KindOf(err) != touchstone.Invalid || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s\n got  %v\n want %s", c.sel, err, c.want)
		}
	}
}

// FuzzParse: no input makes the parser panic, and what it takes it takes again.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{"kind":"trend","from":"2026-01-01T00:00:00Z","to":"2026-02-01T00:00:00Z","tz":"Asia/Shanghai","interval":"week","series":[{"event":"a","measure":"sum","property":"x","where":[{"dimension":"os","op":"in","value":["a",1]}]}],"breakdown":[{"context":"page.title"}]}`,
		`{"kind":"funnel","from":"2026-01-01T00:00:00Z","to":"2026-02-01T00:00:00Z","window":"7d","steps":[{"event":"a"},{"event":"*"}]}`,
		`{"kind":"retention","from":"2026-01-01T00:00:00Z","to":"2026-02-01T00:00:00Z","first":{"event":"a"},"return":{"event":"a"}}`,
		`{"kind":"sql","sql":"select 1"}`,
	} {
		f.Add([]byte(seed))
	}
	e := New(noWarehouse{}, Options{Segments: anySegment{}})
	f.Fuzz(func(t *testing.T, raw []byte) {
		if q, err := e.Parse(raw); err == nil && q == nil {
			t.Error("neither a question nor a mistake")
		}
	})
}
