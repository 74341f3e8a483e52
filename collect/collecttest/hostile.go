// Package collecttest makes requests that nobody should send: the property that no
// accepted request stops a consumer is tested with them.
package collecttest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/stream"
)

// Hostile makes requests of the tracking API and imports' frames, the same ones for the
// same seed. Most are accepted, as a whole or in part. Use one per goroutine.
type Hostile struct {
	r    *rand.Rand
	sent int
	name string
}

// NewHostile makes one.
func NewHostile(seed uint64) *Hostile {
	return &Hostile{r: rand.New(rand.NewPCG(seed, 7)), name: strconv.FormatUint(seed, 36)} //nolint:gosec // not for secrets
}

var calls = []string{"track", "identify", "page", "screen", "group", "alias"}

func pick[T any](h *Hostile, list ...T) T { return list[h.r.IntN(len(list))] }

func (h *Hostile) chance(percent int) bool { return h.r.IntN(100) < percent }

// Request returns a path and a body, with the write key "dev".
func (h *Hostile) Request() (path, body string) {
	if h.chance(30) {
		call := pick(h, calls...)
		return "/v1/" + call, h.event(call, `"writeKey":"dev"`)
	}
	events := make([]string, h.r.IntN(12))
	for i := range events {
		call := pick(h, calls...)
		events[i] = h.event(call, `"type":"`+pick(h, call, call, call, call, call, call, call, call, call, "Track", "rejected", "")+`"`)
	}
	body = `{"writeKey":"dev","batch":[` + strings.Join(events, ",") + `]`
	if h.chance(30) {
		body += `,"context":` + h.context()
	}
	if h.chance(30) {
		body += `,"sentAt":` + h.time()
	}
	return "/v1/batch", body + "}"
}

// event is the text of one event that begins with a field.
func (h *Hostile) event(call, first string) string {
	h.sent++
	fields := []string{first}
	add := func(percent int, name string, value func() string) {
		if h.chance(percent) {
			fields = append(fields, `"`+name+`":`+value())
		}
	}
	add(70, "messageId", func() string {
		return pick(h, fmt.Sprintf(`"h-%s-%d"`, h.name, h.sent), `"the same for all"`, fmt.Sprintf(`"h-%s-%d"`, h.name, h.sent), fmt.Sprintf(`"%s-%d\\u0000%s"`, h.name, h.sent, strings.Repeat("m", 200)))
	})
	add(60, "userId", h.id)
	add(50, "anonymousId", h.id)
	add(80, "context", h.context)
	add(40, "timestamp", h.time)
	add(10, "originalTimestamp", h.time)
	add(10, "sentAt", h.time)
	switch call {
	case "track":
		add(95, "event", h.text)
		add(70, "properties", func() string { return h.object(4) })
	case "identify":
		add(90, "traits", h.traits)
	case "page", "screen":
		add(50, "name", h.text)
		add(50, "category", h.text)
		add(70, "properties", func() string { return h.object(3) })
	case "group":
		add(95, "groupId", h.id)
		add(60, "traits", h.traits)
	case "alias":
		add(95, "previousId", h.id)
	}
	return "{" + strings.Join(fields, ",") + "}"
}

// id is one of few values, so that persons meet, or an odd one.
func (h *Hostile) id() string {
	if h.chance(85) {
		return pick(h, fmt.Sprintf(`"u-%d"`, h.r.IntN(40)), fmt.Sprintf(`"u-%d"`, h.r.IntN(100_000)), `"a\u0000b"`, `"😀"`, "17", "9007199254740993", `"'; DROP TABLE identity_nodes; --"`)
	}
	return pick(h, `"null"`, `"0"`, `""`, `" "`, `"\u0000"`, `"\ud800"`, `"😀"`, "17", "1e3", "1.50", "-0", "9007199254740993", `"`+strings.Repeat("长", 80)+`"`,
		`"a@example.com"`, `"+8613800138000"`, `"\u202e\u200b"`, `"'; DROP TABLE identity_nodes; --"`, `"{}"`, "null", "true", "[]", "{}")
}

