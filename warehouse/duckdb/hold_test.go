package duckdb

import "context"

// Hold takes a snapshot, as a statement does, until release is called.
func (w *Warehouse) Hold(ctx context.Context) (release func(), err error) {
	s, err := w.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	return s.release, nil
}
