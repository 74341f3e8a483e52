package audience

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/RoaringBitmap/roaring/v2/roaring64"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/segment"
	"github.com/touchstone-cdp/touchstone/segment/rule"
)

// known keeps for whom conditions hold, for a short while and within bounds: who builds a rule moves the same conditions about.
type known struct {
	budget  int64
	metrics *metrics

	mu    sync.Mutex
	sets  map[string]*knownSet
	bytes int64
	asked int64
}

type knownSet struct {
	set   *segment.Bitmap
	asOf  time.Time
	bytes int64
	used  int64
}

func newKnown(budget int64, m *metrics) *known {
	return &known{budget: budget, metrics: m, sets: map[string]*knownSet{}}
}

// get returns what is known under a key and not older than a moment.
func (k *known) get(key string, since time.Time) *knownSet {
	k.mu.Lock()
	defer k.mu.Unlock()
	one := k.sets[key]
	if one == nil || one.asOf.Before(since) {
		return nil
	}
	k.asked++
	one.used = k.asked
	k.metrics.hits.Inc()
	return one
}

// put keeps a set, and lets go of what is too old or was not asked for the longest.
func (k *known) put(key string, set *segment.Bitmap, asOf time.Time) *knownSet {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asked++
	one := &knownSet{set: set, asOf: asOf, bytes: int64(set.GetSizeInBytes()) + int64(len(key)) + 128, used: k.asked} //nolint:gosec // far less
	if old := k.sets[key]; old != nil {
		k.bytes -= old.bytes
	}
	k.sets[key] = one
	k.bytes += one.bytes
	for key, old := range k.sets {
		if old.asOf.Before(asOf.Add(-conditionAge)) {
			k.drop(key)
		}
	}
	if k.bytes > k.budget {
		for _, key := range slices.SortedFunc(maps.Keys(k.sets), func(x, y string) int { return cmp.Compare(k.sets[x].used, k.sets[y].used) }) {
			if k.bytes <= k.budget || k.sets[key] == one {
				break
			}
			k.drop(key)
			k.metrics.evicted.Inc()
		}
	}
	k.metrics.conditionBytes.Set(float64(k.bytes))
	return one
}

func (k *known) drop(key string) {
	k.bytes -= k.sets[key].bytes
	delete(k.sets, key)
}

// part is a condition or group of a rule, and for whom it holds.
type part struct {
	path  string // "and.1.not"; empty for the whole
	group group
	of    []*part
	node  rule.Node // of a condition
	text  string    // its canonical form
	set   *segment.Bitmap
}

type group uint8

const (
	condition group = iota
	all             // and
	anyOf           // or
	none            // not, of one
)

// partsOf takes a rule apart.
func partsOf(r *rule.Rule) *part { return newPart("", r.Root) }

func newPart(at string, n rule.Node) *part {
	under := func(name string) string {
		if at == "" {
			return name
		}
		return at + "." + name
	}
	p := &part{path: at}
	many := func(g group, name string, of []rule.Node) {
		p.group = g
		for i, n := range of {
			p.of = append(p.of, newPart(under(name)+"."+strconv.Itoa(i), n))
		}
	}
	switch n := n.(type) {
	case *rule.And:
		many(all, "and", n.Of)
	case *rule.Or:
		many(anyOf, "or", n.Of)
	case *rule.Not:
		p.group, p.of = none, []*part{newPart(under("not"), n.Of)}
	default:
		p.node, p.text = n, string((&rule.Rule{Root: n}).JSON())
	}
	return p
}

// each calls fn for a part and all within it, in the order of the text.
func (p *part) each(fn func(*part)) {
	fn(p)
	for _, q := range p.of {
		q.each(fn)
	}
}

// scene is what one answer goes by: whom the viewer sees, and how old the oldest of it is.
type scene struct {
	at    time.Time // zero: now
	asOf  time.Time
	since time.Time       // what is older is asked again
	sees  *segment.Bitmap // nil: everybody
	rows  string          // the name of that set
	all   *segment.Bitmap // everybody whom the viewer sees
	early bool            // of the past: also who was not known then is asked about
}

func (s *scene) age(asOf time.Time) {
	if asOf.Before(s.asOf) {
		s.asOf = asOf
	}
}

// cut leaves whom the viewer sees.
func (s *scene) cut(set *segment.Bitmap) *segment.Bitmap {
	if s.sees == nil {
		return set
	}
	return roaring64.And(set, s.sees)
}

