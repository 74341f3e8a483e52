package app

import (
	"context"
	"net/http"
	"path/filepath"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/analytics"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/command"
	"github.com/touchstone-cdp/touchstone/identity"
	"github.com/touchstone-cdp/touchstone/internal/vault"
	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/pipeline"
	"github.com/touchstone-cdp/touchstone/privacy"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/stream"
	"github.com/touchstone-cdp/touchstone/warehouse"
)

// The names in the data folder of what outlives its data.
const (
	keyName        = "privacy.key"
	tombstonesName = "tombstones.jsonl"
)

// wirePrivacy makes what people ask for: to be forgotten, to be told.
func (a *App) wirePrivacy(ctx context.Context) error {
	path, key := a.keyOf(a.cfg.Privacy.KeyFile, keyName)
	keys, err := privacy.LoadKeys(path, key)
	if err != nil {
		return err
	}
	cfg := privacy.Config{
		DB: a.store, Keys: keys, Beside: filepath.Join(a.cfg.Data, tombstonesName), BesideKey: a.folder.Key(), Kinds: a.kinds, Graph: a.graph, Comes: a.comes, Identifiers: a.graph.EachIdentifier, Imports: a.isImport,
		Held: func(ctx context.Context, q store.Querier, persons []touchstone.PersonID) (map[touchstone.PersonID]string, error) {
			return a.holds.Held(ctx, q, persons)
		},
		Keepers: a.keepers, Submit: a.submitAs, Copied: a.erasuresCopied, Program: Version,
		Clock: a.clock, Logger: a.part("privacy"), Metrics: a.metrics,
	}
	cfg.Mentioning = func(ctx context.Context, search *keep.Search, fn func(touchstone.PersonID, []string) error) error {
		return a.profiles.Mentioning(ctx, func(text string) bool { return search.In(text) }, fn)
	}
	cfg.Unset = func(ctx context.Context, person touchstone.PersonID, traits []string) error {
		return a.unsetTraits(ctx, person, traits, "erasure")
	}
	if a.warehouse != nil {
		cfg.Warehouse = a.eventsOf
	}
	a.privacy, err = privacy.Open(ctx, cfg)
	return err
}

// comes tells whether a command is in the log, as it was given, behind what the pipeline has worked on.
func (a *App) comes(ctx context.Context, id string, at touchstone.Seq) (bool, error) {
	offset := at.Offset()
	committed, err := pipeline.Committed(ctx, a.store.Reader(), a.log.Partitions())
	if err != nil || at.Partition() >= len(committed) || offset <= committed[at.Partition()] {
		return false, err
	}
	first, next, err := a.log.Bounds(ctx, at.Partition())
	if err != nil || stream.Offset(offset) < first || stream.Offset(offset) >= next {
		return false, err
	}
	records, err := a.log.Read(ctx, at.Partition(), stream.Offset(offset), 1, 1)
	if err != nil || len(records) == 0 {
		return false, err
	}
	return privacy.Holds(records[0].Data, id)
}

// runPrivacy follows tombstones and writes receipts of erasures that no job has asked for.
func (a *App) runPrivacy(ctx context.Context) error {
	if a.has("act") {
		go a.writeReceipts(ctx)
	}
	return a.privacy.Run(ctx)
}

// receiptsEvery is how soon an erasure of one person has its receipt.
const receiptsEvery = 2 * time.Second

func (a *App) writeReceipts(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(receiptsEvery):
		}
		if err := a.tendPrivacy(ctx); err != nil && ctx.Err() == nil {
			a.logger.Warn("requests of people wait: trying again", "error", err)
		}
	}
}

// tendPrivacy gives receipts to erasures that no job has asked for, and starts the job for requests
// that came while it ended.
func (a *App) tendPrivacy(ctx context.Context) error {
	if _, err := a.privacy.WriteReceipts(ctx); err != nil {
		return err
	}
	waits, err := a.privacy.Waits(ctx)
	if err != nil || !waits || a.jobs == nil {
		return err
	}
	_, err = a.startJob(ctx, access.System(), privacy.EraseJob, "{}")
	return err
}

// forgotten leaves out events of the forgotten; a process without persons takes none in.
func (a *App) forgotten() pipeline.Forgotten {
	if a.privacy == nil {
		return nil
	}
	return a.privacy
}

// forgottenAt lets no import bring somebody back; it is asked for each request, before all is wired.
func (a *App) forgottenAt(source string) func(*touchstone.Event) bool {
	if a.privacy == nil || !a.privacy.Any() || !a.isImport(source) {
		return nil
	}
	return a.privacy.Refuses
}

