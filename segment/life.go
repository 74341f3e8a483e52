package segment

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/segment/rule"
	"github.com/touchstone-cdp/touchstone/store"
)

// The bounds of what people say of a segment.
const (
	maxFolderRunes = 200
	maxOwnerRunes  = 200
	maxLabels      = 20
	maxLabelRunes  = 50
	maxNoteRunes   = 1_000
	keepVersions   = 200 // of a segment; older ones are forgotten
)

// Place is where people find a segment, and who looks after it.
type Place struct {
	Folder  string   `json:"folder"` // "a/b"; "": none
	Labels  []string `json:"labels"`
	Owner   string   `json:"owner"`
	Guarded bool     `json:"guarded"` // a change of the rule waits until somebody else approves it
}

// PlacePatch changes the fields that are set.
type PlacePatch struct {
	Folder  *string
	Labels  *[]string
	Owner   *string
	Guarded *bool
}

// Who writes or approves a version.
type Who struct {
	ID, Name string
	Alone    bool // nobody else can be asked: a server for trying out
}

// Version is a rule as it was written, and who has approved it.
type Version struct {
	Version      int64           `json:"version"`
	Rule         touchstone.JSON `json:"rule"` // null: a fixed list
	Note         string          `json:"note"`
	Author       string          `json:"author"` // "": not known
	AuthorName   string          `json:"author_name"`
	WrittenAt    time.Time       `json:"written_at"`
	Approver     string          `json:"approver"` // "": nobody was asked, or it waits
	ApproverName string          `json:"approver_name"`
	HeldAt       *time.Time      `json:"held_at"` // from when on it was the segment's; null: it waits for approval
}

// check brings what people say into its form.
func (p *Place) check() error {
	var parts []string
	for part := range strings.SplitSeq(p.Folder, "/") {
		if part = strings.TrimSpace(part); part != "" {
			parts = append(parts, part)
		}
	}
	p.Folder, p.Owner = strings.Join(parts, "/"), strings.TrimSpace(p.Owner)
	labels := make([]string, 0, len(p.Labels))
	for _, l := range p.Labels {
		if l = strings.TrimSpace(l); l != "" && !slices.Contains(labels, l) {
			labels = append(labels, l)
		}
	}
	p.Labels = labels
	switch {
	case utf8.RuneCountInString(p.Folder) > maxFolderRunes:
		return touchstone.Errorf(touchstone.Invalid, "folder: is longer than %d characters", maxFolderRunes)
	case utf8.RuneCountInString(p.Owner) > maxOwnerRunes:
		return touchstone.Errorf(touchstone.Invalid, "owner: is longer than %d characters", maxOwnerRunes)
	case len(labels) > maxLabels:
		return touchstone.Errorf(touchstone.Invalid, "labels: %d are more than the %d allowed", len(labels), maxLabels)
	}
	for _, l := range labels {
		if utf8.RuneCountInString(l) > maxLabelRunes || strings.ContainsAny(l, "\r\n") {
			return touchstone.Errorf(touchstone.Invalid, "labels: %.60q is longer than %d characters, or has several lines", l, maxLabelRunes)
		}
	}
	return nil
}

func (p *Place) apply(patch PlacePatch) {
	if patch.Folder != nil {
		p.Folder = *patch.Folder
	}
	if patch.Labels != nil {
		p.Labels = *patch.Labels
	}
	if patch.Owner != nil {
		p.Owner = *patch.Owner
	}
	if patch.Guarded != nil {
		p.Guarded = *patch.Guarded
	}
}

func (s *Segments) writePlace(ctx context.Context, tx *store.Tx, id string, p Place) error {
	if err := p.check(); err != nil {
		return err
	}
	guarded := 0
	if p.Guarded {
		guarded = 1
	}
	_, err := tx.Exec(ctx, `UPDATE segments SET folder = ?, labels = ?, owner = ?, guarded = ?, updated_at = ? WHERE id = ?`,
		p.Folder, strings.Join(p.Labels, "\n"), p.Owner, guarded, s.cfg.Clock.Now().UnixMilli(), id)
	return err
}

