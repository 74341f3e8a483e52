package importer

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone/collect/intake"
)

// thousands writes 541909 as 541,909.
func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	start := 0
	if n < 0 {
		start = 1
	}
	for i := len(s) - 3; i > start; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Print writes the summary for people.
func (s Summary) Print(w io.Writer) error {
	var b strings.Builder
	if s.AlreadyImported {
		fmt.Fprintf(&b, "%s is imported already (%s, %s rows): nothing added.\n", s.File, s.Import, thousands(s.Rows))
		_, err := io.WriteString(w, b.String())
		return err
	}
	fmt.Fprintf(&b, "%s into source %s (%s)\n", s.File, s.Source, s.Import)
	line := func(name, text string) { fmt.Fprintf(&b, "  %-12s %s\n", name, text) }
	rows := thousands(s.Rows)
	if s.Skipped > 0 {
		rows += fmt.Sprintf(", %s of them by an earlier run", thousands(s.Skipped))
	}
	line("rows", rows)
	line("accepted", thousands(s.Accepted))
	if s.Duplicates > 0 {
		line("duplicates", thousands(s.Duplicates)+" dropped, their message_id was known")
	}
	if s.WithoutID > 0 {
		line("no id", thousands(s.WithoutID)+" rows have nothing in the columns of message_id; file and row number stand in for it")
	}
	line("quarantined", thousands(s.Rejected))
	printReasons(&b, s.Reasons)
	line("persons", s.personsText())
	seconds := time.Duration(s.Seconds * float64(time.Second)).Round(10 * time.Millisecond)
	if s.InWarehouse {
		line("rate", fmt.Sprintf("%s rows/s, from the file into the warehouse in %s", thousands(int64(s.RowsPerSecond)), seconds))
	} else {
		line("rate", fmt.Sprintf("%s rows/s acknowledged in %s; the warehouse follows", thousands(int64(s.RowsPerSecond)), seconds))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (s Summary) personsText() string {
	text := thousands(s.Persons)
	if d := s.Persons - s.PersonsBefore; d >= 0 {
		text += fmt.Sprintf(" (+%s)", thousands(d))
	} else {
		text += fmt.Sprintf(" (%s)", thousands(d))
	}
	return text
}

func printReasons(b *strings.Builder, reasons []intake.RowReason) {
	for _, r := range reasons {
		fmt.Fprintf(b, "  %12s %s: row %s", "", r.Reason, thousands(r.FirstRow))
		if r.Rows > 1 {
			fmt.Fprintf(b, " and %s more", thousands(r.Rows-1))
		}
		b.WriteByte('\n')
	}
}

// Print writes the result for people.
func (r DryRunResult) Print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "columns: %s\n\n", strings.Join(r.Columns, ", "))
	if len(r.Guesses) > 0 {
		b.WriteString("guessed from the file; write a line into the mapping where it is wrong:\n")
		for _, g := range r.Guesses {
			fmt.Fprintf(&b, "  %s\n", g.Line())
		}
		b.WriteByte('\n')
	}
	for _, e := range r.Events {
		text, err := json.MarshalIndent(e, "", "  ")
		if err != nil {
			return err
		}
		b.Write(text)
		b.WriteString("\n\n")
	}
	fmt.Fprintf(&b, "%s rows, %s of them would be quarantined\n", thousands(r.Rows), thousands(r.Rejected))
	printReasons(&b, r.Reasons)
	if r.Duplicates > 0 {
		fmt.Fprintf(&b, "%s rows have a message_id that an earlier row has; they would be dropped as duplicates\n", thousands(r.Duplicates))
	}
	if r.WithoutID > 0 {
		fmt.Fprintf(&b, "%s rows have nothing in the columns of message_id; file and row number stand in for it\n", thousands(r.WithoutID))
	}
	fmt.Fprintf(&b, "%s combinations of identifiers", thousands(r.IdentifierSets))
	if r.Partial || r.Persons != nil && r.Persons.Truncated {
		b.WriteString(" (the file has more; the figures below are for a part)")
	}
	b.WriteByte('\n')
	if p := r.Persons; p != nil {
		fmt.Fprintf(&b, "persons: %s would be created, %s known ones would get events, %s would be merged into others\n",
			thousands(p.Created), thousands(p.Matched), thousands(p.Merged))
		printPersons(&b, p)
	}
	b.WriteString("nothing was imported\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// maxPrinted bounds the examples of each thing.
const maxPrinted = 10

// printPersons says what persons a dry run has seen become one, and what keeps them apart.
func printPersons(b *strings.Builder, p *Persons) {
	for _, m := range p.Merges[:min(len(p.Merges), maxPrinted)] {
		fmt.Fprintf(b, "  row %s makes one of %s and %s\n", thousands(m.Row), m.Kept, m.Absorbed)
	}
	if w := p.Without; w != nil {
		fmt.Fprintf(b, "  without the %s rows that merge: %s persons created, %s known ones get events\n", thousands(w.Rows), thousands(w.Created), thousands(w.Matched))
	}
	for _, r := range p.Refused {
		fmt.Fprintf(b, "links that are not made, %s: %s\n", r.Reason, thousands(r.Links))
	}
	for _, s := range p.Shared[:min(len(p.Shared), maxPrinted)] {
		fmt.Fprintf(b, "shared: %s:%s is seen with %s %s, more than %s; %s persons come apart\n", s.Kind, s.Value, thousands(s.Seen), s.Witness, thousands(s.Bears), thousands(s.Parted))
	}
	if q := p.Probable; q != nil && q.Ready {
		fmt.Fprintf(b, "of %s new persons %s are beyond doubt somebody who is there, and %s may be\n", thousands(q.Compared), thousands(q.Above), thousands(q.Reviewed))
	}
}
