package importer

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/vault"
)

// parquetTable reads the rows of a Parquet file. Columns are the paths of its leaves:
// "user.address.city"; a repeated leaf is a JSON array.
type parquetTable struct {
	file   *vault.File
	remove string // a temporary copy to remove
	reader *parquet.Reader
	total  int64 // rows
	read   int64
	size   int64

	names []string
	kinds []leafKind
	bound []int

	batch []parquet.Row
	have  int
	at    int
	row   parquet.Row
}

// leafKind is how a leaf's stored values are to be read.
type leafKind struct {
	logical  format.LogicalTypeValue // nil = none
	physical parquet.Kind
	scale    int // of a decimal
	decimal  bool
	repeated bool
}

// openParquet reads f itself, or a temporary copy of what was compressed in it, because
// a Parquet file is read from its end.
func openParquet(f *vault.File, key *vault.Key, plain *bufio.Reader, counter *countingReader) (_ *parquetTable, err error) {
	t := &parquetTable{file: f, batch: make([]parquet.Row, 256)}
	var magic [4]byte
	if _, err := f.ReadAt(magic[:], 0); err != nil || !isParquet(magic[:]) {
		if t.file, err = tempFile(key); err != nil {
			return nil, touchstone.Wrap(touchstone.Internal, err, "cannot unpack the file")
		}
		t.remove = t.file.Name()
		_, err := io.Copy(t.file, plain)
		if err == nil {
			err = t.file.Settle()
		}
		if err != nil {
			_ = t.close() // the first error counts
			return nil, touchstone.Wrap(touchstone.Invalid, err, "cannot unpack the file: %v", err)
		}
		_ = f.Close() // only read from
	}
	defer func() {
		if p := recover(); p != nil { // parquet-go panics on some damaged files
			err = touchstone.Errorf(touchstone.Invalid, "the Parquet file is damaged: %v", p)
		}
	}()
	t.size = t.file.Size()
	file, err := openMended(t.file, t.size)
	if err != nil {
		return nil, touchstone.Wrap(touchstone.Invalid, err, "cannot read the Parquet file: %v", err)
	}
	t.total = file.NumRows()
	for _, path := range file.Schema().Columns() {
		leaf, _ := file.Schema().Lookup(path...)
		t.names = append(t.names, strings.Join(plainPath(path), "."))
		t.kinds = append(t.kinds, kindOfLeaf(leaf))
	}
	t.reader = parquet.NewReader(file)
	return t, nil
}

// tempFile makes a temporary file, encrypted if the file is that it is unpacked from.
func tempFile(key *vault.Key) (*vault.File, error) {
	f, err := os.CreateTemp("", "touchstone-import-*.parquet")
	if err != nil {
		return nil, err
	}
	_ = f.Close() // nothing was written
	return vault.Open(f.Name(), key, os.O_RDWR, 0)
}

// plainPath drops the two levels that Parquet puts into each list.
func plainPath(path []string) []string {
	var out []string
	for i := 0; i < len(path); i++ {
		if (path[i] == "list" || path[i] == "bag") && i > 0 && i+1 < len(path) {
			if next := path[i+1]; next == "element" || next == "item" || next == "array_element" {
				i++
				continue
			}
		}
		out = append(out, strings.ReplaceAll(path[i], ".", `\.`))
	}
	return out
}

func kindOfLeaf(leaf parquet.LeafColumn) leafKind {
	k := leafKind{physical: leaf.Node.Type().Kind(), repeated: leaf.MaxRepetitionLevel > 0}
	if l := leaf.Node.Type().LogicalType(); l != nil {
		k.logical = l.Value
	}
	if d, ok := k.logical.(*format.DecimalType); ok {
		k.decimal, k.scale = true, int(d.Scale)
	}
	return k
}

func (t *parquetTable) columns() []string      { return t.names }
func (t *parquetTable) has(column string) bool { return slices.Contains(t.names, column) }
func (t *parquetTable) expected() (rows int64) { return t.total }
func (t *parquetTable) Bytes() int64 {
	return int64(float64(t.size) * float64(t.read) / float64(max(t.total, 1)))
}
func (t *parquetTable) values(i int) []parquet.Value {
	var list []parquet.Value
	t.row.Range(func(column int, values []parquet.Value) bool {
		if column == i {
			list = values
		}
		return column < i
	})
	return list
}

func (t *parquetTable) bind(columns []string) {
	t.bound = make([]int, len(columns))
	for i, c := range columns {
		t.bound[i] = slices.Index(t.names, c)
	}
}

func (t *parquetTable) close() error {
	if t.reader != nil {
		_ = t.reader.Close() // it holds buffers only
	}
	err := t.file.Close()
	if t.remove != "" {
		if e := os.Remove(t.remove); err == nil {
			err = e
		}
	}
	return err
}

func (t *parquetTable) next(cells []cell) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = touchstone.Errorf(touchstone.Invalid, "the Parquet file is damaged after row %d: %v", t.read, p)
		}
	}()
	if t.at == t.have {
		t.have, err = t.reader.ReadRows(t.batch)
		t.at = 0
		if t.have == 0 {
			if err == nil || errors.Is(err, io.EOF) {
				return io.EOF
			}
			return touchstone.Wrap(touchstone.Invalid, err, "the Parquet file cannot be read after row %d: %v", t.read, err)
		}
	}
	t.row = t.batch[t.at]
	t.at++
	t.read++
	for i, column := range t.bound {
		cells[i] = t.kinds[column].cell(t.values(column))
	}
	return nil
}

