package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/collect/importer"
	"github.com/touchstone-cdp/touchstone/identity/match"
)

// matchFlags are those of `touchstone match`.
type matchFlags struct {
	delimiter, id, labels, model, keep, pairs, clusters, oneToOne string
	kinds                                                         []string
	explain                                                       int
	options                                                       match.Options
}

func newMatch() *cobra.Command {
	var f matchFlags
	cmd := &cobra.Command{
		Use:   "match FILE [FILE]",
		Short: "Find records that are one and the same, in one file or between two, without labels",
		Long: "Reads one file (CSV, JSON or Parquet) to find its duplicates, or two to link them, and needs no server. What the columns hold is guessed\n" +
			"and shown; --kind NAME=KIND says otherwise. Links and doubtful pairs go to --pairs, clusters to --clusters, the model to --keep.",
		Example: "  touchstone match customers.csv --clusters people.csv\n" +
			"  touchstone match crm.csv dealer.csv --kind note=ignored --pairs pairs.csv --explain 5",
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return matchFiles(cmd.Context(), cmd.OutOrStdout(), args, f)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&f.delimiter, "delimiter", "", "between cells of a CSV file; seen by its content if not given")
	fl.StringVar(&f.id, "id", "", "column that names records; else the first that numbers the rows, or the row's number")
	fl.StringArrayVar(&f.kinds, "kind", nil, "what a column holds, as NAME=KIND; kinds are "+kindNames())
	fl.StringVar(&f.labels, "labels", "", "CSV file of decided pairs: name, name, and yes or no")
	fl.StringVar(&f.model, "model", "", "use this model instead of learning one")
	fl.StringVar(&f.keep, "keep", "", "file to write the model to, as JSON")
	fl.StringVar(&f.pairs, "pairs", "", "CSV file to write links and doubtful pairs to")
	fl.StringVar(&f.clusters, "clusters", "", "CSV file to write clusters to")
	fl.StringVar(&f.oneToOne, "one-to-one", "auto", "whether a record has at most one match in the other file: auto, yes or no")
	fl.IntVar(&f.explain, "explain", 0, "show why, for this many pairs")
	fl.IntVar(&f.options.MaxCluster, "max-cluster", 0, "records that one cluster may have; 0 is 100")
	fl.Float64Var(&f.options.MaxPairs, "max-pairs", 0, "pairs that may be compared; 0 is 30 for each record")
	return cmd
}

func kindNames() string {
	names := make([]string, 0, 16)
	for _, k := range match.Kinds() {
		names = append(names, string(k))
	}
	return strings.Join(names, ", ")
}

func matchFiles(ctx context.Context, out io.Writer, files []string, f matchFlags) (err error) {
	switch f.oneToOne {
	case "auto":
	case "yes", "no":
		f.options.OneToOne = match.OneToOne(f.oneToOne)
	default:
		return touchstone.Errorf(touchstone.Invalid, "--one-to-one is auto, yes or no, not %s", f.oneToOne)
	}
	if f.labels != "" {
		if f.options.Labels, err = readLabels(f.labels); err != nil {
			return err
		}
	}
	set, err := readSet(out, files, f)
	if err != nil {
		return err
	}
	if err := checkLabels(out, set, f); err != nil {
		return err
	}
	for _, c := range set.Columns() {
		fmt.Fprintf(out, "%-24s %-12s %s\n", c.Name, c.Kind, c.Reason)
	}
	model, err := modelOf(ctx, set, f)
	if err != nil {
		return err
	}
	result, err := model.Link(ctx, set, f.options)
	if err != nil {
		return err
	}
	printModel(out, model, result)
	return writeMatches(out, set, model, result, f)
}

func modelOf(ctx context.Context, set *match.Set, f matchFlags) (*match.Model, error) {
	if f.model == "" {
		return match.Train(ctx, set, f.options)
	}
	text, err := os.ReadFile(f.model)
	if err != nil {
		return nil, touchstone.Wrap(touchstone.Invalid, err, "cannot read %s", f.model)
	}
	return match.ParseModel(text)
}

// readSet reads files of the same columns into the lists of a set, and says on out what it could not read.
func readSet(out io.Writer, files []string, f matchFlags) (*match.Set, error) {
	var set *match.Set
	var columns []match.Column
	for list, file := range files {
		rows, err := importer.OpenRows(file, f.delimiter)
		if err != nil {
			return nil, err
		}
		all, err := rows.ReadAll()
		_ = rows.Close() // only read from
		if err != nil {
			return nil, err
		}
		if rows.Bad > 0 {
			fmt.Fprintf(out, "%s: left out %d rows that could not be read\n", file, rows.Bad)
		}
		if err := checkColumns(file, rows.Columns(), len(all), columns, f.id); err != nil {
			return nil, err
		}
		if set == nil {
			columns = match.Guess(rows.Columns(), all[:min(len(all), 5000)])
			if err := sayKinds(columns, f); err != nil {
				return nil, err
			}
			if set, err = match.NewSet(columns); err != nil {
				return nil, err
			}
		}
		if err := addRows(set, list, columns, rows.Columns(), all, f.id); err != nil {
			return nil, err
		}
	}
	return set, nil
}

