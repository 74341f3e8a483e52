package importer

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/collect/intake"
	"github.com/touchstone-cdp/touchstone/internal/vault"
)

// Limits of one event, as at the edge.
const (
	maxEventBytes = 32 << 10
	maxNameBytes  = 256
	maxIDBytes    = 256
)

// plan is a mapping bound to the columns of a table: what is left to do per row.
type plan struct {
	kinds    *touchstone.KindSet
	source   string    // id of the source
	received time.Time // of all events of this run
	undated  time.Time // the time of events whose mapping has no time
	idPrefix string    // of generated message ids
	window   bool      // times are checked here
	leave    map[uint64]struct{}
	noID     int64 // events whose columns gave no message id

	typ, event, groupID, previousID value
	fixedType                       touchstone.EventType // when typ is a constant
	time                            value
	clock                           *clockReader
	fixedTime                       time.Time
	identifiers                     []boundIdentifier
	properties, traits, context     object
	messageID                       []value

	guesses []Guess // about columns

	ids     []touchstone.Identifier
	scratch []byte
}

// value is a constant, or the index of a cell.
type value struct {
	constant string
	cell     int // -1 = none
	isRow    bool
}

func (v value) of(cells []cell) string {
	if v.cell < 0 {
		return v.constant
	}
	return plainText(cells[v.cell])
}

type boundIdentifier struct {
	kind   touchstone.IdentifierKind
	column string
	format string
	prefix string
	cell   int
}

// planOptions are what a plan needs beside mapping and columns.
type planOptions struct {
	key      *vault.Key // of the file
	kinds    *touchstone.KindSet
	source   string
	received time.Time
	undated  time.Time
	idPrefix string
	// window checks times here, because no server is asked that would do it.
	window bool
	leave  map[uint64]struct{} // see [Options.Leave]
}

