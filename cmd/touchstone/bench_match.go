package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/collect/importer"
	"github.com/touchstone-cdp/touchstone/identity/match"
	"github.com/touchstone-cdp/touchstone/identity/match/matchtest"
)

// matchFigures is a line of `bench match`.
type matchFigures struct {
	Bench     string  `json:"bench"`
	Set       string  `json:"set"`
	Records   int     `json:"records"`
	Compared  int64   `json:"pairs_compared"`
	Links     int     `json:"links"`
	Precision float64 `json:"precision"`
	Recall    float64 `json:"recall"`
	F1        float64 `json:"f1"`
	Threshold float64 `json:"threshold"`
	// What was thought of the links without the truth.
	EstimatedPrecision float64 `json:"estimated_precision"`
	EstimatedRecall    float64 `json:"estimated_recall"`
	PrecisionLow       float64 `json:"estimated_precision_low"` // what it may as well be, as far as the data can tell
	OneToOne           bool    `json:"one_to_one"`
	// Of labelled pairs, each weighed whether a rule finds it or not, as others publish it: at the threshold which the labels would choose, and at weight 0.
	Labelled     *matchCurve `json:"labelled,omitempty"`
	TrainSeconds float64     `json:"train_seconds"`
	LinkSeconds  float64     `json:"link_seconds"`
	ReadSeconds  float64     `json:"read_seconds"`
	// Of generated records: processor time of reading, training and linking, of all cores; the process's peak with the generated texts, which
	// it keeps for judging.
	CPUSeconds   float64 `json:"cpu_seconds,omitempty"`
	PeakRSSMiB   int64   `json:"peak_rss_mib,omitempty"`
	SetBytes     float64 `json:"set_bytes_per_record,omitempty"`
	IndexSeconds float64 `json:"index_seconds,omitempty"`
	IndexBytes   float64 `json:"index_bytes_per_record,omitempty"` // beside the set's
	FindP50      float64 `json:"find_p50_ms,omitempty"`
	FindP99      float64 `json:"find_p99_ms,omitempty"`
	conditions
}

// matchCurve is what weights alone say of labelled pairs.
type matchCurve struct {
	BestF1     float64 `json:"best_f1"`
	BestWeight float64 `json:"best_weight"` // bits, from which on a pair counts as a match
	ZeroF1     float64 `json:"f1_at_0"`
}

// matchSet is a public set with its truth.
type matchSet struct {
	name      string
	files     []string
	delimiter string
	id        string
	ignore    []string
	labelled  bool // the truth is labels of some pairs, not all matches
	truth     func(data string, ids [2][]string) (pairs, error)
}

// pairs are pairs of record names and whether they are matches.
type pairs map[[2]string]bool

var matchSets = []matchSet{
	{name: "febrl4", files: []string{"febrl/dataset4a.csv.gz", "febrl/dataset4b.csv.gz"}, id: "rec_id", truth: febrlTruth},
	{name: "febrl3", files: []string{"febrl/dataset3.csv.gz"}, id: "rec_id", truth: febrlTruth},
	{name: "febrl1", files: []string{"febrl/dataset1.csv"}, id: "rec_id", truth: febrlTruth},
	{name: "dblp-acm", files: []string{"er-dblp-acm/dblp.csv.gz", "er-dblp-acm/acm.csv.gz"}, delimiter: "%", id: "id", truth: listedTruth("er-dblp-acm/gt.csv", "%")},
	{name: "abt-buy", files: []string{"er-abt-buy/abt.csv.gz", "er-abt-buy/buy.csv"}, delimiter: "|", id: "id", truth: listedTruth("er-abt-buy/gt.csv", "|")},
	{name: "splink-fake-1000", files: []string{"splink-fake-1000/fake_1000.csv"}, id: "unique_id", ignore: []string{"cluster"}, labelled: true, truth: splinkTruth},
}

