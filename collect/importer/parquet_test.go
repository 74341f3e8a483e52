package importer

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/snappy"
	"github.com/parquet-go/parquet-go"

	"github.com/touchstone-cdp/touchstone"
)

// The bytes of a Parquet file, written by hand, so that it may hold what our library
// would not write.

// thriftField is a field in Thrift's compact protocol.
type thriftField struct {
	id    int
	kind  byte
	value []byte
}

func number(id int, n int64) thriftField { return thriftField{id, 5, binary.AppendVarint(nil, n)} }
func long(id int, n int64) thriftField   { return thriftField{id, 6, binary.AppendVarint(nil, n)} }
func text(id int, s string) thriftField  { return thriftField{id, 8, thriftText(s)} }
func nested(id int, fields ...thriftField) thriftField {
	return thriftField{id, compactStruct, thriftStruct(fields...)}
}
func truth(id int, yes bool) thriftField {
	if yes {
		return thriftField{id, compactTrue, nil}
	}
	return thriftField{id, compactFalse, nil}
}

func list(id int, of byte, items ...[]byte) thriftField {
	return thriftField{id, compactList, append([]byte{byte(len(items))<<4 | of}, bytes.Join(items, nil)...)}
}

func thriftText(s string) []byte {
	return append(binary.AppendUvarint(nil, uint64(len(s))), s...)
}

func thriftStruct(fields ...thriftField) []byte {
	var b []byte
	last := 0
	for _, f := range fields {
		b = append(b, byte(f.id-last)<<4|f.kind)
		b = append(b, f.value...)
		last = f.id
	}
	return append(b, 0)
}

// pageV2 is a data page of version 2: values in PLAIN, one definition level a row.
func pageV2(rows, nulls int, levels, values []byte) []byte {
	header := thriftStruct(number(1, 3), number(2, int64(len(levels)+len(values))), number(3, int64(len(levels)+len(values))),
		nested(8, number(1, int64(rows)), number(2, int64(nulls)), number(3, int64(rows)), number(4, 0), number(5, int64(len(levels))), number(6, 0), truth(7, true)))
	return append(append(header, levels...), values...)
}

func chunkOf(kind int64, name string, at, size int64, values int, keys []thriftField) []byte {
	fields := []thriftField{number(1, kind), list(2, 5, binary.AppendVarint(nil, 0)), list(3, 8, thriftText(name)), number(4, 1), // Snappy
		long(5, int64(values)), long(6, size), long(7, size)}
	if keys != nil {
		var items [][]byte
		for _, k := range keys {
			items = append(items, k.value)
		}
		fields = append(fields, list(8, compactStruct, items...))
	}
	fields = append(fields, long(9, at))
	return thriftStruct(long(2, at), nested(3, fields...))
}

func handmadeParquet(keys []thriftField) string {
	file := []byte("PAR1")
	packed := func(values string) []byte { return snappy.Encode(nil, []byte(values)) }
	whole := func(list ...string) string {
		out := ""
		for _, s := range list {
			out += string(binary.LittleEndian.AppendUint32(nil, uint32(len(s)))) + s
		}
		return out
	}
	present := func(rows int, level byte) []byte { return []byte{byte(rows << 1), level} } // a run in RLE
	ids := append(pageV2(2, 0, nil, packed(whole("u1", "u2"))), pageV2(1, 0, nil, packed(whole("u3")))...)
	// A page without rows, one of nulls only (no values to compress), and one with a value.
	notes := append(pageV2(0, 0, nil, nil), pageV2(2, 2, present(2, 0), nil)...)
	notes = append(notes, pageV2(1, 0, present(1, 1), packed(whole("tea")))...)
	idsAt := int64(len(file))
	file = append(file, ids...)
	notesAt := int64(len(file))
	file = append(file, notes...)
	schema := func(fields ...thriftField) []byte { return thriftStruct(fields...) }
	footer := thriftStruct(number(1, 1),
		list(2, compactStruct, schema(text(4, "root"), number(5, 2)), schema(number(1, 6), number(3, 0), text(4, "id"), number(6, 0)), schema(number(1, 6), number(3, 1), text(4, "note"), number(6, 0))),
		long(3, 3),
		list(4, compactStruct, thriftStruct(
			list(1, compactStruct, chunkOf(6, "id", idsAt, int64(len(ids)), 3, keys), chunkOf(6, "note", notesAt, int64(len(notes)), 3, nil)),
			long(2, int64(len(ids)+len(notes))), long(3, 3))),
		list(5, compactStruct, thriftStruct(text(1, "pandas"), text(2, "{}"))),
		text(6, "by hand"))
	file = append(file, footer...)
	file = binary.LittleEndian.AppendUint32(file, uint32(len(footer)))
	return string(append(file, "PAR1"...))
}

