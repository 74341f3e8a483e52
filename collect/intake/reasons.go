package intake

import (
	"cmp"
	"slices"
	"strings"
)

// RowReason counts rows of a file that are refused for the same reason. The text is that
// of the first of them; the others may have another value in it.
type RowReason struct {
	Reason   string `json:"reason"`
	Rows     int64  `json:"rows"`
	FirstRow int64  `json:"first_row"`
}

// OtherReasons stands for reasons beyond those that are told apart.
const OtherReasons = "other reasons"

// Reasons counts refused rows. Reasons that differ in a quoted value, a number or a time
// only are one.
type Reasons struct {
	most  int
	list  []RowReason
	index map[string]int // of what the reasons of a group share
	Rows  int64
}

// NewReasons tells at most most reasons apart and begins with those that were counted before.
func NewReasons(most int, before ...RowReason) *Reasons {
	r := &Reasons{most: most, index: make(map[string]int)}
	for _, b := range before {
		r.Add(b)
	}
	return r
}

// Add counts rows.
func (r *Reasons) Add(more RowReason) {
	r.Rows += more.Rows
	key := sharedText(more.Reason)
	i, known := r.index[key]
	if !known && len(r.list) >= r.most-1 {
		key, more.Reason = OtherReasons, OtherReasons
		i, known = r.index[key]
	}
	if !known {
		r.index[key] = len(r.list)
		r.list = append(r.list, more)
		return
	}
	have := &r.list[i]
	have.Rows += more.Rows
	if more.FirstRow < have.FirstRow {
		have.FirstRow, have.Reason = more.FirstRow, more.Reason
	}
}

// List returns at most most reasons, the most frequent first.
func (r *Reasons) List(most int) []RowReason {
	list := slices.Clone(r.list)
	slices.SortStableFunc(list, func(a, b RowReason) int {
		return cmp.Or(cmp.Compare(b.Rows, a.Rows), cmp.Compare(a.FirstRow, b.FirstRow))
	})
	return append([]RowReason{}, list[:min(most, len(list))]...)
}

// sharedText leaves out quoted values, and words that begin with a digit or a sign.
func sharedText(reason string) string {
	var b strings.Builder
	for i := 0; i < len(reason); i++ {
		c := reason[i]
		atWord := i == 0 || reason[i-1] == ' '
		switch {
		case c == '"':
			for i++; i < len(reason) && reason[i] != '"'; i++ {
				if reason[i] == '\\' {
					i++
				}
			}
			b.WriteByte('"')
		case atWord && (c >= '0' && c <= '9'):
			for i+1 < len(reason) && reason[i+1] != ' ' && reason[i+1] != ',' {
				i++
			}
			b.WriteByte('0')
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
