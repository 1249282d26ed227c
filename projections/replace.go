package projections

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/carelog/carelog/internal/localdisk"
)

// Replace takes the file at path, which Copy made here or elsewhere, in the place of
// the store's own. It waits for a copy under way; questions and changes wait for it, and
// the next one sees the new file.
// Keys that are here stay, and so does the numbering of the feed: what comes next has a
// higher number than anything had here. What is queued on this device, and what was read
// here of dossiers that go on behind the new file's position, stands on top of it when it
// takes its place: nobody sees the one without the other.
//
// It refuses a file as Open does, and leaves it and the store as they are; it is
// ErrUnconfirmed while the store holds what the server has lost. path must be on the
// same disk. A kill or a power cut at any moment leaves the old file or the new one,
// whole. When it has returned without an error there is nothing at path any more.
func (s *Store) Replace(ctx context.Context, path string, queued ...Entry) error {
	return explain(s.path, "replace the record store by "+path, s.replace(ctx, path, queued))
}

func (s *Store) replace(ctx context.Context, path string, queued []Entry) error {
	if info, err := os.Stat(path); err != nil {
		return err
	} else if info.Size() == 0 {
		return &NotOursError{Path: path, Reason: "it is empty"}
	}
	s.copying.Lock()
	defer s.copying.Unlock()
	if err := s.lockChanging(ctx); err != nil {
		return err
	}
	defer s.unlockChanging()
	if err := s.fit(ctx, path, queued); err != nil {
		return err
	}
	s.asking.Lock()
	defer s.asking.Unlock()
	s.opening.Lock()
	defer s.opening.Unlock()
	_, err := s.writer.exec(markClean, 1)
	if err = errors.Join(err, s.release()); err == nil {
		err = swap(path, s.path)
	}
	s.strangers = nil // who was never here may be known to the new file
	// Whichever file stands there now: the store goes on with it.
	if failed := s.open(context.WithoutCancel(ctx)); failed != nil {
		return errors.Join(err, failed, s.release())
	}
	return err
}

// fit checks the file that is to come, and gives it what must not be lost of this one.
func (s *Store) fit(ctx context.Context, path string, queued []Entry) (err error) {
	if err := lookInto(ctx, path, func(*writer, int) error { return nil }); err != nil {
		return err
	}
	next, err := Open(ctx, path, s.options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, next.Close()) }()
	next.unread = s.unread
	var unconfirmed bool
	err = s.view(ctx, "look for what the server has lost", func(v *view) (err error) {
		unconfirmed, err = v.one("SELECT 1 FROM event WHERE sequence < 0 AND sequence <> 0 UNION ALL SELECT 1 FROM stray WHERE sequence < 0 LIMIT 1", nil, new(int))
		return err
	})
	if err != nil {
		return err
	}
	if unconfirmed {
		return ErrUnconfirmed
	}
	if err := next.takeKeys(ctx, s.path); err != nil {
		return err
	}
	var arrival, arrived int64
	if _, err := s.writer.one(selectArrival, nil, &arrival, &arrived); err != nil {
		return err
	}
	if err := next.change(ctx, "go on with the feed", func(b *batch) error { return b.goOn(arrival, arrived) }); err != nil {
		return err
	}
	ahead, err := s.readAhead(ctx, next)
	if err != nil || len(ahead)+len(queued) == 0 {
		return err
	}
	_, err = next.Apply(ctx, Batch{Entries: append(ahead, queued...)})
	return err
}

// readAhead is what was read here of dossiers ahead of the position, and that the file
// to come has not reached either. Messages that are no versions come with the rest of
// the log.
func (s *Store) readAhead(ctx context.Context, next *Store) (list []Entry, err error) {
	was, here, err := s.Position(ctx)
	if err != nil {
		return nil, err
	}
	at, there, err := next.Position(ctx)
	if err != nil || here != there {
		return nil, err
	}
	err = s.view(ctx, "find what was read ahead", func(v *view) error {
		return v.each("SELECT "+eventColumns+eventTables+"WHERE e.sequence > ? AND e.sequence <> 0 ORDER BY e.sequence", []any{int64(max(was.Sequence, at.Sequence))}, func(scan func(...any) error) error {
			var r row
			err := r.scan(v.practice, scan)
			list = append(list, Entry{Sequence: confirmed(r.sequence), Stored: r.broker(), Hash: r.hash, Event: r.event, Doubt: r.doubt, Reason: r.reason})
			return err
		})
	})
	return list, err
}

var (
	selectArrival = &statement{"SELECT arrival, arrived FROM store"}
	clipArrived   = &statement{"UPDATE event SET arrived = ?1 WHERE arrived > ?1"}
	updateBegan   = &statement{"UPDATE store SET began = ?"}
)

// goOn makes the numbers and times of the feed go on after those that were given in the
// file that is replaced. The times in this one are of the PC that made it: here, all of
// it comes now, or whoever asks what came since they last looked would miss what is older.
func (b *batch) goOn(arrival, arrived int64) error {
	b.arrival = max(b.arrival, arrival)
	ahead := b.arrived // by the clock of the PC that made it
	b.arrived = max(arrived, b.store.options.Now().UnixMilli())
	if _, err := b.exec(updateBegan, b.arrived); err != nil || ahead <= b.arrived {
		return err
	}
	_, err := b.exec(clipArrived, b.arrived)
	return err
}

// checkLength finds a file that was cut short, which SQLite notices only where it reads.
func checkLength(path string) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	header := make([]byte, headerSize)
	if _, err := io.ReadFull(f, header); err != nil {
		return nil // Open says what it is
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	// 1 stands for 65,536, which 16 bits do not hold.
	page := int64(binary.BigEndian.Uint16(header[headerPageSize:]))
	if page == 1 {
		page = 1 << 16
	}
	if want := page * int64(binary.BigEndian.Uint32(header[headerPages:])); info.Size() < want {
		return &CorruptError{Path: path, Reason: fmt.Sprintf("it has %d bytes of %d", info.Size(), want)}
	}
	return nil
}

// swap renames the file at from to the name to, on disk when it returns. Neither may
// have anything beside it that SQLite would take for a part of it.
func swap(from, to string) error {
	for _, path := range []string{from, to} {
		for _, suffix := range []string{"-wal", "-shm", "-journal"} {
			if _, err := os.Stat(path + suffix); err == nil {
				return &BusyError{Path: path}
			} else if !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	if err := syncFile(from); err != nil {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return localdisk.SyncFolder(filepath.Dir(to))
}

// syncFile opens it for writing: Windows syncs no file otherwise.
func syncFile(path string) (err error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return f.Sync()
}
