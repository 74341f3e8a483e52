package apptest

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone/store/storetest"
)

// fleet is several processes with different roles on one PostgreSQL and one NATS cluster.
type fleet struct {
	t       *testing.T
	flags   []string
	sink    *Server
	workers []*Server // collect and process
	console *Server
}

// newFleet starts a process with the warehouse, two that take events in and work on them,
// and one for people.
func newFleet(t *testing.T, flags ...string) *fleet {
	t.Helper()
	store := storetest.PostgresSchema(t)
	f := &fleet{t: t, flags: []string{"--store-url", store, "--stream-url", clusterURL(natsCluster(t)), "--lease", "2s", "--warehouse-secret", "a secret of the tests alone"}}
	f.flags = append(f.flags, flags...)
	f.sink = f.start("sink")
	f.flags = append(f.flags, "--warehouse-url", f.sink.URL)
	f.workers = []*Server{f.start("collect,process"), f.start("collect,process,act")}
	f.console = f.start("console")
	return f
}

func (f *fleet) start(roles string) *Server {
	f.t.Helper()
	return Start(f.t, append([]string{"--roles", roles}, f.flags...)...)
}

// listed is a process as the API lists it.
type listed struct {
	ID, Address, Version, State string
	PID                         int
	Roles, Leases               []string
}

func (f *fleet) list() []listed {
	f.t.Helper()
	var answer struct{ Processes []listed }
	f.console.Call(http.MethodGet, "/api/v1/processes", nil, &answer)
	return answer.Processes
}

// working returns how many workers have a lane.
func (f *fleet) working() int {
	f.t.Helper()
	n := 0
	for _, p := range f.list() {
		if p.State == "running" && slices.ContainsFunc(p.Leases, func(l string) bool { return strings.HasPrefix(l, "lane:") }) {
			n++
		}
	}
	return n
}

// holder returns the worker that has the pipeline's lease, nil while none says so.
func (f *fleet) holder() *Server {
	f.t.Helper()
	for _, p := range f.list() {
		if p.State != "running" || !slices.Contains(p.Leases, "pipeline") {
			continue
		}
		for _, w := range f.workers {
			if w.PID() == p.PID {
				return w
			}
		}
	}
	return nil
}

// suspend stops the worker that holds the pipeline's lease until another one has it, and
// lets it go on then.
func (f *fleet) suspend(rng *rand.Rand) {
	f.t.Helper()
	var stopped *Server
	Eventually(f.t, 30*time.Second, "a process has the pipeline", func() bool { stopped = f.holder(); return stopped != nil })
	_ = syscall.Kill(stopped.PID(), syscall.SIGSTOP)
	Eventually(f.t, 30*time.Second, "another process takes the pipeline", func() bool { h := f.holder(); return h != nil && h != stopped })
	time.Sleep(time.Duration(rng.IntN(500)) * time.Millisecond)
	_ = syscall.Kill(stopped.PID(), syscall.SIGCONT)
}

// kill ends one of all processes with SIGKILL, most often the one that holds the pipeline,
// and starts it again.
func (f *fleet) kill(rng *rand.Rand) {
	f.t.Helper()
	victims := []*Server{f.workers[0], f.workers[1], f.sink}
	victim := victims[rng.IntN(len(victims))]
	if h := f.holder(); h != nil && rng.IntN(2) == 0 {
		victim = h
	}
	victim.Kill()
	time.Sleep(time.Duration(rng.IntN(400)) * time.Millisecond)
	victim.Launch()
}

// Processes with different roles are killed, and lose their leases by standing still, at any
// moment: every acknowledged event counts once in profiles, segments and warehouse. The
// whole of it, 20 of each, takes minutes: TOUCHSTONE_TEST_KILLS=20.
func TestProcessesLoseNothing(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.losesNothing(startAckClient)
}

// The same while two processes share the work on persons, each with a lane, and persons of
// different lanes turn out to be one all the time.
func TestLanesLoseNothing(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "--lanes", "2")
	shared := func() bool { return f.working() == 2 }
	Eventually(t, 60*time.Second, "both workers have a lane", shared)
	f.losesNothing(func(edges ...*Server) *ackClient { return sendAcked(true, edges...) })
	Eventually(t, 60*time.Second, "both workers have a lane again", shared)
	merges := f.console.SQL("select count(*) from events where event = 'Guest'")[0][0].(float64)
	if merges < 50 {
		t.Errorf("there were only %v guests: the test says little about merges", merges)
	}
}

