package tag

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/jsonwalk"
	"github.com/touchstone-cdp/touchstone/store"
)

// era is the version whose sums a tag's scores are of: the first of those in a row that sum up the same.
func (t *Tags) era(ctx context.Context, q store.Querier, x *Tag) (int64, error) {
	era := x.Serving
	rows, err := q.Query(ctx, selectVersions+` AND version < ? AND approver <> '' ORDER BY version DESC`, x.ID, x.Serving)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for rows.Next() {
		v, err := scanVersion(rows.Scan)
		if err != nil {
			return 0, err
		}
		if v.Definition.Interest == nil || !x.Definition.Interest.sameSums(v.Definition.Interest) {
			break
		}
		era = v.Version
	}
	return era, rows.Err()
}

// liking is an interest tag made ready for events.
type liking struct {
	tag  *Tag
	era  int64
	tree *tree
	sums map[touchstone.NodeID]*Sums // of this transaction
	whom map[touchstone.NodeID]touchstone.PersonID
}

func (t *Tags) likings(ctx context.Context, tx *store.Tx, tags []Tag) ([]*liking, error) {
	var list []*liking
	for i := range tags {
		if tags[i].Kind != Interest {
			continue
		}
		l := &liking{tag: &tags[i], sums: map[touchstone.NodeID]*Sums{}, whom: map[touchstone.NodeID]touchstone.PersonID{}}
		var err error
		if l.era, err = t.era(ctx, tx, l.tag); err != nil {
			return nil, err
		}
		if l.tree, err = t.tree(ctx, tx, l.tag.Definition.Interest.Taxonomy); touchstone.KindOf(err) == touchstone.NotFound {
			continue
		} else if err != nil {
			return nil, err
		}
		list = append(list, l)
	}
	return list, nil
}

// named calls fn for each item that a property of an event names: a text, a number, or a list of them.
func (l *liking) named(value string, fn func(item *Item), unknown func()) {
	one := func(text string) bool {
		name := text
		switch {
		case text == "" || text == "null" || text[0] == '{' || text[0] == '[':
			return true
		case text[0] == '"':
			name = jsonwalk.Text(text)
		}
		if item, ok := l.tree.find(name); ok {
			fn(item)
		} else {
			unknown()
		}
		return true
	}
	if value != "" && value[0] == '[' {
		jsonwalk.Elements(value, one)
		return
	}
	one(value)
}

// hear counts an event. It tells whether it was about an item.
func (l *liking) hear(ctx context.Context, tx *store.Tx, o *touchstone.Occurrence, m *metrics) (bool, error) {
	d := l.tag.Definition.Interest
	type added struct {
		item   int64
		weight float64
	}
	var list []added
	for _, e := range d.Events {
		if e.Event != o.Event.Name {
			continue
		}
		l.named(jsonwalk.Member(string(o.Event.Properties), e.Property), func(item *Item) {
			list = append(list, added{item.Number, e.Weight * item.Weight})
		}, m.unknown.Inc)
	}
	if len(list) == 0 || o.Node == 0 {
		return false, nil
	}
	s := l.sums[o.Node]
	if s == nil {
		s = &Sums{}
		var stored []byte
		err := store.SelectIn(ctx, tx, `SELECT sums FROM tag_scores WHERE tag = ? AND version = ? AND node IN (...)`, []touchstone.NodeID{o.Node}, func(rows *sql.Rows) error {
			return rows.Scan(&stored)
		}, l.tag.ID, l.era)
		if err != nil {
			return false, err
		}
		if stored != nil {
			if err := s.Decode(stored); err != nil {
				return false, fmt.Errorf("%s of node %d: %w", l.tag.ID, o.Node, err)
			}
		}
		l.sums[o.Node] = s
	}
	l.whom[o.Node] = o.Person
	for _, a := range list {
		s.Add(a.item, o.Time.UnixMilli(), a.weight, d.halfLife())
	}
	return true, nil
}

