package httpfront_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/touchstone-cdp/touchstone/internal/httpfront"
)

// served answers with what it saw, so that two servers can be compared by their answers.
func served(by string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", "text/plain")
		h["Served-By"] = []string{by}
		switch r.Header.Get("Do") {
		case "panic":
			panic(http.ErrAbortHandler)
		case "refuse": // without a look at the body
			w.WriteHeader(http.StatusUnauthorized)
			return
		case "nothing":
			w.WriteHeader(http.StatusNoContent)
			return
		case "newline":
			h.Set("X-Odd", "a\r\nInjected: yes")
		}
		body, err := io.ReadAll(r.Body)
		w = &counted{w, bytes.Buffer{}}
		defer w.(*counted).send()
		fmt.Fprintf(w, "%s %s %s host=%s length=%d", r.Method, r.URL, r.RequestURI, r.Host, r.ContentLength)
		for _, name := range []string{"A", "B", "Content-Type", "X-Long"} {
			fmt.Fprintf(w, " %s=%q", name, r.Header.Values(name))
		}
		fmt.Fprintf(w, " body=%q err=%v", body, err)
	})
}

// counted says the length of an answer, which net/http does by itself for short ones only.
type counted struct {
	http.ResponseWriter
	body bytes.Buffer
}

func (c *counted) Write(p []byte) (int, error) { return c.body.Write(p) }

func (c *counted) send() {
	c.Header().Set("Content-Length", strconv.Itoa(c.body.Len()))
	c.ResponseWriter.Write(c.body.Bytes())
}

// start serves with the front, or with net/http alone.
func start(t testing.TB, withFront bool, cfg httpfront.Config) (address string, front *httpfront.Listener) {
	t.Helper()
	var listener net.Listener
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address = listener.Addr().String()
	if withFront {
		if cfg.Handlers == nil {
			cfg.Handlers = map[string]http.Handler{"/v1/track": served("front")}
		}
		front = httpfront.New(listener, cfg)
		listener = front
	}
	mux := http.NewServeMux()
	mux.Handle("/", served("net/http"))
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{Handler: mux, Protocols: protocols, ReadHeaderTimeout: time.Minute, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	return address, front
}

// exchanged is one answer as a client sees it.
type exchanged struct {
	Status int
	Header http.Header
	Body   string
	Close  bool
}

// talk sends pieces over one connection and returns the answers until it ends, without what
// differs by nature.
func talk(t *testing.T, address string, pieces ...string) (answers []exchanged, by []string) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(2 * time.Minute))
	go func() {
		for _, p := range pieces {
			io.WriteString(conn, p)
			time.Sleep(10 * time.Millisecond)
		}
		conn.(*net.TCPConn).CloseWrite()
	}()
	in := bufio.NewReader(conn)
	for {
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			return answers, by
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatalf("after %d answers: %v", len(answers), err)
		}
		if resp.StatusCode == http.StatusContinue {
			continue
		}
		if resp.Header.Get("Date") == "" && resp.StatusCode != http.StatusBadRequest {
			t.Error("an answer without a date")
		}
		by = append(by, resp.Header.Get("Served-By"))
		resp.Header.Del("Date")
		resp.Header.Del("Served-By")
		answers = append(answers, exchanged{resp.StatusCode, resp.Header, string(body), resp.Close})
	}
}

const (
	plain = "POST /v1/track HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"
	last  = "POST /v1/track HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 3\r\n\r\nend"
)

