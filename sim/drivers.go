package sim

// Drivers are the planted reasons why people move on: log odds, so that an analysis which
// recovers drivers can be marked. Each of the three steps is decided by a draw against
// logistic(base + Σ coefficient × value).
type Drivers struct {
	// Booking a test drive, per visit of somebody who compares.
	BookBase        float64 `json:"book_base"`
	BookReferred    float64 `json:"book_referred"`     // told by somebody
	BookTierOne     float64 `json:"book_tier_one"`     // lives in a city of tier 1
	BookArticle     float64 `json:"book_article"`      // per article read, up to six
	BookSensitivity float64 `json:"book_sensitivity"`  // to prices, 0 … 1
	BookWeekendPush float64 `json:"book_weekend_push"` // came by the campaign test-drive-weekend

	// Coming to the test drive that was booked.
	ShowBase     float64 `json:"show_base"`
	ShowHours    float64 `json:"show_hours"` // per hour until the consultant called back, up to 30
	ShowReferred float64 `json:"show_referred"`

	// Ordering, per day of the three weeks after a test drive.
	OrderBase        float64 `json:"order_base"`
	OrderReferred    float64 `json:"order_referred"`
	OrderSensitivity float64 `json:"order_sensitivity"`
	OrderHours       float64 `json:"order_hours"`
	OrderTierOne     float64 `json:"order_tier_one"`
}

var planted = Drivers{
	BookBase: -4.0, BookReferred: 0.8, BookTierOne: 0.45, BookArticle: 0.18, BookSensitivity: -0.9, BookWeekendPush: 0.5,
	ShowBase: 1.9, ShowHours: -0.06, ShowReferred: 0.4,
	OrderBase: -3.3, OrderReferred: 0.7, OrderSensitivity: -1.1, OrderHours: -0.02, OrderTierOne: 0.2,
}

// when returns the coefficient of a driver that is present, and nothing otherwise.
func when(yes bool, coefficient float64) float64 {
	if yes {
		return coefficient
	}
	return 0
}

func (w *World) books(p *person) float64 {
	return logistic(planted.BookBase + when(p.referrer >= 0, planted.BookReferred) + when(cities[p.city].tier == 1, planted.BookTierOne) +
		times(planted.BookArticle, float64(min(p.content, 6))) + times(planted.BookSensitivity, p.sensitivity) +
		when(p.campaign == campaignWeekend, planted.BookWeekendPush))
}

func (w *World) shows(p *person) float64 {
	return logistic(planted.ShowBase + times(planted.ShowHours, p.replyHours) + when(p.referrer >= 0, planted.ShowReferred))
}

func (w *World) ordersToday(p *person) float64 {
	return logistic(planted.OrderBase + when(p.referrer >= 0, planted.OrderReferred) + times(planted.OrderSensitivity, p.sensitivity) +
		times(planted.OrderHours, p.replyHours) + when(cities[p.city].tier == 1, planted.OrderTierOne))
}

// campaignWeekend is the index of the campaign test-drive-weekend.
const campaignWeekend = 3
