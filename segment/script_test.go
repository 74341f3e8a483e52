package segment

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/segment/rule"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

// TestScripts runs testdata/*.script on every database. testdata/README.md tells the language.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.script")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".script"), func(t *testing.T) {
			storetest.Run(t, func(t *testing.T, db *store.DB) {
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				s := &script{t: t, file: file, ids: map[string]string{}}
				s.world = newWorld(s, db)
				s.settle()
				for i, line := range strings.Split(string(text), "\n") {
					s.line = i + 1
					if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
						s.run(line)
					}
				}
				s.audit()
			})
		})
	}
}

type script struct {
	*world
	t     *testing.T
	file  string
	line  int
	ids   map[string]string // of the segments by their names in the script
	batch bool              // between batch and end
}

func (s *script) Helper()           { s.t.Helper() }
func (s *script) Fatal(args ...any) { s.Fatalf("%s", fmt.Sprint(args...)) }
func (s *script) Fatalf(format string, args ...any) {
	s.t.Helper()
	s.t.Fatalf("%s:%d: %s", s.file, s.line, fmt.Sprintf(format, args...))
}

// word cuts the next word or quoted text off a line.
func (s *script) word(line *string) string {
	rest := strings.TrimSpace(*line)
	if strings.HasPrefix(rest, `"`) {
		quoted, err := strconv.QuotedPrefix(rest)
		if err != nil {
			s.Fatalf("no closing quote: %s", rest)
		}
		*line = rest[len(quoted):]
		text, _ := strconv.Unquote(quoted)
		return text
	}
	word, after, _ := strings.Cut(rest, " ")
	*line = strings.TrimSpace(after)
	return word
}

func (s *script) person(word string) touchstone.PersonID {
	p, ok := touchstone.ParsePersonID(strings.Replace(word, "p", "p_", 1))
	if !ok {
		s.Fatalf("%q is not a person; write p1", word)
	}
	return p
}

func (s *script) persons(words string) []touchstone.PersonID {
	var persons []touchstone.PersonID
	for _, word := range strings.Fields(words) {
		persons = append(persons, s.person(word))
	}
	slices.Sort(persons)
	return persons
}

func (s *script) duration(word string) time.Duration {
	sign := time.Duration(1)
	if strings.HasPrefix(word, "-") {
		sign = -1
	}
	var total time.Duration
	for part := range strings.SplitSeq(strings.TrimLeft(word, "+-"), "_") {
		d, ok := rule.ParseDuration(part)
		if !ok {
			s.Fatalf("%q is not a length of time; write 7d, or 6d_23h", word)
		}
		total += d
	}
	return sign * total
}

// rule puts the ids of segments in the place of their names.
func (s *script) rule(text string) touchstone.JSON {
	if !gjson.Valid(text) {
		s.Fatalf("not valid JSON: %s", text)
	}
	for name, id := range s.ids {
		text = strings.ReplaceAll(text, fmt.Sprintf(`"segment":%q`, name), fmt.Sprintf(`"segment":%q`, id))
	}
	return touchstone.JSON(text)
}

func (s *script) id(name string) string {
	if s.ids[name] == "" {
		s.Fatalf("there is no segment %q", name)
	}
	return s.ids[name]
}

func (s *script) run(line string) {
	s.t.Helper()
	whole := line
	switch command := s.word(&line); command {
	case "event", "trait", "merge":
		s.happen(command, line)
		if !s.batch {
			s.commit(0)
		}
	case "batch":
		s.batch = true
	case "end":
		s.batch = false
		s.commit(0)
	case "advance":
		s.advance(s.duration(s.word(&line)))
	case "home", "leave":
		s.live(command == "home", line)
		s.commit(0)
	case "split":
		s.split(s.person(s.word(&line)))
	case "ignore-changes":
		s.changes = nil
	case "crash":
		s.open()
		s.commit(0)
	case "settle":
		s.settle()
	case "commit":
		s.commit(0)
	case "build":
		if !s.build() {
			s.Fatalf("nothing waits to be built")
		}
	case "expect", "expect-changes", "expect-entered", "expect-status", "expect-history", "expect-movements", "expect-preview":
		s.expect(command, line)
	case "refuse":
		want := s.word(&line)
		if err := s.define(s.word(&line), line); err == nil || !strings.Contains(err.Error(), want) {
			s.Fatalf("%s\n got %v\nwant %s", whole, err, want)
		}
	default:
		if err := s.define(command, line); err != nil {
			s.Fatalf("%s: %v", whole, err)
		}
	}
}

// live gives a person a place in a household, or takes it.
func (s *script) live(in bool, line string) {
	number, err := strconv.Atoi(strings.TrimPrefix(s.word(&line), "h"))
	if err != nil {
		s.Fatalf("a household is written h1")
	}
	seat := Seat{Household: int64(number), Person: s.person(s.word(&line)), Seat: rule.Seat{Until: rule.Never}}
	for line != "" {
		switch word := s.word(&line); word {
		case "until":
			seat.Until = s.now.Add(s.duration(s.word(&line))).UnixMilli()
		case "child":
			seat.ChildUntil = s.now.Add(s.duration(s.word(&line))).UnixMilli()
		case "score":
			if seat.Score, err = strconv.ParseInt(s.word(&line), 10, 64); err != nil {
				s.Fatalf("a score is a number")
			}
		default:
			seat.Roles = append(seat.Roles, word)
		}
	}
	s.move(seat, in)
}