func (f *fleet) losesNothing(start func(...*Server) *ackClient) {
	t := f.t
	t.Helper()
	rounds := 4
	if n, err := strconv.Atoi(os.Getenv("TOUCHSTONE_TEST_KILLS")); err == nil {
		rounds = n
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d, %d kills and as many suspensions", seed, rounds)
	rng := rand.New(rand.NewPCG(seed, 0))
	segments := map[int]Segment{}
	for _, n := range []int{20, 100, 300} {
		segments[n] = f.console.CreateSegment(fmt.Sprintf("at least %d", n), DidEvent("Kill Test", n, ""))
	}
	c := start(f.workers...)
	turns := slices.Concat(slices.Repeat([]func(*rand.Rand){f.kill}, rounds), slices.Repeat([]func(*rand.Rand){f.suspend}, rounds))
	rng.Shuffle(len(turns), func(i, j int) { turns[i], turns[j] = turns[j], turns[i] })
	for _, turn := range turns {
		time.Sleep(time.Duration(100+rng.IntN(600)) * time.Millisecond)
		turn(rng)
	}
	late := f.console.CreateSegment("built at the end", DidEvent("Kill Test", 20, ""))
	c.finish(t, f.console)
	if st := f.console.Stats(); st.Quarantined != 0 || st.SetAside != 0 {
		t.Errorf("%d events in quarantine, %d set aside", st.Quarantined, st.SetAside)
	}
	for n, seg := range segments {
		f.compare(seg, n)
	}
	f.compare(late, 20)
}

// compare checks a segment's members against a query.
func (f *fleet) compare(seg Segment, n int) {
	f.t.Helper()
	members := f.console.Members(seg.ID)
	rows := f.console.SQL("select person from events where event = 'Kill Test' group by 1 having count(*) >= %d", n)
	for _, row := range rows {
		if _, in := members[row[0].(string)]; !in {
			f.t.Errorf("%s has done enough for the segment of %d, but is not in it", row[0], n)
		}
	}
	if len(members) != len(rows) {
		f.t.Errorf("the segment of %d has %d members, a query finds %d", n, len(members), len(rows))
	}
	f.t.Logf("%d persons have %d events", len(members), n)
}

// A process says what it does not run, and where to ask.
func TestRolesAreHonest(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	edge := f.start("collect")
	if status, _ := edge.Do(http.MethodGet, "/api/v1/stats", nil, nil); status != http.StatusNotFound {
		t.Errorf("an edge answers %d to a question of the management API", status)
	}
	if status, _ := f.sink.Send("dev", Event{}); status != http.StatusNotFound {
		t.Errorf("a sink answers %d to an event", status)
	}
	edge.Track(Event{"type": "track", "event": "Seen", "userId": "u1", "messageId": "m1"})
	edge.Track(Event{"type": "track", "event": "Seen", "userId": "u1", "messageId": "m1"})
	st := f.console.Drain()
	if st.Accepted != 2 || st.Processed != 1 || st.Duplicates != 1 || st.InWarehouse != 1 || st.Persons != 1 {
		t.Errorf("the figures are %+v", st)
	}
	if n := len(f.console.Timeline("user_id:u1", 10)); n != 1 {
		t.Errorf("the timeline holds %d events", n)
	}
	for _, path := range []string{"/api/v1/live/events", "/api/v1/live/changes"} {
		if status, err := f.console.Do(http.MethodGet, path, nil, nil); status != http.StatusServiceUnavailable {
			t.Errorf("%s answers %d, %v", path, status, err)
		}
	}
	Eventually(t, 20*time.Second, "all five processes have told of their roles", func() bool {
		var roles []string
		for _, p := range f.list() {
			roles = append(roles, p.Roles...)
		}
		slices.Sort(roles)
		return slices.Equal(roles, []string{"act", "collect", "collect", "collect", "console", "process", "process", "sink"})
	})
	// What a process says of itself is up to two seconds old. The doctor's exit status is also about this machine's disk.
	var report []byte
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the doctor says\n%s", report)
		}
	})
	Eventually(t, 20*time.Second, "the doctor sees five processes and the sink's lease", func() bool {
		report, _ = f.console.Prepare("doctor", "--data", f.console.Data).Output()
		return strings.Count(string(report), "ok   process") == 5 && strings.Contains(string(report), "works on sink")
	})
	// Without the process that holds the warehouse, questions about events are told to wait, and the rest goes on.
	f.sink.Kill()
	edge.Track(Event{"type": "track", "event": "Seen", "userId": "u1", "messageId": "m2"})
	Eventually(t, 20*time.Second, "the profile counts it", func() bool { return f.console.Stats().Processed == 2 })
	if status, err := f.console.Do(http.MethodPost, "/api/v1/query", map[string]any{"kind": "sql", "sql": "select 1"}, nil); status != http.StatusServiceUnavailable {
		t.Errorf("a question without a warehouse answers %d, %v", status, err)
	}
	f.sink.Launch()
	f.console.Drain()
}

// A rolling update: processes of two versions side by side, one after the other replaced
// while events come in.
func TestRollingUpdate(t *testing.T) {
	t.Parallel()
	next := filepath.Join(t.TempDir(), "touchstone")
	build := exec.Command("go", "build", "-ldflags", "-X github.com/touchstone-cdp/touchstone/app.Version=next", "-o", next, "./cmd/touchstone")
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	f := newFleet(t)
	c := startAckClient(f.workers...)
	versions := map[string]bool{}
	for _, s := range []*Server{f.workers[0], f.sink, f.workers[1], f.console} {
		before := c.count()
		Eventually(t, 30*time.Second, "events are acknowledged", func() bool { return c.count() > before+100 })
		s.Stop()
		s.binary = next
		s.Launch()
		Eventually(t, 20*time.Second, "the new process has told of itself", func() bool {
			new := false
			for _, p := range f.list() {
				versions[p.Version] = true
				new = new || p.PID == s.PID() && p.Version == "next"
			}
			return new
		})
	}
	if len(versions) != 2 {
		t.Errorf("the versions %v were seen", versions)
	}
	c.finish(t, f.console)
}
