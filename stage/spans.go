package stage

import (
	"context"
	"database/sql"
	"slices"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// Why somebody moved.
const (
	whyEntered = "entered" // the rule of a stage began to hold
	whyLeft    = "left"    // it ceased to
	whyStart   = "start"   // so it was when the life cycle, or a version of it, began
	whoIsWho   = "identity"
)

// span is a row: somebody in a stage.
type span struct {
	node                touchstone.NodeID
	began, ended        int64
	person              touchstone.PersonID
	stage, origin       string
	why, cause, message string
	holds, reached      string
	doubt, shown        int64
}

var spanColumns = []string{"cycle", "node", "began", "ended", "person", "stage", "origin", "why", "cause", "message", "holds", "reached", "doubt", "shown"}

const selectSpans = `SELECT node, began, ended, person, stage, origin, why, cause, message, holds, reached, doubt, shown FROM stage_spans WHERE `

func (r *span) scan(rows *sql.Rows) error {
	return rows.Scan(&r.node, &r.began, &r.ended, &r.person, &r.stage, &r.origin, &r.why, &r.cause, &r.message, &r.holds, &r.reached, &r.doubt, &r.shown)
}

// move is what a track is told: that a rule began or ceased to hold.
type move struct {
	node    touchstone.NodeID // 0: that of the span before
	at      int64
	why     string
	cause   string
	message string
}

// track is one person in one life cycle, as a transaction finds and leaves it.
type track struct {
	person touchstone.PersonID
	open   []span // more than one after a merge
	last   span   // of who has no open one: the one that ended last; parted from the others, or none
	closed []span // by this transaction
	gone   []span // to be deleted: they lasted no time
	dirty  bool
	moved  bool
}

// writer changes spans of a life cycle in a transaction.
type writer struct {
	s      *Stages
	x      *Cycle
	p      places
	tracks map[touchstone.PersonID]*track
}

// writer takes the spans of a life cycle to itself until the transaction ends, and reads the open ones of persons.
func (s *Stages) writer(ctx context.Context, tx *store.Tx, x *Cycle, persons []touchstone.PersonID) (*writer, error) {
	if _, err := tx.Exec(ctx, `UPDATE stage_cycles SET turn = turn + 1 WHERE id = ?`, x.ID); err != nil {
		return nil, err
	}
	w := &writer{s: s, x: x, p: placesOf(&x.Definition), tracks: map[touchstone.PersonID]*track{}}
	for _, p := range persons {
		w.tracks[p] = &track{person: p}
	}
	persons = slices.Compact(slices.Sorted(slices.Values(persons)))
	err := store.SelectIn(ctx, tx, selectSpans+`cycle = ? AND ended = 0 AND person IN (...)`, persons, func(rows *sql.Rows) error {
		var r span
		if err := r.scan(rows); err != nil {
			return err
		}
		t := w.tracks[r.person]
		t.open = append(t.open, r)
		return nil
	}, x.ID)
	if err != nil {
		return nil, err
	}
	return w, w.readLast(ctx, tx)
}

// readLast reads what came before of those who have no open span.
func (w *writer) readLast(ctx context.Context, tx *store.Tx) error {
	var persons []touchstone.PersonID
	for p, t := range w.tracks {
		if len(t.open) == 0 {
			persons = append(persons, p)
		}
	}
	slices.Sort(persons)
	return store.SelectIn(ctx, tx, selectSpans+`cycle = ? AND person IN (...)`, persons, func(rows *sql.Rows) error {
		var r span
		if err := r.scan(rows); err != nil {
			return err
		}
		if t := w.tracks[r.person]; r.ended > t.last.ended {
			t.last = r
		}
		return nil
	}, w.x.ID)
}

// standing is where somebody stands by their open spans.
func (w *writer) standing(t *track) (st standing, at int) {
	at = -1
	for i := range t.open {
		r := &t.open[i]
		st.reached = max(st.reached, w.stays(w.p.of[r.reached]))
		st.holds = append(st.holds, w.p.readHolds(r.holds)...)
		if here := w.p.of[r.stage]; at < 0 || w.p.further(st.stage, here) != st.stage {
			st.stage, at = here, i
		}
	}
	if at < 0 {
		st.reached = w.stays(w.p.of[t.last.reached])
		st.reached = max(st.reached, w.stays(w.p.of[t.last.stage]))
	}
	slices.Sort(st.holds)
	st.holds = slices.Compact(st.holds)
	return st, at
}

// stays returns a place that was reached, if it is still one that stays.
func (w *writer) stays(at int) int {
	if at == 0 || at == w.p.lost() || w.p.d.Stages[at-1].Falls {
		return 0
	}
	return at
}

// hold has rules hold for somebody, and moves them if that is another stage. A doubt goes on: who is heard of meanwhile was not asked.
func (w *writer) hold(t *track, holds []int, m move) {
	was, at := w.standing(t)
	next := w.p.decide(was, holds)
	key, reached, text := w.p.key(next.stage), w.p.key(next.reached), w.p.writeHolds(holds)
	if len(t.open) == 0 {
		if len(holds) == 0 && next.stage == 0 {
			return
		}
		m.at = max(m.at, t.last.ended)
		if m.node == 0 {
			m.node = t.last.node
		}
	}
	if len(t.open) == 1 && t.open[0].stage == key {
		r := &t.open[0]
		if r.holds != text || r.reached != reached {
			r.holds, r.reached, t.dirty = text, reached, true
		}
		return
	}
	var doubt int64
	for i := range t.open {
		doubt = max(doubt, t.open[i].doubt)
	}
	w.notBefore(t, &m)
	before := ""
	if at >= 0 {
		before = t.open[at].stage
		if m.node == 0 {
			m.node = t.open[at].node
		}
	}
	if before == key && at >= 0 { // several, of which one goes on
		w.close(t, m.at, at)
		r := &t.open[0]
		r.holds, r.reached, r.doubt, r.shown, t.dirty, t.moved = text, reached, doubt, again(r.shown), true, true
		return
	}
	if at >= 0 && t.open[at].began == m.at { // it lasted no time
		before = t.open[at].origin
	}
	w.close(t, m.at, -1)
	var shown int64
	for i := range t.gone { // the traits say what is no more
		shown = max(shown, abs(t.gone[i].shown))
	}
	t.open = append(t.open, span{node: m.node, began: m.at, person: t.person, stage: key, origin: before, why: m.why, cause: m.cause, message: m.message, holds: text, reached: reached, doubt: doubt, shown: again(shown)})
	t.dirty, t.moved = true, true
	w.s.metrics.moved.WithLabelValues(m.why).Inc()
}

// notBefore has a move come no earlier than what is known.
func (w *writer) notBefore(t *track, m *move) {
	for i := range t.open {
		if t.open[i].began > m.at {
			m.at = t.open[i].began
			w.s.metrics.late.Inc()
		}
	}
}

// close ends the open spans but one (-1: all of them).
func (w *writer) close(t *track, at int64, but int) {
	var stays []span
	for i, r := range t.open {
		switch {
		case i == but:
			stays = append(stays, r)
		case r.began >= at:
			t.gone = append(t.gone, r)
		default:
			r.ended, r.holds, r.doubt = at, "", 0
			t.closed = append(t.closed, r)
		}
	}
	t.open, t.dirty = stays, true
}

// change tells that the rule of a place began or ceased to hold.
func (w *writer) change(t *track, at int, entered bool, m move) {
	st, _ := w.standing(t)
	w.hold(t, with(st.holds, at, entered), m)
}

// doubtful marks somebody as to be asked anew. Of several open spans one goes on.
func (w *writer) doubtful(t *track, at, since int64) {
	st, head := w.standing(t)
	if len(t.open) == 0 {
		if t.last.ended > 0 { // parted from who it went on with
			w.hold(t, nil, move{node: t.last.node, at: at, why: whoIsWho})
		}
		if len(t.open) == 0 {
			return
		}
		st, head = w.standing(t)
	}
	if len(t.open) > 1 {
		m := move{at: at}
		w.notBefore(t, &m)
		w.close(t, m.at, head)
	}
	r := &t.open[0]
	r.holds, r.reached = w.p.writeHolds(st.holds), w.p.key(st.reached)
	r.doubt, r.shown, t.dirty, t.moved = since, again(r.shown), true, true
}

// again has the traits of a span written again, and keeps when they were written last.
func again(shown int64) int64 { return -abs(shown) }

func abs(n int64) int64 { return max(n, -n) }

// save writes what has changed, and returns who is to be shown elsewhere.
func (w *writer) save(ctx context.Context, tx *store.Tx) (moved []touchstone.PersonID, err error) {
	var rows, gone []span
	var nodeless []*track
	for _, t := range w.tracks {
		if !t.dirty {
			continue
		}
		if len(t.open) > 0 && t.open[0].node == 0 {
			nodeless = append(nodeless, t)
		}
	}
	if err := w.findNodes(ctx, tx, nodeless); err != nil {
		return nil, err
	}
	for _, t := range w.tracks {
		if !t.dirty {
			continue
		}
		if t.moved {
			moved = append(moved, t.person)
		}
		gone = append(gone, t.gone...)
		for _, r := range slices.Concat(t.closed, t.open) {
			if r.node != 0 {
				rows = append(rows, r)
			}
		}
	}
	slices.Sort(moved)
	slices.SortFunc(rows, bySpan)
	slices.SortFunc(gone, bySpan)
	err = tx.BulkDeleteRows(ctx, "stage_spans", spanColumns[:3], len(gone), func(i int, args []any) {
		args[0], args[1], args[2] = w.x.ID, int64(gone[i].node), gone[i].began
	})
	if err != nil {
		return nil, err
	}
	u := store.Upsert{Table: "stage_spans", Columns: spanColumns, Key: spanColumns[:3]}
	return moved, tx.BulkUpsert(ctx, u, len(rows), func(i int, args []any) {
		r := &rows[i]
		args[0], args[1], args[2], args[3], args[4] = w.x.ID, int64(r.node), r.began, r.ended, int64(r.person)
		args[5], args[6], args[7], args[8], args[9] = r.stage, r.origin, r.why, r.cause, r.message
		args[10], args[11], args[12], args[13] = r.holds, r.reached, r.doubt, r.shown
	})
}

// bySpan is the order of the key.
func bySpan(a, b span) int {
	switch {
	case a.node != b.node:
		return int(max(-1, min(1, int64(a.node)-int64(b.node))))
	case a.began < b.began:
		return -1
	case a.began > b.began:
		return 1
	}
	return 0
}

// findNodes gives a node to what nobody's event brought about: that of the identifier which stands for the person.
// Who has none any more gets no row.
func (w *writer) findNodes(ctx context.Context, tx *store.Tx, list []*track) error {
	if len(list) == 0 {
		return nil
	}
	persons := make([]touchstone.PersonID, len(list))
	for i, t := range list {
		persons[i] = t.person
	}
	ids, err := w.s.cfg.Strongest(ctx, persons)
	if err != nil {
		return err
	}
	for _, t := range list {
		id, ok := ids[t.person]
		if !ok {
			continue
		}
		node, _, err := w.s.cfg.Persons.Find(ctx, tx, id)
		if err != nil {
			return err
		}
		for i := range t.open {
			if t.open[i].node == 0 {
				t.open[i].node = node
			}
		}
		for i := range t.closed {
			if t.closed[i].node == 0 {
				t.closed[i].node = node
			}
		}
	}
	return nil
}
