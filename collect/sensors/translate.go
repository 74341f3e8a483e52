package sensors

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/cespare/xxhash/v2"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/jsonwalk"
)

// The codes of problems that only this form has. All others are found by the checks of
// the tracking API in what was translated.
const (
	CodeMalformed = "malformed"
	CodeTooLarge  = "too_large"
	CodeTooDeep   = "too_deep"
	CodeWrongType = "wrong_type"
)

const maxDepth = 60 // four levels below what the tracking API takes, for those around

// Event is one event of a call.
type Event struct {
	Sent         string // as it was sent
	Code, Detail string // why it cannot be translated; Code is empty when it can
	Item         *Item  // set for item_set and item_delete, which are no events
}

// Item is what a call says about a thing of the catalogue.
type Item struct {
	Type, ID   string
	Properties string // JSON object; "" deletes the item
	Time       int64  // milliseconds; 0 when it is not said
}

// Batch is a call in both forms.
type Batch struct {
	// Text is the body of a batch call: its events are those of Events that are no
	// items, in their order, with {} for each that cannot be translated.
	Text   []byte
	Events []Event
}

// Limits bounds a call.
type Limits struct{ Events, EventBytes int }

// maxLatency is how long a call may take. A difference of clocks beyond it is corrected; one
// within is the network's, and correcting it would bring the order of events to that of
// their arrival, which matters for operations on a profile.
const maxLatency = 30_000

// Translate reads an event or an array of events, received at a time in milliseconds, and
// appends the batch to dst.
func Translate(payload, dst []byte, received int64, limits Limits) (*Batch, error) {
	sent, err := split(payload, limits)
	if err != nil {
		return nil, err
	}
	b := &Batch{Text: append(dst, `{"batch":[`...), Events: make([]Event, len(sent))}
	written := false
	for i, text := range sent {
		e := &b.Events[i]
		e.Sent = text
		if e.check(limits); e.Code != "" {
			e.Sent = cut(text, limits.EventBytes)
		}
		var parsed event
		if e.Code == "" {
			if parsed.read(text); strings.HasPrefix(parsed.kind, "item_") {
				e.Item, e.Code, e.Detail = parsed.item()
				if e.Code == "" {
					continue
				}
			}
		}
		if written {
			b.Text = append(b.Text, ',')
		}
		written = true
		w := writer{b.Text}
		w.text = append(w.text, '{')
		if e.Code == "" {
			e.Code, e.Detail = parsed.write(&w, received)
		}
		b.Text = append(w.text, '}')
	}
	b.Text = append(b.Text, `]}`...)
	return b, nil
}

// split finds the events. Text that is no JSON is split as far as brackets and quotes
// show where an event ends: one bad event must not cost the others.
func split(payload []byte, limits Limits) (sent []string, err error) {
	payload = bytes.TrimSpace(bytes.TrimPrefix(payload, []byte("\ufeff")))
	malformed := touchstone.Errorf(touchstone.Invalid, "The data is not valid JSON: an event or an array of events was expected.")
	if len(payload) == 0 {
		return nil, malformed
	}
	whole := string(payload)
	valid := json.Valid(payload)
	switch {
	case payload[0] == '{' && (valid || payload[len(payload)-1] == '}'):
		return []string{whole}, nil
	case payload[0] != '[' || payload[len(payload)-1] != ']':
		return nil, malformed
	}
	good := valid
	jsonwalk.Elements(whole, func(value string) bool {
		sent = append(sent, value)
		good = good || json.Valid([]byte(value))
		return len(sent) <= limits.Events
	})
	switch {
	case !good:
		return nil, malformed
	case len(sent) > limits.Events:
		return nil, touchstone.Errorf(touchstone.Invalid, "There are more than %d events in one call.", limits.Events).WithHint("Send smaller batches.")
	}
	return sent, nil
}

// check finds what would spoil the call for the other events.
func (e *Event) check(limits Limits) {
	switch {
	case len(e.Sent) > limits.EventBytes:
		e.Code, e.Detail = CodeTooLarge, "the event has "+strconv.Itoa(len(e.Sent))+" bytes; at most "+strconv.Itoa(limits.EventBytes)+" are accepted"
	case !json.Valid([]byte(e.Sent)):
		e.Code, e.Detail = CodeMalformed, "the event is not valid JSON"
	case !utf8.ValidString(e.Sent):
		e.Code, e.Detail = CodeMalformed, "the event is not valid UTF-8"
	case e.Sent[0] != '{':
		e.Code, e.Detail = CodeWrongType, "the event is not a JSON object"
	case depth(e.Sent) > maxDepth:
		e.Code = CodeTooDeep
	}
}

func depth(text string) (deepest int) {
	now := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			for i++; text[i] != '"'; i++ {
				if text[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			if now++; now > deepest {
				deepest = now
			}
		case '}', ']':
			now--
		}
	}
	return deepest
}

