package mail

import (
	"context"
	"slices"
	"strings"

	"github.com/touchstone-cdp/touchstone"
)

// Definitions tells which domains mails about alarms go to, and that they name events and properties, and nobody.
func (m *Mail) Definitions(ctx context.Context) ([]touchstone.Definition, error) {
	s, err := m.Get(ctx)
	if err != nil || !s.On {
		return nil, err
	}
	var domains []string
	for _, r := range s.Recipients {
		_, domain, _ := strings.Cut(r.Address, "@")
		domains = append(domains, strings.ToLower(domain))
	}
	slices.Sort(domains)
	var list []touchstone.Definition
	for _, domain := range slices.Compact(domains) {
		list = append(list, touchstone.Definition{Kind: touchstone.DefMail, ID: domain, Name: domain, Need: string(mayRead), Out: &touchstone.Recipient{Name: domain, Contacts: "none"}})
	}
	return list, nil
}
