package app

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/store/storetest"
	"github.com/touchstone-cdp/touchstone/warehouse"
)

// How many stories are played, in how many worlds at once, without the variables.
const (
	wholeSeeds = 16
	wholeChunk = 60
)

// Whoever was merged by mistake and parted again was never merged: random lives, with mistakes of
// clients, of operators and of models, and wrong rules of identity, that are repaired; with things that
// pass from hand to hand; with erasures; are held against the same
// lives without any mistake, in the whole program, on both databases. Profiles, traits, segments and
// their counters, households, questions, timelines, probable matches and what a reactor has made of it are
// the same. Then the store and the warehouse are thrown away: built anew from the log, with its
// commands, everybody has the public id that they had, and all is as it was.
//
// TOUCHSTONE_TEST_SEEDS=1000 plays so many; TOUCHSTONE_TEST_SEED says the first, which is a random one without it.
func TestMergedAndSplitIsNeverMerged(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs the whole program, several times")
	}
	seeds, first := wholeSeeds, uint64(rand.IntN(5_000_000)) //nolint:gosec // any stories: the names of the subtests say which
	if n, err := strconv.Atoi(os.Getenv("TOUCHSTONE_TEST_SEEDS")); err == nil {
		seeds = n
	}
	if n, err := strconv.ParseUint(os.Getenv("TOUCHSTONE_TEST_SEED"), 10, 64); err == nil {
		first = n
	}
	for _, dialect := range []string{"sqlite", "postgres"} {
		t.Run(dialect, func(t *testing.T) {
			url := func() string { return "" }
			if dialect == "postgres" {
				url = func() string { return storetest.PostgresSchema(t) }
				url()                   // skips without a server
				seeds = (seeds + 2) / 3 // it is slower, and what differs is the database
			}
			sum := counts{}
			for at := 0; at < seeds && !t.Failed(); at += wholeChunk {
				n := min(wholeChunk, seeds-at)
				t.Run(fmt.Sprint(first+uint64(at)), func(t *testing.T) { //nolint:gosec // few
					neverMerged(t, first+uint64(at), n, url, sum) //nolint:gosec // few
				})
			}
			t.Logf("%d stories: %v", seeds, sum)
			shown := []string{"repairs", "people", "segments", "identity.rules done"} // and what a few stories may have none of
			if seeds >= wholeSeeds {
				shown = append(shown, "erasures", "identity.rejudge done", "moved by rules")
			}
			if seeds >= wholeChunk {
				shown = append(shown, "households", "pairs", "tablets found out")
			}
			for _, what := range shown {
				if sum[what] == 0 && !t.Failed() {
					t.Errorf("no %s: the test shows nothing about them", what)
				}
			}
		})
	}
}

type counts map[string]int

func neverMerged(t *testing.T, first uint64, n int, url func() string, sum counts) {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	stories := make([]*story, n)
	for i := range stories {
		stories[i] = newStory(first+uint64(i), start) //nolint:gosec // few
	}
	var now atomic.Int64
	now.Store(start.UnixMilli())
	folder := shm(t)
	dirty := openWhole(t, filepath.Join(folder, "dirty"), url(), &now)
	dirty.define()
	clean := openWhole(t, filepath.Join(folder, "clean"), url(), &now)
	clean.define()
	rng := rand.New(rand.NewPCG(first, 1))
	parts := func(pick func(s *story) []step) (list []telling) {
		for _, s := range stories {
			list = append(list, telling{s, pick(s)})
		}
		return list
	}
	for _, w := range []*wholeWorld{dirty, clean} {
		w.append(dawn(start))
	}
	dirty.keepPace(clean, start)
	clean.keepPace(dirty, start)
	for chapter := range 2 {
		tell(rng, dirty, clean, start, parts(func(s *story) []step { return s.chapters[chapter][:len(s.chapters[chapter])/2] }))
		lift := dirty.misrule(rng, stories, sum)
		clean.keepPace(dirty, start)
		tell(rng, dirty, clean, start, parts(func(s *story) []step { return s.chapters[chapter][len(s.chapters[chapter])/2:] }))
		lift()
		sum["repairs"] += dirty.repair(stories)
		if chapter == 0 {
			sum["erasures"] += dirty.erase(stories)
			clean.keepPace(dirty, start)
			tell(rng, dirty, clean, start, parts(func(s *story) []step { return s.between }))
		}
		clean.keepPace(dirty, start)
	}
	dirty.happened(sum)
	tell(rng, dirty, clean, start, parts(func(s *story) []step { return s.last }))
	dirty.repair(stories) // who has never said it
	clean.keepPace(dirty, start)
	clean.repair(stories)
	equal(t, "as of now", stories, clean, dirty, sum)
	now.Add((26 * time.Hour).Milliseconds()) // windows lapse
	for _, w := range []*wholeWorld{dirty, clean} {
		w.pipeline.Wake()
		w.job("linkage.match")
		w.job("profiles.rebuild")
		w.rebuilt = true
	}
	want := equal(t, "a day later", stories, clean, dirty, sum)
	clean.stop()
	rebuilt(t, folder, stories, dirty, url, want)
}

