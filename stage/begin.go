package stage

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/internal/randid"
	"github.com/touchstone-cdp/touchstone/job"
	"github.com/touchstone-cdp/touchstone/store"
)

// The jobs of stages.
const (
	BeginJob  = "stages.begin"  // JobInput: everybody is asked where they stand
	DeleteJob = "stages.delete" // JobInput: the life cycle with all spans
)

// JobInput names a life cycle.
type JobInput struct {
	Cycle string `json:"cycle"`
}

// JobKinds are the jobs of stages.
func (s *Stages) JobKinds() []job.Kind {
	why := touchstone.Operation("what is known is computed; who acts on it asks")
	prepare := func(ctx context.Context, _ *access.Viewer, input touchstone.JSON) (job.Prepared, error) {
		var in JobInput
		if json.Unmarshal([]byte(input), &in) != nil {
			return job.Prepared{}, touchstone.Errorf(touchstone.Invalid, "input: is not of the form {\"cycle\":\"cyc_…\"}")
		}
		x, err := s.get(ctx, s.cfg.DB.Reader(), in.Cycle)
		return job.Prepared{Input: input, Subject: x.ID, Title: x.Name, Key: "stage:" + x.ID}, err
	}
	return []job.Kind{
		{Name: BeginJob, Serves: why, Start: mayWrite, Prepare: prepare, Run: s.begin},
		{Name: DeleteJob, Serves: why, Start: mayWrite, Prepare: prepare, Run: s.delete},
	}
}

func inputCycle(r job.Run) (string, error) {
	var in JobInput
	err := json.Unmarshal([]byte(r.Input()), &in)
	return in.Cycle, err
}

// asked is the result of a run.
type asked struct {
	Asked   int64 `json:"asked"`
	Changed int64 `json:"changed"`
}

// begin asks the sets of the version that decides where everybody stands. Interrupted, it begins anew: whoever stands
// right is left alone.
func (s *Stages) begin(ctx context.Context, r job.Run) (touchstone.JSON, error) {
	id, err := inputCycle(r)
	if err != nil {
		return "", err
	}
	x, err := s.get(ctx, s.cfg.DB.Reader(), id)
	if err != nil {
		return "", err
	}
	if x.Serving == 0 {
		return "", touchstone.Errorf(touchstone.Conflict, "%s does not decide yet: its rules are being built", x.Name)
	}
	built, mark, _, err := s.cfg.Rules.TagRulesBuilt(ctx, s.cfg.DB.Reader(), x.sets()) // before anybody is asked: what is built meanwhile is looked at again
	if err != nil {
		return "", err
	}
	result, err := s.askAll(ctx, r, &x)
	if err != nil {
		if ctx.Err() == nil && touchstone.KindOf(err) != touchstone.Unavailable && !store.IsTrouble(err) {
			s.failed(ctx, id, err.Error())
		}
		return "", err
	}
	if built {
		err = s.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
			_, err := tx.Exec(ctx, `UPDATE stage_cycles SET built = ?, failure = '' WHERE id = ? AND serving = ?`, mark, id, x.Serving)
			return err
		})
	}
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(result)
	return touchstone.JSON(text), err
}

