package register

import (
	"bytes"
	_ "embed"
	"encoding/csv"
	"encoding/json"
	"html/template"
	"strconv"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
)

//go:embed register.html
var page string

var pageTemplate = template.Must(template.New("register").Funcs(template.FuncMap{"join": strings.Join}).Parse(page))

// Export writes the register as a page that stands alone (html), as it is (json), or as a table of activities (csv); it returns
// the media type, too.
func Export(v *View, format, lang string, now time.Time) ([]byte, string, error) {
	var b bytes.Buffer
	switch format {
	case "html":
		err := pageTemplate.Execute(&b, map[string]any{"V": v, "W": words[lang], "Lang": lang, "At": now.UTC().Format("2006-01-02 15:04 UTC"), "Of": v.assessmentsOf, "Gap": gapText(words[lang])})
		return b.Bytes(), "text/html; charset=utf-8", err
	case "json":
		text, err := json.MarshalIndent(v, "", "  ")
		return append(text, '\n'), "application/json", err
	case "csv":
		err := v.table(&b, words[lang])
		return b.Bytes(), "text/csv; charset=utf-8", err
	}
	return nil, "", touchstone.Errorf(touchstone.Invalid, "format: %.40q is none of html, json, csv.", format)
}

// assessmentsOf returns those of an activity.
func (v *View) assessmentsOf(activity string) (list []AssessmentRecord) {
	for _, a := range v.Assessments {
		if a.Activity == activity {
			list = append(list, a)
		}
	}
	return list
}

// table writes a line for each activity. A cell that a spreadsheet would take for a formula begins with an apostrophe.
func (v *View) table(b *bytes.Buffer, w *language) error {
	b.WriteString("\ufeff") // spreadsheets read UTF-8 by it
	out := csv.NewWriter(b)
	heads := []string{"id", "version"}
	for _, key := range columns {
		heads = append(heads, w.T[key])
	}
	lines := [][]string{heads}
	for i := range v.Activities {
		a := &v.Activities[i]
		var recipients, transfers []string
		for _, r := range a.Recipients {
			recipients = append(recipients, r.Name)
			if r.Country != "" && r.Country != v.Head.Country {
				transfers = append(transfers, r.Name+" ("+r.Country+"): "+r.Safeguard)
			}
		}
		var assessed []string
		for _, p := range v.assessmentsOf(a.ID) {
			assessed = append(assessed, p.Title+": "+w.T[string(p.State)])
		}
		ended := ""
		if a.Ended {
			ended = w.T["ended"]
		}
		list := func(texts ...string) string { return strings.Join(texts, "; ") }
		lines = append(lines, []string{a.ID, strconv.FormatInt(a.Version, 10), a.Name, a.Description, list(a.Purposes...), w.T["basis."+a.Basis], a.BasisNote, list(a.People...), list(w.classes(a.Classes)...), list(a.OtherData...),
			list(recipients...), list(transfers...), list(append(append([]string{}, a.Rules...), nonEmpty(a.Retention)...)...), list(a.Measures...), a.Owner, a.ReviewAt, list(assessed...), ended})
	}
	for _, line := range lines {
		for i, cell := range line {
			if cell != "" && strings.ContainsRune("=+-@\t", rune(cell[0])) {
				line[i] = "'" + cell
			}
		}
		if err := out.Write(line); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

func nonEmpty(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}
