package touchstone

import (
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
