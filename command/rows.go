package command

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// State is what became of a command.
type State string

// The states.
const (
	Waiting State = "waiting" // in the log; the pipeline has not come to it
	Done    State = "done"
	Failed  State = "failed"
)

// Row is a command and what became of it.
type Row struct {
	ID          string          `json:"id"`
	Kind        string          `json:"kind"`
	Actor       string          `json:"actor"`
	SubmittedAt time.Time       `json:"submitted_at"`
	Body        touchstone.JSON `json:"body"`
	Seq         touchstone.Seq  `json:"seq"`
	State       State           `json:"state"`
	DoneAt      time.Time       `json:"done_at"` // zero while it waits
	Result      touchstone.JSON `json:"result"`
	Failure     string          `json:"failure"`

	failure *touchstone.Error
}

// Err is the error of a command that failed, nil for others.
func (r *Row) Err() error {
	if r.failure == nil {
		return nil
	}
	return r.failure
}

// failure is how an error is stored: its texts, so that a client can say them in another
// language.
type failure struct {
	Kind    touchstone.ErrorKind `json:"kind"`
	Message text                 `json:"message"`
	Hint    text                 `json:"hint"`
}

type text struct {
	Format string   `json:"format"`
	Args   []string `json:"args,omitempty"`
}

// textOf keeps a text's template, with %s in the place of every verb.
func textOf(t touchstone.Text) text {
	template, params := t.Template()
	out := text{Format: strings.ReplaceAll(template, "%", "%%")}
	for i, p := range params {
		out.Format = strings.Replace(out.Format, "{"+strconv.Itoa(i)+"}", "%s", 1)
		out.Args = append(out.Args, fmt.Sprint(p))
	}
	return out
}

func (t text) args() []any {
	var list []any
	for _, a := range t.Args {
		list = append(list, a)
	}
	return list
}

func encodeFailure(e *touchstone.Error) (string, error) {
	if e == nil {
		return "", nil
	}
	message, hint := e.Texts()
	b, err := json.Marshal(failure{e.Kind, textOf(message), textOf(hint)})
	return string(b), err
}

func decodeFailure(stored string) (*touchstone.Error, error) {
	if stored == "" {
		return nil, nil
	}
	var f failure
	if err := json.Unmarshal([]byte(stored), &f); err != nil {
		return nil, err
	}
	return touchstone.Errorf(f.Kind, f.Message.Format, f.Message.args()...).WithHint(f.Hint.Format, f.Hint.args()...), nil
}

func encode(result any) (touchstone.JSON, error) {
	if result == nil {
		return "{}", nil
	}
	b, err := json.Marshal(result)
	return touchstone.JSON(b), err
}

const rowColumns = `id, kind, actor, submitted_at, body, seq, state, done_at, result, failure`

func scanRow(scan func(...any) error) (r Row, err error) {
	var submitted, done int64
	var body, result, failed string
	if err := scan(&r.ID, &r.Kind, &r.Actor, &submitted, &body, &r.Seq, &r.State, &done, &result, &failed); err != nil {
		return r, err
	}
	r.SubmittedAt, r.Body, r.Result = time.UnixMilli(submitted).UTC(), touchstone.JSON(body), touchstone.JSON(result)
	if done != 0 {
		r.DoneAt = time.UnixMilli(done).UTC()
	}
	if r.failure, err = decodeFailure(failed); err != nil {
		return r, fmt.Errorf("command %s: %w", r.ID, err)
	}
	if r.State == Failed && r.failure == nil { // its keeper has taken it out
		r.failure = touchstone.Errorf(touchstone.NotFound, "the command was about a person who has been erased")
	}
	if r.failure != nil {
		r.Failure = r.failure.Message
	}
	return r, nil
}

func read(ctx context.Context, q store.Querier, id string) (r Row, found bool, err error) {
	r, err = scanRow(q.QueryRow(ctx, `SELECT `+rowColumns+` FROM commands WHERE id = ?`, id).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return Row{}, false, nil
	}
	if err != nil {
		return Row{}, false, fmt.Errorf("read the command %s: %w", id, err)
	}
	return r, true, nil
}

// save writes a row that the pipeline has come to.
func (r *Row) save(ctx context.Context, tx *store.Tx) error {
	failed, err := encodeFailure(r.failure)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO commands (`+rowColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET body = excluded.body, seq = excluded.seq, state = excluded.state, done_at = excluded.done_at,
		result = excluded.result, failure = excluded.failure`,
		r.ID, r.Kind, r.Actor, r.SubmittedAt.UnixMilli(), string(r.Body), int64(r.Seq), string(r.State), r.DoneAt.UnixMilli(), string(r.Result), failed)
	return err
}

// Get returns a command. It is NotFound before it is in the log.
func (l *Log) Get(ctx context.Context, id string) (*Row, error) {
	r, found, err := read(ctx, l.cfg.DB.Reader(), id)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, touchstone.Errorf(touchstone.NotFound, "there is no command %.80q", id)
	}
	return &r, nil
}

// List returns commands, the latest first; kind and state narrow it unless they are empty. The
// cursor is that of the page before.
func (l *Log) List(ctx context.Context, kind, state, cursor string, limit int) (rows []Row, next string, err error) {
	where, args := []string{"1 = 1"}, []any{}
	for column, value := range map[string]string{"kind": kind, "state": state} {
		if value != "" {
			where, args = append(where, column+" = ?"), append(args, value)
		}
	}
	if cursor != "" {
		at, id, ok := strings.Cut(cursor, " ")
		ms, err := strconv.ParseInt(at, 10, 64)
		if !ok || err != nil {
			return nil, "", touchstone.Errorf(touchstone.Invalid, "The cursor is not one that this list gave.")
		}
		where, args = append(where, "(submitted_at < ? OR submitted_at = ? AND id < ?)"), append(args, ms, ms, id)
	}
	found, err := l.cfg.DB.Reader().Query(ctx, `SELECT `+rowColumns+` FROM commands WHERE `+strings.Join(where, " AND ")+
		` ORDER BY submitted_at DESC, id DESC LIMIT ?`, append(args, limit+1)...)
	if err != nil {
		return nil, "", fmt.Errorf("read the commands: %w", err)
	}
	defer found.Close()
	rows = []Row{}
	for found.Next() {
		r, err := scanRow(found.Scan)
		if err != nil {
			return nil, "", err
		}
		rows = append(rows, r)
	}
	if err := found.Err(); err != nil {
		return nil, "", err
	}
	if len(rows) > limit {
		rows = rows[:limit]
		last := rows[limit-1]
		next = strconv.FormatInt(last.SubmittedAt.UnixMilli(), 10) + " " + last.ID
	}
	return rows, next, nil
}