func (h *Hostile) text() string {
	if h.chance(85) {
		return pick(h, `"Viewed"`, `"Paid"`, `"付款"`, `"a\u0000b"`, `"\ud83d"`, fmt.Sprintf(`"Event %d"`, h.r.IntN(3000)))
	}
	return pick(h, `"Viewed"`, `"Paid"`, `"View"`, `"付款"`, `"a\u0000b"`, `"\ud83d"`, `"$page"`, `"%s%n"`, `"`+strings.Repeat("n", 250)+`"`, fmt.Sprintf(`"Event %d"`, h.r.IntN(3000)), `" "`, `""`, "7", "null")
}

func (h *Hostile) time() string {
	if h.chance(85) {
		return pick(h, `"2026-01-02T03:04:05.678Z"`, `"2026-01-02"`, `"1970-01-01T00:00:00Z"`, "1767323045678", `"`+time.Now().UTC().Format(time.RFC3339Nano)+`"`)
	}
	return pick(h, `"2026-01-02T03:04:05.678Z"`, `"2026-01-02"`, `"1970-01-01T00:00:00Z"`, `"0001-01-01T00:00:00Z"`, `"9999-12-31T23:59:59Z"`, `"292277026596-12-04T15:30:08Z"`,
		"1767323045678", "1767323045", "-1", "1e300", "9223372036854775807", `"tomorrow"`, `"2016-12-31T23:59:60Z"`, "null", "{}", `"`+time.Now().UTC().Format(time.RFC3339Nano)+`"`)
}

func (h *Hostile) number() string {
	if h.chance(70) {
		return strconv.Itoa(h.r.IntN(1000))
	}
	return pick(h, "0", "-0", "1", "-1.5e-7", "9007199254740993", "18446744073709551616", "1e308", "-1e308", "4.9e-324", "0.1", "99999999999999999999999999999999")
}

func (h *Hostile) value(depth int) string {
	switch n := h.r.IntN(12); {
	case n < 3:
		return h.number()
	case n < 6:
		return h.text()
	case n == 6:
		return pick(h, "true", "false", "null")
	case n == 7 && depth > 0:
		return "[" + h.value(depth-1) + "," + h.value(depth-1) + "]"
	case n == 8 && depth > 0:
		return h.object(depth - 1)
	case n == 9:
		deep := h.r.IntN(58)
		return strings.Repeat("[", deep) + strings.Repeat("]", deep)
	case n == 10 && h.chance(10):
		return `"` + strings.Repeat("x", h.r.IntN(20_000)) + `"`
	}
	return h.time()
}

func (h *Hostile) object(depth int) string {
	fields := make([]string, h.r.IntN(6))
	for i := range fields {
		key := pick(h, "price", "city", "a b", "", "__proto__", "键", "a.b", "$", "path", "\\u0000", "'", fmt.Sprint("k", h.r.IntN(500)))
		fields[i] = fmt.Sprintf(`"%s%s":%s`, key, pick(h, fmt.Sprint(i), fmt.Sprint(i), fmt.Sprint(i), fmt.Sprint(i, h.r.IntN(9)), ""), h.value(depth))
	}
	return "{" + strings.Join(fields, ",") + "}"
}

func (h *Hostile) traits() string {
	text := h.object(2)
	more := fmt.Sprintf(`"email":%s,"phone":%s,"plan":%s`, h.id(), h.id(), h.value(1))
	if text == "{}" {
		return "{" + more + "}"
	}
	return text[:len(text)-1] + "," + more + "}"
}

// context has the parts that somebody reads, with values of all kinds.
func (h *Hostile) context() string {
	var fields []string
	add := func(percent int, name string, value func() string) {
		if h.chance(percent) {
			fields = append(fields, `"`+name+`":`+value())
		}
	}
	any1 := func() string { return h.value(2) }
	add(70, "externalIds", h.externalIDs)
	add(20, "traits", func() string { return pick(h, h.traits(), any1()) })
	for _, part := range []string{"location", "campaign", "page", "device", "library", "os", "consent", "userAgentData"} {
		add(15, part, func() string {
			return pick(h, any1(), fmt.Sprintf(`{"name":%s,"city":%s,"country":%s,"source":%s,"path":%s,"type":%s,"id":%s,"categoryPreferences":%s,"advertisingId":%s}`,
				h.text(), h.text(), any1(), h.text(), any1(), any1(), h.id(), h.object(1), h.id()))
		})
	}
	for _, part := range []string{"channel", "platform", "sessionId", "userAgent", "ip", "locale"} {
		add(15, part, any1)
	}
	return "{" + strings.Join(fields, ",") + "}"
}

