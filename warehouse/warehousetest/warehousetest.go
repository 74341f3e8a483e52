// Package warehousetest is the contract of a warehouse as tests; every back end runs it.
package warehousetest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/stream"
	"github.com/touchstone-cdp/touchstone/warehouse"
)

// Opener opens the warehouse of a place, an empty one the first time. It does not close
// it: tests do, and open the same place again.
type Opener func(t *testing.T, place string) warehouse.Warehouse

// Run checks the contract.
func Run(t *testing.T, open Opener) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, s *subject)
	}{
		{"append and count", testAppend},
		{"the same commit twice", testIdempotent},
		{"a commit that overlaps", testOverlap},
		{"an empty commit", testEmptyCommit},
		{"only tried", testTrial},
		{"partitions apart", testPartitions},
		{"event names", testEventNames},
		{"columns", testColumns},
		{"odd and large values", testOddValues},
		{"overrides", testOverrides},
		{"old overrides", testOldOverrides},
		{"erased persons", testErased},
		{"open again", testReopen},
		{"row bound", testRowBound},
		{"parameters", testParameters},
		{"scan", testScan},
		{"last node", testLastNode},
		{"reading while writing", testConcurrent},
		{"end of a context", testContext},
		{"closed", testClosed},
		{"dialect", testDialect},
		{"position last", testPositionLast},
		{"sets", testSets},
		{"funnels", testFunnels},
	} {
		t.Run(c.name, func(t *testing.T) {
			place := t.TempDir()
			s := &subject{Warehouse: open(t, place), open: func() warehouse.Warehouse { return open(t, place) }}
			t.Cleanup(func() { s.close(t) })
			c.run(t, s)
		})
	}
}

// subject is the warehouse under test.
type subject struct {
	warehouse.Warehouse
	open func() warehouse.Warehouse
}

func (s *subject) close(t *testing.T) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

func (s *subject) append(t *testing.T, c warehouse.Commit) {
	t.Helper()
	if err := s.Append(t.Context(), c); err != nil {
		t.Fatalf("append: %v", err)
	}
}

// rows runs a statement and returns its rows as texts.
func (s *subject) rows(t *testing.T, query string, args ...any) []string {
	t.Helper()
	res, err := s.Query(t.Context(), warehouse.Statement{SQL: query, Args: args})
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	rows := []string{}
	for _, row := range res.Rows {
		var cells []string
		for _, v := range row {
			if at, ok := v.(time.Time); ok {
				v = at.Format(time.RFC3339Nano)
			}
			cells = append(cells, fmt.Sprint(v))
		}
		rows = append(rows, strings.Join(cells, " "))
	}
	return rows
}

func (s *subject) expect(t *testing.T, query string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(append([]string{}, want...), s.rows(t, query)); diff != "" {
		t.Errorf("%s\n-want +got:\n%s", query, diff)
	}
}

func (s *subject) expectCount(t *testing.T, want int64) {
	t.Helper()
	if n, err := s.Count(t.Context()); err != nil || n != want {
		t.Errorf("count: got %d, %v, want %d", n, err, want)
	}
}

func (s *subject) expectPosition(t *testing.T, partition int, through stream.Offset, version int64) {
	t.Helper()
	p, err := s.Position(t.Context(), partition)
	if p.Erased = 0; err != nil || p != (warehouse.Position{Through: through, OverrideVersion: version}) {
		t.Errorf("position of partition %d: got %+v, %v, want %d and %d", partition, p, err, through, version)
	}
}

var start = time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)

