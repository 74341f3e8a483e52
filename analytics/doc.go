// Package analytics answers questions about events: trend, funnel, retention and
// read-only SQL, and the people behind every number of an answer.
//
// A question is JSON (docs/queries.md is its reference). [Engine.Run] parses it strictly,
// plans SQL in the dialect of the warehouse, and, where SQL is slow or inexact, gathers
// each person's few relevant events and works on them with a kernel in Go. There is one
// file per kind of question; [Kinds] lists them.
//
// The same plan that counts people also names them ([Engine.People]), so that a number
// and its people cannot differ. Answers are exact.
package analytics
