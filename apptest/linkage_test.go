package apptest

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"testing"
	"time"
)

// pair is two persons who may be one, as the API lists them.
type pair struct {
	ID      string  `json:"id"`
	State   string  `json:"state"`
	Chance  float64 `json:"chance"`
	Refusal string  `json:"refusal"`
	Etag    string  `json:"etag"`
	Persons []struct {
		ID string `json:"id"`
	} `json:"persons"`
	Compared []struct {
		Name   string     `json:"name"`
		Values [][]string `json:"values"`
		Bits   float64    `json:"bits"`
	} `json:"compared"`
}

// pairs returns the pairs of a state.
func (s *Server) pairs(state string) (all []pair) {
	s.t.Helper()
	for cursor := ""; ; {
		var page struct {
			Items      []pair `json:"items"`
			NextCursor string `json:"next_cursor"`
		}
		s.Call(http.MethodGet, "/api/v1/linkage/pairs?state="+state+"&limit=100&cursor="+cursor, nil, &page)
		all = append(all, page.Items...)
		if cursor = page.NextCursor; cursor == "" {
			return all
		}
	}
}

func (s *Server) decide(id, decision string) (p pair) {
	s.t.Helper()
	s.Call(http.MethodPost, "/api/v1/linkage/pairs/"+id+"/decide", map[string]any{"decision": decision}, &p)
	return p
}

// between returns the pair of two persons among some, if it is there.
func (s *Server) between(list []pair, a, b string) (pair, bool) {
	s.t.Helper()
	x, y := s.Person(a).ID, s.Person(b).ID
	for _, p := range list {
		if one, other := p.Persons[0].ID, p.Persons[1].ID; one == x && other == y || one == y && other == x {
			return p, true
		}
	}
	return pair{}, false
}

// customer is somebody whose records a shop, a dealer and a web site have.
type customer struct{ name, phone, email, street, birthday string }

func customers(rng *rand.Rand, n int) []customer {
	family := []string{"王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴", "徐", "孙", "胡", "朱", "高", "林", "何", "郭", "马", "罗"}
	given := []string{"伟", "芳", "娜", "敏", "静", "丽", "强", "磊", "军", "洋", "勇", "艳", "杰", "娟", "涛", "明", "超", "霞", "平", "刚", "思远", "雨桐", "子涵", "浩然", "欣怡", "一诺"}
	streets := []string{"人民路", "中山路", "解放大道", "建设街", "和平里", "新华路", "长江路", "学院路", "滨江大道", "花园街"}
	list := make([]customer, n)
	for i := range list {
		list[i] = customer{
			name:     family[rng.IntN(len(family))] + given[rng.IntN(len(given))],
			phone:    fmt.Sprintf("+861%d%08d", 30+rng.IntN(60), rng.IntN(100_000_000)),
			email:    fmt.Sprintf("user%d%d@example.com", i, rng.IntN(1000)),
			street:   fmt.Sprintf("%s%d号%d室", streets[rng.IntN(len(streets))], 1+rng.IntN(300), 101+rng.IntN(900)),
			birthday: fmt.Sprintf("%d-%02d-%02d", 1955+rng.IntN(50), 1+rng.IntN(12), 1+rng.IntN(28)),
		}
	}
	return list
}

func (c customer) event(user string) Event {
	return Event{"type": "identify", "userId": user, "traits": map[string]any{"name": c.name, "phone": c.phone, "email": c.email, "address": c.street, "birthday": c.birthday}}
}

// slip is the customer as a hurried hand writes it down: another number's digit, no e-mail.
func (c customer) slip(rng *rand.Rand) customer {
	digits := []byte(c.phone)
	at := len(digits) - 1 - rng.IntN(6)
	digits[at] = '0' + (digits[at]-'0'+1)%10
	c.phone, c.email = string(digits), ""
	return c
}

