package touchstone

import (
	"fmt"
	"slices"
	"strings"
)

// KindUnionID and the others below have a configuration of their own in [DefaultKinds];
// they arrive in context.externalIds and through mapping files.
const (
	KindUnionID       IdentifierKind = "unionid"
	KindOpenID        IdentifierKind = "openid"
	KindVIN           IdentifierKind = "vin"
	KindPlate         IdentifierKind = "plate"
	KindAdvertisingID IdentifierKind = "advertising_id"
	// KindGroupID says whose account it is, not who somebody is.
	KindGroupID IdentifierKind = "group_id"
)

// KindConfig says how identifiers of one kind are treated.
type KindConfig struct {
	Kind IdentifierKind `json:"kind" yaml:"kind"`
	// Priority orders kinds: when a limit is hit, the weaker identifier is dropped.
	Priority int `json:"priority" yaml:"priority"`
	// Limit is how many identifiers of this kind one person may hold.
	Limit int `json:"limit" yaml:"limit"`
	// Normaliser names the function that brings values into one form: "text" (the
	// default: trim), "lower", "email", "phone", "integer" ("17850.0" is 17850),
	// "vin", "plate", or one that was given to [NewKindSet].
	Normaliser string `json:"normaliser" yaml:"normaliser"`
	// Blocked lists values that name nobody, beside those blocked for every kind. Case
	// does not matter; one * stands for anything ("*@example.com").
	Blocked []string `json:"blocked" yaml:"blocked"`
	// MaxLength in bytes after normalisation; 0 is 256. Longer values are refused,
	// never cut, because two cut values could become equal.
	MaxLength int `json:"max_length" yaml:"max_length"`
}

// DefaultKinds returns the kinds known without configuration, strongest first. A kind
// that is not listed gets the rules of [OtherKind].
func DefaultKinds() []KindConfig {
	return []KindConfig{
		{Kind: KindUserID, Priority: 100, Limit: 1},
		{Kind: KindUnionID, Priority: 90, Limit: 1},
		{Kind: KindPhone, Priority: 80, Limit: 5, Normaliser: "phone", MaxLength: 32},
		{Kind: KindEmail, Priority: 70, Limit: 5, Normaliser: "email", Blocked: []string{
			"test@test.com", "noreply@*", "no-reply@*", "none@none.com", "a@a.com",
		}},
		{Kind: KindOpenID, Priority: 60, Limit: 5},
		{Kind: KindVIN, Priority: 50, Limit: 10, Normaliser: "vin", MaxLength: 32},
		{Kind: KindPlate, Priority: 40, Limit: 10, Normaliser: "plate", MaxLength: 32},
		{Kind: KindDeviceID, Priority: 20, Limit: 10, Normaliser: "lower"},
		{Kind: KindAdvertisingID, Priority: 15, Limit: 10, Normaliser: "lower"},
		{Kind: KindAnonymousID, Priority: 10, Limit: 1000},
	}
}

// OtherKind returns the rules of a kind that nobody configured.
func OtherKind(kind IdentifierKind) KindConfig {
	return KindConfig{Kind: kind, Priority: 30, Limit: 10}
}

