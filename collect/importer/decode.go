package importer

import (
	"errors"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/touchstone-cdp/touchstone"
)

// maxMappingBytes bounds a mapping file. Real ones have some hundred bytes.
const maxMappingBytes = 256 << 10

// decodeMapping walks the syntax tree itself, because the order of identifiers counts
// and because each error is to name its line and what is allowed there.
func decodeMapping(text []byte, m *Mapping) error {
	if len(text) > maxMappingBytes {
		return touchstone.Errorf(touchstone.TooLarge, "the mapping has %d bytes; the limit is %d", len(text), maxMappingBytes)
	}
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return syntaxError(err)
	}
	var body ast.Node
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		if body != nil {
			return lineError(lineOf(doc.Body), "a mapping is one YAML document; this is a second one")
		}
		body = doc.Body
	}
	if body == nil {
		return touchstone.Errorf(touchstone.Invalid, "the mapping is empty")
	}
	if err := decodeTop(body, m); err != nil {
		return err
	}
	m.document, err = appendDocument(nil, body)
	return err
}

func syntaxError(err error) error {
	var syntax *yaml.SyntaxError
	if errors.As(err, &syntax) && syntax.Token != nil && syntax.Token.Position != nil {
		return lineError(syntax.Token.Position.Line, "%s", syntax.Message)
	}
	return touchstone.Wrap(touchstone.Invalid, err, "the mapping is not valid YAML")
}

// appendDocument writes a mapping that was decoded as JSON, in its order.
func appendDocument(dst []byte, n ast.Node) ([]byte, error) {
	switch n := n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		pairs, err := pairsOf(n, "the mapping")
		if err != nil {
			return nil, err
		}
		dst = append(dst, '{')
		for i, p := range pairs {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(append(dst, jsonText(p.key)...), ':')
			if dst, err = appendDocument(dst, p.value); err != nil {
				return nil, err
			}
		}
		return append(dst, '}'), nil
	case *ast.SequenceNode:
		dst = append(dst, '[')
		for i, v := range n.Values {
			if i > 0 {
				dst = append(dst, ',')
			}
			var err error
			if dst, err = appendDocument(dst, v); err != nil {
				return nil, err
			}
		}
		return append(dst, ']'), nil
	}
	constant, err := decodeConstant(n)
	return append(dst, constant...), err
}

func decodeTop(body ast.Node, m *Mapping) error {
	return eachKey(body, "the mapping", []keyDecoder{
		{"format", func(n ast.Node) (err error) { m.format, err = oneOf(n, formatNames...); return }},
		{"delimiter", func(n ast.Node) (err error) { m.delimiter, err = decodeDelimiter(n); return }},
		{"quote", func(n ast.Node) (err error) { m.quote, err = decodeQuote(n); return }},
		{"header", func(n ast.Node) (err error) { m.header, err = decodeBool(n); return }},
		{"columns", func(n ast.Node) (err error) { m.columns, err = decodeStrings(n); return }},
		{"encoding", func(n ast.Node) (err error) { m.encoding, err = decodeEncoding(n); return }},
		{"skip", func(n ast.Node) (err error) { m.skip, err = decodeSkip(n); return }},
		{"line_end", func(n ast.Node) (err error) { m.lineEnd, err = decodeLineEnd(n); return }},
		{"multiline", func(n ast.Node) (err error) { m.spans, err = decodeSpans(n); return }},
		{"escape", func(n ast.Node) (err error) { m.escape, m.escapeGuessed, err = decodeEscape(n); return }},
		{"decimal", func(n ast.Node) (err error) { m.numbers.decimal, err = decodeDecimal(n); return }},
		{"thousands", func(n ast.Node) (err error) { m.numbers.thousands, err = decodeThousands(n); return }},
		{"null", func(n ast.Node) (err error) { m.nulls, err = decodeNulls(n); return }},
		{"rows", func(n ast.Node) (err error) { m.rows, err = decodeRows(n); return }},
		{"type", func(n ast.Node) (err error) { m.typ, err = decodeSource(n, "type"); return }},
		{"event", func(n ast.Node) (err error) { m.event, err = decodeSource(n, "event"); return }},
		{"time", func(n ast.Node) (err error) { m.time, err = decodeTime(n); return }},
		{"identifiers", func(n ast.Node) (err error) { m.identifiers, err = decodeIdentifiers(n); return }},
		{"group_id", func(n ast.Node) (err error) { m.groupID, err = decodeSource(n, "group_id"); return }},
		{"previous_id", func(n ast.Node) (err error) { m.previousID, err = decodeSource(n, "previous_id"); return }},
		{"properties", func(n ast.Node) (err error) { m.properties, err = decodeFields(n, "properties"); return }},
		{"traits", func(n ast.Node) (err error) { m.traits, err = decodeFields(n, "traits"); return }},
		{"context", func(n ast.Node) (err error) { m.context, err = decodeFields(n, "context"); return }},
		{"message_id", func(n ast.Node) (err error) { m.messageID, err = decodeStrings(n); return }},
	})
}