// rebuilt throws the store and the warehouse away and has them built anew from the log.
func rebuilt(t *testing.T, folder string, stories []*story, before *wholeWorld, url func() string, want map[string]string) {
	t.Helper()
	if t.Failed() {
		return
	}
	had, last := before.people(), before.last
	before.stop()
	data := filepath.Join(folder, "rebuilt")
	if err := os.CopyFS(filepath.Join(data, streamName), os.DirFS(filepath.Join(folder, "dirty", streamName))); err != nil {
		t.Fatal(err)
	}
	again := openWhole(t, data, url(), before.now)
	again.last = last
	again.define()
	again.settle()
	if d := gocmp.Diff(had, again.people()); d != "" {
		t.Fatalf("whose identifiers are, by public id, before (-) and after all was built anew from the log (+): %s", d)
	}
	again.job("linkage.match")
	again.job("profiles.rebuild")
	again.rebuilt = true
	same(t, "built anew from the log", stories, again, want)
}

// happened counts what commands have done.
func (w *wholeWorld) happened(sum counts) {
	w.t.Helper()
	w.rows(`SELECT kind, state, COUNT(*) FROM commands GROUP BY kind, state`, func(scan func(...any) error) error {
		var kind, state string
		var n int
		err := scan(&kind, &state, &n)
		sum[kind+" "+state] += n
		return err
	})
	w.rows(`SELECT 'merges', COUNT(*) FROM identity_merges UNION ALL SELECT 'links left out', COUNT(*) FROM identity_dropped`, func(scan func(...any) error) error {
		var what string
		var n int
		err := scan(&what, &n)
		sum[what] += n
		return err
	})
}

// equal compares the worlds, and returns what they are.
func equal(t *testing.T, when string, stories []*story, clean, dirty *wholeWorld, sum counts) map[string]string {
	t.Helper()
	clean.settle()
	want := clean.state(stories)
	for key, value := range want {
		if strings.Contains(key, "somebody who is no more") {
			t.Errorf("%s: %s", key, value)
		}
	}
	same(t, "never merged (-), merged and parted (+), "+when, stories, dirty, want)
	for key, value := range want {
		for what, prefix := range map[string]string{"people": "profile of ", "households": "household of ", "pairs": "pair "} {
			if strings.HasPrefix(key, prefix) {
				sum[what]++
			}
		}
		if strings.HasPrefix(key, "segment ") && value != "[]" {
			sum["segments"]++
		}
	}
	return want
}

// same waits until a world is as it should be: what follows from a split is done in its own time.
func same(t *testing.T, what string, stories []*story, w *wholeWorld, want map[string]string) {
	t.Helper()
	var d []string
	for end := time.Now().Add(time.Minute); time.Now().Before(end) && !t.Failed(); time.Sleep(200 * time.Millisecond) {
		w.settle()
		if d = differences(want, w.state(stories)); len(d) == 0 {
			return
		}
	}
	t.Errorf("%s:\n%s", what, strings.Join(d[:min(40, len(d))], "\n"))
}

// differences are the lines that only one has.
func differences(want, got map[string]string) (list []string) {
	keys := maps.Clone(want)
	maps.Copy(keys, got)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if want[key] == got[key] {
			continue
		}
		had, has := strings.Split(want[key], "\n"), strings.Split(got[key], "\n")
		for sign, lines := range map[string][]string{"-": had, "+": has} {
			for _, line := range lines {
				if !slices.Contains(had, line) || !slices.Contains(has, line) {
					list = append(list, fmt.Sprintf("%s %s: %.1500s", sign, key, line))
				}
			}
		}
	}
	return list
}

// sessions are counted as events come: with disorder of more than four of them, as merges bring, the number
// is exact when a profile has been computed anew from history only.
var sessions = regexp.MustCompile(`"sessions":\d+`)

var publicID = regexp.MustCompile(`"p_[0-9a-z]+"`)

