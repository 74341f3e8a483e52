// Package console is the management API and what serves the console's pages.
//
// openapi.yaml is the contract of what it serves itself; routes.go has the operations. All
// others are brought by features as resources ([Config].Resources), each with its piece of
// the contract. Console checks who asks and what they may, bounds and reads the body, keeps
// answers of repeated writes and the audit log, and hands over.
//
// Of its own console keeps users, sessions, API keys, settings, remembered answers of
// repeated writes and the audit log.
package console
