package touchstone

import (
	"strings"
	"testing"
)

// What broken clients, forms and spreadsheets send instead of an identifier, whatever the kind.
func TestValuesThatNameNobody(t *testing.T) {
	s := DefaultKindSet()
	for kind, values := range map[string][]string{
		"quoted nulls": {
			`"null"`, `'null'`, `“null”`, `‘NULL’`, "`null`", `""null""`, `\"null\"`, `"undefined"`, `'None'`, `「null」`, `«null»`, `"null`, `""`, `''`, `"`, `(null)`,
			`<null>`, `[null]`, `{null}`, `" nil "`, `\N`, `＂ｎｕｌｌ＂`, `ｕｎｄｅｆｉｎｅｄ`, `"(not set)"`,
		},
		"field names": {
			"id", "email", "distinct_id", "distinctid", "DistinctID", "user_id", "userId", "anonymous_id", "anonymousId", "not_authenticated",
			`"id"`, "uid", "UUID", "visitor_id", "device_id", "openid", "unionId", "手机号", "用户ID", "customer_id",
		},
		"spreadsheets' errors": {
			"#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!", "#n/a", "#NV", "#ÜBERLAUF!", "#¿NOMBRE?", "#Н/Д", "#SPILL!", "＃N/A", "########",
		},
		"numbers in scientific notation": {
			"1.38E+10", "1.38e+10", "1,38E+10", "1.38E10", "6.02e-05", "1E+10", "-1.5E+3", "+1.0E+16", `"1.38E+10"`, "'1.38E+10", "1.23457E+17",
		},
		"blanks nobody filled in": {
			"{{user_id}}", "{{ user.id }}", "${userId}", "<user id>", "__OAID__", "__IMEI2__", "%%USER%%", "{user_id}", "<%= id %>", "[[id]]", "%s",
		},
		"nobody in particular": {
			"guest", "Anonymous", "游客", "匿名", "未知", "无", "暂无", "“未登录”", "（空）", "匿名用户", "unknown", "not set",
		},
		"nothing": {"0", "0.0", "00000000-0000-0000-0000-000000000000", "-", "--", "???", "n/a", "N/A", "-1", "true", "[object Object]", "{}", "[]", "NaN", "Infinity", "......", "（）"},
	} {
		for _, v := range values {
			for _, id := range []IdentifierKind{KindUserID, KindAnonymousID, KindOpenID, "crm_id"} {
				if got, refused := s.Check(id, v); refused != RefusedBlocked && refused != RefusedEmpty {
					t.Errorf("%s: %s %q is taken for %q", kind, id, v, got)
				}
			}
			if got, refused := s.CheckWithPrefix(KindUserID, "crm-", v); refused == "" {
				t.Errorf("%s: %q behind a prefix is taken for %q", kind, v, got)
			}
		}
	}
}

// What looks like the values above, and names somebody.
func TestValuesThatNameSomebody(t *testing.T) {
	s := DefaultKindSet()
	for in, want := range map[string]string{
		`="00123"`: "00123", `'00123`: "00123", "`4200001234": "4200001234", `'="00123"`: "00123", ` ="00123" `: "00123", `="a""b"`: `a"b`, `'abc`: "abc",
		`"u-1"`: `"u-1"`, `'u-1'`: `'u-1'`, "1e5": "1e5", "12345e67": "12345e67", "E+10": "E+10", "1.38": "1.38", "1E+": "1E+",
		"{AEBE52E7-03EE-455A-B3C4-E57283966239}": "{AEBE52E7-03EE-455A-B3C4-E57283966239}", "__init": "__init", "__abc__": "__abc__", "#1": "#1", "111111": "111111",
		"idris": "idris", "email-17": "email-17", "nullah": "nullah", "user": "user", "admin": "admin", "test": "test", "测试": "测试", "无忌": "无忌", "空军一号": "空军一号", "🚗": "🚗",
		"10": "10", "-2": "-2", "<a>@<b>": "", "$5": "$5", "_1": "_1", "00123": "00123", "$device:1": "$device:1",
	} {
		if want == "" {
			continue
		}
		if got, refused := s.Check(KindUserID, in); got != want {
			t.Errorf("%q: got %q (%s), want %q", in, got, refused, want)
		}
	}
	if got, _ := s.CheckWithPrefix(KindUserID, "crm-", ` ="00123"`); got != "crm-00123" {
		t.Errorf("behind a prefix: %q", got)
	}
}

// Placeholders of one kind may be good values of another.
func TestValuesThatNameNobodyOfAKind(t *testing.T) {
	s := DefaultKindSet()
	for kind, values := range map[IdentifierKind][]string{
		KindEmail:         {"null@null.com", "NULL@null.com", "undefined@x.cn", "test@test.com", "no-reply@brand.cn", "na@na.com", "a@a.com", "none@none.com", `"null@null.com"`},
		KindPhone:         {"11111111111", "13800138000", "12345678901", "+86 138-0013-8000", "+8611111111111", "00000000000", "13888888888", "１３８００１３８０００", "22222222222"},
		KindVIN:           {"11111111111111111", "AAAAAAAAAAAAAAAAA", "00000000000000000", "12345678901234567", "aaaaa-aaaaa-aaaaa", "无"},
		KindPlate:         {"无牌", "未上牌", "新车", "00000", "A12345", "a·12345"},
		KindDeviceID:      {"000000000000000", "111111111111111", "9774d56d682e549c", "ffffffff-ffff-ffff-ffff-ffffffffffff", "123456789012345", "02:00:00:00:00:00"},
		KindAdvertisingID: {"00000000-0000-0000-0000-000000000000", "ffffffffffffffff", "__IDFA__", "0", "00000000000000000000000000000000"},
	} {
		for _, v := range values {
			if got, refused := s.Check(kind, v); refused != RefusedBlocked && refused != RefusedInvalid {
				t.Errorf("%s %q is taken for %q", kind, v, got)
			}
		}
	}
	for id, want := range map[Identifier]string{
		{KindPhone, "13811111111"}: "+8613811111111", {KindUserID, "13800138000"}: "13800138000", {KindUserID, "11111111111"}: "11111111111", {KindPlate, "沪A12345"}: "沪A12345",
		{KindEmail, "nullah@x.cn"}: "nullah@x.cn", {KindVIN, "LSVAU2A37N2183294"}: "LSVAU2A37N2183294",
	} {
		if got, refused := s.Check(id.Kind, id.Value); got != want {
			t.Errorf("%s: got %q (%s), want %q", id, got, refused, want)
		}
	}
}

