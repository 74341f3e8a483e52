package collect_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/collect"
)

func gzipped(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write([]byte(s))
	w.Close()
	return b.String()
}

func zstded(s string) string {
	w, _ := zstd.NewWriter(nil)
	return string(w.EncodeAll([]byte(s), nil))
}

// event returns a valid track call with more fields.
func event(fields string) string { return `{"event":"x","userId":"u1"` + fields + `}` }

func batchOf(n int, one string) string {
	return `{"batch":[` + strings.TrimSuffix(strings.Repeat(one+",", n), ",") + `]}`
}

func nested(depth int) string { return strings.Repeat(`[`, depth) + strings.Repeat(`]`, depth) }

// Malformed bodies and those over a limit are refused as a whole; the message says what
// is wrong and where, and nothing is stored.
func TestMalformedIsRefusedAndStoresNothing(t *testing.T) {
	e := newEdge(t, nil)
	track := `{"type":"track","event":"x","userId":"u"}`
	for name, test := range map[string]struct {
		path, body string
		encoding   string
		status     int
		detail     string // a part of it
	}{
		"zero length":            {body: ``, detail: "the body is empty"},
		"blanks":                 {body: " \n ", detail: "the body is empty"},
		"an array":               {body: `[]`, detail: "a JSON object was expected"},
		"a number":               {body: `12`, detail: "a JSON object was expected"},
		"cut off":                {body: `{"event":"x","userId":"u`, detail: "ends too early; a closing quote was expected, at byte 24"},
		"trailing garbage":       {body: event(``) + `x`, detail: "something after the JSON value, at byte 27"},
		"two values":             {body: event(``) + event(``), detail: "something after the JSON value"},
		"trailing comma":         {body: `{"event":"x",}`, detail: "a field name in quotes was expected"},
		"single quotes":          {body: `{'event':'x'}`, detail: `a field name in quotes was expected, not '\''`},
		"comment":                {body: `{/**/}`, detail: "a field name in quotes was expected"},
		"NaN":                    {body: event(`,"properties":{"a":NaN}`), detail: "a value was expected, not 'N', at byte 45 (properties.a)"},
		"leading zero":           {body: event(`,"properties":{"a":01}`), detail: "a number was expected"},
		"plus sign":              {body: event(`,"properties":{"a":+1}`), detail: "a value was expected"},
		"bare point":             {body: event(`,"properties":{"a":1.}`), detail: "a digit was expected"},
		"raw NUL":                {body: event(`,"properties":{"a":"` + "\x00" + `"}`), detail: "a control character in a string must be escaped"},
		"raw newline":            {body: event(`,"properties":{"a":"` + "\n" + `"}`), detail: "a control character in a string must be escaped"},
		"NUL between tokens":     {body: "{\x00}", detail: "a field name in quotes was expected"},
		"invalid UTF-8":          {body: event(`,"properties":{"list":[1,{"a":"ok` + "\xff" + `"}]}`), detail: "not valid UTF-8, at byte 59 (properties.list[1].a)"},
		"overlong UTF-8":         {body: event(`,"properties":{"a":"` + "\xc0\x80" + `"}`), detail: "not valid UTF-8"},
		"UTF-8 of a surrogate":   {body: event(`,"properties":{"a":"` + "\xed\xa0\x80" + `"}`), detail: "not valid UTF-8"},
		"UTF-16":                 {body: "\xff\xfe{\x00}\x00", detail: "a JSON object was expected"},
		"unknown escape":         {body: event(`,"properties":{"a":"\x41"}`), detail: "a backslash must be followed by"},
		"short unicode escape":   {body: event(`,"properties":{"a":"\u12"}`), detail: "four hexadecimal digits"},
		"nested beyond reason":   {body: event(`,"properties":{"a":` + nested(10_000) + `}`), detail: "nested deeper than 512"},
		"unclosed and deep":      {body: strings.Repeat(`{"a":`, 80_000), detail: "nested deeper than 512"},
		"event too large":        {body: event(`,"properties":{"a":"` + strings.Repeat("x", 32<<10) + `"}`), detail: "at most 32768 are accepted"},
		"batch too large":        {path: "/v1/batch", body: batchOf(600, `{"type":"track","event":"x","userId":"`+strings.Repeat("u", 1000)+`"}`), detail: "at most 512000 are accepted"},
		"2,501 events":           {path: "/v1/batch", body: batchOf(2501, `{"type":"track","event":"x","userId":"u"}`), detail: "more than 2500 events"},
		"10 MB name":             {body: `{"event":"` + strings.Repeat("x", 10<<20) + `","userId":"u"}`, status: 413, detail: "the most that this server reads"},
		"batch is an object":     {path: "/v1/batch", body: `{"batch":{}}`, detail: "batch is an object, not an array"},
		"batch is missing":       {path: "/v1/batch", body: `{}`, detail: "batch is absent"},
		"batch is null":          {path: "/v1/batch", body: `{"batch":null}`, detail: "batch is null"},
		"two batches":            {path: "/v1/batch", body: `{"batch":[],"batch":[]}`, detail: "the same key twice"},
		"cut off in an event":    {path: "/v1/batch", body: `{"batch":[` + track + `,{"type":"track","properties":{"a":[0,tru`, detail: "in event 1 of the batch, at byte 89 (properties.a[1])"},
		"cut off behind a fault": {path: "/v1/batch", body: `{"batch":[` + track + `,{"type":"track","properties":{"a":NaN}},{"type":"tr`, detail: "in event 2 of the batch"},
		"batch not closed":       {path: "/v1/batch", body: `{"batch":[` + track, detail: "a comma or a closing bracket"},
		"copies of the context":  {path: "/v1/batch", body: `{"context":{"a":"` + strings.Repeat("x", 30<<10) + `"},` + batchOf(2000, track)[1:], detail: "too large for 2000 events"},
		"truncated gzip":         {body: gzipped(event(``))[:30], encoding: "gzip", detail: "gzip body ends too early"},
		"not gzip":               {body: event(``), encoding: "gzip", detail: "not valid gzip"},
		"empty gzip":             {body: "", encoding: "gzip", detail: "gzip body ends too early"},
		"gzip of nothing":        {body: gzipped(""), encoding: "gzip", detail: "the body is empty"},
		"gzip bomb":              {body: gzipped(strings.Repeat(" ", 64<<20)), encoding: "gzip", status: 413, detail: "the most that this server reads"},
		"truncated zstd":         {body: zstded(event(``))[:20], encoding: "zstd", detail: "zstd body ends too early"},
		"not zstd":               {body: event(``), encoding: "zstd", detail: "not valid zstd"},
		"zstd bomb":              {body: zstded(strings.Repeat(" ", 64<<20)), encoding: "zstd", status: 413, detail: "the most that this server reads"},
		"unknown encoding":       {body: event(``), encoding: "br", detail: `"br" is not supported`},
		"form instead of JSON":   {body: `event=x&userId=u`, detail: "a JSON object was expected"},
		"duplicate in envelope":  {path: "/v1/batch", body: `{"sentAt":"a","sentAt":"b","batch":[]}`, detail: "the same key twice"},
		"HTML":                   {body: `<html>`, detail: "a JSON object was expected"},
		"string that never ends": {body: `{"event":"` + strings.Repeat(`\"`, 10_000), detail: "ends too early"},
	} {
		t.Run(name, func(t *testing.T) {
			path, status := test.path, test.status
			if path == "" {
				path = "/v1/track"
			}
			if status == 0 {
				status = 400
			}
			header := []string{"Authorization", basic(e.key)}
			if test.encoding != "" {
				header = append(header, "Content-Encoding", test.encoding)
			}
			a := e.do(t, "POST", path, test.body, header...)
			if a.status != status || !strings.Contains(a.detail(), test.detail) {
				t.Errorf("%d %s\nwant %d with %q", a.status, a.body, status, test.detail)
			}
			if len(a.body) > 2000 {
				t.Errorf("the answer has %d bytes", len(a.body))
			}
			if a.header.Get("Content-Type") != "application/problem+json" || a.header.Get("X-Request-Id") == "" {
				t.Errorf("header %v", a.header)
			}
			if got := e.log.take(); len(got) > 0 {
				t.Errorf("stored %d events", len(got))
			}
		})
	}
}