// newPlan binds m to t's columns. It fails with the columns that exist when m names
// another one.
func newPlan(m *Mapping, t table, o planOptions) (*plan, error) {
	needed := m.neededColumns()
	columns := make([]string, 0, len(needed))
	for _, use := range needed {
		if !t.has(use.column) {
			return nil, missingColumn(use, t.columns())
		}
		columns = append(columns, use.column)
	}
	t.bind(columns)
	at := func(column string) int { return slices.Index(columns, column) }
	bind := func(s source) value {
		if s.column != "" {
			return value{cell: at(s.column)}
		}
		return value{constant: s.constant, cell: -1}
	}
	p := &plan{
		kinds: o.kinds, source: o.source, received: o.received, undated: o.undated, idPrefix: o.idPrefix, window: o.window, leave: o.leave,
		typ: bind(m.typ), event: bind(m.event), groupID: bind(m.groupID), previousID: bind(m.previousID), time: bind(m.time.source),
	}
	if p.typ.cell < 0 {
		p.fixedType, _ = touchstone.ParseEventType(p.typ.constant)
	}
	if err := p.bindTime(m, t); err != nil {
		return nil, err
	}
	for _, id := range m.identifiers {
		p.identifiers = append(p.identifiers, boundIdentifier{id.kind, id.column, id.format, id.prefix, at(id.column)})
	}
	for _, c := range m.messageID {
		if c == rowPlaceholder {
			p.messageID = append(p.messageID, value{isRow: true, cell: -1})
		} else {
			p.messageID = append(p.messageID, value{cell: at(c)})
		}
	}
	to := p.binding(m, t, at)
	var err error
	for _, list := range []struct {
		fields []field
		object *object
	}{{m.properties, &p.properties}, {m.traits, &p.traits}, {m.context, &p.context}} {
		if *list.object, err = newObject(list.fields, to); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// binding prepares how cells become values; how a column writes its numbers is guessed
// from its first cells where the mapping does not say it.
func (p *plan) binding(m *Mapping, t table, at func(string) int) binding {
	to := binding{at: at, tidy: tidierOf(t, m), layout: func(column, given string) string { return p.layoutOf(column, given, t) }}
	source, sampled := t.(sampled)
	known := map[string]evidence{}
	var file byte // what the columns that tell say
	for _, column := range m.numberColumns() {
		var e evidence
		if sampled {
			for _, text := range source.sampleOf(column) {
				e.look(text)
			}
		}
		known[column] = e
		if decimal, _ := e.guess(); decimal == ',' && file == 0 {
			file = ','
		}
	}
	told := map[string]bool{}
	to.numbers = func(column string, own numberFormat) numberFormat {
		f := own.or(m.numbers)
		if f.decimal != 0 {
			return f
		}
		e := known[column]
		decimal, reason := e.guess()
		if reason = "guessed from " + reason + " of column " + column; decimal == 0 && file != 0 && e.numbers > 0 {
			decimal, reason = file, "column "+column+" does not tell, another one does"
		}
		if decimal == ',' && !told[column] {
			told[column] = true
			p.guesses = append(p.guesses, Guess{Key: "decimal", Column: column, Value: `","`, Reason: reason})
		}
		return f.or(numberFormat{decimal: decimal})
	}
	return to
}

// sampled is a table whose numbers are text, and that can show the first cells of a column.
type sampled interface{ sampleOf(column string) []string }

// tidierOf returns what tidies the table's cells; nil when the format has types of its own.
func tidierOf(t table, m *Mapping) *tidier {
	if _, delimited := t.(*csvTable); delimited || m.nulls != nil {
		return newTidier(m.nulls)
	}
	return nil
}

// layoutOf returns how a column's times are written: as the mapping says, or as its first
// cells show.
func (p *plan) layoutOf(column, given string, t table) string {
	source, ok := t.(sampled)
	if given != "" || column == "" || !ok {
		return given
	}
	var votes layoutVotes
	for _, text := range source.sampleOf(column) {
		votes.look(strings.TrimSpace(text))
	}
	layout, fit, ambiguous := votes.best()
	if fit*10 < votes.cells*8 || fit == 0 || layout == layoutISO8601 || layout == layoutUnix || layout == layoutUnixMs {
		return given
	}
	reason := fmt.Sprintf("guessed from %d of %d values of column %s", fit, votes.cells, column)
	if ambiguous {
		reason += dayFirst
	}
	p.guesses = append(p.guesses, Guess{Key: "layout", Column: column, Value: yamlText(layout), Reason: reason})
	return layout
}

func (p *plan) bindTime(m *Mapping, t table) (err error) {
	if !m.time.given() {
		return nil
	}
	if p.clock, err = newClockReader(p.layoutOf(m.time.column, m.time.layout, t), m.time.zone); err != nil {
		return lineError(m.time.line, "zone: %v", err)
	}
	p.clock.event = true
	if p.time.cell < 0 {
		if p.fixedTime, err = p.clock.read(cell{kind: cellText, text: p.time.constant}); err != nil {
			return lineError(m.time.line, "time: %v", err)
		}
	}
	return nil
}

// apply makes the event of one row. Its identifiers are valid until the next call. The
// error is a *rowError.
func (p *plan) apply(cells []cell, row int64, e *touchstone.Event) error {
	*e = touchstone.Event{Type: p.fixedType, Source: p.source, ReceivedAt: p.received}
	if err := p.applyType(cells, e); err != nil {
		return err
	}
	if err := p.applyTime(cells, e); err != nil {
		return err
	}
	if err := p.believable(e); err != nil {
		return err
	}
	if err := p.applyIdentifiers(cells, e); err != nil {
		return err
	}
	e.MessageID = p.id(cells, row)
	var err error
	if e.Properties, err = p.render(&p.properties, cells); err != nil {
		return err
	}
	if e.Traits, err = p.render(&p.traits, cells); err != nil {
		return err
	}
	if e.Context, err = p.render(&p.context, cells); err != nil {
		return err
	}
	if len(p.leave) > 0 {
		var key uint64
		if key, p.scratch = setKey(p.scratch, e, p.timed); p.left(key) {
			return badRow(codeMerges, "the row would make one of two persons who are known")
		}
	}
	if n := len(e.Properties) + len(e.Traits) + len(e.Context); n > maxEventBytes {
		return badRow(codeLarge, "the event has %d bytes; the limit is %d", n, maxEventBytes)
	}
	return nil
}

// timed tells whether limits of a kind look at the times of events.
func (p *plan) timed(kind touchstone.IdentifierKind) bool {
	return p.clock != nil && p.kinds.Config(kind).WindowLimit > 0
}

func (p *plan) left(key uint64) bool {
	_, left := p.leave[key]
	return left
}

func (p *plan) applyType(cells []cell, e *touchstone.Event) error {
	if p.typ.cell >= 0 {
		text := strings.ToLower(p.typ.of(cells))
		var ok bool
		if e.Type, ok = touchstone.ParseEventType(text); !ok {
			return badRow(codeType, "type %q is not one of track, identify, page, screen, group, alias", clip(text))
		}
	}
	switch e.Type {
	case touchstone.Track:
		if e.Name = p.event.of(cells); e.Name == "" {
			return badRow(codeEvent, "a track event needs an event name")
		}
		if len(e.Name) > maxNameBytes {
			return badRow(codeName, "the event name has more than %d bytes", maxNameBytes)
		}
		e.Name = withoutNUL(e.Name)
		return nil
	case touchstone.Group:
		if e.GroupID = p.groupID.of(cells); e.GroupID == "" {
			return badRow(codeGroup, "a group event needs a group_id")
		}
	case touchstone.Alias:
		if e.PreviousID = p.previousID.of(cells); e.PreviousID == "" {
			return badRow(codePrevious, "an alias event needs a previous_id")
		}
	}
	if len(e.GroupID) > maxIDBytes || len(e.PreviousID) > maxIDBytes {
		return badRow(codeName, "an id has more than %d bytes", maxIDBytes)
	}
	e.Name = touchstone.EventName(e.Type, "")
	return nil
}

func withoutNUL(s string) string {
	if strings.IndexByte(s, 0) < 0 {
		return s
	}
	return strings.ReplaceAll(s, "\x00", "\ufffd")
}

func (p *plan) applyTime(cells []cell, e *touchstone.Event) error {
	switch {
	case p.clock == nil:
		e.Time = p.undated
		return nil
	case p.time.cell < 0:
		e.Time = p.fixedTime
		return nil
	}
	c := cells[p.time.cell]
	if c.kind == cellAbsent || c.kind == cellText && c.text == "" {
		return badRow(codeTime, "the time is empty")
	}
	t, err := p.clock.read(c)
	if err != nil {
		return badRow(codeTime, "%s", err.Error())
	}
	e.Time = t
	return nil
}

// believable applies the rule for times that the server has unless it is configured
// otherwise.
func (p *plan) believable(e *touchstone.Event) error {
	if !p.window {
		return nil
	}
	var w intake.Window
	if code := w.Check(e.Time.UnixMilli(), p.received.UnixMilli()); code != "" {
		return badRow(code, "%s", w.Explain(code, e.Time.UnixMilli()))
	}
	return nil
}

func (p *plan) applyIdentifiers(cells []cell, e *touchstone.Event) error {
	p.ids = p.ids[:0]
	refused := ""
	for _, id := range p.identifiers {
		text, err := identifierText(cells[id.cell], id.format)
		if err != nil {
			return err
		}
		if text == "" {
			continue
		}
		if like, ok := formatKind(id.format); ok && like != id.kind {
			if text, ok = p.kinds.Normalise(like, text); !ok {
				refused = id.column
				continue
			}
		}
		text, why := p.kinds.CheckWithPrefix(id.kind, id.prefix, text)
		if why != "" {
			refused = id.column + " (" + string(why) + ")"
			continue
		}
		switch {
		case id.kind == touchstone.KindUserID && e.UserID == "":
			e.UserID = text
		case id.kind == touchstone.KindAnonymousID && e.AnonymousID == "":
			e.AnonymousID = text
		}
		p.ids = append(p.ids, touchstone.Identifier{Kind: id.kind, Value: text})
	}
	if len(p.ids) == 0 {
		if refused != "" {
			return badRow(codeBlocked, "no usable identifier: %s names nobody", refused)
		}
		return badRow(codeIdentifier, "every identifier column is empty")
	}
	p.kinds.Sort(p.ids)
	e.Identifiers = p.ids
	return nil
}

// id makes the message id: the columns of the mapping joined by ":", or file and row. So
// does a row whose columns hold nothing or a placeholder such as null, which would make
// it a copy of all others without an id, in this file or another.
func (p *plan) id(cells []cell, row int64) string {
	b := p.scratch[:0]
	missing, columns := true, 0
	for i, v := range p.messageID {
		if i > 0 {
			b = append(b, ':')
		}
		if v.isRow {
			b = strconv.AppendInt(b, row, 10)
			continue
		}
		columns++
		text := strings.ReplaceAll(plainText(cells[v.cell]), "\x00", "")
		missing = missing && intake.MissingID(text)
		b = append(b, text...)
	}
	if missing {
		if columns > 0 {
			p.noID++
		}
		b = append(b[:0], p.idPrefix...)
		b = strconv.AppendInt(b, row, 10)
	}
	p.scratch = b
	if len(b) > maxIDBytes {
		h := fnv.New128a()
		h.Write(b)
		return fmt.Sprintf("%s-%x", b[:64:64], h.Sum(nil))
	}
	return string(b)
}

func (p *plan) render(o *object, cells []cell) (touchstone.JSON, error) {
	if len(o.members) == 0 {
		return "", nil
	}
	b, _, err := o.append(p.scratch[:0], cells)
	p.scratch = b
	if err != nil {
		return "", err
	}
	return touchstone.JSON(b), nil
}

// reject makes the event that carries a bad row to quarantine.
func (p *plan) reject(t table, row int64, why *rowError, e *touchstone.Event) {
	*e = touchstone.Event{
		Type: touchstone.Rejected, Source: p.source, ReceivedAt: p.received, Time: p.received,
		MessageID: p.idPrefix + strconv.FormatInt(row, 10), Reason: why.Error(), Raw: t.raw(),
		Context: touchstone.JSON(`{"import":{"row":` + strconv.FormatInt(row, 10) + `}}`),
	}
}
