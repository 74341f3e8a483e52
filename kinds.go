package touchstone

import (
	"cmp"
	"slices"
	"strings"
	"sync/atomic"
)

// KindUnionID and the others below have a configuration of their own in [DefaultKinds];
// they arrive in context.externalIds and through mapping files.
const (
	KindUnionID       IdentifierKind = "unionid"
	KindOpenID        IdentifierKind = "openid"
	KindVIN           IdentifierKind = "vin"
	KindPlate         IdentifierKind = "plate"
	KindAdvertisingID IdentifierKind = "advertising_id"
	KindHousehold     IdentifierKind = "household_id"
	KindAccount       IdentifierKind = "account_id"
	// KindGroupID says whose account it is, not who somebody is.
	KindGroupID IdentifierKind = "group_id"
)

// Role is what an identifier has to do with a person.
type Role string

// The roles.
const (
	Identifies Role = "identifies" // it says who somebody is: two that share it are one person
	Relates    Role = "relates"    // it says what somebody has to do with: a car, an account, a household
)

// KindConfig says how identifiers of one kind are treated.
type KindConfig struct {
	Kind IdentifierKind `json:"kind" yaml:"kind"`
	Role Role           `json:"role" yaml:"role"` // empty: identifies
	// Priority orders kinds of a role: when a limit is hit, the weaker identifier is dropped.
	Priority int `json:"priority" yaml:"priority"`
	// Limit is how many identifiers of this kind one person may hold.
	Limit int `json:"limit" yaml:"limit"`
	// Normaliser names the function that brings values into one form: "text" (the
	// default: trim), "lower", "email", "phone", "integer" ("17850.0" is 17850),
	// "vin", "plate", or one that was given to [NewKindSet].
	Normaliser string `json:"normaliser" yaml:"normaliser"`
	// Blocked lists values that name nobody, beside those blocked for every kind. Case
	// does not matter; one * stands for anything ("*@example.com"); /…/ is a regular expression; see [BlockedShapes].
	Blocked []string `json:"blocked" yaml:"blocked"`
	// MaxLength in bytes after normalisation; 0 is 256. Longer values are refused,
	// never cut, because two cut values could become equal.
	MaxLength int `json:"max_length" yaml:"max_length"`
	// Contact says that values are a way to reach somebody, or name somebody's car: they are
	// masked for those who may not see contacts.
	Contact bool `json:"contact" yaml:"contact"`
	// TellsApart says that a person has few values of the kind, so that many of them beside one
	// identifier are many persons: user ids, phone numbers, member cards; not devices or cookies.
	TellsApart bool `json:"tells_apart" yaml:"tells_apart"`
	// SharedAfter is with how many different values of a kind that tells persons apart an identifier
	// of this kind may be seen before it is taken for shared, and says no longer who somebody is: a
	// shop's phone, a kiosk's tablet. 0 is [DefaultSharedAfter], -1 never. See [KindConfig.Bears].
	SharedAfter int `json:"shared_after" yaml:"shared_after"`
	// WindowLimit and WindowDays bound how many identifiers of the kind that were first seen within
	// so many days one person may hold: 3 devices in 30 days. By the time of events; 0, 0: no bound.
	WindowLimit int `json:"window_limit" yaml:"window_limit"`
	WindowDays  int `json:"window_days" yaml:"window_days"`
}

// DefaultSharedAfter is with how many persons an identifier may be seen unless its kind says otherwise.
const DefaultSharedAfter = 3

// NeverShared as SharedAfter says that identifiers of a kind are never taken for shared.
const NeverShared = -1

// Bears returns how many values of a kind that tells persons apart an identifier may be seen with:
// as many as one person may have in any case.
func (c KindConfig) Bears(of KindConfig) int {
	return max(cmp.Or(c.SharedAfter, DefaultSharedAfter), of.Limit)
}

// ContactByForm reports whether values that a normaliser makes are contacts: what the mark
// of a kind is that nobody has decided on.
func ContactByForm(normaliser string) bool {
	switch normaliser {
	case "phone", "email", "vin", "plate":
		return true
	}
	return false
}

