package rule_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/segment/rule"
	"github.com/touchstone-cdp/touchstone/segment/rule/ruletest"
)

// TestIndexFindsWhatMatches holds the index against asking each leaf.
func TestIndexFindsWhatMatches(t *testing.T) {
	ops := []string{"eq", "neq", "gt", "gte", "lt", "lte", "in", "not_in", "exists", "not_exists", "contains", "starts_with"}
	values := []string{`1`, `2`, `-0`, `0`, `2.0`, `1e3`, `"1"`, `"1.0"`, `"a"`, `"true"`, `""`}
	rapid.Check(t, func(t *rapid.T) {
		var leaves []*rule.Leaf
		for range rapid.IntRange(0, 12).Draw(t, "leaves") {
			var filters []string
			for range rapid.IntRange(0, 3).Draw(t, "filters") {
				filters = append(filters, randomFilter(t, ops, values))
			}
			where, err := rule.ParseFilters(touchstone.JSON("["+strings.Join(filters, ",")+"]"), "")
			if err != nil {
				t.Fatal(err)
			}
			leaves = append(leaves, &rule.Leaf{Event: "E", Where: where})
		}
		x := rule.NewIndex(leaves)
		var w rule.Finding
		for range 8 {
			props := rapid.SampledFrom(append([]string{`{}`, ``}, casesOf()...)).Draw(t, "properties")
			context := rapid.SampledFrom([]string{``, `{"page":{"path":"1"}}`, `{"page":{"path":2}}`}).Draw(t, "context")
			var want []int32
			for i, l := range leaves {
				if l.Match(touchstone.JSON(props), touchstone.JSON(context)) {
					want = append(want, int32(i)) //nolint:gosec // few
				}
			}
			got := slices.Clone(x.Find(&w, touchstone.JSON(props), touchstone.JSON(context)))
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Fatalf("of %s: found %v, want %v", props, got, want)
			}
		}
	})
}

func casesOf() (props []string) {
	for _, c := range ruletest.Cases {
		props = append(props, c.Properties)
	}
	return append(props, `{"p":1,"q":2}`, `{"p":"1","q":1}`, `{"p":2,"q":"a"}`, `{"p":-0.0}`, `{"p":0}`)
}

func randomFilter(t *rapid.T, ops, values []string) string {
	field := rapid.SampledFrom([]string{`"property":"p"`, `"property":"p"`, `"property":"q"`, `"context":"page.path"`}).Draw(t, "field")
	op := rapid.SampledFrom(ops).Draw(t, "op")
	value := rapid.SampledFrom(values).Draw(t, "value")
	switch op {
	case "exists", "not_exists":
		return fmt.Sprintf(`{%s,"op":%q}`, field, op)
	case "in", "not_in":
		value = "[" + strings.Join(rapid.SliceOfN(rapid.SampledFrom(append(values, "true")), 1, 12).Draw(t, "list"), ",") + "]"
	case "contains", "starts_with":
		value = `"1"`
	}
	return fmt.Sprintf(`{%s,"op":%q,"value":%s}`, field, op, value)
}
