package intake

import (
	"strconv"
	"time"
)

// DefaultMaxFuture is how far ahead of its receipt an event may be unless configured.
const DefaultMaxFuture = 24 * time.Hour

// Window is the span of times in which an event is believed to have happened: from 1970,
// or from MaxAge before its receipt, to MaxFuture after it. A time outside of it is an
// error of a clock or of a file: no report, segment or timer may be built upon it. It is
// never replaced in silence: an event of the tracking API whose time lies ahead gets the
// next best one and carries a mark, everything else goes to quarantine.
type Window struct {
	MaxAge    time.Duration // 0: any age since 1970
	MaxFuture time.Duration // 0: DefaultMaxFuture
}

func (w Window) ahead() time.Duration {
	if w.MaxFuture == 0 {
		return DefaultMaxFuture
	}
	return w.MaxFuture
}

// The codes of times outside of a window. They are those of the quarantine.
const (
	CodeTooOld   = "too_old"
	CodeInFuture = "in_future"
)

// Check tells why a time is not believed, in milliseconds since 1970; "" when it is.
func (w Window) Check(at, received int64) (code string) {
	switch {
	case at-received > w.ahead().Milliseconds():
		return CodeInFuture
	case at < 0, w.MaxAge > 0 && received-at > w.MaxAge.Milliseconds():
		return CodeTooOld
	}
	return ""
}

// Explain says in a sentence what is wrong with a time that has been given a code.
func (w Window) Explain(code string, at int64) string {
	when := FromMillis(at).Format(time.RFC3339)
	switch code {
	case CodeInFuture:
		return "the time is " + when + ", more than " + hours(w.ahead()) + " after it was received"
	case CodeTooOld:
		if at < 0 {
			return "the time is " + when + ", before 1970"
		}
		return "the time is " + when + ", older than this server accepts"
	}
	return ""
}

func hours(d time.Duration) string {
	if d%time.Hour == 0 {
		return strconv.Itoa(int(d/time.Hour)) + " hours"
	}
	return d.String()
}
