package warehouse

import (
	"strings"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone"
)

// Of an event that is made nobody's there stays what questions count by, and nothing that names or leads to somebody.
func TestAnonymise(t *testing.T) {
	at := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	f := touchstone.Fact{Seq: 7, Node: 5, Person: 3, Was: 2, Event: touchstone.Event{Type: touchstone.Track, MessageID: "m-1", Name: "Order", Time: at, ReceivedAt: at, Source: "web",
		UserID: "ana", AnonymousID: "a1", PreviousID: "p1", GroupID: "g1", Identifiers: []touchstone.Identifier{{Kind: "email", Value: "ana@x.org"}},
		Properties: `{"price":10.50,"phone":"13800000000","to":{"mail":"ana@x.org","city":"上海","tags":["a","ana@x.org",2]},"n":null}`, Traits: `{"name":"Ana"}`,
		Context: `{"sessionId":"s-9","ip":"1.2.3.4","userAgent":"Mozilla/5.0 (Windows NT 10.0)","location":{"city":"Rome","country":"IT"},"campaign":{"source":"x","term":"ana@x.org"},"page":{"path":"/a","url":"https://x.org/a?u=ana"},"traits":{"email":"ana@x.org"}}`}}
	var before, after Dimensions
	before.Extract(&f.Event)
	personal := func(name string, value touchstone.JSON) bool {
		return name == "phone" || strings.HasPrefix(string(value), `"`) && strings.Contains(string(value), "@")
	}
	Anonymise(&f, -4, personal)
	after.Extract(&f.Event)
	before[Session], before[UTMTerm] = "", ""
	if before != after {
		t.Errorf("the dimensions are %q, not %q", after, before)
	}
	if want := touchstone.JSON(`{"n":null,"price":10.50,"to":{"city":"上海","tags":["a",2]}}`); f.Properties != want {
		t.Errorf("%s, not %s", f.Properties, want)
	}
	kept := f
	kept.Properties, kept.Context = "", ""
	if want := (touchstone.Event{Type: touchstone.Track, Name: "Order", Time: at, ReceivedAt: at, Source: "web"}); kept.Seq != 7 || kept.Node != -4 || kept.Person != 0 || kept.Was != 0 ||
		kept.MessageID+kept.UserID+kept.AnonymousID+kept.PreviousID+kept.GroupID+string(kept.Traits) != "" || kept.Identifiers != nil || kept.Name != want.Name || !kept.Time.Equal(at) || kept.Source != want.Source {
		t.Errorf("%+v", kept)
	}
	for _, trace := range []string{"s-9", "1.2.3.4", "ana", "138"} {
		if strings.Contains(string(f.Properties+f.Context), trace) {
			t.Errorf("%q is left: %s %s", trace, f.Properties, f.Context)
		}
	}
	identify := touchstone.Fact{Event: touchstone.Event{Type: touchstone.Identify, Name: "$identify", Traits: `{"x":1}`, Properties: `{"x":1}`}}
	Anonymise(&identify, -6, personal)
	if identify.Properties != "" || identify.Traits != "" {
		t.Errorf("%+v", identify)
	}
	broken := touchstone.Fact{Event: touchstone.Event{Type: touchstone.Track, Properties: `{"x":`}}
	if Anonymise(&broken, -6, personal); broken.Properties != "{}" {
		t.Errorf("%+v", broken.Properties)
	}
}