// keyDecoder takes the value of one key of a YAML mapping.
type keyDecoder struct {
	key    string
	decode func(ast.Node) error
}

// eachKey hands each value of a YAML mapping to its decoder and refuses other keys.
func eachKey(n ast.Node, what string, decoders []keyDecoder) error {
	pairs, err := pairsOf(n, what)
	if err != nil {
		return err
	}
next:
	for _, p := range pairs {
		for _, d := range decoders {
			if d.key == p.key {
				if err := d.decode(p.value); err != nil {
					return err
				}
				continue next
			}
		}
		allowed := make([]string, len(decoders))
		for i, d := range decoders {
			allowed[i] = d.key
		}
		return lineError(p.line, "%s has no key %q; allowed: %s", what, p.key, strings.Join(allowed, ", "))
	}
	return nil
}

type pair struct {
	key   string
	value ast.Node
	line  int
}

// pairsOf returns the entries of a YAML mapping in their order.
func pairsOf(n ast.Node, what string) ([]pair, error) {
	var values []*ast.MappingValueNode
	switch n := n.(type) {
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode:
		return nil, lineError(lineOf(n), "anchors, aliases and tags are not part of the mapping language")
	default:
		return nil, lineError(lineOf(n), "%s must be a list of  key: value", what)
	}
	pairs := make([]pair, 0, len(values))
	for _, v := range values {
		key, err := nullText(v.Key) // null is a key like others
		if err != nil || v.Key.IsMergeKey() {
			return nil, lineError(lineOf(v), "%s: a key must be plain text", what)
		}
		for _, p := range pairs {
			if p.key == key {
				return nil, lineError(lineOf(v), "%s has %q twice (first on line %d)", what, key, p.line)
			}
		}
		pairs = append(pairs, pair{key, v.Value, lineOf(v.Key)})
	}
	return pairs, nil
}

func lineOf(n ast.Node) int {
	if n == nil {
		return 1
	}
	if t := n.GetToken(); t != nil && t.Position != nil {
		return t.Position.Line
	}
	return 1
}

// scalar returns the text of a plain value as it was written.
func scalar(n ast.Node) (string, error) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, nil
	case *ast.LiteralNode:
		if n.Value != nil {
			return n.Value.Value, nil
		}
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return n.GetToken().Value, nil
	}
	if n == nil {
		return "", lineError(1, "a value is missing")
	}
	return "", lineError(lineOf(n), "expected one plain value here")
}

func oneOf(n ast.Node, allowed ...string) (string, error) {
	text, err := scalar(n)
	if err != nil {
		return "", err
	}
	for _, a := range allowed {
		if text == a {
			return text, nil
		}
	}
	return "", lineError(lineOf(n), "%q is not allowed here; use %s", text, strings.Join(allowed, ", "))
}

func decodeStrings(n ast.Node) ([]string, error) {
	sequence, ok := n.(*ast.SequenceNode)
	if !ok {
		text, err := scalar(n)
		if err != nil {
			return nil, lineError(lineOf(n), "expected a list: [first, second]")
		}
		return []string{text}, nil
	}
	list := make([]string, 0, len(sequence.Values))
	for _, v := range sequence.Values {
		text, err := scalar(v)
		if err != nil {
			return nil, err
		}
		if text == "" {
			return nil, lineError(lineOf(v), "a column needs a name")
		}
		list = append(list, text)
	}
	return list, nil
}

func decodeBool(n ast.Node) (*bool, error) {
	text, err := oneOf(n, "true", "false", "yes", "no")
	if err != nil {
		return nil, err
	}
	yes := text == "true" || text == "yes"
	return &yes, nil
}

func decodeDelimiter(n ast.Node) (string, error) {
	text, err := scalar(n)
	if err != nil {
		return "", err
	}
	switch text {
	case "auto":
		return "", nil
	case "tab", `\t`:
		return "\t", nil
	case "comma":
		return ",", nil
	case "semicolon":
		return ";", nil
	case "pipe":
		return "|", nil
	case "whitespace", "white-space", " ":
		return whitespaceDelimiter, nil
	}
	if text == "" || len(text) > 8 || strings.ContainsAny(text, "\r\n\"") {
		return "", lineError(lineOf(n), "delimiter %q: use auto, whitespace, tab, or up to 8 characters without quotes and line ends", text)
	}
	return text, nil
}

func decodeQuote(n ast.Node) (byte, error) {
	text, err := scalar(n)
	if err != nil {
		return 0, err
	}
	switch {
	case text == "none":
		return 0, nil
	case len(text) == 1 && text[0] > ' ' && text[0] < 0x7f:
		return text[0], nil
	}
	return 0, lineError(lineOf(n), "quote %q: use one ASCII character, or none", text)
}

func decodeEncoding(n ast.Node) (string, error) {
	text, err := scalar(n)
	if err != nil {
		return "", err
	}
	if _, err := encodingByName(text); err != nil {
		return "", lineError(lineOf(n), "encoding %q is unknown; use utf-8, gbk, gb18030, big5, windows-1252, shift_jis, utf-16le or another name of the WHATWG list", text)
	}
	return text, nil
}
