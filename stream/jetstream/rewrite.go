package jetstream

import (
	"bytes"
	"context"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/minio/highwayhash"

	touchstone "github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/filelock"
	"github.com/touchstone-cdp/touchstone/stream"
)

// The form of a block file of the server, of which there is a test that fails when a version
// of the server has another:
//
//	length:4 sequence:8 time:8 subject length:2 subject [header length:4 header] message hash:8
//
// The length has its highest bit set when there are headers. A sequence with one of its two
// highest bits set is none of a record: it says that one was deleted.
const (
	blockHead    = 22
	blockHash    = 8
	headersBit   = 1 << 31
	sequenceBits = 3 << 62
	maxBlockSize = 1 << 30
)

// rewriting is the file that a block is written to before it takes the other's place. It lies beside
// the folder of blocks: in it, the server would take it for one.
const rewriting = "rewriting"

// Rewritten is what [Rewrite] has done.
type Rewritten struct {
	Records int64 `json:"records"` // that there are
	Changed int64 `json:"changed"`
	Blocks  int   `json:"blocks"` // files that were written anew
	Bytes   int64 `json:"bytes"`  // of all files
}

// Rewrite goes through the records of an embedded log that nobody has open, in their order, and
// writes those anew that change returns something else for, each in its place and under its
// offset. A file is written whole beside the old one and then takes its name, so a kill at any
// moment leaves each record as it was or as it is to be. A file that only held what is not to be known any more
// is gone with the rename: nothing of it is left in the folder.
//
// Deleting single records instead would have the server write a file of 8 MiB for each, and would
// leave gaps for every reader to fill.
//
// Records are opened with from before change sees them, and sealed with to after it; nil: they are in the clear. If the
// two differ, every record is written anew.
func Rewrite(ctx context.Context, dir string, from, to cipher.AEAD, change func(partition int, at stream.Offset, record []byte) ([]byte, error)) (done Rewritten, err error) {
	change = sealedChange(from, to, change)
	lock, err := filelock.Lock(filepath.Join(dir, "lock"), "log")
	if err != nil {
		return done, err
	}
	defer lock.Close()
	streams := filepath.Join(dir, "jetstream", "$G", "streams")
	entries, err := os.ReadDir(streams)
	if errors.Is(err, fs.ErrNotExist) {
		return done, nil
	}
	if err != nil {
		return done, err
	}
	for _, e := range entries {
		number, ok := strings.CutPrefix(e.Name(), defaultName+"_")
		partition, err := strconv.Atoi(number)
		if !ok || err != nil {
			continue
		}
		if err := rewriteStream(ctx, filepath.Join(streams, e.Name()), e.Name(), partition, change, &done); err != nil {
			return done, fmt.Errorf("rewrite %s: %w", e.Name(), err)
		}
	}
	return done, nil
}

