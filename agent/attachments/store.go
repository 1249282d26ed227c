package attachments

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/internal/localdisk"
)

// Server is what is needed of the practice's server. PutPiece fails with events.ErrTaken
// where a piece stands behind the sequence already, Piece with events.ErrNoMessage.
type Server interface {
	AttachmentState(ctx context.Context) (events.LogState, error)
	Pieces(ctx context.Context, name string) (map[int]bool, error)
	PutPiece(ctx context.Context, name string, number int, data []byte, after uint64) error
	Piece(ctx context.Context, name string, number int, from uint64) (events.Stored, error)
}

// Config says how contents are kept.
type Config struct {
	// Dir is the folder; it is made where it is not there.
	Dir string
	// Room is how many bytes contents may take that the server has as well. What was not
	// looked at for longest goes first; what somebody reads stays.
	Room int64
	// Spare is how many bytes must stay free on the disk: people write there.
	Spare int64
	// Server is the one that this desk is connected to; nil: none. Nil: there never is one.
	Server func() Server
	// Patience is how long a content that is being read waits for the next connection where
	// one is lost; 0: not at all.
	Patience time.Duration
	// Changed is told, without locks held, when Owed has changed. It may be nil.
	Changed func()
	// Trouble hears why what is owed is not sent, and nil when it is again. It may be nil.
	Trouble func(error)
	// Logger gets what happens; nil drops it.
	Logger *slog.Logger
}

// Errors. What is not here is not lost: each says when to try again.
var (
	ErrAway   = errors.New("its content is not on this PC, and the server cannot be reached: try again when this desk is online")
	ErrUnsent = errors.New("the server does not have its content yet: the desk that wrote it has not sent it; try again when that desk was online")
	ErrNoRoom = errors.New("there is no room on this PC's disk for the content of an attachment: make room and try again")
)

// Parts of the folder, beside a file for each content, under its name.
const (
	owedFolder  = "owed"  // a file of the same name for each content that the server may not have
	spoolFolder = "spool" // what is being written
	serverFile  = "server.json"
)

// Store keeps the contents of one desk. Safe for use by several goroutines.
type Store struct {
	config Config
	log    *slog.Logger

	mu      sync.Mutex
	entries map[string]*entry // in use
	owed    map[string]bool   // to be sent
	held    map[string]*hold  // put, and not yet known to be needed
	changed chan struct{}     // closed and replaced when owed grows
}

// Open opens the folder. What a killed program was writing is removed; what it had not
// sent is owed.
func Open(c Config) (*Store, error) {
	s := &Store{config: c, log: c.Logger, entries: make(map[string]*entry), owed: make(map[string]bool),
		held: make(map[string]*hold), changed: make(chan struct{})}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if err := s.open(); err != nil {
		return nil, fmt.Errorf("open the attachments in %s: %w", c.Dir, err)
	}
	return s, nil
}

func (s *Store) open() error {
	if err := os.RemoveAll(s.path(spoolFolder)); err != nil {
		return err
	}
	for _, folder := range []string{"", owedFolder, spoolFolder} {
		if err := os.MkdirAll(s.path(folder), 0o700); err != nil {
			return err
		}
	}
	list, err := os.ReadDir(s.path(owedFolder))
	if err != nil {
		return err
	}
	for _, file := range list {
		name := file.Name()
		if events.ValidateAttachmentName(name) != nil {
			continue
		}
		whole, err := isWhole(s.path(name))
		switch {
		case err != nil && !errors.Is(err, os.ErrNotExist):
			return err
		case whole:
			s.owed[name] = true
		default:
			s.log.Warn("an attachment that was to be sent is not here whole", "attachment", name)
		}
	}
	return nil
}

func (s *Store) path(parts ...string) string {
	return filepath.Join(append([]string{s.config.Dir}, parts...)...)
}

// Owed is how many contents the server may not have, with those that were put and are
// neither kept nor dropped yet.
func (s *Store) Owed() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.owed)
	for name := range s.held {
		if !s.owed[name] {
			n++
		}
	}
	return n
}

// owe puts on disk that the server may not have a content. It is sent from due on.
func (s *Store) owe(name string) error {
	f, err := os.OpenFile(s.path(owedFolder, name), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), localdisk.SyncFolder(s.path(owedFolder)), localdisk.SyncFolder(s.path()))
}

// due lets contents be sent.
func (s *Store) due(names ...string) {
	s.mu.Lock()
	for _, name := range names {
		s.owed[name] = true
	}
	close(s.changed)
	s.changed = make(chan struct{})
	s.mu.Unlock()
	s.tell()
}

// OweAll makes every content that is here whole be looked for on the server again, and
// sent where it is not there: the server has lost something.
func (s *Store) OweAll() error {
	list, err := os.ReadDir(s.path())
	if err != nil {
		return fmt.Errorf("list the attachments: %w", err)
	}
	var names []string
	for _, file := range list {
		if file.IsDir() || events.ValidateAttachmentName(file.Name()) != nil {
			continue
		}
		if whole, err := isWhole(s.path(file.Name())); err != nil || !whole {
			continue
		}
		if err := s.owe(file.Name()); err != nil {
			return fmt.Errorf("note that an attachment is to be sent: %w", err)
		}
		names = append(names, file.Name())
	}
	if len(names) > 0 {
		s.due(names...)
	}
	return nil
}

func (s *Store) tell() {
	if s.config.Changed != nil {
		s.config.Changed()
	}
}

func (s *Store) trouble(err error) {
	if s.config.Trouble != nil {
		s.config.Trouble(err)
	}
}

// noRoom makes the error of a full disk one that says so.
func noRoom(err error) error {
	if localdisk.Full(err) {
		return fmt.Errorf("%w (%w)", ErrNoRoom, err)
	}
	return err
}

// touch notes that a content was looked at.
func touch(path string) error {
	now := time.Now()
	return os.Chtimes(path, now, now)
}
