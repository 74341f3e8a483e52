package sim

import "github.com/touchstone-cdp/touchstone"

const touchstoneVIN = touchstone.KindVIN

// drive is a day of a car: ways to work and back, errands, trips, and the socket.
func (w *World) drive(s *scene, day int32) {
	c := &s.p.car
	weekend := w.weekend(day)
	trips := 0
	switch {
	case c.commutes && !weekend && s.d.chance(0.8):
		trips = 2
		w.trip(s, w.clock(s.d, day, 7, 9), s.d.between(40, 280), "commute")
		w.trip(s, w.clock(s.d, day, 17, 20), s.d.between(40, 280), "commute")
	case weekend && s.d.chance(0.1):
		trips = 1
		w.trip(s, w.clock(s.d, day, 8, 12), s.d.between(600, 3200), "journey")
	}
	if errands := s.d.poisson(0.55); errands > 0 {
		for range min(errands, 4) {
			w.trip(s, w.timeOfDay(s.d, day, &weekendHours), s.d.between(15, 220), "errand")
		}
		trips += errands
	}
	if c.charge < 30 || trips > 0 && s.d.chance(0.22) {
		w.charge(s, day)
	}
	if trips > 0 && s.d.chance(0.003) {
		s.carScene(w.timeOfDay(s.d, day, &weekendHours))
		s.text("code", []string{"P0A1F", "U0100", "B1234", "C0561"}[s.d.n(4)]).text("severity", []string{"info", "warning", "warning", "critical"}[s.d.n(4)]).
			whole("odometer_km", int(c.km)).track("Fault Reported", factNone)
	}
}

// clock draws a moment between two hours of a day.
func (w *World) clock(d *dice, day int32, from, to int) int64 {
	return w.start + int64(day)*dayMillis + int64(from)*hourMillis + int64(d.n((to-from)*hourMillis))
}

// trip is one drive; tenths of a kilometre. The event comes at its end.
func (w *World) trip(s *scene, at int64, tenths int, kind string) {
	c := &s.p.car
	minutes := 4 + tenths/10*60/s.d.between(24, 70)
	at += int64(minutes) * 60_000
	c.km += int32(tenths / 10)
	c.charge = int8(max(3, int(c.charge)-tenths/50))
	s.carScene(at)
	s.text("trip_type", kind).tenths("distance_km", tenths).whole("minutes", minutes).whole("odometer_km", int(c.km)).
		whole("charge_percent", int(c.charge)).tenths("consumption_kwh_100km", s.d.between(118, 226)).
		whole("takeovers", s.d.tail(0, 5, 0.2)).whole("assisted_percent", s.d.n(80)).track("Trip Ended", factTrip)
}

func (w *World) charge(s *scene, day int32) {
	c := &s.p.car
	from, to := int(c.charge), s.d.between(max(int(c.charge)+10, 70), 100)
	if from >= 90 {
		return
	}
	to = min(to, 100)
	s.carScene(w.timeOfDay(s.d, day, &chargeHours))
	fast := s.d.chance(0.35)
	place, power := "home", s.d.between(60, 110)
	if fast {
		place, power = "station", s.d.between(600, 2500)
	}
	energy := (to - from) * 8 // tenths of a kWh
	s.text("place", place).tenths("power_kw", power).whole("from_percent", from).track("Charging Session Started", factNone)
	s.at += int64(energy) * hourMillis / int64(power)
	s.text("place", place).tenths("power_kw", power).whole("from_percent", from).whole("to_percent", to).tenths("energy_kwh", energy).
		money("cost", int64(energy)*int64(s.d.between(5, 18))).track("Charging Session Ended", factNone)
	c.charge = int8(to)
}

// bookService makes an appointment with the workshop, in the app.
func (w *World) bookService(s *scene, day int32) {
	p := s.p
	in := s.d.between(1, 9)
	if p.onApp {
		s.appVisit(w.timeOfDay(s.d, day, &onlineHours), "app")
		s.text("service", []string{"maintenance", "tyres", "repair", "software"}[s.d.n(4)]).text("store_id", w.storeID(p)).whole("days_ahead", in).
			track("Service Booked", factNone)
	} else {
		s.callScene(w.timeOfDay(s.d, day, &workHours))
		s.text("reason", "service").whole("seconds", s.d.between(60, 900)).text("agent_id", "ag-"+itoa(s.d.n(30))).track("Call Received", factNone)
	}
	p.later(day+int32(in), taskService)
}

func (w *World) service(s *scene, day int32) {
	p := s.p
	s.storeScene(w.timeOfDay(s.d, day, &serviceHours))
	s.external(touchstone.KindVIN, w.vin(p))
	s.ready()
	s.text("store_id", w.storeID(p)).text("purpose", "service").whole("people", 1).track("Store Visited", factActive)
	s.wait(1800, 10_800)
	s.text("service", []string{"maintenance", "tyres", "repair", "software"}[s.d.n(4)]).money("cost", int64(s.d.between(0, 40))*5_000).
		whole("minutes", s.d.between(20, 240)).whole("odometer_km", int(p.car.km)).track("Service Completed", factNone)
	p.later(day+int32(s.d.between(1, 4)), taskSurvey)
}

// survey is a call that asks how it was; who is unhappy may call first.
func (w *World) survey(s *scene, day int32) {
	s.callScene(w.timeOfDay(s.d, day, &workHours))
	score := s.d.tail(5, 10, 0.75)
	if s.d.chance(0.1) {
		score = s.d.between(0, 5)
		s.text("reason", "complaint").whole("seconds", s.d.between(60, 1500)).text("agent_id", "ag-"+itoa(s.d.n(30))).track("Call Received", factNone)
		s.wait(600, 7200)
	}
	s.refuseCalls(s.whole("score", score).text("survey", "satisfaction").text("agent_id", "ag-"+itoa(s.d.n(30))).track("Survey Answered", factNone), day)
}
