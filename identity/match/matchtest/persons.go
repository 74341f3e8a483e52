// Package matchtest makes dirty records with planted truth: the same persons written down several times, by people who
// mistype, shorten, swap and leave out, as matching has to find them.
package matchtest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
)

// Columns of [Persons] and [Chinese].
var (
	PersonColumns  = []string{"first_name", "last_name", "birth_date", "phone", "email", "address", "city", "postcode"}
	ChineseColumns = []string{"姓名", "手机", "生日", "地址", "邮箱", "车牌"}
)

// Row is a record and who it is of.
type Row struct {
	ID     string
	Entity int
	Values []string
}

// Options say how dirty records are.
type Options struct {
	Seed      uint64
	Entities  int
	Copies    float64 // further records of a person, on average
	Errors    float64 // chance that a value of a further record is written differently
	Missing   float64 // chance that a value is left out, of any record
	Relatives float64 // share of persons who share family name and address with the one before
}

// Persons makes records of people with Latin names.
func Persons(o Options) []Row { return generate(o, latinPerson, latinError) }

// Chinese makes records of people with Chinese names, some of them written in pinyin.
func Chinese(o Options) []Row { return generate(o, chinesePerson, chineseError) }

type maker func(r *rand.Rand, before []string) []string

func generate(o Options, person maker, mistake func(r *rand.Rand, column int, v string, row []string) string) []Row {
	r := rand.New(rand.NewPCG(o.Seed, 7)) //nolint:gosec // not a secret
	var rows []Row
	var before []string
	taken := make(map[string]bool)
	for e := range o.Entities {
		var relative []string
		if before != nil && r.Float64() < o.Relatives {
			relative = before
		}
		original := person(r, relative)
		ownMail(original, taken)
		before = original
		rows = append(rows, Row{fmt.Sprintf("r%d", len(rows)), e, without(r, original, o.Missing)})
		for n := o.Copies; n > 0 && r.Float64() < n; n-- {
			copied := append([]string(nil), original...)
			for c := range copied {
				if r.Float64() < o.Errors {
					copied[c] = mistake(r, c, copied[c], copied)
				}
			}
			rows = append(rows, Row{fmt.Sprintf("r%d", len(rows)), e, without(r, copied, o.Missing)})
		}
	}
	r.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	return rows
}

// ownMail puts a number into a mail address that somebody has already, as mail hosts do.
func ownMail(values []string, taken map[string]bool) {
	for c, v := range values {
		local, host, ok := strings.Cut(v, "@")
		if !ok {
			continue
		}
		for n := 2; taken[values[c]]; n++ {
			values[c] = fmt.Sprint(local, n, "@", host)
		}
		taken[values[c]] = true
	}
}

func without(r *rand.Rand, values []string, missing float64) []string {
	out := append([]string(nil), values...)
	for i := range out {
		if r.Float64() < missing {
			out[i] = ""
		}
	}
	return out
}

var (
	latinGiven = strings.Fields(`james mary robert patricia john jennifer michael linda david elizabeth william barbara richard susan
		joseph jessica thomas sarah charles karen christopher lisa daniel nancy matthew betty anthony sandra mark margaret donald ashley
		steven kimberly andrew emily paul donna joshua michelle kenneth carol kevin amanda brian melissa george deborah timothy stephanie
		ronald rebecca jason laura edward helen jeffrey sharon ryan cynthia jacob kathleen gary amy nicholas angela eric shirley jonathan
		anna stephen brenda larry pamela justin emma scott nicole brandon samantha benjamin katherine samuel christine gregory debra
		alexander rachel patrick carolyn frank janet raymond maria jack olivia dennis heather jerry diane tyler julie aaron joyce jose
		victoria adam ruth nathan virginia henry lauren zachary kelly douglas christina peter joan kyle evelyn noah judith ethan andrea`)
	latinStart  = strings.Fields("al an bar ben bra car cha cor dal den dur el fal fen gar gil gra hal har hen hol jen kar kel lan lin mal mar mer mil mor nor old pal par pen ran red rich rob ros sal san sher sil stan ster tal ter tho tur val van wal war wat wel whit wil win wood york")
	latinMiddle = strings.Fields("a ber der di e en er i in la le ling lo ma mi ne ning o ra ri ro ter to u")
	latinEnd    = strings.Fields("berg bury by dale den field ford gate ham holm hurst ing kins land ley low man mer mont more ner ney ris ry sen shaw smith son stead stein stone ston thorpe ton well wick wood worth")
	streetKinds = strings.Fields("street road avenue lane drive court place crescent close way")
	mailHosts   = strings.Fields("gmail.com yahoo.com outlook.com hotmail.com icloud.com mail.com")
	nicks       = map[string]string{
		"james": "jim", "robert": "bob", "patricia": "pat", "michael": "mike", "elizabeth": "liz", "william": "bill", "richard": "rick", "susan": "sue",
		"joseph": "joe", "thomas": "tom", "charles": "charlie", "christopher": "chris", "daniel": "dan", "matthew": "matt", "anthony": "tony",
		"margaret": "maggie", "steven": "steve", "andrew": "andy", "kimberly": "kim", "joshua": "josh", "kenneth": "ken", "edward": "ed", "timothy": "tim",
		"nicholas": "nick", "jonathan": "jon", "benjamin": "ben", "samuel": "sam", "alexander": "alex", "katherine": "kate", "deborah": "debbie",
	}
)

