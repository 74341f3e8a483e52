package sim

import (
	"strconv"
	"time"

	"github.com/touchstone-cdp/touchstone"
)

// The sources that events come from. Each has a write key of its own in Touchstone.
const (
	sourceWeb     = "web"
	sourceApp     = "app"
	sourceMini    = "mini_program"
	sourceStore   = "store"
	sourceCall    = "call_center"
	sourceVehicle = "vehicle"
)

// happening is an event before it is its turn.
type happening struct {
	touchstone.Event
	at     int64 // Unix milliseconds
	nr     uint32
	person int32
	cents  int64 // of an order
	what   fact
	says   Consent // what is decided by it
}

// scene is a place where a person does things one after the other: a visit, a call, a
// drive. Its events share the identifiers and the context.
type scene struct {
	w       *World
	p       *person
	d       *dice
	source  string
	at      int64
	props   []byte // of the event being made
	opening []byte // the context's members, without page
	context touchstone.JSON
	path    string

	user, anonymous string
	ids             []touchstone.Identifier
	shared          bool // on a household's device
}

// open begins a scene at a time. ids are everything that the place knows of the person.
func (s *scene) open(source, channel string, at int64) {
	s.source, s.at, s.path, s.shared = source, at, "", false
	s.user, s.anonymous, s.ids = "", "", nil
	b := append(s.opening[:0], `{"channel":"`...)
	b = append(b, channel...)
	b = append(b, `","location":{"country":"CN","region":"`...)
	b = append(b, cities[s.p.city].region...)
	b = append(b, `","city":"`...)
	b = append(b, cities[s.p.city].name...)
	s.opening = append(b, `"}`...)
}

// session names the visit. It is not a random id: the same world has the same sessions.
func (s *scene) session() {
	s.raw(`,"sessionId":"`)
	s.opening = strconv.AppendInt(s.opening, s.at/1000, 36)
	s.opening = append(s.opening, '-')
	s.opening = strconv.AppendInt(s.opening, int64(s.p.id), 36)
	s.opening = append(s.opening, '"')
}

// raw appends to the context.
func (s *scene) raw(parts ...string) {
	for _, part := range parts {
		s.opening = append(s.opening, part...)
	}
}

// identifier adds an identifier of the person to the scene.
func (s *scene) identifier(kind touchstone.IdentifierKind, value string) {
	s.ids = append(s.ids, touchstone.Identifier{Kind: kind, Value: value})
}

// ready closes the context: the scene's events carry it from now on. Call it again after
// a change of opening or of the identifiers.
func (s *scene) ready() {
	s.w.kinds.Sort(s.ids)
	s.context = touchstone.JSON(append(s.opening, '}'))
	s.path = ""
}

// onPage puts a page into the context.
func (s *scene) onPage(path, title string) {
	if s.path == path {
		return
	}
	s.path = path
	b := append(s.w.scratch[:0], s.opening...)
	b = append(b, `,"page":{"path":"`...)
	b = append(b, path...)
	b = append(b, `","url":"`+website...)
	b = append(b, path...)
	b = append(b, `","title":"`...)
	b = append(b, title...)
	b = append(b, `"}}`...)
	s.w.scratch = b
	s.context = touchstone.JSON(b)
}

// The properties of the next event.

func (s *scene) text(key, value string) *scene {
	s.key(key)
	s.props = append(s.props, '"')
	s.props = append(s.props, value...)
	s.props = append(s.props, '"')
	return s
}

func (s *scene) whole(key string, n int) *scene {
	s.key(key)
	s.props = strconv.AppendInt(s.props, int64(n), 10)
	return s
}

func (s *scene) yes(key string, yes bool) *scene {
	s.key(key)
	s.props = strconv.AppendBool(s.props, yes)
	return s
}

// tenths writes n/10 with one decimal.
func (s *scene) tenths(key string, n int) *scene {
	s.key(key)
	s.props = strconv.AppendInt(s.props, int64(n/10), 10)
	s.props = append(s.props, '.', byte('0'+n%10))
	return s
}

// money writes cents as yuan.
func (s *scene) money(key string, cents int64) *scene {
	s.key(key)
	s.props = appendMoney(s.props, cents)
	return s
}

