package console

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone/collect/imports"
)

// uploadWorld is a world that takes files and runs imports.
func uploadWorld(t *testing.T) *world {
	w := newWorld(t)
	w.runImports()
	return w
}

// runImports runs the background work of imports until stop is called or the test ends.
func (w *world) runImports() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = w.imports.Run(ctx) })
	stop = func() { cancel(); wg.Wait() }
	w.t.Cleanup(stop)
	return stop
}

type uploadJSON struct {
	ID         string     `json:"id"`
	Offset     int64      `json:"offset"`
	FinishedAt *time.Time `json:"finished_at"`
}

func (w *testServer) beginUpload(key, name string, size int, status int) uploadJSON {
	w.t.Helper()
	var u uploadJSON
	w.want(call{method: "POST", path: "/api/v1/uploads", key: key, body: fmt.Sprintf(`{"name":%q,"size":%d,"head":"h"}`, name, size)}, status).decode(w.t, &u)
	return u
}

func (w *testServer) part(key, id string, offset int64, part string) answer {
	w.t.Helper()
	return w.do(call{method: "PATCH", path: fmt.Sprintf("/api/v1/uploads/%s?offset=%d", id, offset), key: key, body: part,
		header: map[string]string{"Content-Type": "application/octet-stream"}})
}

// upload sends a file whole.
func (w *testServer) upload(key, name, content string) string {
	w.t.Helper()
	u := w.beginUpload(key, name, len(content), 201)
	if a := w.part(key, u.ID, 0, content); a.status != 200 {
		w.t.Fatal(a.body)
	}
	return u.ID
}

