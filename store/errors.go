package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"
)

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

// IsTrouble reports whether err is about the database or the way to it: disk, memory,
// connection, permission, another transaction. What was to be written is not at fault
// then, and trying the same again later may succeed.
func IsTrouble(err error) bool {
	if IsRetryable(err) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) || errors.Is(err, io.ErrUnexpectedEOF) {
		return true
	}
	var network net.Error
	if errors.As(err, &network) {
		return true
	}
	var state interface{ SQLState() string } // PostgreSQL: by class
	if errors.As(err, &state) {
		switch code := state.SQLState(); {
		case len(code) < 2:
			return true
		default: // connection, authorisation, rollback, resources, state, operator, system, configuration, internal
			return strings.Contains(" 08 28 40 53 55 57 58 F0 XX ", " "+code[:2]+" ")
		}
	}
	var code interface{ Code() int } // SQLite
	if errors.As(err, &code) {
		switch code.Code() & 0xff {
		case 1, 18, 19, 20, 25: // error, too big, constraint, mismatch, range
			return false
		}
		return true
	}
	return false
}
