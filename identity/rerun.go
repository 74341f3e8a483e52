package identity

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/job"
	"github.com/touchstone-cdp/touchstone/store"
)

// RerunJob is the kind of the job that runs the rules again over the whole graph.
const RerunJob = "identity.rerun"

// RerunInput says by which rules, and whether it is more than a preview.
type RerunInput struct {
	Rules  RulesBody `json:"rules"` // changes of the rules that are in force
	Commit bool      `json:"commit"`
}

// RerunResult is what the rules would change, or have changed.
type RerunResult struct {
	Commit bool      `json:"commit"`
	Rules  RulesBody `json:"rules"`
	Was    RulesBody `json:"was"`    // of a commit: the rules that take it back, by which the graph was judged before
	Beyond int64     `json:"beyond"` // changes since then that was has no room for
	Rejudged
	Identifiers int64          `json:"identifiers"` // that were looked at
	Concerned   int64          `json:"concerned"`   // persons who would be others than they are
	Moved       int64          `json:"moved"`       // identifiers that would be another person's
	Now         int64          `json:"persons"`
	Then        int64          `json:"persons_then"`
	Largest     int            `json:"largest"` // identifiers of the largest person among those who would change
	Samples     int            `json:"samples"`
	Foretold    int64          `json:"foretold"` // persons concerned of whom segments tell who comes and goes
	Segments    []RerunSegment `json:"segments"` // that some of them are in, the most touched first
}

// RerunSegment is a segment with members who would be other persons.
type RerunSegment struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	Touch  int64  `json:"touched"` // members who would be others than they are
	Merged int64  `json:"merged"`  // of these, members who would become one with another member
	// Of a preview, who would come and go, and how many there would be then, as far as it was foretold.
	Enter int64 `json:"enter"`
	Leave int64 `json:"leave"`
	After int64 `json:"after"`
}

// RerunConfig is what the job needs of others.
type RerunConfig struct {
	Rules *Rules
	// Submit has a command done and returns its result.
	Submit func(ctx context.Context, c touchstone.Command) (touchstone.JSON, error)
	// Segments returns the segments that some persons are in, with those of them that are.
	Segments func(ctx context.Context, persons []touchstone.PersonID, fn func(s RerunSegment, members []touchstone.PersonID)) error
	// Foretell says which segments persons with such nodes would be in; nil: nobody knows before.
	Foretell func(ctx context.Context, persons [][]touchstone.NodeID) (Prophecy, error)
}

const (
	maxSamples      = 50
	maxSampleNodes  = 40
	maxReasons      = 3   // of a sample
	clustersAtOnce  = 100 // of one command
	membersAtOnce   = 1000
	segmentsAtOnce  = 500 // persons
	maxRerunVisited = 20_000_000
)

// RerunKind is the re-run of the rules over the whole graph as a job. A preview reads; a commit
// puts the rules in force by a command, and has clusters judged anew by others, a bounded number
// of identifiers each, so that events go on between them.
func (g *Graph) RerunKind(cfg RerunConfig) job.Kind {
	return job.Kind{Name: RerunJob, Serves: touchstone.Operation("rules of who is who"), Heavy: true, Start: mayWrite, Prepare: func(ctx context.Context, _ *access.Viewer, input touchstone.JSON) (job.Prepared, error) {
		return prepareRerun(ctx, cfg.Rules, input)
	}, Run: func(ctx context.Context, r job.Run) (touchstone.JSON, error) {
		x, err := g.newRerun(ctx, cfg, r)
		if err != nil {
			return "", err
		}
		return x.run(ctx)
	}}
}

// prepareRerun reads an input. A kind may name only what is to change of it.
func prepareRerun(ctx context.Context, rules *Rules, input touchstone.JSON) (p job.Prepared, err error) {
	var in struct {
		Rules struct {
			Kinds   []json.RawMessage           `json:"kinds"`
			Reset   []touchstone.IdentifierKind `json:"reset"`
			Blocked []BlockRule                 `json:"blocked"`
		} `json:"rules"`
		Commit bool `json:"commit"`
	}
	if err := json.Unmarshal([]byte(cmp.Or(string(input), "{}")), &in); err != nil {
		return p, touchstone.Errorf(touchstone.Invalid, "The input must be an object with rules and commit.")
	}
	out := RerunInput{Commit: in.Commit, Rules: RulesBody{Reset: in.Rules.Reset, Blocked: in.Rules.Blocked}}
	for _, raw := range in.Rules.Kinds {
		var name struct {
			Kind touchstone.IdentifierKind `json:"kind"`
		}
		if err := json.Unmarshal(raw, &name); err != nil || name.Kind == "" {
			return p, touchstone.Errorf(touchstone.Invalid, "Each of rules.kinds names its kind.")
		}
		k := rules.set.Config(name.Kind)
		if err := json.Unmarshal(raw, &k); err != nil {
			return p, touchstone.Errorf(touchstone.Invalid, "The rules of %.40q are not of their form.", string(name.Kind))
		}
		k.Blocked = nil
		out.Rules.Kinds = append(out.Rules.Kinds, k)
	}
	if _, err := rules.Proposed(ctx, out.Rules); err != nil {
		return p, err
	}
	text, err := json.Marshal(out)
	if err == nil {
		err = checkRules(touchstone.JSON(text))
	}
	return job.Prepared{Input: touchstone.JSON(text), Key: RerunJob}, err
}

