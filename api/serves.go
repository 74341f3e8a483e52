package api

import (
	"context"
	"slices"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
)

// Consents answers whether persons agree to something: it returns those of them with whom it may
// be done. app makes it of the one gate.
type Consents func(ctx context.Context, purpose string, use touchstone.Use, persons []touchstone.PersonID) ([]touchstone.PersonID, error)

// PurposeHeader names the purpose for which somebody asks, instead of that of the route's use. Persons are asked
// then also when it is staff that asks: a file made of the answer goes out. OwnPurpose stands for the route's.
const (
	PurposeHeader = "Touchstone-Purpose"
	OwnPurpose    = "*"
)

type asking struct {
	consents Consents
	use      touchstone.Use
	purpose  string
}

type askingKey struct{}

// WithConsents returns a context in which persons are asked before they are shown to v: a route that
// serves a use hands to a program only those who agree to it. Staff of the organisation sees
// everybody whom it may see, unless it names a purpose; what it does with them is asked where it is done.
func WithConsents(ctx context.Context, v *access.Viewer, serves touchstone.Serves, consents Consents, purpose string) context.Context {
	if serves.Use == "" || v.Kind != "key" && purpose == "" {
		return ctx
	}
	if purpose == OwnPurpose {
		purpose = ""
	}
	return context.WithValue(ctx, askingKey{}, asking{consents, serves.Use, purpose})
}

// WithPurpose names the purpose of the thing that a route is about, a segment's, unless the
// program that asks has named its own.
func WithPurpose(ctx context.Context, purpose string) context.Context {
	a, ok := ctx.Value(askingKey{}).(asking)
	if !ok || a.purpose != "" || purpose == "" {
		return ctx
	}
	a.purpose = purpose
	return context.WithValue(ctx, askingKey{}, a)
}

// Consenting returns those of persons who agree to what the call is for, in the order asked. The
// reads of [People] call it; who shows persons by any other way does, too. Without a gate nobody agrees.
func Consenting(ctx context.Context, persons []touchstone.PersonID) ([]touchstone.PersonID, error) {
	a, ok := ctx.Value(askingKey{}).(asking)
	if !ok || len(persons) == 0 {
		return persons, nil
	}
	if a.consents == nil {
		return nil, nil
	}
	return a.consents(ctx, a.purpose, a.use, persons)
}

// Agrees is an error when a person does not agree to what the call is for.
func Agrees(ctx context.Context, person touchstone.PersonID) error {
	kept, err := Consenting(ctx, []touchstone.PersonID{person})
	if err == nil && !slices.Contains(kept, person) {
		err = touchstone.Errorf(touchstone.Forbidden, "This person does not agree to what you ask for.").
			WithHint("GET /api/v1/persons/{ref}/consents says what is agreed to; the header %s names another purpose.", PurposeHeader)
	}
	return err
}

// ServesOf returns what a route serves: its own word, or else its resource's.
func (r *Resource) ServesOf(rt *Route) touchstone.Serves {
	if rt.Serves.Said() {
		return rt.Serves
	}
	return r.Serves
}
