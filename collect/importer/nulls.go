package importer

import (
	"slices"
	"strings"
)

// nullTexts are texts that mean "nothing" in any cell: those that no program or person
// writes by chance. A mapping's list replaces them.
var nullTexts = []string{
	`\N`, "NULL", "(null)", "[NULL]", "<NULL>", "<null>",
	"#N/A", "#REF!", "#VALUE!", "#NAME?", "#NULL!", "#NUM!", "#DIV/0!", "#N/A N/A", "#SPILL!", "#CALC!", "#GETTING_DATA",
}

// valueNulls mean nothing where a number, a time or a truth value is expected.
var valueNulls = []string{"null", "nil", "none", "nan", "na", "n/a", "-", "--", "—", "–", "undefined", "nat", "-nan", "(blank)", "无", "空"}

// tidier changes the cells of text files that are written for a spreadsheet's eyes.
type tidier struct {
	nulls    []string
	explicit bool
	first    [256]bool // bytes that such a cell can begin with
}

func newTidier(nulls []string) *tidier {
	t := &tidier{nulls: nulls, explicit: nulls != nil}
	if nulls == nil {
		t.nulls = nullTexts
	}
	for _, text := range t.nulls {
		if text != "" {
			t.first[text[0]] = true
		}
	}
	for _, c := range []byte("=' \"") {
		t.first[c] = true
	}
	return t
}

// tidy makes a cell absent whose text means nothing, and takes ="00123" and '00123, which
// keep spreadsheets from reading a number, for the text that they stand for.
func (t *tidier) tidy(c *cell) {
	if c.text != "" && t.first[c.text[0]] && c.kind == cellText {
		t.change(c)
	}
}

func (t *tidier) change(c *cell) {
	text := strings.TrimSpace(c.text)
	if slices.Contains(t.nulls, text) {
		*c = cell{}
		return
	}
	if inner, ok := spreadsheetText(text); ok {
		c.text = inner
	}
}

func spreadsheetText(text string) (string, bool) {
	switch n := len(text); {
	case n >= 3 && text[0] == '=' && text[1] == '"' && text[n-1] == '"':
		inner := text[2 : n-1]
		if strings.Contains(strings.ReplaceAll(inner, `""`, ""), `"`) {
			return "", false // a formula: ="a"&"b"
		}
		return strings.ReplaceAll(inner, `""`, `"`), true
	case n >= 2 && text[0] == '\'' && (text[1] >= '0' && text[1] <= '9' || strings.IndexByte("+-=@", text[1]) >= 0) && text[n-1] != '\'':
		return text[1:], true
	}
	return "", false
}

// nothing tells whether a text means "no value" to a typed field.
func (t *tidier) nothing(text string) bool {
	if t == nil || t.explicit || len(text) > 12 {
		return false
	}
	return slices.Contains(valueNulls, strings.ToLower(text))
}
