package duckdb

/*
void touchstone_mask_json(void *, void *, void *);
void touchstone_mask_text(void *, void *, void *);
typedef void (*touchstone_mask_t)(void *, void *, void *);
*/
import "C"

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"unsafe"

	"github.com/duckdb/duckdb-go/v2/mapping"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/warehouse"
)

// This file lets people ask in SQL who may not see contacts. Their statement runs in a
// process whose database holds one thing, the view events, which masks contacts as it
// reads. The warehouse itself is attached under a name that is drawn for this one statement,
// so that no statement can be written that reads past the view, whatever the list of what is
// allowed says. Conditions, sorting and functions see what is masked.

// hiddenColumns are the dimensions that may hold anything, contacts among it.
var hiddenColumns = []string{"session", "page_path", "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"}

const (
	maskJSON = "touchstone_mask_json"
	maskText = "touchstone_mask_text"
)

// maskedView is eventsView over the attached warehouse.
func maskedView(attached string) string {
	columns := make([]string, len(warehouse.DimensionNames))
	for i, name := range warehouse.DimensionNames {
		columns[i] = "r." + name
		for _, hidden := range hiddenColumns {
			if name == hidden {
				columns[i] = fmt.Sprintf("%s(r.%s) AS %s", maskText, name, name)
			}
		}
	}
	view := fmt.Sprintf(eventsView, strings.Join(columns, ", "))
	return strings.NewReplacer(
		"CREATE OR REPLACE VIEW", "CREATE VIEW",
		"r.message_id,", maskText+"(r.message_id) AS message_id,",
		"r.properties, r.context", maskJSON+"(r.properties) AS properties, "+maskJSON+"(r.context) AS context",
		"FROM events_raw r", "FROM "+attached+".main.events_raw r",
		"JOIN event_names n", "JOIN "+attached+".main.event_names n",
		"LEFT JOIN overrides o", "LEFT JOIN "+attached+".main.overrides o",
	).Replace(view)
}

// connectMasked opens a snapshot behind the view and locks the settings after it.
func connectMasked(ctx context.Context, t task) (*conn, error) {
	if err := maskFor(t.Contacts, t.Fields); err != nil {
		return nil, err
	}
	db, err := openDatabaseFile(":memory:", t.engineSettings())
	if err != nil {
		return nil, err
	}
	c, err := connect(db) // neither is closed: the process ends
	if err != nil {
		return nil, err
	}
	attached := "w" + strings.ToLower(rand.Text())
	steps := []func() error{
		c.registerMasks,
		func() error {
			return c.attach(t.Path, t.Key, attached, "READ_ONLY")
		},
		func() error { return c.exec(ctx, maskedView(attached)) },
		func() error { return c.exec(ctx, "SET enable_external_access = false") },
		func() error { return c.exec(ctx, "SET lock_configuration = true") },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, fmt.Errorf("preparing what is masked: %w", err)
		}
	}
	return c, nil
}

// masks is who the process's statement is for. There is one statement in a process.
var masks atomic.Pointer[access.Viewer]

func maskFor(contacts []string, fields map[string]access.Class) error {
	configs := make([]touchstone.KindConfig, len(contacts))
	for i, kind := range contacts {
		configs[i] = touchstone.KindConfig{Kind: touchstone.IdentifierKind(kind), Limit: 1, Contact: true}
	}
	kinds, err := touchstone.NewKindSet(configs, nil)
	masks.Store(&access.Viewer{Kinds: kinds, Fields: access.NewFields(fields)})
	return err
}

func (c *conn) registerMasks() error {
	return errors.Join(
		c.registerMask(maskJSON, "JSON", unsafe.Pointer(C.touchstone_mask_t(C.touchstone_mask_json))),
		c.registerMask(maskText, "", unsafe.Pointer(C.touchstone_mask_t(C.touchstone_mask_text))),
	)
}

// registerMask registers a function of a text, whose result has the type alias.
func (c *conn) registerMask(name, alias string, function unsafe.Pointer) error {
	f := mapping.CreateScalarFunction()
	defer mapping.DestroyScalarFunction(&f)
	text, result := mapping.CreateLogicalType(mapping.TypeVarchar), mapping.CreateLogicalType(mapping.TypeVarchar)
	defer mapping.DestroyLogicalType(&text)
	defer mapping.DestroyLogicalType(&result)
	if alias != "" {
		mapping.LogicalTypeSetAlias(result, alias)
	}
	mapping.ScalarFunctionSetName(f, name)
	mapping.ScalarFunctionAddParameter(f, text)
	mapping.ScalarFunctionSetReturnType(f, result)
	mapping.ScalarFunctionSetFunction(f, function)
	if mapping.RegisterScalarFunction(c.c, f) == mapping.StateError {
		return errors.New("duckdb: cannot register " + name)
	}
	return nil
}

//export touchstone_mask_json
func touchstone_mask_json(info, input, output unsafe.Pointer) { //nolint:revive // a name of C
	maskVector(info, input, output, func(v *access.Viewer, text string) string { return string(v.JSON(touchstone.JSON(text))) })
}

//export touchstone_mask_text
func touchstone_mask_text(info, input, output unsafe.Pointer) { //nolint:revive // a name of C
	maskVector(info, input, output, (*access.Viewer).Text)
}

// maskVector calls mask for each row of a chunk's only column.
func maskVector(info, input, output unsafe.Pointer, mask func(*access.Viewer, string) string) {
	defer func() {
		if p := recover(); p != nil { // it would end the program: the caller is not Go
			mapping.ScalarFunctionSetError(mapping.FunctionInfo{Ptr: info}, fmt.Sprintf("panic in a mask: %v", p))
		}
	}()
	chunk, to := mapping.DataChunk{Ptr: input}, mapping.Vector{Ptr: output}
	rows := int(mapping.DataChunkGetSize(chunk))
	if rows == 0 {
		return
	}
	v := open(mapping.DataChunkGetVector(chunk, 0), &columnType{id: mapping.TypeVarchar})
	viewer := masks.Load()
	for row := range rows {
		if v.null(row) {
			mapping.VectorEnsureValidityWritable(to)
			mapping.ValiditySetRowInvalid(mapping.VectorGetValidity(to), mapping.IdxT(row))
			continue
		}
		mapping.VectorAssignStringElementLen(to, mapping.IdxT(row), []byte(mask(viewer, v.text(row))))
	}
}
