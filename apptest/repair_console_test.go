package apptest

import (
	"fmt"
	"net/http"
	"testing"
)

// In the console, in both languages: a group of refused events is repaired by the rule that is suggested, which then
// mends what comes.
func TestRepairInTheConsole(t *testing.T) {
	chromium, shots := browser(t)
	for _, lang := range []string{"en", "zh"} {
		t.Run(lang, func(t *testing.T) {
			s := Start(t, "--time-zone", "Asia/Shanghai")
			var plan planAnswer
			s.Call(http.MethodPost, "/api/v1/plans", map[string]any{"name": "shop", "draft": map[string]any{"unplanned_events": "quarantine", "invalid": "quarantine",
				"events": []any{map[string]any{"name": "Paid", "schema": map[string]any{"properties": map[string]any{"amount": map[string]any{"type": "number"}}}}}}}, &plan)
			s.Call(http.MethodPost, "/api/v1/plans/"+plan.ID+"/publish", map[string]any{}, &plan)
			for i := range 20 {
				s.Track(Event{"type": "track", "messageId": fmt.Sprint("m", i), "userId": fmt.Sprint("u", i%7), "event": "Paid", "properties": map[string]any{"amount": fmt.Sprintf("¥1,2%02d.50", i), "city": "上海"}})
			}
			s.Track(Event{"type": "track", "messageId": "other", "userId": "u", "event": "Unheard Of"})
			s.Drain()
			runClient(t, "repair.mjs", s.URL, chromium, shots, lang)
			s.Track(Event{"type": "track", "messageId": "later", "userId": "u", "event": "Paid", "properties": map[string]any{"amount": "¥9"}})
			s.Drain()
			if n := s.Number(`SELECT count(*) FROM events WHERE event = 'Paid' AND CAST(json_extract(properties, '$.amount') AS DOUBLE) >= 9`); n != 21 {
				t.Errorf("%d of 21 events are in the warehouse, mended", n)
			}
		})
	}
}