// one reads a segment within a transaction.
func (s *Segments) one(ctx context.Context, q store.Querier, id string) (Segment, error) {
	found, err := s.list(ctx, q, selectSegments+` AND s.id = ?`, id)
	if err != nil {
		return Segment{}, err
	}
	if len(found) == 0 {
		return Segment{}, notFound(id)
	}
	return found[0], nil
}

// hold writes a version that is the segment's from now on, in the place of one that waited.
func (s *Segments) hold(ctx context.Context, tx *store.Tx, id string, v Version) error {
	now := s.cfg.Clock.Now().UnixMilli()
	return s.putVersion(ctx, tx, id, v, now, now)
}

// wait writes a version that waits for approval, in the place of another.
func (s *Segments) wait(ctx context.Context, tx *store.Tx, id string, v Version) error {
	return s.putVersion(ctx, tx, id, v, s.cfg.Clock.Now().UnixMilli(), 0)
}

func (s *Segments) putVersion(ctx context.Context, tx *store.Tx, id string, v Version, written, held int64) error {
	if utf8.RuneCountInString(v.Note) > maxNoteRunes {
		return touchstone.Errorf(touchstone.Invalid, "note: is longer than %d characters", maxNoteRunes)
	}
	u := store.Upsert{Table: "segment_versions", Columns: []string{"segment", "version", "rule", "note", "author", "author_name", "written_at", "approver", "approver_name", "held_at"},
		Key: []string{"segment", "version"}}
	if err := tx.BulkUpsert(ctx, u, 1, func(_ int, args []any) {
		copy(args, []any{id, v.Version, string(v.Rule), v.Note, v.Author, v.AuthorName, written, v.Approver, v.ApproverName, held})
	}); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `DELETE FROM segment_versions WHERE segment = ? AND version <= ?`, id, v.Version-keepVersions)
	return err
}

const selectVersions = `SELECT version, rule, note, author, author_name, written_at, approver, approver_name, held_at FROM segment_versions WHERE segment = ?`

func scanVersion(scan func(...any) error) (v Version, err error) {
	var text string
	var written, held int64
	if err := scan(&v.Version, &text, &v.Note, &v.Author, &v.AuthorName, &written, &v.Approver, &v.ApproverName, &held); err != nil {
		return v, err
	}
	v.Rule, v.WrittenAt = touchstone.JSON(text), time.UnixMilli(written).UTC()
	if held != 0 {
		at := time.UnixMilli(held).UTC()
		v.HeldAt = &at
	}
	return v, nil
}

func (s *Segments) version(ctx context.Context, q store.Querier, id string, version int64) (Version, error) {
	v, err := scanVersion(q.QueryRow(ctx, selectVersions+` AND version = ?`, id, version).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		err = touchstone.Errorf(touchstone.NotFound, "the segment %s has no version %d", id, version)
	}
	return v, err
}

// Versions returns what a segment was, the newest first; one that waits for approval comes before all.
func (s *Segments) Versions(ctx context.Context, id string) ([]Version, error) {
	if _, err := s.one(ctx, s.db.Reader(), id); err != nil {
		return nil, err
	}
	list := []Version{}
	err := keep.Each(ctx, s.db.Reader(), selectVersions+` ORDER BY version DESC`, []any{id}, func(scan func(...any) error) error {
		v, err := scanVersion(scan)
		list = append(list, v)
		return err
	})
	return list, err
}

// Compare tells in what a version differs from another.
func (s *Segments) Compare(ctx context.Context, id string, from, to int64) ([]rule.Difference, error) {
	var rules [2]touchstone.JSON
	for i, n := range []int64{from, to} {
		v, err := s.version(ctx, s.db.Reader(), id, n)
		if err != nil {
			return nil, err
		}
		rules[i] = v.Rule
	}
	return rule.Differences(rules[0], rules[1])
}

