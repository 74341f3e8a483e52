package touchstone

import (
	"cmp"
	"iter"
	"slices"
)

// Item is one step of a batch's order: a timer that has come due, a fact, or a change. A
// change comes with the fact that caused it, nil if none did. It lives as long as its batch.
type Item struct {
	Timer  *Timer
	Fact   *Fact
	Change *Change
}

// Ordered yields what the batch holds, in the one order that does not depend on where batches
// were cut: what no event caused, or one did [Change.Ahead], first (timers, then changes in
// their order), then each fact, followed by the changes that it caused, in the order of the stages. Every timer,
// fact and change comes once. The batch must not change meanwhile.
func (b *Batch) Ordered() iter.Seq[Item] {
	return func(yield func(Item) bool) {
		for i := range b.Due {
			if !yield(Item{Timer: &b.Due[i]}) {
				return
			}
		}
		order := b.byCause()
		next := 0
		follow := func(cause int, f *Fact) bool {
			for ; next < len(order) && b.Changes[order[next]].Cause == cause; next++ {
				c := &b.Changes[order[next]]
				by := f
				switch {
				case c.Ahead > 0:
					by = &b.Facts[c.Ahead-1]
				case cause == 0 || c.Behind:
					by = nil
				}
				if !yield(Item{Fact: by, Change: c}) {
					return false
				}
			}
			return true
		}
		if !follow(0, nil) {
			return
		}
		for i := range b.Facts {
			f := &b.Facts[i]
			if !yield(Item{Fact: f}) || !follow(i+1, f) {
				return
			}
		}
	}
}

// byCause returns the places of the changes, by cause; those of one cause stay in order.
func (b *Batch) byCause() []int32 {
	order := make([]int32, len(b.Changes))
	for i := range order {
		order[i] = int32(i) //nolint:gosec // a batch is far smaller
	}
	slices.SortFunc(order, func(i, j int32) int {
		return cmp.Or(CompareCauses(&b.Changes[i], &b.Changes[j]), cmp.Compare(i, j))
	})
	return order
}

// CompareCauses tells which of two changes of a batch stands first, by what brought them about.
func CompareCauses(a, b *Change) int {
	behind := func(c *Change) int {
		if c.Behind {
			return 1
		}
		return 0
	}
	return cmp.Or(cmp.Compare(a.Cause, b.Cause), cmp.Compare(behind(a), behind(b)))
}

// Occurrences yields the batch's order as occurrences. Their Events are the batch's own:
// who keeps one beyond the batch copies it.
func (b *Batch) Occurrences() iter.Seq[Occurrence] {
	return func(yield func(Occurrence) bool) {
		for item := range b.Ordered() {
			if !yield(item.Occurrence()) {
				return
			}
		}
	}
}

// Occurrence returns the item as what a reactor hears of. That of a change carries the event
// that caused it.
func (i Item) Occurrence() Occurrence {
	switch {
	case i.Timer != nil:
		t := i.Timer
		return Occurrence{Kind: TimerDue, Person: t.Subject.Person(), Subject: t.Subject, Name: t.Key, Time: t.At}
	case i.Change == nil:
		f := i.Fact
		return Occurrence{Kind: EventHappened, Person: f.Then(), Name: f.Name, Time: f.Time,
			Cause: f.Seq, MessageID: f.MessageID, Node: f.Node, Backfill: f.Backfill, Event: &f.Event}
	}
	c := i.Change
	o := Occurrence{Kind: c.Kind.Occurrence(), Person: c.Person, Other: c.Other, Name: c.Name, Old: c.Old, New: c.New, Time: c.Time, Backfill: c.Backfill}
	if f := i.Fact; f != nil {
		o.Cause, o.MessageID, o.Event = f.Seq, f.MessageID, &f.Event
		if c.Person == f.Then() {
			o.Node = f.Node
		}
	}
	return o
}

// Occurrence returns the kind of the occurrence that a change of kind k is.
func (k ChangeKind) Occurrence() OccurrenceKind { return OccurrenceKind(k) + EventHappened }

// Because appends a change that the fact at index i brought about; its cause, its time and
// whether it is backfill are the fact's.
func (b *Batch) Because(i int, c Change) {
	f := &b.Facts[i]
	c.Cause, c.Time, c.Backfill = i+1, f.Time, f.Backfill
	b.Changes = append(b.Changes, c)
}

// Ahead says of the changes from the place from on that the fact at index i brought them
// about, although they stand before all facts; their time and whether they are backfill are
// the fact's.
func (b *Batch) Ahead(i, from int) {
	f := &b.Facts[i]
	for at := from; at < len(b.Changes); at++ {
		c := &b.Changes[at]
		c.Cause, c.Ahead, c.Time, c.Backfill = 0, i+1, f.Time, f.Backfill
	}
}

// Remove takes facts out of the batch; out tells by index which. The other facts get a slice
// of their own, because a batch that is tried again needs all of them. Changes keep their
// cause; one whose cause is taken out keeps its place, and has none ([Change.Behind]).
func (b *Batch) Remove(out func(i int) bool) {
	kept := make([]Fact, 0, len(b.Facts))
	place := make([]int, len(b.Facts)+1) // by old cause
	for i := range b.Facts {
		if !out(i) {
			kept = append(kept, b.Facts[i])
			place[i+1] = len(kept)
		} else {
			place[i+1] = -len(kept) - 1
		}
	}
	for i := range b.Changes {
		c := &b.Changes[i]
		if at := place[c.Cause]; at >= 0 {
			c.Cause = at
		} else {
			c.Cause = -at - 1
			c.Behind = c.Cause > 0
		}
		c.Ahead = max(0, place[c.Ahead])
	}
	b.Facts = kept
}
