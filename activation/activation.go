// Package activation takes the members of a segment to where something is done with them: files for advertising platforms, in the
// form and with the hashes that each asks for, and lists for partners, onto an SFTP server or by signed calls.
//
// An [Activation] is sent by jobs of the kind [JobKind], by hand or by a schedule. What a receiver holds is kept line by line, so that
// a run can send what has changed, and so that it is known whose lines a receiver has.
//
// docs/design/activation.md tells the whole story.
package activation

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"net"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/internal/randid"
	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/store"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// The bounds of definitions.
const (
	maxActivations = 200
	maxName        = 200
	maxSecret      = 16 << 10
	keepRuns       = 400 // of an activation
)

// Identifier is one of a person, with the node that it is.
type Identifier struct {
	touchstone.Identifier
	Node touchstone.NodeID
}

// Config is what Open needs.
type Config struct {
	DB *store.DB
	// Segment returns a segment's name and the purpose that it serves. NotFound: there is none.
	Segment func(ctx context.Context, id string) (name, purpose string, err error)
	// Members returns the next of a segment's members, and the cursor behind them; "" is the end.
	Members func(ctx context.Context, segment string, limit int, cursor string) ([]touchstone.PersonID, string, error)
	// Identifiers returns what identifies persons, in the state of the transaction.
	Identifiers func(ctx context.Context, q store.Querier, persons []touchstone.PersonID) (map[touchstone.PersonID][]Identifier, error)
	// Kinds are those of identifiers that there are.
	Kinds []touchstone.IdentifierKind
	// Protected tells who of persons must not be in what goes out: children.
	Protected func(ctx context.Context, persons []touchstone.PersonID) (map[touchstone.PersonID]bool, error)
	// Agreeing returns those of persons who agree to a purpose, or if that is "" to a use.
	Agreeing api.Consents
	// Purposes refuses a purpose of consent that there is not; nil takes any.
	Purposes func(ctx context.Context, q store.Querier, purpose string) error
	// Dial connects to where calls may go.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Post sends a signed message and returns the status of the answer; an error says why there was none, or none that is a yes.
	Post func(ctx context.Context, url, secret, id string, body []byte) (int, error)
	// CheckURL refuses an address that cannot be called.
	CheckURL func(url string) error
	Clock    touchstone.Clock
}

// Target is where a run goes.
type Target struct {
	Type string `json:"type"` // file: of the job, to be fetched; sftp; call
	// Of sftp:
	Host    string `json:"host,omitempty"` // "sftp.example.com:22"
	User    string `json:"user,omitempty"`
	Folder  string `json:"folder,omitempty"`
	HostKey string `json:"host_key,omitempty"` // "SHA256:…": the server's; another one is not spoken to
	// Of call:
	URL string `json:"url,omitempty"`
}

// Activation is a definition.
type Activation struct {
	ID        string                      `json:"id"` // act_…
	Name      string                      `json:"name"`
	Segment   string                      `json:"segment"`
	Purpose   string                      `json:"purpose"` // of consent; "": the segment's, or that of sharing
	Format    Format                      `json:"format"`
	Kinds     []touchstone.IdentifierKind `json:"kinds"`
	Changes   bool                        `json:"changes"` // send what has changed since the last run; else everything each time
	Target    Target                      `json:"target"`
	HasSecret bool                        `json:"has_secret"` // it is never read back
	Whole     bool                        `json:"whole"`      // the next run sends everything, whatever Changes says
	CreatedAt time.Time                   `json:"created_at"`
	UpdatedAt time.Time                   `json:"updated_at"`

	secret              string
	run, arrived, whole int64
}

// Draft makes an activation, or changes one: a nil field stays as it is.
type Draft struct {
	Name    *string                      `json:"name"`
	Segment *string                      `json:"segment"`
	Purpose *string                      `json:"purpose"`
	Format  *Format                      `json:"format"`
	Kinds   *[]touchstone.IdentifierKind `json:"kinds"`
	Changes *bool                        `json:"changes"`
	Target  *Target                      `json:"target"`
	Secret  *string                      `json:"secret"`
}

// Activations is the feature.
type Activations struct{ cfg Config }

// Open brings the tables up to date.
func Open(ctx context.Context, cfg Config) (*Activations, error) {
	if cfg.Clock == nil {
		cfg.Clock = touchstone.SystemClock{}
	}
	if err := cfg.DB.Migrate(ctx, "activation", store.Migrations(migrationFiles)); err != nil {
		return nil, err
	}
	return &Activations{cfg}, nil
}

func set[T any](to *T, from *T) bool {
	if from != nil {
		*to = *from
	}
	return from != nil
}

