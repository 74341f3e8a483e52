package catalogue_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/catalogue"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

// samples are what a test says is in events and traits, and how often it was asked.
type samples struct {
	traits map[string][]touchstone.JSON
	events map[string]map[string][]touchstone.JSON
	asked  map[string]int
	faulty string // an event at which the program panics
}

func (s *samples) Traits(context.Context) (map[string][]touchstone.JSON, error) { return s.traits, nil }
func (s *samples) Events(context.Context) (names []string, err error) {
	for name := range s.events {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, nil
}

func (s *samples) Properties(_ context.Context, event string) (map[string][]touchstone.JSON, error) {
	s.asked[event]++
	if event == s.faulty {
		panic("a fault of the program")
	}
	return s.events[event], nil
}

type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

func held(context.Context, *store.Tx) error { return nil }

func phones(n int, others ...touchstone.JSON) []touchstone.JSON {
	for i := range n {
		others = append(others, touchstone.JSON(fmt.Sprintf(`"138001380%02d"`, i)))
	}
	return others
}

func ptr[T any](v T) *T { return &v }

func entry(t *testing.T, c *catalogue.Catalogue, sort catalogue.Sort, name string) *catalogue.Entry {
	t.Helper()
	list, err := c.List(t.Context(), access.System())
	if err != nil {
		t.Fatal(err)
	}
	for i := range list {
		if list[i].Sort == sort && list[i].Name == name {
			return &list[i]
		}
	}
	return nil
}

func TestClassesAreFoundAndOverruled(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		ctx, at := t.Context(), &clock{time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)}
		s := &samples{asked: map[string]int{}, traits: map[string][]touchstone.JSON{"t1": {`"a@example.com"`, `"b@example.com"`, `"c@example.com"`}, "level": {"1", "2", "3"}, "email": {`"none"`}, "consent_email": {"true", "false"}},
			events: map[string]map[string][]touchstone.JSON{"Call": {"nr": phones(4, `"-"`, `"unknown"`), "two": phones(2), "few": phones(4, `"a"`, `"b"`, `"c"`, `"d"`, `"e"`)}, "Order": {"nr": {"1", "2", "3"}}}}
		open := func() *catalogue.Catalogue {
			c, err := catalogue.Open(ctx, catalogue.Config{DB: db, Clock: at, Samples: s})
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		c, other := open(), open()
		look := func() {
			t.Helper()
			at.now = at.now.Add(2 * time.Hour)
			if err := c.LookOnce(ctx, held); err != nil {
				t.Fatal(err)
			}
		}
		look()
		nr := entry(t, c, catalogue.Property, "nr")
		if nr == nil || nr.Class != "phone" || nr.ClassBy != "values" || len(nr.Found) != 1 || nr.Found[0].Values != 6 || nr.Found[0].Matched != 4 {
			t.Fatalf("nr: %+v", nr)
		}
		if e := entry(t, c, catalogue.Trait, "email"); e == nil || e.Class != "email" || e.ClassBy != "name" {
			t.Errorf("email goes by its name: %+v", e)
		}
		if e := entry(t, c, catalogue.Trait, "consent_email"); e != nil {
			t.Errorf("whether somebody wants mail is no address: %+v", e)
		}
		for _, plain := range []string{"two", "few"} {
			if e := entry(t, c, catalogue.Property, plain); e != nil {
				t.Errorf("%s: %+v", plain, e)
			}
		}
		if err := other.Reload(ctx); err != nil || !maps.Equal(other.Fields().All(), map[string]access.Class{"nr": "phone", "t1": "email", "email": "email"}) {
			t.Errorf("another process masks by %v, %v", other.Fields().All(), err)
		}

		s.events["Call"]["nr"] = []touchstone.JSON{`"x"`, `"y"`, `"z"`} // older events hold the numbers still
		look()
		if nr := entry(t, c, catalogue.Property, "nr"); nr.Class != "phone" || nr.Found[0].Matched != 0 || nr.Found[0].Values != 3 {
			t.Errorf("nr of other values: %+v", nr)
		}

		blind := &access.Viewer{Kind: "key", Name: "blind", Permissions: access.Set{}}
		if _, err := c.Change(ctx, blind, catalogue.Property, "nr", catalogue.Change{Class: ptr("none")}); touchstone.KindOf(err) != touchstone.Forbidden {
			t.Errorf("who may not see contacts: %v", err)
		}
		if _, err := c.Change(ctx, access.System(), catalogue.Property, "nr", catalogue.Change{Class: ptr("fax")}); touchstone.KindOf(err) != touchstone.Invalid {
			t.Errorf("no such class: %v", err)
		}
		if e, err := c.Change(ctx, access.System(), catalogue.Property, "nr", catalogue.Change{Class: ptr("none"), Unit: ptr(" CNY ")}); err != nil || e.Class != "none" || e.Unit != "CNY" || c.Fields().All()["nr"] != "" {
			t.Errorf("by hand: %+v, %v, %v", e, err, c.Fields().All())
		}
		if e, err := c.Change(ctx, blind, catalogue.Property, "nr", catalogue.Change{NameZH: ptr("号码"), Starred: ptr(true)}); err != nil || e.Class != "none" || e.NameZH != "号码" || e.Unit != "CNY" || e.ChangedBy != "blind" {
			t.Errorf("what is left out stays: %+v, %v", e, err)
		}
		if e, err := c.Change(ctx, access.System(), catalogue.Property, "nr", catalogue.Change{Class: ptr("")}); err != nil || e.Class != "phone" || c.Fields().All()["nr"] != access.Phone {
			t.Errorf("as found again: %+v, %v", e, err)
		}
		if e, err := open().List(ctx, &access.Viewer{Rows: &access.Rows{}}); err != nil || slices.ContainsFunc(e, func(e catalogue.Entry) bool { return len(e.Found) > 0 }) {
			t.Errorf("who is limited to some persons is told counts of all: %+v, %v", e, err)
		}
	})
}

