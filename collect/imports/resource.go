package imports

import (
	_ "embed"
	"net/http"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/internal/httpapi"
)

//go:embed openapi.yaml
var spec []byte

const (
	mayRead  access.Permission = "imports:read"
	mayWrite access.Permission = "imports:write"

	framesMaxBody = 32 << 20 // packed
)

// Resources are the API of imports, uploads and mappings. The function is asked when a request
// comes; it returns nil in a process that takes no files.
func Resources(of func() *Imports) []api.Resource {
	const get, post, patch, del = http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete
	with := func(handle func(*Imports, http.ResponseWriter, *http.Request) error) httpapi.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) error {
			m := of()
			if m == nil {
				return api.NotHere("imports")
			}
			return handle(m, w, r)
		}
	}
	return []api.Resource{{Name: "Imports", Spec: spec, Serves: touchstone.Operation("what comes in is asked for when it is worked on"), Permissions: []access.Declared{
		{Permission: mayRead, Allows: "see imports"},
		{Permission: mayWrite, Allows: "import files"},
	}, Routes: []api.Route{
		{Method: get, Path: "/imports", Need: mayRead, Or: mayWrite, Handle: with((*Imports).listImports)},
		{Method: post, Path: "/imports", Need: mayWrite, Handle: with((*Imports).createImport), Action: "import.create"},
		{Method: post, Path: "/imports/preview", Need: mayWrite, Handle: with((*Imports).previewImport), MaxBody: framesMaxBody},
		{Method: post, Path: "/imports/check", Need: mayWrite, Handle: with((*Imports).checkImportRows), MaxBody: framesMaxBody},
		{Method: get, Path: "/imports/{id}", Need: mayRead, Or: mayWrite, Handle: with((*Imports).getImport)},
		// Parts of a file are not in the audit log one by one: begin and end are.
		{Method: post, Path: "/imports/{id}/rows", Need: mayWrite, Handle: with((*Imports).appendImportRows), MaxBody: framesMaxBody},
		{Method: post, Path: "/imports/{id}/finish", Need: mayWrite, Handle: with((*Imports).finishImport), Action: "import.finish"},
		{Method: del, Path: "/imports/{id}/run", Need: mayWrite, Handle: with((*Imports).cancelImport), Action: "import.cancel"},
	}}, {Name: "Uploads", Serves: touchstone.Operation("what comes in is asked for when it is worked on"), Routes: []api.Route{
		{Method: get, Path: "/uploads", Need: mayWrite, Handle: with((*Imports).listUploads)},
		{Method: post, Path: "/uploads", Need: mayWrite, Handle: with((*Imports).createUpload), Action: "upload.create"},
		{Method: get, Path: "/uploads/{id}", Need: mayWrite, Handle: with((*Imports).getUpload)},
		// Only the last part is a write for the audit log.
		{Method: patch, Path: "/uploads/{id}", Need: mayWrite, Handle: with((*Imports).appendUpload), MaxBody: partMaxBody, Raw: true, Action: "upload.finish"},
		{Method: del, Path: "/uploads/{id}", Need: mayWrite, Handle: with((*Imports).deleteUpload), Action: "upload.delete"},
		{Method: post, Path: "/uploads/{id}/guess", Need: mayWrite, Handle: with((*Imports).guessUpload)},
		{Method: post, Path: "/uploads/{id}/preview", Need: mayWrite, Handle: with((*Imports).previewUpload)},
		{Method: post, Path: "/uploads/{id}/dry-run", Need: mayWrite, Handle: with((*Imports).startDryRun)},
		{Method: get, Path: "/uploads/{id}/dry-run", Need: mayWrite, Handle: with((*Imports).getDryRun)},
		{Method: del, Path: "/uploads/{id}/dry-run", Need: mayWrite, Handle: with((*Imports).cancelDryRun)},
		{Method: post, Path: "/uploads/{id}/import", Need: mayWrite, Handle: with((*Imports).startImport), Action: "import.start"},
		{Method: get, Path: "/mappings", Need: mayWrite, Handle: with((*Imports).listMappings)},
		{Method: post, Path: "/mappings", Need: mayWrite, Handle: with((*Imports).createMapping), Action: "mapping.create"},
		{Method: get, Path: "/mappings/{id}", Need: mayWrite, Handle: with((*Imports).getMapping)},
		{Method: patch, Path: "/mappings/{id}", Need: mayWrite, Handle: with((*Imports).updateMapping), Action: "mapping.update"},
		{Method: del, Path: "/mappings/{id}", Need: mayWrite, Handle: with((*Imports).deleteMapping), Action: "mapping.delete"},
	}}}
}
