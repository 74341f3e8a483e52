package gather

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/touchstone-cdp/touchstone/warehouse/warehousetest"
)

func TestMatcherEqualsNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		steps := rapid.IntRange(1, 6).Draw(t, "steps")
		masks := rapid.Bool().Draw(t, "masks")
		shared := masks && rapid.Bool().Draw(t, "shared")
		most := 25
		if masks && !shared {
			steps, most = min(steps, 5), 9 // the naive way looks at all orders
		}
		shape := funnelShape{steps: steps, window: rapid.Int64Range(0, 30).Draw(t, "window"), masks: masks, shared: shared, Packing: Packing{groupBits: rapid.IntRange(0, 3).Draw(t, "groupBits")}}
		shape.classBits = 3
		if masks {
			shape.classBits = steps
		}
		latest := rapid.SampledFrom([]int64{3, 40}).Draw(t, "latest") // many events of a moment, or few
		var events []warehousetest.FunnelEvent
		var items []int64
		for range rapid.IntRange(0, most).Draw(t, "events") {
			o := warehousetest.FunnelEvent{Time: rapid.Int64Range(0, latest).Draw(t, "time"), Group: rapid.IntRange(0, 1<<shape.groupBits-1).Draw(t, "group")}
			class := 0
			if masks {
				class = rapid.IntRange(1, 1<<steps-1).Draw(t, "mask")
				for s := range steps {
					if class>>s&1 == 1 {
						o.Steps = append(o.Steps, s)
					}
				}
			} else {
				class = rapid.IntRange(0, steps-1).Draw(t, "step")
				o.Steps = []int{class}
			}
			events = append(events, o)
			items = append(items, (o.Time<<shape.classBits|int64(class))<<shape.groupBits|int64(o.Group))
		}
		naive := warehousetest.NaiveFunnel
		if masks && !shared {
			naive = warehousetest.NaiveApart
		}
		level, times := naive(events, steps, shape.window)
		m := newMatcher(shape)
		m.match([]int64{5 << 6}) // what an earlier person left behind must not matter
		slices.Sort(items)
		m.match(items)
		if m.level != level {
			t.Fatalf("level %d, want %d; steps %d, window %d, events %v", m.level, level, steps, shape.window, events)
		}
		if level > 0 && !slices.Equal(m.times, times) {
			t.Fatalf("times %v, want %v; steps %d, window %d, events %v", m.times, times, steps, shape.window, events)
		}
		if level > 0 && !slices.ContainsFunc(events, func(o warehousetest.FunnelEvent) bool {
			return o.Time == times[0] && slices.Contains(o.Steps, 0) && o.Group == m.group
		}) {
			t.Fatalf("group %d is not that of a first step at %d; events %v", m.group, times[0], events)
		}
	})
}

func TestMedianEqualsSorting(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(rapid.Int64Range(-50, 50), 1, 60).Draw(t, "list")
		sorted := slices.Sorted(slices.Values(list))
		n := len(sorted)
		want := (float64(sorted[(n-1)/2]) + float64(sorted[n/2])) / 2
		if got := median(list); got != want {
			t.Fatalf("median of %v: got %v, want %v", sorted, got, want)
		}
	})
}
