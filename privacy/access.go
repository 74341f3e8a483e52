package privacy

import (
	"archive/zip"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/job"
	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/store"
)

// AccessJob is the kind of the job that writes down for people what is kept of them.
const AccessJob = "privacy.access"

// Copy is all that is kept of a person: what each part of the program has, and the events.
type Copy struct {
	Format   string            `json:"format"`
	MadeAt   time.Time         `json:"made_at"`
	Request  string            `json:"request"`
	Persons  []string          `json:"persons"`
	Parts    map[string][]Item `json:"parts"`
	Sections []string          `json:"-"` // names of parts in order
}

// Item is one thing that a part has.
type Item struct {
	Name  string         `json:"name"`
	Value jsontext.Value `json:"value"`
}

// maxEventsCopied bounds what is read of one person; who has more is told so.
const maxEventsCopied = 200_000

// EventsOf calls fn with each event of a person, the oldest first, as JSON.
type EventsOf func(ctx context.Context, who keep.Whole, most int, fn func(event jsontext.Value) error) error

// AccessKind is the job that writes a file for a request: JSON for machines, and a page in both
// languages for people, in a ZIP.
func (p *Privacy) AccessKind(events EventsOf) job.Kind {
	a := accessor{p, events}
	return job.Kind{Name: AccessJob, Serves: touchstone.Operation("a duty of the law"), Start: access.PeopleReveal, Prepare: a.prepare, Run: a.run}
}

type accessor struct {
	p      *Privacy
	events EventsOf
}

type accessInput struct {
	Request string `json:"request"`
}

func (a accessor) prepare(ctx context.Context, _ *access.Viewer, input touchstone.JSON) (job.Prepared, error) {
	var in accessInput
	if err := json.Unmarshal([]byte(input), &in); err != nil || in.Request == "" {
		return job.Prepared{}, touchstone.Errorf(touchstone.Invalid, "The input is an object with request.")
	}
	r, err := a.p.Get(ctx, in.Request)
	if err != nil {
		return job.Prepared{}, err
	}
	if r.Kind != Access {
		return job.Prepared{}, touchstone.Errorf(touchstone.Invalid, "The request %.40q is not for access.", r.ID)
	}
	text, err := json.Marshal(in)
	return job.Prepared{Input: touchstone.JSON(text), Subject: r.ID, Title: r.ID, Key: AccessJob + ":" + r.ID, Need: access.PeopleReveal}, err
}

func (a accessor) run(ctx context.Context, r job.Run) (touchstone.JSON, error) {
	var in accessInput
	if err := json.Unmarshal([]byte(r.Input()), &in); err != nil {
		return "", err
	}
	one, err := a.p.Get(ctx, in.Request)
	if err != nil {
		return "", err
	}
	if len(one.Identifiers) == 0 { // cancelled, or the person was erased meanwhile
		return "", touchstone.Errorf(touchstone.Conflict, "The request %.40q names nobody any more.", one.ID)
	}
	persons, err := a.persons(ctx, one.Identifiers)
	if err != nil {
		return "", err
	}
	result := map[string]any{"persons": len(persons)}
	state := Nobody
	if len(persons) > 0 {
		state = Done
		f, err := r.File("access-" + one.ID + ".zip")
		if err != nil {
			return "", err
		}
		defer f.Close()
		if _, err := f.Resume(0); err != nil {
			return "", err
		}
		for i := range persons {
			if err := f.About(persons[i].Person); err != nil {
				return "", err
			}
		}
		if err := a.write(ctx, f, one.ID, persons); err != nil {
			return "", err
		}
		if _, err := f.Flush(); err != nil {
			return "", err
		}
		result["file"] = f.Info()
	}
	text, err := json.Marshal(result)
	if err != nil {
		return "", err
	}
	err = a.p.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		if _, err := tx.Exec(ctx, `UPDATE privacy_requests SET job = ? WHERE id = ?`, r.ID(), one.ID); err != nil {
			return err
		}
		return endRequest(ctx, tx, one.ID, ended{state: state, persons: len(persons), at: a.p.cfg.Clock.Now()})
	})
	a.p.requests.WithLabelValues(string(Access), string(state)).Inc()
	return touchstone.JSON(text), err
}

// persons returns who has the identifiers, each once.
func (a accessor) persons(ctx context.Context, texts []string) (list []keep.Whole, err error) {
	of, err := a.p.wholes(ctx, a.p.cfg.DB.Reader(), [][]string{texts})
	if err != nil {
		return nil, err
	}
	return of[0], nil
}

