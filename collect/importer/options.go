package importer

import (
	"net/http"
	"path/filepath"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/collect/intake"
	"github.com/touchstone-cdp/touchstone/internal/vault"
)

// Options say what to import and where to.
type Options struct {
	To     Server // where it goes; nil is the server at the address Server
	Server string // base URL of a running server
	Key    string // API key
	File   string // path
	// FileKey is that of a file that the server keeps encrypted; nil: it is in the clear.
	FileKey *vault.Key
	Name    string   // what people call the file; empty: its base name
	Mapping *Mapping // see LoadMapping
	Source  string   // name of the source; it is made if it is missing

	// Fingerprint is what [Summary] or an upload said of the file's bytes; empty: they are
	// read once more to know it.
	Fingerprint string

	// Again imports a file that was imported before as a new import.
	Again bool
	// NoWait returns when the last row is acknowledged, not when it is in the warehouse.
	NoWait bool

	// Progress is called now and then, never at the same time. It must not block.
	Progress func(Progress)

	// Leave are sets of identifiers of which a dry run has said that their rows would merge persons
	// who are there: such rows go to quarantine.
	Leave map[uint64]struct{}

	MessageIDs int // message ids that a dry run remembers; 0 is 5,000,000

	ChunkRows int                 // rows sent at once; 0 is 5,000
	Ahead     int                 // chunks prepared while one is being sent; 0 is 3
	RetryFor  time.Duration       // how long to bear with a server that does not answer; 0 is 5 minutes
	Client    *http.Client        // nil is a client of its own
	Clock     touchstone.Clock    // nil is the machine's
	Kinds     *touchstone.KindSet // nil is the server's

	askKinds bool          // Kinds was nil
	pause    time.Duration // before the first repetition of a call
}

const (
	defaultChunkRows = 5000
	defaultAhead     = 3
	defaultRetryFor  = 5 * time.Minute
	maxChunkBytes    = 4 << 20 // of frames, before compression
)

func (o Options) withDefaults() (Options, error) {
	switch {
	case o.File == "":
		return o, touchstone.Errorf(touchstone.Invalid, "which file? none was named")
	case o.Mapping == nil:
		return o, touchstone.Errorf(touchstone.Invalid, "a mapping is needed to read %s", o.File).WithHint("give one with --mapping FILE.yaml")
	case o.Server == "" && o.To == nil:
		return o, touchstone.Errorf(touchstone.Invalid, "which server? none was named").WithHint("give one with --server or TOUCHSTONE_URL")
	case o.Source == "":
		return o, touchstone.Errorf(touchstone.Invalid, "events need a source").WithHint("give its name with --source; it is made if it is missing")
	}
	if o.Name == "" {
		o.Name = filepath.Base(o.File)
	}
	if o.MessageIDs <= 0 {
		o.MessageIDs = maxDuplicateIDs
	}
	if o.ChunkRows <= 0 {
		o.ChunkRows = defaultChunkRows
	}
	if o.Ahead <= 0 {
		o.Ahead = defaultAhead
	}
	if o.RetryFor <= 0 {
		o.RetryFor = defaultRetryFor
	}
	if o.pause <= 0 {
		o.pause = firstPause
	}
	if o.Clock == nil {
		o.Clock = touchstone.SystemClock{}
	}
	if o.Kinds == nil {
		o.Kinds, o.askKinds = touchstone.DefaultKindSet(), true
	}
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	if o.Client == nil {
		o.Client = &http.Client{
			Timeout:   2 * time.Minute,
			Transport: &http.Transport{MaxIdleConnsPerHost: 4, Proxy: http.ProxyFromEnvironment, IdleConnTimeout: time.Minute},
		}
	}
	return o, nil
}

// Phase is what an import is doing.
type Phase string

// The phases, in their order.
const (
	PhaseFingerprint Phase = "fingerprint" // reading the file once to know it again
	PhaseSkip        Phase = "skip"        // passing over rows that the server has
	PhaseSend        Phase = "send"
	PhasePersons     Phase = "persons" // of a dry run: what the file would do to persons
	PhaseSettle      Phase = "settle"  // waiting until the warehouse has everything
)

// Progress is how far an import is.
type Progress struct {
	Phase      Phase
	Bytes      int64 // of the file, as it lies on disk
	TotalBytes int64
	Rows       int64 // acknowledged
	Rejected   int64
	// Of PhasePersons: how many sets of identifiers have been tried, and how many there are.
	Persons, TotalPersons int64
	Note                  string // something to tell once: a retry, a resume
}

// Summary is the outcome of an import.
type Summary struct {
	Import          string             `json:"import"`
	Fingerprint     string             `json:"-"` // that names this import of the file
	Source          string             `json:"source"`
	File            string             `json:"file"`
	AlreadyImported bool               `json:"already_imported"`
	Resumed         bool               `json:"resumed"`
	Rows            int64              `json:"rows"`     // in the file
	Skipped         int64              `json:"skipped"`  // of them taken by an earlier run
	Accepted        int64              `json:"accepted"` // sent now as events
	Rejected        int64              `json:"quarantined"`
	Reasons         []intake.RowReason `json:"reasons"` // why rows were rejected, most frequent first
	Duplicates      int64              `json:"duplicates"`
	PersonsBefore   int64              `json:"persons_before"`
	Persons         int64              `json:"persons"`
	WithoutID       int64              `json:"without_message_id"`
	InWarehouse     bool               `json:"in_warehouse"` // all rows can be queried
	Seconds         float64            `json:"seconds"`
	RowsPerSecond   float64            `json:"rows_per_second"`
}
