package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/touchstone-cdp/touchstone/household"
)

// householdFile says how a file is read.
type householdFile struct {
	person, truth, day, only string
	rules                    string
	noise                    float64
	seed                     uint64
	table                    bool
}

func newHousehold() *cobra.Command {
	var in householdFile
	cmd := &cobra.Command{
		Use:   "household FILE",
		Short: "Find who lives together in a CSV file, and how well if it knows the truth",
		Long: "Finds the households of the persons in a CSV file (also .gz) by the rules of the server, or by --rules. Addresses, names and days are found by the names of the columns.\n" +
			"With a column of the truth it prints precision, recall and F1 over pairs of rows of one year; --noise spoils names and addresses first. --table prints each row's households instead.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			records, err := in.read(args[0])
			if err != nil {
				return err
			}
			rules, err := in.set()
			if err != nil {
				return err
			}
			if in.table {
				return in.print(cmd.OutOrStdout(), rules.Find(records))
			}
			return json.NewEncoder(cmd.OutOrStdout()).Encode(in.figures(args[0], rules, records))
		},
	}
	f := cmd.Flags()
	f.StringVar(&in.person, "person", "", "column that says who somebody is; without it each row is somebody else")
	f.StringVar(&in.truth, "truth", "", "column with the true household")
	f.StringVar(&in.day, "day", "", "column with the year or day of a row; default: year, survey_date or date, if there is one")
	f.StringVar(&in.only, "only", "", "column=value: other rows are in no household, by the truth")
	f.StringVar(&in.rules, "rules", "", "file with rules as PUT /api/v1/households/rules takes them")
	f.Float64Var(&in.noise, "noise", 0, "chance that a field of name and address is spoiled")
	f.Uint64Var(&in.seed, "seed", 1, "of the noise")
	f.BoolVar(&in.table, "table", false, "print row, person and households as CSV")
	return cmd
}

func (in *householdFile) set() (household.Rules, error) {
	if in.rules == "" {
		return household.DefaultRules(), nil
	}
	text, err := os.ReadFile(in.rules)
	if err != nil {
		return household.Rules{}, err
	}
	return household.ParseRules(text)
}

// householdFigures is a line of the answer.
type householdFigures struct {
	File       string  `json:"file"`
	Rows       int     `json:"rows"`
	Persons    string  `json:"persons"` // known, or a row each
	Noise      float64 `json:"noise"`
	Households int     `json:"households"`
	*household.Score
}

func (in *householdFile) figures(name string, rules household.Rules, records []household.Record) householdFigures {
	if in.noise > 0 {
		records = household.Spoil(records, in.noise, in.seed)
	}
	found := rules.Find(records)
	out := householdFigures{File: name, Rows: len(records), Persons: "known", Noise: in.noise, Households: len(found.Households)}
	if in.person == "" {
		out.Persons = "a row each"
	}
	if in.truth != "" {
		score := found.Score()
		out.Score = &score
	}
	return out
}

func (in *householdFile) print(w io.Writer, found *household.Found) error {
	out := csv.NewWriter(w)
	_ = out.Write([]string{"row", "person", "households"})
	for i := range found.Records {
		var ids []string
		for _, id := range found.Of(i) {
			ids = append(ids, id.String())
		}
		_ = out.Write([]string{strconv.Itoa(i + 1), found.Records[i].Person, strings.Join(ids, " ")})
	}
	out.Flush()
	return out.Error()
}

// read reads the rows of a CSV file.
func (in *householdFile) read(name string) ([]household.Record, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var text io.Reader = bufio.NewReader(file)
	if strings.HasSuffix(name, ".gz") {
		if text, err = gzip.NewReader(text); err != nil {
			return nil, err
		}
	}
	rows := csv.NewReader(text)
	rows.ReuseRecord = false
	header, err := rows.Read()
	if err != nil {
		return nil, fmt.Errorf("%s: the header: %w", name, err)
	}
	for i := range header {
		header[i] = strings.ToLower(strings.TrimSpace(string(bytes.TrimPrefix([]byte(header[i]), []byte("\ufeff")))))
	}
	for _, c := range []string{in.person, in.truth, in.day, strings.SplitN(in.only, "=", 2)[0]} {
		if c != "" && !slices.Contains(header, c) {
			return nil, fmt.Errorf("%s has no column %q; it has %s", name, c, strings.Join(header, ", "))
		}
	}
	var list []household.Record
	for line := 2; ; line++ {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		rec, err := in.record(header, row, line)
		if err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", name, line, err)
		}
		list = append(list, rec)
	}
}

func (in *householdFile) record(header, row []string, line int) (household.Record, error) {
	rec := household.Record{Person: strconv.Itoa(line), Fields: make(map[string]string, len(header))}
	for i, v := range row {
		rec.Fields[header[i]] = v
	}
	if in.person != "" && rec.Fields[in.person] != "" {
		rec.Person = rec.Fields[in.person]
	}
	if column, value, ok := strings.Cut(in.only, "="); !ok || rec.Fields[column] == value {
		rec.Truth = rec.Fields[in.truth]
	}
	for _, c := range []string{in.day, "year", "survey_date", "date"} {
		if c == "" || rec.Fields[c] == "" {
			continue
		}
		var err error
		rec.Day, err = household.ParseDay(rec.Fields[c])
		return rec, err
	}
	return rec, nil
}