func newBenchMatch() *cobra.Command {
	var data string
	var records int
	cmd := &cobra.Command{
		Use:   "match",
		Short: "Match public sets with known truth, and generated records; needs no server",
		Long: "Matches the sets of --data with the defaults, as `touchstone match` does, and compares with the truth, which matching does not see.\n" +
			"--records links that many generated records as well (a quarter of the values of a copy is written otherwise, one in ten is missing, one person in twenty\n" +
			"lives with the one before) and asks an index of them for single ones.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if data != "" {
				for _, s := range matchSets {
					figures, err := s.bench(cmd.Context(), data)
					if err != nil {
						return err
					}
					if err := printLine(cmd.OutOrStdout(), figures); err != nil {
						return err
					}
				}
			}
			if records == 0 {
				return nil
			}
			figures, err := benchGenerated(cmd.Context(), records)
			if err != nil {
				return err
			}
			return printLine(cmd.OutOrStdout(), figures)
		},
	}
	cmd.Flags().StringVar(&data, "data", "", "folder of the public sets")
	cmd.Flags().IntVar(&records, "records", 0, "generated records to link")
	return cmd
}

func ordered(a, b string) [2]string {
	if a > b {
		a, b = b, a
	}
	return [2]string{a, b}
}

func (s matchSet) bench(ctx context.Context, data string) (matchFigures, error) {
	f := matchFigures{Bench: "match", Set: s.name, conditions: newConditions("in memory")}
	flags := matchFlags{delimiter: s.delimiter, id: s.id}
	for _, name := range s.ignore {
		flags.kinds = append(flags.kinds, name+"="+string(match.Ignored))
	}
	files := make([]string, len(s.files))
	for i, name := range s.files {
		files[i] = filepath.Join(data, name)
	}
	began := time.Now()
	set, err := readSet(io.Discard, files, flags)
	if err != nil {
		return f, err
	}
	f.ReadSeconds = time.Since(began).Seconds()
	var ids [2][]string
	for i := range set.Len() {
		record := uint32(i) //nolint:gosec // a small set
		ids[set.List(record)] = append(ids[set.List(record)], set.ID(record))
	}
	truth, err := s.truth(data, ids)
	if err != nil {
		return f, err
	}
	model, result, err := f.run(ctx, set)
	if err != nil {
		return f, err
	}
	name := func(record uint32) string {
		if len(s.files) == 2 {
			return fmt.Sprint(set.List(record), ":", set.ID(record))
		}
		return set.ID(record)
	}
	said := make(map[[2]string]bool)
	for _, c := range result.Clusters {
		for i, a := range c {
			for _, b := range c[i+1:] {
				said[ordered(name(a), name(b))] = true
			}
		}
	}
	f.compare(said, truth, s.labelled)
	if s.labelled {
		f.Labelled, err = curveOf(model, set, truth)
	}
	return f, err
}

// curveOf weighs the labelled pairs of one list.
func curveOf(model *match.Model, set *match.Set, truth pairs) (*matchCurve, error) {
	records := make(map[string]uint32, set.Len())
	for i := range set.Len() {
		records[set.ID(uint32(i))] = uint32(i) //nolint:gosec // a small set
	}
	type weighed struct {
		weight float64
		match  bool
	}
	var list []weighed
	matches := 0.
	for names, yes := range truth {
		e, err := model.Explain(set, records[names[0]], records[names[1]])
		if err != nil {
			return nil, err
		}
		list = append(list, weighed{e.Weight, yes})
		if yes {
			matches++
		}
	}
	slices.SortFunc(list, func(a, b weighed) int { return cmp.Compare(b.weight, a.weight) })
	c, right := &matchCurve{}, 0.
	for i, w := range list {
		if w.match {
			right++
		}
		if i+1 < len(list) && list[i+1].weight == w.weight {
			continue
		}
		f1 := 2 * right / (float64(i+1) + matches)
		if f1 > c.BestF1 {
			c.BestF1, c.BestWeight = f1, w.weight
		}
		if w.weight >= 0 {
			c.ZeroF1 = f1
		}
	}
	return c, nil
}

