package app

import (
	"context"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone/pipeline"
	"github.com/touchstone-cdp/touchstone/quality"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/webhook"
)

// wireQuality makes what watches the data of each source.
func (a *App) wireQuality(ctx context.Context) (err error) {
	a.quality, err = quality.Open(ctx, quality.Config{
		DB: a.store, Clock: a.clock, Zone: a.settings.Zone, Imports: a.isImport, Logger: a.part("quality"), Metrics: a.metrics,
		Lag:  func(ctx context.Context) (time.Duration, error) { return a.pipeline.Lag(ctx) },
		Tell: a.tellAlarm,
	})
	return err
}

// tellAlarm lets webhooks know.
func (a *App) tellAlarm(ctx context.Context, tx *store.Tx, alarm quality.Alarm) error {
	event, at := webhook.AlarmOpened, alarm.OpenedAt
	if alarm.ClosedAt != nil {
		event, at = webhook.AlarmClosed, *alarm.ClosedAt
	}
	label := strings.Join(strings.Fields(strings.Join([]string{event, string(alarm.Kind), alarm.Source, alarm.Event, alarm.Field}, " ")), " ")
	return a.webhooks.Tell(ctx, tx, event, alarm.ID, label, at, alarm)
}

// observer is told by the pipeline; a process without persons runs none.
func (a *App) observer() pipeline.Observer {
	if a.quality == nil {
		return nil
	}
	return a.quality
}
