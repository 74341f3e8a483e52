package app

// A fictional feature that fills the slots of docs/design/features.md: a café's stamp cards.
// Each purchase is a stamp; with every third one the café is told to give a free coffee. Read it
// as a template: this file is the whole feature, app/stamps_feature_test.go shows it at work.

import (
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"sync"
	"testing/fstest"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/inbox"
	"github.com/touchstone-cdp/touchstone/job"
	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/outbox"
	"github.com/touchstone-cdp/touchstone/store"
)

const stampsFor = 3 // a free coffee

// 1. State. A table with a column that names a person belongs to a keeper. A stamp also keeps
// what parts it from others in a split: the identifier that its event came under.
var stampTables fs.FS = fstest.MapFS{"0001_stamps.sql": {Data: []byte(`-- +goose Up
CREATE TABLE stamps (
	message_id TEXT   PRIMARY KEY,
	person     BIGINT NOT NULL,
	identifier TEXT   NOT NULL,
	at         BIGINT NOT NULL
);
CREATE INDEX stamps_person ON stamps (person);
`)}}

// stamps is the feature. Persons is what it needs of another: app fills it in.
type stamps struct {
	db      *store.DB
	persons interface {
		Resolve(ctx context.Context, ref string) (touchstone.PersonID, error)
	}
	coffees coffees
}

func (*stamps) Name() string { return "stamps" }

func (*stamps) Tables() []keep.Table {
	return []keep.Table{{Name: "stamps", Persons: []string{"person"}, Texts: []string{"identifier", "message_id"}}}
}

// Merge puts the stamps of both on one card.
func (*stamps) Merge(ctx context.Context, tx *store.Tx, merges []keep.Merge) error {
	for _, m := range merges {
		if _, err := tx.Exec(ctx, `UPDATE stamps SET person = ? WHERE person = ?`, int64(m.Into), int64(m.From)); err != nil {
			return err
		}
	}
	return nil
}

// Split gives each the stamps of the identifiers that are theirs.
func (*stamps) Split(ctx context.Context, tx *store.Tx, splits []keep.Split) error {
	for _, s := range splits {
		for _, id := range s.Identifiers {
			if _, err := tx.Exec(ctx, `UPDATE stamps SET person = ? WHERE person = ? AND identifier = ?`, int64(s.To), int64(s.From), id.String()); err != nil {
				return err
			}
		}
	}
	return nil
}

func (*stamps) Erase(ctx context.Context, tx *store.Tx, persons []keep.Whole) error {
	for _, w := range persons {
		if err := store.ExecIn(ctx, tx, `DELETE FROM stamps WHERE person IN (...)`, w.Numbers()); err != nil {
			return err
		}
	}
	return nil
}

func (*stamps) Export(ctx context.Context, q store.Querier, who keep.Whole, put keep.Put) error {
	return keep.Each(ctx, q, `SELECT message_id, at FROM stamps WHERE person = ? ORDER BY at, message_id`, []any{int64(who.Person)}, func(scan func(...any) error) error {
		var id string
		var at int64
		if err := scan(&id, &at); err != nil {
			return err
		}
		return put("stamp", map[string]any{"purchase": id, "at": time.UnixMilli(at).UTC()})
	})
}

// 2. Ears. What happens comes in order, once, and in a transaction that moves the offset.
func (*stamps) Interest(context.Context, store.Querier) (inbox.Interest, error) {
	return inbox.Interest{Events: []string{"Bought coffee"}}, nil
}

// React stamps a card. It decides and writes; what is to be done in the world it puts in the
// outbox, under an id that follows from the cause.
func (s *stamps) React(ctx context.Context, tx *store.Tx, occurrences []touchstone.Occurrence, out inbox.Outbox) error {
	for i := range occurrences {
		if err := s.stamp(ctx, tx, &occurrences[i], out); err != nil {
			return err
		}
	}
	return nil
}

