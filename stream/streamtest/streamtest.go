// Package streamtest is the contract of stream.Log as tests. Every back end runs it.
package streamtest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	touchstone "github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/stream"
)

// Open opens a log with two partitions. Each call within one test opens the same log;
// a log that does not outlive Close is Volatile.
type Open func(t *testing.T) stream.Log

// Backend is a back end under test.
type Backend struct {
	// Fresh makes an empty log with two partitions for one test and returns how to open it.
	Fresh    func(t *testing.T) Open
	Volatile bool // nothing survives Close
}

const patience = 20 * time.Second

// Run runs the contract.
func Run(t *testing.T, b Backend) {
	behaviours := []struct {
		name string
		test func(t *testing.T, log stream.Log)
	}{
		{"offsets count from one without gaps", offsetsCount},
		{"data comes back as it was", dataIsKept},
		{"large records", largeRecords},
		{"partitions are apart", partitionsAreApart},
		{"unknown partition", unknownPartition},
		{"read is bounded by records", readBoundedByRecords},
		{"read is bounded by bytes but returns one", readBoundedByBytes},
		{"read waits for a record", readWaits},
		{"read past the end waits", readPastTheEnd},
		{"every waiting reader wakes", everyReaderWakes},
		{"read ends with its context", readEndsWithContext},
		{"append to a cancelled context", appendCancelled},
		{"bounds of an empty partition", boundsEmpty},
		{"trim drops what is before", trimDrops},
		{"trim everything", trimEverything},
		{"trim is clamped", trimClamped},
		{"many appends and reads at once", manyAtOnce},
		{"size grows", sizeGrows},
	}
	for _, bh := range behaviours {
		t.Run(bh.name, func(t *testing.T) { bh.test(t, b.Fresh(t)(t)) })
	}
	t.Run("a closed log refuses", func(t *testing.T) { closedRefuses(t, b.Fresh(t)(t)) })
	t.Run("close ends waiting reads", func(t *testing.T) { closeEndsReads(t, b.Fresh(t)(t)) })
	if !b.Volatile {
		t.Run("records survive reopening", func(t *testing.T) { survivesReopening(t, b.Fresh(t)) })
		t.Run("trim survives reopening", func(t *testing.T) { trimSurvivesReopening(t, b.Fresh(t)) })
	}
}

