package httpapi

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/touchstone-cdp/touchstone"
)

// Text is a message as its English template, which names it, and what stands at {0}, {1}, …:
// strings and Texts.
type Text struct {
	Template string `json:"template"`
	Params   []any  `json:"params,omitempty"`
}

// NewText takes a message apart.
func NewText(t touchstone.Text) *Text {
	if t.Format == "" {
		return nil
	}
	template, params := t.Template()
	for i := range params {
		if inner, ok := params[i].(touchstone.Text); ok {
			params[i] = NewText(inner)
		}
	}
	return &Text{template, params}
}

// TextOf takes an error apart; nil without one.
func TextOf(err error) *Text {
	if err == nil {
		return nil
	}
	return NewText(touchstone.TextOf(err))
}

// maxStored bounds what is stored of a message, in bytes.
const maxStored = 4 << 10

// Store writes the text down for [LoadText]. It is empty for nil, and for one that says too
// much: then its English has to do.
func (t *Text) Store() string {
	if t == nil {
		return ""
	}
	stored, err := json.Marshal(t, jsontext.AllowInvalidUTF8(true))
	if err != nil || len(stored) > maxStored {
		return ""
	}
	return string(stored)
}

// UnmarshalJSON reads Texts within a Text as what they are.
func (t *Text) UnmarshalJSON(b []byte) error {
	var raw struct {
		Template string           `json:"template"`
		Params   []jsontext.Value `json:"params"`
	}
	if err := json.Unmarshal(b, &raw); err != nil {
		return err
	}
	*t = Text{Template: raw.Template}
	for _, p := range raw.Params {
		var param any = new(string)
		if p.Kind() == '{' {
			param = &Text{}
		}
		if err := json.Unmarshal(p, param); err != nil {
			return err
		}
		if s, ok := param.(*string); ok {
			param = *s
		}
		t.Params = append(t.Params, param)
	}
	return nil
}

// LoadText reads what Store has written; nil: nothing.
func LoadText(stored string) *Text {
	t := &Text{}
	if stored == "" || json.Unmarshal([]byte(stored), t) != nil || t.Template == "" {
		return nil
	}
	return t
}
