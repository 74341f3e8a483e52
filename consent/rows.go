package consent

import (
	"context"
	"database/sql"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

const cellColumns = `person, node, purpose, channel, choice, at, wording, proof`

// readCells returns the latest decisions of persons.
func readCells(ctx context.Context, q store.Querier, persons []touchstone.PersonID) (map[touchstone.PersonID][]cell, error) {
	out := map[touchstone.PersonID][]cell{}
	err := store.SelectIn(ctx, q, `SELECT `+cellColumns+` FROM consent_cells WHERE person IN (...) ORDER BY person, purpose, channel, node`, persons, func(rows *sql.Rows) error {
		var c cell
		if err := rows.Scan(&c.person, &c.node, &c.purpose, &c.channel, &c.choice, &c.at, &c.wording, &c.proof); err != nil {
			return err
		}
		out[c.person] = append(out[c.person], c)
		return nil
	})
	return out, err
}

func writeCells(ctx context.Context, tx *store.Tx, cells []cell) error {
	u := store.Upsert{Table: "consent_cells", Columns: []string{"node", "purpose", "channel", "person", "choice", "at", "wording", "proof"}, Key: []string{"node", "purpose", "channel"}}
	return tx.BulkUpsert(ctx, u, len(cells), func(i int, args []any) {
		c := &cells[i]
		args[0], args[1], args[2], args[3], args[4], args[5], args[6], args[7] = int64(c.node), c.purpose, c.channel, int64(c.person), string(c.choice), c.at, c.wording, c.proof
	})
}

func writeProofs(ctx context.Context, tx *store.Tx, proofs []proof) error {
	u := store.Upsert{Table: "consent_proofs", Key: []string{"id"}, IgnoreConflict: true,
		Columns: []string{"id", "person", "node", "purpose", "channel", "choice", "at", "taken_at", "wording", "source", "method", "language", "place", "event", "origin"}}
	return tx.BulkUpsert(ctx, u, len(proofs), func(i int, args []any) {
		p := &proofs[i]
		for n, v := range []any{p.proof, int64(p.person), int64(p.node), p.purpose, p.channel, string(p.choice), p.at, p.taken, p.wording, p.source, p.method, p.language, p.place, p.event, p.origin} {
			args[n] = v
		}
	})
}

// tables are those with rows of persons.
var tables = []string{"consent_cells", "consent_proofs"}

// passRows makes what came under nodes of a person another's; without nodes, all of it.
func passRows(ctx context.Context, tx *store.Tx, from, to touchstone.PersonID, nodes []touchstone.NodeID) error {
	for _, table := range tables {
		var err error
		if nodes == nil {
			_, err = tx.Exec(ctx, `UPDATE `+table+` SET person = ? WHERE person = ?`, int64(to), int64(from))
		} else {
			err = store.ExecIn(ctx, tx, `UPDATE `+table+` SET person = ? WHERE person = ? AND node IN (...)`, nodes, int64(to), int64(from))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func eraseRows(ctx context.Context, tx *store.Tx, person touchstone.PersonID, nodes []touchstone.NodeID) error {
	for _, table := range tables {
		if _, err := tx.Exec(ctx, `DELETE FROM `+table+` WHERE person = ?`, int64(person)); err != nil {
			return err
		}
	}
	return store.ExecIn(ctx, tx, `DELETE FROM consent_cells WHERE node IN (...)`, nodes)
}

// Proof is a decision as it was made.
type Proof struct {
	ID        string    `json:"id"`
	Purpose   string    `json:"purpose"`
	Channel   string    `json:"channel"` // "": the purpose as a whole
	Choice    Decision  `json:"choice"`
	At        time.Time `json:"at"`
	TakenAt   time.Time `json:"taken_at"`
	Wording   int       `json:"wording"` // version of the text; 0: not said
	Source    string    `json:"source"`
	Method    string    `json:"method"`
	Language  string    `json:"language"`
	Place     string    `json:"place"`
	Event     string    `json:"event"`
	MessageID string    `json:"message_id"`
}

// Proofs returns the decisions of a person, the latest first, at most limit.
func (c *Consent) Proofs(ctx context.Context, q store.Querier, person touchstone.PersonID, limit int) ([]Proof, error) {
	rows, err := q.Query(ctx, `SELECT id, purpose, channel, choice, at, taken_at, wording, source, method, language, place, event, origin
		FROM consent_proofs WHERE person = ? ORDER BY at DESC, id DESC LIMIT ?`, int64(person), limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	list := []Proof{}
	for rows.Next() {
		var p Proof
		var at, taken int64
		if err := rows.Scan(&p.ID, &p.Purpose, &p.Channel, &p.Choice, &at, &taken, &p.Wording, &p.Source, &p.Method, &p.Language, &p.Place, &p.Event, &p.MessageID); err != nil {
			return nil, err
		}
		p.At, p.TakenAt = time.UnixMilli(at).UTC(), time.UnixMilli(taken).UTC()
		list = append(list, p)
	}
	return list, rows.Err()
}
