package apptest

import (
	"net/http"
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
	if status, err := s.Do(http.MethodPost, "/api/v1/jobs", map[string]any{"kind": "quarantine.replay", "input": map[string]any{"code": "blocked_user"}}, nil); status != http.StatusConflict {
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
	s := Start(t)
	var one struct {
		ID     string     `json:"id"`
		NextAt *time.Time `json:"next_at"`
		Last   *struct {
			Job    string `json:"job"`
			Status string `json:"status"`
		} `json:"last"`
	}
	s.Call(http.MethodPost, "/api/v1/schedules", map[string]any{"name": "Each minute", "cron": "* * * * *", "kind": "backup"}, &one)
	if one.NextAt == nil || time.Until(*one.NextAt) > time.Minute {
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
