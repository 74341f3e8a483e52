package tag

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/csv"
	"errors"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/randid"
	"github.com/touchstone-cdp/touchstone/store"
)

// Bounds of taxonomies.
const (
	maxTaxonomies = 50
	maxLevels     = 6
	maxTreeItems  = 20_000
	maxItemName   = 200
	pathMark      = "\x1f"
	weightColumn  = "weight"
)

// Taxonomy is a tree of items: brands with their series.
type Taxonomy struct {
	ID        string    `json:"id"` // tax_…
	Name      string    `json:"name"`
	Version   int64     `json:"version"` // counts the files that were read
	Items     int64     `json:"items"`
	Levels    int       `json:"levels"`
	UpdatedAt time.Time `json:"updated_at"`
}

// Item is an item of a taxonomy.
type Item struct {
	Number int64   `json:"number"`
	Path   string  `json:"path"` // names from the top, parted by " / "
	Name   string  `json:"name"`
	Level  int     `json:"level"`
	Weight float64 `json:"weight"` // that holds for it, its own or that of what is above
	Above  int64   `json:"above"`  // 0 at the top
}

// tree is a taxonomy made ready to be asked.
type tree struct {
	version int64
	items   map[int64]*Item
	byName  map[string][]int64 // by folded name, the lowest levels first
	deepest int
}

// fold makes names that people write in several ways the same.
func fold(name string) string {
	return strings.Join(strings.Fields(strings.ToLower(name)), " ")
}

// find returns the item that a value names: a name, or a path of names parted by "/" or ">", of which some in between may be
// left out. A name that several items of the lowest level have, names none. Names may hold such marks themselves, so the
// longest name that is one counts.
func (t *tree) find(value string) (*Item, bool) {
	if item, ok := t.below(value, nil); ok {
		return item, true
	}
	for i, mark := range value {
		if mark != '/' && mark != '>' {
			continue
		}
		above := strings.FieldsFunc(value[:i], func(r rune) bool { return r == '/' || r == '>' })
		if item, ok := t.below(value[i+1:], above); ok {
			return item, true
		}
	}
	return nil, false
}

// below returns the item of a name that lies below items of other names, from the top.
func (t *tree) below(name string, names []string) (*Item, bool) {
	var found []*Item
	for _, n := range t.byName[fold(name)] {
		item := t.items[n]
		above, fits := item, true
		for i := len(names) - 1; i >= 0 && fits; i-- {
			for above = t.items[above.Above]; above != nil && fold(above.Name) != fold(names[i]); {
				above = t.items[above.Above]
			}
			fits = above != nil
		}
		if fits {
			found = append(found, item)
		}
	}
	if len(found) == 0 || len(found) > 1 && found[0].Level == found[1].Level {
		return nil, false
	}
	return found[0], true
}

// at returns what maps an item to those that it counts for at a level: itself and what is above. 0 is the item itself.
func (t *tree) at(level int) func(item int64) []int64 {
	return func(number int64) []int64 {
		item := t.items[number]
		if item == nil {
			return nil // it has gone from the taxonomy
		}
		if level == 0 {
			return []int64{number}
		}
		for item != nil && item.Level > level {
			item = t.items[item.Above]
		}
		if item == nil || item.Level != level {
			return nil // it lies above the level: nobody knows which of those below is meant
		}
		return []int64{item.Number}
	}
}

// Taxonomies returns all taxonomies, by name.
func (t *Tags) Taxonomies(ctx context.Context) ([]Taxonomy, error) {
	rows, err := t.cfg.DB.Reader().Query(ctx, `SELECT x.id, x.name, x.version, x.updated_at, COUNT(i.number), COALESCE(MAX(i.level), 0)
		FROM tag_taxonomies x LEFT JOIN tag_items i ON i.taxonomy = x.id AND i.gone = 0 GROUP BY x.id, x.name, x.version, x.updated_at ORDER BY x.name`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	list := []Taxonomy{}
	for rows.Next() {
		var x Taxonomy
		var updated int64
		if err := rows.Scan(&x.ID, &x.Name, &x.Version, &updated, &x.Items, &x.Levels); err != nil {
			return nil, err
		}
		x.UpdatedAt = time.UnixMilli(updated).UTC()
		list = append(list, x)
	}
	return list, rows.Err()
}

// Items returns the items of a taxonomy, what is above before what is below, by path. NotFound: there is none.
func (t *Tags) Items(ctx context.Context, id string) ([]Item, error) {
	tr, err := t.tree(ctx, t.cfg.DB.Reader(), id)
	if err != nil {
		return nil, err
	}
	list := make([]Item, 0, len(tr.items))
	for _, x := range tr.items {
		list = append(list, *x)
	}
	slices.SortFunc(list, func(a, b Item) int { return strings.Compare(a.Path, b.Path) })
	return list, nil
}

// tree returns a taxonomy as of what q sees.
func (t *Tags) tree(ctx context.Context, q store.Querier, id string) (*tree, error) {
	var version int64
	err := q.QueryRow(ctx, `SELECT version FROM tag_taxonomies WHERE id = ?`, id).Scan(&version)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, touchstone.Errorf(touchstone.NotFound, "there is no taxonomy %.60q", id)
	}
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	known := t.trees[id]
	t.mu.Unlock()
	if known != nil && known.version == version {
		return known, nil
	}
	read, err := readTree(ctx, q, id, version)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	t.trees[id] = read // at most maxTaxonomies
	t.mu.Unlock()
	return read, nil
}

