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
}

// Inspect reads what the file at path holds, of any practice, without changing it but
// for what SQLite keeps beside it. Refusals are those of Open.
func Inspect(ctx context.Context, path string) (c Contents, err error) {
	err = lookInto(ctx, path, func(w *writer, schema int) error {
		c.Schema = schema
		var sequence int64
		var hash, before []byte
		if err := w.conn.QueryRowContext(ctx, `SELECT practice, stream, sequence, hash FROM store`).
			Scan(&c.Practice, &c.Stream, &sequence, &hash); err != nil {
			return err
		}
		c.Position.Sequence = uint64(sequence)
		copy(c.Position.Hash[:], hash)
		if _, err := w.one(&statement{hashBefore}, []any{sequence}, &before); err != nil {
			return fmt.Errorf("find the hash before %d: %w", sequence, err)
		}
		copy(c.Before[:], before)
		return nil
	})
	if err != nil {
		return Contents{}, explain(path, "look into "+path, err)
	}
	return c, nil
}

// CountEvents counts the events of the file at path. It goes through an index of all of
// them, which takes a new desk as long as a twentieth of what its download takes.
func CountEvents(ctx context.Context, path string) (n int, err error) {
	err = lookInto(ctx, path, func(w *writer, _ int) error {
		return w.conn.QueryRowContext(ctx, "SELECT count(*) FROM event").Scan(&n)
	})
	return n, explain(path, "count the events of "+path, err)
}

// lookInto calls f on a file that may come from anywhere, if it has our tables and
// nothing besides: a trigger or a view in it would do its maker's will here.
func lookInto(ctx context.Context, path string, f func(w *writer, schema int) error) (err error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := errors.Join(checkHeader(path), checkLength(path)); err != nil {
		return err
	}
	w, err := openWriter(ctx, source(path, "query_only(1)"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	var schema int
	if err := w.conn.QueryRowContext(ctx, "PRAGMA user_version").Scan(&schema); err != nil {
		return err
	}
	if known := Schema(); schema > known {
		return &NewerError{Path: path, Have: schema, Known: known}
	}
	if err := w.checkSchema(ctx, path, schema); err != nil {
		return err
	}
	return f(w, schema)
}
