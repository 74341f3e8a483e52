package inbox

import (
	"context"
	"fmt"
	"testing"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/sqlite"
)

// BenchmarkWriter measures what the stage adds to a batch of 1,000 events, in transactions
// that are rolled back: without reactors, with one that wants what does not come, and with
// one that wants everything. One operation is one event.
func BenchmarkWriter(b *testing.B) {
	for name, reactors := range map[string][]*scribe{
		"none":       nil,
		"other":      {{name: "a", interest: Interest{Events: []string{"never"}}}},
		"everything": {{name: "a", interest: Interest{Events: []string{"*"}}}},
	} {
		b.Run(name, func(b *testing.B) {
			db, err := sqlite.Open(b.TempDir()+"/store.db", sqlite.Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer db.Close()
			r := newRig(b, db, reactors...)
			batch := &touchstone.Batch{Now: epoch}
			for i := range 1000 {
				f := r.event(touchstone.PersonID(i+1), "order")
				f.Properties = touchstone.JSON(fmt.Sprintf(`{"price":%d,"currency":"CNY","category":"accessories","url":"https://shop.example/p/%d"}`, i, i))
				f.Context = `{"page":{"path":"/p","referrer":"https://example.com"},"userAgent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"}`
				batch.Facts = append(batch.Facts, f)
			}
			b.ReportAllocs()
			b.ResetTimer()
			for done := 0; done < b.N; done += len(batch.Facts) {
				_ = db.Update(context.Background(), func(tx *store.Tx) error {
					if err := r.writer.Apply(context.Background(), tx, batch); err != nil {
						b.Fatal(err)
					}
					return errTried
				})
			}
		})
	}
}

// BenchmarkReactor measures reading, unpacking and the transaction of a reactor that takes
// everything and does nothing. One operation is one occurrence.
func BenchmarkReactor(b *testing.B) {
	db, err := sqlite.Open(b.TempDir()+"/store.db", sqlite.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	idle := idler{}
	in, err := Open(context.Background(), Config{DB: db, Reactors: []Reactor{idle}})
	if err != nil {
		b.Fatal(err)
	}
	r := &rig{TB: b, db: db, in: in, writer: in.Writer(), stop: func() {}}
	for done := 0; done < b.N; done += 1000 {
		batch := &touchstone.Batch{Now: epoch}
		for i := range 1000 {
			batch.Facts = append(batch.Facts, r.event(touchstone.PersonID(i+1), "order"))
		}
		r.batch(batch)
	}
	b.ReportAllocs()
	b.ResetTimer()
	one := in.reactors[0]
	one.fence, one.fetch, one.size = func(context.Context, *store.Tx) error { return nil }, leastRows, firstSize
	for {
		worked, err := one.step(context.Background())
		if err != nil {
			b.Fatal(err)
		}
		if !worked {
			return
		}
	}
}

// idler wants everything and does nothing.
type idler struct{}

func (idler) Name() string { return "idle" }
func (idler) Interest(context.Context, store.Querier) (Interest, error) {
	return Interest{Events: []string{"*"}}, nil
}
func (idler) React(context.Context, *store.Tx, []touchstone.Occurrence, Outbox) error { return nil }
