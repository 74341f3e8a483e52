package apptest

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// documented returns the first block of a language in docs/operations.md.
func documented(t *testing.T, language string) string {
	t.Helper()
	text, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```" + language + "\n(.*?)```").FindSubmatch(text)
	if block == nil {
		t.Fatalf("docs/operations.md has no example for %s", language)
	}
	return string(block[1])
}

func replaced(t *testing.T, text string, pairs ...string) string {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("the example does not say %q", pairs[i])
		}
		text = strings.ReplaceAll(text, pairs[i], pairs[i+1])
	}
	return text
}

// The examples of the operator's manual work as they stand there, with nothing but names,
// ports and certificates replaced.
func TestDocumentedProxies(t *testing.T) {
	t.Parallel()
	t.Run("nginx", func(t *testing.T) {
		dir, s, address := t.TempDir(), Start(t), FreeAddress(t)
		certificate, key := selfSigned(t, dir)
		config := replaced(t, documented(t, "nginx"), "127.0.0.1:8484", strings.TrimPrefix(s.URL, "http://"), "listen 443 ssl", "listen "+address+" ssl",
			"/etc/ssl/events.example.com.pem", certificate, "/etc/ssl/events.example.com.key", key)
		config = "daemon off; pid " + dir + "/pid; error_log stderr;\nevents {}\nhttp { access_log off; client_body_temp_path " + dir + "/b; proxy_temp_path " + dir + "/p; fastcgi_temp_path " +
			dir + "/f; uwsgi_temp_path " + dir + "/u; scgi_temp_path " + dir + "/s;\n" + config + "}\n"
		if os.Geteuid() == 0 {
			config = "user root;\n" + config // its workers use the test's folder
		}
		writeFile(t, dir+"/nginx.conf", config)
		runProxy(t, "nginx", "-c", dir+"/nginx.conf", "-p", dir)
		behindProxy(t, s, address)
	})
	t.Run("caddy", func(t *testing.T) {
		dir, s, address := t.TempDir(), Start(t), FreeAddress(t)
		certificate, key := selfSigned(t, dir)
		config := replaced(t, documented(t, "caddy"), "127.0.0.1:8484", strings.TrimPrefix(s.URL, "http://"),
			"events.example.com {\n", "https://"+address+", https://events.example.com:"+address[strings.LastIndexByte(address, ':')+1:]+" {\n    bind 127.0.0.1\n    tls "+certificate+" "+key+"\n")
		writeFile(t, dir+"/Caddyfile", "{\n admin off\n auto_https disable_redirects\n storage file_system "+dir+"/store\n}\n"+config)
		runProxy(t, "caddy", "run", "--adapter", "caddyfile", "--config", dir+"/Caddyfile")
		behindProxy(t, s, address)
	})
}

func runProxy(t *testing.T, name string, args ...string) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed", name)
	}
	out := &tail{}
	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s: %s", name, out)
		}
	})
}

func selfSigned(t *testing.T, dir string) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "events.example.com"}, DNSNames: []string{"events.example.com"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	public, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	certificate, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writeFile(t, certificate, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: public})))
	writeFile(t, key, string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: secret})))
	return certificate, key
}

// behindProxy uses a server through a proxy at an address, as clients and browsers do.
func behindProxy(t *testing.T, s *Server, address string) {
	t.Helper()
	client := &http.Client{Timeout: patience, Transport: &http.Transport{ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 8,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true, ServerName: "events.example.com"}}} //nolint:gosec // its own certificate
	do := func(method, path, body string, header ...string) *http.Response {
		req, err := http.NewRequest(method, "https://"+address+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { resp.Body.Close() })
		return resp
	}
	Eventually(t, 20*time.Second, "the proxy answers", func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	stream := do("GET", "/api/v1/live/events", "", "Authorization", "Bearer dev")
	event := `{"writeKey":"dev","event":"Through","userId":"u-1","messageId":"t-1","properties":{"pad":"` + strings.Repeat("x", 20_000) + `"}}`
	if resp := do("POST", "/v1/track", event, "X-Forwarded-For", "203.0.113.9", "User-Agent", "Mozilla/5.0", "Origin", "https://shop.example"); resp.StatusCode != 200 {
		t.Fatalf("an event is answered with %s", resp.Status)
	}
	firstMessage(t, stream)
	big := `{"writeKey":"dev","batch":[` + strings.TrimSuffix(strings.Repeat(strings.Replace(event, `"messageId":"t-1",`, `"type":"track",`, 1)+",", 22), ",") + `]}`
	if resp := do("POST", "/v1/batch", big); resp.StatusCode != 200 {
		t.Errorf("a batch of %d bytes is answered with %s", len(big), resp.Status)
	}
	// Too large is the server's word, not the proxy's page.
	resp := do("POST", "/v1/batch", `{"batch":["`+strings.Repeat("x", 5<<20)+`"]}`)
	var problem struct{ Detail string }
	if text, _ := io.ReadAll(resp.Body); resp.StatusCode < 400 || json.Unmarshal(text, &problem) != nil || problem.Detail == "" {
		t.Errorf("a batch of 5 MiB is answered with %s: %.200s", resp.Status, text)
	}
	if resp := do("GET", "/metrics", "", "Authorization", "Bearer dev"); resp.StatusCode != http.StatusNotFound {
		t.Errorf("/metrics is answered with %s", resp.Status)
	}
	s.Drain()
	// Here the client has the proxy's own, trusted, address, so that what it claims counts, unless the proxy drops it.
	if ip := s.SQL("select distinct context->>'ip' from events where message_id = 't-1'"); len(ip) != 1 || ip[0][0] != "203.0.113.9" && ip[0][0] != "127.0.0.1" {
		t.Errorf("the event came from %v", ip)
	}
	// A browser's write, with the page's origin.
	if resp := do("POST", "/api/v1/sources", `{"name":"behind","kind":"web"}`, "Origin", "https://"+address, "Sec-Fetch-Site", "same-origin", "Content-Type", "application/json", "Authorization", "Bearer dev"); resp.StatusCode != 201 {
		t.Errorf("a source is answered with %s", resp.Status)
	}
	s.Call("POST", "/api/v1/users", map[string]any{"email": "a@example.com", "password": upgradePassword, "role": "analyst"}, nil)
	signed := do("POST", "/api/v1/session", `{"email":"a@example.com","password":"`+upgradePassword+`"}`, "Origin", "https://"+address, "Content-Type", "application/json")
	if cookies := signed.Cookies(); signed.StatusCode >= 300 || len(cookies) != 1 || !cookies[0].Secure {
		t.Errorf("signing in is answered with %s, cookies %v", signed.Status, cookies)
	}
}

// firstMessage waits for a message of a stream.
func firstMessage(t *testing.T, stream *http.Response) {
	t.Helper()
	lines := make(chan string)
	go func() {
		defer close(lines)
		for text := bufio.NewScanner(stream.Body); text.Scan(); {
			if strings.HasPrefix(text.Text(), "data:") {
				lines <- text.Text()
				return
			}
		}
	}()
	select {
	case line := <-lines:
		if !strings.Contains(line, "Through") {
			t.Errorf("the stream says %q", line)
		}
	case <-time.After(patience / 2):
		t.Error("a live event is held back")
	}
}
