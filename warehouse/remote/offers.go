package remote

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/warehouse"
	"github.com/touchstone-cdp/touchstone/warehouse/wire"
)

// What the warehouse in the other process offers beside the port is asked for here. One that
// does not offer it, or whose program is older, is errors.ErrUnsupported.

var (
	_ warehouse.Tables   = (*Warehouse)(nil)
	_ warehouse.Funneler = (*Warehouse)(nil)
)

const noQuestion = "is no question about a warehouse" // as errNoQuestion ends, in this and in older programs

func errNoQuestion(what string) error {
	return touchstone.Errorf(touchstone.Invalid, "%q is no question about a warehouse", what)
}

// offered asks for what is offered beside the port.
func (w *Warehouse) offered(ctx context.Context, q question, args []any) (f facts, err error) {
	f, err = w.facts(ctx, q, args)
	return f, unsupported(err)
}

// unsupported marks the error of a process that does not know a question.
func unsupported(err error) error {
	var e *touchstone.Error
	if errors.As(err, &e) && e.Kind == touchstone.Invalid && strings.HasSuffix(e.Message, noQuestion) {
		return fmt.Errorf("%w: %w", errors.ErrUnsupported, err)
	}
	return err
}

// SetVersion implements warehouse.Tables.
func (w *Warehouse) SetVersion(ctx context.Context, name string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, factsTimeout)
	defer cancel()
	f, err := w.offered(ctx, question{What: "set_version", Set: warehouse.Set{Name: name}}, nil)
	return f.Version, err
}

// Replace implements warehouse.Tables. When its answer is lost on the way, the set may have been written.
func (w *Warehouse) Replace(ctx context.Context, s warehouse.Set) (size int64, err error) {
	add, remove := inParts(s.Add), inParts(s.Remove)
	s.Add, s.Remove = nil, nil
	f, err := w.offered(ctx, question{What: "replace", Set: s, Adding: len(add)}, append(add, remove...))
	return f.Count, err
}

// setPart bounds the numbers of one value on the wire.
const setPart = 1 << 20

// inParts cuts numbers into values that may travel.
func inParts(numbers []int64) (parts []any) {
	for part := range slices.Chunk(numbers, setPart) {
		parts = append(parts, part)
	}
	return parts
}

// joinedParts puts numbers together again.
func joinedParts(parts []any) ([]int64, error) {
	var all []int64
	for _, p := range parts {
		part, ok := p.([]int64)
		if !ok {
			return nil, touchstone.Errorf(touchstone.Invalid, "a set holds numbers")
		}
		all = append(all, part...)
	}
	return all, nil
}

// Funnel implements warehouse.Funneler.
func (w *Warehouse) Funnel(ctx context.Context, f warehouse.Funnel) ([][]warehouse.FunnelStep, error) {
	args := f.Events.Args
	f.Events.Args = nil
	answer, err := w.offered(ctx, question{What: "funnel", Funnel: f}, args)
	return answer.Steps, err
}

// FunnelPeople implements warehouse.Funneler.
func (w *Warehouse) FunnelPeople(ctx context.Context, f warehouse.Funnel, level warehouse.FunnelLevel, most int) ([]touchstone.PersonID, error) {
	args := f.Events.Args
	f.Events.Args = nil
	people := []touchstone.PersonID{}
	err := w.ask(ctx, question{What: "funnel_people", Funnel: f, Level: level, Most: most}, args, func(r *bufio.Reader) error {
		var e *wire.Error
		if err := wire.ReadFrame(r, &e); err != nil {
			return err
		}
		if e != nil {
			return said{e.Unpack()}
		}
		return readBlocks(r, 1, func(_ int, columns [][]int64) error {
			for _, id := range columns[0] {
				people = append(people, touchstone.PersonID(id))
			}
			return nil
		})
	})
	if err != nil {
		return nil, unsupported(err)
	}
	return people, nil
}

// offer answers a question about what a warehouse may offer beside the port.
func (h *Handler) offer(ctx context.Context, q question, args []any) (f facts, err error) {
	tables, keepsSets := h.warehouse.(warehouse.Tables)
	funneler, funnels := h.warehouse.(warehouse.Funneler)
	switch {
	case q.What == "set_version" && keepsSets:
		f.Version, err = tables.SetVersion(ctx, q.Set.Name)
	case q.What == "replace" && keepsSets:
		if q.Adding < 0 || q.Adding > len(args) {
			return f, touchstone.Errorf(touchstone.Invalid, "a set's numbers are missing")
		}
		var errRemove error
		q.Set.Add, err = joinedParts(args[:q.Adding])
		q.Set.Remove, errRemove = joinedParts(args[q.Adding:])
		if err = errors.Join(err, errRemove); err == nil {
			f.Count, err = tables.Replace(ctx, q.Set)
		}
	case q.What == "funnel" && funnels:
		q.Funnel.Events.Args = args
		f.Steps, err = funneler.Funnel(ctx, q.Funnel)
	default:
		err = errNoQuestion(q.What)
	}
	return f, err
}

// funnelPeople sends an error or null, and then the people as the blocks of a scan.
func (h *Handler) funnelPeople(ctx context.Context, w io.Writer, q question, args []any) {
	var people []touchstone.PersonID
	err := errNoQuestion(q.What)
	if funneler, ok := h.warehouse.(warehouse.Funneler); ok {
		q.Funnel.Events.Args = args
		people, err = funneler.FunnelPeople(ctx, q.Funnel, q.Level, q.Most)
	}
	if ctx.Err() != nil {
		return
	}
	out := bufio.NewWriter(w)
	_ = wire.WriteFrame(out, packed(err))
	if err == nil {
		ids := make([]int64, len(people))
		for i, p := range people {
			ids[i] = int64(p)
		}
		for part := range slices.Chunk(ids, maxRows(1)) {
			_, _ = out.Write(appendBlock(nil, [][]int64{part}))
		}
		_ = out.WriteByte(0)
		_ = wire.WriteFrame(out, packed(nil))
	}
	_ = out.Flush()
}