func TestUploadInParts(t *testing.T) {
	w := uploadWorld(t)
	content := strings.Repeat("0123456789", 10_000)
	const name = "../../../etc/passwd\n客户 🚗.csv"
	u := w.beginUpload(w.admin, name, len(content), 201)
	if a := w.part(w.admin, u.ID, 0, content[:30_000]); a.status != 200 || a.header.Get("Upload-Offset") != "30000" {
		t.Fatal(a)
	}
	for _, wrong := range []int64{0, 29_999, 30_001} { // an answer was lost, two tabs at once
		if a := w.part(w.admin, u.ID, wrong, "x"); a.status != 409 || a.header.Get("Upload-Offset") != "30000" || !strings.Contains(a.body, "30000") {
			t.Errorf("offset %d: %+v", wrong, a)
		}
	}
	if a := w.part(w.admin, u.ID, 30_000, content); a.status != 413 {
		t.Errorf("a part beyond the end: %+v", a)
	}
	// A reload: the same file again is the same upload. A server that was killed between
	// writing and counting has more bytes than count.
	if again := w.beginUpload(w.admin, name, len(content), 200); again.ID != u.ID || again.Offset != 30_000 {
		t.Errorf("%+v", again)
	}
	path := filepath.Join(w.folder, u.ID)
	if err := os.WriteFile(path, []byte(content[:30_000]+"torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.want(call{method: "POST", path: "/api/v1/uploads/" + u.ID + "/guess", key: w.admin, body: `{}`}, 409, "not here as a whole")
	w.takeFiles(imports.UploadConfig{}) // a restart
	if a := w.part(w.admin, u.ID, 30_000, content[30_000:]); a.status != 200 || strings.Contains(a.body, `"finished_at":null`) {
		t.Fatal(a)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != content {
		t.Errorf("%d bytes %v", len(got), err)
	}
	a := w.want(call{method: "GET", path: "/api/v1/audit", key: w.admin}, 200, `"action":"upload.create"`, `"action":"upload.finish"`,
		fmt.Sprintf(`"fingerprint":"sha256:%x"`, sha256.Sum256([]byte(content))))
	if strings.Count(a.body, "upload.") != 2 {
		t.Errorf("parts are in the audit log: %s", a.body)
	}
	w.want(call{method: "DELETE", path: "/api/v1/uploads/" + u.ID, key: w.admin}, 204)
	w.want(call{method: "GET", path: "/api/v1/uploads/" + u.ID, key: w.admin}, 404)
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Error("the file stays")
	}
}

// Two senders of one file: each byte is written once, and the loser is told where to go on.
func TestUploadTwoAtOnce(t *testing.T) {
	w := uploadWorld(t)
	const parts, size = 20, 5_000
	content := strings.Repeat("abcde", parts*size/5)
	u := w.beginUpload(w.admin, "two.csv", len(content), 201)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for offset := int64(0); offset < int64(len(content)); {
				a := w.part(w.admin, u.ID, offset, content[offset:min(offset+size, int64(len(content)))])
				if a.status != 200 && a.status != 409 {
					t.Error(a)
					return
				}
				if _, err := fmt.Sscan(a.header.Get("Upload-Offset"), &offset); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if got, err := os.ReadFile(filepath.Join(w.folder, u.ID)); err != nil || string(got) != content {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func TestUploadBounds(t *testing.T) {
	w := newWorld(t)
	free := int64(50 << 30)
	w.takeFiles(imports.UploadConfig{MaxBytes: 1000, MaxTotal: 2500, MaxFiles: 3, Free: func(string) (int64, int64, error) { return free, 100 << 30, nil }})
	post := func(name string, size, status int, text string) {
		t.Helper()
		w.want(call{method: "POST", path: "/api/v1/uploads", key: w.admin, body: fmt.Sprintf(`{"name":%q,"size":%d,"head":"h"}`, name, size)}, status, text)
	}
	post("empty", 0, 400, "empty")
	post("large", 1001, 413, "limit")
	post("a", 1000, 201, "")
	post("b", 1000, 201, "")
	post("c", 1000, 409, "no room")
	free = 1 << 30 // less than 2 % of the disk
	post("d", 10, 503, "nearly full")
	u := w.beginUploadFree(&free)
	free = 1 << 30
	if a := w.part(w.admin, u.ID, 0, "0123456789"); a.status != 503 {
		t.Errorf("a part: %+v", a)
	}
	free = 50 << 30
	reader := w.apiKey("read")
	w.want(call{method: "GET", path: "/api/v1/uploads", key: reader}, 403)
	// What nobody goes on with goes, and so does what no row names.
	stray := filepath.Join(w.folder, "upl_stray")
	if err := os.WriteFile(stray, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	w.clock.advance(49 * time.Hour)
	w.runImports()
	w.await("/api/v1/uploads", `"items":[]`)
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(stray); os.IsNotExist(err) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("a file without a row stays")
		}
	}
}

func (w *world) beginUploadFree(free *int64) uploadJSON {
	*free = 50 << 30
	return w.beginUpload(w.admin, "e", 10, 201)
}

// shopFile has 24 good lines, one whose time is none and one without a customer.
func shopFile() string {
	var b strings.Builder
	b.WriteString("客户ID;时间;金额;城市\n")
	for i := range 12 {
		fmt.Fprintf(&b, "u1;2026-02-01 10:00:%02d;1,50;上海\nu2;2026-02-01 11:00:%02d;2,25;北京\n", i, i)
	}
	b.WriteString("u1;soon;3,00;上海\n;2026-02-02 11:00:00;2,25;北京\n")
	return b.String()
}

func TestUploadFromFileToEvents(t *testing.T) {
	w := uploadWorld(t)
	id := w.upload(w.admin, "订单.csv", shopFile())
	at := "/api/v1/uploads/" + id
	var g struct {
		YAML    string         `json:"yaml"`
		Mapping map[string]any `json:"mapping"`
		Columns []struct {
			Name string `json:"name"`
			Role string `json:"role"`
		} `json:"columns"`
	}
	w.want(call{method: "POST", path: at + "/guess", key: w.admin, body: `{"zone":"Asia/Shanghai"}`}, 200).decode(t, &g)
	if g.Columns[0].Role != "user_id" || g.Columns[1].Role != "time" || !strings.Contains(g.YAML, "Asia/Shanghai") || g.Mapping["decimal"] != "," {
		t.Errorf("%+v", g)
	}
	// What people say of the format is not guessed.
	w.want(call{method: "POST", path: at + "/guess", key: w.admin, body: `{"format":{"delimiter":",","skip":0}}`}, 200, `delimiter: \",\"`, "as you said")
	body := fmt.Sprintf(`{"yaml":%q`, g.YAML)
	w.want(call{method: "POST", path: at + "/preview", key: w.admin, body: body + `,"rows":30}`}, 200,
		`"code":"bad_timestamp"`, `"properties":{"金额":1.5,"城市":"上海"}`, `"persons_created":2`, `"looked":26`, `"looked_bad":2`, `"path":"time","columns":["时间"]`)
	w.want(call{method: "POST", path: at + "/preview", key: w.admin, body: `{"mapping":{"event":"E","time":"时间"}}`}, 400, "names no identifiers")
	w.want(call{method: "POST", path: at + "/preview", key: w.admin, body: `{"yaml":"event: E\ntime: 时间\nidentifiers: {user_id: nobody}"}`}, 400, "line 3", "nobody", "!"+w.folder)
	// A saved mapping is offered for the same columns, and a name is taken once.
	w.want(call{method: "POST", path: "/api/v1/mappings", key: w.admin, body: body + `,"name":"订单","columns":["城市","客户ID","时间","金额"]}`}, 201)
	w.want(call{method: "POST", path: "/api/v1/mappings", key: w.admin, body: body + `,"name":"订单"}`}, 409, "another mapping")
	w.want(call{method: "POST", path: at + "/guess", key: w.admin, body: `{}`}, 200, `"name":"订单"`)

	for w.do(call{method: "POST", path: at + "/dry-run", key: w.admin, body: body + `}`}).status == 503 { // imports have hardly been started
		time.Sleep(time.Millisecond)
	}
	w.await(at+"/dry-run", `"state":"finished"`, `"quarantined":2`, `"rows":26`)
	w.want(call{method: "GET", path: "/api/v1/stats", key: w.admin}, 200, `"accepted":0`)

	var i struct {
		ID string `json:"id"`
	}
	w.want(call{method: "POST", path: at + "/import", key: w.admin, body: body + `,"source":"shop"}`}, 202).decode(t, &i)
	w.await("/api/v1/imports/"+i.ID, `"state":"finished"`, `"status":"finished"`, `"accepted":24`, `"rejected":2`, `"first_row":25`)
	w.settle()
	w.want(call{method: "POST", path: "/api/v1/query", key: w.admin, body: `{"kind":"trend","from":"2026-01-01T00:00:00Z","to":"2026-03-01T00:00:00Z","interval":"total",
		"series":[{"event":"Order Completed","measure":"sum","property":"金额"}]}`}, 200, ",45]")
	w.want(call{method: "POST", path: at + "/import", key: w.admin, body: body + `,"source":"shop"}`}, 200, `"status":"finished"`)
	w.want(call{method: "POST", path: at + "/import", key: w.admin, body: body + `,"source":"shop","again":true}`}, 202)
	w.want(call{method: "GET", path: "/api/v1/audit", key: w.admin}, 200, `"action":"import.start"`, `"action":"mapping.create"`)
}

// await asks until the answer has a text, and then wants the others, too.
func (w *testServer) await(path, text string, more ...string) answer {
	w.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if a := w.do(call{method: "GET", path: path, key: w.adminKey()}); strings.Contains(a.body, text) {
			return w.want(call{method: "GET", path: path, key: w.adminKey()}, 200, more...)
		} else if strings.Contains(a.body, `"state":"failed"`) {
			w.t.Fatal(a.body)
		}
	}
	w.t.Fatalf("%s never has %s: %s", path, text, w.do(call{method: "GET", path: path, key: w.adminKey()}).body)
	return answer{}
}

var adminKeys sync.Map

func (w *testServer) adminKey() string {
	if k, ok := adminKeys.Load(w); ok {
		return k.(string)
	}
	k := w.apiKey("admin")
	adminKeys.Store(w, k)
	return k
}

// An import that was under way when the server stopped goes on when it is back, and one that
// was cancelled goes on when it is started again: each row comes once.
func TestImportRunGoesOn(t *testing.T) {
	w := newWorld(t)
	stop := w.runImports()
	const rows = 120_000
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	fmt.Fprintln(z, "id,ts")
	for i := range rows {
		fmt.Fprintf(z, "u%d,2026-02-01 10:00:%02d\n", i%500, i%60)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	at := "/api/v1/uploads/" + w.upload(w.admin, "long.csv.gz", b.String())
	body := `{"source":"long","mapping":{"event":"E","time":"ts","identifiers":{"user_id":"id"}}}`
	var i struct {
		ID string `json:"id"`
	}
	w.want(call{method: "POST", path: at + "/import", key: w.admin, body: body}, 202).decode(t, &i)
	path := "/api/v1/imports/" + i.ID
	w.want(call{method: "DELETE", path: at, key: w.admin}, 409, "reading the file")
	w.await(path, `"phase":"send"`)
	stop()
	var halted struct {
		NextRow int64 `json:"next_row"`
	}
	w.want(call{method: "GET", path: path, key: w.admin}, 200, `"state":"waiting"`).decode(t, &halted)
	if halted.NextRow <= 1 || halted.NextRow > rows {
		t.Logf("stopped at row %d: nothing was left to go on with", halted.NextRow)
	}
	w.runImports()
	w.await(path, `"status":"finished"`, fmt.Sprintf(`"accepted":%d`, rows))

	// Cancelled, and started again.
	body = strings.Replace(body, `"source"`, `"again":true,"source"`, 1)
	w.want(call{method: "POST", path: at + "/import", key: w.admin, body: body}, 202).decode(t, &i)
	path = "/api/v1/imports/" + i.ID
	w.await(path, `"phase":"send"`)
	if a := w.do(call{method: "DELETE", path: path + "/run", key: w.admin}); a.status == http.StatusNoContent {
		w.await(path, `"state":"cancelled"`)
		w.want(call{method: "POST", path: at + "/import", key: w.admin, body: body}, 202)
	}
	w.await(path, `"status":"finished"`, fmt.Sprintf(`"accepted":%d`, rows), `"rejected":0`)
}