func (s *Stages) failed(ctx context.Context, id, why string) {
	why = strings.ToValidUTF8(why[:min(len(why), maxText)], "")
	err := s.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE stage_cycles SET failure = ? WHERE id = ?`, why, id)
		return err
	})
	if err != nil {
		s.cfg.Logger.Warn("why a life cycle does not begin could not be written down", "cycle", id, "error", err)
	}
}

// askAll asks all whom a rule holds for, and all who stand somewhere.
func (s *Stages) askAll(ctx context.Context, r job.Run, x *Cycle) (result asked, err error) {
	var persons []touchstone.PersonID
	for _, set := range x.sets() {
		members, err := s.cfg.Rules.MemberIDs(ctx, set)
		if err != nil {
			return result, err
		}
		persons = append(persons, members...)
	}
	rows, err := s.cfg.DB.Reader().Query(ctx, `SELECT DISTINCT person FROM stage_spans WHERE cycle = ? AND ended = 0`, x.ID)
	if err != nil {
		return result, err
	}
	defer rows.Close()
	for rows.Next() {
		var p touchstone.PersonID
		if err := rows.Scan(&p); err != nil {
			return result, err
		}
		persons = append(persons, p)
	}
	if err := rows.Err(); err != nil {
		return result, err
	}
	slices.Sort(persons)
	persons = slices.Compact(persons)
	r.Note(touchstone.Textf("Asking the warehouse since when the rules hold"))
	past, err := s.past(ctx, x)
	if err != nil {
		return result, err
	}
	total := int64(len(persons))
	for some := range slices.Chunk(persons, maxPersonsIn) {
		var moved []touchstone.PersonID
		err := s.cfg.DB.Retry(ctx, func(tx *store.Tx) (err error) {
			if moved, err = s.ask(ctx, tx, x, some, past, whyStart); err != nil {
				return err
			}
			return r.SaveIn(ctx, tx, result.Asked, total, "")
		})
		if err == nil && len(moved) > 0 {
			_, err = s.submitShow(ctx, x.ID, moved, randid.New("cmd"))
		}
		if err != nil {
			return result, err
		}
		result.Asked, result.Changed = result.Asked+int64(len(some)), result.Changed+int64(len(moved))
		r.Report(result.Asked, total)
	}
	return result, nil
}

// past tells, by place, since when rules hold; nil of those that do not tell.
func (s *Stages) past(ctx context.Context, x *Cycle) ([]map[touchstone.PersonID]time.Time, error) {
	list := make([]map[touchstone.PersonID]time.Time, len(x.Definition.Stages)+1)
	for i := range x.Definition.Stages {
		at, known, err := s.cfg.Rules.Since(ctx, x.Definition.Stages[i].Rule)
		if err != nil {
			return nil, err
		}
		if known {
			list[i+1] = at
		}
	}
	return list, nil
}

// ask has persons stand where the sets say. Who has no span yet gets those of the past, as far as the rules tell it.
func (s *Stages) ask(ctx context.Context, tx *store.Tx, x *Cycle, persons []touchstone.PersonID, past []map[touchstone.PersonID]time.Time, why string) ([]touchstone.PersonID, error) {
	w, err := s.writer(ctx, tx, x, persons)
	if err != nil {
		return nil, err
	}
	in, err := s.cfg.Rules.InTagRules(ctx, tx, x.sets(), persons)
	if err != nil {
		return nil, err
	}
	now := s.now()
	for _, person := range persons {
		t := w.tracks[person]
		holds := make([]int, len(in[person]))
		for i, n := range in[person] {
			holds[i] = n + 1
		}
		if len(t.open) == 0 && t.last.ended == 0 && past != nil {
			for _, m := range earlier(w.p, holds, past, person, now) {
				w.change(t, w.p.of[m.cause], true, m)
			}
		}
		for i := range t.open {
			if t.open[i].doubt != 0 {
				s.metrics.doubt.Inc()
				t.moved, t.dirty, t.open[i].doubt = true, true, 0
			}
		}
		w.hold(t, holds, move{at: now, why: why})
	}
	return w.save(ctx, tx)
}

// earlier are the moves of somebody's past, as far as it is known, in the order of time.
func earlier(p places, holds []int, past []map[touchstone.PersonID]time.Time, person touchstone.PersonID, now int64) (list []move) {
	for _, at := range holds {
		if at >= len(past) || past[at] == nil {
			continue
		}
		if since, ok := past[at][person]; ok && since.UnixMilli() < now {
			list = append(list, move{at: since.UnixMilli(), why: whyEntered, cause: p.key(at)})
		}
	}
	slices.SortStableFunc(list, func(a, b move) int { return cmp.Compare(a.at, b.at) })
	return list
}

// delete takes a life cycle away: its traits first, then its rows.
func (s *Stages) delete(ctx context.Context, r job.Run) (touchstone.JSON, error) {
	id, err := inputCycle(r)
	if err != nil {
		return "", err
	}
	if err := s.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		if _, err := tx.Exec(ctx, `UPDATE stage_cycles SET retired = 1 WHERE id = ?`, id); err != nil {
			return err
		}
		return s.cfg.Touch(ctx, tx)
	}); err != nil {
		return "", err
	}
	rows, err := s.cfg.DB.Reader().Query(ctx, `SELECT DISTINCT person FROM stage_spans WHERE cycle = ? AND shown <> 0 ORDER BY person`, id)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	var persons []touchstone.PersonID
	for rows.Next() {
		var p touchstone.PersonID
		if err := rows.Scan(&p); err != nil {
			return "", err
		}
		persons = append(persons, p)
	}
	if err := rows.Err(); err != nil {
		return "", err
	}
	done := int64(0)
	for some := range slices.Chunk(persons, maxPersonsIn) {
		if _, err := s.submitShow(ctx, id, some, randid.New("cmd")); err != nil {
			return "", err
		}
		done += int64(len(some))
		r.Report(done, int64(len(persons)))
	}
	return "{}", s.forget(ctx, id)
}

// forget deletes a life cycle, its spans some at a time.
func (s *Stages) forget(ctx context.Context, id string) error {
	for {
		var n int64
		err := s.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
			res, err := tx.Exec(ctx, `DELETE FROM stage_spans WHERE cycle = ? AND person IN (SELECT person FROM stage_spans WHERE cycle = ? ORDER BY person LIMIT 2000)`, id, id)
			if err != nil {
				return err
			}
			n, err = res.RowsAffected()
			return err
		})
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
	}
	return s.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		list, err := s.read(ctx, tx, selectCycles+` WHERE c.id = ?`, id)
		if err != nil || len(list) == 0 {
			return err
		}
		for _, version := range slices.Compact([]int64{list[0].Serving, list[0].Version}) {
			if err := s.dropSets(ctx, tx, id, version); err != nil {
				return err
			}
		}
		for _, table := range []string{"stage_versions WHERE cycle", "stage_cycles WHERE id"} {
			if _, err := tx.Exec(ctx, `DELETE FROM `+table+` = ?`, id); err != nil {
				return err
			}
		}
		return s.cfg.Touch(ctx, tx)
	})
}
