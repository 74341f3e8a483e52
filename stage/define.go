package stage

import (
	"context"
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

// Cycle is a life cycle, with where its versions stand.
type Cycle struct {
	ID          string     `json:"id"`  // cyc_…
	Key         string     `json:"key"` // its trait is stage.<key>
	Name        string     `json:"name"`
	Description string     `json:"description"`
	Owner       string     `json:"owner"`
	Version     int64      `json:"version"`  // that was written last
	Serving     int64      `json:"serving"`  // that decides; another than Version while that is built, 0 before the first one is
	Failure     string     `json:"failure"`  // why the last version is not built
	BeganAt     *time.Time `json:"began_at"` // when the first version began to decide
	CreatedAt   time.Time  `json:"created_at"`
	UpdatedAt   time.Time  `json:"updated_at"`

	// Definition is that of the version that decides, or of the last one while none does.
	Definition Definition `json:"definition"`

	built, beganAt int64
	retired        bool
}

// Trait is the name of the trait that says where somebody stands.
func (x *Cycle) Trait() string { return TraitPrefix + x.Key }

// Version is a definition as it was written.
type Version struct {
	Version    int64      `json:"version"`
	Definition Definition `json:"definition"`
	Note       string     `json:"note"`
	Author     string     `json:"author"`
	AuthorName string     `json:"author_name"`
	WrittenAt  time.Time  `json:"written_at"`
}

// Who writes.
type Who struct{ ID, Name string }

// Draft is a new life cycle.
type Draft struct {
	Key         string
	Name        string
	Description string
	Owner       string
	Definition  Definition
	Note        string // what the version is for
}

// Patch changes the fields that are set. A definition becomes a version that decides when it is built.
type Patch struct {
	Name        *string
	Description *string
	Owner       *string
	Definition  *Definition
	Note        string
}

func (x *Cycle) checkTexts() (err error) {
	if x.Name, err = checkName("name", x.Name); err != nil {
		return err
	}
	x.Owner = strings.TrimSpace(x.Owner)
	if utf8.RuneCountInString(x.Description) > maxText {
		return touchstone.Errorf(touchstone.Invalid, "description: has at most %d characters", maxText)
	}
	if utf8.RuneCountInString(x.Owner) > maxName {
		return touchstone.Errorf(touchstone.Invalid, "owner: has at most %d characters", maxName)
	}
	return nil
}

// check asks also those who keep rules.
func (s *Stages) check(ctx context.Context, d *Definition, note string) error {
	if err := d.Check(); err != nil {
		return err
	}
	if utf8.RuneCountInString(note) > maxText {
		return touchstone.Errorf(touchstone.Invalid, "note: has at most %d characters", maxText)
	}
	for i, r := range d.rules() {
		if err := s.cfg.Rules.CheckTagRule(ctx, r); err != nil {
			return within(d.field(i), err)
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
	out := touchstone.Errorf(touchstone.Invalid, "%s: %s", at, e.Message)
	if e.Hint == "" {
		return out
	}
	return out.WithHint("%s", e.Hint)
}

// Create makes a life cycle. It decides when its sets are built.
func (s *Stages) Create(ctx context.Context, d Draft, who Who) (Cycle, error) {
	if err := checkKey("key", d.Key); err != nil {
		return Cycle{}, err
	}
	if strings.HasSuffix(d.Key, "_since") || strings.HasSuffix(d.Key, "_was") { // traits of the life cycle without it
		return Cycle{}, touchstone.Errorf(touchstone.Invalid, "key: %s ends with _since or _was", d.Key).WithHint("These are traits of each life cycle; choose another key.")
	}
	x := Cycle{ID: randid.New("cyc"), Key: d.Key, Name: d.Name, Description: d.Description, Owner: d.Owner}
	if err := x.checkTexts(); err != nil {
		return Cycle{}, err
	}
	if err := s.check(ctx, &d.Definition, d.Note); err != nil {
		return Cycle{}, err
	}
	err := s.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		var n, same int
		if err := tx.QueryRow(ctx, `SELECT COUNT(*), COALESCE(SUM(CASE WHEN key = ? THEN 1 ELSE 0 END), 0) FROM stage_cycles`, x.Key).Scan(&n, &same); err != nil {
			return err
		}
		if same > 0 {
			return touchstone.Errorf(touchstone.Conflict, "key: there is a life cycle %s already", x.Key)
		}
		if n >= MaxCycles {
			return touchstone.Errorf(touchstone.Conflict, "there are %d life cycles, the most allowed", n).WithHint("delete one that nobody uses")
		}
		now := s.now()
		if _, err := tx.Exec(ctx, `INSERT INTO stage_cycles (id, key, name, description, owner, wanted, serving, built, began_at, failure, turn, retired, created_at, updated_at)
			VALUES (?, ?, ?, ?, ?, 0, 0, 0, 0, '', 0, 0, ?, ?)`, x.ID, x.Key, x.Name, x.Description, x.Owner, now, now); err != nil {
			return err
		}
		return s.writeVersion(ctx, tx, x.ID, &d.Definition, d.Note, who)
	})
	if err != nil {
		return Cycle{}, err
	}
	return s.Get(ctx, x.ID)
}

// writeVersion adds a version and has its sets built.
func (s *Stages) writeVersion(ctx context.Context, tx *store.Tx, id string, d *Definition, note string, who Who) error {
	text, err := json.Marshal(d)
	if err != nil {
		return err
	}
	if len(text) > maxBytes {
		return touchstone.Errorf(touchstone.TooLarge, "the definition has more than %d bytes", maxBytes)
	}
	x, err := s.get(ctx, tx, id)
	if err != nil {
		return err
	}
	if x.Version != x.Serving { // one that was being built is overtaken
		if err := s.dropSets(ctx, tx, id, x.Version); err != nil {
			return err
		}
	}
	version := x.Version + 1
	if _, err := tx.Exec(ctx, `INSERT INTO stage_versions (cycle, version, definition, note, author, author_name, written_at) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		id, version, string(text), note, who.ID, who.Name, s.now()); err != nil {
		return err
	}
	for i, r := range d.rules() {
		if err := s.cfg.Rules.KeepTagRule(ctx, tx, setOf(id, version, i), r); err != nil {
			return within(d.field(i), err)
		}
	}
	if _, err := tx.Exec(ctx, `UPDATE stage_cycles SET wanted = ?, failure = '', updated_at = ? WHERE id = ?`, version, s.now(), id); err != nil {
		return err
	}
	return s.cfg.Touch(ctx, tx)
}

// Update changes a life cycle: what it is called at once, its definition as a version.
func (s *Stages) Update(ctx context.Context, id string, p Patch, who Who) (Cycle, error) {
	if p.Definition != nil {
		if err := s.check(ctx, p.Definition, p.Note); err != nil {
			return Cycle{}, err
		}
	}
	err := s.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		x, err := s.get(ctx, tx, id)
		if err != nil {
			return err
		}
		for _, one := range []struct{ to, from *string }{{&x.Name, p.Name}, {&x.Description, p.Description}, {&x.Owner, p.Owner}} {
			if one.from != nil {
				*one.to = *one.from
			}
		}
		if err := x.checkTexts(); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE stage_cycles SET name = ?, description = ?, owner = ?, updated_at = ? WHERE id = ?`, x.Name, x.Description, x.Owner, s.now(), id); err != nil {
			return err
		}
		if p.Definition == nil {
			return nil
		}
		return s.writeVersion(ctx, tx, id, p.Definition, p.Note, who)
	})
	if err != nil {
		return Cycle{}, err
	}
	return s.Get(ctx, id)
}

