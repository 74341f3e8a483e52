package stream

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/s2"
	"pgregory.net/rapid"

	touchstone "github.com/touchstone-cdp/touchstone"
)

func run(frames ...string) []byte {
	var b []byte
	for _, f := range frames {
		b = AppendFrame(b, []byte(f))
	}
	return b
}

func collect(t *testing.T, data []byte) []string {
	t.Helper()
	f, err := DecodeRecord(data)
	if err != nil {
		t.Fatal(err)
	}
	got := slices.Collect(f.All())
	if len(got) != f.Len() {
		t.Errorf("Len is %d, All yields %d", f.Len(), len(got))
	}
	if n, err := Count(data); n != len(got) || err != nil {
		t.Errorf("Count is %d, %v; want %d", n, err, len(got))
	}
	return got
}

func TestRecordRoundTrip(t *testing.T) {
	noise := make([]byte, 5000)
	for i := range noise {
		noise[i] = byte(rand.Uint32())
	}
	for name, want := range map[string][]string{
		"one":            {"a"},
		"empty frames":   {"", "", ""},
		"repetitive":     {strings.Repeat("订单", 1000), strings.Repeat("订单", 2000)},
		"incompressible": {string(noise)},
		"long lengths":   {strings.Repeat("a", 127), strings.Repeat("b", 128), strings.Repeat("c", 16384)},
	} {
		t.Run(name, func(t *testing.T) {
			data := EncodeRecord([]byte("before"), run(want...), len(want))
			rest, ok := bytes.CutPrefix(data, []byte("before"))
			if !ok {
				t.Fatal("what was in dst is gone")
			}
			if d := cmp.Diff(want, collect(t, rest)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestRecordRoundTripProperty(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		want := rapid.SliceOfN(rapid.String(), 1, 200).Draw(rt, "frames")
		if d := cmp.Diff(want, collect(t, EncodeRecord(nil, run(want...), len(want)))); d != "" {
			rt.Error(d)
		}
	})
}

func TestCompressesWhenItHelps(t *testing.T) {
	frames := run(strings.Repeat("hello ", 1000))
	if data := EncodeRecord(nil, frames, 1); len(data) > len(frames)/10 {
		t.Errorf("%d bytes became %d", len(frames), len(data))
	}
}

func TestEveryChangedByteIsSeen(t *testing.T) {
	for name, frames := range map[string][]byte{
		"raw": run("a", "bc"),
		"s2":  run(strings.Repeat("compress me ", 50), "b"),
	} {
		t.Run(name, func(t *testing.T) {
			data := EncodeRecord(nil, frames, 2)
			for i := range data {
				for bit := range 8 {
					bad := bytes.Clone(data)
					bad[i] ^= 1 << bit
					if _, err := DecodeRecord(bad); err == nil {
						t.Fatalf("bit %d of byte %d of %d was changed and nothing noticed", bit, i, len(data))
					}
				}
			}
			for n := range data {
				if _, err := DecodeRecord(data[:n]); err == nil {
					t.Fatalf("the first %d of %d bytes were taken for whole", n, len(data))
				}
			}
			if _, err := DecodeRecord(append(bytes.Clone(data), 0)); err == nil {
				t.Fatal("a trailing byte was taken")
			}
		})
	}
}

// sealed makes a record with a right checksum around a body that may be wrong.
func sealed(flags byte, count uint64, body []byte) []byte {
	data := binary.AppendUvarint([]byte{recordVersion, flags}, count)
	sum := checksum(data, body)
	return append(binary.LittleEndian.AppendUint32(data, sum), body...)
}

func TestRefusesWhatEncodeCannotWrite(t *testing.T) {
	bomb := append(binary.AppendUvarint(nil, 1<<31), 0)
	for name, data := range map[string][]byte{
		"nothing":         {},
		"count too small": sealed(0, 1, run("a", "b")),
		"count too large": sealed(0, 3, run("a", "b")),
		"no events":       sealed(0, 0, nil),
		"huge count":      sealed(0, 1<<40, run("a")),
		"unknown flag":    sealed(4, 1, run("a")),
		"length past end": sealed(0, 1, []byte{5, 'a'}),
		"endless length":  sealed(0, 1, bytes.Repeat([]byte{0xff}, 20)),
		"s2 bomb":         sealed(flagS2, 1, bomb),
		"s2 of nothing":   sealed(flagS2, 1, s2.Encode(nil, nil)),
		"not s2":          sealed(flagS2, 1, []byte("hello")),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := DecodeRecord(data); err == nil {
				t.Error("taken")
			}
		})
	}
	if _, err := DecodeRecord([]byte{9, 0, 1, 0, 0, 0, 0, 1, 'a'}); !errors.Is(err, touchstone.ErrNewer) || !strings.Contains(err.Error(), "version 9; this one reads up to 2") {
		t.Errorf("a record of version 9: %v", err)
	}
}

// See TestEventFormStandsStill: a new form takes a new version and a reader for this one.
func TestRecordFormStandsStill(t *testing.T) {
	for version1, frames := range map[string][]string{
		"0100038c372696016100026263":                                         {"a", "", "bc"},
		"0101024f8f1516dc0434d804636f6d7072657373206d6520110c19004001040162": {strings.Repeat("compress me ", 50), "b"},
	} {
		plain := len(frames) == 3 // what a compressor makes may change, if only it can be read
		if got := hex.EncodeToString(EncodeRecord(nil, run(frames...), len(frames))); plain && got != version1 {
			t.Errorf("written as\n%s, not\n%s", got, version1)
		}
		data, err := hex.DecodeString(version1)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(frames, collect(t, data)); d != "" {
			t.Error(d)
		}
	}
}

func FuzzDecodeRecord(f *testing.F) {
	f.Add(EncodeRecord(nil, run("a", ""), 2))
	f.Add(EncodeRecord(nil, run(strings.Repeat("x", 500)), 1))
	f.Fuzz(func(t *testing.T, data []byte) {
		check := func(data []byte) {
			frames, err := DecodeRecord(data)
			if err != nil {
				return
			}
			all := slices.Collect(frames.All())
			if len(all) != frames.Len() {
				t.Fatalf("%d frames, Len %d", len(all), frames.Len())
			}
			if n, err := Count(data); err != nil || n != len(all) {
				t.Fatalf("Count %d, %v", n, err)
			}
		}
		check(data)
		if len(data) > 1 { // past the checksum
			check(sealed(data[0]&1, uint64(data[1]), data[2:]))
		}
	})
}

func BenchmarkDecodeRecord(b *testing.B) {
	frames, n := benchFrames(1000)
	data := EncodeRecord(nil, frames, n)
	b.SetBytes(int64(len(frames)))
	b.ReportAllocs()
	for b.Loop() {
		f, err := DecodeRecord(data)
		if err != nil {
			b.Fatal(err)
		}
		for range f.All() {
		}
	}
}

func BenchmarkEncodeRecord(b *testing.B) {
	frames, n := benchFrames(1000)
	b.SetBytes(int64(len(frames)))
	b.ReportAllocs()
	var dst []byte
	for b.Loop() {
		dst = EncodeRecord(dst[:0], frames, n)
	}
	b.ReportMetric(float64(len(frames))/float64(len(dst)), "ratio")
}

// benchFrames makes events that look like real ones: 770 bytes, alike but not equal.
func benchFrames(n int) (frames []byte, count int) {
	rng := rand.New(rand.NewPCG(1, 2))
	hex := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = "0123456789abcdef"[rng.IntN(16)]
		}
		return string(b)
	}
	for range n {
		e := "01track" + hex(36) + "Product Viewed" + "src_web" + hex(12) + hex(36) +
			`{"product_id":"` + hex(8) + `","category":"shoes","price":` + hex(4) + `,"currency":"CNY","quantity":1,"list":"` + hex(10) + `"}` +
			`{"ip":"10.1.2.3","locale":"zh-CN","page":{"path":"/p/` + hex(8) + `","referrer":"https://www.example.com/","title":"商品详情","url":"https://shop.example.com/p/` + hex(8) + `"},` +
			`"userAgent":"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36","library":{"name":"analytics.js","version":"npm:next-1.70.0"},` +
			`"campaign":{"source":"wechat","medium":"social","name":"` + hex(8) + `"},"screen":{"width":1920,"height":1080}}`
		frames = AppendFrame(frames, []byte(e))
	}
	return frames, n
}

// A record of which some was erased is of its own version, keeps the places of what is left, and is as
// well protected.
func TestErasedFramesKeepTheirPlaces(t *testing.T) {
	record := EncodeErased(nil, [][]byte{nil, []byte("b"), []byte(strings.Repeat("compress me ", 50)), {}})
	frames, err := DecodeRecord(record)
	if err != nil || frames.Len() != 4 || record[0] != erasedVersion {
		t.Fatal(frames.Len(), record[0], err)
	}
	var got []string
	for f := range frames.All() {
		got = append(got, f)
	}
	if len(got) != 4 || got[0] != "" || got[1] != "b" || len(got[2]) != 600 || got[3] != "" {
		t.Errorf("got %q", got)
	}
	for i := range record {
		changed := append([]byte{}, record...)
		changed[i] ^= 4
		if _, err := DecodeRecord(changed); err == nil {
			t.Errorf("byte %d changed: taken", i)
		}
	}
}