// blockedEverywhere are values that broken clients send instead of an identifier.
// Values made of zeros only ("0", "00000000-0000-…") are blocked by a rule of their own.
var blockedEverywhere = []string{
	"null", "(null)", "nil", "none", "undefined", "nan", "n/a", "na", "void", "empty", "unknown", "anonymous",
	"anonymoususer", "guest", "visitor", "-1", "true", "false", "[object object]", "{}", "[]", "-", "--",
	"undefined undefined", "not set", "(not set)", "not_set", "no_user", "nouser", "no user",
	"9774d56d682e549c", // ANDROID_ID of a whole generation of phones
	"02:00:00:00:00:00", "ffffffff-ffff-ffff-ffff-ffffffffffff",
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

const defaultMaxIdentifierLength = 256

// Normaliser brings a trimmed value into the form of its kind; false when it has none.
type Normaliser func(value string) (string, bool)

// KindSet is the rules of all kinds, ready for use. It is immutable.
type KindSet struct {
	kinds map[IdentifierKind]*kindRules
	other kindRules
}

type kindRules struct {
	KindConfig
	normalise Normaliser
	blocked   blockList
}

// NewKindSet prepares the rules. extra adds or replaces normalisers by name: a phone
// parser that knows more of the world than [PhoneNormaliser], for one.
func NewKindSet(configs []KindConfig, extra map[string]Normaliser) (*KindSet, error) {
	s := &KindSet{kinds: make(map[IdentifierKind]*kindRules, len(configs))}
	prepare := func(c KindConfig) (kindRules, error) {
		if c.MaxLength == 0 {
			c.MaxLength = defaultMaxIdentifierLength
		}
		normalise, ok := extra[c.Normaliser]
		if !ok {
			normalise, ok = builtinNormaliser(c.Normaliser)
		}
		if !ok {
			return kindRules{}, Errorf(Invalid, "identifier kind %s: there is no normaliser %q", c.Kind, c.Normaliser)
		}
		if c.Limit < 1 || c.MaxLength < 1 {
			return kindRules{}, Errorf(Invalid, "identifier kind %s: limit and max_length must be at least 1", c.Kind)
		}
		blocked, err := newBlockList(c.Blocked)
		if err != nil {
			return kindRules{}, Wrap(Invalid, err, "identifier kind %s: %s", c.Kind, err)
		}
		return kindRules{KindConfig: c, normalise: normalise, blocked: blocked}, nil
	}
	for _, c := range configs {
		if !validKindName(string(c.Kind)) {
			return nil, Errorf(Invalid, "%q is no name for an identifier kind: use a-z, 0-9 and _, at most 32", c.Kind)
		}
		if s.kinds[c.Kind] != nil {
			return nil, Errorf(Invalid, "identifier kind %s is configured twice", c.Kind)
		}
		rules, err := prepare(c)
		if err != nil {
			return nil, err
		}
		s.kinds[c.Kind] = &rules
	}
	var err error
	s.other, err = prepare(OtherKind(""))
	return s, err
}

// DefaultKindSet returns the rules of [DefaultKinds].
func DefaultKindSet() *KindSet {
	s, err := NewKindSet(DefaultKinds(), nil)
	if err != nil { // our own table; a test holds it
		panic(err)
	}
	return s
}

func (s *KindSet) rules(kind IdentifierKind) *kindRules {
	if r := s.kinds[kind]; r != nil {
		return r
	}
	return &s.other
}

// Config returns the rules of a kind, also of one that nobody configured.
func (s *KindSet) Config(kind IdentifierKind) KindConfig {
	c := s.rules(kind).KindConfig
	c.Kind = kind
	return c
}

// Configs returns the configured kinds, strongest first.
func (s *KindSet) Configs() []KindConfig {
	list := make([]KindConfig, 0, len(s.kinds))
	for _, r := range s.kinds {
		list = append(list, r.KindConfig)
	}
	slices.SortFunc(list, func(a, b KindConfig) int {
		if a.Priority != b.Priority {
			return b.Priority - a.Priority
		}
		return strings.Compare(string(a.Kind), string(b.Kind))
	})
	return list
}

// Priority and Limit of a kind, for code that runs per event.
func (s *KindSet) Priority(kind IdentifierKind) int { return s.rules(kind).KindConfig.Priority }

// Limit is how many identifiers of the kind one person may hold.
func (s *KindSet) Limit(kind IdentifierKind) int { return s.rules(kind).KindConfig.Limit }

// Normalise brings a value into its kind's form; false when it is no identifier.
// Normalising twice changes nothing.
func (s *KindSet) Normalise(kind IdentifierKind, value string) (string, bool) {
	v, refused := s.Check(kind, value)
	return v, refused == ""
}

// Check is Normalise that says why a value was refused.
func (s *KindSet) Check(kind IdentifierKind, value string) (string, Refusal) {
	r := s.rules(kind)
	value = trim(value)
	if value == "" {
		return "", RefusedEmpty
	}
	// Four times the bound is room for separators; beyond that no work is done.
	if len(value) > 4*r.MaxLength {
		return "", RefusedTooLong
	}
	if onlyZeros(value) || commonBlocks.has(value) {
		return "", RefusedBlocked
	}
	value, ok := r.normalise(value)
	value = trim(value)
	switch {
	case !ok || strings.IndexByte(value, 0) >= 0:
		return "", RefusedInvalid
	case value == "":
		return "", RefusedEmpty
	case len(value) > r.MaxLength:
		return "", RefusedTooLong
	case onlyZeros(value) || r.blocked.has(value) || commonBlocks.has(value):
		return "", RefusedBlocked
	}
	return value, ""
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

// Sort puts the strongest kinds first and keeps the order among equals.
func (s *KindSet) Sort(ids []Identifier) {
	// Lists are short and mostly in order; insertion does not allocate.
	for i := 1; i < len(ids); i++ {
		for j := i; j > 0 && s.Priority(ids[j].Kind) > s.Priority(ids[j-1].Kind); j-- {
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

// blockList holds lower-case literals and patterns with one star.
type blockList struct {
	literals map[string]struct{}
	longest  int
	patterns [][2]string // prefix, suffix
}

var commonBlocks = mustBlockList(blockedEverywhere)

func mustBlockList(values []string) blockList {
	b, err := newBlockList(values)
	if err != nil { // our own table
		panic(err)
	}
	return b
}

func newBlockList(values []string) (blockList, error) {
	b := blockList{literals: make(map[string]struct{}, len(values))}
	for _, v := range values {
		v = strings.ToLower(v)
		prefix, suffix, star := strings.Cut(v, "*")
		switch {
		case !star:
			b.literals[v] = struct{}{}
			b.longest = max(b.longest, len(v))
		case strings.Contains(suffix, "*") || prefix+suffix == "":
			return b, fmt.Errorf("blocked value %q: use one * and some text", v)
		default:
			b.patterns = append(b.patterns, [2]string{prefix, suffix})
		}
	}
	return b, nil
}

func (b *blockList) has(value string) bool {
	if len(value) <= b.longest {
		var buf [64]byte
		if _, ok := b.literals[string(appendLower(buf[:0], value))]; ok {
			return true
		}
	}
	if len(b.patterns) == 0 {
		return false
	}
	low := strings.ToLower(value) // no allocation when it is lower-case already
	for _, p := range b.patterns {
		if len(low) >= len(p[0])+len(p[1]) && strings.HasPrefix(low, p[0]) && strings.HasSuffix(low, p[1]) {
			return true
		}
	}
	return false
}

func appendLower(dst []byte, s string) []byte {
	for i := range len(s) {
		c := s[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}
