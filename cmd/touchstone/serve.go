package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/app"
)

func newServe() *cobra.Command {
	cfg := app.DefaultConfig()
	var file string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the server",
		Long: "Runs the server until SIGINT or SIGTERM. Every flag is also a key of the configuration file and an environment\n" +
			"variable (TOUCHSTONE_…); flags win over the environment, the environment over the file.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := cfg.Load(app.DefaultFile(file), cmd.Flags(), app.Environ); err != nil {
				return err
			}
			logger, err := newLogger(cfg)
			if err != nil {
				return err
			}
			return serve(cmd.Context(), cfg, logger, func(a *app.App) {
				fmt.Fprintf(cmd.ErrOrStderr(), "Touchstone %s serves http://%s from %s\n", app.Version, a.Address(), cfg.Data)
				if token := a.SetupToken(); token != "" {
					fmt.Fprintf(cmd.ErrOrStderr(), "No user exists yet. Open http://%s/setup and use this one-time token: %s\n", a.Address(), token)
				}
			})
		},
	}
	cfg.AddFlags(cmd.Flags())
	cmd.Flags().StringVar(&file, "config", "", "configuration file (default touchstone.yaml if it exists)")
	return cmd
}

// serve runs a server until ctx is done; ready is called once it answers.
func serve(ctx context.Context, cfg *app.Config, logger *slog.Logger, ready func(*app.App)) error {
	cfg.Query.SQLCommand = sqlCommand()
	a, err := app.New(ctx, cfg, logger)
	if err != nil {
		return err
	}
	return a.Run(ctx, func() { ready(a) })
}

func newLogger(cfg *app.Config) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(cfg.Log.Level)); err != nil {
		return nil, touchstone.Errorf(touchstone.Invalid, "log.level: %q is not debug, info, warn or error", cfg.Log.Level)
	}
	options := &slog.HandlerOptions{Level: level}
	switch cfg.Log.Format {
	case "text":
		return slog.New(slog.NewTextHandler(os.Stderr, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(os.Stderr, options)), nil
	}
	return nil, touchstone.Errorf(touchstone.Invalid, "log.format: %q is not text or json", cfg.Log.Format)
}
