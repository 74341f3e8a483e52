package pipeline

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/stream"
)

// Trouble is why a partition stands still.
type Trouble struct {
	Partition int
	Since     time.Time // of the first failure in a row
	Attempts  int
	Err       error // the latest
}

// troubles is the register of a part's partitions that cannot go on. Its zero value is ready.
type troubles struct {
	mu   sync.Mutex
	list map[int]Trouble
}

func (t *troubles) note(partition int, now time.Time, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.list == nil {
		t.list = map[int]Trouble{}
	}
	was, known := t.list[partition]
	if !known {
		was.Since = now
	}
	t.list[partition] = Trouble{partition, was.Since, was.Attempts + 1, err}
}

func (t *troubles) clear(partition int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.list, partition)
}

// all adds the troubles to a list.
func (t *troubles) all(list ...Trouble) []Trouble {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, one := range t.list {
		list = append(list, one)
	}
	return list
}

// waiting tells how long the oldest record behind a position waits. It remembers when that
// record was stored, so that asking again costs no read while nothing moves.
type waiting struct {
	mu     sync.Mutex
	oldest map[int]oldest // by partition
}

// oldest is the record that waits longest in a partition.
type oldest struct {
	record  stream.Offset
	stored  time.Time
	noticed time.Time // since when it has been the oldest, as far as anybody asked
}

// stallAfter is how long the same record may be the oldest before its partition counts as
// standing still, also when nothing has failed.
const stallAfter = time.Minute

var errStalled = errors.New("nothing has moved for a minute, without an error")

// stalled adds the partitions that do not move to those that fail.
func (w *waiting) stalled(now time.Time, failing []Trouble) []Trouble {
	w.mu.Lock()
	defer w.mu.Unlock()
	for partition, o := range w.oldest {
		known := slices.ContainsFunc(failing, func(t Trouble) bool { return t.Partition == partition })
		if !known && now.Sub(o.noticed) > stallAfter {
			failing = append(failing, Trouble{Partition: partition, Since: o.noticed, Err: errStalled})
		}
	}
	slices.SortFunc(failing, func(a, b Trouble) int { return cmp.Compare(a.Partition, b.Partition) })
	return failing
}

// lag is the age of the oldest record that comes after through, over all partitions; 0
// when there is none. It comes from the clock and the log alone, so it grows while
// whoever should take the record stands still, and is right at once after a start.
func (w *waiting) lag(ctx context.Context, log stream.Log, clock touchstone.Clock, through func(partition int) stream.Offset) (time.Duration, error) {
	var longest time.Duration
	for i := range log.Partitions() {
		first, next, err := log.Bounds(ctx, i)
		if err != nil {
			return 0, err
		}
		at := max(first, through(i)+1)
		if at >= next {
			w.mu.Lock()
			delete(w.oldest, i)
			w.mu.Unlock()
			continue
		}
		stored, err := w.storedAt(ctx, log, i, at, clock.Now())
		if err != nil {
			return 0, err
		}
		longest = max(longest, clock.Now().Sub(stored))
	}
	return longest, nil
}

func (w *waiting) storedAt(ctx context.Context, log stream.Log, partition int, at stream.Offset, now time.Time) (time.Time, error) {
	w.mu.Lock()
	known := w.oldest[partition]
	w.mu.Unlock()
	if known.record == at {
		return known.stored, nil
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second) // the record may just have been trimmed
	defer cancel()
	records, err := log.Read(ctx, partition, at, 1, 1)
	if err != nil {
		return time.Time{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.oldest == nil {
		w.oldest = map[int]oldest{}
	}
	w.oldest[partition] = oldest{at, records[0].Time, now}
	return records[0].Time, nil
}
