package main

import (
	"encoding/json"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/collect/importer"
)

func newImport() *cobra.Command {
	var c client
	var o importer.Options
	var mapping string
	var dryRun, guess, asJSON bool
	var show int
	var zone string
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Import a CSV, JSON or Parquet file through a mapping",
		Long: "Reads FILE (plain or packed), turns each row into an event as the mapping says, and sends the events to a running server.\n" +
			"An import that was interrupted goes on where it stopped; a file that was imported adds nothing. docs/imports.md describes mappings;\n" +
			"--guess looks at a file and writes one to begin with.",
		Example: "  touchstone import online_retail.csv.gz --guess > retail.yaml\n" +
			"  touchstone import online_retail.csv.gz --mapping examples/mappings/online-retail.yaml --source retail",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if guess {
				return importGuess(cmd, args[0], zone, asJSON)
			}
			switch {
			case mapping == "":
				return touchstone.Errorf(touchstone.Invalid, "a mapping is needed to read %s", args[0]).
					WithHint("give one with --mapping FILE.yaml; --guess writes one to begin with")
			case o.Source == "":
				return touchstone.Errorf(touchstone.Invalid, "events need a source").WithHint("give its name with --source; it is made if it is missing")
			}
			m, err := importer.LoadMapping(mapping)
			if err != nil {
				return err
			}
			o.Server, o.Key, o.File, o.Mapping = c.server, c.key, args[0], m
			if dryRun {
				return importDry(cmd, o, show, asJSON)
			}
			return importFile(cmd, o, asJSON)
		},
	}
	c.addFlags(cmd.Flags())
	f := cmd.Flags()
	f.StringVar(&mapping, "mapping", "", "YAML file that says how a row becomes an event")
	f.StringVar(&o.Source, "source", "", "source that the events come from; made if it is missing")
	f.BoolVar(&o.Again, "again", false, "import a file that was imported before once more")
	f.BoolVar(&o.NoWait, "no-wait", false, "return when the last row is acknowledged, not when it is in the warehouse")
	f.BoolVar(&dryRun, "dry-run", false, "show the first rows as events and how many persons would be created and merged; change nothing")
	f.BoolVar(&guess, "guess", false, "look at the file and print a mapping to begin with; needs no server")
	f.StringVar(&zone, "zone", "", "with --guess: the time zone of times that name none, such as Asia/Shanghai")
	f.IntVar(&show, "show", 3, "rows that a dry run shows")
	f.BoolVar(&asJSON, "json", false, "print the summary as JSON")
	return cmd
}

func importGuess(cmd *cobra.Command, file, zone string, asJSON bool) error {
	g, err := importer.GuessFile(importer.GuessOptions{File: file, Zone: zone})
	if err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(cmd.OutOrStdout()).Encode(g)
	}
	_, err = io.WriteString(cmd.OutOrStdout(), g.Mapping)
	return err
}

func importFile(cmd *cobra.Command, o importer.Options, asJSON bool) error {
	meter := importer.NewMeter(cmd.ErrOrStderr(), term.IsTerminal(int(os.Stderr.Fd())))
	o.Progress = meter.Report
	summary, err := importer.Run(cmd.Context(), o)
	meter.Close()
	if err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(cmd.OutOrStdout()).Encode(summary)
	}
	return summary.Print(cmd.OutOrStdout())
}

func importDry(cmd *cobra.Command, o importer.Options, show int, asJSON bool) error {
	result, err := importer.DryRun(cmd.Context(), o, show)
	if err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(cmd.OutOrStdout()).Encode(result)
	}
	return result.Print(cmd.OutOrStdout())
}
