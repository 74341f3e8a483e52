package intake

import (
	"math/big"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestParseTime(t *testing.T) {
	for in, want := range map[string]string{
		"2026-03-01T12:00:00.123Z":      "2026-03-01T12:00:00.123Z",
		"2026-03-01t12:00:00z":          "2026-03-01T12:00:00Z",
		"2026-03-01 12:00":              "2026-03-01T12:00:00Z",
		"2026-03-01":                    "2026-03-01T00:00:00Z",
		"2026-03-01T12:00:00,5+08:00":   "2026-03-01T04:00:00.5Z",
		"2026-03-01T12:00:00.123456789": "2026-03-01T12:00:00.123Z",
		"20260301T120000.5Z":            "2026-03-01T12:00:00.5Z",
		"20260301T1200+0800":            "2026-03-01T04:00:00Z",
		"20260301":                      "2026-03-01T00:00:00Z",
		"1969-12-31T23:59:59.999Z":      "1969-12-31T23:59:59.999Z",
		"1900-01-01":                    "1900-01-01T00:00:00Z",
		// Numbers, however written.
		"1.795190427029E12":                  "2026-11-20T16:00:27.029Z",
		"1.795190427029e+12":                 "2026-11-20T16:00:27.029Z",
		"1795190427029":                      "2026-11-20T16:00:27.029Z",
		"1795190427029.0":                    "2026-11-20T16:00:27.029Z",
		"1795190427029.999":                  "2026-11-20T16:00:27.029Z",
		"1795190427":                         "2026-11-20T16:00:27Z",
		"1795190427.029":                     "2026-11-20T16:00:27.029Z",
		"1.795190427029E9":                   "2026-11-20T16:00:27.029Z",
		"1795190427029123":                   "2026-11-20T16:00:27.029Z",
		"1795190427029123456":                "2026-11-20T16:00:27.029Z",
		"1.795190427029123456E18":            "2026-11-20T16:00:27.029Z",
		"17951904270291234567e-1":            "2026-11-20T16:00:27.029Z",
		"+1795190427":                        "2026-11-20T16:00:27Z",
		"0001795190427":                      "2026-11-20T16:00:27Z",
		"100000000":                          "1973-03-03T09:46:40Z",
		"99999999999":                        "5138-11-16T09:46:39Z",
		"100000000000":                       "1973-03-03T09:46:40Z",
		"-1000000000":                        "1938-04-24T22:13:20Z",
		"1795190427.02900000000000000000001": "2026-11-20T16:00:27.029Z",
	} {
		if ms, ok := ParseTime(in); !ok || FromMillis(ms).Format(time.RFC3339Nano) != want {
			t.Errorf("%q: %s %v, want %s", in, FromMillis(ms).Format(time.RFC3339Nano), ok, want)
		}
	}
	for _, in := range []string{"", " ", "0", "0.0", "0e12", "-0", "1", "12345678.9", "99999999", "1e20", "123456789012345678901", "1e999", "1e-999", "NaN", "Infinity", "1.", ".5e12", "1e", "1e+",
		"1e1x", "0x6b000000000", "1_795_190_427", "1,795,190,427", "tomorrow", "2026", "2026-3-1", "2026-02-30", "2026-13-01", "2026-03-01T", "2026-03-01T25:00Z", "2026-03-01T12:00:00+99:00",
		"2026-03-01T12:00:00Z ", "20261301", "20260301T12", "1e12e1", "--1795190427", "1.7.9e12", strings.Repeat("1", 100)} {
		if ms, ok := ParseTime(in); ok {
			t.Errorf("%q is taken as %s", in, FromMillis(ms))
		}
	}
}

// A number gives the same time however it is written, in every unit.
func FuzzEpoch(f *testing.F) {
	for _, n := range []uint64{1e8, 1e11, 1e14, 1e17, 1795190427, 1795190427029, 1795190427029123, 1795190427029123456} {
		f.Add(n)
	}
	f.Fuzz(func(t *testing.T, n uint64) {
		text := strconv.FormatUint(n, 10)
		got, ok := ParseEpoch(text)
		if known := n >= 1e8; ok != known {
			t.Fatalf("%s: %v", text, ok)
		}
		if !ok {
			return
		}
		want := new(big.Int).SetUint64(n)
		switch {
		case n < 1e11:
			want.Mul(want, big.NewInt(1000))
		case n < 1e14:
		case n < 1e17:
			want.Div(want, big.NewInt(1000))
		default:
			want.Div(want, big.NewInt(1_000_000))
		}
		if want.Int64() != got {
			t.Fatalf("%s: %d, want %s", text, got, want)
		}
		for _, other := range []string{text + ".0", text + "e0", text[:1] + "." + text[1:] + "E" + strconv.Itoa(len(text)-1), text + "000e-3", "0" + text} {
			if ms, ok := ParseEpoch(other); !ok || ms != got {
				t.Fatalf("%s is %d %v, but %s is %d", other, ms, ok, text, got)
			}
		}
		if ms, ok := ParseEpoch("-" + text); !ok || ms != -got {
			t.Fatalf("-%s: %d %v", text, ms, ok)
		}
	})
}

func FuzzTime(f *testing.F) {
	for _, s := range []string{"2026-03-01T12:00:00.123Z", "2026-02-29", "2024-02-29T23:59:59+08:00", "2026-03-01 12:00", "1772240523456", "1772240523", "1772240523.5", "17722405234", "0000-01-01T00:00:00Z", "2026-3-1", "20260301T120000Z"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := ParseTime(s)
		want, err := time.Parse(time.RFC3339Nano, s)
		if err != nil || len(s) < 19 || s[13] != ':' { // time.Parse takes hours of one digit
			return
		}
		if _, offset := want.Zone(); offset > 18*3600 || offset < -18*3600 {
			return
		}
		if i := strings.IndexAny(s, ".,"); i >= 0 && len(s)-i > 20 {
			return
		}
		// Cut towards the past, as reading digits does.
		if wantMS := want.Unix()*1000 + int64(want.Nanosecond()/1e6); !ok || got != wantMS {
			t.Fatalf("%q: got %d %v, want %d", s, got, ok, wantMS)
		}
	})
}

