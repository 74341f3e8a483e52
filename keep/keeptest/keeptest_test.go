package keeptest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

// book is a keeper of a visitors' book: a line per event, and how many lines each person has.
// wrong names one of its ways to be wrong.
type book struct {
	wrong string
	lines map[touchstone.PersonID]int64 // beside the rows, as a cache would be
}

const bookTables = `CREATE TABLE IF NOT EXISTS book_lines (message_id TEXT PRIMARY KEY, person BIGINT NOT NULL, node BIGINT NOT NULL, note TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS book_counts (person BIGINT PRIMARY KEY, lines BIGINT NOT NULL)`

func openBook(wrong string) Open {
	return func(t testing.TB, w *World) Feature {
		k := &book{wrong: wrong}
		err := w.DB.Update(t.Context(), func(tx *store.Tx) error {
			for _, text := range strings.Split(bookTables, ";\n") {
				if _, err := tx.Exec(t.Context(), text); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		f := Feature{Keeper: k, React: k.react, Totals: func(ctx context.Context, q store.Querier) (n any, err error) {
			var lines int64
			err = q.QueryRow(ctx, `SELECT COALESCE(CAST(SUM(lines) AS BIGINT), 0) FROM book_counts`).Scan(&lines)
			return lines, err
		}}
		if wrong == "remembers a failed batch" {
			k.lines = map[touchstone.PersonID]int64{}
		}
		return f
	}
}

func (k *book) react(ctx context.Context, tx *store.Tx, b *touchstone.Batch) error {
	for i := range b.Facts {
		f := &b.Facts[i]
		if _, err := tx.Exec(ctx, `INSERT INTO book_lines (message_id, person, node, note) VALUES (?, ?, ?, ?)`, f.MessageID, int64(f.Person), int64(f.Node), string(f.Properties)+string(f.Traits)); err != nil {
			return err
		}
		add := int64(1)
		if k.lines != nil {
			k.lines[f.Person]++
			if add = k.lines[f.Person]; add > 1 {
				add = 2
			}
		}
		if _, err := tx.Exec(ctx, `INSERT INTO book_counts (person, lines) VALUES (?, ?) ON CONFLICT (person) DO UPDATE SET lines = book_counts.lines + 1`, int64(f.Person), add); err != nil {
			return err
		}
	}
	return nil
}

func (k *book) Name() string { return "book" }

func (k *book) Tables() []keep.Table {
	return []keep.Table{
		{Name: "book_lines", Persons: []string{"person"}, Nodes: []string{"node"}, Texts: []string{"note", "message_id"}},
		{Name: "book_counts", Persons: []string{"person"}},
	}
}

func (k *book) Merge(ctx context.Context, tx *store.Tx, merges []keep.Merge) error {
	if k.wrong == "does not merge" {
		return nil
	}
	for _, m := range merges {
		if _, err := tx.Exec(ctx, `UPDATE book_lines SET person = ? WHERE person = ?`, int64(m.Into), int64(m.From)); err != nil {
			return err
		}
		if err := k.recount(ctx, tx, m.Into, m.From); err != nil {
			return err
		}
	}
	return nil
}

func (k *book) Split(ctx context.Context, tx *store.Tx, splits []keep.Split) error {
	for _, s := range splits {
		for _, n := range s.Moved {
			if _, err := tx.Exec(ctx, `UPDATE book_lines SET person = ? WHERE node = ?`, int64(s.To), int64(n)); err != nil {
				return err
			}
		}
		if k.wrong == "does not part counts" {
			continue
		}
		if err := k.recount(ctx, tx, s.From, s.To); err != nil {
			return err
		}
	}
	return nil
}

func (k *book) recount(ctx context.Context, tx *store.Tx, persons ...touchstone.PersonID) error {
	for i, p := range persons {
		if k.wrong == "leaves the absorbed one" && i == 1 {
			return nil
		}
		if _, err := tx.Exec(ctx, `DELETE FROM book_counts WHERE person = ?`, int64(p)); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO book_counts SELECT person, COUNT(*) FROM book_lines WHERE person = ? GROUP BY person`, int64(p)); err != nil {
			return err
		}
	}
	return nil
}

func (k *book) Erase(ctx context.Context, tx *store.Tx, persons []keep.Whole) error {
	for _, e := range persons {
		text := `DELETE FROM book_lines WHERE person = ?`
		switch k.wrong {
		case "erases counts only":
			text = `UPDATE book_lines SET note = '' WHERE person = ?`
		case "erases the name only":
			text = `UPDATE book_lines SET person = 0, node = 0, message_id = message_id || 'x' WHERE person = ?`
		case "erases all":
			text = `DELETE FROM book_lines WHERE person = ? OR 1 = 1`
		}
		if _, err := tx.Exec(ctx, text, int64(e.Person)); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM book_counts WHERE person = ?`, int64(e.Person)); err != nil {
			return err
		}
	}
	return nil
}

func (k *book) Export(ctx context.Context, q store.Querier, who keep.Whole, put keep.Put) error {
	where, args := `WHERE person = ?`, []any{int64(who.Person)}
	switch k.wrong {
	case "exports nothing":
		return nil
	case "exports all":
		where, args = ``, nil
	}
	return keep.Each(ctx, q, `SELECT message_id, note FROM book_lines `+where+` ORDER BY message_id`, args, func(scan func(...any) error) error {
		var line struct {
			MessageID string `json:"message_id"`
			Note      string `json:"note"`
		}
		if err := scan(&line.MessageID, &line.Note); err != nil {
			return err
		}
		return put("line", line)
	})
}

func TestExercise(t *testing.T) { Exercise(t, openBook("")) }

// caught takes the first failure of a history.
type caught struct{ text string }

func (*caught) Helper() {}

func (c *caught) Fatalf(format string, args ...any) {
	c.text = fmt.Sprintf(format, args...)
	panic(c)
}

// What is wrong is found, and the words say what it is.
func TestExerciseFindsWhatIsWrong(t *testing.T) {
	for wrong, says := range map[string]string{
		"does not merge":           "names p_",
		"leaves the absorbed one":  "names p_",
		"does not part counts":     "what they would be",
		"erases counts only":       "who was erased",
		"erases the name only":     "who was erased",
		"erases all":               "changed rows of others",
		"exports nothing":          "is empty",
		"exports all":              "holds",
		"remembers a failed batch": "totals",
	} {
		t.Run(wrong, func(t *testing.T) {
			storetest.Run(t, func(t *testing.T, db *store.DB) {
				s := &stage{t: t, db: db, open: openBook(wrong), stored: map[string]bool{}}
				s.prepare()
				var found []string
				for _, story := range stories {
					if c := s.tryStory(story.batches); c != nil {
						found = append(found, story.name+": "+c.text)
					}
				}
				if !slices.ContainsFunc(found, func(text string) bool { return strings.Contains(text, says) }) {
					t.Errorf("found %q", found)
				}
			})
		})
	}
}

func (s *stage) tryStory(batches []batch) (found *caught) {
	defer func() {
		if r := recover(); r != nil {
			var ok bool
			if found, ok = r.(*caught); !ok {
				panic(r)
			}
		}
	}()
	s.play(&caught{}, batches)
	return nil
}

// A feature that keeps nothing has shown nothing.
func TestExerciseOfNothingFails(t *testing.T) {
	s := &stage{stored: map[string]bool{}}
	defer func() {
		if recover() == nil {
			t.Error("nobody noticed")
		}
	}()
	s.meant(&caught{})
}

// Whatever was absorbed in a chain ends with the last.
func TestFinal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		owner := map[touchstone.PersonID]touchstone.PersonID{}
		alive := []touchstone.PersonID{1, 2, 3, 4, 5, 6}
		var merges []keep.Merge
		for range rapid.IntRange(0, 5).Draw(t, "merges") {
			i := rapid.IntRange(0, len(alive)-1).Draw(t, "from")
			from := alive[i]
			alive = append(alive[:i:i], alive[i+1:]...)
			into := rapid.SampledFrom(alive).Draw(t, "into")
			merges = append(merges, keep.Merge{Into: into, From: from})
			for p, o := range owner {
				if o == from {
					owner[p] = into
				}
			}
			owner[from] = into
		}
		order, into := keep.Final(merges)
		if len(order) != len(merges) {
			t.Fatalf("%v of %v", order, merges)
		}
		for p, o := range owner {
			if into[p] != o {
				t.Fatalf("%s went into %s, not %s: %v", p, into[p], o, merges)
			}
		}
	})
}
