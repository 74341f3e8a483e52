package sim

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"
)

// stage is how far a person is on the way to a car.
type stage uint8

const (
	stageInterest stage = iota
	stageCompare
	stageDrive // booked or done a test drive
	stageBuy   // ordered, waiting for delivery
	stageOwn
	stageReplace // owns, and looks at the next one
)

var stageNames = [...]string{"interest", "compare", "test_drive", "buy", "own", "replace"}

func (s stage) String() string { return stageNames[s] }

// purposes of dice, so that none of them shares draws with another.
const (
	diceBirth uint64 = iota + 1
	diceDay
	diceHousehold
	diceName
)

// person is one customer. The state is small: there are as many as the configuration says.
type person struct {
	id        int32
	household int32 // −1 = lives alone
	referrer  int32 // −1 = nobody
	role      uint8

	city, age, phone, browser, model, trim uint8
	store                                  uint8
	english, female                        bool
	consentEmail, consentSMS, consentAds   bool
	uncalled                               bool  // has said that they want no calls
	askedAt                                int64 // when the latest answer was given to what is asked about consent; 0 = never

	joined      int32   // first day
	activity    float64 // how often compared with the average
	sensitivity float64 // to prices, 0 … 1

	hasApp, hasMini, follows bool // uses the app, the mini program, the official account
	known                    bool // has an account and has logged in somewhere
	onWeb, onApp, onMini     bool // is logged in there
	reported                 bool // an identify call has told the present traits
	cookie                   uint16
	campaign                 int8 // that brought the person in; −1 = none

	stage      stage
	content    uint8 // articles read, up to 20
	booked     bool
	drove      int32 // day of the latest test drive; −1 = never
	replyHours float64
	orders     uint16
	car        carState
	todo       []task
}

// carState is what an owner has.
type carState struct {
	model, trim uint8
	number      uint8 // of cars bought before
	commutes    bool
	km          int32
	charge      int8 // per cent
}

// task is something that was agreed for a later day.
type task struct {
	day  int32
	kind taskKind
}

type taskKind uint8

const (
	taskCall    taskKind = iota // a consultant calls back
	taskDrive                   // a test drive
	taskDeliver                 // the car is handed over
	taskService                 // a workshop visit
	taskSurvey                  // a call after delivery or service
)

// household is people who live together.
type household struct {
	first, size int32
	tablet      bool
	firstLogin  int32 // day on which its first member logged in on the tablet; −1 = not yet
	owner       int32 // that member
}

var roles = []string{"head", "spouse", "parent", "child"}

// shares of the population at the beginning of the history.
const (
	shareNew       = 0.42 // come during the history
	shareOwners    = 0.21
	shareCompare   = 0.13
	shareHousehold = 0.16 // of persons that found a household with the next ones
	shareTablet    = 0.35 // of households
	shareReferred  = 0.13 // of those who come
)

func (w *World) populate() {
	w.people = make([]person, w.cfg.Persons)
	for i := 0; i < len(w.people); {
		size := 1
		var d dice
		d.seed(w.cfg.Seed, diceHousehold, uint64(i), 0)
		if d.chance(shareHousehold) {
			size = min(d.between(2, 4), len(w.people)-i)
		}
		home := int32(-1)
		if size > 1 {
			home = int32(len(w.households))
			w.households = append(w.households, household{
				first: int32(i), size: int32(size), tablet: d.chance(shareTablet), firstLogin: -1, owner: -1,
			})
		}
		town := d.pick(cityWeights)
		for k := range size {
			p := &w.people[i+k]
			p.id, p.household, p.role, p.city = int32(i+k), home, uint8(k), uint8(town)
			w.birth(p)
		}
		i += size
	}
}

// birth draws what a person is and where they stand when the history begins.
func (w *World) birth(p *person) {
	var d dice
	d.seed(w.cfg.Seed, diceBirth, uint64(p.id), 0)
	p.referrer, p.drove, p.campaign = -1, -1, -1
	p.age = uint8(d.pick(ageWeights))
	p.female, p.english = d.chance(0.44), d.chance(0.08)
	p.phone, p.browser = uint8(d.n(len(phones))), uint8(d.n(len(browsers)))
	p.store = uint8(d.n(cities[p.city].stores))
	p.activity = exp(times(0.85, d.normal()) - 0.36) // heavy tail, mean about 1
	p.sensitivity = d.float()
	p.consentEmail, p.consentSMS, p.consentAds = d.chance(0.72), d.chance(0.64), d.chance(0.81)
	p.model = uint8(w.favourite(&d, p))
	p.trim = uint8(d.pick([]int{50, 38, 12}))
	p.hasApp, p.hasMini, p.follows = d.chance(0.34), d.chance(0.46), d.chance(0.33)
	switch at := d.float(); {
	case at < shareNew:
		p.joined = int32(d.n(w.cfg.Days))
		p.referrer = w.referrerOf(&d, p)
	case at < shareNew+shareOwners:
		p.stage, p.known, p.hasApp = stageOwn, true, true
		p.car = carState{model: p.model, trim: p.trim, commutes: d.chance(0.6), km: int32(d.between(800, 60_000)), charge: int8(d.between(25, 95))}
		if d.chance(0.05) {
			p.stage, p.model = stageReplace, uint8(d.pick(modelWeights))
		}
	case at < shareNew+shareOwners+shareCompare:
		p.stage, p.content = stageCompare, uint8(d.n(6))
	}
}

