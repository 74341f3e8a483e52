package memory

import (
	"testing"

	"github.com/touchstone-cdp/touchstone/stream"
	"github.com/touchstone-cdp/touchstone/stream/streamtest"
)

func TestContract(t *testing.T) {
	streamtest.Run(t, streamtest.Backend{Volatile: true, Fresh: func(t *testing.T) streamtest.Open {
		return func(*testing.T) stream.Log { return New(2, nil) }
	}})
}
