package apptest

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

type foreseen struct {
	Created     int64 `json:"persons_created"`
	Merged      int64 `json:"persons_merged"`
	Matched     int64 `json:"persons_matched"`
	RowsOfNew   int64 `json:"rows_of_new"`
	RowsOfKnown int64 `json:"rows_of_known"`
	Merges      []struct {
		Row            int64
		Kept, Absorbed string
	}
	Refused []struct {
		Reason   string
		Links    int64
		Examples []struct{ Row int64 }
	} `json:"refused_links"`
	Without *struct {
		Rows    int64
		Created int64 `json:"persons_created"`
	} `json:"without_merges"`
}

// upload sends a file in one part and returns its id.
func (s *Server) upload(name, text string) string {
	s.t.Helper()
	var u struct{ ID string }
	s.Call(http.MethodPost, "/api/v1/uploads", map[string]any{"name": name, "size": len(text), "head": name}, &u)
	request, err := http.NewRequest(http.MethodPatch, s.URL+"/api/v1/uploads/"+u.ID+"?offset=0", strings.NewReader(text))
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer dev")
	request.Header.Set("Content-Type", "application/octet-stream")
	answer, err := s.http.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	if body, _ := io.ReadAll(answer.Body); answer.StatusCode != http.StatusOK {
		s.t.Fatalf("upload: %d %s", answer.StatusCode, body)
	}
	return u.ID
}

// tryUpload has an upload tried and returns what it would do.
func (s *Server) tryUpload(id, mapping string) (p foreseen) {
	s.t.Helper()
	s.Call(http.MethodPost, "/api/v1/uploads/"+id+"/dry-run", map[string]any{"yaml": mapping, "source": "dealers"}, nil)
	var run struct {
		State  string
		Error  any
		Result *struct{ Persons *foreseen }
	}
	Eventually(s.t, time.Minute, "the dry run ends", func() bool {
		s.Call(http.MethodGet, "/api/v1/uploads/"+id+"/dry-run", nil, &run)
		return run.State == "finished" || run.State == "failed"
	})
	if run.Result == nil || run.Result.Persons == nil {
		s.t.Fatalf("the dry run ended as %+v", run)
	}
	return *run.Result.Persons
}

// importUpload imports an upload and waits for its end.
func (s *Server) importUpload(id, mapping string, more map[string]any) {
	s.t.Helper()
	body := map[string]any{"yaml": mapping, "source": "dealers"}
	for k, v := range more {
		body[k] = v
	}
	var i struct {
		ID  string
		Run struct{ State string }
	}
	s.Call(http.MethodPost, "/api/v1/uploads/"+id+"/import", body, &i)
	Eventually(s.t, time.Minute, "the import ends", func() bool {
		s.Call(http.MethodGet, "/api/v1/imports/"+i.ID, nil, &i)
		return i.Run.State == "finished" || i.Run.State == "failed"
	})
	if i.Run.State != "finished" {
		s.t.Fatalf("the import ended as %+v", i)
	}
}

const dealerMapping = `format: csv
type: track
event: Dealer Visited
time: when
identifiers: {phone: phone, email: email, user_id: customer}
`

// A dealer's file joins people who are there: the dry run says which rows do, and what becomes of the others. Imported
// without those rows it merges nobody, and they wait in quarantine; imported whole it does what was said.
func TestImportForeseesMerges(t *testing.T) {
	t.Parallel()
	s := Start(t)
	for i := range 6 {
		s.Track(Event{"type": "identify", "userId": fmt.Sprint("u", i), "traits": map[string]any{"phone": fmt.Sprintf("+861390013900%d", i)}},
			Event{"type": "track", "event": "Opened", "anonymousId": fmt.Sprint("a", i), "context": map[string]any{"traits": map[string]any{"email": fmt.Sprintf("e%d@x.org", i)}}})
	}
	before := s.Drain()
	rows := []string{"when,phone,email,customer",
		"2026-03-01T10:00:00Z,+8613900139000,e0@x.org,", // joins two
		"2026-03-01T11:00:00Z,+8613900139001,,",         // of somebody known
		"2026-03-01T12:00:00Z,,new@x.org,",              // of somebody new
		"2026-03-01T13:00:00Z,+8613900139002,,u3",       // two users: the link is refused
		"2026-03-01T14:00:00Z,+8613900139000,e0@x.org,", // joins the two of the first row, if that does not
		"2026-03-01T15:00:00Z,+8613900139004,fresh@x.org,",
		"2026-03-01T16:00:00Z,,fresh@x.org,",
		"2026-03-01T17:00:00Z,,fresh@x.org,u4", // nothing new
		"2026-03-01T18:00:00Z,+8613900139005,e5@x.org,",
	}
	id := s.upload("dealers.csv", strings.Join(rows, "\n")+"\n")
	p := s.tryUpload(id, dealerMapping)
	if p.Created != 1 || p.Merged != 2 || p.RowsOfNew != 1 || p.RowsOfKnown != 8 || len(p.Merges) != 2 || p.Merges[0].Row != 1 || p.Merges[1].Row != 9 {
		t.Errorf("foreseen is %+v", p)
	}
	if len(p.Refused) != 1 || p.Refused[0].Links != 1 || p.Refused[0].Examples[0].Row != 4 {
		t.Errorf("refused links are %+v", p.Refused)
	}
	if p.Without == nil || p.Without.Rows != 3 || p.Without.Created != 1 {
		t.Fatalf("without merges: %+v", p.Without)
	}
	if st := s.Stats(); st.Accepted != before.Accepted || st.Persons != before.Persons {
		t.Errorf("the dry run changed %+v to %+v", before, st)
	}

	s.importUpload(id, dealerMapping, map[string]any{"without_merges": true})
	st := s.Drain()
	if st.Persons != before.Persons+p.Without.Created || s.Person("phone:+8613900139000").ID == s.Person("email:e0@x.org").ID {
		t.Errorf("without merges %d persons became %d", before.Persons, st.Persons)
	}
	var left []int64
	for _, q := range s.Quarantine(nil) {
		if q.Row != nil && q.Code == "would_merge" {
			left = append(left, *q.Row)
		}
	}
	if slices.Sort(left); !slices.Equal(left, []int64{1, 5, 9}) {
		t.Errorf("rows %v are in quarantine", left)
	}

	again := s.tryUpload(id, dealerMapping)
	s.importUpload(id, dealerMapping, map[string]any{"again": true})
	if after := s.Drain(); again.Merged != 2 || again.Created != 0 || after.Persons != st.Persons-2 {
		t.Errorf("%d persons became %d; foreseen was %+v", st.Persons, after.Persons, again)
	}
	if one := s.Person("phone:+8613900139000").ID; one != s.Person("email:e0@x.org").ID || one != again.Merges[0].Kept {
		t.Errorf("the two are %s; foreseen was %s", one, again.Merges[0].Kept)
	}
}
