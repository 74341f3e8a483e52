package mail_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/mail"
	"github.com/touchstone-cdp/touchstone/mail/mailtest"
	"github.com/touchstone-cdp/touchstone/outbox"
	"github.com/touchstone-cdp/touchstone/quality"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

type world struct {
	*mail.Mail
	t      *testing.T
	db     *store.DB
	outbox *outbox.Outbox
	server *mailtest.Server
	now    time.Time
	alarms int
}

func open(t *testing.T, db *store.DB, implicit bool) *world {
	t.Helper()
	w := &world{t: t, db: db, server: mailtest.Serve(t, implicit), now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
	clock := touchstone.ClockFunc(func() time.Time { return w.now })
	var err error
	if w.outbox, err = outbox.New(t.Context(), outbox.Config{DB: db, Clock: clock}); err != nil {
		t.Fatal(err)
	}
	w.Mail, err = mail.Open(t.Context(), mail.Config{DB: db, Outbox: w.outbox, Clock: clock, Roots: w.server.Roots(), Version: "1",
		Zone: func() *time.Location { return time.FixedZone("CST", 8*3600) }, SourceName: func(id string) string { return map[string]string{"src_1": "Website", "src_2": "App"}[id] }})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) settings(security string, to ...mail.Recipient) mail.Settings {
	return mail.Settings{On: true, Host: "127.0.0.1", Port: w.server.Port(), Security: security, From: "Touchstone <alarms@example.com>", Recipients: to, Closures: true,
		ConsoleURL: "https://cdp.example.com"}
}

func (w *world) set(s mail.Settings, password *string) {
	w.t.Helper()
	if _, err := w.Set(w.t.Context(), s, password); err != nil {
		w.t.Fatal(err)
	}
}

var (
	ann = mail.Recipient{Address: "ann@example.com", Language: "en"}
	bo  = mail.Recipient{Address: "bo@example.com", Language: "zh"}
)

// tell opens or closes an alarm, as quality does.
func (w *world) tell(a quality.Alarm) quality.Alarm {
	w.t.Helper()
	if a.ID == "" {
		w.alarms++
		a.ID, a.BeganAt, a.OpenedAt = fmt.Sprint("alm_", w.alarms), w.now.Add(-20*time.Second), w.now
	}
	if err := w.db.Retry(w.t.Context(), func(tx *store.Tx) error { return w.Tell(w.t.Context(), tx, a) }); err != nil {
		w.t.Fatal(err)
	}
	return a
}

// deliver does what is due at an address, as the outbox would, and returns what went wrong.
func (w *world) deliver(address string) (failures []error) {
	w.t.Helper()
	for _, l := range w.waiting(address) {
		if l.Due.After(w.now) {
			continue
		}
		_, err := (mail.Deliverer{Mail: w.Mail}).Deliver(w.t.Context(), touchstone.Effect{ID: l.ID, Kind: l.Kind, Destination: l.Destination, Body: l.Body}, 1)
		if err != nil {
			failures = append(failures, err)
		}
	}
	return failures
}

func (w *world) waiting(address string) []outbox.Letter {
	w.t.Helper()
	list, _, err := w.outbox.List(w.t.Context(), mail.Kind, address, outbox.Waiting, 100, "")
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}

func missing(source, field string) quality.Alarm {
	return quality.Alarm{Source: source, Event: "Order Paid", Kind: quality.FieldMissing, Field: field, Usual: 0.998, Seen: 0.02}
}

func each(t *testing.T, body func(t *testing.T, db *store.DB)) { storetest.Run(t, body) }

func TestAlarmsOfAMinuteAreOneMail(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		w := open(t, db, false)
		w.set(w.settings(mail.Unsecured, ann, bo), nil)
		w.tell(missing("src_1", "price"))
		w.now = w.now.Add(10 * time.Second)
		w.tell(quality.Alarm{Source: "src_2", Kind: quality.Silent, Usual: 41.4})
		if len(w.deliver(ann.Address)) > 0 || len(w.server.Mails()) > 0 {
			t.Fatal("a mail went before it had gathered")
		}
		w.now = w.now.Add(10 * time.Second)
		if err := errors.Join(append(w.deliver(ann.Address), w.deliver(bo.Address)...)...); err != nil {
			t.Fatal(err)
		}
		got := w.server.Mails()
		if len(got) != 2 || got[0].To != ann.Address || got[1].To != bo.Address {
			t.Fatalf("mails: %+v", got)
		}
		for _, want := range []string{"Website, Order Paid: price is missing", "price is in 2% of the events; 99.8% are usual.", "App: silent",
			"41 events a minute are usual", "Since 2 Mar 2026, 16:59:40 (CST)", "https://cdp.example.com/collect/quality\n"} {
			if !strings.Contains(got[0].Body, want) {
				t.Errorf("%q is not in\n%s", want, got[0].Body)
			}
		}
		if got[0].Subject != "[Touchstone] 2 alarms: Website, App" || got[1].Subject != "[Touchstone] 2 个告警：Website、App" || !strings.Contains(got[1].Body, "属性 price 缺失") {
			t.Errorf("%q, %q\n%s", got[0].Subject, got[1].Subject, got[1].Body)
		}
		if got[0].Head.Get("Auto-Submitted") != "auto-generated" || got[0].Head.Get("From") != `"Touchstone" <alarms@example.com>` {
			t.Errorf("head %v", got[0].Head)
		}

		// What comes after a mail has been written is in the next one, a minute later at the soonest.
		w.tell(missing("src_1", "sku"))
		for range 3 {
			w.now = w.now.Add(10 * time.Second)
			w.tell(missing("src_1", fmt.Sprint("f", w.alarms)))
		}
		if n := len(w.waiting(ann.Address)); n != 2 { // that which has been done here, beside the outbox
			t.Fatalf("%d mails, not 2", n)
		}
		w.now = w.now.Add(25 * time.Second)
		if errs := w.deliver(bo.Address); errs != nil {
			t.Fatal(errs)
		}
		got = w.server.Mails()
		if again := got[2]; again.Head.Get("Message-Id") != got[1].Head.Get("Message-Id") || again.Body != got[1].Body {
			t.Error("a repeat is another mail")
		}
		if got[3].Subject != "[Touchstone] 4 个告警：Website" || !strings.Contains(got[3].Body, "quality?source=src_1") {
			t.Errorf("%q\n%s", got[3].Subject, got[3].Body)
		}
	})
}

