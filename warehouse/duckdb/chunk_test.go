package duckdb

import (
	"encoding/json"
	"testing"

	"pgregory.net/rapid"
)

func TestSound(t *testing.T) {
	for in, want := range map[string]string{
		`{"a":"x"}`:                  `{"a":"x"}`,
		`{"a":"\u00e9\n"}`:           `{"a":"\u00e9\n"}`,
		`{"a":"\ud83d\ude00"}`:       `{"a":"\ud83d\ude00"}`,
		`{"a":"\ud83d"}`:             `{"a":"\ufffd"}`,
		`{"a":"\ud83dx\ude00"}`:      `{"a":"\ufffdx\ufffd"}`,
		`{"a":"\ude00\ud83d"}`:       `{"a":"\ufffd\ufffd"}`,
		`{"a":"\ud83d\ud83d\ude00"}`: `{"a":"\ufffd\ud83d\ude00"}`,
		`{"a":"\\ud83d"}`:            `{"a":"\\ud83d"}`,
		`{"a":"\\\ud83d"}`:           `{"a":"\\\ufffd"}`,
		`{"a":"\ud83d\\ude00"}`:      `{"a":"\ufffd\\ude00"}`,
		`{"a":"\uD83D\uDE00\uDE00"}`: `{"a":"\uD83D\uDE00\ufffd"}`,
		`\`:                          `\`,
		`\u`:                         `\u`,
		`\ud83`:                      `\ud83`,
		`\ud83d`:                     `\ufffd`,
		`\ud83d\`:                    `\ufffd\`,
	} {
		if got := sound(in); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

// TestSoundKeepsMeaning: Go's decoder reads halves of pairs as U+FFFD, too.
func TestSoundKeepsMeaning(t *testing.T) {
	parts := []string{`\ud83d`, `\ude00`, `\\`, `\n`, `\u0041`, `x`, `上`, `ud83d`, `\"`}
	rapid.Check(t, func(t *rapid.T) {
		in := `"`
		for _, p := range rapid.SliceOf(rapid.SampledFrom(parts)).Draw(t, "parts") {
			in += p
		}
		in += `"`
		var before, after string
		if err := json.Unmarshal([]byte(in), &before); err != nil {
			t.Fatalf("%s: %v", in, err)
		}
		if err := json.Unmarshal([]byte(sound(in)), &after); err != nil || before != after {
			t.Fatalf("%s: read as %q, then as %q (%v)", in, before, after, err)
		}
	})
}
