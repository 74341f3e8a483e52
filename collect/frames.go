package collect

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/collect/intake"
	"github.com/touchstone-cdp/touchstone/stream"
)

const (
	framesPerAppend = 16 << 10 // events
	bytesPerAppend  = 4 << 20
	maxBodyFrames   = 1_000_000
	maxBodyBytes    = 1 << 30 // unpacked
	maxReasonBytes  = 1024
)

// Rows says which rows of a file frames are. Its zero value means that they are none.
type Rows struct {
	Import string // id of the import; refused rows get message ids of it
	First  int64  // number of the first frame's row
	Count  int64  // how many frames there must be; 0: any
	Done   int64  // rows before this one were taken before and are passed over
}

// Vetted is what became of frames.
type Vetted struct {
	Accepted, Rejected int64
	Reasons            []intake.RowReason // why, most frequent first
	Refused            []RefusedRow       // the first of them
}

// RefusedRow is a row that goes to quarantine.
type RefusedRow struct {
	Row    int64  `json:"row"`
	Reason string `json:"reason"`
}

const (
	maxRowReasons  = 100
	maxRefusedRows = 10_000
)

// CheckFrames tells what AppendFrames would do, and does nothing. It calls good with each
// event that is accepted, as it would be stored, until good returns false.
func (c *Collector) CheckFrames(rows Rows, body io.Reader, good func(*touchstone.Event) bool) (Vetted, error) {
	x := c.exchanges.Get().(*exchange)
	defer c.release(x)
	now := c.clock.Now().UTC().Truncate(time.Millisecond)
	v, err := c.vetFrames(x, rows, body, func(e *touchstone.Event, accepted bool) error {
		if accepted && !good(e) {
			return io.EOF
		}
		return nil
	}, func(e *touchstone.Event) { e.ReceivedAt = now })
	x.builder.tally = tally{} // nothing has happened
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return v, err
}

// AppendFrames stores the events of an importer: stream frames of events in touchstone's
// binary form, plain or packed (S2, zstd, gzip; it sees which). Each is checked,
// its identifiers are normalised, and its source and time of receipt are set. One that
// fails a check is stored as a Rejected event and counted as rejected. On an error, the
// events before it may have been stored; sending them again adds nothing.
func (c *Collector) AppendFrames(ctx context.Context, sourceID string, rows Rows, body io.Reader) (Vetted, error) {
	src := c.sources.byID(sourceID)
	if src == nil {
		if err := c.sources.reload(ctx); err != nil {
			return Vetted{}, err
		}
		if src = c.sources.byID(sourceID); src == nil {
			return Vetted{}, touchstone.Errorf(touchstone.NotFound, "There is no source %q.", sourceID)
		}
	}
	x := c.exchanges.Get().(*exchange)
	defer c.release(x)
	o := c.outboxes.Get().(*outbox)
	defer c.putOutbox(o)
	now := c.clock.Now().UTC().Truncate(time.Millisecond)
	pending, show := 0, c.feed.room(now.UnixMilli(), 1)
	v, err := c.vetFrames(x, rows, body, func(e *touchstone.Event, _ bool) error {
		c.put(o, e)
		if pending++; pending < framesPerAppend && o.size() < bytesPerAppend {
			return nil
		}
		pending = 0
		return c.append(ctx, o)
	}, func(e *touchstone.Event) {
		if show > 0 {
			show--
			o.shown = append(o.shown, string(touchstone.AppendEvent(nil, e)))
		}
		e.Source, e.ReceivedAt = sourceID, now
	})
	if err == nil {
		err = c.append(ctx, o)
	}
	c.metrics.add(&x.builder.tally)
	if err != nil {
		return Vetted{}, err
	}
	c.metrics.accepted.Add(float64(v.Accepted))
	c.metrics.rejected.WithLabelValues(CodeImportRow).Add(float64(v.Rejected))
	src.counts.accepted.Add(v.Accepted)
	src.counts.quarantined.Add(v.Rejected)
	src.counts.last.Store(now.UnixMilli())
	c.feed.publish(now.UnixMilli(), len(o.shown), o.shown)
	return v, nil
}

