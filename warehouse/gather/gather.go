// Package gather puts each person's events together and looks at one person after another. The
// warehouse streams events as rows of numbers, in whatever order it finds them; kernels, as that
// of a funnel, need a person's relevant events in order of time.
package gather

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

// Gathering is a radix sort by person: rows go to partitions of neighbouring persons, and then every
// partition, small enough for the processor's cache, is ordered by counting. Doing this
// in the engine (GROUP BY with lists) takes longer and does not fit into its
// memory.

// Worker takes people one after another, with their items in order. It may change items. A negative id is a
// pseudonym: events of nobody, which count as a person's.
type Worker interface {
	Person(id int64, items []int64)
}

// Gathering is what to read, and how a row becomes an item.
type Gathering struct {
	// Rows selects BIGINTs or TIMESTAMPs: node, and whatever Items takes.
	Rows warehouse.Statement
	// Items packs each row's other columns into a number, or Dropped, and writes it to
	// out. Items should sort as their events do. It is called from several goroutines.
	Items func(columns [][]int64, out []int64)
	Bits  int // of an item, at most 63
	// Held bounds the events in memory at a time, at 8 bytes each; 0 = DefaultHeld. More are
	// read in several passes.
	Held int
}

// DefaultHeld is how many events a gathering holds that names no bound.
const DefaultHeld = 32_000_000

// Dropped in place of an item leaves the row out.
const Dropped = -1

// There are 256 partitions, or more where one would else span too many persons for their
// numbers, counted from the partition's first, to fit beside the items.
const (
	partitionBits = 8
	maxWidth      = 20
	maxPartitions = 1 << 16 // in one pass
	blockItems    = 1024
	slabItems     = 1 << 20 // of 8 bytes
)

// slabs are memory for many blocks each: hundreds of blocks are written in turn, so they
// had better be in few pages. They are used again, so that a busy console does not keep
// the collector busy.
var slabs = sync.Pool{New: func() any { s := onHugePages(slabItems); return &s }}

var errTooManyItems = errors.New("more events than fit at a time")

// Run calls the workers for each person with items. When the events do not fit into the
// memory allowed, it reads them several times, for a share of the people each time.
func Run(ctx context.Context, w warehouse.Warehouse, g Gathering, workers []Worker) error {
	if g.Held <= 0 {
		g.Held = DefaultHeld
	}
	persons, last, err := ReadPersonMap(ctx, w)
	if err != nil {
		return err
	}
	width := min(maxWidth, 63-g.Bits, max(0, bits.Len64(uint64(last))-partitionBits)) // of a partition, in bits
	partitions := int((2*last)>>width) + 1                                            // pseudonyms stand behind the persons
	for from, share := 0, min(partitions, maxPartitions); from < partitions; {
		p := &partitioner{Gathering: g, persons: persons, lastPerson: last, width: width, from: from, to: min(from+share, partitions), workers: Parallelism}
		p.room.Store(int64(g.Held))
		switch err := p.read(ctx, w); {
		case errors.Is(err, errTooManyItems) && share > 1:
			share = (share + 1) / 2
		case errors.Is(err, errTooManyItems):
			return tooManyEvents(g.Held)
		case err != nil:
			return err
		default:
			p.deliver(workers)
			from = p.to
		}
	}
	return nil
}

// partitioner holds the items of the partitions from from to before to.
type partitioner struct {
	Gathering
	persons *PersonMap
	// lastPerson is the greatest number of a person. A pseudonym, which is negative, is lastPerson and its amount.
	lastPerson int64
	width      int
	from, to   int
	workers    int
	intakes    []*intake    // by worker
	room       atomic.Int64 // items that may still come
}

// partition is a chain of blocks, in which person and item are one number each; all
// blocks but the last are full.
type partition struct {
	last   []int64 // block
	n      int     // items in all blocks
	blocks [][]int64
}

