package privacy

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/randid"
	"github.com/touchstone-cdp/touchstone/store"
)

// Kind is what is asked for.
type Kind string

// The kinds.
const (
	Erasure Kind = "erasure"
	Access  Kind = "access"
)

// State is where a request is.
type State string

// The states. A held request waits until its hold is gone and it is put in again.
const (
	Waiting   State = "waiting"
	Running   State = "running"
	Held      State = "held"
	Done      State = "done"
	Nobody    State = "nobody" // nobody had the identifiers; they are buried all the same
	Failed    State = "failed"
	Cancelled State = "cancelled"
)

// Reasons are why somebody is to be forgotten, or told.
var Reasons = []string{"request", "consent_withdrawn", "purpose_ended", "unlawful", "legal_duty", "other"}

// The bounds of what is asked for together, and of the time that there is for it.
const (
	maxBulk        = 10_000
	defaultDueDays = 15
	maxDueDays     = 90
	maxNote        = 2000
)

// Request is a row.
type Request struct {
	ID          string     `json:"id"`
	Kind        Kind       `json:"kind"`
	State       State      `json:"state"`
	Bulk        string     `json:"bulk"`
	Identifiers []string   `json:"identifiers"` // until it has ended
	Persons     int64      `json:"persons"`
	Suppress    bool       `json:"suppress"`
	Reason      string     `json:"reason"`
	Note        string     `json:"note"`
	AskedBy     string     `json:"asked_by"`
	AskedAt     time.Time  `json:"asked_at"`
	DueAt       time.Time  `json:"due_at"`
	EndedAt     *time.Time `json:"ended_at"`
	Command     string     `json:"command"`
	Job         string     `json:"job"`
	Failure     string     `json:"failure"`
	Hold        string     `json:"hold"`
	Receipt     string     `json:"receipt"` // the latest

	mark string
}

const requestColumns = `id, kind, state, bulk, mark, identifiers, persons, suppress, reason, note, asked_by, asked_at, due_at, ended_at, command, job, failure, hold`

func scanRequest(scan func(...any) error) (r Request, err error) {
	var ids string
	var asked, due, ended int64
	err = scan(&r.ID, &r.Kind, &r.State, &r.Bulk, &r.mark, &ids, &r.Persons, &r.Suppress, &r.Reason, &r.Note, &r.AskedBy, &asked, &due, &ended, &r.Command, &r.Job, &r.Failure, &r.Hold)
	if err != nil {
		return r, err
	}
	r.AskedAt, r.DueAt = time.UnixMilli(asked).UTC(), time.UnixMilli(due).UTC()
	if ended != 0 {
		at := time.UnixMilli(ended).UTC()
		r.EndedAt = &at
	}
	r.Identifiers = []string{}
	if ids != "" {
		err = json.Unmarshal([]byte(ids), &r.Identifiers)
	}
	return r, err
}

// Ask is what somebody wants to be done.
type Ask struct {
	Kind     Kind
	People   [][]string // identifiers of each, kind:value as somebody has written them
	Suppress bool
	Reason   string
	Note     string
	DueDays  int
	By       string // who puts it in
}

// check tells what is wrong with it, and returns the identifiers as they are stored.
func (a *Ask) check(kinds *touchstone.KindSet) (people [][]string, err error) {
	switch {
	case a.Kind != Erasure && a.Kind != Access:
		return nil, touchstone.Errorf(touchstone.Invalid, "There is no request of the kind %.40q.", string(a.Kind)).WithHint("The kinds are erasure and access.")
	case len(a.People) == 0:
		return nil, touchstone.Errorf(touchstone.Invalid, "The request names nobody.").WithHint("Name each person by an identifier, as kind:value.")
	case len(a.People) > maxBulk:
		return nil, touchstone.Errorf(touchstone.TooLarge, "At most %d people can be named at once.", maxBulk).WithHint("Divide the list.")
	case a.Kind == Access && len(a.People) > 100:
		return nil, touchstone.Errorf(touchstone.TooLarge, "At most %d people can be told at once what is kept of them.", 100)
	case !slices.Contains(Reasons, a.Reason):
		return nil, touchstone.Errorf(touchstone.Invalid, "There is no reason %.40q.", a.Reason).WithHint("The reasons are %s.", strings.Join(Reasons, ", "))
	case a.DueDays < 0 || a.DueDays > maxDueDays:
		return nil, touchstone.Errorf(touchstone.Invalid, "The time for a request is between 1 and %d days.", maxDueDays)
	case len(a.Note) > maxNote:
		return nil, touchstone.Errorf(touchstone.TooLarge, "The note is longer than %d bytes.", maxNote)
	}
	for line, texts := range a.People {
		var ids []string
		for _, text := range texts {
			id, ok := kinds.Parse(text)
			if !ok {
				return nil, touchstone.Errorf(touchstone.Invalid, "No. %d: %.80q is no identifier, or one that names nobody.", line+1, text).WithHint("Name each as kind:value, such as email:ann@example.com.")
			}
			ids = append(ids, id.String())
		}
		if len(ids) == 0 {
			return nil, touchstone.Errorf(touchstone.Invalid, "No. %d has no identifier.", line+1)
		}
		slices.Sort(ids)
		people = append(people, slices.Compact(ids))
	}
	return people, nil
}

