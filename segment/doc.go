// Package segment keeps who is in which segment, at every moment.
//
// A segment is a rule (package segment/rule) over traits, events and other segments, or a
// fixed list of persons. [Stage] keeps the members up to date inside the pipeline: it
// holds, for each person, the latest times of the few sets of events that rules ask about,
// and asks a rule again only when something that it mentions has changed or when time
// alone may have changed the answer. [Segments] holds the definitions and answers the
// console's questions. Its Run builds new segments from history. [Segments.Preview] asks
// the whole history instead; a property test keeps the two ways equal.
//
// docs/design/segments.md tells why it is built this way; docs/segments.md is the
// reference for people who write rules.
package segment
