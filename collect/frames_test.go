package collect_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/s2"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/collect"
	"github.com/touchstone-cdp/touchstone/collect/intake"
	"github.com/touchstone-cdp/touchstone/stream"
)

func frames(events ...touchstone.Event) []byte {
	var out []byte
	for i := range events {
		out = stream.AppendFrame(out, touchstone.AppendEvent(nil, &events[i]))
	}
	return out
}

func s2ed(b []byte) []byte {
	var out bytes.Buffer
	w := s2.NewWriter(&out)
	w.Write(b)
	w.Close()
	return out.Bytes()
}

func imported(i int) touchstone.Event {
	at := time.Date(2010, 12, 1, 8, 26, 0, 0, time.UTC)
	return touchstone.Event{
		Type: touchstone.Track, Name: "Product Purchased", MessageID: fmt.Sprintf("536365/85123A/%d", i), Time: at, ReceivedAt: at, Source: "forged",
		Identifiers: []touchstone.Identifier{{Kind: "anonymous_id", Value: fmt.Sprint("inv", i)}, {Kind: "user_id", Value: " 17850 "}},
		Properties:  `{"sku":"85123A","quantity":6,"price":2.55,"country":"United Kingdom"}`,
	}
}

// appendFrames appends events that are no rows of a file.
func (e *edge) appendFrames(source string, body io.Reader) (accepted, rejected int64, err error) {
	v, err := e.AppendFrames(ctx, source, collect.Rows{}, body)
	return v.Accepted, v.Rejected, err
}

func TestAppendFrames(t *testing.T) {
	e := newEdge(t, nil)
	want := imported(0)
	want.Source, want.ReceivedAt, want.UserID, want.AnonymousID = e.source.ID, e.now, "17850", "inv0"
	want.Identifiers = []touchstone.Identifier{{Kind: "user_id", Value: "17850"}, {Kind: "anonymous_id", Value: "inv0"}}
	for name, pack := range map[string]func([]byte) []byte{
		"plain": func(b []byte) []byte { return b }, "s2": s2ed,
		"zstd": func(b []byte) []byte { return []byte(zstded(string(b))) }, "gzip": func(b []byte) []byte { return []byte(gzipped(string(b))) },
	} {
		t.Run(name, func(t *testing.T) {
			accepted, rejected, err := e.appendFrames(e.source.ID, iotest.HalfReader(bytes.NewReader(pack(frames(imported(0))))))
			if err != nil || accepted != 1 || rejected != 0 {
				t.Fatal(accepted, rejected, err)
			}
			if d := cmp.Diff([]touchstone.Event{want}, e.log.take()); d != "" {
				t.Error(d)
			}
		})
	}
	src, err := e.Sources().Get(ctx, e.source.ID)
	if err != nil || src.Accepted != 4 {
		t.Errorf("%+v %v", src, err)
	}
}

func TestAppendFramesInChunks(t *testing.T) {
	e := newEdge(t, nil)
	const n = 40_000
	var body []byte
	for i := range n {
		ev := imported(i)
		body = stream.AppendFrame(body, touchstone.AppendEvent(nil, &ev))
	}
	accepted, rejected, err := e.appendFrames(e.source.ID, bytes.NewReader(s2ed(body)))
	if err != nil || accepted != n || rejected != 0 {
		t.Fatal(accepted, rejected, err)
	}
	if e.log.appends < 2 || e.log.appends > 10 {
		t.Errorf("%d appends", e.log.appends)
	}
	got := e.log.take()
	for i := range got {
		if want := imported(i).MessageID; got[i].MessageID != want || got[i].AnonymousID != fmt.Sprint("inv", i) {
			t.Fatalf("event %d is %s", i, got[i].MessageID)
		}
	}
}

func TestAppendFramesRejectsWhatFailsACheck(t *testing.T) {
	e := newEdge(t, nil)
	broken := func(change func(*touchstone.Event)) touchstone.Event {
		ev := imported(1)
		change(&ev)
		return ev
	}
	for name, test := range map[string]struct {
		event touchstone.Event
		code  string
	}{
		"no ids":        {broken(func(e *touchstone.Event) { e.Identifiers = nil }), "missing_user"},
		"blocked ids":   {broken(func(e *touchstone.Event) { e.Identifiers = []touchstone.Identifier{{Kind: "user_id", Value: "null"}} }), "blocked_user"},
		"kind":          {broken(func(e *touchstone.Event) { e.Identifiers[0].Kind = "not a kind!" }), "wrong_type"},
		"no message id": {broken(func(e *touchstone.Event) { e.MessageID = "" }), "message_id_too_long"},
		"no name":       {broken(func(e *touchstone.Event) { e.Name = "" }), "missing_event"},
		"NUL in a name": {broken(func(e *touchstone.Event) { e.Name = "a\x00" }), "wrong_type"},
		"bad UTF-8":     {broken(func(e *touchstone.Event) { e.Name = "a\xff" }), "wrong_type"},
		"bad JSON":      {broken(func(e *touchstone.Event) { e.Properties = `{"a":` }), "wrong_type"},
		"not an object": {broken(func(e *touchstone.Event) { e.Context = `[]` }), "wrong_type"},
		"duplicate key": {broken(func(e *touchstone.Event) { e.Traits = `{"a":1,"a":2}` }), "duplicate_key"},
		"too large": {broken(func(e *touchstone.Event) {
			e.Properties = touchstone.JSON(`{"a":"` + strings.Repeat("x", 40<<10) + `"}`)
		}), "too_large"},
		"too old": {broken(func(e *touchstone.Event) { e.Time = time.Unix(-1, 0) }), "too_old"},
	} {
		accepted, rejected, err := e.appendFrames(e.source.ID, bytes.NewReader(frames(imported(0), test.event)))
		got := e.log.take()
		if err != nil || accepted != 1 || rejected != 1 || len(got) != 2 {
			t.Errorf("%s: %d %d %v", name, accepted, rejected, err)
			continue
		}
		if code, _ := collect.SplitReason(got[1].Reason); got[1].Type != touchstone.Rejected || code != test.code || got[1].Source != e.source.ID || got[1].MessageID == "" {
			t.Errorf("%s: %+v", name, got[1])
		}
	}
	// NUL in properties is mended as over HTTP; a Rejected event of the importer passes.
	mended := imported(2)
	mended.Properties = `{"a":"x\u0000y"}`
	bad := touchstone.Event{Type: touchstone.Rejected, MessageID: "f:1", Time: e.now, ReceivedAt: e.now, Reason: "row", Raw: `{}`, Context: `{"import":{"row":1}}`}
	accepted, rejected, err := e.appendFrames(e.source.ID, bytes.NewReader(frames(mended, bad)))
	got := e.log.take()
	if err != nil || accepted != 1 || rejected != 1 || got[0].Properties != `{"a":"x\ufffdy"}` || got[1].Context != bad.Context || got[1].Reason != "row" {
		t.Errorf("%d %d %v %+v", accepted, rejected, err, got)
	}
}

