// Package mailtest is a mail server for tests: it speaks SMTP as far as a sender needs it, and keeps what it has taken.
package mailtest

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

// Received is a mail that a server has taken.
type Received struct {
	From, To, User string // of the envelope, and who said so
	Secured        bool   // by TLS
	Subject, Body  string
	Head           netmail.Header
}

// Server speaks RFC 5321, STARTTLS and AUTH PLAIN on 127.0.0.1.
type Server struct {
	// Certificate is the server's own, by which it is believed.
	Certificate *x509.Certificate

	t        testing.TB
	listener net.Listener
	tls      *tls.Config
	implicit bool

	mu     sync.Mutex
	habits Habits
	taken  []Received
}

// Habits are what a server does with those who send.
type Habits struct {
	Password string            // "": nobody has to say who they are
	Refuse   map[string]string // by address, the answer to RCPT
	Drop     bool              // cuts the line as soon as it has said that it took a mail
	Busy     int               // so many mails are put off
}

// Serve starts a server that takes everything, and ends it with the test. An implicit one speaks TLS from the first byte.
func Serve(t testing.TB, implicit bool) *Server {
	certified := httptest.NewTLSServer(nil) // for its certificate, which is of 127.0.0.1
	t.Cleanup(certified.Close)
	s := &Server{t: t, Certificate: certified.Certificate(), tls: &tls.Config{Certificates: certified.TLS.Certificates}, implicit: implicit}
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

// Port is where it listens.
func (s *Server) Port() int { return s.listener.Addr().(*net.TCPAddr).Port }

// Roots holds its certificate.
func (s *Server) Roots() *x509.CertPool {
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate)
	return roots
}

// Mails returns what it has taken, in order.
func (s *Server) Mails() []Received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Received(nil), s.taken...)
}

// Become gives it other habits.
func (s *Server) Become(h Habits) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.habits = h
}

func (s *Server) talk(conn net.Conn) {
	var m Received
	if s.implicit {
		conn, m.Secured = tls.Server(conn, s.tls), true
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
			if m.Secured {
				say("250-mail.test", "250-8BITMIME", "250 AUTH PLAIN")
			} else {
				say("250-mail.test", "250-8BITMIME", "250 STARTTLS")
			}
		case "STARTTLS":
			say("220 go on")
			conn, m.Secured = tls.Server(conn, s.tls), true
			in = textproto.NewReader(bufio.NewReader(conn))
		case "AUTH":
			say(s.auth(rest, &m))
		case "MAIL":
			m.From = between(rest)
			say(s.mayMail(&m))
		case "RCPT":
			m.To = between(rest)
			say(s.mayReceive(m.To))
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

func (s *Server) auth(rest string, m *Received) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	text, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(rest, "PLAIN "))
	parts := strings.Split(string(text), "\x00")
	if !m.Secured || len(parts) != 3 || parts[2] != s.habits.Password {
		return "535 5.7.8 no"
	}
	m.User = parts[1]
	return "235 welcome"
}

func (s *Server) mayMail(m *Received) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.habits.Password != "" && m.User == "":
		return "530 5.7.0 who are you?"
	case s.habits.Busy > 0:
		s.habits.Busy--
		return "451 4.3.0 later"
	}
	return "250 fine"
}

func (s *Server) mayReceive(to string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if answer := s.habits.Refuse[to]; answer != "" {
		return answer
	}
	return "250 fine"
}

func (s *Server) take(m Received) (drop bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken = append(s.taken, m)
	return s.habits.Drop
}

func (m *Received) read(in *textproto.Reader) error {
	msg, err := netmail.ReadMessage(in.DotReader())
	if err != nil {
		return err
	}
	m.Head = msg.Header
	if m.Subject, err = new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject")); err != nil {
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
	m.Body = strings.ReplaceAll(string(text), "\r\n", "\n")
	return err
}

func between(text string) string {
	_, text, _ = strings.Cut(text, "<")
	text, _, _ = strings.Cut(text, ">")
	return text
}
