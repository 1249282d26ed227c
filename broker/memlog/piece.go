package memlog

import (
	"context"
	"fmt"
	"slices"

	"github.com/carelog/carelog/events"
)

// place is where pieces of an attachment stand.
type place struct {
	name   string
	number int
}

// DamagePiece changes every piece that stands in a place.
func (s *Server) DamagePiece(name string, number int) {
	s.change(func() {
		for i, p := range s.pieces {
			if p.place == (place{name, number}) {
				s.pieces[i].Data = slices.Clone(p.Data)
				s.pieces[i].Data[len(p.Data)/2] ^= 1
			}
		}
	})
}

// LimitAttachments lets the attachments have at most so many bytes; 0 is no limit.
func (s *Server) LimitAttachments(bytes int64) { s.change(func() { s.pieceRoom = bytes }) }

// piece is one that was stored.
type piece struct {
	place
	events.Stored
}

// LosePieces loses all pieces of an attachment, as a disk does that is damaged there.
func (s *Server) LosePieces(name string) {
	s.change(func() {
		before := len(s.pieces)
		s.pieces = slices.DeleteFunc(s.pieces, func(p piece) bool { return p.name == name })
		s.piecesLost += uint64(before - len(s.pieces))
	})
}

// counted is how many pieces the server has been given.
func (s *Server) counted() uint64 { return uint64(len(s.pieces)) + s.piecesLost }

// AttachmentState is broker.Log.AttachmentState.
func (l *Log) AttachmentState(ctx context.Context) (state events.LogState, err error) {
	err = l.request(ctx, func() error {
		state = events.LogState{Identity: l.server.identity(), Last: l.server.counted(), Lost: l.server.piecesLost, Now: l.server.now()}
		return nil
	})
	if err != nil {
		return events.LogState{}, fmt.Errorf("ask for the state of the attachments: %w", err)
	}
	return state, nil
}

// Pieces is broker.Log.Pieces.
func (l *Log) Pieces(ctx context.Context, name string) (map[int]bool, error) {
	pieces := make(map[int]bool)
	err := l.request(ctx, func() error {
		for _, p := range l.server.pieces {
			if p.name == name {
				pieces[p.number] = true
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("ask for the pieces of attachment %s: %w", name, err)
	}
	return pieces, nil
}

// PutPiece is broker.Log.PutPiece.
func (l *Log) PutPiece(ctx context.Context, name string, number int, data []byte, after uint64) error {
	data = slices.Clone(data)
	s := l.server
	err := l.submit(ctx, false, func() error {
		if err := events.ValidateAttachmentName(name); err != nil || len(data) > events.PieceSize+events.PieceOverhead {
			return &events.RefusedError{Reason: fmt.Sprintf("it has %d bytes, or no name of an attachment", len(data))}
		}
		var last uint64
		used := int64(len(data))
		for _, p := range s.pieces {
			used += int64(len(p.Data))
			if p.place == (place{name, number}) {
				last = p.Sequence
			}
		}
		switch {
		case last != after:
			return events.ErrTaken
		case s.pieceRoom > 0 && used > s.pieceRoom:
			return events.ErrFull
		}
		s.pieces = append(s.pieces, piece{place{name, number},
			events.Stored{Sequence: s.counted() + 1, Time: s.now(), Message: events.Message{Data: data}}})
		return nil
	})
	if err != nil {
		return fmt.Errorf("store piece %d of attachment %s: %w", number, name, err)
	}
	return nil
}

// Piece is broker.Log.Piece.
func (l *Log) Piece(ctx context.Context, name string, number int, from uint64) (stored events.Stored, err error) {
	err = l.request(ctx, func() error {
		for _, p := range l.server.pieces {
			if p.place == (place{name, number}) && p.Sequence >= from {
				stored = p.Stored
				stored.Data = slices.Clone(p.Data)
				return nil
			}
		}
		return events.ErrNoMessage
	})
	if err != nil {
		return events.Stored{}, fmt.Errorf("read piece %d of attachment %s: %w", number, name, err)
	}
	return stored, nil
}
