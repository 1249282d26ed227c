package projections

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	sqlite "modernc.org/sqlite"
	sqlitelib "modernc.org/sqlite/lib"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/internal/localdisk"
)

// Options of a store.
type Options struct {
	// Practice whose records these are. Required.
	Practice string
	// Opener opens the sealed body of an event; nil means that none can be opened.
	// It must give the same bytes every time that it gives any. It is called from
	// several goroutines.
	Opener func(*events.Event) ([]byte, error)
	// Now tells the time of arrival; nil means time.Now.
	Now func() time.Time
}

// Store is record.db: the local copy of the log and what is made of it. Its methods
// may be called from several goroutines; changes wait for each other, and a question
// sees the state after one change or after the next, never one between.
type Store struct {
	questions

	copying sync.RWMutex // read-held while the file is copied, held while it is replaced; taken before changing

	// changing is held during a change. It is a channel so that a caller whose context ends
	// stops waiting: a change can take as long as its Batch.Before does.
	changing  chan struct{}
	writer    *writer // nil once closed
	moving    *checkpointer
	keepsWAL  bool         // see keepWAL
	opening   sync.RWMutex // read-held while keys are looked for, held while the file is opened and closed; taken last
	keyed     *readers     // of KeysOf alone; nil once closed
	strangers *strangers   // nil: everybody may be known
	bounds    bounds       // of a search
	many      int          // so many entries make a batch whose records are indexed later
	naming    naming
	lately    int // how many numbers stood in named_lately after the last change, a removed one included; unknownLately: since the file was opened nobody asked

	waiting atomic.Int64 // Waiting
}

// busyTimeout is how long a change waits for another program that writes.
const busyTimeout = 5 * time.Second

// Open opens the store at path, or makes it. It refuses a file that is not ours
// (*NotOursError), one of a newer version (*NewerError) or of another practice
// (*PracticeError), and a damaged one (*CorruptError), and leaves each as it is.
// A file that was not closed in order is checked first: about a second per 600 MB.
func Open(ctx context.Context, path string, o Options) (*Store, error) {
	if err := events.ValidateName("practice", o.Practice); err != nil {
		return nil, fmt.Errorf("open the record store: %w", err)
	}
	if o.Opener == nil {
		o.Opener = func(e *events.Event) ([]byte, error) { return nil, events.ErrNoKey }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := newStore(path, o)
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(s.explain("open the record store", err), s.release())
	}
	return s, nil
}

func newStore(path string, o Options) *Store {
	return &Store{questions: questions{path: path, options: o, unread: new(unread)}, changing: make(chan struct{}, 1), bounds: usualBounds, many: manyEntries, naming: usualNaming}
}

func (s *Store) open(ctx context.Context) error {
	if err := checkHeader(s.path); err != nil {
		return err
	}
	if err := localdisk.Private(s.path); err != nil {
		return err
	}
	s.waiting.Store(unknownWaiting)
	s.lately = unknownLately
	var err error
	if s.writer, err = openWriter(ctx, source(s.path, newPages, "synchronous(NORMAL)", "cache_size(-16384)", "wal_autocheckpoint(0)")); err != nil {
		return err
	}
	if err := s.writer.prepareFile(ctx, s.path, s.options.Practice); err != nil {
		return err
	}
	pageSize, err := s.writer.boundWAL(ctx)
	if err != nil {
		return err
	}
	s.keepsWAL = false
	if s.numbering, err = s.writer.numbering(); err != nil {
		return err
	}
	if s.moving, err = openCheckpointer(s.path, pageSize, s.changing); err != nil {
		return err
	}
	s.readers, err = openReaders(ctx, s.readSource())
	if err == nil {
		s.keyed, err = newReaders(source(s.path, "query_only(1)", fmt.Sprintf("cache_size(%d)", passingCache)))
	}
	return err
}

// Close ends the store after the change and the copy under way. Questions still open
// fail. It may be called again.
func (s *Store) Close() error {
	s.copying.Lock()
	defer s.copying.Unlock()
	s.changing <- struct{}{}
	defer s.unlockChanging()
	if s.writer == nil {
		return nil
	}
	s.opening.Lock()
	defer s.opening.Unlock()
	_, err := s.writer.exec(markClean, 1)
	return s.explain("close the record store", errors.Join(err, s.release()))
}