// checkColumns tells what is wrong with a file that was read; columns are those of the file before it, if there was one.
func checkColumns(file string, names []string, rows int, columns []match.Column, id string) error {
	if rows == 0 {
		return touchstone.Errorf(touchstone.Invalid, "%s has no rows that could be read", file)
	}
	if id != "" && !slices.Contains(names, id) {
		return touchstone.Errorf(touchstone.Invalid, "--id %s: %s has no such column", id, file).WithHint("it has %s", strings.Join(names, ", "))
	}
	common := len(columns) == 0
	for _, c := range columns {
		common = common || c.Kind != match.Ignored && slices.Contains(names, c.Name)
	}
	if !common {
		return touchstone.Errorf(touchstone.Invalid, "%s has no column in common with the first file", file).
			WithHint("columns are found by name; it has %s", strings.Join(names, ", "))
	}
	return nil
}

// checkLabels tells of labels that name no records.
func checkLabels(out io.Writer, set *match.Set, f matchFlags) error {
	if len(f.options.Labels) == 0 {
		return nil
	}
	known := make(map[string]bool, set.Len())
	for i := range set.Len() {
		known[set.ID(uint32(i))] = true //nolint:gosec // bounded by the records of a set
	}
	lost := 0
	for _, l := range f.options.Labels {
		if !known[l.A] || !known[l.B] {
			lost++
		}
	}
	if lost == len(f.options.Labels) {
		return touchstone.Errorf(touchstone.Invalid, "%s: none of the labels is about two records that are there", f.labels).
			WithHint("a label names records as --id does; without it, by the column that numbers the rows, or from 0 on")
	}
	if lost > 0 {
		fmt.Fprintf(out, "%s: left out %d labels about records that are not there\n", f.labels, lost)
	}
	return nil
}

// sayKinds takes over what flags say of columns.
func sayKinds(columns []match.Column, f matchFlags) error {
	for _, said := range f.kinds {
		name, kind, _ := strings.Cut(said, "=")
		at := slices.IndexFunc(columns, func(c match.Column) bool { return c.Name == name })
		if at < 0 || !slices.Contains(match.Kinds(), match.Kind(kind)) {
			return touchstone.Errorf(touchstone.Invalid, "--kind %s: there is no such column or kind", said).WithHint("kinds are " + kindNames())
		}
		columns[at] = match.Column{Name: name, Kind: match.Kind(kind), Reason: "you said so"}
	}
	for i, c := range columns {
		if c.Name == f.id {
			columns[i] = match.Column{Name: c.Name, Kind: match.Ignored, Reason: "it names the records"}
		}
	}
	return nil
}

// addRows adds the rows of a file, whose columns are found by name.
func addRows(set *match.Set, list int, columns []match.Column, names []string, rows [][]string, id string) error {
	at := make([]int, len(columns))
	for i, c := range columns {
		at[i] = slices.Index(names, c.Name)
	}
	if id == "" {
		for _, c := range columns {
			if c.Kind == match.Ignored && c.Reason == "it numbers the rows" {
				id = c.Name
				break
			}
		}
	}
	key := slices.Index(names, id)
	for n, row := range rows {
		r := match.Record{ID: strconv.Itoa(n), Values: make([]string, len(columns))}
		if key >= 0 {
			r.ID = row[key]
		}
		for i, from := range at {
			if from >= 0 {
				r.Values[i] = row[from]
			}
		}
		if err := set.Add(list, r); err != nil {
			return err
		}
	}
	return nil
}

func readLabels(file string) ([]match.Label, error) {
	rows, err := importer.OpenRows(file, "")
	if err != nil {
		return nil, err
	}
	defer rows.Close() // only read from
	all, err := rows.ReadAll()
	if err != nil {
		return nil, err
	}
	var labels []match.Label
	answers := map[string]bool{"yes": true, "true": true, "1": true, "1.0": true, "match": true, "no": false, "false": false, "0": false, "0.0": false, "different": false}
	for n, row := range all {
		if len(row) < 3 {
			return nil, touchstone.Errorf(touchstone.Invalid, "%s: a label has three columns: two names, and yes or no", file)
		}
		yes, ok := answers[strings.ToLower(row[2])]
		if !ok {
			return nil, touchstone.Errorf(touchstone.Invalid, "%s, row %d: an answer is yes or no, not %.40q", file, n+1, row[2])
		}
		labels = append(labels, match.Label{A: row[0], B: row[1], Match: yes})
	}
	return labels, nil
}

