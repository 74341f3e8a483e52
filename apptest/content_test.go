package apptest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Clients' clocks are wrong in every way: an event keeps a place in time that makes sense,
// and none is lost.
func TestClocks(t *testing.T) {
	s := Start(t)
	now := time.Now().UTC()
	stamp := func(at time.Time) string { return at.Format(time.RFC3339Nano) }
	const year = 365 * 24 * time.Hour
	tests := map[string]struct {
		timestamp, sentAt any
		want              time.Time
	}{
		"now":                                {stamp(now), stamp(now), now},
		"no time at all":                     {nil, nil, now},
		"an hour ago":                        {stamp(now.Add(-time.Hour)), stamp(now), now.Add(-time.Hour)},
		"a clock that is a year ahead":       {stamp(now.Add(year - time.Hour)), stamp(now.Add(year)), now.Add(-time.Hour)},
		"a clock of 1970":                    {"1970-01-01T00:00:10Z", "1970-01-01T00:01:10Z", now.Add(-time.Minute)},
		"a clock of the year 3000":           {"3000-01-01T00:00:00Z", "3000-01-01T00:02:00Z", now.Add(-2 * time.Minute)},
		"history of 1970":                    {"1970-01-01T00:00:01Z", nil, time.Unix(1, 0)},
		"the year 3000 without sentAt":       {"3000-01-01T00:00:00Z", nil, now},
		"sentAt before the event":            {stamp(now), stamp(now.Add(-time.Hour)), now.Add(time.Hour)},
		"another zone":                       {now.In(time.FixedZone("", 8*3600)).Format(time.RFC3339Nano), nil, now},
		"milliseconds since 1970":            {now.Add(-time.Hour).UnixMilli(), nil, now.Add(-time.Hour)},
		"far ahead of its own sentAt":        {"9999-12-31T23:59:59Z", stamp(now), now},
		"with an exponent, as Java prints":   {json.Number(strconv.FormatFloat(float64(now.Add(-time.Hour).UnixMilli()), 'E', -1, 64)), nil, now.Add(-time.Hour)},
		"no time, but a text":                {"Invalid Date", stamp(now), now},
		"no zone":                            {now.Add(-time.Hour).Format("2006-01-02T15:04:05.000"), nil, now.Add(-time.Hour)},
		"a leap day":                         {"2024-02-29T12:00:00Z", nil, time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)},
		"a sentAt that is nonsense, no time": {nil, "yesterday", now},
	}
	user := func(name string) string { return strings.ReplaceAll(name, " ", "-") }
	for name, test := range tests {
		body := map[string]any{"writeKey": "dev", "event": "Tick", "userId": user(name)}
		if test.timestamp != nil {
			body["timestamp"] = test.timestamp
		}
		if test.sentAt != nil {
			body["sentAt"] = test.sentAt
		}
		s.Call(http.MethodPost, "/v1/track", body, nil)
	}
	if st := s.Drain(); st.InWarehouse != int64(len(tests)) || st.Quarantined != 0 {
		t.Errorf("%d events make %+v", len(tests), st)
	}
	for name, test := range tests {
		timeline := s.Timeline("user_id:"+user(name), 5)
		if len(timeline) != 1 || timeline[0].Time.Sub(test.want).Abs() > patience/3 { // the next wrong time is an hour away
			t.Errorf("%s: the event is dated %+v, want about %s", name, timeline, test.want)
		}
	}
}

