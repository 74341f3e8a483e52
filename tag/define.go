package tag

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/randid"
	"github.com/touchstone-cdp/touchstone/store"
)

// Tag is what people know a tag by, with where its values stand.
type Tag struct {
	ID          string     `json:"id"`  // tag_…
	Key         string     `json:"key"` // its trait is tag.<key>
	Name        string     `json:"name"`
	Description string     `json:"description"`
	Owner       string     `json:"owner"` // who looks after it
	Folder      string     `json:"folder"`
	Kind        Kind       `json:"kind"`
	Approved    int64      `json:"approved"`    // version; 0: none yet
	Serving     int64      `json:"serving"`     // version whose values people have; another than Approved while that is built
	Draft       int64      `json:"draft"`       // version that waits for approval; 0: none
	ComputedAt  *time.Time `json:"computed_at"` // up to when its values are complete
	Failure     string     `json:"failure"`     // why the last run failed
	CreatedAt   time.Time  `json:"created_at"`
	UpdatedAt   time.Time  `json:"updated_at"`

	// Definition is that of the version that serves, or of the draft while there is no other.
	Definition Definition `json:"definition"`
	Freshness  Freshness  `json:"freshness"`

	approvedAt, built, beganAt, computedAt, countedAt int64
}

// Trait is the name of the trait that its values are.
func (t *Tag) Trait() string { return TraitPrefix + t.Key }

// Version is a definition as it was written, and who has approved it.
type Version struct {
	Version    int64      `json:"version"`
	Definition Definition `json:"definition"`
	Note       string     `json:"note"`
	Author     string     `json:"author"`
	AuthorName string     `json:"author_name"`
	WrittenAt  time.Time  `json:"written_at"`
	Approver   string     `json:"approver"` // "" while it is a draft
	ApproverAs string     `json:"approver_name"`
	ApprovedAt *time.Time `json:"approved_at"`
}

// Who writes or approves.
type Who struct {
	ID, Name string
	Alone    bool // nobody else can be asked: a server for trying out
}

// Draft is a new tag.
type Draft struct {
	Key         string
	Name        string
	Description string
	Owner       string
	Folder      string
	Kind        Kind
	Definition  Definition
	Note        string // what the version is for
}

// Patch changes the fields that are set. A definition becomes a draft; the rest holds at once.
type Patch struct {
	Name        *string
	Description *string
	Owner       *string
	Folder      *string
	Definition  *Definition
	Note        string
}

func (x *Tag) checkTexts() error {
	x.Name, x.Owner = strings.TrimSpace(x.Name), strings.TrimSpace(x.Owner)
	var parts []string
	for _, p := range strings.Split(x.Folder, "/") {
		if p = strings.TrimSpace(p); p != "" {
			parts = append(parts, p)
		}
	}
	x.Folder = strings.Join(parts, "/")
	switch {
	case x.Name == "" || utf8.RuneCountInString(x.Name) > maxName:
		return touchstone.Errorf(touchstone.Invalid, "name: a tag's name has 1 to %d characters", maxName)
	case utf8.RuneCountInString(x.Description) > maxText:
		return touchstone.Errorf(touchstone.Invalid, "description: has at most %d characters", maxText)
	case utf8.RuneCountInString(x.Owner) > maxName:
		return touchstone.Errorf(touchstone.Invalid, "owner: has at most %d characters", maxName)
	case utf8.RuneCountInString(x.Folder) > maxFolder:
		return touchstone.Errorf(touchstone.Invalid, "folder: has at most %d characters", maxFolder)
	}
	return nil
}

