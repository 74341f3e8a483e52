package stage

import (
	"context"
	"database/sql"
	"strconv"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// Span is a stay of somebody in a stage, and why it began.
type Span struct {
	Person touchstone.PersonID `json:"person"`
	Stage  string              `json:"stage"` // key; "": none
	From   string              `json:"from"`  // key of the stage before; "": none
	Began  time.Time           `json:"began"`
	Ended  *time.Time          `json:"ended"` // null: it goes on
	Reason Reason              `json:"reason"`
}

// Reason is why somebody came into a stage.
type Reason struct {
	Why     string `json:"why"`        // entered, left, start, identity
	Stage   string `json:"stage"`      // key of the stage whose rule began or ceased to hold; ""
	Message string `json:"message_id"` // of the event that brought it about; ""
}

func (r *span) shape() Span {
	return Span{Person: r.person, Stage: r.stage, From: r.origin, Began: time.UnixMilli(r.began).UTC(), Ended: momentOf(r.ended), Reason: Reason{r.why, r.cause, r.message}}
}

// SpanQuery asks for spans of a life cycle, those that began last first.
type SpanQuery struct {
	Stage  *string // key; nil: any
	Open   bool    // those that go on
	Limit  int
	Cursor string // "" or what was returned
}

// Spans returns them, and where the next ones begin: "" at the end.
func (s *Stages) Spans(ctx context.Context, id string, q SpanQuery) (list []Span, next string, err error) {
	where, args := []string{`cycle = ?`}, []any{id}
	if q.Stage != nil {
		where, args = append(where, `stage = ?`), append(args, *q.Stage)
	}
	if q.Open {
		where = append(where, `ended = 0`)
	}
	if q.Cursor != "" {
		began, node, ok := readCursor(q.Cursor)
		if !ok {
			return nil, "", touchstone.Errorf(touchstone.Invalid, "cursor: is none of this list")
		}
		where, args = append(where, `(began < ? OR began = ? AND node < ?)`), append(args, began, began, node)
	}
	rows, err := s.cfg.DB.Reader().Query(ctx, selectSpans+strings.Join(where, " AND ")+` ORDER BY began DESC, node DESC LIMIT ?`, append(args, q.Limit+1)...)
	if err != nil {
		return nil, "", err
	}
	defer rows.Close()
	list = []Span{}
	var last span
	for rows.Next() {
		if len(list) == q.Limit {
			return list, strconv.FormatInt(last.began, 36) + "." + strconv.FormatInt(int64(last.node), 36), nil
		}
		if err := last.scan(rows); err != nil {
			return nil, "", err
		}
		list = append(list, last.shape())
	}
	return list, "", rows.Err()
}

func readCursor(text string) (began, node int64, ok bool) {
	a, b, found := strings.Cut(text, ".")
	began, err := strconv.ParseInt(a, 36, 64)
	node, err2 := strconv.ParseInt(b, 36, 64)
	return began, node, found && err == nil && err2 == nil
}

// OfPerson is where somebody stands in a life cycle, and how they came there.
type OfPerson struct {
	ID        string     `json:"id"`
	Key       string     `json:"key"`
	Name      string     `json:"name"`
	Stage     string     `json:"stage"` // key; "": none
	StageName string     `json:"stage_name"`
	Since     *time.Time `json:"since"`
	Spans     []Span     `json:"spans"` // the latest first
}

// maxShown bounds the spans that are shown of a person in a life cycle.
const maxShown = 100

// Of returns where a person stands, by the names of the life cycles. Those that they are in no stage of, and never were, are left out.
func (s *Stages) Of(ctx context.Context, person touchstone.PersonID) ([]OfPerson, error) {
	cycles, err := s.List(ctx)
	if err != nil {
		return nil, err
	}
	out := []OfPerson{}
	for i := range cycles {
		x := &cycles[i]
		p := placesOf(&x.Definition)
		o := OfPerson{ID: x.ID, Key: x.Key, Name: x.Name, Spans: []Span{}}
		at, known := 0, false
		err := store.SelectIn(ctx, s.cfg.DB.Reader(), selectSpans+`cycle = ? AND person IN (...) ORDER BY began DESC LIMIT `+strconv.Itoa(maxShown), []touchstone.PersonID{person}, func(rows *sql.Rows) error {
			var r span
			if err := r.scan(rows); err != nil {
				return err
			}
			if here := p.of[r.stage]; r.ended == 0 && (!known || p.further(at, here) != at) {
				at, known = here, true
				began := time.UnixMilli(r.began).UTC()
				o.Stage, o.StageName, o.Since = r.stage, x.Definition.name(r.stage), &began
			}
			o.Spans = append(o.Spans, r.shape())
			return nil
		}, x.ID)
		if err != nil {
			return nil, err
		}
		if len(o.Spans) > 1 || o.Stage != "" {
			out = append(out, o)
		}
	}
	return out, nil
}

// Compare tells in which fields two versions differ.
func (s *Stages) Compare(ctx context.Context, id string, from, to int64) ([]Difference, error) {
	a, err := s.version(ctx, s.cfg.DB.Reader(), id, from)
	if err != nil {
		return nil, err
	}
	b, err := s.version(ctx, s.cfg.DB.Reader(), id, to)
	if err != nil {
		return nil, err
	}
	return Differences(&a.Definition, &b.Definition), nil
}

// Definitions tells what each life cycle goes by, and which traits it makes.
func (s *Stages) Definitions(ctx context.Context) ([]touchstone.Definition, error) {
	cycles, err := s.List(ctx)
	if err != nil {
		return nil, err
	}
	var list []touchstone.Definition
	for i := range cycles {
		x := &cycles[i]
		d := touchstone.Definition{Kind: touchstone.DefStage, ID: x.ID, Name: x.Name, Owner: x.Owner, Need: string(mayRead)}
		for _, name := range x.traits() {
			d.Makes = append(d.Makes, touchstone.Field{Sort: touchstone.TraitField, Name: name})
		}
		for _, r := range x.Definition.rules() {
			if s.cfg.RuleEvents != nil {
				d.Reads = append(d.Reads, s.cfg.RuleEvents(r)...)
			}
			if s.cfg.RuleGoes != nil {
				d.Goes = append(d.Goes, s.cfg.RuleGoes(r)...)
			}
		}
		list = append(list, d)
	}
	return list, nil
}