func (k leafKind) cell(values []parquet.Value) cell {
	if !k.repeated {
		if len(values) == 0 {
			return cell{}
		}
		return k.single(values[0])
	}
	var b []byte
	for _, v := range values {
		if v.IsNull() {
			continue
		}
		if b == nil {
			b = append(b, '[')
		} else {
			b = append(b, ',')
		}
		b = appendCellJSON(b, k.single(v))
	}
	if b == nil {
		return cell{}
	}
	return cell{kind: cellJSON, text: string(append(b, ']'))}
}

// single turns one stored value into a cell.
func (k leafKind) single(v parquet.Value) cell {
	if v.IsNull() {
		return cell{}
	}
	if k.decimal {
		return k.decimalCell(v)
	}
	if c, ok := k.timeCell(v); ok {
		return c
	}
	switch k.physical {
	case parquet.Boolean:
		return cell{kind: cellBoolean, text: strconv.FormatBool(v.Boolean())}
	case parquet.Int32, parquet.Int64:
		n := v.Int64()
		if k.physical == parquet.Int32 {
			n = int64(v.Int32())
		}
		if i, ok := k.logical.(*format.IntType); ok && !i.IsSigned {
			if k.physical == parquet.Int32 {
				return cell{kind: cellNumber, text: strconv.FormatUint(uint64(uint32(n)), 10)}
			}
			return cell{kind: cellNumber, text: strconv.FormatUint(uint64(n), 10)}
		}
		return cell{kind: cellNumber, text: strconv.FormatInt(n, 10)}
	case parquet.Float:
		return floatCell(float64(v.Float()), 32)
	case parquet.Double:
		return floatCell(v.Double(), 64)
	}
	return k.bytesCell(v.ByteArray())
}

func floatCell(f float64, bits int) cell {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return cell{} // what data frames write for "nothing"
	}
	if a := math.Abs(f); a != 0 && (a < 1e-9 || a >= 1e21) {
		return cell{kind: cellNumber, text: strconv.FormatFloat(f, 'e', -1, bits)}
	}
	return cell{kind: cellNumber, text: strconv.FormatFloat(f, 'f', -1, bits)}
}

func (k leafKind) bytesCell(b []byte) cell {
	_, isUUID := k.logical.(*format.UUIDType)
	_, isJSON := k.logical.(*format.JsonType)
	switch {
	case isUUID && len(b) == 16:
		return cell{kind: cellText, text: fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])}
	case isJSON && validJSON(string(b)):
		return cell{kind: cellJSON, text: string(b)}
	case utf8.Valid(b):
		return cell{kind: cellText, text: string(b)}
	}
	return cell{kind: cellText, text: base64.StdEncoding.EncodeToString(b)}
}

// timeCell reads timestamps and dates.
func (k leafKind) timeCell(v parquet.Value) (cell, bool) {
	if k.physical == parquet.Int96 {
		return cell{kind: cellInstant, ms: int96Millis(v.Int96())}, true
	}
	switch l := k.logical.(type) {
	case *format.DateType:
		return cell{kind: cellInstant, ms: int64(v.Int32()) * 86_400_000, local: true}, true
	case *format.TimestampType:
		if l.Unit.Value == nil {
			break
		}
		unit := int64(l.Unit.Value.Duration())
		ms := v.Int64()
		if unit < int64(time.Millisecond) {
			ms = floorDiv(ms, int64(time.Millisecond)/unit)
		}
		return cell{kind: cellInstant, ms: ms, local: !l.IsAdjustedToUTC}, true
	}
	return cell{}, false
}

func floorDiv(n, d int64) int64 {
	q := n / d
	if n%d < 0 {
		q--
	}
	return q
}

// int96Millis reads the old timestamps of Spark and Hive: nanoseconds of the day and a
// Julian day.
func int96Millis(v deprecated.Int96) int64 {
	nanos := int64(uint64(v[1])<<32 | uint64(v[0]))
	return (int64(v[2])-2440588)*86_400_000 + nanos/1_000_000
}

func (k leafKind) decimalCell(v parquet.Value) cell {
	unscaled := new(big.Int)
	switch k.physical {
	case parquet.Int32:
		unscaled.SetInt64(int64(v.Int32()))
	case parquet.Int64:
		unscaled.SetInt64(v.Int64())
	default: // big-endian two's complement
		b := v.ByteArray()
		unscaled.SetBytes(b)
		if len(b) > 0 && b[0]&0x80 != 0 {
			unscaled.Sub(unscaled, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
		}
	}
	d := decimal{negative: unscaled.Sign() < 0, big: unscaled.Abs(unscaled), scale: k.scale}
	return cell{kind: cellNumber, text: string(d.appendTo(nil))}
}

func (t *parquetTable) raw() touchstone.JSON {
	b := []byte{'{'}
	for i, name := range t.names {
		c := t.kinds[i].cell(t.values(i))
		if c.kind == cellAbsent {
			continue
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(b, jsonText(name)...)
		b = append(b, ':')
		b = appendCellJSON(b, c)
		if len(b) > maxRawBytes {
			break
		}
	}
	return touchstone.JSON(append(b, '}'))
}

// appendCellJSON appends a cell as the JSON value that it is.
func appendCellJSON(dst []byte, c cell) []byte {
	switch c.kind {
	case cellText:
		return appendJSONText(dst, c.text)
	case cellNumber, cellBoolean, cellJSON:
		return append(dst, c.text...)
	case cellInstant:
		dst = append(dst, '"')
		dst = time.UnixMilli(c.ms).UTC().AppendFormat(dst, timeFormat)
		return append(dst, '"')
	}
	return append(dst, "null"...)
}
