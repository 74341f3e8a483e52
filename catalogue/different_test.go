package catalogue_test

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"testing"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/catalogue"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/sqlite"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

// feed is events of one partition, each with a seq of its own.
type feed struct {
	events []fed
	read   int
}

type fed struct {
	event      string
	properties touchstone.JSON
}

func (f *feed) Partitions() int { return 1 }

func (f *feed) After(_ context.Context, last touchstone.Seq, n int, fn func(event string, properties touchstone.JSON)) (touchstone.Seq, error) {
	from := int(last)
	for _, e := range f.events[from:min(len(f.events), from+n)] {
		fn(e.event, e.properties)
		f.read++
	}
	return touchstone.Seq(min(len(f.events), from+n)), nil
}

func (f *feed) add(n int, of func(i int) string) {
	for i := range n {
		f.events = append(f.events, fed{"Paid", touchstone.JSON(of(i))})
	}
}

func counter(t *testing.T, db *store.DB, f *feed) *catalogue.Catalogue {
	t.Helper()
	c, err := catalogue.Open(t.Context(), catalogue.Config{DB: db, Samples: &samples{asked: map[string]int{}}, Feed: f})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func lookAt(t *testing.T, c *catalogue.Catalogue, times int) {
	t.Helper()
	for range times {
		if err := c.LookOnce(t.Context(), held); err != nil {
			t.Fatal(err)
		}
	}
}

// Different values of all events are counted, each event once, also by a process that takes over in between; the
// number is off by what it says, a few times that at most.
func TestDifferentValuesOfAllEvents(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		f := &feed{}
		few := func(i int) string {
			return fmt.Sprintf(`{"id":"o-%d","kind":"k%d","list":[%d],"none":null,"n":%d}`, i, i%7, i%100, i%2)
		}
		f.add(30_000, few)
		c := counter(t, db, f)
		lookAt(t, c, 1)
		if f.read != 30_000 {
			t.Fatalf("%d events were read in one look", f.read)
		}
		other := counter(t, db, f) // it goes on where that is
		f.add(30_000, few)         // the same values again
		f.add(110_000, func(i int) string { return few(i + 30_000) })
		lookAt(t, other, 4)
		if f.read != 170_000 {
			t.Errorf("%d events were read, not each once", f.read)
		}
		lookAt(t, c, 1) // what it knows is old: it finds out and takes nothing back
		f.add(10, few)
		lookAt(t, c, 2)
		got, err := c.Different(t.Context(), "Paid")
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]float64{"id": 140_000, "kind": 7, "list": 100, "n": 2} {
			d := got[name]
			if off := math.Abs(float64(d.Values) - want); off > 4*d.Error*want || want < 1000 && off > 0 {
				t.Errorf("%s has %d different values, about, not %.0f", name, d.Values, want)
			}
		}
		if _, there := got["none"]; there || len(got) != 4 {
			t.Errorf("counted are %v", got)
		}
		if none, err := c.Different(t.Context(), "Other"); err != nil || len(none) != 0 {
			t.Errorf("%v, %v", none, err)
		}
	})
}

// What is not stored is counted again; what a fence keeps from being stored is not.
func TestACountThatIsNotStoredComesAgain(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		f := &feed{}
		f.add(500, func(i int) string { return fmt.Sprintf(`{"id":%d}`, i) })
		c := counter(t, db, f)
		lost := func(context.Context, *store.Tx) error { return context.Canceled }
		if err := c.LookOnce(t.Context(), lost); err == nil {
			t.Fatal("who has lost the lease counts")
		}
		if got, err := c.Different(t.Context(), "Paid"); err != nil || len(got) != 0 {
			t.Fatalf("%v, %v", got, err)
		}
		lookAt(t, c, 1)
		if got, _ := c.Different(t.Context(), "Paid"); got["id"].Values != 500 {
			t.Errorf("%+v", got)
		}
	})
}

// The bound on what is counted: other properties are left, and said to be.
func TestCountsHaveABound(t *testing.T) {
	f := &feed{}
	f.add(6000, func(i int) string { return fmt.Sprintf(`{"p%d":1}`, i) })
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		c := counter(t, db, f)
		lookAt(t, c, 1)
		got, err := c.Different(t.Context(), "Paid")
		if err != nil || len(got) != 5000 {
			t.Errorf("%d properties are counted, %v", len(got), err)
		}
	})
}

func BenchmarkCount(b *testing.B) {
	f := &feed{}
	for i := range 20_000 {
		f.events = append(f.events, fed{"Paid", touchstone.JSON(fmt.Sprintf(`{"id":"o-%d","kind":"k%d","price":%d.5,"currency":"CNY","city":"上海","paid":true,"name":"%d-%d","n":%d}`, i, i%7, i%5000, i, i, i%3))})
	}
	for b.Loop() {
		b.StopTimer()
		db, err := sqlite.Open(filepath.Join(b.TempDir(), "store.db"), sqlite.Options{})
		if err != nil {
			b.Fatal(err)
		}
		c, err := catalogue.Open(b.Context(), catalogue.Config{DB: db, Samples: &samples{asked: map[string]int{}}, Feed: f})
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if err := c.LookOnce(b.Context(), held); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		db.Close()
		b.StartTimer()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/20_000, "ns/event")
}
