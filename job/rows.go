package job

import (
	"errors"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/httpapi"
)

const columns = `id, kind, heavy, key, subject, title, input, asker_kind, asker_id, asker_name, need, schedule, due_at, late,
	status, cancel, slot, owner, not_before, attempts, idle, done, total, base, note, state, result, failure,
	created_at, started_at, moved_at, ended_at, erasures, file_erased_at, rows_set`

const columnCount = 35

type scanner interface{ Scan(...any) error }

func scanJob(row scanner) (j Job, err error) {
	var input, note, state, result, failure string
	var due, notBefore, created, started, moved, ended, erased int64
	err = row.Scan(&j.ID, &j.Kind, &j.Heavy, &j.key, &j.Subject, &j.Title, &input, &j.Asker.Kind, &j.Asker.ID, &j.Asker.Name, &j.need, &j.Schedule, &due, &j.Late,
		&j.Status, &j.Cancelling, &j.slot, &j.Owner, &notBefore, &j.Attempts, &j.idle, &j.Done, &j.Total, &j.base, &note, &state, &result, &failure,
		&created, &started, &moved, &ended, &j.erasures, &erased, &j.rows)
	if err != nil {
		return j, err
	}
	j.Input, j.state, j.Result = touchstone.JSON(input), touchstone.JSON(state), touchstone.JSON(result)
	j.DueAt, j.NotBefore = timeOf(due), timeOf(notBefore)
	j.CreatedAt, j.StartedAt, j.MovedAt, j.EndedAt = time.UnixMilli(created).UTC(), timeOf(started), timeOf(moved), timeOf(ended)
	j.FileErasedAt = timeOf(erased)
	j.ETASeconds = j.eta()
	if note != "" {
		err = json.Unmarshal([]byte(note), &j.Note)
	}
	if failure != "" {
		err = errors.Join(err, json.Unmarshal([]byte(failure), &j.Failure))
	}
	var file struct {
		File *FileInfo `json:"file"`
	}
	if result != "" && j.Status == Done && erased == 0 && json.Unmarshal([]byte(result), &file) == nil {
		j.File = file.File
	}
	return j, err
}

func timeOf(ms int64) *time.Time {
	if ms == 0 {
		return nil
	}
	t := time.UnixMilli(ms).UTC()
	return &t
}

func msOf(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// inWords makes what people read of an error. What is not for people is in the log.
func inWords(err error) *Failure {
	var e *touchstone.Error
	if !errors.As(err, &e) || e.Message == "" {
		e = touchstone.Errorf(touchstone.Internal, "Something went wrong on the server; its log says what.")
	}
	detail, hint := e.Texts()
	return &Failure{e.Message, e.Hint, httpapi.NewText(detail), httpapi.NewText(hint)}
}

func encode(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // texts and numbers only
	}
	return string(text)
}
