package access

import (
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"

	"github.com/touchstone-cdp/touchstone"
)

func TestFormOf(t *testing.T) {
	for _, c := range []struct {
		name, value string
		want        Class
	}{
		{"x", `"13800138001"`, Phone}, {"x", `13800138001`, Phone}, {"x", `"+49 171 1234567"`, Phone}, {"x", `"021-62345678"`, Phone}, {"x", `"+86 138 0013 8001"`, Phone}, {"x", `"138 0013 8001 转 1"`, NoClass}, {"x", `"138001380"`, NoClass},
		{"x", `"tel 13800138001"`, NoClass}, {"x", `1767225600000`, NoClass}, {"x", `1767225600`, NoClass}, {"x", `13800138001.5`, NoClass},
		{"x", `"zoe.lee@example.com"`, Email}, {"x", `"@zoe"`, NoClass}, {"x", `"a@b@c.de"`, NoClass}, {"x", `"write to zoe@example.com"`, NoClass},
		{"x", `"11010519491231002X"`, IDCard}, {"x", `"11010519491231002x"`, IDCard}, {"x", `"110105194912310021"`, NoClass}, {"x", `"11010519491331002X"`, NoClass},
		{"x", `"沪A12345"`, Plate}, {"x", `"粤B·D12345"`, Plate}, {"x", `"沪A12345 黑色"`, NoClass},
		{"x", `"1M8GDM9AXKP042788"`, VIN}, {"x", `"1m8gdm9axkp042788"`, VIN}, {"x", `"1M8GDM9A1KP042788"`, NoClass}, {"x", `"LSVAU2A37N4123456"`, NoClass},
		{"x", `"4111 1111 1111 1111"`, BankCard}, {"x", `4111111111111111`, BankCard}, {"x", `"4111111111111112"`, NoClass}, {"x", `"9111111111111110"`, NoClass}, {"x", `"378282246310005"`, BankCard},
		{"x", `"31.23041,121.47370"`, Location}, {"x", `"121.47370, 31.23041"`, Location}, {"x", `"31.2,121.4"`, NoClass}, {"x", `[121.4737,31.2304]`, Location}, {"x", `[1,2]`, NoClass},
		{"x", `{"lat":31.23041,"lng":121.4737}`, Location}, {"x", `{"lat":131.23041,"lng":121.4737}`, NoClass}, {"gps_lat", `31.23041`, Location}, {"price", `31.23041`, NoClass}, {"lat", `95.1234`, NoClass},
		{"x", `""`, NoClass}, {"x", `null`, NoClass}, {"x", `true`, NoClass}, {"x", `{}`, NoClass},
	} {
		if got := FormOf(c.name, touchstone.JSON(c.value)); got != c.want {
			t.Errorf("%s %s: %q, want %q", c.name, c.value, got, c.want)
		}
	}
}

// What is sent decides what is looked at: no text may stop the program.
func FuzzFormOf(f *testing.F) {
	for _, seed := range []string{"+86 138 0013 8001", "京A12345", "LFV2A21K6A3012345", "zoe.lee@example.com", "11010519491231002X", "31.2304,121.4737", "车架号 LFV2A21K6"} {
		f.Add("a.lat", seed)
	}
	f.Fuzz(func(t *testing.T, name, text string) {
		FormOf(name, touchstone.JSON(text))
		quoted, err := jsontext.AppendQuote(nil, text)
		if class := FormOf(name, touchstone.JSON(quoted)); err == nil && class == VIN && len(strings.TrimSpace(text)) < 17 {
			t.Errorf("%q is a chassis number", text)
		}
		NamedClass(name)
	})
}

// Any one digit of an ID card or a bank card that is another makes it none.
func TestChecksumsFindOneWrongDigit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		valid := rapid.SampledFrom([]string{"11010519491231002X", "440524198001010013", "4111111111111111", "6222021234567890128"}).Draw(t, "valid")
		class := FormOf("x", touchstone.JSON(`"`+valid+`"`))
		if class == NoClass {
			t.Skip("not one")
		}
		i := rapid.IntRange(0, len(valid)-2).Draw(t, "place")
		other := rapid.SampledFrom(strings.Split(strings.ReplaceAll("0123456789", valid[i:i+1], ""), "")).Draw(t, "digit")
		if got := FormOf("x", touchstone.JSON(`"`+valid[:i]+other+valid[i+1:]+`"`)); got == class {
			t.Errorf("%s with %s at %d is %q still", valid, other, i, got)
		}
	})
}

// What a field of a class shows to who may not see contacts is never the value.
func TestMasksFollowTheClass(t *testing.T) {
	v := &Viewer{Fields: NewFields(map[string]Class{"ph": Phone, "mail1": Email, "card": BankCard, "idn": IDCard, "at": Location, "lp": Plate, "fin": VIN})}
	for _, c := range []struct{ name, value, want string }{
		{"ph", `"62345678"`, `"623****78"`}, {"ph", `62345678`, `"623****78"`}, {"mail1", `"zoe"`, `"z****"`},
		{"card", `"4111 1111 1111 1111"`, `"4111****1111"`}, {"card", `4111111111111111`, `"4111****1111"`}, {"card", `"6222 0212 3456 7890"`, `"6222****7890"`},
		{"idn", `"11010519491231002X"`, `"110****2X"`}, {"at", `"31.23041,121.4737"`, `"****"`}, {"at", `{"lat":31.23041,"lng":121.4737}`, `{"lat":"****","lng":"****"}`},
		{"at", `[121.4737,31.2304]`, `["****","****"]`}, {"lp", `"ABC 1234"`, `"AB****34"`}, {"fin", `"WVWZZZ1JZ3W386752"`, `"WVW****6752"`},
		{"other", `62345678`, `62345678`},
	} {
		if got := v.Field(c.name, touchstone.JSON(c.value)); string(got) != c.want {
			t.Errorf("%s %s: %s, want %s", c.name, c.value, got, c.want)
		}
		if got := v.JSON(touchstone.JSON(`{"a":{"` + c.name + `":` + c.value + `}}`)); string(got) != `{"a":{"`+c.name+`":`+c.want+`}}` {
			t.Errorf("inside: %s", got)
		}
	}
	if seen := System().Field("ph", `62345678`); seen != `62345678` {
		t.Errorf("who sees contacts sees %s", seen)
	}
	if v.Hides("ph") != true || v.Hides("other") {
		t.Error("Hides does not follow the class")
	}
}
