package apptest

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/touchstone-cdp/touchstone/store/storetest"
)

// Shape is a way to deploy Touchstone. The same test bodies run on each.
type Shape struct {
	Name string
	// flags sets a fresh deployment up and returns the flags of its servers.
	flags func(t testing.TB) []string
}

// Start runs a server of the shape on fresh back ends.
func (s Shape) Start(t testing.TB, flags ...string) *Server {
	t.Helper()
	return Start(t, append(s.flags(t), flags...)...)
}

// Embedded is one process with everything in its data folder.
func Embedded() Shape {
	return Shape{"embedded", func(testing.TB) []string { return nil }}
}

// ScaleOut keeps state in PostgreSQL and the log in a NATS cluster of three, which runs
// until t ends. It skips t where PostgreSQL is missing, and fails it in CI.
func ScaleOut(t testing.TB) Shape {
	t.Helper()
	storetest.PostgresSchema(t) // where there is no server the cluster need not start
	url := clusterURL(natsCluster(t))
	return Shape{"scale-out", func(t testing.TB) []string {
		t.Helper()
		t.Cleanup(func() { emptyCluster(t, url) })
		return []string{"--store-url", storetest.PostgresSchema(t), "--stream-url", url}
	}}
}

// natsCluster runs three NATS servers with JetStream inside the test.
func natsCluster(t testing.TB) []*server.Server {
	t.Helper()
	var ports []int
	var routes []string
	for range 3 { // servers of a cluster must know each other's ports before they start
		address := FreeAddress(t)
		port, err := strconv.Atoi(strings.TrimPrefix(address, "127.0.0.1:"))
		if err != nil {
			t.Fatal(err)
		}
		ports = append(ports, port)
		routes = append(routes, "nats://"+address)
	}
	var servers []*server.Server
	for i, port := range ports {
		srv, err := server.NewServer(&server.Options{
			ServerName: fmt.Sprintf("nats-%d", i), Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
			JetStream: true, StoreDir: t.TempDir(), MaxPayload: 8 << 20,
			Cluster: server.ClusterOpts{Name: "touchstone", Host: "127.0.0.1", Port: port},
			Routes:  server.RoutesFromStr(strings.Join(routes, ",")),
		})
		if err != nil {
			t.Fatal(err)
		}
		srv.Start()
		t.Cleanup(func() { srv.Shutdown(); srv.WaitForShutdown() })
		servers = append(servers, srv)
	}
	for _, srv := range servers {
		if !srv.ReadyForConnections(patience) {
			t.Fatal("a NATS server does not start")
		}
	}
	Eventually(t, 30*time.Second, "the NATS cluster has a leader", func() bool {
		for _, srv := range servers {
			if srv.JetStreamIsLeader() && len(srv.JetStreamClusterPeers()) == len(servers) {
				return true
			}
		}
		return false
	})
	return servers
}

func clusterURL(servers []*server.Server) string {
	var urls []string
	for _, srv := range servers {
		urls = append(urls, srv.ClientURL())
	}
	return strings.Join(urls, ",")
}

// emptyCluster deletes every stream.
func emptyCluster(t testing.TB, url string) {
	conn, err := nats.Connect(url)
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close()
	js, err := conn.JetStream()
	if err != nil {
		t.Error(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for name := range js.StreamNames(nats.Context(ctx)) {
		if err := js.DeleteStream(name, nats.Context(ctx)); err != nil {
			t.Errorf("delete stream %s: %v", name, err)
		}
	}
}
