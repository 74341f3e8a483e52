package collect

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/collect/intake"
	"github.com/touchstone-cdp/touchstone/collect/sensors"
	"github.com/touchstone-cdp/touchstone/internal/randid"
	"github.com/touchstone-cdp/touchstone/store"
)

const (
	trimEvery     = time.Minute
	maxReplay     = 1000 // events per call
	maxQuarantine = 500  // rows per page
)

// QuarantineWriter stores Rejected events. The pipeline calls it inside a batch's
// transaction, so a refused event is as durable as the others and is stored once.
type QuarantineWriter struct{ written prometheus.Counter }

// NewQuarantineWriter makes a writer; r may be nil.
func NewQuarantineWriter(r prometheus.Registerer) *QuarantineWriter {
	w := &QuarantineWriter{prometheus.NewCounter(prometheus.CounterOpts{Namespace: "touchstone", Subsystem: "collect",
		Name: "quarantine_written_total", Help: "Refused events given to the quarantine, repeated ones included."})}
	if r != nil {
		r.MustRegister(w.written)
	}
	return w
}

// request is what a replay needs to know of the request that brought an event. It
// travels in the Context of a Rejected event.
type request struct {
	Origin    string          `json:"origin,omitempty"` // http or import
	Form      string          `json:"form,omitempty"`   // sensors; empty: the tracking API's
	Call      string          `json:"call,omitempty"`   // of the endpoint; empty: the event names its type
	SentAt    string          `json:"sent_at,omitempty"`
	Context   json.RawMessage `json:"context,omitempty"` // of the batch
	IP        string          `json:"ip,omitempty"`
	UserAgent string          `json:"user_agent,omitempty"`
	Import    *struct {
		Row int64 `json:"row"`
	} `json:"import,omitempty"`
}

var quarantineUpsert = store.Upsert{
	Table:          "quarantine",
	Columns:        []string{"id", "received_at", "source", "message_id", "code", "reason", "raw", "bytes", "origin", "row_number", "request", "replayed_at", "event", "template", "params", "group_key"},
	IgnoreConflict: true, // a client that repeats a request repeats its message ids
}

// Write stores rejected events, and valid ones that were set aside behind the edge.
func (w *QuarantineWriter) Write(ctx context.Context, tx *store.Tx, rejected []touchstone.Fact) error {
	var again []*touchstone.Fact
	err := tx.BulkUpsert(ctx, quarantineUpsert, len(rejected), func(i int, args []any) {
		f := &rejected[i]
		if f.Type != touchstone.Rejected {
			f = asSent(f)
			again = append(again, f)
		}
		var req request
		if f.Context != "" {
			_ = json.Unmarshal([]byte(f.Context), &req) // one that is not understood has no origin
		}
		origin, row := "http", int64(0)
		if req.Import != nil || req.Origin == "import" {
			origin = "import"
		}
		if req.Import != nil {
			row = req.Import.Row
		}
		code, reason := SplitReason(f.Reason)
		if origin == "import" && code == "other" {
			code = CodeImportRow
		}
		args[0], args[1], args[2], args[3] = randid.New("qr"), f.ReceivedAt.UnixMilli(), f.Source, f.MessageID
		args[4], args[5], args[6], args[7] = code, reason, string(f.Raw), len(f.Raw)
		args[8], args[9], args[10], args[11] = origin, row, string(f.Context), int64(0)
		a := aboutOf(code, reason, string(f.Raw))
		args[12], args[13], args[14], args[15] = a.columns(f.Source, code)
	})
	if err == nil {
		err = comeBack(ctx, tx, again)
	}
	if err == nil {
		w.written.Add(float64(len(rejected)))
	}
	return err
}

