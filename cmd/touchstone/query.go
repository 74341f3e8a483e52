package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"

	"github.com/spf13/cobra"

	"github.com/touchstone-cdp/touchstone"
)

func newQuery() *cobra.Command {
	var c client
	cmd := &cobra.Command{
		Use:   "query FILE.json",
		Short: "Ask an analytics question and print the answer's JSON",
		Long: "Sends the question in FILE.json (- for standard input) to a running server and prints the answer.\n" +
			"docs/queries.md describes the questions.",
		Example: `  echo '{"kind":"sql","sql":"select event, count(*) from events group by 1"}' | touchstone query -`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			question, err := readQuestion(cmd, args[0])
			if err != nil {
				return err
			}
			var answer json.RawMessage
			if err := c.call(cmd.Context(), http.MethodPost, "/api/v1/query", question, &answer); err != nil {
				return err
			}
			enc := json.NewEncoder(cmd.OutOrStdout())
			enc.SetIndent("", "  ")
			return enc.Encode(answer)
		},
	}
	c.addFlags(cmd.Flags())
	cmd.Flags().Bool("json", true, "print JSON (the only form)")
	return cmd
}

func readQuestion(cmd *cobra.Command, name string) ([]byte, error) {
	var text []byte
	var err error
	if name == "-" {
		text, err = io.ReadAll(cmd.InOrStdin())
	} else {
		text, err = os.ReadFile(name)
	}
	if err != nil {
		return nil, touchstone.Errorf(touchstone.Invalid, "the question cannot be read: %v", err)
	}
	if !json.Valid(text) {
		return nil, touchstone.Errorf(touchstone.Invalid, "%s is not valid JSON", name)
	}
	return text, nil
}