func cut(s string, most int) string {
	if len(s) > most {
		s = s[:most]
	}
	return strings.ToValidUTF8(s, "\ufffd")
}

// event is an event as it was sent: JSON values, "" for what is absent, but for kind and
// name.
type event struct {
	kind, name                           string
	eventName                            string // as JSON
	distinct, original, login, anonymous string
	identities                           string
	time, flushed, trackID               string
	lib, properties, project             string
	itemType, itemID                     string

	isLogin bool // properties say that distinct_id is a login id
	who     who
}

func (e *event) read(text string) {
	jsonwalk.Members(text, func(key, value string) bool {
		to := e.place(key)
		if key == "type" {
			e.kind = jsonwalk.Text(value)
		}
		if to != nil && value != "null" && value != `""` {
			*to = value
		}
		return true
	})
	e.name = jsonwalk.Text(e.eventName)
	e.isLogin = jsonwalk.Member(e.properties, "$is_login_id") == "true"
	for _, id := range []*string{&e.distinct, &e.original, &e.login, &e.anonymous} {
		if !isScalar(*id) {
			*id = ""
		}
	}
}

// place is where the value of a key belongs, nil if nowhere.
func (e *event) place(key string) *string {
	switch key {
	case "event":
		return &e.eventName
	case "distinct_id":
		return &e.distinct
	case "original_id":
		return &e.original
	case "login_id":
		return &e.login
	case "anonymous_id":
		return &e.anonymous
	case "identities":
		return &e.identities
	case "time":
		return &e.time
	case "_flush_time":
		return &e.flushed
	case "_track_id":
		return &e.trackID
	case "lib":
		return &e.lib
	case "properties":
		return &e.properties
	case "project":
		return &e.project
	case "item_type":
		return &e.itemType
	case "item_id":
		return &e.itemID
	}
	return nil
}

// item reads item_set and item_delete.
func (e *event) item() (_ *Item, code, detail string) {
	item := &Item{Type: text(e.itemType), ID: text(e.itemID)}
	switch {
	case item.Type == "" || len(item.Type) > 256 || item.ID == "" || len(item.ID) > 256:
		return nil, CodeWrongType, "an item needs an item_type and an item_id of at most 256 bytes"
	case e.kind == "item_set":
		if item.Properties = e.properties; item.Properties == "" {
			item.Properties = "{}"
		}
		if item.Properties[0] != '{' {
			return nil, CodeWrongType, "properties is not an object"
		}
	case e.kind != "item_delete":
		return nil, "unknown_type", "type is " + quoted(e.kind)
	}
	item.Time = millis(e.time)
	return item, "", ""
}

// millis reads a time in milliseconds, 0 when it is none.
func millis(value string) int64 {
	ms, err := strconv.ParseFloat(text(value), 64)
	if err != nil || !(ms > 0 && ms < 1<<52) {
		return 0
	}
	return int64(ms)
}

// write writes the members of the event in the form of the tracking API.
func (e *event) write(w *writer, received int64) (code, detail string) {
	switch e.kind {
	case "track", "track_signup", "track_id_bind", "track_id_unbind":
		e.track(w)
	case "profile_set", "profile_set_once", "profile_increment", "profile_append", "profile_unset", "profile_delete":
		if code, detail = e.profile(w); code != "" {
			return code, detail
		}
	default:
		return "unknown_type", "type is " + quoted(cut(e.kind, 60))
	}
	if isScalar(e.trackID) {
		w.member("messageId", quoted(e.messageID()))
	}
	if e.time != "" {
		w.member("timestamp", e.time)
	}
	if sent := millis(e.flushed); sent > 0 && (received-sent > maxLatency || sent-received > maxLatency) {
		w.member("sentAt", e.flushed)
	}
	return "", ""
}

// messageID names the event: a client that sends it again sends the same _track_id.
func (e *event) messageID() string {
	h := xxhash.New()
	for _, part := range []string{e.distinct, e.anonymous, e.kind, e.eventName} {
		_, _ = h.WriteString(part)
		_, _ = h.WriteString("\x00")
	}
	return "sa-" + cut(text(e.trackID), 40) + "-" + cut(text(e.time), 40) + "-" + strconv.FormatUint(h.Sum64(), 36)
}

// The names that SDKs give to what are calls of their own here.
var calls = map[string]string{"$pageview": "page", "$AppViewScreen": "screen", "$MPViewScreen": "screen", "$MPPageShow": "screen"}

// The names of the events that are not track. identity knows the last two.
var eventNames = map[string]string{"track_signup": `"$SignUp"`, "track_id_bind": `"$BindID"`, "track_id_unbind": `"$UnbindID"`}

