package touchstone

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func sampleEvent() Event {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC)
	return Event{
		Type: Track, MessageID: "m-1", Name: "Order Completed 订单 🚗", Time: at, ReceivedAt: at.Add(1500 * time.Millisecond),
		Source: "src_web", UserID: "u1", AnonymousID: "a1",
		Identifiers: []Identifier{{KindUserID, "u1"}, {KindAnonymousID, "a1"}, {KindEmail, "a@b.c"}},
		Properties:  `{"price":12.5}`, Context: `{"ip":"1.2.3.4"}`,
	}
}

func TestEventCodecRoundTrip(t *testing.T) {
	early := sampleEvent()
	early.ReceivedAt = early.Time.Add(-time.Hour) // a client whose clock runs ahead
	for name, want := range map[string]Event{
		"full":     sampleEvent(),
		"early":    early,
		"command":  {Type: System, MessageID: "cmd_1", Name: "person.split", Source: "usr_1", Time: early.Time, ReceivedAt: early.Time, Properties: `{"a":1}`},
		"rejected": {Type: Rejected, Time: early.Time, ReceivedAt: early.Time, Reason: "no userId", Raw: `{"event":"x"}`},
	} {
		t.Run(name, func(t *testing.T) {
			var got Event
			if err := DecodeEvent(string(AppendEvent(nil, &want)), &got); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestDecodeEventRefusesEveryTruncation(t *testing.T) {
	e := sampleEvent()
	frame := string(AppendEvent(nil, &e))
	for n := range len(frame) {
		if err := DecodeEvent(frame[:n], new(Event)); err == nil {
			t.Fatalf("accepted the first %d of %d bytes", n, len(frame))
		}
	}
	if err := DecodeEvent(frame+"x", new(Event)); err == nil {
		t.Fatal("accepted a trailing byte")
	}
}

// The log of a release before must be readable for ever: when this fails, the form has
// changed, which takes a new version and a reader for this one.
func TestEventFormStandsStill(t *testing.T) {
	e := sampleEvent()
	const version1 = "01019cb2cccaef66b817036d2d311b4f7264657220436f6d706c6574656420e8aea2e58d9520f09f9a97077372635f77656202753102613100000307757365725f69640275310c616e6f6e796d6f75735f696402613105656d61696c056140622e630e7b227072696365223a31322e357d00107b226970223a22312e322e332e34227d0000"
	if got := hex.EncodeToString(AppendEvent(nil, &e)); got != version1 {
		t.Errorf("written as\n%s, not\n%s", got, version1)
	}
	frame, err := hex.DecodeString(version1)
	if err != nil {
		t.Fatal(err)
	}
	var got Event
	if err := DecodeEvent(string(frame), &got); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(e, got); d != "" {
		t.Error(d)
	}
}

func TestNewerEventIsNotDamage(t *testing.T) {
	e := sampleEvent()
	frame := AppendEvent(nil, &e)
	frame[0] = EventVersion + 1
	err := DecodeEvent(string(frame)+"and what that version adds", new(Event))
	if !errors.Is(err, ErrNewer) || !strings.Contains(err.Error(), "newer Touchstone (version 3; this one reads up to 2)") || !strings.Contains(err.Error(), "nothing is damaged") {
		t.Errorf("got %v", err)
	}
	frame[0] = 0
	if err := DecodeEvent(string(frame), new(Event)); err == nil || errors.Is(err, ErrNewer) {
		t.Errorf("version 0: %v", err)
	}
}

// The form of a command stands still, too, and a release from before commands says that it is
// newer: it reads up to version 1.
func TestCommandFormStandsStill(t *testing.T) {
	c := Command{ID: "cmd_1", Kind: "person.split", Actor: "usr_1", SubmittedAt: sampleEvent().Time, Body: `{"identifiers":["email:a@b.c"]}`}
	e := c.Event()
	frame := AppendEvent(nil, &e)
	const version2 = "02089cb2cccaef660005636d645f310c706572736f6e2e73706c6974057573725f3100000000001f7b226964656e74696669657273223a5b22656d61696c3a6140622e63225d7d00000000"
	if got := hex.EncodeToString(frame); got != version2 {
		t.Errorf("written as\n%s, not\n%s", got, version2)
	}
	var f Fact
	if err := DecodeEvent(string(frame), &f.Event); err != nil {
		t.Fatal(err)
	}
	f.Seq = 7
	c.Seq = 7
	if d := cmp.Diff(c, f.Command()); d != "" {
		t.Error(d)
	}
	frame[0] = 1
	if err := DecodeEvent(string(frame), new(Event)); err == nil {
		t.Error("a command in version 1 would be skipped by a release from before")
	}
}

func FuzzDecodeEvent(f *testing.F) {
	e := sampleEvent()
	f.Add(string(AppendEvent(nil, &e)))
	f.Fuzz(func(t *testing.T, frame string) {
		var e Event
		if DecodeEvent(frame, &e) != nil {
			return
		}
		var again Event
		if err := DecodeEvent(string(AppendEvent(nil, &e)), &again); err != nil {
			t.Fatalf("a decoded event does not survive a round trip: %v", err)
		}
	})
}

func TestSeqPacksItsParts(t *testing.T) {
	s := MakeSeq(3, 1<<39+7, 65535)
	if s.Partition() != 3 || s.Offset() != 1<<39+7 || s.Index() != 65535 {
		t.Fatalf("got %d %d %d", s.Partition(), s.Offset(), s.Index())
	}
	if MakeSeq(0, 2, 0) <= MakeSeq(0, 1, 65535) {
		t.Fatal("a later record must have a greater seq")
	}
}
