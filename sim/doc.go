// Package sim is a seeded world: the customers of a car brand that does not exist, and
// everything that they do with it, event by event. It fills the demo, drives load, and
// because the truth behind it is known (who is who, what sells, why people buy), it
// checks what the system says about it.
//
//	World.History  the past, in the order of time, at more than 100,000 events a second
//	World.Live     the same lives going on, as a trickle
//	World.Truth    what a system that got the history must say
//	World.Forms    dealers' forms, and Receipts: offline records full of mistakes, with who wrote them
//	Load           history through the public HTTP interface
//
// A world is a function of its Config: the same seed gives the same bytes on every
// machine. People live day by day; each day of each person has a random generator of its
// own, so no life depends on the order in which others are computed. Nothing but
// additions, comparisons and explicitly rounded products of floating-point numbers
// decides anything, because compilers may fuse the rest differently.
package sim
