package app

import (
	"context"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone/mail"
	"github.com/touchstone-cdp/touchstone/pipeline"
	"github.com/touchstone-cdp/touchstone/quality"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/webhook"
)

// wireQuality makes what watches the data of each source.
func (a *App) wireQuality(ctx context.Context) (err error) {
	a.quality, err = quality.Open(ctx, quality.Config{
		DB: a.store, Clock: a.clock, Zone: a.settings.Zone, Imports: a.isImport, Logger: a.part("quality"), Metrics: a.metrics,
		Knows: func(id string) bool { return a.collector.Sources().Name(id) != "" },
		Lag:   func(ctx context.Context) (time.Duration, error) { return a.pipeline.Lag(ctx) },
		Stale: a.staleTags,
		Tell:  a.tellAlarm,
	})
	return err
}

// wireMail makes what tells people of alarms by e-mail.
func (a *App) wireMail(ctx context.Context) (err error) {
	a.mail, err = mail.Open(ctx, mail.Config{DB: a.store, Outbox: a.outbox, Clock: a.clock, Zone: a.settings.Zone, SourceName: a.sourceName,
		Digest: a.cfg.Mail.Digest, Logger: a.part("mail"), Version: Version})
	return err
}

// sourceName is how people call a source; what is unknown keeps its id.
func (a *App) sourceName(id string) string {
	if name := a.collector.Sources().Name(id); name != "" {
		return name
	}
	return id
}

// tellAlarm lets webhooks and people know.
func (a *App) tellAlarm(ctx context.Context, tx *store.Tx, alarm quality.Alarm) error {
	event, at := webhook.AlarmOpened, alarm.OpenedAt
	if alarm.ClosedAt != nil {
		event, at = webhook.AlarmClosed, *alarm.ClosedAt
	}
	label := strings.Join(strings.Fields(strings.Join([]string{event, string(alarm.Kind), alarm.Source, alarm.Event, alarm.Field}, " ")), " ")
	if err := a.webhooks.Tell(ctx, tx, event, alarm.ID, label, at, alarm); err != nil {
		return err
	}
	return a.mail.Tell(ctx, tx, alarm)
}

// observer is told by the pipeline; a process without persons runs none.
func (a *App) observer() pipeline.Observer {
	if a.quality == nil {
		return nil
	}
	return a.quality
}
