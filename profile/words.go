package profile

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/touchstone-cdp/touchstone/store"
)

// class is a space of words that states mention by number.
type class uint8

const (
	eventWords class = iota // names of events
	traitWords              // names of traits
	labelWords              // sources, channels, cities, countries
	classes
)

// The bounds on words. What comes after is counted as "other" (events, labels) or left
// out (traits); all of that is visible on /metrics.
var maxWords = [classes]int{50_000, 10_000, 50_000}

const maxWordBytes = 200

// vocabulary numbers words in order of first sight, from 1. It belongs to the stage.
type vocabulary struct {
	class class
	ids   map[string]uint32
	words []string // by number
	saved int      // words up to this number are in the store

	grow func(v *vocabulary, word string) uint32 // numbers a word, if others number words, too
}

func newVocabulary(c class) *vocabulary {
	v := &vocabulary{class: c}
	v.set([]string{""})
	return v
}

func (v *vocabulary) set(words []string) {
	v.words, v.saved = words, len(words)-1
	v.ids = make(map[string]uint32, len(words))
	for i, w := range words[1:] {
		v.ids[w] = uint32(i + 1) //nolint:gosec // bounded
	}
}

// id returns a word's number, a new one if need be, 0 for a word that has no place.
func (v *vocabulary) id(word string) uint32 {
	if n, ok := v.ids[word]; ok {
		return n
	}
	if word == "" || len(word) > maxWordBytes || len(v.words) > maxWords[v.class] || !storable(word) {
		return 0
	}
	if v.grow != nil {
		return v.grow(v, word)
	}
	word = strings.Clone(word)
	n := uint32(len(v.words)) //nolint:gosec // bounded
	v.ids[word] = n
	v.words = append(v.words, word)
	return n
}

// storable reports whether a text comes back from the store as it was.
func storable(s string) bool { return strings.IndexByte(s, 0) < 0 && utf8.ValidString(s) }

// known returns a word's number, 0 for a word never seen.
func (v *vocabulary) known(word string) uint32 { return v.ids[word] }

// word returns the word of a number that the stage itself wrote.
func (v *vocabulary) word(n uint32) string { return v.words[n] }

func loadWords(ctx context.Context, q store.Querier, c class) ([]string, error) {
	rows, err := q.Query(ctx, `SELECT id, word FROM profile_words WHERE class = ? ORDER BY id`, int64(c))
	if err != nil {
		return nil, fmt.Errorf("read words: %w", err)
	}
	defer rows.Close()
	words := []string{""}
	for rows.Next() {
		var id int
		var word string
		if err := rows.Scan(&id, &word); err != nil {
			return nil, err
		}
		if id != len(words) {
			return nil, fmt.Errorf("word %d of class %d is missing", len(words), c)
		}
		words = append(words, word)
	}
	return words, rows.Err()
}

// save writes the words that are new in this batch.
func (v *vocabulary) save(ctx context.Context, tx *store.Tx) error {
	fresh := v.words[v.saved+1:]
	if len(fresh) == 0 {
		return nil
	}
	err := tx.BulkUpsert(ctx, store.Upsert{Table: "profile_words", Columns: []string{"class", "id", "word"}}, len(fresh), func(i int, args []any) {
		args[0], args[1], args[2] = int64(v.class), int64(v.saved+1+i), fresh[i]
	})
	v.saved = len(v.words) - 1
	return err
}

// glossary is what readers know of the words that have been committed. A number's word
// never changes, so it is read again only when a number is new.
type glossary struct {
	mu    sync.Mutex
	words [classes][]string
}

// upTo returns the words of a class, at least up to a number if the store has it.
func (g *glossary) upTo(ctx context.Context, q store.Querier, c class, n uint32) ([]string, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if int(n) < len(g.words[c]) {
		return g.words[c], nil
	}
	words, err := loadWords(ctx, q, c)
	if err != nil {
		return nil, err
	}
	g.words[c] = words
	return words, nil
}

// wordOf is a word of a list, "" when the number is not in it.
func wordOf(words []string, n uint32) string {
	if int(n) < len(words) {
		return words[n]
	}
	return ""
}
