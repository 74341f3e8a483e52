package profile

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/internal/jsonwalk"
	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/store"
)

// Identifiers is what the reads ask identity.
type Identifiers interface {
	// IdentifiersOf returns the identifiers of persons, strongest first.
	IdentifiersOf(ctx context.Context, persons []touchstone.PersonID) (map[touchstone.PersonID][]touchstone.Identifier, error)
	// FindIdentifiers returns identifiers that begin with prefix, after the given one, in
	// order, and the person of each.
	FindIdentifiers(ctx context.Context, prefix string, after touchstone.Identifier, limit int) ([]touchstone.Identifier, []touchstone.PersonID, error)
}

// Profile is what is known of a person, without what other packages add.
type Profile struct {
	ID        touchstone.PersonID        `json:"id"`
	Name      *string                    `json:"name"`
	Known     bool                       `json:"known"`
	Traits    map[string]touchstone.JSON `json:"traits"`
	TraitMeta map[string]TraitMeta       `json:"trait_meta"`
	Groups    []Group                    `json:"groups"`
	Consent   touchstone.JSON            `json:"consent"` // category → true or false; empty when never given
	FirstSeen time.Time                  `json:"first_seen"`
	LastSeen  time.Time                  `json:"last_seen"`
	Counters  Counters                   `json:"counters"`
	City      *string                    `json:"city"`
	Country   *string                    `json:"country"`
	First     Origin                     `json:"first"`
	Last      Origin                     `json:"last"`
	// Rebuilding tells that a split is being worked in: values may be those of before.
	Rebuilding bool `json:"rebuilding,omitempty"`
}

// TraitMeta tells where a trait comes from.
type TraitMeta struct {
	UpdatedAt time.Time `json:"updated_at"`
	Source    string    `json:"source"`
}

// Group is an account, in the sense of the group call, that a person was seen in.
type Group struct {
	ID   string    `json:"id"`
	Seen time.Time `json:"seen"`
}

// Counters are numbers of events.
type Counters struct {
	Events    uint64            `json:"events"`
	Sessions  uint64            `json:"sessions"` // with half an hour of silence between them
	ByEvent   map[string]uint64 `json:"by_event"` // the twenty most frequent
	ByChannel map[string]uint64 `json:"by_channel"`
	BySource  map[string]uint64 `json:"by_source"`
}

// Origin is where an event came from.
type Origin struct {
	Source  string `json:"source"`
	Channel string `json:"channel"`
}

const (
	shownEvents      = 20
	shownIdentifiers = 5
	other            = "other" // events and labels that found no place in the bounds
)

// Count returns the number of persons.
func (p *Profiles) Count(ctx context.Context) (persons int64, err error) {
	err = p.cfg.DB.Reader().QueryRow(ctx, `SELECT CAST(SUM(persons) AS BIGINT) FROM profile_state`).Scan(&persons)
	return persons, err
}

// stored is a person's states as they were read.
type stored struct {
	id       touchstone.PersonID
	activity activity
	traits   traits
	words    [classes][]string
}

// read returns the states of those persons that have a profile, in the order asked.
func (p *Profiles) read(ctx context.Context, ids []touchstone.PersonID) ([]*stored, error) {
	found := map[touchstone.PersonID]*stored{}
	err := p.cfg.DB.View(ctx, func(tx *store.Tx) error {
		var bad error
		err := readStates(ctx, tx, "profile_activity", ids, func(id touchstone.PersonID, state []byte) {
			if len(state) == 0 {
				return
			}
			s := &stored{id: id}
			bad = cmp.Or(bad, s.activity.decode(state))
			found[id] = s
		})
		if err == nil && bad == nil {
			err = readStates(ctx, tx, "profile_traits", ids, func(id touchstone.PersonID, state []byte) {
				if s := found[id]; s != nil && len(state) > 0 {
					bad = cmp.Or(bad, s.traits.decode(state))
				}
			})
		}
		if err = cmp.Or(err, bad); err != nil {
			return err
		}
		return p.readWords(ctx, tx, found)
	})
	if err != nil {
		return nil, err
	}
	list := make([]*stored, 0, len(found))
	for _, id := range ids {
		if s := found[id]; s != nil {
			list = append(list, s)
		}
	}
	return list, nil
}

