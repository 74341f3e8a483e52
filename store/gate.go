package store

import "context"

// A gate is a table that two sorts of transactions pass: many at a time by Enter, or one alone by
// Shut, which waits for those that are within and makes others wait. Both come before all
// other statements: a transaction on PostgreSQL sees what was committed before its first
// one, and so what it has waited for. SQLite runs one at a time anyway.

// Enter lets the transaction run beside others that enter the gate, and not beside one that shuts it.
func (tx *Tx) Enter(ctx context.Context, gate string) error {
	return tx.lockTable(ctx, gate, "ROW SHARE")
}

// Shut lets no other transaction that enters or shuts the gate run beside this one.
func (tx *Tx) Shut(ctx context.Context, gate string) error {
	return tx.lockTable(ctx, gate, "EXCLUSIVE")
}

func (tx *Tx) lockTable(ctx context.Context, table, mode string) error {
	if tx.Dialect() != Postgres {
		return nil
	}
	_, err := tx.Exec(ctx, "LOCK TABLE "+table+" IN "+mode+" MODE")
	return err
}
