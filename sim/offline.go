package sim

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
)

// What comes on paper is dirty: a hurried hand writes the forms of dealers and the till's
// receipts. Names are written as they sound, or the wrong way round, numbers have a wrong digit,
// and who gives none gets the shop's. Each slip is a record of its own; who wrote it is planted.

// KindForm and KindReceipt number the slips. Nobody has two with one number.
const (
	KindForm    touchstone.IdentifierKind = "visit_form"
	KindReceipt touchstone.IdentifierKind = "receipt_no"
)

// Slip is a form or a receipt, as it was written.
type Slip struct {
	Number  string
	Person  int // who it is truly about, as in [World.Planted]
	At      time.Time
	Store   string
	Tablet  string // that a form was written on; most are of paper
	Member  string // the account's id, if a card was shown
	Name    string
	Phone   string
	Address string
	City    string
	Model   string // that a visitor asked about
	Cents   int64  // of a receipt
	ItsName bool   // the name is written as its owner writes it
	ItsLine bool   // and so is the phone number
}

const (
	diceForm uint64 = iota + 60
	diceReceipt
)

const spaceFair uint64 = 120 // of made identifiers

const (
	shareForms    = 0.06 // of people who fill in a dealer's form
	shareReceipts = 0.05 // of people of whom there is a receipt
	mostSlips     = 4000 // of a kind
)

// fair is the stand at the motor show: one tablet, and everybody signs on it.
const fair = "fair-1"

// shopLine is the number that a till types for those who give none.
const shopLine = "+8619959990001"

// FairTablet is the device that many a visitor's form was written on, and ShopLine the phone
// that many a receipt has: neither says who somebody is.
func (w *World) FairTablet() touchstone.Identifier {
	return touchstone.Identifier{Kind: touchstone.KindDeviceID, Value: w.fairTablet()}
}

// ShopLine is the shop's phone.
func (w *World) ShopLine() touchstone.Identifier {
	return touchstone.Identifier{Kind: touchstone.KindPhone, Value: shopLine}
}

func (w *World) fairTablet() string { return w.uuid(spaceFair, 0, 0) }

// Forms returns the dealers' forms, Receipts those of tills. They are functions of the world.
func (w *World) Forms() []Slip { return w.slips(diceForm, shareForms, w.form) }

// Receipts returns the receipts.
func (w *World) Receipts() []Slip { return w.slips(diceReceipt, shareReceipts, w.receipt) }

func (w *World) slips(purpose uint64, share float64, write func(d *dice, p *person, s *Slip)) (list []Slip) {
	for i := range w.people {
		p := &w.people[i]
		var d dice
		d.seed(w.cfg.Seed, purpose, uint64(i), 0)
		if w.minor(p) || !d.chance(share) || len(list) == mostSlips {
			continue
		}
		for range d.tail(1, 2, 0.15) {
			s := Slip{Person: i, City: cities[p.city].name, At: time.UnixMilli(w.timeOfDay(&d, int32(d.n(w.cfg.Days)), &weekendHours)).UTC()}
			if s.At.UnixMilli() >= w.end {
				continue
			}
			s.Number = strconv.FormatUint(purpose, 10) + strconv.Itoa(100_000+len(list))
			write(&d, p, &s)
			list = append(list, s)
		}
	}
	return list
}

func (w *World) form(d *dice, p *person, s *Slip) {
	s.Number, s.Store, s.Model = "F"+s.Number, w.storeID(p), models[p.model].name
	if d.chance(0.3) { // the stores' forms are of paper
		s.Store, s.Tablet = fair, w.fairTablet()
	}
	w.scribble(d, p, s, []int{42, 18, 8, 32, 0})
}

func (w *World) receipt(d *dice, p *person, s *Slip) {
	s.Number, s.Store, s.Cents = "R"+s.Number, w.storeID(p), int64(d.between(39, 2600))*100
	if p.known && d.chance(0.35) {
		s.Member = w.userID(p)
	}
	w.scribble(d, p, s, []int{38, 14, 6, 12, 30})
}

