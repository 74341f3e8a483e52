package identity

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/store"
)

const (
	rulesReload      = 2 * time.Second // looks for changes by other processes
	maxOwnKinds      = 200
	maxBlockedValues = 10_000
	maxBlockedBytes  = 256
)

// RulesConfig is what OpenRules needs.
type RulesConfig struct {
	DB          *store.DB
	Normalisers map[string]touchstone.Normaliser // beside the built-in ones
	Clock       touchstone.Clock
	Logger      *slog.Logger
}

// Rules is how identifiers are treated: the built-in rules, and what operators have changed.
// The store holds the differences only, so that a later release can improve the rest.
type Rules struct {
	cfg RulesConfig
	set *touchstone.KindSet

	mu      sync.Mutex // one reload at a time
	version int64
}

// OpenRules brings the tables up to date and reads the rules.
func OpenRules(ctx context.Context, cfg RulesConfig) (*Rules, error) {
	if cfg.Clock == nil {
		cfg.Clock = touchstone.SystemClock{}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if err := cfg.DB.Migrate(ctx, "identity", Migrations()); err != nil {
		return nil, err
	}
	set, err := touchstone.DefaultKindRules().Prepare(cfg.Normalisers)
	if err != nil {
		return nil, err
	}
	r := &Rules{cfg: cfg, set: set, version: -1}
	return r, r.Reload(ctx)
}

// Kinds returns the rules in force: a set that changes when they do.
func (r *Rules) Kinds() *touchstone.KindSet { return r.set }

// Run follows changes by other processes until ctx is done.
func (r *Rules) Run(ctx context.Context) error {
	ticker := time.NewTicker(rulesReload)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		if err := r.Reload(ctx); err != nil && ctx.Err() == nil {
			r.cfg.Logger.Error("the identity rules could not be read; those in memory stay in force", "error", err)
		}
	}
}

// Reload reads the rules if they have changed.
func (r *Rules) Reload(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.cfg.DB.View(ctx, func(tx *store.Tx) error {
		var version int64
		if err := tx.QueryRow(ctx, `SELECT version FROM identity_rules WHERE id = 1`).Scan(&version); err != nil {
			return fmt.Errorf("read the version of the identity rules: %w", err)
		}
		if version == r.version {
			return nil
		}
		c, err := readChanges(ctx, tx)
		if err != nil {
			return err
		}
		set, err := c.rules().Prepare(r.cfg.Normalisers)
		if err != nil {
			return err
		}
		r.set.Replace(set)
		r.version = version
		return nil
	})
}

// changes are the differences to the built-in rules.
type changes struct {
	kinds   []touchstone.KindConfig
	blocked []blockedChange
}

type blockedChange struct {
	kind    touchstone.IdentifierKind // empty: every kind
	value   string
	blocked bool
	at      time.Time
}

