package access

import (
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"

	"github.com/touchstone-cdp/touchstone"
)

func viewer(t *testing.T, perms ...Permission) *Viewer {
	t.Helper()
	kinds, err := touchstone.NewKindSet(append(touchstone.DefaultKinds(), touchstone.KindConfig{Kind: "wechat", Limit: 1, Contact: true}), nil)
	if err != nil {
		t.Fatal(err)
	}
	set := Set{}
	for _, p := range perms {
		set[p] = struct{}{}
	}
	return &Viewer{Kind: "user", Permissions: set, Kinds: kinds}
}

func TestTextsAreMasked(t *testing.T) {
	v := viewer(t, "people:read")
	for text, want := range map[string]string{
		"13800138001":              "138****8001",
		"+8613800138001":           "+86138****8001",
		"8613800138001":            "86138****8001",
		"call 138-0013-8001 now":   "call 138****8001 now",
		"138 0013 8001":            "138****8001",
		"13800138001 13900139002":  "138****8001 139****9002",
		"+44 20 7946 0958":         "+442****0958",
		"021-62345678":             "021****5678",
		"１３８００１３８００１":              "138****8001",
		"zoe@example.com":          "z***@example.com",
		"Zoë <zoe+x@mail.example>": "Zoë <z***@mail.example>",
		"/u/zoe%40example.com/x":   "/u/z***%40example.com/x",
		"张三@例子.中国":                 "张***@例子.中国",
		"a@b.c, d@e.f":             "a***@b.c, d***@e.f",
		"LSVAU2A37N4123456":        "LSV****3456",
		"沪A12345":                  "沪A****45",
		"粤B·F12345":                "粤B****45",
		"车是京AD12345的":              "车是京A****45的",
		// what is none
		"":                                     "",
		"2026-02-20T01:00:00.000Z":             "2026-02-20T01:00:00.000Z",
		"1772366400000":                        "1772366400000",
		"p_13812345678":                        "p_13812345678",
		"iPhone 15 Pro":                        "iPhone 15 Pro",
		"ORDER-20260220-000123":                "ORDER-20260220-000123",
		"上海市浦东新区":                              "上海市浦东新区",
		"mail me @home":                        "mail me @home",
		"3f2b8c1e-9a4d-4c52-8f0e-13812345678a": "3f2b8c1e-9a4d-4c52-8f0e-13812345678a",
		"99.5":                                 "99.5",
	} {
		if got := v.Text(text); got != want {
			t.Errorf("%q is shown as %q, want %q", text, got, want)
		}
		if got := viewer(t, PeopleContacts).Text(text); got != text {
			t.Errorf("who may see contacts sees %q as %q", text, got)
		}
	}
	var nobody *Viewer
	if got := nobody.Text("zoe@example.com"); got != "z***@example.com" {
		t.Errorf("nobody sees %q", got)
	}
}