// check asks also those whom a definition names.
func (t *Tags) check(ctx context.Context, kind Kind, d *Definition) error {
	if err := d.Check(kind); err != nil {
		return err
	}
	for i := range d.Rules {
		if err := t.cfg.Rules.CheckTagRule(ctx, d.Rules[i].Rule); err != nil {
			return within(fmt.Sprintf("rules.%d.rule", i), err)
		}
	}
	if d.Interest != nil {
		tr, err := t.tree(ctx, t.cfg.DB.Reader(), d.Interest.Taxonomy)
		if err != nil {
			return within("interest.taxonomy", err)
		}
		if d.Interest.Level > tr.deepest {
			return touchstone.Errorf(touchstone.Invalid, "interest.level: the taxonomy has %d levels", tr.deepest)
		}
	}
	return nil
}

// within says where in a definition a mistake is.
func within(at string, err error) error {
	var e *touchstone.Error
	if !errors.As(err, &e) {
		return err
	}
	return touchstone.Wrap(touchstone.Invalid, err, "%s: %s", at, e.Error())
}

// Create makes a tag whose definition waits for approval.
func (t *Tags) Create(ctx context.Context, d Draft, who Who) (Tag, error) {
	if err := checkKey(d.Key); err != nil {
		return Tag{}, err
	}
	x := Tag{ID: randid.New("tag"), Key: d.Key, Name: d.Name, Description: d.Description, Owner: d.Owner, Folder: d.Folder, Kind: d.Kind}
	if err := x.checkTexts(); err != nil {
		return Tag{}, err
	}
	if err := t.check(ctx, d.Kind, &d.Definition); err != nil {
		return Tag{}, err
	}
	err := t.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		var n, same int
		if err := tx.QueryRow(ctx, `SELECT COUNT(*), COALESCE(SUM(CASE WHEN key = ? THEN 1 ELSE 0 END), 0) FROM tags`, x.Key).Scan(&n, &same); err != nil {
			return err
		}
		if same > 0 {
			return touchstone.Errorf(touchstone.Conflict, "key: there is a tag %s already", x.Key)
		}
		if n >= t.cfg.MaxTags {
			return touchstone.Errorf(touchstone.Conflict, "there are %d tags, the most allowed", n).WithHint("delete one that nobody uses")
		}
		now := t.now()
		if _, err := tx.Exec(ctx, `INSERT INTO tags (id, key, name, description, owner, folder, kind, approved, serving, approved_at, built, began_at, computed_at, failure, counted_at, created_at, updated_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, 0, 0, 0, 0, 0, 0, '', 0, ?, ?)`, x.ID, x.Key, x.Name, x.Description, x.Owner, x.Folder, string(x.Kind), now, now); err != nil {
			return err
		}
		return t.writeDraft(ctx, tx, x.ID, &d.Definition, d.Note, who)
	})
	if err != nil {
		return Tag{}, err
	}
	return t.Get(ctx, x.ID)
}

// writeDraft makes a definition the draft of a tag, in the place of one that is there.
func (t *Tags) writeDraft(ctx context.Context, tx *store.Tx, id string, d *Definition, note string, who Who) error {
	if utf8.RuneCountInString(note) > maxText {
		return touchstone.Errorf(touchstone.Invalid, "note: has at most %d characters", maxText)
	}
	text, err := json.Marshal(d)
	if err != nil {
		return err
	}
	if len(text) > maxSQL*2 {
		return touchstone.Errorf(touchstone.TooLarge, "the definition has more than %d bytes", maxSQL*2)
	}
	var draft, last int64
	if err := tx.QueryRow(ctx, `SELECT COALESCE(MAX(CASE WHEN approver = '' THEN version END), 0), COALESCE(MAX(version), 0) FROM tag_versions WHERE tag = ?`, id).Scan(&draft, &last); err != nil {
		return err
	}
	if draft == 0 {
		draft = last + 1
	}
	_, err = tx.Exec(ctx, `INSERT INTO tag_versions (tag, version, definition, note, author, author_name, written_at, approver, approver_name, approved_at) VALUES (?, ?, ?, ?, ?, ?, ?, '', '', 0)
		ON CONFLICT (tag, version) DO UPDATE SET definition = excluded.definition, note = excluded.note, author = excluded.author, author_name = excluded.author_name, written_at = excluded.written_at`,
		id, draft, string(text), note, who.ID, who.Name, t.now())
	return err
}

