package importer

import (
	"errors"
	"io"
	"strings"
	"time"
)

// Rows reads a file row by row as texts, with no mapping: CSV, JSON or Parquet, packed or not, seen by its content.
type Rows struct {
	// Bad counts rows that could not be read and were left out.
	Bad int

	table table
	cells []cell
	names []string
}

// OpenRows opens a file. An empty delimiter is seen by content.
func OpenRows(path, delimiter string) (*Rows, error) {
	m := plainMapping()
	m.delimiter = delimiter
	t, _, err := openTable(path, nil, m)
	if err != nil {
		return nil, err
	}
	r := &Rows{table: t, names: t.columns()}
	r.cells = make([]cell, len(r.names))
	t.bind(r.names)
	return r, nil
}

// Columns returns the names of the columns.
func (r *Rows) Columns() []string { return r.names }

// Next reads the next row into row, which has a place for each column. It returns io.EOF at the end.
func (r *Rows) Next(row []string) error {
	for {
		err := r.table.next(r.cells)
		if bad := (*rowError)(nil); errors.As(err, &bad) {
			r.Bad++
			continue
		}
		if err != nil {
			return err
		}
		for i, c := range r.cells {
			row[i] = cellAsText(c)
		}
		return nil
	}
}

// Close gives back the file.
func (r *Rows) Close() error { return r.table.close() }

func cellAsText(c cell) string {
	switch c.kind {
	case cellAbsent:
		return ""
	case cellInstant:
		t := time.UnixMilli(c.ms).UTC()
		if t.Equal(t.Truncate(24 * time.Hour)) {
			return t.Format(time.DateOnly)
		}
		return t.Format(timeFormat)
	}
	return strings.Clone(strings.TrimSpace(c.text)) // valid until the next row only
}

// ReadAll reads the rest of the rows.
func (r *Rows) ReadAll() (rows [][]string, err error) {
	for {
		row := make([]string, len(r.names))
		switch err := r.Next(row); {
		case errors.Is(err, io.EOF):
			return rows, nil
		case err != nil:
			return rows, err
		}
		rows = append(rows, row)
	}
}
