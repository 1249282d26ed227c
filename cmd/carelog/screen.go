package main

import (
	"io"
	"sync"
)

// clearLine goes to the beginning of a terminal's line and empties it.
const clearLine = "\r\x1b[K"

// screen keeps what is logged from standing in a line of progress: that line makes room, and is drawn anew below.
type screen struct {
	mu    sync.Mutex
	out   io.Writer
	drawn bool // the line stands there
}

// Write writes whole lines.
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.drawn {
		s.drawn = false
		if _, err := io.WriteString(s.out, clearLine); err != nil {
			return 0, err
		}
	}
	return s.out.Write(p)
}

// draw draws the line of progress in place of what was drawn; empty: it makes room.
func (s *screen) draw(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if line == "" && !s.drawn {
		return
	}
	s.drawn = line != ""
	_, _ = io.WriteString(s.out, clearLine[:1]+line+clearLine[1:]) // a terminal that is gone shows nothing
}

// leave lets the line of progress stand, and goes on below it.
func (s *screen) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drawn = false
	_, _ = io.WriteString(s.out, "\n") // as in draw
}
