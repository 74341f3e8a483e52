package importer

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/touchstone-cdp/touchstone"
)

func TestMappingErrorsNameLineAndWhatIsAllowed(t *testing.T) {
	const rest = "event: E\ntime: at\nidentifiers: {user_id: id}\n" // three lines
	for _, c := range []struct{ mapping, want string }{
		{"", "the mapping is empty"},
		{rest + "colour: red", `line 4: the mapping has no key "colour"; allowed: format, delimiter, quote, header, columns, encoding, skip, line_end, multiline, escape, decimal, thousands, null, rows, type, event, time, identifiers, group_id, previous_id, properties, traits, context, message_id`},
		{rest + "format: xml", `line 4: "xml" is not allowed here; use csv, ndjson, json, parquet, auto`},
		{rest + "type: dance", `line 4: type "dance" is unknown: use track, identify, page, screen, group or alias, or {column: …}`},
		{rest + "properties:\n  a: {colum: x}", `line 5: properties.a has no key "colum"; allowed: column, type, constant, multiply, layout, zone, decimal, thousands`},
		{rest + "properties:\n  a: {column: x, type: float}", `line 5: "float" is not allowed here; use string, number, boolean, time, json`},
		{rest + "properties:\n  a: {type: number}", `line 5: properties.a needs exactly one of column, constant and multiply`},
		{rest + "properties:\n  a: {column: x, constant: 1}", `line 5: properties.a needs exactly one of`},
		{rest + "properties:\n  a: {multiply: [x]}", `line 5: multiply takes two to eight columns or numbers`},
		{rest + "properties:\n  a: {multiply: [x, y], type: string}", `line 5: properties.a: a product is a number`},
		{rest + "properties:\n  a: {column: x, layout: '2006'}", `line 5: properties.a: layout and zone belong to type: time`},
		{rest + "properties:\n  a: x\n  a.b: y", `line 6: a.b clashes with a on line 5`},
		{rest + "properties: [a]", `line 4: properties must be a list of  key: value`},
		{rest + "properties: {a..b: x}", `line 4: properties: "a..b" has an empty part`},
		{rest + "traits: {a: x}", `line 4: only identify and group events carry traits`},
		{rest + "header: no", `header: no needs the names of the columns`},
		{rest + "columns: [a, a]", `columns names "a" twice`},
		{rest + "quote: '##'", `line 4: quote "##": use one ASCII character, or none`},
		{rest + "encoding: klingon", `line 4: encoding "klingon" is unknown; use utf-8, gbk`},
		{rest + "event: F", `mapping key "event" already defined`},
		{"time: at\nidentifiers: {user_id: id}", "a track event needs a name (add for example  event: Product Purchased"},
		{"event: E\nidentifiers: {user_id: id}", "the mapping does not say when an event happened"},
		{"event: E\ntime: at", "the mapping names no identifiers"},
		{"event: E\ntime: at\nidentifiers: {User Name!: id}", `line 3: "User Name!" is no name for an identifier kind`},
		{"event: E\ntime: at\nidentifiers: {user_id: {column: id, format: reversed}}", `line 3: "reversed" is not allowed here; use text, integer, lower, upper, digits, phone, email`},
		{"event: E\ntime: {column: at, layout: YYYY-MM-DD}\nidentifiers: {user_id: id}", `line 2: layout "YYYY-MM-DD": this is no time layout; write the moment`},
		{"event: E\ntime: {column: at, zone: London}\nidentifiers: {user_id: id}", `line 2: zone "London" is unknown; use an IANA name`},
		{"event: E\ntime: {layout: unix}\nidentifiers: {user_id: id}", `line 2: time needs either column or constant`},
		{"type: identify\nevent: E\nidentifiers: {user_id: id}", `line 2: only type track has an event name; identify is stored as $identify`},
		{"type: identify\nproperties: {a: b}\nidentifiers: {user_id: id}", `line 2: identify events carry no properties; use traits`},
		{"type: group\nidentifiers: {user_id: id}", `a group event needs group_id`},
		{"type: alias\nidentifiers: {user_id: id}", `an alias event needs previous_id`},
		{"event: E\n\ttime: x", "line 2: "},
		{"a: 1\n---\nb: 2", "this is a second one"},
		{"event: &x E\ntime: *x\nidentifiers: {user_id: id}", "line 1: anchors, aliases and tags are not part"},
		{strings.Repeat("#", maxMappingBytes+1), "the limit is"},
	} {
		_, err := ParseMapping([]byte(c.mapping))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s\ngot  %v\nwant %s", c.mapping, err, c.want)
		}
	}
}

