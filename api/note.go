package api

import (
	"context"
	"net/http"

	"github.com/touchstone-cdp/touchstone/access"
)

// Note is what the handler of a write tells the audit log; the console keeps it with who
// asked, the action and the body. The functions Note… fill it in.
type Note struct {
	Target string         // id of what was changed
	Name   string         // what it is called
	Detail any            // what to keep instead of the body
	Actor  *access.Viewer // of a write that signs someone in
	Skip   bool           // nothing was changed
}

type noteKey struct{}

// WithNote returns r with a note for its handler to fill in.
func WithNote(r *http.Request, n *Note) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), noteKey{}, n))
}

func note(r *http.Request) *Note {
	if n, ok := r.Context().Value(noteKey{}).(*Note); ok {
		return n
	}
	return &Note{} // a read, or a test that calls the handler itself
}

// NoteTarget says which thing a write is about: its id, and its name if it has one.
func NoteTarget(r *http.Request, id, name string) {
	n := note(r)
	n.Target, n.Name = id, name
}

// NoteDetail says what to keep instead of the body: of a write whose body holds a secret,
// or does not tell what happened.
func NoteDetail(r *http.Request, detail any) { note(r).Detail = detail }

// NoteActor replaces the actor of a write that signs someone in.
func NoteActor(r *http.Request, v *access.Viewer) { note(r).Actor = v }

// NoteNothing says that a write turned out to change nothing.
func NoteNothing(r *http.Request) { note(r).Skip = true }
