package sim

import "slices"

const (
	dayMillis  = 86_400_000
	hourMillis = 3_600_000
)

// live is one day of a person.
func (w *World) live(s *scene, day int32) {
	p := s.p
	if day < p.joined {
		return
	}
	if w.minor(p) { // looks at cars, and buys none
		if w.households[p.household].tablet && s.d.chance(0.08) && s.tabletVisit(w.timeOfDay(s.d, day, &onlineHours), day) {
			w.browse(s, 1, 4)
		}
		return
	}
	w.doTasks(s, day)
	w.moveOn(s, day)
	visits := s.d.poisson(w.visitsToday(p, day))
	for range visits {
		w.visit(s, day)
	}
	if p.household >= 0 && w.households[p.household].tablet && s.d.chance(0.08) {
		if s.tabletVisit(w.timeOfDay(s.d, day, &onlineHours), day) {
			w.browseApp(s)
		}
	}
	if p.owns() {
		w.drive(s, day)
	}
	w.unsubscribe(s, day)
}

// weekday returns 0 for Monday.
func (w *World) weekday(day int32) int {
	const thursday = 3 // 1 January 1970
	return int((w.start/dayMillis + 1 + int64(day) + thursday) % 7)
}

func (w *World) weekend(day int32) bool { return w.weekday(day) >= 5 }

// timeOfDay draws a moment of a day, by the weights of its hours.
func (w *World) timeOfDay(d *dice, day int32, h *hours) int64 {
	return w.start + int64(day)*dayMillis + int64(d.pick(h[:]))*hourMillis + int64(d.n(hourMillis))
}

// visitsToday is how many visits a person makes on average.
func (w *World) visitsToday(p *person, day int32) float64 {
	rate := [...]float64{stageInterest: 0.13, stageCompare: 0.23, stageDrive: 0.32, stageBuy: 0.4, stageOwn: 0.3, stageReplace: 0.4}[p.stage]
	switch {
	case day == p.joined && p.joined > 0:
		return 1.6 // whoever comes does something
	case p.stage == stageInterest && day-p.joined > 21:
		rate = times(rate, 0.45) // interest fades
	}
	if w.weekend(day) {
		rate = times(rate, 1.18)
	}
	return times(rate, p.activity)
}

// visit chooses a channel and spends some time there.
func (w *World) visit(s *scene, day int32) {
	p := s.p
	weights := [...]int{40, 0, 0, 0, 0} // web, app, mini program, official account, community
	if p.owns() || p.stage == stageBuy {
		weights[0] = 8
	}
	if p.hasApp {
		weights[1] = 55
	}
	if p.hasMini {
		weights[2] = 26
	}
	if p.follows {
		weights[3] = 12
	}
	if p.hasApp && p.known {
		weights[4] = 16
	}
	at := w.timeOfDay(s.d, day, &onlineHours)
	if w.weekend(day) && s.d.chance(0.5) {
		at = w.timeOfDay(s.d, day, &weekendHours)
	}
	switch s.d.pick(weights[:]) {
	case 0:
		s.webVisit(at, day)
		w.browse(s, 2, 9)
	case 1:
		s.appVisit(at, "app")
		w.browseApp(s)
	case 2:
		s.miniVisit(at, day)
		w.browse(s, 1, 6)
		w.playMini(s)
	case 3:
		s.officialVisit(at)
		return
	case 4:
		s.appVisit(at, "community")
		w.gossip(s)
		return
	}
	w.maybeBook(s, day)
}

// browse is what somebody who has no car yet looks at.
func (w *World) browse(s *scene, low, high int) {
	for range s.d.tail(low, high, 0.6) {
		if s.p.stage == stageInterest {
			switch s.d.pick([]int{44, 38, 10, 8}) {
			case 0:
				s.readArticle("feed")
			case 1:
				s.viewCar()
			case 2:
				s.text("list_id", "line-up").text("category", "cars").track("Product List Viewed", factNone)
			case 3:
				s.search()
			}
			continue
		}
		switch s.d.pick([]int{28, 38, 12, 10, 6, 6}) {
		case 0:
			s.readArticle("feed")
		case 1:
			s.viewCar()
		case 2:
			s.compare()
		case 3:
			s.configure()
		case 4:
			s.calculate()
		case 5:
			s.search()
		}
	}
	if s.user == "" && s.d.chance(0.045) {
		s.login()
	}
}

