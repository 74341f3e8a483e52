package duckdb

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/warehouse"
)

// Between this process and one that answers a statement go a task and an answer. Each is
// a length and JSON, followed by values: a byte that says what one is, and the value.

// greeting comes before an answer. What does not begin with it was not written by a process
// of this kind, and is not read as a length that nobody may ever fill.
const greeting = "touchstone sql 1\n"

// task is what a process is to do.
type task struct {
	Path      string
	SQL       string
	Args      int // so many values follow
	MaxRows   int
	Threads   int
	Memory    int64 // bytes of the process, see [SQLOptions]
	TempBytes int64 // on disk
	Seconds   int64 // of processor time
	Masked    bool  // see masked.go
	Contacts  []string
}

// reply is what came of it: rows of values follow, or what was wrong.
type reply struct {
	Columns   []warehouse.Column
	Rows      int
	Truncated bool
	Error     *replyError
}

// replyError is an error on its way to another process.
type replyError struct {
	Kind          touchstone.ErrorKind
	Message, Hint *replyText
	Cause         string // for the log
}

// replyText is a touchstone.Text on its way: what stands in it is text.
type replyText struct {
	Template string
	Params   []replyParam
}

type replyParam struct {
	Text *replyText // or
	As   string
}

func toReplyText(t touchstone.Text) *replyText {
	template, params := t.Template()
	out := &replyText{Template: template}
	for _, p := range params {
		if inner, ok := p.(touchstone.Text); ok {
			out.Params = append(out.Params, replyParam{Text: toReplyText(inner)})
		} else {
			out.Params = append(out.Params, replyParam{As: fmt.Sprint(p)})
		}
	}
	return out
}

func (t *replyText) unpack() touchstone.Text {
	out := touchstone.Text{Format: strings.ReplaceAll(t.Template, "%", "%%")}
	for i, p := range t.Params {
		out.Format = strings.Replace(out.Format, "{"+strconv.Itoa(i)+"}", "%s", 1)
		if p.Text != nil {
			out.Args = append(out.Args, p.Text.unpack())
		} else {
			out.Args = append(out.Args, p.As)
		}
	}
	return out
}

// maxFrame bounds a task or a reply without its values, and maxValue one value.
const (
	maxFrame = 4 << 20
	maxValue = 64 << 20
)

func writeFrame(w *bufio.Writer, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = w.Write(append(binary.AppendUvarint(nil, uint64(len(text))), text...))
	return err
}

func readFrame(r *bufio.Reader, v any) error {
	text, err := readBytes(r, maxFrame)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, v)
}

func readBytes(r *bufio.Reader, most uint64) ([]byte, error) {
	n, err := binary.ReadUvarint(r)
	if err != nil {
		return nil, err
	}
	if n > most {
		return nil, fmt.Errorf("duckdb: a part of %d bytes is too long", n)
	}
	b := make([]byte, n)
	_, err = io.ReadFull(r, b)
	return b, err
}

// The kinds of a value.
const (
	isNull = iota
	isFalse
	isTrue
	isInteger
	isFloat
	isText
	isJSON
	isTime
	isIntegers
)

// appendValue writes a value of a result, or a parameter.
func appendValue(b []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(b, isNull), nil
	case bool:
		if v {
			return append(b, isTrue), nil
		}
		return append(b, isFalse), nil
	case int:
		return binary.AppendVarint(append(b, isInteger), int64(v)), nil
	case int32:
		return binary.AppendVarint(append(b, isInteger), int64(v)), nil
	case int64:
		return binary.AppendVarint(append(b, isInteger), v), nil
	case touchstone.Seq:
		return binary.AppendVarint(append(b, isInteger), int64(v)), nil
	case touchstone.NodeID:
		return binary.AppendVarint(append(b, isInteger), int64(v)), nil
	case touchstone.PersonID:
		return binary.AppendVarint(append(b, isInteger), int64(v)), nil
	case float64:
		return binary.LittleEndian.AppendUint64(append(b, isFloat), math.Float64bits(v)), nil
	case string:
		return append(binary.AppendUvarint(append(b, isText), uint64(len(v))), v...), nil
	case touchstone.JSON:
		return append(binary.AppendUvarint(append(b, isJSON), uint64(len(v))), v...), nil
	case time.Time:
		return binary.AppendVarint(binary.AppendVarint(append(b, isTime), v.Unix()), int64(v.Nanosecond())), nil
	case []int64:
		b = binary.AppendUvarint(append(b, isIntegers), uint64(len(v)))
		for _, n := range v {
			b = binary.AppendVarint(b, n)
		}
		return b, nil
	}
	return nil, fmt.Errorf("duckdb: a value of type %T cannot be handed over", v)
}

