package sim

import (
	"maps"
	"strconv"

	"github.com/touchstone-cdp/touchstone"
)

// What of consent is planted: whoever logs in has been asked, in words that change in the middle of the history; most agree to some
// of it; some want only what everybody gets; some say on the phone that they want no calls, or unsubscribe in a mail. What they
// refuse is not done with them, but nothing that they do is left out of the truth: events serve the contract. Only reading in the
// community and searching serve statistics, and count as nobody's of those who refuse that.

const (
	diceConsent uint64 = 50 + iota // what somebody says when asked
	diceUnsubscribe
	diceCalls
)

// shares of those who have been asked.
const (
	shareSilent    = 0.12  // close the form without an answer
	shareStatistic = 0.91  // let themselves be counted by name
	sharePartners  = 0.38  // may be handed to dealers
	shareLocation  = 0.71  // of owners: may be tracked
	shareGuardian  = 0.6   // of children: a parent has agreed
	shareGetsCalls = 0.55  // may be called
	unsubscribes   = 0.002 // a day
	refusesCalls   = 0.12  // when called
)

// Consent is what somebody has decided, by purpose and channel: "marketing.email". What they were not asked, or did not answer,
// is missing.
type Consent map[string]string

const (
	granted = "granted"
	generic = "non_personalised"
	denied  = "denied"
)

// asked draws what somebody says who is asked; nil is no answer. It is the same whenever they are asked, but for what they have
// taken back.
func (w *World) asked(p *person) Consent {
	var d dice
	d.seed(w.cfg.Seed, diceConsent, uint64(p.id), 0) //nolint:gosec // not negative
	if d.chance(shareSilent) {
		return nil
	}
	answer := func(yes bool) string {
		if yes {
			return granted
		}
		return denied
	}
	marketing := func(yes bool) string {
		if yes && !p.consentAds {
			return generic
		}
		return answer(yes)
	}
	c := Consent{"analytics": answer(d.chance(shareStatistic)), "partners": answer(d.chance(sharePartners))}
	location, guardian, calls := d.chance(shareLocation), d.chance(shareGuardian), d.chance(shareGetsCalls)
	c["marketing.email"], c["marketing.sms"], c["marketing.phone"] = marketing(p.consentEmail), marketing(p.consentSMS), marketing(calls && !p.uncalled)
	if p.owns() {
		c["location"] = answer(location)
	}
	if w.minor(p) {
		c["guardian"] = answer(guardian)
	}
	return c
}

// askedIn puts the answer into the context of the event that brings it.
func (s *scene) askedIn(h *happening) {
	c := s.w.asked(s.p)
	if c == nil {
		return
	}
	h.says, s.p.askedAt = c, h.at
	wording := "1"
	if h.at >= s.w.start+(s.w.end-s.w.start)/2 {
		wording = "2"
	}
	b := append(s.w.scratch[:0], h.Context[:len(h.Context)-1]...)
	b = append(b, `,"consent":{"purposes":{"analytics":"`+c["analytics"]+`","partners":"`+c["partners"]+`"`...)
	for _, purpose := range [...]string{"location", "guardian"} {
		if v := c[purpose]; v != "" {
			b = append(b, `,"`+purpose+`":"`+v+`"`...)
		}
	}
	b = append(b, `,"marketing":{"email":"`+c["marketing.email"]+`","sms":"`+c["marketing.sms"]+`","phone":"`+c["marketing.phone"]+`"}}`...)
	b = append(b, `,"wording":{"analytics":1,"partners":1,"location":1,"guardian":1,"marketing":`+wording+`},"method":"form","language":"`+s.consentLanguage()+`","place":"`...)
	b = append(b, map[string]string{sourceWeb: website + "/account", sourceApp: "app: sign-in", sourceMini: "mini program: sign-in"}[s.source]...)
	b = append(b, `"}}`...)
	s.w.scratch = b
	h.Context = touchstone.JSON(b)
}

func (s *scene) consentLanguage() string {
	if s.p.english {
		return "en"
	}
	return "zh"
}

// hear takes down what an event says of consent.
func (r *recorder) hear(h *happening) {
	of := r.decided[h.person]
	if of == nil {
		of = Consent{}
		r.decided[h.person] = of
	}
	maps.Copy(of, h.says)
}

// Consents returns, by user id, what those have decided who have been asked in the history told so far: the planted truth.
func (w *World) Consents() map[string]Consent {
	out := make(map[string]Consent, len(w.truth.decided))
	for id, c := range w.truth.decided {
		out[w.userID(&w.people[id])] = c
	}
	return out
}

