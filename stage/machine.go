package stage

import (
	"slices"
	"strings"
)

// places knows the stages of a definition by their keys: 0 is none, 1 to n are the stages in order, n+1 is lost.
type places struct {
	d  *Definition
	of map[string]int
}

func placesOf(d *Definition) places {
	p := places{d, map[string]int{}}
	for i := range d.Stages {
		p.of[d.Stages[i].Key] = i + 1
	}
	if d.Lost != nil {
		p.of[d.Lost.Key] = p.lost()
	}
	return p
}

// lost is the place of who is lost.
func (p places) lost() int { return len(p.d.Stages) + 1 }

// key names a place; "" is none.
func (p places) key(at int) string {
	switch {
	case at == 0:
		return ""
	case at == p.lost():
		return p.d.Lost.Key
	}
	return p.d.Stages[at-1].Key
}

// further tells which of two places of one person counts: the further one, and being lost only where there is nothing else.
func (p places) further(a, b int) int {
	if a == p.lost() {
		a, b = b, a
	}
	if b == p.lost() && a == 0 || b != p.lost() && b > a {
		return b
	}
	return a
}

// standing is where somebody stands, and what is needed to decide where they stand next.
type standing struct {
	stage   int
	reached int   // the furthest stage that stays and was entered
	holds   []int // places whose rules hold, ascending
}

// decide says where somebody stands for whom certain rules hold.
func (p places) decide(was standing, holds []int) standing {
	next := standing{reached: was.reached, holds: holds}
	base := was.reached
	for _, at := range holds {
		if at == p.lost() {
			continue
		}
		base = max(base, at)
		if !p.d.Stages[at-1].Falls {
			next.reached = max(next.reached, at)
		}
	}
	next.stage = base
	if !slices.Contains(holds, p.lost()) {
		return next
	}
	if was.stage == p.lost() || base >= max(p.of[p.d.Lost.From], 1) {
		next.stage = p.lost()
		if p.d.Lost.Restart {
			next.reached = 0
		}
	}
	return next
}

// with returns the places that hold when one has begun or ceased to.
func with(holds []int, at int, entered bool) []int {
	i, is := slices.BinarySearch(holds, at)
	switch {
	case is == entered:
		return holds
	case entered:
		return slices.Insert(slices.Clone(holds), i, at)
	}
	return slices.Delete(slices.Clone(holds), i, i+1)
}

// readHolds reads the keys of an open span; those that the definition does not have hold no more.
func (p places) readHolds(text string) (list []int) {
	for key := range strings.FieldsSeq(text) {
		if at := p.of[key]; at > 0 {
			list = append(list, at)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func (p places) writeHolds(holds []int) string {
	keys := make([]string, len(holds))
	for i, at := range holds {
		keys[i] = p.key(at)
	}
	return strings.Join(keys, " ")
}