// record makes the facts of n events of one record.
func record(partition int, offset uint64, n int) []touchstone.Fact {
	facts := make([]touchstone.Fact, n)
	for i := range facts {
		facts[i] = touchstone.Fact{Seq: touchstone.MakeSeq(partition, offset, i), Node: touchstone.NodeID(i + 1), Event: touchstone.Event{
			Type: touchstone.Track, MessageID: fmt.Sprintf("m-%d-%d-%d", partition, offset, i), Name: "view", Source: "src_1",
			Time: start.Add(time.Duration(i) * time.Second), ReceivedAt: start.Add(time.Hour),
			Properties: touchstone.JSON(fmt.Sprintf(`{"n":%d}`, i)),
		}}
	}
	return facts
}

func testAppend(t *testing.T, s *subject) {
	s.expectCount(t, 0)
	s.expectPosition(t, 0, 0, 0)
	s.append(t, warehouse.Commit{Through: 2, Facts: append(record(0, 1, 3), record(0, 2, 5000)...)})
	s.expectCount(t, 5003)
	s.expectPosition(t, 0, 2, 0)
	s.append(t, warehouse.Commit{Through: 7, Facts: record(0, 7, 1)})
	s.expectCount(t, 5004)
	s.expectPosition(t, 0, 7, 0)
	s.expect(t, "SELECT count(DISTINCT seq), count(DISTINCT message_id), sum(CAST(properties->>'n' AS BIGINT)) FROM events", "5004 5004 12497503")
	if size, err := s.Size(t.Context()); err != nil || size <= 0 {
		t.Errorf("size: got %d, %v", size, err)
	}
}

func testIdempotent(t *testing.T, s *subject) {
	c := warehouse.Commit{Through: 3, Facts: record(0, 3, 10), Overrides: []warehouse.Override{{Node: 2, Person: 1}}, OverrideVersion: 4}
	for range 3 {
		s.append(t, c)
	}
	s.expectCount(t, 10)
	s.expectPosition(t, 0, 3, 4)
	s.expect(t, "SELECT count(DISTINCT person) FROM events", "9")
}

func testOverlap(t *testing.T, s *subject) {
	s.append(t, warehouse.Commit{Through: 3, Facts: append(record(0, 2, 4), record(0, 3, 4)...)})
	s.append(t, warehouse.Commit{Through: 4, Facts: append(record(0, 3, 4), record(0, 4, 4)...)})
	s.expectCount(t, 12)
	// An older commit changes nothing and takes nothing back.
	s.append(t, warehouse.Commit{Through: 2, Facts: record(0, 2, 4)})
	s.expectCount(t, 12)
	s.expectPosition(t, 0, 4, 0)
}

func testTrial(t *testing.T, s *subject) {
	s.append(t, warehouse.Commit{Through: 1, Facts: record(0, 1, 2)})
	facts := record(0, 2, 3000)
	for i := range facts {
		facts[i].Name, facts[i].Node = fmt.Sprint("tried ", i%10), 9000
	}
	c := warehouse.Commit{Through: 2, Facts: facts, Trial: true}
	s.append(t, c)
	s.append(t, c)
	s.expectCount(t, 2)
	s.expectPosition(t, 0, 1, 0)
	if node, err := s.LastNode(t.Context()); err != nil || node != 2 {
		t.Errorf("the last node is %d, %v", node, err)
	}
	c.Trial = false
	s.append(t, c)
	s.expectCount(t, 3002)
	s.expect(t, "SELECT count(DISTINCT event), count(*) FROM events WHERE event LIKE 'tried %'", "10 3000")
}

func testEmptyCommit(t *testing.T, s *subject) {
	s.append(t, warehouse.Commit{})
	s.expectPosition(t, 0, 0, 0)
	s.append(t, warehouse.Commit{Through: 9})
	s.expectPosition(t, 0, 9, 0)
	s.expectCount(t, 0)
	s.append(t, warehouse.Commit{Through: 9, OverrideVersion: 3, Overrides: []warehouse.Override{{Node: 5, Person: 4}}})
	s.expectPosition(t, 0, 9, 3)
	s.expect(t, "SELECT node, person FROM overrides", "5 4")
}

