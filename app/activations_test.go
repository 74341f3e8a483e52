package app

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tidwall/gjson"

	"github.com/touchstone-cdp/touchstone/internal/sftptest"
)

// activated is a server with people in a segment who are to be sent somewhere.
type activated struct {
	*running
	t       *testing.T
	segment string
	n       int
}

func (a *activated) ask(method, path, body string) string {
	a.t.Helper()
	req, err := http.NewRequestWithContext(a.t.Context(), method, a.url+"/api/v1"+path, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer dev")
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		a.t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	status, text := res.StatusCode, string(answer)
	if err != nil || status/100 != 2 {
		a.t.Fatal(method, path, status, text)
	}
	return text
}

func (a *activated) identify(who, traits string) {
	a.t.Helper()
	a.n++
	status, text := a.post("/v1/identify", fmt.Sprintf(`{"messageId":"i%d","userId":%q,"traits":{"email":"%s@Example.com","phone":"+86139000000%02d",%s}}`, a.n, who, who, int(who[0]-'a'), traits),
		"Authorization", "Basic ZGV2Og==", "Content-Type", "application/json")
	if status != http.StatusOK {
		a.t.Fatal(status, text)
	}
}

func (a *activated) members(n int64) {
	a.t.Helper()
	until(a.t, fmt.Sprintf("the segment has %d members", n), func() bool {
		_, text := a.get("/api/v1/segments/" + a.segment)
		return gjson.Get(text, "status").String() == "live" && gjson.Get(text, "members").Int() == n
	})
}

// run starts the job and returns it when it has ended.
func (a *activated) start(activation string) gjson.Result {
	a.t.Helper()
	id := gjson.Get(a.ask("POST", "/jobs", fmt.Sprintf(`{"kind":"activation.send","input":{"activation":%q}}`, activation)), "id").String()
	var text string
	until(a.t, "the job has ended", func() bool {
		_, text = a.get("/api/v1/jobs/" + id)
		return slices.Contains([]string{"done", "failed"}, gjson.Get(text, "status").String())
	})
	return gjson.Parse(text)
}

func newActivated(t *testing.T) *activated {
	a := &activated{running: run(t), t: t}
	a.identify("ann", `"vip":1`)
	a.identify("bob", `"vip":1`)
	a.segment = gjson.Get(a.ask("POST", "/segments", `{"name":"vip","rule":{"trait":"vip","op":"eq","value":1}}`), "id").String()
	a.members(2)
	return a
}

// Onto a real SFTP server: nothing before its key is known, then everything, then what has changed; after an erasure everything again.
func TestActivationOverSFTP(t *testing.T) {
	a, server := newActivated(t), sftptest.Start(t)
	id := gjson.Get(a.ask("POST", "/activations", fmt.Sprintf(`{"name":"Partner","segment":%q,"format":"csv","kinds":["user_id"],"changes":true,
		"target":{"type":"sftp","host":%q,"user":%q},"secret":%q}`, a.segment, server.Address, sftptest.User, sftptest.Password)), "id").String()
	if text := a.ask("GET", "/activations/"+id, ""); strings.Contains(text, sftptest.Password) {
		t.Error("the password is read back: " + text)
	}
	files := func() (names []string) {
		entries, err := os.ReadDir(server.Folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return names
	}
	if j := a.start(id); j.Get("status").String() != "failed" || !strings.Contains(j.Get("failure.detail").String(), server.HostKey) || len(files()) != 0 {
		t.Fatalf("a server whose key nobody has looked at: %s, %q", j, files())
	}
	tested := a.ask("POST", "/activations/"+id+"/test", "")
	if gjson.Get(tested, "host_key").String() != server.HostKey || gjson.Get(tested, "ok").Bool() {
		t.Fatal(tested)
	}
	target := fmt.Sprintf(`{"target":{"type":"sftp","host":%q,"user":%q,"host_key":%q}}`, server.Address, sftptest.User, server.HostKey)
	a.ask("PATCH", "/activations/"+id, target)
	// read returns the lines of the last file without the persons' ids.
	read := func() (lines []string) {
		t.Helper()
		names := files()
		text, err := os.ReadFile(filepath.Join(server.Folder, names[len(names)-1]))
		if err != nil || strings.HasSuffix(names[len(names)-1], ".part") {
			t.Fatal(err, names)
		}
		for _, l := range strings.Split(strings.TrimSpace(string(text)), "\n")[1:] {
			cells := strings.Split(l, ",")
			if cells[0] != "add" && cells[0] != "remove" {
				lines = append(lines, cells[2])
				continue
			}
			lines = append(lines, cells[0]+" "+cells[3])
		}
		return lines
	}
	sent := func(want ...string) {
		t.Helper()
		if j := a.start(id); j.Get("status").String() != "done" {
			t.Fatal(j)
		}
		if got := read(); !slices.Equal(got, want) {
			t.Fatalf("the file holds %q, not %q (%q)", got, want, files())
		}
	}
	sent("ann", "bob")
	a.identify("bob", `"vip":0`)
	a.identify("eve", `"vip":1`)
	until(t, "eve is in and bob is not", func() bool {
		_, text := a.get("/api/v1/segments/" + a.segment + "/changes")
		return strings.Count(text, `"left"`) == 1 && gjson.Get(text, `items.#(kind=="entered")`).Exists()
	})
	a.members(2)
	sent("remove bob", "add eve")
	sent() // nothing has changed
	person := gjson.Get(a.ask("GET", "/persons/user_id:ann", ""), "id").String()
	a.ask("POST", "/persons/user_id:ann/erase", fmt.Sprintf(`{"confirm":%q}`, person))
	until(t, "the next run is a whole one", func() bool {
		_, text := a.get("/api/v1/activations/" + id)
		return gjson.Get(text, "whole").Bool()
	})
	a.members(1)
	sent("eve")
	runs := gjson.Parse(a.ask("GET", "/activations/"+id+"/runs", "")).Get("items").Array()
	if len(runs) != 4 || !runs[0].Get("whole").Bool() || runs[1].Get("added").Int() != 0 || runs[2].Get("removed").Int() != 1 || runs[0].Get("held").Int() != 1 {
		t.Errorf("got %s", runs)
	}
	if parts := files(); len(parts) != 4 {
		t.Errorf("got %q", parts)
	}
}

// By signed calls, hashed as a platform asks; a receiver that refuses leaves the run undone, and the next one tells what it did not take.
func TestActivationByCalls(t *testing.T) {
	a := newActivated(t)
	key := []byte("a key of thirty-two bytes, or so")
	var mu sync.Mutex
	var bodies, ids []string
	refuse := true
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mac := hmac.New(sha256.New, key)
		fmt.Fprintf(mac, "%s.%s.%s", r.Header.Get("webhook-id"), r.Header.Get("webhook-timestamp"), body)
		if r.Header.Get("webhook-signature") != "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)) {
			t.Errorf("the signature of %s is another one", body)
		}
		mu.Lock()
		defer mu.Unlock()
		if refuse {
			w.WriteHeader(http.StatusGone)
			return
		}
		bodies, ids = append(bodies, string(body)), append(ids, r.Header.Get("webhook-id"))
	}))
	defer receiver.Close()
	id := gjson.Get(a.ask("POST", "/activations", fmt.Sprintf(`{"name":"Platform","segment":%q,"format":"meta","changes":true,"target":{"type":"call","url":%q},"secret":"whsec_%s"}`,
		a.segment, receiver.URL, base64.StdEncoding.EncodeToString(key))), "id").String()
	if j := a.start(id); j.Get("status").String() != "failed" {
		t.Fatal(j)
	}
	mu.Lock()
	refuse = false
	mu.Unlock()
	if j := a.start(id); j.Get("status").String() != "done" {
		t.Fatal(j)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(bodies) != 1 || len(slices.Compact(ids)) != 1 {
		t.Fatalf("got %q", bodies)
	}
	said := gjson.Parse(bodies[0])
	var got []string
	for _, l := range said.Get("lines").Array() {
		if l.Get("action").String() != "add" {
			t.Errorf("got %s", l)
		}
		got = append(got, l.Get("kind").String()+" "+l.Get("value").String())
	}
	hash := func(s string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(s))) }
	want := []string{"email " + hash("ann@example.com"), "email " + hash("bob@example.com"), "phone " + hash("8613900000000"), "phone " + hash("8613900000001")}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) || !said.Get("last").Bool() || said.Get("part").Int() != 1 {
		t.Errorf("got %s", said)
	}
}