func patient(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func add(t *testing.T, log stream.Log, partition int, data ...string) {
	t.Helper()
	for _, d := range data {
		if _, err := log.Append(patient(t), partition, []byte(d)); err != nil {
			t.Fatal(err)
		}
	}
}

// readAll reads n records from an offset, however many reads that takes.
func readAll(t *testing.T, log stream.Log, partition int, from stream.Offset, n int) []stream.Record {
	t.Helper()
	var all []stream.Record
	for len(all) < n {
		records, err := log.Read(patient(t), partition, from, 100, 1<<20)
		if err != nil {
			t.Fatalf("after %d of %d records: %v", len(all), n, err)
		}
		if len(records) == 0 {
			t.Fatal("Read returned nothing")
		}
		all = append(all, records...)
		from = records[len(records)-1].Offset + 1
	}
	return all
}

func wantRecords(t *testing.T, got []stream.Record, first stream.Offset, data ...string) {
	t.Helper()
	var texts []string
	for i, r := range got {
		texts = append(texts, string(r.Data))
		if want := first + stream.Offset(i); r.Offset != want {
			t.Errorf("record %d has offset %d, want %d", i, r.Offset, want)
		}
	}
	if d := cmp.Diff(data, texts); d != "" {
		t.Error(d)
	}
}

func wantBounds(t *testing.T, log stream.Log, partition int, first, next stream.Offset) {
	t.Helper()
	f, n, err := log.Bounds(patient(t), partition)
	if err != nil || f != first || n != next {
		t.Errorf("bounds are %d, %d, %v; want %d, %d", f, n, err, first, next)
	}
}

func offsetsCount(t *testing.T, log stream.Log) {
	for want := stream.Offset(1); want <= 5; want++ {
		got, err := log.Append(patient(t), 0, []byte("x"))
		if err != nil || got != want {
			t.Fatalf("offset %d, %v; want %d", got, err, want)
		}
		wantBounds(t, log, 0, 1, want+1)
	}
}

func dataIsKept(t *testing.T, log stream.Log) {
	data := make([]byte, 256)
	for i := range data {
		data[i] = byte(i)
	}
	before := time.Now().Add(-time.Minute)
	if _, err := log.Append(patient(t), 0, data); err != nil {
		t.Fatal(err)
	}
	clear(data) // the log must not keep the caller's memory
	r := readAll(t, log, 0, 1, 1)[0]
	for i, b := range r.Data {
		if b != byte(i) || len(r.Data) != 256 {
			t.Fatalf("byte %d of %d is %d", i, len(r.Data), b)
		}
	}
	if r.Time.Before(before) || r.Time.After(time.Now().Add(time.Minute)) {
		t.Errorf("stored at %v", r.Time)
	}
}

func largeRecords(t *testing.T, log stream.Log) {
	for i, n := range []int{stream.MaxRecordBytes, 1 << 20, 3 << 20} {
		data := bytes.Repeat([]byte{byte('a' + i)}, n)
		if _, err := log.Append(patient(t), 0, data); err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		if r := readAll(t, log, 0, stream.Offset(i+1), 1)[0]; !bytes.Equal(r.Data, data) {
			t.Errorf("%d bytes came back as %d", n, len(r.Data))
		}
	}
	if _, err := log.Append(patient(t), 0, make([]byte, stream.MaxRecordBytes+1)); touchstone.KindOf(err) != touchstone.TooLarge {
		t.Errorf("a record over the limit: %v", err)
	}
	wantBounds(t, log, 0, 1, 4)
}

func partitionsAreApart(t *testing.T, log stream.Log) {
	if n := log.Partitions(); n != 2 {
		t.Fatalf("%d partitions", n)
	}
	add(t, log, 0, "a", "b")
	add(t, log, 1, "c")
	wantRecords(t, readAll(t, log, 0, 1, 2), 1, "a", "b")
	wantRecords(t, readAll(t, log, 1, 1, 1), 1, "c")
	if err := log.Trim(patient(t), 0, 3); err != nil {
		t.Fatal(err)
	}
	wantBounds(t, log, 1, 1, 2)
}

func unknownPartition(t *testing.T, log stream.Log) {
	for _, p := range []int{-1, 2} {
		if _, err := log.Append(patient(t), p, []byte("x")); err == nil {
			t.Errorf("appended to partition %d", p)
		}
		if _, err := log.Read(patient(t), p, 1, 1, 1); err == nil {
			t.Errorf("read partition %d", p)
		}
		if _, _, err := log.Bounds(patient(t), p); err == nil {
			t.Errorf("bounds of partition %d", p)
		}
		if err := log.Trim(patient(t), p, 1); err == nil {
			t.Errorf("trimmed partition %d", p)
		}
	}
}

func readBoundedByRecords(t *testing.T, log stream.Log) {
	add(t, log, 0, "a", "b", "c", "d")
	got, err := log.Read(patient(t), 0, 2, 2, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	wantRecords(t, got, 2, "b", "c")
}

func readBoundedByBytes(t *testing.T, log stream.Log) {
	big := string(make([]byte, 10_000))
	add(t, log, 0, big, big, big, big)
	for _, tt := range []struct{ maxBytes, most int }{{1, 1}, {15_000, 2}} {
		got, err := log.Read(patient(t), 0, 1, 100, tt.maxBytes)
		if err != nil || len(got) == 0 || len(got) > tt.most {
			t.Errorf("with %d bytes: %d records, %v; want at most %d", tt.maxBytes, len(got), err, tt.most)
		}
	}
}

func readWaits(t *testing.T, log stream.Log) {
	for i, text := range []string{"a", "b", "c"} { // the first wait may set things up
		done := make(chan []stream.Record, 1)
		go func() {
			records, err := log.Read(patient(t), 0, stream.Offset(i+1), 10, 1<<20)
			if err != nil {
				t.Error(err)
			}
			done <- records
		}()
		select {
		case got := <-done:
			t.Fatalf("did not wait: %v", got)
		case <-time.After(30 * time.Millisecond):
		}
		add(t, log, 0, text)
		wantRecords(t, <-done, stream.Offset(i+1), text)
	}
}

func readPastTheEnd(t *testing.T, log stream.Log) {
	add(t, log, 0, "a")
	done := make(chan []stream.Record, 1)
	go func() {
		records, _ := log.Read(patient(t), 0, 3, 10, 1<<20)
		done <- records
	}()
	add(t, log, 0, "b")
	select {
	case got := <-done:
		t.Fatalf("asked for record 3, got %v", got)
	case <-time.After(30 * time.Millisecond):
	}
	add(t, log, 0, "c")
	wantRecords(t, <-done, 3, "c")
}

func everyReaderWakes(t *testing.T, log stream.Log) {
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			got, err := log.Read(patient(t), 0, 1, 10, 1<<20)
			if err != nil || len(got) != 1 {
				t.Errorf("%d records, %v", len(got), err)
			}
		})
	}
	time.Sleep(20 * time.Millisecond)
	add(t, log, 0, "a")
	wg.Wait()
}

func readEndsWithContext(t *testing.T, log stream.Log) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
	defer cancel()
	if _, err := log.Read(ctx, 0, 1, 1, 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("deadline: %v", err)
	}
	ctx, cancel = context.WithCancel(context.Background())
	time.AfterFunc(30*time.Millisecond, cancel)
	if _, err := log.Read(ctx, 0, 1, 1, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("cancel: %v", err)
	}
	if _, err := log.Read(ctx, 0, 1, 1, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before: %v", err)
	}
}

func appendCancelled(t *testing.T, log stream.Log) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := log.Append(ctx, 0, []byte("x")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	add(t, log, 0, "a")
}

func boundsEmpty(t *testing.T, log stream.Log) { wantBounds(t, log, 0, 1, 1) }