func testPartitions(t *testing.T, s *subject) {
	s.append(t, warehouse.Commit{Partition: 0, Through: 5, Facts: record(0, 5, 2)})
	s.append(t, warehouse.Commit{Partition: 3, Through: 1, Facts: record(3, 1, 2)})
	s.append(t, warehouse.Commit{Partition: 127, Through: 1, Facts: record(127, 1, 2)})
	s.expectCount(t, 6)
	s.expectPosition(t, 0, 5, 0)
	s.expectPosition(t, 3, 1, 0)
	s.expectPosition(t, 2, 0, 0)
	s.expect(t, "SELECT count(*) FROM events_raw WHERE seq < 0", "0")
}

func testEventNames(t *testing.T, s *subject) {
	names := []string{"view", "View", "提交订单", "🙂", `it's "quoted"; DROP TABLE events_raw --`, strings.Repeat("long ", 300), " ", "$page"}
	var facts []touchstone.Fact
	for i, name := range append(names, names...) {
		f := record(0, 1, i+1)[i]
		f.Name = name
		facts = append(facts, f)
	}
	s.append(t, warehouse.Commit{Through: 1, Facts: facts})
	for _, name := range names {
		if got := s.rows(t, "SELECT count(*) FROM events WHERE event = ?", name); got[0] != "2" {
			t.Errorf("events called %q: got %v, want 2", name, got)
		}
	}
	s.expect(t, "SELECT count(*), count(DISTINCT code), count(DISTINCT name) FROM event_names", "8 8 8")
	// A name that is known keeps its code.
	before := s.rows(t, "SELECT code FROM event_names WHERE name = 'view'")
	more := record(0, 2, 1)
	s.append(t, warehouse.Commit{Through: 2, Facts: more})
	if diff := cmp.Diff(before, s.rows(t, "SELECT code FROM event_names WHERE name = 'view'")); diff != "" {
		t.Error(diff)
	}
}

func testColumns(t *testing.T, s *subject) {
	f := record(0, 1, 1)
	f[0].Node = 77
	f[0].Context = `{"sessionId":"s1","device":{"type":"iOS"},"os":{"name":"iOS"},"location":{"country":"CN","city":"上海"},
		"campaign":{"source":"baidu","medium":"cpc","name":"spring","term":"car","content":"a"},"channel":"mobile","page":{"path":"/cars"}}`
	identify := record(0, 2, 1)
	identify[0].Type, identify[0].Name, identify[0].Properties, identify[0].Traits = touchstone.Identify, "$identify", "", `{"email":"a@b.c"}`
	s.append(t, warehouse.Commit{Through: 2, Facts: append(f, identify...)})
	s.expect(t, `SELECT seq, message_id, time, received_at, event, person, person_id, node, type, source,
		session, platform, os, country, city, utm_source, utm_medium, utm_campaign, utm_term, utm_content, channel, page_path, properties->>'n', context->'os'->>'name'
		FROM events WHERE node = 77`,
		"65536 m-0-1-0 2026-01-02T03:04:05.678Z 2026-01-02T04:04:05.678Z view p_25 77 77 track src_1 s1 ios iOS CN 上海 baidu cpc spring car a mobile /cars 0 iOS")
	// What is absent is NULL; the traits of an identify call stand in properties.
	s.expect(t, "SELECT event, type, session, context, properties->>'email' FROM events WHERE node = 1", "$identify identify <nil> <nil> a@b.c")
}