func TestWindow(t *testing.T) {
	received := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		window Window
		at     string
		code   string
	}{
		{Window{}, "2026-03-01T12:00:00Z", ""},
		{Window{}, "2026-03-02T12:00:00Z", ""},
		{Window{}, "2026-03-02T12:00:00.001Z", CodeInFuture},
		{Window{MaxFuture: time.Hour}, "2026-03-01T13:00:01Z", CodeInFuture},
		{Window{}, "9999-01-01T00:00:00Z", CodeInFuture},
		{Window{}, "1970-01-01T00:00:00Z", ""},
		{Window{}, "1969-12-31T23:59:59.999Z", CodeTooOld},
		{Window{}, "1900-01-01T00:00:00Z", CodeTooOld},
		{Window{}, "0001-01-01T00:00:00Z", CodeTooOld},
		{Window{MaxAge: 24 * time.Hour}, "2026-02-28T11:59:59Z", CodeTooOld},
		{Window{MaxAge: 24 * time.Hour}, "2026-02-28T12:00:00Z", ""},
	} {
		at, _ := ParseTime(test.at)
		code := test.window.Check(at, received.UnixMilli())
		if code != test.code || (test.window.Explain(code, at) == "") != (code == "") {
			t.Errorf("%s in %+v: %q, want %q", test.at, test.window, code, test.code)
		}
	}
	if got := (Window{}).Explain(CodeInFuture, received.UnixMilli()); got != "the time is 2026-03-01T12:00:00Z, more than 24 hours after it was received" {
		t.Error(got)
	}
}

func TestMissingID(t *testing.T) {
	for _, id := range []string{"", " ", "\t\n", "\u00a0", `""`, "''", "null", "NULL", `"null"`, "'null'", "undefined", "Undefined", "0", "00", "000000", "0.0", "-", "NaN", "nan", "[object Object]", " null ",
		"None", "nil", "<nil>", "(null)", "false", "N/A", "#N/A", "#REF!", "messageId", "message_id", "id", "{{Message ID}}", "${messageId}", "00000000-0000-0000-0000-000000000000", "{}", "[]", strings.Repeat(" ", 100)} {
		if !MissingID(id) {
			t.Errorf("%q is taken for an id", id)
		}
	}
	for _, id := range []string{"1", "10", "0a", "01", "null-1", "nullable", "m1", "ajs-next-1772240523456-0f1e2d3c", "0f1e2d3c-0000-0000-0000-000000000000", "01JNB7Q8WZ", "{a}", "undefined:1", "$row", "idx", "消息", strings.Repeat("0", 40) + "1"} {
		if MissingID(id) {
			t.Errorf("%q is an id", id)
		}
	}
	if n := testing.AllocsPerRun(100, func() { MissingID("0f1e2d3c-AAAA-0000-0000-000000000000"); MissingID("01JNB7Q8WZ01JNB7Q8WZ01JNB7") }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