func TestSameAnswersAsNetHTTP(t *testing.T) {
	const head = "POST /v1/track HTTP/1.1\r\nHost: h\r\n"
	long := strings.Repeat("x", 100_000)
	for name, test := range map[string]struct {
		pieces []string
		by     string // first letter of who answered each request: f(ront) or n(et/http); - is neither
	}{
		"one":                          {[]string{plain}, "f"},
		"one after another":            {[]string{plain, plain, plain}, "fff"},
		"pipelined":                    {[]string{plain + plain + plain}, "fff"},
		"empty body":                   {[]string{head + "Content-Length: 0\r\n\r\n", plain}, "ff"},
		"headers":                      {[]string{head + "a: 1\r\nA:  2 \r\nb:\r\nCONTENT-type: application/json\r\nContent-Length: 1\r\n\r\n1"}, "f"},
		"Chinese in a header":          {[]string{head + "A: 试金石 😀\r\nContent-Length: 1\r\n\r\n1"}, "f"},
		"body in pieces":               {[]string{head + "Content-Length: 10\r\n\r\n", "hel", "lo", "12345"}, "f"},
		"large body":                   {[]string{head + "Content-Length: 100000\r\n\r\n" + long, plain}, "ff"},
		"keep-alive said":              {[]string{head + "Connection: keep-alive\r\nContent-Length: 1\r\n\r\n1", plain}, "ff"},
		"body cut short":               {[]string{head + "Content-Length: 10\r\n\r\nhello"}, "f"},
		"refused, body unread":         {[]string{head + "Do: refuse\r\nContent-Length: 100000\r\n\r\n" + long, plain}, "ff"},
		"204":                          {[]string{head + "Do: nothing\r\nContent-Length: 1\r\n\r\n1", plain}, "ff"},
		"line break in the answer":     {[]string{head + "Do: newline\r\nContent-Length: 1\r\n\r\n1"}, "f"},
		"abort":                        {[]string{plain, head + "Do: panic\r\nContent-Length: 1\r\n\r\n1", plain}, "f"},
		"close":                        {[]string{plain, last}, "ff"},
		"close, and more behind it":    {[]string{plain + last + plain}, "ff"},
		"HTTP/1.0 with a host":         {[]string{strings.Replace(plain, "HTTP/1.1", "HTTP/1.0", 1)}, "f"},
		"HTTP/1.0, as of a proxy":      {[]string{strings.Replace(last, "HTTP/1.1", "HTTP/1.0", 1) + plain}, "f"},
		"HTTP/1.0, kept alive":         {[]string{strings.Replace(plain, "HTTP/1.1\r\n", "HTTP/1.0\r\nConnection: keep-alive\r\n", 1)}, "n"},
		"HTTP/1.2":                     {[]string{strings.Replace(plain, "HTTP/1.1", "HTTP/1.2", 1)}, "n"},
		"close and keep-alive":         {[]string{head + "Connection: close, keep-alive\r\nContent-Length: 1\r\n\r\n1"}, "n"},
		"get":                          {[]string{"GET /x HTTP/1.1\r\nHost: h\r\n\r\n", plain}, "nn"},
		"post, then get":               {[]string{plain, "GET /x?y=1 HTTP/1.1\r\nHost: h\r\n\r\n", plain}, "fnn"},
		"another path":                 {[]string{plain, strings.Replace(plain, "track", "other", 1), plain}, "fnn"},
		"path with a query":            {[]string{strings.Replace(plain, "track", "track?a=b", 1)}, "n"},
		"path with an escape":          {[]string{strings.Replace(plain, "track", "tr%61ck", 1)}, "n"},
		"absolute path":                {[]string{strings.Replace(plain, "/v1", "http://h/v1", 1)}, "n"},
		"chunked":                      {[]string{head + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"}, "n"},
		"chunked and a length":         {[]string{head + "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n5\r\nhello\r\n0\r\n\r\n"}, "n"},
		"expects 100":                  {[]string{head + "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n", "hello"}, "n"},
		"two lengths":                  {[]string{head + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"}, "-"},
		"the same length twice":        {[]string{head + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello"}, "n"},
		"length with a sign":           {[]string{head + "Content-Length: +5\r\n\r\nhello"}, "-"},
		"length of nothing":            {[]string{head + "Content-Length:\r\n\r\n"}, "-"},
		"length beyond all bounds":     {[]string{head + "Content-Length: 99999999999999999999\r\n\r\n"}, "-"},
		"no length":                    {[]string{head + "\r\n"}, "n"},
		"no host":                      {[]string{"POST /v1/track HTTP/1.1\r\nContent-Length: 1\r\n\r\n1"}, "-"},
		"two hosts":                    {[]string{head + "Host: g\r\nContent-Length: 1\r\n\r\n1"}, "-"},
		"odd host":                     {[]string{"POST /v1/track HTTP/1.1\r\nHost: a b\r\nContent-Length: 1\r\n\r\n1"}, "-"},
		"space before the colon":       {[]string{head + "Content-Length : 1\r\n\r\n1"}, "-"},
		"folded line":                  {[]string{head + "A: 1\r\n 2\r\nContent-Length: 1\r\n\r\n1"}, "n"},
		"control character":            {[]string{head + "A: \x01\r\nContent-Length: 1\r\n\r\n1"}, "-"},
		"NUL":                          {[]string{head + "A: \x00\r\nContent-Length: 1\r\n\r\n1"}, "-"},
		"lone line feeds":              {[]string{"POST /v1/track HTTP/1.1\nHost: h\nContent-Length: 1\n\n1"}, "n"},
		"a lone line feed":             {[]string{head + "A: 1\nContent-Length: 1\r\n\r\n1"}, "n"},
		"HTTP/1.0":                     {[]string{"POST /v1/track HTTP/1.0\r\nContent-Length: 1\r\n\r\n1"}, "n"},
		"lower-case method":            {[]string{strings.Replace(plain, "POST", "post", 1)}, "n"},
		"nonsense":                     {[]string{"hello\r\n\r\n"}, "-"},
		"nothing":                      {nil, ""},
		"head in pieces":               {[]string{plain[:10], plain[10:40], plain[40:], plain}, "nn ff"}, // whole, if they are read late,
		"head larger than the buffer":  {[]string{head + "X-Long: " + long[:10_000] + "\r\nContent-Length: 1\r\n\r\n1", plain}, "nn"},
		"second head beyond the first": {[]string{head + "Content-Length: 3900\r\n\r\n" + long[:3900] + head + "X-Long: " + long[:500] + "\r\nContent-Length: 1\r\n\r\n1"}, "fn"},
		"many headers":                 {[]string{head + strings.Repeat("A: 1\r\nB: 2\r\n", 20) + "Content-Length: 1\r\n\r\n1"}, "f"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			alone, _ := start(t, false, httpfront.Config{})
			both, _ := start(t, true, httpfront.Config{})
			want, _ := talk(t, alone, test.pieces...)
			got, by := talk(t, both, test.pieces...)
			// The front says that it will close; net/http sometimes just does it.
			if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(exchanged{}, "Close")); diff != "" {
				t.Errorf("net/http alone (-) and with the front (+) differ:\n%s", diff)
			}
			letters := ""
			for _, b := range by {
				letters += (b + "-")[:1]
			}
			if letters != test.by && !slices.Contains(strings.Fields(test.by), letters) {
				t.Errorf("answered by %q, not %q", letters, test.by)
			}
		})
	}
}

// A connection that speaks HTTP/2 from its first byte gets it.
func TestHTTP2(t *testing.T) {
	address, _ := start(t, true, httpfront.Config{})
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	client := http.Client{Transport: &http.Transport{Protocols: protocols}}
	resp, err := client.Post("http://"+address+"/v1/track", "text/plain", strings.NewReader("hello"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.ProtoMajor != 2 || resp.Header.Get("Served-By") != "net/http" {
		t.Errorf("HTTP/%d by %s", resp.ProtoMajor, resp.Header.Get("Served-By"))
	}
}

func TestManyClientsAtOnce(t *testing.T) {
	address, _ := start(t, true, httpfront.Config{})
	client := http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 32}}
	defer client.CloseIdleConnections()
	var all sync.WaitGroup
	for i := range 32 {
		all.Go(func() {
			for n := range 50 {
				path, text := "/v1/track", fmt.Sprintf("%d/%d", i, n)
				if n%10 == 9 {
					path = "/elsewhere"
				}
				resp, err := client.Post("http://"+address+path, "text/plain", strings.NewReader(text))
				if err != nil {
					t.Error(err)
					return
				}
				body, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				if err != nil || !bytes.Contains(body, []byte(fmt.Sprintf("body=%q", text))) || !bytes.Contains(body, []byte(path)) {
					t.Errorf("%s: %s %v", text, body, err)
				}
			}
		})
	}
	all.Wait()
}

// waits is a handler that says when it has begun and goes on when it may.
func waits(begun, may chan struct{}) map[string]http.Handler {
	return map[string]http.Handler{"/v1/track": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun <- struct{}{}
		<-may
		served("front").ServeHTTP(w, r)
	})}
}

func TestCloseFinishesWhatIsUnderWay(t *testing.T) {
	begun, may := make(chan struct{}), make(chan struct{})
	address, front := start(t, true, httpfront.Config{Handlers: waits(begun, may)})
	idle, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	answered := make(chan []exchanged)
	go func() {
		a, _ := talk(t, address, plain, plain)
		answered <- a
	}()
	<-begun
	if err := front.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := idle.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the connection without a request: %v", err)
	}
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	waited := make(chan error)
	go func() { waited <- front.Wait(t.Context()) }()
	select {
	case err := <-waited:
		t.Fatalf("Wait returned %v before the request was answered", err)
	case <-short.Done():
	}
	close(may)
	if a := <-answered; len(a) != 1 || a[0].Status != 200 || !a[0].Close {
		t.Errorf("answers: %+v", a)
	}
	if err := <-waited; err != nil {
		t.Error(err)
	}
	if _, err := net.Dial("tcp", address); err == nil {
		t.Error("a closed front accepts")
	}
	if _, err := front.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept after Close: %v", err)
	}
}