// testOddValues makes sure that no value breaks a later question about other events.
func testOddValues(t *testing.T, s *subject) {
	values := []string{
		`{"n":1,"s":"\u0000 nul"}`, `{"n":1,"s":"\ud800 lone"}`, `{"n":1,"s":"\udc00\ud800 swapped"}`, `{"n":1,"s":"\ud83d\ude00"}`, `{"n":1,"s":"\\ud800"}`,
		`{"n":1,"big":1e999}`, `{"n":1,"long":` + strings.Repeat("9", 5000) + `}`, `{"n":1,"n":2}`, `{"n":1,"deep":` + strings.Repeat("[", 900) + strings.Repeat("]", 900) + `}`,
		`{"n":1,"huge":"` + strings.Repeat("上", 3_000_000) + `"}`, "{\"n\":1,\"bad\":\"\xff\xfe\"}", `{"n":1,"":"empty key"}`, `{"n":"x"}`, `{"n":null}`, `{}`, `null`, `[1,2]`,
	}
	var facts []touchstone.Fact
	for i, v := range values {
		f := record(0, 1, i+1)[i]
		f.Properties = touchstone.JSON(v)
		f.Context = touchstone.JSON(v)
		facts = append(facts, f)
	}
	s.append(t, warehouse.Commit{Through: 1, Facts: facts})
	s.expectCount(t, int64(len(values)))
	d := s.Dialect()
	s.expect(t, "SELECT sum("+d.JSON(warehouse.AsNumber, "properties", "n")+"), count("+d.JSON(warehouse.AsText, "context", "n")+") FROM events_raw", "12 13")
	s.expect(t, "SELECT count(*) FROM events WHERE (context->>'s') LIKE '%lone' OR (properties->>'s') = '😀'", "2")
	s.expect(t, "SELECT count(*) FROM events WHERE "+d.JSON(warehouse.AsNumber, "properties", "big")+" IS NOT NULL", "0")
	s.expect(t, "SELECT max(length(properties->>'huge')) FROM events", "3000000")
}

func testOverrides(t *testing.T, s *subject) {
	const persons = "SELECT person_id, count(*) FROM events GROUP BY 1 ORDER BY 1"
	s.append(t, warehouse.Commit{Through: 1, Facts: record(0, 1, 4)})
	s.expect(t, persons, "1 1", "2 1", "3 1", "4 1")
	s.append(t, warehouse.Commit{Through: 1, OverrideVersion: 1, Overrides: []warehouse.Override{{Node: 2, Person: 1}, {Node: 4, Person: 3}}})
	s.expect(t, persons, "1 2", "3 2")
	s.append(t, warehouse.Commit{Through: 1, OverrideVersion: 2, Overrides: []warehouse.Override{{Node: 3, Person: 1}, {Node: 4, Person: 1}}})
	s.expect(t, persons, "1 4")
	// Parted again; the same node twice: the last one counts.
	s.append(t, warehouse.Commit{Through: 1, OverrideVersion: 3, Overrides: []warehouse.Override{{Node: 4, Person: 2}, {Node: 4, Person: 3}, {Node: 3, Person: 0}}})
	s.expect(t, persons, "1 2", "3 2")
	// The person of its own number is nobody else.
	s.append(t, warehouse.Commit{Through: 1, OverrideVersion: 4, Overrides: []warehouse.Override{{Node: 2, Person: 2}, {Node: 4}}})
	s.expect(t, persons, "1 1", "2 1", "3 1", "4 1")
	s.expect(t, "SELECT count(*) FROM overrides", "0")
	many := make([]warehouse.Override, 20_000)
	for i := range many {
		many[i] = warehouse.Override{Node: touchstone.NodeID(i + 2), Person: 1}
	}
	s.append(t, warehouse.Commit{Through: 1, OverrideVersion: 5, Overrides: many})
	s.expect(t, persons, "1 4")
	s.expect(t, "SELECT count(*), count(DISTINCT node) FROM overrides", "20000 20000")
}

