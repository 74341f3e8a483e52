package importer

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
	"golang.org/x/text/encoding/unicode"
	"pgregory.net/rapid"

	"github.com/touchstone-cdp/touchstone"
)

const orderMapping = `
event: E
time: {column: ts}
identifiers: {user_id: id}
properties: {note: note, amount: {column: amount, type: number}}
`

// short shows rows as "id note amount", and bad ones as "!code".
func short(t testing.TB, content, mapping string) []string {
	t.Helper()
	c, err := newConverter(writeFile(t, "in.csv", content), mustMapping(t, mapping), testPlan())
	if err != nil {
		return []string{"error: " + err.Error()}
	}
	defer c.close()
	var list []string
	for {
		var e touchstone.Event
		if err := c.next(&e); err != nil {
			return list
		}
		code, _, _ := strings.Cut(e.Reason, ":")
		if e.Type == touchstone.Rejected {
			list = append(list, "!"+code)
			continue
		}
		list = append(list, e.UserID+" "+string(e.Properties))
	}
}

func TestAStrayQuoteCostsOneRow(t *testing.T) {
	const head = "id,ts,note,amount\nq1,2026-01-02 03:04:05,cable,1\n"
	const tail = "q3,2026-01-02 03:04:07,mouse,3\nq4,2026-01-02 03:04:08,\"desk, oak\",4\nq5,2026-01-02 03:04:09,lamp,5\n"
	rest := []string{`q3 {"note":"mouse","amount":3}`, `q4 {"note":"desk, oak","amount":4}`, `q5 {"note":"lamp","amount":5}`}
	first := `q1 {"note":"cable","amount":1}`
	for name, c := range map[string]struct {
		row  string
		want []string
	}{
		"inches first":              {`q2,2026-01-02 03:04:06,"24" monitor,2`, []string{"!bad_row"}},
		"never closed":              {`q2,2026-01-02 03:04:06,"24 monitor,2`, []string{"!bad_row"}},
		"a quote alone":             {`q2,2026-01-02 03:04:06,",2`, []string{"!bad_row"}},
		"two in one line":           {`q2,2026-01-02 03:04:06,"24" "wide" monitor,2`, []string{"!bad_row"}},
		"doubled and open":          {`q2,2026-01-02 03:04:06,"""24 monitor,2`, []string{"!bad_row"}},
		"in the first column":       {`"q2,2026-01-02 03:04:06,monitor,2`, []string{"!bad_row"}},
		"in the last column":        {`q2,2026-01-02 03:04:06,monitor,"2`, []string{"!bad_row"}},
		"two rows with one each":    {"q2,2026-01-02 03:04:06,\",2\nq2b,2026-01-02 03:04:06,\",2", []string{"!bad_row", "!bad_row"}},
		"inches last":               {`q2,2026-01-02 03:04:06,monitor 24",2`, []string{`q2 {"note":"monitor 24\"","amount":2}`}},
		"text behind on one line":   {`q2,2026-01-02 03:04:06,"a"b,2`, []string{"!bad_row"}},
		"lenient on one line":       {`q2,2026-01-02 03:04:06,"a"b",2`, []string{`q2 {"note":"a\"b","amount":2}`}},
		"an honest long field":      {"q2,2026-01-02 03:04:06,\"a\n\"\"b\"\", c\n\",2", []string{`q2 {"note":"a\n\"b\", c\n","amount":2}`}},
		"prose with commas":         {"q2,2026-01-02 03:04:06,\"Dear Ann, Bob, Cy, and Di,\nthanks, for, all, 4\",2", []string{`q2 {"note":"Dear Ann, Bob, Cy, and Di,\nthanks, for, all, 4","amount":2}`}},
		"an honest field and a bad": {"q2,2026-01-02 03:04:06,\"24\" x,2\nq2,2026-01-02 03:04:06,\"a\nb\",2", []string{"!bad_row", `q2 {"note":"a\nb","amount":2}`}},
	} {
		t.Run(name, func(t *testing.T) {
			want := append(append([]string{first}, c.want...), rest...)
			if d := cmp.Diff(want, short(t, head+c.row+"\n"+tail, orderMapping)); d != "" {
				t.Error(d)
			}
		})
	}
	t.Run("multiline yes", func(t *testing.T) {
		text := "id,ts,note,amount\nq1,2026-01-02,\"x\nq2,2026-01-02,y,1\n\",3\n"
		if got := short(t, text, orderMapping+"multiline: yes"); len(got) != 1 || !strings.Contains(got[0], `"x\nq2,2026-01-02,y,1\n"`) {
			t.Error(got)
		}
		if got := short(t, text, orderMapping+"multiline: no"); len(got) != 3 || got[0] != "!bad_row" || got[1] != `q2 {"note":"y","amount":1}` || got[2] != "!bad_row" {
			t.Error(got)
		}
	})
}

