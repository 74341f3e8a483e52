package apptest

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Job is what the tests look at of one.
type Job struct {
	ID       string         `json:"id"`
	Kind     string         `json:"kind"`
	Status   string         `json:"status"`
	Done     int64          `json:"done"`
	Total    int64          `json:"total"`
	Attempts int64          `json:"attempts"`
	Schedule string         `json:"schedule"`
	Late     bool           `json:"late"`
	Result   map[string]any `json:"result"`
	File     *struct {
		Name  string `json:"name"`
		Bytes int64  `json:"bytes"`
	} `json:"file"`
	Failure *struct {
		Detail string `json:"detail"`
	} `json:"failure"`
}

// StartJob starts a job.
func (s *Server) StartJob(kind string, input any) (j Job) {
	s.t.Helper()
	s.Call(http.MethodPost, "/api/v1/jobs", map[string]any{"kind": kind, "input": input}, &j)
	return j
}

// Job returns a job.
func (s *Server) Job(id string) (j Job) {
	s.t.Helper()
	s.Call(http.MethodGet, "/api/v1/jobs/"+id, nil, &j)
	return j
}

// AwaitJob waits for the end of a job, which must be done.
func (s *Server) AwaitJob(id string) (j Job) {
	s.t.Helper()
	Eventually(s.t, time.Minute, "the end of the job "+id, func() bool {
		j = s.Job(id)
		return j.Status != "queued" && j.Status != "running"
	})
	if j.Status != "done" {
		s.t.Errorf("the job is %+v: %+v", j, j.Failure)
	}
	return j
}

// A replay of thousands of refused events goes on after kills; each is counted once.
func TestReplayOfManySurvivesKills(t *testing.T) {
	t.Parallel()
	const n = 4000
	s := StartIn(t, t.TempDir())
	_, key := s.Source("shop", "server")
	block := func(blocked bool) {
		s.Call(http.MethodPost, "/api/v1/identity/blocked", map[string]any{"value": "kiosk", "kind": "user_id", "blocked": blocked}, nil)
	}
	block(true)
	for at := 0; at < n; at += 500 {
		batch := make([]Event, 500)
		for i := range batch {
			batch[i] = Event{"type": "track", "event": "Bought", "userId": "kiosk", "properties": map[string]any{"n": at + i}}
		}
		s.TrackAs(key, batch...)
	}
	if st := s.Drain(); st.Quarantined != n {
		t.Fatalf("%+v: %d events should be refused", st, n)
	}
	block(false)
	id := s.StartJob("quarantine.replay", map[string]any{"code": "blocked_user"}).ID
	if status, err := s.Do(http.MethodPost, "/api/v1/jobs", map[string]any{"kind": "quarantine.replay", "input": map[string]any{"code": "blocked_user"}}, nil); status != http.StatusConflict && s.Job(id).Status != "done" {
		t.Errorf("the same replay a second time: %d, %v", status, err)
	}
	for range 3 {
		time.Sleep(150 * time.Millisecond)
		s.Kill()
		s.Launch()
	}
	j := s.AwaitJob(id)
	if j.Done != n || j.Total != n {
		t.Errorf("%+v", j)
	}
	t.Logf("after %d attempts", j.Attempts)
	s.Drain()
	if got := s.Number("select count(*) from events where event = 'Bought'"); got != n {
		t.Errorf("%d events are in the warehouse, want %d", got, n)
	}
}

// A backup by the clock, a run by hand, and the calendar.
func TestSchedules(t *testing.T) {
	t.Parallel() // most of it is waiting
	s := Start(t)
	var one struct {
		ID     string     `json:"id"`
		NextAt *time.Time `json:"next_at"`
		Last   *struct {
			Job    string `json:"job"`
			Status string `json:"status"`
		} `json:"last"`
	}
	s.Call(http.MethodPost, "/api/v1/schedules", map[string]any{"name": "Leap days", "cron": "0 0 29 2 *", "kind": "backup"}, &one)
	if one.NextAt == nil || one.NextAt.Month() != time.February || one.NextAt.Day() != 29 {
		t.Errorf("due next at %v", one.NextAt)
	}
	var run Job
	s.Call(http.MethodPost, "/api/v1/schedules/"+one.ID+"/run", nil, &run)
	if j := s.AwaitJob(run.ID); j.Kind != "backup" || j.Schedule != one.ID || j.Result["backup"] == "" || j.Done == 0 {
		t.Errorf("%+v", j)
	}
	var backups struct {
		Items []struct {
			Status string `json:"status"`
		} `json:"items"`
	}
	s.Call(http.MethodGet, "/api/v1/backups", nil, &backups)
	if len(backups.Items) != 1 || backups.Items[0].Status != "done" {
		t.Errorf("the backups are %+v", backups)
	}
	s.Call(http.MethodPatch, "/api/v1/schedules/"+one.ID, map[string]any{"name": "Each minute", "cron": "* * * * *"}, &one)
	if one.NextAt == nil || time.Until(*one.NextAt) > time.Minute {
		t.Errorf("due next at %v", one.NextAt)
	}
	Eventually(t, 75*time.Second, "a run by the clock", func() bool {
		s.Call(http.MethodGet, "/api/v1/schedules/"+one.ID, nil, &one)
		return one.Last != nil && one.Last.Job != run.ID && one.Last.Status == "done"
	})
	var preview struct {
		Items []struct {
			At   string `json:"at"`
			Name string `json:"name"`
		} `json:"items"`
		TimeZone string `json:"time_zone"`
	}
	s.Call(http.MethodPut, "/api/v1/calendar", map[string]any{"calendar": "cn", "own": []any{}}, nil)
	s.Call(http.MethodGet, "/api/v1/schedules/preview?cron=0+9+*+*+*&days=working&count=3", nil, &preview)
	if len(preview.Items) != 3 || preview.TimeZone != "UTC" {
		t.Errorf("%+v", preview)
	}
	if status, _ := s.Do(http.MethodPost, "/api/v1/schedules", map[string]any{"name": "x", "cron": "soon", "kind": "backup"}, nil); status != http.StatusBadRequest {
		t.Errorf("a time that nobody understands is answered with %d", status)
	}
}

