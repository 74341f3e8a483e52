package importer

import (
	"io"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"github.com/touchstone-cdp/touchstone"
)

// sharedData finds the folder with public data sets. A test that needs it fails in CI
// when it is missing, and is skipped elsewhere.
func sharedData(tb testing.TB, name string) string {
	tb.Helper()
	folders := []string{os.Getenv("TOUCHSTONE_SHARED_DATA")}
	if dir, err := os.Getwd(); err == nil {
		for ; filepath.Dir(dir) != dir; dir = filepath.Dir(dir) {
			folders = append(folders, filepath.Join(dir, "shared", "data"))
		}
	}
	for _, folder := range folders {
		path := filepath.Join(folder, name)
		if _, err := os.Stat(path); folder != "" && err == nil {
			return path
		}
	}
	if os.Getenv("CI") == "true" {
		tb.Fatalf("%s is missing: set TOUCHSTONE_SHARED_DATA", name)
	}
	tb.Skipf("%s is not here: set TOUCHSTONE_SHARED_DATA to test with it", name)
	return ""
}

func exampleMapping(tb testing.TB, name string) *Mapping {
	tb.Helper()
	m, err := LoadMapping(filepath.Join("..", "..", "examples", "mappings", name))
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

func testPlan() planOptions {
	return planOptions{
		kinds: touchstone.DefaultKindSet(), source: "src_test", received: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), idPrefix: "f-",
	}
}

// totals is an account of a converted file.
type totals struct {
	events, rejected int
	users, messages  map[string]bool
	amount           *big.Rat
	first, last      time.Time
}

func convertAll(tb testing.TB, path string, m *Mapping) totals {
	tb.Helper()
	c, err := newConverter(path, m, testPlan())
	if err != nil {
		tb.Fatal(err)
	}
	defer c.close()
	sum := totals{users: map[string]bool{}, messages: map[string]bool{}, amount: new(big.Rat)}
	for {
		var e touchstone.Event
		err := c.next(&e)
		if err == io.EOF {
			return sum
		}
		if err != nil {
			tb.Fatal(err)
		}
		if e.Type == touchstone.Rejected {
			tb.Logf("row %d: %s %s", c.row, e.Reason, e.Raw)
			sum.rejected++
			continue
		}
		sum.events++
		sum.messages[e.MessageID] = true
		if e.UserID != "" {
			sum.users[e.UserID] = true
		}
		amount, ok := new(big.Rat).SetString(gjson.Get(string(e.Properties), "amount").Raw)
		if !ok {
			tb.Fatalf("row %d: no amount in %s", c.row, e.Properties)
		}
		sum.amount.Add(sum.amount, amount)
		if sum.first.IsZero() || e.Time.Before(sum.first) {
			sum.first = e.Time
		}
		if e.Time.After(sum.last) {
			sum.last = e.Time
		}
	}
}

func TestOnlineRetailIsExact(t *testing.T) {
	sum := convertAll(t, sharedData(t, "online-retail/online_retail.csv.gz"), exampleMapping(t, "online-retail.yaml"))
	if sum.events != 541909 || sum.rejected != 0 || len(sum.users) != 4372 || len(sum.messages) != 541909 {
		t.Errorf("events %d, rejected %d, users %d, message ids %d", sum.events, sum.rejected, len(sum.users), len(sum.messages))
	}
	if got := sum.amount.FloatString(2); got != "9747747.93" {
		t.Errorf("amounts add up to %s, exactly %s", got, sum.amount.FloatString(6))
	}
	if !sum.users["17850"] {
		t.Error("17850.0 did not become 17850")
	}
	if want := time.Date(2010, 12, 1, 8, 26, 0, 0, time.UTC); !sum.first.Equal(want) {
		t.Errorf("first event at %s", sum.first)
	}
}

func TestCDNOWIsExact(t *testing.T) {
	sum := convertAll(t, sharedData(t, "cdnow/CDNOW_master.txt.gz"), exampleMapping(t, "cdnow.yaml"))
	if sum.events != 69659 || sum.rejected != 0 || len(sum.users) != 23570 || len(sum.messages) != 69659 {
		t.Errorf("events %d, rejected %d, users %d, message ids %d", sum.events, sum.rejected, len(sum.users), len(sum.messages))
	}
	if got := sum.amount.FloatString(2); got != "2500315.63" {
		t.Errorf("amounts add up to %s", got)
	}
	if want := time.Date(1997, 1, 1, 5, 0, 0, 0, time.UTC); !sum.first.Equal(want) {
		t.Errorf("first event at %s", sum.first)
	}
}

func BenchmarkOnlineRetail(b *testing.B) {
	path := sharedData(b, "online-retail/online_retail.csv.gz")
	m := exampleMapping(b, "online-retail.yaml")
	rows, bytes := int64(0), 0
	b.ReportAllocs()
	for b.Loop() {
		c, err := newConverter(path, m, testPlan())
		if err != nil {
			b.Fatal(err)
		}
		var scratch chunkScratch
		for {
			k, err := c.chunk(defaultChunkRows, &scratch)
			if err != nil {
				b.Fatal(err)
			}
			if k == nil {
				break
			}
			rows += k.rows
			bytes += len(k.body)
		}
		c.close()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(rows), "ns/row")
	b.ReportMetric(float64(bytes)/float64(rows), "B/row")
}