// favourite is the car that a person looks at: people who mind prices look at cheaper ones.
func (w *World) favourite(d *dice, p *person) int {
	first, second := d.pick(modelWeights), d.pick(modelWeights)
	if p.sensitivity > 0.6 {
		return min(first, second)
	}
	if p.sensitivity < 0.2 {
		return max(first, second)
	}
	return first
}

// referrerOf finds somebody older in the world who told the newcomer.
func (w *World) referrerOf(d *dice, p *person) int32 {
	if p.id == 0 || !d.chance(shareReferred) {
		return -1
	}
	return int32(d.n(int(p.id)))
}

func (p *person) owns() bool { return p.stage >= stageOwn }

// The identifiers of a person. All are made of the seed and the person's number.

func (w *World) userID(p *person) string { return "u" + strconv.Itoa(1_000_000+int(p.id)) }

// phoneNumber is unique as long as there are fewer than ten million people.
func (w *World) phoneNumber(p *person) string {
	n := (uint64(p.id)*7_654_321 + w.cfg.Seed%10_000_000) % 10_000_000 // 7,654,321 and 10,000,000 have no common factor
	digits := strconv.Itoa(int(n) + 10_000_000)
	return "+861990" + digits[1:]
}

func (w *World) email(p *person) string {
	var d dice
	d.seed(w.cfg.Seed, diceName, uint64(p.id), 1)
	_, latin := w.names(p)
	return latin + "." + strconv.Itoa(100+int(p.id)) + "@" + mailHosts[d.n(len(mailHosts))]
}

// names returns the name as the person writes it, and in Latin letters for addresses.
func (w *World) names(p *person) (name, latin string) {
	var d dice
	d.seed(w.cfg.Seed, diceName, uint64(p.id), 0)
	if p.english {
		first, last := firstNames[d.n(len(firstNames))], lastNames[d.n(len(lastNames))]
		return first + " " + last, lower(first) + "." + lower(last)
	}
	surname, given := surnames[d.n(len(surnames))], givens[d.n(len(givens))]
	return surname.hanzi + given.hanzi, surname.latin + "." + given.latin
}

func lower(ascii string) string {
	b := []byte(ascii)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// spaces of made identifiers.
const (
	spaceCookie uint64 = iota + 100
	spaceApp
	spaceDevice
	spaceMini
	spaceOpenID
	spaceServiceOpenID
	spaceUnionID
	spaceVIN
	spaceTablet
	spaceTabletDevice
)

// uuid makes a UUID for a space, an owner and a number.
func (w *World) uuid(space, owner, number uint64) string {
	b := w.bytes(space, owner, number)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	var text [36]byte
	hex.Encode(text[0:8], b[0:4])
	hex.Encode(text[9:13], b[4:6])
	hex.Encode(text[14:18], b[6:8])
	hex.Encode(text[19:23], b[8:10])
	hex.Encode(text[24:36], b[10:16])
	text[8], text[13], text[18], text[23] = '-', '-', '-', '-'
	return string(text[:])
}

func (w *World) bytes(space, owner, number uint64) (b [16]byte) {
	first := mix(w.cfg.Seed ^ mix(space<<40^owner))
	first = mix(first ^ number)
	binary.BigEndian.PutUint64(b[0:8], first)
	binary.BigEndian.PutUint64(b[8:16], mix(first+owner))
	return b
}

// token makes an id as the platforms of chat programs give them.
func (w *World) token(prefix string, space uint64, p *person) string {
	const letters = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz0123456789-_"
	b := w.bytes(space, uint64(p.id), 0)
	text := make([]byte, 0, len(prefix)+22)
	text = append(text, prefix...)
	x := binary.BigEndian.Uint64(b[:8])
	for range 22 {
		text = append(text, letters[x%uint64(len(letters))])
		x = mix(x)
	}
	return string(text)
}

func (w *World) cookie(p *person) string {
	return w.uuid(spaceCookie, uint64(p.id), uint64(p.cookie))
}
func (w *World) appInstall(p *person) string  { return w.uuid(spaceApp, uint64(p.id), 0) }
func (w *World) phoneDevice(p *person) string { return w.uuid(spaceDevice, uint64(p.id), 0) }
func (w *World) miniInstall(p *person) string { return w.uuid(spaceMini, uint64(p.id), 0) }
func (w *World) miniOpenID(p *person) string  { return w.token("oLm_", spaceOpenID, p) }
func (w *World) officialID(p *person) string  { return w.token("oGz_", spaceServiceOpenID, p) }
func (w *World) unionID(p *person) string     { return w.token("oUn_", spaceUnionID, p) }
func (w *World) tabletInstall(h int32) string { return w.uuid(spaceTablet, uint64(h), 0) }
func (w *World) tabletDevice(h int32) string  { return w.uuid(spaceTabletDevice, uint64(h), 0) }
func (w *World) storeID(p *person) string {
	return "st-" + strconv.Itoa(int(p.city)) + "-" + strconv.Itoa(int(p.store)+1)
}
func (w *World) consultantID(p *person) string {
	return w.storeID(p) + "-c" + strconv.Itoa(int(p.id)%6+1)
}

// vin makes a chassis number: maker, model, check letter, serial.
func (w *World) vin(p *person) string {
	const letters = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"
	b := w.bytes(spaceVIN, uint64(p.id), uint64(p.car.number))
	text := append(make([]byte, 0, 17), "LMR"...)
	x := binary.BigEndian.Uint64(b[:8])
	for range 6 {
		text = append(text, letters[x%uint64(len(letters))])
		x = mix(x)
	}
	serial := strconv.Itoa(10_000_000 + int(p.id)*4%8_000_000*10 + int(p.car.number))
	return string(append(text, serial...))
}
