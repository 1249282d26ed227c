package broker

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/carelog/carelog/broker/internal/writing"
	"github.com/carelog/carelog/events"
)

// AttachmentState asks for the identity of what keeps the attachments, its end, and how much of
// it is lost.
func (l *Log) AttachmentState(ctx context.Context) (events.LogState, error) {
	var info struct {
		jetstream.StreamInfo
		TimeStamp time.Time `json:"ts"`
	}
	if err := l.request(ctx, "STREAM.INFO."+streamAttachments, nil, &info); err != nil {
		return events.LogState{}, fmt.Errorf("ask for the state of the attachments: %w", err)
	}
	return events.LogState{Identity: identityOf(&info.StreamInfo), First: info.State.FirstSeq, Last: info.State.LastSeq,
		Lost: lacks(info.State), Now: info.TimeStamp.UTC()}, nil
}

// Pieces tells which pieces of an attachment the server has, by number.
func (l *Log) Pieces(ctx context.Context, name string) (map[int]bool, error) {
	var info struct {
		State struct {
			Subjects map[string]uint64 `json:"subjects"`
		} `json:"state"`
	}
	prefix := pieceSubjects(l.practice, name)
	filter := struct {
		Subjects string `json:"subjects_filter"`
	}{prefix + "*"}
	if err := l.request(ctx, "STREAM.INFO."+streamAttachments, filter, &info); err != nil {
		return nil, fmt.Errorf("ask for the pieces of attachment %s: %w", name, err)
	}
	pieces := make(map[int]bool, len(info.State.Subjects))
	for subject := range info.State.Subjects {
		if number, err := strconv.Atoi(strings.TrimPrefix(subject, prefix)); err == nil {
			pieces[number] = true
		}
	}
	return pieces, nil
}

// PutPiece stores a piece behind the one that stands in its place at a sequence (0:
// none is there). Nothing is ever replaced or removed: who reads takes the first that
// opens. Errors: events.ErrTaken where another one stands there by now, it itself
// perhaps; events.ErrFull, events.ErrOffline, *events.RefusedError;
// events.ErrUnknownOutcome, after which it may be sent again: nothing is stored twice.
func (l *Log) PutPiece(ctx context.Context, name string, number int, data []byte, after uint64) error {
	if err := l.putPiece(ctx, name, number, data, after); err != nil {
		return fmt.Errorf("store piece %d of attachment %s: %w", number, name, asFull(streamAttachments, err))
	}
	return nil
}

func (l *Log) putPiece(ctx context.Context, name string, number int, data []byte, after uint64) error {
	if err := events.ValidateAttachmentName(name); err != nil || len(data) > events.PieceSize+events.PieceOverhead {
		return &events.RefusedError{Reason: fmt.Sprintf("it has %d bytes, or no name of an attachment", len(data))}
	}
	answer, err := l.exchangeWithin(ctx, &nats.Msg{Subject: pieceSubject(l.practice, name, number), Data: data,
		Header: nats.Header{expectSubject: []string{strconv.FormatUint(after, 10)}}}, l.pieceTimeout(len(data)))
	if err != nil {
		return publishError(err)
	}
	if _, err = readAck(answer.Data); errors.Is(err, writing.ErrConflict) {
		return events.ErrTaken
	}
	return err
}

// Piece reads the first that stands in a piece's place from a sequence on;
// events.ErrNoMessage where there is none.
func (l *Log) Piece(ctx context.Context, name string, number int, from uint64) (events.Stored, error) {
	s, err := l.getWithin(ctx, streamAttachments,
		getRequest{Sequence: max(from, 1), NextFor: pieceSubject(l.practice, name, number)}, l.pieceTimeout(events.PieceSize*4/3))
	if err != nil {
		return events.Stored{}, fmt.Errorf("read piece %d of attachment %s: %w", number, name, err)
	}
	return s, nil
}

// pieceTimeout leaves a slow line the time for the pieces that are under way at once.
func (l *Log) pieceTimeout(bytes int) time.Duration {
	return l.timeout + time.Duration(inFlight*bytes)*time.Second/slowestLine
}