// Update changes a tag: what it is called at once, its definition as a draft.
func (t *Tags) Update(ctx context.Context, id string, p Patch, who Who) (Tag, error) {
	x, err := t.Get(ctx, id)
	if err != nil {
		return x, err
	}
	if p.Definition != nil {
		if err := t.check(ctx, x.Kind, p.Definition); err != nil {
			return x, err
		}
	}
	err = t.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		x, err := t.get(ctx, tx, id)
		if err != nil {
			return err
		}
		for _, one := range []struct{ to, from *string }{{&x.Name, p.Name}, {&x.Description, p.Description}, {&x.Owner, p.Owner}, {&x.Folder, p.Folder}} {
			if one.from != nil {
				*one.to = *one.from
			}
		}
		if err := x.checkTexts(); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE tags SET name = ?, description = ?, owner = ?, folder = ?, updated_at = ? WHERE id = ?`,
			x.Name, x.Description, x.Owner, x.Folder, t.now(), id); err != nil {
			return err
		}
		if p.Definition == nil {
			return nil
		}
		return t.writeDraft(ctx, tx, id, p.Definition, p.Note, who)
	})
	if err != nil {
		return x, err
	}
	return t.Get(ctx, id)
}

// Rollback makes an earlier version the draft.
func (t *Tags) Rollback(ctx context.Context, id string, version int64, who Who) (Tag, error) {
	v, err := t.version(ctx, t.cfg.DB.Reader(), id, version)
	if err != nil {
		return Tag{}, err
	}
	return t.Update(ctx, id, Patch{Definition: &v.Definition, Note: v.Note}, who)
}

// Discard takes the draft of a tag away.
func (t *Tags) Discard(ctx context.Context, id string) error {
	return t.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		x, err := t.get(ctx, tx, id)
		switch {
		case err != nil:
			return err
		case x.Draft == 0:
			return touchstone.Errorf(touchstone.Conflict, "%s has no draft", x.Name)
		case x.Approved == 0:
			return touchstone.Errorf(touchstone.Conflict, "%s has nothing but its draft", x.Name).WithHint("delete the tag")
		}
		_, err = tx.Exec(ctx, `DELETE FROM tag_versions WHERE tag = ? AND version = ? AND approver = ''`, id, x.Draft)
		return err
	})
}

// Approve makes the draft of a version the one that counts. Whoever has written it may not approve it. The version is named,
// so that nobody approves what somebody else has just changed.
func (t *Tags) Approve(ctx context.Context, id string, version int64, writtenAt time.Time, who Who) (Tag, error) {
	err := t.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		x, err := t.get(ctx, tx, id)
		if err != nil {
			return err
		}
		v, err := t.version(ctx, tx, id, version)
		if err != nil {
			return err
		}
		switch {
		case v.Approver != "":
			return touchstone.Errorf(touchstone.Conflict, "version %d of %s is approved already", version, x.Name)
		case !writtenAt.IsZero() && !v.WrittenAt.Equal(writtenAt):
			return touchstone.Errorf(touchstone.Conflict, "the draft of %s was changed meanwhile", x.Name).WithHint("look at it again")
		case v.Author == who.ID && !who.Alone:
			return touchstone.Errorf(touchstone.Forbidden, "whoever has written a version does not approve it").WithHint("ask somebody else with the permission tags:approve")
		}
		now := t.now()
		if _, err := tx.Exec(ctx, `UPDATE tag_versions SET approver = ?, approver_name = ?, approved_at = ? WHERE tag = ? AND version = ?`, who.ID, who.Name, now, id, version); err != nil {
			return err
		}
		return t.put(ctx, tx, &x, v, now)
	})
	if err != nil {
		return Tag{}, err
	}
	return t.Get(ctx, id)
}

// put has an approved version take the place of the present one: at once, or when its sets are built.
func (t *Tags) put(ctx context.Context, tx *store.Tx, x *Tag, v *Version, now int64) error {
	serving := v.Version
	if x.Kind == Rule {
		serving = x.Serving
		for i := range v.Definition.Rules {
			if err := t.cfg.Rules.KeepTagRule(ctx, tx, setOf(x.ID, v.Version, i), v.Definition.Rules[i].Rule); err != nil {
				return within(fmt.Sprintf("rules.%d.rule", i), err)
			}
		}
		if x.Approved != x.Serving { // one that was being built is overtaken
			if err := t.dropSets(ctx, tx, x.ID, x.Approved); err != nil {
				return err
			}
		}
	}
	if _, err := tx.Exec(ctx, `UPDATE tags SET approved = ?, serving = ?, approved_at = ?, failure = '', computed_at = CASE WHEN kind IN ('sql', 'interest') THEN 0 ELSE computed_at END, updated_at = ? WHERE id = ?`,
		v.Version, serving, now, now, x.ID); err != nil {
		return err
	}
	return t.cfg.Touch(ctx, tx)
}

// setOf names the set of a rule of a version.
func setOf(tag string, version int64, rule int) string {
	return fmt.Sprintf("%s%s_%d_%d", rulePrefix, strings.TrimPrefix(tag, "tag_"), version, rule)
}

// rulePrefix begins the names of sets; segment.TagRulePrefix.
const rulePrefix = "tagv_"

// tagOfSet returns the tag of a set.
func tagOfSet(set string) string {
	rest := strings.TrimPrefix(set, rulePrefix)
	for range 2 {
		if i := strings.LastIndexByte(rest, '_'); i > 0 {
			rest = rest[:i]
		}
	}
	return "tag_" + rest
}

func (t *Tags) dropSets(ctx context.Context, tx *store.Tx, id string, version int64) error {
	if version == 0 {
		return nil
	}
	v, err := t.version(ctx, tx, id, version)
	if err != nil {
		return err
	}
	return t.cfg.Rules.DropTagRules(ctx, tx, v.sets(id))
}

// sets are those of the rules of a version.
func (v *Version) sets(tag string) []string {
	list := make([]string, len(v.Definition.Rules))
	for i := range list {
		list[i] = setOf(tag, v.Version, i)
	}
	return list
}

// Delete takes a tag away: its values first, by the job that calls Forget in the end. Until then it is retired.
func (t *Tags) forget(ctx context.Context, tx *store.Tx, id string) error {
	x, err := t.get(ctx, tx, id)
	if err != nil {
		return err
	}
	for _, version := range []int64{x.Approved, x.Serving} {
		if x.Kind == Rule {
			if err := t.dropSets(ctx, tx, id, version); err != nil {
				return err
			}
		}
	}
	for _, table := range []string{"tag_values", "tag_scores", "tag_days", "tag_versions"} {
		if _, err := tx.Exec(ctx, `DELETE FROM `+table+` WHERE tag = ?`, id); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(ctx, `DELETE FROM tags WHERE id = ?`, id); err != nil {
		return err
	}
	return t.cfg.Touch(ctx, tx)
}

const selectTags = `SELECT t.id, t.key, t.name, t.description, t.owner, t.folder, t.kind, t.approved, t.serving, t.approved_at, t.built, t.began_at, t.computed_at, t.failure, t.counted_at, t.created_at, t.updated_at,
	COALESCE((SELECT MAX(version) FROM tag_versions d WHERE d.tag = t.id AND d.approver = ''), 0),
	COALESCE((SELECT definition FROM tag_versions v WHERE v.tag = t.id AND v.version = CASE WHEN t.serving > 0 THEN t.serving WHEN t.approved > 0 THEN t.approved ELSE
		(SELECT MAX(version) FROM tag_versions m WHERE m.tag = t.id) END), '{}') FROM tags t`

func (t *Tags) read(ctx context.Context, q store.Querier, query string, args ...any) ([]Tag, error) {
	rows, err := q.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	list := []Tag{}
	for rows.Next() {
		var x Tag
		var text string
		var created, updated int64
		if err := rows.Scan(&x.ID, &x.Key, &x.Name, &x.Description, &x.Owner, &x.Folder, &x.Kind, &x.Approved, &x.Serving, &x.approvedAt, &x.built, &x.beganAt, &x.computedAt, &x.Failure, &x.countedAt,
			&created, &updated, &x.Draft, &text); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(text), &x.Definition); err != nil {
			return nil, fmt.Errorf("the definition of %s: %w", x.ID, err)
		}
		x.CreatedAt, x.UpdatedAt, x.ComputedAt = time.UnixMilli(created).UTC(), time.UnixMilli(updated).UTC(), momentOf(x.computedAt)
		list = append(list, x)
	}
	return list, rows.Err()
}

func momentOf(ms int64) *time.Time {
	if ms == 0 {
		return nil
	}
	at := time.UnixMilli(ms).UTC()
	return &at
}

func (t *Tags) get(ctx context.Context, q store.Querier, id string) (Tag, error) {
	list, err := t.read(ctx, q, selectTags+` WHERE t.id = ?`, id)
	if err == nil && len(list) == 0 {
		return Tag{}, touchstone.Errorf(touchstone.NotFound, "there is no tag %.60q", id)
	}
	if err != nil {
		return Tag{}, err
	}
	return list[0], nil
}

// Get returns a tag. NotFound: there is none.
func (t *Tags) Get(ctx context.Context, id string) (Tag, error) {
	x, err := t.get(ctx, t.cfg.DB.Reader(), id)
	if err != nil {
		return x, err
	}
	list := []Tag{x}
	err = t.judge(ctx, list)
	return list[0], err
}

// List returns all tags, by folder and name.
func (t *Tags) List(ctx context.Context) ([]Tag, error) {
	list, err := t.read(ctx, t.cfg.DB.Reader(), selectTags+` ORDER BY t.folder, t.name, t.id`)
	if err != nil {
		return nil, err
	}
	return list, t.judge(ctx, list)
}

const selectVersions = `SELECT version, definition, note, author, author_name, written_at, approver, approver_name, approved_at FROM tag_versions WHERE tag = ?`

func scanVersion(scan func(...any) error) (v Version, err error) {
	var text string
	var written, approved int64
	if err := scan(&v.Version, &text, &v.Note, &v.Author, &v.AuthorName, &written, &v.Approver, &v.ApproverAs, &approved); err != nil {
		return v, err
	}
	v.WrittenAt, v.ApprovedAt = time.UnixMilli(written).UTC(), momentOf(approved)
	return v, json.Unmarshal([]byte(text), &v.Definition)
}

func (t *Tags) version(ctx context.Context, q store.Querier, id string, version int64) (*Version, error) {
	v, err := scanVersion(q.QueryRow(ctx, selectVersions+` AND version = ?`, id, version).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, touchstone.Errorf(touchstone.NotFound, "%.60q has no version %d", id, version)
	}
	return &v, err
}

// Versions returns the versions of a tag, the newest first.
func (t *Tags) Versions(ctx context.Context, id string) ([]Version, error) {
	rows, err := t.cfg.DB.Reader().Query(ctx, selectVersions+` ORDER BY version DESC`, id)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	list := []Version{}
	for rows.Next() {
		v, err := scanVersion(rows.Scan)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, rows.Err()
}

// Compare tells in which fields a version differs from another.
func (t *Tags) Compare(ctx context.Context, id string, from, to int64) ([]Difference, error) {
	a, err := t.version(ctx, t.cfg.DB.Reader(), id, from)
	if err != nil {
		return nil, err
	}
	b, err := t.version(ctx, t.cfg.DB.Reader(), id, to)
	if err != nil {
		return nil, err
	}
	return Differences(&a.Definition, &b.Definition), nil
}
