package importer

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"

	"github.com/touchstone-cdp/touchstone"
)

func fileOf(t *testing.T, name string, text []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func zipped(t *testing.T, text string) []byte {
	t.Helper()
	var out strings.Builder
	w := gzip.NewWriter(&out)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return []byte(out.String())
}

func TestRowsAreReadAsTextsWhateverTheFile(t *testing.T) {
	want := [][]string{{"1", "王小明"}, {"2", ""}, {"3", "a, b"}}
	for name, text := range map[string][]byte{
		"comma.csv":     []byte("id,name\n1,王小明\n2,\n3,\"a, b\"\n"),
		"semicolon.csv": []byte("id;name\r\n1;王小明\r\n2;\r\n3;a, b\r\n"),
		"bom.csv":       []byte("\ufeffid\tname\n1\t 王小明 \n2\t\n3\ta, b\n"),
		"packed.csv.gz": zipped(t, "id,name\n1,王小明\n2,\n3,\"a, b\"\n"),
		"gbk.csv":       []byte("id,name\n1,\xcd\xf5\xd0\xa1\xc3\xf7\n2,\n3,\"a, b\"\n"),
		"list.json":     []byte(`[{"id":1,"name":"王小明"},{"id":2},{"id":3,"name":"a, b"}]`),
		"lines.ndjson":  []byte("{\"id\":1,\"name\":\"王小明\"}\n{\"id\":2}\n{\"id\":3,\"name\":\"a, b\"}\n"),
	} {
		t.Run(name, func(t *testing.T) {
			rows, err := OpenRows(fileOf(t, name, text), "")
			if err != nil {
				t.Fatal(err)
			}
			defer rows.Close() // only read from
			all, err := rows.ReadAll()
			if err != nil || !slices.Equal(rows.Columns(), []string{"id", "name"}) || !slices.EqualFunc(all, want, slices.Equal) {
				t.Errorf("%v\n%q (%v)", rows.Columns(), all, err)
			}
			if err := rows.Next(make([]string, 2)); !errors.Is(err, io.EOF) {
				t.Errorf("after the end: %v", err)
			}
		})
	}
}

func TestWhatIsNoTableIsRefused(t *testing.T) {
	for name, text := range map[string]string{
		"empty.csv": "", "book.xlsx": "PK\x03\x04" + strings.Repeat("\x00\x01", 300), "book.xls": "\xd0\xcf\x11\xe0" + strings.Repeat("\x00\x01", 300),
	} {
		if _, err := OpenRows(fileOf(t, name, []byte(text)), ""); touchstone.KindOf(err) != touchstone.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}