// privacyAround gives the command that erases one person what every erasure needs.
func (a *App) privacyAround(kinds []command.Kind) []command.Kind {
	for i := range kinds {
		if kinds[i].Name == identity.EraseCommand {
			kinds[i] = a.privacy.Around(kinds[i])
		}
	}
	return kinds
}

// submitAs has the pipeline carry out a command under the id that it has, and returns its result.
func (a *App) submitAs(ctx context.Context, c touchstone.Command) (touchstone.JSON, error) {
	row, err := a.commands.Submit(ctx, c)
	if err != nil {
		return "", err
	}
	return row.Result, nil
}

// erasuresCopied tells whether the warehouse has carried out all erasures that the graph has.
func (a *App) erasuresCopied(ctx context.Context) (bool, error) {
	latest, err := a.graph.OverrideVersion(ctx)
	if err != nil || latest == 0 {
		return err == nil, err
	}
	if a.warehouse == nil {
		return false, nil
	}
	pos, err := a.warehouse.Position(ctx, 0)
	return pos.OverrideVersion >= latest, err
}

// eventsOf counts the events of persons in the warehouse, by their nodes.
func (a *App) eventsOf(ctx context.Context, persons []keep.Whole) (map[touchstone.PersonID]int64, error) {
	out := make(map[touchstone.PersonID]int64, len(persons))
	whose := map[int64]touchstone.PersonID{}
	var nodes []int64
	for i := range persons {
		for _, n := range persons[i].Nodes {
			nodes = append(nodes, int64(n))
			whose[int64(n)] = persons[i].Person
		}
	}
	res, err := a.warehouse.Query(ctx, warehouse.Statement{Own: true, Args: []any{nodes},
		SQL: `SELECT node, count(*) FROM events_raw WHERE node IN (SELECT n FROM ` + a.warehouse.Dialect().Numbers() + `) GROUP BY node`})
	if err != nil {
		return nil, err
	}
	for _, row := range res.Rows {
		node, _ := row[0].(int64)
		n, _ := row[1].(int64)
		out[whose[node]] += n
	}
	return out, nil
}

// privacyParts is what this process knows of requests.
func (a *App) privacyParts() privacy.Parts {
	if a.privacy == nil || a.jobs == nil {
		return privacy.Parts{}
	}
	return privacy.Parts{Privacy: a.privacy, Start: func(r *http.Request, kind string, input touchstone.JSON) (string, error) {
		return a.startJob(r.Context(), api.ViewerOf(r), kind, input)
	}, Ask: a.ask}
}

// startJob puts a job in the queue for who asks; "" when one is under way, which does what was put in, too.
func (a *App) startJob(ctx context.Context, v *access.Viewer, kind string, input touchstone.JSON) (string, error) {
	prepared, err := a.jobs.Prepare(ctx, v, kind, input)
	if err != nil {
		return "", err
	}
	started, err := a.jobs.Start(ctx, prepared)
	if touchstone.KindOf(err) == touchstone.Conflict {
		return "", nil
	}
	return started.ID, err
}

// copyEvents reads the events of a person, the oldest first, contacts as they are.
func (a *App) copyEvents(ctx context.Context, who keep.Whole, most int, fn func(event jsontext.Value) error) error {
	if a.queries == nil {
		return api.NotHere("analytics")
	}
	q := analytics.TimelineQuery{Nodes: who.Nodes, Oldest: true, Limit: 500}
	for n := 0; n < most; {
		events, next, err := a.queries.Timeline(ctx, access.System(), q)
		if err != nil {
			return err
		}
		for i := range events {
			events[i].Person = who.Person
			text, err := api.EncodeJSON(&events[i])
			if err != nil {
				return err
			}
			if err := fn(text); err != nil {
				return err
			}
		}
		if n += len(events); next == "" {
			return nil
		}
		q.Cursor = next
	}
	return nil
}

// PutTombstones puts a list of tombstones and its key into a data folder that was restored; empty paths: none.
// What is encrypted is read with the key of keyFile, and is encrypted with it in a folder that is.
func PutTombstones(data, keyFile, list, key string) error {
	folder, err := openFolder(data, keyFile)
	if err != nil {
		return err
	}
	for name, from := range map[string]string{tombstonesName: list, keyName: key} {
		if from == "" {
			continue
		}
		with := folder.Key()
		if is, err := vault.Sealed(from); err != nil || !is { // as one that was kept elsewhere
			with = nil
		}
		text, err := vault.ReadFile(from, with)
		if err != nil {
			return err
		}
		if err := vault.WriteFile(filepath.Join(data, name), folder.Key(), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}
