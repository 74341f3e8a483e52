package segment

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// TestIncrementalEqualsBatch lets a random history happen to the stage: events early and
// late, traits, merges, failed batches, restarts, time; segments made, changed and deleted
// and built in the midst of it. At every moment the members of every live segment are
// those that the batch evaluator finds in the whole history, and the changes that were
// emitted lead to them.
func TestIncrementalEqualsBatch(t *testing.T) {
	db := openDB(t)
	rapid.Check(t, func(t *rapid.T) {
		wipe(t, db)
		h := &history{world: newWorld(t, db), t: t, static: map[string][]touchstone.PersonID{}, told: map[string]map[touchstone.PersonID]bool{}}
		h.committed = h.tell
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			h.step()
			h.check()
		}
		h.settle()
		h.check()
	})
}

func wipe(t *rapid.T, db *store.DB) {
	w := &world{t: t, db: db}
	w.open()
	err := db.Update(ctx, func(tx *store.Tx) error {
		for _, table := range []string{"segments", "segment_generations", "segment_leaves", "segment_states", "segment_members",
			"segment_static", "segment_moved", "segment_changes", "segment_days", "segment_positions"} {
			if _, err := tx.Exec(ctx, `DELETE FROM `+table); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

type history struct {
	*world
	t      *rapid.T
	ids    []string
	static map[string][]touchstone.PersonID
	told   map[string]map[touchstone.PersonID]bool // members by the changes emitted
	named  int
	inside bool // of a household condition
}

func (h *history) person() touchstone.PersonID {
	return touchstone.PersonID(rapid.IntRange(1, 6).Draw(h.t, "person"))
}

func (h *history) step() {
	t := h.t
	switch rapid.SampledFrom([]string{"batch", "batch", "batch", "advance", "advance", "create", "static", "update", "delete", "build", "idle", "restart", "split", "move", "move"}).Draw(t, "step") {
	case "batch":
		for range rapid.IntRange(1, 4).Draw(t, "facts") {
			h.fact()
		}
		h.next()
		h.commit(rapid.SampledFrom([]int{0, 0, 0, 1, 2}).Draw(t, "failures"))
	case "advance":
		h.advance(time.Duration(rapid.SampledFrom([]int{1, 2, 3, 5, 8, 13, 15, 40_000}).Draw(t, "seconds")) * time.Second)
	case "create":
		h.create()
	case "static":
		h.named++
		persons := rapid.SliceOfN(rapid.IntRange(1, 6), 0, 4).Draw(t, "persons")
		var list []touchstone.PersonID
		for _, p := range persons {
			if c := h.current(touchstone.PersonID(p)); h.people[c] != nil {
				list = append(list, touchstone.PersonID(p))
			}
		}
		g, err := h.segs.CreateStatic(ctx, Draft{Name: fmt.Sprint("s", h.named)}, list)
		if err != nil {
			t.Fatal(err)
		}
		h.static[g.ID] = list
		h.ids = append(h.ids, g.ID)
	case "update":
		if len(h.ids) > 0 {
			id := rapid.SampledFrom(h.ids).Draw(t, "id")
			text := touchstone.JSON(h.rule(2))
			_, err := h.segs.Update(ctx, id, Patch{Rule: &text})
			if err != nil && touchstone.KindOf(err) != touchstone.Invalid {
				t.Fatal(err)
			}
		}
	case "delete":
		if len(h.ids) > 0 {
			i := rapid.IntRange(0, len(h.ids)-1).Draw(t, "which")
			err := h.segs.Delete(ctx, h.ids[i])
			if err == nil {
				h.ids = slices.Delete(h.ids, i, i+1)
			} else if touchstone.KindOf(err) != touchstone.Conflict {
				t.Fatal(err)
			}
		}
	case "split":
		if gone := sortedPersons(h.merged); len(gone) > 0 {
			for id, list := range h.static { // a fixed list stays with the person who was in it
				if _, live := h.answering(id); !live { // half of it may be in
					h.settle()
				}
				for i, p := range list {
					h.static[id][i] = h.current(p)
				}
			}
			h.split(rapid.SampledFrom(gone).Draw(t, "gone"))
			h.settle() // until then the old reckoning answers
		}
	case "move":
		h.moves()
		h.commit(rapid.SampledFrom([]int{0, 0, 1}).Draw(t, "failures"))
	case "build":
		h.build()
	case "idle":
		h.commit(0)
	case "restart":
		h.open()
	}
}

// moves lets somebody move in or out, get another role, or grow up.
func (h *history) moves() {
	t := h.t
	at := h.now.UnixMilli()
	s := Seat{Household: int64(rapid.IntRange(1, 3).Draw(t, "household")), Person: h.person(), Score: int64(rapid.IntRange(1, 3).Draw(t, "score"))}
	s.From = at + 1000*int64(rapid.SampledFrom([]int{0, 0, 0, 5}).Draw(t, "from"))
	s.Until = at + 1000*int64(rapid.SampledFrom([]int{8, 20, 1 << 40}).Draw(t, "until"))
	s.ChildUntil = at + 1000*int64(rapid.SampledFrom([]int{-1, -1, 6}).Draw(t, "child"))
	s.Roles = rapid.SampledFrom([][]string{nil, {"payer"}, {"payer", "driver"}}).Draw(t, "roles")
	h.move(s, rapid.IntRange(0, 3).Draw(t, "in") > 0)
}

func (h *history) create() {
	if len(h.ids) == 6 {
		return
	}
	h.named++
	g, err := h.segs.Create(ctx, Draft{Name: fmt.Sprint("s", h.named), Rule: touchstone.JSON(h.rule(3))})
	if err != nil {
		h.t.Fatal(err)
	}
	h.ids = append(h.ids, g.ID)
	if rapid.Bool().Draw(h.t, "at once") {
		h.settle()
	}
}

func (h *history) fact() {
	t := h.t
	p := h.person()
	switch rapid.IntRange(0, 7).Draw(t, "fact") {
	case 0:
		h.merge(p, h.person())
	case 1, 2:
		if rapid.IntRange(0, 2).Draw(t, "dated") == 0 { // a moment in the story, or a day that comes again
			at := time.Date(2026, 1, 1, 0, 0, rapid.IntRange(-30, 90).Draw(t, "moment"), 0, time.UTC)
			h.trait(p, "d", touchstone.JSON(rapid.SampledFrom([]string{`"` + at.Format(time.RFC3339) + `"`, fmt.Sprint(at.Unix()), `"1999-01-02"`, `"x"`, ""}).Draw(t, "date")))
			return
		}
		h.trait(p, rapid.SampledFrom([]string{"a", "b"}).Draw(t, "trait"), touchstone.JSON(rapid.SampledFrom([]string{"1", `"x"`, `["x",1]`, ""}).Draw(t, "value")))
	default:
		ago := rapid.SampledFrom([]int{0, 0, 0, 0, 1, 3, 8, 20, -3}).Draw(t, "ago")
		h.event(p, time.Duration(ago)*time.Second, rapid.SampledFrom([]string{"A", "B"}).Draw(t, "event"),
			touchstone.JSON(fmt.Sprintf(`{"n":%d}`, rapid.IntRange(1, 3).Draw(t, "n"))))
	}
}

// rule draws a rule; it may refer to segments that exist.
func (h *history) rule(depth int) string {
	t := h.t
	kind := rapid.IntRange(0, 11).Draw(t, "kind")
	if depth == 0 && kind < 3 {
		kind = 9
	}
	switch {
	case kind > 9 && !h.inside:
		h.inside = true
		of := h.rule(min(depth, 2))
		h.inside = false
		return fmt.Sprintf(`{"household":{%s%q:%s}}`, rapid.SampledFrom([]string{"", `"role":"payer",`, `"role":"child",`}).Draw(t, "role"),
			rapid.SampledFrom([]string{"any", "all", "none"}).Draw(t, "who"), of)
	case kind < 2:
		var parts []string
		for range rapid.IntRange(1, 3).Draw(t, "parts") {
			parts = append(parts, h.rule(depth-1))
		}
		return fmt.Sprintf(`{%q:[%s]}`, []string{"and", "or"}[kind], strings.Join(parts, ","))
	case kind == 2:
		return `{"not":` + h.rule(depth-1) + `}`
	case kind == 3 && len(h.ids) > 0:
		lasts := rapid.SampledFrom([]string{"", "", `,"for":"1s"`, `,"for":"4s"`, `,"for":"12s"`}).Draw(t, "for")
		return fmt.Sprintf(`{"segment":%q%s}`, rapid.SampledFrom(h.ids).Draw(t, "ref"), lasts)
	case kind <= 4:
		switch rapid.IntRange(0, 5).Draw(t, "trait kind") {
		case 0:
			from := rapid.IntRange(0, 9).Draw(t, "random from")
			return fmt.Sprintf(`{"random":{"salt":%q,"from":%d,"to":%d}}`, rapid.SampledFrom([]string{"a", "b"}).Draw(t, "salt"), 10*from, 10*from+rapid.IntRange(1, 10*(10-from)).Draw(t, "random part"))
		case 1, 2, 3:
			op := rapid.SampledFrom([]string{"ago_gt", "ago_lt", "ahead_lt", "ahead_gt", "after", "anniversary"}).Draw(t, "clocked")
			value := fmt.Sprintf(`"%ds"`, rapid.IntRange(1, 15).Draw(t, "length"))
			switch op {
			case "after":
				value = `"2026-01-01"`
			case "anniversary":
				value = fmt.Sprint(rapid.IntRange(-1, 1).Draw(t, "days"))
			}
			return fmt.Sprintf(`{"trait":"d","op":%q,"value":%s}`, op, value)
		case 4:
			return fmt.Sprintf(`{"trait":"a","op":%q,"value":["x",1]}`, rapid.SampledFrom([]string{"has_any", "has_all", "has_none"}).Draw(t, "list"))
		}
		return rapid.SampledFrom([]string{`{"trait":"a","op":"exists"}`, `{"trait":"a","op":"eq","value":1}`, `{"trait":"b","op":"not_exists"}`,
			`{"trait":"b","op":"neq","value":"x"}`}).Draw(t, "trait rule")
	}
	switch rapid.IntRange(0, 5).Draw(t, "measured") {
	case 0, 1:
		return h.measured()
	case 2:
		return h.sequence()
	}
	text := fmt.Sprintf(`{"event":%q`, rapid.SampledFrom([]string{"A", "B"}).Draw(t, "event"))
	if rapid.IntRange(0, 2).Draw(t, "filtered") == 0 {
		text += fmt.Sprintf(`,"where":[{"property":"n","op":"gte","value":%d}]`, rapid.IntRange(1, 3).Draw(t, "least"))
	}
	op := rapid.SampledFrom([]string{"gte", "gte", "lte", "eq"}).Draw(t, "op")
	least := 0
	if op == "gte" {
		least = 1
	}
	text += fmt.Sprintf(`,"count":{"op":%q,"value":%d}`, op, rapid.IntRange(least, 3).Draw(t, "count"))
	if rapid.IntRange(0, 3).Draw(t, "windowed") > 0 {
		text += fmt.Sprintf(`,"within":"%ds"`, rapid.IntRange(1, 15).Draw(t, "window"))
	}
	return text + "}"
}

// measured draws a condition on more than how often something happened up to now.
func (h *history) measured() string {
	t := h.t
	draw := func(name string, of ...string) string { return rapid.SampledFrom(of).Draw(t, name) }
	n := func(name string, least, most int) int { return rapid.IntRange(least, most).Draw(t, name) }
	where := draw("where", "", `,"where":[{"property":"n","op":"neq","value":2}]`)
	window := fmt.Sprintf(`,"within":"%ds"`, n("within", 1, 15))
	kinds := []string{"count", "sum", "avg", "min", "max", "distinct", "days", "last"}
	switch n("window kind", 0, 4) {
	case 0:
		window, kinds = "", append(kinds, "first")
	case 1:
		to := n("to", 1, 8)
		window, kinds = fmt.Sprintf(`,"ago":{"from":"%ds","to":"%ds"}`, to+n("longer", 1, 8), to), kinds[:5]
	case 2:
		window = fmt.Sprintf(`,"calendar":{"unit":"day","tz":%q}`, draw("zone", "UTC", "Asia/Shanghai"))
	case 3:
		since := time.Date(2026, 1, 1, 0, 0, n("since", -10, 60), 0, time.UTC)
		window, kinds = fmt.Sprintf(`,"since":%q,"until":%q`, since.Format(time.RFC3339), since.Add(10*time.Second).Format(time.RFC3339)), append(kinds, "first")
	}
	op := draw("op", "gte", "lte", "eq")
	least := 0
	if op == "gte" {
		least = 1
	}
	count := fmt.Sprintf(`"op":%q,"value":%d`, op, n("count", least, 3))
	kind := draw("measure", kinds...)
	of := map[string]string{"count": count, "days": count, "distinct": `"property":"n",` + count}[kind]
	if of == "" {
		of = fmt.Sprintf(`"property":"n","op":%q,"value":%d`, draw("compare", "gte", "lt", "eq"), n("value", 1, 6))
	}
	return fmt.Sprintf(`{"event":%q%s,%q:{%s}%s}`, draw("event", "A", "B"), where, kind, of, window)
}

// sequence draws one of two or three steps, of which the last may be what did not follow.
func (h *history) sequence() string {
	t := h.t
	var steps []string
	n := rapid.IntRange(2, 3).Draw(t, "steps of a sequence")
	for i := range n {
		step := fmt.Sprintf(`{"event":%q`, rapid.SampledFrom([]string{"A", "B"}).Draw(t, "event"))
		if rapid.IntRange(0, 2).Draw(t, "filtered") == 0 {
			step += fmt.Sprintf(`,"where":[{"property":"n","op":"gte","value":%d}]`, rapid.IntRange(1, 3).Draw(t, "least"))
		}
		not := i == n-1 && rapid.Bool().Draw(t, "not")
		if i > 0 && (not || rapid.Bool().Draw(t, "bounded")) {
			step += fmt.Sprintf(`,"within":"%ds"`, rapid.IntRange(1, 6).Draw(t, "step within"))
		}
		if not {
			step += `,"not":true`
		}
		steps = append(steps, step+"}")
	}
	window := ""
	if rapid.IntRange(0, 3).Draw(t, "windowed") > 0 {
		window = fmt.Sprintf(`,"within":"%ds"`, rapid.IntRange(1, 20).Draw(t, "window"))
	}
	return `{"sequence":[` + strings.Join(steps, ",") + "]" + window + "}"
}

func (h *history) check() {
	h.t.Helper()
	for _, id := range h.ids {
		want, got := h.expected(id, h.static), h.members(id)
		if !slices.Equal(want, got) {
			text, _ := h.answering(id)
			h.t.Fatalf("at %s segment %s %s\n incremental %v\n batch       %v", h.now.Format(time.TimeOnly), id, text, got, want)
		}
	}
	if h.segs.stage.table != nil {
		h.audit()
	}
}

// tell follows the changes that were emitted; a build that went live replaces the list.
func (h *history) tell() {
	for _, c := range h.changes {
		in := h.told[c.Name]
		if in == nil {
			h.t.Fatalf("%v of %s, which is not live", c.Kind, c.Name)
		}
		if entered := c.Kind == touchstone.SegmentEntered; in[c.Person] == entered {
			h.t.Fatalf("%s %v %s twice", c.Person, c.Kind, c.Name)
		} else if entered {
			in[c.Person] = true
		} else {
			delete(in, c.Person)
		}
	}
	h.changes = nil
	for _, in := range h.told { // an absorbed person ceases to be, without a word
		for p := range in {
			if h.merged[p] != 0 {
				delete(in, p)
			}
		}
	}
	t := h.segs.stage.table
	if t == nil {
		return
	}
	rows, err := h.db.Reader().Query(ctx, `SELECT id, live FROM segments`)
	if err != nil {
		h.t.Fatal(err)
	}
	defer rows.Close()
	lists := map[string]map[touchstone.PersonID]bool{}
	for rows.Next() {
		var id string
		var generation uint32
		if err := rows.Scan(&id, &generation); err != nil {
			h.t.Fatal(err)
		}
		if generation == 0 {
			continue
		}
		key := fmt.Sprint(id, " ", generation)
		in := h.told[key]
		if in == nil {
			in = map[touchstone.PersonID]bool{}
			for _, p := range h.members(id) {
				in[p] = true
			}
		}
		lists[key], lists[id] = in, in
		if got, want := sortedPersons(in), h.members(id); !slices.Equal(got, want) {
			h.t.Fatalf("segment %s: changes lead to %v, members are %v", id, got, want)
		}
	}
	h.told = lists
}
