package touchstone

import "time"

// Command is an intervention of an operator: a split, a merge by hand, an erasure, a
// correction. It goes into the log like an event, so it has a place in the order of
// everything, and a rebuild from the log keeps it.
//
// It must mean the same when the store is built anew from a log whose beginning is gone, and
// nodes and persons have other numbers: so a body names persons by identifiers, kind:value.
type Command struct {
	ID          string // "cmd_…"; a repeat with the same id changes nothing
	Kind        string // "person.split"
	Actor       string // who asked: id of a user or a key, "system"
	SubmittedAt time.Time
	Body        JSON // object, of the kind

	Seq Seq // its place, once it is in the log
}

// Event is the form in which the log keeps a command.
func (c *Command) Event() Event {
	return Event{Type: System, MessageID: c.ID, Name: c.Kind, Source: c.Actor, Time: c.SubmittedAt, ReceivedAt: c.SubmittedAt, Properties: c.Body}
}

// Command returns the command that a System event carries.
func (f *Fact) Command() Command {
	return Command{ID: f.MessageID, Kind: f.Name, Actor: f.Source, SubmittedAt: f.ReceivedAt, Body: f.Properties, Seq: f.Seq}
}
