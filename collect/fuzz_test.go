package collect

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/collect/intake"
)

var fuzzKinds = touchstone.DefaultKindSet()

var seeds = []string{
	`{"event":"x","userId":"u"}`,
	` { "event" : "x" , "userId" : 17 , "properties" : { "a" : [ 1 , -0.5e+3 , true , false , null , "\u4f60\n\"\\" , { } , [ ] ] } } `,
	`{"event":"\ud83d\ude97 \ud83d \ude97 \u0000","anonymousId":"a\u0062","context":{"ip":"1.2.3.4","device":{"id":"D","advertisingId":7},"traits":{"email":"a@b.c","phone":13800138000},"externalIds":[{"id":"x","type":"openid","collection":"users"},3,{"id":1}]}}`,
	`{"userId":{},"event":"x"}`, `{"event":"x","event":"y","userId":"u"}`, `{"a":1e999}`, `{"a":01}`, `{"a":1.}`, `{"a":-}`, `{"a":.5}`, `{"a":tru}`,
	`{"a":"` + "\xff" + `"}`, "{\"a\":\"\x00\"}", "\ufeff{}", `{}x`, `[]`, ``, `{`, `{"a"`, `{"a":`, `{"a":"\u12`, `{"a":"\x"}`, `{"a" 1}`, `{"a":1,}`, `{,}`,
	`{"batch":[{"type":"track"},null,[],"x",{"type":"page","name":"n","properties":{}}],"context":{"a":1,"ip":"x"},"sentAt":"2026-01-01"}`,
	`{"batch":{}}`, `{"batch":[{}],"batch":[{}]}`, strings.Repeat(`{"a":[`, 40) + strings.Repeat(`]}`, 40), strings.Repeat(`{"a":`, 600) + "1" + strings.Repeat(`}`, 600),
	`{"batch":[{"type":"track","a":NaN},{"type":"page","userId":"u","name":"n"},{"a":"},{"type":"track","userId":"u"},{]},,]}`, `{"batch":[{} {"type":"track","userId":"1"}, x ]}`,
	`{"type":"alias","previousId":"p","userId":"u","timestamp":"2026-01-01T00:00:00Z"}`, `{"type":"group","groupId":1.50,"userId":"1e3","traits":{ }}`,
}

// The scanner takes exactly what encoding/json takes, less invalid UTF-8 and what its
// documented bounds exclude; and whatever it took, the events made of it hold only valid
// JSON that a database can store, with the meaning that was sent.
func FuzzRequest(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s), false)
		f.Add([]byte(s), true)
	}
	limits := scanLimits{events: 100, eventBytes: 64 << 10}
	f.Fuzz(func(t *testing.T, body []byte, batch bool) {
		if len(body) > 128<<10 {
			return
		}
		original := bytes.TrimPrefix(body, []byte("\ufeff"))
		original = bytes.Clone(original)
		var s scanner
		ok := s.scan(body, batch, limits)
		isObject := len(bytes.TrimLeft(original, " \t\r\n")) > 0 && bytes.TrimLeft(original, " \t\r\n")[0] == '{'
		valid := json.Valid(original) && utf8.Valid(original) && isObject
		aside := 0
		for i := range s.events {
			if s.events[i].flaw.code == CodeMalformed {
				aside++
			}
		}
		if ok && !valid && (aside == 0 || !batch) {
			t.Fatalf("took what is not valid: %q", original)
		}
		if ok && valid && aside > 0 {
			t.Fatalf("set aside what is valid: %q", original)
		}
		if !ok && valid && !s.err.limit && !strings.Contains(s.err.message, "deeper") && s.envelope.flaw.code == "" {
			t.Fatalf("refused what is valid: %q: %s at %d", original, s.err.message, s.err.offset)
		}
		if !ok {
			if s.err.offset < 0 || s.err.offset > len(body) {
				t.Fatalf("offset %d of %d", s.err.offset, len(body))
			}
			_ = malformed(&s, batch).Error()
			return
		}
		b := builder{kinds: fuzzKinds, takes: func(k touchstone.IdentifierKind) bool { return k != touchstone.KindGroupID }, limits: eventLimits{256, 256, 20, 64 << 10, intake.Window{}}}
		call := touchstone.Track
		if batch {
			call = 0
		}
		b.start(&s, batch, origin{call: call, source: "src", received: 1_772_366_400_000, ip: "1.2.3.4", userAgent: "agent \"x\""})
		for i := range s.events {
			var e touchstone.Event
			b.build(&s.events[i], &e)
			var again touchstone.Event
			if err := touchstone.DecodeEvent(string(touchstone.AppendEvent(nil, &e)), &again); err != nil {
				t.Fatal(err)
			}
			checkStorable(t, &e)
			if e.Type == touchstone.Track && !bytes.Contains(original, []byte(`\u0000`)) && !batch {
				checkSameMeaning(t, original, &e)
			}
		}
	})
}

func checkStorable(t *testing.T, e *touchstone.Event) {
	t.Helper()
	for name, text := range map[string]string{
		"name": e.Name, "messageId": e.MessageID, "userId": e.UserID, "anonymousId": e.AnonymousID, "previousId": e.PreviousID, "groupId": e.GroupID, "reason": e.Reason,
	} {
		if !utf8.ValidString(text) || strings.IndexByte(text, 0) >= 0 {
			t.Fatalf("%s cannot be stored: %q", name, text)
		}
	}
	for name, j := range map[string]touchstone.JSON{"properties": e.Properties, "traits": e.Traits, "context": e.Context, "raw": e.Raw} {
		if j != "" && (!json.Valid([]byte(j)) || !utf8.ValidString(string(j)) || strings.Contains(strings.ReplaceAll(string(j), `\\`, ""), `\u0000`)) {
			t.Fatalf("%s is not storable JSON: %q", name, j)
		}
	}
	if e.Type == touchstone.Rejected {
		if code, _ := SplitReason(e.Reason); reasonTexts[code] == "" || e.Raw == "" || e.MessageID == "" {
			t.Fatalf("rejected without a known code, what was sent or an id: %+v", e)
		}
		return
	}
	if len(e.Identifiers) == 0 || e.MessageID == "" || e.Name == "" || e.Time.IsZero() || len(e.Identifiers) > 20 {
		t.Fatalf("valid, but incomplete: %+v", e)
	}
	for _, j := range []touchstone.JSON{e.Properties, e.Traits, e.Context} {
		var c bytes.Buffer
		if j != "" && (json.Compact(&c, []byte(j)) != nil || c.String() != string(j)) {
			t.Fatalf("not compact: %q", j)
		}
	}
}

func checkSameMeaning(t *testing.T, original []byte, e *touchstone.Event) {
	t.Helper()
	var want struct {
		Event      string
		Properties map[string]any
	}
	if json.Unmarshal(bytes.ReplaceAll(original, []byte("EVENT"), []byte("event")), &want) != nil {
		return
	}
	var got map[string]any
	if e.Properties != "" {
		if err := json.Unmarshal([]byte(e.Properties), &got); err != nil {
			t.Fatal(err)
		}
	}
	// encoding/json matches names in any case; only compare when there is one "properties".
	if bytes.Count(bytes.ToLower(original), []byte("properties")) == 1 && bytes.Contains(original, []byte(`"properties"`)) &&
		len(got)+len(want.Properties) > 0 && !reflect.DeepEqual(got, want.Properties) {
		t.Fatalf("properties %v, want %v", got, want.Properties)
	}
}