// state is all that is known of everybody, with the people's names in the place of numbers.
func (w *wholeWorld) state(stories []*story) map[string]string {
	w.t.Helper()
	all, names := map[string]string{}, map[touchstone.PersonID]string{}
	at := w.people()
	names[at["user_id:dawn"]] = "dawn"
	for _, s := range stories {
		for _, o := range s.owners {
			for _, id := range o.ids {
				if p := at[id.String()]; p != 0 {
					names[p] = o.label
					all["identifier "+id.String()] = o.label
				}
			}
		}
	}
	named := func(text string) string {
		return publicID.ReplaceAllStringFunc(text, func(id string) string {
			p, _ := touchstone.ParsePersonID(strings.Trim(id, `"`))
			if names[p] == "" {
				return id
			}
			return `"` + names[p] + `"`
		})
	}
	w.orphans(all, at)
	w.profilesOf(all, names, named)
	w.segmentsOf(all, names)
	w.eventsOf(all, names)
	w.householdsOf(all, names, named)
	w.questions(all)
	w.rows(`SELECT person_a, person_b, weight, decision FROM linkage_pairs`, func(scan func(...any) error) error {
		var a, b int64
		var weight float64
		var decision string
		err := scan(&a, &b, &weight, &decision)
		pair := []string{names[touchstone.PersonID(a)], names[touchstone.PersonID(b)]}
		slices.Sort(pair)
		all["pair "+strings.Join(pair, " ")] = fmt.Sprintf("%.2f %s", weight, decision)
		return err
	})
	w.rows(`SELECT person, COUNT(*) FROM stamps GROUP BY person`, func(scan func(...any) error) error {
		var person, n int64
		err := scan(&person, &n)
		all["stamps of "+names[touchstone.PersonID(person)]] = strconv.FormatInt(n, 10)
		return err
	})
	return all
}

// orphans looks for rows of persons who are no more.
func (w *wholeWorld) orphans(all map[string]string, at map[string]touchstone.PersonID) {
	there := map[int64]bool{0: true}
	for _, p := range at {
		there[int64(p)] = true
	}
	for _, k := range w.keepers() {
		for _, table := range k.Tables() {
			for _, column := range table.Persons {
				if table.Stays != "" {
					continue
				}
				w.rows(`SELECT DISTINCT CAST(`+column+` AS TEXT) FROM `+table.Name, func(scan func(...any) error) error {
					var text string
					if err := scan(&text); err != nil {
						return err
					}
					if n, err := strconv.ParseInt(text, 10, 64); err == nil && !there[n] {
						all["somebody who is no more in "+table.Name+"."+column] += " " + text
					}
					return nil
				})
			}
		}
	}
}

