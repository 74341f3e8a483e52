package app

import (
	"encoding"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/spf13/pflag"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/console"
	"github.com/touchstone-cdp/touchstone/internal/conns"
	"github.com/touchstone-cdp/touchstone/warehouse/remote"
)

// Config is the whole configuration. The zero value is not useful: start from
// DefaultConfig. Every field is a flag, a key of the configuration file and an
// environment variable; [Config.settings] is the list.
type Config struct {
	Data   string   // folder of log, store and warehouse
	Listen string   // HOST:PORT of HTTP
	Dev    bool     // no sign-in, write key and API key "dev"; loopback only
	Roles  []string // see AllRoles
	// Lease is how long the work of a process that died stands still, where several share a
	// store: see [lease.Config].
	Lease time.Duration
	// Lanes is into how many lanes the work on persons is divided among the processes with the
	// role process.
	Lanes int
	// TimeZone is the organisation's until it chooses another in the console.
	TimeZone string

	Log struct {
		Level  string // debug, info, warn, error
		Format string // text or json
	}
	Stream struct {
		URL          string // of an external NATS JetStream; empty: embedded
		MinFreeBytes Bytes  // refuse events when the disk has less
		RetainAge    time.Duration
		RetainBytes  Bytes
	}
	Store struct {
		URL string // postgres://…; empty: SQLite in Data
	}
	Warehouse struct {
		MemoryLimit Bytes
		Threads     int
		// URL is of the process that holds the warehouse, for those without the role sink;
		// Secret is what all of them know.
		URL    string
		Secret string
	}
	Collect struct {
		MaxEventBytes   Bytes
		MaxBatchBytes   Bytes
		MaxBatchEvents  int
		TrustedProxies  []string // CIDRs whose X-Forwarded-For is believed
		PhoneRegion     string   // country calling code that numbers without one belong to
		MaxPendingBytes Bytes
		MaxItems        int      // most things in the catalogue of items
		SensorsProjects []string // "project=source": whose events are those of a 神策 project
	}
	Pipeline struct {
		MaxEvents    int
		MinInterval  time.Duration
		DedupeWindow time.Duration
		DedupeMax    int
		BackfillAge  time.Duration
	}
	Reactors struct {
		MaxChunk    int           // most occurrences of one transaction
		RetainAge   time.Duration // how long occurrences wait for a reactor that stands still
		RetainBytes Bytes         // how much of them
		MaxDead     int           // most dead letters of a reactor
	}
	Cache struct {
		Identifiers int // decoded identifiers held in memory
		Profiles    int // decoded profiles held in memory
		Segments    int // decoded segment states held in memory
	}
	Query struct {
		Timeout time.Duration
		MaxRows int
		// The statements of people, each in a process that SQLCommand starts; see
		// [duckdb.SQLOptions]. The command is the program's own, not a setting.
		SQLCommand   []string
		SQLRunning   int
		SQLWaiting   int
		SQLMemory    Bytes
		SQLTempBytes Bytes
	}
	Uploads struct { // files that are imported in the console
		MaxBytes   Bytes // of one
		TotalBytes Bytes // of all that are kept
		KeepAge    time.Duration
	}
	// MaxConnections bounds the open connections of the server.
	MaxConnections int
	Metrics        struct {
		Listen string // HOST:PORT of /metrics without a key; empty: only with a key, on Listen
	}
	Webhooks struct {
		AllowNetworks []string // that calls may go to although they are private
	}
	Mail struct {
		Digest time.Duration // from the first alarm that closes to the mail that tells of it and of those that close meanwhile
	}
	Linkage struct {
		MaxPersons int // that are compared with each other
	}
	Audit struct {
		KeyFile string        // signs the audit log; empty: audit.key in Data
		Keep    time.Duration // 0: for ever; six months at least
	}
	Backup struct {
		Folder  string // empty: backups in Data
		Keep    int    // the newest that are kept
		MaxRate Bytes  // copied a second at most; 0: no limit
	}
	Jobs struct {
		Folder   string // of the files that jobs make; empty: jobs in Data
		MaxBytes Bytes  // of all of them
	}
	Privacy struct {
		KeyFile string // empty: privacy.key in Data
	}
	Encryption struct {
		KeyFile string // encrypts Data; empty: it is in the clear
	}
	MemoryLimit Bytes  // of the Go heap, beside the warehouse's memory; GOMEMLIMIT wins
	PprofListen string // HOST:PORT of net/http/pprof; empty: off
}

