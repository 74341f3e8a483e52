package importer

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/tidwall/gjson"
)

// readRows returns the rows of a JSON text; "!" for one that is broken.
func readRows(text []byte, r io.Reader) (rows []string, err error) {
	layout, err := guessLayout(text, true, nil, nil)
	if err != nil {
		return nil, err
	}
	w := newWindow(r)
	for len(w.rest()) <= layout.array && w.more() {
		// the array's beginning has to be there
	}
	in := jsonRows{w: w}
	in.enter(layout)
	for {
		row, err := in.next()
		switch {
		case errors.Is(err, io.EOF):
			return rows, nil
		case errors.Is(err, errBrokenRow), errors.Is(err, errRowTooLong):
			rows = append(rows, "!")
		case err != nil:
			return rows, err
		default:
			rows = append(rows, string(row))
		}
	}
}

// The elements of an array are those that encoding/json finds, and no text breaks the
// reader or keeps it for ever.
func FuzzJSONArray(f *testing.F) {
	f.Add([]byte(`[{"id":1},{"id":2}]`))
	f.Add([]byte("[\n  {\n    \"a\": \"}]\\\"\"\n  },\n  {\"b\": [1, {\"c\": null}]}\n]\n"))
	f.Add([]byte(`{"total":2,"data":[{"id":"n1"},{"id":"n2"}],"next":null}`))
	f.Add([]byte("[{\"a\":1,\n{\"b\":2}]"))
	f.Add([]byte(`[1,"x",null,true,[2],{}]`))
	f.Add([]byte("{\"a\":1}\n{\"a\":2}\n"))
	f.Add([]byte("[{\"a\":1}]\n[{\"b\":2}]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		rows, err := readRows(text, iotest.HalfReader(bytes.NewReader(text)))
		if err != nil {
			t.Fatal(err)
		}
		if len(rows) > len(text)+1 {
			t.Fatalf("%d rows of %d bytes", len(rows), len(text))
		}
		var want []json.RawMessage
		trimmed := bytes.TrimLeft(text, " \t\r\n")
		if len(trimmed) == 0 || trimmed[0] != '[' || json.Unmarshal(text, &want) != nil {
			return
		}
		var elements []string
		for _, w := range want {
			elements = append(elements, string(w))
		}
		if d := cmp.Diff(elements, rows); d != "" {
			t.Errorf("%q: %s", text, d)
		}
	})
}

func TestRepeatedKeysAreFoundAtAnyDepth(t *testing.T) {
	for text, want := range map[string]string{
		`{"a":1,"b":2}`: "", `{"a":1,"a":1}`: "a", `{"a":1,"\u0061":1}`: "a", `{"a":{"x":1,"y":{"z":1,"z":2}}}`: "z",
		`{"a":[1,{"x":1},{"x":1}]}`: "", `{"a":[[{"x":1,"x":2}]]}`: "x", `{"a":"{\"b\":1,\"b\":2}"}`: "", `{"":1,"":2}`: "",
		`{"A":1,"a":2}`: "",
	} {
		got, found := repeatedKey(text)
		if got != want || found != (want != "" || text == `{"":1,"":2}`) || !gjson.Valid(text) {
			t.Errorf("%s: %q", text, got)
		}
	}
	var many bytes.Buffer
	many.WriteString(`{"k0":0`)
	for i := 1; i < 100; i++ {
		many.WriteString(`,"k` + string(rune('A'+i%26)) + string(rune('A'+i/26)) + `":1`)
	}
	if got, found := repeatedKey(many.String() + `}`); found {
		t.Error(got)
	}
	if got, _ := repeatedKey(many.String() + `,"kBA":1}`); got != "kBA" {
		t.Error(got)
	}
}
