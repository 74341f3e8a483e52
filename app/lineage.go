package app

import (
	"context"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/analytics"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/lineage"
	"github.com/touchstone-cdp/touchstone/quality"
)

func (a *App) lineageResource() api.Resource { return lineage.Resource(a.lineage) }

// tellers lists the features that tell what their definitions go by. A feature that lets people set up something which
// goes by fields of events or persons has its line here.
func (a *App) tellers() []lineage.Teller {
	list := []lineage.Teller{
		a.segments.Definitions, a.webhooks.Definitions, a.activations.Definitions, a.mail.Definitions, a.admission.Definitions, a.households.Definitions, a.tags.Definitions, a.cycles.Definitions, a.linkage.Definitions,
		a.consent.Definitions, a.retention.Definitions, a.holds.Definitions, a.quality.Definitions,
	}
	if a.schedules != nil {
		list = append(list, a.schedules.Definitions)
	}
	return list
}

// lineage is what hangs on fields; a process without persons knows nothing of it.
func (a *App) lineage() lineage.Parts {
	if a.quality == nil {
		return lineage.Parts{}
	}
	p := lineage.Parts{Tellers: a.tellers(), Alarm: a.faultOf, Touched: a.touched}
	if a.queries != nil {
		p.Spoilt = a.spoilt
	}
	return p
}

// carried are the alarms that events in the warehouse carry.
var carried = map[quality.Kind]bool{quality.FieldMissing: true, quality.TypeChanged: true, quality.VolumeSurge: true, quality.ClockOff: true}

func (a *App) faultOf(ctx context.Context, id string) (f lineage.Fault, err error) {
	alarm, err := a.quality.Alarm(ctx, id)
	if err != nil {
		return f, err
	}
	f = lineage.Fault{Source: alarm.Source, Event: alarm.Event, Field: alarm.Field, Kind: string(alarm.Kind), Events: carried[alarm.Kind], From: alarm.BeganAt, To: alarm.LastAt, Open: alarm.ClosedAt == nil}
	return f, nil
}

// spoilt counts the events that carry an alarm's fault.
func (a *App) spoilt(ctx context.Context, id string) (s lineage.Spoilt, err error) {
	alarm, err := a.quality.Alarm(ctx, id)
	if err != nil {
		return s, err
	}
	q := analytics.Touched{Source: alarm.Source, Event: alarm.Event, From: alarm.BeganAt, To: alarm.LastAt}
	if alarm.ClosedAt == nil {
		q.To = a.clock.Now()
	}
	switch alarm.Kind {
	case quality.FieldMissing:
		q.Field, q.Missing = alarm.Field, true
	case quality.TypeChanged:
		q.Field, q.Usual = alarm.Field, alarm.UsualType
	case quality.ClockOff:
		q.Off = quality.FarOff
	}
	t, err := a.queries.Touched(ctx, q)
	return lineage.Spoilt{Events: t.Events, Persons: t.Persons, Whole: t.Whole}, err
}

func (a *App) touched(ctx context.Context, segments []string, persons []touchstone.PersonID, since time.Time) ([]lineage.Touch, error) {
	found, err := a.segments.Touched(ctx, segments, persons, since)
	list := make([]lineage.Touch, len(found))
	for i, t := range found {
		list[i] = lineage.Touch(t)
	}
	return list, err
}
