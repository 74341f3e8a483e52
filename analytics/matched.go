package analytics

import (
	"context"
	"slices"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/warehouse"
	"github.com/touchstone-cdp/touchstone/warehouse/gather"
)

// matched tells which share of sales is of persons who are known online, by which evidence: events
// that came without a login (receipts, dealers' visits) are held against everything that persons did
// elsewhere.
type matched struct {
	scope
	calendar *calendar
	sale     selector
	amount   string // property of a sale; empty: no sums
	online   selector
	lookback time.Duration // how long before the range somebody may have been seen online
	limit    int           // groups
}

// Evidence by which a sale is of somebody who is known online, the strongest first. Each contains the
// one before: who hangs together by identifiers alone also does with probable links, and is of one household.
const (
	byIdentifier = iota
	byProbable
	byHousehold
	unmatched
	evidences
)

var evidenceNames = [evidences]string{"identifier", "probable", "household", "none"}

const (
	maxLookback     = 3660 * 24 * time.Hour
	defaultLookback = 365 * 24 * time.Hour
	// amounts are summed in ten-thousandths, so that sums do not depend on the order of events.
	amountScale = 10_000
)

func parseMatched(e *Engine, f *fields) Query {
	d := f.d
	q := &matched{scope: parseScope(e, f)}
	if d.err == nil && q.subject == subjectHousehold {
		d.fail(f.place("subject"), "sales are of persons here; households are one kind of evidence")
	}
	interval := f.choice("interval", month, hour, day, week, total)
	q.sale, q.online = f.event("sale"), f.event("online")
	q.amount = f.name("amount")
	q.lookback = f.duration("lookback", defaultLookback, maxLookback)
	q.limit = f.whole("limit", groupsDefault, 1, maxGroups)
	if d.err != nil {
		return q
	}
	if q.calendar = newCalendar(interval, q.zone, q.from, q.to, maxBuckets); q.calendar == nil {
		d.fail(f.place("interval"), "the range has more than %d intervals of one %s; use a longer interval", maxBuckets, interval)
		return q
	}
	q.limit = max(1, min(q.limit, maxPoints/(len(q.calendar.buckets)*evidences)))
	return q
}

func (q *matched) columns() []warehouse.Column {
	list := append([]warehouse.Column{{Name: "time", Type: warehouse.Time}}, q.breakdownColumns()...)
	names := []string{"events"}
	for _, e := range evidenceNames[:unmatched] {
		names = append(names, e+"_events")
	}
	names = append(names, "events_share")
	if q.amount != "" {
		names = append(names, "revenue")
		for _, e := range evidenceNames[:unmatched] {
			names = append(names, e+"_revenue")
		}
		names = append(names, "revenue_share")
	}
	for _, name := range names {
		list = append(list, warehouse.Column{Name: name, Type: warehouse.Number})
	}
	return list
}

func (q *matched) run(ctx context.Context, r *run) (*Answer, error) {
	p, err := r.prepare(ctx, &q.scope, q.sale, q.online)
	if err != nil {
		return nil, err
	}
	groups, more, err := r.topGroups(ctx, &q.scope, p.source, q.sale.sql(r.d, p.codes), q.limit)
	if err != nil {
		return nil, err
	}
	known, err := q.knownOnline(ctx, r, p.codes)
	if err != nil {
		return nil, err
	}
	n := len(q.calendar.buckets)
	sums := make([]saleSums, gather.Parallelism)
	for i := range sums {
		sums[i] = saleSums{events: make([]int64, len(groups)*n*evidences), amounts: make([]int64, len(groups)*n*evidences)}
	}
	err = q.eachSale(ctx, r, p, groups, func(worker, place int, node, amount int64) {
		at := place*evidences + known.evidence(node)
		sums[worker].events[at]++
		sums[worker].amounts[at] += amount
	})
	if err != nil {
		return nil, err
	}
	for _, s := range sums[1:] {
		sums[0].add(s)
	}
	a := &Answer{Columns: q.columns(), Rows: [][]any{}}
	a.Meta.Truncated = more
	for g := range groups {
		for b := range n {
			row := append([]any{q.calendar.buckets[b].start}, groups[g]...)
			from := (g*n + b) * evidences
			row = appendShares(row, sums[0].events[from:from+evidences], func(v int64) any { return v })
			if q.amount != "" {
				row = appendShares(row, sums[0].amounts[from:from+evidences], func(v int64) any { return tidy(float64(v) / amountScale) })
			}
			a.Rows = append(a.Rows, row)
		}
	}
	return a, r.finish(ctx, &q.scope, a)
}