func trimDrops(t *testing.T, log stream.Log) {
	add(t, log, 0, "a", "b", "c", "d")
	if err := log.Trim(patient(t), 0, 3); err != nil {
		t.Fatal(err)
	}
	wantBounds(t, log, 0, 3, 5)
	for _, from := range []stream.Offset{0, 1, 2, 3} {
		wantRecords(t, readAll(t, log, 0, from, 2), 3, "c", "d")
	}
	if err := log.Trim(patient(t), 0, 2); err != nil { // nothing to do
		t.Fatal(err)
	}
	wantBounds(t, log, 0, 3, 5)
}

func trimEverything(t *testing.T, log stream.Log) {
	add(t, log, 0, "a", "b")
	if err := log.Trim(patient(t), 0, 3); err != nil {
		t.Fatal(err)
	}
	wantBounds(t, log, 0, 3, 3)
	add(t, log, 0, "c")
	wantRecords(t, readAll(t, log, 0, 1, 1), 3, "c")
}

func trimClamped(t *testing.T, log stream.Log) {
	if err := log.Trim(patient(t), 0, 100); err != nil {
		t.Fatal(err)
	}
	wantBounds(t, log, 0, 1, 1)
	add(t, log, 0, "a")
	if err := log.Trim(patient(t), 0, 100); err != nil {
		t.Fatal(err)
	}
	wantBounds(t, log, 0, 2, 2)
	add(t, log, 0, "b")
	wantRecords(t, readAll(t, log, 0, 1, 1), 2, "b")
}

func manyAtOnce(t *testing.T, log stream.Log) {
	const writers, each = 8, 25
	type place struct {
		offset stream.Offset
		text   string
	}
	var mu sync.Mutex
	acknowledged := map[stream.Offset]string{}
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				p := place{text: fmt.Sprintf("%d/%d", w, i)}
				var err error
				if p.offset, err = log.Append(patient(t), 0, []byte(p.text)); err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				acknowledged[p.offset] = p.text
				mu.Unlock()
			}
		})
	}
	for range 2 {
		wg.Go(func() {
			got := map[stream.Offset]string{}
			for i, r := range readAll(t, log, 0, 1, writers*each) {
				if r.Offset != stream.Offset(i+1) {
					t.Errorf("record %d has offset %d", i, r.Offset)
				}
				got[r.Offset] = string(r.Data)
			}
			for { // an acknowledgement may come after the read
				mu.Lock()
				n := len(acknowledged)
				mu.Unlock()
				if n == writers*each || t.Failed() {
					break
				}
				time.Sleep(time.Millisecond)
			}
			mu.Lock()
			defer mu.Unlock()
			if d := cmp.Diff(acknowledged, got); d != "" {
				t.Error(d)
			}
		})
	}
	wg.Wait()
}

func sizeGrows(t *testing.T, log stream.Log) {
	before, err := log.Size(patient(t))
	if err != nil {
		t.Fatal(err)
	}
	data := make([]byte, 100_000)
	for i := 0; i+8 <= len(data); i += 8 {
		binary.LittleEndian.PutUint64(data[i:], uint64(i)*0x9e3779b97f4a7c15)
	}
	add(t, log, 1, string(data))
	after, err := log.Size(patient(t))
	if err != nil || after-before < 100_000 {
		t.Errorf("size went from %d to %d, %v", before, after, err)
	}
}

func closedRefuses(t *testing.T, log stream.Log) {
	add(t, log, 0, "a")
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := log.Append(patient(t), 0, []byte("b")); err == nil {
		t.Error("appended to a closed log")
	}
	if _, err := log.Read(patient(t), 0, 1, 1, 1); err == nil {
		t.Error("read a closed log")
	}
	if err := log.Close(); err != nil {
		t.Errorf("closed again: %v", err)
	}
}

func closeEndsReads(t *testing.T, log stream.Log) {
	done := make(chan error, 1)
	go func() {
		_, err := log.Read(context.Background(), 0, 1, 1, 1)
		done <- err
	}()
	time.Sleep(30 * time.Millisecond)
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-done:
		if err == nil {
			t.Error("the read returned without an error")
		}
	case <-time.After(patience):
		t.Error("the read still waits")
	}
}

func survivesReopening(t *testing.T, open Open) {
	log := open(t)
	add(t, log, 0, "a", "b")
	add(t, log, 1, "c")
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	log = open(t)
	wantRecords(t, readAll(t, log, 0, 1, 2), 1, "a", "b")
	wantRecords(t, readAll(t, log, 1, 1, 1), 1, "c")
	add(t, log, 0, "d")
	wantRecords(t, readAll(t, log, 0, 3, 1), 3, "d")
	wantBounds(t, log, 0, 1, 4)
}

func trimSurvivesReopening(t *testing.T, open Open) {
	log := open(t)
	add(t, log, 0, "a", "b", "c")
	add(t, log, 1, "d")
	for p, before := range []stream.Offset{3, 2} {
		if err := log.Trim(patient(t), p, before); err != nil {
			t.Fatal(err)
		}
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	log = open(t)
	wantBounds(t, log, 0, 3, 4)
	wantBounds(t, log, 1, 2, 2)
	add(t, log, 1, "e")
	wantRecords(t, readAll(t, log, 1, 1, 1), 2, "e")
}
