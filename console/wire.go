package console

import (
	"encoding/base64"
	"errors"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
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
			return enc.WriteToken(jsontext.String(formatTime(t)))
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

func formatTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func encodeJSON(v any) ([]byte, error) {
	body, err := json.Marshal(v, wireOptions)
	if err != nil {
		return nil, touchstone.Wrap(touchstone.Internal, err, "")
	}
	return append(body, '\n'), nil
}

// writeJSON answers with v.
func writeJSON(w http.ResponseWriter, status int, v any) error {
	body, err := encodeJSON(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(body) // an error means that the caller has gone
	return nil
}

func noContent(w http.ResponseWriter) error {
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// page is the answer of every list.
type page[T any] struct {
	Items      []T    `json:"items"`
	NextCursor string `json:"next_cursor"`
}

func writePage[T any](w http.ResponseWriter, items []T, next string) error {
	return writeJSON(w, http.StatusOK, page[T]{items, encodeCursor(next)})
}

// Cursors are opaque to callers, so that what is inside may change.
func encodeCursor(s string) string {
	if s == "" {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString([]byte(s))
}

func decodeCursor(s string) (string, error) {
	if len(s) > 2000 {
		return "", badCursor()
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return "", badCursor()
	}
	return string(b), nil
}

func badCursor() error {
	return touchstone.Errorf(touchstone.Invalid, "The cursor is not one that this list gave.").
		WithHint("Pass next_cursor of the page before, or leave cursor out to start again.")
}

const (
	defaultLimit = 50
	maxLimit     = 500
)

// paging is what the parameters limit and cursor ask for.
type paging struct {
	limit int
	after string // the decoded cursor
}

func readPaging(r *http.Request) (paging, error) {
	q := r.URL.Query()
	limit, err := readLimit(q.Get("limit"))
	if err != nil {
		return paging{}, err
	}
	after, err := decodeCursor(q.Get("cursor"))
	return paging{limit, after}, err
}

func readLimit(s string) (int, error) {
	if s == "" {
		return defaultLimit, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > maxLimit {
		return 0, touchstone.Errorf(touchstone.Invalid, "limit must be a whole number from 1 to %d, not %.40q.", maxLimit, s)
	}
	return n, nil
}

// cut pages through a list that is held whole: it returns the items after the one whose
// key is p.after, and the key to go on from.
func cut[T any](all []T, p paging, key func(*T) string) ([]T, string, error) {
	start := 0
	if p.after != "" {
		start = -1
		for i := range all {
			if key(&all[i]) == p.after {
				start = i + 1
				break
			}
		}
		if start < 0 {
			return nil, "", badCursor()
		}
	}
	rest := all[start:]
	if len(rest) <= p.limit {
		return rest, "", nil
	}
	return rest[:p.limit], key(&rest[p.limit-1]), nil
}

// timeKey is a cursor in a list ordered by time, newest first, and then by id.
type timeKey struct {
	ms int64
	id string
}

func (k timeKey) String() string { return strconv.FormatInt(k.ms, 36) + "." + k.id }

// parseTimeKey reads a cursor; the empty one stands before everything.
func parseTimeKey(s string) (timeKey, error) {
	if s == "" {
		return timeKey{ms: math.MaxInt64}, nil
	}
	ms, id, ok := strings.Cut(s, ".")
	n, err := strconv.ParseInt(ms, 36, 64)
	if !ok || err != nil {
		return timeKey{}, badCursor()
	}
	return timeKey{n, id}, nil
}

// readJSON decodes the body into dst. Unknown and repeated fields are refused.
func readJSON(r *http.Request, dst any) error {
	body, err := readBody(r)
	if err != nil {
		return err
	}
	if len(body) == 0 {
		return touchstone.Errorf(touchstone.Invalid, "The body is empty.").WithHint("Send a JSON object.")
	}
	return decodeJSON(body, dst)
}

// readBody reads a body whose size the router has bounded.
func readBody(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(r.Body)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, touchstone.Errorf(touchstone.TooLarge, "The body is larger than %d bytes, the most that this call takes.", tooLarge.Limit)
	case err != nil:
		return nil, touchstone.Wrap(touchstone.Invalid, err, "The body ended early.")
	}
	return body, nil
}

func decodeJSON(body []byte, dst any) error {
	err := json.Unmarshal(body, dst, json.RejectUnknownMembers(true))
	if err == nil {
		return nil
	}
	var known *touchstone.Error
	if errors.As(err, &known) {
		return err
	}
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) {
		if errors.Is(err, jsontext.ErrDuplicateName) {
			return touchstone.Errorf(touchstone.Invalid, "The field %s is in the body twice.", fieldOf(syntax.JSONPointer))
		}
		return touchstone.Wrap(touchstone.Invalid, err, "The body is not valid JSON at byte %d.", syntax.ByteOffset)
	}
	var semantic *json.SemanticError
	if !errors.As(err, &semantic) {
		return touchstone.Wrap(touchstone.Invalid, err, "The body was not understood.")
	}
	field := fieldOf(semantic.JSONPointer)
	if errors.Is(err, json.ErrUnknownName) {
		return touchstone.Errorf(touchstone.Invalid, "There is no field %s here.", field).WithHint("/docs lists the fields of every call.")
	}
	want := ""
	if t := semantic.GoType; t != nil {
		want = kindName(t)
	}
	if want == "" || semantic.JSONKind == 0 {
		return touchstone.Wrap(touchstone.Invalid, err, "The field %s has a value that does not fit.", field)
	}
	return touchstone.Errorf(touchstone.Invalid, "The field %s must be %s, not %s.", field, want, jsonKindName(semantic.JSONKind))
}