// release gives back what open took.
func (s *Store) release() error {
	var err error
	if s.moving != nil {
		err = s.moving.close()
	}
	for _, readers := range []*readers{s.readers, s.keyed} {
		if readers != nil {
			err = errors.Join(err, readers.close())
		}
	}
	if s.writer != nil { // last: it is the one that may tidy up the WAL
		err = errors.Join(err, s.writer.close())
	}
	s.writer, s.moving, s.keyed = nil, nil, nil
	return err
}

// readSource is the name under which SQLite opens the file for questions.
func (s *Store) readSource() string { return source(s.path, readPragmas...) }

// newPages says how large the pages of new files are, in bytes.
const newPages = "page_size(8192)"

var readPragmas = []string{"query_only(1)", fmt.Sprintf("cache_size(%d)", readCache)}

// source is the name under which SQLite opens a file, with the pragmas of a connection.
func source(path string, pragmas ...string) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // a drive of Windows
	}
	query := url.Values{"_dqs": {"0"}, "_busy_timeout": {fmt.Sprint(busyTimeout.Milliseconds())}, "_pragma": pragmas}
	return (&url.URL{Scheme: "file", Path: path, RawQuery: query.Encode()}).String()
}

// explain says what was being done, and turns what SQLite reports into the error
// that tells the user what to do.
func explain(path, what string, err error) error {
	if err == nil {
		return nil
	}
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		switch lite.Code() & 0xff {
		case sqlitelib.SQLITE_CORRUPT, sqlitelib.SQLITE_NOTADB:
			err = &CorruptError{Path: path, Reason: lite.Error()}
		case sqlitelib.SQLITE_BUSY, sqlitelib.SQLITE_LOCKED:
			err = &BusyError{Path: path}
		case sqlitelib.SQLITE_FULL, sqlitelib.SQLITE_IOERR:
			err = &DiskError{Path: path, Cause: lite}
		}
	}
	return fmt.Errorf("%s: %w", what, err)
}

var errClosed = errors.New("the record store is closed")

// lockChanging takes the right to change the file.
func (s *Store) lockChanging(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case s.changing <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	if s.writer == nil {
		s.unlockChanging()
		return errClosed
	}
	return nil
}

// tryChanging takes it where nobody has it.
func (s *Store) tryChanging() bool {
	select {
	case s.changing <- struct{}{}:
	default:
		return false
	}
	if s.writer == nil {
		s.unlockChanging()
		return false
	}
	return true
}

func (s *Store) unlockChanging() { <-s.changing }

// change runs f in one transaction: all of it, or nothing.
func (s *Store) change(ctx context.Context, what string, f func(*batch) error) error {
	if err := s.lockChanging(ctx); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	defer s.unlockChanging()
	unread := s.unread.Load()
	if _, err := s.writer.exec(begin); err != nil {
		return s.explain(what, err)
	}
	b, err := newBatch(ctx, s)
	if err == nil {
		err = f(b)
	}
	if err == nil {
		err = b.flush()
	}
	if err == nil {
		err = s.unread.since(unread)
	}
	if err == nil && b.before != nil {
		err = b.before()
	}
	if err == nil {
		_, err = s.writer.exec(commit)
	}
	if err == nil {
		b.acquainted()
		s.waits(b)
		s.lately = b.lately
		s.keepWAL(b.many)
		s.moving.look(b.many)
	}
	if err != nil {
		_, undo := s.writer.exec(rollback)
		if s.writer.inTransaction() {
			err = errors.Join(err, undo)
		}
	}
	return s.explain(what, err)
}

// keepWAL lets the WAL have its length when it is begun anew, as long as large batches come.
func (s *Store) keepWAL(keep bool) {
	if s.keepsWAL == keep {
		return
	}
	st := cutWAL
	if keep {
		st = keepWAL
	}
	if _, err := s.writer.exec(st); err == nil { // else it is tried again after the next change
		s.keepsWAL = keep
	}
}

// Promise makes every question asked from now on, and Remove, wait until done is closed: a change
// that is under way, or about to be, was promised to somebody, and nobody must miss it. done must
// be closed when the change has ended, however it did; so whoever makes one must ask nothing
// within it. hurry is called by whoever begins to wait, and can be nil.
func (s *Store) Promise(done <-chan struct{}, hurry func()) { s.promised.Store(&promise{done, hurry}) }
