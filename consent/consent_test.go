package consent

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"pgregory.net/rapid"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

func text(s string) Text { return Text{s, s} }

// full is a policy of every sort.
func full() *Policy {
	p := &Policy{
		Purposes: []Purpose{
			{Key: "service", Basis: Necessary, Title: text("Service"), Text: text("Service.")},
			{Key: "analytics", Basis: OptOut, Title: text("Analytics"), Text: text("We count.")},
			{Key: "marketing", Basis: OptIn, Class: Personalised, Channels: []string{"email", "sms"}, Title: text("Marketing"), Text: text("We write.")},
			{Key: "partners", Basis: OptIn, Class: Sharing, Title: text("Partners"), Text: text("We share.")},
			{Key: "guardian", Basis: OptIn, Class: Minor, Title: text("Under 14"), Text: text("A guardian agrees.")},
		},
		Channels:   []Channel{{"email", text("E-mail")}, {"sms", text("SMS")}},
		Categories: map[string][]string{"Analytics": {"analytics"}, "Advertising": {"marketing"}, "C0004": {"marketing", "analytics"}},
		Signals:    []Signal{{"Email Unsubscribed", "marketing", "email", Denied}},
		Collected:  []Collected{{Event: "Order Completed", Purpose: "service"}},
		Uses:       map[touchstone.Use]string{touchstone.UseCollect: "analytics", touchstone.UseAct: "marketing", touchstone.UseShare: "partners"},
	}
	p.fill()
	return p
}

func TestAPolicyIsChecked(t *testing.T) {
	if err := full().Check(); err != nil {
		t.Fatal(err)
	}
	for what, spoil := range map[string]func(p *Policy){
		"no purposes":                      func(p *Policy) { p.Purposes = nil },
		"two of a key":                     func(p *Policy) { p.Purposes[1].Key = "service" },
		"a bad key":                        func(p *Policy) { p.Purposes[1].Key = "Ana lytics" },
		"no basis":                         func(p *Policy) { p.Purposes[1].Basis = "" },
		"sharing by default":               func(p *Policy) { p.Purposes[3].Basis = OptOut },
		"a channel that is not there":      func(p *Policy) { p.Purposes[2].Channels = []string{"fax"} },
		"no Chinese":                       func(p *Policy) { p.Purposes[1].Text.ZH = "" },
		"sharing bundled with others":      func(p *Policy) { p.Categories["all"] = []string{"partners", "analytics"} },
		"a category of nothing":            func(p *Policy) { p.Categories["none"] = nil },
		"a signal that grants sharing":     func(p *Policy) { p.Signals = append(p.Signals, Signal{"Bought", "partners", "", Granted}) },
		"a use that is not there":          func(p *Policy) { p.Uses["sell"] = "analytics" },
		"a use without a purpose":          func(p *Policy) { p.Uses[touchstone.UseAct] = "nothing" },
		"collected for nothing":            func(p *Policy) { p.Collected[0].Purpose = "nothing" },
		"an address that is no https":      func(p *Policy) { p.PrivacyURL = "javascript:alert(1)" },
		"a title of two lines and a bell":  func(p *Policy) { p.Purposes[1].Title.EN = "\a" },
		"a text that fills the whole page": func(p *Policy) { p.Purposes[1].Text.EN = strings.Repeat("x", maxText+1) },
	} {
		p := full()
		if spoil(p); touchstone.KindOf(p.Check()) != touchstone.Invalid {
			t.Errorf("%s: %v", what, p.Check())
		}
	}
}

func TestTheUsualPolicyIsOne(t *testing.T) {
	p, err := parsePolicy(usual)
	if err != nil || len(p.Purposes) < 5 || len(p.Uses) != len(touchstone.Uses) {
		t.Error(p, err)
	}
}