// rerun is a job's attempt.
type rerun struct {
	cfg     RerunConfig
	scratch *Graph // by the rules that are asked about
	job     job.Run
	in      RerunInput
	out     RerunResult
	visited map[touchstone.NodeID]struct{}
	total   int64
	base    int64 // persons, by the roles of the rules that are asked about
	delta   int64
	latest  string // the command that changed the rules last when the attempt began

	waiting []touchstone.NodeID // seeds of clusters that the next command judges
	members int

	segments map[string]*RerunSegment
	persons  []touchstone.PersonID
	becomes  map[touchstone.PersonID]touchstone.PersonID // of those who would be absorbed or keep
	fortunes []fortune
	thought  int // persons who were thought of
}

func (g *Graph) newRerun(ctx context.Context, cfg RerunConfig, r job.Run) (*rerun, error) {
	x := &rerun{cfg: cfg, job: r, visited: map[touchstone.NodeID]struct{}{}, segments: map[string]*RerunSegment{}, becomes: map[touchstone.PersonID]touchstone.PersonID{}}
	if err := json.Unmarshal([]byte(r.Input()), &x.in); err != nil {
		return nil, fmt.Errorf("read the input of the job: %w", err)
	}
	if state := r.State(); state != "" && x.in.Commit {
		if err := json.Unmarshal([]byte(state), &x.out); err != nil {
			return nil, fmt.Errorf("read how far the job is: %w", err)
		}
	}
	x.out.Commit, x.out.Rules = x.in.Commit, x.in.Rules
	change := x.in.Rules
	if x.in.Commit {
		if err := x.putInForce(ctx); err != nil {
			return nil, err
		}
		change = RulesBody{}
	}
	set, err := cfg.Rules.Proposed(ctx, change)
	if err != nil {
		return nil, err
	}
	own := g.cfg
	own.Kinds, own.CacheBytes, own.Metrics, own.Wake, own.Through = set, 1<<20, nil, nil, nil
	if x.scratch, err = New(ctx, own); err != nil {
		return nil, err
	}
	if x.out.Now, _, err = x.scratch.Counts(ctx); err != nil {
		return nil, err
	}
	if err := x.scratch.countAs(ctx, &x.base); err != nil {
		return nil, err
	}
	return x, own.DB.Reader().QueryRow(ctx, `SELECT COUNT(*) FROM identity_nodes`).Scan(&x.total)
}

// countAs counts persons by the roles that kinds have in this graph's rules.
func (g *Graph) countAs(ctx context.Context, n *int64) error {
	condition, args := g.relatingKinds()
	err := g.cfg.DB.Reader().QueryRow(ctx, `SELECT COUNT(DISTINCT n.person) FROM identity_nodes n WHERE n.trust <> 1`+condition, args...).Scan(n)
	if err != nil {
		return fmt.Errorf("count persons: %w", err)
	}
	return nil
}

// putInForce has the rules take their place in the log, once for all attempts, and notes what takes
// back all that the graph does not follow yet.
func (x *rerun) putInForce(ctx context.Context) error {
	if err := x.changeRules(ctx); err != nil {
		return err
	}
	s, err := readStanding(ctx, x.cfg.Rules.cfg.DB.Reader())
	if err != nil {
		return err
	}
	x.latest = s.latest
	if x.out.Was.size() == 0 {
		x.out.Was, x.out.Beyond = s.was, s.beyond
	}
	return nil
}