// A well-formed event that fails a check is answered with 200, as Segment does, and
// lands in quarantine with what was sent and a stable code. Its neighbours are kept.
func TestInvalidEventsGoToQuarantine(t *testing.T) {
	e := newEdge(t, func(c *collect.Config) { c.MaxAge = 100 * 365 * 24 * 3600e9 })
	long := strings.Repeat("x", 257)
	for name, test := range map[string]struct{ path, event, code, detail string }{
		"no user":             {"track", `{"event":"x"}`, "missing_user", ""},
		"null user":           {"track", `{"event":"x","userId":null}`, "missing_user", ""},
		"empty user":          {"track", `{"event":"x","userId":"","anonymousId":""}`, "missing_user", ""},
		"blocked users":       {"track", `{"event":"x","userId":"null","anonymousId":"00000000-0000-0000-0000-000000000000"}`, "blocked_user", ""},
		"long user":           {"track", `{"event":"x","userId":"` + long + `"}`, "blocked_user", ""},
		"user is an object":   {"track", `{"event":"x","userId":{"id":1}}`, "wrong_type", "userId is an object, not a string"},
		"user is a boolean":   {"track", `{"event":"x","userId":true}`, "wrong_type", "userId is a boolean"},
		"no event":            {"track", `{"userId":"u"}`, "missing_event", ""},
		"blank event":         {"track", event(`,"x":1`)[:9] + `" "` + `,"userId":"u"}`, "missing_event", ""},
		"event is a number":   {"track", `{"event":7,"userId":"u"}`, "wrong_type", "event is a number"},
		"long event":          {"track", `{"event":"` + long + `","userId":"u"}`, "name_too_long", "event has 257 bytes"},
		"properties text":     {"track", event(`,"properties":"a"`), "wrong_type", "properties is a string, not an object"},
		"properties list":     {"track", event(`,"properties":[1]`), "wrong_type", "properties is an array"},
		"context list":        {"track", event(`,"context":[]`), "wrong_type", "context is an array"},
		"traits text":         {"identify", `{"userId":"u","traits":"a"}`, "wrong_type", "traits is a string"},
		"no group":            {"group", `{"userId":"u"}`, "missing_group_id", ""},
		"long group":          {"group", `{"userId":"u","groupId":"` + long + `"}`, "name_too_long", "groupId has 257 bytes"},
		"no previous":         {"alias", `{"userId":"u"}`, "missing_previous_id", ""},
		"blocked previous":    {"alias", `{"userId":"u","previousId":"undefined"}`, "missing_previous_id", ""},
		"alias without user":  {"alias", `{"anonymousId":"a","previousId":"p"}`, "missing_user", "an alias call needs a userId"},
		"page name":           {"page", `{"userId":"u","name":{}}`, "wrong_type", "name is an object"},
		"before 1970":         {"track", event(`,"timestamp":"1969-12-31T00:00:00Z"`), "too_old", "before 1970"},
		"before 1970, number": {"track", event(`,"timestamp":-1000000000`), "too_old", ""},
		"year 1900":           {"track", event(`,"timestamp":"1900-01-01T00:00:00Z"`), "too_old", ""},
		"no time of .NET":     {"track", event(`,"timestamp":"0001-01-01T00:00:00Z"`), "too_old", ""},
		"long message id":     {"track", event(`,"messageId":"` + long + `"`), "message_id_too_long", "messageId has 257 bytes"},
		"message id object":   {"track", event(`,"messageId":{}`), "wrong_type", "messageId is an object"},
		"duplicate field":     {"track", event(`,"event":"y"`), "duplicate_key", "(at event)"},
		"duplicate, escaped":  {"track", event(`,"\u0065vent":"y"`), "duplicate_key", ""},
		"duplicate, nested":   {"track", event(`,"properties":{"a":[{"b":1,"b":2}]}`), "duplicate_key", "(at properties.a[0].b)"},
		"duplicate among 100": {"track", event(`,"properties":{` + hundredKeys() + `,"k7":0}`), "duplicate_key", "properties.k7"},
		"deep":                {"track", event(`,"properties":{"a":` + nested(70) + `}`), "too_deep", ""},
		"huge number":         {"track", event(`,"properties":{"a":1e999}`), "number_out_of_range", "(at properties.a)"},
		"endless number":      {"track", event(`,"properties":{"a":` + strings.Repeat("9", 200) + `}`), "number_too_long", ""},
		"long key":            {"track", event(`,"properties":{"` + strings.Repeat("k", 600) + `":1}`), "key_too_long", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := e.one(t, "/v1/"+test.path, test.event)
			code, detail := collect.SplitReason(got.Reason)
			if got.Type != touchstone.Rejected || code != test.code || !strings.Contains(detail, test.detail) {
				t.Errorf("%s %q, want %s: …%s…", got.Type, got.Reason, test.code, test.detail)
			}
			if string(got.Raw) != test.event || got.MessageID == "" || got.Source != e.source.ID || !got.Time.Equal(e.now) {
				t.Errorf("%+v", got)
			}
			// In a batch, the neighbours are kept.
			in := test.event
			if strings.HasPrefix(in, `{"`) {
				in = `{"type":"` + test.path + `",` + in[1:]
			}
			a := e.post(t, "/v1/batch", `{"batch":[{"type":"track","event":"a","userId":"1"},`+in+`,{"type":"track","event":"b","userId":"1"}]}`)
			events := e.log.take()
			if a.status != 200 || len(events) != 3 || events[0].Name != "a" || events[2].Name != "b" || events[1].Type != touchstone.Rejected {
				t.Errorf("%d %s, %d events", a.status, a.body, len(events))
			}
		})
	}
	for in, code := range map[string]string{`null`: "not_an_object", `"x"`: "not_an_object", `[]`: "not_an_object", `7`: "not_an_object", `{"userId":"u"}`: "unknown_type",
		`{"userId":"u","type":"Track"}`: "unknown_type", `{"userId":"u","type":7}`: "unknown_type", `{"userId":"u","type":"rejected"}`: "unknown_type"} {
		got := e.one(t, "/v1/batch", `{"batch":[`+in+`]}`)
		if c, _ := collect.SplitReason(got.Reason); c != code || string(got.Raw) != in {
			t.Errorf("%s: %q %s", in, got.Reason, got.Raw)
		}
	}
	if n := e.counter(t, "events_rejected_total", "code", "wrong_type"); n < 10 {
		t.Errorf("events_rejected_total is %v", n)
	}
}