// What is sampled is bounded: so many events a look, each less and less often; and a process that is no longer the
// one that looks writes nothing.
func TestLooksAreBounded(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		at := &clock{time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)}
		s := &samples{asked: map[string]int{}, events: map[string]map[string][]touchstone.JSON{}}
		for i := range 20 {
			s.events[fmt.Sprintf("e%02d", i)] = map[string][]touchstone.JSON{"x": phones(5)}
		}
		c, err := catalogue.Open(t.Context(), catalogue.Config{DB: db, Clock: at, Samples: s})
		if err != nil {
			t.Fatal(err)
		}
		lost := errors.New("lost")
		if err := c.LookOnce(t.Context(), func(context.Context, *store.Tx) error { return lost }); !errors.Is(err, lost) || len(c.Fields().All()) > 0 {
			t.Errorf("without the lease: %v, %v", err, c.Fields().All())
		}
		clear(s.asked)
		sum := func() (n int) {
			for _, asked := range s.asked {
				n += asked
			}
			return n
		}
		for look := 1; look <= 360; look++ { // an hour
			before := sum()
			if err := c.LookOnce(t.Context(), held); err != nil {
				t.Fatal(err)
			}
			if n := sum() - before; n > 8 {
				t.Fatalf("look %d sampled %d events", look, n)
			}
			at.now = at.now.Add(10 * time.Second)
		}
		if len(s.asked) != 20 || sum() > 20*10 {
			t.Errorf("%d events were sampled %d times in an hour", len(s.asked), sum())
		}
	})
}

// A fault at the values of one event, which anybody can send, neither ends the program nor keeps it from looking at others,
// and is met again only when that event's turn comes again.
func TestAFaultAtOneSample(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		at := &clock{time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)}
		s := &samples{asked: map[string]int{}, faulty: "bad", events: map[string]map[string][]touchstone.JSON{"bad": nil, "good": {"x": phones(5)}}}
		c, err := catalogue.Open(t.Context(), catalogue.Config{DB: db, Clock: at, Samples: s, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := c.LookOnce(t.Context(), held); err != nil {
				t.Fatal(err)
			}
		}
		if e := entry(t, c, catalogue.Property, "x"); e == nil || e.Class != string(access.Phone) {
			t.Errorf("the event after it: %+v", e)
		}
		if s.asked["bad"] != 1 {
			t.Errorf("the faulty one was sampled %d times at once", s.asked["bad"])
		}
	})
}