func (p *Profiles) readWords(ctx context.Context, q store.Querier, found map[touchstone.PersonID]*stored) error {
	var highest [classes]uint32
	need := func(c class, n uint32) { highest[c] = max(highest[c], n) }
	for _, s := range found {
		a := &s.activity
		for _, t := range a.events {
			need(eventWords, t.word)
		}
		for _, list := range [][]tally{a.channels, a.sources} {
			for _, t := range list {
				need(labelWords, t.word)
			}
		}
		need(labelWords, max(a.city.word, a.country.word))
		for _, t := range s.traits.list {
			need(traitWords, t.name)
			need(labelWords, t.stamp.source)
		}
		need(labelWords, max(a.firstSource, a.firstChannel, a.lastSource, a.lastChannel))
	}
	for c := range classes {
		words, err := p.shown.upTo(ctx, q, c, highest[c])
		if err != nil {
			return err
		}
		for _, s := range found {
			s.words[c] = words
		}
	}
	return nil
}

// Get returns a person's profile as v may see it. It is NotFound for a person that has none.
func (p *Profiles) Get(ctx context.Context, v *access.Viewer, id touchstone.PersonID) (*Profile, error) {
	seen, err := p.cfg.Within.Of(ctx, v, []touchstone.PersonID{id})
	if err != nil {
		return nil, err
	}
	// Asked before and after: a rebuild that ends, or begins, meanwhile must not make half a profile
	// look whole.
	rebuilding, err := p.rebuilding(ctx, id)
	if err != nil {
		return nil, err
	}
	list, err := p.read(ctx, seen)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, touchstone.Errorf(touchstone.NotFound, "there is no profile of %s", id)
	}
	identifiers, err := p.identifiersOf(ctx, []touchstone.PersonID{id})
	if err != nil {
		return nil, err
	}
	shown := list[0].profile(identifiers[id])
	shown.mask(v)
	if shown.Rebuilding = rebuilding; !rebuilding {
		shown.Rebuilding, err = p.rebuilding(ctx, id)
	}
	return shown, err
}

// mask hides contacts from who may not see them.
func (p *Profile) mask(v *access.Viewer) {
	p.Name = maskName(v, p.Name)
	for name, value := range p.Traits {
		p.Traits[name] = v.Field(name, value)
	}
	for i := range p.Groups {
		p.Groups[i].ID = v.Text(p.Groups[i].ID)
	}
}

// maskLine hides contacts from who may not see them.
func maskLine(v *access.Viewer, l *api.PersonLine) {
	l.Name = maskName(v, l.Name)
	l.Identifiers = slices.Clone(l.Identifiers)
	for i, id := range l.Identifiers {
		l.Identifiers[i] = v.Identifier(id)
	}
}

func maskName(v *access.Viewer, name *string) *string {
	if name == nil {
		return nil
	}
	masked := v.Text(*name)
	return &masked
}

func (p *Profiles) rebuilding(ctx context.Context, id touchstone.PersonID) (bool, error) {
	var n int
	err := p.cfg.DB.Reader().QueryRow(ctx, `SELECT COUNT(*) FROM profile_rebuilds WHERE person = ?`, int64(id)).Scan(&n)
	return n > 0, err
}

func (p *Profiles) identifiersOf(ctx context.Context, ids []touchstone.PersonID) (map[touchstone.PersonID][]touchstone.Identifier, error) {
	if p.cfg.Identifiers == nil || len(ids) == 0 {
		return nil, nil
	}
	return p.cfg.Identifiers.IdentifiersOf(ctx, ids)
}

func (s *stored) profile(identifiers []touchstone.Identifier) *Profile {
	a := &s.activity
	v := &Profile{
		ID: s.id, Name: s.name(identifiers), Known: known(identifiers),
		Traits: map[string]touchstone.JSON{}, TraitMeta: map[string]TraitMeta{}, Groups: []Group{}, Consent: touchstone.JSON(cmp.Or(s.traits.consent.json, "{}")),
		FirstSeen: timeOf(a.first), LastSeen: timeOf(a.last), City: s.label(a.city.word), Country: s.label(a.country.word),
		First: Origin{s.labelText(a.firstSource), s.labelText(a.firstChannel)}, Last: Origin{s.labelText(a.lastSource), s.labelText(a.lastChannel)},
		Counters: Counters{
			Events: a.total(), Sessions: a.sessions(),
			ByEvent: map[string]uint64{}, ByChannel: map[string]uint64{}, BySource: map[string]uint64{},
		},
	}
	for _, t := range s.traits.list {
		if t.json == "" {
			continue
		}
		name := wordOf(s.words[traitWords], t.name)
		v.Traits[name] = touchstone.JSON(t.json)
		v.TraitMeta[name] = TraitMeta{timeOf(t.stamp.at), s.labelText(t.stamp.source)}
	}
	for _, g := range s.traits.groups {
		v.Groups = append(v.Groups, Group{g.id, timeOf(g.stamp.at)})
	}
	slices.SortFunc(v.Groups, func(x, y Group) int { return cmp.Or(y.Seen.Compare(x.Seen), cmp.Compare(x.ID, y.ID)) })
	slices.SortFunc(a.events, func(x, y tally) int { return cmp.Or(cmp.Compare(y.n, x.n), cmp.Compare(x.word, y.word)) })
	for _, t := range a.events[:min(shownEvents, len(a.events))] {
		v.Counters.ByEvent[cmp.Or(wordOf(s.words[eventWords], t.word), other)] += t.n
	}
	for _, t := range a.channels {
		if t.word != 0 {
			v.Counters.ByChannel[s.labelText(t.word)] += t.n
		}
	}
	for _, t := range a.sources {
		v.Counters.BySource[cmp.Or(s.labelText(t.word), other)] += t.n
	}
	return v
}