func TestWaitCutsOffWhatTakesTooLong(t *testing.T) {
	begun, may := make(chan struct{}), make(chan struct{})
	defer close(may)
	address, front := start(t, true, httpfront.Config{Handlers: waits(begun, may)})
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, plain)
	<-begun
	front.Close()
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := front.Wait(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Wait: %v", err)
	}
	if n, err := conn.Read(make([]byte, 1)); err == nil {
		t.Errorf("read %d bytes of a connection that was cut", n)
	}
}

// Whoever sends nothing, or not the body he promised, does not stay.
func TestTimeouts(t *testing.T) {
	const soon = time.Second // longer than it takes to say something, also on a busy machine
	for name, sent := range map[string]string{
		"nothing": "", "no second request": plain, "no body": "POST /v1/track HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhello",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address, front := start(t, true, httpfront.Config{FirstTimeout: soon, IdleTimeout: soon})
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(2 * time.Minute))
			io.WriteString(conn, sent)
			if _, err := io.Copy(io.Discard, conn); err != nil {
				t.Errorf("not closed in an orderly way: %v", err)
			}
			front.Close()
			if err := front.Wait(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// A handler's panic costs its connection and nobody else's.
func TestPanic(t *testing.T) {
	var log bytes.Buffer
	address, front := start(t, true, httpfront.Config{
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
		Handlers: map[string]http.Handler{"/v1/track": http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			panic("what now")
		})},
	})
	for range 2 {
		if a, _ := talk(t, address, plain); len(a) != 0 {
			t.Errorf("answers: %+v", a)
		}
	}
	front.Close()
	if err := front.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "what now") {
		t.Errorf("log: %s", log.String())
	}
}

// What the listener below reports reaches whoever accepts.
func TestAcceptErrors(t *testing.T) {
	odd := errors.New("too many open files")
	front := httpfront.New(&failing{err: odd}, httpfront.Config{})
	for range 2 {
		if _, err := front.Accept(); !errors.Is(err, odd) {
			t.Errorf("Accept: %v", err)
		}
	}
	front.Close()
	if err := front.Wait(t.Context()); err != nil {
		t.Error(err)
	}
}

type failing struct{ err error }

func (f *failing) Accept() (net.Conn, error) { return nil, f.err }
func (f *failing) Close() error              { return nil }
func (f *failing) Addr() net.Addr            { return &net.TCPAddr{} }