// mark is the same for what asks for the same. Without the key nobody can tell whom it names.
func (p *Privacy) mark(kind Kind, ids []string) string {
	m := p.cfg.Keys.of(touchstone.Identifier{Kind: "request." + touchstone.IdentifierKind(kind), Value: strings.Join(ids, "\n")})
	return hex.EncodeToString(m[:])
}

// Put notes requests and returns them, in the order of the ask. One that is open already, for
// the same identifiers, is returned and not made again. The job must be started by the caller.
func (p *Privacy) Put(ctx context.Context, a Ask) (list []Request, err error) {
	people, err := a.check(p.cfg.Kinds)
	if err != nil {
		return nil, err
	}
	if a.DueDays == 0 {
		a.DueDays = defaultDueDays
	}
	now := p.cfg.Clock.Now().UTC().Truncate(time.Millisecond)
	bulk := ""
	if len(people) > 1 {
		bulk = randid.New("bulk")
	}
	err = p.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		list = make([]Request, len(people))
		marks := make([]string, len(people))
		for i, ids := range people {
			marks[i] = p.mark(a.Kind, ids)
		}
		open, err := openMarks(ctx, tx, marks)
		if err != nil {
			return err
		}
		var fresh []*Request
		for i, ids := range people {
			if r, known := open[marks[i]]; known {
				list[i] = r
				continue
			}
			list[i] = Request{ID: randid.New("pr"), Kind: a.Kind, State: Waiting, Bulk: bulk, Identifiers: ids, Suppress: a.Suppress, Reason: a.Reason, Note: a.Note,
				AskedBy: a.By, AskedAt: now, DueAt: now.AddDate(0, 0, a.DueDays), mark: marks[i]}
			open[marks[i]] = list[i]
			fresh = append(fresh, &list[i])
		}
		return insertRequests(ctx, tx, fresh)
	})
	return list, err
}

func insertRequests(ctx context.Context, tx *store.Tx, list []*Request) error {
	columns := strings.Split(requestColumns, ", ")
	texts := make([]string, len(list))
	for i, r := range list {
		text, err := json.Marshal(r.Identifiers)
		if err != nil {
			return err
		}
		texts[i] = string(text)
	}
	return tx.BulkUpsert(ctx, store.Upsert{Table: "privacy_requests", Columns: columns}, len(list), func(i int, args []any) {
		r := list[i]
		for j, v := range []any{r.ID, string(r.Kind), string(r.State), r.Bulk, r.mark, texts[i], int64(0), r.Suppress, r.Reason, r.Note, r.AskedBy, r.AskedAt.UnixMilli(), r.DueAt.UnixMilli(),
			int64(0), "", "", "", ""} {
			args[j] = v
		}
	})
}

// openMarks returns the requests with one of the marks that are open.
func openMarks(ctx context.Context, q store.Querier, marks []string) (map[string]Request, error) {
	open := map[string]Request{}
	err := store.SelectIn(ctx, q, `SELECT `+requestColumns+` FROM privacy_requests WHERE state IN ('waiting', 'running', 'held') AND mark IN (...)`, marks, func(rows *sql.Rows) error {
		r, err := scanRequest(rows.Scan)
		open[r.mark] = r
		return err
	})
	return open, err
}

// ended is what became of a request.
type ended struct {
	state   State
	persons int
	command string
	hold    string
	at      time.Time
}

