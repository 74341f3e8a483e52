package collect

import (
	"encoding/json"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/jsonwalk"
)

// asSent makes a Rejected event of a valid one that the pipeline or the sink has set aside.
// What was sent is gone, so it is written anew, in such a way that a replay makes the same
// event of it; its message id is that of the row.
func asSent(f *touchstone.Fact) *touchstone.Fact {
	call := struct {
		Type        string          `json:"type"`
		Event       string          `json:"event,omitempty"`
		UserID      string          `json:"userId,omitempty"`
		AnonymousID string          `json:"anonymousId,omitempty"`
		PreviousID  string          `json:"previousId,omitempty"`
		GroupID     string          `json:"groupId,omitempty"`
		Timestamp   string          `json:"timestamp"`
		Properties  touchstone.JSON `json:"properties,omitempty"`
		Traits      touchstone.JSON `json:"traits,omitempty"`
		Context     touchstone.JSON `json:"context,omitempty"`
	}{f.Type.String(), "", f.UserID, f.AnonymousID, f.PreviousID, f.GroupID, f.Time.UTC().Format("2006-01-02T15:04:05.000Z"), f.Properties, f.Traits, withIdentifiers(f)}
	if f.Type == touchstone.Track {
		call.Event = f.Name
	}
	raw, err := json.Marshal(call)
	if err != nil { // a part is no JSON after all: keep it for people to see
		raw, _ = json.Marshal(map[string]string{"type": f.Type.String(), "event": f.Name,
			"properties": string(f.Properties), "traits": string(f.Traits), "context": string(f.Context)})
	}
	return &touchstone.Fact{Seq: f.Seq, Event: touchstone.Event{
		Type: touchstone.Rejected, MessageID: f.MessageID, Time: f.Time, ReceivedAt: f.ReceivedAt, Source: f.Source,
		Reason: f.Reason, Raw: touchstone.JSON(raw), Context: `{"origin":"http"}`,
	}}
}

// withIdentifiers is the event's context, with the identifiers in it that came another
// way, as those of files do.
func withIdentifiers(f *touchstone.Fact) touchstone.JSON {
	type external struct {
		ID         string `json:"id"`
		Type       string `json:"type"`
		Collection string `json:"collection"`
	}
	var ids []external
	for _, id := range f.Identifiers {
		if id.Kind != touchstone.KindUserID && id.Kind != touchstone.KindAnonymousID {
			ids = append(ids, external{id.Value, string(id.Kind), "users"})
		}
	}
	if len(ids) == 0 || jsonwalk.Member(string(f.Context), "externalIds") != "" {
		return f.Context
	}
	list, err := json.Marshal(ids)
	if err != nil {
		return f.Context
	}
	if len(f.Context) <= len("{}") {
		return touchstone.JSON(`{"externalIds":` + string(list) + `}`)
	}
	return f.Context[:len(f.Context)-1] + touchstone.JSON(`,"externalIds":`+string(list)+`}`)
}
