package collect

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/live"
)

const (
	feedKeeps       = 200
	feedSubscribers = 100
)

// feed shows events live. Under load it takes only so many per second, because a feed
// is for eyes and must cost the edge nothing.
type feed struct {
	hub        *live.Hub[touchstone.Event]
	perSecond  int64
	second     atomic.Int64 // the current one
	taken      atomic.Int64 // in it
	sampledOut prometheus.Counter
}

func newFeed(perSecond int, sampledOut prometheus.Counter) *feed {
	return &feed{hub: live.New[touchstone.Event](feedKeeps, feedSubscribers), perSecond: int64(perSecond), sampledOut: sampledOut}
}

// room tells how many of n events the feed takes at this moment.
func (f *feed) room(nowMillis int64, n int) int {
	second := nowMillis / 1000
	if was := f.second.Load(); was != second && f.second.CompareAndSwap(was, second) {
		f.taken.Store(0)
	}
	if f.taken.Load() >= f.perSecond {
		return 0
	}
	free := f.perSecond - (f.taken.Add(int64(n)) - int64(n))
	return int(max(0, min(free, int64(n))))
}

// publish shows the first events of a request that was made durable; frames are their binary forms.
func (f *feed) publish(nowMillis int64, total int, frames []string) {
	if out := total - len(frames); out > 0 {
		f.sampledOut.Add(float64(out))
	}
	for _, frame := range frames {
		var e touchstone.Event
		if touchstone.DecodeEvent(frame, &e) == nil {
			f.hub.Publish(e)
		}
	}
}
