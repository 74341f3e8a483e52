package consent

import (
	"bytes"
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/base64"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Parse(pageText))

// PagePath is where preference pages stand; the token follows.
const PagePath = "/preferences/"

// previewToken stands instead of a token for a page about nobody.
const previewToken = "preview"

// Page is the hosted preference page. Whoever has the link sees what its person agrees to and
// changes it, without a login and without JavaScript. There is no cookie, so a page of
// others can do nothing in somebody's name: it lacks the token.
type Page struct {
	parts  func() Parts
	logger *slog.Logger
	served *prometheus.CounterVec
}

// NewPage makes it. The function is asked when a request comes.
func NewPage(parts func() Parts, logger *slog.Logger, metrics prometheus.Registerer) *Page {
	p := &Page{parts: parts, logger: logger, served: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "touchstone_consent_pages_total",
		Help: "Requests of preference pages, by what was answered."}, []string{"answer"})}
	if metrics != nil {
		metrics.MustRegister(p.served)
	}
	return p
}

// Routes adds it.
func (p *Page) Routes(r chi.Router) {
	r.Get(PagePath+"{token}", p.show)
	r.Post(PagePath+"{token}", p.save)
}

// maxForm bounds what a form sends.
const maxForm = 16 << 10

type option struct {
	Name, Label string
	Value       Decision
	Checked     bool
}

type way struct {
	Title   string
	Options []option
}

type asked struct {
	Key, Title, Text, State string
	Wording                 int
	Always                  bool
	Options                 []option
	Ways                    []way
}

type view struct {
	pageWords
	Lang, Other, Name, Nonce, PrivacyURL string
	Failure, Saved                       string
	Preview                              bool
	Purposes                             []asked
}

// language is that of the page: what the address says, or else the browser.
func language(r *http.Request) string {
	switch lang := r.URL.Query().Get("lang"); lang {
	case "zh", "en":
		return lang
	}
	for part := range strings.SplitSeq(strings.ToLower(r.Header.Get("Accept-Language")), ",") {
		switch tag := strings.TrimSpace(part); {
		case strings.HasPrefix(tag, "zh"):
			return "zh"
		case strings.HasPrefix(tag, "en"):
			return "en"
		}
	}
	return "zh"
}

func (t Text) in(lang string) string {
	if lang == "en" {
		return t.EN
	}
	return t.ZH
}

func (p *Page) show(w http.ResponseWriter, r *http.Request) {
	v, _, status := p.view(r)
	if r.URL.Query().Get("saved") == "1" && v.Failure == "" && !v.Preview {
		v.Saved = v.SavedText
	}
	p.write(w, status, v)
}

// view makes the page of the token in the address, or one that says why there is none.
func (p *Page) view(r *http.Request) (v *view, person touchstone.PersonID, status int) {
	lang := language(r)
	v = &view{pageWords: wordsOf[lang], Lang: lang, Other: map[string]string{"zh": "en", "en": "zh"}[lang]}
	parts := p.parts()
	fail := func(status int, text string) (*view, touchstone.PersonID, int) {
		v.Failure = text
		return v, 0, status
	}
	if parts.Consent == nil {
		return fail(http.StatusServiceUnavailable, v.LaterText)
	}
	v.Name = parts.Organisation()
	ctx := r.Context()
	latest, err := parts.Consent.Latest(ctx, parts.Consent.cfg.DB.Reader())
	if err != nil {
		p.logger.Error("a preference page cannot be shown", "error", err)
		return fail(http.StatusServiceUnavailable, v.LaterText)
	}
	token := chi.URLParam(r, "token")
	v.Preview = token == previewToken
	if !v.Preview {
		if person, err = p.personOf(ctx, &parts, token); err != nil {
			if touchstone.KindOf(err) == touchstone.NotFound {
				return fail(http.StatusNotFound, v.GoneText)
			}
			p.logger.Error("a preference page cannot be shown", "error", err)
			return fail(http.StatusServiceUnavailable, v.LaterText)
		}
	}
	if latest.Policy == nil {
		return fail(http.StatusNotFound, v.NothingText)
	}
	if name := latest.Policy.Name.in(lang); name != "" {
		v.Name = name
	}
	v.PrivacyURL = latest.Policy.PrivacyURL
	cells, err := readCells(ctx, parts.Consent.cfg.DB.Reader(), []touchstone.PersonID{person})
	if err != nil {
		p.logger.Error("a preference page cannot be shown", "error", err)
		return fail(http.StatusServiceUnavailable, v.LaterText)
	}
	for i := range latest.Policy.Purposes {
		v.Purposes = append(v.Purposes, latest.Policy.ask(&latest.Policy.Purposes[i], cells[person], lang))
	}
	return v, person, http.StatusOK
}

// personOf returns whom a token means today: who was merged is found as the other, who was erased is not.
func (p *Page) personOf(ctx context.Context, parts *Parts, token string) (touchstone.PersonID, error) {
	person, err := parts.Consent.ReadToken(ctx, token)
	if err != nil {
		return 0, err
	}
	return parts.People.Find(ctx, access.System(), person.String())
}

