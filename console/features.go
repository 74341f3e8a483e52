package console

import (
	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/live"
)

// Features are the parts that the API reaches. One that is nil answers 503.
type Features struct {
	Sources       Sources
	Quarantine    Quarantine
	Frames        Frames
	Simulator     Simulator
	Events        *live.Hub[touchstone.Event]      // collect.Collector.Feed
	Changes       *live.Hub[touchstone.Occurrence] // of the pipeline's batches
	Identity      Identity
	IdentityRules IdentityRules
	Commands      Commands
	Profiles      Profiles
	Timeline      Timeline
	Segments      Segments
	Members       Members
	Questions     Questions
	Catalogue     Catalogue
	Backups       Backups
}
