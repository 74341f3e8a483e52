package importer

import (
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/touchstone-cdp/touchstone"
)

// decodeSource reads a constant or {column: …}.
func decodeSource(n ast.Node, what string) (source, error) {
	s := source{line: lineOf(n)}
	if text, err := scalar(n); err == nil {
		if s.constant = text; text == "" {
			return s, lineError(s.line, "%s is empty", what)
		}
		return s, nil
	}
	err := eachKey(n, what, []keyDecoder{
		{"column", func(n ast.Node) (err error) { s.column, err = nonEmpty(n); return }},
		{"constant", func(n ast.Node) (err error) { s.constant, err = nonEmpty(n); return }},
	})
	if err == nil && (s.column == "") == (s.constant == "") {
		err = lineError(s.line, "%s needs either column or constant", what)
	}
	return s, err
}

func nonEmpty(n ast.Node) (string, error) {
	text, err := scalar(n)
	if err == nil && text == "" {
		err = lineError(lineOf(n), "this value is empty")
	}
	return text, err
}

func decodeTime(n ast.Node) (timeSpec, error) {
	t := timeSpec{source: source{line: lineOf(n)}}
	if text, err := scalar(n); err == nil { // time: Date
		t.column = text
		return t, nil
	}
	err := eachKey(n, "time", []keyDecoder{
		{"column", func(n ast.Node) (err error) { t.column, err = nonEmpty(n); return }},
		{"constant", func(n ast.Node) (err error) { t.constant, err = nonEmpty(n); return }},
		{"layout", func(n ast.Node) (err error) { t.layout, err = decodeLayout(n); return }},
		{"zone", func(n ast.Node) (err error) { t.zone, err = decodeZone(n); return }},
	})
	if err == nil && (t.column == "") == (t.constant == "") {
		err = lineError(t.line, "time needs either column or constant")
	}
	return t, err
}

func decodeLayout(n ast.Node) (string, error) {
	text, err := scalar(n)
	if err != nil {
		return "", err
	}
	if err := checkLayout(text); err != nil {
		return "", lineError(lineOf(n), "layout %q: %v", text, err)
	}
	return text, nil
}

func decodeZone(n ast.Node) (string, error) {
	text, err := scalar(n)
	if err != nil {
		return "", err
	}
	if _, err := loadZone(text); err != nil {
		return "", lineError(lineOf(n), "zone %q is unknown; use an IANA name such as Europe/London or Asia/Shanghai, or UTC", text)
	}
	return text, nil
}

func decodeIdentifiers(n ast.Node) ([]identifierSpec, error) {
	pairs, err := pairsOf(n, "identifiers")
	if err != nil {
		return nil, err
	}
	specs := make([]identifierSpec, 0, len(pairs))
	for _, p := range pairs {
		kind, ok := touchstone.ParseKind(p.key)
		if !ok {
			return nil, lineError(p.line, "%q is no name for an identifier kind: use a-z, 0-9 and _, at most 32", p.key)
		}
		spec := identifierSpec{kind: kind, line: p.line}
		if text, err := scalar(p.value); err == nil {
			spec.column = text
		} else {
			err := eachKey(p.value, "identifier "+p.key, []keyDecoder{
				{"column", func(n ast.Node) (err error) { spec.column, err = nonEmpty(n); return }},
				{"format", func(n ast.Node) (err error) { spec.format, err = oneOf(n, identifierFormats...); return }},
				{"prefix", func(n ast.Node) (err error) { spec.prefix, err = nonEmpty(n); return }},
			})
			if err != nil {
				return nil, err
			}
		}
		if spec.column == "" {
			return nil, lineError(p.line, "identifier %s needs a column", p.key)
		}
		specs = append(specs, spec)
	}
	return specs, nil
}

func decodeFields(n ast.Node, what string) ([]field, error) {
	pairs, err := pairsOf(n, what)
	if err != nil {
		return nil, err
	}
	fields := make([]field, 0, len(pairs))
	for _, p := range pairs {
		f := field{path: splitPath(p.key), line: p.line}
		if slicesContainEmpty(f.path) {
			return nil, lineError(p.line, "%s: %q has an empty part; write \\. for a dot inside a name", what, p.key)
		}
		if text, err := scalar(p.value); err == nil {
			if f.column = text; text == "" {
				return nil, lineError(p.line, "%s.%s needs a column", what, p.key)
			}
		} else if err := decodeField(p.value, what+"."+p.key, &f); err != nil {
			return nil, err
		}
		fields = append(fields, f)
	}
	return fields, nil
}

