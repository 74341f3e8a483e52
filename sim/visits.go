package sim

import (
	"strconv"

	"github.com/touchstone-cdp/touchstone"
)

// webVisit opens a scene on the website. A quarter of cookies do not live long.
func (s *scene) webVisit(at int64, day int32) {
	p := s.p
	if s.d.chance(0.035) {
		p.cookie++
		p.onWeb = false
	}
	s.open(sourceWeb, "web", at)
	s.session()
	b := browsers[p.browser]
	s.raw(`,"library":{"name":"analytics.js","version":"5.4.0"},"os":{"name":"`, b.os, `"},"userAgent":"`, b.agent, `","locale":"`, language(p), `"`)
	s.arrive(day)
	s.anonymous = s.w.cookie(p)
	s.identifier(touchstone.KindAnonymousID, s.anonymous)
	if p.onWeb {
		s.loggedIn()
	}
	s.ready()
	s.onPage("/", brandName)
	s.text("path", "/").text("title", brandName).page(touchstone.Page)
}

// arrive notes the campaign that a visit comes from, and the one that brought a person.
func (s *scene) arrive(day int32) {
	first := s.p.campaign < 0
	chance := 0.12
	if first && !s.p.owns() {
		chance = 0.7
	}
	if !s.d.chance(chance) {
		return
	}
	var weights [16]int
	for i, c := range campaigns {
		if int(day) >= c.from && int(day) < c.to {
			weights[i] = c.weight
		}
	}
	i := s.d.pick(weights[:len(campaigns)])
	if first {
		s.p.campaign = int8(i)
	}
	c := campaigns[i]
	s.raw(`,"campaign":{"source":"`, c.source, `","medium":"`, c.medium, `","name":"`, c.name, `"}`)
}

// loggedIn adds the account to the scene.
func (s *scene) loggedIn() {
	s.user = s.w.userID(s.p)
	s.identifier(touchstone.KindUserID, s.user)
}

// login begins to know the person from here on, and tells who it is.
func (s *scene) login() {
	if s.user != "" {
		return
	}
	s.p.known = true
	switch s.source {
	case sourceWeb:
		s.p.onWeb = true
	case sourceApp:
		s.p.onApp = s.p.onApp || !s.shared
	case sourceMini:
		s.p.onMini = true
	}
	ids := s.ids
	s.ids = append(make([]touchstone.Identifier, 0, len(ids)+3), ids...)
	s.loggedIn()
	if s.p.owns() && s.source == sourceApp && !s.shared {
		s.external(touchstone.KindVIN, s.w.vin(s.p))
	}
	s.ready()
	s.text("method", "phone_code").track("Signed In", factNone)
	s.identify()
}

// external adds an identifier that travels in context.externalIds. All of a scene's
// must be added one after the other.
func (s *scene) external(kind touchstone.IdentifierKind, value string) {
	s.identifier(kind, value)
	const end = `,"collection":"users","encoding":"none"}]`
	item := `{"id":"` + value + `","type":"` + string(kind) + `"`
	if n := len(s.opening) - len(end); n > 0 && string(s.opening[n:]) == end {
		s.opening = s.opening[:len(s.opening)-1]
		s.raw(`,`, item, end)
		return
	}
	s.raw(`,"externalIds":[`, item, end)
}

// appVisit opens a scene in the app, on the person's phone.
func (s *scene) appVisit(at int64, channel string) {
	p := s.p
	phone := phones[p.phone]
	s.open(sourceApp, channel, at)
	s.session()
	s.raw(`,"library":{"name":"analytics-`, lower(phone.os), `","version":"4.1.2"},"app":{"name":"Lumora","version":"6.2.1"},"os":{"name":"`,
		phone.os, `","version":"`, phone.version, `"},"device":{"id":"`, s.w.phoneDevice(p), `","type":"mobile","model":"`, phone.name, `"}`)
	s.anonymous = s.w.appInstall(p)
	s.identifier(touchstone.KindAnonymousID, s.anonymous)
	s.identifier(touchstone.KindDeviceID, s.w.phoneDevice(p))
	if p.onApp {
		s.loggedIn()
	}
	s.ready()
	s.yes("from_background", s.d.chance(0.4)).text("app_version", "6.2.1").track("Application Opened", factActive)
	s.text("name", channel).page(touchstone.Screen)
	switch {
	case !p.onApp && (p.known || s.d.chance(0.3)):
		s.login()
	case p.onApp && (!p.reported || s.d.chance(0.06)):
		s.identify()
	}
}

