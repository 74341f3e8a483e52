package access

import (
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