func TestParquetThatOtherProgramsWrite(t *testing.T) {
	const mapping = "event: E\ntime: {constant: 2026-01-02}\nidentifiers: {user_id: id}\nproperties: {note: note}"
	want := []string{"E 2026-01-02T00:00:00Z [user_id:u1] {}", "E 2026-01-02T00:00:00Z [user_id:u2] {}", `E 2026-01-02T00:00:00Z [user_id:u3] {"note":"tea"}`}
	for name, keys := range map[string][]thriftField{
		"no keys":             nil,
		"keys":                {nested(0, text(1, "foo"), text(2, "bar"))},
		"a key without value": {nested(0, text(1, "foo"), text(2, "bar")), nested(0, text(1, "thisiskeywithoutvalue"))},
	} {
		t.Run(name, func(t *testing.T) {
			content := handmadeParquet(keys)
			if d := cmp.Diff(want, convert(t, writeFile(t, "a.parquet", content), mapping)); d != "" {
				t.Error(d)
			}
			for n := 4; n < len(content)-8; n++ { // damage is an error, never a crash
				broken := content[:n] + string(content[n]^0x55) + content[n+1:]
				if c, err := newConverter(writeFile(t, "a.parquet", broken), mustMapping(t, mapping), testPlan()); err == nil {
					drain(c)
				}
			}
		})
	}
}

func TestParquetCompressions(t *testing.T) {
	type row struct {
		ID   string `parquet:"id"`
		Note string `parquet:"note,optional"`
	}
	var rows []row
	for i := range 500 {
		rows = append(rows, row{fmt.Sprint("u", i), strings.Repeat("tea ", i%7)})
	}
	const mapping = "event: E\ntime: {constant: 2026-01-02}\nidentifiers: {user_id: id}\nproperties: {note: note}"
	for _, version := range []int{1, 2} {
		for name, option := range map[string]parquet.WriterOption{
			"plain": parquet.Compression(&parquet.Uncompressed), "snappy": parquet.Compression(&parquet.Snappy), "gzip": parquet.Compression(&parquet.Gzip),
			"brotli": parquet.Compression(&parquet.Brotli), "zstd": parquet.Compression(&parquet.Zstd), "lz4_raw": parquet.Compression(&parquet.Lz4Raw),
		} {
			var b bytes.Buffer
			w := parquet.NewGenericWriter[row](&b, option, parquet.DataPageVersion(version), parquet.PageBufferSize(1000))
			if _, err := w.Write(rows); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			got := convert(t, writeFile(t, "a.parquet", b.String()), mapping)
			if len(got) != 500 || got[499] != `E 2026-01-02T00:00:00Z [user_id:u499] {"note":"tea tea "}` {
				t.Errorf("%s, pages of version %d: %d rows", name, version, len(got))
			}
		}
	}
	// LZ4 in Hadoop's framing is named.
	hadoop := strings.Replace(handmadeParquet(nil), string(thriftStruct(number(4, 1))[:1]), "", 0)
	at := strings.Index(hadoop, "\x18\x02id") // path_in_schema, then the codec
	hadoop = hadoop[:at+4] + strings.Replace(hadoop[at+4:], "\x15\x02", "\x15\x0a", 1)
	_, err := newConverter(writeFile(t, "a.parquet", hadoop), mustMapping(t, mapping), testPlan())
	if err == nil || !strings.Contains(err.Error(), "is compressed with LZ4, which is not read (write it with zstd") {
		t.Error(err)
	}
}

func drain(c *converter) {
	defer c.close()
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); {
		var e touchstone.Event
		if c.next(&e) != nil {
			return
		}
	}
}

// No bytes break what mends a file, and what it writes it can read.
func FuzzMendParquet(f *testing.F) {
	whole := handmadeParquet([]thriftField{nested(0, text(1, "foo"))})
	size := int(binary.LittleEndian.Uint32([]byte(whole[len(whole)-8:])))
	f.Add([]byte(whole[len(whole)-8-size : len(whole)-8]))
	f.Add(pageV2(2, 2, []byte{4, 0}, nil))
	f.Add([]byte{0x19, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Add([]byte{0x08, 0x00, 0x01, 0x20})
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, length, err := readPageHeader(b); err == nil && (length > len(b) || p.flag >= length) {
			t.Fatalf("%+v of %d bytes, %d", p, len(b), length)
		}
		mended, _, err := withoutKeys(nil, b, inFile)
		if err != nil {
			return
		}
		again, rest, err := withoutKeys(nil, mended, inFile)
		if err != nil || len(rest) > 0 || !bytes.Equal(mended, again) {
			t.Fatalf("%x became %x, and that %x (%v)", b, mended, again, err)
		}
	})
}