func TestWordingsAreCounted(t *testing.T) {
	one, two := full(), full()
	one.number(nil)
	two.Purposes[1].Text.ZH = "我们统计。"
	two.Purposes[2].Channels = nil // no words
	two.number(one)
	if one.Purposes[1].Wording != 1 || two.Purposes[1].Wording != 2 || two.Purposes[2].Wording != 1 {
		t.Error(one.Purposes[1].Wording, two.Purposes[1].Wording, two.Purposes[2].Wording)
	}
}

// What libraries send, and what comes of it.
func TestWhatEventsSay(t *testing.T) {
	for sent, want := range map[string]string{
		`{"consent":{"categoryPreferences":{"Analytics":false,"Advertising":true,"Unknown":true}}}`:                          "analytics//denied marketing//granted",
		`{"consent":{"categoryPreferences":{"C0004":true,"Analytics":false}}}`:                                               "analytics//denied marketing//granted", // the stricter
		`{"consentManagement":{"allowedConsentIds":["Analytics"],"deniedConsentIds":["Advertising"],"provider":"oneTrust"}}`: "analytics//granted marketing//denied",
		`{"consentManagement":{"allowedConsentIds":{"oneTrust":["Analytics"]}}}`:                                             "analytics//granted",
		`{"consent":{"purposes":{"marketing":{"email":false,"":"granted","fax":true},"partners":"denied"}}}`:                 "marketing//granted marketing/email/denied partners//denied",
		`{"consent":{"purposes":{"analytics":"是","marketing":"0","partners":"maybe"}}}`:                                      "analytics//granted marketing//denied",
		`{"consent":{"purposes":{"service":false}}}`:                                                                         "",
		`{"consent":7}`: "", `{"consent":{"categoryPreferences":[1]}}`: "", `{"page":{"url":"consent"}}`: "",
	} {
		var got []string
		for _, s := range full().read(&touchstone.Event{Context: touchstone.JSON(sent)}).list {
			got = append(got, fmt.Sprintf("%s/%s/%s", s.purpose, s.channel, s.choice))
		}
		slices.Sort(got)
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %q", sent, got)
		}
	}
	told := full().read(&touchstone.Event{Name: "Email Unsubscribed", Context: `{"page":{"url":"https://shop.example/a?email=ann@example.com#x"}}`})
	if len(told.list) != 1 || told.list[0].choice != Denied || told.place != "https://shop.example/a" || told.method != "signal" {
		t.Errorf("%+v", told)
	}
}

// The decision that holds is that of the latest moment, the stricter of two of one moment, in whatever order
// they came together: no older agreement turns a refusal into a yes.
func TestTheLatestDecisionHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cells := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) cell {
			return cell{node: touchstone.NodeID(rapid.IntRange(1, 4).Draw(t, "node")), purpose: "marketing", channel: rapid.SampledFrom([]string{"", "email", "sms"}).Draw(t, "channel"),
				choice: rapid.SampledFrom([]Decision{Granted, NonPersonalised, Denied}).Draw(t, "choice"), at: int64(rapid.IntRange(1, 4).Draw(t, "at"))}
		}), 0, 8).Draw(t, "cells")
		other := rapid.Permutation(cells).Draw(t, "other order")
		for _, channel := range []string{"", "email", "sms"} {
			a, b := choose(cells, "marketing", channel), choose(other, "marketing", channel)
			if (a == nil) != (b == nil) || a != nil && (a.choice != b.choice || a.at != b.at) {
				t.Fatalf("%v and %v", a, b)
			}
			for i := range cells {
				c := &cells[i]
				concerns := c.channel == "" || c.channel == channel
				if concerns && (c.at > a.at || c.at == a.at && c.choice.strictness() > a.choice.strictness()) {
					t.Fatalf("%v holds, and %v is later or stricter", a, c)
				}
			}
		}
	})
}