// What is of an erased node goes, whatever commit it comes in, and nothing of others.
func testErased(t *testing.T, s *subject) {
	const nodes = "SELECT person_id, count(*) FROM events GROUP BY 1 ORDER BY 1"
	s.append(t, warehouse.Commit{Through: 1, Facts: record(0, 1, 4), OverrideVersion: 1, Overrides: []warehouse.Override{{Node: 3, Person: 1}, {Node: 4, Person: 2}}})
	s.expect(t, nodes, "1 2", "2 2")
	erased := warehouse.Commit{Through: 1, OverrideVersion: 3, Erased: []touchstone.NodeID{1, 3, 77}}
	s.append(t, erased)
	s.append(t, erased)
	s.expect(t, nodes, "2 2")
	s.expectErased(t, 2)
	s.expect(t, "SELECT node, person FROM overrides", "4 2")
	s.expectPosition(t, 0, 1, 3)
	s.expectCount(t, 2)
	// Another partition's facts were gathered before: they come with the erasure, at a version that is there.
	s.append(t, warehouse.Commit{Partition: 1, Through: 5, Facts: record(1, 5, 3), OverrideVersion: 3, Erased: []touchstone.NodeID{1, 3}})
	s.expect(t, nodes, "2 3")
	s.expectPosition(t, 1, 5, 3)
	s.append(t, warehouse.Commit{Through: 2, Facts: record(0, 2, 1), Erased: []touchstone.NodeID{1, 2}, Trial: true})
	s.expectCount(t, 3)
	s.expectErased(t, 4)
	s.append(t, warehouse.Commit{Through: 2, Facts: record(0, 2, 1)})
	s.expect(t, nodes, "1 1", "2 3")
	// Those that are known to be nobody's any more are counted, once, and leave nothing: not even a name.
	left := append(record(0, 2, 1), record(0, 3, 3)...)
	left[1].Node, left[1].Name, left[3].Node = touchstone.ErasedNode, "nobody's", touchstone.ErasedNode
	for range 2 {
		s.append(t, warehouse.Commit{Through: 3, Facts: left})
	}
	s.append(t, warehouse.Commit{Through: 4, Facts: []touchstone.Fact{{Seq: touchstone.MakeSeq(0, 4, 0), Node: touchstone.ErasedNode}}, Trial: true})
	s.expect(t, nodes, "1 1", "2 4")
	s.expectErased(t, 6)
	s.expect(t, "SELECT count(*) FROM event_names WHERE name = 'nobody''s'", "0")
	s.close(t)
	s.Warehouse = s.open()
	s.expectErased(t, 6)
}

// expectErased compares the number of events that are not there because of erasures.
func (s *subject) expectErased(t *testing.T, want int64) {
	t.Helper()
	if p, err := s.Position(t.Context(), 1); err != nil || p.Erased != want {
		t.Errorf("%d events are said to be erased, %v; want %d", p.Erased, err, want)
	}
}

func testOldOverrides(t *testing.T, s *subject) {
	s.append(t, warehouse.Commit{Partition: 0, Through: 1, OverrideVersion: 5, Overrides: []warehouse.Override{{Node: 2, Person: 1}}})
	// Another partition's sink is behind: what it brings is older.
	s.append(t, warehouse.Commit{Partition: 1, Through: 1, OverrideVersion: 4, Overrides: []warehouse.Override{{Node: 2, Person: 9}}})
	s.expect(t, "SELECT node, person FROM overrides", "2 1")
	s.expectPosition(t, 0, 1, 5)
	s.expectPosition(t, 1, 1, 5)
}

func testReopen(t *testing.T, s *subject) {
	s.append(t, warehouse.Commit{Through: 1, Facts: record(0, 1, 3000), OverrideVersion: 1, Overrides: []warehouse.Override{{Node: 2, Person: 1}}})
	for range 2 {
		s.close(t)
		s.Warehouse = s.open()
		s.expectCount(t, 3000)
		s.expectPosition(t, 0, 1, 1)
	}
	f := record(0, 2, 1)
	f[0].Name = "new after opening"
	s.append(t, warehouse.Commit{Through: 2, Facts: append(record(0, 1, 3000), f...)})
	s.expectCount(t, 3001)
	s.expect(t, "SELECT event, count(*), count(DISTINCT person) FROM events GROUP BY 1 ORDER BY 1", "new after opening 1 1", "view 3000 2999")
}

