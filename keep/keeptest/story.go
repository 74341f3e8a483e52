package keeptest

import (
	"slices"
	"strings"

	"pgregory.net/rapid"
)

// batch is what a batch of a history holds. Persons are named by the letter of one of their
// identifiers; what makes no sense at that moment is left out.
type batch struct {
	wait     int // seconds before it
	restart  bool
	fails    bool // once, after all of its work, and then comes again
	commands []command
	says     []say
}

// command parts identifiers from their person, or erases the person.
type command struct {
	erase bool
	who   []byte
}

// say is an event of an identifier, one that also names a second identifier (with), or an
// identify call.
type say struct {
	who, with byte
	identify  bool
	late      int // seconds
}

// story is a history with a name. A batch is written as words: "a" an event, "a!" an
// identify, "a+b" an event that names both, "a<9" an event nine seconds late, "/ab" parts a and b from
// their person, "-a" erases, "~" the batch fails at first, "@" the process starts anew before it, ">9"
// nine seconds go by.
type story struct {
	name    string
	batches []batch
}

var stories = []story{
	tell("one person", "a! a", "a a!"),
	tell("replay", "~ a! b!", "~ a+b a", "~ /b a b", "~ -a b", "~ a! b!"),
	tell("merge", "a! b! b", "a<7 b", "a+b", "b! a", "c! b+c"),
	tell("merge in one batch", "a! b! c!", "a a+b c b+c a! c!"),
	tell("merge of strangers", "a+b b a", "b! a"),
	tell("split", "a! b! b", "a+b", "a b!", "/b a b", ">5 a! b!"),
	tell("split and joined elsewhere", "a! b! c!", "a+b", "/b", "b+c b! c", ">5 a"),
	tell("split of a chain", "a! b! c! d!", "a+b c+d", "b+c", "/bd a b c d", ">5 @ a! b! c! d!"),
	tell("erase", "a! b! a b", "-a", "b!", "a! a", "b"),
	tell("erase what was merged", "a! b! c!", "a+b", "a b!", "-b c", "a b c", "a+b"),
	tell("erase after a split", "a! b!", "a+b a b", "/b", "-b", ">5 a", "b! a"),
	tell("erase the elder after a split", "a! b!", "a+b a b", "/b b", "-a", ">5 b! a"),
	tell("erase twice", "a! b", "-a", "a! b", "@ -a", "a"),
	tell("erase and split at once", "a! b! c! d!", "a+b c+d", "/b -c a b", "c d"),
	tell("erase who was just parted", "a! b! b b", "a+b b", "/b -b", "a b!"),
	tell("erase whom somebody was just parted from", "a! b! b b", "a+b b", "/b -a", "a b!"),
	tell("restart", "a! b!", "@ a+b", "@ a b!", "@ /b", "@ >5 a b", "@ -b", "@ a b!"),
	tell("time", "a! b!", ">20 a", ">20", "a+b", ">20", ">20 b", ">60"),
}

// tell reads a story.
func tell(name string, batches ...string) story {
	s := story{name: name}
	for _, text := range batches {
		b := batch{wait: 1}
		for _, w := range strings.Fields(text) {
			switch {
			case w == "~":
				b.fails = true
			case w == "@":
				b.restart = true
			case w[0] == '>':
				b.wait = number(w[1:])
			case w[0] == '/' || w[0] == '-':
				b.commands = append(b.commands, command{w[0] == '-', []byte(w[1:])})
			case strings.HasSuffix(w, "!"):
				b.says = append(b.says, say{who: w[0], identify: true})
			case len(w) == 3 && w[1] == '+':
				b.says = append(b.says, say{who: w[0], with: w[2]})
			case len(w) > 2 && w[1] == '<':
				b.says = append(b.says, say{who: w[0], late: number(w[2:])})
			default:
				b.says = append(b.says, say{who: w[0]})
			}
		}
		s.batches = append(s.batches, b)
	}
	return s
}

func number(text string) (n int) {
	for _, c := range text {
		n = 10*n + int(c-'0')
	}
	return n
}

var letters = []byte("abcdef")

// draw draws a history.
func draw(t *rapid.T) []batch {
	letter := func(label string) byte { return rapid.SampledFrom(letters).Draw(t, label) }
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) batch {
		b := batch{wait: rapid.SampledFrom([]int{1, 1, 1, 4, 15}).Draw(t, "wait")}
		b.restart = rapid.IntRange(0, 9).Draw(t, "restart") == 0
		b.fails = rapid.IntRange(0, 4).Draw(t, "fails") == 0
		for range rapid.SampledFrom([]int{0, 0, 0, 1, 1, 2}).Draw(t, "commands") {
			c := command{erase: rapid.IntRange(0, 2).Draw(t, "erase") == 0, who: rapid.SliceOfNDistinct(rapid.SampledFrom(letters), 1, 3, rapid.ID).Draw(t, "who")}
			b.commands = append(b.commands, c)
		}
		for range rapid.IntRange(0, 5).Draw(t, "says") {
			s := say{who: letter("says")}
			switch rapid.IntRange(0, 5).Draw(t, "what") {
			case 0, 1:
				s.identify = true
			case 2:
				s.with = letter("with")
			case 3:
				s.late = rapid.IntRange(1, 30).Draw(t, "late")
			}
			b.says = append(b.says, s)
		}
		return b
	}), 1, 14).Draw(t, "batches")
}

// clean is the history as it is played clean: nobody is merged, parted or erased.
func clean(batches []batch) []batch {
	list := slices.Clone(batches)
	for i := range list {
		list[i].commands, list[i].fails, list[i].restart = nil, false, false
	}
	return list
}
