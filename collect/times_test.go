package collect_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/collect"
)

func instant(t *testing.T, s string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestTimeOfAnEvent(t *testing.T) {
	e := newEdge(t, nil) // now is 2026-03-01T12:00:00Z
	for name, test := range map[string]struct{ fields, want string }{
		"no time at all":              {``, "2026-03-01T12:00:00Z"},
		"timestamp only":              {`,"timestamp":"2026-02-28T01:02:03.456Z"`, "2026-02-28T01:02:03.456Z"},
		"client clock an hour ahead":  {`,"timestamp":"2026-03-01T12:59:50.000Z","sentAt":"2026-03-01T13:00:00.000Z"`, "2026-03-01T11:59:50Z"},
		"client clock at 1970":        {`,"timestamp":"1970-01-01T00:00:10Z","sentAt":"1970-01-01T00:00:40Z"`, "2026-03-01T11:59:30Z"},
		"originalTimestamp alone":     {`,"originalTimestamp":"2026-03-01T12:59:50Z","sentAt":"2026-03-01T13:00:00Z"`, "2026-03-01T11:59:50Z"},
		"the caller's timestamp wins": {`,"originalTimestamp":"2026-03-01T10:00:00Z","timestamp":"2000-01-01T00:00:00Z"`, "2000-01-01T00:00:00Z"},
		"as RudderStack's SDKs send":  {`,"timestamp":"2026-01-05T00:00:00.000Z","originalTimestamp":"2026-03-01T11:59:59.681Z","sentAt":"2026-03-01T11:59:59.682Z"`, "2026-01-05T00:00:00Z"},
		"forwarded by Segment":        {`,"timestamp":"2026-02-01T11:59:50Z","originalTimestamp":"2026-02-01T12:59:50Z","sentAt":"2026-02-01T13:00:00Z"`, "2026-02-01T11:59:50Z"},
		"empty timestamp beside":      {`,"timestamp":null,"originalTimestamp":"2026-03-01T12:59:50Z","sentAt":"2026-03-01T13:00:00Z"`, "2026-03-01T11:59:50Z"},
		"sentAt without timestamp":    {`,"sentAt":"2026-03-01T13:00:00.000Z"`, "2026-03-01T12:00:00Z"},
		"sentAt that is no date":      {`,"timestamp":"2026-02-28T01:02:03Z","sentAt":"yesterday"`, "2026-02-28T01:02:03Z"},
		"history":                     {`,"timestamp":"1997-01-01T00:00:00Z"`, "1997-01-01T00:00:00Z"},
		"the first moment":            {`,"timestamp":"1970-01-01T00:00:00Z"`, "1970-01-01T00:00:00Z"},
		"zone":                        {`,"timestamp":"2026-02-28T09:02:03+08:00"`, "2026-02-28T01:02:03Z"},
		"microseconds":                {`,"timestamp":"2026-02-28T01:02:03.456789Z"`, "2026-02-28T01:02:03.456Z"},
		"milliseconds since 1970":     {`,"timestamp":1772240523456`, "2026-02-28T01:02:03.456Z"},
		"with an exponent, as Java":   {`,"timestamp":1.772240523456E12`, "2026-02-28T01:02:03.456Z"},
		"with a fraction":             {`,"timestamp":1772240523456.0`, "2026-02-28T01:02:03.456Z"},
		"seconds with an exponent":    {`,"timestamp":1.772240523456E9`, "2026-02-28T01:02:03.456Z"},
		"microseconds since 1970":     {`,"timestamp":1772240523456789`, "2026-02-28T01:02:03.456Z"},
		"nanoseconds, as text":        {`,"timestamp":"1772240523456789012"`, "2026-02-28T01:02:03.456Z"},
		"seconds since 1970":          {`,"timestamp":"1772240523"`, "2026-02-28T01:02:03Z"},
		"sentAt is a number":          {`,"timestamp":1772373590000,"sentAt":1.7723736E9`, "2026-03-01T11:59:50Z"},
		"an hour ahead is believed":   {`,"timestamp":"2026-03-01T13:00:00Z"`, "2026-03-01T13:00:00Z"},
		"null timestamp is no value":  {`,"timestamp":null`, "2026-03-01T12:00:00Z"},
		"empty timestamp is no value": {`,"timestamp":""`, "2026-03-01T12:00:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			got := e.one(t, "/v1/track", `{"userId":"u1","event":"x"`+test.fields+`}`)
			if got.Type != touchstone.Track || !got.Time.Equal(instant(t, test.want)) || !got.ReceivedAt.Equal(e.now) {
				t.Errorf("%s: time %s, received %s, reason %q", got.Type, got.Time, got.ReceivedAt, got.Reason)
			}
			if got.Context != "" {
				t.Errorf("marked: %s", got.Context)
			}
		})
	}
	// In a batch sentAt belongs to the envelope, and may come after the events.
	got := e.one(t, "/v1/batch", `{"batch":[{"type":"track","userId":"u1","event":"x","timestamp":"2026-03-01T12:59:50Z"}],"sentAt":"2026-03-01T13:00:00Z"}`)
	if want := instant(t, "2026-03-01T11:59:50Z"); !got.Time.Equal(want) {
		t.Errorf("batch: %s, want %s", got.Time, want)
	}
	if n := e.counter(t, "times_replaced_total"); n != 0 {
		t.Errorf("times_replaced_total is %v", n)
	}
}

