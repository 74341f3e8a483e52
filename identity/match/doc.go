// Package match links records that no common key links: it weighs how alike two records are, column by column,
// and says how probable it is that they are one and the same (Fellegi and Sunter, fitted without labels).
//
// A [Set] holds the records of one list (to find duplicates) or of two (to link them). [Train] looks at a set and makes a
// [Model]: which kind each column is, what each degree of agreement is worth in bits, which blocking rules find
// the pairs to look at, and from which weight on a pair is a link, or is for a person to decide. [Model.Link] applies it to
// a set; an [Index] answers for one new record; [Set.Explain] and [Index.Explain] say why.
//
//	set, err := match.NewSet(match.Guess(columns, sample))
//	err = set.Add(0, match.Record{ID: "17", Values: []string{"Ann", "Lee"}})
//	model, err := match.Train(ctx, set, match.Options{})
//	result, err := model.Link(ctx, set, match.Options{})
//
// The package knows nothing of stores and does no I/O. docs/design/match.md tells the model and its limits.
package match