// browseApp is a visit to the app: owners look after their car, the others browse.
func (w *World) browseApp(s *scene) {
	p := s.p
	if !p.owns() {
		w.browse(s, 1, 8)
		return
	}
	for range s.d.tail(1, 6, 0.55) {
		switch s.d.pick([]int{40, 22, 14, 10, 14}) {
		case 0:
			s.whole("charge_percent", int(p.car.charge)).whole("range_km", int(p.car.charge)*5).track("Vehicle Status Viewed", factNone)
		case 1:
			s.text("command", []string{"climate_on", "climate_off", "lock", "unlock", "flash"}[s.d.n(5)]).whole("seconds", s.d.between(1, 9)).
				track("Remote Command Sent", factNone)
		case 2:
			s.text("network", []string{"lumora", "partner"}[s.d.n(2)]).whole("stations", s.d.between(1, 40)).track("Charging Stations Searched", factNone)
		case 3:
			s.readArticle("app")
		case 4:
			w.shop(s)
		}
	}
	if p.stage == stageReplace && s.d.chance(0.4) {
		w.browse(s, 1, 4)
	}
	if s.user != "" && s.d.chance(0.02) {
		s.text("channel", "wechat").text("code", "R"+itoa(int(p.id)+1000)).track("Referral Shared", factNone)
	}
}

// shop buys an accessory, or leaves the cart.
func (w *World) shop(s *scene) {
	if s.user == "" {
		return
	}
	a := accessories[s.d.pick(accessoryWeights)]
	item := func() {
		s.text("product_id", a.sku).text("name", a.name).text("category", "accessory").text("brand", brandName).money("price", a.cents).text("currency", "CNY")
	}
	item()
	s.track("Product Viewed", factViewed)
	if !s.d.chance(0.42) {
		return
	}
	item()
	n := s.d.tail(1, 3, 0.12)
	s.whole("quantity", n).track("Product Added", factNone)
	if !s.d.chance(0.6) {
		return
	}
	total := a.cents * int64(n)
	s.money("value", total).text("currency", "CNY").track("Checkout Started", factNone)
	if s.d.chance(0.7) {
		s.order("accessory", total, 0, a.sku, a.name, a.cents, n, factAccessory)
	}
}

// order completes an order, of a car or of accessories.
func (s *scene) order(kind string, total, discount int64, sku, name string, cents int64, n int, what fact) {
	s.p.orders++
	id := "LM" + itoa(100_000+int(s.p.id)) + "-" + itoa(int(s.p.orders))
	s.text("order_id", id).text("order_type", kind).money("total", total).money("revenue", total).money("discount", discount).text("currency", "CNY").text("payment_token", s.w.card(s.p))
	if kind == "vehicle" {
		s.text("model", name).text("payment", financings[s.d.n(len(financings))]).money("deposit", deposit)
	}
	s.key("products")
	s.props = append(s.props, `[{"product_id":"`...)
	s.props = append(s.props, sku...)
	s.props = append(s.props, `","name":"`...)
	s.props = append(s.props, name...)
	s.props = append(s.props, `","price":`...)
	s.props = appendMoney(s.props, cents)
	s.props = append(s.props, `,"quantity":`...)
	s.props = append(s.props, itoa(n)...)
	s.props = append(s.props, `}]`...)
	s.track("Order Completed", what).cents = total
}