func TestAppendFramesRefusesBadBodies(t *testing.T) {
	e := newEdge(t, nil)
	good := frames(imported(0))
	for name, test := range map[string]struct {
		body io.Reader
		kind touchstone.ErrorKind
	}{
		"cut":          {bytes.NewReader(good[:len(good)-3]), touchstone.Invalid},
		"junk":         {strings.NewReader("\x05hello"), touchstone.Invalid},
		"huge frame":   {bytes.NewReader([]byte{0xff, 0xff, 0xff, 0xff, 0x7f}), touchstone.TooLarge},
		"bad s2":       {strings.NewReader("\xff\x06\x00\x00S2sTwOjunk"), touchstone.Invalid},
		"bad zstd":     {strings.NewReader("\x28\xb5\x2f\xfdjunkjunk"), touchstone.Invalid},
		"bad gzip":     {strings.NewReader("\x1f\x8b\x08junkjunkjunk"), touchstone.Invalid},
		"no end":       {io.MultiReader(bytes.NewReader(good), iotest.ErrReader(io.ErrUnexpectedEOF)), touchstone.Invalid},
		"endless vint": {bytes.NewReader(bytes.Repeat([]byte{0xff}, 20)), touchstone.Invalid},
	} {
		if _, _, err := e.appendFrames(e.source.ID, test.body); touchstone.KindOf(err) != test.kind {
			t.Errorf("%s: %v", name, err)
		}
		e.log.take()
	}
	if _, _, err := e.appendFrames("src_none", bytes.NewReader(good)); touchstone.KindOf(err) != touchstone.NotFound {
		t.Errorf("unknown source: %v", err)
	}
	if accepted, rejected, err := e.appendFrames(e.source.ID, strings.NewReader("")); err != nil || accepted+rejected != 0 {
		t.Errorf("empty: %d %d %v", accepted, rejected, err)
	}
}

// Refused rows of a file keep their numbers, also where their message ids are equal, and
// a row that was taken before is passed over.
func TestAppendFramesOfAFile(t *testing.T) {
	e := newEdge(t, nil)
	old, nobody := imported(1), imported(1)
	old.Time = time.Date(1965, 5, 1, 0, 0, 0, 0, time.UTC)
	nobody.Identifiers = []touchstone.Identifier{{Kind: "user_id", Value: "null"}}
	body := frames(imported(0), old, nobody, imported(2), old)
	rows := collect.Rows{Import: "imp_1", First: 10, Count: 5, Done: 11}
	want := collect.Vetted{Accepted: 1, Rejected: 3,
		Reasons: []intake.RowReason{{Reason: "too_old: the time is 1965-05-01T00:00:00Z, before 1970", Rows: 2, FirstRow: 11},
			{Reason: "blocked_user: every identifier is a value that names nobody, like null or unknown", Rows: 1, FirstRow: 12}},
	}
	var good []string
	checked, err := e.CheckFrames(rows, bytes.NewReader(s2ed(body)), func(e *touchstone.Event) bool {
		good = append(good, e.MessageID)
		return true
	})
	if err != nil || len(e.log.take()) != 0 || len(good) != 1 {
		t.Fatal(err, good)
	}
	done, err := e.AppendFrames(ctx, e.source.ID, rows, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(checked, done); d != "" {
		t.Errorf("the check said otherwise: %s", d)
	}
	if d := cmp.Diff(want.Reasons, done.Reasons); d != "" || done.Accepted != 1 || done.Rejected != 3 || len(done.Refused) != 3 || done.Refused[2].Row != 14 {
		t.Errorf("%+v %s", done, d)
	}
	ids := ""
	for _, got := range e.log.take() {
		ids += got.MessageID + string(got.Context) + " "
	}
	const origin = `{"origin":"import","import":{"row":`
	if ids != "imp_1-11"+origin+"11}} imp_1-12"+origin+"12}} 536365/85123A/2 imp_1-14"+origin+"14}} " {
		t.Error(ids)
	}
	for _, count := range []int64{4, 6} {
		rows.Count = count
		if _, err := e.AppendFrames(ctx, e.source.ID, rows, bytes.NewReader(body)); touchstone.KindOf(err) != touchstone.Invalid {
			t.Errorf("%d frames for %d rows: %v", 5, count, err)
		}
	}
}
