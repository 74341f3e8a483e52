package segment

import "github.com/touchstone-cdp/touchstone"

// bytesPerPerson is what a cached state may take on average.
const bytesPerPerson = 512

// cache holds decoded states up to a number of bytes. Which to let go is decided by a
// clock: a hand goes round and takes the first state not used since it last came by.
// One goroutine uses it: the stage's.
type cache struct {
	limit   int // bytes
	bytes   int
	persons map[touchstone.PersonID]*state
	ring    []*state
	hand    int
	evicted int64
}

func newCache(persons int) *cache {
	return &cache{limit: persons * bytesPerPerson, persons: map[touchstone.PersonID]*state{}}
}

func (c *cache) get(p touchstone.PersonID) *state {
	s := c.persons[p]
	if s != nil {
		s.recent = true
	}
	return s
}

// put adds a state. It must be used again to outlive one turn of the clock, so that a crowd
// that passes once does not push out those who come back.
func (c *cache) put(s *state) {
	s.slot = len(c.ring)
	c.ring = append(c.ring, s)
	c.persons[s.person] = s
}

// weigh reckons a state's size.
func (c *cache) weigh(s *state) {
	c.bytes -= s.bytes
	s.bytes = s.size()
	c.bytes += s.bytes
}

func (c *cache) remove(s *state) {
	c.bytes -= s.bytes
	last := c.ring[len(c.ring)-1]
	c.ring[s.slot], last.slot = last, s.slot
	c.ring[len(c.ring)-1] = nil
	c.ring = c.ring[:len(c.ring)-1]
	delete(c.persons, s.person)
}

// trim lets states go until the limit is kept. Call it between batches: what a batch has
// touched is in use.
func (c *cache) trim() {
	for c.bytes > c.limit && len(c.ring) > 0 {
		if c.hand >= len(c.ring) {
			c.hand = 0
		}
		s := c.ring[c.hand]
		if s.recent {
			s.recent = false
			c.hand++
			continue
		}
		c.remove(s)
		c.evicted++
	}
}

func (c *cache) clear() {
	c.bytes, c.hand = 0, 0
	c.ring = nil
	c.persons = map[touchstone.PersonID]*state{}
}
