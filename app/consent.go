package app

import (
	"context"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/collect"
	"github.com/touchstone-cdp/touchstone/consent"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/stream"
)

// wireConsent makes what persons have decided, and the one gate that asks it.
func (a *App) wireConsent(ctx context.Context) (err error) {
	a.consent, err = consent.Open(ctx, consent.Config{DB: a.store, Clock: a.clock, Logger: a.part("consent"), Metrics: a.metrics, Minors: a.minors, Zone: a.settings.Zone})
	return err
}

// minors asks the households, which are wired after the gate.
func (a *App) minors(ctx context.Context, persons []touchstone.PersonID) (map[touchstone.PersonID]bool, error) {
	return a.households.Protected(ctx, persons)
}

// asks is what the outbox asks before it does something about a person.
func (a *App) asks(ctx context.Context, person touchstone.PersonID, purpose string, use touchstone.Use) (bool, error) {
	v, err := a.consent.Gate().Allows(ctx, person, consent.Ask{Purpose: purpose, Use: use})
	return v.Outcome == consent.Allowed, err
}

// checkPurpose refuses a purpose that the policy does not name.
func (a *App) checkPurpose(ctx context.Context, q store.Querier, purpose string) error {
	return a.consent.Gate().Check(ctx, q, purpose)
}

// agreeing returns those of persons with whom something may be done that goes by the person.
func (a *App) agreeing(ctx context.Context, purpose string, use touchstone.Use, persons []touchstone.PersonID) ([]touchstone.PersonID, error) {
	return a.consent.Gate().Among(ctx, persons, consent.Ask{Purpose: purpose, Use: use})
}

// consents is what the console asks before a route hands persons to a program.
func (a *App) consents() api.Consents {
	if a.consent == nil {
		return nil
	}
	return a.agreeing
}

// consenting shows persons to programs only if they agree to what the call is for.
type consenting struct{ api.People }

func (c consenting) Find(ctx context.Context, v *access.Viewer, ref string) (touchstone.PersonID, error) {
	person, err := c.People.Find(ctx, v, ref)
	if err != nil {
		return 0, err
	}
	return person, api.Agrees(ctx, person)
}

func (c consenting) Within(ctx context.Context, v *access.Viewer, persons []touchstone.PersonID) ([]touchstone.PersonID, error) {
	persons, err := c.People.Within(ctx, v, persons)
	if err != nil {
		return nil, err
	}
	return api.Consenting(ctx, persons)
}

func (c consenting) Lines(ctx context.Context, v *access.Viewer, persons []touchstone.PersonID) ([]api.PersonLine, error) {
	persons, err := api.Consenting(ctx, persons)
	if err != nil {
		return nil, err
	}
	return c.People.Lines(ctx, v, persons)
}

// consentSource is the name of the source from which decisions come that were recorded here.
const consentSource = "Consent"

// organisationName is how the organisation calls itself.
func (a *App) organisationName() string {
	o, err := a.settings.Organisation(context.Background())
	if err != nil {
		return ""
	}
	return o.Name
}

// consentParts is what this process can do about consent.
func (a *App) consentParts() consent.Parts {
	p := consent.Parts{Consent: a.consent, Organisation: a.organisationName}
	if a.consent == nil {
		return p
	}
	p.People = a.people()
	if a.segments != nil {
		p.Members, p.PurposeOf, p.SegmentsOf = a.memberIDs, a.purposeOf, a.servingOf
	}
	p.Strongest = func(ctx context.Context, person touchstone.PersonID) (touchstone.Identifier, error) {
		all, err := a.strongest(ctx, []touchstone.PersonID{person})
		if err == nil && all[person] == (touchstone.Identifier{}) {
			err = touchstone.Errorf(touchstone.NotFound, "There is no person %s.", person)
		}
		return all[person], err
	}
	if a.commands != nil {
		p.Set = a.setConsentPolicy
	}
	if a.collector != nil {
		p.Emit = a.emitConsent
	}
	return p
}

// memberIDs returns the next of a segment's members.
func (a *App) memberIDs(ctx context.Context, v *access.Viewer, segment string, limit int, cursor string) ([]touchstone.PersonID, string, error) {
	members, next, err := a.segments.Members(ctx, v, segment, limit, cursor)
	persons := make([]touchstone.PersonID, len(members))
	for i := range members {
		persons[i] = members[i].Person
	}
	return persons, next, err
}

func (a *App) purposeOf(ctx context.Context, v *access.Viewer, segment string) (string, error) {
	one, err := a.segments.Get(ctx, v, segment)
	return one.Purpose, err
}

// servingOf returns the segments that a person is in, with what each serves.
func (a *App) servingOf(ctx context.Context, v *access.Viewer, person touchstone.PersonID) ([]consent.Serving, error) {
	in, err := a.segments.Memberships(ctx, v, person)
	if err != nil {
		return nil, err
	}
	out := make([]consent.Serving, len(in))
	for i, m := range in {
		out[i] = consent.Serving{ID: m.ID, Name: m.Name, Purpose: m.Purpose}
	}
	return out, nil
}

func (a *App) setConsentPolicy(ctx context.Context, actor string, body touchstone.JSON) (out consent.SetResult, err error) {
	result, err := a.submit(ctx, touchstone.Command{Kind: consent.SetCommand, Actor: actor, Body: body})
	if err != nil {
		return out, err
	}
	return out, json.Unmarshal([]byte(result), &out)
}

// consentPatience is how long a call waits for the pipeline.
const consentPatience = 5 * time.Second

// emitConsent puts a tracking call into the log and waits until the pipeline has come to it.
func (a *App) emitConsent(ctx context.Context, messageID string, call []byte) (done bool, err error) {
	source, err := a.collector.Sources().EnsureByName(ctx, consentSource, "server")
	if err != nil {
		return false, err
	}
	_, err = a.collector.Emitter().Deliver(ctx, touchstone.Effect{ID: messageID, Kind: collect.EmitKind, Destination: source.ID, Body: call}, 1)
	if err != nil {
		return false, err
	}
	until := make([]stream.Offset, a.log.Partitions())
	for i := range until {
		_, next, err := a.log.Bounds(ctx, i)
		if err != nil {
			return false, nil // it is stored
		}
		until[i] = next - 1
	}
	ctx, cancel := context.WithTimeout(ctx, consentPatience)
	defer cancel()
	for {
		changed := a.pipeline.Changed()
		reached := true
		for i := range until {
			reached = reached && a.pipeline.Through(i) >= until[i]
		}
		if reached {
			return true, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false, nil
		}
	}
}

func (a *App) consentResource() api.Resource { return consent.Resource(a.consentParts) }