// find finds out for whom the conditions of some rules hold, and their groups.
func (a *Audience) find(ctx context.Context, s *scene, roots []*part) error {
	var named, asked []*part
	for _, root := range roots {
		root.each(func(p *part) {
			of, isSegment := p.node.(*rule.Segment)
			isSegment = isSegment && of.For == 0 // how long is for history to say
			switch {
			case p.group != condition || p.set != nil:
			case isSegment && s.at.IsZero():
				named = append(named, p)
			default:
				asked = append(asked, p)
			}
		})
	}
	if err := a.findMembers(ctx, s, named); err != nil {
		return err
	}
	if err := a.findConditions(ctx, s, asked); err != nil {
		return err
	}
	if err := a.findAll(ctx, s, roots); err != nil {
		return err
	}
	for _, root := range roots {
		root.combine(s)
	}
	return nil
}

func (a *Audience) findMembers(ctx context.Context, s *scene, named []*part) error {
	ids := make([]string, len(named))
	for i, p := range named {
		ids[i] = p.node.(*rule.Segment).ID //nolint:errcheck // it is one
	}
	sets, err := a.cfg.Segments.Bitmaps(ctx, ids...)
	if err != nil {
		return err
	}
	for i, p := range named {
		p.set = s.cut(sets[i])
	}
	return nil
}

// findConditions takes what is known, and has history asked for the rest, all at once.
func (a *Audience) findConditions(ctx context.Context, s *scene, asked []*part) error {
	keyOf := func(p *part) string { return strconv.FormatInt(s.at.UnixMilli(), 36) + p.text }
	take := func() (unknown []string) {
		for _, p := range asked {
			if p.set != nil {
				continue
			}
			if one := a.known.get(keyOf(p), s.since); one != nil {
				s.age(one.asOf)
				p.set = s.cut(one.set)
			} else if !slices.Contains(unknown, p.text) {
				unknown = append(unknown, p.text)
			}
		}
		return unknown
	}
	if len(take()) == 0 {
		return nil
	}
	return a.work(ctx, func() error {
		texts := take() // somebody may have asked the same meanwhile
		if len(texts) == 0 {
			return nil
		}
		r, err := rule.Parse(touchstone.JSON(`{"and":[` + strings.Join(texts, ",") + `]}`))
		if err != nil {
			return err
		}
		began := a.cfg.Clock.Now()
		sets, err := a.cfg.Segments.Holds(ctx, r, s.at)
		if err != nil {
			return err
		}
		if len(sets) != len(texts) {
			return touchstone.Errorf(touchstone.Internal, "%d conditions have %d answers", len(texts), len(sets))
		}
		s.age(began)
		for _, p := range asked {
			if p.set == nil {
				p.set = sets[slices.Index(texts, p.text)]
				a.known.put(keyOf(p), p.set, began)
				p.set = s.cut(p.set)
			}
		}
		return nil
	})
}

// findAll finds everybody. Now, whoever some condition holds for is among them, though a moment ago nobody knew of them; in the past
// only those of whom something had happened by then are, and conditions are cut down to them.
func (a *Audience) findAll(ctx context.Context, s *scene, roots []*part) error {
	at := s.at
	if s.early {
		at = time.Time{}
	}
	if s.sees != nil && at.IsZero() {
		s.all = s.sees
		return nil
	}
	key := "everybody" + strconv.FormatInt(at.UnixMilli(), 36)
	one := a.known.get(key, s.since)
	if one == nil {
		began, list := a.cfg.Clock.Now(), []uint64(nil)
		err := a.cfg.Profiles.EachPerson(ctx, at, func(p touchstone.PersonID) { list = append(list, uint64(p)) }) //nolint:gosec // above 0
		if err != nil {
			return err
		}
		set := roaring64.New()
		set.AddMany(list)
		set.RunOptimize()
		one = a.known.put(key, set, began)
	}
	s.age(one.asOf)
	s.all = s.cut(one.set)
	for _, root := range roots {
		root.each(func(p *part) {
			switch {
			case p.set == nil:
			case !at.IsZero():
				p.set = roaring64.And(p.set, s.all)
			case p.set.AndCardinality(s.all) < p.set.GetCardinality():
				s.all = roaring64.Or(s.all, p.set)
			}
		})
	}
	return nil
}

// combine puts groups together.
func (p *part) combine(s *scene) {
	if p.group == condition {
		return
	}
	sets := make([]*segment.Bitmap, len(p.of))
	for i, q := range p.of {
		q.combine(s)
		sets[i] = q.set
	}
	p.set = join(p.group, sets, s.all)
}

// join is the set of a group.
func join(g group, sets []*segment.Bitmap, everybody *segment.Bitmap) *segment.Bitmap {
	switch g {
	case none:
		return roaring64.AndNot(everybody, sets[0])
	case anyOf:
		return roaring64.FastOr(sets...)
	}
	return roaring64.FastAnd(sets...)
}
