package household

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
)

// Record is a row of a file: what is known of a person on a day.
type Record struct {
	Person string // who it is; equal texts are one person
	Day    Day
	Truth  string // the household, if the file knows it; "" is in none
	Fields map[string]string
}

// columnsOf are names of columns, as files have them, by the part of a person's address.
var columnsOf = map[string][]string{
	"street":        {"address", "street", "address_1", "line1", "地址"},
	"street_number": {"street_number", "house_number"},
	"street_name":   {"street_name"},
	"unit":          {"unit_number", "unit", "apartment", "address_2"},
	"city":          {"city", "suburb", "town", "城市"},
}

var nameColumns = []string{"last_name", "surname", "lastname", "姓", "name", "full_name", "姓名"}

// event makes the identify call that a record amounts to.
func (r *Record) event() touchstone.Event {
	first := func(names []string) string {
		for _, n := range names {
			if v := strings.TrimSpace(r.Fields[n]); v != "" {
				return v
			}
		}
		return ""
	}
	address := map[string]string{}
	for part, names := range columnsOf {
		if v := first(names); v != "" {
			address[part] = v
		}
	}
	traits := map[string]any{"address": address, "lastName": first(nameColumns), "birthday": r.Fields["date_of_birth"]}
	for _, n := range []string{"household_declared", "payment_token"} {
		if v := r.Fields[n]; v != "" {
			traits[strings.Replace(n, "household_declared", "family_id", 1)] = v
		}
	}
	text, err := json.Marshal(traits)
	if err != nil {
		text = []byte("{}") // maps of texts always have a form
	}
	at := timeOfDay(r.Day)
	return touchstone.Event{Type: touchstone.Identify, Name: "$identify", Time: at, ReceivedAt: at,
		Identifiers: []touchstone.Identifier{{Kind: touchstone.KindUserID, Value: r.Person}}, Traits: touchstone.JSON(text)}
}

// Found is what [Rules.Find] makes of a file.
type Found struct {
	Records    []Record
	Households []Household
	person     []touchstone.PersonID // by record
	in         map[touchstone.PersonID][]membership
}

// membership is a membership: in which household of the list, and when.
type membership struct {
	household int
	spans     spans
}

// Find derives the households of a file's persons.
func (r *Rules) Find(records []Record) *Found {
	f := &Found{Records: records, in: map[touchstone.PersonID][]membership{}}
	var all []Clue
	all, f.person = r.read(records)
	f.Households = r.Derive(all, nil, nil)
	for i, h := range f.Households {
		for _, m := range h.Members {
			f.in[m.Person] = append(f.in[m.Person], membership{i, m.Spans})
		}
	}
	return f
}

// LearnFrom estimates what clues are worth from a file's records.
func (r *Rules) LearnFrom(records []Record) Learnt {
	all, _ := r.read(records)
	return r.Learn(all, nil, nil)
}

// read returns the clues of records, and the person of each record.
func (r *Rules) read(records []Record) (all []Clue, persons []touchstone.PersonID) {
	numbers := map[string]touchstone.PersonID{}
	for i := range records {
		rec := &records[i]
		p, ok := numbers[rec.Person]
		if !ok {
			p = touchstone.PersonID(len(numbers) + 1)
			numbers[rec.Person] = p
		}
		persons = append(persons, p)
		e := rec.event()
		for _, c := range r.Clues(&e, touchstone.Seq(i+1), time.UTC) {
			c.Person = p
			all = append(all, c)
		}
	}
	return Join(all), persons
}

// Of returns the households of a record's person on the record's day.
func (f *Found) Of(record int) (ids []ID) {
	for _, at := range f.in[f.person[record]] {
		if at.spans.at(f.Records[record].Day) {
			ids = append(ids, f.Households[at.household].ID)
		}
	}
	return ids
}

// Score counts pairs of records of one year that are in one household.
type Score struct {
	Pairs     int     `json:"true_pairs"`
	Found     int     `json:"found_pairs"`
	Both      int     `json:"true_and_found"`
	Precision float64 `json:"precision"`
	Recall    float64 `json:"recall"`
	F1        float64 `json:"f1"`
}