func TestMappingGoesToTheServerAsJSON(t *testing.T) {
	m := mustMapping(t, "event: E\ntime: {column: at, layout: '20060102'}\nidentifiers: {user_id: id}\nproperties: {n: {constant: 5}}")
	var got map[string]any
	if err := json.Unmarshal(m.JSON(), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"event": "E", "time": map[string]any{"column": "at", "layout": "20060102"},
		"identifiers": map[string]any{"user_id": "id"}, "properties": map[string]any{"n": map[string]any{"constant": 5.0}}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestInstants(t *testing.T) {
	const wall = "2006-01-02 15:04:05"
	for _, c := range []struct{ layout, zone, text, want string }{
		{wall, "Europe/London", "2010-12-01 08:26:00", "2010-12-01T08:26:00Z"},
		{wall, "Europe/London", "2011-07-01 08:26:00", "2011-07-01T07:26:00Z"},
		{wall, "Europe/London", "2011-03-27 00:59:59", "2011-03-27T00:59:59Z"},
		{wall, "Europe/London", "2011-03-27 01:30:00", "2011-03-27T01:30:00Z"}, // skipped: 02:30 summer time
		{wall, "Europe/London", "2011-03-27 02:00:00", "2011-03-27T01:00:00Z"},
		{wall, "Europe/London", "2011-10-30 00:59:59", "2011-10-29T23:59:59Z"},
		{wall, "Europe/London", "2011-10-30 01:30:00", "2011-10-30T00:30:00Z"}, // twice: the first
		{wall, "Europe/London", "2011-10-30 02:00:00", "2011-10-30T02:00:00Z"},
		{wall, "America/New_York", "2026-03-08 02:30:00", "2026-03-08T07:30:00Z"},
		{wall, "America/New_York", "2026-11-01 01:30:00", "2026-11-01T05:30:00Z"},
		{wall, "Asia/Shanghai", "1990-07-01 12:00:00", "1990-07-01T03:00:00Z"}, // Shanghai had summer time
		{wall, "", "2026-01-02 03:04:05.678", "2026-01-02T03:04:05.678Z"},
		{"02.01.2006 15:04 MST", "Europe/Berlin", "01.07.2026 12:00 CEST", "2026-07-01T10:00:00Z"},
		{time.RFC3339, "Asia/Shanghai", "2026-01-02T03:04:05+01:00", "2026-01-02T02:04:05Z"},
		{"unix", "", "1767323045", "2026-01-02T03:04:05Z"},
		{"unix", "", "1767323045.6789", "2026-01-02T03:04:05.678Z"},
		{"unix", "", "1.767323045e9", "2026-01-02T03:04:05Z"},
		{"unix_ms", "", "1767323045678", "2026-01-02T03:04:05.678Z"},
		{"iso8601", "Asia/Shanghai", "2026-01-02", "2026-01-01T16:00:00Z"},
		{"iso8601", "Asia/Shanghai", "2026-01-02 03:04:05", "2026-01-01T19:04:05Z"},
		{"iso8601", "Asia/Shanghai", "2026-01-02T03:04:05.678Z", "2026-01-02T03:04:05.678Z"},
		{"iso8601", "Asia/Shanghai", "2026-01-02 03:04:05 +0100", "2026-01-02T02:04:05Z"},
		{"iso8601", "", "20260102T030405Z", "2026-01-02T03:04:05Z"},
		{"iso8601", "", "  2026-01-02T03:04  ", "2026-01-02T03:04:00Z"},
		{"iso8601", "", "yesterday", "!"},
		{"iso8601", "", "2026-13-02", "!"},
		{"unix", "", "soon", "!"},
		{"unix", "", "99999999999999999999", "!"},
		{"unix", "", "1767323045678", "!"}, // milliseconds: the year 57973
	} {
		r, err := newClockReader(c.layout, c.zone)
		if err != nil {
			t.Fatal(err)
		}
		got, err := r.read(cell{kind: cellText, text: c.text})
		text := got.Format("2006-01-02T15:04:05.999Z07:00")
		if err != nil {
			text = "!"
		}
		if text != c.want {
			t.Errorf("%s %s %s: got %s (%v), want %s", c.layout, c.zone, c.text, text, err, c.want)
		}
	}
}

// The remembered stretch of a zone must not change any answer.
func TestZoneMemoryIsInvisible(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		zone := rapid.SampledFrom([]string{"Europe/London", "America/New_York", "Asia/Shanghai", "Australia/Lord_Howe", "America/Sao_Paulo", "Africa/Casablanca"}).Draw(t, "zone")
		warm, _ := newClockReader(layoutISO8601, zone)
		base := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		for range 30 {
			at := base.Add(time.Duration(rapid.Int64Range(-40*365*24*60, 10*365*24*60).Draw(t, "minute")) * time.Minute)
			cold, _ := newClockReader(layoutISO8601, zone)
			a, b := warm.inZone(at), cold.inZone(at)
			if !a.Equal(b) {
				t.Fatalf("%s in %s: %s with memory, %s without", at, zone, a, b)
			}
			// Reading the wall clock of the answer gives the question, unless it was skipped.
			shown := a.In(cold.zone)
			if _, offset := shown.Zone(); !a.Add(time.Duration(offset) * time.Second).Equal(at) {
				if d := a.Add(time.Duration(offset) * time.Second).Sub(at); d <= 0 || d > 2*time.Hour {
					t.Fatalf("%s in %s became %s", at, zone, shown)
				}
			}
		}
	})
}

func TestProductsAreExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		number := rapid.StringMatching(`[-+]?[0-9]{1,22}(\.[0-9]{0,12})?`)
		a, b := number.Draw(t, "a"), number.Draw(t, "b")
		x, ok := parseDecimal(a)
		y, ok2 := parseDecimal(b)
		if !ok || !ok2 {
			t.Fatalf("refused %s or %s", a, b)
		}
		text := string(x.times(y).appendTo(nil))
		want, _ := new(big.Rat).SetString(a)
		other, _ := new(big.Rat).SetString(b)
		got, ok := new(big.Rat).SetString(text)
		if !ok || got.Cmp(want.Mul(want, other)) != 0 || !json.Valid([]byte(text)) {
			t.Fatalf("%s × %s = %s", a, b, text)
		}
	})
}

func TestNumbers(t *testing.T) {
	for in, want := range map[string]string{
		"1": "1", "-2.50": "-2.50", "+3": "3", ".5": "0.5", "5.": "5", "007": "7", " 12 ": "12", "1e3": "1000", "1.5E-3": "0.0015", "-0": "-0",
		"00": "0", "-.0": "0", "12345678901234567890123": "12345678901234567890123", "1e+2": "100",
		"": "!", "-": "!", ".": "!", "1e": "!", "1e+": "!", "e5": "!", "0x1F": "!", "NaN": "!", "Inf": "!", "1,000": "!", "1 000": "!", "1e999": "!", "--1": "!", "1.2.3": "!", "£5": "!",
	} {
		got, ok := jsonNumber(in)
		if !ok {
			got = "!"
		}
		if got != want || ok && !json.Valid([]byte(got)) {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
}

func FuzzParseMapping(f *testing.F) {
	f.Add([]byte(simpleMapping))
	f.Add([]byte("event: {column: a}\ntime: {column: at, layout: unix}\nidentifiers:\n  user_id: {column: x, format: phone}\nproperties: {a.b: {multiply: [a, 2]}}\nmessage_id: [$row]"))
	f.Add([]byte("? a\n: b\n"))
	f.Add([]byte("a: !!binary x\n<<: {b: 1}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := ParseMapping(text)
		if err != nil {
			var e *touchstone.Error
			if !errors.As(err, &e) {
				t.Fatalf("an error without a kind: %v", err)
			}
			return
		}
		if !json.Valid(m.JSON()) {
			t.Fatalf("not JSON: %s", m.JSON())
		}
		table := &memoryTable{}
		for _, use := range m.neededColumns() {
			table.names = append(table.names, use.column)
		}
		p, err := newPlan(m, table, testPlan())
		if err != nil {
			return
		}
		cells := make([]cell, len(table.names))
		for i := range cells {
			cells[i] = cell{kind: cellText, text: "17850.0"}
		}
		var e touchstone.Event
		if err := p.apply(cells, 1, &e); err == nil && len(e.Identifiers) == 0 {
			t.Fatal("an event without identifiers")
		}
	})
}

// memoryTable has columns and no rows.
type memoryTable struct{ names []string }

func (m *memoryTable) columns() []string { return m.names }
func (m *memoryTable) has(string) bool   { return true }
func (m *memoryTable) bind([]string)     {}
func (m *memoryTable) next([]cell) error { return io.EOF }
func (m *memoryTable) raw() touchstone.JSON {
	return "{}"
}
func (m *memoryTable) close() error { return nil }

// readCSV returns all rows of a text; nil for one that was rejected.
func readCSV(text []byte, delimiter string, spans spanRule) (rows [][]string, err error) {
	m := &Mapping{quote: '"', delimiter: delimiter, columns: []string{"a"}, spans: spans}
	t, err := newCSVTable(iotest.HalfReader(bytes.NewReader(text)), io.NopCloser(nil), m)
	if err != nil {
		return nil, err
	}
	for {
		err := t.readRow()
		var bad *rowError
		switch {
		case err == io.EOF:
			return rows, nil
		case errors.As(err, &bad):
			rows = append(rows, nil)
		case err != nil:
			return rows, err
		default:
			rows = append(rows, t.fields())
		}
	}
}

// Where encoding/csv accepts a text, ours reads the same rows.
func FuzzCSV(f *testing.F) {
	f.Add([]byte(simpleCSV), byte(','))
	f.Add([]byte("a;b\r\n\"x\r\ny\";\"\"\"\"\r\n;\r\n"), byte(';'))
	f.Add([]byte("\"a\"b\",c\n\"\n\n,"), byte(','))
	f.Fuzz(func(t *testing.T, text []byte, delimiter byte) {
		if delimiter < ' ' && delimiter != '\t' || delimiter >= 0x7f || delimiter == '"' {
			delimiter = ','
		}
		got, err := readCSV(text, string(delimiter), spanAlways)
		if err != nil {
			t.Fatal(err)
		}
		for _, spans := range []spanRule{spanCareful, spanNever} {
			for _, d := range []string{string(delimiter), whitespaceDelimiter, ""} {
				if _, err := readCSV(text, d, spans); err != nil {
					t.Fatal(err)
				}
			}
		}
		reference := csv.NewReader(bytes.NewReader(text))
		reference.Comma = rune(delimiter)
		reference.FieldsPerRecord = -1
		want, err := reference.ReadAll()
		// A carriage return alone, one inside of quotes, and the line sep=; is where the two differ.
		if err != nil || bytes.Contains(text, []byte("\r")) || bytes.HasPrefix(bytes.ToLower(bytes.TrimLeft(text, `"`)), []byte(separatorPrefix)) {
			return
		}
		// Cells without any text, as spreadsheets leave below a table, are no row.
		empty := func(row []string) bool { return strings.Join(row, "") == "" }
		want, got = slices.DeleteFunc(want, empty), slices.DeleteFunc(got, empty)
		if len(want) == 0 && len(got) == 0 {
			return
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%q: %s", text, d)
		}
	})
}
