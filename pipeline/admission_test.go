package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/admission"
	"github.com/touchstone-cdp/touchstone/admission/mend"
	"github.com/touchstone-cdp/touchstone/admission/plan"
	"github.com/touchstone-cdp/touchstone/command"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
	"github.com/touchstone-cdp/touchstone/stream"
)

// withAdmission lets a world carry out admission.set.
func (w *world) withAdmission() *admission.Versions {
	w.Helper()
	versions, err := admission.Open(w.Context(), admission.Config{DB: w.db, Committed: func(ctx context.Context, q store.Querier) ([]uint64, error) {
		return Committed(ctx, q, w.log.Partitions())
	}})
	if err != nil {
		w.Fatal(err)
	}
	commands, err := command.New(w.Context(), command.Config{DB: w.db, Log: w.log,
		Kinds: []command.Kind{
			{Name: admission.Command, Check: admission.CheckBody, Do: versions.Set},
			{Name: admission.PublishCommand, Check: admission.CheckPublish, Do: versions.Publish},
			{Name: admission.RetireCommand, Check: admission.CheckRetire, Do: versions.Retire},
			{Name: admission.PutMendCommand, Check: admission.CheckPutMend, Do: versions.PutMend},
			{Name: admission.RemoveMendCommand, Check: admission.CheckRemoveMend, Do: versions.RemoveMend},
		}})
	if err != nil {
		w.Fatal(err)
	}
	w.setup = func(c *Config, s *SinkConfig) {
		c.Commands, c.Admission, s.Admission, c.MaxEvents = commands, versions, versions, 7
	}
	return versions
}

func (w *world) appendEvents(events ...touchstone.Event) {
	w.Helper()
	var frames []byte
	for i := range events {
		frames = stream.AppendFrame(frames, touchstone.AppendEvent(nil, &events[i]))
	}
	if _, err := w.log.Append(w.Context(), 0, stream.EncodeRecord(nil, frames, len(events))); err != nil {
		w.Fatal(err)
	}
}

func (w *world) setRules(id string, rules []admission.Rule) {
	w.Helper()
	w.command(id, admission.Command, admission.Body{Rules: rules})
}

func (w *world) command(id, kind string, in any) {
	w.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		w.Fatal(err)
	}
	c := touchstone.Command{ID: id, Kind: kind, Actor: "usr_1", SubmittedAt: time.Now(), Body: touchstone.JSON(body)}
	w.appendEvents(c.Event())
}

// rows is what the warehouse holds, in words.
func (l *lake) rows() (rows []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.facts {
		rows = append(rows, row(&l.facts[i].Event))
	}
	return rows
}

func row(e *touchstone.Event) string {
	return fmt.Sprintf("%s %s/%s %s %s %s", e.MessageID, e.Source, e.Name, e.Properties, e.Traits, e.Context)
}

func someRules(r *rand.Rand) (rules []admission.Rule) {
	pick := func(s ...string) string { return s[r.IntN(len(s))] }
	for range r.IntN(5) {
		rule := admission.Rule{Source: pick("", "src_a", "src_b"), Event: pick("", "x", "y")}
		if r.IntN(4) == 0 {
			rule.Drop = pick("a test", "not ours")
		}
		for range r.IntN(3) {
			m := admission.Mask{In: pick("properties", "traits"), Name: pick("p", "q", "不")}
			if with := pick("***", "…", ""); with != "" {
				m.With = &with
			}
			rule.Mask = append(rule.Mask, m)
		}
		if rule.Drop != "" || rule.Mask != nil {
			rules = append(rules, rule)
		}
	}
	return rules
}

// Whatever rules are set wherever, with restarts and failures in between: the stages, the
// warehouse that follows and one that is rebuilt from the log see the same, which is what each
// event's rules make of it, and every event is counted once.
func TestARebuiltWarehouseIsAdmittedAsTheLiveOne(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			storetest.Run(t, func(t *testing.T, db *store.DB) { admitAtRandom(t, db, rand.New(rand.NewPCG(seed, 1))) })
		})
	}
}

