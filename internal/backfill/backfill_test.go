package backfill

import (
	"context"
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// Whatever batches fail, or go through without being heard of, each part is joined once and
// in order; also when a new process starts after some of them.
func TestEachPartOnceAndInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const waiting = 4
		q := NewQueue[int](waiting)
		var sent, stored []int
		var last int64 // as the database has it
		ctx := context.Background()
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0, 1:
				if q.Waiting() < waiting {
					if err := q.Send(ctx, len(sent)); err != nil {
						t.Fatal(err)
					}
					sent = append(sent, len(sent))
				}
			case 2: // a batch
				var taken []Part[int]
				for range rapid.IntRange(1, 3).Draw(t, "parts") {
					if p, ok := q.Take(); ok {
						taken = append(taken, p)
					}
				}
				outcome := rapid.IntRange(0, 2).Draw(t, "outcome")
				if outcome > 0 && len(taken) > 0 { // committed
					for _, p := range taken {
						stored = append(stored, p.What)
					}
					last = taken[len(taken)-1].Number
				}
				if outcome < 2 { // it failed, as far as the stage knows
					q.GiveBack(taken)
					q.Joined(last) // what was stored is read anew
				}
			case 3: // a new process: its builder starts from what is stored
				q = NewQueue[int](waiting)
				q.Joined(last)
				sent = slices.Clone(stored)
			}
		}
		for {
			p, ok := q.Take()
			if !ok {
				break
			}
			stored = append(stored, p.What)
		}
		if !slices.Equal(stored, sent) {
			t.Fatalf("stored %v, sent %v", stored, sent)
		}
	})
}

func TestUntilGivesUpOnlyWhenTold(t *testing.T) {
	asked, warned := 0, 0
	gone := errors.New("nobody waits")
	err := Until(t.Context(), func() (bool, error) {
		asked++
		return asked == 3, map[bool]error{true: errors.New("away")}[asked == 1]
	}, func(error) { warned++ }, nil)
	if err != nil || asked != 3 || warned != 1 {
		t.Errorf("%v after %d questions and %d warnings", err, asked, warned)
	}
	if err := Until(t.Context(), func() (bool, error) { return false, nil }, nil, func() error { return gone }); !errors.Is(err, gone) {
		t.Errorf("got %v", err)
	}
}
