package analytics_test

import (
	"cmp"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/bits"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/analytics"
	"github.com/touchstone-cdp/touchstone/stream"
	"github.com/touchstone-cdp/touchstone/warehouse"
)

// sharedData finds a file of the public data sets beside the repository.
func sharedData(t *testing.T, name string) string {
	t.Helper()
	candidates := []string{filepath.Join(os.Getenv("TOUCHSTONE_SHARED_DATA"), name)}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		candidates = append(candidates, filepath.Join(dir, "shared", "data", name))
	}
	for _, c := range candidates {
		if _, err := os.Stat(c); err == nil {
			return c
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing: set TOUCHSTONE_SHARED_DATA", name)
	}
	t.Skipf("%s is missing: set TOUCHSTONE_SHARED_DATA", name)
	return ""
}

// sale is a line of Online Retail, read without any code of the product.
type sale struct {
	person     string
	time       time.Time
	quantity   int64
	price      string
	mills      int64 // quantity × price in thousandths of a pound
	country    string
	cancelling bool
}

func readSales(t *testing.T) []sale {
	t.Helper()
	f, err := os.Open(sharedData(t, "online-retail/online_retail.csv.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	london, err := time.LoadLocation("Europe/London")
	if err != nil {
		t.Fatal(err)
	}
	r := csv.NewReader(z)
	if _, err := r.Read(); err != nil {
		t.Fatal(err)
	}
	var sales []sale
	for {
		row, err := r.Read()
		if err == io.EOF {
			return sales
		}
		if err != nil {
			t.Fatal(err)
		}
		s := sale{person: row[6], price: row[5], country: row[7], cancelling: strings.HasPrefix(row[0], "C")}
		if s.person == "" {
			s.person = row[0]
		}
		if s.quantity, err = strconv.ParseInt(row[3], 10, 64); err != nil {
			t.Fatal(err)
		}
		price, err := strconv.ParseFloat(row[5], 64)
		if err != nil {
			t.Fatal(err)
		}
		s.mills = s.quantity * int64(math.Round(price*1000))
		if s.time, err = time.ParseInLocation(time.DateTime, row[4], london); err != nil {
			t.Fatal(err)
		}
		sales = append(sales, s)
	}
}

// loadSales appends the lines as events. Every other line of a person comes under a
// second node, which overrides give to the person.
func loadSales(t *testing.T, w warehouse.Warehouse, sales []sale) {
	t.Helper()
	nodes := map[string]touchstone.NodeID{}
	var overrides []warehouse.Override
	const batch = 50_000
	for start := 0; start < len(sales); start += batch {
		record := uint64(start/batch + 1)
		var facts []touchstone.Fact
		for i, s := range sales[start:min(start+batch, len(sales))] {
			node, ok := nodes[s.person]
			if !ok {
				node = touchstone.NodeID(2*len(nodes) + 1)
				nodes[s.person] = node
				overrides = append(overrides, warehouse.Override{Node: node + 1, Person: touchstone.PersonID(node)})
			}
			name := "Product Purchased"
			if s.cancelling {
				name = "Order Cancelled"
			}
			price, _ := strconv.ParseFloat(s.price, 64)
			facts = append(facts, touchstone.Fact{Seq: touchstone.MakeSeq(0, record, i), Node: node + touchstone.NodeID(i%2), Event: touchstone.Event{
				Type: touchstone.Track, MessageID: strconv.Itoa(start + i), Name: name, Time: s.time, ReceivedAt: s.time, Source: "src_retail",
				Properties: touchstone.JSON(fmt.Sprintf(`{"quantity":%d,"price":%s,"amount":%v,"country":%q}`, s.quantity, s.price, float64(s.quantity)*price, s.country)),
			}})
		}
		err := w.Append(t.Context(), warehouse.Commit{Through: stream.Offset(record), Facts: facts, Overrides: overrides, OverrideVersion: int64(record)})
		if err != nil {
			t.Fatal(err)
		}
		overrides = nil
	}
}

// TestOnlineRetail compares answers with plain computations over the file's lines.
func TestOnlineRetail(t *testing.T) {
	sales := readSales(t)
	if len(sales) != 541_909 {
		t.Fatalf("%d lines, want 541,909", len(sales))
	}
	w := openDuckDB(t)
	loadSales(t, w, sales)
	e := analytics.New(w, analytics.Options{})
	t.Run("trend", func(t *testing.T) { retailTrend(t, e, sales) })
	t.Run("funnel", func(t *testing.T) { retailFunnel(t, e, sales) })
	t.Run("retention", func(t *testing.T) { retailRetention(t, e, sales) })
}

const retailRange = `"from":"2010-12-01T00:00:00Z","to":"2012-01-01T00:00:00Z","tz":"Europe/London"`

func ask(t *testing.T, e *analytics.Engine, query string) *analytics.Answer {
	t.Helper()
	a, err := e.Run(t.Context(), access.System(), []byte(query))
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	if a.Meta.ScannedEvents != 541_909 || a.Meta.Truncated {
		t.Errorf("%s: scanned %d, truncated %v", query, a.Meta.ScannedEvents, a.Meta.Truncated)
	}
	return a
}

func retailTrend(t *testing.T, e *analytics.Engine, sales []sale) {
	a := ask(t, e, `{"kind":"trend",`+retailRange+`,"interval":"total","series":[{"event":"*","measure":"sum","property":"amount"},{"event":"*","measure":"count"},{"event":"*","measure":"persons"}]}`)
	persons := map[string]bool{}
	mills := int64(0)
	for _, s := range sales {
		persons[s.person] = true
		mills += s.mills
	}
	if got := a.Rows[0][2].(float64); math.Abs(got-9_747_747.93) > 0.005 || math.Abs(got-float64(mills)/1000) > 1e-6 {
		t.Errorf("total: got %v, want %v", got, float64(mills)/1000)
	}
	if a.Rows[1][2] != int64(541_909) || a.Rows[2][2] != int64(len(persons)) {
		t.Errorf("count and persons: got %v %v, want 541909 %d", a.Rows[1][2], a.Rows[2][2], len(persons))
	}

	type month struct {
		mills   int64
		persons map[string]bool
	}
	months := map[string]*month{}
	for _, s := range sales {
		key := s.time.Format("2006-01")
		if months[key] == nil {
			months[key] = &month{persons: map[string]bool{}}
		}
		months[key].mills += s.mills
		months[key].persons[s.person] = true
	}
	a = ask(t, e, `{"kind":"trend",`+retailRange+`,"interval":"month","series":[{"event":"*","measure":"sum","property":"amount"},{"event":"*","measure":"persons"}]}`)
	if len(a.Rows) != 26 || len(months) != 13 {
		t.Fatalf("%d rows, %d months", len(a.Rows), len(months))
	}
	for _, row := range a.Rows {
		at, _ := time.Parse(time.RFC3339, row[0].(string))
		m := months[at.In(sales[0].time.Location()).Format("2006-01")]
		if row[1] == int64(0) && math.Abs(row[2].(float64)-float64(m.mills)/1000) > 1e-6 {
			t.Errorf("revenue of %v: got %v, want %v", row[0], row[2], float64(m.mills)/1000)
		}
		if row[1] == int64(1) && row[2] != int64(len(m.persons)) {
			t.Errorf("persons of %v: got %v, want %v", row[0], row[2], len(m.persons))
		}
	}
}

// retailFunnel counts, per person, from every first step the later steps within the window.
func retailFunnel(t *testing.T, e *analytics.Engine, sales []sale) {
	for _, f := range []struct {
		steps  string
		window time.Duration
		fits   []func(sale) bool
	}{
		{`[{"event":"Product Purchased"},{"event":"Order Cancelled"}]`, 7 * 24 * time.Hour,
			[]func(sale) bool{func(s sale) bool { return !s.cancelling }, func(s sale) bool { return s.cancelling }}},
		{`[{"event":"Product Purchased","where":[{"property":"quantity","op":"gte","value":12}]},
		   {"event":"Product Purchased","where":[{"property":"price","op":"gte","value":5}]},
		   {"event":"*","where":[{"property":"country","op":"neq","value":"Germany"},{"property":"quantity","op":"lt","value":3}]}]`, 30 * 24 * time.Hour,
			[]func(sale) bool{func(s sale) bool { return !s.cancelling && s.quantity >= 12 },
				func(s sale) bool { p, _ := strconv.ParseFloat(s.price, 64); return !s.cancelling && p >= 5 },
				func(s sale) bool { return s.country != "Germany" && s.quantity < 3 }}},
	} {
		for mode, count := range map[string]func([]sale, []func(sale) bool, time.Duration) [][]time.Time{"distinct": countApart, "window_funnel": countFunnel} {
			a := ask(t, e, fmt.Sprintf(`{"kind":"funnel",%s,"mode":%q,"window":"%dh","steps":%s}`, retailRange, mode, int(f.window.Hours()), f.steps))
			checkFunnel(t, mode+" "+f.steps, a, count(sales, f.fits, f.window))
		}
	}
}

// checkFunnel compares an answer with the times of each person's chain.
func checkFunnel(t *testing.T, funnel string, a *analytics.Answer, chains [][]time.Time) {
	t.Helper()
	for i, row := range a.Rows {
		reached := int64(0)
		var gaps, since []time.Duration
		for _, times := range chains {
			if len(times) > i {
				reached++
				gaps, since = append(gaps, times[i].Sub(times[max(0, i-1)])), append(since, times[i].Sub(times[0]))
			}
		}
		if row[2] != reached {
			t.Errorf("%s step %d: got %v persons, want %d", funnel, i+1, row[2], reached)
		}
		for column, list := range map[int][]time.Duration{5: gaps, 7: since} {
			slices.Sort(list)
			n := len(list)
			if median := (list[(n-1)/2] + list[n/2]) / 2; i > 0 && math.Abs(row[column].(float64)-median.Seconds()) > 1e-9 {
				t.Errorf("%s step %d: got a median of %v s in column %d, want %v", funnel, i+1, row[column], column, median)
			}
		}
	}
}

// countApart goes on from every first step, moment by moment, for as many steps as can have
// a sale each: when any of these steps together fit at least as many sales (Hall's theorem).
func countApart(sales []sale, fits []func(sale) bool, window time.Duration) [][]time.Time {
	type moment struct {
		time  time.Time
		masks []int // the steps that each sale fits
	}
	persons := map[string][]moment{}
	for _, s := range sales {
		mask := 0
		for i, fit := range fits {
			if fit(s) {
				mask |= 1 << i
			}
		}
		list := persons[s.person]
		at := slices.IndexFunc(list, func(m moment) bool { return m.time.Equal(s.time) })
		if at < 0 {
			list, at = append(list, moment{time: s.time}), len(list)
		}
		list[at].masks = append(list[at].masks, mask)
		persons[s.person] = list
	}
	enough := func(m moment, steps int) bool {
		for some := steps; some > 0; some = (some - 1) & steps {
			n := 0
			for _, mask := range m.masks {
				if mask&some != 0 {
					n++
				}
			}
			if n < bits.OnesCount(uint(some)) {
				return false
			}
		}
		return true
	}
	var chains [][]time.Time
	for _, list := range persons {
		slices.SortFunc(list, func(a, b moment) int { return a.time.Compare(b.time) })
		var best []time.Time
		for i, first := range list {
			var times []time.Time
			for _, m := range list[i:] {
				if m.time.After(first.time.Add(window)) {
					break
				}
				for steps := 0; len(times) < len(fits); times = append(times, m.time) {
					if steps |= 1 << len(times); !enough(m, steps) {
						break
					}
				}
				if len(times) == 0 {
					break // nobody begins here
				}
			}
			if n := len(times); n > len(best) || n > 0 && n == len(best) && !times[n-1].After(best[n-1]) {
				best = times
			}
		}
		chains = append(chains, best)
	}
	return chains
}

// countFunnel does as ClickHouse's windowFunnel: a sale may be several steps.
func countFunnel(sales []sale, fits []func(sale) bool, window time.Duration) (chains [][]time.Time) {
	type step struct {
		time time.Time
		step int
	}
	persons := map[string][]step{}
	for _, s := range sales {
		for i, fit := range fits {
			if fit(s) {
				persons[s.person] = append(persons[s.person], step{s.time, i})
			}
		}
	}
	for _, steps := range persons {
		slices.SortFunc(steps, func(a, b step) int { return cmp.Or(a.time.Compare(b.time), cmp.Compare(a.step, b.step)) })
		var best []time.Time
		bestEnd := 0
		for i, first := range steps {
			if first.step != 0 {
				continue
			}
			times, end := []time.Time{first.time}, i
			for j := i + 1; j < len(steps) && len(times) < len(fits) && !steps[j].time.After(first.time.Add(window)); j++ {
				if steps[j].step == len(times) {
					times, end = append(times, steps[j].time), j
				}
			}
			if len(times) > len(best) || len(times) == len(best) && end <= bestEnd {
				best, bestEnd = times, end
			}
		}
		chains = append(chains, best)
	}
	return chains
}

func retailRetention(t *testing.T, e *analytics.Engine, sales []sale) {
	interval := map[string]func(time.Time) time.Time{
		"month": func(t time.Time) time.Time {
			return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, t.Location())
		},
		"week": func(t time.Time) time.Time {
			return time.Date(t.Year(), t.Month(), t.Day()-int(t.Weekday()+6)%7, 0, 0, 0, 0, t.Location())
		},
	}
	for name, start := range interval {
		for _, mode := range []string{"n_day", "rolling"} {
			a := ask(t, e, fmt.Sprintf(`{"kind":"retention",%s,"interval":%q,"mode":%q,"periods":12,"first":{"event":"Product Purchased"},"return":{"event":"*"}}`, retailRange, name, mode))
			want := countRetention(sales, start, mode == "rolling")
			got := map[string][2]int64{}
			for _, row := range a.Rows {
				if row[1].(int64) > 0 && row[3].(int64) > 0 {
					got[fmt.Sprint(row[0], row[2])] = [2]int64{row[1].(int64), row[3].(int64)}
				}
			}
			if len(want) < 80 {
				t.Errorf("%s %s: only %d cells", name, mode, len(want))
			}
			for cell, n := range want {
				if got[cell] != n {
					t.Errorf("%s %s, %s: got %v, want %v", name, mode, cell, got[cell], n)
				}
			}
			if len(got) != len(want) {
				b, _ := json.Marshal(got)
				t.Errorf("%s %s: %d cells, want %d: %s", name, mode, len(got), len(want), b)
			}
		}
	}
}

// countRetention returns size and returned per "cohort period".
func countRetention(sales []sale, start func(time.Time) time.Time, rolling bool) map[string][2]int64 {
	const periods = 12
	byPerson := map[string][]sale{}
	for _, s := range sales {
		byPerson[s.person] = append(byPerson[s.person], s)
	}
	starts := map[time.Time]int{}
	for day := start(sales[0].time); day.Year() < 2012; day = day.AddDate(0, 0, 1) {
		if s := start(day); starts[s] == 0 {
			starts[s] = len(starts) + 1
		}
	}
	size, cells := map[string]int64{}, map[string][2]int64{}
	for _, list := range byPerson {
		first := -1
		for i, s := range list {
			if !s.cancelling && (first < 0 || s.time.Before(list[first].time)) {
				first = i
			}
		}
		if first < 0 {
			continue
		}
		began := start(list[first].time)
		cohort := began.UTC().Format("2006-01-02T15:04:05.000Z")
		size[cohort]++
		var back [periods + 1]bool
		for i, s := range list {
			if i == first || s.time.Before(list[first].time) {
				continue
			}
			p := starts[start(s.time)] - starts[began]
			for k := range back {
				back[k] = back[k] || p == k || rolling && p > k
			}
		}
		for k, yes := range back {
			if yes {
				key := fmt.Sprint(cohort, k)
				cells[key] = [2]int64{0, cells[key][1] + 1}
			}
		}
	}
	for key, n := range cells {
		cells[key] = [2]int64{size[key[:24]], n[1]}
	}
	return cells
}