// somePlan is a tracking plan that about half of the events break.
func somePlan(r *rand.Rand) admission.PublishBody {
	pick := func(s ...string) string { return s[r.IntN(len(s))] }
	is := func() plan.Action { return plan.Action(pick("allow", "quarantine", "reject")) }
	names := "xyz"
	doc := plan.Document{UnplannedEvents: is(), UnplannedProperties: plan.Action(pick("allow", "drop", "quarantine")), Missing: is(), Invalid: plan.Action(pick("allow", "coerce", "drop", "quarantine"))}
	for _, name := range names[:1+r.IntN(3)] {
		doc.Events = append(doc.Events, plan.Event{Name: string(name), Schema: touchstone.JSON(`{"properties":{"q":{"type":"` + pick("string", "number", "boolean") +
			`"},"r":{"type":"array","items":{"type":"` + pick("string", "integer") + `"}},"s":{}},"required":["` + pick("q", "s") + `"],"additionalProperties":` + pick("true", "false") + `}`)})
	}
	return admission.PublishBody{Plan: pick("pln_1", "pln_2", "pln_3"), Name: "n", Sources: [][]string{{}, {"src_a"}, {"src_b", "src_c"}}[r.IntN(3)], Document: doc}
}

// published is what holds after a publication; one that is refused changes nothing.
func published(body admission.Body, in admission.PublishBody) admission.Body {
	for _, u := range body.Plans {
		if u.Plan != in.Plan && (len(u.Sources) == 0 && len(in.Sources) == 0 || slices.ContainsFunc(in.Sources, func(s string) bool { return slices.Contains(u.Sources, s) })) {
			return body
		}
	}
	body.Plans = append(retired(body, in.Plan).Plans, admission.Use{Plan: in.Plan, Sources: in.Sources, Document: in.Document})
	return body
}

func retired(body admission.Body, plan string) admission.Body {
	body.Plans = slices.DeleteFunc(slices.Clone(body.Plans), func(u admission.Use) bool { return u.Plan == plan })
	return body
}

// someMend is a mending rule that most events of its source meet, and that is not the same twice.
func someMend(r *rand.Rand) mend.Rule {
	pick := func(s ...string) string { return s[r.IntN(len(s))] }
	steps := []mend.Step{
		{Do: mend.Rename, Field: "properties.q", To: "properties.s"}, {Do: mend.Cast, Field: "properties.r[]", To: "string"},
		{Do: mend.Set, Field: "properties.p.q", Expression: "value * 2"}, {Do: mend.Rename, Field: "event", To: pick("x", "y", "new")},
		{Do: mend.Drop, Field: "context.ip"}, {Do: mend.Default, Field: "traits.p", Value: `"none"`},
	}
	r.Shuffle(len(steps), func(i, j int) { steps[i], steps[j] = steps[j], steps[i] })
	return mend.Rule{ID: pick("mnd_1", "mnd_2"), Name: "m", Source: pick("", "src_a", "src_b"), Event: pick("", "x", "y"), When: pick("", "properties.p.q < 5"), Steps: steps[:1+r.IntN(3)]}
}

