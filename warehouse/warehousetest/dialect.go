package warehousetest

import (
	"crypto/md5" //nolint:gosec // only to tell texts apart
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/warehouse"
)

// testDialect checks each expression of the dialect on one row.
func testDialect(t *testing.T, s *subject) {
	f := record(0, 1, 1)
	f[0].Properties = touchstone.JSON(`{"n":1.5,"s":"2.50","b":true,"t":"true","z":null,"o":{"k.x":{"y":"deep"}},"w":" 5 ","u":"1_0","i":"inf","e":"-1e2","l":[1]}`)
	s.append(t, warehouse.Commit{Through: 1, Facts: f})
	d := s.Dialect()
	for _, c := range []struct{ expr, want string }{
		{d.JSON(warehouse.AsText, "properties", "n"), "1.5"},
		{d.JSON(warehouse.AsText, "properties", "s"), "2.50"},
		{d.JSON(warehouse.AsText, "properties", "b"), "true"},
		{d.JSON(warehouse.AsText, "properties", "z"), "<nil>"},
		{d.JSON(warehouse.AsText, "properties", "missing"), "<nil>"},
		{d.JSON(warehouse.AsText, "properties", "o", "k.x", "y"), "deep"},
		{d.JSON(warehouse.AsNumber, "properties", "n"), "1.5"},
		{d.JSON(warehouse.AsNumber, "properties", "s"), "2.5"},
		{d.JSON(warehouse.AsNumber, "properties", "e"), "-100"},
		{d.JSON(warehouse.AsNumber, "properties", "b"), "<nil>"},
		{d.JSON(warehouse.AsNumber, "properties", "w"), "<nil>"},
		{d.JSON(warehouse.AsNumber, "properties", "u"), "<nil>"},
		{d.JSON(warehouse.AsNumber, "properties", "i"), "<nil>"},
		{d.JSON(warehouse.AsNumber, "properties", "l"), "<nil>"},
		{d.JSON(warehouse.AsBoolean, "properties", "b"), "true"},
		{d.JSON(warehouse.AsBoolean, "properties", "t"), "<nil>"},
		{d.JSON(warehouse.AsDigest, "properties", "n"), digest("1.5")},
		{d.JSON(warehouse.AsDigest, "properties", "o", "k.x", "y"), digest("deep")},
		{d.JSON(warehouse.AsDigest, "properties", "z"), "<nil>"},
		{d.Millis("time"), fmt.Sprint(start.UnixMilli())},
		{d.Month(d.Millis("time")), fmt.Sprint(2026*12 + 0)},
		{d.JSON(warehouse.AsHash, "properties", "t") + " = " + d.JSON(warehouse.AsHash, "properties", "b"), "true"},
		{d.JSON(warehouse.AsHash, "properties", "t") + " <> " + d.JSON(warehouse.AsHash, "properties", "n"), "true"},
		{d.JSON(warehouse.AsHash, "properties", "t") + " >= 0", "true"},
		{d.JSON(warehouse.AsHash, "properties", "z"), "<nil>"},
		{d.Fold("'ÄPFEL und Äpfel'"), "äpfel und äpfel"},
		{d.EventName("event"), "view"},
		{d.Month("1772323200000 - 1"), fmt.Sprint(2026*12 + 1)}, // the last moment of February
	} {
		s.expect(t, "SELECT "+c.expr+" FROM events_raw", c.want)
	}
	values := "(SELECT CAST(n AS DOUBLE) AS x FROM " + d.Numbers() + ") v"
	for _, c := range []struct{ expr, want string }{
		{d.Quantile("x", 0.5), "2.5"},
		{d.Quantile("x", 0.9), "3.7"},
		{d.Sum("x"), "10"},
	} {
		if got := s.rows(t, "SELECT "+c.expr+" FROM "+values, []int64{4, 1, 3, 2}); got[0] != c.want {
			t.Errorf("%s: got %s, want %s", c.expr, got[0], c.want)
		}
	}
	if got := s.rows(t, "SELECT word, n FROM "+d.Words(2)+" w ORDER BY n", "it's", 1, "上海", 2); fmt.Sprint(got) != "[it's 1 上海 2]" {
		t.Errorf("words: got %v", got)
	}
	// What an engine may have to be told.
	for statement, want := range map[string]string{
		"SELECT coalesce(o.person, -1), o.person IS NULL FROM events_raw e LEFT JOIN overrides o ON o.node = e.node":      "-1 true",
		"SELECT max(seq), (SELECT max(e.type) FROM events_raw e WHERE e.seq < 0), count(*) FROM events_raw WHERE seq < 0": "<nil> <nil> 0",
		"SELECT CAST(NULL AS DOUBLE), CAST(NULL AS BOOLEAN)":                                                              "<nil> <nil>",
		"SELECT platform FROM events_raw UNION ALL SELECT 'web' ORDER BY 1 LIMIT 1":                                       "web",
		"SELECT position('ü' IN 'aüb') > 0, position('A' IN 'aüb') > 0, position('aü' IN 'aüb') = 1":                      "true false true",
		"SELECT NULL = 1, NULL IN (1, 2), NOT coalesce(NULL = 1, FALSE)":                                                  "<nil> <nil> true",
		"SELECT 'a' || 'b', CASE WHEN FALSE THEN 1 END":                                                                   "ab <nil>",
	} {
		s.expect(t, statement, want)
	}
}

// digest is what [warehouse.AsDigest] gives for a text.
func digest(text string) string {
	sum := md5.Sum([]byte(text)) //nolint:gosec // only to tell texts apart
	return fmt.Sprint(binary.LittleEndian.Uint64(sum[8:]) >> 1)
}
