package broker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/carelog/carelog/broker/internal/writing"
	"github.com/carelog/carelog/events"
)

// Append stores a message, whatever the log holds, and returns its sequence when
// the broker has it on disk. The same event again within the broker's window of
// two minutes is not stored twice; after that, only the caller knows: it has read
// the log before it pushes what it had queued.
//
// Errors: events.ErrOffline and events.ErrFull (not stored by this call),
// events.ErrUnknownOutcome, *events.RefusedError.
func (l *Log) Append(ctx context.Context, m events.Message) (uint64, error) {
	return writing.Append(ctx, line{l}, m)
}

// AppendAfter stores a message if no other event of its record came into its
// dossier after the sequence after, else *events.StaleError and nothing is stored.
// Further errors as in Append.
func (l *Log) AppendAfter(ctx context.Context, m events.Message, after uint64) (uint64, error) {
	return writing.After(ctx, line{l}, m, after)
}

// AppendAtEnd stores a message if the log ends at last, else events.ErrNotAtEnd and
// nothing is stored. Who has read the log to its end can so never store what is
// there already. Further errors as in Append.
func (l *Log) AppendAtEnd(ctx context.Context, m events.Message, last uint64) (uint64, error) {
	return writing.AtEnd(ctx, line{l}, m, last)
}

// Get reads one message from the log's leader; events.ErrNoMessage where there is none.
func (l *Log) Get(ctx context.Context, sequence uint64) (events.Stored, error) {
	if sequence == 0 {
		return events.Stored{}, fmt.Errorf("read message 0 of the log: %w", events.ErrNoMessage)
	}
	s, err := l.get(ctx, streamRecords, getRequest{Sequence: sequence})
	if err != nil {
		return events.Stored{}, fmt.Errorf("read message %d of the log: %w", sequence, err)
	}
	return s, nil
}

// Dossier reads the messages of one patient (empty: the practice's own records)
// after a sequence, in order, as the log's leader knows them, and ends at the end.
func (l *Log) Dossier(ctx context.Context, patient string, after uint64) iter.Seq2[events.Stored, error] {
	return line{l}.Subject(ctx, events.Subject(l.practice, patient), after)
}

// line is the log as package writing sees it.
type line struct{ *Log }

var _ writing.Line = line{}

// Headers of the broker with which a message says what it expects. The broker
// keeps them in the stream; asGiven takes them out again.
const (
	expectSubject = "Nats-Expected-Last-Subject-Sequence"
	expectLog     = "Nats-Expected-Last-Sequence"
	expectPrefix  = "Nats-Expected-"
)

// Publish sends m once; or a second time, where the first was certainly refused by a server
// that has lost the end of its log.
func (l line) Publish(ctx context.Context, m events.Message, x writing.Expectation) (uint64, error) {
	header := nats.Header(maps.Clone(m.Header))
	if x.Dossier != nil {
		header.Set(expectSubject, strconv.FormatUint(*x.Dossier, 10))
	}
	if x.Log != nil {
		header.Set(expectLog, strconv.FormatUint(*x.Log, 10))
	}
	sequence, err := l.publish(ctx, &nats.Msg{Subject: m.Subject, Header: header, Data: m.Data})
	counted, wrong := countedIn(err)
	if x.Log == nil || !wrong || counted <= *x.Log {
		return sequence, err
	}
	// It was not stored. Either others wrote, or the server lost the end of its log and counts
	// on from where that was: then nobody can write at the end who does not count as it does.
	last, failed := l.lastStanding(ctx)
	if failed != nil || last != *x.Log {
		return 0, err
	}
	l.logger.Error("the server's log ends before the place to which it has counted", slog.Uint64("end", last), slog.Uint64("counted", counted))
	header.Set(expectLog, strconv.FormatUint(counted, 10))
	return l.publish(ctx, &nats.Msg{Subject: m.Subject, Header: header, Data: m.Data})
}

// countedIn is the last sequence that the server names where the expected one was wrong.
func countedIn(err error) (counted uint64, wrong bool) {
	var e *apiError
	if !errors.As(err, &e) || e.Code != codeWrongLastSequence {
		return 0, false
	}
	_, number, _ := strings.Cut(e.Description, ": ")
	counted, err = strconv.ParseUint(number, 10, 64)
	return counted, err == nil
}

// publish sends one message to a stream. Errors as writing.Line has them.
func (l *Log) publish(ctx context.Context, m *nats.Msg) (uint64, error) {
	answer, err := l.exchange(ctx, m)
	if err != nil {
		return 0, publishError(err)
	}
	return readAck(answer.Data)
}

// readAck reads a stream's answer to a publish.
func readAck(data []byte) (uint64, error) {
	var ack struct {
		Stream   string    `json:"stream"`
		Sequence uint64    `json:"seq"`
		Error    *apiError `json:"error"`
	}
	switch err := json.Unmarshal(data, &ack); {
	case err != nil:
		return 0, fmt.Errorf("%w: the server's answer cannot be read: %w", events.ErrUnknownOutcome, err)
	case ack.Error != nil:
		return 0, appendError(ack.Error)
	case ack.Stream == "" || ack.Sequence == 0:
		return 0, fmt.Errorf("%w: an answer came that is none of a stream", events.ErrUnknownOutcome)
	}
	return ack.Sequence, nil
}

// publishError says what an exchange without an answer means for a message.
func publishError(err error) error {
	var refused *events.RefusedError
	switch {
	case errors.As(err, &refused):
		return err
	case errors.Is(err, errNotSent):
		return fmt.Errorf("%w: %w", events.ErrOffline, err)
	}
	return fmt.Errorf("%w: %w", events.ErrUnknownOutcome, err)
}

// Subject reads one subject after a sequence, up to where its leader says it ends.
// Nearly always that is one message or none, which needs no consumer.
func (l line) Subject(ctx context.Context, subject string, after uint64) iter.Seq2[events.Stored, error] {
	return func(yield func(events.Stored, error) bool) {
		fail := func(err error) { yield(events.Stored{}, fmt.Errorf("read %s after %d: %w", subject, after, err)) }
		last, err := l.get(ctx, streamRecords, getRequest{LastFor: subject})
		switch {
		case errors.Is(err, events.ErrNoMessage) || err == nil && last.Sequence <= after:
			return
		case err != nil:
			fail(err)
			return
		}
		next, err := l.get(ctx, streamRecords, getRequest{Sequence: after + 1, NextFor: subject})
		if err != nil {
			fail(err)
			return
		}
		if !yield(next, nil) || next.Sequence >= last.Sequence {
			return
		}
		for s, err := range l.span(ctx, delivery{stream: streamRecords, subject: subject, from: next.Sequence + 1}, last.Sequence, true) {
			if err != nil {
				fail(err)
				return
			}
			if !yield(s, nil) {
				return
			}
		}
	}
}

// asGiven takes out of a message's headers how it was sent: expectations were true for
// a moment only, a batch is over, and neither is part of what the author signed.
func asGiven(h map[string][]string) map[string][]string {
	for name := range h {
		if strings.HasPrefix(name, expectPrefix) || strings.HasPrefix(name, batchPrefix) {
			delete(h, name)
		}
	}
	return h
}
