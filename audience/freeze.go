package audience

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/segment"
	"github.com/touchstone-cdp/touchstone/store"
)

// Origin is what a fixed list was made from.
type Origin struct {
	Segment     *string         `json:"segment"` // nil: a rule that was not saved
	Name        string          `json:"name"`    // of the segment, then
	Version     int64           `json:"version"` // of its rule; 0 without a segment
	Rule        touchstone.JSON `json:"rule"`    // null of a fixed list
	At          time.Time       `json:"at"`      // of which moment the members are
	Members     int64           `json:"members"` // then
	Assumptions []string        `json:"assumptions"`
	FrozenAt    time.Time       `json:"frozen_at"`
}

// Frozen is a new fixed list.
type Frozen struct {
	Segment string `json:"segment"`
	Members int64  `json:"members"`
}

// NewList is what a fixed list is called.
type NewList struct {
	Name        string
	Description string
	Purpose     string
}

// keptWithout is for how long the origin of a list is kept that is no more: one that is being made is not listed yet.
const keptWithout = 24 * time.Hour

// Freeze makes a fixed list of who is in an audience that v sees, now or at a past moment, and keeps what it was made from.
func (a *Audience) Freeze(ctx context.Context, v *access.Viewer, list NewList, w Who, when When) (Frozen, error) {
	when.Fresh = true
	who, s, err := a.found(ctx, v, w, when, false)
	if err != nil {
		return Frozen{}, err
	}
	facts := s.facts(time.Now(), who)
	now := a.cfg.Clock.Now().UTC()
	o := Origin{Rule: w.Rule, Name: w.Name, At: facts.AsOf, Members: size(who.root.set), Assumptions: facts.Assumptions, FrozenAt: now}
	if who.segment != nil {
		o.Segment, o.Name, o.Version, o.Rule = &who.segment.ID, who.segment.Name, who.segment.Version, who.segment.Rule
	} else {
		o.Rule = who.rule.JSON()
	}
	if when.At != nil {
		o.At = when.At.UTC()
	}
	text, err := json.Marshal(o)
	if err != nil {
		return Frozen{}, err
	}
	gone, err := a.orphans(ctx, now.Add(-keptWithout))
	if err != nil {
		return Frozen{}, err
	}
	draft := segment.Draft{Name: list.Name, Description: list.Description, Purpose: list.Purpose}
	draft.Also = func(ctx context.Context, tx *store.Tx, id string) error {
		if err := store.ExecIn(ctx, tx, `DELETE FROM audience_origins WHERE segment IN (...)`, gone); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO audience_origins (segment, origin, made_at) VALUES (?, ?, ?)`, id, string(text), now.UnixMilli())
		return err
	}
	made, err := a.cfg.Segments.CreateStatic(ctx, draft, personsIn(who.root.set))
	return Frozen{made.ID, o.Members}, err
}

// orphans are the lists that are no more and whose origins were written before a moment.
func (a *Audience) orphans(ctx context.Context, before time.Time) ([]string, error) {
	list, err := a.cfg.Segments.List(ctx, access.System())
	if err != nil {
		return nil, err
	}
	there := map[string]bool{}
	for i := range list {
		there[list[i].ID] = true
	}
	var gone []string
	rows, err := a.cfg.DB.Reader().Query(ctx, `SELECT segment FROM audience_origins WHERE made_at < ?`, before.UnixMilli())
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		if !there[id] {
			gone = append(gone, id)
		}
	}
	return gone, rows.Err()
}

// OriginOf tells what a segment was made from; nil if it is no frozen one.
func (a *Audience) OriginOf(ctx context.Context, v *access.Viewer, id string) (*Origin, error) {
	if _, err := a.cfg.Segments.Get(ctx, v, id); err != nil {
		return nil, err
	}
	var text string
	err := a.cfg.DB.Reader().QueryRow(ctx, `SELECT origin FROM audience_origins WHERE segment = ?`, id).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read what %s was made from: %w", id, err)
	}
	o := &Origin{}
	if err := json.Unmarshal([]byte(text), o); err != nil {
		return nil, err
	}
	if v.Limited() { // it is of all who were in it
		o.Members = 0
	}
	return o, nil
}

func personsIn(set *segment.Bitmap) []touchstone.PersonID {
	persons := make([]touchstone.PersonID, 0, set.GetCardinality())
	for it := set.Iterator(); it.HasNext(); {
		persons = append(persons, touchstone.PersonID(it.Next())) //nolint:gosec // it was one
	}
	return persons
}