func admitAtRandom(t *testing.T, db *store.DB, r *rand.Rand) {
	w := newWorld(t, db)
	versions := w.withAdmission()
	fail := 0
	var body admission.Body
	checked := map[string]admission.CheckSum{}
	var broken int64
	var seen []string // by the stages, committed or not; what was not is seen again
	again := map[string]string{}
	w.stage.set(func(b *touchstone.Batch) error {
		if fail > 0 {
			fail--
			return errors.New("told to fail")
		}
		for i := range b.Facts {
			e := &b.Facts[i].Event
			switch was, known := again[e.MessageID]; {
			case !known:
				seen = append(seen, row(e))
				again[e.MessageID] = row(e)
			case was != row(e):
				t.Errorf("the stages see %s as\n%s\nand again as\n%s", e.MessageID, was, row(e))
			}
		}
		return nil
	})
	w.start()
	var current *admission.Rules
	var kept, out, ids []string
	var totals Totals
	for i := range 60 {
		act := r.IntN(8)
		if i == 59 {
			act = 7 // the last are events, by which draining is told
		}
		switch act {
		case 0, 1:
			var err error
			switch in := somePlan(r); r.IntN(7) {
			case 2, 3:
				rule := someMend(r)
				w.command(fmt.Sprint("cmd_", i), admission.PutMendCommand, rule)
				if at := slices.IndexFunc(body.Mends, func(m mend.Rule) bool { return m.ID == rule.ID }); at >= 0 {
					body.Mends = slices.Clone(body.Mends)
					body.Mends[at] = rule
				} else {
					body.Mends = append(slices.Clone(body.Mends), rule)
				}
			case 4:
				id := someMend(r).ID // of one that is not there the command fails
				w.command(fmt.Sprint("cmd_", i), admission.RemoveMendCommand, admission.RemoveMendBody{Rule: id})
				body.Mends = slices.DeleteFunc(slices.Clone(body.Mends), func(m mend.Rule) bool { return m.ID == id })
			case 0:
				w.command(fmt.Sprint("cmd_", i), admission.PublishCommand, in)
				body = published(body, in)
			case 1:
				w.command(fmt.Sprint("cmd_", i), admission.RetireCommand, admission.RetireBody{Plan: in.Plan})
				body = retired(body, in.Plan)
			default:
				body.Rules = someRules(r)
				w.setRules(fmt.Sprint("cmd_", i), body.Rules)
			}
			if current, err = admission.Compile(&body); err != nil {
				t.Fatal(err)
			}
		case 2:
			w.stop()
			fail = r.IntN(2)
			w.start()
		default:
			var events []touchstone.Event
			for j := range 1 + r.IntN(9) {
				e := touchstone.Event{Type: touchstone.Track, MessageID: fmt.Sprintf("m%d-%d", i, j), Name: string("xyz"[r.IntN(3)]), Source: "src_" + string("abc"[r.IntN(3)]),
					Time: time.Now(), ReceivedAt: time.Now(), Identifiers: []touchstone.Identifier{{Kind: touchstone.KindUserID, Value: "u"}},
					Properties: `{"p":{"q":1}, "q":"a\"b","r":[1]}`, Traits: `{"\u4e0d":1,"p":null}`, Context: `{"ip":"1","traits":{"p":"secret","z":2}}`}
				events, ids = append(events, e), append(ids, e.MessageID)
				v := current.Admit(&e)
				if v.Planned {
					c := checked[e.Source]
					c.Source = e.Source
					if c.Events++; len(v.Breaches) > 0 {
						c.Broken++
						broken++
					}
					checked[e.Source] = c
				}
				v.Apply(&e)
				if v.Drop != "" {
					totals.Rejected++
					out = append(out, e.MessageID)
					continue
				}
				totals.Processed++
				kept = append(kept, row(&e))
			}
			w.appendEvents(events...)
		}
	}
	w.drain(totals, 0)
	slices.Sort(out)
	if d := cmp.Diff(out, w.bad.ids()); d != "" {
		t.Errorf("in quarantine: %s", d)
	}
	if d := cmp.Diff(kept, w.lake.rows()); d != "" {
		t.Errorf("the live warehouse: %s", d)
	}
	if n, err := w.p.Accepted(t.Context()); err != nil || n != int64(len(ids)) {
		t.Errorf("accepted %d of %d, %v", n, len(ids), err)
	}
	since := time.Now().Add(-2 * time.Hour)
	checks, err := versions.Checks(t.Context(), w.db.Reader(), since)
	if d := cmp.Diff(slices.SortedFunc(maps.Values(checked), func(a, b admission.CheckSum) int { return strings.Compare(a.Source, b.Source) }), checks, cmpopts.EquateEmpty()); d != "" || err != nil {
		t.Errorf("held against plans: %v %s", err, d)
	}
	if breaches, err := versions.Breaches(t.Context(), w.db.Reader(), nil, since); err != nil || broken > 0 && len(breaches) == 0 {
		t.Errorf("%d events broke their plan, and nothing is said of it: %v", broken, err)
	}
	w.stop()
	if d := cmp.Diff(kept, seen); d != "" {
		t.Errorf("the stages: %s", d)
	}
	w.lake = &lake{} // lost
	w.start()
	w.drain(totals, 0)
	if d := cmp.Diff(kept, w.lake.rows()); d != "" {
		t.Errorf("the rebuilt warehouse: %s", d)
	}
}

// An event that was left out comes in when it is sent again after the rule is gone. One that is
// at fault goes to quarantine masked, and a source that is left out makes no others look at fault.
func TestAdmissionAndWhatIsSetAside(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		w.withAdmission()
		w.stage.set(onPoison)
		w.start()
		w.setRules("cmd_1", []admission.Rule{{Source: "src_a", Drop: "not ours"}, {Mask: []admission.Mask{{In: "properties", Name: "p"}}}})
		event := func(id, source string) touchstone.Event {
			return touchstone.Event{Type: touchstone.Track, MessageID: id, Name: "x", Source: source, Time: time.Now(), ReceivedAt: time.Now(),
				Identifiers: []touchstone.Identifier{{Kind: touchstone.KindUserID, Value: "u"}}, Properties: `{"p":"secret"}`}
		}
		w.appendEvents(event("a", "src_a"), event("b", "src_b"), event("poison", "src_b"), event("c", "src_b"))
		w.drain(Totals{Processed: 2, Rejected: 2}, 0)
		if f := w.bad.facts["a"]; f.Reason != "admission: not ours" || f.Properties != "{}" {
			t.Errorf("left out: %+v", f)
		}
		if f := w.bad.facts["poison"]; !strings.HasPrefix(f.Reason, reasonStage) || f.Properties != "{}" {
			t.Errorf("at fault: %+v", f)
		}
		w.setRules("cmd_2", nil)
		w.appendEvents(event("a", "src_a"), event("b", "src_b"))
		w.drain(Totals{Processed: 3, Rejected: 2, Duplicates: 1}, 0)
		if rows := w.lake.rows(); !strings.Contains(rows[2], "secret") || strings.Contains(rows[0]+rows[1], "secret") {
			t.Errorf("%v", rows)
		}
	})
}