// scribble writes down who somebody is. lines weighs how the phone number is written: right, with
// a wrong digit, with two swapped, not at all, or the shop's. Some give the one of the household's head.
func (w *World) scribble(d *dice, p *person, s *Slip, lines []int) {
	s.Name, s.ItsName = w.misheard(d, p)
	own := w.phoneNumber(p)
	switch d.pick(lines) {
	case 0:
		s.Phone, s.ItsLine = own, true
		if p.household >= 0 && p.id != w.households[p.household].first && d.chance(0.15) {
			s.Phone, s.ItsLine = w.phoneNumber(&w.people[w.households[p.household].first]), false
		}
	case 1:
		b := []byte(own)
		at := d.between(7, len(b)-1)
		b[at] = '0' + (b[at]-'0'+byte(d.between(1, 9)))%10
		s.Phone = string(b)
	case 2:
		b := []byte(own)
		at := d.between(7, len(b)-2)
		b[at], b[at+1] = b[at+1], b[at]
		s.Phone, s.ItsLine = string(b), b[at] == b[at+1]
	case 4:
		s.Phone = shopLine
	}
	if d.chance(0.75) {
		s.Address = w.address(p)
		if d.chance(0.12) {
			s.Address = slipOfDigit(d, s.Address)
		}
	}
}

// slipOfDigit gets one digit of a text wrong.
func slipOfDigit(d *dice, text string) string {
	var at []int
	for i := range len(text) {
		if text[i] >= '0' && text[i] <= '9' {
			at = append(at, i)
		}
	}
	if len(at) == 0 {
		return text
	}
	i := at[d.n(len(at))]
	return text[:i] + string('0'+(text[i]-'0'+byte(d.between(1, 9)))%10) + text[i+1:]
}

// alike are given names that sound as another one does.
var alike = map[string][]string{
	"伟": {"玮", "炜"}, "芳": {"方"}, "娜": {"那"}, "敏": {"闽"}, "静": {"靖", "婧"}, "磊": {"雷"}, "洋": {"扬", "阳"}, "勇": {"永"},
	"艳": {"燕", "彦"}, "杰": {"洁"}, "涛": {"韬"}, "明": {"铭"}, "超": {"朝"}, "霞": {"侠"}, "平": {"萍"}, "刚": {"钢"},
	"子涵": {"梓涵", "子晗"}, "雨桐": {"语桐", "雨彤"}, "浩然": {"皓然"}, "思远": {"思源"}, "欣怡": {"心怡", "馨怡"}, "梓萱": {"子萱"},
	"俊杰": {"峻杰"}, "晓东": {"小东"}, "佳怡": {"嘉怡"}, "宇航": {"雨航"}, "诗涵": {"诗晗"}, "天宇": {"天羽"}, "文博": {"文渤"},
	"一诺": {"依诺"}, "嘉欣": {"佳欣"}, "志强": {"智强"},
}

