package console

import (
	"net/http"
	"time"

	"github.com/touchstone-cdp/touchstone/api"
)

func (c *Console) streamStats(w http.ResponseWriter, r *http.Request) error {
	if c.cfg.Counters == nil {
		return api.NotHere("statistics")
	}
	f, err := c.cfg.Feeds.Open(w, r)
	if err != nil {
		return err
	}
	defer f.Leave()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		a, err := c.currentStats(f.Context())
		if err != nil {
			if f.Context().Err() == nil {
				c.cfg.Log.Warn("counters were not read", "error", err)
			}
			return nil
		}
		if f.Send(a) != nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-f.Context().Done():
			return nil
		}
	}
}
