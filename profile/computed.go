package profile

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// IsComputed tells whether the program computes a trait: a tag, or where somebody stands in a life cycle. What events and
// corrections say under such a name is left out, and counted.
func IsComputed(name string) bool {
	return strings.HasPrefix(name, "tag.") || strings.HasPrefix(name, "stage.")
}

// computedBy is their source.
const computedBy = "tag"

// Computed is a value that was computed for a person, as of a place in the log that no other
// value has.
type Computed struct {
	Node   touchstone.NodeID // that it stays with when persons are parted
	Person touchstone.PersonID
	Seq    touchstone.Seq
	At     time.Time
	Trait  string // [IsComputed]
	Value  touchstone.JSON
}

// SetComputed sets traits in the batch of a command, before its facts; as good as events of their
// moments. Who has no events yet has no profile, and so shows none of it until then.
func (p *Profiles) SetComputed(ctx context.Context, tx *store.Tx, list []Computed) error {
	u := store.Upsert{Table: "profile_computed", Columns: []string{"node", "trait", "seq", "at", "value"}, Key: []string{"node", "trait"}}
	err := tx.BulkUpsert(ctx, u, len(list), func(i int, args []any) {
		c := &list[i]
		args[0], args[1], args[2], args[3], args[4] = int64(c.Node), c.Trait, int64(c.Seq), c.At.UnixMilli(), string(c.Value)
	})
	if err != nil {
		return fmt.Errorf("write computed traits: %w", err)
	}
	for i := range list {
		c := &list[i]
		if !IsComputed(c.Trait) {
			return fmt.Errorf("the trait %q is none that is computed", c.Trait)
		}
		f := computedFact(c.Seq, c.Node, c.At, c.Trait, string(c.Value))
		f.Person = c.Person
		p.asked.corrections = append(p.asked.corrections, f)
	}
	return nil
}

// computedFact is a correction whose source is the program.
func computedFact(seq touchstone.Seq, node touchstone.NodeID, at time.Time, trait, value string) touchstone.Fact {
	f := correction(seq, node, at, `{`+strconv.Quote(trait)+`:`+value+`}`) // names of tags need no escapes
	f.Source = computedBy
	return f
}

// addComputed adds what has been computed under nodes.
func addComputed(ctx context.Context, q store.Querier, nodes []touchstone.NodeID, list *[]touchstone.Fact) error {
	return store.SelectIn(ctx, q, `SELECT node, trait, seq, at, value FROM profile_computed WHERE node IN (...)`, nodes, func(rows *sql.Rows) error {
		var node, seq, at int64
		var trait, value string
		if err := rows.Scan(&node, &trait, &seq, &at, &value); err != nil {
			return err
		}
		*list = append(*list, computedFact(touchstone.Seq(seq), touchstone.NodeID(node), time.UnixMilli(at), trait, value))
		return nil
	})
}

// reserved tells whether a trait is the program's, and a value of this source none of its own.
func (p *Profiles) reserved(name string, st stamp) bool {
	if !IsComputed(name) || st.source == p.source(computedBy).source {
		return false
	}
	p.metrics.drop("tag_trait")
	return true
}