// DefaultKinds returns the kinds known without configuration, strongest first. A kind
// that is not listed gets the rules of [OtherKind].
func DefaultKinds() []KindConfig {
	return []KindConfig{
		{Kind: KindUserID, Priority: 100, Limit: 1, TellsApart: true, SharedAfter: NeverShared},
		{Kind: KindUnionID, Priority: 90, Limit: 1, TellsApart: true, SharedAfter: NeverShared},
		{Kind: KindPhone, Contact: true, TellsApart: true, Priority: 80, Limit: 5, Normaliser: "phone", MaxLength: 32, Blocked: []string{
			ShapeRepeated, "13800138000", "12345678901", "1234567890", "123456789", "13888888888", "13333333333", "18888888888",
		}},
		{Kind: KindEmail, Contact: true, TellsApart: true, Priority: 70, Limit: 5, Normaliser: "email", Blocked: []string{
			"test@test.com", "noreply@*", "no-reply@*", "donotreply@*", "none@none.com", "null@*", "undefined@*", "noemail@*", "no@email.com",
			"a@a.com", "abc@abc.com", "na@na.com", "xxx@xxx.com", "123@123.com", "123@qq.com", "123456@qq.com", "test@example.com", "user@example.com", "email@example.com",
		}},
		{Kind: KindOpenID, Priority: 60, Limit: 5},
		{Kind: KindDeviceID, Priority: 20, Limit: 10, Normaliser: "lower", Blocked: []string{ShapeRepeated, "123456789012345", "012345678912345", "004999010640000"}},
		{Kind: KindAdvertisingID, Priority: 15, Limit: 10, Normaliser: "lower", Blocked: []string{ShapeRepeated}},
		{Kind: KindAnonymousID, Priority: 10, Limit: 1000},
		{Kind: KindVIN, Contact: true, Role: Relates, Priority: 50, Limit: 10, Normaliser: "vin", MaxLength: 32, Blocked: []string{
			ShapeRepeated, "12345678901234567", "1234567890", "123456",
		}},
		{Kind: KindPlate, Contact: true, Role: Relates, Priority: 40, Limit: 10, Normaliser: "plate", MaxLength: 32, Blocked: []string{
			ShapeRepeated, "无牌", "无车牌", "未上牌", "临时牌", "新车", "A12345", "12345",
		}},
		{Kind: KindHousehold, Role: Relates, Priority: 30, Limit: 10},
		{Kind: KindAccount, Role: Relates, Priority: 20, Limit: 10},
	}
}

// OtherKind returns the rules of a kind that nobody configured.
func OtherKind(kind IdentifierKind) KindConfig {
	return KindConfig{Kind: kind, Priority: 30, Limit: 10}
}

// Refusal says why a value is no identifier; empty when it is one.
type Refusal string

// The refusals.
const (
	RefusedEmpty   Refusal = "empty"
	RefusedBlocked Refusal = "blocked"  // a value that names nobody
	RefusedInvalid Refusal = "invalid"  // not of the kind's form
	RefusedTooLong Refusal = "too_long" // over MaxLength
)

const (
	defaultMaxIdentifierLength = 256
	maxPriority                = 1000
	maxSharedAfter             = 50
	maxTellsApart              = 50
	maxWindowDays              = 3650
)

// Normaliser brings a trimmed value into the form of its kind; false when it has none.
type Normaliser func(value string) (string, bool)

// KindRules is how identifiers are treated: each kind, and what names nobody of any kind.
type KindRules struct {
	Kinds   []KindConfig
	Blocked []string
}

// DefaultKindRules returns the rules that hold without configuration.
func DefaultKindRules() KindRules { return KindRules{DefaultKinds(), BlockedValues()} }

// KindSet is the rules of all kinds, ready for use. They may be replaced while it is in
// use: each call sees the old ones or the new ones.
type KindSet struct{ current atomic.Pointer[kindTable] }

// kindTable is immutable.
type kindTable struct {
	kinds   map[IdentifierKind]*kindRules
	other   kindRules
	blocked blockList
	rules   KindRules
}

type kindRules struct {
	KindConfig
	normalise Normaliser // nil: values stay as they are
	blocked   blockList
	rank      int
}

