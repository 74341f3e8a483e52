package app

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/household"
	"github.com/touchstone-cdp/touchstone/identity"
	"github.com/touchstone-cdp/touchstone/profile"
)

// owner is somebody of a story, with the identifiers that are theirs in truth, strongest first.
type owner struct {
	label string
	ids   []touchstone.Identifier
	gone  bool // erased, and never seen again
	// tablet is nobody: a thing that passes from hand to hand.
	tablet bool
}

// step is an event or a command of a story.
type step struct {
	event   touchstone.Event
	command *touchstone.Command
	owner   *owner // whose it is in truth: that of the strongest identifier
	// mistake marks a command that joins or parts whom the truth does not: the clean world has none.
	mistake bool
	// forgotten marks what was erased later.
	forgotten bool
	// known marks what nobody says in the dirty world, as it is not known there.
	known bool
}

// story is a few people to whom things happen, with mistakes: events that name somebody else's
// identifier, too, merges and links that are wrong, splits that are. Each chapter ends with a repair;
// behind the first, some are erased. In some stories a tablet passes from hand to hand, which the truth knows from the
// beginning, and the program finds out.
type story struct {
	seed     uint64
	rng      *rand.Rand
	now      time.Time
	owners   []*owner
	tablet   *owner // the last one, if there is one
	chapters [2][]step
	erased   []*owner
	between  []step // what is decided behind the first chapter, of people who are who they are
	last     []step // every identifier that is left says once whose it is
	kinds    *touchstone.KindSet
	number   int
	wrong    []string // commands that may be taken back
	links    [][2]string
}

func newStory(seed uint64, now time.Time) *story {
	s := &story{seed: seed, rng: rand.New(rand.NewPCG(seed, 9)), now: now, kinds: touchstone.DefaultKindSet()} //nolint:gosec // repeatable
	people := 2 + s.rng.IntN(2)
	passed := s.rng.IntN(3) == 0
	if passed {
		people += 3 // no phone is seen with so few that it could be shared
	}
	for i := range people {
		o := &owner{label: fmt.Sprintf("s%d.%d", seed, i)}
		for _, kind := range []touchstone.IdentifierKind{touchstone.KindUserID, touchstone.KindPhone, touchstone.KindEmail, touchstone.KindDeviceID, touchstone.KindAnonymousID} {
			value := fmt.Sprintf("s%d-%c%d", seed, kind[0], i)
			switch kind {
			case touchstone.KindPhone:
				value = fmt.Sprintf("+86139%07d%d", seed%10_000_000, i)
			case touchstone.KindEmail:
				value += "@x.org"
			}
			o.ids = append(o.ids, touchstone.Identifier{Kind: kind, Value: value})
		}
		s.owners = append(s.owners, o)
	}
	if passed {
		s.tablet = &owner{label: fmt.Sprintf("s%d.tablet", seed), tablet: true, ids: []touchstone.Identifier{{Kind: touchstone.KindDeviceID, Value: fmt.Sprintf("s%d-tablet", seed)}}}
		shared := s.command(identity.TrustCommand, identity.TrustBody{Identifier: s.tablet.ids[0].String(), State: "shared"})
		shared.known, shared.owner = true, s.tablet
		s.chapters[0] = append(s.chapters[0], step{event: s.happened(s.tablet, "Viewed", `{"x":1}`, s.tablet.ids[0]), owner: s.tablet}, shared)
	}
	s.chapter(0)
	if passed {
		s.owners = append(s.owners, s.tablet)
	}
	if s.rng.IntN(2) == 0 {
		o := s.owners[s.rng.IntN(people)]
		o.gone = s.rng.IntN(2) == 0
		s.erased = append(s.erased, o)
		for i := range s.chapters[0] {
			s.chapters[0][i].forgotten = s.chapters[0][i].owner == o
		}
	}
	s.decide()
	s.chapter(1)
	for _, o := range s.owners {
		for _, id := range o.ids[1:] {
			if !o.gone {
				s.last = append(s.last, step{event: s.happened(o, "Opened", `{}`, o.ids[0], id), owner: o})
			}
		}
	}
	return s
}

