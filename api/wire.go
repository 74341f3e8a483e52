package api

import (
	"encoding/base64"
	"errors"
	"math"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/touchstone-cdp/touchstone"
)

// Every answer writes times in UTC with milliseconds, a zero time as null, and a number
// that JSON does not have (NaN, ±Inf) as null.
var wireOptions = json.JoinOptions(
	json.WithMarshalers(json.JoinMarshalers(
		json.MarshalToFunc(func(enc *jsontext.Encoder, t time.Time) error {
			if t.IsZero() {
				return enc.WriteToken(jsontext.Null)
			}
			return enc.WriteToken(jsontext.String(FormatTime(t)))
		}),
		json.MarshalToFunc(func(enc *jsontext.Encoder, f float64) error {
			if math.IsNaN(f) || math.IsInf(f, 0) {
				return enc.WriteToken(jsontext.Null)
			}
			return errors.ErrUnsupported // write it as usual
		}),
	)),
	json.Deterministic(true),        // the same answer is the same text
	jsontext.AllowInvalidUTF8(true), // old events may hold anything; replace it, do not fail
	// A key twice in an object is a reason for quarantine, which shows the event as it came.
	jsontext.AllowDuplicateNames(true),
)

func FormatTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// EncodeJSON writes v as every answer is written.
func EncodeJSON(v any) ([]byte, error) {
	body, err := json.Marshal(v, wireOptions)
	if err != nil {
		return nil, touchstone.Wrap(touchstone.Internal, err, "")
	}
	return append(body, '\n'), nil
}

// WriteJSON answers with v.
func WriteJSON(w http.ResponseWriter, status int, v any) error {
	body, err := EncodeJSON(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(body) // an error means that the caller has gone
	return nil
}

// NoContent answers 204.
func NoContent(w http.ResponseWriter) error {
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// Page is the answer of every list.
type Page[T any] struct {
	Items      []T    `json:"items"`
	NextCursor string `json:"next_cursor"`
}

// WritePage answers with a page; next is the key to go on from, not yet encoded.
func WritePage[T any](w http.ResponseWriter, items []T, next string) error {
	return WriteJSON(w, http.StatusOK, Page[T]{items, EncodeCursor(next)})
}

// EncodeCursor makes a cursor. Cursors are opaque to callers, so that what is inside may change.
func EncodeCursor(s string) string {
	if s == "" {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString([]byte(s))
}

// DecodeCursor reads what EncodeCursor made.
func DecodeCursor(s string) (string, error) {
	if len(s) > 2000 {
		return "", BadCursor()
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return "", BadCursor()
	}
	return string(b), nil
}

// BadCursor is the answer to a cursor from elsewhere.
func BadCursor() error {
	return touchstone.Errorf(touchstone.Invalid, "The cursor is not one that this list gave.").
		WithHint("Pass next_cursor of the page before, or leave cursor out to start again.")
}