// Rollback writes an earlier version anew.
func (s *Stages) Rollback(ctx context.Context, id string, version int64, who Who) (Cycle, error) {
	v, err := s.version(ctx, s.cfg.DB.Reader(), id, version)
	if err != nil {
		return Cycle{}, err
	}
	return s.Update(ctx, id, Patch{Definition: &v.Definition, Note: v.Note}, who)
}

// setOf names the set of a rule of a version.
func setOf(cycle string, version int64, rule int) string {
	return fmt.Sprintf("%s%s_%d_%d", setPrefix, strings.TrimPrefix(cycle, "cyc_"), version, rule)
}

// setPrefix begins the names of sets; segment.StageRulePrefix.
const setPrefix = "stgv_"

// sets are those of the rules of a version, by place less one.
func sets(cycle string, version int64, d *Definition) []string {
	list := make([]string, len(d.rules()))
	for i := range list {
		list[i] = setOf(cycle, version, i)
	}
	return list
}

func (x *Cycle) sets() []string { return sets(x.ID, x.Serving, &x.Definition) }

func (s *Stages) dropSets(ctx context.Context, tx *store.Tx, id string, version int64) error {
	if version == 0 {
		return nil
	}
	v, err := s.version(ctx, tx, id, version)
	if err != nil {
		return err
	}
	return s.cfg.Rules.DropTagRules(ctx, tx, sets(id, version, &v.Definition))
}