// download fetches the file of a job.
func (s *Server) download(id string) string {
	s.t.Helper()
	req, err := http.NewRequest(http.MethodGet, s.URL+"/api/v1/jobs/"+id+"/file", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer dev")
	resp, err := s.http.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(resp.Header.Get("Content-Disposition"), "attachment") {
		s.t.Fatalf("the file is answered with %d, %v: %.200s", resp.StatusCode, err, body)
	}
	return string(body)
}

// An export of thousands of people goes on after kills, and holds each of them once.
func TestExportOfASegmentSurvivesKills(t *testing.T) {
	t.Parallel()
	const n = 6000
	s := StartIn(t, t.TempDir())
	for at := 0; at < n; at += 500 {
		batch := make([]Event, 500)
		for i := range batch {
			batch[i] = Event{"type": "identify", "userId": fmt.Sprintf("u-%d", at+i), "traits": map[string]any{
				"name": fmt.Sprintf("张 %d", at+i), "email": fmt.Sprintf("u%d@example.com", at+i), "vip": true, "note": "=1+1,\"quoted\"\nline"}}
		}
		s.Track(batch...)
	}
	s.Drain()
	segment := s.CreateSegment("会员/VIP", map[string]any{"trait": "vip", "op": "eq", "value": true}).ID
	input := map[string]any{"segment": segment, "columns": []string{"name", "id.user_id", "id.email", "trait.note", "trait.vip", "events"}}
	id := s.StartJob("segment.export", input).ID
	for range 3 {
		time.Sleep(60 * time.Millisecond)
		s.Kill()
		s.Launch()
	}
	j := s.AwaitJob(id)
	if j.File == nil || j.File.Name != "会员_VIP.csv" || j.Done != n || j.Result["rows"] != float64(n) {
		t.Fatalf("%+v", j)
	}
	text := s.download(id)
	if int64(len(text)) != j.File.Bytes {
		t.Errorf("%d bytes, not %d", len(text), j.File.Bytes)
	}
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(text, "\uFEFF"))).ReadAll()
	if err != nil || len(rows) != n+1 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	seen := map[string]bool{}
	for _, row := range rows[1:] {
		user := row[3]
		if seen[user] {
			t.Fatalf("%s is there twice", user)
		}
		seen[user] = true
		k := strings.TrimPrefix(user, "u-")
		if row[2] != "张 "+k || row[4] != "u"+k+"@example.com" || row[5] != "'=1+1,\"quoted\"\nline" || row[6] != "true" || row[7] != "1" || !strings.HasPrefix(row[0], "p_") {
			t.Fatalf("a row is %q", row)
		}
	}
	// Who may not see contacts gets them masked, and does not get at the other's file.
	var key struct {
		Key string `json:"key"`
	}
	s.Call(http.MethodPost, "/api/v1/api-keys", map[string]any{"name": "reader", "scopes": []string{"people:export", "people:read", "jobs:read"}}, &key)
	asReader := func(method, path, body string) (int, string) {
		req, err := http.NewRequest(method, s.URL+"/api/v1"+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+key.Key)
		resp, err := s.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		answer, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(answer)
	}
	if status, answer := asReader(http.MethodGet, "/jobs/"+id+"/file", ""); status != http.StatusForbidden {
		t.Errorf("a file with contacts is answered with %d to who may not see them: %.200s", status, answer)
	}
	status, answer := asReader(http.MethodPost, "/jobs", fmt.Sprintf(`{"kind":"segment.export","input":{"segment":%q}}`, segment))
	var masked Job
	if err := json.Unmarshal([]byte(answer), &masked); err != nil || status != http.StatusAccepted {
		t.Fatalf("%d, %v: %s", status, err, answer)
	}
	s.AwaitJob(masked.ID)
	status, answer = asReader(http.MethodGet, "/jobs/"+masked.ID+"/file", "")
	if status != http.StatusOK || strings.Count(answer, "\n") < n || strings.Contains(answer, "u17@example.com") || !strings.Contains(answer, "张 17") {
		t.Errorf("%d: %.600s", status, answer)
	}
}
