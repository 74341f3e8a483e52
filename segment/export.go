package segment

import (
	"context"
	"encoding/csv"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/job"
)

// People is what an export asks of the profiles.
type People interface {
	// CheckColumns refuses columns that there are not; none stand for the usual ones.
	CheckColumns(ctx context.Context, columns []string) ([]string, error)
	// Cells calls fn with the columns of each person that has a profile, as v may see them.
	Cells(ctx context.Context, v *access.Viewer, persons []touchstone.PersonID, columns []string, fn func(person touchstone.PersonID, cells []string) error) error
}

// Protected tells who of persons must not be in what goes out for marketing: children.
type Protected interface {
	Protected(ctx context.Context, persons []touchstone.PersonID) (map[touchstone.PersonID]bool, error)
}

// exportInput is what an export is of. Contacts and Rows are decided by who asks.
type exportInput struct {
	Segment  string   `json:"segment"`
	Columns  []string `json:"columns,omitempty"`
	Purpose  string   `json:"purpose,omitempty"` // of consent; "": the segment's when it runs
	Contacts bool     `json:"contacts"`
	Rows     string   `json:"rows,omitempty"` // the set of persons that who asks is limited to
}

// viewer is for whom the file is made.
func (in *exportInput) viewer(id string, masks access.Viewer) *access.Viewer {
	v := &access.Viewer{Kind: "job", ID: id, Kinds: masks.Kinds, Fields: masks.Fields}
	if in.Contacts {
		v.Permissions = access.Set{access.PeopleContacts: {}}
	}
	if in.Rows != "" {
		v.Rows = &access.Rows{Set: in.Rows}
	}
	return v
}

// exportProgress is how far an export is: so many bytes of the file hold so many rows, and the
// list of members goes on behind the cursor.
type exportProgress struct {
	Columns []string `json:"columns"`
	Cursor  string   `json:"cursor"`
	Rows    int64    `json:"rows"`
	Left    int64    `json:"left_out,omitempty"` // members who are protected, or do not agree
	Bytes   int64    `json:"bytes"`
}

const exportStep = 500 // persons between two notes of how far it is

// ExportKind is the job that writes the members of a segment into a CSV file: those who
// entered last first. Who enters or leaves meanwhile may be in it or not; who is protected, or
// does not agree to what the segment serves, is left out, and counted. For who may not see contacts
// they are masked by the Kinds and Fields of masks.
func (s *Segments) ExportKind(people People, protected Protected, agreeing api.Consents, masks access.Viewer) job.Kind {
	e := &export{s, people, protected, agreeing, masks}
	return job.Kind{Name: "segment.export", Serves: touchstone.For(touchstone.UseAct), Start: "people:export", Scoped: true, Prepare: e.prepare, Run: e.run}
}

type export struct {
	segments *Segments
	people   People
	guard    Protected
	agreeing api.Consents
	masks    access.Viewer
}

func (e *export) prepare(ctx context.Context, v *access.Viewer, input touchstone.JSON) (job.Prepared, error) {
	var in struct {
		Segment string   `json:"segment"`
		Columns []string `json:"columns"`
		Purpose string   `json:"purpose"`
	}
	if err := json.Unmarshal([]byte(input), &in, json.RejectUnknownMembers(true)); err != nil {
		return job.Prepared{}, touchstone.Wrap(touchstone.Invalid, err, "The input is an object with segment, columns and purpose.")
	}
	one, err := e.segments.Get(ctx, v, in.Segment)
	if err != nil {
		return job.Prepared{}, err
	}
	if len(in.Columns) > 0 {
		if _, err := e.people.CheckColumns(ctx, in.Columns); err != nil {
			return job.Prepared{}, err
		}
	}
	if err := e.segments.checkPurpose(ctx, e.segments.db.Reader(), in.Purpose); err != nil {
		return job.Prepared{}, err
	}
	export := exportInput{Segment: in.Segment, Columns: in.Columns, Purpose: in.Purpose, Contacts: v.SeesContacts()}
	if v.Limited() {
		export.Rows = v.Rows.Set
	}
	text, err := json.Marshal(export)
	p := job.Prepared{Input: touchstone.JSON(text), Subject: one.ID, Title: one.Name, Need: "people:export"}
	if v.SeesContacts() {
		p.Need = access.PeopleContacts // the file shows them to whoever reads it
	}
	return p, err
}

