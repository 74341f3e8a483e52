package household

import (
	"context"
	"fmt"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/job"
	"github.com/touchstone-cdp/touchstone/store"
)

// DeriveJob is the name of the job that derives the households of those who wait: after rules
// have been set, that is everybody.
const DeriveJob = "household.derive"

// DeriveKind is that job. How far it is stands in the rows: who is done waits no more.
func (h *Households) DeriveKind() job.Kind {
	return job.Kind{Name: DeriveJob, Serves: touchstone.Operation("who lives together; what acts on it is asked for each person"), Heavy: true, Start: mayWrite, Run: func(ctx context.Context, r job.Run) (touchstone.JSON, error) {
		var total, done int64
		if err := h.cfg.DB.Reader().QueryRow(ctx, `SELECT COUNT(*) FROM household_dirty`).Scan(&total); err != nil {
			return "", err
		}
		for {
			n := 0
			err := h.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
				rules, err := h.current(ctx, tx)
				if err != nil {
					return err
				}
				if err := lock(ctx, tx); err != nil {
					return err
				}
				some, err := takeDirty(ctx, tx)
				if err != nil {
					return err
				}
				n = len(some)
				return h.derive(ctx, tx, rules, some, true)
			})
			if err != nil {
				return "", err
			}
			if n == 0 {
				return touchstone.JSON(fmt.Sprintf(`{"persons":%d}`, done)), nil
			}
			done += int64(n)
			r.Report(done, max(total, done))
		}
	}}
}
