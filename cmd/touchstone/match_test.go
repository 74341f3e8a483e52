package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/touchstone-cdp/touchstone"
)

// customersFile is sixty customers, twelve of whom stand in it twice, the second time as d0 to d11 with another letter at the end of the first
// name.
func customersFile(t *testing.T) string {
	t.Helper()
	r := rand.New(rand.NewPCG(3, 3)) //nolint:gosec // not a secret
	given := strings.Fields("Anna Carl Emil Greta Ida Karl Maria Otto Rosa Tina Paula Jonas Lena Felix")
	family := strings.Fields("Berger Dietz Falk Hahn Jung Lang Nolte Paul Stein Ulm Vogt Weiss Zorn Adler Brandt")
	var text, again strings.Builder
	text.WriteString("id,first_name,last_name,birth_date,phone\n")
	for i := range 60 {
		g, f := given[r.IntN(len(given))], family[r.IntN(len(family))]
		rest := fmt.Sprintf("%s,19%d-%02d-%02d,0%d%08d\n", f, 50+r.IntN(50), 1+r.IntN(12), 1+r.IntN(28), 2+r.IntN(8), r.IntN(100_000_000))
		fmt.Fprintf(&text, "k%d,%s,%s", i, g, rest)
		if i < 12 {
			fmt.Fprintf(&again, "d%d,%se,%s", i, g[:len(g)-1], rest)
		}
	}
	return written(t, "customers.csv", text.String()+again.String())
}

func written(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// run runs the program as its main does and returns what it printed, or its last words as somebody would see them.
func run(args ...string) (string, error) {
	var out bytes.Buffer
	root := newRoot()
	root.SetOut(&out)
	root.SetErr(&out)
	root.SetArgs(args)
	err := root.Execute()
	return out.String(), err
}

func TestMatchFindsWhoStandsInAFileTwice(t *testing.T) {
	file := customersFile(t)
	folder := t.TempDir()
	at := func(name string) string { return filepath.Join(folder, name) }
	out, err := run("match", file, "--pairs", at("pairs.csv"), "--clusters", at("clusters.csv"), "--keep", at("model.json"), "--explain", "1")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"first_name               given_name", "phone                    phone", "12 links", "any two records"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in:\n%s", want, out)
		}
	}
	rows, err := readRows(at("pairs.csv"), ",")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		if a, b := strings.TrimLeft(r[0], "kd"), strings.TrimLeft(r[1], "kd"); a != b || r[4] != "link" {
			t.Errorf("%v is no pair of one customer", r)
		}
	}
	if len(rows) != 12 {
		t.Errorf("there are %d pairs", len(rows))
	}
	clusters, err := readRows(at("clusters.csv"), ",")
	if err != nil || len(clusters) != 24 {
		t.Errorf("there are %d rows of clusters (%v)", len(clusters), err)
	}
	again, err := run("match", file, "--model", at("model.json"))
	if err != nil || !strings.Contains(again, "12 links") {
		t.Errorf("with the model that was kept: %v\n%s", err, again)
	}
}

func TestMatchLinksTwoFilesWhoseColumnsHaveAnotherOrder(t *testing.T) {
	shop := written(t, "shop.csv", "id;name;phone\n1;王小明;13800138000\n2;李静;13900139000\n3;张伟国;13700137000\n4;陈思远;13600136000\n")
	dealer := written(t, "dealer.json", `[{"phone":"+86 138 0013 8000","name":"王晓明","id":"a"},{"phone":"13500135000","name":"赵敏","id":"b"}]`)
	pairs := filepath.Join(t.TempDir(), "pairs.csv")
	if out, err := run("match", shop, dealer, "--id", "id", "--pairs", pairs); err != nil {
		t.Fatal(err, out)
	}
	rows, err := readRows(pairs, ",")
	if err != nil || len(rows) != 1 || rows[0][0] != "1" || rows[0][1] != "a" {
		t.Errorf("pairs are %v (%v)", rows, err)
	}
}