func (x *rerun) changeRules(ctx context.Context) error {
	if x.in.Rules.size() == 0 {
		return nil
	}
	told := 0
	return x.cfg.Rules.change(ctx, x.in.Rules, func(in RulesBody, _ bool) error {
		body, err := json.Marshal(in)
		if err != nil {
			return err
		}
		// A repeated attempt asks for the same commands, so each is done once.
		c := touchstone.Command{ID: fmt.Sprintf("cmd_%s_rules%d", x.job.ID(), told), Kind: RulesCommand, Actor: "job", Body: touchstone.JSON(body)}
		told++
		_, err = x.cfg.Submit(ctx, c)
		return err
	})
}

func (x *rerun) run(ctx context.Context) (touchstone.JSON, error) {
	if err := x.clearSamples(ctx); err != nil {
		return "", err
	}
	x.job.Note(touchstone.Textf("Looking through all identifiers"))
	err := x.scratch.seeds(ctx, x.scratch.cfg.DB.Reader(), func(nodes []touchstone.NodeID, done int64) error {
		for _, id := range nodes {
			if err := x.look(ctx, id); err != nil {
				return err
			}
		}
		x.out.Identifiers = max(x.out.Identifiers, done)
		x.job.Report(done, x.total)
		return ctx.Err()
	})
	if err == nil && x.in.Commit {
		err = x.submit(ctx, true)
	}
	if err == nil {
		err = x.touch(ctx)
	}
	if err != nil {
		return "", err
	}
	for _, s := range x.segments {
		s.After = s.Size + s.Enter - s.Leave
		x.out.Segments = append(x.out.Segments, *s)
	}
	slices.SortFunc(x.out.Segments, func(a, b RerunSegment) int {
		return cmp.Or(cmp.Compare(b.Touch, a.Touch), cmp.Compare(b.Enter, a.Enter), cmp.Compare(a.ID, b.ID))
	})
	x.out.Then = x.base + x.delta
	if x.in.Commit {
		if err := x.scratch.countAs(ctx, &x.out.Then); err != nil {
			return "", err
		}
	}
	text, err := json.Marshal(x.out)
	return touchstone.JSON(text), err
}

// look judges the cluster of a node, unless it has been.
func (x *rerun) look(ctx context.Context, seed touchstone.NodeID) error {
	if _, done := x.visited[seed]; done {
		return nil
	}
	if len(x.visited) > maxRerunVisited {
		return touchstone.Errorf(touchstone.TooLarge, "The rules concern more than %d identifiers.", maxRerunVisited).WithHint("Change fewer rules at a time.")
	}
	q := x.scratch.cfg.DB.Reader()
	c, err := x.scratch.loadCluster(ctx, q, []touchstone.NodeID{seed})
	if touchstone.KindOf(err) == touchstone.TooLarge {
		x.visited[seed] = struct{}{}
		x.out.Skipped++
		return nil
	}
	if err != nil {
		return err
	}
	for id := range c.members {
		x.visited[id] = struct{}{}
	}
	v, err := x.scratch.judge(ctx, q, c, 1<<61)
	if err != nil {
		return err
	}
	if !x.in.Commit {
		x.out.Clusters++
	}
	if !v.changes() {
		return nil
	}
	if err := x.count(ctx, v); err != nil || !x.in.Commit {
		return err
	}
	x.waiting = append(x.waiting, seed)
	if x.members += len(c.members); len(x.waiting) < clustersAtOnce && x.members < membersAtOnce {
		return nil
	}
	return x.submit(ctx, false)
}

// submit has the waiting clusters judged by a command, and notes what came of it. The last one says
// that the graph follows the rules.
func (x *rerun) submit(ctx context.Context, last bool) error {
	in := RejudgeBody{Whole: last}
	if last {
		in.Latest = x.latest
	}
	for _, id := range x.waiting {
		of, err := x.scratch.identifierOf(ctx, id)
		if touchstone.KindOf(err) == touchstone.NotFound { // erased meanwhile
			continue
		}
		if err != nil {
			return err
		}
		in.Identifiers = append(in.Identifiers, of.String())
	}
	x.waiting, x.members = x.waiting[:0], 0
	if len(in.Identifiers) == 0 && !last {
		return nil
	}
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	result, err := x.cfg.Submit(ctx, touchstone.Command{Kind: RejudgeCommand, Actor: "job", Body: touchstone.JSON(body)})
	if err != nil {
		return err
	}
	var done Rejudged
	if err := json.Unmarshal([]byte(result), &done); err != nil {
		return fmt.Errorf("read what came of a command: %w", err)
	}
	x.out.Rejudged.add(done)
	state, err := json.Marshal(x.out)
	if err != nil {
		return err
	}
	return x.job.Save(ctx, x.out.Identifiers, x.total, touchstone.JSON(state))
}

