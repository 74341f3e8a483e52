package app

import (
	"context"

	"github.com/touchstone-cdp/touchstone/admission"
	"github.com/touchstone-cdp/touchstone/command"
	"github.com/touchstone-cdp/touchstone/consent"
	"github.com/touchstone-cdp/touchstone/console"
	"github.com/touchstone-cdp/touchstone/linkage"
)

// wireCommands makes the commands that operators put in the log.
func (a *App) wireCommands(ctx context.Context) (err error) {
	a.commands, err = command.New(ctx, command.Config{DB: a.store, Log: a.log, Kinds: a.commandKinds(), Alone: a.inbox.Alone, Clock: a.clock, Logger: a.part("command"), Metrics: a.metrics})
	return err
}

// commandKinds lists all commands. One that was released stays: logs hold it.
func (a *App) commandKinds() (kinds []command.Kind) {
	kinds = append(kinds, a.privacyAround(a.graph.Commands(a.rules))...)
	kinds = append(kinds, a.privacy.Commands()...)
	kinds = append(kinds, a.profiles.Commands()...)
	kinds = append(kinds, linkage.Commands(a.graph.Find)...)
	kinds = append(kinds,
		command.Kind{Name: admission.Command, Check: admission.CheckBody, Do: a.admission.Set},
		command.Kind{Name: admission.PublishCommand, Check: admission.CheckPublish, Do: a.admission.Publish},
		command.Kind{Name: admission.RetireCommand, Check: admission.CheckRetire, Do: a.admission.Retire},
		command.Kind{Name: admission.PutMendCommand, Check: admission.CheckPutMend, Do: a.admission.PutMend},
		command.Kind{Name: admission.RemoveMendCommand, Check: admission.CheckRemoveMend, Do: a.admission.RemoveMend})
	kinds = append(kinds, a.households.Commands()...)
	kinds = append(kinds, a.tags.Commands()...)
	kinds = append(kinds, a.cycles.Commands()...)
	kinds = append(kinds, a.holds.Commands()...)
	kinds = append(kinds, a.retention.Commands()...)
	kinds = append(kinds, console.AuditCommands()...)
	kinds = append(kinds, command.Kind{Name: consent.SetCommand, Check: consent.CheckSet, Do: a.consent.Set})
	return kinds
}