func (e *export) run(ctx context.Context, r job.Run) (touchstone.JSON, error) {
	var in exportInput
	if err := json.Unmarshal([]byte(r.Input()), &in); err != nil {
		return "", err
	}
	viewer := in.viewer(r.ID(), e.masks)
	one, err := e.segments.Get(ctx, viewer, in.Segment)
	if err != nil {
		return "", err
	}
	if in.Purpose != "" {
		one.Purpose = in.Purpose
	}
	f, err := r.File(one.Name + ".csv")
	if err != nil {
		return "", err
	}
	defer f.Close()
	st, err := e.resume(ctx, r, f, in.Columns)
	if err != nil {
		return "", err
	}
	for done := st.Bytes > 0 && st.Cursor == ""; !done; done = st.Cursor == "" {
		if err := e.page(ctx, f, viewer, &one, st); err != nil {
			return "", err
		}
		if st.Bytes, err = f.Flush(); err != nil {
			return "", err
		}
		text, err := json.Marshal(st)
		if err != nil {
			return "", err
		}
		if err := r.Save(ctx, st.Rows, max(one.Members, st.Rows), touchstone.JSON(text)); err != nil {
			return "", err
		}
	}
	result, err := json.Marshal(map[string]any{"rows": st.Rows, "left_out": st.Left, "file": f.Info()})
	return touchstone.JSON(result), err
}

// resume opens the file behind what an earlier attempt saved, or begins it.
func (e *export) resume(ctx context.Context, r job.Run, f *job.File, columns []string) (*exportProgress, error) {
	st := &exportProgress{}
	if text := r.State(); text != "" {
		if err := json.Unmarshal([]byte(text), st); err != nil {
			return nil, err
		}
	}
	goesOn, err := f.Resume(st.Bytes)
	if err != nil || goesOn {
		return st, err
	}
	if columns, err = e.people.CheckColumns(ctx, columns); err != nil {
		return nil, err
	}
	if _, err := io.WriteString(f, "\uFEFF"); err != nil { // or spreadsheets take it for another encoding
		return nil, err
	}
	w := csv.NewWriter(f)
	if err := w.Write(slices.Concat([]string{"person", "entered_at"}, columns)); err != nil {
		return nil, err
	}
	w.Flush()
	return &exportProgress{Columns: columns}, w.Error()
}

// page writes the next members.
func (e *export) page(ctx context.Context, f *job.File, v *access.Viewer, segment *Segment, st *exportProgress) error {
	members, next, err := e.segments.Members(ctx, v, segment.ID, exportStep, st.Cursor)
	if err != nil {
		return err
	}
	persons, entered := make([]touchstone.PersonID, len(members)), make(map[touchstone.PersonID]time.Time, len(members))
	for i, m := range members {
		persons[i], entered[m.Person] = m.Person, m.EnteredAt
	}
	protected, err := e.guard.Protected(ctx, persons)
	if err != nil {
		return err
	}
	persons = slices.DeleteFunc(persons, func(p touchstone.PersonID) bool { return protected[p] })
	if persons, err = e.agreeing(ctx, segment.Purpose, touchstone.UseAct, persons); err != nil {
		return err
	}
	st.Left += int64(len(members) - len(persons))
	if err := f.About(persons...); err != nil {
		return err
	}
	w := csv.NewWriter(f)
	row := make([]string, 0, len(st.Columns)+2)
	err = e.people.Cells(ctx, v, persons, st.Columns, func(person touchstone.PersonID, cells []string) error {
		row = append(row[:0], person.String(), entered[person].Format(time.RFC3339))
		for _, c := range cells {
			row = append(row, harmless(c))
		}
		st.Rows++
		return w.Write(row)
	})
	if err != nil {
		return err
	}
	w.Flush()
	st.Cursor = next
	return w.Error()
}

// harmless keeps a spreadsheet from taking what somebody has sent for a formula. Numbers, and
// phone numbers among them, stay as they are.
func harmless(cell string) string {
	if cell == "" || !strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
		return cell
	}
	if (cell[0] == '+' || cell[0] == '-') && strings.Trim(cell[1:], "0123456789.*, ") == "" {
		return cell
	}
	return "'" + cell
}
