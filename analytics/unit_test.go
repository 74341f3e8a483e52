package analytics

import "testing"

func TestUnitOf(t *testing.T) {
	for name, want := range map[string]string{
		"duration_ms": "ms", "loadTimeMs": "ms", "battery_kwh": "kWh", "batteryKWh": "kWh", "price": "CNY", "unit_price": "CNY", "orderTotal": "CNY", "speed_kmh": "km/h", "wait_s": "s", "video.length-seconds": "s",
		"days": "", "min": "", "items": "", "news": "", "planS": "", "": "", "_": "", "soc_percent": "%", "totals": "",
	} {
		if got := unitOf(name, "CNY"); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
	for want, values := range map[string]map[string]int64{"CNY": {"cny": 9, "USD": 2}, "": {"CNY": 1, "USD": 1}} {
		if got := currencyOf(values); got != want {
			t.Errorf("%v: %q", values, got)
		}
	}
	if currencyOf(nil) != "" || currencyOf(map[string]int64{"dollars": 5}) != "" {
		t.Error("a currency that is none")
	}
}
