package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// listMark stands in a statement of [SelectIn] and [ExecIn] for the list of keys.
const listMark = "(...)"

const maxKeysPerStatement = 256

// SelectIn runs a query for a list of any length, a bounded number of keys at a time, and
// calls scan for each row. The query has the list as "(...)":
//
//	SELECT id, name FROM things WHERE kind = ? AND id IN (...)
//
// args are the parameters before the list. A key that comes twice may bring its row twice.
// What the query groups or orders holds within some of the keys only, so group by the key.
func SelectIn[K any](ctx context.Context, q Querier, query string, keys []K, scan func(rows *sql.Rows) error, args ...any) error {
	return inLists(query, keys, args, func(text string, args []any) error {
		rows, err := q.Query(ctx, text, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			if err := scan(rows); err != nil {
				return err
			}
		}
		return rows.Err()
	})
}

// ExecIn is [SelectIn] for a statement that returns no rows.
func ExecIn[K any](ctx context.Context, q Querier, query string, keys []K, args ...any) error {
	return inLists(query, keys, args, func(text string, args []any) error {
		_, err := q.Exec(ctx, text, args...)
		return err
	})
}

// inLists calls fn for some of the keys after the other. Lists have few lengths, so that few
// statements are ever prepared: the last key is repeated to fill one up.
func inLists[K any](query string, keys []K, before []any, fn func(text string, args []any) error) error {
	head, tail, ok := strings.Cut(query, listMark)
	if !ok {
		return fmt.Errorf("store: %q has no list %s", query, listMark)
	}
	var args []any
	for at := 0; at < len(keys); {
		some := keys[at:min(at+maxKeysPerStatement, len(keys))]
		size := 1
		for size < len(some) {
			size *= 4
		}
		args = append(args[:0], before...)
		for i := range size {
			args = append(args, some[min(i, len(some)-1)])
		}
		if err := fn(head+Marks(size)+tail, args); err != nil {
			return err
		}
		at += len(some)
	}
	return nil
}

// Marks returns the text of a list of n parameters: "(?,?,?)". It is for the few keys of
// one statement; [SelectIn] takes many.
func Marks(n int) string {
	if n == 0 {
		return "(NULL)" // is in no list
	}
	return "(?" + strings.Repeat(",?", n-1) + ")"
}