// appendShares appends the sum of values, each but the last, and the share of these; nil where there is nothing.
func appendShares(row []any, values []int64, shown func(int64) any) []any {
	all := int64(0)
	for _, v := range values {
		all += v
	}
	row = append(row, shown(all))
	for _, v := range values[:unmatched] {
		row = append(row, shown(v))
	}
	if all == 0 {
		return append(row, nil)
	}
	return append(row, tidy(float64(all-values[unmatched])/float64(all)))
}

// saleSums are by group, interval and evidence.
type saleSums struct{ events, amounts []int64 }

func (s saleSums) add(other saleSums) {
	for i := range s.events {
		s.events[i] += other.events[i]
		s.amounts[i] += other.amounts[i]
	}
}

// eachSale calls fn with each sale's place (by group, then by interval), node and amount, from several goroutines.
func (q *matched) eachSale(ctx context.Context, r *run, p prepared, groups [][]any, fn func(worker, place int, node, amount int64)) error {
	amount := "0"
	if q.amount != "" {
		x := r.d.JSON(warehouse.AsNumber, "e.properties", q.amount)
		amount = "coalesce(CASE WHEN abs(" + x + ") < 1e13 THEN round(" + x + " * 10000) END, 0)"
	}
	source := build(p.source, " AND (", q.sale.sql(r.d, p.codes), ")")
	if len(q.breakdown) == 0 {
		groups = nil // numbered then has no look-up
	}
	rows := q.numbered(r.d, frag("CAST("+amount+" AS BIGINT)"), source, frag("TRUE"), groups)
	n := len(q.calendar.buckets)
	return r.scan(ctx, rows, func(worker int, columns [][]int64) {
		for i, node := range columns[0] {
			group := 0
			if len(groups) > 0 {
				group = int(columns[3][i]) - 1
			}
			if group >= 0 {
				fn(worker, group*n+q.calendar.place(columns[1][i]), node, columns[2][i])
			}
		}
	})
}

// scan reads rows of numbers on several threads.
func (r *run) scan(ctx context.Context, rows fragment, fn func(worker int, columns [][]int64)) error {
	r.statements = append(r.statements, rows.sql)
	return r.w.Scan(ctx, rows.statement(), gather.Parallelism, func(worker int, columns [][]int64) error {
		fn(worker, columns)
		return nil
	})
}

