// Package job runs long work beside the pipeline: a rebuild, an export, a replay, a
// training. A job is a row with kind, input, progress, owner and result, so that it is
// seen, survives a restart and can be cancelled. One heavy job runs at a time.
//
// docs/design/jobs.md tells the whole story.
package job

import (
	"context"

	"github.com/touchstone-cdp/touchstone"
)

// Kind is a sort of job that a feature brings.
type Kind struct {
	Name  string // "segment.build"
	Heavy bool   // waits for other heavy ones
	// Run does the work from where r.State() says that the last attempt got to. It ends
	// soon after ctx does: with the server (the job goes on after the start) or because it
	// was cancelled. Its result is shown; a touchstone.Error is its failure in words.
	Run func(ctx context.Context, r Run) (result touchstone.JSON, err error)
}

// Run is a job's attempt under way.
type Run interface {
	ID() string
	Input() touchstone.JSON
	// State is what Save kept last, absent on the first attempt.
	State() touchstone.JSON
	// Save keeps how far the work is, so that a restart goes on there. done and total count
	// the same thing; total 0 means unknown.
	Save(ctx context.Context, done, total int64, state touchstone.JSON) error
}
