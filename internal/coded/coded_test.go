package coded

import (
	"encoding/binary"
	"testing"

	"pgregory.net/rapid"
)

// What was written is read, in its order; with any byte missing at the end the reader says so.
func TestReadsWhatWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text, number, signed := rapid.String().Draw(t, "text"), rapid.Uint64().Draw(t, "number"), rapid.Int64().Draw(t, "signed")
		b := append(binary.AppendVarint(binary.AppendUvarint(AppendString(nil, text), number), signed), 7)
		r := Reader{Rest: string(b)}
		if s, n, v, last := r.String(), r.Uvarint(), r.Varint(), r.Byte(); s != text || n != number || v != signed || last != 7 || r.Bad || r.Rest != "" {
			t.Fatalf("%q %d %d %d, bad %v, rest %q; want %q %d %d 7", s, n, v, last, r.Bad, r.Rest, text, number, signed)
		}
		r = Reader{Rest: string(b[:rapid.IntRange(0, len(b)-1).Draw(t, "length")])}
		_, _, _, _ = r.String(), r.Uvarint(), r.Varint(), r.Byte()
		if !r.Bad {
			t.Fatal("a part is taken for the whole")
		}
	})
}

// A number that is too long, and a count of more than there is, are refused.
func TestRefusals(t *testing.T) {
	for _, rest := range []string{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "\x05ab"} {
		r := Reader{Rest: rest}
		if n := r.Count(); !r.Bad || n != 0 {
			t.Errorf("%q counts %d", rest, n)
		}
	}
}
