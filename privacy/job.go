package privacy

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/job"
	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/store"
)

// EraseJob is the kind of the job that does the requests for erasure that wait.
const EraseJob = "privacy.erase"

// maxBodyBytes is what the body of a command may take, less than [command] allows.
const maxBodyBytes = 200 << 10

// Each command is a batch of the pipeline, in which no event comes in, so it is kept short, and the job
// waits after it for three times as long as it took.
const (
	leastTogether = 5
	firstTogether = 20
	shortBatch    = 100 * time.Millisecond
	shortBreath   = 50 * time.Millisecond
	longBreath    = 5 * time.Second
)

// pace is how many requests the next command does.
type pace int

// after takes up how long a command's batch took, and returns how long to wait.
func (p *pace) after(took time.Duration) time.Duration {
	switch {
	case took > shortBatch:
		*p = max(*p/2, leastTogether)
	case took < shortBatch/2:
		*p = min(*p*2, maxTogether)
	}
	return min(max(3*took, shortBreath), longBreath)
}

// EraseKind is the job that does what waits: some requests a command, each of which is one
// batch of the pipeline; then it waits for the warehouse and writes receipts. All that it has done
// is in the rows, so that another attempt goes on there.
func (p *Privacy) EraseKind() job.Kind {
	return job.Kind{Name: EraseJob, Serves: touchstone.Operation("a duty of the law"), Start: MayErase, Run: p.runErase,
		Prepare: func(context.Context, *access.Viewer, touchstone.JSON) (job.Prepared, error) {
			return job.Prepared{Input: "{}", Title: "Erasure requests", Key: EraseJob, Need: MayRead}, nil
		}}
}

// eraseResult is the job's.
type eraseResult struct {
	Requests int `json:"requests"`
	Done     int `json:"done"`
	Held     int `json:"held"`
	Nobody   int `json:"nobody"`
	Receipts int `json:"receipts"`
	Mentions int `json:"mentions"` // others of whom a trait named somebody, and was taken away
}

// mostMentions is how many others one run takes traits away from: a command each.
const mostMentions = 10_000

// unsetMentions takes traits away from others whose value names somebody whose erasure waits, as that
// of whoever recommended one. It comes first: as long as a request waits, it says whom to look for.
func (p *Privacy) unsetMentions(ctx context.Context, r job.Run, out *eraseResult) error {
	if p.cfg.Mentioning == nil {
		return nil
	}
	list, err := p.open(ctx)
	if err != nil || len(list) == 0 {
		return err
	}
	wholes, err := p.wholes(ctx, p.cfg.DB.Reader(), list)
	if err != nil {
		return err
	}
	all := slices.Concat(wholes...)
	own := make(map[touchstone.PersonID]bool, len(all))
	for i := range all {
		own[all[i].Person] = true
	}
	type mention struct {
		person touchstone.PersonID
		traits []string
	}
	var found []mention
	left := 0
	r.Note(touchstone.Textf("Looking for traits of others that name somebody"))
	err = p.cfg.Mentioning(ctx, keep.NewSearch(all), func(person touchstone.PersonID, traits []string) error {
		switch {
		case own[person]:
		case len(found) == mostMentions:
			left++
		default:
			found = append(found, mention{person, traits})
		}
		return nil
	})
	if err != nil {
		return err
	}
	if left > 0 {
		p.cfg.Logger.Warn("traits of others name people who are erased; only some of them were taken away", "others", left, "most", mostMentions)
	}
	for _, m := range found {
		switch err := p.cfg.Unset(ctx, m.person, m.traits); touchstone.KindOf(err) {
		case touchstone.NotFound, touchstone.Conflict: // is nobody any more
		default:
			if err != nil {
				return err
			}
			out.Mentions++
		}
	}
	return nil
}

// open returns the identifiers of each erasure that waits.
func (p *Privacy) open(ctx context.Context) (lists [][]string, err error) {
	err = keep.Each(ctx, p.cfg.DB.Reader(), `SELECT identifiers FROM privacy_requests WHERE kind = 'erasure' AND state = 'waiting' AND identifiers <> '' ORDER BY asked_at, id LIMIT ?`, []any{maxBulk}, func(scan func(...any) error) error {
		var text string
		if err := scan(&text); err != nil {
			return err
		}
		var ids []string
		err := json.Unmarshal([]byte(text), &ids)
		lists = append(lists, ids)
		return err
	})
	return lists, err
}

