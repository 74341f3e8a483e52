package console

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/tidwall/gjson"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/internal/httpapi"
	"github.com/touchstone-cdp/touchstone/internal/live"
)

const (
	liveRecent    = 50 // values that a new subscriber gets at once
	liveBuffer    = 256
	heartbeat     = 15 * time.Second
	liveWriteTime = 10 * time.Second // a client that takes longer to read has gone
)

// feed is an open live feed.
type feed struct {
	events *httpapi.EventStream
	rc     *http.ResponseController
	ctx    context.Context
	leave  func()
}

// openFeed takes a place among the live feeds and sends the head of the answer. ctx ends
// with the request or with Close.
func (c *Console) openFeed(w http.ResponseWriter, r *http.Request) (*feed, error) {
	select {
	case c.streams <- struct{}{}:
	default:
		c.metrics.streamsRefused.Inc()
		return nil, &touchstone.Error{Kind: touchstone.Unavailable, RetryAfter: heartbeat,
			Message: "Too many live feeds are open.", Hint: "Close pages of the console that are not needed."}
	}
	ctx, cancel := context.WithCancel(r.Context())
	go func() {
		select {
		case <-c.closing:
			cancel()
		case <-ctx.Done():
		}
	}()
	c.metrics.streams.Inc()
	f := &feed{rc: http.NewResponseController(w), ctx: ctx, leave: func() {
		cancel()
		c.metrics.streams.Dec()
		<-c.streams
	}}
	f.deadline()
	events, err := httpapi.StartEventStream(w)
	if err != nil {
		f.leave()
		return nil, err
	}
	f.events = events
	return f, nil
}

// deadline gives the next write some time, whatever the server's own limit is.
func (f *feed) deadline() { _ = f.rc.SetWriteDeadline(time.Now().Add(liveWriteTime)) }

func (f *feed) send(v any) error {
	text, err := api.EncodeJSON(v)
	if err != nil {
		return err
	}
	f.deadline()
	return f.events.Send(jsontext.Value(text))
}

func (f *feed) heartbeat() error {
	f.deadline()
	return f.events.Heartbeat()
}

// relay sends the values of a hub until the caller has gone or the server stops.
func relay[T any](c *Console, w http.ResponseWriter, r *http.Request, hub *live.Hub[T], keep func(T) bool, show func(context.Context, T) any) error {
	f, err := c.openFeed(w, r)
	if err != nil {
		return err
	}
	defer f.leave()
	values, ok := hub.Subscribe(f.ctx, liveRecent, liveBuffer, keep)
	if !ok { // the head is sent; end, and the browser tries again
		c.metrics.streamsRefused.Inc()
		return nil
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		select {
		case v, open := <-values:
			if !open || f.send(show(f.ctx, v)) != nil {
				return nil
			}
		case <-beat.C:
			if f.heartbeat() != nil {
				return nil
			}
		}
	}
}

func (c *Console) streamStats(w http.ResponseWriter, r *http.Request) error {
	if c.cfg.Counters == nil {
		return api.NotHere("statistics")
	}
	f, err := c.openFeed(w, r)
	if err != nil {
		return err
	}
	defer f.leave()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		a, err := c.currentStats(f.ctx)
		if err != nil {
			if f.ctx.Err() == nil {
				c.cfg.Log.Warn("counters were not read", "error", err)
			}
			return nil
		}
		if f.send(a) != nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-f.ctx.Done():
			return nil
		}
	}
}

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

func (c *Console) streamEvents(w http.ResponseWriter, r *http.Request) error {
	if c.cfg.Events == nil {
		return api.NotHere("the edge")
	}
	v := api.ViewerOf(r)
	return relay(c, w, r, c.cfg.Events, eventFilter(r), func(_ context.Context, e touchstone.Event) any {
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

type liveSegment struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type liveChange struct {
	Kind    string               `json:"kind"`
	Time    time.Time            `json:"time"`
	Person  touchstone.PersonID  `json:"person"`
	Name    *string              `json:"name"`
	Other   *touchstone.PersonID `json:"other"`
	Segment *liveSegment         `json:"segment"`
	// MessageID is that of the event that brought it about; null for a timer or a command.
	MessageID *string `json:"message_id"`
	Backfill  bool    `json:"backfill"`
}

func (c *Console) streamChanges(w http.ResponseWriter, r *http.Request) error {
	if c.cfg.Changes == nil {
		return api.NotHere("the pipeline")
	}
	segment, person := r.URL.Query().Get("segment"), r.URL.Query().Get("person")
	keep := func(ch touchstone.Occurrence) bool {
		return ch.Kind != touchstone.TraitHasChanged && (segment == "" || ch.Name == segment) &&
			(person == "" || ch.Person.String() == person || ch.Other != 0 && ch.Other.String() == person)
	}
	v, names := api.ViewerOf(r), map[string]string{} // of segments, for as long as the feed lasts
	return relay(c, w, r, c.cfg.Changes, keep, func(ctx context.Context, ch touchstone.Occurrence) any {
		a := liveChange{Kind: ch.Kind.String(), Time: ch.Time, Person: ch.Person, Name: c.displayName(ctx, v, ch.Person), Backfill: ch.Backfill}
		if ch.MessageID != "" {
			a.MessageID = &ch.MessageID
		}
		switch ch.Kind {
		case touchstone.BecameOne, touchstone.BecameTwo:
			a.Other = &ch.Other
		case touchstone.EnteredSegment, touchstone.LeftSegment:
			a.Segment = &liveSegment{ch.Name, c.segmentName(ctx, names, ch.Name)}
		}
		return a
	})
}

func (c *Console) displayName(ctx context.Context, v *access.Viewer, p touchstone.PersonID) *string {
	people, err := c.summaries(ctx, v, []touchstone.PersonID{p})
	if err != nil { // the feed goes on without names
		return nil
	}
	return people[0].Name
}

// segmentName returns a segment's name, or its id when it is gone.
func (c *Console) segmentName(ctx context.Context, known map[string]string, id string) string {
	if name, ok := known[id]; ok {
		return name
	}
	name := id
	if c.cfg.Segments != nil {
		if s, err := c.cfg.Segments.Get(ctx, id); err == nil {
			name = s.Name
		}
	}
	known[id] = name
	return name
}