func (f *matchFigures) run(ctx context.Context, set *match.Set) (*match.Model, *match.Result, error) {
	began := time.Now()
	model, err := match.Train(ctx, set, match.Options{})
	if err != nil {
		return nil, nil, err
	}
	f.TrainSeconds = time.Since(began).Seconds()
	began = time.Now()
	result, err := model.Link(ctx, set, match.Options{})
	if err != nil {
		return nil, nil, err
	}
	f.LinkSeconds = time.Since(began).Seconds()
	f.Records, f.Compared, f.Links = set.Len(), result.Compared, result.Estimate.Links
	f.Threshold, f.OneToOne = result.Thresholds.Link, result.OneToOne
	f.EstimatedPrecision, f.EstimatedRecall = result.Estimate.Precision, result.Estimate.Recall
	f.PrecisionLow = result.Estimate.PrecisionLow
	return model, result, nil
}

// compare fills in precision and recall; labelled asks about the pairs of the truth only.
func (f *matchFigures) compare(said map[[2]string]bool, truth pairs, labelled bool) {
	var right, wrong, all float64
	for p := range said {
		yes, known := truth[p]
		switch {
		case yes:
			right++
		case known || !labelled:
			wrong++
		}
	}
	for _, yes := range truth {
		if yes {
			all++
		}
	}
	f.Precision, f.Recall = right/max(right+wrong, 1), right/max(all, 1)
	f.F1 = 2 * f.Precision * f.Recall / max(f.Precision+f.Recall, 1e-9)
}

// febrlTruth reads the truth out of the names: rec-17-org and rec-17-dup-0 are one.
func febrlTruth(_ string, ids [2][]string) (pairs, error) {
	entities := make(map[string][]string)
	for list, names := range ids {
		for _, name := range names {
			parts := strings.Split(name, "-")
			if len(parts) < 3 {
				return nil, touchstone.Errorf(touchstone.Invalid, "%s is no name of a Febrl record", name)
			}
			if len(ids[1]) > 0 {
				name = fmt.Sprint(list, ":", name)
			}
			entities[parts[1]] = append(entities[parts[1]], name)
		}
	}
	truth := make(pairs)
	for _, names := range entities {
		for i, a := range names {
			for _, b := range names[i+1:] {
				truth[ordered(a, b)] = true
			}
		}
	}
	return truth, nil
}

// listedTruth reads matches from a file of pairs.
func listedTruth(file, delimiter string) func(string, [2][]string) (pairs, error) {
	return func(data string, _ [2][]string) (pairs, error) {
		rows, err := readRows(filepath.Join(data, file), delimiter)
		truth := make(pairs, len(rows))
		for _, r := range rows {
			truth[ordered("0:"+r[0], "1:"+r[1])] = true
		}
		return truth, err
	}
}

// splinkTruth reads the labelled pairs.
func splinkTruth(data string, _ [2][]string) (pairs, error) {
	rows, err := readRows(filepath.Join(data, "splink-fake-1000/fake_1000_labels.csv"), ",")
	truth := make(pairs, len(rows))
	for _, r := range rows {
		truth[ordered(r[0], r[2])] = strings.HasPrefix(r[4], "1")
	}
	return truth, err
}

func readRows(file, delimiter string) ([][]string, error) {
	rows, err := importer.OpenRows(file, delimiter)
	if err != nil {
		return nil, err
	}
	defer rows.Close() // only read from
	return rows.ReadAll()
}

