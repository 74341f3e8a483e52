package activation

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	jsonexact "github.com/go-json-experiment/json"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/job"
	"github.com/touchstone-cdp/touchstone/store"
)

// JobKind is the job that sends an activation, by hand or by a schedule.
const JobKind = "activation.send"

const (
	step     = 500   // members between two notes of how far it is
	linesAt  = 5_000 // lines read at a time
	perCall  = 1_000 // lines in one call
	maxLines = 5_000_000
)

// progress is how far a run is: so many members have been looked at, and the list goes on behind the cursor.
type progress struct {
	Run     int64  `json:"run"`
	Whole   bool   `json:"whole"`
	Asked   int64  `json:"asked"` // what asked for everything when the run began
	Cursor  string `json:"cursor"`
	Looked  bool   `json:"looked"` // at all members
	Members int64  `json:"members"`
	Persons int64  `json:"persons"`
	LeftOut int64  `json:"left_out"`
	Without int64  `json:"without"`
}

// JobKind returns the job. It marks the lines of all members who agree, writes what the receiver is to be told into the job's file, brings
// it there, and then notes that it arrived. Going on after a kill, it sends the same again.
func (a *Activations) JobKind() job.Kind {
	return job.Kind{Name: JobKind, Serves: touchstone.For(touchstone.UseShare), Start: maySend, Prepare: a.prepare, Run: a.send}
}

func (a *Activations) prepare(ctx context.Context, _ *access.Viewer, input touchstone.JSON) (job.Prepared, error) {
	var in struct {
		Activation string `json:"activation"`
	}
	if err := jsonexact.Unmarshal([]byte(input), &in, jsonexact.RejectUnknownMembers(true)); err != nil || in.Activation == "" {
		return job.Prepared{}, touchstone.Errorf(touchstone.Invalid, `The input is {"activation": "act_…"}.`)
	}
	x, err := a.Get(ctx, in.Activation)
	if err != nil {
		return job.Prepared{}, err
	}
	// The file may hold contacts in the clear.
	return job.Prepared{Input: input, Subject: x.ID, Title: x.Name, Key: JobKind + ":" + x.ID, Need: access.PeopleContacts}, nil
}

func (a *Activations) send(ctx context.Context, r job.Run) (touchstone.JSON, error) {
	var in struct {
		Activation string `json:"activation"`
	}
	if err := json.Unmarshal([]byte(r.Input()), &in); err != nil {
		return "", err
	}
	x, err := a.Get(ctx, in.Activation)
	if err != nil {
		return "", err
	}
	_, purpose, err := a.cfg.Segment(ctx, x.Segment)
	if err != nil {
		return "", err
	}
	if x.Purpose != "" {
		purpose = x.Purpose
	}
	st, err := a.begin(ctx, r, &x)
	if err != nil {
		return "", err
	}
	for !st.Looked {
		if err := a.look(ctx, r, &x, purpose, st); err != nil {
			return "", err
		}
	}
	done, file, err := a.deliver(ctx, r, &x, st)
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(map[string]any{"run": done.Run, "whole": done.Whole, "added": done.Added, "removed": done.Removed, "rows": done.Held, "left_out": done.LeftOut, "file": file})
	return touchstone.JSON(text), err
}

// begin numbers a run, or goes on with one.
func (a *Activations) begin(ctx context.Context, r job.Run, x *Activation) (*progress, error) {
	st := &progress{}
	if text := r.State(); text != "" {
		return st, json.Unmarshal([]byte(text), st)
	}
	return st, a.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		now, err := a.get(ctx, tx, x.ID)
		if err != nil {
			return err
		}
		*st = progress{Run: now.run + 1, Whole: now.Whole || !now.Changes, Asked: now.whole}
		if _, err := tx.Exec(ctx, `UPDATE activations SET run = ? WHERE id = ?`, st.Run, x.ID); err != nil {
			return err
		}
		if now.Whole { // what is there is of another place or form, or of nobody yet
			if _, err := tx.Exec(ctx, `DELETE FROM activation_lines WHERE activation = ?`, x.ID); err != nil {
				return err
			}
		}
		return save(ctx, r, tx, st)
	})
}

func save(ctx context.Context, r job.Run, tx *store.Tx, st *progress) error {
	text, err := json.Marshal(st)
	if err != nil {
		return err
	}
	return r.SaveIn(ctx, tx, st.Members, 0, touchstone.JSON(text))
}

