package collect_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/touchstone-cdp/touchstone"
)

func TestEveryCallBecomesItsEvent(t *testing.T) {
	e := newEdge(t, nil)
	base := func(typ touchstone.EventType, name string) touchstone.Event {
		return touchstone.Event{
			Type: typ, Name: name, MessageID: "m1", Time: e.now, ReceivedAt: e.now, Source: e.source.ID, UserID: "u1",
			Identifiers: []touchstone.Identifier{{Kind: "user_id", Value: "u1"}},
		}
	}
	with := func(ev touchstone.Event, change func(*touchstone.Event)) touchstone.Event {
		change(&ev)
		return ev
	}
	for _, test := range []struct {
		paths []string
		body  string
		want  touchstone.Event
	}{
		{[]string{"/v1/track", "/v1/t"}, `{"userId":"u1","messageId":"m1","event":"Order Completed","properties":{"price":12.50,"skus":["a","b"]}}`,
			with(base(touchstone.Track, "Order Completed"), func(e *touchstone.Event) { e.Properties = `{"price":12.50,"skus":["a","b"]}` })},
		{[]string{"/v1/identify", "/v1/i"}, `{"userId":"u1","messageId":"m1","traits":{"email":" Ann@Example.COM ","phone":"138 0013 8000","age":31}}`,
			with(base(touchstone.Identify, "$identify"), func(e *touchstone.Event) {
				e.Traits = `{"email":" Ann@Example.COM ","phone":"138 0013 8000","age":31}`
				e.Identifiers = append(e.Identifiers, touchstone.Identifier{Kind: "phone", Value: "+8613800138000"}, touchstone.Identifier{Kind: "email", Value: "ann@example.com"})
			})},
		{[]string{"/v1/page", "/v1/p"}, `{"userId":"u1","messageId":"m1","name":"Home \"x\"","category":"Docs","properties":{"url":"https://x.cn/","name":"kept"}}`,
			with(base(touchstone.Page, "$page"), func(e *touchstone.Event) { e.Properties = `{"category":"Docs","url":"https://x.cn/","name":"kept"}` })},
		{[]string{"/v1/screen", "/v1/s"}, `{"userId":"u1","messageId":"m1","name":"Cart \u4f60"}`,
			with(base(touchstone.Screen, "$screen"), func(e *touchstone.Event) { e.Properties = `{"name":"Cart \u4f60"}` })},
		{[]string{"/v1/group", "/v1/g"}, `{"userId":"u1","messageId":"m1","groupId":42,"traits":{"email":"info@group.cn","plan":"pro"}}`,
			with(base(touchstone.Group, "$group"), func(e *touchstone.Event) {
				e.GroupID, e.Traits = "42", `{"email":"info@group.cn","plan":"pro"}`
			})},
		{[]string{"/v1/alias", "/v1/a"}, `{"userId":"u1","messageId":"m1","previousId":"anon-7"}`,
			with(base(touchstone.Alias, "$alias"), func(e *touchstone.Event) { e.PreviousID = "anon-7" })},
		{[]string{"/v1/batch", "/v1/b", "/v1/import"}, `{"batch":[{"type":"track","userId":"u1","messageId":"m1","event":"x"}]}`, base(touchstone.Track, "x")},
	} {
		for _, path := range test.paths {
			t.Run(path, func(t *testing.T) {
				if d := cmp.Diff(test.want, e.one(t, path, test.body)); d != "" {
					t.Error(d)
				}
			})
		}
	}
}

func TestClockCorrection(t *testing.T) {
	e := newEdge(t, nil) // now is 2026-03-01T12:00:00Z
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for name, test := range map[string]struct{ fields, want string }{
		"no time at all":              {``, "2026-03-01T12:00:00Z"},
		"timestamp only":              {`,"timestamp":"2026-02-28T01:02:03.456Z"`, "2026-02-28T01:02:03.456Z"},
		"client clock an hour ahead":  {`,"timestamp":"2026-03-01T12:59:50.000Z","sentAt":"2026-03-01T13:00:00.000Z"`, "2026-03-01T11:59:50Z"},
		"client clock at 1970":        {`,"timestamp":"1970-01-01T00:00:10Z","sentAt":"1970-01-01T00:00:40Z"`, "2026-03-01T11:59:30Z"},
		"originalTimestamp wins":      {`,"originalTimestamp":"2026-03-01T10:00:00Z","timestamp":"2000-01-01T00:00:00Z"`, "2026-03-01T10:00:00Z"},
		"sentAt without timestamp":    {`,"sentAt":"2026-03-01T13:00:00.000Z"`, "2026-03-01T12:00:00Z"},
		"sentAt that is no date":      {`,"timestamp":"2026-02-28T01:02:03Z","sentAt":"yesterday"`, "2026-02-28T01:02:03Z"},
		"history":                     {`,"timestamp":"1997-01-01T00:00:00Z"`, "1997-01-01T00:00:00Z"},
		"zone":                        {`,"timestamp":"2026-02-28T09:02:03+08:00"`, "2026-02-28T01:02:03Z"},
		"microseconds":                {`,"timestamp":"2026-02-28T01:02:03.456789Z"`, "2026-02-28T01:02:03.456Z"},
		"milliseconds since 1970":     {`,"timestamp":1772240523456`, "2026-02-28T01:02:03.456Z"},
		"seconds since 1970":          {`,"timestamp":"1772240523"`, "2026-02-28T01:02:03Z"},
		"an hour ahead is believed":   {`,"timestamp":"2026-03-01T13:00:00Z"`, "2026-03-01T13:00:00Z"},
		"two days ahead is not":       {`,"timestamp":"2026-03-03T13:00:00Z"`, "2026-03-01T12:00:00Z"},
		"null timestamp is no value":  {`,"timestamp":null`, "2026-03-01T12:00:00Z"},
		"empty timestamp is no value": {`,"timestamp":""`, "2026-03-01T12:00:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			got := e.one(t, "/v1/track", `{"userId":"u1","event":"x"`+test.fields+`}`)
			if got.Type != touchstone.Track || !got.Time.Equal(at(test.want)) || !got.ReceivedAt.Equal(e.now) {
				t.Errorf("%s: time %s, received %s, reason %q", got.Type, got.Time, got.ReceivedAt, got.Reason)
			}
		})
	}
	// In a batch sentAt belongs to the envelope, and may come after the events.
	got := e.one(t, "/v1/batch", `{"batch":[{"type":"track","userId":"u1","event":"x","timestamp":"2026-03-01T12:59:50Z"}],"sentAt":"2026-03-01T13:00:00Z"}`)
	if want := at("2026-03-01T11:59:50Z"); !got.Time.Equal(want) {
		t.Errorf("batch: %s, want %s", got.Time, want)
	}
	if n := e.counter(t, "times_clamped_total"); n != 1 {
		t.Errorf("times_clamped_total is %v", n)
	}
}
