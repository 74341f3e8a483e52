package privacy

import (
	"bytes"
	"encoding/json"
	"strings"

	jsonexact "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/identity"
	"github.com/touchstone-cdp/touchstone/stream"
)

// Redactor takes the erased out of the log's records. Whom, it learns from the commands that erased
// them, which are in the log themselves; so it needs no store. First let it [Redactor.Learn] all
// records, then [Redactor.Change] them.
type Redactor struct {
	ids    map[touchstone.Identifier]moment
	values map[string]moment // what identifiers say, in the forms in which it is searched
	found  int               // commands
}

// moment is when somebody was forgotten: an event that happened before is gone, as is one that stands
// before in the log.
type moment struct {
	partition int
	at        stream.Offset
	ms        int64
}

// NewRedactor makes one that knows nobody.
func NewRedactor() *Redactor {
	return &Redactor{ids: map[touchstone.Identifier]moment{}, values: map[string]moment{}}
}

// Identifiers returns how many it knows.
func (r *Redactor) Identifiers() int { return len(r.ids) }

// Values are what the identifiers say, as long as they are long enough to be nothing else, also without
// the country codes of phone numbers.
func (r *Redactor) Values() []string {
	list := make([]string, 0, len(r.values))
	for v := range r.values {
		list = append(list, v)
	}
	return list
}

// shortest is the length from which a value alone, wherever it stands, is taken for the
// identifier: a shorter one may be anything.
const shortest = 5

// Learn takes up the erasures of a record.
func (r *Redactor) Learn(partition int, at stream.Offset, record []byte) error {
	if n, err := stream.Count(record); err != nil || n != 1 { // a command has a record of its own
		return err
	}
	frames, err := stream.DecodeRecord(record)
	if err != nil {
		return err
	}
	for frame := range frames.All() {
		var e touchstone.Event
		if frame == "" {
			continue
		}
		if err := touchstone.DecodeEvent(frame, &e); err != nil {
			return err
		}
		if e.Type == touchstone.System {
			r.learn(moment{partition, at, e.ReceivedAt.UnixMilli()}, &e)
		}
	}
	return nil
}

func (r *Redactor) learn(when moment, e *touchstone.Event) {
	var texts []string
	switch e.Name {
	case identity.EraseCommand:
		var in identity.EraseBody
		if json.Unmarshal([]byte(e.Properties), &in) == nil {
			texts = in.Identifiers
		}
	case ForgetCommand:
		var in forgetBody
		if json.Unmarshal([]byte(e.Properties), &in) == nil {
			for i := range in.Requests {
				texts = append(texts, in.Requests[i].Identifiers...)
			}
		}
	}
	if len(texts) > 0 {
		r.found++
	}
	for _, text := range texts {
		id, ok := touchstone.ParseIdentifier(text)
		if !ok {
			continue
		}
		r.ids[id] = when // the latest counts
		for _, v := range spellings(id) {
			r.values[v] = when
		}
	}
}

// spellings are the texts in which an identifier is searched for.
func spellings(id touchstone.Identifier) []string {
	list := []string{id.String()}
	if len(id.Value) >= shortest {
		list = append(list, id.Value)
	}
	if id.Kind == touchstone.KindPhone {
		for _, code := range []string{"+86", "+1", "+"} {
			if short, ok := strings.CutPrefix(id.Value, code); ok && len(short) >= shortest {
				list = append(list, short)
			}
		}
	}
	if id.Kind == touchstone.KindEmail {
		list = append(list, strings.ToUpper(id.Value))
	}
	return list
}

// covers tells whether what is at a place was there before somebody was forgotten.
func (m moment) covers(partition int, at stream.Offset, e *touchstone.Event) bool {
	if partition == m.partition && at <= m.at {
		return true
	}
	return min(e.Time.UnixMilli(), e.ReceivedAt.UnixMilli()) <= m.ms
}

// Change returns a record without the erased, nil if they are not in it. Their events are empty
// frames then, so that those behind keep their places; others' events lose the identifiers that
// were theirs; commands lose what names them.
func (r *Redactor) Change(partition int, at stream.Offset, record []byte) ([]byte, error) {
	if len(r.ids) == 0 {
		return nil, nil
	}
	frames, err := stream.DecodeRecord(record)
	if err != nil {
		return nil, err
	}
	all := make([][]byte, 0, frames.Len())
	changed := false
	for frame := range frames.All() {
		to, differs, err := r.frame(partition, at, frame)
		if err != nil {
			return nil, err
		}
		changed = changed || differs
		all = append(all, to)
	}
	if !changed {
		return nil, nil
	}
	return stream.EncodeErased(nil, all), nil
}

func (r *Redactor) frame(partition int, at stream.Offset, frame string) (to []byte, differs bool, err error) {
	if frame == "" {
		return nil, false, nil
	}
	var e touchstone.Event
	if err := touchstone.DecodeEvent(frame, &e); err != nil {
		return nil, false, err
	}
	gone := func(m moment, known bool) bool { return known && m.covers(partition, at, &e) }
	names := func(text string) bool { m, known := r.values[text]; return gone(m, known) }
	switch {
	case e.Type == touchstone.System:
		whole := e.Properties
		body, differs := withoutNames(whole, names)
		if !differs {
			return []byte(frame), false, nil
		}
		if e.Properties = body; !hasList(jsontext.Value(whole), names) { // all of it was about them
			e.Properties = "{}"
		}
		return touchstone.AppendEvent(nil, &e), true, nil
	case e.Type == touchstone.Rejected:
		if mentions(e.Raw, names) || mentions(e.Context, names) || names(e.MessageID) {
			return nil, true, nil
		}
		return []byte(frame), false, nil
	case len(e.Identifiers) > 0 && r.isGone(e.Identifiers[0], gone):
		return nil, true, nil
	}
	if !r.strip(&e, gone, names) {
		return []byte(frame), false, nil
	}
	return touchstone.AppendEvent(nil, &e), true, nil
}

