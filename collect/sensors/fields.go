// Package sensors reads what the clients of 神策 (Sensors Analytics) send and writes it
// as events of the tracking API, so that everything behind the edge knows one form only.
// It checks as much as it needs to translate; all other checks are the tracking API's.
//
// docs/api/sensors.md tells what becomes of what.
package sensors

import (
	"bytes"
	"encoding/base64"
	"net/url"
	"strings"

	"github.com/touchstone-cdp/touchstone"
)

// Fields are the parameters of a call, from its address and from its body.
type Fields struct {
	Project, Token string
	Gzip           string // "1" when Data is compressed
	Data           string // base64 of one event
	List           string // base64 of an array of events
	JSON           []byte // the events themselves, when the body is JSON
}

// ReadFields reads the parameters. What the address says goes first. The content type is
// of no use: sendBeacon and mini programs send forms under another.
func ReadFields(query string, body []byte) (Fields, error) {
	var f Fields
	if err := f.read(query); err != nil {
		return f, err
	}
	body = bytes.TrimSpace(body)
	if len(body) > 0 && (body[0] == '{' || body[0] == '[') {
		f.JSON = body
		return f, nil
	}
	return f, f.read(string(body))
}

func (f *Fields) read(form string) error {
	for pair := range strings.SplitSeq(form, "&") {
		name, value, _ := strings.Cut(pair, "=")
		var to *string
		switch name {
		case "project":
			to = &f.Project
		case "token":
			to = &f.Token
		case "gzip":
			to = &f.Gzip
		case "data":
			to = &f.Data
		case "data_list":
			to = &f.List
		default: // crc and ext repeat what JSON shows by itself: whether the data is whole
			continue
		}
		if *to != "" || value == "" {
			continue
		}
		text, err := url.PathUnescape(value) // + stays: it is a digit of base64, and clients forget to escape it
		if err != nil {
			return touchstone.Wrap(touchstone.Invalid, err, "The parameter %s is not URL-encoded.", name)
		}
		*to = text
	}
	return nil
}

// Empty tells that the call brings no data.
func (f *Fields) Empty() bool { return f.Data == "" && f.List == "" && f.JSON == nil }

// Unpack appends the JSON, or its gzip, to dst.
func (f *Fields) Unpack(dst []byte) (packed []byte, err error) {
	if f.JSON != nil {
		return append(dst, f.JSON...), nil
	}
	if f.Gzip == "9" {
		return dst, touchstone.Errorf(touchstone.Invalid, "The data is encrypted (gzip=9), which this server does not read.").
			WithHint("Switch encryption off in the SDK and send over HTTPS.")
	}
	name, text := "data_list", f.List
	if text == "" {
		name, text = "data", f.Data
	}
	dst, err = decode64(dst, text)
	if err != nil {
		return dst, touchstone.Wrap(touchstone.Invalid, err, "The parameter %s is not base64.", name)
	}
	if f.Gzip == "1" && !Packed(dst) {
		return dst, touchstone.Errorf(touchstone.Invalid, "gzip is 1, but the parameter %s is not compressed.", name)
	}
	return dst, nil
}

// Packed tells whether data begins as gzip does, which JSON cannot.
func Packed(data []byte) bool { return bytes.HasPrefix(data, []byte{0x1f, 0x8b}) }

// decode64 takes both alphabets, padded or not, with + that a form decoder has turned
// into a blank, and with line ends.
func decode64(dst []byte, text string) ([]byte, error) {
	clean := strings.Map(func(r rune) rune {
		switch r {
		case '-', ' ':
			return '+'
		case '_':
			return '/'
		case '\r', '\n', '=':
			return -1
		}
		return r
	}, strings.TrimRight(text, " \r\n"))
	return base64.RawStdEncoding.AppendDecode(dst, []byte(clean))
}
