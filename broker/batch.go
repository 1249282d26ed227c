package broker

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/carelog/carelog/broker/internal/writing"
	"github.com/carelog/carelog/events"
)

// Headers of JetStream's atomic batch. The broker keeps them in the stream; asGiven
// takes them out again.
const (
	batchID       = "Nats-Batch-Id"
	batchSequence = "Nats-Batch-Sequence"
	batchCommit   = "Nats-Batch-Commit"
	batchPrefix   = "Nats-Batch-"
)

// slowestLine is what a line must carry, in bytes per second, for a batch to be
// waited for.
const slowestLine = 64 << 10

// AppendBatch stores all of list or nothing, synced to disk once for all, and returns
// the sequence of the first; the others follow without a gap. At most events.MaxBatch
// messages and events.MaxBatchBytes.
//
// Errors: *events.StaleError where a dossier does not end where its After says, or
// where a part of the batch is in the log already; *events.RefusedError; both within
// *events.BatchError, with the index of the message, where that is known. Else
// events.ErrOffline and events.ErrUnknownOutcome as in Append. With an error, nothing
// of the batch was stored by this call, but for events.ErrUnknownOutcome.
func (l *Log) AppendBatch(ctx context.Context, list []events.Appending) (first uint64, err error) {
	return writing.Batch(ctx, line{l}, list)
}

var _ writing.BatchLine = line{}

// End reads the last message of a subject.
func (l line) End(ctx context.Context, subject string) (events.Stored, error) {
	return l.get(ctx, streamRecords, getRequest{LastFor: subject})
}

// Span reads a part of the log.
func (l line) Span(ctx context.Context, from, to uint64) iter.Seq2[events.Stored, error] {
	return l.span(ctx, streamRecords, events.Subjects(l.practice), from, to, false)
}

// PublishBatch sends all messages in one go and waits for the answer to the last,
// which commits them. The others ask for no answer: it would be an empty message.
func (l line) PublishBatch(ctx context.Context, list []events.Appending) (uint64, error) {
	if len(list) == 1 {
		return l.Publish(ctx, list[0].Message, writing.Expectation{Dossier: list[0].After})
	}
	wire, size, err := l.onWire(list)
	if err != nil {
		return 0, err
	}
	sending, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	subjects := make(map[string]struct{})
	for i, m := range wire {
		if _, known := subjects[m.Subject]; !known {
			subjects[m.Subject] = struct{}{}
			defer l.link.onDenied(m.Subject, func(err error) { cancel(&events.BatchError{Index: i, Err: err}) })()
		}
	}
	if l.link.current() == nil {
		return 0, fmt.Errorf("%w: %w: there is no connection", events.ErrOffline, errNotSent)
	}
	conn, last := l.link.conn.Load(), len(wire)-1
	for _, m := range wire[:last] {
		if sending.Err() != nil {
			break
		}
		if err := conn.PublishMsg(m); err != nil {
			// Without its last message no batch is stored, whatever arrived of it.
			return 0, fmt.Errorf("%w: %w", events.ErrOffline, err)
		}
	}
	if err := sending.Err(); err != nil {
		var refused *events.RefusedError
		if cause := context.Cause(sending); errors.As(cause, &refused) {
			return 0, cause
		}
		return 0, fmt.Errorf("%w: %w", events.ErrOffline, err)
	}
	patience := l.timeout + time.Duration(size)*time.Second/slowestLine
	answer, err := l.exchangeWithin(sending, wire[last], patience)
	if err != nil {
		var denied *events.BatchError
		if cause := context.Cause(sending); errors.As(cause, &denied) {
			return 0, denied
		}
		return 0, publishError(err)
	}
	return readBatchAck(answer.Data, wire[last].Header[batchID][0], len(list))
}

// readBatchAck reads a stream's answer to the last message of a batch. One that does not
// name the batch is of a server that took each message by itself.
func readBatchAck(data []byte, id string, size int) (last uint64, err error) {
	if last, err = readAck(data); err != nil {
		return 0, err
	}
	var ack struct {
		ID   string `json:"batch"`
		Size int    `json:"count"`
	}
	if err := json.Unmarshal(data, &ack); err != nil || ack.ID != id || ack.Size != size {
		return 0, fmt.Errorf("%w: the server does not say that it stored the batch as one", events.ErrUnknownOutcome)
	}
	return last, nil
}

// onWire writes the messages of a batch as they are sent, and refuses what the broker
// would refuse at the end without saying which message it was.
func (l line) onWire(list []events.Appending) (wire []*nats.Msg, size int, err error) {
	id, payload := rand.Text()[:13], l.link.conn.Load().MaxPayload()
	wire = make([]*nats.Msg, len(list))
	for i, a := range list {
		header := nats.Header(maps.Clone(a.Message.Header))
		header[batchID], header[batchSequence] = []string{id}, []string{strconv.Itoa(i + 1)}
		if a.After != nil {
			header[expectSubject] = []string{strconv.FormatUint(*a.After, 10)}
		}
		if i == len(list)-1 {
			header[batchCommit] = []string{"1"}
		}
		head := headerSize(header)
		switch {
		case head > math.MaxUint16:
			err = &events.RefusedError{Code: codeHeaderTooLarge, Reason: "its header is too large"}
		case payload > 0 && int64(head+len(a.Message.Data)) > payload:
			err = &events.RefusedError{Reason: nats.ErrMaxPayload.Error()}
		}
		if err != nil {
			return nil, 0, &events.BatchError{Index: i, Err: err}
		}
		size += head + len(a.Message.Data)
		wire[i] = &nats.Msg{Subject: a.Message.Subject, Header: header, Data: a.Message.Data}
	}
	if size > events.MaxBatchBytes {
		return nil, 0, &events.RefusedError{Reason: fmt.Sprintf("a batch has at most %d bytes, and this one %d", events.MaxBatchBytes, size)}
	}
	return wire, size, nil
}

// headerSize is how many bytes a header has on the wire.
func headerSize(h nats.Header) int {
	n := len("NATS/1.0\r\n\r\n")
	for name, values := range h {
		for _, v := range values {
			n += len(name) + len(v) + len(": \r\n")
		}
	}
	return n
}