// Persons whom no identifier links are found, by the job and as they come; what somebody decides
// holds, and is taken back.
func TestProbableMatches(t *testing.T) {
	t.Parallel()
	s := Start(t)
	rng := rand.New(rand.NewPCG(7, 7))
	known := customers(rng, 600)
	var events []Event
	for i, c := range known {
		events = append(events, c.event(fmt.Sprintf("web-%d", i)))
	}
	const doubles = 60
	for i := range doubles {
		events = append(events, known[i].slip(rng).event(fmt.Sprintf("till-%d", i)))
	}
	s.Track(events...)
	s.Drain()
	s.AwaitJob(s.StartJob("linkage.match", map[string]any{}).ID)
	waiting := s.pairs("review")
	right := 0
	for i := range doubles {
		if p, ok := s.between(waiting, fmt.Sprintf("user_id:web-%d", i), fmt.Sprintf("user_id:till-%d", i)); ok && p.Chance > 0.5 {
			right++
		}
	}
	likely := 0
	for _, p := range waiting {
		if p.Chance > 0.5 {
			likely++
		}
	}
	t.Logf("%d pairs wait, %d of them likely, %d of %d planted ones among these", len(waiting), likely, right, doubles)
	if right < doubles*9/10 || likely > doubles*12/10 {
		t.Errorf("%d likely pairs, %d of %d planted ones", likely, right, doubles)
	}
	linkAndPart(t, s, waiting)
	rejectForGood(t, s, waiting)
	foundAsTheyCome(t, s, known[200].slip(rng))
	linkedByThemselves(t, s)
}

// linkAndPart links a pair, which a split takes back: then it is rejected.
func linkAndPart(t *testing.T, s *Server, waiting []pair) {
	t.Helper()
	web, till := "user_id:web-1", "user_id:till-1"
	p, ok := s.between(waiting, web, till)
	if !ok {
		t.Fatal("the pair is not there")
	}
	var whole pair
	s.Call(http.MethodGet, "/api/v1/linkage/pairs/"+p.ID, nil, &whole)
	if len(whole.Compared) < 4 || whole.Compared[0].Values[0] == nil {
		t.Errorf("the pair is shown as %+v", whole)
	}
	// Both have a user id, of which a person has one: the limit of the rules forbids it.
	if refused := s.decide(p.ID, "link"); refused.State != "refused" || refused.Refusal == "" {
		t.Errorf("a link over the limit of user ids: %+v", refused)
	}
	s.Track(Event{"type": "identify", "anonymousId": "tablet-1", "traits": map[string]any{"name": "欧阳思远", "address": "天目山路99号1801室", "birthday": "1988-03-09"}},
		Event{"type": "identify", "userId": "web-1000", "traits": map[string]any{"name": "欧阳思远", "address": "天目山路99号1801室", "birthday": "1988-03-09"}})
	s.Drain()
	Eventually(t, 30*time.Second, "the pair of the tablet", func() bool {
		p, ok = s.between(s.pairs("review"), "user_id:web-1000", "anonymous_id:tablet-1")
		return ok
	})
	linked := s.decide(p.ID, "link")
	if linked.State != "linked" {
		t.Fatalf("the linked pair is %+v", linked)
	}
	for _, c := range linked.Compared { // both sides are the same person now
		if len(c.Values[0]) != len(c.Values[1]) {
			t.Errorf("%s of the linked pair is %v", c.Name, c.Values)
		}
	}
	if a, b := s.Person("user_id:web-1000").ID, s.Person("anonymous_id:tablet-1").ID; a != b {
		t.Errorf("they are %s and %s", a, b)
	}
	s.Call(http.MethodPost, "/api/v1/persons/"+url.PathEscape("user_id:web-1000")+"/split", map[string]any{"identifiers": []string{"anonymous_id:tablet-1"}}, nil)
	var parted pair
	s.Call(http.MethodGet, "/api/v1/linkage/pairs/"+p.ID, nil, &parted)
	if parted.State != "rejected" {
		t.Errorf("after the split the pair is %s", parted.State)
	}
}

// rejectForGood rejects a pair: another run proposes it no more, until that is taken back.
func rejectForGood(t *testing.T, s *Server, waiting []pair) {
	t.Helper()
	p, ok := s.between(waiting, "user_id:web-2", "user_id:till-2")
	if !ok {
		t.Fatal("the pair is not there")
	}
	if got := s.decide(p.ID, "reject"); got.State != "rejected" {
		t.Errorf("the rejected pair is %s", got.State)
	}
	s.AwaitJob(s.StartJob("linkage.match", map[string]any{}).ID)
	if _, again := s.between(s.pairs("review"), "user_id:web-2", "user_id:till-2"); again {
		t.Error("a rejected pair is proposed again")
	}
	if got := s.decide(p.ID, "review"); got.State != "review" {
		t.Errorf("the pair whose rejection was taken back is %s", got.State)
	}
}

