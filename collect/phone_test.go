package collect_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/collect"
)

func TestPhoneNormaliser(t *testing.T) {
	for _, test := range []struct{ home, in, want string }{
		{"86", "13800138001", "+8613800138001"}, {"CN", "138 0013 8001", "+8613800138001"}, {"+86", "8613800138001", "+8613800138001"},
		{"86", "+8613800138001", "+8613800138001"}, {"cn", "010-62345678", "+861062345678"}, {"86", "14155552671", "+8614155552671"},
		{"86", "+1 (415) 555-2671", "+14155552671"}, {"1", "(415) 555-2671", "+14155552671"}, {"44", "020 7946 0958", "+442079460958"},
		{"86", "0014155552671", "+14155552671"}, {"86", "１３８００１３８００１", "+8613800138001"}, {"86", "12", ""}, {"86", "hello", ""}, {"86", "+", ""},
	} {
		if got, ok := collect.PhoneNormaliser(test.home)(test.in); got != test.want || ok != (test.want != "") {
			t.Errorf("%s %q: %q %v, want %q", test.home, test.in, got, ok, test.want)
		}
	}
}

func TestPhoneNormaliserTwiceChangesNothing(t *testing.T) {
	kinds, err := touchstone.NewKindSet(touchstone.DefaultKinds(), map[string]touchstone.Normaliser{"phone": collect.PhoneNormaliser("86")})
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		in := strings.Join(rapid.SliceOfN(rapid.OneOf(rapid.SampledFrom([]string{"+", "00", "86", "+86", "0", "10", "138", " ", "-", "(", ")", "1", "44", "39", ";ext=", "x"}), rapid.StringMatching(`[0-9]{1,6}`)), 1, 8).Draw(t, "parts"), "")
		once, ok := kinds.Normalise(touchstone.KindPhone, in)
		if !ok {
			return
		}
		if twice, ok := kinds.Normalise(touchstone.KindPhone, once); !ok || twice != once {
			t.Fatalf("%q becomes %q, and that %q %v", in, once, twice, ok)
		}
	})
}
