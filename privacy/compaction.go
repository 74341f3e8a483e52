package privacy

import (
	"context"
	"encoding/json"
	"time"

	"github.com/touchstone-cdp/touchstone/internal/randid"
	"github.com/touchstone-cdp/touchstone/store"
)

// NoteCompaction writes down that all files were rewritten, and has the receipts of the erasures before it
// written once more: they say so then.
func NoteCompaction(ctx context.Context, db *store.DB, began, ended time.Time, report any) error {
	if err := db.Migrate(ctx, "privacy", store.Migrations(migrationFiles)); err != nil {
		return err
	}
	text, err := json.Marshal(report)
	if err != nil {
		return err
	}
	return db.Retry(ctx, func(tx *store.Tx) error {
		var before int64
		if err := tx.QueryRow(ctx, `SELECT COALESCE(MAX(began_at), 0) FROM privacy_compactions WHERE ended_at > 0`).Scan(&before); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO privacy_compactions (id, began_at, ended_at, report) VALUES (?, ?, ?, ?)`,
			randid.New("compact"), began.UnixMilli(), ended.UnixMilli(), string(text)); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE privacy_erasures SET receipt = '' WHERE at >= ? AND at < ?`, before, began.UnixMilli())
		return err
	})
}