func testRowBound(t *testing.T, s *subject) {
	s.append(t, warehouse.Commit{Through: 1, Facts: record(0, 1, 10_000)})
	for _, bound := range []int{1, 2047, 2048, 2049, 9999, 10_000, 10_001} {
		res, err := s.Query(t.Context(), warehouse.Statement{SQL: "SELECT seq FROM events", MaxRows: bound})
		if err != nil {
			t.Fatal(err)
		}
		if len(res.Rows) != min(bound, 10_000) || res.Truncated != (bound < 10_000) {
			t.Errorf("bound %d: got %d rows, truncated %v", bound, len(res.Rows), res.Truncated)
		}
	}
}

func testParameters(t *testing.T, s *subject) {
	s.append(t, warehouse.Commit{Through: 1, Facts: record(0, 1, 10)})
	if got := s.rows(t, "SELECT count(*) FROM events WHERE time >= ? AND node > ? AND event = ? AND TRUE = ? AND 1.5 = ?", start.Add(2*time.Second), touchstone.NodeID(4), "view", true, 1.5); got[0] != "6" {
		t.Errorf("got %v, want 6", got)
	}
	if got := s.rows(t, "SELECT count(*) FROM events WHERE node IN (SELECT n FROM "+s.Dialect().Numbers()+")", []int64{1, 3, 99}); got[0] != "2" {
		t.Errorf("got %v, want 2", got)
	}
	if got := s.rows(t, "SELECT count(*) FROM events WHERE node IN (SELECT n FROM "+s.Dialect().Numbers()+")", []int64{}); got[0] != "0" {
		t.Errorf("got %v, want 0", got)
	}
	if _, err := s.Query(t.Context(), warehouse.Statement{SQL: "SELECT ?"}); touchstone.KindOf(err) != touchstone.Invalid {
		t.Errorf("a parameter without a value: got %v", err)
	}
}

func testLastNode(t *testing.T, s *subject) {
	expect := func(want touchstone.NodeID) {
		t.Helper()
		if last, err := s.LastNode(t.Context()); err != nil || last != want {
			t.Errorf("last node: got %d, %v, want %d", last, err, want)
		}
	}
	expect(0)
	facts := record(0, 1, 3)
	facts[1].Node = 70_000
	s.append(t, warehouse.Commit{Through: 1, Facts: facts})
	expect(70_000)
	s.append(t, warehouse.Commit{Through: 2, Facts: record(0, 2, 3)})
	expect(70_000)
	s.close(t)
	s.Warehouse = s.open()
	expect(70_000)
}

