package duckdb

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"time"
	"unsafe"

	"github.com/duckdb/duckdb-go/v2/mapping"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/warehouse"
)

// columnType describes a result column, and the parts of a nested one.
type columnType struct {
	id       mapping.Type
	json     bool // VARCHAR with the alias JSON
	scale    uint8
	storage  mapping.Type // of decimals and enums
	words    []string     // of an enum
	names    []string     // of a struct's fields
	children []columnType
	size     int // of a fixed-size array
}

// maxEnumWords bounds what is copied of an enum's dictionary.
const maxEnumWords = 65536

// describe reads t and destroys it.
func describe(t mapping.LogicalType) columnType {
	defer mapping.DestroyLogicalType(&t)
	c := columnType{id: mapping.GetTypeId(t)}
	switch c.id {
	case mapping.TypeVarchar:
		c.json = mapping.LogicalTypeGetAlias(t) == "JSON"
	case mapping.TypeDecimal:
		c.scale, c.storage = mapping.DecimalScale(t), mapping.DecimalInternalType(t)
	case mapping.TypeEnum:
		c.storage = mapping.EnumInternalType(t)
		for i := range min(mapping.EnumDictionarySize(t), maxEnumWords) {
			c.words = append(c.words, mapping.EnumDictionaryValue(t, mapping.IdxT(i)))
		}
	case mapping.TypeList:
		c.children = []columnType{describe(mapping.ListTypeChildType(t))}
	case mapping.TypeArray:
		c.children = []columnType{describe(mapping.ArrayTypeChildType(t))}
		c.size = int(mapping.ArrayTypeArraySize(t))
	case mapping.TypeMap:
		c.children = []columnType{{id: mapping.TypeStruct, names: []string{"key", "value"},
			children: []columnType{describe(mapping.MapTypeKeyType(t)), describe(mapping.MapTypeValueType(t))}}}
	case mapping.TypeStruct:
		for i := range mapping.StructTypeChildCount(t) {
			c.names = append(c.names, mapping.StructTypeChildName(t, mapping.IdxT(i)))
			c.children = append(c.children, describe(mapping.StructTypeChildType(t, mapping.IdxT(i))))
		}
	}
	return c
}

// public is the name of the type in a warehouse.Result.
func (c *columnType) public() string {
	switch c.id {
	case mapping.TypeBoolean:
		return warehouse.Boolean
	case mapping.TypeTinyInt, mapping.TypeSmallInt, mapping.TypeInteger, mapping.TypeBigInt, mapping.TypeHugeInt,
		mapping.TypeUTinyInt, mapping.TypeUSmallInt, mapping.TypeUInteger, mapping.TypeUBigInt, mapping.TypeUHugeInt,
		mapping.TypeFloat, mapping.TypeDouble, mapping.TypeDecimal:
		return warehouse.Number
	case mapping.TypeTimestamp, mapping.TypeTimestampMS, mapping.TypeTimestampS, mapping.TypeTimestampNS, mapping.TypeTimestampTZ:
		return warehouse.Time
	case mapping.TypeVarchar:
		if c.json {
			return warehouse.JSON
		}
	case mapping.TypeList, mapping.TypeArray, mapping.TypeStruct, mapping.TypeMap:
		return warehouse.JSON
	}
	return warehouse.String
}

// vector is a column of a chunk (or a part of one), ready to be read.
type vector struct {
	*columnType
	data     unsafe.Pointer
	validity unsafe.Pointer
	children []vector
}

func open(v mapping.Vector, t *columnType) vector {
	r := vector{columnType: t, data: mapping.VectorGetData(v), validity: mapping.VectorGetValidity(v)}
	switch t.id {
	case mapping.TypeList, mapping.TypeMap:
		r.children = []vector{open(mapping.ListVectorGetChild(v), &t.children[0])}
	case mapping.TypeArray:
		r.children = []vector{open(mapping.ArrayVectorGetChild(v), &t.children[0])}
	case mapping.TypeStruct:
		for i := range t.children {
			r.children = append(r.children, open(mapping.StructVectorGetChild(v, mapping.IdxT(i)), &t.children[i]))
		}
	}
	return r
}

func (v *vector) null(row int) bool {
	return v.validity != nil && at[uint64](v.validity, row/64)&(1<<(row%64)) == 0
}

func at[T any](data unsafe.Pointer, i int) T {
	return *(*T)(unsafe.Add(data, uintptr(i)*unsafe.Sizeof(*new(T))))
}

// stringHeader is duckdb_string_t: up to 12 bytes in place, else a prefix and a pointer.
// The pointer is a number here: a slot may hold text, which Go's collector must not
// take for a pointer when the slot is overwritten.
type stringHeader struct {
	length uint32
	prefix [4]byte
	ptr    uintptr
}

const inlineLength = 12

func (v *vector) text(row int) string {
	h := (*stringHeader)(unsafe.Add(v.data, uintptr(row)*unsafe.Sizeof(stringHeader{})))
	if h.length <= inlineLength {
		return string(unsafe.Slice(&h.prefix[0], h.length))
	}
	return string(unsafe.Slice(*(**byte)(unsafe.Pointer(&h.ptr)), h.length))
}

// listEntry is duckdb_list_entry.
type listEntry struct{ offset, length uint64 }