func readTree(ctx context.Context, q store.Querier, id string, version int64) (*tree, error) {
	rows, err := q.Query(ctx, `SELECT number, path, level, weight FROM tag_items WHERE taxonomy = ? AND gone = 0 ORDER BY level, path`, id)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	t := &tree{version: version, items: map[int64]*Item{}, byName: map[string][]int64{}}
	byPath := map[string]*Item{}
	for rows.Next() {
		x := &Item{}
		var path string
		if err := rows.Scan(&x.Number, &path, &x.Level, &x.Weight); err != nil {
			return nil, err
		}
		cut := strings.LastIndex(path, pathMark)
		x.Name, x.Path = path[cut+1:], strings.ReplaceAll(path, pathMark, " / ")
		if cut >= 0 {
			if above := byPath[path[:cut]]; above != nil {
				x.Above = above.Number
				if x.Weight == 0 {
					x.Weight = above.Weight
				}
			}
		}
		if x.Weight == 0 {
			x.Weight = 1
		}
		byPath[path], t.items[x.Number] = x, x
		t.byName[fold(x.Name)] = append(t.byName[fold(x.Name)], x.Number)
		t.deepest = max(t.deepest, x.Level)
	}
	for _, list := range t.byName {
		slices.SortStableFunc(list, func(a, b int64) int { return cmp.Compare(t.items[b].Level, t.items[a].Level) })
	}
	return t, rows.Err()
}

// Reading says what became of a file of a taxonomy.
type Reading struct {
	Taxonomy
	Rows  int64 `json:"rows"`
	Added int64 `json:"added"`
	Gone  int64 `json:"gone"` // items that were there and are not in the file
}

type treeRow struct {
	path   string
	level  int
	weight float64
}

// SetTaxonomy reads a file of a taxonomy: a CSV whose columns, from left to right, are the levels from the top, as named, and
// perhaps a column weight. An item keeps its number as long as its path is the same, whatever comes and goes beside it.
// An empty id makes a new one.
func (t *Tags) SetTaxonomy(ctx context.Context, id, name string, levels []string, file io.Reader) (r Reading, err error) {
	if name = strings.TrimSpace(name); name == "" || utf8.RuneCountInString(name) > maxName {
		return r, touchstone.Errorf(touchstone.Invalid, "name: a taxonomy's name has 1 to %d characters", maxName)
	}
	list, n, err := readTaxonomy(levels, file)
	if err != nil {
		return r, err
	}
	err = t.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		r = Reading{Rows: n, Taxonomy: Taxonomy{ID: id, Name: name, Items: int64(len(list)), UpdatedAt: t.cfg.Clock.Now()}}
		for _, x := range list {
			r.Levels = max(r.Levels, x.level)
		}
		return t.writeTaxonomy(ctx, tx, &r, list)
	})
	return r, err
}

