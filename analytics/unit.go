package analytics

import (
	"strings"
	"unicode"
)

// units are those that the last word of a property's name tells. Words of one letter count behind a _ only.
var units = map[string]string{
	"ms": "ms", "millis": "ms", "milliseconds": "ms", "s": "s", "sec": "s", "secs": "s", "seconds": "s", "min": "min", "mins": "min", "minutes": "min", "h": "h", "hours": "h", "days": "d",
	"bytes": "B", "kb": "kB", "mb": "MB", "gb": "GB", "mm": "mm", "cm": "cm", "m": "m", "meters": "m", "metres": "m", "km": "km", "kmh": "km/h", "kph": "km/h", "kg": "kg",
	"kw": "kW", "kwh": "kWh", "wh": "Wh", "volts": "V", "amps": "A", "celsius": "°C", "pct": "%", "percent": "%", "cny": "CNY", "rmb": "CNY", "yuan": "CNY", "usd": "USD", "eur": "EUR",
}

// money are last words of names whose values are in the event's currency.
var money = map[string]bool{"price": true, "amount": true, "total": true, "subtotal": true, "revenue": true, "cost": true, "fee": true, "discount": true, "tax": true, "shipping": true, "paid": true}

// unitOf returns what the numbers of a property are in, as its name tells: "duration_ms", "batteryKwh", or a price beside a
// currency; empty: the name tells nothing.
func unitOf(name, currency string) string {
	words := wordsOf(name)
	last := words[len(words)-1]
	if money[last] {
		return currency
	}
	if len(words) == 1 || len(last) == 1 && !strings.HasSuffix(strings.ToLower(name), "_"+last) {
		return "" // "min" and "days" alone are what is counted, not in what
	}
	return units[last]
}

// wordsOf parts a name at _, -, ., spaces and where a capital begins a word; in small letters. There is at least one.
func wordsOf(name string) []string {
	var b strings.Builder
	before := ' '
	for _, r := range name {
		if unicode.IsUpper(r) && unicode.IsLower(before) {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
		before = r
	}
	words := strings.FieldsFunc(strings.ToLower(b.String()), func(r rune) bool { return strings.ContainsRune("_-. /", r) })
	if len(words) == 0 {
		return []string{""}
	}
	return words
}

// currencyOf is the code that a property "currency" had in most of a sample.
func currencyOf(values map[string]int64) (code string) {
	var all, most int64
	for value, n := range values {
		if all += n; n > most && len(value) == 3 {
			code, most = strings.ToUpper(value), n
		}
	}
	if 2*most <= all {
		return ""
	}
	return code
}
