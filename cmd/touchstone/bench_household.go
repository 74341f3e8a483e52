package main

import (
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/touchstone-cdp/touchstone/household"
)

// householdBench is a line of `bench household`.
type householdBench struct {
	Bench string `json:"bench"`
	Rules string `json:"rules"` // default; learnt: weights and threshold estimated from the file, without its truth
	householdFigures
	Threshold float64           `json:"threshold"`
	Expected  *household.Learnt `json:"learnt,omitempty"`
	Seconds   float64           `json:"seconds"`
	conditions
}

func newBenchHousehold() *cobra.Command {
	var data string
	cmd := &cobra.Command{
		Use:   "household",
		Short: "Measure how well households are found in households-simulated, by the default rules and by learnt strengths",
		Long: "Reads DIR/households-simulated/decennial_census.csv.gz: persons are known, or each row is somebody else; clean, and with one field in a hundred spoiled.\n" +
			"Prints precision, recall and F1 over pairs of rows of one year, a line of JSON for each.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return benchHousehold(cmd, data) },
	}
	cmd.Flags().StringVar(&data, "data", os.Getenv("TOUCHSTONE_TEST_DATA"), "folder with the public sets")
	return cmd
}

func benchHousehold(cmd *cobra.Command, data string) error {
	name := filepath.Join(data, "households-simulated", "decennial_census.csv.gz")
	for _, persons := range []string{"simulant_id", ""} {
		in := householdFile{person: persons, truth: "household_id", day: "year", only: "housing_type=Household", seed: 1}
		records, err := in.read(name)
		if err != nil {
			return err
		}
		for _, noise := range []float64{0, 0.01} {
			in.noise = noise
			for _, by := range []string{"default", "learnt"} {
				began := time.Now()
				rules := household.DefaultRules()
				line := householdBench{Bench: "household", Rules: by, conditions: newConditions("in memory")}
				if by == "learnt" {
					given := records
					if noise > 0 {
						given = household.Spoil(records, noise, in.seed)
					}
					learnt := rules.LearnFrom(given)
					rules.Strengths, rules.Threshold, line.Expected = learnt.Strengths, learnt.Threshold, &learnt
				}
				line.householdFigures = in.figures("decennial_census", rules, records)
				line.Threshold, line.Seconds = rules.Threshold, time.Since(began).Seconds()
				if err := printLine(cmd.OutOrStdout(), line); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