// foundAsTheyCome sends somebody new and asks for somebody without sending.
func foundAsTheyCome(t *testing.T, s *Server, c customer) {
	t.Helper()
	e := c.event("")
	delete(e, "userId")
	e["anonymousId"] = "kiosk-200"
	s.Track(e)
	s.Drain()
	Eventually(t, 30*time.Second, "the pair of the kiosk", func() bool {
		_, ok := s.between(s.pairs("review"), "user_id:web-200", "anonymous_id:kiosk-200")
		return ok
	})
	var found struct {
		Candidates []struct {
			Person struct{ ID string }
			Chance float64
		}
	}
	s.Call(http.MethodPost, "/api/v1/linkage/find", map[string]any{"values": map[string]string{"name": c.name, "address": c.street, "birthday": c.birthday}}, &found)
	if len(found.Candidates) == 0 || found.Candidates[0].Chance < 0.5 {
		t.Errorf("the candidates are %+v", found.Candidates)
	}
	if status, _ := s.Do(http.MethodPost, "/api/v1/linkage/find", map[string]any{"values": map[string]string{"shoe size": "44"}}, nil); status != http.StatusBadRequest {
		t.Errorf("values that are not compared: %d", status)
	}
}

// linkedByThemselves lets the job link what is beyond doubt.
func linkedByThemselves(t *testing.T, s *Server) {
	t.Helper()
	s.Call(http.MethodPut, "/api/v1/linkage/settings", map[string]any{"columns": []any{}, "automatic": true, "link": 0.9, "review": nil}, nil)
	s.AwaitJob(s.StartJob("linkage.match", map[string]any{}).ID)
	if a, b := s.Person("user_id:web-200").ID, s.Person("anonymous_id:kiosk-200").ID; a != b {
		t.Errorf("they are %s and %s", a, b)
	}
	if linked := s.pairs("linked"); len(linked) == 0 {
		t.Error("nothing is linked")
	}
}

// Two rows of a clean source are never one, however alike; rows of others find theirs in it.
func TestCleanSourcesKeepTheirRowsApart(t *testing.T) {
	t.Parallel()
	s := Start(t)
	crm, crmKey := s.Source("CRM", "server")
	_, tillKey := s.Source("Till", "store")
	rng := rand.New(rand.NewPCG(8, 8))
	known := customers(rng, 300)
	const twins, doubles = 20, 40
	var rows, slips []Event
	for i, c := range known {
		rows = append(rows, c.event(fmt.Sprintf("crm-%d", i)))
	}
	for i := range twins {
		rows = append(rows, known[i].slip(rng).event(fmt.Sprintf("twin-%d", i)))
	}
	for i := range doubles {
		slips = append(slips, known[100+i].slip(rng).event(fmt.Sprintf("till-%d", i)))
	}
	s.TrackAs(crmKey, rows...)
	s.TrackAs(tillKey, slips...)
	s.Drain()
	count := func(name string, first, n int) (pairs int) {
		waiting := s.pairs("review")
		for i := range n {
			if p, ok := s.between(waiting, fmt.Sprintf("user_id:crm-%d", first+i), fmt.Sprintf("user_id:%s-%d", name, i)); ok && p.Chance > 0.5 {
				pairs++
			}
		}
		return pairs
	}
	s.AwaitJob(s.StartJob("linkage.match", map[string]any{}).ID)
	if n := count("twin", 0, twins); n < twins*9/10 {
		t.Errorf("while no source is clean, %d of %d alike rows of one source are taken for one", n, twins)
	}
	settings := map[string]any{"columns": []any{}, "automatic": false, "link": nil, "review": nil, "clean": []string{crm}}
	s.Call(http.MethodPut, "/api/v1/linkage/settings", settings, nil)
	s.AwaitJob(s.StartJob("linkage.match", map[string]any{}).ID)
	if n := count("twin", 0, twins); n > 0 {
		t.Errorf("%d pairs of a clean source wait", n)
	}
	if n := count("till", 100, doubles); n < doubles*9/10 {
		t.Errorf("of %d slips %d found their row", doubles, n)
	}
	settings["clean"] = []string{crm, crm}
	if status, _ := s.Do(http.MethodPut, "/api/v1/linkage/settings", settings, nil); status != http.StatusBadRequest {
		t.Errorf("a source that is named twice: %d", status)
	}
}
