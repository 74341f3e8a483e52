package household

import (
	"fmt"
	"slices"
	"strings"
)

// Span is a time that counts From and does not count Until.
type Span struct{ From, Until Day }

// spans are in order and do not touch.
type spans []Span

// joined brings spans in any order into form.
func joined(list spans) spans {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b Span) int { return int(a.From - b.From) })
	var out spans
	for _, s := range list {
		switch n := len(out); {
		case s.Until <= s.From:
		case n > 0 && s.From <= out[n-1].Until:
			out[n-1].Until = max(out[n-1].Until, s.Until)
		default:
			out = append(out, s)
		}
	}
	return out
}

// both returns the time that is in both.
func both(a, b spans) (out spans) {
	for i, j := 0, 0; i < len(a) && j < len(b); {
		if s := (Span{max(a[i].From, b[j].From), min(a[i].Until, b[j].Until)}); s.From < s.Until {
			out = append(out, s)
		}
		if a[i].Until < b[j].Until {
			i++
		} else {
			j++
		}
	}
	return out
}

// without returns the time of a that is not in b.
func without(a, b spans) (out spans) {
	for _, s := range a {
		for _, o := range b {
			if o.Until <= s.From || o.From >= s.Until {
				continue
			}
			if o.From > s.From {
				out = append(out, Span{s.From, o.From})
			}
			s.From = o.Until
			if s.From >= s.Until {
				break
			}
		}
		if s.From < s.Until {
			out = append(out, s)
		}
	}
	return out
}

func (l spans) length() (n Day) {
	for _, s := range l {
		n += s.Until - s.From
	}
	return n
}

// at tells whether a day is in one of the spans.
func (l spans) at(d Day) bool {
	return slices.ContainsFunc(l, func(s Span) bool { return s.From <= d && d < s.Until })
}

func (l spans) String() string {
	parts := make([]string, len(l))
	for i, s := range l {
		parts[i] = fmt.Sprintf("%d:%d", s.From, s.Until)
	}
	return strings.Join(parts, " ")
}

func parseSpans(text string) (list spans, err error) {
	for f := range strings.FieldsSeq(text) {
		var s Span
		if _, err := fmt.Sscanf(f, "%d:%d", &s.From, &s.Until); err != nil {
			return nil, fmt.Errorf("a span %q: %w", f, err)
		}
		list = append(list, s)
	}
	return list, nil
}
