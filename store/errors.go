package store

import "errors"

// IsRetryable reports whether err means that a transaction clashed with another one,
// was rolled back, and may succeed when it is run again from its start.
func IsRetryable(err error) bool {
	var state interface{ SQLState() string } // PostgreSQL
	if errors.As(err, &state) {
		switch state.SQLState() {
		case "40001", // serialization_failure
			"40P01", // deadlock_detected
			"55P03": // lock_not_available
			return true
		}
		return false
	}
	var code interface{ Code() int } // SQLite
	if errors.As(err, &code) {
		const busy, locked = 5, 6
		primary := code.Code() & 0xff
		return primary == busy || primary == locked
	}
	return false
}