func TestClosuresAreADigest(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		w := open(t, db, false)
		s := w.settings(mail.Unsecured, ann)
		w.set(s, nil)
		a, b := w.tell(missing("src_1", "price")), w.tell(missing("src_1", "sku"))
		w.now = w.now.Add(time.Minute)
		if errs := w.deliver(ann.Address); errs != nil {
			t.Fatal(errs)
		}
		at := w.now
		a.ClosedAt, b.ClosedAt = &at, &at
		w.tell(a)
		w.now = w.now.Add(10 * time.Minute)
		w.tell(b)
		w.now = w.now.Add(5 * time.Minute)
		if errs := w.deliver(ann.Address); errs != nil {
			t.Fatal(errs)
		}
		got := w.server.Mails()
		last := got[len(got)-1]
		if last.Subject != "[Touchstone] As usual again: 2 alarms of Website" || !strings.Contains(last.Body, "2 Mar 2026, 16:59:40 to 2 Mar 2026, 17:01:00") {
			t.Errorf("%q\n%s", last.Subject, last.Body)
		}
		s.Closures = false
		w.set(s, nil)
		n := len(w.waiting(ann.Address))
		w.tell(a)
		if len(w.waiting(ann.Address)) != n {
			t.Error("a closure is told to who does not want to know")
		}
	})
}

func TestAMailNamesAtMostAHundredAlarms(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		w := open(t, db, false)
		w.set(w.settings(mail.Unsecured, ann), nil)
		for i := range 103 {
			w.tell(missing("src_1", fmt.Sprint("field", i)))
		}
		w.now = w.now.Add(time.Minute)
		if errs := w.deliver(ann.Address); errs != nil {
			t.Fatal(errs)
		}
		got := w.server.Mails()[0]
		if got.Subject != "[Touchstone] 103 alarms: Website" || strings.Count(got.Body, "is missing") != 100 || !strings.Contains(got.Body, "And 3 more.") {
			t.Errorf("%q, %d alarms", got.Subject, strings.Count(got.Body, "is missing"))
		}
	})
}

func TestNamesThatSendersWriteEndNoLine(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		w := open(t, db, false)
		w.set(w.settings(mail.Unsecured, ann), nil)
		a := missing("src_1", "x\r\nBcc: all@example.com\u202e")
		a.Event = "{field}%s" + strings.Repeat("长", 300)
		w.tell(a)
		w.now = w.now.Add(time.Minute)
		if errs := w.deliver(ann.Address); errs != nil {
			t.Fatal(errs)
		}
		got := w.server.Mails()[0]
		if got.Head.Get("Bcc") != "" || strings.ContainsAny(got.Subject, "\r\n\u202e") || strings.Contains(got.Body, "\nBcc") || !strings.Contains(got.Subject, "{field}%s长") || len([]rune(got.Subject)) > 250 {
			t.Errorf("%q\n%s", got.Subject, got.Body)
		}
	})
}

func TestWays(t *testing.T) {
	secret := "p w"
	for _, security := range []string{mail.StartTLS, mail.TLS} {
		t.Run(security, func(t *testing.T) {
			each(t, func(t *testing.T, db *store.DB) {
				w := open(t, db, security == mail.TLS)
				w.server.Become(mailtest.Habits{Password: secret, Refuse: map[string]string{bo.Address: "550 5.1.1 nobody"}})
				s := w.settings(security, ann, bo)
				s.User = "alarms"
				w.set(s, &secret)
				_, results, err := w.Test(t.Context(), "1")
				if err != nil || results[0] != nil || touchstone.KindOf(results[1]) != touchstone.Invalid || !strings.Contains(results[1].Error(), "550") {
					t.Fatalf("%v, %v", results, err)
				}
				if got := w.server.Mails(); len(got) != 1 || !got[0].Secured || got[0].User != "alarms" || !strings.Contains(got[0].Subject, "test") {
					t.Fatalf("%+v", got)
				}
				// The password stays with its server.
				w.set(s, nil)
				s.Host = "localhost"
				if _, err := w.Set(t.Context(), s, nil); touchstone.KindOf(err) != touchstone.Invalid {
					t.Errorf("the password goes to another server: %v", err)
				}
				wrong := "other"
				s.Host = "127.0.0.1"
				w.set(s, &wrong)
				if _, results, _ := w.Test(t.Context(), "2"); results[0] == nil || !strings.Contains(results[0].Error(), "535") {
					t.Errorf("a wrong password: %v", results)
				}
			})
		})
	}
}