// NewKindSet prepares kinds with the values of [BlockedValues]. extra adds or replaces
// normalisers by name: a phone parser that knows more of the world than
// [PhoneNormaliser], for one.
func NewKindSet(configs []KindConfig, extra map[string]Normaliser) (*KindSet, error) {
	return KindRules{configs, BlockedValues()}.Prepare(extra)
}

// Prepare makes rules ready for use; see [NewKindSet].
func (rules KindRules) Prepare(extra map[string]Normaliser) (*KindSet, error) {
	t := &kindTable{kinds: make(map[IdentifierKind]*kindRules, len(rules.Kinds)), rules: rules}
	for _, c := range rules.Kinds {
		if !validKindName(string(c.Kind)) {
			return nil, Errorf(Invalid, "%q is no name for an identifier kind: use a-z, 0-9 and _, at most 32", c.Kind)
		}
		if t.kinds[c.Kind] != nil {
			return nil, Errorf(Invalid, "identifier kind %s is configured twice", c.Kind)
		}
		r, err := c.prepare(extra)
		if err != nil {
			return nil, err
		}
		t.kinds[c.Kind] = &r
	}
	var err error
	if t.other, err = OtherKind("").prepare(extra); err != nil {
		return nil, err
	}
	if t.blocked, err = newBlockList(rules.Blocked, nil); err != nil {
		return nil, Wrap(Invalid, err, "blocked for every kind: %s", err)
	}
	s := &KindSet{}
	s.current.Store(t)
	return s, nil
}

func (c KindConfig) prepare(extra map[string]Normaliser) (kindRules, error) {
	if c.MaxLength == 0 {
		c.MaxLength = defaultMaxIdentifierLength
	}
	if c.Role == "" {
		c.Role = Identifies
	}
	if c.Kind == KindUserID && c.SharedAfter == 0 {
		c.SharedAfter = NeverShared
	}
	if c.Role == Relates {
		c.TellsApart, c.WindowLimit, c.WindowDays = false, 0, 0
	}
	normalise, ok := extra[c.Normaliser]
	if !ok {
		normalise, ok = builtinNormaliser(c.Normaliser)
	}
	switch {
	case !ok:
		return kindRules{}, Errorf(Invalid, "identifier kind %s: there is no normaliser %q", c.Kind, c.Normaliser)
	case c.Limit < 1 || c.MaxLength < 1:
		return kindRules{}, Errorf(Invalid, "identifier kind %s: limit and max_length must be at least 1", c.Kind)
	case c.Priority < 0 || c.Priority > maxPriority:
		return kindRules{}, Errorf(Invalid, "identifier kind %s: priority must be from 0 to %d", c.Kind, maxPriority)
	case c.Role != Identifies && c.Role != Relates:
		return kindRules{}, Errorf(Invalid, "identifier kind %s: role must be %q or %q, not %q", c.Kind, Identifies, Relates, c.Role)
	case c.Role == Relates && (c.Kind == KindUserID || c.Kind == KindAnonymousID):
		return kindRules{}, Errorf(Invalid, "identifier kind %s: it always says who somebody is, so its role is %q", c.Kind, Identifies)
	case c.WindowLimit < 0 || c.WindowDays < 0 || (c.WindowLimit == 0) != (c.WindowDays == 0) || c.WindowDays > maxWindowDays:
		return kindRules{}, Errorf(Invalid, "identifier kind %s: window_limit and window_days go together: so many identifiers in 1 to %d days, or neither", c.Kind, maxWindowDays)
	case c.SharedAfter < NeverShared || c.SharedAfter > maxSharedAfter:
		return kindRules{}, Errorf(Invalid, "identifier kind %s: shared_after must be from 1 to %d, 0 for the default or -1 for never", c.Kind, maxSharedAfter)
	case c.Kind == KindUserID && c.SharedAfter != NeverShared:
		return kindRules{}, Errorf(Invalid, "identifier kind %s: it always says who somebody is, so it is never taken for shared (shared_after: -1)", c.Kind)
	case c.TellsApart && c.Limit > maxTellsApart:
		return kindRules{}, Errorf(Invalid, "identifier kind %s: a kind that tells persons apart has a limit of at most %d", c.Kind, maxTellsApart)
	}
	blocked, err := newBlockList(c.Blocked, normalise)
	if err != nil {
		return kindRules{}, Wrap(Invalid, err, "identifier kind %s: %s", c.Kind, err)
	}
	r := kindRules{KindConfig: c, normalise: normalise, blocked: blocked, rank: c.Priority}
	if c.Role == Identifies {
		r.rank += maxPriority + 1
	}
	return r, nil
}

