package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/app"
	"github.com/touchstone-cdp/touchstone/internal/backup"
	"github.com/touchstone-cdp/touchstone/internal/vault"
)

func newBackup() *cobra.Command {
	var c client
	var to, verify string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "backup",
		Short: "Copy the data of a running server, or check a copy",
		Long: "Asks a running server to copy its log, store and warehouse into its folder of backups (backup.folder), as of one moment and with a\n" +
			"manifest of checksums; events are accepted meanwhile. With --to the backup is fetched into one tar file here, checked, and removed\n" +
			"from the server. With --verify a backup, a folder or a tar file, is read to its end and compared with its manifest; no server is asked.",
		Example: "  touchstone backup\n  touchstone backup --to /mnt/backups/$(date +%F).tar\n  touchstone backup --verify /mnt/backups/2026-01-31.tar",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if verify != "" {
				m, err := backup.Verify(cmd.Context(), verify, app.Formats())
				if err != nil {
					return err
				}
				return tellBackup(cmd, asJSON, m, "%s is whole: %d files, %d bytes, made by Touchstone %s at %s\n", verify, len(m.Files), m.Bytes(), m.Touchstone, m.Began.Format(time.RFC3339))
			}
			b, err := c.backUp(cmd.Context(), cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			if to == "" {
				return tellBackup(cmd, asJSON, b, "%s on the server: %d bytes\n", b.Folder, b.Bytes)
			}
			m, err := c.fetchBackup(cmd.Context(), b, to)
			if err != nil {
				return fmt.Errorf("%w; the backup is in %s on the server", err, b.Folder)
			}
			if err := c.call(cmd.Context(), http.MethodDelete, "/api/v1/backups/"+b.ID, nil, nil); err != nil {
				fmt.Fprintln(cmd.ErrOrStderr(), "The backup stays on the server, too:", err)
			}
			return tellBackup(cmd, asJSON, m, "%s: %d files, %d bytes, checked\n", to, len(m.Files), m.Bytes())
		},
	}
	c.addFlags(cmd.Flags())
	cmd.Flags().StringVar(&to, "to", "", "fetch the backup into this new tar file")
	cmd.Flags().StringVar(&verify, "verify", "", "check this backup, a folder or a tar file")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.MarkFlagsMutuallyExclusive("to", "verify")
	return cmd
}

func tellBackup(cmd *cobra.Command, asJSON bool, v any, format string, args ...any) error {
	if asJSON {
		return json.NewEncoder(cmd.OutOrStdout()).Encode(v)
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), format, args...)
	return err
}

// backUp makes a backup on the server and waits until it is done.
func (c *client) backUp(ctx context.Context, progress io.Writer) (b backup.Backup, err error) {
	if err := c.call(ctx, http.MethodPost, "/api/v1/backups", nil, &b); err != nil {
		return b, err
	}
	onTerminal := term.IsTerminal(int(os.Stderr.Fd()))
	for b.Status == backup.Running {
		select {
		case <-ctx.Done():
			return b, fmt.Errorf("the server goes on with the backup %s: %w", b.ID, ctx.Err())
		case <-time.After(200 * time.Millisecond):
		}
		if err := c.call(ctx, http.MethodGet, "/api/v1/backups/"+b.ID, nil, &b); err != nil {
			return b, err
		}
		if onTerminal {
			fmt.Fprintf(progress, "\r%-10s %6.1f of about %.1f MB\033[K", b.Step, float64(b.Bytes)/1e6, float64(b.TotalBytes)/1e6)
		}
	}
	if onTerminal {
		fmt.Fprint(progress, "\r\033[K")
	}
	if b.Status != backup.Done {
		return b, touchstone.Errorf(touchstone.Unavailable, "the backup failed: %s", b.Failure)
	}
	return b, nil
}