// A time that cannot be read or lies ahead gives way to the next best one. The event says
// so in its context.
func TestNextBestTime(t *testing.T) {
	e := newEdge(t, nil) // now is 2026-03-01T12:00:00Z
	for name, test := range map[string]struct{ fields, want, source, problem, given string }{
		"a word":                     {`,"timestamp":"tomorrow"`, "2026-03-01T12:00:00Z", "receivedAt", "bad_timestamp", "tomorrow"},
		"30 February":                {`,"timestamp":"2026-02-30T00:00:00Z"`, "2026-03-01T12:00:00Z", "receivedAt", "bad_timestamp", "2026-02-30T00:00:00Z"},
		"an object":                  {`,"timestamp":{"$date":"\u0031"}`, "2026-03-01T12:00:00Z", "receivedAt", "bad_timestamp", `{"$date":"\u0031"}`},
		"a truth value":              {`,"timestamp":true`, "2026-03-01T12:00:00Z", "receivedAt", "bad_timestamp", "true"},
		"never set":                  {`,"timestamp":0`, "2026-03-01T12:00:00Z", "receivedAt", "bad_timestamp", "0"},
		"Invalid Date":               {`,"timestamp":"Invalid Date","sentAt":"2026-03-01T11:00:00Z"`, "2026-03-01T11:00:00Z", "sentAt", "bad_timestamp", "Invalid Date"},
		"and sentAt is ahead":        {`,"timestamp":"Invalid Date","sentAt":"2026-03-01T12:00:01Z"`, "2026-03-01T12:00:00Z", "receivedAt", "bad_timestamp", "Invalid Date"},
		"and sentAt is before 1970":  {`,"timestamp":"?","sentAt":"1969-03-01T12:00:01Z"`, "2026-03-01T12:00:00Z", "receivedAt", "bad_timestamp", "?"},
		"and sentAt is no better":    {`,"timestamp":"?","sentAt":"?"`, "2026-03-01T12:00:00Z", "receivedAt", "bad_timestamp", "?"},
		"two days ahead":             {`,"timestamp":"2026-03-03T13:00:00Z"`, "2026-03-01T12:00:00Z", "receivedAt", "in_future", "2026-03-03T13:00:00Z"},
		"ahead, though corrected":    {`,"timestamp":"2026-03-09T13:00:00Z","sentAt":"2026-03-01T11:30:00Z"`, "2026-03-01T11:30:00Z", "sentAt", "in_future", "2026-03-09T13:00:00Z"},
		"ahead beside an original":   {`,"timestamp":"2036-03-09T13:00:00Z","originalTimestamp":"2026-03-01T10:00:00Z"`, "2026-03-01T10:00:00Z", "originalTimestamp", "in_future", "2036-03-09T13:00:00Z"},
		"bad beside an original":     {`,"timestamp":"?","originalTimestamp":"2026-03-01T12:59:50Z","sentAt":"2026-03-01T13:00:00Z"`, "2026-03-01T11:59:50Z", "originalTimestamp", "bad_timestamp", "?"},
		"bad, with a bad original":   {`,"timestamp":"?","originalTimestamp":"!"`, "2026-03-01T12:00:00Z", "receivedAt", "bad_timestamp", "?"},
		"a bad original alone":       {`,"originalTimestamp":"!"`, "2026-03-01T12:00:00Z", "receivedAt", "bad_timestamp", "!"},
		"quotes and control letters": {`,"timestamp":"\"\n\\"`, "2026-03-01T12:00:00Z", "receivedAt", "bad_timestamp", "\" \\"},
		"a long text":                {`,"timestamp":"` + strings.Repeat("钟", 40) + `"`, "2026-03-01T12:00:00Z", "receivedAt", "bad_timestamp", strings.Repeat("钟", 20)},
	} {
		t.Run(name, func(t *testing.T) {
			for _, path := range []string{"/v1/track", "/v1/batch"} {
				body := `{"type":"track","userId":"u1","event":"x","context":{"page":{"path":"/"},"time_given":"mine"}` + test.fields + `}`
				if path == "/v1/batch" {
					body = `{"batch":[` + body + `],"context":{"app":{"name":"a"},"time_source":"mine"}}`
				}
				got := e.one(t, path, body)
				if got.Type != touchstone.Track || !got.Time.Equal(instant(t, test.want)) {
					t.Fatalf("%s: time %s, reason %q", got.Type, got.Time, got.Reason)
				}
				var c map[string]any
				if err := json.Unmarshal([]byte(got.Context), &c); err != nil {
					t.Fatal(err)
				}
				if c["time_source"] != test.source || c["time_problem"] != test.problem || c["time_given"] != test.given || c["page"] == nil {
					t.Errorf("context %s", got.Context)
				}
				if strings.Count(string(got.Context), `"time_`) != 3 {
					t.Errorf("a name stands twice in %s", got.Context)
				}
			}
		})
	}
	if n := e.counter(t, "times_replaced_total", "problem", "in_future", "source", "sentAt"); n != 2 {
		t.Errorf("times_replaced_total of in_future by sentAt is %v", n)
	}
	// The clock of the answer is not the client's problem: later fields of a flawed event still refuse it.
	got := e.one(t, "/v1/track", `{"userId":"u1","event":"x","timestamp":"?","context":[]}`)
	if code, _ := collect.SplitReason(got.Reason); code != collect.CodeWrongType {
		t.Errorf("%q", got.Reason)
	}
}

