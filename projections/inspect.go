package projections

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/carelog/carelog/events"
)

// Contents says what a file of the store holds.
type Contents struct {
	Practice string
	Stream   string // identity of the stream that was read
	Position events.Position
	Before   events.Digest // rolling hash before the message at the position
	Schema   int
	Events   int
}

// Inspect reads what the file at path holds, of any practice, without changing it but
// for what SQLite keeps beside it. Refusals are those of Open.
func Inspect(ctx context.Context, path string) (c Contents, err error) {
	fail := func(err error) (Contents, error) {
		return Contents{}, explain(path, "look into "+path, err)
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return fail(err)
	}
	if err := errors.Join(checkHeader(path), checkLength(path)); err != nil {
		return fail(err)
	}
	w, err := openWriter(ctx, source(path, "query_only(1)"))
	if err != nil {
		return fail(err)
	}
	defer func() { err = errors.Join(err, w.close()) }()
	if err := w.conn.QueryRowContext(ctx, "PRAGMA user_version").Scan(&c.Schema); err != nil {
		return fail(err)
	}
	if known := Schema(); c.Schema > known {
		return fail(&NewerError{Path: path, Have: c.Schema, Known: known})
	}
	var sequence int64
	var hash, before []byte
	if err := w.conn.QueryRowContext(ctx, `SELECT practice, stream, sequence, hash, (SELECT count(*) FROM event) FROM store`).
		Scan(&c.Practice, &c.Stream, &sequence, &hash, &c.Events); err != nil {
		return fail(err)
	}
	c.Position.Sequence = uint64(sequence)
	copy(c.Position.Hash[:], hash)
	if _, err := w.one(&statement{hashBefore}, []any{sequence}, &before); err != nil {
		return fail(fmt.Errorf("find the hash before %d: %w", sequence, err))
	}
	copy(c.Before[:], before)
	return c, nil
}
