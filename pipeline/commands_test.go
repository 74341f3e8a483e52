package pipeline

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/command"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

// journal is a kind of command that writes where it stood among the events, and can be made
// to fail in every way.
func journal() command.Kind {
	return command.Kind{Name: "test.note", Do: func(ctx context.Context, tx *store.Tx, b *touchstone.Batch, c touchstone.Command) (any, error) {
		var before int64
		if err := tx.QueryRow(ctx, `SELECT count(*) FROM seen`).Scan(&before); err != nil {
			return nil, err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO noted (id, events_before, facts) VALUES (?, ?, ?)`, c.ID, before, len(b.Facts)); err != nil {
			return nil, err
		}
		switch {
		case strings.Contains(string(c.Body), "invalid"):
			return nil, touchstone.Errorf(touchstone.Invalid, "there is no %s", "such thing").WithHint("look again")
		case strings.Contains(string(c.Body), "panic"):
			panic("told to")
		case strings.Contains(string(c.Body), "twice"): // a statement that fails
			_, err := tx.Exec(ctx, `INSERT INTO noted (id, events_before, facts) VALUES (?, 0, 0)`, c.ID)
			return nil, err
		case strings.Contains(string(c.Body), "poison"): // the stage below fails because of it
			b.Changes = append(b.Changes, touchstone.Change{Kind: touchstone.PersonSplit, Name: "poison"})
		}
		return map[string]int64{"before": before}, nil
	}}
}

type commandRig struct {
	*rig
	commands *command.Log
}

func newCommandRig(t *testing.T, db *store.DB) *commandRig {
	r := &commandRig{rig: newRig(t, db)}
	if err := db.Update(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec(t.Context(), `CREATE TABLE noted (id TEXT PRIMARY KEY, events_before BIGINT NOT NULL, facts BIGINT NOT NULL)`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	r.stage.apply = func(b *touchstone.Batch) {
		for _, c := range b.Changes {
			if c.Name == "poison" {
				panic("a change that the stage cannot work on")
			}
		}
	}
	return r
}

func (r *commandRig) start() {
	r.Helper()
	var err error
	if r.commands, err = command.New(r.Context(), command.Config{DB: r.db, Log: r.log, Kinds: []command.Kind{journal()}}); err != nil {
		r.Fatal(err)
	}
	r.startWith(func(c *Config) { c.Commands = r.commands })
}

func TestACommandStandsBeforeTheEventsThatFollowIt(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		r := newCommandRig(t, db)
		r.start()
		r.stop() // so that all of it is there at once
		for i := range 5 {
			r.append(fmt.Sprint("a", i), fmt.Sprint("b", i))
			c := touchstone.Command{ID: fmt.Sprint("cmd_", i), Kind: "test.note", Actor: "usr_1", Body: "{}"}
			ctx, cancel := context.WithCancel(t.Context())
			given := make(chan error, 1)
			go func() {
				_, err := r.commands.Submit(ctx, c)
				given <- err
			}()
			r.await("the command to wait", func() bool { _, err := r.commands.Get(t.Context(), c.ID); return err == nil })
			cancel()
			if err := <-given; touchstone.KindOf(err) != touchstone.Unavailable {
				t.Fatalf("nobody does it, and got %v", err)
			}
		}
		r.append("last")
		r.start()
		if n, err := r.p.Accepted(t.Context()); err != nil || n != 11 {
			t.Errorf("%d events were accepted, %v; commands are none", n, err)
		}
		r.drain(Totals{Processed: 11})
		for i := range 5 {
			row, err := r.commands.Get(t.Context(), fmt.Sprint("cmd_", i))
			want := fmt.Sprintf(`{"before":%d}`, 2*(i+1))
			if err != nil || row.State != command.Done || string(row.Result) != want || row.Actor != "usr_1" || row.Seq.Offset() != uint64(2*(i+1)) || row.DoneAt.IsZero() {
				t.Errorf("got %+v, %v, want %s", row, err, want)
			}
		}
		var withFacts int
		if err := db.Reader().QueryRow(t.Context(), `SELECT count(*) FROM noted WHERE facts > 0`).Scan(&withFacts); err != nil || withFacts != 0 {
			t.Errorf("%d commands saw facts that come after them (%v)", withFacts, err)
		}
	})
}

func TestACommandIsDoneOnce(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		r := newCommandRig(t, db)
		r.start()
		r.append("a")
		r.drain(Totals{Processed: 1})
		c := touchstone.Command{ID: "cmd_x", Kind: "test.note", Body: `{"a":1}`}
		for i := range 3 {
			row, err := r.commands.Submit(t.Context(), c)
			if err != nil || string(row.Result) != `{"before":1}` {
				t.Fatalf("got %+v, %v", row, err)
			}
			r.append("b")
			r.drain(Totals{Processed: 2, Duplicates: int64(i)})
		}
		if _, err := r.commands.Submit(t.Context(), touchstone.Command{ID: "cmd_x", Kind: "test.note", Body: `{"a":2}`}); touchstone.KindOf(err) != touchstone.Conflict {
			t.Errorf("another command of the same id: %v", err)
		}
		// Two processes may have put the same one in the log.
		again := c.Event()
		r.appendEvent(again)
		r.append("c")
		r.drain(Totals{Processed: 3, Duplicates: 2})
		if row, err := r.commands.Get(t.Context(), "cmd_x"); err != nil || string(row.Result) != `{"before":1}` {
			t.Errorf("it was done again: %+v, %v", row, err)
		}
	})
}

func TestACommandThatFailsStopsNobody(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		r := newCommandRig(t, db)
		r.start()
		n := int64(0)
		for _, how := range []string{"invalid", "panic", "twice", "poison"} {
			ctx, cancel := context.WithTimeout(t.Context(), toCome)
			c := touchstone.Command{ID: "cmd_" + how, Kind: "test.note", Body: touchstone.JSON(fmt.Sprintf(`{"how":%q}`, how))}
			var err error
			for range 2 { // the second time it is looked up
				_, err = r.commands.Submit(ctx, c)
				if err == nil || ctx.Err() != nil {
					t.Errorf("%s: got %v", how, err)
				}
			}
			cancel()
			var e *touchstone.Error
			if how == "invalid" && (!errors.As(err, &e) || e.Kind != touchstone.Invalid || e.Message != "there is no such thing" || e.Hint != "look again") {
				t.Errorf("got %+v", err)
			}
			if how == "invalid" {
				if message, _ := e.Texts(); message.Format != "there is no %s" {
					t.Errorf("its text cannot be translated any more: %q", message.Format)
				}
			}
			row, err := r.commands.Get(t.Context(), c.ID)
			if err != nil || row.State != command.Failed || row.Failure == "" || row.Result != "" {
				t.Errorf("%s: %+v, %v", how, row, err)
			}
			n++
			r.append(fmt.Sprint("after ", how))
			r.drain(Totals{Processed: n})
		}
		var noted int
		if err := db.Reader().QueryRow(t.Context(), `SELECT count(*) FROM noted`).Scan(&noted); err != nil || noted != 0 {
			t.Errorf("%d commands that failed left something (%v)", noted, err)
		}
		rows, next, err := r.commands.List(t.Context(), "test.note", "failed", "", 3)
		if err != nil || len(rows) != 3 || next == "" {
			t.Fatalf("%d rows, %q, %v", len(rows), next, err)
		}
		rest, next, err := r.commands.List(t.Context(), "test.note", "failed", next, 3)
		if err != nil || len(rest) != 1 || next != "" || rest[0].ID != "cmd_invalid" {
			t.Errorf("the next page: %+v, %q, %v", rest, next, err)
		}
	})
}

// A program from before must not skip an erasure in silence.
func TestACommandOfALaterReleaseStopsThePipeline(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		r := newCommandRig(t, db)
		commands, err := command.New(t.Context(), command.Config{DB: db, Log: r.log})
		if err != nil {
			t.Fatal(err)
		}
		c := touchstone.Command{ID: "cmd_1", Kind: "person.forget", Body: "{}", SubmittedAt: time.Now()}
		r.append("a")
		r.appendEvent(c.Event())
		p, err := New(t.Context(), Config{Log: r.log, DB: db, Stages: []Stage{r.stage}, Commands: commands, MinInterval: time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Run(t.Context(), nil); !errors.Is(err, touchstone.ErrNewer) || !strings.Contains(err.Error(), "person.forget") {
			t.Errorf("got %v", err)
		}
		if p.Through(0) > 1 {
			t.Errorf("it went to record %d", p.Through(0))
		}
	})
}