func (s *stamps) stamp(ctx context.Context, tx *store.Tx, o *touchstone.Occurrence, out inbox.Outbox) error {
	res, err := tx.Exec(ctx, `INSERT INTO stamps (message_id, person, identifier, at) VALUES (?, ?, ?, ?) ON CONFLICT (message_id) DO NOTHING`,
		o.MessageID, int64(o.Person), o.Event.Identifiers[0].String(), o.Time.UnixMilli())
	if err != nil {
		return err
	}
	fresh, err := res.RowsAffected()
	if err != nil {
		return err
	}
	n, err := s.count(ctx, tx, o.Person)
	if err != nil || fresh == 0 || n%stampsFor != 0 {
		return err
	}
	body := fmt.Appendf(nil, `{"person":%q,"stamps":%d}`, o.Person, n)
	return out.Put(ctx, tx, touchstone.Effect{ID: "coffee/" + o.MessageID, Kind: "coffee", Destination: "the café", Person: o.Person, Body: body})
}

func (*stamps) count(ctx context.Context, q store.Querier, p touchstone.PersonID) (n int64, err error) {
	err = q.QueryRow(ctx, `SELECT COUNT(*) FROM stamps WHERE person = ?`, int64(p)).Scan(&n)
	return n, err
}

// 3. Hands. An effect is done after the commit, at least once, with an id that is the same on
// repeats; who does it forgets doubles by the id.
type coffees struct {
	mu    sync.Mutex
	given map[string]string // body by effect
}

func (*coffees) Kind() string { return "coffee" }

func (c *coffees) Serves() touchstone.Serves { return touchstone.Operation("a test") }

func (c *coffees) Deliver(_ context.Context, e touchstone.Effect, _ int) (outbox.Receipt, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.given == nil {
		c.given = map[string]string{}
	}
	c.given[e.ID] = string(e.Body)
	return outbox.Receipt{Answer: "enjoy"}, nil
}

// 4. Long work. A job saves how far it is, so that it goes on after a restart.
func (s *stamps) tally() job.Kind {
	return job.Kind{Name: "stamps.tally", Serves: touchstone.Operation("a test"), Start: "segments:write", Run: func(ctx context.Context, r job.Run) (touchstone.JSON, error) {
		var cards, all int64
		if err := s.db.Reader().QueryRow(ctx, `SELECT COUNT(DISTINCT person), COUNT(*) FROM stamps`).Scan(&cards, &all); err != nil {
			return "", err
		}
		r.Report(all, all)
		return touchstone.JSON(fmt.Sprintf(`{"cards":%d,"stamps":%d}`, cards, all)), nil
	}}
}

// 5. API. Routes with their permission, and their piece of the document.
const stampsSpec = `
tags:
  - {name: Stamps, description: "Stamp cards of a café"}
paths:
  /api/v1/stamps/{ref}:
    get:
      operationId: getStamps
      tags: [Stamps]
      summary: How many stamps a person has
      x-permission: people:read
      parameters: [{name: ref, in: path, required: true, schema: {type: string}, example: "user_id:u1"}]
      responses:
        "200": {description: The card, content: {application/json: {schema: {type: object, properties: {id: {type: string}, stamps: {type: integer}}}}}}
        default: {$ref: "#/components/responses/Problem"}
`

func (s *stamps) resource() api.Resource {
	return api.Resource{Name: "Stamps", Serves: touchstone.Operation("a card is shown to who stamps it"), Spec: []byte(stampsSpec), Routes: []api.Route{
		{Method: http.MethodGet, Path: "/stamps/{ref}", Need: access.Permission("people:read"), Handle: func(w http.ResponseWriter, r *http.Request) error {
			p, err := s.persons.Resolve(r.Context(), api.Param(r, "ref"))
			if err != nil {
				return err
			}
			n, err := s.count(r.Context(), s.db.Reader(), p)
			if err != nil {
				return err
			}
			return api.WriteJSON(w, http.StatusOK, map[string]any{"id": p, "stamps": n})
		}},
	}}
}
