package app

import (
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/store"
)

const exportSpec = `
paths:
  /api/v1/persons/{ref}/export:
    parameters: [{$ref: "#/components/parameters/PersonRef"}]
    get:
      operationId: exportPerson
      tags: [People]
      summary: All that is kept of a person, but for the events in the warehouse
      description: |
        For requests of people who want to know what is kept of them. Each part of Touchstone hands over its own rows, contacts unmasked;
        the audit log keeps who asked and for whom. The events are those of the person's timeline.
      x-permission: people:reveal
      responses:
        "200":
          description: By part, a list of names with values
          content:
            application/json:
              schema: {type: object, required: [id, parts], properties: {id: {type: string}, parts: {type: object, additionalProperties: {type: array, items: {type: object, required: [name, value], properties: {name: {type: string}, value: {}}}}}}}
              example: {id: p_1a, parts: {identity: [{name: identifiers, value: [{kind: email, value: ann@example.com}]}]}}
        default: {$ref: "#/components/responses/Problem"}
`

// exportResource is the export of a person: what every keeper on the list hands over. It is
// noted in the audit log like a write.
func (a *App) exportResource() api.Resource {
	return api.Resource{Name: "Export", Spec: []byte(exportSpec), Serves: touchstone.Operation("a person's right to see what is kept"), Routes: []api.Route{
		{Method: http.MethodGet, Path: "/persons/{ref}/export", Need: access.PeopleReveal, Rows: api.Scoped, Handle: a.exportPerson, Action: "person.export", Secret: true},
	}}
}

type exportedValue struct {
	Name  string `json:"name"`
	Value any    `json:"value"`
}

// exportPerson reads all of it as of one moment.
func (a *App) exportPerson(w http.ResponseWriter, r *http.Request) error {
	person, err := a.people().Find(r.Context(), api.ViewerOf(r), api.Param(r, "ref"))
	if err != nil {
		return err
	}
	nodes, err := a.graph.Nodes(r.Context(), person)
	if err != nil {
		return err
	}
	who := keep.Whole{Person: person}
	for _, n := range nodes {
		who.Nodes, who.Identifiers = append(who.Nodes, n.ID), append(who.Identifiers, n.Identifier())
	}
	parts := map[string][]exportedValue{}
	err = a.store.View(r.Context(), func(tx *store.Tx) error {
		for _, k := range a.keepers() {
			err := k.Export(r.Context(), tx, who, func(name string, value any) error {
				if text, ok := value.(touchstone.JSON); ok {
					value = jsontext.Value(text)
				}
				parts[k.Name()] = append(parts[k.Name()], exportedValue{name, value})
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	api.NoteTarget(r, person.String(), "")
	return api.WriteJSON(w, http.StatusOK, map[string]any{"id": person, "parts": parts})
}