// comeBack puts replayed events that were set aside once more among those that wait, with the new
// reason: they came past the edge, so they were in nothing yet.
func comeBack(ctx context.Context, tx *store.Tx, again []*touchstone.Fact) error {
	ids := make([]string, len(again))
	by := make(map[[2]string]*touchstone.Fact, len(again))
	for i, f := range again {
		ids[i], by[[2]string{f.MessageID, f.Source}] = f.MessageID, f
	}
	var found [][4]string
	err := store.SelectIn(ctx, tx, `SELECT id, message_id, source, raw FROM quarantine WHERE replayed_at <> 0 AND message_id IN (...)`, ids, func(rows *sql.Rows) error {
		var r [4]string
		err := rows.Scan(&r[0], &r[1], &r[2], &r[3])
		found = append(found, r)
		return err
	})
	if err != nil {
		return err
	}
	for _, r := range found {
		f := by[[2]string{r[1], r[2]}]
		if f == nil {
			continue
		}
		if _, err := tx.Exec(ctx, `UPDATE quarantine SET replayed_at = 0 WHERE id = ?`, r[0]); err != nil {
			return err
		}
		code, reason := SplitReason(f.Reason)
		if err := setReason(ctx, tx, r[0], f.Source, code, reason, r[3]); err != nil {
			return err
		}
	}
	return nil
}

// Quarantined is a refused event.
type Quarantined struct {
	ID         string          `json:"id"`
	ReceivedAt time.Time       `json:"received_at"`
	Source     string          `json:"source"`
	Reason     string          `json:"reason"`
	Code       string          `json:"code"`
	Event      touchstone.JSON `json:"event"`
	Origin     string          `json:"origin"`
	Row        *int64          `json:"row"`
	ReplayedAt *time.Time      `json:"replayed_at"`
	Group      string          `json:"group"` // see QuarantineGroup

	messageID string
	request   string
}

// QuarantineFilter chooses refused events. Empty fields choose all.
type QuarantineFilter struct {
	IDs    []string
	Source string
	Code   string
	Group  string // see QuarantineGroup
	Reason string // a part of the reason's text
	Text   string // a part of the event's text
}

// where returns the condition, with its arguments appended to args.
func (f *QuarantineFilter) where(args []any) (string, []any) {
	cond := []string{"1 = 1"}
	add := func(c string, a ...any) { cond, args = append(cond, c), append(args, a...) }
	if len(f.IDs) > 0 {
		ids := make([]any, len(f.IDs))
		for i, id := range f.IDs {
			ids[i] = id
		}
		add("id IN "+store.Marks(len(ids)), ids...)
	}
	if f.Source != "" {
		add("source = ?", f.Source)
	}
	if f.Code != "" {
		add("code = ?", f.Code)
	}
	if f.Group != "" {
		add("group_key = ?", f.Group)
	}
	if f.Reason != "" {
		add(`LOWER(reason) LIKE ? ESCAPE '\'`, store.Containing(f.Reason))
	}
	if f.Text != "" {
		add(`LOWER(raw) LIKE ? ESCAPE '\'`, store.Containing(f.Text))
	}
	return strings.Join(cond, " AND "), args
}

// Quarantine lets people look at refused events, repair and replay them.
type Quarantine struct {
	c    *Collector
	db   *store.DB
	rows *prometheus.CounterVec
}

func newQuarantine(c *Collector) *Quarantine {
	return &Quarantine{c: c, db: c.cfg.DB, rows: c.metrics.quarantined}
}

const quarantineColumns = `id, received_at, source, message_id, code, reason, raw, origin, row_number, request, replayed_at, group_key`

func scanQuarantined(row interface{ Scan(...any) error }) (Quarantined, error) {
	var q Quarantined
	var received, number, replayed int64
	var raw string
	err := row.Scan(&q.ID, &received, &q.Source, &q.messageID, &q.Code, &q.Reason, &raw, &q.Origin, &number, &q.request, &replayed, &q.Group)
	q.ReceivedAt = intake.FromMillis(received)
	if q.Event = touchstone.JSON(raw); !json.Valid([]byte(raw)) { // a row of a file may be any text
		text, _ := json.Marshal(raw)
		q.Event = touchstone.JSON(text)
	}
	if number > 0 {
		q.Row = &number
	}
	if replayed > 0 {
		at := intake.FromMillis(replayed)
		q.ReplayedAt = &at
	}
	return q, err
}

