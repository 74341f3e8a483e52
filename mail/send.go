package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/textproto"
	"slices"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/outbox"
)

// Deliverer sends the mails: Mail as the outbox sees it.
type Deliverer struct{ *Mail }

// Kind is that of the effects.
func (Deliverer) Kind() string { return Kind }

// Serves: a mail tells who works here of data, and holds nothing of persons.
func (Deliverer) Serves() touchstone.Serves {
	return touchstone.Operation("alarms about data are told to who works here")
}

const (
	sendTimeout = 30 * time.Second
	giveUp      = 12 * time.Hour // what is told later than that helps nobody
)

// Policy is the same for all addresses: one mail at a time, in order.
func (Deliverer) Policy(string) outbox.Policy {
	return outbox.Policy{Concurrency: 1, Timeout: sendTimeout, GiveUp: giveUp}
}

// Deliver sends one mail to one address, with the same Message-ID each time.
func (d Deliverer) Deliver(ctx context.Context, e touchstone.Effect, _ int) (outbox.Receipt, error) {
	s, err := d.Get(ctx)
	if err != nil {
		return outbox.Receipt{}, err
	}
	to := s.recipient(e.Destination)
	if !s.On || to == nil {
		return outbox.Receipt{}, touchstone.Errorf(touchstone.NotFound, "%q is told nothing by mail any more.", e.Destination)
	}
	l, err := d.seal(ctx, string(e.Body))
	if err != nil {
		return outbox.Receipt{}, err
	}
	subject, body := d.write(&l, &s, to.Language)
	return outbox.Receipt{}, d.send(ctx, &s, to.Address, e.ID, subject, body)
}

// Test sends everybody a mail that says that it is one, and returns what became of each, in order.
func (m *Mail) Test(ctx context.Context, key string) (Settings, []error, error) {
	s, err := m.Get(ctx)
	if err != nil {
		return s, nil, err
	}
	if s.Host == "" || s.From == "" || len(s.Recipients) == 0 {
		return s, nil, touchstone.Errorf(touchstone.Invalid, "A server, a sender and somebody to write to are needed to send a mail.")
	}
	results := make([]error, len(s.Recipients))
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	for i, r := range s.Recipients {
		w := words[r.Language]
		results[i] = m.send(ctx, &s, r.Address, id("test", key, r.Address), w.testSubject, w.testBody+m.footer(&s, w, ""))
	}
	return s, results, nil
}

// send sends a text to an address. A mail that the server has taken is sent, whatever becomes of the connection.
func (m *Mail) send(ctx context.Context, s *Settings, to, id, subject, body string) error {
	msg := gomail.NewMsg()
	if err := errors.Join(msg.From(s.From), msg.To(to)); err != nil {
		return touchstone.Wrap(touchstone.Invalid, err, "%q cannot be written to.", to)
	}
	sender := msg.GetFrom()[0].Address
	msg.SetMessageIDWithValue(id + sender[strings.LastIndexByte(sender, '@'):])
	msg.SetDateWithValue(m.cfg.Clock.Now())
	msg.SetUserAgent("Touchstone/" + m.cfg.Version)
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // no answers of machines (RFC 3834)
	msg.Subject(subject)
	msg.SetBodyString(gomail.TypeTextPlain, body)
	client, err := m.client(s)
	if err != nil {
		return err
	}
	conn, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return explain(err, s)
	}
	err = client.SendWithSMTPClient(conn, msg)
	if closeErr := client.CloseWithSMTPClient(conn); closeErr != nil {
		m.cfg.Logger.Debug("a mail server did not say goodbye", "error", closeErr)
	}
	if msg.IsDelivered() {
		return nil
	}
	return explain(err, s)
}

func (m *Mail) client(s *Settings) (*gomail.Client, error) {
	options := []gomail.Option{gomail.WithTimeout(sendTimeout / 2),
		gomail.WithTLSConfig(&tls.Config{ServerName: s.Host, RootCAs: m.cfg.Roots, MinVersion: tls.VersionTLS12})}
	switch s.Security {
	case TLS:
		options = append(options, gomail.WithSSL())
	case StartTLS:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	default:
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	}
	if s.User != "" {
		options = append(options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(s.User), gomail.WithPassword(s.password))
	}
	client, err := gomail.NewClient(s.Host, append(options, gomail.WithPort(s.Port))...)
	if err != nil {
		return nil, touchstone.Wrap(touchstone.Invalid, err, "Mail cannot be sent by %q.", s.Host)
	}
	return client, nil
}

// whoAreYou are answers to who is not known, or not well enough.
var whoAreYou = []int{530, 534, 535}

// explain says in words why a mail was not taken. Nearly all of it can be mended at the other end or in the
// settings, so it is tried again; only an address that is refused for good is not.
func explain(err error, s *Settings) error {
	var sent *gomail.SendError
	var unknown x509.UnknownAuthorityError
	var other x509.HostnameError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	var answer *textproto.Error
	var dns *net.DNSError
	var op *net.OpError
	code := 0
	if errors.As(err, &sent) {
		code = sent.ErrorCode()
	} else if errors.As(err, &answer) {
		code = answer.Code
	}
	switch {
	case sent != nil && sent.Reason == gomail.ErrSMTPRcptTo && code/100 == 5 && !slices.Contains(whoAreYou, code):
		return touchstone.Errorf(touchstone.Invalid, "The mail server refuses the address: %d.", code).WithHint("Check the address, and whether the server sends mail to others for this user.")
	case slices.Contains(whoAreYou, code):
		return touchstone.Errorf(touchstone.Unavailable, "The mail server does not accept user and password: %d.", code).WithHint("Some providers want a password that is made for programs.")
	case code > 0:
		return touchstone.Errorf(touchstone.Unavailable, "The mail server does not take the mail: %d.", code)
	case errors.As(err, &unknown), errors.As(err, &other), errors.As(err, &invalid):
		return touchstone.Errorf(touchstone.Unavailable, "The certificate of %s is not to be trusted: %s.", s.Host, strings.TrimSuffix(lastOf(err).Error(), ".")).
			WithHint("Check the server's name. The certificate must be of an authority that this machine trusts.")
	case errors.As(err, &record):
		return touchstone.Errorf(touchstone.Unavailable, "The mail server does not speak TLS from the start on this port.").WithHint("STARTTLS is usual on port 587, TLS on port 465.")
	case errors.As(err, &dns):
		return touchstone.Errorf(touchstone.Unavailable, "There is no server with the name %q.", s.Host)
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &op) && op.Timeout():
		return touchstone.Errorf(touchstone.Unavailable, "The mail server did not answer in time.").WithHint("STARTTLS is usual on port 587, TLS on port 465.")
	case errors.As(err, &op):
		return touchstone.Errorf(touchstone.Unavailable, "The mail server cannot be reached: %s.", op.Error())
	case err == nil:
		return touchstone.Errorf(touchstone.Unavailable, "The mail server did not say whether it took the mail.")
	}
	return touchstone.Errorf(touchstone.Unavailable, "The mail could not be sent: %s.", strings.TrimSuffix(err.Error(), "."))
}

// lastOf is the cause of an error.
func lastOf(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}

var (
	_ outbox.Deliverer = Deliverer{}
	_ outbox.Policer   = Deliverer{}
)
