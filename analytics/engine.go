package analytics

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/warehouse"
	"github.com/touchstone-cdp/touchstone/warehouse/gather"
)

// Members tells who is in a segment.
type Members interface {
	// Members returns the persons in a segment. An id that is not known is NotFound.
	Members(ctx context.Context, segment string) ([]touchstone.PersonID, error)
}

// Options configures an Engine. The zero value works, without segments.
type Options struct {
	Households Households            // nil: a question about households is refused
	Probable   ProbableLinks         // nil: there are none
	Segments   Members               // nil: a question that names a segment is refused
	Clock      touchstone.Clock      // default: the system's
	Zone       func() *time.Location // of questions that name none; default: UTC
	Timeout    time.Duration         // of one question; default: 30 s
	MaxRows    int                   // of the result of a person's statement; default: 10,000
	// GatherEvents is how many events a question holds in memory at a time, at 8 bytes
	// each; default: 32 million. Questions about more read them in several passes.
	GatherEvents int
}

// Engine answers questions. It is safe for use by many goroutines.
type Engine struct {
	w    warehouse.Warehouse
	d    warehouse.Dialect
	opts Options
	sets memberSets
}

// New makes an Engine that asks w.
func New(w warehouse.Warehouse, opts Options) *Engine {
	if opts.Clock == nil {
		opts.Clock = touchstone.SystemClock{}
	}
	if opts.Zone == nil {
		opts.Zone = func() *time.Location { return time.UTC }
	}
	if opts.MaxRows <= 0 {
		opts.MaxRows = 10_000
	}
	if opts.Timeout <= 0 {
		opts.Timeout = 30 * time.Second
	}
	if opts.GatherEvents <= 0 {
		opts.GatherEvents = gather.DefaultHeld
	}
	return &Engine{w: w, d: w.Dialect(), opts: opts}
}

// Answer is a table and how it came about. Times in it are RFC 3339 texts in UTC.
type Answer struct {
	Columns []warehouse.Column `json:"columns"`
	Rows    [][]any            `json:"rows"`
	Meta    Meta               `json:"meta"`
}

// Meta says how an answer came about.
type Meta struct {
	ElapsedMillis int64  `json:"elapsed_ms"`
	ScannedEvents int64  `json:"scanned_events"` // events in the range, before any other condition
	SQL           string `json:"sql"`            // what was run, without the values of its parameters
	From          string `json:"from,omitempty"`
	To            string `json:"to,omitempty"`
	FreshTo       string `json:"fresh_to,omitempty"` // everything received until then is in the answer
	Truncated     bool   `json:"truncated"`          // rows or groups beyond a limit were left out
}

// Query is a parsed and valid question.
type Query interface {
	run(ctx context.Context, r *run) (*Answer, error)
}

// peopleQuery is a question whose numbers stand for people.
type peopleQuery interface {
	Query
	// selection reads which number is meant.
	selection(d *decoder, f *fields) selection
}

// selection names the people behind one number.
type selection interface {
	people(ctx context.Context, r *run) ([]touchstone.PersonID, error)
}

// kind is a kind of question.
type kind struct {
	name  string
	parse func(e *Engine, f *fields) Query // nil: not built yet
}

// kinds are all kinds, in the order of the documentation.
var kinds = []kind{
	{"trend", parseTrend}, {"funnel", parseFunnel}, {"retention", parseRetention}, {"matched", parseMatched}, {"exposed", parseExposed}, {"sql", parseSQL},
	{"paths", nil}, {"distribution", nil}, {"interval", nil}, {"attribution", nil}, {"ltv", nil}, {"sessions", nil},
	{"lifecycle", nil}, {"stickiness", nil}, {"composition", nil},
}

// Kinds returns the names of the kinds of question that can be asked.
func Kinds() []string {
	var names []string
	for _, k := range kinds {
		if k.parse != nil {
			names = append(names, k.name)
		}
	}
	return names
}

// maxQuery bounds a question's text, in bytes.
const maxQuery = 1 << 20

// Parse reads a question. A mistake is a touchstone.Invalid error that names its place.
func (e *Engine) Parse(raw []byte) (Query, error) {
	d := &decoder{}
	if len(raw) > maxQuery {
		return nil, touchstone.Errorf(touchstone.Invalid, "query: longer than %d bytes", maxQuery)
	}
	f := d.object("", jsontext.Value(raw))
	name := f.name("kind")
	if d.err != nil {
		return nil, d.err
	}
	for _, k := range kinds {
		switch {
		case k.name != name:
		case k.parse == nil:
			return nil, touchstone.Errorf(touchstone.Invalid, "kind: %q is not available yet; use one of %s", name, strings.Join(Kinds(), ", "))
		default:
			q := k.parse(e, f)
			f.end()
			return q, d.err
		}
	}
	if name == "" {
		return nil, touchstone.Errorf(touchstone.Invalid, "kind: is missing; use one of %s", strings.Join(Kinds(), ", "))
	}
	return nil, touchstone.Errorf(touchstone.Invalid, "kind: unknown kind %q; use one of %s", name, strings.Join(Kinds(), ", "))
}

