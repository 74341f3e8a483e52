package analytics

import (
	"strings"

	"github.com/touchstone-cdp/touchstone/warehouse"
)

// fragment is a piece of SQL with the values of its ? parameters. Text of users gets
// into SQL through parameters only.
type fragment struct {
	sql  string
	args []any
}

// statement asks it, as the program's own.
func (f fragment) statement() warehouse.Statement {
	return warehouse.Statement{SQL: f.sql, Args: f.args, Own: true}
}

func frag(sql string, args ...any) fragment { return fragment{sql, args} }

// builder puts a statement together; values stay in the order of their question marks.
type builder struct {
	text strings.Builder
	args []any
}

// add appends strings as they are, and fragments with their values.
func (b *builder) add(parts ...any) *builder {
	for _, p := range parts {
		switch p := p.(type) {
		case string:
			b.text.WriteString(p)
		case fragment:
			b.text.WriteString(p.sql)
			b.args = append(b.args, p.args...)
		case []fragment:
			for i := range p {
				if i > 0 {
					b.text.WriteString(", ")
				}
				b.add(p[i])
			}
		default:
			panic("analytics: only strings and fragments make SQL")
		}
	}
	return b
}

func (b *builder) fragment() fragment { return fragment{b.text.String(), b.args} }

// build is add on an empty builder.
func build(parts ...any) fragment { return new(builder).add(parts...).fragment() }

// joined puts a separator between fragments: " AND ".
func joined(list []fragment, separator, empty string) fragment {
	if len(list) == 0 {
		return frag(empty)
	}
	var b builder
	for i, f := range list {
		if i > 0 {
			b.add(separator)
		}
		b.add("(", f, ")")
	}
	return b.fragment()
}
