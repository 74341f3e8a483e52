package touchstone

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestNormaliseByKind(t *testing.T) {
	s := DefaultKindSet()
	for _, test := range []struct {
		kind    IdentifierKind
		value   string
		want    string
		refused Refusal
	}{
		{KindUserID, "u-1", "u-1", ""},
		{KindUserID, " u 1\t\n", "u 1", ""},
		{KindUserID, "\ufeffU1\u200b", "U1", ""},
		{KindUserID, "17850.0", "17850.0", ""}, // a kind with the integer normaliser would cut it
		{KindUserID, "", "", RefusedEmpty},
		{KindUserID, " \u3000 ", "", RefusedEmpty},
		{KindUserID, "NULL", "", RefusedBlocked},
		{KindUserID, "undefined", "", RefusedBlocked},
		{KindUserID, "[object Object]", "", RefusedBlocked},
		{KindUserID, "0", "", RefusedBlocked},
		{KindUserID, "-1", "", RefusedBlocked},
		{KindUserID, "10", "10", ""},
		{KindUserID, "test", "test", ""},
		{KindUserID, strings.Repeat("x", 256), strings.Repeat("x", 256), ""},
		{KindUserID, strings.Repeat("x", 257), "", RefusedTooLong},
		{KindUserID, strings.Repeat("x", 1<<20), "", RefusedTooLong},
		{KindUserID, "a\x00b", "", RefusedInvalid},
		{KindAnonymousID, "00000000-0000-0000-0000-000000000000", "", RefusedBlocked},
		{KindDeviceID, "AEBE52E7-03EE-455A-B3C4-E57283966239", "aebe52e7-03ee-455a-b3c4-e57283966239", ""},
		{KindDeviceID, "9774d56d682e549c", "", RefusedBlocked},
		{KindAdvertisingID, "00000000-0000-0000-0000-000000000000", "", RefusedBlocked},
		{KindEmail, " Ann.Lee@Example.COM", "ann.lee@example.com", ""},
		{KindEmail, "mailto:a.b@c.cn", "a.b@c.cn", ""},
		{KindEmail, "王＠例子.cn", "王@例子.cn", ""},
		{KindEmail, "Test@Test.com", "", RefusedBlocked},
		{KindEmail, "noreply@brand.cn", "", RefusedBlocked},
		{KindEmail, "ann", "", RefusedInvalid},
		{KindEmail, "@x", "", RefusedInvalid},
		{KindEmail, "a b@x.cn", "", RefusedInvalid},
		{KindPhone, "13800138001", "+8613800138001", ""},
		{KindPhone, "138-0013-8001", "+8613800138001", ""},
		{KindPhone, "１３８００１３８００１", "+8613800138001", ""},
		{KindPhone, "+86 138 0013 8001", "+8613800138001", ""},
		{KindPhone, "8613800138001", "+8613800138001", ""},
		{KindPhone, "0086 13800138001", "+8613800138001", ""},
		{KindPhone, "tel:+1 (415) 555-2671", "+14155552671", ""},
		{KindPhone, "010-62345678", "+861062345678", ""},
		{KindPhone, "12345", "", RefusedInvalid},
		{KindPhone, "call me", "", RefusedInvalid},
		{KindVIN, "lsvau2a3 7n2183294", "LSVAU2A37N2183294", ""},
		{KindVIN, "LSVAU2A37N21832941", "", RefusedInvalid},
		{KindPlate, "沪a·12345", "沪A12345", ""},
		{KindPlate, "沪A\u00a0-12345", "沪A12345", ""},
		{KindPlate, "沪Ａ 1 2345", "沪A12345", ""},
		{"crm_id", " 77 ", "77", ""},
	} {
		got, refused := s.Check(test.kind, test.value)
		if got != test.want || refused != test.refused {
			t.Errorf("%s %.40q: got %q %q, want %q %q", test.kind, test.value, got, refused, test.want, test.refused)
		}
	}
}

