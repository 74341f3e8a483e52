package collect

import (
	"net/http"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/admission/mend"
	"github.com/touchstone-cdp/touchstone/api"
)

const maxQuarantineIDs = 1000

func (x *resource) listQuarantine(w http.ResponseWriter, r *http.Request) error {
	p, err := api.ReadPaging(r)
	if err != nil {
		return err
	}
	quarantine := x.parts().Quarantine
	q := r.URL.Query()
	items, next, err := quarantine.List(r.Context(), api.ViewerOf(r), QuarantineFilter{
		Source: q.Get("source"), Code: q.Get("code"), Group: q.Get("group"), Reason: q.Get("reason"), Text: q.Get("q"),
	}, p.Limit, p.After)
	if err != nil {
		return err
	}
	return api.WritePage(w, items, next)
}

func (x *resource) getQuarantineSummary(w http.ResponseWriter, r *http.Request) error {
	quarantine := x.parts().Quarantine
	counts, err := quarantine.Summary(r.Context(), api.ViewerOf(r))
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, counts)
}

func (x *resource) listGroups(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	groups, err := x.parts().Quarantine.Groups(r.Context(), api.ViewerOf(r), QuarantineFilter{Source: q.Get("source"), Code: q.Get("code"), Group: q.Get("group")})
	if err != nil {
		return err
	}
	return api.WritePage(w, groups, "")
}

func (x *resource) suggestRepairs(w http.ResponseWriter, r *http.Request) error {
	list, err := x.parts().Quarantine.Suggest(r.Context(), api.ViewerOf(r), api.Param(r, "id"))
	if err != nil {
		return err
	}
	return api.WritePage(w, list, "")
}

func (x *resource) tryRepair(w http.ResponseWriter, r *http.Request) error {
	var in mend.Rule
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	trial, err := x.parts().Quarantine.Try(r.Context(), api.ViewerOf(r), api.Param(r, "id"), &in)
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, trial)
}

func (x *resource) replayQuarantined(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Event touchstone.JSON `json:"event"`
	}
	body, err := api.ReadBody(r)
	if err != nil {
		return err
	}
	if len(body) > 0 {
		if err := api.DecodeJSON(body, &in); err != nil {
			return err
		}
	}
	if in.Event == "null" {
		in.Event = ""
	}
	quarantine := x.parts().Quarantine
	id := api.Param(r, "id")
	done, err := quarantine.Replay(r.Context(), id, in.Event)
	if err != nil {
		return err
	}
	api.NoteTarget(r, id, "")
	return api.WriteJSON(w, http.StatusOK, done)
}

func (x *resource) replayQuarantine(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		IDs    []string `json:"ids"`
		Code   string   `json:"code"`
		Source string   `json:"source"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	if err := checkIDs(in.IDs); err != nil {
		return err
	}
	quarantine := x.parts().Quarantine
	done, err := quarantine.ReplayAll(r.Context(), QuarantineFilter{IDs: in.IDs, Code: in.Code, Source: in.Source})
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, done)
}

func (x *resource) discardQuarantine(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		IDs []string `json:"ids"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	if len(in.IDs) == 0 {
		return touchstone.Errorf(touchstone.Invalid, "The field \"ids\" names no event.")
	}
	if err := checkIDs(in.IDs); err != nil {
		return err
	}
	quarantine := x.parts().Quarantine
	n, err := quarantine.Discard(r.Context(), QuarantineFilter{IDs: in.IDs})
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, map[string]int64{"discarded": n})
}

func checkIDs(ids []string) error {
	if len(ids) > maxQuarantineIDs {
		return touchstone.Errorf(touchstone.Invalid, "The field \"ids\" has %d entries; at most %d fit.", len(ids), maxQuarantineIDs)
	}
	return nil
}

func (x *resource) deleteQuarantined(w http.ResponseWriter, r *http.Request) error {
	quarantine := x.parts().Quarantine
	id := api.Param(r, "id")
	n, err := quarantine.Discard(r.Context(), QuarantineFilter{IDs: []string{id}})
	if err != nil {
		return err
	}
	if n == 0 {
		return touchstone.Errorf(touchstone.NotFound, "There is no quarantined event %.60q.", id)
	}
	api.NoteTarget(r, id, "")
	return api.NoContent(w)
}