// AllRoles are the roles of the program, in the order in which they start.
var AllRoles = []string{"collect", "process", "sink", "act", "console"}

// DefaultConfig returns the configuration of an embedded server in ./data.
func DefaultConfig() *Config {
	c := &Config{Data: "data", Listen: "127.0.0.1:8484", Roles: slices.Clone(AllRoles), TimeZone: "UTC"}
	c.Lease, c.Lanes = 6*time.Second, 1
	c.Log.Level, c.Log.Format = "info", "text"
	c.Stream.RetainAge, c.Stream.RetainBytes = 7*24*time.Hour, 100<<30
	c.Warehouse.MemoryLimit, c.Warehouse.Threads = 256<<20, 2
	c.Collect.MaxEventBytes, c.Collect.MaxBatchBytes, c.Collect.MaxBatchEvents = 32<<10, 500<<10, 2500
	c.Collect.TrustedProxies = []string{"127.0.0.0/8", "::1/128"}
	c.Collect.PhoneRegion = "86"
	c.Collect.MaxItems = 1_000_000
	c.Collect.MaxPendingBytes = 64 << 20
	c.Pipeline.MaxEvents, c.Pipeline.MinInterval = 16_000, 20*time.Millisecond
	c.Pipeline.DedupeWindow, c.Pipeline.DedupeMax = 24*time.Hour, 20_000_000
	c.Pipeline.BackfillAge = 24 * time.Hour
	c.Reactors.MaxChunk, c.Reactors.MaxDead = 1000, 10_000
	c.Reactors.RetainAge, c.Reactors.RetainBytes = 7*24*time.Hour, 2<<30
	c.Cache.Identifiers, c.Cache.Profiles, c.Cache.Segments = 500_000, 150_000, 150_000
	c.Backup.Keep, c.Backup.MaxRate = 3, 200<<20
	c.Jobs.MaxBytes = 4 << 30
	c.Mail.Digest = 15 * time.Minute
	c.Linkage.MaxPersons = 3_000_000
	c.Uploads.MaxBytes, c.Uploads.TotalBytes, c.Uploads.KeepAge = 1<<30, 10<<30, 7*24*time.Hour
	c.MemoryLimit = 384 << 20
	c.MaxConnections = conns.DefaultMax
	c.Query.Timeout, c.Query.MaxRows = 60*time.Second, 10_000
	c.Query.SQLRunning, c.Query.SQLWaiting = 2, 16
	c.Query.SQLMemory, c.Query.SQLTempBytes = 512<<20, 1<<30
	return c
}

// setting is one configurable value under its three names.
type setting struct {
	key   string // dotted, as in the file; the flag has - for . and _, the variable _
	value any    // pointer into the Config
	usage string
}

func (s setting) flag() string { return strings.NewReplacer(".", "-", "_", "-").Replace(s.key) }
func (s setting) env() string {
	return "TOUCHSTONE_" + strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(s.key))
}

