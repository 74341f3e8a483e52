package webhook

import (
	"context"
	"crypto/sha256"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/store"
)

// Tell puts a call for each webhook that tells an event about no person, in the transaction of what
// it tells. key names what happened, once: telling it again is a repeat of the same message. Label is
// how the call is listed.
func (h *Webhooks) Tell(ctx context.Context, tx *store.Tx, event, key, label string, at time.Time, what any) error {
	all, err := h.current(ctx, tx)
	if err != nil {
		return err
	}
	var hooks []*Webhook
	for _, w := range all {
		if slices.Contains(w.Events, event) {
			hooks = append(hooks, w)
		}
	}
	if len(hooks) == 0 {
		return nil
	}
	slices.SortFunc(hooks, func(a, b *Webhook) int { return strings.Compare(a.ID, b.ID) })
	body, err := json.Marshal(struct {
		Type      string `json:"type"`
		Timestamp string `json:"timestamp"`
		Data      any    `json:"data"`
	}{event, api.FormatTime(at), what})
	if err != nil {
		return err
	}
	effects := make([]touchstone.Effect, len(hooks))
	for i, w := range hooks {
		sum := sha256.Sum256([]byte(w.ID + "\x00" + event + "\x00" + key))
		effects[i] = touchstone.Effect{ID: "msg_" + idText.EncodeToString(sum[:16]), Kind: Kind, Destination: w.ID, Label: label, Body: body}
	}
	return h.cfg.Outbox.Put(ctx, tx, effects...)
}
