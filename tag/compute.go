package tag

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/internal/randid"
	"github.com/touchstone-cdp/touchstone/job"
	"github.com/touchstone-cdp/touchstone/store"
)

// The jobs of tags.
const (
	ComputeJob = "tags.compute" // JobInput: all values of a tag anew
	GiveJob    = "tags.give"    // GiveInput: a value to all of a segment
	DeleteJob  = "tags.delete"  // JobInput: the tag with all values
)

// JobInput names a tag.
type JobInput struct {
	Tag string `json:"tag"`
}

// GiveInput gives a value to the members that a segment has now.
type GiveInput struct {
	Tag     string          `json:"tag"`
	Segment string          `json:"segment"`
	Value   touchstone.JSON `json:"value"`
}

// JobKinds are the jobs of tags.
func (t *Tags) JobKinds() []job.Kind {
	why := touchstone.Operation("what is known is computed; who acts on it asks")
	prepare := func(key string) func(context.Context, *access.Viewer, touchstone.JSON) (job.Prepared, error) {
		return func(ctx context.Context, _ *access.Viewer, input touchstone.JSON) (job.Prepared, error) {
			var in JobInput
			if json.Unmarshal([]byte(input), &in) != nil {
				return job.Prepared{}, touchstone.Errorf(touchstone.Invalid, "input: is not of the form {\"tag\":\"tag_…\"}")
			}
			x, err := t.get(ctx, t.cfg.DB.Reader(), in.Tag)
			return job.Prepared{Input: input, Subject: x.ID, Title: x.Name, Key: key + x.ID}, err
		}
	}
	return []job.Kind{
		{Name: ComputeJob, Serves: why, Start: mayWrite, Prepare: prepare("tag:"), Run: t.compute},
		{Name: DeleteJob, Serves: why, Start: mayApprove, Prepare: prepare("tag:"), Run: t.delete},
		{Name: GiveJob, Serves: why, Start: mayGive, Prepare: t.prepareGive, Run: t.give},
	}
}

func inputTag(r job.Run) (string, error) {
	var in JobInput
	err := json.Unmarshal([]byte(r.Input()), &in)
	return in.Tag, err
}

// computed is the result of a run.
type computed struct {
	Asked   int64 `json:"asked"`   // persons
	Changed int64 `json:"changed"` // of whom so many had another value
	Unknown int64 `json:"unknown,omitempty"`
}

// compute finds out who has another value than they should, and has that written. Interrupted, it begins anew: what was
// written no longer differs.
func (t *Tags) compute(ctx context.Context, r job.Run) (touchstone.JSON, error) {
	id, err := inputTag(r)
	if err != nil {
		return "", err
	}
	began := t.cfg.Clock.Now()
	x, err := t.get(ctx, t.cfg.DB.Reader(), id)
	if err != nil {
		return "", err
	}
	if x.Serving == 0 {
		return "", touchstone.Errorf(touchstone.Conflict, "%s gives no values yet", x.Name).WithHint("have its definition approved")
	}
	if _, err := t.set(ctx, `UPDATE tags SET began_at = ? WHERE id = ?`, began.UnixMilli(), id); err != nil {
		return "", err
	}
	mark := x.built
	if x.Kind == Rule { // before anybody is asked: what is built meanwhile is looked at again
		v := Version{Version: x.Serving, Definition: x.Definition}
		built, now, _, err := t.cfg.Rules.TagRulesBuilt(ctx, t.cfg.DB.Reader(), v.sets(id))
		if err != nil {
			return "", err
		}
		if built {
			mark = now
		}
	}
	var result computed
	if x.Kind == SQL {
		result, err = t.bySQL(ctx, r, &x)
	} else {
		result, err = t.refreshAll(ctx, r, &x)
	}
	if err != nil {
		if ctx.Err() == nil && touchstone.KindOf(err) != touchstone.Unavailable && !store.IsTrouble(err) {
			_, _ = t.set(ctx, `UPDATE tags SET failure = ? WHERE id = ?`, cut(err.Error(), maxText), id)
		}
		return "", err
	}
	if _, err := t.set(ctx, `UPDATE tags SET computed_at = ?, failure = '', built = ? WHERE id = ? AND serving = ?`, began.UnixMilli(), mark, id, x.Serving); err != nil {
		return "", err
	}
	if err := t.note(ctx, id, nil); err != nil {
		return "", err
	}
	text, err := json.Marshal(result)
	return touchstone.JSON(text), err
}