func (p *partitioner) read(ctx context.Context, from warehouse.Warehouse) error {
	for range p.workers {
		p.intakes = append(p.intakes, &intake{parts: make([]partition, p.to-p.from)})
	}
	err := from.Scan(ctx, warehouse.Statement{SQL: p.Rows.SQL, Args: p.Rows.Args, Own: true}, p.workers, func(w int, columns [][]int64) error {
		to := p.intakes[w]
		before := to.n
		p.takeAll(to, columns)
		if p.room.Add(int64(before-to.n)) < 0 {
			return errTooManyItems
		}
		return nil
	})
	if err != nil {
		p.release()
	}
	return err
}

// stride is how many rows are worked on at a time: what is noted of them stays in the
// processor's first cache.
const stride = 512

// takeAll puts the items of a block's rows into their partitions.
func (p *partitioner) takeAll(to *intake, columns [][]int64) {
	for from, rows := 0, len(columns[0]); from < rows; from += stride {
		n := min(stride, rows-from)
		to.columns = to.columns[:0]
		for _, c := range columns {
			to.columns = append(to.columns, c[from:from+n])
		}
		p.Items(to.columns[1:], to.items[:n])
		p.take(to, to.columns[0])
	}
}

// take puts the items of some rows into their partitions.
func (p *partitioner) take(to *intake, nodes []int64) {
	rows := to.kept(len(nodes))
	p.persons.all(nodes, rows, p.lastPerson, &to.people, &to.moved)
	to.distribute(to.pack(rows, p.width, p.Bits, p.from))
}

// pack writes the rows' items, with their persons' numbers within their partitions, to
// packed, and the partitions to places; it returns how many there are.
func (t *intake) pack(rows []int32, width, itemBits, from int) int {
	width, itemBits = width&63, itemBits&63 // a shift that is known to be short needs no check
	within, n := int64(1)<<width-1, 0
	for i, row := range rows {
		person := t.people[i&(stride-1)]
		t.places[n&(stride-1)] = int32(int(person>>width) - from)
		t.packed[n&(stride-1)] = person&within<<itemBits | t.items[row&(stride-1)]
		if uint(int(person>>width)-from) < uint(len(t.parts)) { // the others are of another pass
			n++
		}
	}
	return n
}

// distribute appends the first n of packed to their partitions.
func (t *intake) distribute(n int) {
	parts := t.parts
	for i, v := range t.packed[:n] {
		part := &parts[t.places[i]]
		end := uint(part.n) % blockItems
		if end == 0 {
			t.extend(part)
		}
		part.last[end] = v
		part.n++
	}
	t.n += n
}

// extend adds a block to a partition.
func (t *intake) extend(p *partition) {
	if len(t.slabs) == 0 || t.used == slabItems {
		t.slabs, t.used = append(t.slabs, slabs.Get().(*[]int64)), 0
	}
	t.used += blockItems
	p.last = (*t.slabs[len(t.slabs)-1])[t.used-blockItems : t.used]
	p.blocks = append(p.blocks, p.last)
}

// intake is what one worker reads.
type intake struct {
	parts []partition
	n     int // items in them
	slabs []*[]int64
	used  int // items of the last one that are given away

	// Notes on the rows that are being taken.
	columns [][]int64
	items   [stride]int64
	rows    [stride]int32 // see kept
	people  [stride]int64 // of those rows
	moved   [stride]int32 // see PersonMap.all
	places  [stride]int32 // see pack
	packed  [stride]int64
}

// kept lists those of n rows whose items are not dropped. There is no branch in it: which
// rows those are cannot be foreseen.
func (t *intake) kept(n int) []int32 {
	k := 0
	for row, item := range t.items[:n] {
		t.rows[k&(stride-1)] = int32(row)
		k += int(^uint64(item) >> 63)
	}
	return t.rows[:k]
}

func (p *partitioner) release() {
	for _, in := range p.intakes {
		for _, s := range in.slabs {
			slabs.Put(s)
		}
	}
	p.intakes = nil
}