// Wherever a stray quote stands, also across the reader's buffers, the other rows arrive.
func TestAStrayQuoteNeverSwallowsRows(tb *testing.T) {
	rapid.Check(tb, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		r := rand.New(rand.NewPCG(seed, 1))
		n := rapid.SampledFrom([]int{3, 20, 300, 9000}).Draw(t, "rows")
		bad := map[int]bool{}
		for range rapid.IntRange(1, 3).Draw(t, "bad") {
			bad[r.IntN(n)] = true
		}
		var b strings.Builder
		b.WriteString("id,ts,note,amount\n")
		notes := []string{"tea", `"a, b"`, `"two` + "\n" + `lines"`, `"say ""hi"""`, "24\"", strings.Repeat("long ", 20), ""}
		strays := []string{`"24" tv`, `"open`, `"`, `"x" "y" z`, `"""`, `" `}
		for i := range n {
			note := notes[r.IntN(len(notes))]
			if bad[i] {
				note = strays[r.IntN(len(strays))]
			}
			fmt.Fprintf(&b, "u%d,2026-01-02 03:04:05,%s,%d\n", i, note, i)
		}
		path := writeFile(tb, "in.csv", b.String())
		m, err := ParseMapping([]byte(orderMapping))
		if err != nil {
			t.Fatal(err)
		}
		c, err := newConverter(path, m, testPlan())
		if err != nil {
			t.Fatal(err)
		}
		defer c.close()
		seen := map[string]bool{}
		rejected := 0
		for {
			var e touchstone.Event
			if err := c.next(&e); err != nil {
				break
			}
			if e.Type == touchstone.Rejected {
				rejected++
				continue
			}
			seen[e.UserID] = true
		}
		for i := range n {
			if !bad[i] && !seen[fmt.Sprint("u", i)] {
				t.Fatalf("row %d is lost; bad are %v", i, bad)
			}
		}
		if rejected != len(bad) {
			t.Fatalf("%d rows are rejected, %d are bad; the file begins %.500q", rejected, len(bad), b.String())
		}
	})
}