// endRequest notes what became of a request, in the transaction that does it; one that this
// store does not know, because it was made anew from the log, is left.
func endRequest(ctx context.Context, tx *store.Tx, id string, e ended) error {
	if e.state == Held { // it may be put in again: its identifiers stay
		_, err := tx.Exec(ctx, `UPDATE privacy_requests SET state = ?, hold = ?, command = ? WHERE id = ?`, string(e.state), e.hold, e.command, id)
		return err
	}
	_, err := tx.Exec(ctx, `UPDATE privacy_requests SET state = ?, persons = ?, command = ?, ended_at = ?, identifiers = '', note = '', hold = '', failure = '' WHERE id = ?`,
		string(e.state), e.persons, e.command, e.at.UnixMilli(), id)
	return err
}

// Get returns a request.
func (p *Privacy) Get(ctx context.Context, id string) (Request, error) {
	r, err := scanRequest(p.cfg.DB.Reader().QueryRow(ctx, `SELECT `+requestColumns+` FROM privacy_requests WHERE id = ?`, id).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return r, touchstone.Errorf(touchstone.NotFound, "There is no request %.40q.", id)
	}
	if err != nil {
		return r, err
	}
	list := []Request{r}
	err = p.withReceipts(ctx, list)
	return list[0], err
}

// withReceipts fills in the latest receipt of each.
func (p *Privacy) withReceipts(ctx context.Context, list []Request) error {
	at := map[string][]int{}
	ids := make([]string, len(list))
	for i := range list {
		ids[i] = list[i].ID
		at[list[i].ID] = append(at[list[i].ID], i)
	}
	return store.SelectIn(ctx, p.cfg.DB.Reader(), `SELECT request, id FROM privacy_receipts WHERE request IN (...) ORDER BY at, id`, ids, func(rows *sql.Rows) error {
		var request, id string
		err := rows.Scan(&request, &id)
		for _, i := range at[request] {
			list[i].Receipt = id
		}
		return err
	})
}

// Filter narrows a list of requests.
type Filter struct {
	Kind  Kind
	State State
	Bulk  string
	// Reason is why it was asked for.
	Reason string
	// Late leaves those that are open after their time.
	Late bool
	// Text is searched for: see [Privacy.searched].
	Text string
	// Contacts tells that whoever asks may see contacts: they are searched, too.
	Contacts bool
	// Before is the place behind which the list goes on, in Unix ms and id; zero: at the newest.
	BeforeMS int64
	BeforeID string
}