func appendMoney(b []byte, cents int64) []byte {
	b = strconv.AppendInt(b, cents/100, 10)
	if c := cents % 100; c != 0 {
		b = append(b, '.', byte('0'+c/10), byte('0'+c%10))
	}
	return b
}

func (s *scene) json(key, value string) *scene {
	s.key(key)
	s.props = append(s.props, value...)
	return s
}

func (s *scene) key(key string) {
	if len(s.props) == 0 {
		s.props = append(s.props, '{')
	} else {
		s.props = append(s.props, ',')
	}
	s.props = append(s.props, '"')
	s.props = append(s.props, key...)
	s.props = append(s.props, '"', ':')
}

// take returns the properties and makes room for the next ones.
func (s *scene) take() touchstone.JSON {
	if len(s.props) == 0 {
		return "{}"
	}
	j := touchstone.JSON(append(s.props, '}'))
	s.props = s.props[:0]
	return j
}

// track makes an event of the properties and lets some seconds pass.
func (s *scene) track(name string, what fact) *happening {
	h := s.emit(touchstone.Track, name)
	h.Properties, h.what = s.take(), what
	return h
}

// page is a page or screen call.
func (s *scene) page(typ touchstone.EventType) {
	h := s.emit(typ, touchstone.EventName(typ, ""))
	h.Properties = s.take()
	if typ == touchstone.Page {
		h.what = factActive
	}
}

func (s *scene) emit(typ touchstone.EventType, name string) *happening {
	h := s.w.newHappening()
	h.Event = touchstone.Event{
		Type: typ, Name: name, Time: time.UnixMilli(s.at).UTC(), ReceivedAt: time.UnixMilli(s.at).UTC(), Source: s.source,
		UserID: s.user, AnonymousID: s.anonymous, Identifiers: s.ids, Context: s.context,
	}
	h.at, h.person, h.cents, h.what, h.says = s.at, s.p.id, 0, factNone, nil
	s.wait(3, 45)
	return h
}

// wait lets low to high seconds pass.
func (s *scene) wait(low, high int) { s.at += int64(s.d.between(1000*low, 1000*high)) }

// identify sends the identify call of somebody who has just logged in or changed.
func (s *scene) identify() {
	p := s.p
	h := s.emit(touchstone.Identify, "$identify")
	email, phone := s.w.email(p), s.w.phoneNumber(p)
	name, _ := s.w.names(p)
	s.text("name", name).text("email", email).text("phone", phone).text("city", cities[p.city].name).
		text("region", cities[p.city].region).whole("city_tier", cities[p.city].tier).text("age_band", ageBands[p.age]).
		text("gender", gender(p)).text("language", language(p)).yes("consent_email", p.consentEmail).
		yes("consent_sms", p.consentSMS).yes("consent_personalised", p.consentAds).text("preferred_model", models[p.model].name)
	if p.campaign >= 0 {
		s.text("acquisition_campaign", campaigns[p.campaign].name)
	}
	if p.referrer >= 0 {
		s.text("referred_by", s.w.userID(&s.w.people[p.referrer]))
	}
	s.text("address", s.w.address(p))
	if p.household >= 0 {
		s.text("household_role", roles[p.role])
	}
	if s.w.minor(p) {
		s.text("birthday", s.w.birthday(p))
	}
	if p.owns() {
		s.text("vehicle_model", models[p.car.model].name).text("vin", s.w.vin(p)).whole("vehicles", int(p.car.number)+1)
		h.what = factOwner
	} else {
		h.what = factNamed
	}
	h.Traits = s.take()
	ids := append(make([]touchstone.Identifier, 0, len(s.ids)+2), s.ids...)
	ids = append(ids, touchstone.Identifier{Kind: touchstone.KindEmail, Value: email}, touchstone.Identifier{Kind: touchstone.KindPhone, Value: phone})
	s.w.kinds.Sort(ids)
	h.Identifiers = ids
	p.reported = true
	s.askedIn(h)
}

func gender(p *person) string {
	if p.female {
		return "female"
	}
	return "male"
}

func language(p *person) string {
	if p.english {
		return "en"
	}
	return "zh-CN"
}
