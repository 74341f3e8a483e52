package apptest

import (
	"path/filepath"
	"testing"
)

// From a file to a chart in the console, in both languages: the upload is cut on the way and goes on, the mapping is made by
// hand, and what the chart shows is what the file holds.
func TestImportInTheConsole(t *testing.T) {
	chromium, shots := browser(t)
	file, err := filepath.Abs(SharedFile(t, "online-retail/online_retail.csv.gz")) // the script runs in a folder of its own
	if err != nil {
		t.Fatal(err)
	}
	for _, lang := range []string{"en", "zh"} {
		t.Run(lang, func(t *testing.T) {
			s := Start(t, "--time-zone", "Asia/Shanghai")
			runClient(t, "import-file.mjs", s.URL, chromium, shots, file, lang)
		})
	}
}