// tabletVisit opens a scene in the app on the household's tablet. It reports false when
// the person does not use it today: one member logs in first and has it for two days.
func (s *scene) tabletVisit(at int64, day int32) bool {
	p := s.p
	home := &s.w.households[p.household]
	switch {
	case home.firstLogin < 0 && !p.known, home.firstLogin >= 0 && home.owner != p.id && day < home.firstLogin+2:
		return false
	}
	s.open(sourceApp, "app", at)
	s.session()
	device := s.w.tabletDevice(p.household)
	s.raw(`,"library":{"name":"analytics-ios","version":"4.1.2"},"app":{"name":"Lumora","version":"6.2.1"},"os":{"name":"iPadOS","version":"19.3"},"device":{"id":"`,
		device, `","type":"tablet","model":"iPad"}`)
	s.anonymous = s.w.tabletInstall(p.household)
	s.identifier(touchstone.KindAnonymousID, s.anonymous)
	s.identifier(touchstone.KindDeviceID, device)
	s.ready()
	s.shared = true
	s.yes("from_background", false).text("app_version", "6.2.1").track("Application Opened", factActive)
	if home.firstLogin < 0 {
		home.firstLogin, home.owner = day, p.id
		s.login()
	} else if p.known && s.d.chance(0.8) {
		s.login()
	}
	return true
}

// miniVisit opens a scene in the mini program of the chat app.
func (s *scene) miniVisit(at int64, day int32) {
	p := s.p
	s.open(sourceMini, "mini_program", at)
	s.session()
	s.raw(`,"library":{"name":"wechat-mini-program","version":"1.8.0"},"os":{"name":"`, phones[p.phone].os, `"}`)
	s.arrive(day)
	s.anonymous = s.w.miniInstall(p)
	s.identifier(touchstone.KindAnonymousID, s.anonymous)
	s.external(touchstone.KindOpenID, s.w.miniOpenID(p))
	if p.follows || p.onMini {
		s.external(touchstone.KindUnionID, s.w.unionID(p))
	}
	if p.onMini {
		s.loggedIn()
	}
	s.ready()
	s.text("scene", []string{"search", "share", "scan", "menu"}[s.d.n(4)]).track("Application Opened", factActive)
	if !p.onMini && (p.known && s.d.chance(0.5) || s.d.chance(0.04)) {
		s.login()
	}
}

// officialVisit is what somebody does in the official account: read and tap.
func (s *scene) officialVisit(at int64) {
	p := s.p
	s.open(sourceMini, "official_account", at)
	s.session()
	s.raw(`,"library":{"name":"wechat-official-account","version":"1.2.0"},"os":{"name":"`, phones[p.phone].os, `"}`)
	s.external(touchstone.KindOpenID, s.w.officialID(p))
	s.external(touchstone.KindUnionID, s.w.unionID(p))
	s.ready()
	for range s.d.tail(1, 4, 0.45) {
		s.readArticle("official_account")
	}
	if s.d.chance(0.25) {
		s.text("menu", []string{"test drive", "offers", "service", "community"}[s.d.n(4)]).track("Menu Clicked", factNone)
	}
}

// storeScene is something that the staff enter: they know the phone number.
func (s *scene) storeScene(at int64) {
	s.open(sourceStore, "store", at)
	phone := s.w.phoneNumber(s.p)
	s.raw(`,"library":{"name":"analytics-go","version":"3.3.0"},"store":{"id":"`, s.w.storeID(s.p), `"},"traits":{"phone":"`, phone, `"}`)
	s.identifier(touchstone.KindPhone, phone)
	s.ready()
}

