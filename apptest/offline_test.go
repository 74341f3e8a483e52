package apptest

import (
	"fmt"
	"math"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/sim"
)

// The demo's world has dealers' forms and receipts full of mistakes. What the server makes of them
// is held against who truly wrote them: the tablet of a motor show and the shop's phone are
// demoted, certain links are right, likely ones are found and mostly right.
func TestDirtySlipsAgainstPlantedTruth(t *testing.T) {
	t.Parallel()
	s := Start(t)
	world, err := sim.NewWorld(sim.Config{Seed: 5, Persons: 3000, Days: 20, End: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]string{}
	var online []string
	for _, source := range sim.Sources() {
		var id string
		if id, keys[source.Name] = s.Source(source.Name, source.Kind); slices.Contains([]string{"web", "app", "mini_program"}, source.Kind) {
			online = append(online, id)
		}
	}
	if _, err := sim.Load(t.Context(), world, sim.LoadOptions{Server: s.URL, Keys: keys}); err != nil {
		t.Fatal(err)
	}
	importSlips(t, s, world)
	s.Drain()
	shared := s.sharedIdentifiers()
	for _, id := range []touchstone.Identifier{world.FairTablet(), world.ShopLine()} {
		if !slices.Contains(shared, Identifier{string(id.Kind), id.Value}) {
			t.Errorf("%s says who somebody is; shared are %v", id, shared)
		}
	}
	s.AwaitJob(s.StartJob("linkage.match", map[string]any{}).ID)
	judgeSlips(t, s, world)
	judgeSales(t, s, world, online)
}

// judgeSales holds the share of sales matched against the events themselves, and whose sales it counts against the truth.
func judgeSales(t *testing.T, s *Server, world *sim.World, online []string) {
	t.Helper()
	in := "('" + strings.Join(online, "','") + "')"
	question := map[string]any{"kind": "matched", "from": "2000-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z", "interval": "total", "amount": "amount", "lookback": "1d",
		"sale": map[string]any{"event": "Receipt"}, "online": map[string]any{"event": "*", "where": []any{map[string]any{"dimension": "source", "op": "in", "value": online}}}}
	row := s.named(question)[0]
	number := func(name string) float64 { n, _ := row[name].(float64); return n }
	known := float64(s.Number(`SELECT count(*) FROM events WHERE event = 'Receipt' AND person IN (SELECT person FROM events WHERE source IN %s)`, in))
	if number("events") != float64(len(world.Receipts())) || number("identifier_events") != known || number("probable_events") != 0 || known == 0 {
		t.Errorf("%d receipts, %v by identifiers: %v", len(world.Receipts()), known, row)
	}
	cents := 0.0
	for _, slip := range world.Receipts() {
		cents += float64(slip.Cents)
	}
	if math.Abs(number("revenue")-cents/100) > 1e-6 || number("household_events") == 0 || number("events_share") <= known/number("events") {
		t.Errorf("revenue of %v: %v", cents/100, row)
	}
	whose := map[string]int{}
	for who, user := range world.Accounts() {
		whose[s.Person("user_id:"+user).ID] = who
	}
	matched := s.peopleBehind(question, map[string]any{"evidence": "identifier"})
	right, wrong := 0, 0
	for _, slip := range world.Receipts() {
		id := s.Person(string(sim.KindReceipt) + ":" + slip.Number).ID
		if owner, account := whose[id]; matched[id] && account && owner == slip.Person {
			right++
		} else if matched[id] && account {
			wrong++
		}
	}
	t.Logf("of %v receipts %v are matched by identifiers, %v more by the household; of those with an account %d are the writer's, %d are not", number("events"), known, number("household_events"), right, wrong)
	if right < 30 || wrong*8 > right {
		t.Errorf("%d sales are matched to who made them, %d to others", right, wrong)
	}
	linked := 0
	for _, p := range s.pairs("review") {
		if linked < 5 && (matched[p.Persons[0].ID] != matched[p.Persons[1].ID]) {
			if q := s.decide(p.ID, "link"); q.State == "linked" {
				linked++
			}
		}
	}
	s.Drain()
	all := 0.0
	Eventually(t, time.Minute, "links are in what the warehouse counts", func() bool { // a link comes with no event
		all = float64(s.Number(`SELECT count(*) FROM events WHERE event = 'Receipt' AND person IN (SELECT person FROM events WHERE source IN %s)`, in))
		row = s.named(question)[0]
		return number("identifier_events")+number("probable_events") == all
	})
	if number("identifier_events") != known || all > known && number("probable_events") == 0 {
		t.Errorf("after %d links %v receipts are of persons known online: %v", linked, all, row)
	}
}

// peopleBehind returns the ids of the people behind a number of an answer.
func (s *Server) peopleBehind(question, selected any) map[string]bool {
	s.t.Helper()
	found := map[string]bool{}
	for cursor := ""; ; {
		var page struct {
			Items      []struct{ ID string }
			NextCursor string `json:"next_cursor"`
		}
		s.Call(http.MethodPost, "/api/v1/query/people", map[string]any{"query": question, "select": selected, "limit": 500, "cursor": cursor}, &page)
		for _, p := range page.Items {
			found[p.ID] = true
		}
		if cursor = page.NextCursor; cursor == "" {
			return found
		}
	}
}

// importSlips imports the files as the demo does.
func importSlips(t *testing.T, s *Server, world *sim.World) {
	t.Helper()
	eachSlips(t, world, func(path, mapping, source string) {
		if got := s.Import(path, mapping, source); got.Quarantined != 0 || got.Accepted == 0 {
			t.Errorf("%s: %+v", filepath.Base(path), got)
		}
	})
}

// eachSlips writes the files of the world and calls fn with each, its mapping and its source.
func eachSlips(t *testing.T, world *sim.World, fn func(path, mapping, source string)) {
	t.Helper()
	dir := t.TempDir()
	for _, file := range world.OfflineFiles() {
		path := filepath.Join(dir, file.Name)
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := file.Write(f); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		for i, text := range file.Mappings {
			mapping := filepath.Join(dir, file.Sources[i]+".yaml")
			if err := os.WriteFile(mapping, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			fn(path, mapping, file.Sources[i])
		}
	}
}

// sharedIdentifiers returns what says no longer who somebody is.
func (s *Server) sharedIdentifiers() (list []Identifier) {
	s.t.Helper()
	for cursor := ""; ; {
		var page struct {
			Items      []Identifier `json:"items"`
			NextCursor string       `json:"next_cursor"`
		}
		s.Call(http.MethodGet, "/api/v1/identity/shared?state=shared&limit=200&cursor="+url.QueryEscape(cursor), nil, &page)
		list = append(list, page.Items...)
		if cursor = page.NextCursor; cursor == "" {
			return list
		}
	}
}

// judgeSlips counts how slips came to the accounts of those who wrote them.
func judgeSlips(t *testing.T, s *Server, world *sim.World) {
	t.Helper()
	account := map[int]string{} // person of the world → person of the server
	whose := map[string]int{}   // and back
	for who, user := range world.Accounts() {
		id := s.Person("user_id:" + user).ID
		account[who], whose[id] = id, who
	}
	certain, wrong, open := 0, 0, map[string]int{} // of slips by themselves: who wrote them
	for _, list := range [][]sim.Slip{world.Forms(), world.Receipts()} {
		for _, slip := range list {
			kind := sim.KindForm
			if slip.Cents > 0 {
				kind = sim.KindReceipt
			}
			id := s.Person(fmt.Sprintf("%s:%s", kind, slip.Number)).ID
			switch owner, known := whose[id]; {
			case known && owner == slip.Person:
				certain++
			case known:
				wrong++
				if testing.Verbose() {
					t.Logf("%+v came to person %d", slip, owner)
				}
			case account[slip.Person] != "":
				open[id] = slip.Person
			}
		}
	}
	likely, right := 0, map[string]bool{}
	for _, p := range s.pairs("review") {
		a, b := p.Persons[0].ID, p.Persons[1].ID
		if _, slip := open[a]; !slip {
			a, b = b, a
		}
		who, slip := open[a]
		if _, known := whose[b]; !slip || !known || p.Chance < 0.5 {
			continue
		}
		likely++
		if account[who] == b {
			right[a] = true
		}
	}
	judgeTop(t, s.pairs("review"), whose, open)
	t.Logf("%d slips came to their account by themselves, %d to a wrong one; of %d others %d likely pairs are right, %d are not", certain, wrong, len(open), len(right), likely-len(right))
	if certain < 50 || wrong*10 > certain {
		t.Errorf("by identifiers %d slips came to the right account and %d to a wrong one", certain, wrong)
	}
	if len(open) < 20 || len(right)*2 < len(open) || (likely-len(right))*4 > likely {
		t.Errorf("of %d slips with mistakes %d were found, with %d wrong pairs", len(open), len(right), likely-len(right))
	}
}

// judgeTop holds the top of the review queue against who is who: two accounts are never one, however alike their mail addresses, and what is thought of
// the pairs is true of them.
func judgeTop(t *testing.T, review []pair, whose, open map[string]int) {
	t.Helper()
	top, right, thought := 0., 0., 0.
	for _, p := range review {
		if p.Chance < 0.7 {
			continue
		}
		var who [2]int
		for i := range who {
			id := p.Persons[i].ID
			var known bool
			if who[i], known = whose[id]; !known {
				if who[i], known = open[id]; !known {
					who[i] = -1 - i // somebody without an account
				}
			}
		}
		if who[0] < 0 || who[1] < 0 {
			continue
		}
		top++
		thought += p.Chance
		if who[0] == who[1] {
			right++
		} else if testing.Verbose() {
			t.Logf("%.4f: %+v", p.Chance, p.Persons)
		}
	}
	t.Logf("of %.0f pairs on top of the queue %.0f are right, %.1f were thought to be", top, right, thought)
	if top < 20 || math.Abs(right-thought) > .12*top {
		t.Errorf("of %.0f pairs on top of the queue %.0f are right, and %.1f were thought to be", top, right, thought)
	}
}