// vetFrames checks each event of a body: begin completes it, done gets it.
func (c *Collector) vetFrames(x *exchange, rows Rows, body io.Reader, done func(e *touchstone.Event, accepted bool) error, begin func(*touchstone.Event)) (Vetted, error) {
	var v Vetted
	reasons := intake.NewReasons(maxRowReasons)
	row := rows.First
	err := ReadFrames(body, func(e *touchstone.Event) error {
		at := row
		if row++; at < rows.Done {
			return nil
		}
		if rows.Count > 0 && row > rows.First+rows.Count {
			return touchstone.Errorf(touchstone.Invalid, "The body has more than %d frames.", rows.Count)
		}
		begin(e)
		accepted := c.vet(x, e, rows, at)
		if accepted {
			v.Accepted++
		} else {
			v.Rejected++
			reasons.Add(intake.RowReason{Reason: e.Reason, Rows: 1, FirstRow: at})
			if len(v.Refused) < maxRefusedRows {
				v.Refused = append(v.Refused, RefusedRow{at, e.Reason})
			}
		}
		return done(e, accepted)
	})
	if err == nil && rows.Count > 0 && row != rows.First+rows.Count {
		err = touchstone.Errorf(touchstone.Invalid, "The body has %d frames instead of %d.", row-rows.First, rows.Count)
	}
	v.Reasons = reasons.List(maxRowReasons)
	return v, err
}

// ReadFrames calls fn with each event of a body of frames. The event is good until fn
// returns; its texts stay.
func ReadFrames(body io.Reader, fn func(e *touchstone.Event) error) error {
	r, closer, err := unpack(body)
	if err != nil {
		return err
	}
	defer closer()
	limited := &io.LimitedReader{R: r, N: maxBodyBytes + 1}
	in := bufio.NewReaderSize(limited, 256<<10)
	var e touchstone.Event
	block := make([]byte, 0, 64<<10)
	for n := 0; ; n++ {
		size, err := binary.ReadUvarint(in)
		switch {
		case limited.N <= 0: // its end is not the body's
			return touchstone.Errorf(touchstone.TooLarge, "The body unpacks to more than %d bytes.", maxBodyBytes)
		case err == io.EOF:
			return nil
		case err != nil:
			return badFrames(err, n)
		case n >= maxBodyFrames || size > stream.MaxFrameBytes/2:
			return touchstone.Errorf(touchstone.TooLarge, "Frame %d: a body has at most %d frames of %d bytes.", n, maxBodyFrames, stream.MaxFrameBytes/2)
		}
		// Events share the memory of a block, so that most cost no allocation.
		if cap(block)-len(block) < int(size) {
			block = make([]byte, 0, max(64<<10, int(size)))
		}
		frame := block[len(block) : len(block)+int(size)]
		block = block[:len(block)+int(size)]
		if _, err := io.ReadFull(in, frame); err != nil {
			return badFrames(err, n)
		}
		if err := touchstone.DecodeEvent(view(frame), &e); err != nil {
			return touchstone.Wrap(touchstone.Invalid, err, "Frame %d is not an event.", n)
		}
		if err := fn(&e); err != nil {
			return err
		}
	}
}

func badFrames(err error, n int) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return touchstone.Wrap(touchstone.Invalid, err, "The body ends in frame %d.", n)
	}
	return touchstone.Wrap(touchstone.Invalid, err, "The body could not be read at frame %d.", n)
}

// unpack sees by the first bytes how the body is packed. Frames cannot begin like that:
// the third byte at most is the version of an event.
func unpack(body io.Reader) (io.Reader, func(), error) {
	in := bufio.NewReaderSize(body, 64<<10)
	head, _ := in.Peek(10)
	nothing := func() {}
	switch {
	case bytes.HasPrefix(head, []byte("\xff\x06\x00\x00S2sTwO")), bytes.HasPrefix(head, []byte("\xff\x06\x00\x00sNaPpY")):
		return s2.NewReader(in, s2.ReaderMaxBlockSize(4<<20)), nothing, nil
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(8<<20), zstd.WithDecoderMaxMemory(maxBodyBytes))
		if err != nil {
			return nil, nil, touchstone.Wrap(touchstone.Invalid, err, "The body is not valid zstd.")
		}
		return z, z.Close, nil
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b, 8}):
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, nil, touchstone.Wrap(touchstone.Invalid, err, "The body is not valid gzip.")
		}
		return z, nothing, nil
	}
	return in, nothing, nil
}

