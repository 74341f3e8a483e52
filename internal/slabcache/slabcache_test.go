package slabcache

import (
	"bytes"
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

func TestBehavesLikeAMapWhileNothingIsEvicted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, want := New(8<<20), map[string]string{}
		key := rapid.StringMatching(`[a-d]{0,3}`)
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				space, k, v := uint8(rapid.IntRange(0, 1).Draw(t, "space")), key.Draw(t, "key"), rapid.StringN(0, 40, -1).Draw(t, "value")
				if got := c.Put(space, k, []byte(v)); string(got) != v {
					t.Fatalf("put returned %q", got)
				}
				want[fmt.Sprint(space, k)] = v
			},
			"delete": func(t *rapid.T) {
				space, k := uint8(rapid.IntRange(0, 1).Draw(t, "space")), key.Draw(t, "key")
				c.Delete(space, k)
				delete(want, fmt.Sprint(space, k))
			},
			"": func(t *rapid.T) {
				if c.Len() != len(want) {
					t.Fatalf("%d entries, want %d", c.Len(), len(want))
				}
				seen := map[string]string{}
				c.Sweep(c.slabs[0].used, func(space uint8, k string, v []byte) { seen[fmt.Sprint(space, k)] = string(v) })
				for k, v := range want {
					if got := c.Get(k[0]-'0', k[1:]); string(got) != v || got == nil {
						t.Fatalf("%q: got %q, want %q", k, got, v)
					}
					if seen[k] != v {
						t.Fatalf("sweep missed %q", k)
					}
				}
			},
		})
	})
}

func TestStaysInItsBoundAndKeepsWhatIsRead(t *testing.T) {
	c := New(4 * slabSize)
	evicted := map[string]bool{}
	c.OnEvict = func(_ uint8, key string, v []byte) { evicted[string([]byte(key))] = true }
	hot := "hot"
	c.Put(7, hot, []byte("x"))
	const n = 100_000
	for i := range n {
		c.Put(0, fmt.Sprintf("key-%032d", i), bytes.Repeat([]byte{byte(i)}, 20))
		if c.Get(7, hot) == nil {
			t.Fatalf("the entry that is always read went after %d others", i)
		}
		if c.Bytes() > 4*slabSize+8*len(c.table) {
			t.Fatalf("%d bytes", c.Bytes())
		}
	}
	if c.Len()+len(evicted) != n+1 {
		t.Fatalf("%d live + %d evicted of %d", c.Len(), len(evicted), n+1)
	}
	for i := range n {
		k := fmt.Sprintf("key-%032d", i)
		v := c.Get(0, k)
		if (v == nil) != evicted[k] {
			t.Fatalf("%s: value %v, evicted %v", k, v, evicted[k])
		}
		if v != nil && !bytes.Equal(v, bytes.Repeat([]byte{byte(i)}, 20)) {
			t.Fatalf("%s holds %v", k, v)
		}
	}
}

func TestSweepReachesEverythingWithinOneRound(t *testing.T) {
	c := New(16 * slabSize)
	for i := range 20_000 {
		c.Put(0, fmt.Sprint("key", i), make([]byte, 30))
	}
	seen := map[string]bool{}
	for range 2 * 16 * slabSize / 4096 {
		c.Sweep(4096, func(_ uint8, key string, _ []byte) { seen[string([]byte(key))] = true })
	}
	if len(seen) != c.Len() {
		t.Fatalf("saw %d of %d", len(seen), c.Len())
	}
}

func TestRefusesWhatIsTooLarge(t *testing.T) {
	c := New(1 << 20)
	c.Put(0, "k", []byte("old"))
	if c.Put(0, "k", make([]byte, maxEntry)) != nil || c.Get(0, "k") != nil {
		t.Fatal("a stale value stayed behind")
	}
}

func TestValuesHeldOutliveEviction(t *testing.T) {
	c := New(1)
	held := c.Put(0, "held", []byte("as it was"))
	for i := range 100_000 {
		c.Put(0, fmt.Sprint(i), []byte("xxxxxxxxxxxxxxxx"))
	}
	if string(held) != "as it was" {
		t.Fatalf("now %q", held)
	}
}

func BenchmarkGet(b *testing.B) {
	c := New(256 << 20)
	keys := make([]string, 1_000_000)
	for i := range keys {
		keys[i] = fmt.Sprintf("%08x-0000-4000-8000-%012x", i*7919, i)
		c.Put(1, keys[i], make([]byte, 42))
	}
	b.ReportMetric(float64(c.Bytes())/float64(len(keys)), "B/entry")
	i := 0
	for b.Loop() {
		if c.Get(1, keys[i]) == nil {
			b.Fatal("missing")
		}
		if i += 7919; i >= len(keys) {
			i -= len(keys)
		}
	}
}