const selectCycles = `SELECT c.id, c.key, c.name, c.description, c.owner, c.wanted, c.serving, c.built, c.began_at, c.failure, c.retired, c.created_at, c.updated_at,
	COALESCE((SELECT definition FROM stage_versions v WHERE v.cycle = c.id AND v.version = CASE WHEN c.serving > 0 THEN c.serving ELSE c.wanted END), '{}') FROM stage_cycles c`

func (s *Stages) read(ctx context.Context, q store.Querier, query string, args ...any) ([]Cycle, error) {
	rows, err := q.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	list := []Cycle{}
	for rows.Next() {
		var x Cycle
		var text string
		var created, updated, retired int64
		if err := rows.Scan(&x.ID, &x.Key, &x.Name, &x.Description, &x.Owner, &x.Version, &x.Serving, &x.built, &x.beganAt, &x.Failure, &retired, &created, &updated, &text); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(text), &x.Definition); err != nil {
			return nil, fmt.Errorf("the definition of %s: %w", x.ID, err)
		}
		x.CreatedAt, x.UpdatedAt, x.BeganAt, x.retired = time.UnixMilli(created).UTC(), time.UnixMilli(updated).UTC(), momentOf(x.beganAt), retired == 1
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

func (s *Stages) get(ctx context.Context, q store.Querier, id string) (Cycle, error) {
	list, err := s.read(ctx, q, selectCycles+` WHERE c.id = ? AND c.retired = 0`, id)
	if err != nil {
		return Cycle{}, err
	}
	if len(list) == 0 {
		return Cycle{}, touchstone.Errorf(touchstone.NotFound, "there is no life cycle %.80q", id)
	}
	return list[0], nil
}

// Get returns a life cycle.
func (s *Stages) Get(ctx context.Context, id string) (Cycle, error) {
	return s.get(ctx, s.cfg.DB.Reader(), id)
}

// List returns all of them, by name.
func (s *Stages) List(ctx context.Context) ([]Cycle, error) {
	return s.read(ctx, s.cfg.DB.Reader(), selectCycles+` WHERE c.retired = 0 ORDER BY c.name, c.id`)
}

// Versions returns the versions of a life cycle, the newest first.
func (s *Stages) Versions(ctx context.Context, id string) ([]Version, error) {
	return s.readVersions(ctx, s.cfg.DB.Reader(), `cycle = ? ORDER BY version DESC`, id)
}

func (s *Stages) version(ctx context.Context, q store.Querier, id string, version int64) (*Version, error) {
	list, err := s.readVersions(ctx, q, `cycle = ? AND version = ?`, id, version)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, touchstone.Errorf(touchstone.NotFound, "there is no version %d", version)
	}
	return &list[0], nil
}

func (s *Stages) readVersions(ctx context.Context, q store.Querier, where string, args ...any) ([]Version, error) {
	rows, err := q.Query(ctx, `SELECT version, definition, note, author, author_name, written_at FROM stage_versions WHERE `+where, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	list := []Version{}
	for rows.Next() {
		var v Version
		var text string
		var written int64
		if err := rows.Scan(&v.Version, &text, &v.Note, &v.Author, &v.AuthorName, &written); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(text), &v.Definition); err != nil {
			return nil, fmt.Errorf("version %d: %w", v.Version, err)
		}
		v.WrittenAt = time.UnixMilli(written).UTC()
		list = append(list, v)
	}
	return list, rows.Err()
}
