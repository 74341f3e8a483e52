package duckdb_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/warehouse"
	"github.com/touchstone-cdp/touchstone/warehouse/duckdb"
)

func TestSmoke(t *testing.T) {
	ctx := context.Background()
	w, err := duckdb.Open(ctx, filepath.Join(t.TempDir(), "w.duckdb"), duckdb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	now := time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC)
	c := warehouse.Commit{Through: 3, OverrideVersion: 2, Overrides: []warehouse.Override{{Node: 7, Person: 1}}}
	for i := range 5000 {
		c.Facts = append(c.Facts, touchstone.Fact{Seq: touchstone.MakeSeq(0, uint64(1+i/2000), i%2000), Node: touchstone.NodeID(i % 10), Event: touchstone.Event{
			Type: touchstone.Track, MessageID: "a message id that is long", Name: "浏览", Time: now, ReceivedAt: now, Source: "src_1",
			Properties: `{"price":1.25,"q":"\u0000x"}`, Context: `{"library":{"name":"analytics.js"},"campaign":{"source":"baidu"},"page":{"path":"/a/long/long/path"}}`}})
	}
	for range 2 {
		if err := w.Append(ctx, c); err != nil {
			t.Fatal(err)
		}
	}
	res, err := w.Query(ctx, warehouse.Statement{SQL: "select event, person, platform, page_path, utm_source, time, sum((properties->>'price')::double), count(*) n, [1,2] as l, {'a':1} s, properties from events group by all order by n desc, person"})
	if err != nil {
		t.Fatal(err)
	}
	t.Log(res.Columns)
	for _, r := range res.Rows {
		t.Log(r...)
	}
	t.Log(w.Position(ctx, 0))
	t.Log(w.Count(ctx))
	t.Log(w.Size(ctx))
	n := 0
	if err := w.Scan(ctx, warehouse.Statement{SQL: "select node, epoch_ms(time)*4+1 from events_raw"}, 1, func(_ int, c [][]int64) error { n += len(c[1]); return nil }); err != nil {
		t.Fatal(err)
	}
	t.Log(n)
}