// A repaired event that is read in one batch with what it repairs is no duplicate; a third one is.
func TestARepairBesideWhatItRepairs(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		w.withAdmission()
		event := func(id, properties string) touchstone.Event {
			return touchstone.Event{Type: touchstone.Track, MessageID: id, Name: "x", Source: "src_a", Time: time.Now(), ReceivedAt: time.Now(),
				Identifiers: []touchstone.Identifier{{Kind: touchstone.KindUserID, Value: "u"}}, Properties: touchstone.JSON(properties)}
		}
		w.command("cmd_1", admission.PublishCommand, admission.PublishBody{Plan: "pln_1", Name: "n", Sources: []string{}, Document: plan.Document{Invalid: plan.Quarantine,
			Events: []plan.Event{{Name: "x", Schema: `{"properties":{"n":{"type":"number"}}}`}}}})
		w.appendEvents(event("a", `{"n":"1"}`), event("b", `{"n":2}`), event("a", `{"n":"one"}`), event("a", `{"n":1}`), event("a", `{"n":3}`), event("b", `{"n":4}`))
		w.start()
		w.drain(Totals{Processed: 2, Rejected: 2, Duplicates: 2}, 0)
		rows := w.lake.rows()
		if len(rows) != 2 || !strings.Contains(rows[0], `{"n":2}`) || !strings.Contains(rows[1], `{"n":1}`) {
			t.Errorf("%v", rows)
		}
		w.stop()
		w.lake = &lake{}
		w.start()
		w.drain(Totals{Processed: 2, Rejected: 2, Duplicates: 2}, 0)
		if d := cmp.Diff(rows, w.lake.rows()); d != "" {
			t.Errorf("the rebuilt warehouse: %s", d)
		}
	})
}

// In partitions other than the command's a version holds from where the pipeline was; what
// no record of the log needs is forgotten.
func TestPlacesOfVersions(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		committed := []uint64{0, 0}
		versions, err := admission.Open(t.Context(), admission.Config{DB: db, Committed: func(context.Context, store.Querier) ([]uint64, error) { return committed, nil }})
		if err != nil {
			t.Fatal(err)
		}
		update := func(do func(tx *store.Tx) error) {
			t.Helper()
			if err := db.Update(t.Context(), do); err != nil {
				t.Fatal(err)
			}
		}
		for _, at := range [][3]uint64{{3, 2, 10}, {5, 4, 10}, {9, 8, 20}} {
			committed = at[1:]
			update(func(tx *store.Tx) error {
				_, err := versions.Set(t.Context(), tx, nil, touchstone.Command{Seq: touchstone.MakeSeq(0, at[0], 0), Body: `{"rules":[{"drop":"r"}]}`})
				return err
			})
		}
		check := func(partition int, first, last uint64, want ...uint64) {
			t.Helper()
			spans, err := versions.Spans(t.Context(), db.Reader(), partition, first, last)
			var got []uint64
			for _, s := range spans {
				got = append(got, s.From)
			}
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("partition %d, %d to %d: %v, %v, want %v", partition, first, last, got, err, want)
			}
		}
		check(0, 1, 2)
		check(0, 1, 9, 3, 5, 9)
		check(0, 4, 8, 3, 5)
		check(1, 10, 10)
		check(1, 11, 21, 11, 21) // two began at once: the later holds
		check(2, 1, 5, 0)        // came later
		count := func(want int) {
			t.Helper()
			var n int
			if err := db.Reader().QueryRow(t.Context(), `SELECT count(*) FROM admission_versions`).Scan(&n); err != nil || n != want {
				t.Errorf("%d versions, %v, want %d", n, err, want)
			}
		}
		update(func(tx *store.Tx) error { return versions.Prune(t.Context(), tx, 0, 9) })
		count(3) // the other partition needs them
		check(0, 9, 12, 9)
		update(func(tx *store.Tx) error { return versions.Prune(t.Context(), tx, 1, 15) })
		count(2)
		check(1, 15, 30, 11, 21)
		update(func(tx *store.Tx) error { return versions.Prune(t.Context(), tx, 1, 100) })
		count(1)
		check(1, 100, 200, 21)
	})
}
