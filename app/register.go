package app

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/catalogue"
	"github.com/touchstone-cdp/touchstone/privacy/register"
	"github.com/touchstone-cdp/touchstone/quality"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/lease"
)

// wireRegister makes the register of processing.
func (a *App) wireRegister(ctx context.Context) (err error) {
	a.register, err = register.Open(ctx, register.Config{DB: a.store, Clock: a.clock, Facts: a.registerFacts, Tell: a.tellGap, Logger: a.part("register")})
	return err
}

func (a *App) registerResource() api.Resource {
	return register.Resource(func() *register.Register { return a.register })
}

// maxFieldsOfClass bounds the fields that are named of a class.
const maxFieldsOfClass = 100

// registerFacts is what the program collects, hands out, asks for and removes.
func (a *App) registerFacts(ctx context.Context) (f register.Facts, err error) {
	f = register.Facts{Data: []register.Collected{}, Recipients: []register.Recipient{}, Purposes: []register.Purpose{}, Rules: []string{}}
	entries, err := a.catalogue.List(ctx, access.System())
	if err != nil {
		return f, err
	}
	fields := map[access.Class][]string{}
	for _, e := range entries {
		if class := access.Class(e.Class); e.Sort != catalogue.Event && slices.Contains(access.Classes(), class) && len(fields[class]) < maxFieldsOfClass {
			fields[class] = append(fields[class], string(e.Sort)+":"+e.Name)
		}
	}
	for _, class := range access.Classes() {
		if len(fields[class]) > 0 {
			f.Data = append(f.Data, register.Collected{Class: string(class), Fields: fields[class]})
		}
	}
	parts := a.lineage()
	all, err := parts.Definitions(ctx)
	if err != nil {
		return f, err
	}
	for i := range all {
		if d := &all[i]; d.Out != nil {
			f.Recipients = append(f.Recipients, register.Recipient{Kind: string(d.Kind), ID: d.ID, Name: cmp.Or(d.Name, d.ID), To: d.Out.Name, Contacts: d.Out.Contacts})
		}
	}
	policy, err := a.consent.Latest(ctx, a.store.Reader())
	if err != nil {
		return f, err
	}
	if policy.Policy != nil {
		for _, p := range policy.Policy.Purposes {
			f.Purposes = append(f.Purposes, register.Purpose{Key: p.Key, ZH: p.Title.ZH, EN: p.Title.EN, Class: string(p.Class)})
		}
	}
	rules, err := a.retention.Rules(ctx)
	for _, r := range rules.Rules {
		f.Rules = append(f.Rules, r.Name)
	}
	return f, err
}

// told are the gaps that people are told of: something is collected or handed out that nobody has written down.
var told = []register.GapKind{register.DataGap, register.RecipientGap, register.TransferGap}

// tellGap lets webhooks and people know as of alarms about data.
func (a *App) tellGap(ctx context.Context, tx *store.Tx, g register.Gap) error {
	if !slices.Contains(told, g.Kind) {
		return nil
	}
	sum := sha256.Sum256([]byte(g.Key() + g.FoundAt.Format(time.RFC3339Nano)))
	alarm := quality.Alarm{ID: "gap_" + hex.EncodeToString(sum[:8]), Kind: quality.Uncovered, Field: g.Name, BeganAt: g.FoundAt, OpenedAt: g.FoundAt, LastAt: g.FoundAt}
	if !g.ClosedAt.IsZero() {
		alarm.ClosedAt, alarm.LastAt = &g.ClosedAt, g.ClosedAt
	}
	return a.tellAlarm(ctx, tx, alarm)
}

// registerLease is held by the process that looks.
const registerLease = "register"

// watchRegister holds the register against what there is, in one process at a time.
func (a *App) watchRegister(ctx context.Context) error {
	return a.leases.Run(ctx, registerLease, func(ctx context.Context, l *lease.Lease) error { return a.register.Run(ctx, l.Fence) })
}