// ask is how a purpose is shown to somebody who has decided so.
func (p *Policy) ask(u *Purpose, cells []cell, lang string) asked {
	words := wordsOf[lang]
	a := asked{Key: u.Key, Title: u.Title.in(lang), Text: u.Text.in(lang), Wording: u.Wording, Always: u.Basis == Necessary}
	if a.Always {
		return a
	}
	offered := []Decision{Granted, Denied}
	if u.Class == Personalised {
		offered = []Decision{Granted, NonPersonalised, Denied}
	}
	labels := map[Decision]string{Granted: words.YesText, NonPersonalised: words.GenericText, Denied: words.NoText}
	options := func(name, channel string) (list []option) {
		chosen := choose(cells, u.Key, channel)
		for _, d := range offered {
			list = append(list, option{name, labels[d], d, chosen != nil && chosen.choice == d})
		}
		return list
	}
	a.Options = options(u.Key, "")
	for _, key := range u.Channels {
		a.Ways = append(a.Ways, way{p.channel(key).Title.in(lang), options(u.Key+"."+key, key)})
	}
	if c := choose(cells, u.Key, ""); c != nil {
		a.State = words.SinceText + " " + time.UnixMilli(c.at).UTC().Format("2006-01-02")
	} else if u.Basis == OptOut {
		a.State = words.OptOutText
	} else {
		a.State = words.OptInText
	}
	return a
}

// save takes a form, and leads back to the page by an address that is the page's own.
func (p *Page) save(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	v, person, status := p.view(r)
	if v.Failure != "" || v.Preview {
		p.write(w, max(status, http.StatusBadRequest), v)
		return
	}
	refuse := func(status int, text string) {
		v.Failure = text
		p.write(w, status, v)
	}
	if site := r.Header.Get("Sec-Fetch-Site"); site == "cross-site" || r.ParseForm() != nil {
		refuse(http.StatusBadRequest, v.AgainText)
		return
	}
	parts := p.parts()
	latest, err := parts.Consent.Latest(r.Context(), parts.Consent.cfg.DB.Reader())
	if err == nil {
		err = p.record(r, &parts, latest.Policy, person)
	}
	switch {
	case touchstone.KindOf(err) == touchstone.Invalid:
		refuse(http.StatusBadRequest, v.AgainText)
	case err != nil:
		p.logger.Error("what somebody decided cannot be recorded", "error", err)
		refuse(http.StatusServiceUnavailable, v.LaterText)
	default:
		p.served.WithLabelValues("saved").Inc()
		p.head(w, "")
		w.Header().Set("Location", "?saved=1&lang="+v.Lang)
		w.WriteHeader(http.StatusSeeOther)
	}
}

// record puts what a form says into the log.
func (p *Page) record(r *http.Request, parts *Parts, policy *Policy, person touchstone.PersonID) error {
	if policy == nil || parts.Emit == nil {
		return touchstone.Errorf(touchstone.Unavailable, "This server does not run %s.", "the edge")
	}
	cells, err := readCells(r.Context(), parts.Consent.cfg.DB.Reader(), []touchstone.PersonID{person})
	if err != nil {
		return err
	}
	choices := policy.choices(r.PostForm, cells[person])
	if len(choices) == 0 {
		return nil
	}
	id, err := parts.Strongest(r.Context(), person)
	if err != nil {
		return err
	}
	_, _, err = parts.Consent.Record(r.Context(), Recorded{Identifiers: []touchstone.Identifier{id}, Choices: choices, Method: "page", Language: language(r), Place: PagePath}, parts.Emit)
	return err
}

// choices reads a form. A channel that was left as it was follows the purpose as a whole.
func (p *Policy) choices(form url.Values, cells []cell) (list []Choice) {
	none := form.Get("do") == "none"
	for i := range p.Purposes {
		u := &p.Purposes[i]
		if u.Basis == Necessary {
			continue
		}
		wording, err := strconv.Atoi(form.Get("w." + u.Key))
		if err != nil || wording < 1 || wording > u.Wording {
			wording = 0
		}
		if none {
			list = append(list, Choice{u.Key, "", Denied, wording})
			continue
		}
		whole := Decision(form.Get("p." + u.Key))
		was := choose(cells, u.Key, "")
		changed := whole.valid() && (was == nil || was.choice != whole)
		if changed {
			list = append(list, Choice{u.Key, "", whole, wording})
		}
		for _, channel := range u.Channels {
			said := Decision(form.Get("c." + u.Key + "." + channel))
			held := choose(cells, u.Key, channel)
			touched := said.valid() && (held == nil || held.choice != said)
			if touched && (!changed || said != whole) {
				list = append(list, Choice{u.Key, channel, said, wording})
			}
		}
	}
	return list
}

// head sets what keeps the page to itself.
func (*Page) head(w http.ResponseWriter, nonce string) {
	h := w.Header()
	style := "'none'"
	if nonce != "" {
		style = "'nonce-" + nonce + "'"
	}
	h.Set("Content-Security-Policy", "default-src 'none'; style-src "+style+"; form-action 'self'; base-uri 'none'; frame-ancestors 'self'")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Robots-Tag", "noindex")
}

func (p *Page) write(w http.ResponseWriter, status int, v *view) {
	random := make([]byte, 18)
	if _, err := rand.Read(random); err != nil {
		http.Error(w, "", http.StatusInternalServerError)
		return
	}
	v.Nonce = base64.RawURLEncoding.EncodeToString(random)
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, v); err != nil {
		p.logger.Error("the preference page cannot be written", "error", err)
		http.Error(w, "", http.StatusInternalServerError)
		return
	}
	p.head(w, v.Nonce)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	p.served.WithLabelValues(strconv.Itoa(status)).Inc()
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
}