func (s *story) chapter(n int) {
	s.wrong, s.links = nil, nil
	seen := map[string]bool{}
	steps := 6 + s.rng.IntN(14)
	if s.tablet != nil {
		steps += 10
	}
	for range steps {
		there := slices.DeleteFunc(slices.Clone(s.owners), func(o *owner) bool { return n > 0 && o.gone || o.tablet })
		if len(there) == 0 {
			return
		}
		o := there[s.rng.IntN(len(there))]
		if s.rng.IntN(4) == 0 && len(seen) > 1 {
			if st, ok := s.intervention(there, seen); ok {
				s.chapters[n] = append(s.chapters[n], st)
				continue
			}
		}
		ids := s.some(o, 1, 1, 2, 2, 3)
		if other := there[s.rng.IntN(len(there))]; other != o && s.rng.IntN(3) == 0 { // a shared tablet, a typing error
			for _, id := range s.some(other, 1, 1, 2) {
				if !slices.ContainsFunc(ids, func(have touchstone.Identifier) bool { return have.Kind == id.Kind }) {
					ids = append(ids, id)
				}
			}
		}
		ids = s.passed(o, ids)
		st := step{event: s.eventOf(o, ids)}
		if s.tablet != nil && st.event.Identifiers[0] == s.tablet.ids[0] {
			st.owner = s.tablet
		}
		for _, who := range s.owners {
			if slices.Contains(who.ids, st.event.Identifiers[0]) {
				st.owner = who
			}
		}
		seen[st.event.Identifiers[0].String()] = true
		s.chapters[n] = append(s.chapters[n], st)
	}
}

// passed has something happen on the tablet, with somebody signed in or nobody.
func (s *story) passed(o *owner, ids []touchstone.Identifier) []touchstone.Identifier {
	device := func(id touchstone.Identifier) bool { return id.Kind == touchstone.KindDeviceID }
	if s.tablet == nil || slices.ContainsFunc(ids, device) {
		return ids
	}
	switch s.rng.IntN(6) {
	case 0, 1:
		return append(ids, s.tablet.ids[0])
	case 2, 3:
		return []touchstone.Identifier{o.ids[0], s.tablet.ids[0]}
	case 4:
		return []touchstone.Identifier{s.tablet.ids[0]}
	}
	return ids
}

func (s *story) some(o *owner, counts ...int) (ids []touchstone.Identifier) {
	for _, i := range s.rng.Perm(len(o.ids))[:counts[s.rng.IntN(len(counts))]] {
		ids = append(ids, o.ids[i])
	}
	return ids
}

func (s *story) pick(list ...string) string { return list[s.rng.IntN(len(list))] }

func (s *story) happened(o *owner, name, properties string, ids ...touchstone.Identifier) touchstone.Event {
	s.number++
	e := touchstone.Event{Type: touchstone.Track, Name: name, MessageID: fmt.Sprintf("s%d-%d", s.seed, s.number), Source: "web", ReceivedAt: s.now,
		Time: s.now.Add(-time.Duration(s.rng.IntN(4000)) * time.Minute), Properties: touchstone.JSON(properties), Identifiers: ids}
	s.kinds.Sort(e.Identifiers)
	if slices.ContainsFunc(s.erased, func(o *owner) bool { return slices.Contains(o.ids, e.Identifiers[0]) }) {
		e.Time = s.now // what happened before an erasure stays out
	}
	return e
}

func (s *story) eventOf(o *owner, ids []touchstone.Identifier) touchstone.Event {
	address := fmt.Sprintf("上海市浦东新区张江路%d号%d室", 1+s.seed, 101+s.rng.IntN(2))
	switch s.rng.IntN(10) {
	case 0, 1, 2:
		return s.happened(o, "Order Completed", fmt.Sprintf(`{"revenue":%d,"city":%q,"payment_token":"s%d-%d"}`, 1+s.rng.IntN(200), s.pick("上海", "Rome"), s.seed, s.rng.IntN(2)), ids...)
	case 3, 4, 5, 6:
		e := s.happened(o, "$identify", "", ids...)
		e.Type, e.Properties = touchstone.Identify, ""
		e.Traits = touchstone.JSON(s.pick(`{"plan":"pro"}`, `{"plan":"free","city":"Rome"}`, `{"plan":null}`, `{"city":null,"n":1}`, `{"n":3,"plan":"pro"}`,
			fmt.Sprintf(`{"name":%q,"address":%q}`, s.pick("王安", "王博", "李夏"), address), fmt.Sprintf(`{"address":%q,"birthday":%q}`, address, s.pick("1985-03-01", "2019-04-01")), s.alike(), s.alike()))
		if s.rng.IntN(4) == 0 {
			e.Traits, e.Context = "", touchstone.JSON(s.pick(`{"traitOperations":{"increment":{"n":2}}}`, `{"traitOperations":{"setOnce":{"plan":"basic"}}}`, `{"traitOperations":{"delete":true}}`))
		}
		return e
	}
	return s.happened(o, s.pick("Viewed", "Viewed", "Bought coffee", "Signed Up"), fmt.Sprintf(`{"x":%d}`, 1+s.rng.IntN(3)), ids...)
}