func TestFailuresSayWhatIsWrong(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		w := open(t, db, false)
		try := func(want string, s mail.Settings) {
			t.Helper()
			w.set(s, nil)
			_, results, err := w.Test(t.Context(), want)
			if err != nil || results[0] == nil || !strings.Contains(results[0].Error(), want) {
				t.Errorf("%v, %v; want %q", results, err, want)
			}
		}
		w.server.Become(mailtest.Habits{Busy: 1})
		try("does not take the mail: 451", w.settings(mail.Unsecured, ann))
		try("does not speak TLS from the start", w.settings(mail.TLS, ann))
		s := w.settings(mail.Unsecured, ann)
		s.Port = 1
		try("cannot be reached", s)
		s = w.settings(mail.StartTLS, ann)
		s.Host = "localhost" // the certificate is of another name
		try("is not to be trusted", s)
		w.server.Become(mailtest.Habits{Password: "x"})
		try("does not accept user and password: 530", w.settings(mail.Unsecured, ann))
	})
}

// A server that takes a mail and goes away has it: a second attempt would be a second mail.
func TestATakenMailIsSent(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		w := open(t, db, false)
		w.set(w.settings(mail.Unsecured, ann), nil)
		w.server.Become(mailtest.Habits{Drop: true})
		if _, results, err := w.Test(t.Context(), "1"); err != nil || results[0] != nil || len(w.server.Mails()) != 1 {
			t.Fatalf("%v, %v", results, err)
		}
	})
}

// The outbox at work: a server that is busy gets the mail later, once, and one who is refused keeps it from nobody.
func TestTheOutboxSends(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		w := open(t, db, false)
		w.now = time.Now()
		w.set(w.settings(mail.Unsecured, ann, bo), nil)
		w.server.Become(mailtest.Habits{Refuse: map[string]string{bo.Address: "550 no"}})
		w.tell(missing("src_1", "price"))
		w.now = w.now.Add(time.Minute) // before anything runs beside
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- w.outbox.Run(ctx, mail.Deliverer{Mail: w.Mail}) }()
		defer func() { cancel(); <-done }()
		eventually(t, func() bool {
			q, err := w.outbox.Queue(t.Context(), mail.Kind, bo.Address)
			return err == nil && q.DeadLetters == 1 && strings.Contains(q.Error, "refuses the address: 550") && len(w.server.Mails()) == 1
		})
		// Whoever is taken out has nothing waiting, and is told no more.
		w.set(w.settings(mail.Unsecured, ann), nil)
		eventually(t, func() bool {
			q, err := w.outbox.Queue(t.Context(), mail.Kind, bo.Address)
			return err == nil && q.DeadLetters == 0
		})
	})
}

func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it does not come to pass")
		}
	}
}

func TestSettingsAreChecked(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		w := open(t, db, false)
		secret := "x"
		for name, change := range map[string]func(*mail.Settings){
			"no server":         func(s *mail.Settings) { s.Host = "" },
			"a port in it":      func(s *mail.Settings) { s.Host = "smtp.example.com:25" },
			"a port":            func(s *mail.Settings) { s.Port = 70000 },
			"security":          func(s *mail.Settings) { s.Security = "ssl" },
			"password in clear": func(s *mail.Settings) { s.User = "u" },
			"sender":            func(s *mail.Settings) { s.From = "a@example.com\r\nBcc: b@example.com" },
			"nobody":            func(s *mail.Settings) { s.Recipients = nil },
			"no address":        func(s *mail.Settings) { s.Recipients[0].Address = "Ann <ann@example.com>" },
			"language":          func(s *mail.Settings) { s.Recipients[0].Language = "fr" },
			"twice":             func(s *mail.Settings) { s.Recipients = append(s.Recipients, ann) },
			"too many":          func(s *mail.Settings) { s.Recipients = slices.Repeat(s.Recipients, 51) },
			"console":           func(s *mail.Settings) { s.ConsoleURL = "javascript:alert(1)" },
		} {
			s := w.settings(mail.Unsecured, ann)
			change(&s)
			if _, err := w.Set(t.Context(), s, &secret); touchstone.KindOf(err) != touchstone.Invalid {
				t.Errorf("%s: %v", name, err)
			}
		}
		if s, err := w.Get(t.Context()); err != nil || s.On || s.Port != 587 {
			t.Errorf("what was refused is there: %+v, %v", s, err)
		}
	})
}