func TestJSONIsMasked(t *testing.T) {
	v := viewer(t, "people:read")
	for value, want := range map[touchstone.JSON]touchstone.JSON{
		`{"price":12.5,"city":"上海"}`:                         `{"price":12.5,"city":"上海"}`,
		`{"email":"zoe@example.com"}`:                        `{"email":"z***@example.com"}`,
		`{"a":{"b":[{"note":"ring 13800138001"}]}}`:          `{"a":{"b":[{"note":"ring 138****8001"}]}}`,
		`{"n":13800138001,"total":13800138001.5}`:            `{"n":"138****8001","total":13800138001.5}`,
		`{"n":1.3800138001e10}`:                              `{"n":"138****8001"}`,
		`{"phone":"62345678"}`:                               `{"phone":"623****78"}`,
		`{"homePhone":62345678,"phone_model":"iPhone 15"}`:   `{"homePhone":"623****78","phone_model":"iPhone 15"}`,
		`{"手机号":"62345678"}`:                                 `{"手机号":"623****78"}`,
		`{"licensePlate":"AB 1234"}`:                         `{"licensePlate":"AB****34"}`,
		`{"vin":"WBA12345"}`:                                 `{"vin":"WBA****345"}`,
		`{"wechat":"zoe_l"}`:                                 `{"wechat":"z****"}`,
		`{"externalIds":[{"id":"zoe_l","type":"wechat"}]}`:   `{"externalIds":[{"id":"z****","type":"wechat"}]}`,
		`{"kind":"wechat","value":"zoe_l"}`:                  `{"kind":"wechat","value":"z****"}`,
		`{"zoe@example.com":true}`:                           `{"z***@example.com":true}`,
		`"\u0031\u0033\u0038\u0030\u0030138001"`:             `"138****8001"`,
		`{"saving":"12345678","driving":"x","template":"y"}`: `{"saving":"12345678","driving":"x","template":"y"}`,
		`null`: `null`, `true`: `true`, `[]`: `[]`, `{}`: `{}`, ``: ``,
		`not JSON zoe@example.com`:   `not JSON z***@example.com`,
		`{"broken":"zoe@example.com`: `{"broken":"z***@example.com`,
	} {
		if got := v.JSON(value); got != want {
			t.Errorf("%s is shown as %s, want %s", value, got, want)
		}
	}
	if got := v.Field("email", `"zoe"`); got != `"z****"` {
		t.Errorf("a trait is shown as %s", got)
	}
	if !v.Hides("user_email") || v.Hides("city") || viewer(t, PeopleContacts).Hides("email") {
		t.Error("Hides is wrong")
	}
	for id, want := range map[touchstone.Identifier]string{
		{Kind: "phone", Value: "+8613800138001"}: "+86138****8001", {Kind: "user_id", Value: "u-1"}: "u-1",
		{Kind: "user_id", Value: "13800138001"}: "138****8001", {Kind: "wechat", Value: "zoe_l"}: "z****",
	} {
		if got := v.Identifier(id).Value; got != want {
			t.Errorf("%s is shown as %s, want %s", id, got, want)
		}
	}
}

// Whatever stands around a contact in a JSON value, what is shown is JSON and does not hold it.
func TestNoContactIsLeft(t *testing.T) {
	v := viewer(t, "people:read")
	rapid.Check(t, func(t *rapid.T) {
		contact := rapid.SampledFrom([]string{"13800138001", "zoe.lee@example.com", "LSVAU2A37N4123456", "沪A12345", "+4915112345678"}).Draw(t, "contact")
		around := rapid.SampledFrom([]string{"", " ", "\n", "\"", "\\", "：", ",", "{", "[", "<b>", "\t", "€"})
		text := around.Draw(t, "before") + contact + around.Draw(t, "after")
		var value []byte
		value, _ = jsontext.AppendQuote(value, text)
		for range rapid.IntRange(0, 4).Draw(t, "depth") {
			key, _ := jsontext.AppendQuote(nil, rapid.SampledFrom([]string{"a", "type", "phone", "kind", "x\"y", "€"}).Draw(t, "key"))
			switch rapid.IntRange(0, 2).Draw(t, "shape") {
			case 0:
				value = []byte(`{"n":1,` + string(key) + `:` + string(value) + `,"z":[]}`)
			case 1:
				value = []byte(`[0, ` + string(value) + `,"x"]`)
			}
		}
		got := v.JSON(touchstone.JSON(value))
		if !jsontext.Value(got).IsValid() {
			t.Fatalf("%s is shown as %s, which is not JSON", value, got)
		}
		if strings.Contains(string(got), contact) {
			t.Fatalf("%s is shown as %s", value, got)
		}
	})
}

func FuzzMask(f *testing.F) {
	f.Add(`{"a":"13800138001"}`)
	f.Fuzz(func(t *testing.T, text string) {
		var nobody *Viewer
		got := nobody.JSON(touchstone.JSON(text))
		if jsontext.Value(text).IsValid() && !jsontext.Value(got).IsValid() {
			t.Errorf("%q is shown as %q", text, got)
		}
	})
}
