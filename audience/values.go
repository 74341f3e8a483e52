package audience

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/RoaringBitmap/roaring/v2/roaring64"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/segment"
)

// The kinds of a field, by what most of its values are.
const (
	kindText    = "text"
	kindNumber  = "number"
	kindTime    = "time"
	kindBoolean = "boolean"
	kindList    = "list"
)

const (
	mostValues   = 500    // of a field, the most frequent; the others are one
	seenValues   = 50_000 // different ones that are told apart in one pass
	listedValues = 100    // of one person's list
	fewNumbers   = 20     // so many different ones are values; more make ranges
	ranges       = 10
)

// field is a trait's values with who has them, among those whom a viewer sees.
type field struct {
	name      string
	key       string // name, and whom it is of
	kind      string
	values    []value
	rest      *segment.Bitmap // who has another value
	known     *segment.Bitmap // who has any
	different int
	made      time.Time
	bytes     int64
	used      int64
}

// value is one that persons have, or a range of them: from <= x < to, null where it has no bound.
type value struct {
	json     touchstone.JSON // empty for a range
	from, to touchstone.JSON
	set      *segment.Bitmap
}

// values keeps fields for a while and within bounds.
type values struct {
	budget  int64
	metrics *metrics

	mu     sync.Mutex
	fields map[string]*field
	bytes  int64
	asked  int64
}

func newValues(budget int64, m *metrics) *values {
	return &values{budget: budget, metrics: m, fields: map[string]*field{}}
}

func (x *values) get(key string, since time.Time) *field {
	x.mu.Lock()
	defer x.mu.Unlock()
	f := x.fields[key]
	if f == nil || f.made.Before(since) {
		return nil
	}
	x.asked++
	f.used = x.asked
	x.metrics.hits.Inc()
	return f
}

func (x *values) put(list []*field, now time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, f := range list {
		if old := x.fields[f.key]; old != nil {
			x.bytes -= old.bytes
		}
		x.asked++
		f.used = x.asked
		x.fields[f.key] = f
		x.bytes += f.bytes
	}
	for _, name := range slices.SortedFunc(maps.Keys(x.fields), func(a, b string) int { return cmp.Compare(x.fields[a].used, x.fields[b].used) }) {
		f := x.fields[name]
		old := f.made.Before(now.Add(-valueAge))
		if !old && x.bytes <= x.budget {
			continue
		}
		x.bytes -= f.bytes
		delete(x.fields, name)
		if !old {
			x.metrics.evicted.Inc()
		}
	}
	x.metrics.valueByte.Set(float64(x.bytes))
}

