package sim

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"
)

// Check is a question to POST /api/v1/query whose answer the truth knows.
type Check struct {
	Name  string          `json:"name"`
	Query json.RawMessage `json:"query"`
	want  []float64
	value string // the column that holds the values
}

// Checks returns questions about the history and their answers. They cover the history's
// range only, so that what happens afterwards does not matter.
func (t Truth) Checks() []Check {
	names := make([]string, 0, len(t.EventsByName))
	for name := range t.EventsByName {
		names = append(names, name)
	}
	slices.Sort(names)
	const most = 40 // series of one question
	var checks []Check
	for len(names) > 0 {
		n := min(most, len(names))
		series, want := make([]map[string]any, n), make([]float64, n)
		for i, name := range names[:n] {
			series[i], want[i] = map[string]any{"event": name, "measure": "count"}, float64(t.EventsByName[name])
		}
		checks = append(checks, t.trend(fmt.Sprintf("events by name (%d names)", n), "total", series, want))
		names = names[n:]
	}
	order := []map[string]any{{"property": "order_type", "op": "eq", "value": "vehicle"}}
	checks = append(checks,
		t.trend("orders and revenue", "total", []map[string]any{
			{"event": "Order Completed", "measure": "count"}, {"event": "Order Completed", "measure": "sum", "property": "revenue"},
			{"event": "Order Completed", "measure": "count", "where": order}, {"event": "Order Completed", "measure": "sum", "property": "revenue", "where": order},
		}, []float64{float64(t.Orders), float64(t.RevenueCents) / 100, float64(t.VehicleOrders), float64(t.VehicleRevenue) / 100}),
		t.trend("test drives by day", "day", []map[string]any{{"event": "Test Drive Completed", "measure": "count"}}, t.byDay("Test Drive Completed")),
		t.trend("articles by day", "day", []map[string]any{{"event": "Content Viewed", "measure": "count"}}, t.byDay("Content Viewed")))
	steps, want := make([]map[string]any, len(t.Funnel.Steps)), make([]float64, len(t.Funnel.Steps))
	for i, event := range t.Funnel.Steps {
		steps[i], want[i] = map[string]any{"event": event}, float64(t.Funnel.Persons[i])
	}
	query := t.query("funnel")
	query["steps"], query["window"] = steps, fmt.Sprintf("%dd", t.Funnel.Window/day)
	return append(checks, Check{"funnel from looking to buying", mustJSON(query), want, "persons"})
}

func (t Truth) query(kind string) map[string]any {
	return map[string]any{"kind": kind, "tz": "Asia/Shanghai", "from": t.Start.Format(time.RFC3339Nano), "to": t.End.Format(time.RFC3339Nano)}
}

func (t Truth) trend(name, interval string, series []map[string]any, want []float64) Check {
	query := t.query("trend")
	query["interval"], query["series"] = interval, series
	return Check{name, mustJSON(query), want, "value"}
}

// byDay lists a count for each day of the history in Shanghai.
func (t Truth) byDay(event string) []float64 {
	var list []float64
	for at := t.Start; at.Before(t.End); at = at.Add(day) {
		local := at.Add(shanghaiOffset * time.Millisecond)
		list = append(list, float64(t.EventsByDay[local.Format(time.DateOnly)][event]))
	}
	return list
}

func mustJSON(v any) json.RawMessage {
	text, err := json.Marshal(v)
	if err != nil { // maps of texts and numbers
		panic(err)
	}
	return text
}

// Verify compares the body of the answer with the truth.
func (c Check) Verify(answer []byte) error {
	var a struct {
		Columns []struct {
			Name string `json:"name"`
		} `json:"columns"`
		Rows [][]any `json:"rows"`
	}
	if err := json.Unmarshal(answer, &a); err != nil {
		return fmt.Errorf("%s: the answer is no JSON: %w", c.Name, err)
	}
	column := -1
	for i, col := range a.Columns {
		if col.Name == c.value {
			column = i
		}
	}
	if column < 0 {
		return fmt.Errorf("%s: the answer has no column %q", c.Name, c.value)
	}
	if len(a.Rows) != len(c.want) {
		return fmt.Errorf("%s: %d rows, want %d", c.Name, len(a.Rows), len(c.want))
	}
	for i, row := range a.Rows {
		got, _ := row[column].(float64) // an absent sum is zero
		if math.Abs(got-c.want[i]) > 0.005 {
			return fmt.Errorf("%s: row %d is %v, want %v", c.Name, i+1, got, c.want[i])
		}
	}
	return nil
}