// apply makes the changes of a draft. What a receiver holds is of no use for another place, format or choice of identifiers: then the
// next run sends everything.
func (d *Draft) apply(x *Activation) {
	set(&x.Name, d.Name)
	set(&x.Purpose, d.Purpose)
	set(&x.Changes, d.Changes)
	set(&x.secret, d.Secret)
	moved := set(&x.Segment, d.Segment)
	moved = set(&x.Format, d.Format) || moved
	moved = set(&x.Kinds, d.Kinds) || moved
	moved = set(&x.Target, d.Target) || moved
	if moved {
		x.whole++
	}
}

func (a *Activations) check(ctx context.Context, q store.Querier, x *Activation) error {
	x.Name = strings.TrimSpace(x.Name)
	shape, known := shapes[x.Format]
	switch {
	case x.Name == "" || utf8.RuneCountInString(x.Name) > maxName:
		return touchstone.Errorf(touchstone.Invalid, "An activation needs a name of at most %d characters.", maxName)
	case !known:
		return touchstone.Errorf(touchstone.Invalid, "%q is no format of files: google, meta, oceanengine, tencent, csv or json.", string(x.Format))
	case len(x.secret) > maxSecret:
		return touchstone.Errorf(touchstone.Invalid, "The secret has more than %d bytes.", maxSecret)
	case x.Changes && (x.Format == OceanEngine || x.Format == Tencent) && x.Target.Type != "call":
		return touchstone.Errorf(touchstone.Invalid, "A file for this platform is a list without columns and cannot say what is to be removed.").
			WithHint("Send everything each time; the platform replaces what it has.")
	}
	if len(x.Kinds) == 0 {
		if x.Kinds = shape.kinds; x.Kinds == nil {
			return touchstone.Errorf(touchstone.Invalid, "Say which kinds of identifiers are sent.")
		}
	}
	for _, k := range x.Kinds {
		if shape.kinds != nil && !slices.Contains(shape.kinds, k) || !slices.Contains(a.cfg.Kinds, k) {
			return touchstone.Errorf(touchstone.Invalid, "%q is no kind of identifiers that this format takes.", string(k))
		}
	}
	if err := a.checkTarget(x); err != nil {
		return err
	}
	if _, _, err := a.cfg.Segment(ctx, x.Segment); err != nil {
		return err
	}
	if x.Purpose == "" || a.cfg.Purposes == nil {
		return nil
	}
	return a.cfg.Purposes(ctx, q, x.Purpose)
}

func (a *Activations) checkTarget(x *Activation) error {
	t := &x.Target
	switch t.Type {
	case "file":
		*t = Target{Type: "file"}
		return nil
	case "sftp":
		*t = Target{Type: "sftp", Host: t.Host, User: t.User, Folder: t.Folder, HostKey: t.HostKey}
		return checkSFTP(t, x.secret)
	case "call":
		*t = Target{Type: "call", URL: t.URL}
		if !strings.HasPrefix(x.secret, "whsec_") {
			return touchstone.Errorf(touchstone.Invalid, "Calls are signed: the secret is whsec_ and 24 to 64 bytes in base64.")
		}
		return a.cfg.CheckURL(t.URL)
	}
	return touchstone.Errorf(touchstone.Invalid, "%q is no place to send to: file, sftp or call.", t.Type)
}

const columns = `id, name, segment, purpose, format, kinds, changes, target, secret, run, arrived, whole, created_at, updated_at`

func scan(from func(...any) error) (x Activation, err error) {
	var kinds, target string
	var changes, created, updated int64
	if err := from(&x.ID, &x.Name, &x.Segment, &x.Purpose, &x.Format, &kinds, &changes, &target, &x.secret, &x.run, &x.arrived, &x.whole, &created, &updated); err != nil {
		return x, err
	}
	for k := range strings.SplitSeq(kinds, ",") {
		x.Kinds = append(x.Kinds, touchstone.IdentifierKind(k))
	}
	x.Changes, x.Whole, x.HasSecret = changes == 1, x.whole > 0, x.secret != ""
	x.CreatedAt, x.UpdatedAt = time.UnixMilli(created).UTC(), time.UnixMilli(updated).UTC()
	return x, json.Unmarshal([]byte(target), &x.Target)
}

// List returns all activations, by name.
func (a *Activations) List(ctx context.Context) ([]Activation, error) {
	list := []Activation{}
	err := keep.Each(ctx, a.cfg.DB.Reader(), `SELECT `+columns+` FROM activations ORDER BY name, id`, nil, func(from func(...any) error) error {
		x, err := scan(from)
		list = append(list, x)
		return err
	})
	return list, err
}

// Get returns one. NotFound: it is not there.
func (a *Activations) Get(ctx context.Context, id string) (Activation, error) {
	return a.get(ctx, a.cfg.DB.Reader(), id)
}