func (e *event) track(w *writer) {
	call := "track"
	if e.kind == "track" && calls[e.name] != "" {
		call = calls[e.name]
	}
	w.member("type", quoted(call))
	switch {
	case call == "page":
		e.title(w, "$title")
	case call == "screen":
		e.title(w, "$screen_name", "$title", "$url_path")
	case eventNames[e.kind] != "":
		w.member("event", eventNames[e.kind])
	case e.eventName != "":
		w.member("event", e.eventName)
	}
	if e.properties != "" {
		w.member("properties", e.properties)
	}
	e.people(w)
	w.open("context")
	e.context(w)
	if list := identitiesOf(e.identities); e.kind == "track_id_unbind" && len(list) > 0 {
		w.member("unbind", externalIDs(list))
	}
	e.origin(w)
	w.close()
}

// title names a page or screen by the first of these properties that it has.
func (e *event) title(w *writer, names ...string) {
	for _, name := range names {
		if value := jsonwalk.Member(e.properties, name); isText(value) && len(value) <= 200 {
			w.member("name", value)
			return
		}
	}
}

func (e *event) people(w *writer) {
	e.who = e.whoOf()
	if e.who.user != "" {
		w.member("userId", e.who.user)
	}
	if e.who.anonymous != "" {
		w.member("anonymousId", e.who.anonymous)
	}
}

// origin writes what else the context says: the other identifiers and the project.
func (e *event) origin(w *writer) {
	if len(e.who.others) > 0 {
		w.member("externalIds", externalIDs(e.who.others))
	}
	if isText(e.project) {
		w.member("project", e.project)
	}
}

func externalIDs(list []identity) string {
	b := []byte{'['}
	for i, id := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"type":`...)
		b = append(append(b, quoted(id.kind)...), `,"id":`...)
		b = append(append(b, id.value...), '}')
	}
	return string(append(b, ']'))
}

// profile writes an identify call: new values as traits, everything that depends on the
// values before as operations.
func (e *event) profile(w *writer) (code, detail string) {
	if e.properties != "" && e.properties[0] != '{' && !(e.kind == "profile_unset" && e.properties[0] == '[') {
		return CodeWrongType, "properties is not an object"
	}
	operations := ""
	switch e.kind {
	case "profile_set_once":
		operations = `{"setOnce":` + orEmpty(e.properties) + `}`
	case "profile_increment":
		if name := e.misfit(isNumber); name != "" {
			return CodeWrongType, "profile_increment needs numbers; " + name + " is none"
		}
		operations = `{"increment":` + orEmpty(e.properties) + `}`
	case "profile_append":
		if name := e.misfit(func(v string) bool { return v[0] == '[' || v[0] == '"' }); name != "" {
			return CodeWrongType, "profile_append needs lists; " + name + " is none"
		}
		operations = `{"append":` + orEmpty(e.properties) + `}`
	case "profile_unset":
		operations = `{"unset":` + namesOf(e.properties) + `}`
	case "profile_delete":
		operations = `{"delete":true}`
	}
	w.member("type", `"identify"`)
	if e.kind == "profile_set" && e.properties != "" {
		w.member("traits", e.properties)
	}
	e.people(w)
	w.open("context")
	if operations != "" {
		w.member("traitOperations", operations)
	}
	e.library(w)
	e.origin(w)
	w.close()
	return "", ""
}

func orEmpty(object string) string {
	if object == "" {
		return "{}"
	}
	return object
}

// misfit returns the name of a property whose value does not fit.
func (e *event) misfit(fits func(value string) bool) (name string) {
	jsonwalk.Members(e.properties, func(key, value string) bool {
		if !fits(value) {
			name = quoted(cut(jsonwalk.Unescape(key), 60))
		}
		return name == ""
	})
	return name
}

// namesOf returns the keys of an object as an array.
func namesOf(object string) string {
	if object == "" || object[0] == '[' {
		return orArray(object)
	}
	b := []byte{'['}
	jsonwalk.Members(object, func(key, _ string) bool {
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(append(append(b, '"'), key...), '"')
		return true
	})
	return string(append(b, ']'))
}

func orArray(array string) string {
	if array == "" {
		return "[]"
	}
	return array
}

// writer appends members to an object.
type writer struct{ text []byte }

func (w *writer) member(name, value string) {
	w.text = appendMember(w.text, name, value)
}

// members appends members that are written already.
func (w *writer) members(list []byte) {
	if w.text[len(w.text)-1] != '{' {
		w.text = append(w.text, ',')
	}
	w.text = append(w.text, list...)
}

func (w *writer) open(name string) { w.member(name, "{") }
func (w *writer) close()           { w.text = append(w.text, '}') }

// quoted writes a JSON string.
func quoted(s string) string {
	text, err := json.Marshal(s)
	if err != nil { // a string always can be written
		return `""`
	}
	return string(text)
}
