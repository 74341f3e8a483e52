package touchstone

// Use says what persons' data is used for, in the words of the program. A consent policy says
// which purpose of the organisation's each use serves, so that code need not know purposes.
type Use string

// The uses. What the program does not know yet is not among them.
const (
	UseCollect     Use = "collect"     // events are taken in and counted
	UseAnalyse     Use = "analyse"     // persons are handed out as the result of a question
	UseAct         Use = "act"         // a list is made to act on: an export of a segment
	UseShare       Use = "share"       // somebody else's machine is told: a webhook
	UsePersonalise Use = "personalise" // what somebody sees is chosen by what is known of them
)

// Uses lists all uses.
var Uses = []Use{UseCollect, UseAnalyse, UseAct, UseShare, UsePersonalise}

// Serves says what a route, a deliverer, a job or a feed does with persons: it serves a use, for
// which each of them is asked, or it is the organisation's own operation, for a reason. One that
// says neither is closed.
type Serves struct {
	Use Use
	Why string // of an operation: why nobody is asked. Of a use: where it is asked, if not there
}

// Operation is work that needs nobody's consent, for the reason given: a duty of the law, a
// contract, somebody of the organisation who looks after one person by hand.
func Operation(why string) Serves { return Serves{Why: why} }

// For serves a use.
func For(use Use) Serves { return Serves{Use: use} }

// Said reports whether it says anything.
func (s Serves) Said() bool { return s.Use != "" || s.Why != "" }

// ConsentEvent is the name of the event by which a decision about consent comes in that no event of
// others carries. It meets no tracking plan: nobody's refusal is set aside for its form.
const ConsentEvent = "Consent Updated"