// Rollback gives a segment the rule of an earlier version again, as a new version; of a guarded one it waits for approval.
func (s *Segments) Rollback(ctx context.Context, id string, version int64, who Who) (Segment, error) {
	v, err := s.version(ctx, s.db.Reader(), id, version)
	if err != nil {
		return Segment{}, err
	}
	switch {
	case v.Rule == "":
		return Segment{}, touchstone.Errorf(touchstone.Invalid, "version %d is a list of persons, which is not kept", version).WithHint("upload the list again")
	case v.HeldAt == nil:
		return Segment{}, touchstone.Errorf(touchstone.Conflict, "version %d waits for approval and never was the segment's", version)
	}
	return s.Update(ctx, id, Patch{Rule: &v.Rule, Note: v.Note, Who: who})
}

// Discard takes a version away that waits for approval.
func (s *Segments) Discard(ctx context.Context, id string) error {
	return s.db.Retry(ctx, func(tx *store.Tx) error {
		one, err := s.one(ctx, tx, id)
		if err != nil {
			return err
		}
		if one.Draft == 0 {
			return touchstone.Errorf(touchstone.Conflict, "%q has no version that waits for approval", one.Name)
		}
		_, err = tx.Exec(ctx, `DELETE FROM segment_versions WHERE segment = ? AND held_at = 0`, id)
		return err
	})
}

// Approve makes a version the segment's that waits for it. Whoever has written it may not approve it. It is named with the moment
// at which it was written, so that nobody approves what somebody else has just changed.
func (s *Segments) Approve(ctx context.Context, id string, version int64, writtenAt time.Time, who Who) (Segment, error) {
	err := s.update(ctx, func(tx *store.Tx) error {
		one, err := s.one(ctx, tx, id)
		if err != nil {
			return err
		}
		v, err := s.version(ctx, tx, id, version)
		switch {
		case err != nil:
			return err
		case v.HeldAt != nil:
			return touchstone.Errorf(touchstone.Conflict, "version %d of %q waits for nobody's approval", version, one.Name)
		case !v.WrittenAt.Equal(writtenAt):
			return touchstone.Errorf(touchstone.Conflict, "what waits for approval was changed meanwhile").WithHint("look at it again")
		case v.Author == who.ID && !who.Alone:
			return touchstone.Errorf(touchstone.Forbidden, "whoever has written a version does not approve it").WithHint("ask somebody else with the permission segments:approve")
		}
		r, err := rule.Parse(v.Rule)
		if err != nil {
			return err
		}
		now := s.cfg.Clock.Now().UnixMilli()
		if _, err := tx.Exec(ctx, `UPDATE segment_versions SET approver = ?, approver_name = ?, held_at = ? WHERE segment = ? AND version = ?`, who.ID, who.Name, now, id, version); err != nil {
			return err
		}
		if err := checkRule(ctx, tx, one, r); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE segments SET updated_at = ? WHERE id = ?`, now, id); err != nil {
			return err
		}
		return changeRule(ctx, tx, one, r)
	})
	if err != nil {
		return Segment{}, err
	}
	return s.Get(ctx, access.System(), id)
}

// Duplicate makes a segment with the rule, or the members, of another. It is guarded if that one is, looked after by nobody, and
// begins with its own first version.
func (s *Segments) Duplicate(ctx context.Context, v *access.Viewer, id, name string, who Who) (Segment, error) {
	one, err := s.Get(ctx, v, id)
	if err != nil {
		return Segment{}, err
	}
	d := Draft{Name: name, Description: one.Description, Purpose: one.Purpose, Rule: one.Rule, Place: Place{Folder: one.Folder, Labels: one.Labels, Guarded: one.Guarded}, Who: who}
	if one.Kind == KindRule {
		return s.Create(ctx, d)
	}
	d.Rule = ""
	persons, err := s.MemberIDs(ctx, id)
	if err == nil {
		persons, err = s.Within(ctx, v, persons)
	}
	if err != nil {
		return Segment{}, err
	}
	return s.CreateStatic(ctx, d, persons)
}