func (c *Config) settings() []setting {
	return []setting{
		{"data", &c.Data, "folder of log, store and warehouse"},
		{"listen", &c.Listen, "HOST:PORT to serve HTTP on"},
		{"dev", &c.Dev, "development: no sign-in, write key and API key \"dev\" (loopback addresses only)"},
		{"roles", &c.Roles, "roles to run: " + strings.Join(AllRoles, ",")},
		{"lease", &c.Lease, "how long the work of a process that died stands still before another takes it up, with PostgreSQL"},
		{"lanes", &c.Lanes, "into how many lanes the work on persons is divided among processes with the role process; more than 1 needs PostgreSQL and an external JetStream"},
		{"time_zone", &c.TimeZone, "time zone of reports until another is chosen in the console"},
		{"log.level", &c.Log.Level, "least level that is logged: debug, info, warn or error"},
		{"log.format", &c.Log.Format, "text or json"},
		{"stream.url", &c.Stream.URL, "nats://… of an external JetStream; empty: embedded"},
		{"stream.min_free_bytes", &c.Stream.MinFreeBytes, "refuse events when the disk has less free; 0: 2 %, at least 1GiB"},
		{"stream.retain_age", &c.Stream.RetainAge, "how long processed events stay in the log"},
		{"stream.retain_bytes", &c.Stream.RetainBytes, "most bytes of processed events in the log"},
		{"store.url", &c.Store.URL, "postgres://… ; empty: SQLite in the data folder"},
		{"warehouse.memory_limit", &c.Warehouse.MemoryLimit, "memory that the embedded warehouse may use"},
		{"warehouse.threads", &c.Warehouse.Threads, "threads that the embedded warehouse may use"},
		{"warehouse.url", &c.Warehouse.URL, "http://HOST:PORT of the process with the role sink, for processes without it"},
		{"warehouse.secret", &c.Warehouse.Secret, "what processes show each other to read the warehouse, 20 characters or more; better in the file or the environment"},
		{"collect.max_event_bytes", &c.Collect.MaxEventBytes, "largest event"},
		{"collect.max_batch_bytes", &c.Collect.MaxBatchBytes, "largest request"},
		{"collect.max_batch_events", &c.Collect.MaxBatchEvents, "most events in a request"},
		{"collect.trusted_proxies", &c.Collect.TrustedProxies, "networks whose X-Forwarded-For is believed"},
		{"collect.phone_region", &c.Collect.PhoneRegion, "country calling code of phone numbers without one"},
		{"collect.max_items", &c.Collect.MaxItems, "most things in the catalogue that 神策's item_set fills"},
		{"collect.sensors_projects", &c.Collect.SensorsProjects, "project=source: sources of 神策 projects whose clients name no token"},
		{"collect.max_pending_bytes", &c.Collect.MaxPendingBytes, "most bytes of events waiting to be written to the log"},
		{"pipeline.max_events", &c.Pipeline.MaxEvents, "most events in a micro-batch"},
		{"pipeline.min_interval", &c.Pipeline.MinInterval, "least time between two micro-batches while few events wait"},
		{"pipeline.dedupe_window", &c.Pipeline.DedupeWindow, "how long a message id is remembered"},
		{"pipeline.dedupe_max", &c.Pipeline.DedupeMax, "most message ids remembered"},
		{"pipeline.backfill_age", &c.Pipeline.BackfillAge, "an event that is older than this when it arrives is backfill, like those of imports: reactors hear of it only if they ask to"},
		{"reactors.max_chunk", &c.Reactors.MaxChunk, "most occurrences that a reactor works on in one transaction"},
		{"reactors.retain_age", &c.Reactors.RetainAge, "how long occurrences wait for a reactor that stands still; then they are dropped, and counted"},
		{"reactors.retain_bytes", &c.Reactors.RetainBytes, "how much waits for reactors that stand still; the oldest beyond it is dropped, and counted"},
		{"reactors.max_dead", &c.Reactors.MaxDead, "most dead letters of a reactor, which then stands still"},
		{"cache.identifiers", &c.Cache.Identifiers, "identifiers held in memory"},
		{"cache.profiles", &c.Cache.Profiles, "profiles held in memory"},
		{"cache.segments", &c.Cache.Segments, "segment states held in memory"},
		{"query.timeout", &c.Query.Timeout, "longest time a query may take"},
		{"query.max_rows", &c.Query.MaxRows, "most rows that the result of a SQL query has"},
		{"jobs.folder", &c.Jobs.Folder, "folder for the files that jobs make, such as exports; with several servers one that all of them share; empty: jobs in the data folder"},
		{"jobs.max_bytes", &c.Jobs.MaxBytes, "most bytes of the files that jobs make, together"},
		{"mail.digest", &c.Mail.Digest, "how long a mail gathers alarms that are over, 1s to 24h"},
		{"webhooks.allow_networks", &c.Webhooks.AllowNetworks, "private networks that webhooks may call, like 10.0.0.0/8"},
		{"linkage.max_persons", &c.Linkage.MaxPersons, "most persons that are compared with each other; each takes about half a kilobyte of memory"},
		{"audit.key_file", &c.Audit.KeyFile, "file with the key that signs the audit log each hour; empty: audit.key in the data folder. Keep a copy apart from the data"},
		{"audit.keep", &c.Audit.Keep, "how long entries of the audit log are kept, 4416h (six months) at least; 0: for ever"},
		{"privacy.key_file", &c.Privacy.KeyFile, "file of the keys of tombstones and receipts, made at the first start; the same for all processes; empty: privacy.key in the data folder"},
		{"encryption.key_file", &c.Encryption.KeyFile, "file of the key that encrypts the data folder, made with touchstone encryption new-key and kept elsewhere; empty: the folder is in the clear"},
		{"backup.folder", &c.Backup.Folder, "folder that backups are made in, best on another disk; empty: backups in the data folder"},
		{"backup.keep", &c.Backup.Keep, "newest backups that are kept"},
		{"backup.max_rate", &c.Backup.MaxRate, "bytes a second that a backup copies at most; 0: no limit"},
		{"query.sql_running", &c.Query.SQLRunning, "SQL statements of people that run at a time, each in a process of its own"},
		{"query.sql_waiting", &c.Query.SQLWaiting, "SQL statements of people that wait; more are answered with 503"},
		{"query.sql_memory", &c.Query.SQLMemory, "memory of one process that answers an SQL statement"},
		{"query.sql_temp_bytes", &c.Query.SQLTempBytes, "disk that one SQL statement may use for what does not fit into memory"},
		{"uploads.max_bytes", &c.Uploads.MaxBytes, "largest file that is uploaded in the console"},
		{"uploads.total_bytes", &c.Uploads.TotalBytes, "most bytes of uploaded files that are kept"},
		{"uploads.keep_age", &c.Uploads.KeepAge, "how long an uploaded file is kept after it was last used"},
		{"max_connections", &c.MaxConnections, "most connections at once; beyond, the longest idle ones are closed"},
		{"metrics.listen", &c.Metrics.Listen, "HOST:PORT that serves /metrics without a key, for a network that only operators reach; empty: /metrics takes an API key"},
		{"memory_limit", &c.MemoryLimit, "memory of the Go heap, beside the warehouse's; GOMEMLIMIT wins"},
		{"pprof_listen", &c.PprofListen, "HOST:PORT for Go profiles; empty: off"},
	}
}

