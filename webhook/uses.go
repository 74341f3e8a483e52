package webhook

import (
	"context"
	"net/url"
	"slices"

	"github.com/touchstone-cdp/touchstone"
)

// Definitions tells what each webhook goes by, and to whom it sends.
func (h *Webhooks) Definitions(ctx context.Context) ([]touchstone.Definition, error) {
	all, err := h.List(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]touchstone.Definition, 0, len(all))
	for i := range all {
		w := &all[i]
		d := touchstone.Definition{Kind: touchstone.DefWebhook, ID: w.ID, Name: w.Name, Need: string(mayRead), Out: &touchstone.Recipient{Name: host(w.URL), Contacts: w.Identifiers}}
		for _, id := range w.Segments {
			d.Goes = append(d.Goes, touchstone.DefinitionRef{Kind: touchstone.DefSegment, ID: id})
		}
		if w.Identifiers != IdentifiersNone && slices.ContainsFunc(w.Events, func(e string) bool { return e != AlarmOpened && e != AlarmClosed }) {
			d.Reads = []touchstone.Reads{{Field: touchstone.Field{Sort: touchstone.IdentifierField, Name: touchstone.AnyName}, How: touchstone.Sends}}
		}
		list = append(list, d)
	}
	return list, nil
}

func host(text string) string {
	if u, err := url.Parse(text); err == nil && u.Host != "" {
		return u.Hostname()
	}
	return text
}
