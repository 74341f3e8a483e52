package tag

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

// carsFile is a taxonomy of car makers that lies beside the project, if at all: it is not ours to hand on.
const carsFile = "../../shared/data/car-taxonomy-cn/brand_maker_series.csv"

// A real taxonomy is read whole: each row is found by its path, a name of one series alone is found, and one of several
// is not taken for either; each series counts for its brand.
func TestCarTaxonomy(t *testing.T) {
	file, err := os.ReadFile(carsFile)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("the taxonomy of cars is not beside the project")
	}
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(file, []byte("\ufeff")))).ReadAll()
	if err != nil || strings.Join(rows[0][:3], ",") != "brand,maker,series" {
		t.Fatal(err, rows[0])
	}
	rows = rows[1:]
	brands, paths, named := map[string]bool{}, map[string]bool{}, map[string]map[string]bool{}
	for _, r := range rows {
		brands[fold(r[0])] = true
		path := fold(r[0]) + "/" + fold(r[1]) + "/" + fold(r[2])
		paths[path] = true
		if named[fold(r[2])] == nil {
			named[fold(r[2])] = map[string]bool{}
		}
		named[fold(r[2])][path] = true
	}
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		w, ctx := newTestWorld(t, db), t.Context()
		got, err := w.tags.SetTaxonomy(ctx, "", "Cars", []string{"brand", "maker", "series"}, bytes.NewReader(file))
		w.must(err)
		tr, err := w.tags.tree(ctx, db.Reader(), got.ID)
		w.must(err)
		levels := map[int]int{}
		for _, item := range tr.items {
			levels[item.Level]++
		}
		if int(got.Rows) != len(rows) || levels[1] != len(brands) || levels[3] != len(paths) {
			t.Errorf("of %d rows, %d brands and %d series came %+v: %v", len(rows), len(brands), len(paths), got, levels)
		}
		alone, several := 0, 0
		for _, r := range rows {
			item, ok := tr.find(strings.Join(r[:3], "/"))
			if !ok || fold(item.Path) != fold(strings.Join(r[:3], " / ")) {
				t.Fatalf("%v is %+v", r, item)
			}
			if up := tr.at(1)(item.Number); len(up) != 1 || fold(tr.items[up[0]].Name) != fold(r[0]) {
				t.Fatalf("%v counts for %v", r, up)
			}
			if strings.ContainsAny(r[2], "/>") {
				continue // a name that looks like a path
			}
			if item, ok = tr.find(r[2]); len(named[fold(r[2])]) > 1 {
				if several++; ok && item.Level == 3 {
					t.Fatalf("%s is of %d makers, and is taken for %s", r[2], len(named[fold(r[2])]), item.Path)
				}
			} else if alone++; !ok || fold(item.Name) != fold(r[2]) {
				t.Fatalf("%s is %+v", r[2], item)
			}
		}
		if alone == 0 {
			t.Error("no name of one series: this shows nothing")
		}
		t.Logf("%d brands, %d series; %d names of one series, %d rows of names of several", levels[1], levels[3], alone, several)
	})
}
