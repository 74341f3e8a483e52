// Package stage keeps how far people have come in life cycles: ordered stages with a rule for entering each. Where
// somebody stands follows from the rules' entries and exits as they happen; spans are the history, of which
// funnels, times in a stage and flows are read. The stage is also a trait, stage.<key>, so whatever reads traits
// reads stages.
//
// docs/design/stages.md tells the whole story.
package stage