func (r *Redactor) isGone(id touchstone.Identifier, gone func(moment, bool) bool) bool {
	m, known := r.ids[id]
	return gone(m, known)
}

// strip takes the erased out of an event of somebody else, and tells whether they were in it.
func (r *Redactor) strip(e *touchstone.Event, gone func(moment, bool) bool, names func(string) bool) (differs bool) {
	kept := make([]touchstone.Identifier, 0, len(e.Identifiers))
	for _, id := range e.Identifiers {
		if r.isGone(id, gone) {
			differs = true
			continue
		}
		kept = append(kept, id)
	}
	e.Identifiers = kept
	for kind, text := range map[touchstone.IdentifierKind]*string{touchstone.KindUserID: &e.UserID, touchstone.KindAnonymousID: &e.AnonymousID} {
		if *text != "" && r.isGone(touchstone.Identifier{Kind: kind, Value: *text}, gone) {
			*text, differs = "", true
		}
	}
	for _, text := range []*string{&e.PreviousID, &e.GroupID, &e.Name} {
		if *text != "" && names(*text) {
			*text, differs = "erased", true
		}
	}
	for _, text := range []*touchstone.JSON{&e.Properties, &e.Traits, &e.Context} {
		if to, changed := withoutNames(*text, names); changed {
			*text, differs = to, true
		}
	}
	return differs
}

// mentions tells whether a JSON text has a string or a number that names somebody. Names of members
// count, too.
func mentions(text touchstone.JSON, names func(string) bool) bool {
	dec := jsontext.NewDecoder(strings.NewReader(string(text)), jsontext.AllowDuplicateNames(true))
	for {
		token, err := dec.ReadToken()
		if err != nil {
			return false
		}
		switch token.Kind() {
		case '"', '0':
			if names(token.String()) {
				return true
			}
		}
	}
}

// withoutNames returns a JSON text without what names somebody: an item of a list in which it is
// said, and otherwise the member. The items of others in a list stay.
func withoutNames(text touchstone.JSON, names func(string) bool) (touchstone.JSON, bool) {
	if text == "" || !mentions(text, names) {
		return text, false
	}
	var v jsontext.Value = []byte(text)
	to, _ := cut(v, names)
	if to == nil {
		to = jsontext.Value("{}")
	}
	return touchstone.JSON(to), true
}

// cut returns a value without what names somebody; nil: all of it is to go.
func cut(v jsontext.Value, names func(string) bool) (to jsontext.Value, differs bool) {
	if !mentions(touchstone.JSON(v), names) {
		return v, false
	}
	switch v.Kind() {
	case '[':
		var items []jsontext.Value
		if jsonexact.Unmarshal(v, &items) != nil {
			return nil, true
		}
		kept := []jsontext.Value{}
		for _, item := range items {
			if one, differs := cut(item, names); !differs {
				kept = append(kept, one)
			} else if one != nil && item.Kind() == '[' {
				kept = append(kept, one)
			} else if one != nil && item.Kind() == '{' && hasList(item, names) {
				kept = append(kept, one) // somebody is one of many in it
			}
		}
		text, err := jsonexact.Marshal(kept)
		if err != nil {
			return nil, true
		}
		return text, true
	case '{':
		return cutObject(v, names), true
	}
	return nil, true
}

// hasList tells whether an object names somebody only within lists of its own.
func hasList(v jsontext.Value, names func(string) bool) bool {
	var members map[string]jsontext.Value
	if jsonexact.Unmarshal(v, &members, jsontext.AllowDuplicateNames(true)) != nil {
		return false
	}
	for name, member := range members {
		if names(name) || mentions(touchstone.JSON(member), names) && member.Kind() != '[' {
			return false
		}
	}
	return true
}

// cutObject keeps the order of the members that stay.
func cutObject(v jsontext.Value, names func(string) bool) jsontext.Value {
	dec := jsontext.NewDecoder(bytes.NewReader(v), jsontext.AllowDuplicateNames(true))
	if _, err := dec.ReadToken(); err != nil {
		return nil
	}
	var out bytes.Buffer
	out.WriteByte('{')
	for dec.PeekKind() != '}' {
		name, err := dec.ReadValue()
		if err != nil {
			return nil
		}
		name = bytes.Clone(name)
		member, err := dec.ReadValue()
		if err != nil {
			return nil
		}
		if mentions(touchstone.JSON(name), names) {
			continue
		}
		to, _ := cut(bytes.Clone(member), names)
		if to == nil {
			continue
		}
		if out.Len() > 1 {
			out.WriteByte(',')
		}
		out.Write(name)
		out.WriteByte(':')
		out.Write(to)
	}
	out.WriteByte('}')
	return out.Bytes()
}
