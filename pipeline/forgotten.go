package pipeline

import (
	"github.com/cespare/xxhash/v2"

	"github.com/touchstone-cdp/touchstone"
)

// Forgotten tells which events must not be taken in because their persons were forgotten:
// *privacy.Privacy.
type Forgotten interface {
	// LeavesOut returns why an event is left out, "" if it is not. It depends on the event and on what
	// was forgotten, not on when it is asked.
	LeavesOut(e *touchstone.Event) string
	// LeftOut counts them, after the commit.
	LeftOut(why string, n int)
}

// forget takes the events of forgotten persons out of a batch. They do not go to quarantine, which
// would keep what they say; they count as rejected. Their message ids are not remembered, so
// that they come in once nothing stands against it.
func (p *Pipeline) forget(b *touchstone.Batch, part *partition, fresh *freshIDs) {
	if p.cfg.Forgotten == nil || part == nil {
		return
	}
	var kept []touchstone.Fact
	var gone map[uint64]bool
	for i := range b.Facts {
		f := &b.Facts[i]
		why := p.cfg.Forgotten.LeavesOut(&f.Event)
		if why == "" {
			if gone != nil {
				kept = append(kept, *f)
			}
			continue
		}
		if gone == nil { // facts may be tried again: from here on it is a copy
			gone, kept = map[uint64]bool{}, append(make([]touchstone.Fact, 0, len(b.Facts)), b.Facts[:i]...)
		}
		if fresh.forgotten == nil {
			fresh.forgotten = map[string]int{}
		}
		fresh.forgotten[why]++
		fresh.drop(f.Seq)
		gone[xxhash.Sum64String(f.MessageID)] = true
	}
	if gone == nil {
		return
	}
	b.Facts = kept
	part.takeBack(fresh, gone)
}

// leftOut is how many events of a batch were forgotten.
func (fresh *freshIDs) leftOut() (n int) {
	for _, one := range fresh.forgotten {
		n += one
	}
	return n
}

// countForgotten is called after the commit.
func (p *Pipeline) countForgotten(fresh *freshIDs) {
	for why, n := range fresh.forgotten {
		p.cfg.Forgotten.LeftOut(why, n)
	}
}