func TestNumbersAsPeopleWriteThem(t *testing.T) {
	for _, c := range []struct{ cells, more, want string }{
		{"1,5|1.234,50|1.234", "", "1.5 1234.5 1234"},
		{"1.5|1,234.56|1,234", "", "1.5 1234.56 1234"},
		{"1,234|2,345", "", "1234 2345"},
		{"1.234|2.345", "", "1.234 2.345"},
		{"1.234|2.345", "decimal: ','", "1234 2345"},
		{"1,234", "decimal: ','", "1.234"},
		{"1.234.567|12", "", "1234567 12"},
		{"1 234,5|1\u202f234\u00a0567,89", "", "1234.5 1234567.89"},
		{"$5|$1,234.56|-$3|$-3|US$ 7|5 USD", "", "5 1234.56 -3 -3 7 5"},
		{"¥1,200|￥30.5|1200元|５０|€ 4|4 €", "", "1200 30.5 1200 50 4 4"},
		{"(12.50)|12-|−7|+3", "", "-12.5 -12 -7 3"},
		{"15%|12.5 %", "", "0.15 0.125"},
		{"12,34,567.5", "", "1234567.5"},
		{"1'234.5|1’234", "", "1234.5 1234"},
		{"1.234,5|#N/A|NULL|-|n/a||NaN|3", "", "1234.5       3"},
		{"9007199254740993|12345678901234567890", "", "9007199254740993 12345678901234567890"},
		{"1.38E+10|1e3", "", "13800000000 1000"},
		{`="12"|'12`, "", "12 12"},
		{"1,5|1.5", "decimal: ','", "1.5 !"},
		{"1,23,4|1,2345|,5,|1.2.3|5 apples|--5|0x10|Infinity|12 34", "decimal: '.'", "! ! ! ! ! ! ! ! !"},
		{"1,234", "thousands: none", "!"},
		{"NULL|-", "null: ['-']", "! "},
		{"0,123|7", "", "0.123 7"},
	} {
		var b strings.Builder
		b.WriteString("id;ts;note;amount\n")
		for _, cell := range strings.Split(c.cells, "|") {
			fmt.Fprintf(&b, "u1;2026-01-02;x;\"%s\"\n", strings.ReplaceAll(cell, `"`, `""`))
		}
		var got []string
		for _, row := range short(t, b.String(), orderMapping+c.more) {
			row = strings.TrimSuffix(strings.TrimPrefix(row, `u1 {"note":"x"`), "}")
			if row = strings.TrimPrefix(row, `,"amount":`); strings.HasPrefix(row, "!") {
				row = "!"
			}
			got = append(got, row)
		}
		if text := strings.Join(got, " "); text != c.want {
			t.Errorf("%s %s: got %s, want %s", c.cells, c.more, text, c.want)
		}
	}
}