// refuseCalls lets somebody who is on the phone say that they want no more calls, with the event of the call.
func (s *scene) refuseCalls(h *happening, day int32) {
	p := s.p
	var d dice
	d.seed(s.w.cfg.Seed, diceCalls, uint64(p.id), uint64(day)) //nolint:gosec // not negative
	if p.uncalled || p.askedAt == 0 || h.at < p.askedAt || !d.chance(refusesCalls) {
		return
	}
	p.uncalled = true
	h.says = Consent{"marketing.phone": denied}
	h.Context = h.Context[:len(h.Context)-1] + `,"consent":{"purposes":{"marketing":{"phone":"denied"}},"method":"call","language":"` + touchstone.JSON(s.consentLanguage()) + `","place":"call centre"}}`
}

// unsubscribe lets somebody follow the link at the end of a mail. It is the last that they do on a day, so that lives do not
// depend on it.
func (w *World) unsubscribe(s *scene, day int32) {
	p := s.p
	if p.askedAt == 0 || !p.consentEmail {
		return
	}
	var d dice
	d.seed(w.cfg.Seed, diceUnsubscribe, uint64(p.id), uint64(day)) //nolint:gosec // not negative
	if !d.chance(unsubscribes) {
		return
	}
	s.open(sourceWeb, "email", max(w.timeOfDay(&d, day, &onlineHours), p.askedAt+60_000))
	s.external(touchstone.KindEmail, w.email(p))
	s.ready()
	s.text("list", "news").text("campaign", "news-"+strconv.Itoa(int(day/7))).track("Email Unsubscribed", factNone).says = Consent{"marketing.email": denied}
	p.consentEmail = false
}

// ConsentPolicies returns the versions of the brand's policy, in order: the words in which it asks for marketing have changed.
func ConsentPolicies() []string {
	policy := func(marketing string) string {
		return `{"name":{"zh":"` + Brand + ` 隐私设置","en":"` + Brand + ` privacy"},"purposes":[
{"key":"service","basis":"necessary","class":"","channels":[],"title":{"zh":"提供服务","en":"Providing the service"},"text":{"zh":"处理您的订单、预约和售后所必需的信息。","en":"What is needed for your orders, appointments and support."}},
{"key":"analytics","basis":"opt_out","class":"","channels":[],"title":{"zh":"统计分析","en":"Analytics"},"text":{"zh":"统计您如何使用社区和搜索，以便改进。","en":"We count how the community and the search are used, to make them better."}},
{"key":"marketing","basis":"opt_in","class":"personalised","channels":["email","sms","phone"],"title":{"zh":"个性化营销","en":"Personalised marketing"},"text":` + marketing + `},
{"key":"partners","basis":"opt_in","class":"sharing","channels":[],"title":{"zh":"向经销商提供","en":"Sharing with dealers"},"text":{"zh":"向经销商提供您的联系方式，由其与您联系试驾。","en":"We give your contacts to a dealer, who calls you for a test drive."}},
{"key":"location","basis":"opt_in","class":"location","channels":[],"title":{"zh":"行踪轨迹","en":"Location track"},"text":{"zh":"记录车辆位置，用于驾驶分析和服务提醒。","en":"We keep where your car was, for driving reports and service reminders."}},
{"key":"guardian","basis":"opt_in","class":"minor","channels":[],"title":{"zh":"未满十四周岁","en":"Under 14"},"text":{"zh":"我是监护人，同意处理该未成年人的个人信息。","en":"I am the guardian and agree that data about this child is used."}}],
"channels":[{"key":"email","title":{"zh":"邮件","en":"E-mail"}},{"key":"sms","title":{"zh":"短信","en":"SMS"}},{"key":"phone","title":{"zh":"电话","en":"Phone"}}],
"categories":{},"signals":[{"event":"Email Unsubscribed","purpose":"marketing","channel":"email","choice":"denied"}],
"collected":[{"event":"Post Viewed","source":"","purpose":"analytics","refused":"pseudonymise"},{"event":"Products Searched","source":"","purpose":"analytics","refused":"pseudonymise"}],
"uses":{"collect":"service","analyse":"service","act":"marketing","share":"partners","personalise":"marketing"},"privacy_url":"https://www.lumora.example/privacy"}`
	}
	return []string{
		policy(`{"zh":"根据您的兴趣向您推荐活动和产品。","en":"We suggest offers by what interests you."}`),
		policy(`{"zh":"根据您的兴趣向您推荐活动和产品。您也可以选择不针对您个人特征的内容。","en":"We suggest offers by what interests you. You may choose to get only what everybody gets."}`),
	}
}
