package touchstone

import (
	"errors"
	"time"
)

// ErrorKind is the vocabulary of errors that cross a package border. internal/httpapi
// maps each kind to one HTTP status.
type ErrorKind uint8

// The kinds. An error without a kind is Internal.
const (
	Internal        ErrorKind = iota // our fault; details go to the log, not to the caller
	Invalid                          // the input is wrong; the message says what and where
	Unauthenticated                  // no or a wrong credential
	Forbidden                        // a good credential that may not do this
	NotFound                         // no such thing
	Conflict                         // it clashes with what exists
	TooLarge                         // over a documented limit
	RateLimited                      // too fast; RetryAfter says when to come back
	Unavailable                      // cannot be done now (disk nearly full, starting, stopping)
)

// Error is an error for people: what was wrong, and what to do about it. [Errorf], [Wrap] and
// WithHint keep what Message and Hint were made from, for other languages.
type Error struct {
	Kind       ErrorKind
	Message    string        // what was wrong and where; shown to the caller
	Hint       string        // what to do; shown to the caller; may be empty
	RetryAfter time.Duration // for RateLimited and Unavailable
	Err        error         // the cause; logged, never shown

	message, hint Text
}

// Error returns message, hint and cause, for logs.
func (e *Error) Error() string {
	s := e.Message
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Texts returns what Message and Hint were made from.
func (e *Error) Texts() (message, hint Text) {
	return e.message.orLiteral(e.Message), e.hint.orLiteral(e.Hint)
}

// Errorf makes an Error of a kind whose message callers may see.
func Errorf(kind ErrorKind, format string, args ...any) *Error {
	t := Textf(format, args...)
	return &Error{Kind: kind, Message: t.String(), message: t}
}

// Wrap makes an Error of a kind with a message for the caller and a cause for the log.
func Wrap(kind ErrorKind, err error, format string, args ...any) *Error {
	e := Errorf(kind, format, args...)
	e.Err = err
	return e
}

// WithHint adds what to do about it.
func (e *Error) WithHint(format string, args ...any) *Error {
	e.hint = Textf(format, args...)
	e.Hint = e.hint.String()
	return e
}

// KindOf returns the kind of the first Error in err's chain, Internal without one.
func KindOf(err error) ErrorKind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}