func hundredKeys() string {
	var b strings.Builder
	for i := range 100 {
		fmt.Fprintf(&b, `,"k%d":%d`, i, i)
	}
	return b.String()[1:]
}

// What JSON allows but is odd is taken, in the one form that databases can store.
func TestOddButValid(t *testing.T) {
	e := newEdge(t, nil)
	for name, test := range map[string]struct {
		body string
		want func(ev *touchstone.Event) bool
	}{
		"BOM":               {"\ufeff" + event(``), func(ev *touchstone.Event) bool { return ev.Name == "x" }},
		"blanks everywhere": {" {\n\t\"event\" : \"x\" , \"userId\" : \"u\" , \"properties\" : { \"a b\" : [ 1 , \"c  d\" ] } } \r\n", func(ev *touchstone.Event) bool { return ev.Properties == `{"a b":[1,"c  d"]}` }},
		"NUL escape":        {`{"event":"a\u0000b","userId":"u","properties":{"a":"\u0000"}}`, func(ev *touchstone.Event) bool { return ev.Name == "a\ufffdb" && ev.Properties == `{"a":"\ufffd"}` }},
		"escaped backslash": {`{"event":"a","userId":"u","properties":{"a":"\\u0000"}}`, func(ev *touchstone.Event) bool { return ev.Properties == `{"a":"\\u0000"}` }},
		"half a surrogate": {`{"event":"\ud83d","userId":"u","properties":{"a":"\ude97\ud83dx"}}`, func(ev *touchstone.Event) bool {
			return ev.Name == "\ufffd" && ev.Properties == `{"a":"\ufffd\ufffdx"}`
		}},
		"surrogate pair":    {`{"event":"\ud83d\ude97","userId":"u"}`, func(ev *touchstone.Event) bool { return ev.Name == "🚗" }},
		"user is a number":  {`{"event":"x","userId":17850}`, func(ev *touchstone.Event) bool { return ev.UserID == "17850" }},
		"user is a float":   {`{"event":"x","userId":17850.0}`, func(ev *touchstone.Event) bool { return ev.UserID == "17850" }},
		"user is 1e3":       {`{"event":"x","userId":1e3}`, func(ev *touchstone.Event) bool { return ev.UserID == "1000" }},
		"message id number": {event(`,"messageId":123`), func(ev *touchstone.Event) bool { return ev.MessageID == "123" }},
		"message id made":   {event(``), func(ev *touchstone.Event) bool { return len(ev.MessageID) == 36 && ev.MessageID[14] == '7' }},
		"empty objects":     {event(`,"properties":{},"context":{ }`), func(ev *touchstone.Event) bool { return ev.Properties == "" && ev.Context == "" }},
		"null objects":      {event(`,"properties":null,"context":null`), func(ev *touchstone.Event) bool { return ev.Properties == "" && ev.Context == "" }},
		"long number": {event(`,"properties":{"a":12345678901234567890.123456789,"b":-0,"c":1e-999}`), func(ev *touchstone.Event) bool {
			return ev.Properties == `{"a":12345678901234567890.123456789,"b":-0,"c":1e-999}`
		}},
		"depth at the limit": {event(`,"properties":{"a":` + nested(60) + `}`), func(ev *touchstone.Event) bool { return ev.Type == touchstone.Track }},
		"hundred keys":       {event(`,"properties":{` + hundredKeys() + `}`), func(ev *touchstone.Event) bool { return ev.Type == touchstone.Track }},
		"integrations":       {event(`,"integrations":{"All":true},"_metadata":{}`), func(ev *touchstone.Event) bool { return !strings.Contains(pretty(t, ev), "All") }},
		"track keeps traits": {event(`,"context":{"traits":{"email":"A@b.cn"}}`), func(ev *touchstone.Event) bool {
			return ev.Context == `{"traits":{"email":"A@b.cn"}}` && len(ev.Identifiers) == 2
		}},
		"e-mail of wrong type": {event(`,"context":{"traits":{"email":{}}}`), func(ev *touchstone.Event) bool { return ev.Type == touchstone.Track && len(ev.Identifiers) == 1 }},
	} {
		t.Run(name, func(t *testing.T) {
			if got := e.one(t, "/v1/track", test.body); !test.want(&got) {
				t.Error(pretty(t, got))
			}
		})
	}
	if n := e.counter(t, "escapes_mended_total"); n != 5 {
		t.Errorf("escapes_mended_total is %v", n)
	}
	if a := e.post(t, "/v1/batch", `{"batch":[]}`); a.status != 200 || len(e.log.take()) != 0 {
		t.Errorf("empty batch: %d %s", a.status, a.body)
	}
}
