package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/touchstone-cdp/touchstone/app"
)

// sqlProcess is the sub-command that a server starts for each SQL statement of a person.
const sqlProcess = "sql-process"

// newSQLProcess is not for people: it reads a task from its standard input.
func newSQLProcess() *cobra.Command {
	return &cobra.Command{
		Use: sqlProcess, Short: "Answer one SQL statement for a server", Hidden: true, Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return app.AnswerStatement(os.Stdin, os.Stdout) },
	}
}

// sqlCommand starts this very program, also when its file has been replaced meanwhile.
func sqlCommand() []string {
	const self = "/proc/self/exe"
	if _, err := os.Stat(self); err == nil {
		return []string{self, sqlProcess}
	}
	path, err := os.Executable()
	if err != nil {
		path = os.Args[0]
	}
	return []string{path, sqlProcess}
}