// An event from a file has no next best time.
func TestFramesOutsideOfTheWindow(t *testing.T) {
	e := newEdge(t, nil) // now is 2026-03-01T12:00:00Z
	for at, code := range map[string]string{
		"2026-03-02T11:00:00Z": "", "2026-03-03T12:00:00Z": "in_future", "2027-06-01T10:00:00Z": "in_future",
		"1970-01-01T00:00:00Z": "", "1969-12-31T23:59:59Z": "too_old", "1900-01-01T00:00:00Z": "too_old",
	} {
		accepted, rejected, err := e.appendFrames(e.source.ID, bytes.NewReader(frames(touchstone.Event{
			Type: touchstone.Track, Name: "x", MessageID: "m-" + at, Time: instant(t, at), ReceivedAt: e.now, Identifiers: []touchstone.Identifier{{Kind: "user_id", Value: "u"}},
		})))
		got := e.log.take()
		if err != nil || len(got) != 1 {
			t.Fatal(err, got)
		}
		if code == "" {
			if accepted != 1 || !got[0].Time.Equal(instant(t, at)) {
				t.Errorf("%s: %s %q", at, got[0].Time, got[0].Reason)
			}
			continue
		}
		if c, detail := collect.SplitReason(got[0].Reason); rejected != 1 || c != code || !strings.Contains(detail, at) || !strings.Contains(string(got[0].Raw), at) {
			t.Errorf("%s: %d rejected, %q, %s", at, rejected, got[0].Reason, got[0].Raw)
		}
	}
}

// A placeholder is no message id: it would make events copies of each other.
func TestPlaceholderMessageIDs(t *testing.T) {
	e := newEdge(t, nil)
	seen := map[string]bool{}
	list := []string{`""`, `null`, `" "`, `"null"`, `"NULL"`, `"undefined"`, `0`, `"0"`, `0.0`, `"NaN"`, `"[object Object]"`, `"\"null\""`, `"'undefined'"`, `"00000000-0000-0000-0000-000000000000"`, `"messageId"`, `"{{Message ID}}"`}
	for range 2 {
		for _, id := range list {
			got := e.one(t, "/v1/track", event(`,"messageId":`+id))
			if len(got.MessageID) != 36 || seen[got.MessageID] {
				t.Errorf("messageId %s became %q", id, got.MessageID)
			}
			seen[got.MessageID] = true
		}
	}
	if n := e.counter(t, "message_ids_missing_total"); n != float64(2*(len(list)-2)) {
		t.Errorf("message_ids_missing_total is %v", n)
	}
	// A refused event keeps its id only if it is one.
	if got := e.one(t, "/v1/track", `{"event":"x","messageId":"undefined"}`); len(got.MessageID) != 36 {
		t.Errorf("refused with the id %q", got.MessageID)
	}
	if got := e.one(t, "/v1/track", `{"event":"x","messageId":"m-1"}`); got.MessageID != "m-1" {
		t.Errorf("refused with the id %q", got.MessageID)
	}
}
