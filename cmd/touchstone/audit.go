package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/console"
	"github.com/touchstone-cdp/touchstone/console/chain"
)

func newAudit() *cobra.Command {
	cmd := &cobra.Command{Use: "audit", Short: "Check that the audit log is as it was written"}
	cmd.AddCommand(newAuditVerify())
	return cmd
}

// longestLine bounds a line of an exported audit log.
const longestLine = 1 << 20

func newAuditVerify() *cobra.Command {
	var c client
	var signers []string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "verify [FILE]",
		Short: "Find the first entry of the audit log that was changed, removed or put elsewhere",
		Long: "Checks the audit log of a running server, or one that was exported to FILE, in this program: the server is not asked whether it is right.\n" +
			"With --signer, only signatures of that public key count; the settings show it. The command fails when something is wrong.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			lines, done, err := auditLines(cmd, &c, args)
			if err != nil {
				return err
			}
			defer done()
			v, err := console.CheckExport(lines, signers...)
			if err != nil {
				return err
			}
			if asJSON {
				enc := json.NewEncoder(cmd.OutOrStdout())
				enc.SetIndent("", "  ")
				if err := enc.Encode(v); err != nil {
					return err
				}
			} else {
				tellAudit(cmd.OutOrStdout(), &v)
			}
			if v.Fault != nil {
				return touchstone.Errorf(touchstone.Conflict, "the audit log is not as it was written: %v", v.Fault)
			}
			return nil
		},
	}
	c.addFlags(cmd.Flags())
	cmd.Flags().StringSliceVar(&signers, "signer", nil, "public keys whose signatures count, hexadecimal; none: any that is there")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// auditLines returns what gives one line after the other, nil at the end.
func auditLines(cmd *cobra.Command, c *client, args []string) (next func() ([]byte, error), done func(), err error) {
	var in io.ReadCloser
	if len(args) == 1 {
		if in, err = os.Open(args[0]); err != nil {
			return nil, nil, touchstone.Errorf(touchstone.Invalid, "the audit log cannot be read: %v", err)
		}
	} else {
		req, err := http.NewRequestWithContext(cmd.Context(), http.MethodGet, strings.TrimRight(c.server, "/")+"/api/v1/audit/chain/export", nil)
		if err != nil {
			return nil, nil, err
		}
		req.Header.Set("Authorization", "Bearer "+c.key)
		resp, err := c.http.Do(req)
		if err != nil {
			return nil, nil, touchstone.Errorf(touchstone.Unavailable, "no server answers at %s: %v", c.server, err).WithHint("name another with --server, or check an exported FILE")
		}
		if resp.StatusCode != http.StatusOK {
			_ = resp.Body.Close()
			return nil, nil, touchstone.Errorf(touchstone.Forbidden, "the server does not give out its audit log: %s", resp.Status).WithHint("use a key that may read the audit log")
		}
		in = resp.Body
	}
	scanner := bufio.NewScanner(in)
	scanner.Buffer(make([]byte, 64<<10), longestLine)
	return func() ([]byte, error) {
		if !scanner.Scan() {
			return nil, scanner.Err()
		}
		return bytes.Clone(scanner.Bytes()), nil
	}, func() { _ = in.Close() }, nil
}

func tellAudit(out io.Writer, v *chain.Verdict) {
	fmt.Fprintf(out, "entries        %d\n", v.Entries)
	if v.Through > 0 {
		fmt.Fprintf(out, "verified until entry %d, %s\n", v.Through, v.Until.Format(time.RFC3339))
	}
	if v.Heads > 0 {
		fmt.Fprintf(out, "signed until   entry %d, at %s, %d signatures\n", v.Signed, v.SignedAt.Format(time.RFC3339), v.Heads)
	}
	if v.Redacted > 0 {
		fmt.Fprintf(out, "redacted       %d entries, of people who were erased\n", v.Redacted)
	}
	if v.Withheld > 0 {
		fmt.Fprintf(out, "withheld       the words of %d entries: this key may not see contacts; their hashes were checked\n", v.Withheld)
	}
	if v.Fault != nil {
		fmt.Fprintf(out, "first fault    entry %d %s: %s\n", v.Fault.Number, v.Fault.ID, v.Fault.Kind)
	}
}