func (t *Tags) writeTaxonomy(ctx context.Context, tx *store.Tx, r *Reading, list []treeRow) error {
	var other string
	err := tx.QueryRow(ctx, `SELECT id FROM tag_taxonomies WHERE name = ? AND id <> ?`, r.Name, r.ID).Scan(&other)
	switch {
	case err == nil:
		return touchstone.Errorf(touchstone.Conflict, "there is a taxonomy %q already (%s)", r.Name, other)
	case !errors.Is(err, sql.ErrNoRows):
		return err
	}
	if r.ID == "" {
		var n int
		if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM tag_taxonomies`).Scan(&n); err != nil {
			return err
		}
		if n >= maxTaxonomies {
			return touchstone.Errorf(touchstone.Conflict, "there are %d taxonomies, the most allowed", n)
		}
		r.ID, r.Version = randid.New("tax"), 1
		_, err = tx.Exec(ctx, `INSERT INTO tag_taxonomies (id, name, version, updated_at) VALUES (?, ?, 1, ?)`, r.ID, r.Name, r.UpdatedAt.UnixMilli())
	} else {
		err = tx.QueryRow(ctx, `UPDATE tag_taxonomies SET name = ?, version = version + 1, updated_at = ? WHERE id = ? RETURNING version`,
			r.Name, r.UpdatedAt.UnixMilli(), r.ID).Scan(&r.Version)
		if errors.Is(err, sql.ErrNoRows) {
			return touchstone.Errorf(touchstone.NotFound, "there is no taxonomy %.60q", r.ID)
		}
	}
	if err != nil {
		return err
	}
	known, last, err := knownItems(ctx, tx, r.ID)
	if err != nil {
		return err
	}
	before := 0
	for _, k := range known {
		if !k.gone {
			before++
		}
	}
	for _, x := range list {
		k, ok := known[x.path]
		if !ok {
			last++
			k.number = last
		}
		if !ok || k.gone {
			r.Added++
		} else {
			before--
		}
		if _, err := tx.Exec(ctx, `INSERT INTO tag_items (taxonomy, number, path, level, weight, gone) VALUES (?, ?, ?, ?, ?, 0)
			ON CONFLICT (taxonomy, number) DO UPDATE SET weight = excluded.weight, gone = 0`, r.ID, k.number, x.path, x.level, x.weight); err != nil {
			return err
		}
		delete(known, x.path)
	}
	r.Gone = int64(before)
	for _, k := range known {
		if _, err := tx.Exec(ctx, `UPDATE tag_items SET gone = 1 WHERE taxonomy = ? AND number = ?`, r.ID, k.number); err != nil {
			return err
		}
	}
	return nil
}

type knownItem struct {
	number int64
	gone   bool
}

func knownItems(ctx context.Context, tx *store.Tx, id string) (known map[string]knownItem, last int64, err error) {
	rows, err := tx.Query(ctx, `SELECT number, path, gone FROM tag_items WHERE taxonomy = ?`, id)
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close()
	known = map[string]knownItem{}
	for rows.Next() {
		var k knownItem
		var path string
		var gone int64
		if err := rows.Scan(&k.number, &path, &gone); err != nil {
			return nil, 0, err
		}
		k.gone = gone != 0
		known[path], last = k, max(last, k.number)
	}
	return known, last, rows.Err()
}

// readTaxonomy returns the items of a file, each once, what is above first, and the number of rows.
func readTaxonomy(levels []string, file io.Reader) (list []treeRow, rows int64, err error) {
	if len(levels) == 0 || len(levels) > maxLevels {
		return nil, 0, touchstone.Errorf(touchstone.Invalid, "levels: name the 1 to %d columns of the file that are levels, from the top", maxLevels)
	}
	r := csv.NewReader(file)
	r.ReuseRecord, r.FieldsPerRecord = true, 0
	head, err := r.Read()
	if err != nil {
		return nil, 0, touchstone.Wrap(touchstone.Invalid, err, "the file is no CSV with a line of column names")
	}
	at, weightAt := make([]int, len(levels)), -1
	names := slices.Clone(head)
	names[0] = strings.TrimPrefix(names[0], "\ufeff")
	for i, level := range levels {
		if at[i] = slices.Index(names, level); at[i] < 0 {
			return nil, 0, touchstone.Errorf(touchstone.Invalid, "levels.%d: the file has no column %.80q", i, level).WithHint("its columns are: %.500s", strings.Join(names, ", "))
		}
	}
	weightAt = slices.Index(names, weightColumn)
	seen := map[string]int{}
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, 0, touchstone.Wrap(touchstone.Invalid, err, "line %d of the file cannot be read", rows+2)
		}
		rows++
		weight, err := readWeight(row, weightAt, rows)
		if err != nil {
			return nil, 0, err
		}
		var path []string
		for _, column := range at {
			name := strings.TrimSpace(row[column])
			if name == "" {
				break
			}
			if len(name) > maxItemName || !utf8.ValidString(name) || strings.Contains(name, pathMark) {
				return nil, 0, touchstone.Errorf(touchstone.Invalid, "line %d of the file: a name is UTF-8 and has at most %d bytes", rows+1, maxItemName)
			}
			path = append(path, name)
			key := strings.Join(path, pathMark)
			if _, known := seen[key]; !known {
				if len(list) >= maxTreeItems {
					return nil, 0, touchstone.Errorf(touchstone.TooLarge, "the file has more than %d items", maxTreeItems)
				}
				seen[key] = len(list)
				list = append(list, treeRow{path: key, level: len(path)})
			}
		}
		if len(path) > 0 {
			list[seen[strings.Join(path, pathMark)]].weight = weight // a row's weight is that of its lowest item
		}
	}
	if len(list) == 0 {
		return nil, 0, touchstone.Errorf(touchstone.Invalid, "the file has no items")
	}
	slices.SortStableFunc(list, func(a, b treeRow) int { return cmp.Compare(a.level, b.level) })
	return list, rows, nil
}

func readWeight(row []string, at int, line int64) (float64, error) {
	if at < 0 || strings.TrimSpace(row[at]) == "" {
		return 0, nil
	}
	weight, err := strconv.ParseFloat(strings.TrimSpace(row[at]), 64)
	if err != nil || !(weight > 0 && weight <= maxWeight) || math.IsInf(weight, 0) {
		return 0, touchstone.Errorf(touchstone.Invalid, "line %d of the file: %.40q is no weight, which is more than 0 and at most %d", line+1, row[at], maxWeight)
	}
	return weight, nil
}
