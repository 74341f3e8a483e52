package apptest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/touchstone-cdp/touchstone/store/storetest"
)

// A client's acknowledged events survive SIGKILL at any moment, exactly once, and store
// and warehouse agree about them.
func TestAcknowledgedEventsSurviveKills(t *testing.T) {
	t.Parallel()
	const kills = 25
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	s := Start(t)
	segments := map[int]Segment{}
	for _, n := range []int{20, 100, 300, 1000} {
		segments[n] = s.CreateSegment(fmt.Sprintf("at least %d", n), DidEvent("Kill Test", n, ""))
	}
	c := startAckClient(s)
	for range kills {
		time.Sleep(time.Duration(50+rng.IntN(500)) * time.Millisecond)
		s.Kill()
		s.Launch()
	}
	c.finish(t, s)
	for n, seg := range segments {
		members := s.Members(seg.ID)
		rows := s.SQL("select person from events where event = 'Kill Test' group by 1 having count(*) >= %d", n)
		for _, row := range rows {
			if _, in := members[row[0].(string)]; !in {
				t.Errorf("%s has done enough for the segment of %d, but is not in it", row[0], n)
			}
		}
		if len(members) != len(rows) {
			t.Errorf("the segment of %d has %d members, a query finds %d", n, len(members), len(rows))
		}
		t.Logf("%d persons have %d events", len(members), n)
	}
}

// A log in a cluster loses the server that leads it, and the server of Touchstone is
// killed once more: what was acknowledged is there.
func TestAcknowledgedEventsSurviveTheLossOfAClusterServer(t *testing.T) {
	t.Parallel()
	store := storetest.PostgresSchema(t)
	nodes := natsCluster(t)
	s := Start(t, "--store-url", store, "--stream-url", clusterURL(nodes))
	c := startAckClient(s)
	Eventually(t, time.Minute, "events are acknowledged", func() bool { return c.count() > 200 })
	leader := -1
	Eventually(t, time.Minute, "a server leads the stream", func() bool {
		leader = slices.IndexFunc(nodes, func(n *server.Server) bool { return n.JetStreamIsStreamLeader("$G", "TS_EVENTS_0") })
		return leader >= 0
	})
	nodes[leader].Shutdown()
	before := c.count()
	Eventually(t, 30*time.Second, "events are acknowledged again", func() bool { return c.count() > before+200 })
	s.Kill()
	s.Launch()
	c.finish(t, s)
}

// ackClient sends identified events and remembers which were acknowledged. An event
// without an answer is sent again with the same id, as SDKs do.
type ackClient struct {
	urls    []string // of the edges; each event goes to one that answers
	prefix  string   // of its message ids
	users   int
	guests  bool // now and then somebody is seen before it is known who it is
	stop    chan struct{}
	senders sync.WaitGroup

	mu    sync.Mutex
	acked map[string]string // message id → user
}

// startAckClient begins to send.
func startAckClient(edges ...*Server) *ackClient { return sendAcked(false, edges...) }

func sendAcked(guests bool, edges ...*Server) *ackClient {
	var urls []string
	for _, s := range edges {
		urls = append(urls, s.URL)
	}
	c := &ackClient{urls: urls, prefix: fmt.Sprintf("ack-%x", rand.Uint32()), users: 400, guests: guests, stop: make(chan struct{}), acked: map[string]string{}}
	for i := range 4 {
		c.senders.Go(func() { c.run(i, c.stop) })
	}
	return c
}

func (c *ackClient) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.acked)
}

// finish ends sending and checks that nothing is lost or counted twice.
func (c *ackClient) finish(t *testing.T, s *Server) {
	t.Helper()
	Eventually(t, time.Minute, "enough events are acknowledged to say something", func() bool { return c.count() >= 100 })
	close(c.stop)
	c.senders.Wait()
	stats := s.Drain()
	total := s.SQL("select count(*), count(distinct message_id) from events")[0]
	if total[0] != total[1] {
		t.Errorf("%v events, but %v message ids", total[0], total[1])
	}
	users := map[string]bool{}
	for _, user := range c.acked {
		users[user] = true
	}
	if stats.Persons != stats.KnownPersons || stats.Persons < int64(len(users)) || stats.Persons > int64(c.users) {
		t.Errorf("%d of %d users make %d persons, %d of them known", len(users), c.users, stats.Persons, stats.KnownPersons)
	}
	if float64(stats.InWarehouse) != total[0] {
		t.Errorf("stats count %d events in the warehouse, a query %v", stats.InWarehouse, total[0])
	}
	c.verify(t, s)
}