func TestIntegerNormaliser(t *testing.T) {
	s, err := NewKindSet([]KindConfig{{Kind: KindUserID, Priority: 1, Limit: 1, Normaliser: "integer"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for in, want := range map[string]string{
		"17850.0": "17850", "17850.00": "17850", "17850": "17850", "17850.5": "17850.5", "-3.0": "-3", "a.0": "a.0", ".0x": ".0x", "1.": "1.",
	} {
		if got, _ := s.Normalise(KindUserID, in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// Every value that a normaliser has made is its own normal form; otherwise a lookup of
// a stored identifier would miss it.
func TestNormaliseTwiceChangesNothing(t *testing.T) {
	s := DefaultKindSet()
	kinds := []IdentifierKind{"crm_id"}
	for _, c := range s.Configs() {
		kinds = append(kinds, c.Kind)
	}
	hard := rapid.SampledFrom([]string{"mailto:", "tel:", "00", "86", "+", " ", "-", "·", "\u200b", "\ufeff", "Ａ", "İ", "ſ", "K", "@", "0", ".", "(", "13800138001", "a@b.c", "\xff"})
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom(kinds).Draw(t, "kind")
		value := strings.Join(rapid.SliceOfN(rapid.OneOf(hard, rapid.String()), 1, 8).Draw(t, "parts"), "")
		once, refused := s.Check(kind, value)
		if refused != "" {
			if once != "" {
				t.Fatalf("refused, but returned %q", once)
			}
			return
		}
		if twice, refused := s.Check(kind, once); twice != once || refused != "" {
			t.Fatalf("%s %q becomes %q, and that %q (%s)", kind, value, once, twice, refused)
		}
		if once == "" || len(once) > s.Config(kind).MaxLength || utf8.ValidString(value) && !utf8.ValidString(once) {
			t.Fatalf("%s %q becomes %q", kind, value, once)
		}
	})
}

func TestNormaliseAllocatesNothingForCleanValues(t *testing.T) {
	s := DefaultKindSet()
	n := testing.AllocsPerRun(100, func() {
		s.Normalise(KindUserID, "user-000123")
		s.Normalise(KindAnonymousID, "0f6fd4a2-8f5d-4c58-9a5b-0f6fd4a28f5d")
		s.Normalise(KindEmail, "ann@example.com")
		s.Normalise(KindPhone, "+8613800138001")
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestKindSetRefusesBadConfiguration(t *testing.T) {
	for name, c := range map[string][]KindConfig{
		"name":       {{Kind: "E-Mail", Limit: 1}},
		"twice":      {{Kind: "a", Limit: 1}, {Kind: "a", Limit: 1}},
		"normaliser": {{Kind: "a", Limit: 1, Normaliser: "upside_down"}},
		"limit":      {{Kind: "a"}},
		"pattern":    {{Kind: "a", Limit: 1, Blocked: []string{"*x*"}}},
		"everything": {{Kind: "a", Limit: 1, Blocked: []string{"*"}}},
	} {
		if _, err := NewKindSet(c, nil); KindOf(err) != Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestParseKind(t *testing.T) {
	for in, want := range map[string]IdentifierKind{
		"email": "email", "userId": "user_id", "user_id": "user_id", "ios.idfa": "ios_idfa", "Android-ID": "android_id", "openId": "openid", "union_id": "unionid",
		"": "", "微信": "", "a:b": "", "abcdefghijklmnopqrstuvwxyzabcdefghijk": "",
	} {
		if got, ok := ParseKind(in); got != want || ok != (want != "") {
			t.Errorf("%q: got %q %v, want %q", in, got, ok, want)
		}
	}
}

func TestSortPutsStrongKindsFirstAndKeepsOrder(t *testing.T) {
	s := DefaultKindSet()
	ids := []Identifier{{KindAnonymousID, "a"}, {KindEmail, "x"}, {"crm_id", "1"}, {KindUserID, "u"}, {KindEmail, "b"}}
	s.Sort(ids)
	want := []Identifier{{KindUserID, "u"}, {KindEmail, "x"}, {KindEmail, "b"}, {"crm_id", "1"}, {KindAnonymousID, "a"}}
	if d := cmp.Diff(want, ids); d != "" {
		t.Error(d)
	}
	if got, ok := s.Parse("phone:138 0013 8001"); !ok || got.String() != "phone:+8613800138001" {
		t.Errorf("Parse: %v %v", got, ok)
	}
}
