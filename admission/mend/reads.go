package mend

import (
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"

	"github.com/touchstone-cdp/touchstone"
)

// Fields returns what a rule reads, and what it writes; a field that it changes is in both.
func (r *Rule) Fields() (reads, makes []touchstone.Field) {
	add := func(list *[]touchstone.Field, text string) {
		if f, ok := r.fieldOf(text); ok && !slices.Contains(*list, f) {
			*list = append(*list, f)
		}
	}
	expression := func(text string) {
		for _, field := range asked(text) {
			add(&reads, field)
		}
	}
	if r.Event != "" {
		reads = append(reads, touchstone.Field{Sort: touchstone.EventField, Name: r.Event})
	}
	expression(r.When)
	for i := range r.Steps {
		s := &r.Steps[i]
		add(&reads, s.Field)
		switch s.Do {
		case Rename:
			if s.Field == "event" {
				makes = append(makes, touchstone.Field{Sort: touchstone.EventField, Name: s.To})
				continue
			}
			add(&makes, s.To)
		case Split:
			if len(s.Into) == 0 {
				add(&makes, s.Field)
			}
			for _, into := range s.Into {
				add(&makes, into)
			}
		case Drop:
		default:
			add(&makes, s.Field)
			expression(s.Expression)
		}
	}
	return reads, makes
}

// fieldOf reads "properties.items[].price" as what it names; ok is false for members of a call such as userId.
func (r *Rule) fieldOf(text string) (f touchstone.Field, ok bool) {
	p, err := parsePath(text)
	if err != nil || len(p) < 2 {
		return f, false
	}
	var name strings.Builder
	for _, part := range p[1:] {
		switch {
		case part.each:
			name.WriteString("[]")
		case name.Len() > 0:
			name.WriteString("." + part.name)
		default:
			name.WriteString(part.name)
		}
	}
	f = touchstone.Field{Event: r.Event, Name: name.String()}
	switch p[0].name {
	case "traits":
		f.Sort, f.Event = touchstone.TraitField, ""
	case "context":
		f.Sort = touchstone.ContextField
	default:
		f.Sort = touchstone.PropertyField
	}
	return f, true
}

// asked returns the fields that an expression names, as paths; what it computes names of is not found.
func asked(text string) []string {
	if text == "" {
		return nil
	}
	tree, err := parser.Parse(text)
	if err != nil {
		return nil
	}
	found := &asking{}
	ast.Walk(&tree.Node, found)
	return found.paths
}

type asking struct{ paths []string }

func (a *asking) Visit(node *ast.Node) {
	if n, ok := (*node).(*ast.MemberNode); ok {
		if path, ok := memberPath(n); ok {
			a.paths = append(a.paths, path)
		}
	}
}

var escapes = strings.NewReplacer(`\`, `\\`, `.`, `\.`)

func memberPath(n *ast.MemberNode) (string, bool) {
	name, ok := n.Property.(*ast.StringNode)
	if !ok {
		return "", false
	}
	base := n.Node
	if chain, within := base.(*ast.ChainNode); within {
		base = chain.Node
	}
	switch base := base.(type) {
	case *ast.IdentifierNode:
		return base.Value + "." + escapes.Replace(name.Value), roots[base.Value]
	case *ast.MemberNode:
		before, ok := memberPath(base)
		return before + "." + escapes.Replace(name.Value), ok
	}
	return "", false
}
