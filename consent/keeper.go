package consent

import (
	"context"
	"math"

	"github.com/touchstone-cdp/touchstone"

	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/store"
)

// keeper is the consent as a keeper. A decision stays with the node that it came under, so merges and
// splits give each person exactly its own.
type keeper struct {
	keep.ByStage
	c *Consent
}

// Keeper returns the consent's part of a person's state, for app's list; the [Stage] does merges,
// splits and erasures.
func (c *Consent) Keeper() keep.Keeper { return keeper{c: c} }

func (keeper) Name() string { return "consent" }

func (keeper) Tables() []keep.Table {
	return []keep.Table{
		{Name: "consent_cells", Persons: []string{"person"}, Nodes: []string{"node"}},
		{Name: "consent_proofs", Persons: []string{"person"}, Nodes: []string{"node"}, Texts: []string{"place", "event", "origin"}},
	}
}

// exportedState is what holds about a purpose.
type exportedState struct {
	Purpose string   `json:"purpose"`
	Channel string   `json:"channel"`
	Choice  Decision `json:"choice"`
}

// Export hands over what holds, and the proofs.
func (k keeper) Export(ctx context.Context, q store.Querier, who keep.Whole, put keep.Put) error {
	cells, err := readCells(ctx, q, []touchstone.PersonID{who.Person})
	if err != nil {
		return err
	}
	own := cells[who.Person]
	done := map[[2]string]bool{}
	for i := range own {
		at := [2]string{own[i].purpose, own[i].channel}
		if done[at] {
			continue
		}
		done[at] = true
		holds := choose(own, at[0], at[1])
		if err := put("holds "+at[0]+" "+at[1], exportedState{at[0], at[1], holds.choice}); err != nil {
			return err
		}
	}
	proofs, err := k.c.Proofs(ctx, q, who.Person, math.MaxInt32)
	if err != nil {
		return err
	}
	for i := range proofs {
		if err := put("decisions", proofs[i]); err != nil {
			return err
		}
	}
	return nil
}
