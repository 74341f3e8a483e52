package collect

import (
	"strings"

	"github.com/nyaruka/phonenumbers"
	"github.com/touchstone-cdp/touchstone"
)

// PhoneNormaliser returns a normaliser to E.164 that knows the numbering plans of the
// world. Numbers without a calling code are read as numbers of region ("CN"). Give it to
// touchstone.NewKindSet under the name "phone".
func PhoneNormaliser(region string) touchstone.Normaliser {
	return func(v string) (string, bool) {
		if e164, ok := chineseMobile(v, region); ok { // nearly all values, without allocation when E.164 already
			return e164, true
		}
		n, err := phonenumbers.Parse(v, region)
		if err != nil && !strings.HasPrefix(v, "+") {
			n, err = phonenumbers.Parse("+"+v, region)
		}
		if err != nil || !phonenumbers.IsPossibleNumber(n) {
			return "", false
		}
		if !phonenumbers.IsValidNumber(n) && !strings.HasPrefix(v, "+") {
			// "8613800138000" read as a national number is possible, but not valid.
			if m, err := phonenumbers.Parse("+"+v, region); err == nil && phonenumbers.IsValidNumber(m) {
				n = m
			}
		}
		return phonenumbers.Format(n, phonenumbers.E164), true
	}
}

// chineseMobile recognises 1[3-9]xxxxxxxxx, alone or behind +86.
func chineseMobile(v, region string) (string, bool) {
	national, coded := strings.CutPrefix(v, "+86")
	if !coded && region != "CN" || len(national) != 11 || national[0] != '1' || national[1] < '3' {
		return "", false
	}
	for i := range len(national) {
		if national[i]-'0' > 9 {
			return "", false
		}
	}
	if coded {
		return v, true
	}
	return "+86" + v, true
}