// fetchBackup loads a backup into a file that has its name only once it is whole.
func (c *client) fetchBackup(ctx context.Context, b backup.Backup, to string) (*backup.Manifest, error) {
	if _, err := os.Lstat(to); err == nil {
		return nil, touchstone.Errorf(touchstone.Conflict, "%s exists", to).WithHint("name a new file with --to")
	}
	part := to + ".part"
	f, err := os.OpenFile(part, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer os.Remove(part)
	defer f.Close()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(c.server, "/")+"/api/v1/backups/"+b.ID+"/archive", nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.key)
	resp, err := http.DefaultClient.Do(req) // takes as long as it takes
	if err != nil {
		return nil, fmt.Errorf("fetch the backup: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, problem(resp)
	}
	if _, err := io.Copy(f, resp.Body); err != nil {
		return nil, fmt.Errorf("fetch the backup: %w", err)
	}
	if err := f.Sync(); err != nil {
		return nil, err
	}
	m, err := backup.Verify(ctx, part, app.Formats())
	if err != nil {
		return nil, err
	}
	return m, os.Rename(part, to)
}

// fits sees to it that a backup can be restored with what was named.
func fits(ctx context.Context, from, keyFile, tombstones, privacyKey string) error {
	key, err := vault.LoadKey(keyFile)
	if err != nil {
		return err
	}
	for _, path := range []string{tombstones, privacyKey} {
		if path == "" {
			continue
		}
		if _, err := os.Stat(path); err != nil {
			return touchstone.Wrap(touchstone.Invalid, err, "%s cannot be read", path)
		}
	}
	mark, err := backup.Peek(ctx, from, app.Formats(), vault.MarkName)
	if err != nil {
		return err
	}
	if key == nil && tombstones == "" {
		return nil // an encrypted one is copied as it is, without its key
	}
	_, err = vault.OpenMark(mark, from, key)
	return err
}

func newRestore() *cobra.Command {
	var from, data, keyFile, tombstones, key string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "restore",
		Short: "Make a data folder of a backup",
		Long: "Copies a backup, a folder or a tar file, into a data folder that is empty or does not exist, comparing every file with the backup's\n" +
			"manifest. A server that is started on the folder goes on from the moment of the backup; what clients send again is dropped if it is there.\n" +
			"With --tombstones, the newest list of who was erased, it erases once more whom the backup still knows; --privacy-key is the key of that list.",
		Example: "  touchstone restore --from /mnt/backups/2026-01-31.tar --data /var/lib/touchstone --tombstones old/tombstones.jsonl --privacy-key old/privacy.key\n  touchstone serve --data /var/lib/touchstone",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			data, err := filepath.Abs(data)
			if err != nil {
				return err
			}
			if (tombstones == "") != (key == "") {
				return touchstone.Errorf(touchstone.Invalid, "a list of tombstones says nothing without its key").WithHint("name both, --tombstones and --privacy-key")
			}
			if err := fits(cmd.Context(), from, keyFile, tombstones, key); err != nil { // before all is copied
				return err
			}
			m, err := backup.Restore(cmd.Context(), from, data, app.Formats())
			if err != nil {
				return err
			}
			if tombstones != "" || keyFile != "" {
				if err := app.PutTombstones(data, keyFile, tombstones, key); err != nil {
					return err
				}
			}
			return tellBackup(cmd, asJSON, m, "%s is as it was at %s: %d files, %d bytes, checked. Start it with: touchstone serve --data %s\n",
				data, m.Began.Format(time.RFC3339), len(m.Files), m.Bytes(), data)
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "the backup, a folder or a tar file")
	cmd.Flags().StringVar(&data, "data", "", "the data folder to make; it must be empty or not exist")
	addKeyFile(cmd, &keyFile)
	cmd.Flags().StringVar(&tombstones, "tombstones", "", "tombstones.jsonl of the newest data folder, so that nobody comes back")
	cmd.Flags().StringVar(&key, "privacy-key", "", "privacy.key that the tombstones were made with")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	_ = cmd.MarkFlagRequired("from")
	_ = cmd.MarkFlagRequired("data")
	return cmd
}