// alike is what more than one of a story may say of themselves, so that they look like one person.
func (s *story) alike() string {
	family, given := []string{"赵", "钱", "孙", "周", "吴", "郑", "冯", "陈"}, []string{"建国", "秀英", "晓东", "海燕", "志强", "美玲", "子轩", "雨桐", "浩然", "思远"}
	return fmt.Sprintf(`{"name":%q,"birthday":%q,"mobile":"+86137%08d"}`, family[s.seed%8]+given[s.seed/8%10],
		time.Date(1950+int(s.seed%47), time.Month(1+s.seed%12), 1+int(s.seed%28), 0, 0, 0, 0, time.UTC).Format(time.DateOnly), s.seed%100_000_000) //nolint:gosec // small
}

// intervention is what an operator or a model does: seen are identifiers that exist.
func (s *story) intervention(there []*owner, seen map[string]bool) (st step, ok bool) {
	one := func(not *owner) (string, *owner) {
		for range 20 {
			o := there[s.rng.IntN(len(there))]
			if id := o.ids[s.rng.IntN(len(o.ids))].String(); seen[id] && o != not {
				return id, o
			}
		}
		return "", nil
	}
	a, o := one(nil)
	if o == nil {
		return st, false
	}
	command := func(kind string, body any) step {
		st := s.command(kind, body)
		st.mistake, st.owner = true, o
		return st
	}
	b, other := one(o)
	switch kind := s.rng.IntN(9); {
	case s.tablet != nil && s.rng.IntN(6) == 0:
		st = command(identity.TrustCommand, identity.TrustBody{Identifier: s.tablet.ids[0].String(), State: s.pick("trusted", "trusted", "auto", "shared")})
		return st, true
	case kind == 0: // a correction is right, and holds in the clean world
		st = command(profile.CorrectCommand, map[string]any{"person": a, "traits": map[string]any{"plan": s.pick("gold", "silver")}})
		st.mistake = false
		return st, true
	case kind <= 2:
		st = command(identity.SplitCommand, identity.SplitBody{Identifiers: []string{a}})
		s.wrong = append(s.wrong, st.command.ID)
		return st, true
	case kind == 3 && len(s.wrong) > 0:
		return command(identity.UndoCommand, identity.UndoBody{Command: s.wrong[s.rng.IntN(len(s.wrong))]}), true
	case kind == 4 && len(s.links) > 0:
		return command(identity.UnlinkCommand, identity.UnlinkBody{Links: s.links[:1], Apart: s.rng.IntN(2) == 0}), true
	case other == nil:
		return st, false
	case kind <= 6:
		st = command(identity.MergeCommand, identity.MergeBody{Identifiers: [2]string{a, b}, OverLimits: s.rng.IntN(2) == 0})
		s.wrong = append(s.wrong, st.command.ID)
		return st, true
	case kind == 7:
		s.links = append(s.links, [2]string{a, b})
		return command(identity.LinkCommand, identity.LinkBody{Links: []identity.Link{{Identifiers: [2]string{a, b}, MatchDetail: identity.MatchDetail{Model: "m", Weight: 9}}}}), true
	}
	return st, false
}

// decide says of two who are there that they live together, or do not.
func (s *story) decide() {
	there := slices.DeleteFunc(slices.Clone(s.owners), func(o *owner) bool { return slices.Contains(s.erased, o) || o.tablet })
	if len(there) < 2 || s.rng.IntN(3) > 0 {
		return
	}
	for _, o := range there[:2] {
		s.between = append(s.between, step{event: s.happened(o, "Viewed", `{"x":9}`, o.ids[1+s.rng.IntN(4)]), owner: o})
	}
	a, b := s.between[0].event.Identifiers[0].String(), s.between[1].event.Identifiers[0].String()
	st := s.command(household.DecideCommand, household.DecideBody{Who: a, With: []string{b}, Verdict: s.pick("together", "apart")})
	s.between = append(s.between, st)
}

func (s *story) command(kind string, body any) step {
	s.number++
	text, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	return step{command: &touchstone.Command{ID: fmt.Sprintf("cmd_s%d_%d", s.seed, s.number), Kind: kind, Actor: "test", SubmittedAt: s.now, Body: touchstone.JSON(text)}}
}

// right is the step as it would have been without mistakes, in a world in which those who are erased
// had never been there before; ok is false if it would not have been.
func (s *story) right(st *step) (e touchstone.Event, ok bool) {
	if st.mistake || st.forgotten {
		return e, false
	}
	if st.command != nil {
		return st.command.Event(), true
	}
	e = st.event
	e.Identifiers = slices.DeleteFunc(slices.Clone(e.Identifiers), func(id touchstone.Identifier) bool {
		return !slices.Contains(st.owner.ids, id) && (s.tablet == nil || id != s.tablet.ids[0])
	})
	return e, true
}
