package collect

import (
	"strconv"
	"strings"

	"github.com/nyaruka/phonenumbers"
	"github.com/touchstone-cdp/touchstone"
)

// PhoneNormaliser returns a normaliser to E.164 that knows the numbering plans of the
// world. Numbers without a calling code are read as numbers of home, a calling code
// ("86") or a region ("CN"). Give it to touchstone.NewKindSet under the name "phone".
func PhoneNormaliser(home string) touchstone.Normaliser {
	region := strings.ToUpper(home)
	if code, err := strconv.Atoi(strings.TrimPrefix(home, "+")); err == nil {
		region = phonenumbers.GetRegionCodeForCountryCode(code)
	}
	return func(v string) (string, bool) {
		if e164, ok := chineseMobile(v, region); ok { // nearly all values, without allocation when E.164 already
			return e164, true
		}
		n, err := phonenumbers.Parse(v, region)
		if err != nil || !phonenumbers.IsValidNumber(n) {
			// "14155552671": the code is there, only the plus is missing
			if m, err := phonenumbers.Parse("+"+v, region); err == nil && phonenumbers.IsValidNumber(m) && !strings.HasPrefix(v, "+") {
				n = m
			}
		}
		// Numbering plans grow faster than software is updated: a possible number will do.
		if n == nil || !phonenumbers.IsPossibleNumber(n) {
			return "", false
		}
		e164 := phonenumbers.Format(n, phonenumbers.E164)
		// The normal form must be its own normal form, or a lookup would miss it.
		if again, err := phonenumbers.Parse(e164, region); err != nil || phonenumbers.Format(again, phonenumbers.E164) != e164 {
			return "", false
		}
		return e164, true
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
