package jetstream

import (
	"crypto/cipher"
	"encoding/binary"

	touchstone "github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/stream"
)

// The first bytes of a sealed record, which no record in the clear begins with (see stream.EncodeRecord):
// so one that is found where it should not be has an error of its own.
const sealedMark = "\xffTS1"

// place ties a sealed record to its partition. Its offset is not known when it is sealed.
func place(partition int) []byte {
	return binary.LittleEndian.AppendUint32([]byte("record"), uint32(partition)) //nolint:gosec // small
}

func sealRecord(seal cipher.AEAD, partition int, record []byte) []byte {
	out := make([]byte, len(sealedMark), len(sealedMark)+seal.Overhead()+len(record))
	copy(out, sealedMark)
	return seal.Seal(out, nil, record, place(partition))
}

func openRecord(seal cipher.AEAD, partition int, stored []byte) ([]byte, error) {
	if !isSealed(stored) {
		return nil, touchstone.Errorf(touchstone.Invalid, "the log is not encrypted, and a key was given")
	}
	record, err := seal.Open(nil, nil, stored[len(sealedMark):], place(partition))
	if err != nil {
		return nil, touchstone.Errorf(touchstone.Invalid, "a record of the log is damaged, or was encrypted with another key")
	}
	return record, nil
}

func isSealed(stored []byte) bool {
	return len(stored) >= len(sealedMark) && string(stored[:len(sealedMark)]) == sealedMark
}

// sealedChange has change see records in the clear. Where nothing changes, the stored record stays as it is.
func sealedChange(from, to cipher.AEAD, change func(int, stream.Offset, []byte) ([]byte, error)) func(int, stream.Offset, []byte) ([]byte, error) {
	if from == nil && to == nil {
		return func(partition int, at stream.Offset, stored []byte) ([]byte, error) {
			if isSealed(stored) {
				return nil, touchstone.Errorf(touchstone.Invalid, "the log is encrypted, and no key was given")
			}
			return change(partition, at, stored)
		}
	}
	return func(partition int, at stream.Offset, stored []byte) (_ []byte, err error) {
		record := stored
		if from != nil {
			if record, err = openRecord(from, partition, stored); err != nil {
				return nil, err
			}
		}
		changed, err := change(partition, at, record)
		if err != nil {
			return nil, err
		}
		if changed == nil {
			if from == to {
				return nil, nil
			}
			changed = record
		}
		if to == nil {
			return changed, nil
		}
		return sealRecord(to, partition, changed), nil
	}
}
