package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/app"
)

func newPrivacy() *cobra.Command {
	cmd := &cobra.Command{Use: "privacy", Short: "See to it that nothing is left of people who were erased"}
	cmd.AddCommand(newCompact(), newScan())
	return cmd
}

func newCompact() *cobra.Command {
	var data string
	var o app.CompactOptions
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "compact",
		Short: "Rewrite the files of a data folder, so that nothing is left in them of what was erased",
		Long: "An erasure deletes at once for all who ask; until its files are rewritten, bytes of what was deleted lie in records of the log and in free space.\n" +
			"This rewrites log, store and warehouse, and deletes uploads that name somebody who was erased. The server must not run meanwhile; one that is\n" +
			"killed in it is begun again. When the server starts, receipts of the erasures before it are written once more and say so.",
		Example: "  touchstone privacy compact --data /var/lib/touchstone\n  touchstone privacy compact --data /var/lib/touchstone --store postgres://…",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Step = func(what string) { fmt.Fprintln(cmd.ErrOrStderr(), what) }
			c, err := app.Compact(cmd.Context(), data, o)
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(c)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d identifiers were looked for: %d of %d records rewritten, %d uploads deleted; store %d to %d bytes, warehouse %d to %d bytes\n",
				c.Identifiers, c.Log.Changed, c.Log.Records, c.Uploads, c.Store[0], c.Store[1], c.Warehouse[0], c.Warehouse[1])
			for _, what := range c.Left {
				fmt.Fprintln(cmd.OutOrStdout(), "not rewritten:", what)
			}
			return err
		},
	}
	cmd.Flags().StringVar(&data, "data", "data", "the data folder; no server may have it open")
	addKeyFile(cmd, &o.KeyFile)
	cmd.Flags().StringVar(&o.StoreURL, "store", "", "the PostgreSQL that holds the store (store.url), if it is not in the data folder; no server may use it")
	cmd.Flags().Int64Var(&o.MostFull, "full-up-to", 0, "with --store: bytes up to which a table is rewritten, which needs as much free disk and locks it meanwhile; 0: any")
	cmd.Flags().StringVar(&o.Key, "key", "", "the key file (privacy.key_file), if it is not in the data folder")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func newScan() *cobra.Command {
	var data, keyFile, url, file string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "scan",
		Short: "Look for values in every byte of a data folder",
		Long: "Reads a list of values, one a line, from a file or standard input (-) and looks for each in every byte of the folder's files and in the unpacked\n" +
			"records of its log; backups are passed over. Of a folder that is encrypted, it reads what the bytes mean: all but the free space of the warehouse.\n" +
			"It ends with an error if one is found. The server must not run meanwhile.\n" +
			"With --store it looks into all rows of all tables of a PostgreSQL and what its planner has sampled, and into a folder only if --data names one, which may\n" +
			"be that of the PostgreSQL.",
		Example: "  echo ann@example.com | touchstone privacy scan --data /var/lib/touchstone",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			text, err := readFile(cmd, file)
			if err != nil {
				return err
			}
			var values []string
			lines := bufio.NewScanner(strings.NewReader(string(text)))
			for lines.Scan() {
				if v := strings.TrimSpace(lines.Text()); v != "" {
					values = append(values, v)
				}
			}
			if len(values) == 0 {
				return touchstone.Errorf(touchstone.Invalid, "there are no values to look for").WithHint("give them one a line, with --values FILE or on standard input")
			}
			var found []app.Found
			var files, tables int
			if url == "" || cmd.Flags().Changed("data") {
				if found, files, err = app.Scan(cmd.Context(), data, keyFile, values); err != nil {
					return err
				}
			}
			if url != "" {
				more, n, err := app.ScanStore(cmd.Context(), url, values)
				if err != nil {
					return err
				}
				found, tables = append(found, more...), n
			}
			out := cmd.OutOrStdout()
			if asJSON {
				err = json.NewEncoder(out).Encode(map[string]any{"values": len(values), "files": files, "tables": tables, "found": append([]app.Found{}, found...)})
			} else {
				for _, one := range found {
					fmt.Fprintf(out, "%s: %q, %d times\n", one.File, one.Value, one.Times)
				}
				_, err = fmt.Fprintf(out, "%d values were looked for in %d files and %d tables\n", len(values), files, tables)
			}
			if err == nil && len(found) > 0 {
				err = touchstone.Errorf(touchstone.Conflict, "some of the values are there, in %d places", len(found))
			}
			return err
		},
	}
	cmd.Flags().StringVar(&data, "data", "data", "the data folder; no server may have it open")
	addKeyFile(cmd, &keyFile)
	cmd.Flags().StringVar(&url, "store", "", "a PostgreSQL whose rows are to be read (store.url)")
	cmd.Flags().StringVar(&file, "values", "-", "file with a value a line")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
