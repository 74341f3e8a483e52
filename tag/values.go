package tag

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// held is the value that somebody has of a tag.
type held struct {
	value   touchstone.JSON // null: it was taken away
	at      int64
	expires int64
	node    touchstone.NodeID
}

// current returns the values that persons have of a tag; who never had one is missing.
func current(ctx context.Context, q store.Querier, tag string, persons []touchstone.PersonID) (map[touchstone.PersonID]held, error) {
	out := make(map[touchstone.PersonID]held, len(persons))
	err := store.SelectIn(ctx, q, `SELECT person, node, value, at, expires FROM tag_values WHERE tag = ? AND current = 1 AND person IN (...)`, persons, func(rows *sql.Rows) error {
		var person, node int64
		var h held
		var value string
		if err := rows.Scan(&person, &node, &value, &h.at, &h.expires); err != nil {
			return err
		}
		h.value, h.node = touchstone.JSON(value), touchstone.NodeID(node)
		out[touchstone.PersonID(person)] = h
		return nil
	}, tag)
	return out, err
}

// change is a value to be written.
type change struct {
	Value
	origin  string
	expires int64
}

// write makes values those that persons have, and sets their traits. Each person comes once.
func (t *Tags) write(ctx context.Context, tx *store.Tx, x *Tag, list []change) error {
	if len(list) == 0 {
		return nil
	}
	persons := make([]touchstone.PersonID, len(list))
	values := make([]Value, len(list))
	for i := range list {
		persons[i], values[i] = list[i].Person, list[i].Value
	}
	if err := store.ExecIn(ctx, tx, `UPDATE tag_values SET current = 0 WHERE tag = ? AND current = 1 AND person IN (...)`, persons, x.ID); err != nil {
		return err
	}
	u := store.Upsert{Table: "tag_values", Columns: []string{"tag", "node", "person", "value", "at", "seq", "version", "origin", "expires", "current"}, Key: []string{"tag", "node"}}
	if err := tx.BulkUpsert(ctx, u, len(list), func(i int, args []any) {
		c := &list[i]
		args[0], args[1], args[2], args[3], args[4], args[5], args[6], args[7], args[8], args[9] = x.ID, int64(c.Node), int64(c.Person), string(c.Value.Value),
			c.At.UnixMilli(), int64(c.Seq), x.Serving, c.origin, c.expires, 1
	}); err != nil {
		return err
	}
	t.metrics.written.WithLabelValues(string(x.Kind)).Add(float64(len(list)))
	return t.cfg.SetTraits(ctx, tx, values)
}

// settle says again which of the values under a person's identifiers is the person's: the latest.
func settle(ctx context.Context, tx *store.Tx, persons []touchstone.PersonID) error {
	type row struct {
		tag       string
		node      int64
		at, seq   int64
		isCurrent int64
	}
	for _, person := range persons {
		var list []row
		err := store.SelectIn(ctx, tx, `SELECT tag, node, at, seq, current FROM tag_values WHERE person IN (...)`, []touchstone.PersonID{person}, func(rows *sql.Rows) error {
			var r row
			err := rows.Scan(&r.tag, &r.node, &r.at, &r.seq, &r.isCurrent)
			list = append(list, r)
			return err
		})
		if err != nil {
			return err
		}
		latest := map[string]row{}
		for _, r := range list {
			if b, ok := latest[r.tag]; !ok || r.at > b.at || r.at == b.at && r.seq > b.seq {
				latest[r.tag] = r
			}
		}
		for _, r := range list {
			want := int64(0)
			if latest[r.tag].node == r.node {
				want = 1
			}
			if want == r.isCurrent {
				continue
			}
			if _, err := tx.Exec(ctx, `UPDATE tag_values SET current = ? WHERE tag = ? AND node = ?`, want, r.tag, r.node); err != nil {
				return err
			}
		}
	}
	return nil
}