// count adds what a verdict would change.
func (x *rerun) count(ctx context.Context, v *verdict) error {
	now, then := map[touchstone.PersonID]map[touchstone.PersonID]int{}, map[touchstone.PersonID]map[touchstone.PersonID]int{}
	add := func(m map[touchstone.PersonID]map[touchstone.PersonID]int, a, b touchstone.PersonID) {
		if m[a] == nil {
			m[a] = map[touchstone.PersonID]int{}
		}
		m[a][b]++
	}
	for _, m := range v.members {
		add(now, m.person, v.becomes(m))
		add(then, v.becomes(m), m.person)
		if v.becomes(m) != m.person {
			x.out.Moved++
		}
	}
	before, _ := x.scratch.headcount(v, false)
	after, _ := x.scratch.headcount(v, true)
	x.delta += after - before
	concerned := map[touchstone.PersonID]bool{}
	for person, to := range now {
		for target := range to {
			if len(to) > 1 || len(then[target]) > 1 {
				concerned[person] = true
			}
			if len(then[target]) > 1 {
				x.becomes[person] = target
			}
		}
	}
	x.think(v, concerned)
	for person := range concerned {
		x.out.Concerned++
		x.persons = append(x.persons, person)
	}
	if !x.in.Commit {
		x.out.Changed++
		for _, to := range now {
			x.out.Split += len(to) - 1
		}
		for _, from := range then {
			x.out.Merged += len(from) - 1
		}
		for id, m := range v.members {
			switch {
			case v.trusts[id] == m.trust:
			case v.trusts[id] == shared:
				x.out.Shared++
			default:
				x.out.Unshared++
			}
		}
	}
	for _, p := range v.region.parts {
		if p.into == nil && len(then[p.person]) > 1 {
			x.out.Largest = max(x.out.Largest, len(p.nodes))
		}
	}
	if len(concerned) > 0 && x.out.Samples < maxSamples {
		if err := x.sample(ctx, v, concerned); err != nil {
			return err
		}
	}
	if len(x.persons) < segmentsAtOnce {
		return nil
	}
	return x.touch(ctx)
}

func (x *rerun) clearSamples(ctx context.Context) error {
	x.out.Samples = 0
	return x.scratch.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		for _, table := range []string{"identity_rerun_samples", "identity_rerun_reasons"} {
			// Those of earlier jobs go, too: the page shows the latest.
			if _, err := tx.Exec(ctx, `DELETE FROM `+table); err != nil {
				return err
			}
		}
		return nil
	})
}

// sample keeps an example of what would change, with the links that decide it.
func (x *rerun) sample(ctx context.Context, v *verdict, concerned map[touchstone.PersonID]bool) error {
	number := x.out.Samples
	x.out.Samples++
	var members []*member
	for _, m := range v.sorted() {
		if concerned[m.person] && len(members) < maxSampleNodes {
			members = append(members, m)
		}
	}
	var reasons []*fate
	for i := range v.fates {
		f := &v.fates[i]
		from, to := v.members[f.from], v.members[f.to]
		if len(reasons) >= maxReasons || from == nil || to == nil || !concerned[from.person] && !concerned[to.person] {
			continue
		}
		if f.made && from.person != to.person || !f.made && f.kept == inEdges && v.becomes(from) != v.becomes(to) {
			reasons = append(reasons, f)
		}
	}
	return x.scratch.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		err := tx.BulkUpsert(ctx, store.Upsert{Table: "identity_rerun_samples", Columns: []string{"job", "sample", "node", "was", "becomes"}}, len(members), func(i int, args []any) {
			m := members[i]
			args[0], args[1], args[2], args[3], args[4] = x.job.ID(), number, int64(m.id), int64(m.person), int64(v.becomes(m))
		})
		if err != nil {
			return err
		}
		return tx.BulkUpsert(ctx, store.Upsert{Table: "identity_rerun_reasons", IgnoreConflict: true, Key: []string{"job", "sample", "a", "b", "evidence"},
			Columns: []string{"job", "sample", "a", "b", "evidence", "message_id", "source", "time", "reason"}}, len(reasons), func(i int, args []any) {
			f := reasons[i]
			reason := f.reason
			if f.relates {
				reason = reasonRelates
			}
			args[0], args[1], args[2], args[3], args[4] = x.job.ID(), number, int64(f.from), int64(f.to), f.evidence.String()
			args[5], args[6], args[7], args[8] = f.messageID, f.source, f.time, reason
		})
	})
}

const reasonRelates = "it says no longer who somebody is"