// deliver hands out the partitions to the workers, as they have time.
func (p *partitioner) deliver(workers []Worker) {
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
	run   []int64 // see merge
}

func (o *orderer) deliver(p *partitioner, i int, w Worker) {
	total := 0
	for _, in := range p.intakes {
		total += in.parts[i].n
	}
	if total == 0 {
		return
	}
	o.ends = resized(o.ends, 1<<p.width)
	clear(o.ends)
	p.each(i, func(packed []int64) { count(packed, p.Bits, o.ends) })
	sum := int32(0)
	for j, n := range o.ends { // now where each begins
		o.ends[j] = sum
		sum += n
	}
	o.items = resized(o.items, total)
	p.each(i, func(packed []int64) { place(packed, p.Bits, o.ends, o.items) })
	begin, first := int32(0), int64(i+p.from)<<p.width
	for j, end := range o.ends {
		if end > begin {
			items := o.items[begin:end]
			o.sort(items)
			id := first + int64(j)
			if id > p.lastPerson {
				id = p.lastPerson - id
			}
			w.Person(id, items)
			begin = end
		}
	}
}

// count adds to each person's number of items. Loops as this one are functions of their
// own, so that all they need is in registers.
func count(packed []int64, itemBits int, numbers []int32) {
	itemBits &= 63
	for _, v := range packed {
		numbers[v>>itemBits]++
	}
}

// place writes each item behind the last one of its person.
func place(packed []int64, itemBits int, ends []int32, items []int64) {
	itemBits &= 63
	mask := int64(1)<<itemBits - 1
	for _, v := range packed {
		end := &ends[v>>itemBits]
		items[*end] = v & mask
		*end++
	}
}

// sort orders one person's items. Events are stored in about the order of time and read by
// a few threads, so most often there is nothing to do, or two runs to merge.
func (o *orderer) sort(items []int64) {
	first := runLength(items)
	if first < len(items) && !o.merge(items, first) {
		slices.Sort(items)
	}
}

// runLength is how many items from the first on are in order.
func runLength(items []int64) int {
	for i := 1; i < len(items); i++ {
		if items[i] < items[i-1] {
			return i
		}
	}
	return len(items)
}

// merge orders items of which the first n are in order, and the others too, or else reports
// false. There is no branch on a comparison in it, since none could be foreseen; items are
// not negative.
func (o *orderer) merge(items []int64, n int) bool {
	o.run = append(o.run[:0], items[:n]...)
	run, i, j, to, last, fell := o.run, 0, n, 0, int64(0), int64(0)
	for i < len(run) && j < len(items) {
		a, b := run[i], items[j]
		second := (b - a) >> 63 // -1 when it is b's turn
		v := a + (b-a)&second
		items[to] = v
		fell |= v - last
		i, j, to, last = i+1+int(second), j-int(second), to+1, v
	}
	if copy(items[to:], run[i:]) > 0 {
		return fell >= 0 && items[to] >= last
	}
	for ; j < len(items); j++ { // which stand where they should
		fell |= items[j] - last
		last = items[j]
	}
	return fell >= 0
}