// playMini is what the mini program is made for.
func (w *World) playMini(s *scene) {
	if s.d.chance(0.18) {
		s.text("coupon_id", "cp-"+itoa(s.d.between(1, 8))).text("coupon", []string{"accessory 8 %", "charging 50", "test drive gift"}[s.d.n(3)]).
			track("Coupon Claimed", factNone)
	}
	if s.d.chance(0.08) {
		s.whole("stones", s.d.between(1, 30)).track("Daily Check-in Completed", factNone)
	}
}

// gossip is a visit to the community.
func (w *World) gossip(s *scene) {
	for range s.d.tail(2, 9, 0.66) {
		post := "post-" + itoa(s.d.n(4000))
		s.text("post_id", post).text("topic", articles[s.d.n(len(articles))].topic).track("Post Viewed", factNone)
		switch s.d.pick([]int{70, 20, 8, 2}) {
		case 1:
			s.text("post_id", post).track("Post Liked", factNone)
		case 2:
			s.text("post_id", post).whole("characters", s.d.between(5, 200)).track("Comment Posted", factNone)
		case 3:
			s.whole("photos", s.d.n(9)).whole("characters", s.d.between(20, 900)).track("Post Published", factNone)
		}
	}
}

// maybeBook books a test drive at the end of a visit, or leaves a number.
func (w *World) maybeBook(s *scene, day int32) {
	p := s.p
	if p.booked || p.drove >= 0 && p.stage < stageOwn || p.stage != stageCompare && p.stage != stageReplace || s.shared {
		return
	}
	if !s.d.chance(w.books(p)) {
		return
	}
	s.login() // booking needs a phone number
	if s.source == sourceWeb {
		s.onPage("/test-drive", "Test drive")
	}
	in := s.d.between(1, 6)
	m := int(p.model)
	s.text("product_id", models[m].id).text("model", models[m].name).text("store_id", w.storeID(p)).text("city", cities[p.city].name).
		whole("days_ahead", in).track("Test Drive Booked", factBooked)
	p.booked = true
	if p.stage == stageCompare {
		p.stage = stageDrive
	}
	p.replyHours = w.replyTime(s.d, p)
	p.later(day+int32(p.replyHours)/24, taskCall)
	p.later(day+int32(in), taskDrive)
}

// replyTime is how long the consultant takes, in hours. Every consultant has a habit.
func (w *World) replyTime(d *dice, p *person) float64 {
	habit := float64(mix(w.cfg.Seed^uint64(p.city)<<32^uint64(p.store)<<16^uint64(int(p.id)%6))%12) + 0.5
	hours := times(habit, d.float()+0.25)
	if d.chance(0.12) {
		hours += 14 // over night
	}
	return min(hours, 30)
}

// later remembers a task. A few wait at most.
func (p *person) later(day int32, kind taskKind) {
	if len(p.todo) < 8 {
		p.todo = append(p.todo, task{day, kind})
	}
}

// doTasks does what was agreed for today.
func (w *World) doTasks(s *scene, day int32) {
	if len(s.p.todo) == 0 {
		return
	}
	due := make([]task, 0, len(s.p.todo))
	s.p.todo = slices.DeleteFunc(s.p.todo, func(t task) bool {
		if t.day <= day {
			due = append(due, t)
		}
		return t.day <= day
	})
	for _, t := range due {
		switch t.kind {
		case taskCall:
			w.callBack(s, day)
		case taskDrive:
			w.testDrive(s, day)
		case taskDeliver:
			w.deliver(s, day)
		case taskService:
			w.service(s, day)
		case taskSurvey:
			w.survey(s, day)
		}
	}
}

// callBack is the consultant's call after a booking.
func (w *World) callBack(s *scene, day int32) {
	s.callScene(w.timeOfDay(s.d, day, &workHours))
	reached := s.d.chance(0.82)
	s.text("agent_id", w.consultantID(s.p)).text("reason", "test_drive").yes("reached", reached).whole("seconds", s.d.between(10, 600)).
		tenths("response_hours", int(times(s.p.replyHours, 10))).track("Call Made", factNone)
}