func (p *Privacy) runErase(ctx context.Context, r job.Run) (touchstone.JSON, error) {
	var out eraseResult
	if text := r.State(); text != "" {
		if err := json.Unmarshal([]byte(text), &out); err != nil {
			return "", err
		}
	}
	if err := p.unsetMentions(ctx, r, &out); err != nil {
		return "", err
	}
	for pace := pace(firstTogether); ; {
		began := time.Now()
		p.batchTook.Store(0)
		n, err := p.eraseSome(ctx, r.ID(), int(pace), &out)
		if err != nil {
			return "", err
		}
		if n == 0 {
			break
		}
		out.Requests += n
		waiting, err := p.waiting(ctx)
		if err != nil {
			return "", err
		}
		if err := p.saveJob(ctx, r, &out, int64(out.Requests)+waiting); err != nil {
			return "", err
		}
		took := time.Duration(p.batchTook.Load())
		if took == 0 { // the pipeline is another process's
			took = time.Since(began) / 2
		}
		if !sleep(ctx, pace.after(took)) {
			return "", ctx.Err()
		}
	}
	r.Note(touchstone.Textf("Waiting for the warehouse"))
	if err := p.awaitCopied(ctx); err != nil {
		return "", err
	}
	r.Note(touchstone.Textf("Writing receipts"))
	n, err := p.WriteReceipts(ctx)
	if err != nil {
		return "", err
	}
	out.Receipts += n
	text, err := json.Marshal(out)
	return touchstone.JSON(text), err
}

func (p *Privacy) saveJob(ctx context.Context, r job.Run, out *eraseResult, total int64) error {
	text, err := json.Marshal(out)
	if err != nil {
		return err
	}
	return r.Save(ctx, int64(out.Requests), total, touchstone.JSON(text))
}

// Waits tells whether requests for erasure wait to be done.
func (p *Privacy) Waits(ctx context.Context) (bool, error) {
	n, err := p.waiting(ctx)
	return n > 0, err
}

func (p *Privacy) waiting(ctx context.Context) (n int64, err error) {
	err = p.cfg.DB.Reader().QueryRow(ctx, `SELECT count(*) FROM privacy_requests WHERE kind = 'erasure' AND state = 'waiting'`).Scan(&n)
	return n, err
}

// eraseSome does the next requests, some at most, with one command, and returns how many.
func (p *Privacy) eraseSome(ctx context.Context, job string, some int, out *eraseResult) (int, error) {
	id, list, err := p.take(ctx, job, some)
	if err != nil || len(list) == 0 {
		return 0, err
	}
	body, left, err := p.body(ctx, list)
	if err != nil {
		return 0, err
	}
	if len(left) > 0 {
		if err := p.release(ctx, left); err != nil {
			return 0, err
		}
	}
	text, err := json.Marshal(body)
	if err != nil {
		return 0, err
	}
	result, err := p.cfg.Submit(ctx, touchstone.Command{ID: id, Kind: ForgetCommand, Actor: list[0].AskedBy, Body: touchstone.JSON(text)})
	if err != nil {
		return 0, p.failed(ctx, id, err)
	}
	var done forgotten
	if err := json.Unmarshal([]byte(result), &done); err != nil {
		return 0, err
	}
	out.Done, out.Held, out.Nobody = out.Done+done.Done, out.Held+done.Held, out.Nobody+done.Nobody
	p.requests.WithLabelValues(string(Erasure), string(Done)).Add(float64(done.Done))
	p.requests.WithLabelValues(string(Erasure), string(Held)).Add(float64(done.Held))
	p.requests.WithLabelValues(string(Erasure), string(Nobody)).Add(float64(done.Nobody))
	return len(body.Requests), nil
}

