package console

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/touchstone-cdp/touchstone"
)

// signInLimit slows down guessing: a few tries at once, then one in a while, counted per
// address with e-mail, per address, and per e-mail.
type signInLimit struct {
	mu     sync.Mutex
	budget map[string]*guesses
}

type guesses struct {
	limiter *rate.Limiter
	used    time.Time
}

const maxGuessers = 20_000

// The classes by the first letter of the key.
var guessBudgets = map[byte]struct {
	every time.Duration
	burst int
}{
	'b': {30 * time.Second, 8},   // both address and e-mail
	'a': {6 * time.Second, 40},   // address: an office behind one address
	'e': {20 * time.Second, 100}, // e-mail: many addresses guess one password
}

// reserve takes one try of each budget, or refuses. undo gives them back after a right password.
func (l *signInLimit) reserve(address, email string, now time.Time) (undo func(), err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var taken []*rate.Reservation
	undo = func() {
		for _, t := range taken {
			t.CancelAt(now)
		}
	}
	for _, key := range []string{"b" + address + " " + email, "a" + address, "e" + email} {
		t := l.guessesOf(key, now).ReserveN(now, 1)
		taken = append(taken, t)
		if wait := t.DelayFrom(now); wait > 0 {
			undo()
			e := touchstone.Errorf(touchstone.RateLimited, "Too many attempts to sign in.").WithHint("Wait a little and try again.")
			e.RetryAfter = wait
			return nil, e
		}
	}
	return undo, nil
}

func (l *signInLimit) guessesOf(key string, now time.Time) *rate.Limiter {
	if g, ok := l.budget[key]; ok {
		g.used = now
		return g.limiter
	}
	if l.budget == nil {
		l.budget = make(map[string]*guesses)
	}
	if len(l.budget) >= maxGuessers {
		l.forget(now)
	}
	b := guessBudgets[key[0]]
	g := &guesses{rate.NewLimiter(rate.Every(b.every), b.burst), now}
	l.budget[key] = g
	return g.limiter
}

// forget makes room: first budgets that are full again, then any.
func (l *signInLimit) forget(now time.Time) {
	for key, g := range l.budget {
		if g.limiter.TokensAt(now) >= float64(g.limiter.Burst()) {
			delete(l.budget, key)
		}
	}
	for key := range l.budget {
		if len(l.budget) < maxGuessers*3/4 {
			return
		}
		delete(l.budget, key)
	}
}

// clientNetwork is the caller's address; of IPv6 the part that one household has. A
// trusted proxy's word about its peer is taken, or all its users would share one budget.
func clientNetwork(r *http.Request, trusted []netip.Prefix) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return host
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && contains(trusted, ip); i-- {
		before, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		ip = before
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is6() {
		p, _ := ip.Prefix(64)
		return p.String()
	}
	return ip.String()
}

func contains(networks []netip.Prefix, ip netip.Addr) bool {
	return slices.ContainsFunc(networks, func(p netip.Prefix) bool { return p.Contains(ip.Unmap()) })
}
