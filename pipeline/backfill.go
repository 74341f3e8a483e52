package pipeline

import (
	"time"

	"github.com/touchstone-cdp/touchstone"
)

// history tells which events come with history rather than as they happen: those of an
// import, and those whose time is more than age before their arrival. This is the only
// place that decides it for events; changes follow their cause ([touchstone.Batch.Because]).
type history struct {
	imports func(source string) bool // nil: no source is an import
	age     time.Duration
}

// mark notes in each fact whether it is backfill.
func (h history) mark(facts []touchstone.Fact) {
	source, imported := "", h.imported("") // neighbours mostly have the same source
	for i := range facts {
		f := &facts[i]
		if f.Source != source {
			source, imported = f.Source, h.imported(f.Source)
		}
		f.Backfill = imported || f.ReceivedAt.Sub(f.Time) > h.age
	}
}

func (h history) imported(source string) bool { return h.imports != nil && h.imports(source) }
