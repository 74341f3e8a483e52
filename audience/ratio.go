package audience

import "math"

// Figures compare how many have a value in an audience and among all.
type Figures struct {
	Members  int64    `json:"members"`
	All      int64    `json:"all"`
	Share    float64  `json:"share"`     // of the members of whom the field is known
	ShareAll float64  `json:"share_all"` // of all of whom it is known
	Index    *float64 `json:"index"`     // share by share of all; nil when nobody has it
	Low      *float64 `json:"low"`       // 95 % interval of the index
	High     *float64 `json:"high"`
}

// z95 bounds 95 % of a normal distribution.
const z95 = 1.959964

// compare is about in of n members, and all of total. The members are among all.
func compare(in, n, all, total int64) Figures {
	f := Figures{Members: in, All: all}
	if n > 0 {
		f.Share = float64(in) / float64(n)
	}
	if total > 0 {
		f.ShareAll = float64(all) / float64(total)
	}
	if n == 0 || all == 0 {
		return f
	}
	index := f.Share / f.ShareAll
	low, high := index, index
	if n < total {
		weight := float64(n) / float64(total) // of the members among all
		a, an := float64(in)+0.5, float64(n)+1
		b, bn := float64(all-in)+0.5, float64(total-n)+1
		ratio, spread := (a/an)/(b/bn), math.Exp(z95*math.Sqrt(1/a-1/an+1/b-1/bn))
		among := func(ratio float64) float64 { return 1 / (weight + (1-weight)/ratio) } // all are members and others
		low, high = min(index, among(ratio/spread)), max(index, among(ratio*spread))
	}
	f.Index, f.Low, f.High = &index, &low, &high
	return f
}

// cell is how many members and others have a value.
type cell struct{ in, out float64 }

// telling is how much the values tell of who is a member, from 0 to 1: Cramér's V, corrected for what chance alone would tell
// (Bergsma).
func telling(cells []cell) float64 {
	var in, out float64
	k := 0
	for _, c := range cells {
		in, out = in+c.in, out+c.out
		if c.in+c.out > 0 {
			k++
		}
	}
	n := in + out
	if in == 0 || out == 0 || k < 2 || n < 2 {
		return 0
	}
	chi := 0.0
	for _, c := range cells {
		if sum := c.in + c.out; sum > 0 {
			e := sum * in / n
			chi += (c.in - e) * (c.in - e) / e
			e = sum * out / n
			chi += (c.out - e) * (c.out - e) / e
		}
	}
	columns := float64(k)
	phi := max(0, chi/n-(columns-1)/(n-1))
	columns -= (columns - 1) * (columns - 1) / (n - 1)
	rows := 2 - 1/(n-1)
	if least := min(columns, rows) - 1; least > 0 {
		return min(1, math.Sqrt(phi/least))
	}
	return 0
}
