package importer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"

	"github.com/touchstone-cdp/touchstone"
)

// writeFile puts content into a file and returns its path.
func writeFile(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func mustMapping(t testing.TB, text string) *Mapping {
	t.Helper()
	m, err := ParseMapping([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// convert returns one line per event of a file.
func convert(t testing.TB, path, mapping string) []string {
	t.Helper()
	c, err := newConverter(path, mustMapping(t, mapping), testPlan())
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	var lines []string
	for {
		var e touchstone.Event
		err := c.next(&e)
		if err == io.EOF {
			return lines
		}
		if err != nil {
			t.Fatal(err)
		}
		if e.Type == touchstone.Rejected {
			if !json.Valid([]byte(e.Raw)) {
				t.Errorf("row %d: raw is not JSON: %s", c.row, e.Raw)
			}
			lines = append(lines, fmt.Sprintf("! %s %s", e.Reason, e.Raw))
			continue
		}
		for _, j := range []touchstone.JSON{e.Properties, e.Traits, e.Context} {
			if j != "" && !json.Valid([]byte(j)) {
				t.Errorf("row %d: not JSON: %s", c.row, j)
			}
		}
		line := e.Name + " " + e.Time.UTC().Format("2006-01-02T15:04:05.999Z") + " " + fmt.Sprint(e.Identifiers)
		for _, j := range []touchstone.JSON{e.Properties, e.Traits, e.Context} {
			if j != "" {
				line += " " + string(j)
			}
		}
		lines = append(lines, line)
	}
}

const simpleMapping = `
event: Bought
time: {column: day, layout: "2006-01-02"}
identifiers: {user_id: who}
properties: {what: what, price: {column: price, type: number}}
`

const simpleCSV = "who,day,what,price\nu1,2026-01-02,tea,2.50\nu2,2026-01-03,\"a \"\"big\"\"\nmug, blue\",3\n"

var simpleWant = []string{
	`Bought 2026-01-02T00:00:00Z [user_id:u1] {"what":"tea","price":2.50}`,
	`Bought 2026-01-03T00:00:00Z [user_id:u2] {"what":"a \"big\"\nmug, blue","price":3}`,
}

func TestTheSameRowsInEveryDress(t *testing.T) {
	zip := func(s string) string {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		w.Write([]byte(s))
		w.Close()
		return b.String()
	}
	zst := func(s string) string {
		w, _ := zstd.NewWriter(nil)
		return string(w.EncodeAll([]byte(s), nil))
	}
	utf16, _ := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String(simpleCSV)
	ndjson := `{"who":"u1","day":"2026-01-02","what":"tea","price":2.50}
{"who":"u2","day":"2026-01-03","what":"a \"big\"\nmug, blue","price":3}`
	for name, c := range map[string]struct{ file, content, more string }{
		"plain":            {"a.csv", simpleCSV, ""},
		"gzip":             {"a.csv.gz", zip(simpleCSV), ""},
		"gzip by content":  {"a.csv", zip(simpleCSV), "format: csv"},
		"gzip twice":       {"a.csv.gz", zip(zip(simpleCSV)), ""},
		"zstd":             {"a.csv.zst", zst(simpleCSV), ""},
		"byte order mark":  {"a.csv", "\xef\xbb\xbf" + simpleCSV, ""},
		"UTF-16":           {"a.csv", utf16, ""},
		"CRLF":             {"a.csv", strings.ReplaceAll(strings.ReplaceAll(simpleCSV, "\n", "\r\n"), "big\"\"\r\n", "big\"\"\n"), ""},
		"semicolons":       {"a.csv", strings.NewReplacer("mug, blue", "mug, blue", ",", ";", "mug; blue", "mug, blue").Replace(simpleCSV), "delimiter: ';'"},
		"tabs":             {"a.tsv", strings.ReplaceAll(strings.ReplaceAll(simpleCSV, ",", "\t"), "mug\t blue", "mug, blue"), ""},
		"long delimiter":   {"a.csv", strings.ReplaceAll(strings.ReplaceAll(simpleCSV, ",", "||"), "mug|| blue", "mug, blue"), "delimiter: '||'"},
		"no header":        {"a.csv", strings.TrimPrefix(simpleCSV, "who,day,what,price\n"), "columns: [who, day, what, price]"},
		"renamed header":   {"a.csv", "a" + simpleCSV, "columns: [who, day, what, price]\nheader: yes"},
		"no last line end": {"a.csv", strings.TrimSuffix(simpleCSV, "\n"), ""},
		"empty lines":      {"a.csv", strings.ReplaceAll(simpleCSV, "\nu", "\n\n\nu") + "\n\n", ""},
		"columns moved":    {"a.csv", "price,who,x,day,what\n2.50,u1,,2026-01-02,tea\n3,u2,,2026-01-03,\"a \"\"big\"\"\nmug, blue\"\n", ""},
		"blanks aligned":   {"a.txt", "  who   day         what  price\n u1  2026-01-02  tea  2.50 \r\n u2\t2026-01-03  \"a \"\"big\"\"\nmug, blue\"  3\n", ""},
		"NDJSON":           {"a.ndjson", ndjson, ""},
		"NDJSON gzip":      {"a.json.gz", zip("\n" + ndjson + "\r\n\n"), "format: ndjson"},
	} {
		t.Run(name, func(t *testing.T) {
			got := convert(t, writeFile(t, c.file, c.content), simpleMapping+c.more)
			if d := cmp.Diff(simpleWant, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestEncodings(t *testing.T) {
	text := "who,day,what,price\nu1,2026-01-02,%s,1\n"
	gbk, _ := simplifiedchinese.GBK.NewEncoder().String(fmt.Sprintf(text, "上海茶"))
	latin, _ := charmap.Windows1252.NewEncoder().String(fmt.Sprintf(text, "café €"))
	for _, c := range []struct{ name, content, more, want string }{
		{"gbk", gbk, "encoding: gbk", `Bought 2026-01-02T00:00:00Z [user_id:u1] {"what":"上海茶","price":1}`},
		{"windows-1252", latin, "encoding: windows-1252", `Bought 2026-01-02T00:00:00Z [user_id:u1] {"what":"café €","price":1}`},
		{"misnamed", latin, "encoding: utf-8", "! bad_encoding: the row is not valid UTF-8; name the file's encoding in the mapping (encoding: gbk, windows-1252, …) " +
			`{"who":"u1","day":"2026-01-02","what":"caf� �","price":"1"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if d := cmp.Diff([]string{c.want}, convert(t, writeFile(t, "a.csv", c.content), simpleMapping+c.more)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestBadRowsGoToQuarantineAndTheRestArrives(t *testing.T) {
	got := convert(t, writeFile(t, "a.csv", "who,day,what,price\n"+
		"u1,2026-01-02,tea,cheap\n"+
		"u2,2 Jan,tea,1\n"+
		",2026-01-02,tea,1\n"+
		"null,2026-01-02,tea,1\n"+
		"u3,2026-01-02,tea\n"+
		"u4,2026-01-02,tea,1,more\n"+
		"u5,2026-01-02,\"never closed,1\n"+
		"u6,,tea,1\n"+
		"u7,3026-01-02,tea,1\n"+
		"u8,2026-01-02,t\x00a,1\n"), simpleMapping)
	want := []string{
		`! wrong_type: price: "cheap" is no number {"who":"u1","day":"2026-01-02","what":"tea","price":"cheap"}`,
		`! bad_timestamp: "2 Jan" does not fit the layout 2006-01-02 {"who":"u2","day":"2 Jan","what":"tea","price":"1"}`,
		`! missing_user: every identifier column is empty {"who":"","day":"2026-01-02","what":"tea","price":"1"}`,
		`! blocked_user: no usable identifier: who (blocked) names nobody {"who":"null","day":"2026-01-02","what":"tea","price":"1"}`,
		`! wrong_columns: the row has 3 columns, expected 4 {"who":"u3","day":"2026-01-02","what":"tea"}`,
		`! wrong_columns: the row has 5 columns, expected 4 {"who":"u4","day":"2026-01-02","what":"tea","price":"1","$column_5":"more"}`,
		`! bad_row: a quote is opened and not closed {"who":"u5,2026-01-02,\"never closed,1"}`,
		`! bad_timestamp: the time is empty {"who":"u6","day":"","what":"tea","price":"1"}`,
		`Bought 3026-01-02T00:00:00Z [user_id:u7] {"what":"tea","price":1}`, // the server's rule for times will refuse it
		`Bought 2026-01-02T00:00:00Z [user_id:u8] {"what":"t�a","price":1}`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestBadNDJSONRows(t *testing.T) {
	got := convert(t, writeFile(t, "a.ndjson", `{"who":"u1","day":"2026-01-02","price":"x","what":{"a":[1]}}
{"who":"u2"
[1]
{"who":{"a":1},"day":"2026-01-02"}
{"who":7,"day":"2026-01-02","what":null,"price":"4.0"}
`), simpleMapping)
	want := []string{
		`! wrong_type: price: "x" is no number {"who":"u1","day":"2026-01-02","price":"x","what":{"a":[1]}}`,
		`! bad_row: the row is not valid JSON {"$line":"{\"who\":\"u2\""}`,
		`! bad_row: the row is not a JSON object {"$line":"[1]"}`,
		`! wrong_type: an identifier cannot be a list or object {"who":{"a":1},"day":"2026-01-02"}`,
		`Bought 2026-01-02T00:00:00Z [user_id:7] {"price":4.0}`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestARowTooLongCostsItselfOnly(t *testing.T) {
	long := strings.Repeat("x", 3*maxRowBytes)
	for name, content := range map[string]string{
		"csv":    "who,day,what,price\nu1,2026-01-02," + long + ",1\nu2,2026-01-03,tea,1\n",
		"quoted": "who,day,what,price\nu1,2026-01-02,\"" + long + "\nu2,2026-01-03,tea,1\n",
		"ndjson": `{"who":"u0","day":"2026-01-01","price":1,"what":"` + long + "\"}\n" + `{"who":"u2","day":"2026-01-03","what":"tea","price":1}`,
	} {
		t.Run(name, func(t *testing.T) {
			mapping := simpleMapping
			if name == "ndjson" {
				mapping += "columns: [who, day, what, price]"
			}
			got := convert(t, writeFile(t, "a", content), mapping)
			if len(got) != 2 || !strings.HasPrefix(got[0], "! bad_row: the row is longer than 1048576 bytes") ||
				got[1] != `Bought 2026-01-03T00:00:00Z [user_id:u2] {"what":"tea","price":1}` {
				t.Errorf("%.300q", got)
			}
		})
	}
}

func TestEveryKeyOfTheMapping(t *testing.T) {
	got := convert(t, writeFile(t, "a.csv", `kind,action,at,id,mail,tel,first,vip,signed,extra,a,b,city,old,team
track,Clicked,1767323045,17850.0,A@B.com,138 0013 8000,Ann,yes,02/01/2026 10:00,"{""x"":[1,2]}",3,1.10,上海,,
identify,,1767323045.25,,a@b.com,,Ann,N,,,,,,,
alias,,1767323045,9,,,,,,,,,,8,
group,,1767323045,9,,,,,,,,,,,t1
page,,1767323045,00012,,,,,,,,,,,
dance,,1767323045,9,,,,,,,,,,,
track,,1767323045,9,,,,,,,,,,,
alias,,1767323045,9,,,,,,,,,,,
`), `
type: {column: kind}
event: {column: action}
time: {column: at, layout: unix}
identifiers: {user_id: id, email: mail, mobile: {column: tel, format: phone}, phone: tel}
group_id: {column: team}
previous_id: {column: old}
properties:
  vip: {column: vip, type: boolean}
  signed: {column: signed, type: time, layout: 02/01/2006 15:04, zone: Asia/Shanghai}
  extra: {column: extra, type: json}
  total: {multiply: [a, b]}
  cents: {type: number, multiply: [a, b, 100]}
  a.b\.c: a
  n: {constant: 5}
  s: {constant: "5"}
  yes: {constant: true}
traits: {first: first}
context: {location.city: city, campaign.source: {constant: mail}, location.country: {constant: CN}}
message_id: [id, $row]
`)
	always := ` {"first":"Ann"} {"location":{"city":"上海","country":"CN"},"campaign":{"source":"mail"}}`
	bare := ` {"n":5,"s":"5","yes":true} {} {"location":{"country":"CN"},"campaign":{"source":"mail"}}`
	want := []string{
		`Clicked 2026-01-02T03:04:05Z [user_id:17850 phone:+8613800138000 email:a@b.com mobile:+8613800138000] ` +
			`{"vip":true,"signed":"2026-01-02T02:00:00.000Z","extra":{"x":[1,2]},"total":3.3,"cents":330,"a":{"b.c":"3"},"n":5,"s":"5","yes":true}` + always,
		`$identify 2026-01-02T03:04:05.25Z [email:a@b.com] {"vip":false,"n":5,"s":"5","yes":true} {"first":"Ann"} {"location":{"country":"CN"},"campaign":{"source":"mail"}}`,
		`$alias 2026-01-02T03:04:05Z [user_id:9]` + bare,
		`$group 2026-01-02T03:04:05Z [user_id:9]` + bare,
		`$page 2026-01-02T03:04:05Z [user_id:00012]` + bare,
	}
	if d := cmp.Diff(want, got[:5]); d != "" {
		t.Error(d)
	}
	for i, prefix := range []string{"! unknown_type: ", "! missing_event: ", "! missing_previous_id: "} {
		if !strings.HasPrefix(got[5+i], prefix) {
			t.Errorf("got %s, want %s", got[5+i], prefix)
		}
	}
}

func TestNDJSONPaths(t *testing.T) {
	got := convert(t, writeFile(t, "a.ndjson", `{"user":{"id":"u1","tags":["a","b"]},"ts":"2026-01-02T03:04:05.678+08:00","items":[{"sku":"x"},{"sku":"y"}],"a.b":1,"p":{"q":{"r":2.5}},"$w":"!"}
`), `
event: E
time: {column: ts}
identifiers: {user_id: user.id}
properties: {tags: user.tags, second: items.1.sku, dotted: 'a\.b', r: p.q.r, q: p.q, w: $w}
`)
	want := []string{`E 2026-01-01T19:04:05.678Z [user_id:u1] {"tags":["a","b"],"second":"y","dotted":1,"r":2.5,"q":{"r":2.5},"w":"!"}`}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

type parquetRow struct {
	ID      int64     `parquet:"id"`
	Float   *float64  `parquet:"float,optional"`
	When    time.Time `parquet:"when,timestamp(microsecond)"`
	Price   int64     `parquet:"price,decimal(2:18)"`
	Name    string    `parquet:"name"`
	Tags    []string  `parquet:"tags,list"`
	Yes     bool      `parquet:"yes"`
	Day     int32     `parquet:"day,date"`
	Address struct {
		City string `parquet:"city"`
	} `parquet:"address"`
}

func TestParquet(t *testing.T) {
	var b bytes.Buffer
	w := parquet.NewGenericWriter[parquetRow](&b, parquet.Compression(&parquet.Snappy))
	customer := 17850.0
	row := parquetRow{ID: 9007199254740993, Float: &customer, When: time.Date(2026, 1, 2, 3, 4, 5, 678_901_000, time.UTC), Price: -1250,
		Name: "tea", Tags: []string{"a", "b"}, Yes: true, Day: 20455}
	row.Address.City = "上海"
	rows := []parquetRow{row, {ID: 2, When: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Name: "x"}}
	if _, err := w.Write(rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	mapping := `
event: E
time: {column: when}
identifiers: {user_id: float, anonymous_id: id}
properties: {price: price, tags: tags, yes: yes, day: day, city: address.city, name: {column: name, type: string}, twice: {multiply: [price, 2]}}
`
	want := []string{
		`E 2026-01-02T03:04:05.678Z [user_id:17850 anonymous_id:9007199254740993] {"price":-12.5,"tags":["a","b"],"yes":true,"day":"2026-01-02T00:00:00.000Z","city":"上海","name":"tea","twice":-25}`,
		`E 2026-01-02T03:04:05Z [anonymous_id:2] {"price":0,"yes":false,"day":"1970-01-01T00:00:00.000Z","name":"x","twice":0}`,
	}
	var z bytes.Buffer
	zip := gzip.NewWriter(&z)
	zip.Write(b.Bytes())
	zip.Close()
	for name, content := range map[string]string{"a.parquet": b.String(), "a.parquet.gz": z.String()} {
		t.Run(name, func(t *testing.T) {
			if d := cmp.Diff(want, convert(t, writeFile(t, name, content), mapping)); d != "" {
				t.Error(d)
			}
		})
	}
	t.Run("damaged", func(t *testing.T) {
		content := b.String()
		for n := 4; n < len(content); n += 7 {
			broken := content[:n] + "\xff\xfe" + content[min(n+2, len(content)):]
			c, err := newConverter(writeFile(t, "a.parquet", broken), mustMapping(t, mapping), testPlan())
			if err != nil {
				continue
			}
			var e touchstone.Event
			for range 10 {
				if err = c.next(&e); err != nil {
					break
				}
			}
			c.close()
		}
	})
}

func TestAMappingThatDoesNotFitNamesTheColumns(t *testing.T) {
	csv := writeFile(t, "a.csv", simpleCSV)
	for _, c := range []struct{ path, mapping, want string }{
		{csv, "event: E\ntime: day\nidentifiers:\n  user_id: Customer", `line 4: the file has no column "Customer"; it has: who, day, what, price`},
		{csv, "event: E\ntime: day\nidentifiers: {user_id: WHO}", `line 3: the file has no column "WHO"; it has: who, day, what, price (did you mean "who"?)`},
		{csv, "event: E\ntime: day\nidentifiers: {user_id: who}\nmessage_id: [nr]", `the file has no column "nr"; it has: who, day, what, price`},
		{csv, simpleMapping + "format: parquet", `is not a parquet file; its content looks like csv`},
		{csv, simpleMapping + "header: yes\ncolumns: [a, b]", `columns names 2 columns, the header line has 4: who, day, what, price`},
		{writeFile(t, "a.ndjson", `{"a":{"b":1},"c":2}`), "event: E\ntime: c\nidentifiers: {user_id: a.x}", `the file has no column "a.x"; it has: a.b, c`},
		{writeFile(t, "a.csv", ""), simpleMapping, `the file is empty`},
		{writeFile(t, "a.gz", "\x1f\x8bxx"), simpleMapping, `cannot read`},
		{csv + ".no", simpleMapping, `cannot read`},
	} {
		_, err := newConverter(c.path, mustMapping(t, c.mapping), testPlan())
		if err == nil || !strings.Contains(err.Error(), c.want) || touchstone.KindOf(err) != touchstone.Invalid {
			t.Errorf("got %v\nwant %s", err, c.want)
		}
	}
}

func TestATruncatedFileFails(t *testing.T) {
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	w.Write([]byte(simpleCSV + strings.Repeat("u1,2026-01-02,tea,2.50\n", 20000)))
	w.Close()
	c, err := newConverter(writeFile(t, "a.csv.gz", z.String()[:z.Len()-100]), mustMapping(t, simpleMapping), testPlan())
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	var e touchstone.Event
	for err == nil {
		err = c.next(&e)
	}
	if err == io.EOF || !strings.Contains(err.Error(), "cannot be read to its end") {
		t.Errorf("got %v", err)
	}
}

func TestIdentifierFormats(t *testing.T) {
	for _, c := range []struct{ cell, spec, want string }{
		{"17850.0", "a", "17850"},
		{"17850.0", "{column: a, format: text}", "17850.0"},
		{"00017850", "a", "00017850"},
		{"17850.5", "a", "17850.5"},
		{"17850.5", "{column: a, format: integer}", "!"},
		{" AbC ", "{column: a, format: lower}", "abc"},
		{"abC", "{column: a, format: upper}", "ABC"},
		{"No. 1-23", "{column: a, format: digits}", "123"},
		{"(138) 0013 8000", "{column: a, format: phone}", "+8613800138000"},
		{"Ann@X.com", "{column: a, format: email}", "ann@x.com"},
		{"Ann", "{column: a, format: email}", "!"},
		{"17850.0", "{column: a, prefix: shop-}", "shop-17850"},
		{"null", "a", "!"},
		{"0", "a", "!"},
	} {
		got := convert(t, writeFile(t, "a.csv", "a,b\n"+c.cell+",1\n"), "event: E\ntime: {constant: 2026-01-02}\nidentifiers: {user_id: "+c.spec+"}")
		want := "E 2026-01-02T00:00:00Z [user_id:" + c.want + "] "
		if c.want == "!" && strings.HasPrefix(got[0], "! ") {
			continue
		}
		if strings.TrimSpace(got[0]) != strings.TrimSpace(want) {
			t.Errorf("%s as %s: %s", c.cell, c.spec, got[0])
		}
	}
}

func TestMessageIDs(t *testing.T) {
	ids := func(more string) (list []string) {
		c, err := newConverter(writeFile(t, "a.csv", simpleCSV), mustMapping(t, simpleMapping+more), testPlan())
		if err != nil {
			t.Fatal(err)
		}
		defer c.close()
		var e touchstone.Event
		for c.next(&e) == nil {
			list = append(list, e.MessageID)
		}
		return list
	}
	for more, want := range map[string][]string{
		"":                         {"f-1", "f-2"},
		"message_id: [who]":        {"u1", "u2"},
		"message_id: who":          {"u1", "u2"},
		"message_id: [who, $row]":  {"u1:1", "u2:2"},
		"message_id: [price, who]": {"2.50:u1", "3:u2"},
	} {
		if d := cmp.Diff(want, ids(more)); d != "" {
			t.Errorf("%s: %s", more, d)
		}
	}
}
