package collect

import (
	"strconv"

	"github.com/google/uuid"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/collect/intake"
)

// messageID is the identity of the event, by which repeats are dropped. A placeholder is
// none: it would make all events that carry it copies of one.
func (b *builder) messageID(raw *rawEvent, e *touchstone.Event) problem {
	id, p := b.id(raw, fMessageID)
	switch {
	case p.code != "":
		return p
	case len(id) > b.limits.idBytes:
		return problem{CodeMessageIDTooLong, "messageId has " + strconv.Itoa(len(id)) + " bytes; at most " + strconv.Itoa(b.limits.idBytes) + " are kept apart"}
	case intake.MissingID(id):
		if id != "" {
			b.tally.placeholders++
		}
		id = b.idFor()
	}
	e.MessageID = id
	return problem{}
}

// idFor returns the message id of an event that came without one. It is a new one each
// time: two events that say the same are two events (two coffees, two clicks), and a
// repeated request cannot be told from them.
func (b *builder) idFor() string {
	if b.from.messageID != "" {
		return b.from.messageID
	}
	return newMessageID()
}

func newMessageID() string {
	id, err := uuid.NewV7()
	if err != nil { // no randomness: the process cannot go on safely, and crypto/rand never fails on supported systems
		return uuid.NewString()
	}
	return id.String()
}
