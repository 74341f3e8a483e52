package collect

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tidwall/gjson"
	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
)

type liveEvent struct {
	MessageID   string                  `json:"message_id"`
	Time        time.Time               `json:"time"`
	ReceivedAt  time.Time               `json:"received_at"`
	Type        string                  `json:"type"`
	Event       string                  `json:"event"`
	Source      string                  `json:"source"`
	UserID      string                  `json:"user_id"`
	AnonymousID string                  `json:"anonymous_id"`
	Identifiers []touchstone.Identifier `json:"identifiers"`
	Properties  touchstone.JSON         `json:"properties"`
	Traits      touchstone.JSON         `json:"traits"`
	Context     touchstone.JSON         `json:"context"`
	Rejected    bool                    `json:"rejected"`
	Reason      string                  `json:"reason"`
	Raw         touchstone.JSON         `json:"raw"`
}

func (x *resource) streamEvents(w http.ResponseWriter, r *http.Request) error {
	hub := x.parts().Events
	if hub == nil {
		return api.NotHere("the edge")
	}
	v := api.ViewerOf(r)
	return api.Relay(x.feeds, w, r, hub, eventFilter(r), func(ctx context.Context, e touchstone.Event) any {
		if !x.sees(ctx, v, &e) {
			return nil
		}
		readRefused(&e)
		maskEvent(v, &e)
		return liveEvent{
			MessageID: e.MessageID, Time: e.Time, ReceivedAt: e.ReceivedAt, Type: e.Type.String(), Event: e.Name, Source: e.Source,
			UserID: e.UserID, AnonymousID: e.AnonymousID, Identifiers: slices.Concat([]touchstone.Identifier{}, e.Identifiers),
			Properties: e.Properties, Traits: e.Traits, Context: e.Context,
			Rejected: e.Type == touchstone.Rejected, Reason: e.Reason, Raw: e.Raw,
		}
	})
}

// sees reports whether a viewer may see an event: one who is limited to some persons may if it
// is about those and nobody else. Events come before it is known who is behind them, so the first
// of a new identifier is not shown, and what was refused is nobody's.
func (x *resource) sees(ctx context.Context, v *access.Viewer, e *touchstone.Event) bool {
	if !v.Limited() {
		return true
	}
	if e.Type == touchstone.Rejected {
		return false
	}
	persons, err := x.parts().Persons(ctx, e.Identifiers)
	if err != nil || len(persons) == 0 {
		return false
	}
	seen, err := x.people.Within(ctx, v, persons)
	return err == nil && len(seen) == len(persons)
}

// maskEvent hides contacts in a copy of an event.
func maskEvent(v *access.Viewer, e *touchstone.Event) {
	if v.SeesContacts() {
		return
	}
	e.UserID, e.AnonymousID, e.MessageID, e.Reason = v.Text(e.UserID), v.Text(e.AnonymousID), v.Text(e.MessageID), v.Text(e.Reason)
	e.Properties, e.Traits, e.Context, e.Raw = v.JSON(e.Properties), v.JSON(e.Traits), v.JSON(e.Context), v.JSON(e.Raw)
	e.Identifiers = slices.Clone(e.Identifiers) // shared with the others who watch
	for i, id := range e.Identifiers {
		e.Identifiers[i] = v.Identifier(id)
	}
}

// readRefused fills in what a refused event seems to be called and who it seems to be about,
// as it was sent: nothing of it has been checked.
func readRefused(e *touchstone.Event) {
	raw := gjson.Parse(string(e.Raw))
	if e.Type != touchstone.Rejected || !raw.IsObject() {
		return
	}
	text := func(paths ...string) string {
		for _, p := range paths {
			if v := raw.Get(p); (v.Type == gjson.String || v.Type == gjson.Number) && strings.TrimSpace(v.String()) != "" {
				return v.String()
			}
		}
		return ""
	}
	if e.Name == "" {
		e.Name = text("event", "name")
		if t, ok := touchstone.ParseEventType(text("type")); ok && e.Name == "" && t != touchstone.Track {
			e.Name = touchstone.EventName(t, "")
		}
	}
	e.UserID, e.AnonymousID = text("userId", "user_id"), text("anonymousId", "anonymous_id")
	for _, id := range []touchstone.Identifier{
		{Kind: touchstone.KindUserID, Value: e.UserID},
		{Kind: touchstone.KindAnonymousID, Value: e.AnonymousID},
		{Kind: touchstone.KindEmail, Value: text("traits.email", "context.traits.email", "properties.email")},
		{Kind: touchstone.KindPhone, Value: text("traits.phone", "context.traits.phone", "properties.phone")},
	} {
		if id.Value != "" {
			e.Identifiers = append(e.Identifiers, id)
		}
	}
}

// eventFilter reads what the caller wants to see of the events.
func eventFilter(r *http.Request) func(touchstone.Event) bool {
	q := r.URL.Query()
	source, text := q.Get("source"), strings.ToLower(q.Get("q"))
	who, v := identifierFilter(q.Get("person")), api.ViewerOf(r)
	return func(e touchstone.Event) bool {
		readRefused(&e)
		return (source == "" || e.Source == source) && (who == nil || who(&e)) && (text == "" || containsText(v, &e, text))
	}
}

func containsText(v *access.Viewer, e *touchstone.Event, text string) bool {
	for _, s := range [...]string{e.Name, e.MessageID, e.UserID, e.AnonymousID, e.Type.String(), e.Reason} {
		if v.Finds(s, text) {
			return true
		}
	}
	for _, value := range [...]touchstone.JSON{e.Properties, e.Traits, e.Context, e.Raw} {
		if v.FindsJSON(value, text) {
			return true
		}
	}
	return false
}

// identifierFilter reads "kind:value" or a bare value; nil keeps all.
func identifierFilter(person string) func(*touchstone.Event) bool {
	if person == "" {
		return nil
	}
	id, ok := touchstone.ParseIdentifier(person)
	return func(e *touchstone.Event) bool {
		if e.UserID == person || e.AnonymousID == person {
			return true
		}
		for _, have := range e.Identifiers {
			if have.Value == person || ok && have == id {
				return true
			}
		}
		return false
	}
}
