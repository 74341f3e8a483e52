// Package importer turns files into events: CSV (any delimiter, white-space aligned
// too), JSON in every layout and Parquet, plain or packed, with a mapping file in YAML
// that says which column is what.
//
// An import goes to a [Server]: over HTTP from `touchstone import`, or to the management
// API of the same process when the file was uploaded.
//
//	file → table (rows of cells) → plan (mapping bound to columns) → event frames → parts → Server.Append
//
// A part names the row that it begins with, so a part that is sent twice adds nothing,
// and an import that was cut off goes on where the server says. A row that cannot be
// mapped does not stop the import: it travels as a Rejected event and ends in quarantine
// with its number and the reason. What the server refuses beyond that it counts and
// names by row; its counts are those of the summary.
//
// # Steps of an import
//
//   - [GuessFile] looks at a file: format, columns, which of them is the time, a person,
//     an event's name. Guessed.Mapping is a draft in YAML with the reasons as comments.
//   - [ParseMapping] reads a mapping; its errors name the line.
//   - [Preview] shows the first rows as events, where each part of an event comes from
//     ([Origin]), what is wrong with a row, and the persons that would be made and merged.
//   - [DryRun] reads the whole file and changes nothing.
//   - [Run] imports. It reports [Progress], ends when its context does, and goes on there
//     when it is called again with the same file, source and mapping.
//
// What a mapping leaves open is guessed from the first part of a file ([Guess]); the same
// file is guessed alike each time, so that an import that is resumed reads the same rows.
package importer
