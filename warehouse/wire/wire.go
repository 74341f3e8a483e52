// Package wire carries statements, answers and errors of a warehouse to another process and
// back: to one that answers a person's statement, and to one that holds the warehouse.
package wire

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/warehouse"
)

// Between two processes go a task and a reply. Each is a length and JSON, followed by
// values: a byte that says what one is, and the value.

// Greeting comes before an answer. What does not begin with it was not written by a process
// of this kind, and is not read as a length that nobody may ever fill.
const Greeting = "touchstone sql 1\n"

// reply is what came of it: rows of values follow, or what was wrong.
type reply struct {
	Columns   []warehouse.Column
	Rows      int
	Truncated bool
	Error     *Error
}

// Error is an error on its way to another process.
type Error struct {
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

// MaxFrame bounds a task or a reply without its values, and MaxValue one value.
const (
	MaxFrame = 4 << 20
	MaxValue = 64 << 20
)

// WriteFrame writes v as JSON, with its length before it.
func WriteFrame(w *bufio.Writer, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = w.Write(append(binary.AppendUvarint(nil, uint64(len(text))), text...))
	return err
}

// ReadFrame reads what WriteFrame has written.
func ReadFrame(r *bufio.Reader, v any) error {
	text, err := readBytes(r, MaxFrame)
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
		return nil, fmt.Errorf("warehouse: a part of %d bytes is too long", n)
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

// AppendValue writes a value of a result, or a parameter.
func AppendValue(b []byte, v any) ([]byte, error) {
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
	return nil, fmt.Errorf("warehouse: a value of type %T cannot be handed over", v)
}

// ReadValue reads what AppendValue has written.
func ReadValue(r *bufio.Reader) (any, error) {
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
		b, err := readBytes(r, MaxValue)
		return string(b), err
	case isJSON:
		b, err := readBytes(r, MaxValue)
		return touchstone.JSON(b), err
	case isTime:
		return readTime(r)
	case isIntegers:
		return readIntegers(r)
	}
	return nil, fmt.Errorf("warehouse: %d is no kind of value", kind)
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
	if err != nil || n > MaxValue/8 {
		return nil, fmt.Errorf("warehouse: a list of %d integers: %w", n, err)
	}
	list := make([]int64, n)
	for i := range list {
		if list[i], err = binary.ReadVarint(r); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// WriteTask sends what is to be done and the parameters of its statement.
func WriteTask(out io.Writer, task any, args []any) error {
	w := bufio.NewWriter(out)
	if err := WriteFrame(w, task); err != nil {
		return err
	}
	_, _ = w.Write(binary.AppendUvarint(nil, uint64(len(args)))) // an error stays until Flush
	for _, a := range args {
		b, err := AppendValue(nil, a)
		if err != nil {
			return err
		}
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	return w.Flush()
}

// ReadTask reads what WriteTask has written into task, and returns the parameters.
func ReadTask(r *bufio.Reader, task any) (args []any, err error) {
	if err := ReadFrame(r, task); err != nil {
		return nil, err
	}
	n, err := binary.ReadUvarint(r)
	if err != nil {
		return nil, err
	}
	args = make([]any, 0, min(n, 1000))
	for range n {
		v, err := ReadValue(r)
		if err != nil {
			return nil, err
		}
		args = append(args, v)
	}
	return args, nil
}

// WriteReply sends what came of a task. Rows beyond most bytes are left out; 0: none is.
func WriteReply(out io.Writer, res *warehouse.Result, failure error, most int) error {
	w := bufio.NewWriter(out)
	_, _ = w.WriteString(Greeting) // an error stays until Flush
	if failure != nil {
		return errors.Join(WriteFrame(w, reply{Error: Pack(failure)}), w.Flush())
	}
	var rows []byte
	n := 0
	for ; n < len(res.Rows) && (most == 0 || len(rows) <= most); n++ {
		before := len(rows)
		for _, v := range res.Rows[n] {
			var err error
			if rows, err = AppendValue(rows, v); err != nil {
				return err
			}
		}
		if size := len(rows) - before; size > MaxValue {
			return errors.Join(WriteFrame(w, reply{Error: Pack(errLargeRow(size))}), w.Flush())
		}
	}
	head := reply{Columns: res.Columns, Rows: n, Truncated: res.Truncated || n < len(res.Rows)}
	if err := WriteFrame(w, head); err != nil {
		return err
	}
	_, err := w.Write(rows)
	return errors.Join(err, w.Flush())
}

func errLargeRow(size int) error {
	return touchstone.Errorf(touchstone.Invalid, "a row of the answer takes %d MB, which is too large", size>>20).WithHint("select less of it")
}

// Pack keeps what the author may see, and the cause for the log.
func Pack(err error) *Error {
	out := &Error{Kind: touchstone.KindOf(err), Cause: err.Error()}
	var e *touchstone.Error
	if errors.As(err, &e) {
		message, hint := e.Texts()
		out.Message, out.Hint = toReplyText(message), toReplyText(hint)
	}
	return out
}

// Unpack makes the error that was packed.
func (e *Error) Unpack() error {
	if e.Message == nil {
		return errors.New(e.Cause)
	}
	message, hint := e.Message.unpack(), e.Hint.unpack()
	return touchstone.Wrap(e.Kind, errors.New(e.Cause), message.Format, message.Args...).WithHint(hint.Format, hint.Args...)
}

// ReadReply reads what came of a task. An error of the task is the second result, one of
// the reading the third.
func ReadReply(in io.Reader) (res *warehouse.Result, failure, err error) {
	r := bufio.NewReader(in)
	var hello [len(Greeting)]byte
	if _, err := io.ReadFull(r, hello[:]); err != nil {
		return nil, nil, err
	}
	if string(hello[:]) != Greeting {
		return nil, nil, fmt.Errorf("warehouse: an answer begins with %q", hello)
	}
	var head reply
	if err := ReadFrame(r, &head); err != nil {
		return nil, nil, err
	}
	if head.Error != nil {
		return nil, head.Error.Unpack(), nil
	}
	res = &warehouse.Result{Columns: head.Columns, Rows: [][]any{}, Truncated: head.Truncated}
	for range head.Rows {
		row := make([]any, len(head.Columns))
		for i := range row {
			if row[i], err = ReadValue(r); err != nil {
				return nil, nil, err
			}
		}
		res.Rows = append(res.Rows, row)
	}
	return res, nil, nil
}
