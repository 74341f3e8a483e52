// Package priority lets work that can wait give way to requests.
//
// The pipeline and the warehouse's sink are always busy under load, in long calls into C;
// a request needs a processor for a few microseconds, several times on its way through the
// log. Were they equals, the kernel would let a request wait for a time slice of some
// milliseconds at each of those steps, and with a closed number of clients the processors
// would even idle meanwhile. What is accepted is in the log, so working on it may wait.
package priority

// niceness of work that gives way: about a tenth of a processor while others want all of
// it, and all of it else.
const niceness = 10