func printModel(out io.Writer, m *match.Model, r *match.Result) {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintf(w, "\nlevel\tmatches\tothers\tbits\n")
	for _, c := range m.Comparisons {
		fmt.Fprintf(w, "%s %s\t\t\t\n", c.Column, c.Aspect)
		for _, l := range c.Levels {
			fmt.Fprintf(w, "  %s\t%.4f\t%.6f\t%+.1f\n", l.Name, l.M, l.U, l.Bits)
		}
	}
	fmt.Fprintf(w, "\nblocking rule\tpairs\tfinds\talone\n")
	for _, rule := range m.Rules {
		fmt.Fprintf(w, "%s\t%.0f\t%.1f %%\t%.2f %%\n", rule, rule.Pairs, rule.Found*100, rule.Alone*100)
	}
	_ = w.Flush() // to a terminal or a buffer
	e := r.Estimate
	fmt.Fprintf(out, "\n%d pairs compared; %d links from probability %.3f on, %d for review from %.3f on; %d cut; one to one: %t\n",
		r.Compared, e.Links, r.Thresholds.Link, e.Review, r.Thresholds.Review, r.Cut, r.OneToOne)
	fmt.Fprintf(out, "estimated without truth: precision %.3f, recall %.3f; the rules find %.1f %% of the matches\n", e.Precision, e.Recall, e.Blocking*100)
}

func writeMatches(out io.Writer, set *match.Set, m *match.Model, r *match.Result, f matchFlags) error {
	for _, p := range r.Pairs[:min(f.explain, len(r.Pairs))] {
		e, err := m.Explain(set, p.A, p.B)
		if err != nil {
			return err
		}
		printExplained(out, set.ID(p.A), set.ID(p.B), e)
	}
	if f.keep != "" {
		text, err := json.MarshalIndent(m, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(f.keep, append(text, '\n'), 0o600); err != nil {
			return touchstone.Wrap(touchstone.Invalid, err, "cannot write %s", f.keep)
		}
	}
	if err := writeCSV(f.pairs, []string{"a", "b", "weight", "probability", "outcome"}, func(w *csv.Writer) {
		for _, p := range r.Pairs {
			_ = w.Write([]string{set.ID(p.A), set.ID(p.B), fmt.Sprintf("%.2f", p.Weight), fmt.Sprintf("%.4f", p.Probability), string(p.Outcome)}) // told by Error
		}
	}); err != nil {
		return err
	}
	return writeCSV(f.clusters, []string{"cluster", "file", "record"}, func(w *csv.Writer) {
		for i, c := range r.Clusters {
			for _, record := range c {
				_ = w.Write([]string{strconv.Itoa(i + 1), strconv.Itoa(set.List(record) + 1), set.ID(record)}) // told by Error
			}
		}
	})
}

// writeCSV writes a file, if one is wanted.
func writeCSV(file string, header []string, rows func(*csv.Writer)) error {
	if file == "" {
		return nil
	}
	f, err := os.Create(file)
	if err != nil {
		return touchstone.Wrap(touchstone.Invalid, err, "cannot write %s", file)
	}
	w := csv.NewWriter(f)
	_ = w.Write(header) // told by Error
	rows(w)
	w.Flush()
	if err := w.Error(); err != nil {
		_ = f.Close() // the first error counts
		return touchstone.Wrap(touchstone.Invalid, err, "cannot write %s", file)
	}
	return f.Close()
}

// printExplained draws the waterfall of a pair.
func printExplained(out io.Writer, a, b string, e match.Explanation) {
	fmt.Fprintf(out, "\n%s and %s: %.1f bits, probability %.4f\n", a, b, e.Weight, e.Probability)
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintf(w, "  any two records\t\t\t%+.1f\t\n", e.Prior)
	for _, s := range e.Steps {
		level := s.Level
		if level == "" {
			level = "nothing said"
		}
		bar := strings.Repeat("█", min(int(max(s.Bits, -s.Bits)), 30))
		fmt.Fprintf(w, "  %s %s\t%s | %s\t%s\t%+.1f\t%s\n", s.Column, s.Aspect, s.A, s.B, level, s.Bits, bar)
	}
	_ = w.Flush() // to a terminal or a buffer
}
