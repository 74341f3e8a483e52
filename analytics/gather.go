package analytics

import (
	"context"
	"errors"
	"math/bits"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/warehouse"
)

// Kernels work on one person's relevant events. The engine streams those events as rows of
// numbers, in whatever order it finds them; gathering puts each person's together. That is
// a radix sort by person: rows go to partitions of neighbouring persons, and then every
// partition, small enough for the processor's cache, is ordered by counting. Doing this
// in the engine (GROUP BY with lists) took four times as long and did not fit into its
// memory.

// worker takes people one after another. It may change items.
type worker interface {
	person(id int64, items []int64)
}

// gathering is what to read, and how a row becomes an item.
type gathering struct {
	// rows selects BIGINTs: node, and the numbers that item takes.
	rows fragment
	// item packs the other columns of a row into a number; false drops the row. Items
	// should sort as their events do. It is called from several goroutines.
	item func(columns [][]int64, row int) (int64, bool)
}

// pair is an event of a person.
type pair struct{ person, item int64 }

// There are 256 partitions, or more where one would else span too many persons.
const (
	partitionBits = 8
	maxWidth      = 20
	blockPairs    = 512
)

// block is a piece of a partition.
type block [blockPairs]pair

// blocks are used again, so that a busy console does not keep the collector busy.
var blocks = sync.Pool{New: func() any { return new(block) }}

var errTooManyPairs = errors.New("more events than fit at a time")

// gather calls the workers for each person with items. When the events do not fit into the
// memory allowed, it reads them several times, for a share of the people each time.
func (r *run) gather(ctx context.Context, g gathering, workers []worker) error {
	r.statements = append(r.statements, g.rows.sql)
	persons, last, err := r.personMap(ctx)
	if err != nil {
		return err
	}
	width := min(maxWidth, max(0, bits.Len64(uint64(last))-partitionBits)) // of a partition, in bits
	partitions := int(last>>width) + 1
	for from, share := 0, partitions; from < partitions; {
		p := &partitioner{gathering: g, persons: persons, width: width, from: from, to: min(from+share, partitions), workers: parallelism()}
		p.room.Store(int64(r.opts.GatherEvents))
		switch err := p.read(ctx, r); {
		case errors.Is(err, errTooManyPairs) && share > 1:
			share = (share + 1) / 2
		case errors.Is(err, errTooManyPairs):
			return tooManyEvents(r.opts.GatherEvents)
		case err != nil:
			return err
		default:
			p.deliver(workers)
			from = p.to
		}
	}
	return nil
}

// partitioner holds the pairs of the partitions from from to before to.
type partitioner struct {
	gathering
	persons  *personMap
	width    int
	from, to int
	workers  int
	parts    [][]partition // by worker
	room     atomic.Int64  // pairs that may still come
}

type partition struct {
	blocks []*block
	n      int
}

func (p *partitioner) read(ctx context.Context, r *run) error {
	p.parts = make([][]partition, p.workers)
	for w := range p.parts {
		p.parts[w] = make([]partition, p.to-p.from)
	}
	err := r.w.Scan(ctx, warehouse.Statement{SQL: p.rows.sql, Args: p.rows.args}, p.workers, func(w int, columns [][]int64) error {
		kept := p.take(p.parts[w], columns)
		if p.room.Add(-int64(kept)) < 0 {
			return errTooManyPairs
		}
		return nil
	})
	if err != nil {
		p.release()
	}
	return err
}

// take puts the rows of a block into their partitions.
func (p *partitioner) take(parts []partition, columns [][]int64) (kept int) {
	nodes, rest := columns[0], columns[1:]
	for row, node := range nodes {
		item, ok := p.item(rest, row)
		if !ok {
			continue
		}
		person := p.persons.of(node)
		at := int(person>>p.width) - p.from
		if uint(at) >= uint(len(parts)) {
			continue // of another pass
		}
		part := &parts[at]
		i := part.n % blockPairs
		if i == 0 {
			part.blocks = append(part.blocks, blocks.Get().(*block))
		}
		part.blocks[len(part.blocks)-1][i] = pair{person, item}
		part.n++
		kept++
	}
	return kept
}

func (p *partitioner) release() {
	for _, parts := range p.parts {
		for i := range parts {
			for _, b := range parts[i].blocks {
				blocks.Put(b)
			}
			parts[i] = partition{}
		}
	}
}

// deliver hands out the partitions to the workers, as they have time.
func (p *partitioner) deliver(workers []worker) {
	var next atomic.Int64
	var group sync.WaitGroup
	for _, w := range workers {
		group.Go(func() {
			var o orderer
			for {
				i := int(next.Add(1)) - 1
				if i >= p.to-p.from {
					return
				}
				o.deliver(p, i, w)
			}
		})
	}
	group.Wait()
	p.release()
}

// orderer sorts a partition by person; its memory is used again for the next one.
type orderer struct {
	ends  []int32 // where each person's items end
	items []int64
}

