package api

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/goccy/go-yaml"

	"github.com/touchstone-cdp/touchstone/access"
)

// Root is where the routes of resources are.
const Root = "/api/v1"

// Document assembles the OpenAPI document, as JSON, of the base file and each resource's
// fragment, in their order. It fails when two describe the same thing, when a route is not
// described or a description not served, and when the two disagree about the permission.
func Document(base []byte, resources []Resource) ([]byte, error) {
	doc, err := readObject(base)
	if err != nil {
		return nil, fmt.Errorf("the base of the OpenAPI document: %w", err)
	}
	for _, r := range resources {
		if len(r.Spec) == 0 {
			continue
		}
		part, err := readObject(r.Spec)
		if err == nil {
			err = doc.merge(part)
		}
		if err != nil {
			return nil, fmt.Errorf("the OpenAPI document of %s: %w", r.Name, err)
		}
	}
	if err := doc.fillEnums(); err != nil {
		return nil, err
	}
	text, err := json.Marshal(doc)
	if err != nil {
		return nil, err
	}
	return text, checkDocument(text, resources)
}

// object is a JSON object whose members keep their order.
type object struct {
	names  []string
	values map[string]jsontext.Value
}

func readObject(text []byte) (*object, error) {
	value, err := yaml.YAMLToJSON(text)
	if err != nil {
		return nil, err
	}
	o := &object{}
	return o, json.Unmarshal(value, o)
}

// UnmarshalJSONFrom reads the object member by member.
func (o *object) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	o.values = map[string]jsontext.Value{}
	if start, err := dec.ReadToken(); err != nil || start.Kind() != '{' {
		return errors.Join(err, errors.New("not an object"))
	}
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return err
		}
		key := name.String()
		value, err := dec.ReadValue()
		if err != nil {
			return err
		}
		o.set(key, value.Clone())
	}
	_, err := dec.ReadToken()
	return err
}

// MarshalJSONTo writes the members in their order.
func (o *object) MarshalJSONTo(enc *jsontext.Encoder) error {
	if err := enc.WriteToken(jsontext.BeginObject); err != nil {
		return err
	}
	for _, name := range o.names {
		if err := errors.Join(enc.WriteToken(jsontext.String(name)), enc.WriteValue(o.values[name])); err != nil {
			return err
		}
	}
	return enc.WriteToken(jsontext.EndObject)
}

func (o *object) set(name string, value jsontext.Value) {
	if _, ok := o.values[name]; !ok {
		o.names = append(o.names, name)
	}
	o.values[name] = value
}

// child returns a member that is an object, empty if it is absent.
func (o *object) child(name string) (*object, error) {
	c := &object{values: map[string]jsontext.Value{}}
	value, ok := o.values[name]
	if !ok {
		return c, nil
	}
	if err := json.Unmarshal(value, c); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return c, nil
}

// update changes a member that is an object.
func (o *object) update(name string, change func(*object) error) error {
	c, err := o.child(name)
	if err != nil {
		return err
	}
	if err := change(c); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	text, err := json.Marshal(c)
	o.set(name, text)
	return err
}

// merge adds a resource's fragment: tags, paths and components.
func (o *object) merge(part *object) error {
	for _, name := range part.names {
		if name == "tags" {
			if err := o.appendTags(part.values[name]); err != nil {
				return err
			}
			continue
		}
		depth, ok := map[string]int{"paths": 2, "components": 2}[name] // path and method; section and name
		if !ok {
			return fmt.Errorf("a fragment holds tags, paths and components, not %q", name)
		}
		if err := o.mergeMember(part, name, depth); err != nil {
			return err
		}
	}
	return nil
}

// mergeMember adds the members of part's object of that name; what lies depth levels below
// must be new.
func (o *object) mergeMember(part *object, name string, depth int) error {
	from, err := part.child(name)
	if err != nil {
		return err
	}
	return o.update(name, func(to *object) error {
		for _, key := range from.names {
			if depth > 1 {
				if err := to.mergeMember(from, key, depth-1); err != nil {
					return err
				}
				continue
			}
			if _, taken := to.values[key]; taken {
				return fmt.Errorf("%s is described twice", key)
			}
			to.set(key, from.values[key])
		}
		return nil
	})
}

type tag struct {
	Name        string `json:"name"`
	Description string `json:"description"`
}

func (o *object) appendTags(value jsontext.Value) error {
	var have, add []tag
	if err := errors.Join(json.Unmarshal(o.values["tags"], &have), json.Unmarshal(value, &add)); err != nil {
		return fmt.Errorf("tags: %w", err)
	}
	for _, t := range add {
		if slices.ContainsFunc(have, func(h tag) bool { return h.Name == t.Name }) {
			return fmt.Errorf("the tag %s is there twice", t.Name)
		}
		have = append(have, t)
	}
	text, err := json.Marshal(have)
	o.set("tags", text)
	return err
}

