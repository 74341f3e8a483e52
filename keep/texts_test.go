package keep

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// One pass finds what a search for each text finds.
func TestTextsAreFoundAsIfEachWereSearched(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		letters := rapid.StringMatching(`["\\:ab1é]{0,12}`)
		quoted := rapid.Custom(func(t *rapid.T) string { return `"` + letters.Draw(t, "inside") + `"` })
		list := rapid.SliceOfN(rapid.OneOf(quoted, rapid.StringMatching(`["ab]{1,5}`)), 0, 8).Draw(t, "texts")
		text := rapid.StringMatching(`["\\:ab1é]{0,80}`).Draw(t, "text")
		if len(list) > 0 && rapid.Bool().Draw(t, "planted") {
			at := rapid.IntRange(0, len(text)).Draw(t, "at")
			text = text[:at] + rapid.SampledFrom(list).Draw(t, "which") + text[at:]
		}
		want := slices.ContainsFunc(list, func(one string) bool { return strings.Contains(text, one) })
		if got := NewTexts(list).In(text); got != want {
			t.Fatalf("%q in %q: %v, want %v", list, text, got, want)
		}
	})
}

func BenchmarkTexts(b *testing.B) {
	var list []string
	for i := range 1000 {
		list = append(list, `"load-user-`+strings.Repeat("0", 6)+string(rune('0'+i%10))+string(rune('0'+i/10%10))+string(rune('0'+i/100))+`"`)
	}
	text := strings.Repeat(`{"event":"Product Viewed","properties":{"product_id":"p-48213","sku":"TS-2026-EX","price":289900},"userId":"load-user-000000999x"},`, 6)
	search := NewTexts(list)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if search.In(text) {
			b.Fatal("found")
		}
	}
}