func (o *orderer) deliver(p *partitioner, i int, w worker) {
	total := 0
	for _, parts := range p.parts {
		total += parts[i].n
	}
	if total == 0 {
		return
	}
	first := int64(i+p.from) << p.width
	o.ends = resized(o.ends, 1<<p.width)
	clear(o.ends)
	p.each(i, func(pairs []pair) {
		for j := range pairs {
			o.ends[pairs[j].person-first]++
		}
	})
	sum := int32(0)
	for j, n := range o.ends { // now where each begins
		o.ends[j] = sum
		sum += n
	}
	o.items = resized(o.items, total)
	p.each(i, func(pairs []pair) {
		for j := range pairs {
			end := &o.ends[pairs[j].person-first]
			o.items[*end] = pairs[j].item
			*end++
		}
	})
	begin := int32(0)
	for j, end := range o.ends {
		if end > begin {
			w.person(first+int64(j), o.items[begin:end])
			begin = end
		}
	}
}

// each calls fn for the pieces of a partition.
func (p *partitioner) each(i int, fn func([]pair)) {
	for _, parts := range p.parts {
		left := parts[i].n
		for _, b := range parts[i].blocks {
			n := min(left, blockPairs)
			fn(b[:n])
			left -= n
		}
	}
}

func resized[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/4)
	}
	return s[:n]
}

// personMap tells who is behind a node. Few nodes are somebody else's, and one bit tells
// which.
type personMap struct {
	overridden []uint64 // bits by node
	nodes      []int64  // open addressing by hash; 0 is free
	people     []int64
	shift      int
}

// personMap reads the overrides. last is the greatest number of a node or person.
func (r *run) personMap(ctx context.Context) (m *personMap, last int64, err error) {
	err = r.w.Scan(ctx, warehouse.Statement{SQL: "SELECT (SELECT max(node) FROM events_raw), count(*), max(node), max(person) FROM overrides"}, 1,
		func(_ int, c [][]int64) error {
			if len(c[0]) > 0 {
				last = max(c[0][0], c[3][0])
				m = newPersonMap(c[1][0], c[2][0])
			}
			return nil
		})
	if err != nil || len(m.nodes) == 0 {
		return m, last, err
	}
	err = r.w.Scan(ctx, warehouse.Statement{SQL: "SELECT node, person FROM overrides"}, 1, func(_ int, c [][]int64) error {
		for i := range c[0] {
			if !m.add(c[0][i], c[1][i]) {
				return errOverridesGrew
			}
			last = max(last, c[1][i])
		}
		return nil
	})
	if errors.Is(err, errOverridesGrew) { // between the two statements
		return r.personMap(ctx)
	}
	return m, last, err
}

var errOverridesGrew = errors.New("there are more overrides than a moment ago")

func newPersonMap(n, lastNode int64) *personMap {
	m := &personMap{}
	if n == 0 {
		return m
	}
	size := 1 << bits.Len64(uint64(n+n/2+1000))
	m.nodes, m.people, m.shift = make([]int64, size), make([]int64, size), 64-bits.Len(uint(size-1))
	m.overridden = make([]uint64, lastNode/64+1)
	return m
}

func (m *personMap) slot(node int64) int { return int(uint64(node) * 0x9e3779b97f4a7c15 >> m.shift) }

// add reports false when there is no more room.
func (m *personMap) add(node, person int64) bool {
	if node <= 0 || node>>6 >= int64(len(m.overridden)) {
		return false
	}
	for i, tries := m.slot(node), 0; tries < len(m.nodes)-1; i, tries = (i+1)&(len(m.nodes)-1), tries+1 {
		if m.nodes[i] == 0 || m.nodes[i] == node {
			m.nodes[i], m.people[i] = node, person
			m.overridden[node>>6] |= 1 << (node & 63)
			return true
		}
	}
	return false
}

func (m *personMap) of(node int64) int64 {
	if word := uint64(node) >> 6; word >= uint64(len(m.overridden)) || m.overridden[word]>>(node&63)&1 == 0 {
		return node
	}
	for i := m.slot(node); ; i = (i + 1) & (len(m.nodes) - 1) {
		if m.nodes[i] == node {
			return m.people[i]
		}
	}
}

func tooManyEvents(n int) error {
	return touchstone.Errorf(touchstone.Invalid, "a few people have more than %d of the events asked about", n).WithHint("ask about a shorter range or rarer events")
}

// people returns those who have an item.
func (r *run) people(ctx context.Context, g gathering) ([]touchstone.PersonID, error) {
	w := &everyone{people: []touchstone.PersonID{}}
	if err := r.gather(ctx, g, []worker{w}); err != nil {
		return nil, err
	}
	return firstPeople(w.people), nil
}

type everyone struct{ people []touchstone.PersonID }

func (w *everyone) person(id int64, _ []int64) { w.people = append(w.people, touchstone.PersonID(id)) }

// maxPeople bounds a list of people.
const maxPeople = 1_000_000

// firstPeople sorts and bounds a list of people.
func firstPeople(people []touchstone.PersonID) []touchstone.PersonID {
	slices.Sort(people)
	return people[:min(len(people), maxPeople)]
}

// parallelism is how many workers share a question's work.
func parallelism() int { return min(runtime.GOMAXPROCS(0), 8) }