// benchGenerated links generated records and asks an index of them.
func benchGenerated(ctx context.Context, records int) (matchFigures, error) {
	f := matchFigures{Bench: "match", Set: "generated", conditions: newConditions("in memory")}
	rows := matchtest.Persons(matchtest.Options{Seed: 1, Entities: records * 10 / 13, Copies: .3, Errors: .25, Missing: .1, Relatives: .05})
	var sample [][]string
	entities := make(map[string]int, len(rows))
	for _, r := range rows {
		entities[r.ID] = r.Entity
	}
	for _, r := range rows[:min(len(rows), 5000)] {
		sample = append(sample, r.Values)
	}
	cpu, heap := cpuSeconds(), heapBytes()
	began := time.Now()
	set, err := match.NewSet(match.Guess(matchtest.PersonColumns, sample))
	if err != nil {
		return f, err
	}
	for _, r := range rows {
		if err := set.Add(0, match.Record{ID: r.ID, Values: r.Values}); err != nil {
			return f, err
		}
	}
	f.ReadSeconds = time.Since(began).Seconds()
	began = time.Now()
	model, err := match.Train(ctx, set, match.Options{})
	if err != nil {
		return f, err
	}
	f.TrainSeconds = time.Since(began).Seconds()
	began = time.Now()
	result, err := model.Link(ctx, set, match.Options{})
	if err != nil {
		return f, err
	}
	f.LinkSeconds = time.Since(began).Seconds()
	f.CPUSeconds = cpuSeconds() - cpu
	f.Records, f.Compared, f.Links = set.Len(), result.Compared, result.Estimate.Links
	f.Threshold, f.EstimatedPrecision, f.EstimatedRecall = result.Thresholds.Link, result.Estimate.Precision, result.Estimate.Recall
	f.PrecisionLow = result.Estimate.PrecisionLow
	f.judge(set, rows, result, entities)
	f.PeakRSSMiB = peakRSSMiB()
	result = nil
	f.SetBytes = (heapBytes() - heap) / float64(set.Len())
	return f, f.find(set, model, rows)
}

// judge compares clusters of generated records with what was planted.
func (f *matchFigures) judge(set *match.Set, rows []matchtest.Row, result *match.Result, entities map[string]int) {
	sizes := make(map[int]float64)
	for _, r := range rows {
		sizes[r.Entity]++
	}
	var all, right, said float64
	for _, n := range sizes {
		all += n * (n - 1) / 2
	}
	for _, c := range result.Clusters {
		for i, a := range c {
			for _, b := range c[i+1:] {
				said++
				if entities[set.ID(a)] == entities[set.ID(b)] {
					right++
				}
			}
		}
	}
	f.Precision, f.Recall = right/max(said, 1), right/max(all, 1)
	f.F1 = 2 * f.Precision * f.Recall / max(f.Precision+f.Recall, 1e-9)
}

// find asks an index of the records for some of them.
func (f *matchFigures) find(set *match.Set, model *match.Model, rows []matchtest.Row) error {
	heap := heapBytes()
	began := time.Now()
	index, err := match.NewIndex(model, set)
	if err != nil {
		return err
	}
	f.IndexSeconds = time.Since(began).Seconds()
	f.IndexBytes = (heapBytes() - heap) / float64(set.Len())
	const asked = 5000
	times := make([]float64, 0, asked)
	for i := range asked {
		r := rows[i*len(rows)/asked]
		began := time.Now()
		if _, err := index.Find(match.Record{ID: r.ID, Values: r.Values}, 10); err != nil {
			return err
		}
		times = append(times, float64(time.Since(began).Microseconds())/1000)
	}
	slices.Sort(times)
	f.FindP50, f.FindP99 = times[asked/2], times[asked*99/100]
	return nil
}

// heapBytes is what the heap holds.
func heapBytes() float64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// cpuSeconds is the processor time of this process; 0 where the system does not say.
func cpuSeconds() float64 {
	const ticks = 100 // a second, on every Linux
	text, _ := os.ReadFile("/proc/self/stat")
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseFloat(fields[11], 64)
	system, _ := strconv.ParseFloat(fields[12], 64)
	return (user + system) / ticks
}

// peakRSSMiB is the largest resident size of this process so far; 0 where the system does not say.
func peakRSSMiB() (kib int64) {
	text, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(text)) {
		if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &kib); err == nil {
			return kib >> 10
		}
	}
	return 0
}
