package activation

import (
	"crypto/md5" //nolint:gosec // what a platform asks for
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/touchstone-cdp/touchstone"
)

// Format is how a platform wants identifiers: which, normalised how, hashed how, and written how.
type Format string

// The formats.
const (
	Google      Format = "google"      // Customer Match: Email and Phone, SHA-256
	Meta        Format = "meta"        // Custom Audiences: email and phone, SHA-256
	OceanEngine Format = "oceanengine" // 巨量引擎: mobile numbers, SHA-256, one a line
	Tencent     Format = "tencent"     // 腾讯广告: mobile numbers, MD5, one a line
	CSV         Format = "csv"         // person, kind and value as they are
	JSON        Format = "json"        // the same, an object a line
)

// shape is what there is to know of a format.
type shape struct {
	kinds   []touchstone.IdentifierKind // that it takes; nil: any
	columns []string                    // of its file, in the order of kinds; nil: one value a line, or as CSV and JSON have it
	hash    func(string) string         // nil: values stay
	normal  func(kind touchstone.IdentifierKind, value string) string
	ending  string
}

var shapes = map[Format]shape{
	Google:      {kinds: contacts, columns: []string{"Email", "Phone"}, hash: sha, normal: normalGoogle, ending: ".csv"},
	Meta:        {kinds: contacts, columns: []string{"email", "phone"}, hash: sha, normal: normalMeta, ending: ".csv"},
	OceanEngine: {kinds: phones, hash: sha, normal: normalMainland, ending: ".txt"},
	Tencent:     {kinds: phones, hash: md, normal: normalMainland, ending: ".txt"},
	CSV:         {normal: asItIs, ending: ".csv"},
	JSON:        {normal: asItIs, ending: ".ndjson"},
}

var (
	contacts = []touchstone.IdentifierKind{touchstone.KindEmail, touchstone.KindPhone}
	phones   = []touchstone.IdentifierKind{touchstone.KindPhone}
)

func sha(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

func md(s string) string {
	sum := md5.Sum([]byte(s)) //nolint:gosec // what a platform asks for
	return hex.EncodeToString(sum[:])
}

func asItIs(_ touchstone.IdentifierKind, value string) string { return value }

// digits keeps the digits of a number that is written with its country: "+86 139…". Another has no country that could be told: "".
func digits(phone string) string {
	phone = strings.TrimSpace(phone)
	if !strings.HasPrefix(phone, "+") {
		return ""
	}
	kept := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, phone)
	if len(kept) < 7 || len(kept) > 15 { // E.164
		return ""
	}
	return kept
}

// plainEmail has no white space and no capitals.
func plainEmail(value string) string {
	value = strings.ToLower(strings.Join(strings.Fields(value), ""))
	if name, host, ok := strings.Cut(value, "@"); !ok || name == "" || host == "" {
		return ""
	}
	return value
}

// normalGoogle: e-mail in small letters without spaces, at gmail.com and googlemail.com without points in the name; phone in E.164 with its plus.
func normalGoogle(kind touchstone.IdentifierKind, value string) string {
	if kind == touchstone.KindPhone {
		if d := digits(value); d != "" {
			return "+" + d
		}
		return ""
	}
	value = plainEmail(value)
	if name, host, ok := strings.Cut(value, "@"); ok && (host == "gmail.com" || host == "googlemail.com") {
		return strings.ReplaceAll(name, ".", "") + "@" + host
	}
	return value
}

// normalMeta: e-mail in small letters; phone as digits with the country and without a plus.
func normalMeta(kind touchstone.IdentifierKind, value string) string {
	if kind == touchstone.KindPhone {
		return digits(value)
	}
	return plainEmail(value)
}

// normalMainland: a mobile number of the Chinese mainland as its eleven digits; any other is not taken.
func normalMainland(_ touchstone.IdentifierKind, value string) string {
	d, is := strings.CutPrefix(digits(value), "86")
	if !is || len(d) != 11 || d[0] != '1' {
		return ""
	}
	return d
}

// Line is what an identifier becomes in a format: its kind and the value, hashed where the format says so. "": it is not taken.
func (f Format) Line(kind touchstone.IdentifierKind, value string) string {
	s := shapes[f]
	if value = s.normal(kind, value); value == "" || strings.ContainsAny(value, "\r\n\x00") {
		return ""
	}
	if s.hash != nil {
		value = s.hash(value)
	}
	return string(kind) + ":" + value
}

// sheet writes lines into a file.
type sheet struct {
	format  Format
	changes bool // say of each line whether it came or went
	out     io.Writer
	csv     *csv.Writer
}

// newSheet begins a file. One of changes has a first column action, add or remove, where the format has columns; a list without columns
// holds one sort of changes only.
func newSheet(f Format, changes bool, out io.Writer) (*sheet, error) {
	s := &sheet{format: f, changes: changes, out: out, csv: csv.NewWriter(out)}
	var head []string
	switch columns := shapes[f].columns; {
	case columns != nil:
		head = columns
	case f == CSV:
		head = []string{"person", "kind", "value"}
	default:
		return s, nil
	}
	if changes {
		head = append([]string{"action"}, head...)
	}
	return s, s.csv.Write(head)
}

// row is a line of a file, and whose it is.
type row struct {
	line   string
	person touchstone.PersonID
	gone   bool
}

func (s *sheet) write(r row) error {
	kind, value, _ := strings.Cut(r.line, ":")
	action := "add"
	if r.gone {
		action = "remove"
	}
	shape := shapes[s.format]
	var cells []string
	switch {
	case shape.columns != nil:
		cells = make([]string, len(shape.columns))
		for i, k := range shape.kinds {
			if string(k) == kind {
				cells[i] = value
			}
		}
	case s.format == CSV:
		cells = []string{r.person.String(), kind, value}
	case s.format == JSON:
		text, err := json.Marshal(s.format.told(r, s.changes, action, kind, value))
		if err == nil {
			_, err = s.out.Write(append(text, '\n'))
		}
		return err
	default:
		_, err := fmt.Fprintln(s.out, value)
		return err
	}
	if s.changes {
		cells = append([]string{action}, cells...)
	}
	return s.csv.Write(cells)
}

// toldLine is a line as JSON. The person is named where values are not hashed.
type toldLine struct {
	Action string `json:"action,omitempty"`
	Person string `json:"person,omitempty"`
	Kind   string `json:"kind"`
	Value  string `json:"value"`
}

func (f Format) told(r row, changes bool, action, kind, value string) toldLine {
	t := toldLine{Kind: kind, Value: value}
	if shapes[f].hash == nil {
		t.Person = r.person.String()
	}
	if changes {
		t.Action = action
	}
	return t
}

func (s *sheet) end() error {
	s.csv.Flush()
	return s.csv.Error()
}
