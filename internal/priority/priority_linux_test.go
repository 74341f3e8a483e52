package priority

import (
	"testing"

	"golang.org/x/sys/unix"
)

// nice returns the niceness of the calling thread; the system call returns 20 less it.
func nice(t *testing.T) int {
	p, err := unix.Getpriority(unix.PRIO_PROCESS, unix.Gettid())
	if err != nil {
		t.Error(err)
	}
	return 20 - p
}

// Only the goroutine that gives way does, and only for its life.
func TestGiveWay(t *testing.T) {
	before := nice(t)
	if before >= niceness {
		t.Skipf("the tests run with a niceness of %d", before)
	}
	gaveWay, checked, ended := make(chan int), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		GiveWay()
		gaveWay <- nice(t)
		<-checked
	}()
	if n := <-gaveWay; n != niceness {
		t.Errorf("niceness of the goroutine: %d, want %d", n, niceness)
	}
	for range 50 { // whichever threads they run on
		other := make(chan int)
		go func() { other <- nice(t) }()
		if n := <-other; n != before {
			t.Fatalf("niceness of another goroutine: %d, want %d", n, before)
		}
	}
	close(checked)
	<-ended
	if n := nice(t); n != before {
		t.Errorf("niceness afterwards: %d, want %d", n, before)
	}
}