// look marks the lines of the next members. Identifiers are read in the transaction that writes the lines, so that an erasure comes before
// it or takes them away.
func (a *Activations) look(ctx context.Context, r job.Run, x *Activation, purpose string, st *progress) error {
	members, next, err := a.cfg.Members(ctx, x.Segment, step, st.Cursor)
	if err != nil {
		return err
	}
	persons := members
	if a.cfg.Protected != nil {
		protected, err := a.cfg.Protected(ctx, members)
		if err != nil {
			return err
		}
		persons = nil
		for _, p := range members {
			if !protected[p] {
				persons = append(persons, p)
			}
		}
	}
	if persons, err = a.cfg.Agreeing(ctx, purpose, touchstone.UseShare, persons); err != nil {
		return err
	}
	return a.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		ids, err := a.cfg.Identifiers(ctx, tx, persons)
		if err != nil {
			return err
		}
		now := *st
		var found []marked
		for _, p := range persons {
			lines := x.linesOf(p, ids[p])
			if len(lines) == 0 {
				now.Without++
			}
			found = append(found, lines...)
		}
		if err := mark(ctx, tx, x.ID, now.Run, found); err != nil {
			return err
		}
		now.Members += int64(len(members))
		now.Persons += int64(len(persons))
		now.LeftOut += int64(len(members) - len(persons))
		now.Cursor, now.Looked = next, next == ""
		if err := save(ctx, r, tx, &now); err != nil {
			return err
		}
		*st = now
		return nil
	})
}

// marked is a line of a person, and the identifier that it was made of.
type marked struct {
	line   string
	person touchstone.PersonID
	node   touchstone.NodeID
}

func (x *Activation) linesOf(p touchstone.PersonID, ids []Identifier) (list []marked) {
	for _, kind := range x.Kinds {
		for _, id := range ids {
			if id.Kind != kind {
				continue
			}
			if line := x.Format.Line(id.Kind, id.Value); line != "" {
				list = append(list, marked{line, p, id.Node})
			}
		}
	}
	return list
}

// mark notes that a run has found lines. Two identifiers may give one line: "+86 139…" and "139…".
func mark(ctx context.Context, tx *store.Tx, activation string, run int64, found []marked) error {
	for _, m := range found {
		if _, err := tx.Exec(ctx, `INSERT INTO activation_lines (activation, line, person, node, first_run, last_run) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (activation, line) DO UPDATE SET person = excluded.person, node = excluded.node, last_run = excluded.last_run`,
			activation, m.line, int64(m.person), int64(m.node), run, run); err != nil {
			return err
		}
	}
	return nil
}

// deliver brings the receiver up to date and notes that it is.
func (a *Activations) deliver(ctx context.Context, r job.Run, x *Activation, st *progress) (done *Ran, info job.FileInfo, err error) {
	done = &Ran{Run: st.Run, Job: r.ID(), Whole: st.Whole, Persons: st.Persons, LeftOut: st.LeftOut, Without: st.Without}
	// The name is a function of the run, so that sending it again replaces it.
	done.File = fileName(x.Name, st)
	f, err := r.File(done.File + shapes[x.Format].ending)
	if err != nil {
		return nil, info, err
	}
	defer f.Close()
	if _, err := f.Resume(0); err != nil {
		return nil, info, err
	}
	sheet, err := newSheet(x.Format, !st.Whole, f)
	if err != nil {
		return nil, info, err
	}
	call := &caller{activations: a, of: x, run: st, job: r.ID()}
	err = a.each(ctx, x, st, func(l row) error {
		if l.gone {
			done.Removed++
		} else {
			done.Added++
		}
		if done.Added+done.Removed > maxLines {
			return touchstone.Errorf(touchstone.TooLarge, "There are more than %d lines.", maxLines).WithHint("Send a smaller segment.")
		}
		if err := f.About(l.person); err != nil {
			return err
		}
		if x.Target.Type == "call" {
			if err := call.add(ctx, l); err != nil {
				return err
			}
		}
		return sheet.write(l)
	})
	if err == nil {
		err = sheet.end()
	}
	if err != nil {
		return nil, info, err
	}
	if _, err = f.Flush(); err != nil {
		return nil, info, err
	}
	done.File = f.Info().Name
	r.Note(touchstone.Textf("Bringing the file to its receiver"))
	switch x.Target.Type {
	case "sftp":
		err = a.upload(ctx, x, done.File, f.Reader())
	case "call":
		err = call.end(ctx)
	}
	if err != nil {
		return nil, info, err
	}
	return done, f.Info(), a.arrived(ctx, r, x, st, done)
}

func fileName(name string, st *progress) string {
	sort := "changes"
	if st.Whole {
		sort = "whole"
	}
	return fmt.Sprintf("%s-%06d-%s", strings.ReplaceAll(name, " ", "_"), st.Run, sort)
}