// cut shortens a text to n bytes.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	return strings.ToValidUTF8(text[:n], "")
}

func (t *Tags) set(ctx context.Context, statement string, args ...any) (n int64, err error) {
	err = t.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		res, err := tx.Exec(ctx, statement, args...)
		if err != nil {
			return err
		}
		n, err = res.RowsAffected()
		return err
	})
	return n, err
}

// having returns who has a value of a tag, and which.
func (t *Tags) having(ctx context.Context, id string) (map[touchstone.PersonID]touchstone.JSON, error) {
	return t.holding(ctx, id, 0)
}

// holding returns those of them whose value does not end by a moment.
func (t *Tags) holding(ctx context.Context, id string, until int64) (map[touchstone.PersonID]touchstone.JSON, error) {
	rows, err := t.cfg.DB.Reader().Query(ctx, `SELECT person, value FROM tag_values WHERE tag = ? AND current = 1 AND value <> 'null' AND (expires = 0 OR expires > ?)`, id, until)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[touchstone.PersonID]touchstone.JSON{}
	for rows.Next() {
		var person int64
		var value string
		if err := rows.Scan(&person, &value); err != nil {
			return nil, err
		}
		out[touchstone.PersonID(person)] = touchstone.JSON(value)
	}
	return out, rows.Err()
}

