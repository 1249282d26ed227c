package projections

import (
	"bytes"
	"context"
	"embed"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"sync"
)

// applicationID marks the file as ours: "clrs" in the header of the SQLite file.
const applicationID = 0x636c7273

// Migrations lead from each version of the schema to the next; the number of the last
// is the version.
//
//go:embed migrations/*.sql
var migrationFiles embed.FS

func migrations() ([]string, error) {
	names, err := fs.Glob(migrationFiles, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	texts := make([]string, len(names))
	for i, name := range names {
		text, err := migrationFiles.ReadFile(name)
		if err != nil {
			return nil, err
		}
		texts[i] = string(text)
	}
	return texts, nil
}

// Schema is the newest version of the schema that this package knows.
func Schema() int {
	texts, err := migrations()
	if err != nil {
		panic(err) // they are part of the program
	}
	return len(texts)
}

// The header of a SQLite file: https://www.sqlite.org/fileformat2.html.
const (
	headerSize          = 100
	headerMagic         = "SQLite format 3\x00"
	headerPageSize      = 16
	headerPages         = 28
	headerApplicationID = 68
)

// checkHeader refuses a file that is not ours before SQLite opens it, since opening
// may already change it. No file, or an empty one, is fine.
func checkHeader(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	header := make([]byte, headerSize)
	n, err := io.ReadFull(f, header)
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil && !errors.Is(err, io.ErrUnexpectedEOF):
		return err
	case len(bytes.Trim(header[:n], "\x00")) == 0:
		return &CorruptError{Path: path, Reason: "it begins with zeros, as after a power cut"}
	case n < headerSize || string(header[:len(headerMagic)]) != headerMagic:
		return &NotOursError{Path: path, Reason: "it is no SQLite file"}
	}
	if id := binary.BigEndian.Uint32(header[headerApplicationID:]); id != applicationID {
		return &NotOursError{Path: path, Reason: fmt.Sprintf("its application id is %#08x", id)}
	}
	return nil
}

var (
	markClean     = &statement{"UPDATE store SET clean = ?"}
	insertStore   = &statement{"INSERT OR IGNORE INTO store (one, practice) VALUES (1, ?)"}
	selectOpening = &statement{"SELECT practice, clean FROM store"}
)

// prepareFile brings a file that passed checkHeader to the newest schema and checks
// what it holds. It marks the file as in use, so that the next opening knows
// whether it was closed in order.
func (w *writer) prepareFile(ctx context.Context, path, practice string) error {
	have, err := w.mark(ctx)
	if err != nil {
		return err
	}
	texts, err := migrations()
	if err != nil {
		return err
	}
	if have > len(texts) {
		return &NewerError{Path: path, Have: have, Known: len(texts)}
	}
	if have > 0 {
		if err := w.checkOwner(ctx, path, practice); err != nil {
			return err
		}
	}
	for version := have + 1; version <= len(texts); version++ {
		if err := w.migrate(ctx, version, texts[version-1]); err != nil {
			return err
		}
	}
	if _, err := w.exec(insertStore, practice); err != nil {
		return err
	}
	if err := w.prepareIndex(); err != nil {
		return err
	}
	if _, err := w.exec(giveFeed, newFeed()); err != nil {
		return err
	}
	_, err = w.exec(markClean, 0)
	return err
}

// mark writes the application id into a new file and turns on the WAL, and returns
// the version of the schema. The id goes into the file itself before there is a WAL:
// a crash in between leaves a file that checkHeader knows.
func (w *writer) mark(ctx context.Context) (version int, err error) {
	var id int64
	if err := w.conn.QueryRowContext(ctx, "PRAGMA application_id").Scan(&id); err != nil {
		return 0, err
	}
	if id != applicationID {
		if _, err := w.conn.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id = %d", applicationID)); err != nil {
			return 0, err
		}
	}
	var mode string
	if err := w.conn.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&mode); err != nil {
		return 0, err
	}
	if mode != "wal" {
		return 0, fmt.Errorf("SQLite keeps to journal mode %q: the folder must be on a local disk", mode)
	}
	err = w.conn.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version)
	return version, err
}

// checkOwner refuses another practice's file and a damaged one.
func (w *writer) checkOwner(ctx context.Context, path, practice string) error {
	var have string
	var clean bool
	if found, err := w.one(selectOpening, nil, &have, &clean); err != nil || !found {
		return err
	}
	if have != practice {
		return &PracticeError{Path: path, Have: have, Want: practice}
	}
	if clean {
		return nil
	}
	var verdict string
	if err := w.conn.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict); err != nil {
		return err
	}
	if verdict != "ok" {
		return &CorruptError{Path: path, Reason: verdict}
	}
	return nil
}

// migrate runs one migration and its new version number as one change, unless another
// program has done so meanwhile.
func (w *writer) migrate(ctx context.Context, version int, text string) (err error) {
	if _, err := w.exec(begin); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_, undo := w.exec(rollback)
			err = errors.Join(fmt.Errorf("bring the schema to version %d: %w", version, err), undo)
		}
	}()
	var have int
	if err := w.conn.QueryRowContext(ctx, "PRAGMA user_version").Scan(&have); err != nil {
		return err
	}
	if have < version {
		if _, err := w.conn.ExecContext(ctx, fmt.Sprintf("%s\nPRAGMA user_version = %d;", text, version)); err != nil {
			return err
		}
	}
	_, err = w.exec(commit)
	return err
}

// checkSchema refuses a file whose tables are not those of its version of the schema.
func (w *writer) checkSchema(ctx context.Context, path string, version int) error {
	want, err := plainSchema(ctx, max(version, 0))
	if err != nil {
		return err
	}
	got, err := w.schema()
	if err != nil {
		return err
	}
	if i := slices.IndexFunc(got, func(text string) bool { return !slices.Contains(want, text) }); i >= 0 {
		return &NotOursError{Path: path, Reason: "it has a " + got[i]}
	}
	if i := slices.IndexFunc(want, func(text string) bool { return !slices.Contains(got, text) }); i >= 0 {
		return &NotOursError{Path: path, Reason: "it lacks the " + want[i]}
	}
	return nil
}

// plainSchemas are those of versions that were asked for: making one takes some milliseconds, and a snapshot
// is looked into twice.
var plainSchemas sync.Map // of int to []string

// plainSchema is what a file of a version has.
func plainSchema(ctx context.Context, version int) (list []string, err error) {
	if known, ok := plainSchemas.Load(version); ok {
		return known.([]string), nil
	}
	texts, err := migrations()
	if err != nil {
		return nil, err
	}
	plain, err := openWriter(ctx, ":memory:")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, plain.close()) }()
	for _, text := range texts[:version] {
		if _, err := plain.conn.ExecContext(ctx, text); err != nil {
			return nil, err
		}
	}
	if list, err = plain.schema(); err == nil {
		plainSchemas.Store(version, list)
	}
	return list, err
}

var selectSchema = &statement{"SELECT type || ' ' || name || ': ' || ifnull(sql, '') FROM sqlite_schema ORDER BY type, name"}

// schema lists what a file has, with the text that made it.
func (w *writer) schema() (list []string, err error) {
	err = w.each(selectSchema, nil, func(scan func(...any) error) error {
		var text string
		err := scan(&text)
		list = append(list, text)
		return err
	})
	return list, err
}
