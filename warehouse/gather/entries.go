package gather

import (
	"cmp"
	"context"
	"errors"
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/touchstone-cdp/touchstone/warehouse"
)

// Entry is what is gathered of an event whose time and value do not fit into one number, or of several
// events together.
type Entry struct{ At, N, Value int64 }

// Entries is [Run] for rows (node, at, n, value): fn is called once for each person that has some, with
// all of them, sorted by time and value. It is called from several goroutines: worker, which is less than workers, tells them apart, and
// each has its persons in ascending order. entries is valid during the call only. Pseudonyms are left out, and rows of which n is 0. At most held
// rows are in memory at a time, of 32 bytes each (0 = a quarter of DefaultHeld); more are read in several passes. The first
// error of fn ends it.
func Entries(ctx context.Context, w warehouse.Warehouse, rows warehouse.Statement, held, workers int, fn func(worker int, person int64, entries []Entry) error) error {
	if held <= 0 {
		held = DefaultHeld / 4
	}
	persons, last, err := ReadPersonMap(ctx, w)
	if err != nil {
		return err
	}
	width := min(maxWidth, max(0, bits.Len64(uint64(last))-partitionBits)) //nolint:gosec // not negative
	partitions := int(last>>width) + 1
	for from, share := 0, min(partitions, maxPartitions); from < partitions; {
		e := &entries{persons: persons, width: width, from: from, to: min(from+share, partitions), workers: workers}
		e.room.Store(int64(held))
		switch err := e.read(ctx, w, rows); {
		case errors.Is(err, errTooManyItems) && share > 1:
			share = (share + 1) / 2
		case errors.Is(err, errTooManyItems):
			return tooManyEvents(held)
		case err != nil:
			return err
		default:
			if err := e.deliver(fn); err != nil {
				return err
			}
			from = e.to
		}
	}
	return nil
}

// entries holds the rows of the partitions from from to before to.
type entries struct {
	persons  *PersonMap
	width    int
	from, to int
	workers  int
	intakes  [][]entryChain // by worker and partition
	room     atomic.Int64
}

// entryChain is the rows of a partition, in blocks that are full but for the last.
type entryChain struct{ blocks [][]entryRow }

type entryRow struct {
	person int64
	Entry
}

// entryBlock is how many rows a block has.
const entryBlock = 256

func (c *entryChain) add(r entryRow) {
	last := len(c.blocks) - 1
	if last < 0 || len(c.blocks[last]) == entryBlock {
		c.blocks = append(c.blocks, make([]entryRow, 0, entryBlock))
		last++
	}
	c.blocks[last] = append(c.blocks[last], r)
}

func (e *entries) read(ctx context.Context, w warehouse.Warehouse, rows warehouse.Statement) error {
	for range e.workers {
		e.intakes = append(e.intakes, make([]entryChain, e.to-e.from))
	}
	rows.Own = true
	return w.Scan(ctx, rows, e.workers, func(worker int, c [][]int64) error {
		parts, taken := e.intakes[worker], int64(0)
		for row, node := range c[0] {
			if node <= 0 || c[2][row] == 0 {
				continue
			}
			person := e.persons.Of(node)
			if i := int(person>>e.width) - e.from; uint(i) < uint(len(parts)) { //nolint:gosec // the others are of another pass
				parts[i].add(entryRow{person, Entry{c[1][row], c[2][row], c[3][row]}})
				taken++
			}
		}
		if e.room.Add(-taken) < 0 {
			return errTooManyItems
		}
		return nil
	})
}

// deliver hands out the partitions to as many goroutines as there are workers.
func (e *entries) deliver(fn func(worker int, person int64, entries []Entry) error) error {
	var next atomic.Int64
	var group sync.WaitGroup
	errs := make([]error, e.workers)
	var failed atomic.Bool
	for worker := range e.workers {
		group.Go(func() {
			var o entryOrder
			for !failed.Load() {
				i := int(next.Add(1)) - 1
				if i >= e.to-e.from {
					return
				}
				if errs[worker] = o.deliver(e, i, func(person int64, list []Entry) error { return fn(worker, person, list) }); errs[worker] != nil {
					failed.Store(true)
				}
			}
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

// entryOrder sorts a partition by person; its memory is used again for the next one.
type entryOrder struct {
	ends []int32 // where each person's entries end
	list []Entry
}

func (o *entryOrder) deliver(e *entries, i int, fn func(person int64, list []Entry) error) error {
	within := int64(1)<<e.width - 1
	o.ends = resized(o.ends, int(within)+1)
	clear(o.ends)
	total := e.each(i, func(r *entryRow) { o.ends[r.person&within]++ })
	if total == 0 {
		return nil
	}
	o.list = resized(o.list, total)
	sum := int32(0)
	for j, n := range o.ends { // now where each begins
		o.ends[j] = sum
		sum += n
	}
	e.each(i, func(r *entryRow) {
		end := &o.ends[r.person&within]
		o.list[*end] = r.Entry
		*end++
	})
	begin, first := int32(0), int64(i+e.from)<<e.width
	for j, end := range o.ends {
		if end == begin {
			continue
		}
		list := o.list[begin:end]
		if !slices.IsSortedFunc(list, inTime) {
			slices.SortFunc(list, inTime)
		}
		if err := fn(first+int64(j), list); err != nil {
			return err
		}
		begin = end
	}
	for _, parts := range e.intakes { // which may be much
		parts[i] = entryChain{}
	}
	return nil
}

func inTime(a, b Entry) int { return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Value, b.Value)) }

// each calls fn for the rows of a partition and returns how many there are.
func (e *entries) each(i int, fn func(r *entryRow)) (n int) {
	for _, parts := range e.intakes {
		for _, block := range parts[i].blocks {
			for j := range block {
				fn(&block[j])
			}
			n += len(block)
		}
	}
	return n
}