func (s *stored) labelText(n uint32) string { return wordOf(s.words[labelWords], n) }

func (s *stored) label(n uint32) *string {
	if n == 0 {
		return nil
	}
	text := s.labelText(n)
	return &text
}

// trait returns the text of a trait, "" without one.
func (s *stored) trait(name string) string {
	for _, t := range s.traits.list {
		if wordOf(s.words[traitWords], t.name) == name {
			if v := jsonwalk.Text(t.json); v != "" || strings.HasPrefix(t.json, `"`) {
				return v
			}
			return t.json // a number, as phone numbers may come
		}
	}
	return ""
}

// name returns what to call a person: a name, else an e-mail address, a phone number
// without its middle, or the user id; nil for an anonymous person.
func (s *stored) name(identifiers []touchstone.Identifier) *string {
	first, last := cmp.Or(s.trait("firstName"), s.trait("first_name")), cmp.Or(s.trait("lastName"), s.trait("last_name"))
	name := cmp.Or(strings.TrimSpace(s.trait("name")), strings.TrimSpace(s.trait("姓名")), fullName(first, last), s.trait("email"), maskPhone(s.trait("phone")))
	of := func(kind touchstone.IdentifierKind) string {
		for _, id := range identifiers {
			if id.Kind == kind {
				return id.Value
			}
		}
		return ""
	}
	if name = cmp.Or(name, of(touchstone.KindEmail), maskPhone(of(touchstone.KindPhone)), of(touchstone.KindUserID)); name == "" {
		return nil
	}
	return &name
}

// fullName puts the family name first, without a blank, where the script asks for it.
func fullName(first, last string) string {
	if first != "" && last != "" && last[0] >= 0xE3 && last[0] <= 0xED { // Chinese, Japanese, Korean
		return last + first
	}
	return strings.TrimSpace(first + " " + last)
}

// maskPhone hides the middle of a phone number: lists of persons are on many screens.
func maskPhone(phone string) string {
	n := len(phone)
	masked := min(4, n-4)
	if masked <= 0 {
		return phone
	}
	return phone[:n-4-masked] + "****"[:masked] + phone[n-4:]
}

func known(identifiers []touchstone.Identifier) bool {
	return slices.ContainsFunc(identifiers, func(id touchstone.Identifier) bool { return id.Kind == touchstone.KindUserID })
}

// Lines returns a line for each person that has a profile, in the order asked, as v may
// see it.
func (p *Profiles) Lines(ctx context.Context, v *access.Viewer, ids []touchstone.PersonID) ([]api.PersonLine, error) {
	ids, err := p.cfg.Within.Of(ctx, v, ids)
	if err != nil {
		return nil, err
	}
	list, err := p.read(ctx, ids)
	if err != nil {
		return nil, err
	}
	identifiers, err := p.identifiersOf(ctx, ids)
	if err != nil {
		return nil, err
	}
	out := make([]api.PersonLine, 0, len(list))
	for _, s := range list {
		line := s.line(identifiers[s.id])
		maskLine(v, &line)
		out = append(out, line)
	}
	return out, nil
}

func (s *stored) line(identifiers []touchstone.Identifier) api.PersonLine {
	a := &s.activity
	line := api.PersonLine{ID: s.id, Name: s.name(identifiers), Known: known(identifiers), Identifiers: identifiers[:min(len(identifiers), shownIdentifiers)],
		FirstSeen: timeOf(a.first), LastSeen: timeOf(a.last), Events: a.total(), Channels: []string{}, City: s.label(a.city.word)}
	if line.Identifiers == nil {
		line.Identifiers = []touchstone.Identifier{}
	}
	if line.City == nil {
		if city := s.trait("city"); city != "" {
			line.City = &city
		}
	}
	for _, t := range a.channels {
		if t.word != 0 {
			line.Channels = append(line.Channels, s.labelText(t.word))
		}
	}
	slices.Sort(line.Channels)
	return line
}

