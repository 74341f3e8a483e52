package profile

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// Lane returns the stage of a lane: the profiles of the persons that owns says are the lane's,
// and of those of other lanes whom they absorb. It has caches of its own, of cacheBytes, and a
// share of what counts all persons (profile_shares). number counts from 1; two processes may have
// the stage of a lane, if only one of them at a time works: fence is that of the lane's lease, for
// transactions beside the batch's. docs/design/scaleout.md tells how.
func (p *Profiles) Lane(number int, owns func(touchstone.PersonID) bool, cacheBytes int, fence func(ctx context.Context, tx *store.Tx) error) *Profiles {
	cfg := p.cfg
	cfg.CacheBytes, cfg.HoldNothing = cacheBytes, true
	l := newProfiles(cfg, p.metrics)
	l.lane, l.owns, l.fence, l.recent, l.shown = number, owns, fence, p.recent, p.shown
	for _, v := range l.words {
		v.grow = l.newWord
	}
	return l
}

// Alone tells whether there is work that concerns the persons of all lanes: profiles that wait
// for their history.
func (p *Profiles) Alone(ctx context.Context, q store.Querier) (alone bool, err error) {
	if p.histories.Waiting() > 0 {
		return true, nil
	}
	err = q.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM profile_rebuilds)`).Scan(&alone)
	return alone, err
}

// mayHaveRow tells whether a person may be in the tables: a new one of one's own is not.
func (p *Profiles) mayHaveRow(id touchstone.PersonID) bool {
	return id <= p.newestPerson || p.lane > 0 && !p.owns(id)
}

// newWord numbers a word that the batch of a lane meets, in a transaction of its own: other
// lanes number words, too, and a number has one word for ever. It first learns the words that
// others have numbered. A batch that fails leaves words that nobody uses, which does no harm.
func (p *Profiles) newWord(v *vocabulary, word string) (n uint32) {
	b := p.batch
	if b == nil || b.wordless != nil {
		return 0
	}
	b.wordless = p.cfg.DB.UpdateShared(b.ctx, func(tx *store.Tx) error {
		if err := p.fence(b.ctx, tx); err != nil { // and so nobody waits for a process that stands still in here
			return err
		}
		if tx.Dialect() == store.Postgres { // lanes take turns
			var one int64
			if err := tx.QueryRow(b.ctx, `SELECT id FROM profile_state WHERE id = 1 FOR UPDATE`).Scan(&one); err != nil {
				return err
			}
		}
		words, err := loadWords(b.ctx, tx, v.class)
		if err != nil {
			return err
		}
		if i := slices.Index(words, word); i > 0 {
			n = uint32(i) //nolint:gosec // bounded
		} else if n = 0; len(words) <= maxWords[v.class] {
			n = uint32(len(words)) //nolint:gosec // bounded
			words = append(words, strings.Clone(word))
			if _, err := tx.Exec(b.ctx, `INSERT INTO profile_words (class, id, word) VALUES (?, ?, ?)`, int64(v.class), int64(n), word); err != nil {
				return err
			}
		}
		tx.AfterCommit(func() { v.set(words) })
		return nil
	})
	if b.wordless != nil {
		return 0
	}
	return n
}

// learnWords reads the words that other lanes have numbered: the states of persons whom this one
// absorbs mention them.
func (p *Profiles) learnWords(ctx context.Context, tx *store.Tx, changes []touchstone.Change) error {
	if p.lane == 0 || !slices.ContainsFunc(changes, func(c touchstone.Change) bool { return c.Kind == touchstone.PersonsMerged && !p.owns(c.Other) }) {
		return nil
	}
	rows, err := tx.Query(ctx, `SELECT class, MAX(id) FROM profile_words GROUP BY class`)
	if err != nil {
		return fmt.Errorf("count words: %w", err)
	}
	defer rows.Close()
	var more []class
	for rows.Next() {
		var c class
		var last int
		if err := rows.Scan(&c, &last); err != nil {
			return err
		}
		if c < classes && last >= len(p.words[c].words) {
			more = append(more, c)
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for _, c := range more {
		words, err := loadWords(ctx, tx, c)
		if err != nil {
			return err
		}
		p.words[c].set(words)
	}
	return nil
}

// loadShares adds the lanes' shares to a catalogue and returns the traits that they are about.
func (c *catalogue) loadShares(ctx context.Context, q store.Querier) (traits []uint32, err error) {
	rows, err := q.Query(ctx, `SELECT trait, persons, detail FROM profile_shares ORDER BY trait, lane`)
	if err != nil {
		return nil, fmt.Errorf("read the lanes' shares of the catalogue: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var name uint32
		s := &traitStats{}
		var detail string
		if err := rows.Scan(&name, &s.persons, &detail); err != nil {
			return nil, err
		}
		if detail != "" {
			if err := json.Unmarshal([]byte(detail), s); err != nil {
				return nil, fmt.Errorf("read the lanes' shares of the catalogue: %w", err)
			}
		}
		if c.traits[name] == nil {
			c.traits[name] = &traitStats{Types: map[string]int64{}, Values: map[string]int64{}}
		}
		c.traits[name].join(s)
		traits = append(traits, name)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	traits = slices.Compact(traits)
	for _, name := range traits {
		c.traits[name].settle()
	}
	return traits, nil
}

// join adds a lane's share; numbers may be negative until all have been added.
func (s *traitStats) join(o *traitStats) {
	s.persons += o.persons
	for kind, n := range o.Types {
		s.Types[kind] += n
	}
	for value, n := range o.Values {
		s.Values[value] += n
	}
	s.Many = s.Many || o.Many
}

// addSigned counts a value in a lane's share. When there is no room it is left out.
func (s *traitStats) addSigned(value string, n int64) {
	had, known := s.Values[value]
	switch {
	case !known && len(s.Values) >= maxCatalogueValues:
		s.Many = true
	case had+n == 0:
		delete(s.Values, value)
	case known:
		s.Values[value] = had + n
	default:
		s.Values[strings.Clone(value)] = n
	}
}

// settle drops what nobody has, and values beyond the bound.
func (s *traitStats) settle() {
	for kind, n := range s.Types {
		if n <= 0 {
			delete(s.Types, kind)
		}
	}
	for value, n := range s.Values {
		if n <= s.Over[value] {
			delete(s.Values, value)
			delete(s.Over, value)
		}
	}
	if len(s.Values) <= maxCatalogueValues {
		return
	}
	s.Many = true
	values := s.frequent()
	slices.SortStableFunc(values, func(a, b string) int { return cmp.Compare(s.Values[b], s.Values[a]) })
	for _, v := range values[maxCatalogueValues:] {
		delete(s.Values, v)
		delete(s.Over, v)
	}
}

// gather makes the lanes' shares part of the catalogue, in the store as well. What a lane had
// not written is missing, so the frequent values are not sure.
func (c *catalogue) gather(ctx context.Context, tx *store.Tx) (gathered bool, err error) {
	traits, err := c.loadShares(ctx, tx)
	if err != nil || len(traits) == 0 {
		return false, err
	}
	c.unsure, c.sealed = true, false
	err = tx.BulkUpsert(ctx, store.Upsert{Table: "profile_catalogue", Columns: []string{"trait", "persons"}, Key: []string{"trait"}},
		len(traits), func(i int, args []any) { args[0], args[1] = int64(traits[i]), c.traits[traits[i]].persons })
	if err != nil {
		return false, err
	}
	if _, err := tx.Exec(ctx, `DELETE FROM profile_examples WHERE trait = ?`, sealTrait); err != nil {
		return false, err
	}
	written := &catalogue{traits: c.traits, stale: map[uint32]struct{}{}}
	for _, name := range traits {
		written.stale[name] = struct{}{}
	}
	if err := written.saveDetails(ctx, tx); err != nil {
		return false, err
	}
	_, err = tx.Exec(ctx, `DELETE FROM profile_shares`)
	return true, err
}

// loadShare reads a lane's own share.
func loadShare(ctx context.Context, q store.Querier, lane int) (*catalogue, error) {
	c := &catalogue{traits: map[uint32]*traitStats{}, stale: map[uint32]struct{}{}, lane: lane}
	rows, err := q.Query(ctx, `SELECT trait, persons, detail FROM profile_shares WHERE lane = ?`, lane)
	if err != nil {
		return nil, fmt.Errorf("read a lane's share of the catalogue: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var name uint32
		var detail string
		s := &traitStats{Types: map[string]int64{}, Values: map[string]int64{}, signed: true}
		if err := rows.Scan(&name, &s.persons, &detail); err != nil {
			return nil, err
		}
		if detail != "" {
			if err := json.Unmarshal([]byte(detail), s); err != nil {
				return nil, fmt.Errorf("read a lane's share of the catalogue: %w", err)
			}
		}
		c.traits[name] = s
	}
	return c, rows.Err()
}

// saveShare writes a lane's share: persons of the traits that the batch is about, and the
// details of those in stale.
func (c *catalogue) saveShare(ctx context.Context, tx *store.Tx, persons map[uint32]int64) error {
	names := sortedKeys(persons)
	key := []string{"lane", "trait"}
	return tx.BulkUpsert(ctx, store.Upsert{Table: "profile_shares", Columns: []string{"lane", "trait", "persons"}, Key: key},
		len(names), func(i int, args []any) { args[0], args[1], args[2] = c.lane, int64(names[i]), persons[names[i]] })
}