// candidates are all who have a value, or may have one.
func (t *Tags) candidates(ctx context.Context, x *Tag) ([]touchstone.PersonID, error) {
	have, err := t.having(ctx, x.ID)
	if err != nil {
		return nil, err
	}
	list := make([]touchstone.PersonID, 0, len(have))
	for p := range have {
		list = append(list, p)
	}
	switch x.Kind {
	case Rule:
		v := Version{Version: x.Serving, Definition: x.Definition}
		for _, set := range v.sets(x.ID) {
			members, err := t.cfg.Rules.MemberIDs(ctx, set)
			if err != nil {
				return nil, err
			}
			list = append(list, members...)
		}
	case Interest:
		if err := t.forgetEras(ctx, x); err != nil {
			return nil, err
		}
		rows, err := t.cfg.DB.Reader().Query(ctx, `SELECT DISTINCT person FROM tag_scores WHERE tag = ?`, x.ID)
		if err != nil {
			return nil, err
		}
		defer rows.Close()
		for rows.Next() {
			var p touchstone.PersonID
			if err := rows.Scan(&p); err != nil {
				return nil, err
			}
			list = append(list, p)
		}
		if err := rows.Err(); err != nil {
			return nil, err
		}
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}

// forgetEras deletes sums of versions that sum up otherwise, some at a time.
func (t *Tags) forgetEras(ctx context.Context, x *Tag) error {
	era, err := t.era(ctx, t.cfg.DB.Reader(), x)
	if err != nil {
		return err
	}
	for {
		n, err := t.set(ctx, `DELETE FROM tag_scores WHERE tag = ? AND version <> ? AND node IN (SELECT node FROM tag_scores WHERE tag = ? AND version <> ? ORDER BY node LIMIT 2000)`, x.ID, era, x.ID, era)
		if err != nil || n == 0 {
			return err
		}
	}
}

// refreshAll has those decided again who have another value than what is kept says.
func (t *Tags) refreshAll(ctx context.Context, r job.Run, x *Tag) (result computed, err error) {
	persons, err := t.candidates(ctx, x)
	if err != nil {
		return result, err
	}
	total := int64(len(persons))
	for some := range slices.Chunk(persons, maxPersonsIn) {
		list := make([]named, len(some))
		for i, p := range some {
			list[i].person = p
		}
		answers, err := t.decide(ctx, t.cfg.DB.Reader(), x, list, t.now())
		if err != nil {
			return result, err
		}
		have, err := current(ctx, t.cfg.DB.Reader(), x.ID, some)
		if err != nil {
			return result, err
		}
		var differ []touchstone.PersonID
		for _, p := range some {
			a, h := answers[p], have[p]
			if cmp.Or(a.value, "null") != cmp.Or(h.value, "null") {
				differ = append(differ, p)
			}
		}
		if len(differ) > 0 {
			n, err := t.refresh(ctx, x.ID, differ, randid.New("cmd"))
			if err != nil {
				return result, err
			}
			result.Changed += int64(n)
		}
		result.Asked += int64(len(some))
		r.Report(result.Asked, total)
	}
	return result, nil
}

// maxRows bounds what a query may return.
const maxRows = 1_000_000

// bySQL asks the query who has what, and writes what differs.
func (t *Tags) bySQL(ctx context.Context, r job.Run, x *Tag) (result computed, err error) {
	r.Note(touchstone.Textf("Asking the warehouse"))
	want := map[touchstone.PersonID]touchstone.JSON{}
	row := 0 // failures are kept, and say nothing of persons
	err = t.cfg.Query(ctx, x.Definition.SQL, func(person string, value touchstone.JSON) error {
		row++
		p, ok := touchstone.ParsePersonID(person)
		if !ok {
			if strings.HasPrefix(person, "nobody_") { // whose events are anonymous by now
				return nil
			}
			return touchstone.Errorf(touchstone.Invalid, "sql: the column person of row %d is no person", row).WithHint("select person, … from events: it looks like p_1a2b")
		}
		value, err := checkValue(fmt.Sprintf("sql: the value of row %d", row), value)
		if err != nil {
			return err
		}
		if value != "null" {
			want[p] = value
		}
		return nil
	})
	if err != nil {
		return result, err
	}
	have, err := t.having(ctx, x.ID)
	if err != nil {
		return result, err
	}
	// What is the same goes on: it is written again once half of its time is over.
	lasting := have
	if hours := x.Definition.ExpiresHours; hours > 0 {
		half := time.Duration(hours) * time.Hour / 2
		if lasting, err = t.holding(ctx, x.ID, t.cfg.Clock.Now().Add(half).UnixMilli()); err != nil {
			return result, err
		}
	}
	differ := map[touchstone.PersonID]touchstone.JSON{}
	for p, v := range want {
		if lasting[p] != v {
			differ[p] = v
		}
	}
	for p := range have {
		if want[p] == "" {
			differ[p] = "null"
		}
	}
	result.Asked = int64(len(want))
	r.Note(touchstone.Textf("Writing what has changed"))
	result.Changed, result.Unknown, err = t.submit(ctx, x.ID, fmt.Sprintf("sql, version %d", x.Serving), differ, r.Report)
	return result, err
}

// submit writes values of persons by commands.
func (t *Tags) submit(ctx context.Context, tag, origin string, values map[touchstone.PersonID]touchstone.JSON, report func(done, total int64)) (changed, unknown int64, err error) {
	persons := make([]touchstone.PersonID, 0, len(values))
	for p := range values {
		persons = append(persons, p)
	}
	slices.Sort(persons)
	done := int64(0)
	for some := range slices.Chunk(persons, maxPersonsIn) {
		ids, err := t.cfg.Strongest(ctx, some)
		if err != nil {
			return changed, unknown, err
		}
		in := WriteBody{Tag: tag, Origin: origin}
		for _, p := range some {
			if id, ok := ids[p]; ok {
				in.Values = append(in.Values, Given{id.String(), values[p]})
			} else {
				unknown++ // merged, or erased, since
			}
		}
		w, err := t.writeAll(ctx, in, "tags")
		if err != nil {
			return changed, unknown, err
		}
		changed, unknown, done = changed+int64(w.Changed), unknown+int64(w.Unknown), done+int64(len(some))
		report(done, int64(len(persons)))
	}
	return changed, unknown, nil
}

// writeAll has values written, by as many commands as their size needs.
func (t *Tags) writeAll(ctx context.Context, in WriteBody, actor string) (sum Written, err error) {
	for values := in.Values; len(values) > 0; {
		n, size := 0, 0
		for n < len(values) && n < maxPersonsIn && (n == 0 || size < maxBody) {
			size += len(values[n].Person) + len(values[n].Value) + 40
			n++
		}
		in.Values, values = values[:n], values[n:]
		body, err := json.Marshal(in)
		if err != nil {
			return sum, err
		}
		text, err := t.cfg.Submit(ctx, touchstone.Command{ID: randid.New("cmd"), Kind: WriteCommand, Actor: actor, Body: touchstone.JSON(body)})
		if err != nil {
			return sum, err
		}
		var w Written
		if err := json.Unmarshal([]byte(text), &w); err != nil {
			return sum, err
		}
		sum.Changed, sum.Unknown = sum.Changed+w.Changed, sum.Unknown+w.Unknown
	}
	return sum, nil
}

// maxBody bounds the values of a command, in bytes; the whole may have 256 KiB.
const maxBody = 128 << 10

func (t *Tags) prepareGive(ctx context.Context, _ *access.Viewer, input touchstone.JSON) (job.Prepared, error) {
	var in GiveInput
	if json.Unmarshal([]byte(input), &in) != nil {
		return job.Prepared{}, touchstone.Errorf(touchstone.Invalid, "input: is not of the form {\"tag\":\"tag_…\",\"segment\":\"seg_…\",\"value\":…}")
	}
	if _, err := checkValue("value", in.Value); err != nil {
		return job.Prepared{}, err
	}
	x, err := t.get(ctx, t.cfg.DB.Reader(), in.Tag)
	if err == nil {
		err = x.takes()
	}
	if err == nil {
		_, err = t.cfg.Rules.MemberIDs(ctx, in.Segment)
	}
	return job.Prepared{Input: input, Subject: x.ID, Title: x.Name, Key: "give:" + x.ID + ":" + in.Segment}, err
}

// takes tells whether values can be given by hand, by file or by a model.
func (t *Tag) takes() error {
	switch {
	case !t.Kind.written():
		return touchstone.Errorf(touchstone.Conflict, "values of %s are computed by its definition and not written", t.Name)
	case t.Serving == 0:
		return touchstone.Errorf(touchstone.Conflict, "%s gives no values yet", t.Name).WithHint("have its definition approved")
	}
	return nil
}

func (t *Tags) give(ctx context.Context, r job.Run) (touchstone.JSON, error) {
	var in GiveInput
	if err := json.Unmarshal([]byte(r.Input()), &in); err != nil {
		return "", err
	}
	value, err := checkValue("value", in.Value)
	if err != nil {
		return "", err
	}
	members, err := t.cfg.Rules.MemberIDs(ctx, in.Segment)
	if err != nil {
		return "", err
	}
	values := make(map[touchstone.PersonID]touchstone.JSON, len(members))
	for _, p := range members {
		values[p] = value
	}
	result := computed{Asked: int64(len(members))}
	if result.Changed, result.Unknown, err = t.submit(ctx, in.Tag, in.Segment, values, r.Report); err != nil {
		return "", err
	}
	text, err := json.Marshal(result)
	return touchstone.JSON(text), err
}

// delete takes everybody's value away and then forgets the tag, so that no trait of it is left.
func (t *Tags) delete(ctx context.Context, r job.Run) (touchstone.JSON, error) {
	id, err := inputTag(r)
	if err != nil {
		return "", err
	}
	for {
		have, err := t.having(ctx, id)
		if err != nil {
			return "", err
		}
		if len(have) == 0 {
			break
		}
		if _, err := t.set(ctx, `UPDATE tags SET kind = ?, updated_at = ? WHERE id = ? AND kind <> ?`, string(Manual), t.now(), id, string(Manual)); err != nil {
			return "", err // from now on nothing gives it a value
		}
		for p := range have {
			have[p] = "null"
		}
		changed, _, err := t.submit(ctx, id, "deleted", have, r.Report)
		if err != nil {
			return "", err
		}
		if changed == 0 {
			break // who is left cannot be named any more
		}
	}
	return "{}", t.cfg.DB.Retry(ctx, func(tx *store.Tx) error { return t.forget(ctx, tx, id) })
}
