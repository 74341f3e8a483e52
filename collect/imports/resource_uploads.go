package imports

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/collect/importer"
)

const (
	partMaxBody  = 8 << 20 // of one part of a file; in memory until it is written
	partsAtOnce  = 4
	partTime     = time.Minute
	offsetHeader = "Upload-Offset"
)

type uploadAnswer struct {
	ID         string    `json:"id"`
	Name       string    `json:"name"`
	Size       int64     `json:"size"`
	Offset     int64     `json:"offset"` // bytes that are here
	Head       string    `json:"head"`
	By         string    `json:"by"`
	CreatedAt  time.Time `json:"created_at"`
	FinishedAt time.Time `json:"finished_at"`
}

func showUpload(u uploadRow) uploadAnswer {
	return uploadAnswer{u.id, u.name, u.size, u.received, u.head, u.actorName, time.UnixMilli(u.createdAt), timeOrZero(u.finishedAt)}
}

func (x *Imports) createUpload(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Name string `json:"name"`
		Size int64  `json:"size"`
		Head string `json:"head"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	name, err1 := api.CheckName("name", in.Name, 500)
	head, err2 := api.CheckName("head", in.Head, 200)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	p := api.ViewerOf(r)
	row, made, err := x.uploads.begin(r.Context(), uploadRow{name: name, size: in.Size, head: head, actorKind: p.Kind, actorID: p.ID, actorName: p.Name})
	if err != nil {
		return err
	}
	api.NoteTarget(r, row.id, row.name)
	status := http.StatusCreated
	if !made {
		api.NoteNothing(r)
		status = http.StatusOK
	}
	return api.WriteJSON(w, status, showUpload(row))
}

func (x *Imports) listUploads(w http.ResponseWriter, r *http.Request) error {
	if err := x.uploads.here(); err != nil {
		return err
	}
	rows, err := x.uploads.list(r.Context(), "")
	if err != nil {
		return err
	}
	items := make([]uploadAnswer, len(rows))
	for i, row := range rows {
		items[i] = showUpload(row)
	}
	return api.WritePage(w, items, "")
}

func (x *Imports) getUpload(w http.ResponseWriter, r *http.Request) error {
	row, err := x.uploads.find(r.Context(), x.cfg.DB.Reader(), api.Param(r, "id"))
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, showUpload(row))
}

// appendUpload takes a part. It is read whole before the file is touched, so that a slow or
// stuck sender holds a place among few, and no lock.
func (x *Imports) appendUpload(w http.ResponseWriter, r *http.Request) error {
	offset, err := strconv.ParseInt(r.URL.Query().Get("offset"), 10, 64)
	if err != nil || offset < 0 {
		return touchstone.Errorf(touchstone.Invalid, "The parameter offset must be the number of bytes before this part.")
	}
	if _, err := x.uploads.find(r.Context(), x.cfg.DB.Reader(), api.Param(r, "id")); err != nil {
		return err
	}
	select {
	case x.partSlots <- struct{}{}:
		defer func() { <-x.partSlots }()
	case <-r.Context().Done():
		return r.Context().Err()
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(partTime)) // a stuck sender must not keep the place
	part, err := api.ReadBody(r)
	if err != nil {
		return err
	}
	row, err := x.uploads.append(r.Context(), api.Param(r, "id"), offset, part)
	var wrong wrongOffset
	if errors.As(err, &wrong) {
		w.Header().Set(offsetHeader, strconv.FormatInt(wrong.offset, 10))
	}
	if err != nil {
		return err
	}
	if row.finishedAt != 0 && len(part) > 0 { // parts are not in the audit log one by one: begin and end are
		api.NoteTarget(r, row.id, row.name)
		api.NoteDetail(r, map[string]any{"size": row.size, "fingerprint": row.fingerprint})
	} else {
		api.NoteNothing(r)
	}
	w.Header().Set(offsetHeader, strconv.FormatInt(row.received, 10))
	return api.WriteJSON(w, http.StatusOK, showUpload(row))
}

func (x *Imports) deleteUpload(w http.ResponseWriter, r *http.Request) error {
	row, err := x.uploads.find(r.Context(), x.cfg.DB.Reader(), api.Param(r, "id"))
	if err != nil {
		return err
	}
	if busy, err := x.runs.reads(r.Context(), row.id); err != nil || busy {
		if err == nil {
			err = touchstone.Errorf(touchstone.Conflict, "An import is reading the file.").WithHint("Wait for its end, or cancel it.")
		}
		return err
	}
	api.NoteTarget(r, row.id, row.name)
	x.runs.forgetDry(row.id)
	if err := x.uploads.remove(r.Context(), row); err != nil {
		return err
	}
	return api.NoContent(w)
}

// mappingInput is a mapping in either of its forms.
type mappingInput struct {
	Mapping jsontext.Value `json:"mapping"`
	YAML    string         `json:"yaml"`
}

func (in mappingInput) parse() (m *importer.Mapping, yaml string, err error) {
	yaml = in.YAML
	if yaml == "" {
		if in.Mapping.Kind() != '{' {
			return nil, "", touchstone.Errorf(touchstone.Invalid, "A mapping is needed, as an object in \"mapping\" or as text in \"yaml\".")
		}
		if yaml, err = importer.MappingYAML(in.Mapping); err != nil {
			return nil, "", err
		}
	}
	m, err = importer.ParseMapping([]byte(yaml))
	return m, yaml, err
}

type guessAnswer struct {
	importer.Guessed
	Mapping jsontext.Value  `json:"mapping"`
	YAML    string          `json:"yaml"`
	Saved   []mappingAnswer `json:"saved"` // mappings that were made for the same columns
}

func (x *Imports) guessUpload(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Format jsontext.Value `json:"format"`
		Zone   string         `json:"zone"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	row, err := x.uploads.whole(r.Context(), api.Param(r, "id"))
	if err != nil {
		return err
	}
	o := importer.GuessOptions{File: x.uploads.path(row), FileKey: x.uploads.Key, Name: row.name, Zone: in.Zone}
	if in.Format.Kind() == '{' && len(in.Format) > 2 {
		yaml, err := importer.MappingYAML(in.Format)
		if err != nil {
			return err
		}
		o.Format = []byte(yaml)
	}
	g, err := importer.GuessFile(o)
	if err != nil {
		return x.nameFile(err, row)
	}
	a := guessAnswer{Guessed: g, YAML: g.Mapping}
	m, err := importer.ParseMapping([]byte(g.Mapping))
	if err != nil {
		return x.nameFile(err, row)
	}
	a.Mapping = jsontext.Value(m.JSON())
	columns := make([]string, len(g.Columns))
	for i, col := range g.Columns {
		columns[i] = col.Name
	}
	if a.Saved, err = x.mappingsFor(r.Context(), columns); err != nil {
		return err
	}
	return writeRows(w, r, row, a)
}

