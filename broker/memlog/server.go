package memlog

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/carelog/carelog/events"
)

// DuplicateWindow is how long the server knows the id of an event, as the real one does.
const DuplicateWindow = 2 * time.Minute

// Server is the log of one practice and what goes with it. All methods may be
// called by several goroutines.
type Server struct {
	practice string

	mu         sync.Mutex
	running    bool
	generation int // of the log: Wipe begins a new one
	messages   []events.Stored
	subjects   map[string][]uint64 // sequences, by subject
	ids        map[string]uint64   // latest sequence, by event id
	latest     time.Time           // at which a message was stored, lost ones included
	keys       []storedKey
	keyed      uint64          // place of the last key, purged ones included
	erased     map[string]bool // names of erased keys
	positions  map[string]events.SignedPosition
	objects    map[string]object
	room       int64 // for objects, in bytes; 0: no limit
	pieces     []piece
	piecesLost uint64
	pieceRoom  int64 // for pieces, in bytes; 0: no limit
	looks      []look
	leases     map[string]events.Stored
	tokens     uint64 // of leases, so far
	clients    []*Log
	refuses    func(events.Message) bool // for good; nil: nothing but what the real one refuses
	changed    chan struct{}             // closed at the next change of anything
}

// storedKey is a wrapped key and the end of the log when it was stored, so that a
// restored backup loses both or neither.
type storedKey struct {
	events.WrappedKey
	mark events.KeyMark
	end  uint64
}

// NewServer returns a running server with an empty log.
func NewServer(practice string) *Server {
	return &Server{
		practice: practice, running: true, generation: 1, changed: make(chan struct{}),
		subjects: make(map[string][]uint64), ids: make(map[string]uint64), positions: make(map[string]events.SignedPosition),
		objects: make(map[string]object), leases: make(map[string]events.Stored), erased: make(map[string]bool),
	}
}

// Stop ends all connections; there are none until Start.
func (s *Server) Stop() { s.change(func() { s.running = false }) }

// Start lets the devices connect again.
func (s *Server) Start() { s.change(func() { s.running = true }) }

// Restart is Stop and Start.
func (s *Server) Restart() {
	s.Stop()
	s.Start()
}

// RollBack restarts the server as if from a backup made when the log ended at
// sequence. Keys and positions of later on are gone as well.
func (s *Server) RollBack(sequence uint64) {
	s.Stop()
	s.change(func() {
		s.messages = s.messages[:min(sequence, uint64(len(s.messages)))]
		s.keys = slices.DeleteFunc(s.keys, func(k storedKey) bool { return k.end > sequence })
		s.keyed = s.lastKey()
		for device, p := range s.positions {
			if p.Sequence > sequence {
				delete(s.positions, device)
			}
		}
		s.index()
	})
	s.Start()
}

// Wipe restarts the server with a new, empty log: its disk was lost.
func (s *Server) Wipe() {
	s.Stop()
	s.change(func() {
		s.generation++
		s.messages, s.keys, s.pieces, s.piecesLost, s.looks = nil, nil, nil, 0, nil
		s.keyed = 0
		clear(s.erased)
		clear(s.positions)
		clear(s.objects)
		clear(s.leases)
		s.index()
	})
	s.Start()
}

// EraseKeys removes every key of a patient, as the operator does.
func (s *Server) EraseKeys(patient string) {
	s.change(func() {
		for _, k := range s.keys {
			if k.Patient == patient {
				s.erased[k.Name()] = true
			}
		}
		s.dropKeys(patient)
	})
}

// LoseKeys loses every key of a patient, as a disk does that damages them.
func (s *Server) LoseKeys(patient string) { s.change(func() { s.dropKeys(patient) }) }

// CutKeys restarts the server without the last so many keys and their places, as a real one that has cut off a damaged file.
func (s *Server) CutKeys(n int) {
	s.Stop()
	s.change(func() {
		s.keys = s.keys[:len(s.keys)-n]
		s.keyed = s.lastKey()
	})
	s.Start()
}

func (s *Server) dropKeys(patient string) {
	s.keys = slices.DeleteFunc(s.keys, func(k storedKey) bool { return k.Patient == patient })
}

// Refuse makes the server refuse for good every message of which f is true, as one
// that is too large. Nil ends it. f must not call the server or a device.
func (s *Server) Refuse(f func(events.Message) bool) { s.change(func() { s.refuses = f }) }

// LimitEvents is Refuse for every event that has more than so many bytes; 0 is no limit.
func (s *Server) LimitEvents(bytes int32) {
	s.Refuse(func(m events.Message) bool { return bytes > 0 && m.Size() > int(bytes) })
}

// Stored returns the whole log, past all lines.
func (s *Server) Stored() []events.Stored {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.messages)
}

// Check says what is wrong with the log: sequences without gap, times that do not
// go back, and no event twice within the window of duplicates.
func (s *Server) Check() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := make(map[string]events.Stored)
	for i, m := range s.messages {
		if m.Sequence != uint64(i)+1 {
			return fmt.Errorf("message %d of the log says that it is %d", i+1, m.Sequence)
		}
		if i > 0 && m.Time.Before(s.messages[i-1].Time) {
			return fmt.Errorf("message %d of the log is older than the one before it", m.Sequence)
		}
		id, _ := m.Peek()
		if other, ok := ids[id]; ok && m.Time.Sub(other.Time) < DuplicateWindow {
			return fmt.Errorf("event %s stands at %d and at %d of the log", id, other.Sequence, m.Sequence)
		}
		ids[id] = m
	}
	return nil
}

// change changes the server and tells everybody who waits.
func (s *Server) change(f func()) {
	s.mu.Lock()
	f()
	tell := s.settle()
	s.mu.Unlock()
	tell()
}

// settle brings every line up or down as it now should be and wakes all who wait.
// What it returns tells the devices, and is called without s.mu.
func (s *Server) settle() (tell func()) {
	var calls []func()
	for _, l := range s.clients {
		calls = append(calls, l.settle()...)
	}
	close(s.changed)
	s.changed = make(chan struct{})
	return func() {
		for _, call := range calls {
			call()
		}
	}
}

// index builds what is derived from the messages; s.mu is held.
func (s *Server) index() {
	clear(s.subjects)
	clear(s.ids)
	for _, m := range s.messages {
		s.enter(m)
	}
}

func (s *Server) enter(m events.Stored) {
	s.subjects[m.Subject] = append(s.subjects[m.Subject], m.Sequence)
	if id := m.Header[events.HeaderMsgID]; len(id) > 0 {
		s.ids[id[0]] = m.Sequence
	}
}

func (s *Server) identity() string { return fmt.Sprintf("%s-%d", s.practice, s.generation) }

func (s *Server) last() uint64 { return uint64(len(s.messages)) }