func readChanges(ctx context.Context, q store.Querier) (c changes, err error) {
	rows, err := q.Query(ctx, `SELECT kind, role, priority, max_count, normaliser, max_length, contact, tells_apart, shared_after, window_limit, window_days FROM identity_kind_rules ORDER BY kind`)
	if err != nil {
		return c, fmt.Errorf("read identifier kinds: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var k touchstone.KindConfig
		var contact, tells sql.NullBool
		var after sql.NullInt64
		if err := rows.Scan(&k.Kind, &k.Role, &k.Priority, &k.Limit, &k.Normaliser, &k.MaxLength, &contact, &tells, &after, &k.WindowLimit, &k.WindowDays); err != nil {
			return c, err
		}
		k.TellsApart, k.SharedAfter = sharingOf(k.Kind)
		if tells.Valid {
			k.TellsApart = tells.Bool
		}
		if after.Valid {
			k.SharedAfter = int(after.Int64)
		}
		k.Contact = contact.Bool
		if !contact.Valid {
			k.Contact = touchstone.ContactByForm(k.Normaliser)
		}
		c.kinds = append(c.kinds, k)
	}
	if err := rows.Err(); err != nil {
		return c, err
	}
	values, err := q.Query(ctx, `SELECT kind, value, blocked, changed_at FROM identity_blocked ORDER BY kind, value`)
	if err != nil {
		return c, fmt.Errorf("read blocked values: %w", err)
	}
	defer values.Close()
	for values.Next() {
		var b blockedChange
		var at int64
		if err := values.Scan(&b.kind, &b.value, &b.blocked, &at); err != nil {
			return c, err
		}
		b.at = timeOf(at)
		c.blocked = append(c.blocked, b)
	}
	return c, values.Err()
}

// sharingOf returns what the program has for a kind, where nobody has decided.
func sharingOf(kind touchstone.IdentifierKind) (tellsApart bool, sharedAfter int) {
	builtIn := touchstone.DefaultKinds()
	if i := indexOf(builtIn, kind); i >= 0 {
		return builtIn[i].TellsApart, builtIn[i].SharedAfter
	}
	return false, 0
}

func (c changes) rules() touchstone.KindRules {
	rules := touchstone.DefaultKindRules()
	for _, own := range c.kinds {
		if i := indexOf(rules.Kinds, own.Kind); i >= 0 {
			own.Blocked = rules.Kinds[i].Blocked
			rules.Kinds[i] = own
		} else {
			rules.Kinds = append(rules.Kinds, own)
		}
	}
	for _, b := range c.blocked {
		list := &rules.Blocked
		if b.kind != "" {
			i := indexOf(rules.Kinds, b.kind)
			if i < 0 {
				rules.Kinds = append(rules.Kinds, touchstone.OtherKind(b.kind))
				i = len(rules.Kinds) - 1
			}
			list = &rules.Kinds[i].Blocked
		}
		*list = slices.DeleteFunc(slices.Clone(*list), func(v string) bool { return v == b.value })
		if b.blocked {
			*list = append(*list, b.value)
		}
	}
	return rules
}

func indexOf(kinds []touchstone.KindConfig, kind touchstone.IdentifierKind) int {
	return slices.IndexFunc(kinds, func(c touchstone.KindConfig) bool { return c.Kind == kind })
}

// BlockedValue is an entry of a list of values that name nobody.
type BlockedValue struct {
	Value     string     `json:"value"`
	Blocked   bool       `json:"blocked"`  // false: built in, but switched off
	BuiltIn   bool       `json:"built_in"` // comes with the program
	ChangedAt *time.Time `json:"changed_at"`
}

// KindView is a kind as operators see it.
type KindView struct {
	Kind        touchstone.IdentifierKind `json:"kind"`
	Role        touchstone.Role           `json:"role"`
	Priority    int                       `json:"priority"`
	Limit       int                       `json:"limit"`
	Normaliser  string                    `json:"normaliser"`
	MaxLength   int                       `json:"max_length"`
	Blocked     []BlockedValue            `json:"blocked"`
	Contact     bool                      `json:"contact"`
	TellsApart  bool                      `json:"tells_apart"`
	SharedAfter int                       `json:"shared_after"` // -1: never; as it is in force
	WindowLimit int                       `json:"window_limit"` // so many of the kind
	WindowDays  int                       `json:"window_days"`  // that were first seen within so many days; 0: no bound
	BuiltIn     bool                      `json:"built_in"`     // comes with the program
	Changed     bool                      `json:"changed"`      // differs from what comes with it
}

// RulesView is all rules as operators see them.
type RulesView struct {
	Kinds       []KindView     `json:"kinds"`   // strongest first
	Blocked     []BlockedValue `json:"blocked"` // for every kind
	Normalisers []string       `json:"normalisers"`
	Pending     *Pending       `json:"pending"` // null: the graph follows the rules
}

// View returns the rules and where they differ from the built-in ones.
func (r *Rules) View(ctx context.Context) (RulesView, error) {
	c, err := readChanges(ctx, r.cfg.DB.Reader())
	if err != nil {
		return RulesView{}, err
	}
	builtIn := touchstone.DefaultKindRules()
	set, err := c.rules().Prepare(r.cfg.Normalisers)
	if err != nil {
		return RulesView{}, err
	}
	s, err := readStanding(ctx, r.cfg.DB.Reader())
	if err != nil {
		return RulesView{}, err
	}
	v := RulesView{Kinds: []KindView{}, Blocked: c.list("", builtIn.Blocked), Normalisers: touchstone.Normalisers(), Pending: s.view()}
	for _, k := range set.Configs() {
		i := indexOf(builtIn.Kinds, k.Kind)
		var values []string
		if i >= 0 {
			values = builtIn.Kinds[i].Blocked
		}
		v.Kinds = append(v.Kinds, KindView{Kind: k.Kind, Role: k.Role, Priority: k.Priority, Limit: k.Limit, Normaliser: cmp.Or(k.Normaliser, "text"), MaxLength: k.MaxLength, Contact: k.Contact,
			TellsApart: k.TellsApart, SharedAfter: cmp.Or(k.SharedAfter, touchstone.DefaultSharedAfter),
			WindowLimit: k.WindowLimit, WindowDays: k.WindowDays,
			Blocked: c.list(k.Kind, values), BuiltIn: i >= 0, Changed: indexOf(c.kinds, k.Kind) >= 0})
	}
	return v, nil
}

func (c changes) list(kind touchstone.IdentifierKind, builtIn []string) []BlockedValue {
	list := make([]BlockedValue, 0, len(builtIn))
	for _, value := range builtIn {
		list = append(list, BlockedValue{Value: value, Blocked: true, BuiltIn: true})
	}
	for _, b := range c.blocked {
		if b.kind != kind {
			continue
		}
		at := b.at
		if i := slices.IndexFunc(list, func(v BlockedValue) bool { return v.Value == b.value }); i >= 0 {
			list[i].Blocked, list[i].ChangedAt = b.blocked, &at
		} else if b.blocked {
			list = append(list, BlockedValue{Value: b.value, Blocked: true, ChangedAt: &at})
		}
	}
	return list
}

func (r *Rules) setKind(ctx context.Context, tx *store.Tx, c *changes, k touchstone.KindConfig) error {
	k.Blocked = nil
	if k.Normaliser == "text" {
		k.Normaliser = ""
	}
	if err := checkKind(k); err != nil {
		return err
	}
	c.kinds = slices.DeleteFunc(c.kinds, func(have touchstone.KindConfig) bool { return have.Kind == k.Kind })
	if len(c.kinds) >= maxOwnKinds {
		return touchstone.Errorf(touchstone.Invalid, "there are %d changed kinds already", maxOwnKinds)
	}
	c.kinds = append(c.kinds, k)
	_, err := tx.Exec(ctx, `INSERT INTO identity_kind_rules (kind, role, priority, max_count, normaliser, max_length, contact, tells_apart, shared_after, window_limit, window_days) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (kind) DO UPDATE SET role = excluded.role, priority = excluded.priority, max_count = excluded.max_count,
		normaliser = excluded.normaliser, max_length = excluded.max_length, contact = excluded.contact, tells_apart = excluded.tells_apart, shared_after = excluded.shared_after,
		window_limit = excluded.window_limit, window_days = excluded.window_days`,
		string(k.Kind), string(k.Role), k.Priority, k.Limit, k.Normaliser, k.MaxLength, asInt(k.Contact), asInt(k.TellsApart), k.SharedAfter, k.WindowLimit, k.WindowDays)
	return err
}

func asInt(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func (r *Rules) resetKind(ctx context.Context, tx *store.Tx, c *changes, kind touchstone.IdentifierKind) error {
	c.kinds = slices.DeleteFunc(c.kinds, func(have touchstone.KindConfig) bool { return have.Kind == kind })
	_, err := tx.Exec(ctx, `DELETE FROM identity_kind_rules WHERE kind = ?`, string(kind))
	return err
}

func (r *Rules) setBlocked(ctx context.Context, tx *store.Tx, c *changes, b BlockRule) error {
	if err := checkBlockRule(b); err != nil {
		return err
	}
	kind, value, blocked := b.Kind, strings.TrimSpace(b.Value), b.Blocked
	c.blocked = slices.DeleteFunc(c.blocked, func(b blockedChange) bool { return b.kind == kind && b.value == value })
	if blocked == r.isBuiltIn(kind, value) { // no difference is left
		_, err := tx.Exec(ctx, `DELETE FROM identity_blocked WHERE kind = ? AND value = ?`, string(kind), value)
		return err
	}
	if len(c.blocked) >= maxBlockedValues {
		return touchstone.Errorf(touchstone.Invalid, "there are %d changed values already", maxBlockedValues).WithHint("one * stands for anything: *@example.com")
	}
	c.blocked = append(c.blocked, blockedChange{kind: kind, value: value, blocked: blocked})
	_, err := tx.Exec(ctx, `INSERT INTO identity_blocked (kind, value, blocked, changed_at) VALUES (?, ?, ?, ?)
		ON CONFLICT (kind, value) DO UPDATE SET blocked = excluded.blocked, changed_at = excluded.changed_at`, string(kind), value, blocked, r.cfg.Clock.Now().UnixMilli())
	return err
}

func (r *Rules) isBuiltIn(kind touchstone.IdentifierKind, value string) bool {
	rules := touchstone.DefaultKindRules()
	if kind == "" {
		return slices.Contains(rules.Blocked, value)
	}
	i := indexOf(rules.Kinds, kind)
	return i >= 0 && slices.Contains(rules.Kinds[i].Blocked, value)
}

// changeIn makes a change in the transaction of a command, checks that the rules hold together, and
// returns what takes it back and the rules as they are now. Whoever calls it calls Reload after the commit.
func (r *Rules) changeIn(ctx context.Context, tx *store.Tx, c touchstone.Command, in RulesBody) (was RulesBody, set *touchstone.KindSet, err error) {
	// The row's lock makes changes take turns.
	if _, err := tx.Exec(ctx, `UPDATE identity_rules SET version = version + 1 WHERE id = 1`); err != nil {
		return was, nil, err
	}
	now, err := readChanges(ctx, tx)
	if err != nil {
		return was, nil, err
	}
	before := changes{slices.Clone(now.kinds), slices.Clone(now.blocked)}
	was = now.inverse(in)
	if err := r.make(ctx, tx, &now, in); err != nil {
		return was, nil, err
	}
	if set, err = now.rules().Prepare(r.cfg.Normalisers); err != nil {
		return was, nil, err
	}
	s, err := readStanding(ctx, tx)
	if err != nil {
		return was, nil, err
	}
	s.note(before, now, was, c)
	if in.Whole {
		s.logged = 1
	}
	return was, set, s.save(ctx, tx)
}

func (r *Rules) make(ctx context.Context, tx *store.Tx, now *changes, in RulesBody) error {
	for _, kind := range in.Kinds {
		if err := r.setKind(ctx, tx, now, kind); err != nil {
			return err
		}
	}
	for _, kind := range in.Reset {
		if err := r.resetKind(ctx, tx, now, kind); err != nil {
			return err
		}
	}
	for _, b := range in.Blocked {
		if err := r.setBlocked(ctx, tx, now, b); err != nil {
			return err
		}
	}
	return nil
}

// Verdict is what becomes of a value.
type Verdict struct {
	Kind       touchstone.IdentifierKind `json:"kind"`
	Role       touchstone.Role           `json:"role"`
	Value      string                    `json:"value"`   // as it would be stored; empty when refused
	Refusal    touchstone.Refusal        `json:"refusal"` // empty, blocked, invalid, too_long; "" when it is an identifier
	BlockedBy  string                    `json:"blocked_by"`
	Everywhere bool                      `json:"everywhere"` // the entry holds for every kind
	Holders    []Holder                  `json:"holders"`    // who has it now
}

// Holder is a person that holds an identifier.
type Holder struct {
	Kind        touchstone.IdentifierKind `json:"kind"`
	Value       string                    `json:"value"`
	Person      touchstone.PersonID       `json:"person"`
	Identifiers int                       `json:"identifiers"` // of the person
	Merges      int                       `json:"merges"`      // that this identifier had a part in
}

// Check tells what would become of a value, and who holds it already: under its stored
// form, also when it is blocked by now, and as it was given: older rules may have taken it.
func (r *Rules) Check(ctx context.Context, viewer *access.Viewer, kind touchstone.IdentifierKind, value string) (Verdict, error) {
	v := Verdict{Kind: kind, Role: r.set.Role(kind)}
	v.Value, v.Refusal = r.set.Check(kind, value)
	if v.Refusal == touchstone.RefusedBlocked {
		v.BlockedBy, v.Everywhere = r.set.BlockedBy(kind, value)
	}
	var err error
	v.Holders, err = r.holders(ctx, kind, []string{r.set.Form(kind, value), value, strings.TrimSpace(value)})
	for i, h := range v.Holders {
		v.Holders[i].Value = viewer.Identifier(touchstone.Identifier{Kind: h.Kind, Value: h.Value}).Value
	}
	return v, err
}

const maxHolders = 20

// holders returns who holds one of some values, of a kind or of any when kind is empty.
func (r *Rules) holders(ctx context.Context, kind touchstone.IdentifierKind, values []string) ([]Holder, error) {
	values = slices.DeleteFunc(values, func(v string) bool { return !storable(v) })
	list := []Holder{}
	if len(values) == 0 {
		return list, nil
	}
	query := `SELECT n.kind, n.value, n.person, (SELECT COUNT(*) FROM identity_nodes m WHERE m.person = n.person),
		(SELECT COUNT(*) FROM identity_merges g WHERE g.kept = n.person AND (g.a = n.id OR g.b = n.id))
		FROM identity_nodes n WHERE n.value IN ` + store.Marks(len(values))
	args := make([]any, 0, len(values)+2)
	for _, v := range values {
		args = append(args, v)
	}
	if kind != "" {
		query += ` AND n.kind = ?`
		args = append(args, string(kind))
	}
	rows, err := r.cfg.DB.Reader().Query(ctx, query+` ORDER BY 4 DESC, n.id LIMIT ?`, append(args, maxHolders)...)
	if err != nil {
		return nil, fmt.Errorf("read who holds a value: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var h Holder
		var person int64
		if err := rows.Scan(&h.Kind, &h.Value, &person, &h.Identifiers, &h.Merges); err != nil {
			return nil, err
		}
		h.Person = touchstone.PersonID(person)
		list = append(list, h)
	}
	return list, rows.Err()
}