// readQuarantined reads rows to their end and closes them.
func readQuarantined(rows *sql.Rows) ([]Quarantined, error) {
	defer rows.Close()
	items := []Quarantined{}
	for rows.Next() {
		item, err := scanQuarantined(rows)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	return items, rows.Err()
}

// List returns refused events as v may see them, newest first, and the cursor of the next
// page. A page has fewer, or none, where v may not find what is searched for.
func (q *Quarantine) List(ctx context.Context, v *access.Viewer, f QuarantineFilter, limit int, cursor string) (items []Quarantined, next string, err error) {
	limit = max(1, min(limit, maxQuarantine))
	where, args := f.where(nil)
	if cursor != "" {
		at, id, err := cutCursor(cursor)
		if err != nil {
			return nil, "", err
		}
		where += " AND (received_at < ? OR received_at = ? AND id < ?)"
		args = append(args, at, at, id)
	}
	rows, err := q.db.Reader().Query(ctx, `SELECT `+quarantineColumns+` FROM quarantine WHERE `+where+` ORDER BY received_at DESC, id DESC LIMIT ?`, append(args, limit+1)...)
	if err != nil {
		return nil, "", err
	}
	if items, err = readQuarantined(rows); err != nil {
		return nil, "", err
	}
	if len(items) > limit {
		items = items[:limit]
		last := items[limit-1]
		next = strconv.FormatInt(last.ReceivedAt.UnixMilli(), 36) + "." + last.ID
	}
	items = slices.DeleteFunc(items, func(item Quarantined) bool {
		return !v.FindsJSON(item.Event, f.Text) || !v.Finds(item.Reason, f.Reason)
	})
	for i := range items {
		items[i].Event, items[i].Reason = v.JSON(items[i].Event), v.Text(items[i].Reason)
	}
	return items, next, nil
}

func cutCursor(cursor string) (at int64, id string, err error) {
	stamp, id, ok := strings.Cut(cursor, ".")
	at, err = strconv.ParseInt(stamp, 36, 64)
	if !ok || err != nil {
		return 0, "", touchstone.Errorf(touchstone.Invalid, "cursor is not one that a list has returned.")
	}
	return at, id, nil
}

// Get returns one refused event.
func (q *Quarantine) Get(ctx context.Context, id string) (Quarantined, error) {
	item, err := scanQuarantined(q.db.Reader().QueryRow(ctx, `SELECT `+quarantineColumns+` FROM quarantine WHERE id = ?`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return item, touchstone.Errorf(touchstone.NotFound, "There is no quarantined event %q.", id)
	}
	return item, err
}

// QuarantineCount is how many events of a source wait for the same reason.
type QuarantineCount struct {
	Code   string    `json:"code"`
	Reason string    `json:"reason"`
	Source string    `json:"source"`
	Count  int64     `json:"count"`
	LastAt time.Time `json:"last_at"`
}

// Summary counts the refused events that were not replayed, most frequent first, with
// reasons as v may see them.
func (q *Quarantine) Summary(ctx context.Context, v *access.Viewer) ([]QuarantineCount, error) {
	rows, err := q.db.Reader().Query(ctx, `SELECT code, source, MIN(reason), COUNT(*), MAX(received_at) FROM quarantine
		WHERE replayed_at = 0 GROUP BY code, source ORDER BY COUNT(*) DESC, code, source LIMIT 1000`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	list := []QuarantineCount{}
	for rows.Next() {
		var n QuarantineCount
		var last int64
		if err := rows.Scan(&n.Code, &n.Source, &n.Reason, &n.Count, &last); err != nil {
			return nil, err
		}
		n.LastAt = intake.FromMillis(last)
		if text, known := reasonTexts[n.Code]; known {
			n.Reason = text
		}
		n.Reason = v.Text(n.Reason)
		list = append(list, n)
	}
	return list, rows.Err()
}

// Discard deletes the chosen events for good and returns how many there were.
func (q *Quarantine) Discard(ctx context.Context, f QuarantineFilter) (int64, error) {
	if err := f.mustChoose(); err != nil {
		return 0, err
	}
	where, args := f.where(nil)
	n, err := q.delete(ctx, where, args)
	q.rows.WithLabelValues("discarded").Add(float64(n))
	return n, err
}

// mustChoose refuses a filter that means everything, which is never what was meant.
func (f *QuarantineFilter) mustChoose() error {
	switch {
	case len(f.IDs) > maxReplay:
		return touchstone.Errorf(touchstone.Invalid, "At most %d ids are taken at once.", maxReplay)
	case len(f.IDs) == 0 && f.Source == "" && f.Code == "" && f.Group == "" && f.Reason == "" && f.Text == "":
		return touchstone.Errorf(touchstone.Invalid, "Say which events: give ids, a code or a source.")
	}
	return nil
}

func (q *Quarantine) delete(ctx context.Context, where string, args []any) (n int64, err error) {
	err = q.db.Retry(ctx, func(tx *store.Tx) error {
		res, err := tx.Exec(ctx, `DELETE FROM quarantine WHERE `+where, args...)
		if err != nil {
			return err
		}
		n, err = res.RowsAffected()
		return err
	})
	return n, err
}

// Replayed is what became of events that were sent through the checks again.
type Replayed struct {
	Replayed int `json:"replayed"` // accepted now
	Rejected int `json:"rejected"` // refused again; they stay
}

// Replay sends one event through the checks again, repaired or (empty) as it was. It
// keeps its message id, so a second replay adds nothing. When it is refused again, the
// error says why.
func (q *Quarantine) Replay(ctx context.Context, id string, repaired touchstone.JSON) (Replayed, error) {
	item, err := q.Get(ctx, id)
	if err != nil {
		return Replayed{}, err
	}
	if repaired != "" {
		item.Event = repaired
	}
	judge, err := q.judge(ctx)
	if err != nil {
		return Replayed{}, err
	}
	reason, err := q.again(ctx, &item, judge)
	switch {
	case err != nil:
		return Replayed{}, err
	case reason != "":
		_, detail := SplitReason(reason)
		return Replayed{}, touchstone.Errorf(touchstone.Invalid, "The event is refused again: %s.", detail)
	}
	return Replayed{Replayed: 1}, nil
}

// ReplayAll sends the chosen events through the checks again, at most 1,000 at once.
// Those that were replayed before are left out.
func (q *Quarantine) ReplayAll(ctx context.Context, f QuarantineFilter) (Replayed, error) {
	if err := f.mustChoose(); err != nil {
		return Replayed{}, err
	}
	where, args := f.where(nil)
	rows, err := q.db.Reader().Query(ctx, `SELECT `+quarantineColumns+` FROM quarantine WHERE replayed_at = 0 AND `+where+` ORDER BY received_at, id LIMIT ?`, append(args, maxReplay)...)
	if err != nil {
		return Replayed{}, err
	}
	items, err := readQuarantined(rows)
	if err != nil {
		return Replayed{}, err
	}
	judge, err := q.judge(ctx)
	if err != nil {
		return Replayed{}, err
	}
	var done Replayed
	for i := range items {
		reason, err := q.again(ctx, &items[i], judge)
		switch {
		case err != nil:
			return done, err
		case reason != "":
			done.Rejected++
		default:
			done.Replayed++
		}
	}
	return done, nil
}

// again sends one event through the checks again, and marks it when it is accepted now. It
// returns the reason when it is refused again.
func (q *Quarantine) again(ctx context.Context, item *Quarantined, judge func(*touchstone.Event) string) (reason string, err error) {
	if reason, err = q.resend(ctx, item, judge); err == nil && reason == "" {
		err = q.markReplayed(ctx, item)
	}
	return reason, err
}

// resend runs one event through scanner and builder as if its request came now, but with
// the time of receipt that it had, and puts it in the log unless judge has something against it.
func (q *Quarantine) resend(ctx context.Context, item *Quarantined, judge func(*touchstone.Event) string) (reason string, err error) {
	x := q.c.exchanges.Get().(*exchange)
	defer q.c.release(x)
	reason, described, err := q.rebuild(x, item, judge)
	switch {
	case err != nil || reason != "":
		return reason, err
	case described != nil:
		return "", q.replayItem(ctx, item, described)
	}
	o := q.c.outboxes.Get().(*outbox)
	defer q.c.putOutbox(o)
	q.c.put(o, &x.event)
	if err := q.c.append(ctx, o); err != nil {
		return "", err
	}
	q.c.metrics.accepted.Inc()
	return "", nil
}

// rebuild makes x.event of what was sent, or, of 神策's calls that describe an item, that item. It
// returns why it cannot be taken, "" when it can.
func (q *Quarantine) rebuild(x *exchange, item *Quarantined, judge func(*touchstone.Event) string) (reason string, described *sensors.Item, err error) {
	var req request
	if item.request != "" {
		if err := json.Unmarshal([]byte(item.request), &req); err != nil {
			return "", nil, touchstone.Wrap(touchstone.Internal, err, "")
		}
	}
	call, _ := touchstone.ParseEventType(req.Call)
	body := append([]byte(nil), `{"sentAt":`...)
	body = appendQuoted(body, req.SentAt)
	if len(req.Context) > 0 {
		body = append(append(body, `,"context":`...), req.Context...)
	}
	body = append(append(append(body, `,"batch":[`...), item.Event...), `]}`...)

	limits := scanLimits{events: 1, eventBytes: q.c.cfg.MaxEventBytes}
	if req.Form == sensorsCall {
		again, err := retranslate([]byte(item.Event), item.ReceivedAt.UnixMilli(), limits)
		switch {
		case err != nil:
			return Reason("malformed", ""), nil, nil //nolint:nilerr // what is wrong with the event is the answer
		case again.Events[0].Item != nil:
			return "", again.Events[0].Item, nil
		}
		body, limits.eventBytes = again.Text, translatedBytes*limits.eventBytes
		x.builder.translated = &again.Events[0]
		defer func() { x.builder.translated = nil }()
	}
	if !x.scanner.scan(body, true, limits) || len(x.scanner.events) != 1 {
		return Reason("malformed", x.scanner.err.message), nil, nil
	}
	b := &x.builder
	b.start(&x.scanner, true, origin{
		call: call, source: item.Source, received: item.ReceivedAt.UnixMilli(), ip: req.IP, userAgent: req.UserAgent, messageID: item.messageID,
	})
	if code := b.build(&x.scanner.events[0], &x.event); code != "" {
		q.rows.WithLabelValues("refused_again").Inc()
		return x.event.Reason, nil, nil
	}
	return judge(&x.event), nil, nil
}

// replayItem stores an item whose description was repaired.
func (q *Quarantine) replayItem(ctx context.Context, item *Quarantined, repaired *sensors.Item) error {
	return q.c.items.write(ctx, item.Source, []sensors.Item{*repaired})
}

func (q *Quarantine) markReplayed(ctx context.Context, item *Quarantined) error {
	q.rows.WithLabelValues("replayed").Inc()
	return q.db.Retry(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE quarantine SET replayed_at = ? WHERE id = ?`, q.c.clock.Now().UnixMilli(), item.ID)
		return err
	})
}

// Trim deletes what is older than the configured age, and the oldest beyond the
// configured number of rows and bytes.
func (q *Quarantine) Trim(ctx context.Context) error {
	cfg := &q.c.cfg
	if err := q.regroup(ctx); err != nil {
		return err
	}
	n, err := q.delete(ctx, `received_at < ?`, []any{q.c.clock.Now().Add(-cfg.QuarantineAge).UnixMilli()})
	q.rows.WithLabelValues("expired").Add(float64(n))
	if err != nil {
		return err
	}
	var rows, bytes int64
	if err := q.db.Reader().QueryRow(ctx, `SELECT COUNT(*), COALESCE(SUM(bytes), 0) FROM quarantine`).Scan(&rows, &bytes); err != nil {
		return err
	}
	if rows <= int64(cfg.QuarantineRows) && bytes <= cfg.QuarantineBytes {
		return nil
	}
	at, id, err := q.oldestToKeep(ctx, int64(cfg.QuarantineRows), cfg.QuarantineBytes)
	if err != nil {
		return err
	}
	n, err = q.delete(ctx, `received_at < ? OR received_at = ? AND id < ?`, []any{at, at, id})
	q.rows.WithLabelValues("over_limit").Add(float64(n))
	if n > 0 {
		q.c.log.Warn("collect: the quarantine is full; its oldest events were deleted", "deleted", n)
	}
	return err
}

// oldestToKeep walks from the newest event to the last one within the limits.
func (q *Quarantine) oldestToKeep(ctx context.Context, maxRows, maxBytes int64) (at int64, id string, err error) {
	list, err := q.db.Reader().Query(ctx, `SELECT received_at, id, bytes FROM quarantine ORDER BY received_at DESC, id DESC LIMIT ?`, maxRows)
	if err != nil {
		return 0, "", err
	}
	defer list.Close()
	var total int64
	for list.Next() {
		var t, n int64
		var i string
		if err := list.Scan(&t, &i, &n); err != nil {
			return 0, "", err
		}
		if total += n; total > maxBytes {
			break
		}
		at, id = t, i
	}
	return at, id, list.Err()
}
