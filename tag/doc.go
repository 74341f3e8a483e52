// Package tag keeps facts about persons that were computed: by rules, by a query, from behaviour, by a model, from a
// file, by hand. A value is the trait tag.<key> of the person's profile, so whatever reads traits reads tags; beside it
// stands when and by which version it was computed, and until when it holds. Each tag has a contract of how fresh it
// is, and a breach is an alarm that names its cause.
//
// docs/design/tags.md tells the whole story.
package tag
