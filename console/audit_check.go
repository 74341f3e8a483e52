package console

import (
	"net/http"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/console/chain"
	"github.com/touchstone-cdp/touchstone/store"
)

// auditState is what is known of the chain.
type auditState struct {
	chain.Verdict
	Base     int64     `json:"base"`
	BeganAt  time.Time `json:"began_at"`
	Old      int64     `json:"old"`
	Keys     []string  `json:"keys"`
	OwnKey   string    `json:"own_key"`
	KeepDays int       `json:"keep_days"`
}

func (c *Console) getAuditChain(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	c.checking.Lock() // one walk at a time: it reads the whole log
	defer c.checking.Unlock()
	v, head, heads, err := checkAudit(ctx, c.cfg.DB)
	if err != nil {
		return err
	}
	s := auditState{Verdict: v, Base: head.base.Number, BeganAt: time.UnixMilli(head.beganAt).UTC(), Old: head.old, Keys: []string{}, OwnKey: c.cfg.Audit.keyOf(), KeepDays: int(c.cfg.Audit.Keep / (24 * time.Hour))}
	for i := range heads {
		if !slices.Contains(s.Keys, heads[i].Key) {
			s.Keys = append(s.Keys, heads[i].Key)
		}
	}
	return api.WriteJSON(w, http.StatusOK, s)
}

// ExportHead is the first line of an exported chain.
type ExportHead struct {
	Touchstone string       `json:"touchstone"` // "audit 1"
	Base       chain.Base   `json:"base"`
	Newest     int64        `json:"newest"`
	Heads      []chain.Head `json:"heads"`
}

// exportForm names the form of an export.
const exportForm = "audit 1"

// exportAuditChain sends the chain as it is at one moment. It is written page by page, so it
// needs no memory for the whole.
func (c *Console) exportAuditChain(w http.ResponseWriter, r *http.Request) error {
	ctx, open := r.Context(), api.ViewerOf(r).SeesContacts()
	c.checking.Lock()
	defer c.checking.Unlock()
	return c.cfg.DB.View(ctx, func(tx *store.Tx) error {
		head, err := readHead(ctx, tx)
		if err != nil {
			return err
		}
		heads, err := readHeads(ctx, tx)
		if err != nil {
			return err
		}
		w.Header().Set("Content-Type", "application/x-ndjson")
		w.Header().Set("Content-Disposition", `attachment; filename="audit.ndjson"`)
		write := func(v any) error {
			line, err := json.Marshal(v)
			if err == nil {
				_, err = w.Write(append(line, '\n'))
			}
			return err
		}
		if err := write(ExportHead{exportForm, head.base, head.n, heads}); err != nil {
			return err
		}
		return eachEntry(ctx, tx, func(e *chain.Entry) error {
			if e.Redacted {
				e.Open, e.Salt = nil, nil
			} else if own := e.Action == redactAction || e.Action == pruneAction; !open && !own {
				e.Open, e.Salt = nil, nil
			}
			return write(e)
		})
	})
}

// CheckExport checks lines that exportAuditChain has written; keys are whose signatures count, none: any.
func CheckExport(next func() ([]byte, error), keys ...string) (v chain.Verdict, err error) {
	line, err := next()
	if err != nil {
		return v, err
	}
	var head ExportHead
	if err := json.Unmarshal(line, &head); err != nil || head.Touchstone != exportForm {
		return v, touchstone.Errorf(touchstone.Invalid, "this is no exported audit log").WithHint("get one from the settings, Audit log, or from /api/v1/audit/chain/export")
	}
	c := chain.NewCheck(head.Base, head.Heads, keys...)
	for {
		line, err := next()
		if err != nil {
			return v, err
		}
		if line == nil {
			return c.Finish(head.Newest), nil
		}
		var e chain.Entry
		if err := json.Unmarshal(line, &e); err != nil {
			return v, touchstone.Errorf(touchstone.Invalid, "line %d of the audit log cannot be read", c.Entries+2).WithHint("the file is damaged: a line was changed by hand")
		}
		checkEntry(c, &e)
	}
}
