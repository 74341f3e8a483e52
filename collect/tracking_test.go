package collect_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/touchstone-cdp/touchstone"
)

func TestEveryCallBecomesItsEvent(t *testing.T) {
	e := newEdge(t, nil)
	base := func(typ touchstone.EventType, name string) touchstone.Event {
		return touchstone.Event{
			Type: typ, Name: name, MessageID: "m1", Time: e.now, ReceivedAt: e.now, Source: e.source.ID, UserID: "u1",
			Identifiers: []touchstone.Identifier{{Kind: "user_id", Value: "u1"}},
		}
	}
	with := func(ev touchstone.Event, change func(*touchstone.Event)) touchstone.Event {
		change(&ev)
		return ev
	}
	for _, test := range []struct {
		paths []string
		body  string
		want  touchstone.Event
	}{
		{[]string{"/v1/track", "/v1/t"}, `{"userId":"u1","messageId":"m1","event":"Order Completed","properties":{"price":12.50,"skus":["a","b"]}}`,
			with(base(touchstone.Track, "Order Completed"), func(e *touchstone.Event) { e.Properties = `{"price":12.50,"skus":["a","b"]}` })},
		{[]string{"/v1/identify", "/v1/i"}, `{"userId":"u1","messageId":"m1","traits":{"email":" Ann@Example.COM ","phone":"138 0013 8000","age":31}}`,
			with(base(touchstone.Identify, "$identify"), func(e *touchstone.Event) {
				e.Traits = `{"email":" Ann@Example.COM ","phone":"138 0013 8000","age":31}`
				e.Identifiers = append(e.Identifiers, touchstone.Identifier{Kind: "phone", Value: "+8613800138000"}, touchstone.Identifier{Kind: "email", Value: "ann@example.com"})
			})},
		{[]string{"/v1/page", "/v1/p"}, `{"userId":"u1","messageId":"m1","name":"Home \"x\"","category":"Docs","properties":{"url":"https://x.cn/","name":"kept"}}`,
			with(base(touchstone.Page, "$page"), func(e *touchstone.Event) { e.Properties = `{"category":"Docs","url":"https://x.cn/","name":"kept"}` })},
		{[]string{"/v1/screen", "/v1/s"}, `{"userId":"u1","messageId":"m1","name":"Cart \u4f60"}`,
			with(base(touchstone.Screen, "$screen"), func(e *touchstone.Event) { e.Properties = `{"name":"Cart \u4f60"}` })},
		{[]string{"/v1/group", "/v1/g"}, `{"userId":"u1","messageId":"m1","groupId":42,"traits":{"email":"info@group.cn","plan":"pro"}}`,
			with(base(touchstone.Group, "$group"), func(e *touchstone.Event) {
				e.GroupID, e.Traits = "42", `{"email":"info@group.cn","plan":"pro"}`
			})},
		{[]string{"/v1/alias", "/v1/a"}, `{"userId":"u1","messageId":"m1","previousId":"anon-7"}`,
			with(base(touchstone.Alias, "$alias"), func(e *touchstone.Event) { e.PreviousID = "anon-7" })},
		{[]string{"/v1/batch", "/v1/b", "/v1/import"}, `{"batch":[{"type":"track","userId":"u1","messageId":"m1","event":"x"}]}`, base(touchstone.Track, "x")},
	} {
		for _, path := range test.paths {
			t.Run(path, func(t *testing.T) {
				if d := cmp.Diff(test.want, e.one(t, path, test.body)); d != "" {
					t.Error(d)
				}
			})
		}
	}
}