// OfPerson is a tag that somebody has, with where the value comes from.
type OfPerson struct {
	ID         string          `json:"id"`
	Key        string          `json:"key"`
	Name       string          `json:"name"`
	Folder     string          `json:"folder"`
	Kind       Kind            `json:"kind"`
	Value      touchstone.JSON `json:"value"`
	Since      time.Time       `json:"since"`       // when it was written
	ComputedAt *time.Time      `json:"computed_at"` // up to when the tag's values are complete
	Version    int64           `json:"version"`
	Origin     string          `json:"origin"`
	ExpiresAt  *time.Time      `json:"expires_at"`
	Stale      bool            `json:"stale"` // older than the tag's contract allows
	// StaleAt is when it becomes too old unless it is computed again; null: never, or it is live.
	StaleAt *time.Time `json:"stale_at"`
	// Scores are those of an interest, the strongest first, as of now.
	Scores []ItemScore `json:"scores,omitempty"`
}

// ItemScore is how much somebody cares for an item.
type ItemScore struct {
	Item  string  `json:"item"`
	Score float64 `json:"score"`
}

// Of returns the tags that a person has, by folder and name.
func (t *Tags) Of(ctx context.Context, person touchstone.PersonID) ([]OfPerson, error) {
	tags, err := t.List(ctx)
	if err != nil {
		return nil, err
	}
	byID := make(map[string]*Tag, len(tags))
	for i := range tags {
		byID[tags[i].ID] = &tags[i]
	}
	list := []OfPerson{}
	q := t.cfg.DB.Reader()
	err = store.SelectIn(ctx, q, `SELECT tag, value, at, version, origin, expires FROM tag_values WHERE current = 1 AND value <> 'null' AND person IN (...)`, []touchstone.PersonID{person}, func(rows *sql.Rows) error {
		var o OfPerson
		var value string
		var at, expires int64
		if err := rows.Scan(&o.ID, &value, &at, &o.Version, &o.Origin, &expires); err != nil {
			return err
		}
		x := byID[o.ID]
		if x == nil {
			return nil // deleted meanwhile
		}
		o.Key, o.Name, o.Folder, o.Kind, o.ComputedAt, o.Stale = x.Key, x.Name, x.Folder, x.Kind, x.ComputedAt, x.Freshness.Cause != ""
		o.StaleAt = x.Freshness.staleAt()
		o.Value, o.Since, o.ExpiresAt = touchstone.JSON(value), time.UnixMilli(at).UTC(), momentOf(expires)
		list = append(list, o)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i := range list {
		if x := byID[list[i].ID]; x.Kind == Interest {
			if list[i].Scores, err = t.scoresOf(ctx, x, person); err != nil {
				return nil, err
			}
		}
	}
	slices.SortFunc(list, func(a, b OfPerson) int {
		if c := strings.Compare(a.Folder, b.Folder); c != 0 {
			return c
		}
		return strings.Compare(a.Name+a.ID, b.Name+b.ID)
	})
	return list, nil
}

// ValueCount is how many persons have a value.
type ValueCount struct {
	Value   touchstone.JSON `json:"value"` // "" in Day: all beyond the most frequent
	Persons int64           `json:"persons"`
}

// Distribution is who has what of a tag.
type Distribution struct {
	Persons  int64        `json:"persons"`  // who have a value
	Of       int64        `json:"of"`       // all persons
	Coverage float64      `json:"coverage"` // the share of those who have one
	Values   []ValueCount `json:"values"`   // the most frequent
	Others   int64        `json:"others"`   // persons with other values
}

// shown is how many values a distribution names.
const shown = 50

// Distribution counts the values of a tag now. A list is a value of its own.
func (t *Tags) Distribution(ctx context.Context, id string) (d Distribution, err error) {
	if _, err := t.get(ctx, t.cfg.DB.Reader(), id); err != nil {
		return d, err
	}
	if d, err = distribution(ctx, t.cfg.DB.Reader(), id); err != nil {
		return d, err
	}
	if d.Of, err = t.cfg.Count(ctx); err != nil {
		return d, err
	}
	if d.Of > 0 {
		d.Coverage = min(float64(d.Persons)/float64(d.Of), 1)
	}
	return d, nil
}

func distribution(ctx context.Context, q store.Querier, id string) (Distribution, error) {
	d := Distribution{Values: []ValueCount{}}
	rows, err := q.Query(ctx, `SELECT value, COUNT(*) FROM tag_values WHERE tag = ? AND current = 1 AND value <> 'null' GROUP BY value ORDER BY COUNT(*) DESC, value`, id)
	if err != nil {
		return d, err
	}
	defer rows.Close()
	for rows.Next() {
		var value string
		var n int64
		if err := rows.Scan(&value, &n); err != nil {
			return d, err
		}
		d.Persons += n
		if len(d.Values) < shown {
			d.Values = append(d.Values, ValueCount{touchstone.JSON(value), n})
		} else {
			d.Others += n
		}
	}
	return d, rows.Err()
}

// Day is the values of a tag at the end of a day, or now.
type Day struct {
	Date   string       `json:"date"`
	Values []ValueCount `json:"values"`
	Others int64        `json:"others"`
}

// maxDays is how many days of a history are kept.
const maxDays = 400

// leastNamed is how many must have a value before the history names it: what few have may tell who they are, and a
// history outlives them.
const leastNamed = 5

// note counts the values of a tag for the day that it is. It fails unless the caller may write.
func (t *Tags) note(ctx context.Context, id string, fence Fence) error {
	d, err := distribution(ctx, t.cfg.DB.Reader(), id)
	if err != nil {
		return err
	}
	now := t.cfg.Clock.Now()
	day, oldest := now.In(t.cfg.Zone()).Format(time.DateOnly), now.AddDate(0, 0, -maxDays).Format(time.DateOnly)
	return t.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		if fence != nil {
			if err := fence(ctx, tx); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, `DELETE FROM tag_days WHERE tag = ? AND (day = ? OR day < ?)`, id, day, oldest); err != nil {
			return err
		}
		var list []ValueCount
		others := d.Others
		for _, v := range d.Values {
			if v.Persons < leastNamed {
				others += v.Persons
			} else {
				list = append(list, v)
			}
		}
		if others > 0 {
			list = append(list, ValueCount{Persons: others})
		}
		if len(list) == 0 { // that nobody has one is known, too
			list = []ValueCount{{}}
		}
		for _, v := range list {
			if _, err := tx.Exec(ctx, `INSERT INTO tag_days (tag, day, value, persons) VALUES (?, ?, ?, ?)`, id, day, string(v.Value), v.Persons); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, `UPDATE tags SET counted_at = ? WHERE id = ?`, now.UnixMilli(), id)
		return err
	})
}

// History returns the values of a tag by day, oldest first; days on which nobody looked are missing.
func (t *Tags) History(ctx context.Context, id string, days int) ([]Day, error) {
	first := t.cfg.Clock.Now().In(t.cfg.Zone()).AddDate(0, 0, 1-days).Format(time.DateOnly)
	rows, err := t.cfg.DB.Reader().Query(ctx, `SELECT day, value, persons FROM tag_days WHERE tag = ? AND day >= ? ORDER BY day, persons DESC, value`, id, first)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	list := []Day{}
	for rows.Next() {
		var day, value string
		var n int64
		if err := rows.Scan(&day, &value, &n); err != nil {
			return nil, err
		}
		if len(list) == 0 || list[len(list)-1].Date != day {
			list = append(list, Day{Date: day, Values: []ValueCount{}})
		}
		last := &list[len(list)-1]
		switch {
		case value != "":
			last.Values = append(last.Values, ValueCount{touchstone.JSON(value), n})
		default:
			last.Others += n
		}
	}
	return list, rows.Err()
}
