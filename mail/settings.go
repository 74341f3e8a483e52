package mail

import (
	"context"
	"database/sql"
	"errors"
	"net"
	netmail "net/mail"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// How the way to a mail server is secured.
const (
	StartTLS  = "starttls" // an open connection that must become a secured one
	TLS       = "tls"
	Unsecured = "none" // only without a password
)

// Settings say how mail is sent, and to whom.
type Settings struct {
	On         bool        `json:"on"`
	Host       string      `json:"host"`
	Port       int         `json:"port"`
	Security   string      `json:"security"`
	User       string      `json:"user"` // "": the server asks for none
	From       string      `json:"from"` // an address, or a name and one in angle brackets
	Recipients []Recipient `json:"recipients"`
	Closures   bool        `json:"closures"` // whether a digest tells what is as usual again
	// ConsoleURL is where people find the console: mails lead there. "": they do not.
	ConsoleURL string `json:"console_url"`

	password string
}

// Recipient is who is told, and in which language.
type Recipient struct {
	Address  string `json:"address"`
	Language string `json:"language"` // en, zh
}

const maxRecipients = 50

// defaults are the settings before anybody has chosen.
func defaults() Settings {
	return Settings{Port: 587, Security: StartTLS, Recipients: []Recipient{}, Closures: true}
}

// Get returns the settings.
func (m *Mail) Get(ctx context.Context) (Settings, error) { return read(ctx, m.cfg.DB.Reader()) }

func read(ctx context.Context, q store.Querier) (Settings, error) {
	s := defaults()
	var text string
	err := q.QueryRow(ctx, `SELECT settings, password FROM mail_settings WHERE one = 1`).Scan(&text, &s.password)
	if errors.Is(err, sql.ErrNoRows) {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal([]byte(text), &s)
}

// Set replaces the settings. password nil: the one that is there stays, as long as it goes to the same server.
// What waits for somebody who is told no more is given up.
func (m *Mail) Set(ctx context.Context, s Settings, password *string) (Settings, error) {
	if err := s.check(); err != nil {
		return s, err
	}
	var gone []string
	err := m.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		was, err := read(ctx, tx)
		if err != nil {
			return err
		}
		if s.password, err = s.keep(&was, password); err != nil {
			return err
		}
		gone = gone[:0]
		for _, r := range was.Recipients {
			if s.recipient(r.Address) == nil {
				gone = append(gone, r.Address)
			}
		}
		text, err := json.Marshal(s)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO mail_settings (one, settings, password, updated_at) VALUES (1, ?, ?, ?)
			ON CONFLICT (one) DO UPDATE SET settings = excluded.settings, password = excluded.password, updated_at = excluded.updated_at`,
			string(text), s.password, m.cfg.Clock.Now().UnixMilli())
		return err
	})
	if err != nil {
		return s, err
	}
	for _, address := range gone {
		if err := m.cfg.Outbox.Remove(ctx, Kind, address); err != nil {
			return s, err
		}
	}
	return s, nil
}

// keep returns the password that holds. One that is kept goes nowhere else: whoever may change the settings, but does
// not know it, would otherwise have it sent to a server of their own.
func (s *Settings) keep(was *Settings, password *string) (string, error) {
	text := was.password
	switch {
	case s.User == "":
		return "", nil
	case password != nil:
		text = *password
	case text != "" && (s.Host != was.Host || s.Port != was.Port || s.Security != was.Security || s.User != was.User):
		return "", touchstone.Errorf(touchstone.Invalid, "The password is that of another server or user.").WithHint("Enter it again.")
	}
	switch {
	case text == "":
		return "", touchstone.Errorf(touchstone.Invalid, "The user %q has no password.", s.User)
	case len(text) > 1000:
		return "", touchstone.Errorf(touchstone.Invalid, "The password is longer than %d bytes.", 1000)
	case s.Security == Unsecured:
		return "", touchstone.Errorf(touchstone.Invalid, "A password is not sent over an open connection.").WithHint("Choose STARTTLS or TLS.")
	}
	return text, nil
}

func (s *Settings) recipient(address string) *Recipient {
	for i := range s.Recipients {
		if s.Recipients[i].Address == address {
			return &s.Recipients[i]
		}
	}
	return nil
}

// check trims and says what is wrong. Settings that are off may be unfinished.
func (s *Settings) check() error {
	s.Host, s.User, s.From, s.ConsoleURL = strings.TrimSpace(s.Host), strings.TrimSpace(s.User), strings.TrimSpace(s.From), strings.TrimRight(strings.TrimSpace(s.ConsoleURL), "/")
	if err := s.checkServer(); err != nil {
		return err
	}
	if s.From != "" || s.On {
		if a, err := netmail.ParseAddress(s.From); err != nil || !plain(s.From) || len(s.From) > 320 || !isAddress(a.Address) {
			return touchstone.Errorf(touchstone.Invalid, "%.320q is no sender.", s.From).WithHint("Write it like alarms@example.com or Touchstone <alarms@example.com>.")
		}
	}
	if s.ConsoleURL != "" {
		if u, err := url.Parse(s.ConsoleURL); err != nil || len(s.ConsoleURL) > 500 || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			return touchstone.Errorf(touchstone.Invalid, "%.500q is not where a console could be.", s.ConsoleURL).WithHint("Write it like https://cdp.example.com.")
		}
	}
	return s.checkRecipients()
}

func (s *Settings) checkServer() error {
	switch {
	case s.On && s.Host == "":
		return touchstone.Errorf(touchstone.Invalid, "There is no mail server to send by.")
	case len(s.Host) > 253 || !plain(s.Host) || strings.ContainsAny(s.Host, "/@ []") || strings.Contains(s.Host, ":") && net.ParseIP(s.Host) == nil:
		return touchstone.Errorf(touchstone.Invalid, "%.253q is not the name of a server.", s.Host).WithHint("Write it like smtp.example.com; the port has a field of its own.")
	case s.Port < 1 || s.Port > 65535:
		return touchstone.Errorf(touchstone.Invalid, "%d is not a port.", s.Port)
	case !slices.Contains([]string{StartTLS, TLS, Unsecured}, s.Security):
		return touchstone.Errorf(touchstone.Invalid, "%.40q is no way to secure a connection: starttls, tls or none.", s.Security)
	case len(s.User) > 320 || !plain(s.User):
		return touchstone.Errorf(touchstone.Invalid, "The user's name cannot be sent.")
	}
	return nil
}

func (s *Settings) checkRecipients() error {
	switch {
	case s.On && len(s.Recipients) == 0:
		return touchstone.Errorf(touchstone.Invalid, "There is nobody to write to.").WithHint("Add an address, or switch mail off.")
	case len(s.Recipients) > maxRecipients:
		return touchstone.Errorf(touchstone.Invalid, "At most %d people are told.", maxRecipients).WithHint("A mailing list is one address.")
	}
	if s.Recipients == nil {
		s.Recipients = []Recipient{}
	}
	for i := range s.Recipients {
		r := &s.Recipients[i]
		r.Address = strings.TrimSpace(r.Address)
		switch {
		case !isAddress(r.Address):
			return touchstone.Errorf(touchstone.Invalid, "%.320q is no address.", r.Address).WithHint("Write it like someone@example.com.")
		case words[r.Language] == nil:
			return touchstone.Errorf(touchstone.Invalid, "%.40q is no language that mails are written in: en or zh.", r.Language)
		case s.recipient(r.Address) != r:
			return touchstone.Errorf(touchstone.Invalid, "%q is there twice.", r.Address)
		}
	}
	return nil
}

// isAddress tells whether a text is an address and nothing else.
func isAddress(text string) bool {
	a, err := netmail.ParseAddress(text)
	return err == nil && a.Address == text && a.Name == "" && len(text) <= 254 && plain(text)
}

// plain tells whether a text has nothing in it that could end a line of a header.
func plain(text string) bool { return !strings.ContainsFunc(text, unicode.IsControl) }