// Score compares what was found with the truth. Pairs are of records of one year.
func (f *Found) Score() (s Score) {
	type at struct {
		year int
		name string
	}
	truth, found := map[at][]int{}, map[at][]int{}
	for i := range f.Records {
		year := timeOfDay(f.Records[i].Day).Year()
		if t := f.Records[i].Truth; t != "" {
			truth[at{year, t}] = append(truth[at{year, t}], i)
		}
		for _, id := range f.Of(i) {
			found[at{year, id.String()}] = append(found[at{year, id.String()}], i)
		}
	}
	real, got := pairsOf(truth), pairsOf(found)
	s.Pairs, s.Found = len(real), len(got)
	for p := range got {
		if real[p] {
			s.Both++
		}
	}
	if s.Both > 0 {
		s.Precision, s.Recall = float64(s.Both)/float64(s.Found), float64(s.Both)/float64(s.Pairs)
		s.F1 = 2 * s.Precision * s.Recall / (s.Precision + s.Recall)
	}
	return s
}

func pairsOf[K comparable](sets map[K][]int) map[[2]int]bool {
	pairs := map[[2]int]bool{}
	for _, list := range sets {
		for i, a := range list {
			for _, b := range list[i+1:] {
				pairs[[2]int{min(a, b), max(a, b)}] = true
			}
		}
	}
	return pairs
}

// Spoil returns the records with mistakes such as people and scanners make: with the given
// chance each a field of name and address is left out, has a letter wrong, missing, twice or
// swapped with its neighbour, or one that is read for one alike.
func Spoil(records []Record, chance float64, seed uint64) []Record {
	rng := rand.New(rand.NewPCG(seed, 9)) //nolint:gosec // repeatable mistakes
	out := slices.Clone(records)
	var columns []string
	for _, names := range columnsOf {
		columns = append(columns, names...)
	}
	columns = append(columns, nameColumns...)
	slices.Sort(columns)
	for i := range out {
		fields := make(map[string]string, len(out[i].Fields))
		for k, v := range out[i].Fields {
			fields[k] = v
		}
		for _, c := range columns {
			if v := fields[c]; v != "" && rng.Float64() < chance {
				fields[c] = spoil(rng, v)
			}
		}
		out[i].Fields = fields
	}
	return out
}

var readFor = map[rune]rune{'0': 'o', 'o': '0', '1': 'l', 'l': '1', '5': 's', 's': '5', 'b': '8', '8': 'b', 'm': 'n', 'n': 'm', '6': 'b', '9': 'g', 'g': '9', '3': '8', '7': '1'}

func spoil(rng *rand.Rand, v string) string {
	r := []rune(v)
	i := rng.IntN(len(r))
	switch rng.IntN(6) {
	case 0:
		return ""
	case 1:
		return string(slices.Delete(r, i, i+1))
	case 2:
		return string(slices.Insert(r, i, r[i]))
	case 3:
		if i+1 < len(r) {
			r[i], r[i+1] = r[i+1], r[i]
		}
	case 4:
		if other, ok := readFor[r[i]]; ok {
			r[i] = other
		}
	default:
		if r[i] >= '0' && r[i] <= '9' {
			r[i] = rune('0' + rng.IntN(10))
		} else {
			r[i] = rune('a' + rng.IntN(26))
		}
	}
	return string(r)
}

// ParseDay reads the day of a record: a year, a date, or a date with a time.
func ParseDay(s string) (Day, error) {
	s = strings.TrimSpace(s)
	if year, err := strconv.Atoi(s); err == nil && year > 1800 && year < 3000 {
		return DayOf(time.Date(year, 4, 1, 0, 0, 0, 0, time.UTC)), nil
	}
	if day, ok := readBirth(s); ok {
		return day, nil
	}
	return 0, fmt.Errorf("%q is neither a year nor a date", s)
}
