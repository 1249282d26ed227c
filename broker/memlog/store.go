package memlog

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/carelog/carelog/broker/internal/writing"
	"github.com/carelog/carelog/events"
)

// maxPayload is what the real broker takes by default, header included.
const maxPayload = 1 << 20

// store is what the real broker does with a publish, in the same order: what is
// expected of the log first, the window of duplicates after that. s.mu is held.
func (s *Server) store(m events.Message, x writing.Expectation) (uint64, error) {
	if err := s.allowed(m); err != nil {
		return 0, err
	}
	dossier := s.end(m.Subject)
	if x.Log != nil && *x.Log != s.last() {
		return 0, fmt.Errorf("%w: it ends at %d", writing.ErrConflict, s.last())
	}
	if x.Dossier != nil && *x.Dossier != dossier {
		return 0, fmt.Errorf("%w: the dossier ends at %d", writing.ErrConflict, dossier)
	}
	if sequence := s.duplicate(m, time.Now()); sequence != 0 {
		return sequence, nil
	}
	return s.add(m), nil
}

// end is the last sequence of a subject; s.mu is held.
func (s *Server) end(subject string) uint64 {
	sequences := s.subjects[subject]
	if len(sequences) == 0 {
		return 0
	}
	return sequences[len(sequences)-1]
}

// duplicate is where the event of m stands, if it came within the window; s.mu is held.
func (s *Server) duplicate(m events.Message, now time.Time) uint64 {
	if id := m.Header[events.HeaderMsgID]; len(id) > 0 {
		if sequence := s.ids[id[0]]; sequence != 0 && now.Sub(s.messages[sequence-1].Time) < DuplicateWindow {
			return sequence
		}
	}
	return 0
}

// add puts a message at the end of the log; s.mu is held.
func (s *Server) add(m events.Message) uint64 {
	stored := events.Stored{Sequence: s.last() + 1, Time: s.now(), Message: copyOf(m)}
	s.messages = append(s.messages, stored)
	s.enter(stored)
	return stored.Sequence
}

// now is the time at which something is stored, each at one of its own as on a real
// clock; s.mu is held.
func (s *Server) now() time.Time {
	now := time.Now().UTC()
	if !now.After(s.latest) {
		now = s.latest.Add(1)
	}
	s.latest = now
	return now
}

// allowed says whether the broker would take the message at all.
func (s *Server) allowed(m events.Message) error {
	practice, _, err := events.ParseSubject(m.Subject)
	if err != nil || practice != s.practice {
		return &events.RefusedError{Reason: fmt.Sprintf("permissions violation for publish to %q", m.Subject)}
	}
	if s.refuses != nil && s.refuses(m) {
		return &events.RefusedError{Reason: "refused on command"}
	}
	if m.Size() > maxPayload {
		return &events.RefusedError{Reason: "maximum payload exceeded"}
	}
	return nil
}

// subject returns the messages of one subject after a sequence; s.mu is held.
func (s *Server) subject(subject string, after uint64) []events.Stored {
	sequences := s.subjects[subject]
	at, _ := slices.BinarySearch(sequences, after+1)
	list := make([]events.Stored, 0, len(sequences)-at)
	for _, sequence := range sequences[at:] {
		list = append(list, s.get(sequence))
	}
	return list
}

// get returns a message that nobody else holds; s.mu is held.
func (s *Server) get(sequence uint64) events.Stored {
	stored := s.messages[sequence-1]
	stored.Message = copyOf(stored.Message)
	return stored
}

// copyOf keeps the log apart from what its readers and writers do with a message.
func copyOf(m events.Message) events.Message {
	header := maps.Clone(m.Header)
	for name, values := range header {
		header[name] = slices.Clone(values)
	}
	return events.Message{Subject: strings.Clone(m.Subject), Header: header, Data: slices.Clone(m.Data)}
}
