package httpfront_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone/internal/httpfront"
	"github.com/touchstone-cdp/touchstone/internal/loadgen"
)

// serveVariable makes this test binary the server of BenchmarkThroughProxy.
const serveVariable = "HTTPFRONT_SERVE"

func TestMain(m *testing.M) {
	if how := os.Getenv(serveVariable); how != "" {
		if err := serveForBenchmark(how == "front"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// serveForBenchmark reads bodies and answers, prints its address, and ends with its input.
// GET /cpu tells the processor time that it has used, in seconds.
func serveForBenchmark(withFront bool) error {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	track := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"success":true}`)
	})
	mux := http.NewServeMux()
	mux.Handle("/v1/track", track)
	mux.HandleFunc("/cpu", func(w http.ResponseWriter, _ *http.Request) {
		var u syscall.Rusage
		_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
		fmt.Fprint(w, time.Duration(u.Utime.Nano()+u.Stime.Nano()).Seconds())
	})
	listener := inner
	if withFront {
		listener = httpfront.New(inner, httpfront.Config{Handlers: map[string]http.Handler{"/v1/track": track}})
	}
	go func() {
		_ = (&http.Server{Handler: mux, ReadTimeout: time.Minute, ReadHeaderTimeout: time.Minute}).Serve(listener)
	}()
	fmt.Println(inner.Addr())
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// BenchmarkThroughProxy measures the processor time of a server per 1,000 single track
// calls, with and without the front, bare and behind nginx as people set it up: with its
// defaults (HTTP/1.0 and a connection for each request) and with connections kept alive.
// It needs nginx.
func BenchmarkThroughProxy(b *testing.B) {
	nginx := "/usr/sbin/nginx"
	if found, err := exec.LookPath("nginx"); err == nil {
		nginx = found
	}
	if _, err := os.Stat(nginx); err != nil {
		b.Skip("there is no nginx here")
	}
	for _, way := range []string{"bare", "nginx-defaults", "nginx-keepalive"} {
		for _, how := range []string{"front", "net-http"} {
			b.Run(way+"/"+how, func(b *testing.B) {
				server := startServer(b, how)
				address := server
				if way != "bare" {
					address = startNginx(b, nginx, server, way == "nginx-keepalive")
				}
				load := func(d time.Duration) int64 {
					result, err := loadgen.Run(context.Background(), loadgen.Config{Address: address, WriteKey: "dev", Connections: 64, Batch: 1, Users: 1000, Duration: d})
					if err != nil {
						b.Fatal(err)
					}
					return int64(result.RequestsPerSecond() * d.Seconds())
				}
				load(300 * time.Millisecond) // warms up
				requests, before := int64(0), cpuOf(b, server)
				for b.Loop() {
					requests += load(time.Second)
				}
				b.ReportMetric(0, "ns/op")
				b.ReportMetric((cpuOf(b, server)-before)/float64(requests)*1000, "cpu-s/1000")
			})
		}
	}
}

func startServer(b *testing.B, how string) (address string) {
	b.Helper()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	c := exec.Command(self)
	c.Env = append(os.Environ(), serveVariable+"="+how)
	in, err1 := c.StdinPipe()
	out, err2 := c.StdoutPipe()
	if err1 != nil || err2 != nil || c.Start() != nil {
		b.Fatal("the server does not start")
	}
	b.Cleanup(func() { in.Close(); _ = c.Wait() })
	if _, err := fmt.Fscanln(out, &address); err != nil {
		b.Fatal(err)
	}
	return address
}

func cpuOf(b *testing.B, server string) (seconds float64) {
	b.Helper()
	res, err := http.Get("http://" + server + "/cpu")
	if err != nil {
		b.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := fmt.Fscan(res.Body, &seconds); err != nil {
		b.Fatal(err)
	}
	return seconds
}

func startNginx(b *testing.B, program, server string, keepAlive bool) (address string) {
	b.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	address = free.Addr().String()
	free.Close()
	dir := b.TempDir()
	kept, proxied := "", ""
	if keepAlive {
		kept, proxied = "keepalive 64;", `proxy_http_version 1.1; proxy_set_header Connection "";`
	}
	config := strings.NewReplacer("DIR", dir, "ADDRESS", address, "SERVER", server, "KEPT", kept, "PROXIED", proxied).Replace(`
		daemon off; worker_processes 1; pid DIR/pid; error_log DIR/error.log;
		events { worker_connections 4096; }
		http {
			access_log off; keepalive_requests 1000000;
			client_body_temp_path DIR/b; proxy_temp_path DIR/p; fastcgi_temp_path DIR/f; uwsgi_temp_path DIR/u; scgi_temp_path DIR/s;
			upstream touchstone { server SERVER; KEPT }
			server {
				listen ADDRESS;
				location / { proxy_pass http://touchstone; PROXIED proxy_set_header Host $host; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; }
			}
		}`)
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		b.Fatal(err)
	}
	c := exec.Command(program, "-c", file, "-p", dir)
	c.Stderr = os.Stderr
	if err := c.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = c.Process.Signal(syscall.SIGTERM); _ = c.Wait() })
	for range 200 {
		if conn, err := net.Dial("tcp", address); err == nil {
			conn.Close()
			return address
		}
		time.Sleep(20 * time.Millisecond)
	}
	b.Fatal("nginx does not answer")
	return ""
}
