package app

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/touchstone-cdp/touchstone/keep"
)

// names are what columns are called that name a person or an identifier, or hold a text in
// which one may be named. Add to it what a new feature calls them.
var names = regexp.MustCompile(`^(.*_)?(persons?|nodes?|subject(_id)?|kept|absorbed|related|members?_of|identifiers?|ref|value|term|email|phone|target(_name)?|raw|request|body|detail|state|activity|traits|examples|message_id|result|failure|answer|error|input|title|a|b|other)$`)

// excepted are columns with such names that say nothing about persons, each with the reason.
var excepted = map[string]string{
	"identity_state.persons":       "how many there are",
	"identity_state.known_persons": "how many there are",
	"job_settings.value":           "the organisation's own choice",
	"identity_state.last_node":     "the greatest number",
	"identity_large.nodes":         "how many there are",
	"identity_erasures.last_node":  "the greatest number at that moment",
	"identity_blocked.value":       "a value that names nobody: that is why it is blocked",
	"identity_suggestions.state":   "a word",
	"identity_requests.failure":    "a sentence of ours with numbers; the row goes after an hour",
	"profile_state.persons":        "how many there are",
	"pipeline_route_parts.body":    "numbers, for as long as a batch is worked on; an erasure's batch leaves none",
	"profile_catalogue.persons":    "how many there are",
	"profile_shares.persons":       "how many there are",
	"segments.failure":             "a sentence about a rule",
	"tags.failure":                 "a sentence about a rule or a query; it names rows by number",
	"activations.target":           "where files go; it names a server",
	"activation_runs.persons":      "how many there were",
	"stage_cycles.failure":         "a sentence about a rule",
	"tag_days.value":               "a value that at least five had",
	"tag_days.persons":             "how many there were",
	"console_settings.value":       "the organisation's own choice",
	"console_users.email":          "who works here, not whom events are about: deleted with the account",
	"console_answers.request":      "a hash of the request",
	"import_runs.state":            "a word",
	"import_runs.error":            "a sentence about a file; it names rows by number",
	"inbox_reactors.error":         "of the reactor; the latest only",
	"outbox_queues.error":          "of the destination; the latest only",
	"jobs.subject":                 "what a job is about: a segment, a source, a file",
	"jobs.title":                   "the same in words",
	"jobs.input":                   "a question: filters, ids of segments and files",
	"jobs.state":                   "how far the work is",
	"jobs.result":                  "counts and names of files; in files are persons, whom job's keeper sees to",
	"jobs.failure":                 "a sentence of ours",
	"job_schedules.subject":        "as jobs.subject",
	"job_schedules.title":          "as jobs.title",
	"job_schedules.input":          "as jobs.input",
	"timers.subject":               "a word; persons are in subject_id",
	"commands.state":               "a word",
	"outbox_effects.state":         "a number",
	"privacy_requests.state":       "a word",
	"privacy_requests.persons":     "how many there are",
	"privacy_requests.failure":     "a sentence of ours about a command",
	"privacy_erasures.request":     "id of the request",
	"privacy_erasures.identifiers": "how many there were",
	"privacy_receipts.request":     "id of the request",
	"privacy_receipts.body":        "counts and names of tables",
	"pipeline_veiled.body":         "places in the log and pseudonyms of a day, of nobody",
	"consent_left_out.kept":        "how many there were",
	"register_records.body":        "what the organisation does with data, in its own words: the law has it kept",
	"register_versions.body":       "as it was",
}