// Somebody's user may really be called guest: what is blocked is data.
func TestBlockedValuesAreData(t *testing.T) {
	rules := DefaultKindRules()
	rules.Blocked = []string{"nobody", "tmp-*", ShapeRepeated}
	for i := range rules.Kinds {
		if rules.Kinds[i].Kind == KindPhone {
			rules.Kinds[i].Blocked = []string{"138 0013 9000"}
		}
	}
	s, err := rules.Prepare(nil)
	if err != nil {
		t.Fatal(err)
	}
	for id, blocked := range map[Identifier]bool{
		{KindUserID, "guest"}: false, {KindUserID, "1.38E+10"}: false, {KindUserID, "0"}: false, {KindUserID, "Nobody"}: true, {KindUserID, "TMP-17"}: true,
		{KindUserID, `"nobody"`}: true, {KindUserID, "aaaaaaa"}: true, {KindPhone, "13800138000"}: false, {KindPhone, "+86 13800139000"}: true, {KindPhone, "13800139000"}: true,
	} {
		if _, refused := s.Check(id.Kind, id.Value); (refused == RefusedBlocked) != blocked {
			t.Errorf("%s: %q, want blocked %v", id, refused, blocked)
		}
	}
	held := DefaultKindSet()
	held.Replace(s)
	if _, ok := held.Normalise(KindUserID, "guest"); !ok {
		t.Error("the new rules do not hold")
	}
}

func TestWhatRelatesComesLast(t *testing.T) {
	s := DefaultKindSet()
	ids := []Identifier{{KindVIN, "v"}, {KindPlate, "p"}, {KindAnonymousID, "a"}, {"crm_id", "1"}}
	s.Sort(ids)
	if got := ids[0].String() + " " + ids[1].String() + " " + ids[2].String() + " " + ids[3].String(); got != "crm_id:1 anonymous_id:a vin:v plate:p" {
		t.Error(got)
	}
}

func BenchmarkCheck(b *testing.B) {
	s := DefaultKindSet()
	ids := []Identifier{{KindUserID, "user-000123"}, {KindAnonymousID, "0f6fd4a2-8f5d-4c58-9a5b-0f6fd4a28f5d"}, {KindEmail, "ann@example.com"}, {KindPhone, "+8613812345678"}}
	for _, id := range ids {
		b.Run(string(id.Kind), func(b *testing.B) {
			for b.Loop() {
				s.Check(id.Kind, id.Value)
			}
		})
	}
	b.Run("long", func(b *testing.B) {
		v := strings.Repeat("x", 200)
		for b.Loop() {
			s.Check(KindUserID, v)
		}
	})
}

// A regular expression between slashes is of whole values, in whatever case, and cannot be such that
// it costs much or blocks everything.
func TestBlockedRegexps(t *testing.T) {
	set, err := NewKindSet([]KindConfig{{Kind: "device_id", Limit: 5, Normaliser: "lower", Blocked: []string{`/(test|demo)-\d{3,5}/`}}, {Kind: KindPhone, Limit: 5, Normaliser: "phone", Blocked: []string{`/\+86170\d{8}/`}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for value, want := range map[string]Refusal{"test-123": RefusedBlocked, "TEST-12345": RefusedBlocked, "Demo-999": RefusedBlocked, "test-12": "", "test-123456": "", "my-test-123": "", `"test-123"`: RefusedBlocked} {
		if _, got := set.Check("device_id", value); got != want {
			t.Errorf("%s: %q, want %q", value, got, want)
		}
	}
	for value, want := range map[string]Refusal{"170 1234 5678": RefusedBlocked, "+8617012345678": RefusedBlocked, "13812345678": ""} {
		if _, got := set.Check(KindPhone, value); got != want {
			t.Errorf("%s: %q, want %q", value, got, want)
		}
	}
	if entry, everywhere := set.BlockedBy("device_id", "Test-123"); entry != `/(test|demo)-\d{3,5}/` || everywhere {
		t.Errorf("blocked by %q", entry)
	}
	for _, bad := range []string{"/(/", "/.*/", "/a?/", "/.+/", "/[^x]+/", "/(a{500}){500}/", "/((a{30}){30}){30}/", "/(?=a)/", `/(a)\1/`, "/" + strings.Repeat("ab", 120) + "/"} {
		if err := CheckBlockedValue(bad); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
	if err := CheckBlockedValue("//"); err != nil { // two slashes are a value
		t.Error(err)
	}
}