// callScene is a call by or to the call centre.
func (s *scene) callScene(at int64) {
	s.open(sourceCall, "call_center", at)
	phone := s.w.phoneNumber(s.p)
	s.raw(`,"library":{"name":"analytics-go","version":"3.3.0"},"traits":{"phone":"`, phone, `"}`)
	s.identifier(touchstone.KindPhone, phone)
	s.ready()
}

// carScene is what the car reports: about itself, whoever drives it.
func (s *scene) carScene(at int64) {
	p := s.p
	vin := s.w.vin(p)
	s.open(sourceVehicle, "vehicle", at)
	s.raw(`,"library":{"name":"vehicle-gateway","version":"2.0.1"},"device":{"type":"vehicle","model":"`, models[p.car.model].name, `"}`)
	s.external(touchstone.KindVIN, vin)
	s.ready()
}

// readArticle is an article opened and perhaps read to its end.
func (s *scene) readArticle(place string) {
	a := articles[s.d.n(len(articles))]
	if s.source == sourceWeb {
		s.onPage("/stories/"+a.id, a.title)
	}
	seconds := s.d.between(8, 300)
	s.text("content_id", a.id).text("title", a.title).text("topic", a.topic).text("placement", place).whole("seconds", seconds).track("Content Viewed", factActive)
	s.wait(5, seconds)
	if s.p.content < 20 {
		s.p.content++
	}
	if s.d.chance(0.08) {
		s.text("content_id", a.id).text("network", []string{"wechat", "weibo", "link"}[s.d.n(3)]).track("Content Shared", factNone)
	}
}

// viewCar looks at a car; mostly the favourite.
func (s *scene) viewCar() {
	m := int(s.p.model)
	if s.d.chance(0.35) {
		m = s.d.pick(modelWeights)
	}
	if s.source == sourceWeb {
		path := "/models/" + models[m].id
		s.onPage(path, models[m].name)
		s.text("path", path).text("title", models[m].name).page(touchstone.Page)
	}
	s.car(m, 0).whole("position", s.d.between(1, 6)).track("Product Viewed", factViewed)
}

// car writes the properties of a car, as the e-commerce events have them.
func (s *scene) car(m, trim int) *scene {
	return s.text("product_id", models[m].id).text("name", models[m].name).text("category", models[m].class).text("brand", brandName).
		text("variant", trims[trim]).money("price", models[m].cents+trimCents[trim]).text("currency", "CNY")
}

func (s *scene) price(m, trim int) int64 { return models[m].cents + trimCents[trim] }

// configure builds a car on the screen.
func (s *scene) configure() {
	m, trim := int(s.p.model), s.d.pick([]int{50, 38, 12})
	s.p.trim = uint8(trim)
	if s.source == sourceWeb {
		s.onPage("/configurator/"+models[m].id, "Configurator")
	}
	s.text("product_id", models[m].id).track("Configurator Started", factNone)
	s.wait(20, 240)
	s.car(m, trim).text("colour", colours[s.d.n(len(colours))]).text("interior", interiors[s.d.n(len(interiors))]).
		whole("options", s.d.n(5)).track("Configurator Completed", factConfigured)
}

// compare puts two cars side by side.
func (s *scene) compare() {
	other := s.d.pick(modelWeights)
	s.json("products", `["`+models[s.p.model].id+`","`+models[other].id+`"]`).whole("count", 2).track("Products Compared", factNone)
}

// calculate asks what the car costs a month.
func (s *scene) calculate() {
	m := int(s.p.model)
	months := []int{24, 36, 48, 60}[s.d.n(4)]
	down := s.d.between(1, 5) * 10
	s.car(m, int(s.p.trim)).whole("months", months).whole("down_payment_percent", down).
		whole("monthly", int(s.price(m, int(s.p.trim))/100)*(100-down)/100/months).track("Finance Calculated", factNone)
}

// search looks something up.
func (s *scene) search() {
	q := searches[s.d.n(len(searches))]
	s.text("query", q).whole("results", s.d.n(40)).track("Products Searched", factNone)
}

func itoa(n int) string { return strconv.Itoa(n) }
