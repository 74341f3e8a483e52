package privacy

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/stream"
)

func recordOf(events ...*touchstone.Event) []byte {
	var frames []byte
	for _, e := range events {
		frames = stream.AppendFrame(frames, touchstone.AppendEvent(nil, e))
	}
	return stream.EncodeRecord(nil, frames, len(events))
}

func eventsOf(t interface{ Fatal(...any) }, record []byte) (list []*touchstone.Event) {
	frames, err := stream.DecodeRecord(record)
	if err != nil {
		t.Fatal(err)
	}
	for frame := range frames.All() {
		if frame == "" {
			list = append(list, nil)
			continue
		}
		e := &touchstone.Event{}
		if err := touchstone.DecodeEvent(frame, e); err != nil {
			t.Fatal(err)
		}
		list = append(list, e)
	}
	return list
}

// Of Ann's events it is left that somebody was there, Bob's lose what names her, commands mean the same, and
// what comes after her erasure stays; what was left out for it is gone.
func TestRedactor(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	early, late := at.Add(-time.Hour), at.Add(time.Hour)
	command := func(kind, body string, when time.Time) []byte {
		c := touchstone.Command{ID: "cmd_" + kind, Kind: kind, SubmittedAt: when, Body: touchstone.JSON(body)}
		e := c.Event()
		return recordOf(&e)
	}
	bob := event("b1", early, early, "app", "user_id:bob", "email:ann@example.com")
	bob.Properties = `{"to":"ann@example.com","phone":13912345678,"n":1,"cc":["zoe@example.com","ann@example.com"],"list":[{"x":"+8613912345678"},{"y":2}]}`
	rejected := &touchstone.Event{Type: touchstone.Rejected, MessageID: "r", Time: early, ReceivedAt: early, Raw: `{"userId":"ann-7421","event":5}`, Reason: "wrong_type"}
	log := [][]byte{
		recordOf(event("a1", early, early, "app", "user_id:ann-7421"), bob, event("b2", early, early, "app", "user_id:bob"), rejected),
		command("person.link", `{"links":[{"a":"email:ann@example.com","b":"user_id:ann-7421"},{"a":"user_id:bob","b":"email:bob@example.com"}]}`, early),
		command("trait.correct", `{"person":"user_id:ann-7421","traits":{"name":"Ann"}}`, early),
		command("person.erase", `{"identifiers":["email:ann@example.com","phone:+8613912345678","user_id:ann-7421"]}`, at),
		recordOf(event("a2", early, late, "app", "user_id:ann-7421"), event("a3", late, late, "app", "user_id:ann-7421")),
		command("person.split", `{"identifiers":["user_id:ann-7421"]}`, late),
	}
	r := NewRedactor(testKeys())
	for i, record := range log {
		if err := r.Learn(0, stream.Offset(i+1), record); err != nil {
			t.Fatal(err)
		}
	}
	var got []*touchstone.Event
	for i, record := range log {
		to, err := r.Change(0, stream.Offset(i+1), record)
		if err != nil {
			t.Fatal(err)
		}
		if to == nil {
			to = record
		} else if again, err := r.Change(0, stream.Offset(i+1), to); err != nil || again != nil {
			t.Errorf("record %d is changed once more", i+1)
		}
		got = append(got, eventsOf(t, to)...)
	}
	for i, want := range []string{
		"erased-", // a1
		`{"n":1,"cc":["zoe@example.com"],"list":[{"y":2}]}`,
		"b2", "", // and what was refused
		`{"links":[{"a":"email:erased-E","b":"user_id:erased-U"},{"a":"user_id:bob","b":"email:bob@example.com"}]}`,
		`{}`,
		`{"identifiers":["email:erased-E","phone:erased-P","user_id:erased-U"]}`,
		"", "a3", // she was offline; she came again
		`{"identifiers":["user_id:ann-7421"]}`,
	} {
		for kind, short := range map[touchstone.IdentifierKind]string{"email": "ann@example.com", "phone": "+8613912345678", "user_id": "ann-7421"} {
			mark := strings.ToUpper(string(kind[:1]))
			want = strings.ReplaceAll(want, standIn+mark, r.standInFor(touchstone.Identifier{Kind: kind, Value: short}))
		}
		switch e := got[i]; {
		case want == "" && e != nil, want != "" && e == nil:
			t.Errorf("event %d is %+v, want %q", i, e, want)
		case e == nil:
		case strings.HasPrefix(want, "{") && string(e.Properties) != want:
			t.Errorf("event %d says %s, want %s", i, e.Properties, want)
		case !strings.HasPrefix(want, "{") && e.MessageID != want && (want != standIn || !strings.HasPrefix(e.MessageID, want) || !strings.HasPrefix(e.UserID+e.Identifiers[0].Value, want)):
			t.Errorf("event %d is %s, want %s", i, e.MessageID, want)
		}
	}
	if len(got[1].Identifiers) != 1 || got[1].Identifiers[0].Value != "bob" {
		t.Errorf("Bob's event has %v", got[1].Identifiers)
	}
}

// Whatever JSON names somebody wherever, nothing of it is left, and what is left is JSON; what names
// nobody stays as it is.
func TestWithoutNames(t *testing.T) {
	words := []string{`"ann-7421"`, `"bob"`, `1`, `null`, `"x ann-7421"`, `"\u0061nn-7421"`, `13912345678`}
	var value func(t *rapid.T, depth int) string
	value = func(t *rapid.T, depth int) string {
		kind := rapid.IntRange(0, 3).Draw(t, "kind")
		if depth > 3 || kind < 2 {
			return rapid.SampledFrom(words).Draw(t, "word")
		}
		var parts []string
		for range rapid.IntRange(0, 4).Draw(t, "n") {
			one := value(t, depth+1)
			if kind == 2 {
				one = rapid.SampledFrom([]string{`"a"`, `"b"`, `"c"`, `"ann-7421"`}).Draw(t, "name") + ":" + one
			}
			parts = append(parts, one)
		}
		if kind == 2 {
			return "{" + strings.Join(parts, ",") + "}"
		}
		return "[" + strings.Join(parts, ",") + "]"
	}
	names := func(text string) bool { return text == "ann-7421" || text == "13912345678" }
	rapid.Check(t, func(t *rapid.T) {
		text := touchstone.JSON(`{"v":` + value(t, 0) + "}")
		to, differs := withoutNames(text, names)
		if differs != mentions(text, names) || !differs && to != text {
			t.Fatalf("%s becomes %s, %v", text, to, differs)
		}
		if mentions(to, names) {
			t.Fatalf("%s is left of %s", to, text)
		}
		var any touchstone.JSON
		if err := any.UnmarshalJSON([]byte(to)); err != nil {
			t.Fatalf("%s becomes %s: %v", text, to, err)
		}
	})
}