// fieldsOf returns some fields, made of the profiles that the viewer sees unless they are known. Who sees some persons only gets
// values and ranges of those, so nothing is said of the others.
func (a *Audience) fieldsOf(ctx context.Context, s *scene, names []string, since time.Time) ([]*field, error) {
	found := make(map[string]*field, len(names))
	take := func() (unknown []string) {
		for _, name := range names {
			if f := a.values.get(s.rows+"\x00"+name, since); f != nil {
				found[name] = f
			} else if found[name] == nil && !slices.Contains(unknown, name) {
				unknown = append(unknown, name)
			}
		}
		return unknown
	}
	if len(take()) > 0 {
		err := a.work(ctx, func() error {
			unknown := take() // somebody may have asked the same meanwhile
			if len(unknown) == 0 {
				return nil
			}
			now := a.cfg.Clock.Now()
			made, err := a.readFields(ctx, s, unknown, now)
			if err != nil {
				return err
			}
			for _, f := range made {
				found[f.name] = f
			}
			a.values.put(made, now)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	list := make([]*field, len(names))
	for i, name := range names {
		list[i] = found[name]
	}
	return list, nil
}

// readFields looks through all profiles once.
func (a *Audience) readFields(ctx context.Context, s *scene, names []string, now time.Time) ([]*field, error) {
	readers := make([]*fieldReader, len(names))
	for i := range names {
		readers[i] = &fieldReader{by: map[string][]uint64{}, kinds: map[string]int{}}
	}
	err := a.cfg.Profiles.Each(ctx, func(person touchstone.PersonID, trait func(name string) (touchstone.JSON, bool)) error {
		if s.sees != nil && !s.sees.Contains(uint64(person)) { //nolint:gosec // above 0
			return nil
		}
		for i, name := range names {
			if text, ok := trait(name); ok {
				readers[i].add(uint64(person), text) //nolint:gosec // above 0
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	list := make([]*field, len(names))
	for i, name := range names {
		list[i] = readers[i].field(name, now)
		list[i].key = s.rows + "\x00" + name
	}
	return list, nil
}

// fieldReader gathers who has which value.
type fieldReader struct {
	by      map[string][]uint64 // canonical JSON of a value
	over    []uint64            // who has a value beyond those that are told apart
	known   []uint64
	kinds   map[string]int
	numbers []measured
}

// measured is somebody's number, or time in seconds.
type measured struct {
	x      float64
	person uint64
	text   bool // it was a time
}

func (r *fieldReader) add(person uint64, text touchstone.JSON) {
	v := jsontext.Value(text)
	switch v.Kind() {
	case 'n', '{':
		return
	case '[':
		var list []jsontext.Value
		if json.Unmarshal(v, &list) != nil || len(list) == 0 {
			return
		}
		r.kinds[kindList]++
		r.known = append(r.known, person)
		seen := map[string]bool{}
		for _, one := range list[:min(len(list), listedValues)] {
			if key := string(one); !seen[key] && one.Kind() != '{' && one.Kind() != '[' && one.Kind() != 'n' {
				seen[key] = true
				r.have(strings.Clone(key), person)
			}
		}
		return
	}
	r.known = append(r.known, person)
	r.kinds[r.kindOf(v, person)]++
	r.have(string(text), person)
}

func (r *fieldReader) kindOf(v jsontext.Value, person uint64) string {
	switch v.Kind() {
	case 't', 'f':
		return kindBoolean
	case '0':
		if x, err := strconv.ParseFloat(string(v), 64); err == nil {
			r.numbers = append(r.numbers, measured{x: x, person: person})
		}
		return kindNumber
	}
	if at, ok := momentOf(v); ok {
		r.numbers = append(r.numbers, measured{float64(at.Unix()), person, true})
		return kindTime
	}
	return kindText
}

// momentOf reads a text that is a date or a time of RFC 3339.
func momentOf(v jsontext.Value) (time.Time, bool) {
	s := string(bytes.Trim(v, `"`))
	if len(s) < len(time.DateOnly) || s[4] != '-' || s[7] != '-' {
		return time.Time{}, false
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.Parse(layout, s); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}

func (r *fieldReader) have(key string, person uint64) {
	list, known := r.by[key]
	if !known {
		if len(r.by) >= seenValues {
			r.over = append(r.over, person)
			return
		}
		key = strings.Clone(key) // the row that it is of goes
	}
	r.by[key] = append(list, person)
}

// field makes what was gathered into sets.
func (r *fieldReader) field(name string, now time.Time) *field {
	f := &field{name: name, kind: kindText, known: setOf(r.known), rest: setOf(r.over), made: now, different: len(r.by)}
	most := 0
	for _, kind := range slices.Sorted(maps.Keys(r.kinds)) {
		if n := r.kinds[kind]; n > most {
			f.kind, most = kind, n
		}
	}
	if (f.kind == kindNumber || f.kind == kindTime) && len(r.by) > fewNumbers {
		f.values = r.inRanges(f.kind == kindTime)
		ranged := roaring64.New()
		for _, v := range f.values {
			ranged.Or(v.set)
		}
		f.rest = roaring64.AndNot(f.known, ranged)
	} else {
		f.values = r.frequent(f)
	}
	f.bytes = int64(f.known.GetSizeInBytes()+f.rest.GetSizeInBytes()) + 256 //nolint:gosec // far less
	for _, v := range f.values {
		f.bytes += int64(v.set.GetSizeInBytes()) + int64(len(v.json)+len(v.from)+len(v.to)) + 128 //nolint:gosec // far less
	}
	return f
}

// frequent are the values that most have; who has another one is in the rest.
func (r *fieldReader) frequent(f *field) []value {
	keys := slices.SortedFunc(maps.Keys(r.by), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(r.by[b]), len(r.by[a])), strings.Compare(a, b))
	})
	var list []value
	for i, key := range keys {
		if i < mostValues {
			list = append(list, value{json: touchstone.JSON(key), set: setOf(r.by[key])})
		} else {
			f.rest.AddMany(r.by[key])
		}
	}
	return list
}

// inRanges parts numbers by the quantiles of all.
func (r *fieldReader) inRanges(times bool) []value {
	list := slices.DeleteFunc(r.numbers, func(m measured) bool { return m.text != times || math.IsNaN(m.x) || math.IsInf(m.x, 0) })
	slices.SortFunc(list, func(a, b measured) int { return cmp.Or(cmp.Compare(a.x, b.x), cmp.Compare(a.person, b.person)) })
	bound := func(x float64) touchstone.JSON {
		if times {
			return touchstone.JSON(`"` + time.Unix(int64(x), 0).UTC().Format(time.RFC3339) + `"`)
		}
		return touchstone.JSON(strconv.FormatFloat(x, 'g', -1, 64))
	}
	var out []value
	for begin, n := 0, 1; begin < len(list); n++ {
		end := max(len(list)*n/ranges, begin+1)
		for n < ranges && end < len(list) && list[end].x == list[end-1].x {
			end++
		}
		if n >= ranges {
			end = len(list)
		}
		v := value{}
		if begin > 0 {
			v.from = bound(list[begin].x)
		}
		if end < len(list) {
			v.to = bound(list[end].x)
		}
		persons := make([]uint64, 0, end-begin)
		for _, m := range list[begin:end] {
			persons = append(persons, m.person)
		}
		v.set = setOf(persons)
		out, begin = append(out, v), end
	}
	return out
}

func setOf(persons []uint64) *segment.Bitmap {
	set := roaring64.New()
	if !slices.IsSorted(persons) {
		slices.Sort(persons)
	}
	set.AddMany(persons)
	set.RunOptimize()
	return set
}
