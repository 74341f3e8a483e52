package jetstream

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"

	touchstone "github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/stream"
)

// ConnectConfig configures [Connect]. The zero value is good for production.
type ConnectConfig struct {
	Name            string // prefix of the streams' names; TS_EVENTS by default
	Partitions      int    // of a new log; 1 by default. An existing log keeps its number
	Replicas        int    // of a new log; by default 3 in a cluster, else 1
	CredentialsFile string
	Logger          *slog.Logger // nil: quiet
	Register        prometheus.Registerer
}

// Connect uses the JetStream of other servers: "nats://a:4222,nats://b:4222". A record
// is acknowledged once most of its replicas have it. Whether each of them has synced it
// to disk by then is the servers' setting ("sync_interval: always").
func Connect(ctx context.Context, url string, cfg ConnectConfig) (*Log, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Name == "" {
		cfg.Name = defaultName
	}
	opts := []nats.Option{
		nats.Name("touchstone"),
		nats.MaxReconnects(-1),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { cfg.Logger.Warn("lost the connection to NATS", "error", err) }),
		nats.ReconnectHandler(func(c *nats.Conn) { cfg.Logger.Info("connected to NATS again", "server", c.ConnectedUrlRedacted()) }),
	}
	if cfg.CredentialsFile != "" {
		opts = append(opts, nats.UserCredentials(cfg.CredentialsFile))
	}
	write, read, err := connectTwice(url, opts...)
	if err != nil {
		return nil, touchstone.Wrap(touchstone.Unavailable, err, "cannot connect to NATS").
			WithHint("check the address and the credentials, and that the server runs")
	}
	closeBoth := func() { read.Close(); write.Close() }
	if most := write.MaxPayload(); most < stream.MaxRecordBytes {
		closeBoth()
		return nil, touchstone.Errorf(touchstone.Invalid, "the NATS server takes messages of %d bytes at most", most).
			WithHint("set max_payload: 8MB in its configuration")
	}
	replicas := cfg.Replicas
	if replicas <= 0 {
		replicas = 1
		if write.ConnectedClusterName() != "" {
			replicas = 3
		}
	}
	l, err := open(ctx, write, read, config{name: cfg.Name, partitions: cfg.Partitions, replicas: replicas, shared: true,
		logger: cfg.Logger, register: cfg.Register})
	if err != nil {
		closeBoth()
		return nil, fmt.Errorf("open the log in NATS: %w", err)
	}
	return l, nil
}

func connectTwice(url string, opts ...nats.Option) (write, read *nats.Conn, err error) {
	// Each read makes a subscription; the client's default would give it room for 65,536
	// messages at once.
	opts = append(opts, nats.SyncQueueLen(readQueue))
	if write, err = nats.Connect(url, opts...); err != nil {
		return nil, nil, err
	}
	if read, err = nats.Connect(url, opts...); err != nil {
		write.Close()
		return nil, nil, err
	}
	return write, read, nil
}
