package store

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestRebind(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"SELECT 1", "SELECT 1"},
		{"SELECT ?", "SELECT $1"},
		{"a = ? AND b IN (?,?)", "a = $1 AND b IN ($2,$3)"},
		{"'?' = ?", "'?' = $1"},
		{"'it''s ?' = ?", "'it''s ?' = $1"},
		{`"odd ? ""name""?" = ?`, `"odd ? ""name""?" = $1`},
		{`'back\' = ?`, `'back\' = $1`},
		{"? -- why?\n?", "$1 -- why?\n$2"},
		{"? /* a ? b */ ?", "$1 /* a ? b */ $2"},
		{"? - - ? / * ?", "$1 - - $2 / * $3"},
		{"'open ?", "'open ?"},
		{"-- open ?", "-- open ?"},
		{"/* open ?", "/* open ?"},
		{"'订单？' ?", "'订单？' $1"},
		{"(?,?,?,?,?,?,?,?,?,?,?)", "($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11)"},
	} {
		if got := Rebind(tt.in); got != tt.want {
			t.Errorf("%s\n got %s\nwant %s", tt.in, got, tt.want)
		}
	}
}

func TestRebindKeepsAllElse(t *testing.T) {
	parts := rapid.SampledFrom([]string{"?", "'", "''", `"`, "--", "\n", "/*", "*/", "x", " ", "\\", "-", "/", "*", "语"})
	rapid.Check(t, func(rt *rapid.T) {
		in := strings.Join(rapid.SliceOf(parts).Draw(rt, "parts"), "")
		got := Rebind(in)
		n := 0
		for {
			n++
			next := strings.Replace(got, fmt.Sprintf("$%d", n), "?", 1)
			if next == got {
				break
			}
			got = next
		}
		if got != in {
			rt.Fatalf("%q became %q", in, Rebind(in))
		}
	})
}

func TestRebinderIsBounded(t *testing.T) {
	r := newRebinder()
	for i := range 3 * maxRebound {
		query := fmt.Sprintf("SELECT %d, ?", i)
		want := fmt.Sprintf("SELECT %d, $1", i)
		if got := r.text(query); got != want {
			t.Fatalf("got %q", got)
		}
		if got := r.text(query); got != want { // remembered
			t.Fatalf("got %q", got)
		}
	}
	if len(r.texts) > maxRebound {
		t.Errorf("%d texts are remembered", len(r.texts))
	}
}

func TestSQLiteDDL(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"id BIGINT PRIMARY KEY", "id INTEGER PRIMARY KEY"},
		{"id bigint  not null\n primary key", "id INTEGER  not null\n primary key"},
		{"a BIGINT NOT NULL, PRIMARY KEY (a)", "a BIGINT NOT NULL, PRIMARY KEY (a)"},
		{"data BYTEA NOT NULL", "data BLOB NOT NULL"},
		{"a_bytea TEXT", "a_bytea TEXT"},
	} {
		if got := string(sqliteDDL([]byte(tt.in))); got != tt.want {
			t.Errorf("%s became %s", tt.in, got)
		}
	}
}

func TestCleanArgs(t *testing.T) {
	type kind string
	same := []any{"ok", 1, nil, []byte{0, 255}, kind("语"), true, 1.5}
	if got := cleanArgs(same); &got[0] != &same[0] {
		t.Error("good arguments were copied")
	}
	args := []any{"a\x00", kind("\xff")}
	got := cleanArgs(args)
	if got[0] != "a\uFFFD" || got[1] != "\uFFFD" || args[0] != "a\x00" {
		t.Errorf("got %q, was %q", got, args)
	}
}