// vet checks and normalises an event that did not come as JSON. It makes a Rejected
// event of one that fails, and reports false.
func (c *Collector) vet(x *exchange, e *touchstone.Event, rows Rows, row int64) bool {
	if e.Type == touchstone.Rejected { // by the importer
		e.Identifiers = nil
		e.Raw, e.Reason = touchstone.JSON(cut(string(e.Raw), c.cfg.MaxEventBytes)), cut(e.Reason, maxReasonBytes)
		e.Context = touchstone.JSON(cut(string(e.Context), maxReasonBytes))
		if e.MessageID == "" || len(e.MessageID) > c.cfg.MaxIDBytes || !utf8.ValidString(e.MessageID) {
			e.MessageID = newMessageID()
		}
		return false
	}
	p := c.problemOf(x, e)
	if p.code == "" && c.cfg.Forgotten != nil {
		if forgotten := c.cfg.Forgotten(e.Source); forgotten != nil && forgotten(e) {
			p = problem{CodeForgotten, ""}
		}
	}
	if p.code == "" {
		return true
	}
	raw, _ := json.Marshal(map[string]any{ // strings and valid JSON only
		"type": e.Type.String(), "event": e.Name, "messageId": e.MessageID, "userId": e.UserID, "anonymousId": e.AnonymousID,
		"timestamp": e.Time, "properties": validOr(e.Properties), "traits": validOr(e.Traits), "context": validOr(e.Context),
	})
	origin := touchstone.JSON(`{"origin":"import"}`)
	if p.code == CodeForgotten { // that a row came is all that may be kept
		raw, e.MessageID = []byte("{}"), newMessageID()
	}
	switch {
	case rows.Import != "":
		// A message id of the file may be that of other rows; each of them is to be seen.
		e.MessageID = rows.Import + "-" + strconv.FormatInt(row, 10)
		origin = touchstone.JSON(`{"origin":"import","import":{"row":` + strconv.FormatInt(row, 10) + `}}`)
	case e.MessageID == "" || len(e.MessageID) > c.cfg.MaxIDBytes:
		e.MessageID = newMessageID()
	}
	*e = touchstone.Event{
		Type: touchstone.Rejected, MessageID: e.MessageID, Time: e.ReceivedAt, ReceivedAt: e.ReceivedAt, Source: e.Source,
		Reason: Reason(p.code, p.detail), Raw: touchstone.JSON(raw), Context: origin,
	}
	return false
}

// cut bounds a text that is kept for people only.
func cut(s string, most int) string {
	if len(s) > most {
		s = s[:most]
	}
	return strings.ToValidUTF8(s, "\ufffd")
}

func validOr(j touchstone.JSON) any {
	if j == "" || !json.Valid([]byte(j)) {
		return nil
	}
	return j
}

func (c *Collector) problemOf(x *exchange, e *touchstone.Event) problem {
	b := &x.builder
	b.forgetIdentifiers()
	for _, id := range e.Identifiers {
		kind, ok := touchstone.ParseKind(string(id.Kind))
		if !ok {
			return problem{CodeWrongType, "the identifier kind " + quote(string(id.Kind)) + " is not a-z, 0-9 and _"}
		}
		if !utf8.ValidString(id.Value) {
			return problem{CodeWrongType, "an identifier is not valid UTF-8"}
		}
		v := b.add(kind, id.Value)
		switch kind {
		case touchstone.KindUserID:
			e.UserID = v
		case touchstone.KindAnonymousID:
			e.AnonymousID = v
		}
	}
	switch {
	case len(b.ids) == 0:
		return b.nobody()
	case e.MessageID == "" || len(e.MessageID) > c.cfg.MaxIDBytes:
		return problem{CodeMessageIDTooLong, "messageId must have 1 to " + strconv.Itoa(c.cfg.MaxIDBytes) + " bytes"}
	case e.Name == "":
		return problem{CodeMissingEvent, ""}
	case len(e.Name) > c.cfg.MaxNameBytes:
		return problem{CodeNameTooLong, ""}
	case len(e.Properties)+len(e.Traits)+len(e.Context) > c.cfg.MaxEventBytes:
		return problem{CodeTooLarge, ""}
	}
	for _, text := range [...]string{e.Name, e.MessageID, e.GroupID, e.PreviousID} {
		if !utf8.ValidString(text) || strings.IndexByte(text, 0) >= 0 {
			return problem{CodeWrongType, "a name or id is not valid UTF-8 or holds NUL"}
		}
	}
	for _, j := range [...]touchstone.JSON{e.Properties, e.Traits, e.Context} {
		if p := x.scanner.checkObject(j); p.code != "" {
			return p
		}
	}
	// A row has no next best time: that of the import says nothing about it.
	if code := b.limits.window.Check(e.Time.UnixMilli(), e.ReceivedAt.UnixMilli()); code != "" {
		return problem{code, b.limits.window.Explain(code, e.Time.UnixMilli())}
	}
	c.cfg.Kinds.Sort(b.ids)
	e.Identifiers = b.ids
	return problem{}
}
