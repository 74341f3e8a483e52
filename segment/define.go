package segment

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/internal/randid"
	"github.com/touchstone-cdp/touchstone/segment/rule"
	"github.com/touchstone-cdp/touchstone/store"
)

// The bounds of a definition.
const (
	maxNameRunes        = 200
	maxDescriptionRunes = 2_000
	maxStaticPersons    = 1_000_000
)

// Draft is a new segment.
type Draft struct {
	Name        string
	Description string
	Purpose     string // of consent, that the segment serves; "": that of what is done with it
	Rule        touchstone.JSON
	// Also is written in the same transaction, if it is set: what another feature keeps of the segment.
	Also  func(ctx context.Context, tx *store.Tx, id string) error
	Place Place
	Note  string // what its first version is for
	Who   Who
}

// Patch changes the fields that are set.
type Patch struct {
	Name        *string
	Description *string
	Purpose     *string
	Rule        *touchstone.JSON // of a guarded segment it waits for approval, all else holds at once
	Place       PlacePatch
	Note        string // what a changed rule is for
	Who         Who
}

// Create makes a segment of a rule. It is being built until history has been looked
// through. A name that exists is a Conflict.
func (s *Segments) Create(ctx context.Context, d Draft) (Segment, error) {
	r, err := rule.Parse(d.Rule)
	if err != nil {
		return Segment{}, err
	}
	id := randid.New("seg")
	err = s.create(ctx, id, KindRule, d, r, nil)
	if err != nil {
		return Segment{}, err
	}
	return s.Get(ctx, access.System(), id)
}

// CreateStatic makes a segment of the given persons; the draft has no rule. It follows merges, nothing else.
func (s *Segments) CreateStatic(ctx context.Context, d Draft, persons []touchstone.PersonID) (Segment, error) {
	if len(persons) > maxStaticPersons {
		return Segment{}, touchstone.Errorf(touchstone.TooLarge, "persons: %d are more than the %d allowed", len(persons), maxStaticPersons)
	}
	persons = slices.Clone(persons)
	slices.Sort(persons)
	persons = slices.Compact(persons)
	if len(persons) > 0 && persons[0] <= 0 {
		return Segment{}, touchstone.Errorf(touchstone.Invalid, "persons: %s is not a person id", persons[0])
	}
	id := randid.New("seg")
	if err := s.create(ctx, id, KindStatic, d, nil, persons); err != nil {
		return Segment{}, err
	}
	return s.Get(ctx, access.System(), id)
}

func (s *Segments) create(ctx context.Context, id string, kind Kind, d Draft, r *rule.Rule, persons []touchstone.PersonID) (err error) {
	if d.Name, err = checkName(d.Name, d.Description); err != nil {
		return err
	}
	if err := d.Place.check(); err != nil {
		return err
	}
	return s.update(ctx, func(tx *store.Tx) error {
		if err := checkFree(ctx, tx, id, d.Name); err != nil {
			return err
		}
		if err := s.checkPurpose(ctx, tx, d.Purpose); err != nil {
			return err
		}
		if r != nil {
			if err := checkRefs(ctx, tx, id, r); err != nil {
				return err
			}
		}
		if err := s.insert(ctx, tx, id, kind, d, r, persons); err != nil {
			return err
		}
		if err := s.writePlace(ctx, tx, id, d.Place); err != nil {
			return err
		}
		first := Version{Version: 1, Note: d.Note, Author: d.Who.ID, AuthorName: d.Who.Name}
		if r != nil {
			first.Rule = r.JSON()
		}
		return s.hold(ctx, tx, id, first)
	})
}