// testDrive is the appointment in the store: the person comes or does not.
func (w *World) testDrive(s *scene, day int32) {
	p := s.p
	p.booked = false
	s.storeScene(w.timeOfDay(s.d, day, &storeHours))
	m := int(p.model)
	if !s.d.chance(w.shows(p)) {
		s.text("model", models[m].name).text("consultant_id", w.consultantID(p)).track("Test Drive Missed", factNone)
		if p.stage == stageDrive {
			p.stage = stageCompare
		}
		return
	}
	s.text("store_id", w.storeID(p)).text("purpose", "test_drive").whole("people", s.d.between(1, 3)).track("Store Visited", factActive)
	s.wait(300, 1800)
	s.text("product_id", models[m].id).text("model", models[m].name).text("consultant_id", w.consultantID(p)).
		whole("minutes", s.d.between(15, 60)).whole("rating", s.d.between(3, 5)).track("Test Drive Completed", factDrove)
	s.wait(300, 1800)
	if s.d.chance(0.7) {
		s.car(m, int(p.trim)).text("consultant_id", w.consultantID(p)).track("Quote Given", factNone)
	}
	p.drove = day
}

// moveOn is what changes a person from one day to the next.
func (w *World) moveOn(s *scene, day int32) {
	p := s.p
	switch p.stage {
	case stageInterest:
		if p.content >= 2 && s.d.chance(0.008+times(0.005, float64(min(p.content, 10)))) {
			p.stage = stageCompare
		}
	case stageDrive, stageReplace:
		if p.drove >= 0 && day > p.drove && day-p.drove <= 21 && s.d.chance(w.ordersToday(p)) {
			w.buy(s, day)
		}
	case stageOwn:
		if s.d.chance(0.0006) {
			p.stage, p.drove = stageReplace, -1
			p.model = uint8(s.d.pick(modelWeights))
		}
		if s.d.chance(0.006) && len(p.todo) == 0 {
			w.bookService(s, day)
		}
	}
}

// buy orders the car, in the store or online.
func (w *World) buy(s *scene, day int32) {
	p := s.p
	m, trim := int(p.model), int(p.trim)
	total := s.price(m, trim)
	discount := int64(0)
	if p.sensitivity > 0.5 {
		discount = int64(s.d.between(1, 8)) * 100_000
	}
	if p.hasApp && p.onApp && s.d.chance(0.4) {
		s.appVisit(w.timeOfDay(s.d, day, &onlineHours), "app")
	} else {
		s.storeScene(w.timeOfDay(s.d, day, &storeHours))
		s.text("store_id", w.storeID(p)).text("purpose", "order").whole("people", s.d.between(1, 3)).track("Store Visited", factActive)
	}
	s.order("vehicle", total-discount, discount, models[m].id, models[m].name, s.price(m, trim), 1, factVehicle)
	if p.stage == stageReplace {
		p.car.number++
	}
	p.stage, p.booked, p.drove = stageBuy, false, -1
	p.later(day+int32(s.d.between(4, 24)), taskDeliver)
}

// deliver hands the car over. From now on the car speaks for itself.
func (w *World) deliver(s *scene, day int32) {
	p := s.p
	p.car = carState{model: p.model, trim: p.trim, number: p.car.number, commutes: s.d.chance(0.6), km: int32(s.d.between(5, 60)), charge: 90}
	p.stage = stageOwn
	p.hasApp, p.reported = true, false
	s.storeScene(w.timeOfDay(s.d, day, &storeHours))
	s.external(touchstoneVIN, w.vin(p))
	s.ready()
	s.text("vin", w.vin(p)).text("model", models[p.car.model].name).text("variant", trims[p.car.trim]).text("store_id", w.storeID(p)).
		text("consultant_id", w.consultantID(p)).track("Vehicle Delivered", factNone)
	p.known = true // the account is made at the counter; the app knows it at the next start
	p.later(day+int32(s.d.between(3, 9)), taskSurvey)
}