// misheard is a name as somebody else writes it, and whether that is right.
func (w *World) misheard(d *dice, p *person) (text string, right bool) {
	name, latin := w.names(p)
	how := d.pick([]int{46, 20, 10, 10, 6, 8})
	if p.english {
		first, last, _ := strings.Cut(name, " ")
		switch how {
		case 1: // a letter twice
			at := d.between(1, len(last)-1)
			return first + " " + last[:at] + last[at-1:], false
		case 2:
			return last + " " + first, false
		case 3:
			return strings.ToUpper(last) + ", " + first, false
		case 5:
			return "Mr/Ms " + last, false
		}
		return name, true
	}
	family, given, _ := strings.Cut(latin, ".")
	letters := []rune(name)
	switch how {
	case 1:
		if others := alike[string(letters[1:])]; len(others) > 0 {
			return string(letters[:1]) + others[d.n(len(others))], false
		}
	case 2:
		return string(letters[1:]) + " " + string(letters[:1]), false
	case 3:
		return capital(given) + " " + capital(family), false
	case 4:
		return string(letters[:1]) + " " + string(letters[1:]), false
	case 5:
		title := "先生"
		if p.female {
			title = "女士"
		}
		return string(letters[:1]) + title, false
	}
	return name, true
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// OfflineFile is a file of slips with the mappings by which it is imported: one for who
// somebody is, one for what they did.
type OfflineFile struct {
	Name     string
	Sources  []string // of each mapping
	Mappings []string
	Write    func(w io.Writer) error
}

// OfflineFiles returns the files of a world.
func (w *World) OfflineFiles() []OfflineFile {
	return []OfflineFile{
		{Name: "dealer-visits.csv", Sources: []string{"dealer_forms", "dealer_visits"}, Mappings: []string{formPersons, formVisits},
			Write: func(out io.Writer) error {
				return writeSlips(out, []string{"表单号", "时间", "门店", "平板", "姓名", "手机", "地址", "城市", "意向车型"}, w.Forms(), func(s *Slip) []string {
					return []string{s.Number, local(s.At), s.Store, s.Tablet, s.Name, s.Phone, s.Address, s.City, s.Model}
				})
			}},
		{Name: "receipts.csv", Sources: []string{"till_customers", "till_receipts"}, Mappings: []string{receiptPersons, receiptSales},
			Write: func(out io.Writer) error {
				return writeSlips(out, []string{"receipt", "time", "store", "member", "name", "phone", "address", "city", "amount"}, w.Receipts(), func(s *Slip) []string {
					return []string{s.Number, local(s.At), s.Store, s.Member, s.Name, s.Phone, s.Address, s.City, string(appendMoney(nil, s.Cents))}
				})
			}},
	}
}

func writeSlips(out io.Writer, header []string, list []Slip, row func(s *Slip) []string) error {
	c := csv.NewWriter(out)
	if err := c.Write(header); err != nil {
		return err
	}
	for i := range list {
		if err := c.Write(row(&list[i])); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}

func local(at time.Time) string {
	return at.Add(shanghaiOffset * time.Millisecond).Format("2006-01-02 15:04:05")
}

const (
	formPersons = `format: csv
type: identify
time: {column: 时间, layout: "2006-01-02 15:04:05", zone: Asia/Shanghai}
identifiers: {phone: 手机, visit_form: 表单号, device_id: 平板}
traits: {name: 姓名, address: 地址, city: 城市}
`
	formVisits = `format: csv
event: Dealer Visited
time: {column: 时间, layout: "2006-01-02 15:04:05", zone: Asia/Shanghai}
identifiers: {phone: 手机, visit_form: 表单号, device_id: 平板}
properties: {store_id: 门店, model: 意向车型}
`
	receiptPersons = `format: csv
type: identify
time: {column: time, layout: "2006-01-02 15:04:05", zone: Asia/Shanghai}
identifiers: {user_id: member, phone: phone, receipt_no: receipt}
traits: {name: name, address: address, city: city}
`
	receiptSales = `format: csv
event: Receipt
time: {column: time, layout: "2006-01-02 15:04:05", zone: Asia/Shanghai}
identifiers: {user_id: member, phone: phone, receipt_no: receipt}
properties:
  store_id: store
  amount: {column: amount, type: number}
  currency: {constant: CNY}
`
)

// Accounts returns the user id of each of the people who have told who they are.
func (w *World) Accounts() map[int]string {
	out := map[int]string{}
	for i := range w.people {
		p := &w.people[i]
		if _, told := w.truth.nodes[touchstone.Identifier{Kind: touchstone.KindUserID, Value: w.userID(p)}]; told {
			out[i] = w.userID(p)
		}
	}
	return out
}