// writeRows answers with something that quotes rows of an uploaded file. Who sent the file
// has it, and must see whether its columns are read right; for others contacts are masked.
func writeRows(w http.ResponseWriter, r *http.Request, row uploadRow, answer any) error {
	v := api.ViewerOf(r)
	if v.SeesContacts() || v.Kind == row.actorKind && v.ID == row.actorID {
		return api.WriteJSON(w, http.StatusOK, answer)
	}
	text, err := api.EncodeJSON(answer)
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, v.JSON(touchstone.JSON(text)))
}

// nameFile calls an uploaded file by its name where an error calls it by its place.
func (x *Imports) nameFile(err error, row uploadRow) error {
	var e *touchstone.Error
	if !errors.As(err, &e) {
		return err
	}
	path := x.uploads.path(row)
	named := func(t touchstone.Text) []any {
		args := make([]any, len(t.Args))
		for i, a := range t.Args {
			if args[i] = a; a == path {
				args[i] = row.name
			}
		}
		return args
	}
	message, hint := e.Texts()
	out := touchstone.Wrap(e.Kind, e.Err, message.Format, named(message)...)
	out.RetryAfter = e.RetryAfter
	if hint.Format != "" {
		out = out.WithHint(hint.Format, named(hint)...)
	}
	return out
}

// previewLook is how many rows of a file are looked at for the persons that it would make.
const previewLook = 5000

type rowsAnswer struct {
	importer.PreviewResult
	Mapping jsontext.Value `json:"mapping"`
	YAML    string         `json:"yaml"`
}

func (x *Imports) previewUpload(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Mapping jsontext.Value `json:"mapping"`
		YAML    string         `json:"yaml"`
		Rows    int            `json:"rows"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	row, err := x.uploads.whole(r.Context(), api.Param(r, "id"))
	if err != nil {
		return err
	}
	m, yaml, err := mappingInput{in.Mapping, in.YAML}.parse()
	if err != nil {
		return err
	}
	p, err := importer.Preview(r.Context(), importer.PreviewOptions{
		File: x.uploads.path(row), FileKey: x.uploads.Key, Mapping: m, Rows: in.Rows, Look: previewLook, Server: server{x}, Clock: x.cfg.Clock,
	})
	if err != nil {
		return x.nameFile(err, row)
	}
	return writeRows(w, r, row, rowsAnswer{p, jsontext.Value(m.JSON()), yaml})
}
