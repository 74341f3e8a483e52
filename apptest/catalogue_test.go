package apptest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

type catalogueEntry struct {
	Sort    string `json:"sort"`
	Name    string `json:"name"`
	Class   string `json:"class"`
	ClassBy string `json:"class_by"`
	NameZH  string `json:"name_zh"`
	Starred bool   `json:"starred"`
	Found   []struct {
		Event   string `json:"event"`
		Values  int    `json:"values"`
		Matched int    `json:"matched"`
	} `json:"found"`
}

func entriesOf(s *Server) map[string]catalogueEntry {
	var list struct {
		Items []catalogueEntry `json:"items"`
	}
	s.Call(http.MethodGet, "/api/v1/catalogue/entries", nil, &list)
	all := map[string]catalogueEntry{}
	for _, e := range list.Items {
		all[e.Sort+":"+e.Name] = e
	}
	return all
}

// Fields whose names say nothing are found by their values to hold personal data, and masked from then on for who may
// not see contacts, in reads and in SQL; a hand overrules what was found, and only one that sees contacts.
func TestPersonalDataIsFoundByItsValues(t *testing.T) {
	t.Parallel()
	s := Start(t)
	for i := range 12 {
		local := fmt.Sprintf("6234%04d", i*37+1000) // a landline without its area: no form of its own
		if i < 8 {
			local = fmt.Sprintf("138001380%02d", i)
		}
		s.Track(Event{"type": "identify", "userId": fmt.Sprint("u-", i), "traits": map[string]any{"feld7": fmt.Sprintf("zoe%d@example.com", i), "level": i}},
			Event{"type": "track", "userId": fmt.Sprint("u-", i), "event": "Visit", "properties": map[string]any{"nr": local, "weg": fmt.Sprintf("31.2304%d,121.4737%d", i%10, i%10), "price": 12.5 + float64(i)}})
	}
	s.Drain()
	Eventually(t, 40*time.Second, "the classes are found", func() bool {
		s.Track(Event{"type": "track", "userId": "u-0", "event": "Ping"}) // frequent values of traits are written with a batch, some time
		all := entriesOf(s)
		return all["trait:feld7"].Class == "email" && all["property:nr"].Class == "phone" && all["property:weg"].Class == "location"
	})
	all := entriesOf(s)
	nr := all["property:nr"]
	if nr.ClassBy != "values" || len(nr.Found) != 1 || nr.Found[0].Event != "Visit" || nr.Found[0].Values != 12 || nr.Found[0].Matched != 8 {
		t.Errorf("the evidence of nr: %+v", nr)
	}
	for _, plain := range []string{"property:price", "trait:level"} {
		if e, ok := all[plain]; ok {
			t.Errorf("%s is taken for personal data: %+v", plain, e)
		}
	}
	different := s.Number("SELECT count(DISTINCT properties->>'nr') FROM events WHERE event = 'Visit'")
	Eventually(t, time.Minute, "different values of all events are counted", func() bool {
		var answer struct {
			Items []struct {
				Property string
				Ever     *struct{ Values, Error float64 }
			}
		}
		s.Call(http.MethodGet, "/api/v1/catalogue/events/Visit/properties", nil, &answer)
		for _, p := range answer.Items {
			if p.Property == "nr" && p.Ever != nil {
				return p.Ever.Values == float64(different) && p.Ever.Error > 0
			}
		}
		return false
	})
	var without, writer struct{ Key string }
	s.Call(http.MethodPost, "/api/v1/api-keys", map[string]any{"name": "without", "scopes": []string{"read"}}, &without)
	s.Call(http.MethodPost, "/api/v1/api-keys", map[string]any{"name": "writer", "scopes": []string{"catalogue:read", "catalogue:write"}}, &writer)
	as := func(key, method, path, body string) (int, string) {
		return raw(s, method, path, body, "Authorization", "Bearer "+key, "Content-Type", "application/json")
	}
	const local = "62341370" // of u-10
	reads := []struct{ method, path, body string }{
		{"GET", "/api/v1/persons/user_id:u-10/events", ""},
		{"GET", "/api/v1/catalogue/events/Visit/properties", ""},
		{"GET", "/api/v1/catalogue/values?property=nr", ""},
		{"POST", "/api/v1/query", `{"kind":"sql","sql":"select properties->>'nr', properties->>'weg' from events where event = 'Visit'"}`},
		{"POST", "/api/v1/query", `{"kind":"trend","from":"2020-01-01T00:00:00Z","to":"2040-01-01T00:00:00Z","interval":"total","series":[{"event":"Visit"}],"breakdown":[{"property":"nr"}]}`},
	}
	for _, read := range reads {
		Eventually(t, 60*time.Second, "masked: "+read.path, func() bool { // SQL and trends read what is committed to the warehouse; masks follow at once
			status, text := as(without.Key, read.method, read.path, read.body)
			return status == http.StatusOK && !strings.Contains(text, local) && !strings.Contains(text, "31.2304")
		})
	}
	if status, text := as(without.Key, "POST", "/api/v1/query", reads[3].body); !strings.Contains(text, "623****70") {
		t.Errorf("SQL: %d %s", status, text)
	}
	const nrPath = "/api/v1/catalogue/entries/property/nr"
	if status, text := as(writer.Key, "PUT", nrPath, `{"class":"none"}`); status != http.StatusForbidden {
		t.Errorf("who may not see contacts took a mask away: %d %s", status, text)
	}
	if status, text := as(writer.Key, "PUT", nrPath, `{"name_zh":"联系号码","starred":true}`); status != http.StatusOK {
		t.Errorf("naming: %d %s", status, text)
	}
	s.Call(http.MethodPut, nrPath, map[string]any{"class": "none"}, nil)
	if e := entriesOf(s)["property:nr"]; e.Class != "none" || e.ClassBy != "hand" || e.NameZH != "联系号码" || !e.Starred || len(e.Found) != 1 {
		t.Errorf("by hand: %+v", e)
	}
	Eventually(t, 60*time.Second, "shown again", func() bool {
		_, text := as(without.Key, "POST", "/api/v1/query", reads[3].body)
		return strings.Contains(text, local) && !strings.Contains(text, "31.2304")
	})
	if _, text := as(without.Key, "POST", "/api/v1/query", reads[3].body); strings.Contains(text, "13800138001") {
		t.Errorf("a phone number is shown by its form still: %s", text)
	}
}
