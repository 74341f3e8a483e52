package segment

import (
	"context"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/segment/rule"
)

// Definitions tells what each segment goes by, and the sets that members and keys are limited to.
func (s *Segments) Definitions(ctx context.Context) ([]touchstone.Definition, error) {
	var list []touchstone.Definition
	err := keep.Each(ctx, s.db.Reader(), `SELECT id, name, kind, rule FROM segments ORDER BY name, id`, nil, func(scan func(...any) error) error {
		var kind Kind
		var text string
		d := touchstone.Definition{Kind: touchstone.DefSegment, Need: string(mayRead)}
		if err := scan(&d.ID, &d.Name, &kind, &text); err != nil {
			return err
		}
		if kind == kindTag {
			return nil // the tag tells of it
		}
		if kind == kindRows {
			d.Kind, d.Name, d.Need = touchstone.DefRows, "", "users:read"
		}
		if text != "" {
			r, err := rule.Parse(touchstone.JSON(text))
			if err != nil {
				return err
			}
			d.Reads = r.Reads()
			for _, id := range r.Segments() {
				d.Goes = append(d.Goes, touchstone.DefinitionRef{Kind: touchstone.DefSegment, ID: id})
			}
			if len(r.Households()) > 0 {
				d.Goes = append(d.Goes, touchstone.DefinitionRef{Kind: touchstone.DefHousehold, ID: "rules"})
			}
		}
		list = append(list, d)
		return nil
	})
	return list, err
}