func TestFilesAsTheyCome(t *testing.T) {
	u1, u2 := `u1 {"note":"a","amount":1.5}`, `u2 {"note":"b","amount":2}`
	for name, text := range map[string]string{
		"CR only":                          "id,ts,note,amount\ru1,2026-01-02,a,1.5\ru2,2026-01-02,\"b\",2\r",
		"CR only, no last end":             "id,ts,note,amount\ru1,2026-01-02,a,1.5\ru2,2026-01-02,b,2",
		"CR only, tabs":                    "id\tts\tnote\tamount\ru1\t2026-01-02\ta\t1.5\ru2\t2026-01-02\tb\t2\r",
		"CRLF with empty lines":            "id,ts,note,amount\r\n\r\nu1,2026-01-02,a,1.5\r\n\r\nu2,2026-01-02,b,2\r\n",
		"delimiter behind rows":            "id,ts,note,amount\nu1,2026-01-02,a,1.5,\nu2,2026-01-02,b,2,\n",
		"delimiter behind header":          "id,ts,note,amount,\nu1,2026-01-02,a,1.5\nu2,2026-01-02,b,2\n",
		"delimiter behind both":            "id,ts,note,amount,\nu1,2026-01-02,a,1.5,\nu2,2026-01-02,b,2,\n",
		"delimiter behind one row":         "id,ts,note,amount\nu1,2026-01-02,a,1.5,,,\nu2,2026-01-02,b,2\n",
		"semicolon behind rows":            "id;ts;note;amount\nu1;2026-01-02;a;1.5;\nu2;2026-01-02;b;2;\n",
		"rows of delimiters":               "id,ts,note,amount\nu1,2026-01-02,a,1.5\n,,,\nu2,2026-01-02,b,2\n,,,\n,,,\n",
		"sep":                              "sep=;\nid;ts;note;amount\nu1;2026-01-02;a;1,5\nu2;2026-01-02;b;2\n",
		"sep, CRLF, mark":                  "\xef\xbb\xbfSEP=|\r\nid|ts|note|amount\r\nu1|2026-01-02|a|1.5\r\nu2|2026-01-02|b|2\r\n",
		"sep in quotes":                    "\"sep=;\"\nid;ts;note;amount\nu1;2026-01-02;a;1.5\nu2;2026-01-02;b;2\n",
		"titles":                           "Orders of January\n\nid,ts,note,amount\nu1,2026-01-02,a,1.5\nu2,2026-01-02,b,2\n",
		"a title with delimiters":          "Orders of January,,,\n,,,\nid,ts,note,amount\nu1,2026-01-02,a,1.5\nu2,2026-01-02,b,2\n",
		"sep and title":                    "sep=,\nexported by Ann\nid,ts,note,amount\nu1,2026-01-02,a,1.5\nu2,2026-01-02,b,2\n",
		"Hive":                             "id\x01ts\x01note\x01amount\nu1\x012026-01-02\x01a\x011.5\nu2\x012026-01-02\x01b\x012\n",
		"array":                            `[{"id":"u1","ts":"2026-01-02","note":"a","amount":1.5},{"id":"u2","ts":"2026-01-02","note":"b","amount":2}]`,
		"array a line each":                "[\n{\"id\":\"u1\",\"ts\":\"2026-01-02\",\"note\":\"a\",\"amount\":1.5},\n{\"id\":\"u2\",\"ts\":\"2026-01-02\",\"note\":\"b\",\"amount\":2}\n]\n",
		"array, pretty":                    "[\n  {\n    \"id\": \"u1\",\n    \"ts\": \"2026-01-02\",\n    \"note\": \"a\",\n    \"amount\": 1.5\n  },\n  {\n    \"id\": \"u2\",\n    \"ts\": \"2026-01-02\",\n    \"note\": \"b\",\n    \"amount\": 2\n  }\n]",
		"array under a key":                `{"total":2,"data":[{"id":"u1","ts":"2026-01-02","note":"a","amount":1.5},{"id":"u2","ts":"2026-01-02","note":"b","amount":2}],"next":null}`,
		"array under a key, pretty":        "{\n \"meta\": {\"n\": [1, 2]},\n \"data\": [\n  {\"id\":\"u1\",\"ts\":\"2026-01-02\",\"note\":\"a\",\"amount\":1.5},\n  {\"id\":\"u2\",\"ts\":\"2026-01-02\",\"note\":\"b\",\"amount\":2}\n ]\n}\n",
		"array deeper":                     `{"code":0,"result":{"page":1,"items":[{"id":"u1","ts":"2026-01-02","note":"a","amount":1.5},{"id":"u2","ts":"2026-01-02","note":"b","amount":2}]}}`,
		"objects, pretty":                  "{\n \"id\": \"u1\", \"ts\": \"2026-01-02\",\n \"note\": \"a\", \"amount\": 1.5\n}\n{\n \"id\": \"u2\", \"ts\": \"2026-01-02\",\n \"note\": \"b\", \"amount\": 2\n}\n",
		"objects on one line":              `{"id":"u1","ts":"2026-01-02","note":"a","amount":1.5} {"id":"u2","ts":"2026-01-02","note":"b","amount":2}`,
		"two arrays":                       `[{"id":"u1","ts":"2026-01-02","note":"a","amount":1.5}]` + "\n" + `[{"id":"u2","ts":"2026-01-02","note":"b","amount":2}]`,
		"a text with brackets in an array": `[{"id":"u1","ts":"2026-01-02","note":"a","amount":1.5,"x":"}],{"},{"x":[[{}],"\"]"],"id":"u2","ts":"2026-01-02","note":"b","amount":2}]`,
	} {
		t.Run(name, func(t *testing.T) {
			if d := cmp.Diff([]string{u1, u2}, short(t, text, orderMapping)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestTimesAsTheyCome(t *testing.T) {
	for _, c := range []struct{ cells, more, want string }{
		{"2026/1/2 15:04|2026/11/12 03:04", "", "2026-01-02T15:04:00Z 2026-11-12T03:04:00Z"},
		{"13/1/2026 15:04|2/1/2026 1:04", "", "2026-01-13T15:04:00Z 2026-01-02T01:04:00Z"},
		{"1/13/2026|1/2/2026", "", "2026-01-13T00:00:00Z 2026-01-02T00:00:00Z"},
		{"3/4/2026", "", "2026-04-03T00:00:00Z"},
		{"3/4/2026", "{column: ts, layout: 1/2/2006}", "2026-03-04T00:00:00Z"},
		{"2026年1月2日|2026年12月31日", "", "2026-01-02T00:00:00Z 2026-12-31T00:00:00Z"},
		{"1767323045|1767323045123|1.767323045E9", "", "2026-01-02T03:04:05Z 2026-01-02T03:04:05.123Z 2026-01-02T03:04:05Z"},
		{"2026-01-02 03:04:05|20260102", "", "2026-01-02T03:04:05Z 2026-01-02T00:00:00Z"},
		{"1/2/2026 3:04 PM", "", "2026-01-02T15:04:00Z"},
		{"02.01.2026 10:00", "{column: ts, zone: Asia/Shanghai}", "2026-01-02T02:00:00Z"},
		{"2026-01-02|NULL|-|soon", "", "2026-01-02T00:00:00Z ! ! !"},
	} {
		text := "id;ts;note;amount\n"
		for _, cell := range strings.Split(c.cells, "|") {
			text += "u1;" + cell + ";x;1\n"
		}
		if c.more == "" {
			c.more = "{column: ts}"
		}
		var got []string
		for _, line := range convert(t, writeFile(t, "in.csv", text), strings.Replace(orderMapping, "{column: ts}", c.more, 1)) {
			got = append(got, strings.TrimSuffix(strings.Fields(line)[min(1, len(strings.Fields(line))-1)], ":"))
			if strings.HasPrefix(line, "!") {
				got[len(got)-1] = "!"
			}
		}
		if text := strings.Join(got, " "); text != c.want {
			t.Errorf("%s: got %s, want %s", c.cells, text, c.want)
		}
	}
}

func TestWhatIsSaidIsNotGuessed(t *testing.T) {
	for name, c := range map[string]struct{ text, more, want string }{
		"skip":             {"a,b,c,d\nid,ts,note,amount\nu1,2026-01-02,a,1\n", "skip: 1", `u1 {"note":"a","amount":1}`},
		"skip nothing":     {"title\nid,ts,note,amount\nu1,2026-01-02,a,1\n", "skip: 0\ndelimiter: ','", `error: line 3: the file has no column "ts"; it has: title`},
		"format ndjson":    {`[{"id":"u1","ts":"2026-01-02"}]`, "format: ndjson\ncolumns: [note, amount]", `u1 {}`},
		"rows":             {`{"a":[{"x":1}],"b":{"c.d":[{"id":"u1","ts":"2026-01-02"}]}}`, "columns: [note, amount]\nrows: b.c\\.d", `u1 {}`},
		"rows elsewhere":   {`{"a":[{"x":1}]}`, "rows: b", `error: rows: the file has no array b in its first 15 bytes`},
		"escape":           {"id,ts,note,amount\nu1,2026-01-02,\"say \\\"hi\\\", ok\\n\",1\n", "", `u1 {"note":"say \"hi\", ok\n","amount":1}`},
		"escape backslash": {"id,ts,note,amount\nu1,2026-01-02,\"c:\\\\x\\\"\",1\n", "escape: backslash", `u1 {"note":"c:\\x\"","amount":1}`},
		"escape doubled":   {"id,ts,note,amount\nu1,2026-01-02,\"c:\\\",1\n", "escape: doubled", `u1 {"note":"c:\\","amount":1}`},
		"line_end":         {"id,ts,note,amount\ru1,2026-01-02,a,1\r\nu2,2026-01-02,b,2\n", "line_end: cr", `u1 {"note":"a","amount":1}|u2 {"note":"b","amount":2}`},
		"null":             {"id,ts,note,amount\nu1,2026-01-02,NULL,\\N\nu2,2026-01-02,#N/A,1\n", "", `u1 {}|u2 {"amount":1}`},
		"null: []":         {"id,ts,note,amount\nu1,2026-01-02,NULL,1\n", "null: []", `u1 {"note":"NULL","amount":1}`},
		"excel":            {"id,ts,note,amount\n\"=\"\"00123\"\"\",2026-01-02,=\"007\",1\n'0012,2026-01-02,'twas,1\n", "", `00123 {"note":"007","amount":1}|0012 {"note":"'twas","amount":1}`},
		"names twice":      {"id,ts,note,note,amount\nu1,2026-01-02,a,b,1\n", "context: {other: note_2}", `u1 {"note":"a","amount":1}`},
		"repeated keys":    {`{"id":"u1","ts":"2026-01-02","note":"a","note":"b","amount":1}` + "\n" + `{"id":"u1","ts":"2026-01-02","amount":1,"note":[{"a":1,"\u0061":2}]}`, "", "!duplicate_key|!duplicate_key"},
		"broken elements":  {"[\n{\"id\":\"u1\",\"ts\":\"2026-01-02\",\"note\":\"a\",\n{\"id\":\"u2\",\"ts\":\"2026-01-02\",\"note\":\"b\",\"amount\":2},\n{\"id\":\"u3,\"ts\":\"2026-01-02\"},\n{\"id\":\"u4\",\"ts\":\"2026-01-02\",\"note\":\"d\",\"amount\":4}\n]", "", `!bad_row|u2 {"note":"b","amount":2}|!bad_row|u4 {"note":"d","amount":4}`},
		"not objects":      {`[1,"x",null,{"id":"u1","ts":"2026-01-02","note":"a","amount":1},[2]]`, "format: json", `!bad_row|!bad_row|!bad_row|u1 {"note":"a","amount":1}|!bad_row`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := strings.Join(short(t, c.text, orderMapping+c.more), "|"); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestEncodingsAreSeen(t *testing.T) {
	chinese := "id,ts,note,amount\nu1,2026-01-02,上海市徐汇区茶叶,1\nu2,2026-01-02,支付宝收款,2\n"
	traditional := "id,ts,note,amount\nu1,2026-01-02,臺北市信義區茶葉,1\nu2,2026-01-02,國際貿易,2\n"
	latin := "id,ts,note,amount\nu1,2026-01-02,café naïve 5 €,1\nu2,2026-01-02,Müller Straße,2\n"
	encode := func(s string, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for name, c := range map[string]struct{ content, text string }{
		"gb18030":        {encode(simplifiedchinese.GB18030.NewEncoder().String(chinese)), "上海市徐汇区茶叶"},
		"gbk":            {encode(simplifiedchinese.GBK.NewEncoder().String(chinese)), "上海市徐汇区茶叶"},
		"big5":           {encode(traditionalchinese.Big5.NewEncoder().String(traditional)), "臺北市信義區茶葉"},
		"windows-1252":   {encode(charmap.Windows1252.NewEncoder().String(latin)), "café naïve 5 €"},
		"utf-16, mark":   {encode(unicode.UTF16(unicode.BigEndian, unicode.UseBOM).NewEncoder().String(chinese)), "上海市徐汇区茶叶"},
		"utf-16le":       {encode(unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM).NewEncoder().String(latin)), "café naïve 5 €"},
		"utf-8":          {chinese, "上海市徐汇区茶叶"},
		"utf-8, one bad": {chinese + "u3,2026-01-02,\xe4\xb8,3\n", "上海市徐汇区茶叶"},
	} {
		got := short(t, c.content, orderMapping)
		if len(got) < 2 || got[0] != `u1 {"note":"`+c.text+`","amount":1}` {
			t.Errorf("%s: %v", name, got)
		}
		if name == "utf-8, one bad" && (len(got) != 3 || got[2] != "!bad_encoding") {
			t.Errorf("%s: %v", name, got)
		}
	}
}
