package analytics

import (
	"context"

	"github.com/touchstone-cdp/touchstone/warehouse"
)

// maxSQL bounds the text of a statement.
const maxSQL = 100_000

// sqlQuery is a statement of the user's own. The warehouse lets only reading through.
type sqlQuery struct{ statement string }

func parseSQL(_ *Engine, f *fields) Query {
	v, ok := f.take("sql")
	if !ok {
		f.d.fail(f.place("sql"), "is missing; one SELECT over the view events")
	}
	return &sqlQuery{f.d.text(f.place("sql"), v, maxSQL)}
}

func (q *sqlQuery) run(ctx context.Context, r *run) (*Answer, error) {
	r.statements = append(r.statements, q.statement)
	res, err := r.w.Query(ctx, warehouse.Statement{SQL: q.statement, MaxRows: r.opts.MaxRows, Masked: !r.viewer.SeesContacts(), Contacts: r.viewer.ContactKinds(), Fields: r.viewer.Fields.All()})
	if err != nil {
		return nil, err
	}
	return &Answer{Columns: res.Columns, Rows: res.Rows, Meta: Meta{Truncated: res.Truncated}}, nil
}