// Every text that a user writes comes back as it was, wherever it may stand, and can be
// asked for.
func testTextOfTheWorld(t *testing.T, shape Shape) {
	s := shape.Start(t)
	texts := []string{
		"上海交通大学", "日本語テキスト", "עברית مرحبا", "👨‍👩‍👧‍👦🚗⚡️🏎️", "Zoë Müller-Ångström", "naïve café", "a'b\"c`d\\e/f", "'; drop table events; --", "%s %d %n {} ${x} {{y}}",
		"<script>alert(1)</script>", "../../etc/passwd", "null", "tab\tnew\nline", "a:b:c", "a b+c&d=e?f#g", "zero\u200b\u200d wid\u2060th", "Ⅷ ½ ﬁ", "𝒳 𠜎 🀄",
	}
	segments := make([]string, len(texts))
	for i, text := range texts {
		user := "世界 " + text
		s.Source(fmt.Sprintf("来源 %d ", i)+strings.NewReplacer("\t", " ", "\n", " ").Replace(text), "web")
		segments[i] = s.BeginSegment(fmt.Sprintf("人群 %d", i), map[string]any{"and": []any{
			map[string]any{"trait": "昵称 " + text, "op": "eq", "value": text},
			map[string]any{"event": "事件 " + text, "where": []map[string]any{{"property": "键 " + text, "op": "eq", "value": text}}}}}).ID
		s.Track(Event{"type": "identify", "userId": user, "traits": map[string]any{"昵称 " + text: text, "name": text}},
			Event{"type": "track", "event": "事件 " + text, "userId": user, "properties": map[string]any{"键 " + text: text, "list": []string{text}}},
			Event{"type": "page", "userId": user, "name": text, "context": map[string]any{"page": map[string]any{"title": text}, "campaign": map[string]any{"source": text}}})
	}
	s.Drain()
	for i, text := range texts {
		s.AwaitLive(segments[i])
		checkText(t, s, text, segments[i])
	}
	if st := s.Drain(); st.Quarantined != 0 || st.InWarehouse != int64(3*len(texts)) {
		t.Errorf("%+v", st)
	}
}

func checkText(t *testing.T, s *Server, text, segment string) {
	t.Helper()
	user := "世界 " + text
	p := s.Person("user_id:" + user)
	if p.Traits["昵称 "+text] != text || !slices.Contains(p.Identifiers, Identifier{"user_id", user}) {
		t.Errorf("%q: the person is %+v", text, p)
	}
	var page struct{ Items []TimelineEvent }
	s.Call(http.MethodGet, "/api/v1/persons/"+p.ID+"/events?event="+url.QueryEscape("事件 "+text), nil, &page)
	if len(page.Items) != 1 || page.Items[0].Properties["键 "+text] != text || fmt.Sprint(page.Items[0].Properties["list"]) != fmt.Sprint([]any{text}) {
		t.Errorf("%q: the timeline is %+v", text, page.Items)
	}
	if members := s.Members(segment); len(members) != 1 {
		t.Errorf("%q: the segment has %d members", text, len(members))
	}
	where := []map[string]any{{"property": "键 " + text, "op": "eq", "value": text}}
	rows := s.Query(map[string]any{"kind": "trend", "from": "2020-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z", "interval": "total",
		"series": []map[string]any{{"event": "事件 " + text, "measure": "persons", "where": where}}, "breakdown": []map[string]any{{"property": "键 " + text}}})
	if len(rows) != 1 || rows[0][len(rows[0])-1] != 1.0 || !slices.Contains(rows[0], any(text)) {
		t.Errorf("%q: the trend is %v", text, rows)
	}
	if n := s.Number("select count(*) from events where event = '%s'", strings.ReplaceAll("事件 "+text, "'", "''")); n != 1 {
		t.Errorf("%q: SQL finds %d events", text, n)
	}
}

// Events at the edge of what is allowed are kept whole.
func TestLargeEvents(t *testing.T) {
	s := Start(t)
	many := map[string]any{}
	for i := range 1500 {
		many[fmt.Sprintf("属性-%d", i)] = i
	}
	deep := any("bottom")
	for range 30 {
		deep = map[string]any{"down": deep}
	}
	events := map[string]map[string]any{
		"many": many,
		"long": {"text": strings.Repeat("长", 10_000)},
		"deep": {"deep": deep},
		"edge": {"max": 1.7976931348623157e308, "min": 5e-324, "int": 9007199254740991, "empty": map[string]any{}, "": "no name", "none": nil},
	}
	for user, properties := range events {
		s.Track(Event{"type": "track", "event": "Large", "userId": user, "properties": properties})
	}
	var batch []Event
	for i := range 2500 {
		batch = append(batch, Event{"type": "track", "event": "Small", "userId": fmt.Sprintf("n-%d", i%10)})
	}
	s.Track(batch...)
	s.Track()
	if st := s.Drain(); st.InWarehouse != 2504 || st.Quarantined != 0 {
		t.Errorf("%+v", st)
	}
	for user, properties := range events {
		got := s.Timeline("user_id:"+user, 5)
		if len(got) != 1 || fmt.Sprint(got[0].Properties) != fmt.Sprint(normal(t, properties)) {
			t.Errorf("the properties of %q changed: %.300v", user, got)
		}
	}
}

// normal is v as it comes out of JSON.
func normal(t *testing.T, v any) (out any) {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}