// Whoever calls it by hand is told what was wrong, where, and what to do.
func TestMatchSaysWhatIsWrong(t *testing.T) {
	file := customersFile(t)
	for _, test := range []struct {
		name string
		args []string
		want []string
	}{
		{"no such file", []string{filepath.Join(t.TempDir(), "none.csv")}, []string{"cannot read", "none.csv"}},
		{"empty", []string{written(t, "empty.csv", "")}, []string{"empty"}},
		{"head only", []string{written(t, "head.csv", "id,first_name\n")}, []string{"no rows", "head.csv"}},
		{"one row", []string{written(t, "one.csv", "id,first_name\n1,Anna\n")}, []string{"no two records"}},
		{"no such column as id", []string{file, "--id", "number"}, []string{"number", "no such column", "first_name"}},
		{"no such column", []string{file, "--kind", "note=text"}, []string{"note=text", "no such column"}},
		{"no such kind", []string{file, "--kind", "phone=telephone"}, []string{"phone=telephone", "kinds are", "postcode"}},
		{"spreadsheet", []string{written(t, "book.xlsx", "PK\x03\x04"+strings.Repeat("\x00\x01", 300))}, []string{"book.xlsx", "CSV"}},
		{"labels without an answer", []string{file, "--labels", written(t, "labels.csv", "a,b,answer\nk0,d0,perhaps\n")}, []string{"perhaps", "yes or no"}},
		{"labels of others", []string{file, "--labels", written(t, "labels.csv", "a,b,answer\nx,y,yes\n")}, []string{"labels", "none of"}},
		{"nothing in common", []string{file, written(t, "other.csv", "colour,size\nred,4\nblue,5\n")}, []string{"other.csv", "no column in common"}},
		{"one to one", []string{file, "--one-to-one", "perhaps"}, []string{"--one-to-one", "perhaps"}},
		{"no model", []string{file, "--model", file}, []string{"no match model"}},
		{"nowhere to write", []string{file, "--pairs", filepath.Join(t.TempDir(), "none", "pairs.csv")}, []string{"cannot write", "pairs.csv"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			out, err := run(append([]string{"match"}, test.args...)...)
			if err == nil {
				t.Fatalf("it did not mind:\n%s", out)
			}
			text := err.Error()
			for _, want := range test.want {
				if !strings.Contains(text, want) {
					t.Errorf("%q is missing in %q", want, text)
				}
			}
			if touchstone.KindOf(err) != touchstone.Invalid {
				t.Errorf("%q is %v", text, touchstone.KindOf(err))
			}
		})
	}
}

// Files are as programs write them: another encoding, quotes that nobody closed, a field without end.
func TestMatchReadsFilesAsTheyAre(t *testing.T) {
	t.Run("GBK", func(t *testing.T) {
		// 编号,姓名,手机 with four people.
		text := "\xb1\xe0\xba\xc5,\xd0\xd5\xc3\xfb,\xca\xd6\xbb\xfa\n1,\xcd\xf5\xd0\xa1\xc3\xf7,13800138000\n2,\xc0\xee\xbe\xb2,13900139000\n3,\xd5\xc5\xce\xb0,13700137000\n"
		out, err := run("match", written(t, "gbk.csv", text))
		if err != nil || !strings.Contains(out, "姓名") || !strings.Contains(out, "手机") {
			t.Errorf("%v\n%s", err, out)
		}
	})
	t.Run("a field without end", func(t *testing.T) {
		rows := "id,first_name,phone\n1,Anna,030111222\n2," + strings.Repeat("a", 3<<20) + ",030333444\n3,Anna,030111222\n4,Emil,030555666\n"
		out, err := run("match", written(t, "huge.csv", rows))
		if err != nil || !strings.Contains(out, "huge.csv: left out 1 rows") {
			t.Errorf("%v\n%.2000s", err, out)
		}
	})
}