// Each calls fn for every person, in the order of ids, with a look-up of the person's
// traits that is valid during the call only. It reads in steps, so persons that come
// meanwhile may or may not be among them.
func (p *Profiles) Each(ctx context.Context, fn func(id touchstone.PersonID, trait func(name string) (touchstone.JSON, bool)) error) error {
	const step = 2000
	var numbers map[string]uint32
	for after := int64(0); ; {
		ids, states, err := p.step(ctx, after, step)
		if err != nil {
			return err
		}
		if numbers == nil || len(ids) > 0 {
			if numbers, err = p.traitNumbers(ctx, numbers, states); err != nil {
				return err
			}
		}
		for i, id := range ids {
			state := states[i]
			err := fn(id, func(name string) (touchstone.JSON, bool) {
				json, ok := lookUp(state, numbers[name])
				if !ok {
					return "", false
				}
				return touchstone.JSON(json), true
			})
			if err != nil {
				return err
			}
			after = int64(id)
		}
		if len(ids) < step {
			return nil
		}
	}
}

// Mentioning calls fn for every person of whom a trait's value is one that is says so, with the names of
// those traits. is gets what is stored of a person first, and then single values. It reads in steps, as Each does.
func (p *Profiles) Mentioning(ctx context.Context, is func(text string) bool, fn func(id touchstone.PersonID, names []string) error) error {
	const step = 2000
	for after := int64(0); ; {
		ids, states, err := p.step(ctx, after, step)
		if err != nil {
			return err
		}
		for i, id := range ids {
			after = int64(id)
			if !is(string(states[i])) {
				continue
			}
			names, err := p.namesOf(ctx, states[i], is)
			if err != nil {
				return fmt.Errorf("person %s: %w", id, err)
			}
			if len(names) == 0 {
				continue
			}
			if err := fn(id, names); err != nil {
				return err
			}
		}
		if len(ids) < step {
			return nil
		}
	}
}

// namesOf returns the names of the traits whose value is says so of.
func (p *Profiles) namesOf(ctx context.Context, state []byte, is func(text string) bool) (names []string, err error) {
	var t traits
	if err := t.decode(state); err != nil {
		return nil, err
	}
	words, err := p.shown.upTo(ctx, p.cfg.DB.Reader(), traitWords, highestTrait(state))
	if err != nil {
		return nil, err
	}
	for i := range t.list {
		if one := &t.list[i]; one.json != "" && is(one.json) {
			names = append(names, words[one.name])
		}
	}
	return names, nil
}

func (p *Profiles) step(ctx context.Context, after int64, limit int) (ids []touchstone.PersonID, states [][]byte, err error) {
	rows, err := p.cfg.DB.Reader().Query(ctx, `SELECT a.person, t.state FROM profile_activity a LEFT JOIN profile_traits t ON t.person = a.person WHERE a.person > ? ORDER BY a.person LIMIT ?`, after, limit)
	if err != nil {
		return nil, nil, fmt.Errorf("read traits: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		var state []byte
		if err := rows.Scan(&id, &state); err != nil {
			return nil, nil, err
		}
		ids, states = append(ids, touchstone.PersonID(id)), append(states, state)
	}
	return ids, states, rows.Err()
}

// traitNumbers returns the numbers of trait names, read again when the states mention
// one that is not among them.
func (p *Profiles) traitNumbers(ctx context.Context, numbers map[string]uint32, states [][]byte) (map[string]uint32, error) {
	highest := uint32(0)
	for _, state := range states {
		highest = max(highest, highestTrait(state))
	}
	if int(highest) <= len(numbers) && numbers != nil {
		return numbers, nil
	}
	words, err := p.shown.upTo(ctx, p.cfg.DB.Reader(), traitWords, highest)
	if err != nil {
		return nil, err
	}
	numbers = make(map[string]uint32, len(words))
	for i, w := range words[1:] {
		numbers[w] = uint32(i + 1) //nolint:gosec // bounded
	}
	return numbers, nil
}

// EachPerson calls fn for every person of whom something had happened at a moment (zero: for everybody), in the order of ids.
// It reads in steps, as Each does, and only the beginning of states.
func (p *Profiles) EachPerson(ctx context.Context, at time.Time, fn func(id touchstone.PersonID)) error {
	const step = 20_000
	for after := int64(0); ; {
		n := 0
		err := keep.Each(ctx, p.cfg.DB.Reader(), `SELECT person, substr(state, 1, 11) FROM profile_activity WHERE person > ? ORDER BY person LIMIT ?`, []any{after, step}, func(scan func(...any) error) error {
			n++
			var state []byte
			if err := scan(&after, &state); err != nil {
				return err
			}
			if first, ok := firstOf(state); at.IsZero() || ok && first <= at.UnixMilli() {
				fn(touchstone.PersonID(after))
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("read persons: %w", err)
		}
		if n < step {
			return nil
		}
	}
}
