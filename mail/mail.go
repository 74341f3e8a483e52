// Package mail tells people of alarms by e-mail: what is unusual soon, in one mail for all of the same minute, and what
// is as usual again in a digest.
//
// A mail is decided in the transaction that opens or closes the alarm and sent by the outbox, one effect for each
// address, so that one that is refused keeps it from nobody else.
//
// docs/design/mail.md tells the rest.
package mail

import (
	"cmp"
	"context"
	"crypto/x509"
	"embed"
	"errors"
	"log/slog"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/outbox"
	"github.com/touchstone-cdp/touchstone/store"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Kind is that of the effects; their destination is an address.
const Kind = "mail"

// Config is what Open needs.
type Config struct {
	DB     *store.DB
	Outbox *outbox.Outbox
	Clock  touchstone.Clock
	Zone   func() *time.Location // of the workspace: moments are written in it
	// SourceName is how people call a source.
	SourceName func(id string) string
	Logger     *slog.Logger
	Version    string
	Roots      *x509.CertPool // who vouches for mail servers; nil: as the system has it

	Gather  time.Duration // from a mail's first alarm to its sending; 15 s
	Between time.Duration // from one mail of alarms to the next at least; 1 min
	Digest  time.Duration // from the first closure to the digest; 15 min
}

// Mail is the settings, and the mails that gather.
type Mail struct{ cfg Config }

// Open brings the tables up to date.
func Open(ctx context.Context, cfg Config) (*Mail, error) {
	if cfg.DB == nil || cfg.Outbox == nil {
		return nil, errors.New("mail: DB and Outbox are required")
	}
	if cfg.Clock == nil {
		cfg.Clock = touchstone.SystemClock{}
	}
	if cfg.Zone == nil {
		cfg.Zone = func() *time.Location { return time.UTC }
	}
	if cfg.SourceName == nil {
		cfg.SourceName = func(id string) string { return id }
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	cfg.Gather = cmp.Or(cfg.Gather, 15*time.Second)
	cfg.Between = cmp.Or(cfg.Between, time.Minute)
	cfg.Digest = cmp.Or(cfg.Digest, 15*time.Minute)
	return &Mail{cfg}, cfg.DB.Migrate(ctx, "mail", store.Migrations(migrationFiles))
}
