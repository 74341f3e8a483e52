package sim

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/touchstone-cdp/touchstone"
)

// AppendJSON appends an event as the tracking API takes it: an element of a batch. The
// edge finds the same identifiers in it that the event has.
func AppendJSON(dst []byte, e *touchstone.Event) []byte {
	dst = append(dst, `{"type":"`...)
	dst = append(dst, e.Type.String()...)
	dst = append(dst, `","messageId":`...)
	dst = quote(dst, e.MessageID)
	if e.Type == touchstone.Track {
		dst = append(dst, `,"event":`...)
		dst = quote(dst, e.Name)
	}
	for _, f := range [...]struct{ key, value string }{
		{`,"userId":`, e.UserID}, {`,"anonymousId":`, e.AnonymousID}, {`,"previousId":`, e.PreviousID}, {`,"groupId":`, e.GroupID},
	} {
		if f.value != "" {
			dst = append(dst, f.key...)
			dst = quote(dst, f.value)
		}
	}
	for _, f := range [...]struct {
		key   string
		value touchstone.JSON
	}{{`,"properties":`, e.Properties}, {`,"traits":`, e.Traits}, {`,"context":`, e.Context}} {
		if f.value != "" {
			dst = append(dst, f.key...)
			dst = append(dst, f.value...)
		}
	}
	dst = append(dst, `,"timestamp":"`...)
	dst = e.Time.UTC().AppendFormat(dst, "2006-01-02T15:04:05.000Z")
	return append(dst, `"}`...)
}

func quote(dst []byte, s string) []byte {
	out, err := jsontext.AppendQuote(dst, s)
	if err != nil { // not UTF-8; a world has no such text, and the edge would refuse it
		return append(dst, `""`...)
	}
	return out
}
