package console

import (
	"strings"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone/internal/backup"
)

// A backup is begun, done, listed, fetched and deleted by administrators, and by nobody else.
func TestBackups(t *testing.T) {
	w := newWorld(t)
	var b backup.Backup
	w.want(call{method: "POST", path: "/api/v1/backups", key: w.admin}, 202, `"status":"running"`, `"folder":`).decode(t, &b)
	for deadline := time.Now().Add(2 * time.Minute); b.Status == backup.Running; time.Sleep(2 * time.Millisecond) {
		w.get("/backups/"+b.ID, 200).decode(t, &b)
		if time.Now().After(deadline) {
			t.Fatal("it does not end")
		}
	}
	if b.Status != backup.Done || b.Bytes != 4 || b.FinishedAt == nil {
		t.Errorf("got %+v", b)
	}
	w.get("/backups", 200, `"id":"`+b.ID+`"`, `"status":"done"`, `"next_cursor":""`)
	archive := w.want(call{method: "GET", path: "/api/v1/backups/" + b.ID + "/archive", key: w.admin}, 200, "manifest.json", "data")
	if archive.header.Get("Content-Type") != "application/x-tar" || !strings.Contains(archive.header.Get("Content-Disposition"), b.ID+".tar") {
		t.Errorf("the archive is announced as %v", archive.header)
	}
	for _, scope := range []string{"read", "write", "ingest"} {
		key := w.apiKey(scope)
		for _, c := range []call{{method: "GET", path: "/api/v1/backups"}, {method: "POST", path: "/api/v1/backups"}, {method: "GET", path: "/api/v1/backups/" + b.ID},
			{method: "GET", path: "/api/v1/backups/" + b.ID + "/archive"}, {method: "DELETE", path: "/api/v1/backups/" + b.ID}} {
			c.key = key
			w.want(c, 403)
		}
	}
	for _, id := range []string{"20990101T000000Z", "..%2Fwords", "nope"} {
		w.want(call{method: "GET", path: "/api/v1/backups/" + id + "/archive", key: w.admin}, 404)
		w.want(call{method: "DELETE", path: "/api/v1/backups/" + id, key: w.admin}, 404)
	}
	w.want(call{method: "DELETE", path: "/api/v1/backups/" + b.ID, key: w.admin}, 204)
	w.get("/backups", 200, `"items":[]`)
	w.get("/audit?action=backup.delete", 200, b.ID)
}
