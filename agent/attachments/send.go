package attachments

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/internal/localdisk"
)

// Pauses after something that keeps a content from being sent.
const (
	firstPause = 200 * time.Millisecond
	lastPause  = 30 * time.Second
)

// Send sends what is owed to the server, and what comes to be owed, until ctx ends. It
// first looks whether the server still is the one that has what this desk has sent.
func (s *Store) Send(ctx context.Context, server Server) {
	pause := firstPause
	for ctx.Err() == nil {
		err := s.sendAll(ctx, server)
		if ctx.Err() != nil {
			return
		}
		s.trouble(err)
		s.log.Info("attachments are not sent", "owed", s.Owed(), "err", err)
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
		pause = min(2*pause, lastPause)
	}
}

// sendAll sends until something fails.
func (s *Store) sendAll(ctx context.Context, server Server) error {
	lost, err := s.look(ctx, server)
	if err != nil {
		return err
	}
	for {
		name, changed := s.first()
		if name == "" {
			s.trouble(nil)
			select {
			case <-changed:
				continue
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		if err := s.send(ctx, server, name); err != nil {
			return err
		}
		s.trouble(nil)
		if err := s.note(ctx, server, lost); err != nil {
			return err
		}
	}
}

// first is what is to be sent next; empty where there is nothing until changed is closed.
func (s *Store) first() (name string, changed <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for other := range s.owed {
		if name == "" || other < name {
			name = other
		}
	}
	return name, s.changed
}

// send sees to it that the server has every piece of a content.
func (s *Store) send(ctx context.Context, server Server, name string) error {
	f, err := os.Open(s.path(name))
	if err != nil {
		return fmt.Errorf("send attachment %s: %w", name, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("send attachment %s: %w", name, err)
	}
	there, err := server.Pieces(ctx, name)
	if err != nil {
		return err
	}
	count := int((info.Size() - head + stride - 1) / stride)
	numbers := make(chan int, count)
	for i := range count {
		numbers <- i
	}
	close(numbers)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var workers sync.WaitGroup
	for range atOnce {
		workers.Go(func() {
			buffer := make([]byte, stride)
			for number := range numbers {
				if ctx.Err() != nil {
					return
				}
				n, err := f.ReadAt(buffer, head+int64(number)*stride)
				if err != nil && !errors.Is(err, io.EOF) {
					cancel(fmt.Errorf("send attachment %s: %w", name, err))
					return
				}
				if err := assure(ctx, server, name, number, buffer[:n], there[number]); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	workers.Wait()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return s.sent(name)
}

// assure sees to it that a piece stands on the server: it is sent where none does, and
// where one does it is read, since nobody can say who put it there.
func assure(ctx context.Context, server Server, name string, number int, data []byte, there bool) error {
	if !there {
		err := server.PutPiece(ctx, name, number, data, 0)
		if !errors.Is(err, events.ErrTaken) {
			return err
		}
	}
	var last uint64
	for {
		stored, err := server.Piece(ctx, name, number, last+1)
		switch {
		case err == nil && bytes.Equal(stored.Data, data):
			return nil
		case err == nil:
			last = stored.Sequence
			continue
		case !errors.Is(err, events.ErrNoMessage):
			return err
		}
		if err := server.PutPiece(ctx, name, number, data, last); !errors.Is(err, events.ErrTaken) {
			return err
		}
	}
}

// sent notes that the server has a content.
func (s *Store) sent(name string) error {
	err := absent(os.Remove(s.path(owedFolder, name)))
	if err == nil {
		err = localdisk.SyncFolder(s.path(owedFolder))
	}
	if err != nil {
		return fmt.Errorf("note that attachment %s was sent: %w", name, err)
	}
	s.mu.Lock()
	delete(s.owed, name)
	s.mu.Unlock()
	s.tell()
	return s.tidy(0, "")
}

// known is the server as this desk last saw it.
type known struct {
	Identity string `json:"identity"`
	Last     uint64 `json:"last"`
	Lost     uint64 `json:"lost"`
}

// look compares the server with the one that is known. One that is another, or that has
// less than it had, gets what it does not have again.
// It returns how much the server has lost in all.
func (s *Store) look(ctx context.Context, server Server) (lost uint64, err error) {
	state, err := server.AttachmentState(ctx)
	if err != nil {
		return 0, err
	}
	var was known
	text, err := os.ReadFile(s.path(serverFile))
	if err == nil {
		err = json.Unmarshal(text, &was)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		s.log.Warn("what was known of the server's attachments cannot be read: all are looked for", "err", err)
		was.Identity = "unknown"
	}
	if was.Identity != "" && (was.Identity != state.Identity || was.Last > state.Last || was.Lost < state.Lost) {
		s.log.Warn("the server has lost attachments", "was", was, "is", state)
		if err := s.OweAll(); err != nil {
			return 0, err
		}
	}
	return state.Lost, s.remember(known{state.Identity, state.Last, state.Lost})
}

// note remembers what the server has now, and what it had lost at the last look: what it has
// lost since is for the next one.
func (s *Store) note(ctx context.Context, server Server, lost uint64) error {
	state, err := server.AttachmentState(ctx)
	if err != nil {
		return err
	}
	return s.remember(known{state.Identity, state.Last, lost})
}

// remember keeps what is known of the server, for the next look. The old is there until
// the new is.
func (s *Store) remember(k known) error {
	text, err := json.Marshal(k)
	if err != nil {
		return err
	}
	temporary := s.path(spoolFolder, serverFile)
	if err := os.WriteFile(temporary, slices.Concat(text, []byte{'\n'}), 0o600); err != nil {
		return fmt.Errorf("remember the server: %w", noRoom(err))
	}
	return os.Rename(temporary, s.path(serverFile))
}