// each calls fn with what the receiver is to be told, in the order of the lines: of a whole run all lines that it found; of changes those that
// no run before has brought there, and those that the receiver has and this run has not found.
func (a *Activations) each(ctx context.Context, x *Activation, st *progress, fn func(row) error) error {
	condition, args := `last_run = ?`, []any{st.Run}
	if !st.Whole {
		condition, args = `(last_run = ? AND first_run > ? OR last_run < ? AND first_run <= ?)`, []any{st.Run, x.arrived, st.Run, x.arrived}
	}
	after := ""
	for {
		var page []row
		rows, err := a.cfg.DB.Reader().Query(ctx, `SELECT line, person, last_run FROM activation_lines WHERE activation = ? AND line > ? AND `+condition+` ORDER BY line LIMIT ?`,
			append(append([]any{x.ID, after}, args...), linesAt)...)
		if err != nil {
			return err
		}
		for rows.Next() {
			var l row
			var person, last int64
			if err := rows.Scan(&l.line, &person, &last); err != nil {
				_ = rows.Close()
				return err
			}
			l.person, l.gone = touchstone.PersonID(person), last < st.Run
			page = append(page, l)
		}
		_ = rows.Close()
		if err := rows.Err(); err != nil {
			return err
		}
		for _, l := range page {
			if err := fn(l); err != nil {
				return err
			}
		}
		if len(page) < linesAt {
			return nil
		}
		after = page[len(page)-1].line
	}
}

// arrived notes what the receiver has now: the lines of this run and no others.
func (a *Activations) arrived(ctx context.Context, r job.Run, x *Activation, st *progress, done *Ran) error {
	done.EndedAt = a.cfg.Clock.Now()
	return a.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM activation_lines WHERE activation = ? AND last_run < ?`, x.ID, st.Run); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, `SELECT count(*) FROM activation_lines WHERE activation = ?`, x.ID).Scan(&done.Held); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE activations SET arrived = ?, whole = CASE WHEN whole = ? THEN 0 ELSE whole END WHERE id = ?`, st.Run, st.Asked, x.ID); err != nil {
			return err
		}
		u := store.Upsert{Table: "activation_runs", Columns: []string{"activation", "run", "job", "whole", "added", "removed", "held", "persons", "left_out", "without", "file", "ended_at"},
			Key: []string{"activation", "run"}}
		if err := tx.BulkUpsert(ctx, u, 1, func(_ int, args []any) {
			copy(args, []any{x.ID, st.Run, r.ID(), number(st.Whole), done.Added, done.Removed, done.Held, done.Persons, done.LeftOut, done.Without, done.File, done.EndedAt.UnixMilli()})
		}); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM activation_runs WHERE activation = ? AND run <= ?`, x.ID, st.Run-keepRuns); err != nil {
			return err
		}
		return save(ctx, r, tx, st)
	})
}

// caller sends lines by signed calls of at most perCall lines.
type caller struct {
	activations *Activations
	of          *Activation
	run         *progress
	job         string
	part        int
	lines       []toldLine
}

// batch is the body of a call.
type batch struct {
	Type       string     `json:"type"` // activation.lines
	Activation string     `json:"activation"`
	Segment    string     `json:"segment"`
	Format     Format     `json:"format"`
	Run        int64      `json:"run"`
	Whole      bool       `json:"whole"` // with the last part the receiver drops what no part of this run has named
	Part       int        `json:"part"`  // from 1
	Last       bool       `json:"last"`
	Lines      []toldLine `json:"lines"`
}

func (c *caller) add(ctx context.Context, l row) error {
	if len(c.lines) == perCall {
		if err := c.flush(ctx, false); err != nil {
			return err
		}
	}
	kind, value, _ := strings.Cut(l.line, ":")
	action := "add"
	if l.gone {
		action = "remove"
	}
	c.lines = append(c.lines, c.of.Format.told(l, true, action, kind, value))
	return nil
}

// end sends the last part, also an empty one: the receiver learns that the run is over.
func (c *caller) end(ctx context.Context) error { return c.flush(ctx, true) }

func (c *caller) flush(ctx context.Context, last bool) error {
	c.part++
	var body bytes.Buffer
	lines := c.lines
	if lines == nil {
		lines = []toldLine{}
	}
	if err := json.NewEncoder(&body).Encode(batch{"activation.lines", c.of.ID, c.of.Segment, c.of.Format, c.run.Run, c.run.Whole, c.part, last, lines}); err != nil {
		return err
	}
	c.lines = c.lines[:0]
	// The id is a function of what is sent, so that a repeat can be told.
	_, err := c.activations.cfg.Post(ctx, c.of.Target.URL, c.of.secret, fmt.Sprintf("msg_%s_%d_%d", c.of.ID, c.run.Run, c.part), body.Bytes())
	return err
}