// each calls fn for the pieces of a partition.
func (p *partitioner) each(i int, fn func(packed []int64)) {
	for _, in := range p.intakes {
		left := in.parts[i].n
		for _, b := range in.parts[i].blocks {
			n := min(left, blockItems)
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

// PersonMap tells who is behind a node: for overridden nodes, of which a set of bits
// tells, the person stands at the node's rank in the set. That takes 12 bits per node and
// 8 bytes per override, and stays in the processor's cache where a hash table would not.
type PersonMap struct {
	overridden []uint64 // bits by node
	ranks      []uint32 // bits set before each word
	people     []int64  // by rank
}

// ReadPersonMap reads the overrides. last is the greatest number of a node or person.
func ReadPersonMap(ctx context.Context, w warehouse.Warehouse) (m *PersonMap, last int64, err error) {
	var nodes, people []int64
	err = w.Scan(ctx, warehouse.Statement{SQL: "SELECT node, person FROM overrides", Own: true}, 1, func(_ int, c [][]int64) error {
		nodes, people = append(nodes, c[0]...), append(people, c[1]...)
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	if s, ok := w.(Standing); ok {
		nodes, people = s.stand(nodes, people)
	}
	lastNode, err := w.LastNode(ctx)
	if err != nil {
		return nil, 0, err
	}
	last = int64(lastNode)
	for i := range nodes {
		last = max(last, nodes[i], people[i])
	}
	return newPersonMap(nodes, people, last), last, nil
}

// newPersonMap makes the map of the nodes up to last.
func newPersonMap(nodes, people []int64, last int64) *PersonMap {
	m := &PersonMap{people: make([]int64, len(nodes))}
	if len(nodes) == 0 {
		return m
	}
	words := last/64 + 1
	m.overridden, m.ranks = make([]uint64, words), make([]uint32, words)
	for _, node := range nodes {
		m.overridden[node>>6] |= 1 << (node & 63)
	}
	rank := 0
	for i, word := range m.overridden {
		m.ranks[i] = uint32(rank)
		rank += bits.OnesCount64(word)
	}
	for i, node := range nodes {
		m.people[m.rank(node)] = people[i]
	}
	return m
}

// Of returns the person behind a node.
func (m *PersonMap) Of(node int64) int64 {
	if word := uint64(node) >> 6; word < uint64(len(m.overridden)) && m.overridden[word]>>(node&63)&1 == 1 { //nolint:gosec // not negative
		return m.people[m.rank(node)]
	}
	return node
}

func (m *PersonMap) rank(node int64) int {
	below := m.overridden[node>>6] & (1<<(node&63) - 1)
	return int(m.ranks[node>>6]) + bits.OnesCount64(below)
}

// all writes the person behind the node of each row to people. moved is room for as many
// numbers as there are rows. Who is overridden cannot be foreseen, so those rows are listed
// first, without a branch, and looked up together: the processor then waits for several
// look-ups at a time.
func (m *PersonMap) all(nodes []int64, rows []int32, last int64, people *[stride]int64, moved *[stride]int32) {
	n, set := 0, m.overridden
	for i, row := range rows {
		node := nodes[row]
		below := node >> 63
		node = (node ^ below - below) + last&below // of a negative one, last and its amount
		people[i&(stride-1)], moved[n&(stride-1)] = node, int32(i)
		if word := uint64(node) >> 6; word < uint64(len(set)) {
			n += int(set[word] >> (node & 63) & 1)
		}
	}
	for _, i := range moved[:n] {
		person := &people[i&(stride-1)]
		*person = m.people[m.rank(*person)]
	}
}

func tooManyEvents(n int) error {
	return touchstone.Errorf(touchstone.Invalid, "a few people have more than %d of the events asked about", n).WithHint("ask about a shorter range or rarer events")
}

// People returns those who have an item: by ascending id, the first most of them.
func People(ctx context.Context, w warehouse.Warehouse, g Gathering, most int) ([]touchstone.PersonID, error) {
	all := &everyone{}
	if err := Run(ctx, w, g, []Worker{all}); err != nil {
		return nil, err
	}
	return First(most, all.people), nil
}

type everyone struct{ people []touchstone.PersonID }

func (w *everyone) Person(id int64, _ []int64) { w.people = append(w.people, touchstone.PersonID(id)) }

// First puts lists of people together: by ascending id, the first most of them.
func First(most int, lists ...[]touchstone.PersonID) []touchstone.PersonID {
	people := slices.DeleteFunc(slices.Concat(lists...), func(p touchstone.PersonID) bool { return p <= 0 }) // pseudonyms are nobody
	slices.Sort(people)
	if people == nil {
		people = []touchstone.PersonID{}
	}
	return people[:min(len(people), most)]
}

// Parallelism is how many workers share a question's work: the processors that this
// process may use, as at its start, for a server lets more threads than that run.
var Parallelism = min(runtime.GOMAXPROCS(0), 8)