func (w *wholeWorld) profilesOf(all map[string]string, names map[touchstone.PersonID]string, named func(string) string) {
	ctx := w.t.Context()
	for p, name := range names {
		one, err := w.profiles.Get(ctx, access.System(), p)
		if err != nil {
			w.t.Fatal(name, err)
		}
		text, err := json.Marshal(one)
		if err != nil {
			w.t.Fatal(err)
		}
		all["profile of "+name] = sessions.ReplaceAllString(named(string(text)), `"sessions":?`)
		if w.rebuilt {
			all["profile of "+name] = named(string(text))
		}
	}
	count, err := w.profiles.Count(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	all["persons"] = strconv.FormatInt(count, 10)
	traits, err := w.profiles.Traits(ctx, access.System())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, one := range traits {
		if one.Persons > 0 {
			all["persons with trait "+one.Trait] = strconv.FormatInt(one.Persons, 10)
		}
	}
}

func (w *wholeWorld) segmentsOf(all map[string]string, names map[touchstone.PersonID]string) {
	list, err := w.segments.List(w.t.Context(), access.System())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, g := range list {
		ids, err := w.segments.MemberIDs(w.t.Context(), g.ID)
		if err != nil {
			w.t.Fatal(err)
		}
		members := make([]string, len(ids))
		for i, p := range ids {
			members[i] = names[p]
		}
		slices.Sort(members)
		all["segment "+g.Name] = fmt.Sprint(members)
		all["members of segment "+g.Name] = strconv.FormatInt(g.Members, 10)
	}
}

// eventsOf is the timeline of everybody, and the warehouse's rows.
func (w *wholeWorld) eventsOf(all map[string]string, names map[touchstone.PersonID]string) {
	res, err := w.warehouse.Query(w.t.Context(), warehouse.Statement{SQL: `SELECT person, message_id, event, CAST(time AS VARCHAR), properties FROM events ORDER BY time, message_id`, Own: true})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, row := range res.Rows {
		person, _ := touchstone.ParsePersonID(fmt.Sprint(row[0]))
		name := names[person]
		if name == "" {
			all["events of somebody who is no more"] += fmt.Sprintln(row...)
			continue
		}
		all["events of "+name] += fmt.Sprint(row[1:]...) + "\n"
	}
	for p, name := range names {
		status, text := w.get("/api/v1/persons/" + p.String() + "/events?limit=500")
		if status != 200 {
			w.t.Fatal(status, text)
		}
		var page struct {
			Items []struct {
				MessageID string `json:"message_id"`
				Time      string
			}
		}
		if err := json.Unmarshal([]byte(text), &page); err != nil {
			w.t.Fatal(err)
		}
		slices.SortFunc(page.Items, func(a, b struct {
			MessageID string `json:"message_id"`
			Time      string
		}) int {
			return strings.Compare(a.Time+a.MessageID, b.Time+b.MessageID)
		})
		all["timeline of "+name] = fmt.Sprint(page.Items)
	}
}

func (w *wholeWorld) householdsOf(all map[string]string, names map[touchstone.PersonID]string, named func(string) string) {
	homes := map[int64][]string{}
	w.rows(`SELECT household, person, spans, score, roles FROM household_members`, func(scan func(...any) error) error {
		var home, person, score int64
		var spans, roles string
		err := scan(&home, &person, &spans, &score, &roles)
		homes[home] = append(homes[home], fmt.Sprintf("%s: %s %d %s", names[touchstone.PersonID(person)], spans, score, roles))
		return err
	})
	for _, members := range homes {
		slices.Sort(members)
		all["household of "+members[0]] = strings.Join(members, "; ")
	}
	for next := ""; ; {
		status, text := w.get("/api/v1/households?limit=100&cursor=" + next)
		if status != 200 {
			w.t.Fatal(status, text)
		}
		var page struct {
			Items []map[string]any `json:"items"`
			Next  string           `json:"next_cursor"`
		}
		if err := json.Unmarshal([]byte(named(text)), &page); err != nil {
			w.t.Fatal(err)
		}
		for _, h := range page.Items {
			delete(h, "id")
			members, _ := h["members"].([]any)
			lines := make([]string, len(members))
			for i, m := range members {
				lines[i] = fmt.Sprint(m)
			}
			slices.Sort(lines)
			h["members"] = lines
			all["line of household "+lines[0]] = fmt.Sprint(h)
		}
		if next = page.Next; next == "" {
			return
		}
	}
}

// questions are asked of all, by person and by household.
func (w *wholeWorld) questions(all map[string]string) {
	const within = `"from":"2026-02-01T00:00:00Z","to":"2026-04-01T00:00:00Z","tz":"UTC"`
	segment := ""
	list, err := w.segments.List(w.t.Context(), access.System())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, g := range list {
		if g.Name == "2" {
			segment = g.ID
		}
	}
	for _, subject := range []string{"person", "household"} {
		for what, question := range map[string]string{
			"trend":     `"kind":"trend","interval":"day","series":[{"event":"*","measure":"count"},{"event":"*","measure":"persons"},{"event":"Order Completed","measure":"sum","property":"revenue"}]`,
			"breakdown": `"kind":"trend","interval":"total","breakdown":[{"property":"city"}],"series":[{"event":"Order Completed","measure":"persons"}]`,
			"segment":   `"kind":"trend","interval":"total","segment":"` + segment + `","series":[{"event":"*","measure":"persons"},{"event":"*","measure":"count"}]`,
			"funnel":    `"kind":"funnel","window":"2d","steps":[{"event":"Viewed"},{"event":"Order Completed"},{"event":"$identify"}]`,
			"retention": `"kind":"retention","interval":"day","periods":4,"first":{"event":"*"},"return":{"event":"*"}`,
		} {
			status, text := w.post("/api/v1/query", fmt.Sprintf(`{"subject":%q,%s,%s}`, subject, within, question), "Authorization", "Bearer dev", "Content-Type", "application/json")
			var answer struct{ Rows [][]any }
			if err := json.Unmarshal([]byte(text), &answer); err != nil || status != 200 {
				w.t.Fatal(what, status, text)
			}
			lines := map[string]bool{}
			for _, row := range answer.Rows {
				lines[fmt.Sprint(row...)] = true
			}
			all[what+" by "+subject] = strings.Join(slices.Sorted(maps.Keys(lines)), "\n")
		}
	}
}