// insert writes a definition that has been checked and has it built.
func (s *Segments) insert(ctx context.Context, tx *store.Tx, id string, kind Kind, d Draft, r *rule.Rule, persons []touchstone.PersonID) error {
	most, same, args := s.cfg.MaxSegments, listedKinds, []any(nil)
	switch kind {
	case kindRows:
		most, same, args = maxRows, `kind = ?`, []any{string(kind)}
	case kindTag:
		most, same, args = maxTagRules, `kind = ?`, []any{string(kind)}
	}
	var n int
	if err := tx.QueryRow(ctx, `SELECT count(*) FROM segments WHERE `+same, args...).Scan(&n); err != nil {
		return err
	}
	if n >= most {
		if kind == kindTag {
			return touchstone.Errorf(touchstone.Conflict, "there are %d rules of tags, the most allowed", n).WithHint("retire a tag that nobody uses")
		}
		if kind == kindRows {
			return touchstone.Errorf(touchstone.Conflict, "there are %d sets of people that members are limited to, the most allowed", n).
				WithHint("give several members the same limits")
		}
		return touchstone.Errorf(touchstone.Conflict, "there are %d segments, the most allowed", n).WithHint("delete one that nobody uses")
	}
	now := s.cfg.Clock.Now().UnixMilli()
	var text touchstone.JSON
	if r != nil {
		text = r.JSON()
	}
	if _, err := tx.Exec(ctx, `INSERT INTO segments (id, name, description, purpose, kind, rule, version, live, building, failure, created_at, updated_at)
		VALUES (?, ?, ?, ?, ?, ?, 1, 0, 0, '', ?, ?)`, id, d.Name, d.Description, d.Purpose, string(kind), string(text), now, now); err != nil {
		return err
	}
	g, err := newGeneration(ctx, tx, id, text)
	if err != nil {
		return err
	}
	u := store.Upsert{Table: "segment_static", Columns: []string{"generation", "person"}}
	if err := tx.BulkUpsert(ctx, u, len(persons), func(i int, args []any) {
		args[0], args[1] = int64(g), int64(persons[i])
	}); err != nil {
		return err
	}
	if d.Also != nil {
		if err := d.Also(ctx, tx, id); err != nil {
			return err
		}
	}
	return bump(ctx, tx)
}

