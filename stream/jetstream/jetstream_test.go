package jetstream

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/touchstone-cdp/touchstone/stream"
	"github.com/touchstone-cdp/touchstone/stream/streamtest"
)

var (
	ctx           = context.Background()
	discardLogger = slog.New(slog.DiscardHandler)
)

func openEmbedded(t testing.TB, cfg EmbeddedConfig) *Log {
	t.Helper()
	if cfg.MinFreeBytes == 0 {
		cfg.MinFreeBytes = -1 // whatever disk the test runs on
	}
	l, err := OpenEmbedded(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func TestContractEmbedded(t *testing.T) {
	streamtest.Run(t, streamtest.Backend{Fresh: func(t *testing.T) streamtest.Open {
		dir := t.TempDir()
		return func(t *testing.T) stream.Log { return openEmbedded(t, EmbeddedConfig{Dir: dir, Partitions: 2}) }
	}})
}

func TestContractConnected(t *testing.T) {
	url := runServer(t, nil).ClientURL()
	testConnected(t, url, 1)
}

func TestContractClusterOfThree(t *testing.T) {
	testConnected(t, runCluster(t), 3)
}

func testConnected(t *testing.T, url string, replicas int) {
	n := 0
	streamtest.Run(t, streamtest.Backend{Fresh: func(t *testing.T) streamtest.Open {
		n++
		name := fmt.Sprintf("T%d", n)
		return func(t *testing.T) stream.Log {
			l, err := Connect(ctx, url, ConnectConfig{Name: name, Partitions: 2})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { l.Close() })
			if got := l.parts[0].stream.CachedInfo().Config.Replicas; got != replicas {
				t.Fatalf("%d replicas, want %d", got, replicas)
			}
			return l
		}
	}})
}

func runServer(t *testing.T, change func(*server.Options)) *server.Server {
	t.Helper()
	srv := startTestServer(t, change)
	if !srv.ReadyForConnections(20 * time.Second) {
		t.Fatal("the NATS server does not start")
	}
	return srv
}

func startTestServer(t *testing.T, change func(*server.Options)) *server.Server {
	t.Helper()
	opts := &server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: t.TempDir(), MaxPayload: maxPayload}
	if change != nil {
		change(opts)
	}
	srv, err := server.NewServer(opts)
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	t.Cleanup(func() { srv.Shutdown(); srv.WaitForShutdown() })
	return srv
}

// runCluster starts three servers that know each other, and returns the URL of all.
func runCluster(t *testing.T) string {
	t.Helper()
	ports := freePorts(t, 3)
	var routes string
	for _, port := range ports {
		routes += fmt.Sprintf(",nats://127.0.0.1:%d", port)
	}
	var servers []*server.Server
	for i, port := range ports {
		servers = append(servers, startTestServer(t, func(o *server.Options) {
			o.ServerName = fmt.Sprintf("s%d", i)
			o.Cluster = server.ClusterOpts{Name: "test", Host: "127.0.0.1", Port: port}
			o.Routes = server.RoutesFromStr(routes[1:])
		}))
	}
	var urls []string
	for _, srv := range servers {
		if !srv.ReadyForConnections(30 * time.Second) {
			t.Fatal("a server of the cluster does not start")
		}
		urls = append(urls, srv.ClientURL())
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		for _, srv := range servers {
			if srv.JetStreamIsLeader() && len(srv.JetStreamClusterPeers()) == 3 {
				return strings.Join(urls, ",")
			}
		}
		if time.Now().After(deadline) {
			t.Fatal("the cluster finds no leader")
		}
	}
}

// freePorts returns ports that were free a moment ago: servers of a cluster must know
// each other's before they start.
func freePorts(t *testing.T, n int) []int {
	t.Helper()
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}
