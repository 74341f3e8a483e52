package duckdb

import (
	"regexp"
	"strings"
	"sync"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/spelling"
)

// bound tells how many times its longest argument a call makes, or what its author has to
// do so that this can be told.
type bound func(args []argument) (size int64, problem touchstone.Text)

var (
	none      touchstone.Text
	writeSize = touchstone.Textf("write its size as a number")
	asTable   = touchstone.Textf("use it as a table, SELECT … FROM range(…), or write its bounds as numbers")
	plain     = touchstone.Textf("write its format as a text, with widths of three digits at most")
)

func byArgument(i int) bound {
	return func(args []argument) (int64, touchstone.Text) {
		if i >= len(args) {
			return 1, none
		}
		n, ok := args[i].integer()
		if !ok {
			return 0, writeSize
		}
		return n, none
	}
}

func byFactor(n int64) bound { return func([]argument) (int64, touchstone.Text) { return n, none } }

func byRange(args []argument) (int64, touchstone.Text) {
	ends := make([]int64, len(args))
	for i := range args {
		n, ok := args[i].integer()
		if !ok || n < -maxGrowth || n > maxGrowth {
			return 0, asTable
		}
		ends[i] = n
	}
	switch len(ends) {
	case 0:
		return 1, none
	case 1:
		return ends[0] + 1, none
	}
	return max(ends[1]-ends[0], ends[0]-ends[1]) + 1, none
}

var wide = regexp.MustCompile(`[0-9]{4}|\*|\{:?[^}]*\{`)

// byFormat refuses a width of four digits or more and one that is an argument.
func byFormat(args []argument) (int64, touchstone.Text) {
	if len(args) == 0 {
		return 1, none
	}
	format, ok := args[0].text()
	if !ok || wide.MatchString(format) {
		return 0, plain
	}
	return 1, none
}

// byReplace: each occurrence of the second argument becomes the third.
func byReplace(args []argument) (int64, touchstone.Text) {
	if len(args) != 3 {
		return 1, none
	}
	from, ok := args[1].text()
	to, also := args[2].text()
	if !ok || !also {
		return 0, touchstone.Textf("write what is replaced, and with what, as texts")
	}
	if from == "" {
		return 1, none
	}
	return int64((len(to) + len(from) - 1) / len(from)), none
}

// byRegexpReplace: every place between two characters may become the third argument.
func byRegexpReplace(args []argument) (int64, touchstone.Text) {
	if len(args) < 3 {
		return 1, none
	}
	to, ok := args[2].text()
	if !ok {
		return 0, touchstone.Textf("write what the matches are replaced with as a text")
	}
	return int64(len(to)) + 1, none
}

// byPattern bounds the wildcards of the pattern, which is the second argument.
func byPattern(wildcard rune, most int) bound {
	return func(args []argument) (int64, touchstone.Text) {
		if len(args) < 2 {
			return 1, none
		}
		pattern, ok := args[1].text()
		if !ok {
			return 0, touchstone.Textf("write the pattern as a text, or use contains(…), starts_with(…) or regexp_matches(…)")
		}
		if strings.Count(pattern, string(wildcard)) > most {
			return 0, touchstone.Textf("a pattern has %d %c at most; regexp_matches(…) takes any", most, wildcard)
		}
		return 1, none
	}
}

// wordSet makes a set of a list of words, once.
func wordSet(list string) map[string]bool {
	if set, ok := wordSets.Load(list); ok {
		return set.(map[string]bool)
	}
	set := map[string]bool{}
	for _, word := range strings.Fields(list) {
		set[word] = true
	}
	wordSets.Store(list, set)
	return set
}

var wordSets sync.Map // string → map[string]bool, of the lists in allowed.go

// functions are the names of all families, in lower case.
var functions = sync.OnceValue(func() map[string]bool {
	set := map[string]bool{}
	for _, f := range families {
		for _, name := range strings.Fields(f.functions) {
			set[strings.ToLower(name)] = true
		}
	}
	return set
})

// nearest is the function whose name differs from name by a letter or two, if there is one.
func nearest(name string) string {
	best, least := "", 3
	for f := range functions() {
		if d := spelling.Distance(name, f); d < least && d <= len(name)/2 || d == least && f < best {
			best, least = f, d
		}
	}
	return best
}
