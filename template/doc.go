// Package template makes life cycles, segments and tags from what is usual in an industry. A template is data: rules with
// slots in the place of events, which are filled with the names of one's own catalogue. Value tiers by recency, frequency
// and money (RFM) are made likewise, as tags.
//
// docs/templates.md says what there is.
package template
