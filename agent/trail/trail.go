package trail

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// SyncEvery is how long an entry may stand in the file before it is on the disk.
const SyncEvery = time.Second

// Did says what somebody did: a code of FHIR's restful-interaction, or one of those below.
type Did string

// What is done beside the interactions of FHIR.
const (
	LogIn  Did = "login"
	Export Did = "export"
	Gap    Did = "gap" // so many entries are missing here: Entry.Lost
)

// Entry is one look at records.
type Entry struct {
	At       time.Time `json:"at"`
	Agent    string    `json:"agent,omitempty"` // id of the Practitioner; empty where nobody is named
	Door     string    `json:"door,omitempty"`  // fhir or pages
	Did      Did       `json:"did"`
	What     string    `json:"what,omitempty"`     // Type, Type/id or Type/id/_history/version
	Patients []string  `json:"patients,omitempty"` // whose dossiers were shown
	Query    []string  `json:"query,omitempty"`    // names of the parameters of a search
	Lost     int       `json:"lost,omitempty"`

	// ID is the place of an entry that was read.
	ID string `json:"-"`
}

// Config says where the trail is kept.
type Config struct {
	// Folder is the trail's alone. It is made where it is not there.
	Folder string
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Logger hears of entries that could not be kept. Nil: nobody does.
	Logger *slog.Logger
}

// Trail is the entries of a desk. Safe for use by several goroutines.
type Trail struct {
	config Config
	stop   chan struct{}
	done   chan struct{}

	mu    sync.Mutex
	month string // of the file
	file  *os.File
	torn  bool // the file does not end with a whole line
	dirty bool // something is not on the disk yet
	lost  int  // entries that could not be kept since the last one that was
}

// Open opens the trail and starts the one goroutine that brings it to the disk.
func Open(c Config) (*Trail, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(c.Folder, 0o700); err != nil {
		return nil, fmt.Errorf("open the trail: %w", err)
	}
	t := &Trail{config: c, stop: make(chan struct{}), done: make(chan struct{})}
	if err := t.turn(c.Now()); err != nil {
		return nil, fmt.Errorf("open the trail: %w", err)
	}
	go t.keepSynced()
	return t, nil
}

// Close brings all to the disk and ends. It is called once.
func (t *Trail) Close() error {
	close(t.stop)
	<-t.done
	t.mu.Lock()
	defer t.mu.Unlock()
	err := t.file.Close()
	t.file = nil
	return err
}

// Add keeps an entry. At is set to now.
func (t *Trail) Add(e Entry) {
	e.At = t.config.Now().UTC().Truncate(time.Millisecond)
	line, err := json.Marshal(e)
	if err != nil {
		panic(err) // an Entry always has a JSON form
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.add(e.At, append(line, '\n')); err != nil {
		if t.lost++; t.lost == 1 {
			t.config.Logger.Error("who looks at what cannot be kept: make room on the disk", "err", err)
		}
	}
}

var errClosed = errors.New("the trail is closed")

// add writes a line, behind one that tells of those that are missing. mu is held.
func (t *Trail) add(at time.Time, line []byte) error {
	if t.file == nil {
		return errClosed
	}
	if err := t.turn(at); err != nil {
		return err
	}
	if t.lost > 0 {
		gap, err := json.Marshal(Entry{At: at, Did: Gap, Lost: t.lost})
		if err != nil {
			return err
		}
		line = append(append(gap, '\n'), line...)
	}
	if t.torn {
		line = append([]byte{'\n'}, line...)
	}
	n, err := t.file.Write(line)
	t.dirty = t.dirty || n > 0
	if err != nil {
		t.torn = t.torn || n > 0
		return err
	}
	t.lost, t.torn = 0, false
	return nil
}

const suffix = ".ndjson"

// turn opens the file of a month where it is not the one that is open. mu is held.
func (t *Trail) turn(at time.Time) error {
	month := at.UTC().Format("2006-01")
	if t.file != nil && month == t.month {
		return nil
	}
	file, err := os.OpenFile(filepath.Join(t.config.Folder, month+suffix), os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	torn, err := endsTorn(file)
	if err != nil {
		return errors.Join(err, file.Close())
	}
	if t.file != nil {
		if err := errors.Join(t.file.Sync(), t.file.Close()); err != nil {
			t.config.Logger.Error("the trail of a month may not be whole on the disk", "month", t.month, "err", err)
		}
	}
	t.file, t.month, t.torn = file, month, torn
	return nil
}

// endsTorn reports whether a file ends within a line.
func endsTorn(file *os.File) (bool, error) {
	info, err := file.Stat()
	if err != nil || info.Size() == 0 {
		return false, err
	}
	var last [1]byte
	_, err = file.ReadAt(last[:], info.Size()-1)
	return last[0] != '\n', err
}

// keepSynced brings what was added to the disk, now and then and at the end.
func (t *Trail) keepSynced() {
	defer close(t.done)
	tick := time.NewTicker(SyncEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			t.sync()
		case <-t.stop:
			t.sync()
			return
		}
	}
}

// sync does not hold the lock while the disk works: who reads a dossier meanwhile does
// not wait for it.
func (t *Trail) sync() {
	t.mu.Lock()
	file, dirty := t.file, t.dirty
	t.dirty = false
	t.mu.Unlock()
	if !dirty {
		return
	}
	if err := file.Sync(); err != nil && !errors.Is(err, fs.ErrClosed) { // closed by turn, which syncs itself
		t.config.Logger.Error("who looks at what may not be on the disk", "err", err)
	}
}