func TestVerdicts(t *testing.T) {
	p := full()
	yes := func(purpose, channel string, c Decision, at int64) cell {
		return cell{node: 1, purpose: purpose, channel: channel, choice: c, at: at}
	}
	for _, c := range []struct {
		what             string
		cells            []cell
		minor            bool
		purpose, channel string
		outcome          Outcome
		reason           Reason
	}{
		{"necessary", []cell{yes("service", "", Denied, 1)}, true, "service", "", Allowed, ReasonNecessary},
		{"opt out, undecided", nil, false, "analytics", "", Allowed, ReasonDefault},
		{"opt out, refused", []cell{yes("analytics", "", Denied, 1)}, false, "analytics", "", Refused, ReasonDecided},
		{"opt in, undecided", nil, false, "partners", "", Refused, ReasonDefault},
		{"personalised, undecided: like everybody", nil, false, "marketing", "", Generic, ReasonDefault},
		{"personalised, not by me", []cell{yes("marketing", "", NonPersonalised, 1)}, false, "marketing", "email", Generic, ReasonDecided},
		{"not by me, where there is nothing else", []cell{yes("partners", "", NonPersonalised, 1)}, false, "partners", "", Refused, ReasonDecided},
		{"the channel is later", []cell{yes("marketing", "", Denied, 1), yes("marketing", "email", Granted, 2)}, false, "marketing", "email", Allowed, ReasonDecided},
		{"another channel", []cell{yes("marketing", "", Denied, 1), yes("marketing", "email", Granted, 2)}, false, "marketing", "sms", Refused, ReasonDecided},
		{"all is later than the channel", []cell{yes("marketing", "", Denied, 3), yes("marketing", "email", Granted, 2)}, false, "marketing", "email", Refused, ReasonDecided},
		{"a child", []cell{yes("analytics", "", Granted, 1)}, true, "analytics", "", Refused, ReasonUnder14},
		{"a child, the guardian agreed", []cell{yes("guardian", "", Granted, 1)}, true, "analytics", "", Allowed, ReasonDefault},
		{"nothing the policy knows", nil, false, "nothing", "", Refused, ReasonNoPurpose},
	} {
		if v := p.judge(c.cells, c.minor, c.purpose, c.channel); v.Outcome != c.outcome || v.Reason != c.reason {
			t.Errorf("%s: %s, %s", c.what, v.Outcome, v.Reason)
		}
	}
	var none *Policy
	if v := none.judge(nil, true, "x", ""); v.Outcome != Allowed || v.Reason != ReasonNoPolicy {
		t.Error(v)
	}
}

