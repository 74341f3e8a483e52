package mail_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/http/httptest"
	netmail "net/mail"
	"net/textproto"
	"strings"
	"sync"
	"testing"
)

// received is a mail that a server has taken.
type received struct {
	from, to, user string
	secured        bool
	subject, body  string
	head           netmail.Header
}

// server speaks SMTP as far as a sender needs it: RFC 5321, STARTTLS, AUTH PLAIN.
type server struct {
	t        *testing.T
	listener net.Listener
	tls      *tls.Config
	roots    *x509.CertPool
	implicit bool

	mu       sync.Mutex
	password string            // "": nobody has to say who they are
	refuse   map[string]string // by address, the answer to RCPT
	drop     bool              // cuts the line as soon as it has said that it took a mail
	busy     int               // so many mails are put off
	taken    []received
}

func serve(t *testing.T, implicit bool) *server {
	certified := httptest.NewTLSServer(nil) // for its certificate, which is of 127.0.0.1
	t.Cleanup(certified.Close)
	s := &server{t: t, tls: &tls.Config{Certificates: certified.TLS.Certificates}, roots: x509.NewCertPool(), implicit: implicit, refuse: map[string]string{}}
	s.roots.AddCert(certified.Certificate())
	var err error
	if s.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	var open sync.WaitGroup
	t.Cleanup(func() { s.listener.Close(); open.Wait() })
	open.Go(func() {
		for {
			conn, err := s.listener.Accept()
			if err != nil {
				return
			}
			open.Go(func() { defer conn.Close(); s.talk(conn) })
		}
	})
	return s
}

func (s *server) port() int { return s.listener.Addr().(*net.TCPAddr).Port }

func (s *server) mails() []received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]received(nil), s.taken...)
}

func (s *server) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *server) talk(conn net.Conn) {
	var m received
	if s.implicit {
		conn, m.secured = tls.Server(conn, s.tls), true
	}
	in := textproto.NewReader(bufio.NewReader(conn))
	say := func(lines ...string) { io.WriteString(conn, strings.Join(lines, "\r\n")+"\r\n") }
	say("220 mail.test ESMTP")
	for {
		line, err := in.ReadLine()
		if err != nil {
			return
		}
		verb, rest, _ := strings.Cut(line, " ")
		switch strings.ToUpper(verb) {
		case "EHLO":
			if m.secured {
				say("250-mail.test", "250-8BITMIME", "250 AUTH PLAIN")
			} else {
				say("250-mail.test", "250-8BITMIME", "250 STARTTLS")
			}
		case "STARTTLS":
			say("220 go on")
			conn, m.secured = tls.Server(conn, s.tls), true
			in = textproto.NewReader(bufio.NewReader(conn))
		case "AUTH":
			say(s.auth(rest, &m))
		case "MAIL":
			m.from = between(rest)
			say(s.mayMail(&m))
		case "RCPT":
			m.to = between(rest)
			say(s.mayReceive(m.to))
		case "DATA":
			say("354 go on")
			if err := m.read(in); err != nil {
				s.t.Error(err)
				return
			}
			drop := s.take(m)
			say("250 taken")
			if drop {
				return
			}
		case "RSET", "NOOP":
			say("250 fine")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("502 what?")
		}
	}
}

func (s *server) auth(rest string, m *received) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	text, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(rest, "PLAIN "))
	parts := strings.Split(string(text), "\x00")
	if !m.secured || len(parts) != 3 || parts[2] != s.password {
		return "535 5.7.8 no"
	}
	m.user = parts[1]
	return "235 welcome"
}

func (s *server) mayMail(m *received) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.password != "" && m.user == "":
		return "530 5.7.0 who are you?"
	case s.busy > 0:
		s.busy--
		return "451 4.3.0 later"
	}
	return "250 fine"
}

func (s *server) mayReceive(to string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if answer := s.refuse[to]; answer != "" {
		return answer
	}
	return "250 fine"
}

func (s *server) take(m received) (drop bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken = append(s.taken, m)
	return s.drop
}

func (m *received) read(in *textproto.Reader) error {
	msg, err := netmail.ReadMessage(in.DotReader())
	if err != nil {
		return err
	}
	m.head = msg.Header
	if m.subject, err = new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject")); err != nil {
		return err
	}
	body := msg.Body
	switch strings.ToLower(msg.Header.Get("Content-Transfer-Encoding")) {
	case "quoted-printable":
		body = quotedprintable.NewReader(msg.Body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, msg.Body)
	}
	text, err := io.ReadAll(body)
	m.body = strings.ReplaceAll(string(text), "\r\n", "\n")
	return err
}

func between(text string) string {
	_, text, _ = strings.Cut(text, "<")
	text, _, _ = strings.Cut(text, ">")
	return text
}
