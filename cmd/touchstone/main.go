// Command touchstone runs and asks a Touchstone server. See docs/ for what it does.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // reports in local time also where the system has no zone files

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := newRoot().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "touchstone:", err)
		os.Exit(1)
	}
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "touchstone",
		Short:         "Turn what users do into what a company does next, in seconds",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(
		newServe(),
		newDemo(),
		newImport(),
		newQuery(),
		newMatch(),
		newBench(),
		newDoctor(),
		newHousehold(),
		newAudit(),
		newBackup(),
		newRestore(),
		newReceipt(),
		newPrivacy(), newEncryption(),
		newOpenAPI(),
		newVersion(),
		newSQLProcess(),
	)
	return root
}