// gather reads all that is kept of persons.
func (a accessor) gather(ctx context.Context, request string, persons []keep.Whole) (*Copy, error) {
	c := &Copy{Format: "touchstone.person-copy.v1", MadeAt: a.p.cfg.Clock.Now().UTC().Truncate(time.Second), Request: request, Parts: map[string][]Item{}}
	for i := range persons {
		c.Persons = append(c.Persons, persons[i].Person.String())
		err := a.p.cfg.DB.View(ctx, func(tx *store.Tx) error {
			for _, k := range a.p.cfg.Keepers() {
				err := k.Export(ctx, tx, persons[i], func(name string, value any) error {
					text, err := json.Marshal(value)
					c.Parts[k.Name()] = append(c.Parts[k.Name()], Item{name, text})
					return err
				})
				if err != nil {
					return fmt.Errorf("read what %s keeps: %w", k.Name(), err)
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		if a.events == nil {
			continue
		}
		err = a.events(ctx, persons[i], maxEventsCopied, func(event jsontext.Value) error {
			c.Parts["events"] = append(c.Parts["events"], Item{"event", event})
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (a accessor) write(ctx context.Context, w io.Writer, request string, persons []keep.Whole) error {
	c, err := a.gather(ctx, request, persons)
	if err != nil {
		return err
	}
	z := zip.NewWriter(w)
	f, err := z.Create("person.json")
	if err != nil {
		return err
	}
	enc := json.NewEncoder(f)
	enc.SetIndent("", " ")
	if err := enc.Encode(c); err != nil {
		return err
	}
	for _, language := range []string{"en", "zh"} {
		f, err := z.Create("person." + language + ".html")
		if err != nil {
			return err
		}
		if err := WritePage(f, language, c); err != nil {
			return err
		}
	}
	return z.Close()
}

//go:embed person.html
var pageText string

var page = template.Must(template.New("person").Funcs(template.FuncMap{"show": show, "pretty": pretty}).Parse(pageText))

// partOrder is how the parts stand on the page; others follow by name.
var partOrder = []string{"identity", "profile", "consent", "segment", "household", "events", "outbox", "collect", "linkage", "privacy"}

// WritePage writes a page of its own, without scripts and without anything from elsewhere.
func WritePage(w io.Writer, language string, c *Copy) error {
	words, ok := pageWords[language]
	if !ok {
		words = pageWords["en"]
	}
	c.Sections = c.Sections[:0]
	for _, name := range partOrder {
		if len(c.Parts[name]) > 0 {
			c.Sections = append(c.Sections, name)
		}
	}
	var rest []string
	for name := range c.Parts {
		if !slices.Contains(partOrder, name) && len(c.Parts[name]) > 0 {
			rest = append(rest, name)
		}
	}
	slices.Sort(rest)
	c.Sections = append(c.Sections, rest...)
	return page.Execute(w, struct {
		*Copy
		Language string
		Words    map[string]string
	}{c, language, words})
}

// show is a value of JSON as people read it; objects are rows.
func show(v jsontext.Value) any {
	var any any
	if json.Unmarshal(v, &any) != nil {
		return string(v)
	}
	switch one := any.(type) {
	case string:
		return one
	case nil:
		return "–"
	}
	return nil
}

// row is a member of an object.
type row struct {
	Name  string
	Value string
}

// pretty makes rows of an object's members, those inside with dotted names; a list of objects is a group of rows for each, any
// other list one row per item.
func pretty(v jsontext.Value) (groups [][]row) {
	var all any
	if json.Unmarshal(v, &all) != nil {
		return [][]row{{{"", string(v)}}}
	}
	list, ok := all.([]any)
	if !ok || slices.ContainsFunc(list, func(x any) bool { _, is := x.(map[string]any); return !is }) {
		list = []any{all}
	}
	left := maxRows
	for _, one := range list {
		var rows []row
		flatten("", one, &rows, left)
		if left -= len(rows); len(rows) > 0 {
			groups = append(groups, rows)
		}
	}
	return groups
}

const maxRows = 400 // of one thing on the page; the JSON has all

func flatten(name string, v any, rows *[]row, most int) {
	if len(*rows) >= most {
		return
	}
	join := func(k string) string {
		if name == "" {
			return k
		}
		return name + "." + k
	}
	switch one := v.(type) {
	case map[string]any:
		keys := make([]string, 0, len(one))
		for k := range one {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for _, k := range keys {
			flatten(join(k), one[k], rows, most)
		}
	case []any:
		for i, item := range one {
			flatten(join(fmt.Sprint(i+1)), item, rows, most)
		}
	case nil:
	case string:
		if one != "" {
			*rows = append(*rows, row{name, one})
		}
	case float64:
		*rows = append(*rows, row{name, strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.6f", one), "0"), ".")})
	default:
		*rows = append(*rows, row{name, fmt.Sprint(one)})
	}
}

var pageWords = map[string]map[string]string{
	"en": {
		"title": "What is kept about you", "lead": "This is a copy of all that is kept about one person. It was made for the request named below. The same, for machines, is in person.json.",
		"made": "Made", "request": "Request", "person": "Person", "contents": "Contents", "items": "items", "identity": "Who you are to us", "profile": "Your attributes", "consent": "What you have agreed to",
		"segment": "Groups that you are in", "household": "Your household", "events": "What you did", "outbox": "What was told to others", "collect": "What could not be taken in", "linkage": "Possible matches",
		"privacy": "What you have asked for", "pipeline": "What is due", "inbox": "What could not be worked on", "command": "What was done by hand", "console": "Work of employees", "job": "Files",
		"identifiers": "Identifiers", "evidence": "What ties them together", "merges": "When they were joined", "relations": "Things of yours", "activity": "When you were here", "trait": "Attribute",
		"segments": "Groups", "counted_events": "Events that are counted", "clue": "Clue", "timer": "Due", "event": "Event",
	},
	"zh": {
		"title": "我们保存的您的信息", "lead": "这是某一个人全部被保存信息的副本，为下方所列的申请而生成。供机器读取的同一内容见 person.json。",
		"made": "生成时间", "request": "申请编号", "person": "用户编号", "contents": "目录", "items": "条", "identity": "身份标识", "profile": "属性", "consent": "您的同意记录",
		"segment": "所在人群", "household": "家庭", "events": "行为记录", "outbox": "向第三方发送的内容", "collect": "未能接收的数据", "linkage": "可能的匹配",
		"privacy": "您提出的申请", "pipeline": "待办事项", "inbox": "未能处理的事项", "command": "人工操作", "console": "员工操作记录", "job": "文件",
		"identifiers": "标识", "evidence": "关联依据", "merges": "合并记录", "relations": "关联对象", "activity": "活动概况", "trait": "属性",
		"segments": "人群", "counted_events": "计数的行为", "clue": "线索", "timer": "到期时间", "event": "行为",
	},
}