func (c *ackClient) run(sender int, stop <-chan struct{}) {
	client := &http.Client{Timeout: 5 * time.Second}
	for n := 0; ; n++ {
		ids, body := c.batch(sender, n)
		for attempt := 0; ; attempt++ {
			select {
			case <-stop:
				if !c.guests || n%3 != 1 { // else a guest would stay one
					return
				}
			default:
			}
			if send(client, c.urls[(sender+n+attempt)%len(c.urls)], body) {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		c.mu.Lock()
		for id, user := range ids {
			c.acked[id] = user
		}
		c.mu.Unlock()
	}
}

func (c *ackClient) batch(sender, n int) (map[string]string, []byte) {
	ids := map[string]string{}
	var events []map[string]any
	for i := range 5 {
		id, user := fmt.Sprintf("%s-%d-%d-%d", c.prefix, sender, n, i), fmt.Sprintf("user-%d", skewed(n*5+i, c.users))
		ids[id] = user
		events = append(events, map[string]any{"type": "track", "event": "Kill Test", "messageId": id, "userId": user,
			"anonymousId": "anon-" + user, "properties": map[string]any{"n": n}})
	}
	if c.guests && n%3 < 2 { // the second event makes the guest and the user one person
		guest := map[string]any{"type": "track", "event": "Guest", "messageId": fmt.Sprintf("%s-%d-%d-guest", c.prefix, sender, n), "anonymousId": fmt.Sprintf("guest-%d-%d", sender, n/3)}
		if n%3 == 1 {
			guest["userId"] = fmt.Sprintf("user-%d", n/3%c.users)
		}
		events = append(events, guest)
	}
	body, _ := json.Marshal(map[string]any{"batch": events, "writeKey": "dev"})
	return ids, body
}

// skewed spreads events over users so that some have many more than others, and all some.
func skewed(i, users int) int {
	if i%2 == 0 {
		return i / 2 % users
	}
	return i / 2 % (1 + i/2/users%users)
}

func send(client *http.Client, url string, body []byte) bool {
	resp, err := client.Post(url+"/v1/batch", "application/json", bytes.NewReader(body))
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// verify checks that every acknowledged event is in the warehouse once, and that each
// person's counter in the store equals the person's events in the warehouse.
func (c *ackClient) verify(t *testing.T, s *Server) {
	t.Helper()
	stored := map[string]bool{}
	for offset := 0; ; offset += 10000 {
		rows := s.SQL("select message_id from events where message_id like '%s-%%' order by 1 limit 10000 offset %d", c.prefix, offset)
		for _, row := range rows {
			stored[row[0].(string)] = true
		}
		if len(rows) < 10000 {
			break
		}
	}
	lost := 0
	for id := range c.acked {
		if !stored[id] {
			lost++
		}
	}
	if lost > 0 {
		t.Errorf("%d of %d acknowledged events are not in the warehouse", lost, len(c.acked))
	}
	perPerson := map[string]float64{}
	for _, row := range s.SQL("select person, count(*) from events group by 1") {
		perPerson[row[0].(string)] = row[1].(float64)
	}
	for u := range c.users {
		var person struct {
			ID       string
			Counters struct{ Events float64 }
		}
		status, err := s.Do(http.MethodGet, fmt.Sprintf("/api/v1/persons/user_id:user-%d", u), nil, &person)
		if status == http.StatusNotFound {
			continue // none of this user's events arrived
		}
		if err != nil {
			t.Fatal(err)
		}
		if n := perPerson[person.ID]; n != person.Counters.Events {
			t.Errorf("user-%d: the profile counts %v events, the warehouse %v", u, person.Counters.Events, n)
		}
	}
	t.Logf("%d acknowledged events, %d in the warehouse", len(c.acked), len(stored))
}
