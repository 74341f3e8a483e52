// Package intake holds the rules that an event meets whichever way it comes in: over the
// tracking API, from a file, or in the dry run of an import. It says how a time is read,
// which times are believed, and which message ids are none. docs/api/tracking.md states
// the rules for people; change them here and there together.
package intake