// often picks a number below n, small ones more often than large ones (Zipf).
func often(r *rand.Rand, n int) int {
	return min(int(math.Exp(r.Float64()*math.Log(float64(n)+1)))-1, n-1)
}

// sometimes mixes frequent ones with all.
func sometimes(r *rand.Rand, n int) int {
	if r.IntN(2) == 0 {
		return often(r, n)
	}
	return r.IntN(n)
}

func word(n int) string {
	w := latinStart[n%len(latinStart)]
	n /= len(latinStart)
	end := latinEnd[n%len(latinEnd)]
	if n /= len(latinEnd); n > 0 {
		w += latinMiddle[(n-1)%len(latinMiddle)]
	}
	return w + end
}

func latinPerson(r *rand.Rand, relative []string) []string {
	given := latinGiven[sometimes(r, len(latinGiven))]
	family := word(sometimes(r, 40_000))
	birth := fmt.Sprintf("%04d-%02d-%02d", 1935+r.IntN(70), 1+r.IntN(12), 1+r.IntN(28))
	phone := fmt.Sprintf("0%d %04d %04d", 2+r.IntN(7), r.IntN(10_000), r.IntN(10_000))
	city := r.IntN(800)
	address := fmt.Sprintf("%d %s %s", 1+often(r, 400), word(r.IntN(30_000)), streetKinds[r.IntN(len(streetKinds))])
	place, code := word(city*7+3), fmt.Sprintf("%04d", 1000+city*11)
	if relative != nil {
		family, address, place, code = relative[1], relative[5], relative[6], relative[7]
		if r.IntN(2) == 0 {
			phone = relative[3]
		}
	}
	email := given + "." + family
	if r.IntN(2) == 0 {
		email = given[:1] + family + birth[2:4]
	}
	return []string{given, family, birth, phone, email + "@" + mailHosts[often(r, len(mailHosts))], address, place, code}
}

// typo changes, drops, doubles or swaps a letter.
func typo(r *rand.Rand, s string) string {
	l := []rune(s)
	if len(l) < 2 {
		return s
	}
	i := r.IntN(len(l) - 1)
	switch r.IntN(4) {
	case 0:
		l[i], l[i+1] = l[i+1], l[i]
	case 1:
		l = append(l[:i], l[i+1:]...)
	case 2:
		l = append(l[:i+1], l[i:]...)
	default:
		if l[i] >= '0' && l[i] <= '9' {
			l[i] = rune('0' + r.IntN(10))
		} else {
			l[i] = rune('a' + r.IntN(26))
		}
	}
	return string(l)
}

func latinError(r *rand.Rand, column int, v string, row []string) string {
	kind := r.IntN(10)
	switch {
	case column == 0 && kind < 3 && nicks[v] != "":
		return nicks[v]
	case column == 0 && kind == 3:
		return v[:1]
	case column == 0 && kind == 4:
		row[1], v = v, row[1]
		return v
	case column == 1 && kind == 0: // married
		return word(r.IntN(40_000))
	case column == 2 && kind < 4:
		return v[:4] + "-" + v[8:] + "-" + v[5:7]
	case column == 3 && kind < 4: // a new number
		return fmt.Sprintf("0%d %04d %04d", 2+r.IntN(7), r.IntN(10_000), r.IntN(10_000))
	case column == 3 && kind < 7:
		return "+61" + strings.ReplaceAll(v[1:], " ", "")
	case column == 4 && kind < 5: // another address
		at := strings.IndexByte(v, '@')
		return v[:at+1] + mailHosts[r.IntN(len(mailHosts))]
	case column == 5 && kind < 3: // moved
		row[6], row[7] = word(r.IntN(800)*7+3), fmt.Sprint(1000+r.IntN(8000))
		return fmt.Sprintf("%d %s %s", 1+often(r, 400), word(r.IntN(30_000)), streetKinds[r.IntN(len(streetKinds))])
	case column == 5 && kind < 7:
		return strings.NewReplacer("street", "st", "road", "rd", "avenue", "ave", "drive", "dr", "lane", "ln").Replace(v)
	}
	return typo(r, v)
}
