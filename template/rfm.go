package template

import (
	"fmt"
	"strings"

	"github.com/touchstone-cdp/touchstone"
)

// RFM says how value tiers are made: of an event and what it was worth.
type RFM struct {
	Event  string `json:"event"`
	Amount string `json:"amount"` // property
	Days   int    `json:"days"`   // how far back orders count
	// Recency, Frequency and Money are fixed thresholds of the scores 2, 3, 4, 5 (days since the last order at most, orders at least, money at
	// least). Absent, scores are fifths of all who have ordered.
	Recency   []float64 `json:"recency,omitempty"`
	Frequency []float64 `json:"frequency,omitempty"`
	Money     []float64 `json:"money,omitempty"`
	// EveryHours is how often it is computed.
	EveryHours int `json:"every_hours"`
}

// The bounds of RFM.
const (
	maxDays  = 3 * 366
	maxHours = 31 * 24
	steps    = 4 // thresholds of five scores
)

func (r *RFM) check() error {
	switch {
	case r.Event == "" || len(r.Event) > maxEvent:
		return touchstone.Errorf(touchstone.Invalid, "event: name the event of an order")
	case r.Amount == "" || len(r.Amount) > maxEvent:
		return touchstone.Errorf(touchstone.Invalid, "amount: name the property that says how much an order was worth")
	case r.Days < 1 || r.Days > maxDays:
		return touchstone.Errorf(touchstone.Invalid, "days: is between 1 and %d", maxDays)
	case r.EveryHours < 1 || r.EveryHours > maxHours:
		return touchstone.Errorf(touchstone.Invalid, "every_hours: is between 1 and %d", maxHours)
	}
	for _, one := range []struct {
		field string
		list  []float64
		sign  float64 // thresholds of days fall, others rise
	}{{"recency", r.Recency, -1}, {"frequency", r.Frequency, 1}, {"money", r.Money, 1}} {
		if len(one.list) == 0 {
			continue
		}
		if len(one.list) != steps {
			return touchstone.Errorf(touchstone.Invalid, "%s: there are %d thresholds, of the scores 2, 3, 4 and 5", one.field, steps)
		}
		for i := 1; i < steps; i++ {
			if (one.list[i]-one.list[i-1])*one.sign <= 0 {
				return touchstone.Errorf(touchstone.Invalid, "%s: each threshold is stricter than the one before", one.field)
			}
		}
	}
	return nil
}

// score is an expression of SQL from 1 to 5: by thresholds, or by the share of those who are below. Equal values have equal scores.
func score(value, order string, thresholds []float64, compare string) string {
	if len(thresholds) == 0 {
		return fmt.Sprintf("1 + least(4, floor(5 * percent_rank() OVER (ORDER BY %s)))", order)
	}
	var b strings.Builder
	b.WriteString("CASE")
	for i := len(thresholds) - 1; i >= 0; i-- {
		fmt.Fprintf(&b, " WHEN %s %s %g THEN %d", value, compare, thresholds[i], i+2)
	}
	b.WriteString(" ELSE 1 END")
	return b.String()
}

// quote writes a text of SQL.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// path writes the path of a property in JSON.
func path(s string) string {
	return quote(`$."` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`)
}

// scored selects the scores of everybody who has ordered.
func (r *RFM) scored() string {
	return fmt.Sprintf(`WITH orders AS (
  SELECT person, max(time) AS latest, count(*) AS n, coalesce(sum(try_cast(json_extract_string(properties, %s) AS DOUBLE)), 0) AS money
  FROM events WHERE event = %s AND time >= now()::TIMESTAMP - INTERVAL %d DAY AND time <= now()::TIMESTAMP GROUP BY person
), scores AS (
  SELECT person,
    CAST(%s AS INTEGER) AS r,
    CAST(%s AS INTEGER) AS f,
    CAST(%s AS INTEGER) AS m
  FROM orders
)
`, path(r.Amount), quote(r.Event), r.Days,
		score("date_diff('day', latest, now()::TIMESTAMP)", "latest", r.Recency, "<="), score("n", "n", r.Frequency, ">="), score("money", "money", r.Money, ">="))
}

// groups are the parts of RFM by recency and by what frequency and money are on average, the first that holds counting.
const groups = `CASE
    WHEN r >= 4 AND f + m >= 8 THEN 'champion'
    WHEN r >= 3 AND f + m >= 6 THEN 'loyal'
    WHEN r >= 4 AND f = 1 THEN 'new'
    WHEN r >= 4 THEN 'promising'
    WHEN r <= 2 AND f + m >= 8 THEN 'cannot_lose'
    WHEN r <= 2 AND f + m >= 6 THEN 'at_risk'
    WHEN r = 3 THEN 'needs_attention'
    WHEN r = 1 THEN 'lost'
    ELSE 'hibernating' END`

// tiers are levels of what was spent.
const tiers = `CASE WHEN m = 5 THEN 'gold' WHEN m >= 3 THEN 'silver' ELSE 'bronze' END`

// tags are what RFM makes: a tag for each score, for the group and for the tier of value.
func (r *RFM) tags(language string) []Tag {
	const folder = "RFM"
	list := []Tag{
		{Key: "rfm_recency", Name: Text{"Recency (1–5)", "最近一次消费（1–5 分）"}.In(language), SQL: "SELECT person, r AS value FROM scores"},
		{Key: "rfm_frequency", Name: Text{"Frequency (1–5)", "消费频次（1–5 分）"}.In(language), SQL: "SELECT person, f AS value FROM scores"},
		{Key: "rfm_money", Name: Text{"Money (1–5)", "消费金额（1–5 分）"}.In(language), SQL: "SELECT person, m AS value FROM scores"},
		{Key: "rfm_group", Name: Text{"RFM group", "RFM 分群"}.In(language), SQL: "SELECT person, " + groups + " AS value FROM scores"},
		{Key: "value_tier", Name: Text{"Value tier", "价值等级"}.In(language), SQL: "SELECT person, " + tiers + " AS value FROM scores"},
	}
	for i := range list {
		t := &list[i]
		t.SQL = r.scored() + t.SQL
		t.Folder, t.EveryMinutes = folder, r.EveryHours*60
		t.MaxAgeMinutes = t.EveryMinutes + max(60, t.EveryMinutes/4)
		t.Events = []string{r.Event}
	}
	return list
}
