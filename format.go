package touchstone

import "errors"

// ErrNewer is in the chain of every error that [Newer] makes.
var ErrNewer = errors.New("written by a newer version")

// Newer is the error of a reader that meets a stored form, or a schema, of a later release.
// What is stored names its form's version first, so that this can be told from damage.
// what is the thing, "the warehouse"; version is its, reads the highest that this program
// knows.
func Newer(what string, version, reads int64) *Error {
	return Wrap(Unavailable, ErrNewer, "%s was written by a newer Touchstone (version %d; this one reads up to %d)", what, version, reads).
		WithHint("upgrade this program: nothing is damaged")
}
