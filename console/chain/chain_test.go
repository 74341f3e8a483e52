package chain

import (
	"crypto/ed25519"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var testKey = ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))

func made(n int) (list []Entry, heads []Head) {
	var last Hash
	for i := range n {
		e := Entry{Number: int64(i + 1), ID: fmt.Sprint("aud_", i), At: int64(1000 * i), ActorKind: "user", ActorID: "usr_1", ActorName: "Ann", Action: "x.y", RequestID: "r", Salt: NewSalt(),
			Open: &[Fields]string{"p_1", "Bob", `{"a":1}`}}
		e.Seal(last)
		if last = e.Hash; i%5 == 4 {
			heads = append(heads, Sign(testKey, e.Number, e.Hash, time.UnixMilli(e.At+1)))
		}
		list = append(list, e)
	}
	return list, heads
}

func check(list []Entry, heads []Head, head int64, excused ...int64) Verdict {
	c := NewCheck(Base{}, heads)
	for i := range list {
		c.Entry(&list[i])
	}
	c.Excuse(excused...)
	return c.Finish(head)
}

// Whatever is done to some entries is found, and named by the first of them; what the law has taken out is not.
func TestAnythingDoneIsFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 30).Draw(t, "entries")
		list, heads := made(n)
		if v := check(list, heads, int64(n)); v.Fault != nil || v.Through != int64(n) || v.Entries != int64(n) {
			t.Fatalf("untouched: %+v, %v", v, v.Fault)
		}
		at := rapid.IntRange(0, n-1).Draw(t, "at")
		want := Fault{Changed, int64(at + 1), list[at].ID}
		e := &list[at]
		e.Open = &[Fields]string{e.Open[0], e.Open[1], e.Open[2]}
		switch rapid.IntRange(0, 9).Draw(t, "what") {
		case 0:
			e.ActorName += "x"
		case 1:
			e.At++
		case 2:
			e.Open[rapid.IntRange(0, Fields-1).Draw(t, "field")] += " "
		case 3:
			e.Action, e.RequestID = e.Action+"r", ""
		case 4: // removed
			list = slices.Delete(list, at, at+1)
			want = Fault{Missing, int64(at + 1), ""}
		case 5: // the newest are removed; the row of the head says how many there were
			list = list[:at]
			want = Fault{Missing, int64(at + 1), ""}
		case 6: // two change places
			if at == n-1 {
				at--
			}
			list[at], list[at+1] = list[at+1], list[at]
			want = Fault{Missing, int64(at + 1), ""}
		case 7: // emptied as if the law had asked for it
			e.Salt, e.Open, e.Redacted = nil, nil, true
			want.Kind = Emptied
		case 8: // as it did: a later entry says so
			e.Salt, e.Open, e.Redacted = nil, nil, true
			if v := check(list, heads, int64(n), e.Number); v.Fault != nil || v.Redacted != 1 {
				t.Fatalf("redacted: %+v %v", v, v.Fault)
			}
			return
		case 9: // all is written anew, from there on
			e.ActorName = "somebody else"
			before := Hash{}
			if at > 0 {
				before = list[at-1].Hash
			}
			for i := at; i < n; i++ {
				list[i].Seal(before)
				before = list[i].Hash
			}
			signed := int64((at/5 + 1) * 5)
			if signed > int64(n) {
				if v := check(list, heads, int64(n)); v.Fault != nil || v.Signed >= e.Number {
					t.Fatalf("what no signature covers is said to be: %+v", v)
				}
				return
			}
			want = Fault{Replaced, signed, list[signed-1].ID}
		}
		if v := check(list, heads, int64(n)); v.Fault == nil || *v.Fault != want {
			t.Fatalf("found %v, want %v", v.Fault, want)
		}
	})
}

// A head that somebody else has signed is none.
func TestHeads(t *testing.T) {
	list, heads := made(10)
	other := ed25519.NewKeyFromSeed([]byte("another seed of thirty-two bytes"))
	forged := Sign(other, 10, list[9].Hash, time.UnixMilli(5))
	c := NewCheck(Base{}, append(heads, forged), heads[0].Key)
	if v := c.Finish(0); v.Fault == nil || v.Fault.Kind != Unsigned {
		t.Errorf("%+v", v)
	}
	changed := heads[1]
	changed.At = changed.At.Add(time.Hour)
	if changed.Genuine() {
		t.Error("a head whose time was changed is genuine")
	}
}

// What was pruned is excused by an entry of the chain, and by nothing else.
func TestPruned(t *testing.T) {
	list, heads := made(10)
	base := Base{4, list[3].Hash}
	for said, want := range map[bool]Kind{true: "", false: Pruned} {
		c := NewCheck(base, heads)
		for i := range list[4:] {
			c.Entry(&list[4+i])
		}
		if said {
			c.PrunedThrough(base)
		}
		v := c.Finish(10)
		if (v.Fault == nil) != (want == "") || v.Fault != nil && v.Fault.Kind != want {
			t.Errorf("said %v: %v", said, v.Fault)
		}
	}
}