// play runs batches of single facts or of all together through a stage of its own, and returns what was left out.
func play(t *rapid.T, db *store.DB, facts []touchstone.Fact, cuts []bool) (left string, rows string) {
	ctx := context.Background()
	err := db.Update(ctx, func(tx *store.Tx) error {
		for _, table := range []string{"consent_cells", "consent_proofs", "consent_policies", "consent_days", "consent_left_out"} {
			if _, err := tx.Exec(ctx, `DELETE FROM `+table); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	c, err := Open(ctx, Config{DB: db})
	if err != nil {
		t.Fatal(err)
	}
	policy := full()
	body, err := encode(policy)
	if err != nil {
		t.Fatal(err)
	}
	s := c.Stage()
	var out []string
	for from := 0; from < len(facts); {
		to := from + 1
		for to < len(facts) && !cuts[to] {
			to++
		}
		b := &touchstone.Batch{Facts: slices.Clone(facts[from:to])}
		err := db.Update(ctx, func(tx *store.Tx) error {
			if from == 0 {
				if _, err := c.Set(ctx, tx, b, touchstone.Command{Seq: touchstone.MakeSeq(0, 1, 0), Body: touchstone.JSON(`{"policy":` + body + `,"note":""}`)}); err != nil {
					return err
				}
			}
			return s.Apply(ctx, tx, b)
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range b.Aside {
			out = append(out, b.Facts[a.Index].MessageID)
		}
		from = to
	}
	proofs := []string{}
	for p := touchstone.PersonID(1); p <= 3; p++ {
		list, err := c.Proofs(ctx, db.Reader(), p, 1000)
		if err != nil {
			t.Fatal(err)
		}
		cells, err := readCells(ctx, db.Reader(), []touchstone.PersonID{p})
		if err != nil {
			t.Fatal(err)
		}
		proofs = append(proofs, fmt.Sprint(list, cells[p]))
	}
	return strings.Join(out, " "), strings.Join(proofs, "\n")
}

// What is left out, and what is kept of decisions, does not depend on where batches are cut; and who refuses is
// left out from that very event on, until the person agrees.
func TestWhatIsLeftOutDoesNotDependOnBatches(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		if _, err := Open(t.Context(), Config{DB: db}); err != nil {
			t.Fatal(err)
		}
		rapid.Check(t, func(t *rapid.T) {
			start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
			var facts []touchstone.Fact
			var want []string
			refuses := map[touchstone.PersonID]bool{}
			for i := range rapid.IntRange(1, 30).Draw(t, "facts") {
				p := touchstone.PersonID(rapid.IntRange(1, 3).Draw(t, "person"))
				at := start.Add(time.Duration(i) * time.Minute)
				f := touchstone.Fact{Event: touchstone.Event{Type: touchstone.Track, Name: rapid.SampledFrom([]string{"Viewed", "Order Completed"}).Draw(t, "name"), MessageID: fmt.Sprint("m", i), Source: "src_1", Time: at, ReceivedAt: at}, Seq: touchstone.MakeSeq(0, uint64(i+2), 0), Node: touchstone.NodeID(p), Person: p}
				switch rapid.IntRange(0, 5).Draw(t, "says") {
				case 0:
					f.Context, refuses[p] = `{"consent":{"categoryPreferences":{"Analytics":false}}}`, true
				case 1:
					f.Context, refuses[p] = `{"consent":{"categoryPreferences":{"Analytics":true}}}`, false
				}
				if refuses[p] && f.Name != "Order Completed" {
					want = append(want, f.MessageID)
				}
				facts = append(facts, f)
			}
			cuts := rapid.SliceOfN(rapid.Bool(), len(facts), len(facts)).Draw(t, "cuts")
			left, rows := play(t, db, facts, cuts)
			if left != strings.Join(want, " ") {
				t.Fatalf("left out: %s, want %s", left, want)
			}
			all := make([]bool, len(facts))
			for i := range all {
				all[i] = true
			}
			if again, same := play(t, db, facts, all); again != left || same != rows {
				t.Fatalf("one by one: %s\n%s\nnot %s\n%s", again, same, left, rows)
			}
		})
	})
}

func TestWhatIsRememberedIsBounded(t *testing.T) {
	r := remembered{most: 100}
	for p := touchstone.PersonID(1); p <= 1000; p++ {
		r.put(p, uint32(p))
		if mask, ok := r.get(p); !ok || mask != uint32(p) {
			t.Fatal(p, mask, ok)
		}
	}
	if len(r.young)+len(r.old) > 100 {
		t.Error(len(r.young), len(r.old))
	}
	r.of(2)
	if _, ok := r.get(1000); ok {
		t.Error("another policy's is remembered")
	}
}

// somebody finds everybody but those who are gone.
type somebody struct {
	api.People
	gone bool
}

func (s *somebody) Find(_ context.Context, _ *access.Viewer, ref string) (touchstone.PersonID, error) {
	p, _ := touchstone.ParsePersonID(ref)
	if s.gone {
		return 0, touchstone.Errorf(touchstone.NotFound, "There is no person %s.", ref)
	}
	return p, nil
}

// A preference page shows what holds, takes a form, and is closed to who lacks the link.
func TestPreferencePage(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		c, err := Open(t.Context(), Config{DB: db, Clock: touchstone.ClockFunc(func() time.Time { return now })})
		if err != nil {
			t.Fatal(err)
		}
		setPolicy(t, c, full(), 1)
		people := &somebody{}
		var sent string
		parts := Parts{Consent: c, People: people, Organisation: func() string { return "Shop & <Co>" },
			Strongest: func(context.Context, touchstone.PersonID) (touchstone.Identifier, error) {
				return touchstone.Identifier{Kind: "email", Value: "ann@example.com"}, nil
			},
			Emit: func(_ context.Context, _ string, call []byte) (bool, error) { sent = string(call); return true, nil }}
		router := chi.NewRouter()
		NewPage(func() Parts { return parts }, c.cfg.Logger, nil).Routes(router)
		ask := func(method, path, body string, header ...string) *httptest.ResponseRecorder {
			r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			for i := 0; i < len(header); i += 2 {
				r.Header.Set(header[i], header[i+1])
			}
			w := httptest.NewRecorder()
			router.ServeHTTP(w, r)
			return w
		}
		token, err := c.Token(t.Context(), 7, now.Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		page := PagePath + token
		w := ask("GET", page+"?lang=en", "")
		if w.Code != 200 || !strings.Contains(w.Body.String(), "Shop &amp; &lt;Co&gt;") || strings.Contains(w.Body.String(), "<script") || !strings.Contains(w.Body.String(), "We share.") {
			t.Fatal(w.Code, w.Body)
		}
		if csp := w.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "form-action 'self'") || w.Header().Get("Referrer-Policy") != "no-referrer" || len(w.Result().Cookies()) > 0 {
			t.Error(w.Header())
		}
		if w.Body.Len() > 20_000 {
			t.Errorf("the page has %d bytes", w.Body.Len())
		}
		if zh := ask("GET", page, "", "Accept-Language", "zh-CN,zh;q=0.9"); !strings.Contains(zh.Body.String(), "我的授权与偏好") {
			t.Error(zh.Body)
		}

		form := url.Values{"do": {"save"}, "p.marketing": {"granted"}, "c.marketing.sms": {"denied"}, "w.marketing": {"1"}, "p.service": {"denied"}, "p.nothing": {"granted"}}
		w = ask("POST", page+"?lang=en", form.Encode())
		if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "?saved=1&lang=en" {
			t.Fatal(w.Code, w.Header())
		}
		for _, want := range []string{`"event":"Consent Updated"`, `"marketing":{"":"granted","sms":"denied"}`, `"wording":{"marketing":1}`, `"id":"ann@example.com"`, `"method":"page"`, `"language":"en"`} {
			if !strings.Contains(sent, want) {
				t.Errorf("%s lacks %s", sent, want)
			}
		}
		if strings.Contains(sent, "service") || strings.Contains(sent, "analytics") {
			t.Error(sent)
		}
		sent = ""
		ask("POST", page, "do=none")
		if strings.Count(sent, "denied") != 4 {
			t.Error(sent)
		}

		sent = ""
		for what, w := range map[string]*httptest.ResponseRecorder{
			"another site's form": ask("POST", page, form.Encode(), "Sec-Fetch-Site", "cross-site"),
			"a changed token":     ask("POST", PagePath+strings.ToUpper(token), form.Encode()),
			"no token":            ask("POST", PagePath+"x", form.Encode()),
			"the preview":         ask("POST", PagePath+previewToken, form.Encode()),
			"too long a form":     ask("POST", page, "do=none&x="+strings.Repeat("x", maxForm)),
		} {
			if w.Code/100 != 4 || sent != "" {
				t.Errorf("%s: %d %s", what, w.Code, sent)
			}
		}
		if w := ask("GET", PagePath+previewToken+"?lang=zh", ""); w.Code != 200 || strings.Contains(w.Body.String(), "<button") {
			t.Error(w.Code, w.Body)
		}
		people.gone = true
		if w := ask("GET", page, ""); w.Code != 404 {
			t.Error("of somebody who was erased:", w.Code)
		}
		people.gone = false
		now = now.Add(time.Hour)
		if w := ask("GET", page, ""); w.Code != 404 {
			t.Error("too late:", w.Code)
		}
	})
}
