package mail

import (
	_ "embed"
	"net/http"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/internal/httpapi"
	"github.com/touchstone-cdp/touchstone/internal/randid"
)

//go:embed openapi.yaml
var spec []byte

// The permissions.
const (
	mayRead  access.Permission = "mail:read"
	mayWrite access.Permission = "mail:write"
)

// Resource is the API of mail. The function is asked when a request comes.
func Resource(of func() *Mail) api.Resource {
	x := resource{of}
	return api.Resource{Name: "Mail", Spec: spec, Serves: touchstone.Operation("alarms about data are told to who works here"),
		Permissions: []access.Declared{
			{Permission: mayRead, Allows: "see who is told of alarms by e-mail, and whether the mails arrive"},
			{Permission: mayWrite, Allows: "change how mail is sent and who is told, and send a test"},
		},
		Routes: []api.Route{
			{Method: http.MethodGet, Path: "/mail", Need: mayRead, Handle: x.get},
			{Method: http.MethodPut, Path: "/mail", Need: mayWrite, Handle: x.put, Action: "mail.update", Secret: true},
			{Method: http.MethodPost, Path: "/mail/test", Need: mayWrite, Handle: x.test, Action: "mail.test"},
		}}
}

type resource struct{ of func() *Mail }

// answer is the settings as the API shows them: the password is not read back.
type answer struct {
	Settings
	HasPassword bool    `json:"has_password"`
	Queues      []queue `json:"queues"` // of the recipients, in their order
}

// queue is what became of the mails to an address.
type queue struct {
	Address     string        `json:"address"`
	Waiting     int64         `json:"waiting"`
	DeadLetters int64         `json:"dead_letters"`
	Delivered   int64         `json:"delivered"`
	Failures    int           `json:"failures"` // in a row
	DeliveredAt time.Time     `json:"delivered_at"`
	FailedAt    time.Time     `json:"failed_at"`
	Error       string        `json:"error"`
	ErrorText   *httpapi.Text `json:"error_text,omitempty"`
}

func (x resource) show(r *http.Request, m *Mail, s Settings) (answer, error) {
	out := answer{Settings: s, HasPassword: s.password != "", Queues: make([]queue, len(s.Recipients))}
	for i, to := range s.Recipients {
		q, err := m.cfg.Outbox.Queue(r.Context(), Kind, to.Address)
		if err != nil {
			return out, err
		}
		out.Queues[i] = queue{to.Address, q.Waiting, q.DeadLetters, q.Delivered, q.Failures, q.DeliveredAt, q.FailedAt, q.Error, q.Why}
	}
	return out, nil
}

func (x resource) get(w http.ResponseWriter, r *http.Request) error {
	m := x.of()
	if m == nil {
		return api.NotHere("mail")
	}
	s, err := m.Get(r.Context())
	if err != nil {
		return err
	}
	out, err := x.show(r, m, s)
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, out)
}

func (x resource) put(w http.ResponseWriter, r *http.Request) error {
	m := x.of()
	if m == nil {
		return api.NotHere("mail")
	}
	in := struct {
		Settings
		Password *string `json:"password"` // null: the one that is there stays
	}{Settings: defaults()}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	s, err := m.Set(r.Context(), in.Settings, in.Password)
	if err != nil {
		return err
	}
	api.NoteTarget(r, Kind, s.Host)
	out, err := x.show(r, m, s)
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, out)
}

// tested is what became of a test to an address.
type tested struct {
	Address   string        `json:"address"`
	OK        bool          `json:"ok"`
	Error     string        `json:"error"`
	ErrorText *httpapi.Text `json:"error_text,omitempty"`
}

func (x resource) test(w http.ResponseWriter, r *http.Request) error {
	m := x.of()
	if m == nil {
		return api.NotHere("mail")
	}
	s, results, err := m.Test(r.Context(), randid.New("test"))
	if err != nil {
		return err
	}
	api.NoteTarget(r, Kind, s.Host)
	list := make([]tested, len(results))
	for i, err := range results {
		list[i] = tested{Address: s.Recipients[i].Address, OK: err == nil}
		if err != nil {
			list[i].Error, list[i].ErrorText = err.Error(), httpapi.TextOf(err)
		}
	}
	return api.WritePage(w, list, "")
}