// DefaultKindSet returns the rules of [DefaultKindRules].
func DefaultKindSet() *KindSet {
	s, err := DefaultKindRules().Prepare(nil)
	if err != nil { // our own table; a test holds it
		panic(err)
	}
	return s
}

// Replace takes over the rules of another set, for everybody who uses this one.
func (s *KindSet) Replace(by *KindSet) { s.current.Store(by.current.Load()) }

// Rules returns what the set was made of. Its lists are shared: do not change them.
func (s *KindSet) Rules() KindRules { return s.current.Load().rules }

func (t *kindTable) of(kind IdentifierKind) *kindRules {
	if r := t.kinds[kind]; r != nil {
		return r
	}
	return &t.other
}

// Config returns the rules of a kind, also of one that nobody configured.
func (s *KindSet) Config(kind IdentifierKind) KindConfig {
	c := s.current.Load().of(kind).KindConfig
	c.Kind = kind
	return c
}

// Configs returns the configured kinds, strongest first.
func (s *KindSet) Configs() []KindConfig {
	t := s.current.Load()
	list := make([]*kindRules, 0, len(t.kinds))
	for _, r := range t.kinds {
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b *kindRules) int {
		return cmp.Or(cmp.Compare(b.rank, a.rank), cmp.Compare(a.Kind, b.Kind))
	})
	configs := make([]KindConfig, len(list))
	for i, r := range list {
		configs[i] = r.KindConfig
	}
	return configs
}

// Priority of a kind among those of its role.
func (s *KindSet) Priority(kind IdentifierKind) int { return s.Config(kind).Priority }

// Limit is how many identifiers of the kind one person may hold.
func (s *KindSet) Limit(kind IdentifierKind) int { return s.current.Load().of(kind).Limit }

// Contact tells whether identifiers of a kind are contacts.
func (s *KindSet) Contact(kind IdentifierKind) bool { return s.current.Load().of(kind).Contact }

// Role tells whether identifiers of the kind say who somebody is.
func (s *KindSet) Role(kind IdentifierKind) Role { return s.current.Load().of(kind).Role }

// Normalise brings a value into its kind's form; false when it is no identifier.
// Normalising twice changes nothing.
func (s *KindSet) Normalise(kind IdentifierKind, value string) (string, bool) {
	v, refused := s.Check(kind, value)
	return v, refused == ""
}

// Check is Normalise that says why a value was refused.
func (s *KindSet) Check(kind IdentifierKind, value string) (string, Refusal) {
	t := s.current.Load()
	return t.check(t.of(kind), value)
}

// CheckWithPrefix checks a value that is stored behind a prefix ("crm-17"): what names
// nobody does so with a prefix too.
func (s *KindSet) CheckWithPrefix(kind IdentifierKind, prefix, value string) (string, Refusal) {
	t := s.current.Load()
	if prefix == "" {
		return t.check(t.of(kind), value)
	}
	value = unwrapCell(trim(value))
	if value == "" {
		return "", RefusedEmpty
	}
	r := t.of(kind)
	if t.names(r, value) == RefusedBlocked {
		return "", RefusedBlocked
	}
	return t.check(r, prefix+value)
}

func (t *kindTable) check(r *kindRules, value string) (string, Refusal) {
	value = unwrapCell(trim(value))
	// Four times the bound is room for separators; beyond that no work is done.
	if len(value) > 4*r.MaxLength {
		return "", RefusedTooLong
	}
	if refusal := t.names(r, value); refusal != "" {
		return "", refusal
	}
	if r.normalise != nil {
		normal, ok := r.normalise(value)
		normal = trim(normal)
		switch {
		case !ok || unwrapCell(normal) != normal:
			return "", RefusedInvalid
		case normal != value:
			if refusal := t.names(r, normal); refusal != "" {
				return "", refusal
			}
		}
		value = normal
	}
	switch {
	case strings.IndexByte(value, 0) >= 0:
		return "", RefusedInvalid
	case len(value) > r.MaxLength:
		return "", RefusedTooLong
	}
	return value, ""
}

