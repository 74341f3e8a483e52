package main

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/touchstone-cdp/touchstone/privacy"
)

func newReceipt() *cobra.Command {
	cmd := &cobra.Command{Use: "receipt", Short: "Check receipts of erasures"}
	var key string
	var asJSON bool
	verify := &cobra.Command{
		Use:   "verify FILE",
		Short: "Tell whether a receipt is as it was signed",
		Long: "Reads a receipt of an erasure, as GET /api/v1/privacy/receipts/{id} gives it out (- reads standard input), and tells whether anything in it has\n" +
			"been changed since it was signed. No server is asked. With --key it must be signed by that key, which GET /api/v1/privacy/key shows.",
		Example: "  touchstone receipt verify receipt.json --key gQjS…=",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := readFile(cmd, args[0])
			if err != nil {
				return err
			}
			var public ed25519.PublicKey
			if key != "" {
				if public, err = privacy.ParsePublic(key); err != nil {
					return err
				}
			}
			r, err := privacy.Verify(text, public)
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			if asJSON {
				return json.NewEncoder(out).Encode(r)
			}
			var before, after int64
			for _, one := range r.Removed {
				before, after = before+one.Before, after+one.After
			}
			_, err = fmt.Fprintf(out, "The receipt %s is as it was signed at %s.\nErased: %d person(s) with %d identifier(s) at %s; %d rows that named them before, %d after; compaction: %s.\n",
				r.ID, r.IssuedAt.Format(time.RFC3339), r.Persons, r.Tombstone.Identifiers, r.ErasedAt.Format(time.RFC3339), before, after, r.Compacted.State)
			if err == nil && public == nil {
				_, err = fmt.Fprintf(out, "It names the key %s. Compare that with the key of whoever gave it to you, or name theirs with --key.\n", r.Key)
			}
			return err
		},
	}
	verify.Flags().StringVar(&key, "key", "", "public key that must have signed it, base64 or hexadecimal")
	verify.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.AddCommand(verify)
	return cmd
}

// maxReceiptBytes is far more than one takes.
const maxReceiptBytes = 4 << 20

func readFile(cmd *cobra.Command, name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(io.LimitReader(cmd.InOrStdin(), maxReceiptBytes))
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxReceiptBytes))
}
