package apptest

import (
	"encoding/pem"
	"net/http"
	netmail "net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone/mail/mailtest"
)

// From a fault in what a source sends to a mail in everybody's box, each in their language, by a mail server that wants TLS and a
// password; and when it is over, the digest. The program runs as it does for users: its certificate is checked by the machine's.
func TestAlarmsAndDigestsArriveByMail(t *testing.T) {
	t.Parallel()
	const secret = "correct horse"
	box := mailtest.Serve(t, false)
	box.Become(mailtest.Habits{Password: secret})
	authority := filepath.Join(t.TempDir(), "authority.pem")
	if err := os.WriteFile(authority, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: box.Certificate.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	s := NewServer(t, t.TempDir(), "--time-zone", "Asia/Shanghai", "--mail-digest", "10s")
	s.env = []string{"SSL_CERT_FILE=" + authority}
	s.Launch()
	t.Cleanup(s.Stop)
	s.Call(http.MethodPut, "/api/v1/mail", map[string]any{"on": true, "host": "127.0.0.1", "port": box.Port(), "security": "starttls", "user": "alarms", "password": secret,
		"from": "Touchstone <alarms@example.com>", "closures": true, "console_url": "https://cdp.example.com",
		"recipients": []any{map[string]any{"address": "ann@example.com", "language": "en"}, map[string]any{"address": "bo@example.com", "language": "zh"}}}, nil)

	feed := &shopFeed{s: s, stop: make(chan struct{})}
	feed.done.Add(1)
	go feed.run()
	defer feed.done.Wait()
	defer close(feed.stop)
	Eventually(t, 5*time.Minute, "a whole minute was looked at, in which enough came", func() bool {
		for _, m := range s.minuteScores() {
			if m.Events >= 3000 {
				return true
			}
		}
		return false
	})
	if n := len(box.Mails()); n != 0 {
		t.Fatalf("%d mails before anything was wrong: %+v", n, box.Mails())
	}

	feed.turn("Paid")
	broke := time.Now()
	opened := boxOf(t, box, false)
	t.Logf("from the fault to the last mail: %s", time.Since(broke).Round(time.Second))
	alarm := s.alarmOf(t, "Paid")
	expectMail(t, opened["ann@example.com"], "[Touchstone] dev, Paid: price has another type", "https://cdp.example.com/collect/quality")
	expectMail(t, opened["bo@example.com"], "[Touchstone] dev", "属性 price 类型改变")
	for who, m := range opened {
		if !m.Secured || m.User != "alarms" {
			t.Errorf("%s: sent in the clear, or as %q", who, m.User)
		}
		if late := dated(t, m).Sub(alarm.OpenedAt); late > time.Minute {
			t.Errorf("%s was told %s after the alarm", who, late)
		}
	}

	// It is over: what was wrong is taken for what is usual by whoever knows better.
	feed.turn("")
	s.Call(http.MethodPost, "/api/v1/quality/sources/"+alarm.Source+"/relearn", map[string]any{}, nil)
	over := boxOf(t, box, true)
	closed := s.alarmOf(t, "Paid").ClosedAt
	if closed == nil {
		t.Fatal("a digest was sent of an alarm that is open")
	}
	expectMail(t, over["ann@example.com"], "[Touchstone] As usual again: dev, Paid", "Paid")
	expectMail(t, over["bo@example.com"], "[Touchstone] 已恢复正常", "Paid")
	for who, m := range over {
		if late := dated(t, m).Sub(*closed); late > time.Minute {
			t.Errorf("%s was told %s after it was over", who, late)
		}
	}
}

// boxOf waits until both have a mail that tells of alarms, or that they are over, and returns the first of each.
func boxOf(t *testing.T, box *mailtest.Server, over bool) map[string]mailtest.Received {
	t.Helper()
	first := map[string]mailtest.Received{}
	Eventually(t, 5*time.Minute, "everybody has a mail", func() bool {
		for _, m := range box.Mails() {
			isOver := strings.Contains(m.Subject, "As usual again") || strings.Contains(m.Subject, "已恢复正常")
			if _, there := first[m.To]; !there && isOver == over {
				first[m.To] = m
			}
		}
		return len(first) == 2
	})
	return first
}

func expectMail(t *testing.T, m mailtest.Received, subject, body string) {
	t.Helper()
	if !strings.HasPrefix(m.Subject, subject) || !strings.Contains(m.Body, body) {
		t.Errorf("%q\n%s\nwant %q … %q", m.Subject, m.Body, subject, body)
	}
}

// dated returns when a mail says that it was written.
func dated(t *testing.T, m mailtest.Received) time.Time {
	t.Helper()
	at, err := netmail.ParseDate(m.Head.Get("Date"))
	if err != nil {
		t.Fatal(err)
	}
	return at
}

type alarmTimes struct {
	Source, Event string
	OpenedAt      time.Time  `json:"opened_at"`
	ClosedAt      *time.Time `json:"closed_at"`
}

// alarmOf returns the alarm about an event.
func (s *Server) alarmOf(t *testing.T, event string) alarmTimes {
	t.Helper()
	var answer struct{ Items []alarmTimes }
	s.Call(http.MethodGet, "/api/v1/quality/alarms", nil, &answer)
	for _, a := range answer.Items {
		if a.Event == event {
			return a
		}
	}
	t.Fatalf("no alarm of %s: %+v", event, answer.Items)
	return alarmTimes{}
}