// save writes the sums that have changed.
func (l *liking) save(ctx context.Context, tx *store.Tx, now int64, m *metrics) error {
	nodes := make([]touchstone.NodeID, 0, len(l.sums))
	for n := range l.whom {
		nodes = append(nodes, n)
		if crowded := l.sums[n].Prune(now, l.tag.Definition.Interest.halfLife()); crowded > 0 {
			m.crowded.Add(float64(crowded))
		}
	}
	slices.Sort(nodes)
	u := store.Upsert{Table: "tag_scores", Columns: []string{"tag", "version", "node", "person", "sums"}, Key: []string{"tag", "version", "node"}}
	return tx.BulkUpsert(ctx, u, len(nodes), func(i int, args []any) {
		args[0], args[1], args[2], args[3], args[4] = l.tag.ID, l.era, int64(nodes[i]), int64(l.whom[nodes[i]]), l.sums[nodes[i]].Append(nil)
	})
}

// sumsOf returns the sums of persons, those of all their identifiers together.
func (t *Tags) sumsOf(ctx context.Context, q store.Querier, x *Tag, persons []touchstone.PersonID) (map[touchstone.PersonID]*Sums, error) {
	era, err := t.era(ctx, q, x)
	if err != nil {
		return nil, err
	}
	out := map[touchstone.PersonID]*Sums{}
	err = store.SelectIn(ctx, q, `SELECT person, sums FROM tag_scores WHERE tag = ? AND version = ? AND person IN (...)`, persons, func(rows *sql.Rows) error {
		var person int64
		var stored []byte
		if err := rows.Scan(&person, &stored); err != nil {
			return err
		}
		var s Sums
		if err := s.Decode(stored); err != nil {
			return fmt.Errorf("%s of person %d: %w", x.ID, person, err)
		}
		p := touchstone.PersonID(person)
		if out[p] == nil {
			out[p] = &Sums{}
		}
		out[p].Join(&s)
		return nil
	}, x.ID, era)
	return out, err
}

// byInterest gives everybody the strongest items at a moment.
func (t *Tags) byInterest(ctx context.Context, q store.Querier, x *Tag, persons []touchstone.PersonID, now int64) (map[touchstone.PersonID]answer, error) {
	d := x.Definition.Interest
	tr, err := t.tree(ctx, q, d.Taxonomy)
	if err != nil {
		return nil, err
	}
	sums, err := t.sumsOf(ctx, q, x, persons)
	if err != nil {
		return nil, err
	}
	out := make(map[touchstone.PersonID]answer, len(persons))
	for _, p := range persons {
		a := answer{value: "null"}
		if s := sums[p]; s != nil {
			list := s.Scores(now, d.halfLife(), d.Least, tr.at(d.Level))
			names := []string{}
			// All fall at one rate, so none of the weaker ones ever takes the place of one that has fallen.
			for _, score := range list[:min(len(list), d.Top)] {
				names = append(names, tr.items[score.Item].Name)
				if until := score.Until.UnixMilli(); a.expires == 0 || until < a.expires {
					a.expires = until
				}
			}
			if a.value, err = interestValue(names, d.Top); err != nil {
				return nil, err
			}
		}
		out[p] = a
	}
	return out, nil
}

// interestValue is a name, or a list of them if there may be several.
func interestValue(names []string, top int) (touchstone.JSON, error) {
	if len(names) == 0 {
		return "null", nil
	}
	for {
		var v any = names
		if top == 1 {
			v = names[0]
		}
		text, err := json.Marshal(v)
		if err != nil || len(text) <= maxValue || len(names) == 1 {
			return touchstone.JSON(text), err
		}
		names = names[:len(names)-1] // the weakest has no room
	}
}

// scoresOf returns the scores of a person for the page.
func (t *Tags) scoresOf(ctx context.Context, x *Tag, person touchstone.PersonID) ([]ItemScore, error) {
	d := x.Definition.Interest
	q := t.cfg.DB.Reader()
	tr, err := t.tree(ctx, q, d.Taxonomy)
	if err != nil {
		return nil, err
	}
	sums, err := t.sumsOf(ctx, q, x, []touchstone.PersonID{person})
	if err != nil || sums[person] == nil {
		return nil, err
	}
	var list []ItemScore
	for _, s := range sums[person].Scores(t.now(), d.halfLife(), 0, tr.at(d.Level)) {
		if len(list) < maxTop {
			list = append(list, ItemScore{tr.items[s.Item].Path, s.Score})
		}
	}
	return list, nil
}