func rewriteStream(ctx context.Context, dir, name string, partition int, change func(int, stream.Offset, []byte) ([]byte, error), done *Rewritten) error {
	if err := os.Remove(filepath.Join(dir, rewriting)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err // of a run that was cut short
	}
	found, err := os.ReadDir(filepath.Join(dir, "msgs"))
	if err != nil {
		return err
	}
	var blocks []int
	for _, e := range found {
		if text, isBlock := strings.CutSuffix(e.Name(), ".blk"); isBlock {
			if n, err := strconv.Atoi(text); err == nil {
				blocks = append(blocks, n)
			}
		}
	}
	slices.Sort(blocks)
	for _, n := range blocks {
		if err := ctx.Err(); err != nil {
			return err
		}
		path := filepath.Join(dir, "msgs", strconv.Itoa(n)+".blk")
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		key := sha256.Sum256(fmt.Appendf(nil, "%s-%d", name, n))
		b := block{key: key[:], change: func(at stream.Offset, record []byte) ([]byte, error) { return change(partition, at, record) }}
		if err := b.rewrite(text); err != nil {
			return fmt.Errorf("block %d: %w", n, err)
		}
		done.Records, done.Changed, done.Bytes = done.Records+b.records, done.Changed+b.changed, done.Bytes+int64(len(text))
		if b.changed == 0 {
			continue
		}
		done.Blocks++
		if err := replaceBlock(dir, path, b.out.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

// replaceBlock puts a block in another one's place. The server's index of what blocks hold goes first:
// without it, all are read anew.
func replaceBlock(dir, path string, text []byte) error {
	if err := os.Remove(filepath.Join(dir, "msgs", "index.db")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := syncDir(filepath.Join(dir, "msgs")); err != nil {
		return err
	}
	temp := filepath.Join(dir, rewriting)
	f, err := os.OpenFile(temp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(temp, path); err != nil {
		return err
	}
	return errors.Join(syncDir(filepath.Join(dir, "msgs")), syncDir(dir))
}

// block is a file while it is read and written anew.
type block struct {
	key              []byte
	change           func(at stream.Offset, record []byte) ([]byte, error)
	out              bytes.Buffer
	records, changed int64
}

func (b *block) rewrite(text []byte) error {
	if len(text) > maxBlockSize {
		return touchstone.Errorf(touchstone.Invalid, "a file of %d bytes is no block of the log", len(text))
	}
	hash, err := highwayhash.NewDigest64(b.key)
	if err != nil {
		return err
	}
	for at := 0; at < len(text); {
		rest := text[at:]
		if len(rest) < blockHead {
			break // an end that was cut off, which the server drops
		}
		length := binary.LittleEndian.Uint32(rest)
		headers := length&headersBit != 0
		size := int(length &^ headersBit)
		subject := int(binary.LittleEndian.Uint16(rest[20:]))
		if size > len(rest) && at > 0 {
			break
		}
		if size < blockHead+subject+blockHash || size > len(rest) {
			return touchstone.Errorf(touchstone.Invalid, "the log's files have another form than this program knows").WithHint("nothing was changed; upgrade this program")
		}
		one := rest[:size]
		sequence := binary.LittleEndian.Uint64(one[4:])
		at += size
		if headers || sequence&sequenceBits != 0 || sequence == 0 {
			b.out.Write(one)
			continue
		}
		if got := checkBlockHash(hash, one, subject); !bytes.Equal(got, one[size-blockHash:]) {
			if at == len(text) { // the last write was cut short in the middle
				break
			}
			return touchstone.Errorf(touchstone.Invalid, "record %d of the log is damaged, or its files have another form than this program knows", sequence).WithHint("nothing was changed")
		}
		b.records++
		record := one[blockHead+subject : size-blockHash]
		to, err := b.change(stream.Offset(sequence), record)
		if err != nil {
			return err
		}
		if to == nil || bytes.Equal(to, record) {
			b.out.Write(one)
			continue
		}
		b.changed++
		b.write(hash, one, subject, to)
	}
	return nil
}

// write writes a record with another message, under its own head.
func (b *block) write(hash *highwayhash.Digest64, one []byte, subject int, to []byte) {
	start := b.out.Len()
	head := bytes.Clone(one[:blockHead+subject])
	binary.LittleEndian.PutUint32(head, uint32(len(head)+len(to)+blockHash)) //nolint:gosec // records are bounded
	b.out.Write(head)
	b.out.Write(to)
	b.out.Write(make([]byte, blockHash))
	written := b.out.Bytes()[start:]
	copy(written[len(written)-blockHash:], checkBlockHash(hash, written, subject))
}

func checkBlockHash(hash *highwayhash.Digest64, one []byte, subject int) []byte {
	hash.Reset()
	hash.Write(one[4:20])
	hash.Write(one[blockHead : blockHead+subject])
	hash.Write(one[blockHead+subject : len(one)-blockHash])
	return hash.Sum(nil)
}
