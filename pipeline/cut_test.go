package pipeline

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
	"github.com/touchstone-cdp/touchstone/stream"
)

// cutter is a stage before whose chosen records a batch begins, and which notes how batches began.
type cutter struct {
	whole  int // trials that it took as they were
	begins []string
}

func (*cutter) Name() string { return "cutter" }
func (*cutter) Rollback()    {}

func (c *cutter) Apply(_ context.Context, _ *store.Tx, b *touchstone.Batch) error {
	var before []touchstone.Seq
	for i := range b.Facts {
		chosen := strings.HasPrefix(b.Facts[i].MessageID, "cut")
		if chosen && b.Facts[i].Seq.Offset() != b.Facts[0].Seq.Offset() {
			before = append(before, b.Facts[i].Seq)
		}
	}
	if b.Whole {
		c.whole++
	} else if len(before) > 0 {
		return &touchstone.Cut{Before: before}
	}
	for i := range b.Facts {
		if b.Facts[i].MessageID == "poison" {
			return errors.New("not this one")
		}
	}
	if len(b.Facts) > 0 && !b.Whole {
		c.begins = append(c.begins, b.Facts[0].MessageID)
	}
	return nil
}

// A batch is cut where a stage asks for it, and what comes of it is all there once: also when
// pieces fail, and when an event is looked for that the stages cannot take.
func TestABatchIsCutWhereAStageAsksForIt(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		r := newRig(t, db)
		c := &cutter{}
		start := func() { r.startWith(func(cfg *Config) { cfg.Stages = []Stage{c, r.stage} }) }
		start()
		r.stop() // so that all of it is there at once
		r.append("a", "b")
		r.append("cut1", "bad")
		r.append("c", "cut2")
		r.append("bad")
		r.append("a", "d", "poison")
		r.append("cut3", "cut4")
		r.append("e")
		r.stage.failures.Store(3)
		start()
		r.drain(Totals{Processed: 9, Duplicates: 1, Rejected: 3})
		if got := strings.Join(c.begins[len(c.begins)-4:], " "); got != "a cut1 c cut3" {
			t.Errorf("batches begin with %v", c.begins)
		}
		if c.whole == 0 {
			t.Error("no trial was made")
		}
	})
}

// The pieces of a chunk are the chunk: every event in one of them, in order, by whole records.
func TestPiecesAreTheChunk(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		part := &partition{index: 0}
		c := chunk{part: part, first: 5}
		var before []touchstone.Seq
		want := ""
		for record := range rapid.IntRange(1, 8).Draw(t, "records") {
			c.last = c.first + stream.Offset(record) //nolint:gosec // small
			for i := range rapid.IntRange(0, 3).Draw(t, "events") {
				f := touchstone.Fact{Seq: touchstone.MakeSeq(0, uint64(c.last), i)}
				if rapid.Bool().Draw(t, "rejected") {
					c.rejected = append(c.rejected, f)
				} else {
					c.facts = append(c.facts, f)
				}
				if rapid.IntRange(0, 3).Draw(t, "cut") == 0 {
					before = append(before, f.Seq)
				}
				want += fmt.Sprint(f.Seq, " ")
			}
		}
		c.bytes = 100 * c.count()
		if rapid.Bool().Draw(t, "command") {
			c.command, c.refused = &touchstone.Command{}, "why"
		}
		got, bytes, next := "", 0, c.first
		for i, piece := range c.cut(before) {
			if piece.first != next || piece.last < piece.first || (piece.command != nil) != (c.command != nil && i == 0) {
				t.Fatalf("piece %d from %d to %d, after %d", i, piece.first, piece.last, next-1)
			}
			next = piece.last + 1
			bytes += piece.bytes
			facts, rejected := piece.facts, piece.rejected
			for len(facts)+len(rejected) > 0 {
				from := &facts
				if len(facts) == 0 || len(rejected) > 0 && rejected[0].Seq < facts[0].Seq {
					from = &rejected
				}
				seq := (*from)[0].Seq
				*from = (*from)[1:]
				if at := stream.Offset(seq.Offset()); at < piece.first || at > piece.last {
					t.Fatalf("an event of %d is in the piece from %d to %d", at, piece.first, piece.last)
				}
				got += fmt.Sprint(seq, " ")
			}
		}
		if got != want || bytes != c.bytes || next != c.last+1 {
			t.Fatalf("got %s (%d bytes) up to %d, want %s (%d) up to %d", got, bytes, next-1, want, c.bytes, c.last)
		}
	})
}
