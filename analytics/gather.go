package analytics

import (
	"context"
	"math/bits"
	"runtime"

	"github.com/touchstone-cdp/touchstone/warehouse"
)

// Kernels work on a person's relevant events. The engine gathers them as one list of
// numbers per person: the time after the range's begin, the class of the event (which
// steps it fits), and its group, in that order from the high bits to the low. So the
// numbers sort as the events do.
type packing struct {
	from                 int64 // unix milliseconds
	classBits, groupBits int
}

// newPacking reports false when the three do not fit into 63 bits.
func newPacking(s *scope, classes, groups int) (packing, bool) {
	p := packing{from: s.from.UnixMilli(), classBits: bits.Len(uint(classes - 1)), groupBits: bits.Len(uint(groups))}
	return p, bits.Len64(uint64(s.to.UnixMilli()-p.from))+p.classBits+p.groupBits <= 63
}

func (p packing) time(item int64) int64 { return item >> (p.classBits + p.groupBits) }

func (p packing) class(item int64) int {
	return int(item>>p.groupBits) & (1<<p.classBits - 1)
}

func (p packing) group(item int64) int { return int(item & (1<<p.groupBits - 1)) }

// sql packs a time, given in unix milliseconds, with a class and a group.
func (p packing) sql(millis string, class, group fragment) fragment {
	return build("(((", millis, " - ", literal(p.from), ") * ", literal(1<<p.classBits), " + ", class, ") * ", literal(1<<p.groupBits), " + ", group, ")")
}

// gather runs a statement that selects node and item, and hands each person's items to a
// worker. A worker is called by one goroutine at a time.
func (r *run) gather(ctx context.Context, items fragment, workers []worker) error {
	statement := build("SELECT person, ", r.d.List("item"), " FROM (SELECT coalesce(o.person, x.node) AS person, x.item FROM (", items,
		") x LEFT JOIN overrides o ON o.node = x.node) y GROUP BY person")
	r.statements = append(r.statements, statement.sql)
	return r.w.Sequences(ctx, warehouse.Statement{SQL: statement.sql, Args: statement.args}, len(workers),
		func(i int, person int64, items []int64) error {
			workers[i].person(person, items)
			return nil
		})
}

// worker takes people one after another.
type worker interface {
	person(id int64, items []int64)
}

// parallelism is how many workers share a kernel's work.
func parallelism() int { return min(runtime.GOMAXPROCS(0), 8) }
