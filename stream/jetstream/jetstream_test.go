package jetstream

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	touchstone "github.com/touchstone-cdp/touchstone"
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

func TestContractSealed(t *testing.T) {
	streamtest.Run(t, streamtest.Backend{Fresh: func(t *testing.T) streamtest.Open {
		dir := t.TempDir()
		block, err := aes.NewCipher(make([]byte, 32))
		if err != nil {
			t.Fatal(err)
		}
		seal, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			t.Fatal(err)
		}
		return func(t *testing.T) stream.Log {
			return openEmbedded(t, EmbeddedConfig{Dir: dir, Partitions: 2, Seal: seal})
		}
	}})
}

func TestContractConnected(t *testing.T) {
	url := runServer(t, nil).ClientURL()
	testConnected(t, url, 1)
}

func TestContractClusterOfThree(t *testing.T) {
	servers := runCluster(t)
	testConnected(t, clusterURL(servers), 3)
}

// TestClusterOutlivesAServer stops the server that leads the stream while events are
// appended and read. Clients send again what was not acknowledged, as over HTTP.
func TestClusterOutlivesAServer(t *testing.T) {
	servers := runCluster(t)
	l, err := Connect(ctx, clusterURL(servers), ConnectConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	b := stream.NewBatcher(l, stream.BatcherConfig{})
	defer b.Close()
	deadline, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()

	var acknowledged sync.Map // event → touchstone.Seq
	var total atomic.Int64
	const writers, each = 8, 60
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				text := fmt.Sprintf("%d/%d", w, i)
				for {
					r, err := b.Append(deadline, 0, stream.AppendFrame(nil, []byte(text)), 1)
					if err == nil {
						acknowledged.Store(text, r.Seq(0))
						total.Add(1)
						break
					}
					if deadline.Err() != nil {
						t.Errorf("%s: %v", text, err)
						return
					}
					time.Sleep(20 * time.Millisecond)
				}
			}
		})
	}
	wg.Go(func() {
		for total.Load() < writers*each/3 {
			time.Sleep(time.Millisecond)
		}
		for _, srv := range servers {
			if srv.JetStreamIsStreamLeader("$G", "TS_EVENTS_0") {
				srv.Shutdown()
				return
			}
		}
		t.Error("the stream has no leader")
	})
	seen := map[string]bool{}
	places := map[touchstone.Seq]string{}
	from := stream.Offset(1)
	read := func() error {
		records, err := l.Read(deadline, 0, from, 100, 1<<20)
		if err != nil {
			return err
		}
		for _, r := range records {
			if r.Offset != from {
				t.Fatalf("record %d follows record %d", r.Offset, from-1)
			}
			from++
			frames, err := stream.DecodeRecord(r.Data)
			if err != nil {
				t.Fatal(err)
			}
			i := 0
			for text := range frames.All() {
				seen[text] = true
				places[touchstone.MakeSeq(0, uint64(r.Offset), i)] = text
				i++
			}
		}
		return nil
	}
	for len(seen) < writers*each {
		if err := read(); err != nil {
			if deadline.Err() != nil {
				t.Fatalf("read %d of %d events: %v", len(seen), writers*each, err)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	wg.Wait()
	// What was sent again comes at the end. A cluster that is finding a new leader may let a
	// question run out of time; the next one is answered.
	for {
		_, next, err := l.Bounds(deadline, 0)
		for err == nil && from < next {
			err = read()
		}
		if err == nil {
			break
		}
		if deadline.Err() != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	acknowledged.Range(func(text, seq any) bool {
		if got := places[seq.(touchstone.Seq)]; got != text {
			t.Errorf("%s was acknowledged at %d; there is %q", text, seq, got)
		}
		return true
	})
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
	if !srv.ReadyForConnections(2 * time.Minute) {
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

// runCluster starts three servers that know each other.
func runCluster(t *testing.T) []*server.Server {
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
	for _, srv := range servers {
		if !srv.ReadyForConnections(2 * time.Minute) {
			t.Fatal("a server of the cluster does not start")
		}
	}
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		for _, srv := range servers {
			if srv.JetStreamIsLeader() && len(srv.JetStreamClusterPeers()) == 3 {
				return servers
			}
		}
		if time.Now().After(deadline) {
			t.Fatal("the cluster finds no leader")
		}
	}
}

func clusterURL(servers []*server.Server) string {
	var urls []string
	for _, srv := range servers {
		urls = append(urls, srv.ClientURL())
	}
	return strings.Join(urls, ",")
}

// freePorts returns ports that were free a moment ago: servers of a cluster must know
// each other's before they start. Systems take the ports of outgoing connections from 32768 on.
func freePorts(t *testing.T, n int) []int {
	t.Helper()
	var ports []int
	for range 1000 {
		port := 10_000 + rand.IntN(20_000)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue // somebody else's
		}
		defer l.Close()
		if ports = append(ports, port); len(ports) == n {
			return ports
		}
	}
	t.Fatal("no ports are free")
	return nil
}
