package activation

import (
	"context"

	"github.com/touchstone-cdp/touchstone"
)

// Definitions tells which segment each activation sends, and to whom.
func (a *Activations) Definitions(ctx context.Context) ([]touchstone.Definition, error) {
	all, err := a.List(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]touchstone.Definition, len(all))
	for i := range all {
		x := &all[i]
		d := touchstone.Definition{Kind: touchstone.DefActivation, ID: x.ID, Name: x.Name, Need: string(mayRead),
			Goes: []touchstone.DefinitionRef{{Kind: touchstone.DefSegment, ID: x.Segment}}, Out: &touchstone.Recipient{Name: x.receiver(), Contacts: "full"}} // a hash of a phone number is found by trying all
		list[i] = d
	}
	return list, nil
}

// receiver names who gets it.
func (x *Activation) receiver() string {
	switch x.Target.Type {
	case "sftp":
		return x.Target.Host
	case "call":
		return x.Target.URL
	}
	return string(x.Format)
}