// List returns the newest requests first.
func (p *Privacy) List(ctx context.Context, f Filter, limit int) (list []Request, err error) {
	query, args := `SELECT `+requestColumns+` FROM privacy_requests WHERE 1 = 1`, []any{}
	and := func(cond string, v ...any) { query, args = query+" AND "+cond, append(args, v...) }
	if f.Kind != "" {
		and("kind = ?", string(f.Kind))
	}
	if f.State != "" {
		and("state = ?", string(f.State))
	}
	if f.Bulk != "" {
		and("bulk = ?", f.Bulk)
	}
	if f.Reason != "" {
		and("reason = ?", f.Reason)
	}
	if f.Late {
		and("state IN ('waiting', 'running', 'held') AND due_at < ?", p.cfg.Clock.Now().UnixMilli())
	}
	if text := strings.TrimSpace(f.Text); text != "" {
		cond, args := p.searched(text, f.Contacts)
		and(cond, args...)
	}
	if f.BeforeMS != 0 {
		and("(asked_at < ? OR asked_at = ? AND id < ?)", f.BeforeMS, f.BeforeMS, f.BeforeID)
	}
	args = append(args, limit)
	rows, err := p.cfg.DB.Reader().Query(ctx, query+" ORDER BY asked_at DESC, id DESC LIMIT ?", args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	list = []Request{}
	for rows.Next() {
		r, err := scanRequest(rows.Scan)
		if err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, err
	}
	return list, p.withReceipts(ctx, list)
}

// searched is the condition of requests that a text finds: by their id, or that of those put in together, by who has put them in; for
// who may see contacts by a part of the note or of an identifier, too. Those are there while a request is open. One that has ended is found by
// the identifier that it named, if it named no other: its mark is compared, which tells nobody whom it names.
func (p *Privacy) searched(text string, contacts bool) (cond string, args []any) {
	part := store.Containing(text)
	cond, args = `id = ? OR bulk = ? OR LOWER(asked_by) LIKE ? ESCAPE '\'`, []any{text, text, part}
	if contacts {
		cond += ` OR LOWER(note) LIKE ? ESCAPE '\' OR LOWER(identifiers) LIKE ? ESCAPE '\'`
		args = append(args, part, part)
		if id, ok := p.cfg.Kinds.Parse(text); ok {
			cond += ` OR mark = ? OR mark = ? OR LOWER(identifiers) LIKE ? ESCAPE '\'` // as it is stored: a phone number with its country
			args = append(args, p.mark(Erasure, []string{id.String()}), p.mark(Access, []string{id.String()}), store.Containing(id.String()))
		}
	}
	return "(" + cond + ")", args
}

// Tally counts requests by kind and state, and those that are late.
type Tally struct {
	Counts []StateCount `json:"counts"`
	Late   int64        `json:"late"` // open, after their time
}

// StateCount is how many there are.
type StateCount struct {
	Kind  Kind  `json:"kind"`
	State State `json:"state"`
	Count int64 `json:"count"`
}

// Count returns the tally, of all or of those of a bulk.
func (p *Privacy) Count(ctx context.Context, bulk string) (t Tally, err error) {
	t.Counts = []StateCount{}
	where, args := "", []any{}
	if bulk != "" {
		where, args = " WHERE bulk = ?", []any{bulk}
	}
	rows, err := p.cfg.DB.Reader().Query(ctx, `SELECT kind, state, count(*) FROM privacy_requests`+where+` GROUP BY kind, state ORDER BY kind, state`, args...)
	if err != nil {
		return t, err
	}
	defer rows.Close()
	for rows.Next() {
		var c StateCount
		if err := rows.Scan(&c.Kind, &c.State, &c.Count); err != nil {
			return t, err
		}
		t.Counts = append(t.Counts, c)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return t, err
	}
	err = p.cfg.DB.Reader().QueryRow(ctx, `SELECT count(*) FROM privacy_requests WHERE state IN ('waiting', 'running', 'held') AND due_at < ?`, p.cfg.Clock.Now().UnixMilli()).Scan(&t.Late)
	return t, err
}

// Cancel takes a request back that nobody has begun with; its identifiers go.
func (p *Privacy) Cancel(ctx context.Context, id string) error {
	return p.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		res, err := tx.Exec(ctx, `UPDATE privacy_requests SET state = 'cancelled', ended_at = ?, identifiers = '', note = '' WHERE id = ? AND state IN ('waiting', 'held')`, p.cfg.Clock.Now().UnixMilli(), id)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 1 {
			return err
		}
		return touchstone.Errorf(touchstone.Conflict, "The request %.40q does not wait: it cannot be taken back.", id)
	})
}

// Again puts a held or failed request in once more.
func (p *Privacy) Again(ctx context.Context, id string) error {
	return p.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		res, err := tx.Exec(ctx, `UPDATE privacy_requests SET state = 'waiting', command = '', hold = '', failure = '' WHERE id = ? AND state IN ('held', 'failed') AND identifiers <> ''`, id)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 1 {
			return err
		}
		return touchstone.Errorf(touchstone.Conflict, "The request %.40q is neither held nor failed.", id)
	})
}

// take gives the next requests of a kind to a command, all in one transaction; those that a command
// had when a process died come first, with that command. ids are those of the requests.
func (p *Privacy) take(ctx context.Context, job string, limit int) (command string, list []Request, err error) {
	err = p.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		list, command = nil, ""
		err := tx.QueryRow(ctx, `SELECT command FROM privacy_requests WHERE state = 'running' AND kind = 'erasure' ORDER BY asked_at, id LIMIT 1`).Scan(&command)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		query, args := `state = 'waiting' AND kind = 'erasure'`, []any{}
		if command != "" {
			query, args, limit = `state = 'running' AND command = ?`, []any{command}, maxTogether // all of them
		}
		rows, err := tx.Query(ctx, `SELECT `+requestColumns+` FROM privacy_requests WHERE `+query+` ORDER BY asked_at, id LIMIT ?`, append(args, limit)...)
		if err != nil {
			return err
		}
		defer rows.Close()
		var ids []string
		for rows.Next() {
			r, err := scanRequest(rows.Scan)
			if err != nil {
				return err
			}
			list, ids = append(list, r), append(ids, r.ID)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil || len(list) == 0 || command != "" {
			return err
		}
		command = randid.New("cmd")
		return store.ExecIn(ctx, tx, `UPDATE privacy_requests SET state = 'running', command = ?, job = ? WHERE id IN (...)`, ids, command, job)
	})
	if err != nil {
		err = fmt.Errorf("take requests: %w", err)
	}
	return command, list, err
}