// AddFlags registers a flag for every setting, with the current values as defaults.
func (c *Config) AddFlags(flags *pflag.FlagSet) {
	for _, s := range c.settings() {
		switch p := s.value.(type) {
		case *string:
			flags.StringVar(p, s.flag(), *p, s.usage)
		case *bool:
			flags.BoolVar(p, s.flag(), *p, s.usage)
		case *int:
			flags.IntVar(p, s.flag(), *p, s.usage)
		case *time.Duration:
			flags.DurationVar(p, s.flag(), *p, s.usage)
		case *[]string:
			flags.StringSliceVar(p, s.flag(), *p, s.usage)
		case *Bytes:
			flags.Var(p, s.flag(), s.usage)
		}
	}
}

// Load sets what flags did not: first from the file (if path is not empty), then from
// the environment, which wins over the file. Flags win over both.
func (c *Config) Load(path string, flags *pflag.FlagSet, environ func(string) (string, bool)) error {
	file, err := readFile(path)
	if err != nil {
		return err
	}
	var errs []error
	for _, s := range c.settings() {
		text, inFile := file[s.key]
		delete(file, s.key)
		origin := path + ": " + s.key
		if v, ok := environ(s.env()); ok {
			text, inFile, origin = v, true, s.env()
		}
		if !inFile || (flags != nil && flags.Changed(s.flag())) {
			continue
		}
		if err := set(s.value, text); err != nil {
			errs = append(errs, touchstone.Errorf(touchstone.Invalid, "%s: %v", origin, err))
		}
	}
	for key := range file {
		errs = append(errs, touchstone.Errorf(touchstone.Invalid, "%s: there is no setting %q", path, key))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return c.validate()
}

// readFile flattens a YAML file into dotted keys with their values as text.
func readFile(path string) (map[string]string, error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, touchstone.Wrap(touchstone.Invalid, err, "the configuration file %s cannot be read", path)
	}
	var tree map[string]any
	if err := yaml.Unmarshal(text, &tree); err != nil {
		return nil, touchstone.Errorf(touchstone.Invalid, "%s is not valid YAML: %s", path, yaml.FormatError(err, false, true))
	}
	flat := map[string]string{}
	flatten(flat, "", tree)
	return flat, nil
}

func flatten(flat map[string]string, prefix string, tree map[string]any) {
	for k, v := range tree {
		switch v := v.(type) {
		case map[string]any:
			flatten(flat, prefix+k+".", v)
		case []any:
			items := make([]string, len(v))
			for i := range v {
				items[i] = fmt.Sprint(v[i])
			}
			flat[prefix+k] = strings.Join(items, ",")
		default:
			flat[prefix+k] = fmt.Sprint(v)
		}
	}
}

