package access

import (
	"context"

	"github.com/touchstone-cdp/touchstone"
)

// Rows are the persons that a viewer is limited to: those of whom one of the conditions
// holds. A viewer without Rows sees everybody.
type Rows struct {
	// Set names the set of persons that the conditions make. Who is in it is kept up to
	// date with the persons' traits; a set that is not known has nobody in it.
	Set string
	Any []RowCondition
}

// RowCondition holds of persons whose trait has one of the values.
type RowCondition struct {
	Trait  string   `json:"trait"`
	Values []string `json:"values"`
	// Me stands for the viewer: the user's e-mail address or id is a value, too.
	Me bool `json:"me"`
}

// Limited reports whether the viewer sees some persons only.
func (v *Viewer) Limited() bool { return v != nil && v.Rows != nil }

// RequireAll is an error for a viewer who sees some persons only: what it would read is
// about all of them.
func (v *Viewer) RequireAll() error {
	if !v.Limited() {
		return nil
	}
	return touchstone.Errorf(touchstone.Forbidden, "This is about all people, and your access is limited to some.").
		WithHint("An administrator can change whom you may see.")
}

// Within returns those of the persons that a viewer may see, in the order asked. Reads that
// show persons have one; app gives it to them.
type Within func(ctx context.Context, v *Viewer, persons []touchstone.PersonID) ([]touchstone.PersonID, error)

// Of is the call. Without a function a limited viewer sees nobody.
func (w Within) Of(ctx context.Context, v *Viewer, persons []touchstone.PersonID) ([]touchstone.PersonID, error) {
	switch {
	case !v.Limited() || len(persons) == 0:
		return persons, nil
	case w == nil:
		return nil, nil
	}
	return w(ctx, v, persons)
}

// Sees reports whether a viewer may see a person.
func (w Within) Sees(ctx context.Context, v *Viewer, person touchstone.PersonID) (bool, error) {
	seen, err := w.Of(ctx, v, []touchstone.PersonID{person})
	return len(seen) == 1, err
}
