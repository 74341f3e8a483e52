package profile

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/jsonwalk"
	"github.com/touchstone-cdp/touchstone/store"
)

// searchable are the traits by which a person can be found.
var searchable = []string{"name", "firstName", "first_name", "lastName", "last_name", "email", "phone", "username", "nickname", "姓名", "昵称", "手机"}

const (
	maxHanName   = 6 // characters; longer texts are no names of people
	maxTermBytes = 64
	maxTermWords = 4 // of one name, beside the name as a whole
)

// termsOf appends the search terms of a person to dst, sorted, each once.
func (p *Profiles) termsOf(dst []string, t *traits) []string {
	if t == nil || len(t.list) == 0 {
		return dst
	}
	for _, name := range searchable {
		word := p.words[traitWords].known(name)
		if word == 0 {
			continue
		}
		if i, ok := t.find(word); ok {
			dst = appendTerms(dst, jsonwalk.Text(t.list[i].json))
		}
	}
	slices.Sort(dst)
	return slices.Compact(dst)
}

func appendTerms(dst []string, value string) []string {
	value = foldTerm(value)
	if value == "" {
		return dst
	}
	dst = append(dst, cutTerm(value))
	if !strings.Contains(value, " ") {
		return appendGivenNames(dst, value)
	}
	words := strings.Fields(value)
	for _, w := range words[1:min(len(words), maxTermWords+1)] {
		dst = append(dst, cutTerm(w))
	}
	return dst
}

// appendGivenNames adds what remains of a Chinese name without its first characters: people
// look for 伟 or 小明 as well as for 张伟 and 欧阳小明, and where a surname ends cannot be seen.
func appendGivenNames(dst []string, name string) []string {
	if utf8.RuneCountInString(name) > maxHanName || strings.ContainsFunc(name, func(r rune) bool { return !unicode.Is(unicode.Han, r) }) {
		return dst
	}
	for i := range name {
		if i > 0 {
			dst = append(dst, name[i:])
		}
	}
	return dst
}

// foldTerm brings what is searched and what is found into one form.
func foldTerm(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), " ")) }

// cutTerm bounds a term, at the border of a character.
func cutTerm(s string) string {
	if len(s) <= maxTermBytes {
		return s
	}
	s = s[:maxTermBytes]
	return strings.ToValidUTF8(s, "")
}

// termChanges are rows of the search index to add and to take away.
type termChanges struct {
	add, remove []termRow
}

type termRow struct {
	term   string
	person touchstone.PersonID
}

// note compares a person's sorted terms before and after.
func (c *termChanges) note(person touchstone.PersonID, before, after []string) {
	for len(before) > 0 || len(after) > 0 {
		switch {
		case len(after) == 0 || len(before) > 0 && before[0] < after[0]:
			c.remove = append(c.remove, termRow{strings.Clone(before[0]), person})
			before = before[1:]
		case len(before) == 0 || after[0] < before[0]:
			c.add = append(c.add, termRow{after[0], person})
			after = after[1:]
		default:
			before, after = before[1:], after[1:]
		}
	}
}

func (c *termChanges) save(ctx context.Context, tx *store.Tx) error {
	compare := func(a, b termRow) int { return cmp.Or(cmp.Compare(a.term, b.term), cmp.Compare(a.person, b.person)) }
	slices.SortFunc(c.remove, compare)
	slices.SortFunc(c.add, compare)
	for _, r := range c.remove {
		if _, err := tx.Exec(ctx, `DELETE FROM profile_terms WHERE term = ? AND person = ?`, r.term, int64(r.person)); err != nil {
			return err
		}
	}
	return tx.BulkUpsert(ctx, store.Upsert{Table: "profile_terms", Columns: []string{"term", "person"}, Key: []string{"term", "person"}, IgnoreConflict: true},
		len(c.add), func(i int, args []any) { args[0], args[1] = c.add[i].term, int64(c.add[i].person) })
}