// Form brings a value into its kind's form, whether or not it names somebody; empty when it has none.
func (s *KindSet) Form(kind IdentifierKind, value string) string {
	r := s.current.Load().of(kind)
	value = unwrapCell(trim(value))
	if r.normalise == nil {
		return value
	}
	value, _ = r.normalise(value)
	return trim(value)
}

// BlockedBy returns the entry of the lists of blocked values that a value falls under, and
// whether it is one for every kind.
func (s *KindSet) BlockedBy(kind IdentifierKind, value string) (entry string, everywhere bool) {
	t := s.current.Load()
	r := t.of(kind)
	values := []string{unwrapCell(trim(value)), s.Form(kind, value)}
	for _, v := range values {
		if v != "" {
			values = append(values, bare(v))
		}
	}
	for _, list := range []struct {
		entries    []string
		normalise  Normaliser
		everywhere bool
	}{{t.rules.Blocked, nil, true}, {r.Blocked, r.normalise, false}} {
		for _, entry := range list.entries {
			one, err := newBlockList([]string{entry}, list.normalise)
			if err == nil && slices.ContainsFunc(values, func(v string) bool { return v != "" && one.has(v) }) {
				return entry, list.everywhere
			}
		}
	}
	return "", false
}

// names says why a value names nobody.
func (t *kindTable) names(r *kindRules, value string) Refusal {
	if value == "" {
		return RefusedEmpty
	}
	if t.blocked.has(value) || r.blocked.has(value) {
		return RefusedBlocked
	}
	inside := bare(value)
	if len(inside) != len(value) && (inside == "" || t.blocked.has(inside) || r.blocked.has(inside)) {
		return RefusedBlocked
	}
	return ""
}

// Parse reads "kind:value", the form used in URLs, and normalises it.
func (s *KindSet) Parse(ref string) (Identifier, bool) {
	id, ok := ParseIdentifier(ref)
	if !ok {
		return Identifier{}, false
	}
	if id.Kind, ok = ParseKind(string(id.Kind)); !ok {
		return Identifier{}, false
	}
	id.Value, ok = s.Normalise(id.Kind, id.Value)
	return id, ok
}

// Sort puts those first that say who somebody is, the strongest kinds first among them, and
// keeps the order among equals.
func (s *KindSet) Sort(ids []Identifier) {
	t := s.current.Load()
	// Lists are short and mostly in order; insertion does not allocate.
	for i := 1; i < len(ids); i++ {
		rank := t.of(ids[i].Kind).rank
		for j := i; j > 0 && rank > t.of(ids[j-1].Kind).rank; j-- {
			ids[j], ids[j-1] = ids[j-1], ids[j]
		}
	}
}

// ParseKind reads a kind's name as clients write it: case does not matter, ".", "-" and
// blanks are read as "_" ("ios.idfa" is ios_idfa), and Segment's field names work (userId).
func ParseKind(name string) (IdentifierKind, bool) {
	if !validKindName(name) {
		if len(name) > 64 {
			return "", false
		}
		name = strings.Map(func(r rune) rune {
			switch r {
			case '.', '-', ' ':
				return '_'
			}
			return r
		}, strings.ToLower(strings.TrimSpace(name)))
		if !validKindName(name) {
			return "", false
		}
	}
	switch name {
	case "userid":
		return KindUserID, true
	case "anonymousid":
		return KindAnonymousID, true
	case "deviceid":
		return KindDeviceID, true
	case "advertisingid":
		return KindAdvertisingID, true
	case "union_id":
		return KindUnionID, true
	case "open_id":
		return KindOpenID, true
	}
	return IdentifierKind(name), true
}

func validKindName(s string) bool {
	if len(s) == 0 || len(s) > 32 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_') {
			return false
		}
	}
	return true
}
