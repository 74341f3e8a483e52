package analytics

import (
	"context"
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
)

// The bounds of what [Engine.Sample] returns.
const (
	sampledEvents   = 300
	sampledValues   = 100 // different ones of a property
	sampledElements = 10  // of a list
	maxEventNames   = 5_000
)

// EventNames lists the names of events, the latest first seen first.
func (e *Engine) EventNames(ctx context.Context) (names []string, err error) {
	err = e.each(ctx, build("SELECT name FROM event_names ORDER BY code DESC LIMIT ", literal(maxEventNames)), func(row []any) {
		names = append(names, textOf(row[0]))
	})
	return names, err
}

// Sample returns different values of the properties of an event's latest occurrences, those of lists one by one. It is
// for the program itself: nothing is masked.
func (e *Engine) Sample(ctx context.Context, event string) (map[string][]touchstone.JSON, error) {
	passes, err := e.passes(ctx, access.System(), selector{event: event})
	if err != nil {
		return nil, err
	}
	found := map[string][]touchstone.JSON{}
	add := func(name string, value gjson.Result) {
		list, known := found[name]
		text := touchstone.JSON(value.Raw)
		if !known && len(found) == maxProperties || len(list) == sampledValues || len(text) > maxExampleBytes || slices.Contains(list, text) {
			return
		}
		found[strings.Clone(name)] = append(list, touchstone.JSON(strings.Clone(string(text))))
	}
	err = e.each(ctx, build("SELECT e.properties FROM events_raw e WHERE ", e.latest(passes, sampledEvents), " LIMIT ", literal(sampledEvents)), func(row []any) {
		gjson.Parse(string(jsonOf(row[0]))).ForEach(func(key, value gjson.Result) bool {
			if list := value.Array(); value.IsArray() && len(list) > 0 && list[0].Type == gjson.String {
				for _, v := range list[:min(len(list), sampledElements)] {
					add(key.Str, v)
				}
				return true
			}
			add(key.Str, value)
			return true
		})
	})
	return found, err
}
