package household

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// TagCommand gives tags to a household, and takes them away: TagBody.
const TagCommand = "household.tag"

// TagBody names a household by its id, which follows from the log, so that a rebuild has the same.
type TagBody struct {
	Household string   `json:"household"`
	Add       []string `json:"add"`
	Remove    []string `json:"remove"`
}

// Bounds of tags.
const (
	maxTags     = 50 // of a household
	maxTagBytes = 100
)

// Tag is a tag of a household, and who gave it.
type Tag struct {
	Tag   string    `json:"tag"`
	Actor string    `json:"actor"`
	At    time.Time `json:"at"`
}

func checkTags(body touchstone.JSON) error {
	var in TagBody
	if err := json.Unmarshal([]byte(body), &in); err != nil {
		return touchstone.Errorf(touchstone.Invalid, "the command's body is not of its form")
	}
	if _, ok := ParseID(in.Household); !ok {
		return touchstone.Errorf(touchstone.Invalid, "%.40q is not the id of a household: it looks like h_1a2b", in.Household)
	}
	if n := len(in.Add) + len(in.Remove); n == 0 || n > maxTags {
		return touchstone.Errorf(touchstone.Invalid, "add and remove name 1 to %d tags together", maxTags)
	}
	for _, tag := range append(slices.Clone(in.Add), in.Remove...) {
		if tag == "" || strings.TrimSpace(tag) != tag || len(tag) > maxTagBytes || !utf8.ValidString(tag) || strings.ContainsFunc(tag, unicode.IsControl) {
			return touchstone.Errorf(touchstone.Invalid, "%.120q is no tag: it has 1 to %d bytes, and no blanks at its ends", tag, maxTagBytes)
		}
	}
	return nil
}

func (h *Households) doTag(ctx context.Context, tx *store.Tx, _ *touchstone.Batch, c touchstone.Command) (any, error) {
	var in TagBody
	if err := json.Unmarshal([]byte(c.Body), &in); err != nil {
		return nil, touchstone.Errorf(touchstone.Invalid, "the command's body is not of its form")
	}
	named, _ := ParseID(in.Household)
	// In a rebuild the household may not be there yet: it is derived later than the command.
	id, err := h.aliasOf(ctx, tx, named)
	if err != nil {
		return nil, err
	}
	for _, tag := range in.Remove {
		// Those that were given to households which have become this one go, too.
		if _, err := tx.Exec(ctx, `DELETE FROM household_tags WHERE tag = ? AND (household = ? OR household IN (SELECT old FROM household_aliases WHERE household = ?))`, tag, int64(id), int64(id)); err != nil {
			return nil, err
		}
	}
	for _, tag := range in.Add {
		if _, err := tx.Exec(ctx, `INSERT INTO household_tags (household, tag, actor, at) VALUES (?, ?, ?, ?) ON CONFLICT (household, tag) DO NOTHING`, int64(id), tag, c.Actor, c.SubmittedAt.UnixMilli()); err != nil {
			return nil, err
		}
	}
	all, err := tagsOf(ctx, tx, []int64{int64(id)})
	if err != nil {
		return nil, err
	}
	if len(all[id]) > maxTags {
		return nil, touchstone.Errorf(touchstone.Conflict, "a household has at most %d tags", maxTags).WithHint("take some away first")
	}
	return map[string]any{"id": id, "tags": all[id]}, touch(ctx, tx)
}

// tagsOf returns the tags of households, those of households that have become them among them, by name.
func tagsOf(ctx context.Context, q store.Querier, households []int64) (map[ID][]Tag, error) {
	out := map[ID][]Tag{}
	scan := func(rows *sql.Rows) error {
		var id, at int64
		var t Tag
		if err := rows.Scan(&id, &t.Tag, &t.Actor, &at); err != nil {
			return err
		}
		t.At = time.UnixMilli(at).UTC()
		if !slices.ContainsFunc(out[ID(id)], func(other Tag) bool { return other.Tag == t.Tag }) {
			out[ID(id)] = append(out[ID(id)], t)
		}
		return nil
	}
	for _, text := range []string{
		`SELECT household, tag, actor, at FROM household_tags WHERE household IN (...)`,
		`SELECT a.household, t.tag, t.actor, t.at FROM household_aliases a JOIN household_tags t ON t.household = a.old WHERE a.household IN (...)`,
	} {
		if err := store.SelectIn(ctx, q, text, households, scan); err != nil {
			return nil, err
		}
	}
	for _, list := range out {
		slices.SortFunc(list, func(a, b Tag) int { return strings.Compare(a.Tag, b.Tag) })
	}
	return out, nil
}

// allTags returns the tags that households have, the most frequent first.
func (h *Households) allTags(ctx context.Context) ([]string, error) {
	list := []string{}
	rows, err := h.cfg.DB.Reader().Query(ctx, `SELECT tag FROM household_tags GROUP BY tag ORDER BY COUNT(*) DESC, tag LIMIT 500`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var tag string
		if err := rows.Scan(&tag); err != nil {
			return nil, err
		}
		list = append(list, tag)
	}
	return list, rows.Err()
}

// homesOf returns the households that persons are or were in.
func homesOf(ctx context.Context, q store.Querier, persons []int64) (homes []int64, err error) {
	err = store.SelectIn(ctx, q, `SELECT DISTINCT household FROM household_members WHERE person IN (...)`, persons, func(rows *sql.Rows) error {
		var id int64
		err := rows.Scan(&id)
		homes = append(homes, id)
		return err
	})
	slices.Sort(homes)
	return slices.Compact(homes), err
}

// forgetTags deletes the tags of households in which an erasure leaves at most one: such a household is no more, and
// its tags may say something about who was there. Those of a household that rules or a move have dissolved stay: it may come back.
func forgetTags(ctx context.Context, tx *store.Tx, homes []int64) error {
	for _, text := range []string{
		`DELETE FROM household_tags WHERE household IN (SELECT old FROM household_aliases WHERE household IN (...)) AND NOT EXISTS (SELECT 1 FROM household_aliases a JOIN household_members m ON m.household = a.household
			WHERE a.old = household_tags.household GROUP BY a.household HAVING COUNT(*) > 1)`,
		`DELETE FROM household_tags WHERE household IN (...) AND (SELECT COUNT(*) FROM household_members m WHERE m.household = household_tags.household) < 2`,
	} {
		if err := store.ExecIn(ctx, tx, text, homes); err != nil {
			return err
		}
	}
	return nil
}
