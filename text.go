package touchstone

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Text is a message for people: a format of package fmt, and what stands in it. The format
// is English and names the message, so that a client can say it in its reader's language.
// Args may be Texts and Errors themselves.
type Text struct {
	Format string
	Args   []any
}

// Textf makes a Text.
func Textf(format string, args ...any) Text { return Text{Format: format, Args: args} }

// String returns the message in English.
func (t Text) String() string {
	if len(t.Args) == 0 && !strings.Contains(t.Format, "%") {
		return t.Format
	}
	return fmt.Sprintf(t.Format, t.Args...)
}

// TextOf takes an error apart as its Error method says it. What is not made of Texts stands
// there as it is.
func TextOf(err error) Text {
	var e *Error
	if !errors.As(err, &e) || e.Error() != err.Error() {
		return Text{}.orLiteral(err.Error())
	}
	text, hint := e.Texts()
	if hint.Format != "" {
		text = Textf("%s (%s)", text, hint)
	}
	if e.Err != nil {
		text = Textf("%s: %s", text, TextOf(e.Err))
	}
	return text
}

// orLiteral stands for a text that was given as it is, if it is not what t says.
func (t Text) orLiteral(s string) Text {
	if t.String() == s {
		return t
	}
	return Text{Format: strings.ReplaceAll(s, "%", "%%")}
}

// Template returns the format with {0}, {1}, … in place of its verbs, and what belongs
// there: strings, as the verbs write them, and Texts.
func (t Text) Template() (template string, params []any) {
	var b strings.Builder
	rest := t.Format
	for {
		before, after, found := strings.Cut(rest, "%")
		b.WriteString(before)
		if !found {
			return b.String(), params
		}
		if strings.HasPrefix(after, "%") {
			b.WriteByte('%')
			rest = after[1:]
			continue
		}
		end := strings.IndexFunc(after, func(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }) + 1
		verb := "%" + after[:end]
		b.WriteString("{" + strconv.Itoa(len(params)) + "}")
		var arg any
		if len(params) < len(t.Args) {
			arg = t.Args[len(params)]
		}
		params = append(params, param(verb, arg))
		rest = after[end:]
	}
}

func param(verb string, arg any) any {
	switch a := arg.(type) {
	case Text:
		return a
	case error:
		var e *Error
		if errors.As(a, &e) && e.Hint == "" && e.Err == nil {
			message, _ := e.Texts()
			return message
		}
	}
	return fmt.Sprintf(verb, arg)
}
