package privacy

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"

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
	keys   *Keys
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
func NewRedactor(keys *Keys) *Redactor {
	return &Redactor{keys: keys, ids: map[touchstone.Identifier]moment{}, values: map[string]moment{}}
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
		if !ok || strings.HasPrefix(id.Value, standIn) { // of a compaction before
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
		body, differs := r.command(whole, names)
		if !differs {
			return []byte(frame), false, nil
		}
		e.Properties = body
		return touchstone.AppendEvent(nil, &e), true, nil
	case e.Type == touchstone.Rejected:
		if mentions(e.Raw, names) || mentions(e.Context, names) || names(e.MessageID) {
			return nil, true, nil
		}
		return []byte(frame), false, nil
	case len(e.Identifiers) > 0 && r.isGone(e.Identifiers[0], gone):
		if m := r.ids[e.Identifiers[0]]; partition != m.partition || at > m.at { // it was left out when it came
			return nil, true, nil
		}
		return r.skeleton(&e), true, nil
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

// standIn begins what stands for an identifier of somebody who was erased.
const standIn = "erased-"

// standInFor is the same for the same identifier, also after a kill; without the key it says nothing.
func (r *Redactor) standInFor(id touchstone.Identifier) string {
	m := r.keys.of(touchstone.Identifier{Kind: "log." + id.Kind, Value: id.Value})
	return standIn + hex.EncodeToString(m[:12])
}

// skeleton is what is left of an event from before an erasure: that somebody, who is forgotten at the
// command's place, was there. So a store that is made anew gives the same numbers to all others.
func (r *Redactor) skeleton(e *touchstone.Event) []byte {
	left := touchstone.Event{Type: e.Type, Name: e.Name, Time: e.Time, ReceivedAt: e.ReceivedAt, Source: e.Source,
		MessageID: r.standInFor(touchstone.Identifier{Kind: "message", Value: e.MessageID})}
	other := func(kind touchstone.IdentifierKind, value string) string {
		id := touchstone.Identifier{Kind: kind, Value: value}
		if _, known := r.ids[id]; known && value != "" {
			return r.standInFor(id)
		}
		return value
	}
	for _, id := range e.Identifiers {
		left.Identifiers = append(left.Identifiers, touchstone.Identifier{Kind: id.Kind, Value: other(id.Kind, id.Value)})
	}
	left.UserID, left.AnonymousID = other(touchstone.KindUserID, e.UserID), other(touchstone.KindAnonymousID, e.AnonymousID)
	if left.PreviousID = other(touchstone.KindUserID, e.PreviousID); left.PreviousID == e.PreviousID {
		left.PreviousID = other(touchstone.KindAnonymousID, e.PreviousID)
	}
	if e.Type == touchstone.Group {
		left.GroupID = e.GroupID // an account's
	}
	return touchstone.AppendEvent(nil, &left)
}

// command puts what stands for identifiers in their places, so that it means the same. What else it says
// of the erased goes with all of it.
func (r *Redactor) command(body touchstone.JSON, names func(string) bool) (touchstone.JSON, bool) {
	if !mentions(body, names) {
		return body, false
	}
	var out bytes.Buffer
	enc := jsontext.NewEncoder(&out, jsontext.AllowDuplicateNames(true))
	dec := jsontext.NewDecoder(strings.NewReader(string(body)), jsontext.AllowDuplicateNames(true))
	for {
		token, err := dec.ReadToken()
		if err != nil {
			break
		}
		if id, ok := touchstone.ParseIdentifier(token.String()); ok && token.Kind() == '"' && names(token.String()) {
			token = jsontext.String(touchstone.Identifier{Kind: id.Kind, Value: r.standInFor(id)}.String())
		}
		if err := enc.WriteToken(token); err != nil {
			return "{}", true
		}
	}
	to := touchstone.JSON(bytes.TrimSpace(out.Bytes()))
	if mentions(to, names) || strings.Contains(string(to), `"traits"`) { // their new names and the like
		to, _ = withoutNames(to, names)
		if strings.Contains(string(to), standIn) && strings.Contains(string(to), `"traits"`) {
			to = "{}"
		}
	}
	return to, true
}

// Holds tells whether a record is a command's, as it was given: no compaction has been there.
func Holds(record []byte, id string) (bool, error) {
	frames, err := stream.DecodeRecord(record)
	if err != nil {
		return false, err
	}
	for frame := range frames.All() {
		var e touchstone.Event
		if frame == "" {
			return false, nil
		}
		if err := touchstone.DecodeEvent(frame, &e); err != nil {
			return false, err
		}
		return e.Type == touchstone.System && e.MessageID == id && !strings.Contains(string(e.Properties), standIn), nil
	}
	return false, nil
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

// StripTexts takes the erased out of JSON texts of an event of somebody else that happened at a moment, in
// their places, and tells whether they were in one.
func (r *Redactor) StripTexts(happened time.Time, texts []touchstone.JSON) (differs bool) {
	ms := happened.UnixMilli()
	names := func(text string) bool { m, known := r.values[text]; return known && ms <= m.ms }
	for i := range texts {
		if to, changed := withoutNames(texts[i], names); changed {
			texts[i], differs = to, true
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