func (h *Hostile) externalIDs() string {
	ids := make([]string, h.r.IntN(4))
	for i := range ids {
		kind := pick(h, "group_id", "groupId", "vin", "plate", "openid", "unionid", "email", "phone", "device_id", "user_id", "", "no kind!", strings.Repeat("k", 33), fmt.Sprint("kind_", h.r.IntN(400)))
		ids[i] = fmt.Sprintf(`{"id":%s,"type":"%s","collection":"%s"}`, h.id(), kind, pick(h, "users", "users", "users", "accounts", ""))
	}
	return "[" + strings.Join(ids, ",") + "]"
}

// Frames returns the events of an import, as the command line sends them.
func (h *Hostile) Frames() []byte {
	var out []byte
	odd := h.chance(50)
	for range h.r.IntN(30) {
		h.sent++
		if !odd || h.chance(50) {
			out = stream.AppendFrame(out, touchstone.AppendEvent(nil, h.imported()))
			continue
		}
		e := touchstone.Event{
			Type: pick(h, touchstone.Track, touchstone.Identify, touchstone.Page, touchstone.Group, touchstone.Alias, touchstone.Rejected),
			Name: pick(h, "Viewed", "$identify", "a\x00b", "\xff", "", strings.Repeat("n", 300)), MessageID: pick(h, fmt.Sprintf("f-%s-%d", h.name, h.sent), "", "a\x00", "\xfe", "the same for all"),
			Time:       time.UnixMilli(pick[int64](h, 0, 1_767_323_045_678, -1, math.MaxInt64/2_000_000, -62_135_596_800_000, 253_402_300_799_999)),
			PreviousID: pick(h, "", "u-1", "\xff", "null"), GroupID: pick(h, "", "g", strings.Repeat("g", 5000)),
			Properties: touchstone.JSON(pick(h, "", "{}", `{"a":1}`, `{"a":`, "[]", `{"a":"`+"\xff"+`"}`, h.object(3))),
			Traits:     touchstone.JSON(pick(h, "", h.traits())), Context: touchstone.JSON(pick(h, "", h.context())),
			Reason: pick(h, "", "row: bad", "\xff\x00"), Raw: touchstone.JSON(pick(h, "", "{}", "a;b\x00;\xff")),
		}
		for range h.r.IntN(4) {
			e.Identifiers = append(e.Identifiers, touchstone.Identifier{
				Kind:  touchstone.IdentifierKind(pick(h, "user_id", "anonymous_id", "email", "group_id", "vin", "UserId", "", "\xff", fmt.Sprint("kind_", h.r.IntN(400)))),
				Value: pick(h, fmt.Sprint("u-", h.r.IntN(40)), "", "null", "\xff\xfe", "a\x00", strings.Repeat("v", 2000)),
			})
		}
		out = stream.AppendFrame(out, touchstone.AppendEvent(nil, &e))
	}
	return out
}

// imported is an event of a file that is as it should be, but for the kind of its second identifier.
func (h *Hostile) imported() *touchstone.Event {
	return &touchstone.Event{
		Type: touchstone.Track, Name: "Bought", MessageID: fmt.Sprintf("g-%s-%d", h.name, h.sent), Time: time.UnixMilli(1_767_323_045_678 + int64(h.sent)),
		Identifiers: []touchstone.Identifier{{Kind: touchstone.KindUserID, Value: fmt.Sprint("u-", h.r.IntN(40))},
			{Kind: touchstone.IdentifierKind(pick(h, "email", "group_id", "vin", fmt.Sprint("kind_", h.r.IntN(400)))), Value: fmt.Sprint("v", h.r.IntN(500))}},
		Properties: touchstone.JSON(`{"price":` + strconv.Itoa(h.r.IntN(100)) + "}"),
	}
}
