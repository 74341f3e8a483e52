// Package touchstone holds the words that every other package speaks: [Event],
// [Identifier], [PersonID], [Batch], [Change], [Error] and [Clock].
//
// Touchstone turns what users do into what a company does next. An event enters at
// the edge (package collect), is made durable in the log (package stream), and is
// worked on by the pipeline in micro-batches: one [Batch] is one database
// transaction. Identity finds the person, profile and segment derive [Change]s,
// reactors act on them, and the warehouse follows behind for analysis.
//
// The package imports the standard library only and does no I/O.
package touchstone