// fillEnums writes the names of permissions and roles where the base leaves them open, so
// that the tables in access are the only place that lists them.
func (o *object) fillEnums() error {
	if _, ok := o.values["components"]; !ok {
		return nil
	}
	return o.update("components", func(components *object) error {
		return components.update("schemas", func(schemas *object) error {
			for name, list := range map[string]any{"Permission": access.Permissions(), "Role": access.Roles()} {
				if _, ok := schemas.values[name]; !ok {
					continue
				}
				text, err := json.Marshal(list)
				if err != nil {
					return err
				}
				if err := schemas.update(name, func(s *object) error { s.set("enum", text); return nil }); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// operation is what the checks look at.
type operation struct {
	Permission string   `json:"x-permission"`
	Tags       []string `json:"tags"`
	Parameters []struct {
		Ref string `json:"$ref"`
	} `json:"parameters"`
}

// checkDocument holds the document against what is served.
func checkDocument(text []byte, resources []Resource) error {
	var doc struct {
		Tags  []tag                                `json:"tags"`
		Paths map[string]map[string]jsontext.Value `json:"paths"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		return err
	}
	var problems []error
	fail := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	described := map[string]bool{}
	for _, res := range resources {
		for i := range res.Routes {
			rt := &res.Routes[i]
			name := rt.Method + " " + Root + rt.Path
			value, ok := doc.Paths[Root+rt.Path][strings.ToLower(rt.Method)]
			if !ok {
				fail("%s is not described", name)
				continue
			}
			described[name] = true
			var op operation
			if err := json.Unmarshal(value, &op); err != nil {
				fail("%s: %w", name, err)
				continue
			}
			if op.Permission != rt.Needs() {
				fail("%s needs %q, and is described with x-permission %q", name, rt.Needs(), op.Permission)
			}
			for _, t := range op.Tags {
				if !slices.ContainsFunc(doc.Tags, func(known tag) bool { return known.Name == t }) {
					fail("%s has the tag %s, which is not described", name, t)
				}
			}
			says := slices.ContainsFunc(op.Parameters, func(p struct {
				Ref string `json:"$ref"`
			}) bool {
				return strings.HasSuffix(p.Ref, "/IdempotencyKey")
			})
			if rt.Method == http.MethodPost && says != rt.idempotent() {
				fail("%s honours Idempotency-Key: %v, and is described with it: %v", name, rt.idempotent(), says)
			}
		}
	}
	for _, path := range slices.Sorted(maps.Keys(doc.Paths)) {
		for method := range doc.Paths[path] {
			name := strings.ToUpper(method) + " " + path
			if method != "parameters" && strings.HasPrefix(path, Root+"/") && !described[name] {
				fail("%s is described and not served", name)
			}
		}
	}
	return errors.Join(problems...)
}

// Needs says what a route needs, as x-permission does: "none", "a" or "a or b".
func (rt *Route) Needs() string {
	switch {
	case rt.Need == access.None:
		return "none"
	case rt.Or != access.None:
		return string(rt.Need) + " or " + string(rt.Or)
	}
	return string(rt.Need)
}

// idempotent reports whether a write keeps its answer for a repeat with the same key.
func (rt *Route) idempotent() bool { return rt.Action != "" && !rt.Secret && !rt.Raw }

// Check reports what is wrong with the list of resources: routes and permissions that are
// there twice, and permissions that nobody declares or that no role could have.
func Check(resources []Resource) error {
	var problems []error
	fail := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	declared, served := map[access.Permission]string{}, map[string]string{}
	for _, res := range resources {
		for _, d := range res.Permissions {
			if other, twice := declared[d.Permission]; twice {
				fail("%s declares the permission %s, as %s does", res.Name, d.Permission, other)
			}
			declared[d.Permission] = res.Name
			if !access.Known(d.Permission) {
				fail("the permission %s of %s is not in the tables of package access", d.Permission, res.Name)
			}
		}
	}
	for _, res := range resources {
		for i := range res.Routes {
			rt := &res.Routes[i]
			name := rt.Method + " " + rt.Path
			if other, twice := served[name]; twice {
				fail("%s serves %s, as %s does", res.Name, name, other)
			}
			served[name] = res.Name
			for _, p := range []access.Permission{rt.Need, rt.Or} {
				if _, ok := declared[p]; p != access.None && !ok {
					fail("%s needs the permission %s, which no resource declares", name, p)
				}
			}
			if rt.Handle == nil {
				fail("%s has no handler", name)
			}
		}
	}
	return errors.Join(problems...)
}