// failed notes that a command could not be done. What may have come into the log is tried again by
// the job's next attempt, under the same id.
func (p *Privacy) failed(ctx context.Context, command string, err error) error {
	if touchstone.KindOf(err) == touchstone.Unavailable || ctx.Err() != nil || store.IsTrouble(err) {
		return err
	}
	_, why := touchstone.KindOf(err), err.Error()
	e := p.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE privacy_requests SET state = 'failed', failure = ? WHERE command = ? AND state = 'running'`, why, command)
		return err
	})
	if e != nil {
		return e
	}
	return err
}

// body makes the command's: every identifier of whoever has one of those asked for, so that a
// store which knows less of what belongs together forgets all parts. left are requests that it
// has no room for.
func (p *Privacy) body(ctx context.Context, list []Request) (body forgetBody, left []string, err error) {
	names := make([][]string, len(list))
	for i := range list {
		names[i] = list[i].Identifiers
	}
	wholes, err := p.wholes(ctx, p.cfg.DB.Reader(), names)
	if err != nil {
		return body, nil, err
	}
	size := 0
	var persons []keep.Whole
	var of [][]keep.Whole // of the command's requests
	for i, whole := range wholes {
		one := forgetOne{Request: list[i].ID, Suppress: list[i].Suppress, Identifiers: slices.Clone(list[i].Identifiers), Events: -1}
		for j := range whole {
			one.Identifiers = append(one.Identifiers, texts(whole[j])...)
		}
		slices.Sort(one.Identifiers)
		one.Identifiers = slices.Compact(one.Identifiers)
		if len(one.Identifiers) > maxIdentifiers {
			one.Identifiers = one.Identifiers[:maxIdentifiers]
		}
		for _, text := range one.Identifiers {
			size += len(text) + 8
		}
		if size += 64; size > maxBodyBytes && i > 0 {
			left = append(left, list[i].ID)
			continue
		}
		persons, of = append(persons, whole...), append(of, whole)
		body.Requests = append(body.Requests, one)
	}
	return body, left, p.addEvents(ctx, &body, persons, of)
}

// wholes returns, for each list of identifiers, who has one of them, each once.
func (p *Privacy) wholes(ctx context.Context, q store.Querier, lists [][]string) ([][]keep.Whole, error) {
	var ids []touchstone.Identifier
	var of []int // whose list names it
	for i, texts := range lists {
		for _, text := range texts {
			if id, ok := touchstone.ParseIdentifier(text); ok {
				ids, of = append(ids, id), append(of, i)
			}
		}
	}
	persons, err := p.cfg.Graph.PersonsOf(ctx, q, ids)
	if err != nil {
		return nil, err
	}
	all := slices.DeleteFunc(slices.Clone(persons), func(p touchstone.PersonID) bool { return p == 0 })
	slices.Sort(all)
	found, err := p.cfg.Graph.WholeIn(ctx, q, slices.Compact(all))
	if err != nil {
		return nil, err
	}
	whose := make(map[touchstone.PersonID]keep.Whole, len(found))
	for i := range found {
		whose[found[i].Person] = found[i]
	}
	out := make([][]keep.Whole, len(lists))
	for i, person := range persons {
		who, ok := whose[person]
		if ok && !slices.ContainsFunc(out[of[i]], func(w keep.Whole) bool { return w.Person == person }) {
			out[of[i]] = append(out[of[i]], who)
		}
	}
	return out, nil
}

func texts(who keep.Whole) []string {
	list := make([]string, len(who.Identifiers))
	for i, id := range who.Identifiers {
		list[i] = id.String()
	}
	return list
}

// addEvents counts what the warehouse holds of the persons, where it can be asked.
func (p *Privacy) addEvents(ctx context.Context, body *forgetBody, persons []keep.Whole, of [][]keep.Whole) error {
	if p.cfg.Warehouse == nil || len(persons) == 0 {
		return nil
	}
	events, err := p.cfg.Warehouse(ctx, persons)
	if err != nil {
		p.cfg.Logger.Warn("the events of persons to be erased are not counted: the warehouse did not answer", "error", err)
		return nil //nolint:nilerr // a receipt may say that it was not counted; an erasure must not wait
	}
	for i := range body.Requests {
		if len(of[i]) > 0 {
			body.Requests[i].Events = 0
			counted := map[touchstone.PersonID]bool{}
			for _, who := range of[i] {
				if !counted[who.Person] {
					body.Requests[i].Events += events[who.Person]
				}
				counted[who.Person] = true
			}
		}
	}
	return nil
}

func (p *Privacy) release(ctx context.Context, ids []string) error {
	return p.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		return store.ExecIn(ctx, tx, `UPDATE privacy_requests SET state = 'waiting', command = '' WHERE state = 'running' AND id IN (...)`, ids)
	})
}

// awaitCopied waits until the warehouse has heard of all erasures.
func (p *Privacy) awaitCopied(ctx context.Context) error {
	if p.cfg.Copied == nil {
		return nil
	}
	for {
		done, err := p.cfg.Copied(ctx)
		if done || err != nil {
			return err
		}
		if !sleep(ctx, 200*time.Millisecond) {
			return ctx.Err()
		}
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