func (s *script) happen(command, line string) {
	switch command {
	case "event":
		ago := time.Duration(0)
		word := s.word(&line)
		if strings.HasPrefix(word, "-") || strings.HasPrefix(word, "+") {
			ago = -s.duration(word)
			word = s.word(&line)
		}
		p := s.person(word)
		name := s.word(&line)
		s.event(p, ago, name, touchstone.JSON(line))
	case "trait":
		p := s.person(s.word(&line))
		name := s.word(&line)
		s.trait(p, name, touchstone.JSON(line))
	case "merge":
		kept := s.person(s.word(&line))
		s.merge(kept, s.person(s.word(&line)))
	}
}

// define runs the commands that change definitions.
func (s *script) define(command, line string) error {
	name := s.word(&line)
	switch command {
	case "segment", "begin":
		g, err := s.segs.Create(ctx, Draft{Name: name, Rule: s.rule(line)})
		if err != nil {
			return err
		}
		s.ids[name] = g.ID
	case "static":
		g, err := s.segs.CreateStatic(ctx, Draft{Name: name}, s.persons(line))
		if err != nil {
			return err
		}
		s.ids[name] = g.ID
	case "update", "change":
		text := s.rule(line)
		if _, err := s.segs.Update(ctx, s.id(name), Patch{Rule: &text}); err != nil {
			return err
		}
	case "delete":
		if err := s.segs.Delete(ctx, s.id(name)); err != nil {
			return err
		}
	default:
		s.Fatalf("unknown command %q", command)
	}
	switch command {
	case "begin", "change":
		s.commit(0)
	default:
		s.settle()
	}
	return nil
}

func (s *script) expect(command, line string) {
	s.t.Helper()
	if command == "expect-changes" {
		if got := s.changeText(); got != line {
			s.Fatalf("changes\n got %s\nwant %s", got, line)
		}
		return
	}
	if command == "expect-preview" {
		p, err := s.segs.Preview(ctx, access.System(), s.rule(line[strings.Index(line, "{"):]))
		if err != nil {
			s.Fatal(err)
		}
		got := fmt.Sprintf("%d of %d", p.Members, p.Of)
		for _, l := range p.Leaves {
			got += fmt.Sprintf(" %s=%d", l.Path, l.Members)
		}
		if want := strings.TrimSpace(line[:strings.Index(line, "{")]); got != want {
			s.Fatalf("preview: got %s, want %s", got, want)
		}
		return
	}
	name := s.word(&line)
	switch command {
	case "expect":
		if got, want := s.members(s.id(name)), s.persons(line); !slices.Equal(got, want) {
			s.Fatalf("%s at %s: got %v, want %v", name, s.now.Format(time.DateTime), got, want)
		}
	case "expect-entered":
		p := s.person(s.word(&line))
		in, err := s.segs.Memberships(ctx, access.System(), p)
		if err != nil {
			s.Fatal(err)
		}
		for _, m := range in {
			if m.ID == s.id(name) {
				if got := s.now.Sub(m.EnteredAt); got != -s.duration(s.word(&line)) {
					s.Fatalf("%s entered %s ago", p, got)
				}
				return
			}
		}
		s.Fatalf("%s is not in %s", p, name)
	case "expect-status":
		g, err := s.segs.Get(ctx, access.System(), s.id(name))
		if err != nil {
			s.Fatal(err)
		}
		if got := fmt.Sprintf("%s %d", g.Status, g.Members); got != line {
			s.Fatalf("%s: got %s, want %s", name, got, line)
		}
	case "expect-movements":
		days, err := strconv.Atoi(name)
		if err != nil {
			s.Fatal(err)
		}
		list, err := s.segs.Movements(ctx, access.System(), days, 100)
		if err != nil {
			s.Fatal(err)
		}
		var got []string
		for _, m := range list {
			got = append(got, fmt.Sprintf("%s:%d+%d-%d", m.Name, m.Members, m.Entered, m.Left))
		}
		if text := strings.Join(got, " "); text != line {
			s.Fatalf("movements\n got %s\nwant %s", text, line)
		}
	case "expect-history":
		days, err := s.segs.History(ctx, access.System(), s.id(name), 30)
		if err != nil {
			s.Fatal(err)
		}
		var got []string
		for _, d := range days {
			got = append(got, fmt.Sprintf("%s:%d+%d-%d", d.Date[5:], d.Members, d.Entered, d.Left))
		}
		if text := strings.Join(got, " "); text != line {
			s.Fatalf("history\n got %s\nwant %s", text, line)
		}
	}
}

// changeText writes the changes since it was last asked: "+a p1" for an entry, "-a p1".
func (s *script) changeText() string {
	var got []string
	for _, c := range s.changes {
		sign := "+"
		if c.Kind == touchstone.SegmentLeft {
			sign = "-"
		}
		name := c.Name
		for n, id := range s.ids {
			if id == c.Name {
				name = n
			}
		}
		got = append(got, sign+name+" "+strings.Replace(c.Person.String(), "_", "", 1))
	}
	s.changes = nil
	return strings.Join(got, ", ")
}
