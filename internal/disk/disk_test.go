package disk

import "testing"

func TestFree(t *testing.T) {
	if free, total, err := Free(t.TempDir()); err != nil || free <= 0 || total < free {
		t.Errorf("free %d, total %d, %v", free, total, err)
	}
}

func TestLeast(t *testing.T) {
	for _, tt := range []struct{ configured, total, want int64 }{
		{0, 10 << 30, 1 << 30}, {0, 500 << 30, 10 << 30}, {5, 500 << 30, 5},
	} {
		if got := Least(tt.configured, tt.total); got != tt.want {
			t.Errorf("of %d with %d: %d", tt.total, tt.configured, got)
		}
	}
	if got := Text(1536 << 20); got != "1.5 GiB" {
		t.Error(got)
	}
}
