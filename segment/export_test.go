package segment

import "testing"

func TestCellsAreNoFormulas(t *testing.T) {
	for cell, want := range map[string]string{
		"": "", "a": "a", "=1+1": "'=1+1", "@SUM(A1)": "'@SUM(A1)", "+8613800138000": "+8613800138000", "+86138****8000": "+86138****8000", "-1.5": "-1.5",
		"-1+cmd|' /C calc'!A0": "'-1+cmd|' /C calc'!A0", "+1+1": "'+1+1", "\t=1": "'\t=1", "张三": "张三", "a=1": "a=1",
	} {
		if got := harmless(cell); got != want {
			t.Errorf("%q becomes %q, want %q", cell, got, want)
		}
	}
}
