package app

import (
	"context"
	"encoding/json"
	"strconv"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/inbox"
	"github.com/touchstone-cdp/touchstone/profile"
	"github.com/touchstone-cdp/touchstone/quality"
	"github.com/touchstone-cdp/touchstone/segment/rule"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/lease"
	"github.com/touchstone-cdp/touchstone/tag"
	"github.com/touchstone-cdp/touchstone/warehouse"
)

// leaseTags is that of the process that looks after tags.
const leaseTags = "tags"

// wireTags makes what keeps facts that were computed.
func (a *App) wireTags(ctx context.Context) (err error) {
	a.tags, err = tag.Open(ctx, tag.Config{
		DB: a.store, Persons: a.graph, Rules: a.segments, SetTraits: a.setTagTraits, Touch: inbox.Touch, Count: a.profiles.Count,
		Strongest: a.strongest, Submit: a.submitAs, Query: a.tagQuery,
		Silences: a.silences, Sends: func(ctx context.Context, event string) ([]string, error) { return a.quality.Senders(ctx, event) },
		RuleEvents: ruleReads, RuleGoes: ruleGoes, Clock: a.clock, Zone: a.settings.Zone, Logger: a.part("tags"), Metrics: a.metrics,
	})
	return err
}

// setTagTraits shows values of tags as traits.
func (a *App) setTagTraits(ctx context.Context, tx *store.Tx, values []tag.Value) error {
	list := make([]profile.Computed, len(values))
	for i, v := range values {
		list[i] = profile.Computed(v)
	}
	return a.profiles.SetComputed(ctx, tx, list)
}

// tagRows bounds what the query of a tag may return.
const tagRows = 1_000_000

// tagQuery runs the query of a tag, as those that people type.
func (a *App) tagQuery(ctx context.Context, statement string, fn func(person string, value touchstone.JSON) error) error {
	if a.warehouse == nil {
		return errNoWarehouse()
	}
	// Whoever may see a tag need not be allowed to see contacts.
	nobody := &access.Viewer{Kind: "job", Kinds: a.kinds, Fields: a.fields}
	result, err := a.warehouse.Query(ctx, warehouse.Statement{SQL: statement, MaxRows: tagRows, Masked: true, Contacts: nobody.ContactKinds(), Fields: a.fields.All()})
	switch {
	case err != nil:
		return err
	case len(result.Columns) != 2:
		return touchstone.Errorf(touchstone.Invalid, "sql: the query returns %d columns, not the two person and value", len(result.Columns))
	case result.Truncated:
		return touchstone.Errorf(touchstone.TooLarge, "sql: the query returns more than %d rows", tagRows)
	}
	for _, row := range result.Rows {
		person, isText := row[0].(string)
		if !isText {
			return touchstone.Errorf(touchstone.Invalid, "sql: the first column is not the column person").WithHint("select person, … from events")
		}
		var value touchstone.JSON
		switch v := row[1].(type) {
		case touchstone.JSON:
			value = v
		case float64:
			value = touchstone.JSON(strconv.FormatFloat(v, 'f', -1, 64))
		default:
			text, err := json.Marshal(v)
			if err != nil {
				return err
			}
			value = touchstone.JSON(text)
		}
		if err := fn(person, value); err != nil {
			return err
		}
	}
	return nil
}

// silences tells tags of what does not come.
func (a *App) silences(ctx context.Context) ([]tag.Silence, error) {
	found, err := a.quality.Silences(ctx)
	list := make([]tag.Silence, len(found))
	for i, s := range found {
		list[i] = tag.Silence(s)
	}
	return list, err
}

// staleTags tells data quality of tags that are out of date.
func (a *App) staleTags(ctx context.Context) ([]quality.Stale, error) {
	found, err := a.tags.Breaches(ctx)
	list := make([]quality.Stale, len(found))
	for i, b := range found {
		list[i] = quality.Stale{Tag: b.Key, Cause: string(b.Cause), Source: b.Source, Since: b.Since, Age: b.Age, Most: b.Most}
	}
	return list, err
}

// ruleReads returns the fields that a rule goes by; one that cannot be read goes by none.
func ruleReads(text touchstone.JSON) []touchstone.Reads {
	r, err := rule.Parse(text)
	if err != nil {
		return nil
	}
	return r.Reads()
}

// ruleGoes returns the definitions that a rule goes by.
func ruleGoes(text touchstone.JSON) (list []touchstone.DefinitionRef) {
	r, err := rule.Parse(text)
	if err != nil {
		return nil
	}
	for _, id := range r.Segments() {
		list = append(list, touchstone.DefinitionRef{Kind: touchstone.DefSegment, ID: id})
	}
	if len(r.Households()) > 0 {
		list = append(list, touchstone.DefinitionRef{Kind: touchstone.DefHousehold, ID: "rules"})
	}
	return list
}

func (a *App) tagResource() api.Resource {
	return tag.Resource(func() tag.Parts {
		p := tag.Parts{Tags: a.tags, People: a.people(), Kinds: a.identifierKinds, Normalise: func(kind touchstone.IdentifierKind, value string) (string, bool) {
			return a.kinds.Normalise(kind, value)
		}}
		if a.jobs != nil {
			p.Start = a.startJob
		}
		return p
	})
}

func (a *App) identifierKinds() []touchstone.IdentifierKind {
	var list []touchstone.IdentifierKind
	for _, c := range a.kinds.Configs() {
		list = append(list, c.Kind)
	}
	return list
}

// tendTags looks after tags: one process at a time.
func (a *App) tendTags(ctx context.Context) error {
	return a.leases.Run(ctx, leaseTags, func(ctx context.Context, l *lease.Lease) error {
		return a.tags.Run(ctx, l.Fence, func(ctx context.Context, kind, id string) error {
			input, err := json.Marshal(tag.JobInput{Tag: id})
			if err != nil {
				return err
			}
			_, err = a.startJob(ctx, access.System(), kind, touchstone.JSON(input))
			return err
		})
	})
}