// Every table with a column that names a person or an identifier is some keeper's, or its
// column is excepted with a reason. And every keeper's table and column is there.
func TestTablesOfPersonsHaveAKeeper(t *testing.T) {
	a := openForTest(t)
	owned := map[string]keep.Table{}
	for _, k := range a.keepers() {
		for _, d := range k.Tables() {
			if other, twice := owned[d.Name]; twice {
				t.Errorf("%s is on the list of two keepers: %v", d.Name, other)
			}
			owned[d.Name] = d
		}
	}
	used := map[string]bool{}
	for table, columns := range tablesOf(t, a) {
		d := owned[table]
		declared := slices.Concat(d.Persons, d.Nodes, d.Texts)
		for _, c := range declared {
			if !slices.Contains(columns, c) {
				t.Errorf("keeper of %s: there is no column %s", table, c)
			}
		}
		for _, c := range columns {
			full := table + "." + c
			if !names.MatchString(c) || slices.Contains(declared, c) {
				continue
			}
			if used[full] = true; excepted[full] == "" {
				t.Errorf("%s may name a person: give its table to a keeper on app's list, or except it with a reason", full)
			}
		}
		delete(owned, table)
	}
	for table := range owned {
		t.Errorf("a keeper names the table %s, which is not there", table)
	}
	for full := range excepted {
		if !used[full] {
			t.Errorf("%s is excepted, but nothing asks about it", full)
		}
	}
}

// Every keeper on the list is exercised by a test beside it.
func TestKeepersAreExercised(t *testing.T) {
	calls := map[string]int{} // by folder
	for _, k := range openForTest(t).keepers() {
		folder := strings.TrimPrefix(reflect.Indirect(reflect.ValueOf(k)).Type().PkgPath(), "github.com/touchstone-cdp/touchstone/")
		if _, read := calls[folder]; !read {
			files, err := filepath.Glob(filepath.Join("..", folder, "*_test.go"))
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range files {
				text, err := os.ReadFile(f)
				if err != nil {
					t.Fatal(err)
				}
				calls[folder] += strings.Count(string(text), "\tkeeptest.Exercise(t, ")
			}
		}
		if calls[folder]--; calls[folder] < 0 {
			t.Errorf("the keeper of %s is not exercised: no test in %s calls keeptest.Exercise for it", k.Name(), folder)
		}
	}
}

// tablesOf reads which columns each table has.
func tablesOf(t *testing.T, a *App) map[string][]string {
	t.Helper()
	tables := map[string][]string{}
	err := keep.Each(t.Context(), a.store.Reader(), `SELECT m.name, c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c
		WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name NOT LIKE 'migrations_%'`, nil, func(scan func(...any) error) error {
		var table, column string
		err := scan(&table, &column)
		tables[table] = append(tables[table], column)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return tables
}

// Every folder of migrations is brought up to date by New: else its tables would not be seen.
func TestAllMigrationsAreThere(t *testing.T) {
	a := openForTest(t)
	folders, err := filepath.Glob("../*/migrations")
	if err != nil {
		t.Fatal(err)
	}
	deeper, err := filepath.Glob("../*/*/migrations")
	if err != nil {
		t.Fatal(err)
	}
	created := regexp.MustCompile(`(?i)CREATE TABLE (?:IF NOT EXISTS )?(\w+)`)
	gone := regexp.MustCompile(`(?i)(?:DROP TABLE|ALTER TABLE) (\w+)(?: RENAME TO|;)`)
	tables := tablesOf(t, a)
	for _, folder := range append(folders, deeper...) {
		files, err := os.ReadDir(folder)
		if err != nil {
			t.Fatal(err)
		}
		missing := map[string]bool{}
		for _, f := range files {
			text, err := os.ReadFile(filepath.Join(folder, f.Name()))
			if err != nil {
				t.Fatal(err)
			}
			up, _, _ := strings.Cut(string(text), "-- +goose Down")
			for _, m := range created.FindAllStringSubmatch(up, -1) {
				missing[m[1]] = tables[m[1]] == nil
			}
			for _, m := range gone.FindAllStringSubmatch(up, -1) {
				delete(missing, m[1])
			}
		}
		for table, is := range missing {
			if is {
				t.Errorf("%s makes the table %s, which a new data folder does not have: app does not migrate it", folder, table)
			}
		}
	}
}

func openForTest(t *testing.T) *App {
	t.Helper()
	cfg := DefaultConfig()
	cfg.Data, cfg.Listen, cfg.Dev, cfg.MemoryLimit = t.TempDir(), "127.0.0.1:0", true, 0
	a, err := New(context.Background(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.engines.close(); err != nil {
			t.Error(err)
		}
	})
	return a
}
