package loadgen

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestRunSendsValidEventsWithFreshIDs(t *testing.T) {
	var mu sync.Mutex
	seen := map[string]bool{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key, _, _ := r.BasicAuth()
		text, _ := io.ReadAll(r.Body)
		var body struct {
			Batch []struct {
				MessageID string `json:"messageId"`
				UserID    string `json:"userId"`
				Event     string `json:"event"`
			} `json:"batch"`
		}
		if err := json.Unmarshal(text, &body); err != nil || key != "k" || r.URL.Path != "/v1/batch" {
			t.Errorf("%s with key %q: %v", r.URL.Path, key, err)
		}
		if n := len(text) / max(len(body.Batch), 1); n < 700 || n > 900 {
			t.Errorf("an event takes %d bytes", n)
		}
		mu.Lock()
		defer mu.Unlock()
		for _, e := range body.Batch {
			if seen[e.MessageID] || !strings.HasPrefix(e.UserID, "load-user-") || e.Event == "" {
				t.Errorf("odd event %+v", e)
			}
			seen[e.MessageID] = true
		}
		_, _ = io.WriteString(w, `{"success":true}`)
	}))
	defer server.Close()
	r, err := Run(context.Background(), Config{Address: server.Listener.Addr().String(), WriteKey: "k", Connections: 3, Batch: 7,
		Users: 50, Duration: 200 * time.Millisecond, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if r.Events != int64(len(seen)) || r.Events == 0 || len(r.Refused) > 0 {
		t.Errorf("%d events counted, %d arrived, refused %v", r.Events, len(seen), r.Refused)
	}
}