// Update changes a segment. A changed rule is built beside the present one and then takes
// its place, and so are the segments that refer to it.
func (s *Segments) Update(ctx context.Context, id string, p Patch) (Segment, error) {
	var r *rule.Rule
	if p.Rule != nil {
		var err error
		if r, err = rule.Parse(*p.Rule); err != nil {
			return Segment{}, err
		}
	}
	err := s.update(ctx, func(tx *store.Tx) error {
		g, err := s.one(ctx, tx, id)
		if err != nil {
			return err
		}
		if p.Name != nil {
			g.Name = *p.Name
		}
		if p.Description != nil {
			g.Description = *p.Description
		}
		if p.Purpose != nil && *p.Purpose != g.Purpose {
			g.Purpose = *p.Purpose
			if err := s.checkPurpose(ctx, tx, g.Purpose); err != nil {
				return err
			}
		}
		if g.Name, err = checkName(g.Name, g.Description); err != nil {
			return err
		}
		if err := checkFree(ctx, tx, id, g.Name); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE segments SET name = ?, description = ?, purpose = ?, updated_at = ? WHERE id = ?`,
			g.Name, g.Description, g.Purpose, s.cfg.Clock.Now().UnixMilli(), id); err != nil {
			return err
		}
		g.Place.apply(p.Place)
		if err := s.writePlace(ctx, tx, id, g.Place); err != nil {
			return err
		}
		if r == nil || r.JSON() == g.Rule && g.Status != Failed {
			return nil
		}
		return s.changeOrWait(ctx, tx, g, r, p)
	})
	if err != nil {
		return Segment{}, err
	}
	return s.Get(ctx, access.System(), id)
}

// changeOrWait makes a rule the segment's, or of a guarded one the version that waits for approval.
func (s *Segments) changeOrWait(ctx context.Context, tx *store.Tx, g Segment, r *rule.Rule, p Patch) error {
	if err := checkRule(ctx, tx, g, r); err != nil {
		return err
	}
	v := Version{Version: g.Version + 1, Rule: r.JSON(), Note: p.Note, Author: p.Who.ID, AuthorName: p.Who.Name}
	switch {
	case r.JSON() == g.Rule: // a build that has failed is tried again
		v.Version = 0
	case g.Guarded:
		return s.wait(ctx, tx, g.ID, v)
	}
	if v.Version > 0 {
		if err := s.hold(ctx, tx, g.ID, v); err != nil {
			return err
		}
	}
	return changeRule(ctx, tx, g, r)
}

func checkRule(ctx context.Context, tx *store.Tx, g Segment, r *rule.Rule) error {
	if g.Kind != KindRule {
		return touchstone.Errorf(touchstone.Invalid, "rule: %q is a fixed list of persons and has no rule", g.Name)
	}
	return checkRefs(ctx, tx, g.ID, r)
}

// changeRule has a segment built by a rule, which is the next version unless it is the present one.
func changeRule(ctx context.Context, tx *store.Tx, g Segment, r *rule.Rule) error {
	next := g.Version
	if r.JSON() != g.Rule {
		next++
	}
	if _, err := tx.Exec(ctx, `UPDATE segments SET rule = ?, version = ?, failure = '' WHERE id = ?`, string(r.JSON()), next, g.ID); err != nil {
		return err
	}
	if _, err := newGeneration(ctx, tx, g.ID, r.JSON()); err != nil {
		return err
	}
	if err := rebuildDependents(ctx, tx, g.ID); err != nil {
		return err
	}
	return bump(ctx, tx)
}

// Delete removes a segment. It is a Conflict while another one refers to it.
func (s *Segments) Delete(ctx context.Context, id string) error {
	return s.update(ctx, func(tx *store.Tx) error {
		var live, building int64
		err := tx.QueryRow(ctx, `SELECT live, building FROM segments WHERE id = ? AND `+listedKinds, id).Scan(&live, &building)
		if errors.Is(err, sql.ErrNoRows) {
			return notFound(id)
		}
		if err != nil {
			return err
		}
		refs, err := references(ctx, tx)
		if err != nil {
			return err
		}
		for from, r := range refs {
			if from != id && slices.Contains(r.to, id) {
				return touchstone.Errorf(touchstone.Conflict, "segment %q refers to this one", r.name).WithHint("change or delete it first")
			}
		}
		if err := remove(ctx, tx, id); err != nil {
			return err
		}
		return bump(ctx, tx)
	})
}

// feedEnd has the last line of the feed stay when the lines of a segment go, without saying anything: the numbers of lines
// are never used again, or who follows the feed would miss what has them the second time.
const feedEnd = `UPDATE segment_changes SET person = 0, segment = '` + rowsPrefix + `' WHERE id = (SELECT max(id) FROM segment_changes) AND segment = ?`

// remove deletes a segment's rows; those of its generations are swept up later.
func remove(ctx context.Context, tx *store.Tx, id string) error {
	for _, q := range []string{
		`DELETE FROM segments WHERE id = ?`,
		feedEnd,
		`DELETE FROM segment_versions WHERE segment = ?`,
		`DELETE FROM segment_changes WHERE segment = ?`,
		`DELETE FROM segment_days WHERE segment = ?`,
	} {
		if _, err := tx.Exec(ctx, q, id); err != nil {
			return err
		}
	}
	_, err := tx.Exec(ctx, `UPDATE segment_generations SET phase = ? WHERE segment = ?`, dead, id)
	return err
}

// checkPurpose refuses one that the consent policy of the transaction does not name.
func (s *Segments) checkPurpose(ctx context.Context, q store.Querier, purpose string) error {
	if purpose == "" || s.cfg.Purposes == nil {
		return nil
	}
	return s.cfg.Purposes(ctx, q, purpose)
}

func checkName(name, description string) (string, error) {
	name = strings.TrimSpace(name)
	switch {
	case name == "":
		return "", touchstone.Errorf(touchstone.Invalid, "name: is missing")
	case utf8.RuneCountInString(name) > maxNameRunes:
		return "", touchstone.Errorf(touchstone.Invalid, "name: is longer than %d characters", maxNameRunes)
	case utf8.RuneCountInString(description) > maxDescriptionRunes:
		return "", touchstone.Errorf(touchstone.Invalid, "description: is longer than %d characters", maxDescriptionRunes)
	}
	return name, nil
}

func checkFree(ctx context.Context, tx *store.Tx, id, name string) error {
	var other string
	err := tx.QueryRow(ctx, `SELECT id FROM segments WHERE name = ? AND id <> ?`, name, id).Scan(&other)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return err
	}
	return touchstone.Errorf(touchstone.Conflict, "name: there is a segment %q already (%s)", name, other)
}

// checkRefs sees that the segments exist that the rule refers to, and that they do not
// refer back.
func checkRefs(ctx context.Context, tx *store.Tx, id string, r *rule.Rule) error {
	if len(r.Segments()) == 0 {
		return nil
	}
	refs, err := references(ctx, tx)
	if err != nil {
		return err
	}
	if err := checkNamed(refs, r, id); err != nil {
		return err
	}
	circle := rule.Cycle(id, r.Segments(), func(id string) []string { return refs[id].to })
	if circle == nil {
		return nil
	}
	names := make([]string, len(circle))
	for i, c := range circle {
		if names[i] = refs[c].name; names[i] == "" {
			names[i] = c
		}
	}
	return touchstone.Errorf(touchstone.Invalid, "rule: the segment would refer to itself: %s", strings.Join(names, " → "))
}

// checkNamed sees that every segment is known that the rule of segment id names.
func checkNamed(refs map[string]reference, r *rule.Rule, id string) error {
	for _, c := range r.Conditions() {
		n, ok := c.Node.(*rule.Segment)
		if !ok {
			continue
		}
		if _, known := refs[n.ID]; (!known || ofFeature(n.ID)) && n.ID != id { // sets of tags come and go with their versions
			return touchstone.Errorf(touchstone.Invalid, "%s: there is no segment %s", strings.TrimPrefix(c.Path+".segment", "."), n.ID)
		}
	}
	return nil
}

// reference says to which segments one refers, by its saved rule and by the one that
// still answers while that is being built.
type reference struct {
	name string
	to   []string
}

func references(ctx context.Context, q store.Querier) (map[string]reference, error) {
	rows, err := q.Query(ctx, `SELECT s.id, s.name, s.rule, coalesce(g.rule, '') FROM segments s
		LEFT JOIN segment_generations g ON g.generation = s.live WHERE s.kind <> ?`, string(kindRows))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	refs := map[string]reference{}
	for rows.Next() {
		var id, saved, answering string
		var r reference
		if err := rows.Scan(&id, &r.name, &saved, &answering); err != nil {
			return nil, err
		}
		for _, text := range slices.Compact([]string{saved, answering}) {
			if text == "" {
				continue
			}
			parsed, err := rule.Parse(touchstone.JSON(text))
			if err != nil {
				return nil, err
			}
			r.to = append(r.to, parsed.Segments()...)
		}
		refs[id] = r
	}
	return refs, rows.Err()
}

// dependents returns the segments that refer to one of ids, over any number of steps.
func dependents(refs map[string]reference, ids ...string) []string {
	reached := map[string]bool{}
	for _, id := range ids {
		reached[id] = true
	}
	var found []string
	for grown := true; grown; {
		grown = false
		for id, r := range refs {
			if !reached[id] && slices.ContainsFunc(r.to, func(to string) bool { return reached[to] }) {
				reached[id], grown = true, true
				found = append(found, id)
			}
		}
	}
	slices.Sort(found)
	return found
}

// rebuildDependents has the segments built again that refer to one whose rule has changed:
// they go live together with it.
func rebuildDependents(ctx context.Context, tx *store.Tx, ids ...string) error {
	refs, err := references(ctx, tx)
	if err != nil {
		return err
	}
	for _, id := range dependents(refs, ids...) {
		if err := rebuild(ctx, tx, id); err != nil {
			return err
		}
	}
	return nil
}

// rebuild has a segment built again by its saved rule. A static one has nothing to build.
func rebuild(ctx context.Context, tx *store.Tx, id string) error {
	var text string
	if err := tx.QueryRow(ctx, `SELECT rule FROM segments WHERE id = ?`, id).Scan(&text); err != nil || text == "" {
		return err
	}
	_, err := newGeneration(ctx, tx, id, touchstone.JSON(text))
	return err
}