func (a *Activations) get(ctx context.Context, q store.Querier, id string) (Activation, error) {
	x, err := scan(q.QueryRow(ctx, `SELECT `+columns+` FROM activations WHERE id = ?`, id).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		err = touchstone.Errorf(touchstone.NotFound, "There is no activation %.60q.", id)
	}
	return x, err
}

// Create makes an activation. Its first run sends everything.
func (a *Activations) Create(ctx context.Context, d Draft) (Activation, error) {
	now := a.cfg.Clock.Now()
	x := Activation{ID: randid.New("act"), whole: 1, Target: Target{Type: "file"}, CreatedAt: now, UpdatedAt: now}
	d.apply(&x)
	err := a.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		var n int
		if err := tx.QueryRow(ctx, `SELECT count(*) FROM activations`).Scan(&n); err != nil {
			return err
		}
		if n >= maxActivations {
			return touchstone.Errorf(touchstone.Conflict, "There are %d activations, which is the most.", n).WithHint("Delete one that is not needed.")
		}
		return a.write(ctx, tx, &x)
	})
	if err != nil {
		return x, err
	}
	return a.Get(ctx, x.ID)
}

// Update changes an activation.
func (a *Activations) Update(ctx context.Context, id string, d Draft) (Activation, error) {
	err := a.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		x, err := a.get(ctx, tx, id)
		if err != nil {
			return err
		}
		d.apply(&x)
		x.UpdatedAt = a.cfg.Clock.Now()
		return a.write(ctx, tx, &x)
	})
	if err != nil {
		return Activation{}, err
	}
	return a.Get(ctx, id)
}

func (a *Activations) write(ctx context.Context, tx *store.Tx, x *Activation) error {
	if err := a.check(ctx, tx, x); err != nil {
		return err
	}
	var other string
	switch err := tx.QueryRow(ctx, `SELECT id FROM activations WHERE name = ? AND id <> ?`, x.Name, x.ID).Scan(&other); {
	case err == nil:
		return touchstone.Errorf(touchstone.Conflict, "There is an activation %q already.", x.Name)
	case !errors.Is(err, sql.ErrNoRows):
		return err
	}
	target, err := json.Marshal(x.Target)
	if err != nil {
		return err
	}
	kinds := make([]string, len(x.Kinds))
	for i, k := range x.Kinds {
		kinds[i] = string(k)
	}
	u := store.Upsert{Table: "activations", Columns: strings.Split(columns, ", "), Key: []string{"id"}}
	return tx.BulkUpsert(ctx, u, 1, func(_ int, args []any) {
		copy(args, []any{x.ID, x.Name, x.Segment, x.Purpose, string(x.Format), strings.Join(kinds, ","), number(x.Changes), string(target), x.secret, x.run, x.arrived, x.whole,
			x.CreatedAt.UnixMilli(), x.UpdatedAt.UnixMilli()})
	})
}

func number(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// Delete forgets an activation and what its receiver was sent. The receiver keeps it.
func (a *Activations) Delete(ctx context.Context, id string) error {
	return a.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		if _, err := a.get(ctx, tx, id); err != nil {
			return err
		}
		for _, q := range []string{`DELETE FROM activation_lines WHERE activation = ?`, `DELETE FROM activation_runs WHERE activation = ?`, `DELETE FROM activations WHERE id = ?`} {
			if _, err := tx.Exec(ctx, q, id); err != nil {
				return err
			}
		}
		return nil
	})
}

// Ran is a run that arrived.
type Ran struct {
	Run     int64     `json:"run"`
	Job     string    `json:"job"`
	Whole   bool      `json:"whole"` // it replaced what was there
	Added   int64     `json:"added"` // lines
	Removed int64     `json:"removed"`
	Held    int64     `json:"held"`     // lines that the receiver has now
	Persons int64     `json:"persons"`  // members who agree and are not protected
	LeftOut int64     `json:"left_out"` // members who do not agree, or are protected
	Without int64     `json:"without"`  // members without such an identifier
	File    string    `json:"file"`
	EndedAt time.Time `json:"ended_at"`
}

// Runs returns what arrived, the newest first.
func (a *Activations) Runs(ctx context.Context, id string) ([]Ran, error) {
	if _, err := a.Get(ctx, id); err != nil {
		return nil, err
	}
	list := []Ran{}
	err := keep.Each(ctx, a.cfg.DB.Reader(), `SELECT run, job, whole, added, removed, held, persons, left_out, without, file, ended_at FROM activation_runs WHERE activation = ? ORDER BY run DESC`,
		[]any{id}, func(from func(...any) error) error {
			var r Ran
			var whole, ended int64
			err := from(&r.Run, &r.Job, &whole, &r.Added, &r.Removed, &r.Held, &r.Persons, &r.LeftOut, &r.Without, &r.File, &ended)
			r.Whole, r.EndedAt = whole == 1, time.UnixMilli(ended).UTC()
			list = append(list, r)
			return err
		})
	return list, err
}
