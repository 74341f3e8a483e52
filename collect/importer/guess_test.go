package importer

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"time"

	"golang.org/x/text/encoding/simplifiedchinese"
	"pgregory.net/rapid"

	"github.com/touchstone-cdp/touchstone"
)

func guessOf(t testing.TB, name, content string) Guessed {
	t.Helper()
	g, err := GuessFile(GuessOptions{File: writeFile(t, name, content), Zone: "Asia/Shanghai"})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestGuessesMakeAMappingThatWorks(t *testing.T) {
	chinese, err := simplifiedchinese.GB18030.NewEncoder().String("会员号;下单时间;手机号;商品;金额\n00017;2026/1/2 15:04;13800138000;龙井茶;¥1.234,50\n00018;2026/1/3 09:00;13900139000;普洱;12,5\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, content string
		lines         []string // of the draft, without comments
		first         string   // row
	}{
		{"orders.csv", "CustomerID,InvoiceNo,InvoiceDate,Quantity,UnitPrice\n17850,536365,2010-12-01 08:26:00,6,2.55\n17850,536366,2010-12-01 08:28:00,1,3.39\n",
			[]string{`delimiter: ","`, "event: Order Completed", `time: {column: InvoiceDate, zone: "Asia/Shanghai"}`, "user_id: CustomerID", "Quantity: {column: Quantity, type: number}", "InvoiceNo: InvoiceNo"},
			`17850 {"InvoiceNo":"536365","Quantity":6,"UnitPrice":2.55}`},
		{"invoices.csv", "id,ts,InvoiceNo,qty\nu1,2026-01-02,536365,1\nu1,2026-01-02,C536366,-\n", []string{"InvoiceNo: InvoiceNo", "qty: {column: qty, type: number}", "event: Invoices"}, `u1 {"InvoiceNo":"536365","qty":1}`},
		{"订单.csv", chinese,
			[]string{"encoding: gb18030", `delimiter: ";"`, `decimal: ","`, "event: Order Completed", `time: {column: 下单时间, layout: "2006/1/2 15:04", zone: "Asia/Shanghai"}`, "user_id: 会员号", "phone: 手机号", "金额: {column: 金额, type: number}"},
			`00017 {"商品":"龙井茶","金额":1234.5}`},
		{"customers.csv", "id,Name,E-Mail,Birthday\nc1,Ann,ann@x.com,1965-05-01\nc2,Bob,bob@x.com,1970-01-01\n",
			[]string{"type: identify", "user_id: id", "email: \"E-Mail\"", "Name: Name"}, "c1 "},
		{"a.csv", "u1,2026-01-02 10:00:00,tea,3\nu2,2026-01-03 10:00:00,tea,4\n",
			[]string{"columns: [column_1, column_2, column_3, column_4]"}, ""},
		{"events.ndjson", `{"event":"View","user":{"id":"u1","email":"a@b.com"},"ts":1767323045,"price":2.5,"uuid":"a1"}` + "\n" + `{"event":"Buy","user":{"id":"u1","email":"a@b.com"},"ts":1767323046,"price":3,"uuid":"a2"}` + "\n",
			[]string{"format: ndjson", "event: {column: event}", "time: {column: ts, layout: unix, zone: \"Asia/Shanghai\"}", `user_id: "user.id"`, `email: "user.email"`, "price: price"}, `u1 {"price":2.5,"uuid":"a1"}`},
		{"export.json", `{"data":[{"uid":7,"time":"2026-01-02T00:00:00Z","a.b":"x"},{"uid":8,"time":"2026-01-02T00:00:00Z","a.b":"y"}]}`,
			[]string{"format: json", "rows: data", "event: Export", "user_id: uid"}, `7 {"a.b":"x"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := guessOf(t, c.name, c.content)
			var plain []string
			for _, line := range strings.Split(g.Mapping, "\n") {
				before, _, _ := strings.Cut(line, " # ")
				plain = append(plain, strings.TrimSpace(before))
			}
			for _, want := range c.lines {
				found := false
				for _, line := range plain {
					found = found || line == want
				}
				if !found {
					t.Errorf("the draft has no line %q:\n%s", want, g.Mapping)
				}
			}
			if got := short(t, c.content, g.Mapping); c.first != "" && got[0] != c.first {
				t.Errorf("got %v with\n%s", got, g.Mapping)
			}
		})
	}
}

// Whatever a file holds, the draft is a mapping that fits it.
func TestADraftIsAlwaysAMapping(tb *testing.T) {
	path := filepath.Join(tb.TempDir(), "in.csv")
	word := rapid.StringMatching(`[a-zA-Z0-9 .:#'"{}\[\]\-_,;时间户,\\]{0,12}`)
	rapid.Check(tb, func(t *rapid.T) {
		columns := rapid.IntRange(1, 6).Draw(t, "columns")
		var b strings.Builder
		for range rapid.IntRange(1, 6).Draw(t, "rows") {
			for i := range columns {
				if i > 0 {
					b.WriteByte(',')
				}
				b.WriteString(rapid.OneOf(word, rapid.SampledFrom([]string{"id", "ts", "2026-01-02", "12", "a@b.com", "1,5", "", "null"})).Draw(t, "cell"))
			}
			b.WriteByte('\n')
		}
		if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		g, err := GuessFile(GuessOptions{File: path})
		if err != nil {
			return // an empty file, a header that cannot be read
		}
		m, err := ParseMapping([]byte(g.Mapping))
		if err != nil {
			t.Fatalf("%q\n%v\n%s", b.String(), err, g.Mapping)
		}
		c, err := newConverter(path, m, testPlan())
		if err != nil {
			t.Fatalf("%q\n%v\n%s", b.String(), err, g.Mapping)
		}
		c.close()
	})
}

func TestPreviewShowsWhereAnEventComesFrom(t *testing.T) {
	path := writeFile(t, "in.csv", "id;ts;note;amount\nu1;2026-01-02 03:04:05;a;1,5\nu2;soon;b;2\nu3;2027-06-01;c;3\n")
	p, err := Preview(t.Context(), PreviewOptions{File: path, Mapping: mustMapping(t, orderMapping), Clock: fixedClock})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Rows) != 3 || p.Bad != 2 || p.Rows[0].Event == nil || string(p.Rows[0].Event.Properties) != `{"note":"a","amount":1.5}` ||
		string(p.Rows[0].Raw) != `{"id":"u1","ts":"2026-01-02 03:04:05","note":"a","amount":"1,5"}` ||
		p.Rows[1].Code != "bad_timestamp" || p.Rows[2].Code != "in_future" || p.Rows[2].Event != nil {
		t.Errorf("%+v", p.Rows)
	}
	lines := ""
	for _, g := range p.Guesses {
		lines += g.Line() + "\n"
	}
	if lines != "delimiter: \";\"   # cuts 4 of 4 lines into 4 columns\ndecimal: \",\"   # guessed from 1 of 3 values of column amount\n" {
		t.Errorf("guessed\n%s", lines)
	}
	paths := ""
	for _, o := range p.Origins {
		paths += o.Path + "=" + strings.Join(o.Columns, "+") + " "
	}
	if paths != "type= event= time=ts identifiers.user_id=id properties.note=note properties.amount=amount " {
		t.Error(paths)
	}
}

var fixedClock = touchstone.ClockFunc(func() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) })
