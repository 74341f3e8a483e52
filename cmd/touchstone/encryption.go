package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/touchstone-cdp/touchstone/app"
	"github.com/touchstone-cdp/touchstone/internal/vault"
)

// addKeyFile adds the flag of commands that read a data folder without a server.
func addKeyFile(cmd *cobra.Command, path *string) {
	cmd.Flags().StringVar(path, "encryption-key-file", "", "file of the key that the data folder is encrypted with")
}

func newEncryption() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "encryption",
		Short: "Keep a data folder encrypted",
		Long: "A server that is started with --encryption-key-file on a new data folder encrypts all that it keeps there: log, store, warehouse, uploads,\n" +
			"results of jobs, and with them backups. Without the key file nothing of it can be read, by nobody: keep a copy apart from the data and its backups.",
	}
	cmd.AddCommand(newNewKey(), newEncryptionCopy())
	return cmd
}

func newNewKey() *cobra.Command {
	return &cobra.Command{
		Use:     "new-key FILE",
		Short:   "Make a key file",
		Example: "  touchstone encryption new-key /etc/touchstone/data.key\n  touchstone serve --data /var/lib/touchstone --encryption-key-file /etc/touchstone/data.key",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			key, err := vault.NewKeyFile(args[0])
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "The key %s is in %s. Keep a copy of the file apart from the data: without it nothing that it encrypts can be read.\n", key.ID(), args[0])
			return err
		},
	}
}

func newEncryptionCopy() *cobra.Command {
	var data, keyFile, to, newKeyFile string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "copy",
		Short: "Copy a data folder and encrypt the copy, with another key or none",
		Long: "Copies a data folder that no server has open into a new one: encrypted with --new-key-file, or in the clear without it. The old folder is\n" +
			"left as it is: delete it, and backups of it, once the server runs on the new one. Backups in it are not copied.",
		Example: "  touchstone encryption copy --data old --to new --new-key-file data.key                                   # encrypt\n" +
			"  touchstone encryption copy --data old --encryption-key-file data.key --to new --new-key-file another.key  # change the key",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			done, err := app.Recrypt(cmd.Context(), data, keyFile, to, newKeyFile, func(what string) { fmt.Fprintln(cmd.ErrOrStderr(), what) })
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(done)
			}
			how := "in the clear"
			if done.To != "" {
				how = "encrypted with the key " + done.To
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is a copy of %s, %s: %d records of the log, store, warehouse and %d other files.\n", to, data, how, done.Records, done.Files)
			return err
		},
	}
	cmd.Flags().StringVar(&data, "data", "data", "the data folder; no server may have it open")
	addKeyFile(cmd, &keyFile)
	cmd.Flags().StringVar(&to, "to", "", "the new folder; it must be empty or not exist")
	cmd.Flags().StringVar(&newKeyFile, "new-key-file", "", "file of the key of the copy; empty: in the clear")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	_ = cmd.MarkFlagRequired("to")
	return cmd
}