func readValue(r *bufio.Reader) (any, error) {
	kind, err := r.ReadByte()
	if err != nil {
		return nil, err
	}
	switch kind {
	case isNull:
		return nil, nil
	case isFalse, isTrue:
		return kind == isTrue, nil
	case isInteger:
		return binary.ReadVarint(r)
	case isFloat:
		var b [8]byte
		_, err := io.ReadFull(r, b[:])
		return math.Float64frombits(binary.LittleEndian.Uint64(b[:])), err
	case isText:
		b, err := readBytes(r, maxValue)
		return string(b), err
	case isJSON:
		b, err := readBytes(r, maxValue)
		return touchstone.JSON(b), err
	case isTime:
		return readTime(r)
	case isIntegers:
		return readIntegers(r)
	}
	return nil, fmt.Errorf("duckdb: %d is no kind of value", kind)
}

func readTime(r *bufio.Reader) (any, error) {
	seconds, err := binary.ReadVarint(r)
	if err != nil {
		return nil, err
	}
	nanos, err := binary.ReadVarint(r)
	return time.Unix(seconds, nanos).UTC(), err
}

func readIntegers(r *bufio.Reader) (any, error) {
	n, err := binary.ReadUvarint(r)
	if err != nil || n > maxValue/8 {
		return nil, fmt.Errorf("duckdb: a list of %d integers: %w", n, err)
	}
	list := make([]int64, n)
	for i := range list {
		if list[i], err = binary.ReadVarint(r); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// writeTask sends a task with its parameters.
func writeTask(out io.Writer, t task, args []any) error {
	w := bufio.NewWriter(out)
	t.Args = len(args)
	if err := writeFrame(w, t); err != nil {
		return err
	}
	for _, a := range args {
		b, err := appendValue(nil, a)
		if err != nil {
			return err
		}
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	return w.Flush()
}

func readTask(r *bufio.Reader) (t task, args []any, err error) {
	if err := readFrame(r, &t); err != nil {
		return t, nil, err
	}
	args = make([]any, 0, min(t.Args, 1000))
	for range t.Args {
		v, err := readValue(r)
		if err != nil {
			return t, nil, err
		}
		args = append(args, v)
	}
	return t, args, nil
}

// writeReply sends what came of a task. Rows beyond maxResultBytes are left out.
func writeReply(out io.Writer, res *warehouse.Result, failure error) error {
	w := bufio.NewWriter(out)
	_, _ = w.WriteString(greeting) // an error stays until Flush
	if failure != nil {
		return errorsJoin(writeFrame(w, reply{Error: toReplyError(failure)}), w.Flush())
	}
	var rows []byte
	n := 0
	for ; n < len(res.Rows) && len(rows) <= maxResultBytes; n++ {
		if size := rowSize(res.Rows[n]); size > maxValue {
			return errorsJoin(writeFrame(w, reply{Error: toReplyError(errLargeRow(size))}), w.Flush())
		}
		for _, v := range res.Rows[n] {
			var err error
			if rows, err = appendValue(rows, v); err != nil {
				return err
			}
		}
	}
	head := reply{Columns: res.Columns, Rows: n, Truncated: res.Truncated || n < len(res.Rows)}
	if err := writeFrame(w, head); err != nil {
		return err
	}
	_, err := w.Write(rows)
	return errorsJoin(err, w.Flush())
}

func rowSize(row []any) (size int) {
	for _, v := range row {
		size += sizeOf(v)
	}
	return size
}

func errLargeRow(size int) error {
	return touchstone.Errorf(touchstone.Invalid, "a row of the answer takes %d MB, which is too large", size>>20).WithHint("select less of it")
}

// readReply reads what came of a task. An error of the task is the second result, one of
// the reading the third.
func readReply(in io.Reader) (res *warehouse.Result, failure, err error) {
	r := bufio.NewReader(in)
	var hello [len(greeting)]byte
	if _, err := io.ReadFull(r, hello[:]); err != nil {
		return nil, nil, err
	}
	if string(hello[:]) != greeting {
		return nil, nil, fmt.Errorf("duckdb: an answer begins with %q", hello)
	}
	var head reply
	if err := readFrame(r, &head); err != nil {
		return nil, nil, err
	}
	if head.Error != nil {
		return nil, head.Error.unpack(), nil
	}
	res = &warehouse.Result{Columns: head.Columns, Rows: [][]any{}, Truncated: head.Truncated}
	for range head.Rows {
		row := make([]any, len(head.Columns))
		for i := range row {
			if row[i], err = readValue(r); err != nil {
				return nil, nil, err
			}
		}
		res.Rows = append(res.Rows, row)
	}
	return res, nil, nil
}
