package app

import (
	"archive/zip"
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
)

func gzipped(t *testing.T, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zipped(t *testing.T, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for name, part := range map[string][]byte{"xl/styles.xml": []byte("<x/>"), "xl/sharedStrings.xml": text} {
		f, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(part); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func columns(t *testing.T, text []byte) []byte {
	t.Helper()
	type row struct {
		Day  int64
		Text string `parquet:",zstd,dict"`
	}
	var b bytes.Buffer
	w := parquet.NewGenericWriter[row](&b)
	for i := range 3000 {
		r := row{Day: int64(i), Text: "somebody else"}
		if i == 2500 {
			r.Text = string(text)
		}
		if _, err := w.Write([]row{r}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Uploads that name somebody are deleted however they are packed; those of others stay, and what
// cannot be read goes.
func TestUploadsOfTheErasedAreDeleted(t *testing.T) {
	dir := t.TempDir()
	theirs := []byte("name,mail\nann," + "ann.erased@example.com" + "\n")
	others := bytes.Repeat([]byte("name,mail\nbob,bob@example.com\n"), 1000)
	pack := map[string]func(*testing.T, []byte) []byte{
		"csv": func(_ *testing.T, b []byte) []byte { return b }, "gz": gzipped, "xlsx": zipped, "parquet": columns,
		"gz.gz": func(t *testing.T, b []byte) []byte { return gzipped(t, gzipped(t, b)) },
		"zst": func(t *testing.T, b []byte) []byte {
			w, err := zstd.NewWriter(nil)
			if err != nil {
				t.Fatal(err)
			}
			return w.EncodeAll(b, nil)
		},
	}
	files := map[string][]byte{"damaged.gz": gzipped(t, others)[:40], "empty.csv": nil}
	kept := []string{"empty.csv"}
	for kind, packed := range pack {
		files["ann."+kind], files["bob."+kind] = packed(t, theirs), packed(t, others)
		kept = append(kept, "bob."+kind)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	n, err := deleteUploads(t.Context(), dir, nil, []string{"ann.erased@example.com", "13900000000"})
	if err != nil || n != len(files)-len(kept) {
		t.Errorf("%d files are deleted, %v, want %d", n, err, len(files)-len(kept))
	}
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range left {
		names = append(names, f.Name())
	}
	slices.Sort(kept)
	if !slices.Equal(names, kept) {
		t.Errorf("there are %v, want %v", names, kept)
	}
	if n, err := deleteUploads(t.Context(), filepath.Join(dir, "none"), nil, []string{"ann.erased@example.com"}); n != 0 || err != nil {
		t.Errorf("without a folder: %d, %v", n, err)
	}
}
