package importer

import (
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

const maxSkip = 10_000

func decodeSkip(n ast.Node) (*int, error) {
	text, err := scalar(n)
	if err != nil {
		return nil, err
	}
	lines, err := strconv.Atoi(text)
	if err != nil || lines < 0 || lines > maxSkip {
		return nil, lineError(lineOf(n), "skip %q: give the number of lines before the header, 0 to %d", text, maxSkip)
	}
	return &lines, nil
}

func decodeLineEnd(n ast.Node) (byte, error) {
	switch text, err := oneOf(n, "auto", "lf", "crlf", "cr"); text {
	case "lf", "crlf":
		return '\n', nil
	case "cr":
		return '\r', nil
	default:
		return 0, err
	}
}

func decodeSpans(n ast.Node) (spanRule, error) {
	text, err := oneOf(n, append(spanNames, "true", "false")...)
	switch text {
	case "yes", "true":
		return spanAlways, nil
	case "no", "false":
		return spanNever, nil
	}
	return spanCareful, err
}

func decodeEscape(n ast.Node) (escape byte, guessed bool, err error) {
	switch text, err := oneOf(n, "auto", "doubled", "backslash", `\`); text {
	case "backslash", `\`:
		return '\\', false, nil
	case "doubled":
		return 0, false, nil
	default:
		return 0, true, err
	}
}

func decodeDecimal(n ast.Node) (byte, error) {
	switch text, err := oneOf(n, "auto", ".", ",", "point", "comma"); text {
	case ".", "point":
		return '.', nil
	case ",", "comma":
		return ',', nil
	default:
		return 0, err
	}
}

// The separators of thousands by name. Blanks are those of every width.
const (
	thousandsNone  = "none"
	thousandsBlank = " "
)

func decodeThousands(n ast.Node) (string, error) {
	switch text, err := oneOf(n, "auto", thousandsNone, ".", ",", thousandsBlank, "'", "_", "point", "comma", "blank", "apostrophe"); text {
	case "auto":
		return "", nil
	case "point":
		return ".", nil
	case "comma":
		return ",", nil
	case "blank":
		return thousandsBlank, nil
	case "apostrophe":
		return "'", nil
	default:
		return text, err
	}
}

func decodeNulls(n ast.Node) ([]string, error) {
	if text, err := scalar(n); err == nil && text == "auto" {
		return nil, nil
	}
	sequence, ok := n.(*ast.SequenceNode)
	if !ok {
		return nil, lineError(lineOf(n), `null takes a list of texts that mean "nothing": ["NULL", "-"]; [] for none`)
	}
	list := make([]string, 0, len(sequence.Values))
	for _, v := range sequence.Values {
		text, err := nullText(v)
		if err != nil {
			return nil, err
		}
		list = append(list, strings.TrimSpace(text))
	}
	return list, nil
}

// nullText returns an entry as it was written: null and NaN are values to YAML.
func nullText(n ast.Node) (string, error) {
	switch n.(type) {
	case *ast.NullNode, *ast.NanNode, *ast.InfinityNode:
		return n.GetToken().Value, nil
	}
	return scalar(n)
}

func decodeRows(n ast.Node) ([]string, error) {
	text, err := nonEmpty(n)
	if err != nil {
		return nil, err
	}
	path := splitPath(text)
	if slicesContainEmpty(path) {
		return nil, lineError(lineOf(n), `rows: %q has an empty part; write \. for a dot inside a name`, text)
	}
	return path, nil
}