func testScan(t *testing.T, s *subject) {
	s.append(t, warehouse.Commit{Through: 1, Facts: record(0, 1, 50_000)})
	for _, workers := range []int{0, 1, 3} {
		sums, rows := make([]int64, 4), make([]int, 4)
		err := s.Scan(t.Context(), warehouse.Statement{SQL: "SELECT node, CASE WHEN node > 10 THEN node END FROM events_raw WHERE node <> ?", Args: []any{7}}, workers, func(w int, c [][]int64) error {
			for i := range c[0] {
				if c[1][i] != 0 && c[1][i] != c[0][i] || c[1][i] == 0 && c[0][i] > 10 {
					return fmt.Errorf("row of node %d has %d", c[0][i], c[1][i])
				}
				sums[w] += c[0][i]
				rows[w]++
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if sum, n := sums[0]+sums[1]+sums[2], rows[0]+rows[1]+rows[2]; sum != 1_250_025_000-7 || n != 49_999 || rows[3] != 0 {
			t.Errorf("%d workers: got %d rows %v with the sum %d", workers, n, rows, sum)
		}
	}
	// A time is what the dialect makes of it.
	asked := "SELECT time, " + s.Dialect().Millis("time") + ", CASE WHEN node % 2 = 0 THEN time END, node FROM events_raw"
	if err := s.Scan(t.Context(), warehouse.Statement{SQL: asked}, 1, func(_ int, c [][]int64) error {
		for i, millis := range c[0] {
			if want := c[1][i] * (1 - c[3][i]%2); millis != c[1][i] || millis < 1e12 || c[2][i] != want {
				return fmt.Errorf("the times of node %d are %d and %d, not %d", c[3][i], millis, c[2][i], c[1][i])
			}
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	// Only rows that pass every condition come, whatever the engine makes of the conditions.
	for range 20 {
		var mu sync.Mutex
		rows := 0
		err := s.Scan(t.Context(), warehouse.Statement{SQL: "SELECT node FROM events_raw WHERE node % 3 = 0 AND sqrt(node) > 100 AND length(message_id) > 1"}, 2, func(_ int, c [][]int64) error {
			mu.Lock()
			defer mu.Unlock()
			rows += len(c[0])
			for _, node := range c[0] {
				if node%3 != 0 || node <= 10_000 {
					return fmt.Errorf("node %d came", node)
				}
			}
			return nil
		})
		if err != nil || rows != 13_333 {
			t.Fatalf("%d rows, %v", rows, err)
		}
	}
	stop := fmt.Errorf("enough")
	err := s.Scan(t.Context(), warehouse.Statement{SQL: "SELECT node FROM events_raw"}, 2, func(int, [][]int64) error { return stop })
	if err != stop {
		t.Errorf("got %v, want the error of the function", err)
	}
	if err := s.Scan(t.Context(), warehouse.Statement{SQL: "SELECT event FROM events"}, 1, func(int, [][]int64) error { return nil }); err == nil {
		t.Error("a text was scanned")
	}
	s.expectCount(t, 50_000)
}

// testConcurrent reads while commits of two partitions come in: a reader sees whole
// commits, and the dictionary has every name.
func testConcurrent(t *testing.T, s *subject) {
	const commits, events = 40, 100
	done := make(chan error, 2)
	for partition := range 2 {
		go func() {
			for offset := uint64(1); offset <= commits; offset++ {
				facts := record(partition, offset, events)
				for i := range facts {
					facts[i].Name = fmt.Sprintf("event %d", offset)
				}
				if err := s.Append(context.WithoutCancel(t.Context()), warehouse.Commit{Partition: partition, Through: stream.Offset(offset), Facts: facts}); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for running := 2; running > 0; {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			running--
		default:
		}
		for _, row := range s.rows(t, "SELECT event, count(*) % 100 FROM events GROUP BY 1 HAVING count(*) % 100 <> 0") {
			t.Fatalf("a part of a commit is visible: %s", row)
		}
	}
	s.expectCount(t, 2*commits*events)
	s.expect(t, "SELECT count(*), count(DISTINCT name) FROM event_names", fmt.Sprintf("%d %d", commits, commits))
}

// forever is a statement that does not end by itself.
const forever = "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 - n FROM t) SELECT count(*) FROM t"

func testContext(t *testing.T, s *subject) {
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := s.Query(ctx, warehouse.Statement{SQL: forever})
	if err != context.DeadlineExceeded {
		t.Errorf("got %v, want the end of the context", err)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("stopping took %v", took)
	}
	s.expectCount(t, 0)
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Append(canceled, warehouse.Commit{Through: 1, Facts: record(0, 1, 1)}); err == nil {
		t.Error("append with an ended context: no error")
	}
	s.append(t, warehouse.Commit{Through: 1, Facts: record(0, 1, 1)})
	s.expectCount(t, 1)
}

func testClosed(t *testing.T, s *subject) {
	s.close(t)
	s.close(t)
	if _, err := s.Count(t.Context()); touchstone.KindOf(err) != touchstone.Unavailable {
		t.Errorf("count after close: got %v", err)
	}
	if err := s.Append(t.Context(), warehouse.Commit{Through: 1}); touchstone.KindOf(err) != touchstone.Unavailable {
		t.Errorf("append after close: got %v", err)
	}
}

// testPositionLast: whoever has seen a position finds every event up to it, and nothing twice,
// while commits come and come again. Events beyond it may be there early.
func testPositionLast(t *testing.T, s *subject) {
	const records, events = 60, 40
	done := make(chan error, 1)
	go func() {
		for r := range stream.Offset(records) {
			c := warehouse.Commit{Through: r + 1, Facts: record(0, uint64(r)+1, events)}
			for range 2 { // as after a crash
				if err := s.Append(t.Context(), c); err != nil {
					done <- err
					return
				}
			}
		}
		done <- nil
	}()
	for {
		p, err := s.Position(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		got := s.rows(t, "SELECT count(*) - count(DISTINCT seq), count(*) FROM events_raw")
		var twice, there int64
		if _, err := fmt.Sscanf(got[0], "%d %d", &twice, &there); err != nil {
			t.Fatalf("%q: %v", got[0], err)
		}
		if twice != 0 || there < int64(p.Through)*events {
			t.Fatalf("at position %d there are %d events, %d of them twice", p.Through, there, twice)
		}
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			s.expectCount(t, records*events)
			return
		default:
		}
	}
}

// testSets is the contract of warehouse.Tables, for back ends that offer it.
func testSets(t *testing.T, s *subject) {
	tables, ok := s.Warehouse.(warehouse.Tables)
	if !ok {
		t.Skip("the back end keeps no sets; they are shipped as parameters")
	}
	replace := func(set warehouse.Set, want int64) {
		t.Helper()
		if n, err := tables.Replace(t.Context(), set); err != nil || n != want {
			t.Errorf("%s: %d numbers, %v, want %d", set.Name, n, err, want)
		}
	}
	expect := func(name, version string, want ...string) {
		t.Helper()
		if v, err := tables.SetVersion(t.Context(), name); err != nil || v != version {
			t.Errorf("%s is at version %q, %v, want %q", name, v, err, version)
		}
		s.expect(t, "SELECT n FROM set_members WHERE code = (SELECT code FROM set_names WHERE name = '"+name+"') ORDER BY n", want...)
	}
	expect("a", "")
	replace(warehouse.Set{Name: "a", Version: "1", Add: []int64{3, 1, 2}}, 3)
	replace(warehouse.Set{Name: "b", Version: "x", Add: []int64{7}}, 1)
	expect("a", "1", "1", "2", "3")
	replace(warehouse.Set{Name: "a", Version: "2", From: "1", Add: []int64{4, 3}, Remove: []int64{1, 9}}, 3)
	expect("a", "2", "2", "3", "4")
	if _, err := tables.Replace(t.Context(), warehouse.Set{Name: "a", Version: "3", From: "1", Add: []int64{9}}); touchstone.KindOf(err) != touchstone.Conflict {
		t.Errorf("a change from a version that is not there: %v", err)
	}
	if _, err := tables.Replace(t.Context(), warehouse.Set{Name: "new", Version: "3", From: "1", Add: []int64{9}}); touchstone.KindOf(err) != touchstone.Conflict {
		t.Errorf("a change of a set that is not there: %v", err)
	}
	expect("a", "2", "2", "3", "4")
	s.close(t)
	s.Warehouse = s.open()
	tables = s.Warehouse.(warehouse.Tables)
	expect("a", "2", "2", "3", "4")
	replace(warehouse.Set{Name: "a", Version: "4"}, 0)
	expect("a", "4")
	expect("b", "x", "7")
	many := make([]int64, 200_000)
	for i := range many {
		many[i] = int64(i) * 3
	}
	replace(warehouse.Set{Name: "b", Version: "y", Add: many}, 200_000)
}
