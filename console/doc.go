// Package console is the management API and what serves the console's pages.
//
// openapi.yaml is the contract; a test keeps it equal to the table in routes.go. There is
// one file per resource. What a resource shows belongs to another package (collect,
// identity, profile, segment, analytics); console checks who asks, reads the request,
// calls that package through the role interfaces of [Config], and writes the answer.
//
// Of its own console keeps users, sessions, API keys, settings, remembered answers of
// repeated writes, imports and the audit log.
package console