// scalar returns the value of a row as a warehouse.Result holds it.
func (v *vector) scalar(row int) any {
	if v.null(row) {
		return nil
	}
	switch v.id {
	case mapping.TypeSQLNull:
		return nil
	case mapping.TypeBoolean:
		return at[bool](v.data, row)
	case mapping.TypeTinyInt:
		return int64(at[int8](v.data, row))
	case mapping.TypeSmallInt:
		return int64(at[int16](v.data, row))
	case mapping.TypeInteger:
		return int64(at[int32](v.data, row))
	case mapping.TypeBigInt:
		return at[int64](v.data, row)
	case mapping.TypeUTinyInt:
		return int64(at[uint8](v.data, row))
	case mapping.TypeUSmallInt:
		return int64(at[uint16](v.data, row))
	case mapping.TypeUInteger:
		return int64(at[uint32](v.data, row))
	case mapping.TypeUBigInt:
		return narrow(new(big.Int).SetUint64(at[uint64](v.data, row)))
	case mapping.TypeHugeInt, mapping.TypeUHugeInt:
		return narrow(v.huge(row))
	case mapping.TypeFloat:
		return finite(float64(at[float32](v.data, row)))
	case mapping.TypeDouble:
		return finite(at[float64](v.data, row))
	case mapping.TypeDecimal:
		return v.decimal(row)
	case mapping.TypeVarchar:
		if v.json {
			return touchstone.JSON(v.text(row))
		}
		return v.text(row)
	case mapping.TypeEnum:
		return v.enum(row)
	}
	return v.special(row)
}

// special returns times, nested values and the types that are shown as text.
func (v *vector) special(row int) any {
	switch v.id {
	case mapping.TypeTimestamp, mapping.TypeTimestampTZ:
		return time.UnixMicro(at[int64](v.data, row)).UTC()
	case mapping.TypeTimestampMS:
		return time.UnixMilli(at[int64](v.data, row)).UTC()
	case mapping.TypeTimestampS:
		return time.Unix(at[int64](v.data, row), 0).UTC()
	case mapping.TypeTimestampNS:
		return time.Unix(0, at[int64](v.data, row)).UTC()
	case mapping.TypeDate:
		return time.Unix(int64(at[int32](v.data, row))*86400, 0).UTC().Format(time.DateOnly)
	case mapping.TypeTime:
		return time.UnixMicro(at[int64](v.data, row)).UTC().Format("15:04:05.999999")
	case mapping.TypeInterval:
		i := at[struct {
			months, days int32
			micros       int64
		}](v.data, row)
		return fmt.Sprintf("%d months %d days %s", i.months, i.days, time.Duration(i.micros)*time.Microsecond)
	case mapping.TypeUUID:
		h := v.huge(row)
		u := new(big.Int).Xor(h.And(h, maxUint128), topBit)
		s := fmt.Sprintf("%032x", u)
		return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
	case mapping.TypeBlob:
		return fmt.Sprintf("%x", v.text(row))
	case mapping.TypeList, mapping.TypeArray, mapping.TypeStruct, mapping.TypeMap:
		b, err := json.Marshal(v.nested(row))
		if err != nil {
			return nil
		}
		return touchstone.JSON(b)
	}
	return "(a value that cannot be shown; cast it to VARCHAR)"
}

var (
	topBit     = new(big.Int).Lsh(big.NewInt(1), 127)
	maxUint128 = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 128), big.NewInt(1))
)

func (v *vector) nested(row int) any {
	if v.null(row) {
		return nil
	}
	switch v.id {
	case mapping.TypeList, mapping.TypeMap:
		e := at[listEntry](v.data, row)
		return v.children[0].slice(int(e.offset), int(e.length))
	case mapping.TypeArray:
		return v.children[0].slice(row*v.size, v.size)
	case mapping.TypeStruct:
		m := make(map[string]any, len(v.names))
		for i, name := range v.names {
			m[name] = v.children[i].nested(row)
		}
		return m
	}
	return v.scalar(row)
}

func (v *vector) slice(from, n int) []any {
	list := make([]any, n)
	for i := range list {
		list[i] = v.nested(from + i)
	}
	return list
}

func (v *vector) enum(row int) any {
	var i int
	switch v.storage {
	case mapping.TypeUTinyInt:
		i = int(at[uint8](v.data, row))
	case mapping.TypeUSmallInt:
		i = int(at[uint16](v.data, row))
	default:
		i = int(at[uint32](v.data, row))
	}
	if i >= len(v.words) {
		return nil
	}
	return v.words[i]
}

func (v *vector) huge(row int) *big.Int {
	h := at[struct {
		lower uint64
		upper int64
	}](v.data, row)
	hi := big.NewInt(h.upper)
	if v.id == mapping.TypeUHugeInt {
		hi.SetUint64(uint64(h.upper))
	}
	return hi.Add(hi.Lsh(hi, 64), new(big.Int).SetUint64(h.lower))
}

func (v *vector) decimal(row int) any {
	var n *big.Int
	switch v.storage {
	case mapping.TypeSmallInt:
		n = big.NewInt(int64(at[int16](v.data, row)))
	case mapping.TypeInteger:
		n = big.NewInt(int64(at[int32](v.data, row)))
	case mapping.TypeBigInt:
		n = big.NewInt(at[int64](v.data, row))
	default:
		n = v.huge(row)
	}
	if v.scale == 0 {
		return narrow(n)
	}
	f, _ := new(big.Rat).SetFrac(n, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(v.scale)), nil)).Float64()
	return f
}

// narrow returns an int64 where n fits one, else the nearest float64.
func narrow(n *big.Int) any {
	if n.IsInt64() {
		return n.Int64()
	}
	f, _ := new(big.Float).SetInt(n).Float64()
	return f
}

// finite returns nil for what JSON cannot write.
func finite(f float64) any {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil
	}
	return f
}
