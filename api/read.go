package api

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/touchstone-cdp/touchstone"
)

// ReadJSON decodes the body into dst. Unknown and repeated fields are refused.
func ReadJSON(r *http.Request, dst any) error {
	body, err := ReadBody(r)
	if err != nil {
		return err
	}
	if len(body) == 0 {
		return touchstone.Errorf(touchstone.Invalid, "The body is empty.").WithHint("Send a JSON object.")
	}
	return DecodeJSON(body, dst)
}

// ReadBody reads a body whose size the router has bounded.
func ReadBody(r *http.Request) ([]byte, error) {
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

// DecodeJSON is ReadJSON for a body that was read before.
func DecodeJSON(body []byte, dst any) error {
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
	return touchstone.Errorf(touchstone.Invalid, "The field %s must be %s, not %s.", field, want, KindName(semantic.JSONKind))
}

func ReadTime(r *http.Request, name string, byDefault time.Time) (time.Time, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return byDefault, nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return t, touchstone.Errorf(touchstone.Invalid, "The parameter %s is not a time: %.40q.", name, text).
			WithHint("Write it as in 2026-01-31T00:00:00Z; + must be sent as %%2B.")
	}
	return t, nil
}

// Param returns a part of the path, decoded.
func Param(r *http.Request, name string) string {
	v := chi.URLParam(r, name)
	if r.URL.RawPath == "" {
		return v // the path was decoded already
	}
	if s, err := url.PathUnescape(v); err == nil {
		return s
	}
	return v
}

// ETag is a weak validator made of what changes with the thing.
func ETag(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return `"` + hex.EncodeToString(sum[:])[:20] + `"`
}

// CheckIfMatch refuses a change that was made for another version of the thing.
func CheckIfMatch(r *http.Request, current string) error {
	want := r.Header.Get("If-Match")
	if want == "" || want == "*" {
		return nil
	}
	for part := range strings.SplitSeq(want, ",") {
		if strings.TrimPrefix(strings.TrimSpace(part), "W/") == current {
			return nil
		}
	}
	return touchstone.Errorf(touchstone.Conflict, "It was changed by someone else in the meantime.").
		WithHint("Read it again and repeat your change.")
}

// CheckName trims a name that a person gave and bounds it.
func CheckName(field, name string, most int) (string, error) {
	name = strings.TrimSpace(name)
	if name == "" {
		return "", touchstone.Errorf(touchstone.Invalid, "The field %q is empty.", field)
	}
	if n := len([]rune(name)); n > most {
		return "", touchstone.Errorf(touchstone.Invalid, "The field %q has %d characters; at most %d fit.", field, n, most)
	}
	return name, nil
}

// roleOf names the role whose server has what this one lacks; console for the rest.
var roleOf = map[string]string{"the edge": "collect", "the pipeline": "process", "analytics": "sink"}

// NotHere is the answer for a feature that this process does not run.
func NotHere(what string) error {
	role := roleOf[what]
	if role == "" {
		role = "console"
	}
	return touchstone.Errorf(touchstone.Unavailable, "This server does not run %s.", what).WithHint("Ask a server with the role %s.", role)
}