func decodeField(n ast.Node, what string, f *field) error {
	err := eachKey(n, what, []keyDecoder{
		{"column", func(n ast.Node) (err error) { f.column, err = nonEmpty(n); return }},
		{"type", func(n ast.Node) error {
			text, err := oneOf(n, valueTypes...)
			f.typ = valueType(text)
			return err
		}},
		{"constant", func(n ast.Node) (err error) { f.constant, err = decodeConstant(n); return }},
		{"multiply", func(n ast.Node) (err error) { f.multiply, err = decodeFactors(n); return }},
		{"layout", func(n ast.Node) (err error) { f.time.layout, err = decodeLayout(n); return }},
		{"zone", func(n ast.Node) (err error) { f.time.zone, err = decodeZone(n); return }},
		{"decimal", func(n ast.Node) (err error) { f.numbers.decimal, err = decodeDecimal(n); return }},
		{"thousands", func(n ast.Node) (err error) { f.numbers.thousands, err = decodeThousands(n); return }},
	})
	if err != nil {
		return err
	}
	given := 0
	for _, yes := range []bool{f.column != "", f.constant != "", f.multiply != nil} {
		if yes {
			given++
		}
	}
	switch {
	case given != 1:
		return lineError(f.line, "%s needs exactly one of column, constant and multiply", what)
	case f.multiply != nil && f.typ != typeAuto && f.typ != typeNumber:
		return lineError(f.line, "%s: a product is a number", what)
	case (f.time.layout != "" || f.time.zone != "") && f.typ != typeTime:
		return lineError(f.line, "%s: layout and zone belong to type: time", what)
	case f.numbers != (numberFormat{}) && f.typ != typeNumber && f.multiply == nil:
		return lineError(f.line, "%s: decimal and thousands belong to type: number", what)
	}
	return nil
}

// decodeConstant keeps the YAML type: 5 is a number, "5" is text.
func decodeConstant(n ast.Node) (touchstone.JSON, error) {
	text, err := scalar(n)
	if err != nil {
		return "", err
	}
	switch n.(type) {
	case *ast.BoolNode:
		return touchstone.JSON(strings.ToLower(text)), nil
	case *ast.IntegerNode, *ast.FloatNode:
		if number, ok := jsonNumber(text); ok {
			return touchstone.JSON(number), nil
		}
	}
	return touchstone.JSON(jsonText(text)), nil
}

func decodeFactors(n ast.Node) ([]factor, error) {
	sequence, ok := n.(*ast.SequenceNode)
	if !ok || len(sequence.Values) < 2 || len(sequence.Values) > 8 {
		return nil, lineError(lineOf(n), "multiply takes two to eight columns or numbers: [Quantity, UnitPrice]")
	}
	factors := make([]factor, 0, len(sequence.Values))
	for _, v := range sequence.Values {
		text, err := nonEmpty(v)
		if err != nil {
			return nil, err
		}
		switch v.(type) {
		case *ast.IntegerNode, *ast.FloatNode:
			if _, ok := parseDecimal(text); !ok {
				return nil, lineError(lineOf(v), "%q is no decimal number", text)
			}
			factors = append(factors, factor{number: text})
		default:
			factors = append(factors, factor{column: text})
		}
	}
	return factors, nil
}

// splitPath cuts at dots; "\." is a dot inside a name.
func splitPath(s string) []string {
	if !strings.Contains(s, `\.`) {
		return strings.Split(s, ".")
	}
	parts := strings.Split(strings.ReplaceAll(s, `\.`, "\x00"), ".")
	for i := range parts {
		parts[i] = strings.ReplaceAll(parts[i], "\x00", ".")
	}
	return parts
}

func slicesContainEmpty(list []string) bool {
	for _, s := range list {
		if s == "" {
			return true
		}
	}
	return false
}