func set(value any, text string) (err error) {
	switch p := value.(type) {
	case *string:
		*p = text
	case *bool:
		*p, err = strconv.ParseBool(text)
	case *int:
		*p, err = strconv.Atoi(text)
	case *time.Duration:
		*p, err = time.ParseDuration(text)
	case *[]string:
		*p = strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
	case encoding.TextUnmarshaler:
		err = p.UnmarshalText([]byte(text))
	}
	return err
}

func (c *Config) validate() error {
	for _, r := range c.Roles {
		if !slices.Contains(AllRoles, r) {
			return touchstone.Errorf(touchstone.Invalid, "roles: %q is not a role", r).WithHint("the roles are %s", strings.Join(AllRoles, ", "))
		}
	}
	if c.Lease < time.Second || c.Lease > 5*time.Minute {
		return touchstone.Errorf(touchstone.Invalid, "lease: %s is not between 1s and 5m", c.Lease)
	}
	if c.Audit.Keep != 0 && c.Audit.Keep < console.LeastAuditKept {
		return touchstone.Errorf(touchstone.Invalid, "audit.keep: %s is less than %s", c.Audit.Keep, console.LeastAuditKept).WithHint("the law wants six months at least; 0 keeps entries for ever")
	}
	if c.Mail.Digest < time.Second || c.Mail.Digest > 24*time.Hour {
		return touchstone.Errorf(touchstone.Invalid, "mail.digest: %s is not between 1s and 24h", c.Mail.Digest)
	}
	if err := c.validateLanes(); err != nil {
		return err
	}
	if err := c.validateWarehouse(); err != nil {
		return err
	}
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return touchstone.Errorf(touchstone.Invalid, "listen: %q is not HOST:PORT", c.Listen)
	}
	if c.Dev && !isLoopback(host) {
		return touchstone.Errorf(touchstone.Invalid, "dev needs a loopback address, but listen is %q", c.Listen).
			WithHint("leave --dev out to serve others, or listen on 127.0.0.1")
	}
	if c.Data == "" {
		return touchstone.Errorf(touchstone.Invalid, "data: name the folder that holds log, store and warehouse")
	}
	c.Data, err = filepath.Abs(c.Data)
	return err
}

// validateWarehouse refuses a process that could not do what its roles ask for.
func (c *Config) validateWarehouse() error {
	if c.Warehouse.URL != "" || c.Warehouse.Secret != "" {
		if err := remote.CheckSecret(c.Warehouse.Secret); err != nil {
			return err
		}
	}
	if slices.Contains(c.Roles, "process") && !slices.Contains(c.Roles, "sink") && c.Warehouse.URL == "" {
		return touchstone.Errorf(touchstone.Invalid, "roles: process reads the warehouse to build segments, and this process would have none").
			WithHint("set warehouse.url to the process with the role sink, and warehouse.secret to the same in both")
	}
	return nil
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// Environ looks up the process's environment.
func Environ(name string) (string, bool) { return os.LookupEnv(name) }

// DefaultFile returns path, or touchstone.yaml if path is empty and that file exists.
func DefaultFile(path string) string {
	const name = "touchstone.yaml"
	if path != "" {
		return path
	}
	if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	return name
}

// Bytes is a size; as text it takes the units B, KB, MB, GB, TB and KiB, MiB, GiB, TiB.
type Bytes int64

var byteUnits = []struct {
	name string
	size int64
}{
	{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
	{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"KB", 1e3}, {"B", 1},
}

// String writes the size in the largest binary unit that divides it.
func (b Bytes) String() string {
	for _, u := range byteUnits[:4] {
		if b != 0 && int64(b)%u.size == 0 {
			return strconv.FormatInt(int64(b)/u.size, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(b), 10)
}

// Set and Type make Bytes a flag.
func (b *Bytes) Set(s string) error { return b.UnmarshalText([]byte(s)) }

// Type names the value in help texts.
func (b *Bytes) Type() string { return "size" }

// UnmarshalText reads "512MiB", "1.5GB" or a plain number of bytes.
func (b *Bytes) UnmarshalText(text []byte) error {
	s, size := strings.TrimSpace(string(text)), int64(1)
	for _, u := range byteUnits {
		if rest, ok := strings.CutSuffix(s, u.name); ok {
			s, size = strings.TrimSpace(rest), u.size
			break
		}
	}
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || n < 0 || n*float64(size) > 1<<62 {
		return fmt.Errorf("%q is not a size like 512MiB", text)
	}
	*b = Bytes(n * float64(size))
	return nil
}