// Run answers a question given as JSON, about the people that v may see. Contacts in the answer
// are as v may see them.
func (e *Engine) Run(ctx context.Context, v *access.Viewer, raw []byte) (*Answer, error) {
	q, err := e.Parse(raw)
	if err != nil {
		return nil, err
	}
	if err := v.CheckQuestion(raw); err != nil {
		return nil, err
	}
	return e.Ask(ctx, v, q)
}

// RunSQL is the permission that a question in SQL needs, beside that of asking.
const RunSQL access.Permission = "sql:run"

// Ask answers a parsed question, which [access.Viewer.CheckQuestion] has let through.
func (e *Engine) Ask(ctx context.Context, v *access.Viewer, q Query) (*Answer, error) {
	_, inSQL := q.(*sqlQuery)
	if inSQL {
		if err := v.Require(RunSQL); err != nil {
			return nil, err
		}
		if v.Limited() {
			return nil, touchstone.Errorf(touchstone.Forbidden, "SQL reads the events of all people, and your access is limited to some.").
				WithHint("Ask the same as a trend, a funnel or a retention: those count your people.")
		}
	}
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, e.opts.Timeout)
	defer cancel()
	r := &run{Engine: e, viewer: v}
	if err := r.about(ctx, q); err != nil {
		return nil, e.late(ctx, err)
	}
	a, err := r.answer(ctx, q)
	if err != nil {
		return nil, e.late(ctx, err)
	}
	a.Meta.ElapsedMillis = time.Since(began).Milliseconds()
	a.Meta.SQL = strings.Join(r.statements, ";\n\n")
	if !inSQL { // SQL reads what is masked
		a.mask(v)
	}
	for _, row := range a.Rows {
		for i := range row {
			if t, ok := row[i].(time.Time); ok {
				row[i] = formatTime(t)
			}
		}
	}
	return a, nil
}

// mask hides the contacts among the values that groups are named by.
func (a *Answer) mask(v *access.Viewer) {
	if v.SeesContacts() {
		return
	}
	for _, row := range a.Rows {
		for i := range row {
			if text, ok := row[i].(string); ok {
				row[i] = v.Label(a.Columns[i].Name, text)
			}
		}
	}
}

// People returns the people behind one number of a question's answer, by ascending id.
// sel names the number:
//
//	trend      {"bucket":"<time as in the row>","series":0,"breakdown":[…]}
//	funnel     {"step":1,"outcome":"reached|converted|lost","breakdown":[…]}
//	retention  {"cohort":"<time as in the row>","period":0}; without period, the cohort itself
//	matched    {"bucket":"<time as in the row>","evidence":"identifier|probable|household|none|any","breakdown":[…]}
//	exposed    {"way":"exposed|other|none","touch":"<as in the row>","breakdown":[…]}
func (e *Engine) People(ctx context.Context, v *access.Viewer, raw, sel []byte) ([]touchstone.PersonID, error) {
	q, err := e.Parse(raw)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(v.CheckQuestion(raw), v.CheckQuestion(sel)); err != nil {
		return nil, err
	}
	pq, ok := q.(peopleQuery)
	if !ok {
		return nil, touchstone.Errorf(touchstone.Invalid, "query: there are no people behind the rows of SQL")
	}
	ctx, cancel := context.WithTimeout(ctx, e.opts.Timeout)
	defer cancel()
	r := &run{Engine: e, viewer: v}
	if sel, err = r.selectHome(ctx, q, sel); err != nil {
		return nil, e.late(ctx, err)
	}
	d := &decoder{}
	f := d.object("select", jsontext.Value(sel))
	s := pq.selection(d, f)
	f.end()
	if d.err != nil {
		return nil, d.err
	}
	if err := r.about(ctx, q); err != nil {
		return nil, e.late(ctx, err)
	}
	people, err := s.people(ctx, r)
	if err != nil {
		return nil, e.late(ctx, err)
	}
	return r.whole(people), nil
}

// late explains an error that is the end of the time allowed.
func (e *Engine) late(ctx context.Context, err error) error {
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil {
		return touchstone.Wrap(touchstone.Invalid, err, "the question took longer than %s", e.opts.Timeout).
			WithHint("ask about a shorter range or fewer groups")
	}
	return err
}

// run is the answering of one question: it keeps the statements for Meta.
type run struct {
	*Engine
	viewer     *access.Viewer
	statements []string
	standing   *gather.Standing // households are counted
}

func (r *run) query(ctx context.Context, f fragment, maxRows int) (*warehouse.Result, error) {
	r.statements = append(r.statements, f.sql)
	s := f.statement()
	s.MaxRows = maxRows
	return r.w.Query(ctx, s)
}

// gather calls the workers for each person with items.
func (r *run) gather(ctx context.Context, g gather.Gathering, workers []gather.Worker) error {
	r.statements = append(r.statements, g.Rows.SQL)
	g.Held = r.opts.GatherEvents
	return gather.Run(ctx, r.counted(), g, workers)
}

// maxPeople bounds a list of people.
const maxPeople = 1_000_000

// people returns those who have an item, by ascending id.
func (r *run) people(ctx context.Context, g gather.Gathering) ([]touchstone.PersonID, error) {
	r.statements = append(r.statements, g.Rows.SQL)
	g.Held = r.opts.GatherEvents
	return gather.People(ctx, r.counted(), g, maxPeople)
}

// formatTime writes times as everywhere in the API.
func formatTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
