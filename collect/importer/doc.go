// Package importer turns files into events: CSV (any delimiter, white-space aligned
// too), NDJSON and Parquet, plain or gzip, with a mapping file in YAML that says which
// column is what.
//
// It runs at the client's side of `touchstone import` and talks to a server over HTTP:
//
//	file → table (rows of cells) → plan (mapping bound to columns) → event frames → chunks → POST imports/{id}/rows
//
// A chunk names the row that it begins with, so a chunk that is sent twice adds nothing,
// and an import that was cut off goes on where the server says. A row that cannot be
// mapped does not stop the import: it travels as a Rejected event and ends in quarantine
// with its number and the reason.
package importer
