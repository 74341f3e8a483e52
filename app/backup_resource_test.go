package app

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/touchstone-cdp/touchstone/internal/backup"
)

// A backup is begun, done, listed, fetched and deleted by administrators, and by nobody else.
func TestBackupsAreForAdministrators(t *testing.T) {
	s := newAccessServer(t)
	admin := s.cols[0].header
	want := func(status int, method, path string, header [2]string, texts ...string) []byte {
		t.Helper()
		got, _, body := s.ask(method, path, "", header)
		if got != status {
			t.Fatalf("%s %s: %d, not %d: %s", method, path, got, status, body)
		}
		for _, text := range texts {
			if !bytes.Contains(body, []byte(text)) {
				t.Fatalf("%s %s: no %s in %s", method, path, text, body)
			}
		}
		return body
	}
	var b backup.Backup
	read := func(body []byte) {
		t.Helper()
		if err := json.Unmarshal(body, &b); err != nil {
			t.Fatal(err)
		}
	}
	read(want(http.StatusAccepted, "POST", "/backups", admin, `"status":"running"`, `"folder":`))
	for deadline := time.Now().Add(2 * time.Minute); b.Status == backup.Running; time.Sleep(2 * time.Millisecond) {
		read(want(http.StatusOK, "GET", "/backups/"+b.ID, admin))
		if time.Now().After(deadline) {
			t.Fatal("it does not end")
		}
	}
	if b.Status != backup.Done || b.Bytes == 0 || b.FinishedAt == nil {
		t.Errorf("got %+v", b)
	}
	want(http.StatusOK, "GET", "/backups", admin, `"id":"`+b.ID+`"`, `"status":"done"`, `"next_cursor":""`)
	want(http.StatusOK, "GET", "/backups/"+b.ID+"/archive", admin, "manifest.json")
	for _, c := range s.cols[1:] {
		if c.name == "key:admin" {
			continue
		}
		for _, op := range []string{"GET /backups", "POST /backups", "GET /backups/" + b.ID, "GET /backups/" + b.ID + "/archive", "DELETE /backups/" + b.ID} {
			method, path, _ := strings.Cut(op, " ")
			want(http.StatusForbidden, method, path, c.header)
		}
	}
	for _, id := range []string{"20990101T000000Z", "..%2Fwords", "nope"} {
		want(http.StatusNotFound, "GET", "/backups/"+id+"/archive", admin)
		want(http.StatusNotFound, "DELETE", "/backups/"+id, admin)
	}
	want(http.StatusNoContent, "DELETE", "/backups/"+b.ID, admin)
	want(http.StatusOK, "GET", "/backups", admin, `"items":[]`)
	want(http.StatusOK, "GET", "/audit?action=backup.delete", admin, b.ID)
}