// knownOnline finds out who was seen online, in each way of putting persons together.
func (q *matched) knownOnline(ctx context.Context, r *run, codes eventCodes) (*acquaintance, error) {
	visible, err := r.visible(ctx, r.viewer, "e.node")
	if err != nil {
		return nil, err
	}
	rows := build("SELECT DISTINCT e.node FROM events_raw e WHERE ", frag("e.time >= ? AND e.time < ?", q.from.Add(-q.lookback), q.to), " AND (", q.online.sql(r.d, codes), ")", visible)
	seen := make([]bitSet, gather.Parallelism)
	if err := r.scan(ctx, rows, func(worker int, columns [][]int64) {
		for _, node := range columns[0] {
			seen[worker].add(node)
		}
	}); err != nil {
		return nil, err
	}
	a, err := r.acquainted(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range seen {
		s.each(func(node int64) {
			for way := range a.online {
				a.online[way].add(a.whose(node, way))
			}
		})
	}
	return a, nil
}

// ProbableLinks tells who hangs together by probable links only.
type ProbableLinks interface {
	// Parts returns the nodes of all persons that probable links have made, by ascending node, each with the part of the
	// person that it is in without them: a node of that part, the same for all of it.
	Parts(ctx context.Context) (nodes, parts []int64, err error)
}

// acquaintance tells by which evidence a node's events are of somebody who was seen online.
type acquaintance struct {
	persons  *gather.PersonMap
	parts    map[int64]int64 // by node, of persons that probable links have made
	standing map[int64]int64 // by person: who stands for the household
	online   [unmatched]bitSet
}

func (r *run) acquainted(ctx context.Context) (*acquaintance, error) {
	a := &acquaintance{parts: map[int64]int64{}, standing: map[int64]int64{}}
	var err error
	if a.persons, _, err = gather.ReadPersonMap(ctx, r.w); err != nil {
		return nil, err
	}
	if r.opts.Probable != nil {
		nodes, parts, err := r.opts.Probable.Parts(ctx)
		if err != nil {
			return nil, err
		}
		for i, n := range nodes {
			a.parts[n] = parts[i]
		}
	}
	if r.opts.Households != nil {
		persons, standing, err := r.opts.Households.Standing(ctx)
		if err != nil {
			return nil, err
		}
		for i, p := range persons {
			a.standing[p] = standing[i]
		}
	}
	return a, nil
}

// whose returns a number of whoever a node's events are of: of the part of the person, of the person, of the household.
func (a *acquaintance) whose(node int64, way int) int64 {
	if way == byIdentifier {
		if part, ok := a.parts[node]; ok {
			return part
		}
	}
	person := a.persons.Of(node)
	if way == byHousehold {
		if standing, ok := a.standing[person]; ok {
			return standing
		}
	}
	return person
}

func (a *acquaintance) evidence(node int64) int {
	for way := range a.online {
		if a.online[way].has(a.whose(node, way)) {
			return way
		}
	}
	return unmatched
}

// bitSet is a set of numbers that lie side by side: nodes, persons.
type bitSet []uint64

// add takes n in, unless it is negative: a pseudonym is nobody of whom more could be known.
func (s *bitSet) add(n int64) {
	if n < 0 {
		return
	}
	word := int(n >> 6)
	if word >= len(*s) {
		*s = append(*s, make([]uint64, max(word+1-len(*s), len(*s)))...)
	}
	(*s)[word] |= 1 << (n & 63)
}

func (s bitSet) has(n int64) bool { return n >= 0 && int(n>>6) < len(s) && s[n>>6]>>(n&63)&1 == 1 }

func (s bitSet) each(fn func(n int64)) {
	for word, bits := range s {
		for bit := int64(0); bits != 0; bit, bits = bit+1, bits>>1 {
			if bits&1 == 1 {
				fn(int64(word)<<6 | bit)
			}
		}
	}
}

// matchedSelection names the people whose sales one number counts.
type matchedSelection struct {
	*matched
	bucket   bucket
	values   []any
	evidence int // -1: all sales
}

func (q *matched) selection(d *decoder, f *fields) selection {
	s := matchedSelection{matched: q, values: f.values(&q.scope), evidence: -1}
	if name := f.choice("evidence", append([]string{"any"}, evidenceNames[:]...)...); name != "any" {
		s.evidence = slices.Index(evidenceNames[:], name)
	}
	s.bucket = q.calendar.selected(d, f)
	return s
}

func (s matchedSelection) people(ctx context.Context, r *run) ([]touchstone.PersonID, error) {
	p, err := r.prepare(ctx, &s.scope, s.sale, s.online)
	if err != nil {
		return nil, err
	}
	known, err := s.knownOnline(ctx, r, p.codes)
	if err != nil {
		return nil, err
	}
	wanted := s.calendar.index[s.bucket.key]
	found := make([]bitSet, gather.Parallelism)
	err = s.eachSale(ctx, r, p, [][]any{s.values}, func(worker, place int, node, _ int64) {
		if place == wanted && (s.evidence < 0 || known.evidence(node) == s.evidence) {
			found[worker].add(known.persons.Of(node))
		}
	})
	if err != nil {
		return nil, err
	}
	var people []touchstone.PersonID
	for _, set := range found {
		set.each(func(p int64) { people = append(people, touchstone.PersonID(p)) })
	}
	slices.Sort(people)
	people = slices.Compact(people)
	return people[:min(len(people), maxPeople)], nil
}
