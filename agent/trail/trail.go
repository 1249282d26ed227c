package trail

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/carelog/carelog/events"
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

	// That somebody asked for it: what became of it is recorded in the dossier.
	HubPublish Did = "hub-publish" // the patient's Sumehr
	HubRevoke  Did = "hub-revoke"
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

	// ID is given by Add. Those of one desk are in the order in which it kept its entries.
	ID events.ID `json:"id"`
	// Device is the desk that kept an entry which was read.
	Device string `json:"-"`
}

// Config says where the trail is kept.
type Config struct {
	// Folder is the trail's alone. It is made where it is not there.
	Folder string
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Logger hears of entries that could not be kept or sent. Nil: nobody does.
	Logger *slog.Logger
	// Device is the id of this desk.
	Device string
	// Practice is how the trails of the desks reach each other. Nil: they do not.
	Practice *Practice
	// SendEvery is how long an entry waits, at most, to be sent to the other desks while
	// there is a server; 0 means a minute.
	SendEvery time.Duration
}

// Trail is the entries of a desk. Safe for use by several goroutines.
type Trail struct {
	config Config
	clock  *events.Clock
	stop   chan struct{}
	done   chan struct{}
	full   chan struct{} // there is enough to be sent at once

	runSize int // of the lines of a run, before they are packed, in bytes

	sending sync.Mutex // held while entries are sent
	sent    mark       // guarded by sending; how far

	mu    sync.Mutex
	last  events.ID // of the entry added last
	much  int       // bytes added since full was told
	month string    // of the file
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
	if c.SendEvery == 0 {
		c.SendEvery = time.Minute
	}
	t := &Trail{config: c, clock: events.NewClock(c.Now, nil), stop: make(chan struct{}), done: make(chan struct{}), full: make(chan struct{}, 1), runSize: usualRun}
	for e, err := range t.own(context.Background(), Query{}, events.ID{}) {
		if err != nil {
			return nil, fmt.Errorf("open the trail: %w", err)
		}
		t.last = e.ID
		break
	}
	id, err := t.next()
	if err == nil {
		err = t.turn(id)
	}
	if err != nil {
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

// Add keeps an entry. ID and At are set.
func (t *Trail) Add(e Entry) {
	e.At = t.config.Now().UTC().Truncate(time.Millisecond)
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.add(e); err != nil {
		if t.lost++; t.lost == 1 {
			t.config.Logger.Error("who looks at what cannot be kept: make room on the disk", "err", err)
		}
	}
}

var errClosed = errors.New("the trail is closed")

// next is the id of the next entry, after all that were given.
func (t *Trail) next() (events.ID, error) {
	id, err := t.clock.Next()
	if err == nil && id.Compare(t.last) <= 0 {
		return t.clock.Next(t.last)
	}
	return id, err
}

// follow has the next entries stand behind an id.
func (t *Trail) follow(id events.ID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = later(t.last, id)
}

// add writes an entry, behind one that tells of those that are missing. mu is held.
func (t *Trail) add(e Entry) error {
	if t.file == nil {
		return errClosed
	}
	list := []Entry{e}
	if t.lost > 0 {
		list = []Entry{{At: e.At, Did: Gap, Lost: t.lost}, e}
	}
	var lines []byte
	last := t.last
	for _, e := range list {
		var err error
		if e.ID, err = t.next(); err != nil {
			return err
		}
		t.last = e.ID
		line, err := json.Marshal(e)
		if err != nil {
			return err
		}
		lines = append(append(lines, line...), '\n')
	}
	err := t.turn(t.last)
	if err == nil {
		err = t.write(lines)
	}
	if err != nil {
		t.last = last
		return err
	}
	if t.much += len(lines); t.much >= t.runSize {
		t.much = 0
		select {
		case t.full <- struct{}{}:
		default:
		}
	}
	return nil
}

// write writes whole lines at the end of the file. mu is held.
func (t *Trail) write(lines []byte) error {
	if t.torn {
		lines = append([]byte{'\n'}, lines...)
	}
	n, err := t.file.Write(lines)
	t.dirty = t.dirty || n > 0
	if err != nil {
		t.torn = t.torn || n > 0
		return err
	}
	t.lost, t.torn = 0, false
	return nil
}

const suffix = ".ndjson"

// turn opens the file of the month of an id where it is not the one that is open. mu is held.
func (t *Trail) turn(id events.ID) error {
	month := monthOf(id)
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
