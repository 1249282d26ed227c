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
	"sync"
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
// events.ErrOffline and events.ErrUnknownOutcome as in Append, the latter also of a full server. With an error, nothing
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
	return l.span(ctx, delivery{stream: streamRecords, subject: events.Subjects(l.practice), from: from}, to, false)
}

// Announce sends all but the last message of a batch ahead, so that they are there when
// AppendBatch is given the same list next: the broker can take them in while it is at work
// with another batch. It changes nothing in what AppendBatch does and says: what is not
// committed is not stored, and what could not be sent ahead is sent then. list must not
// be changed until then.
func (l *Log) Announce(list []events.Appending) {
	var s *sending
	if len(list) > 1 {
		s, _ = line{l}.send(list)
	}
	l.announced.add(s)
}

// announced are the batches that were announced last, the newest first: one may be on its
// way to AppendBatch while the next is announced.
type announced struct {
	mu   sync.Mutex
	last [2]*sending
}

// add takes in another; nil ends all.
func (a *announced) add(s *sending) {
	a.mu.Lock()
	defer a.mu.Unlock()
	gone := a.last
	if a.last = [2]*sending{}; s != nil {
		a.last, gone = [2]*sending{s, gone[0]}, [2]*sending{nil, gone[1]}
	}
	for _, s := range gone {
		s.end()
	}
}

// take gives the one of a list back, if it was announced on the session.
func (a *announced) take(list []events.Appending, session context.Context) *sending {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, s := range a.last {
		if s == nil || !s.is(list) {
			continue
		}
		a.last[i] = nil
		if s.session == session {
			return s
		}
		s.end()
	}
	return nil
}

// sending is a batch of which all but the last message was sent.
type sending struct {
	list    []events.Appending
	wire    []*nats.Msg
	size    int             // in bytes
	session context.Context // on which it was sent
	denied  context.Context // ends with an *events.BatchError where the server allows none of it
	ignore  []func()
}

// is reports whether s is that very batch.
func (s *sending) is(list []events.Appending) bool {
	return len(list) == len(s.list) && &list[0] == &s.list[0]
}

// end stops listening; nothing where s is nil.
func (s *sending) end() {
	if s == nil {
		return
	}
	for _, ignore := range s.ignore {
		ignore()
	}
}

// send sends all messages but the last. They ask for no answer: it would be an empty message.
func (l line) send(list []events.Appending) (_ *sending, err error) {
	s := &sending{list: list, session: l.link.current()}
	if s.session == nil {
		return nil, fmt.Errorf("%w: %w: there is no connection", events.ErrOffline, errNotSent)
	}
	if s.wire, s.size, err = l.onWire(list); err != nil {
		return nil, err
	}
	var deny context.CancelCauseFunc
	s.denied, deny = context.WithCancelCause(context.Background())
	s.ignore = append(s.ignore, func() { deny(nil) })
	subjects := make(map[string]struct{})
	for i, m := range s.wire {
		if _, known := subjects[m.Subject]; !known {
			subjects[m.Subject] = struct{}{}
			s.ignore = append(s.ignore, l.link.onDenied(m.Subject, func(err error) { deny(&events.BatchError{Index: i, Err: err}) }))
		}
	}
	conn := l.link.conn.Load()
	for _, m := range s.wire[:len(s.wire)-1] {
		if s.denied.Err() != nil {
			break
		}
		if err := conn.PublishMsg(m); err != nil {
			s.end()
			// Without its last message no batch is stored, whatever arrived of it.
			return nil, fmt.Errorf("%w: %w", events.ErrOffline, err)
		}
	}
	return s, nil
}

// PublishBatch sends all messages, or those that were not announced, and waits for the
// answer to the last, which commits them.
func (l line) PublishBatch(ctx context.Context, list []events.Appending) (uint64, error) {
	s := l.announced.take(list, l.link.current())
	if s == nil && len(list) == 1 {
		return l.Publish(ctx, list[0].Message, writing.Expectation{Dossier: list[0].After})
	}
	if s == nil {
		var err error
		if s, err = l.send(list); err != nil {
			return 0, err
		}
	}
	defer s.end()
	return l.commit(ctx, s)
}

// commit sends the last message of a batch, and waits for the answer.
func (l line) commit(ctx context.Context, s *sending) (uint64, error) {
	if err := context.Cause(s.denied); err != nil {
		return 0, err
	}
	waiting, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(s.denied, func() { cancel(context.Cause(s.denied)) })()
	last := s.wire[len(s.wire)-1]
	patience := l.timeout + time.Duration(s.size)*time.Second/slowestLine
	answer, err := l.exchangeWithin(waiting, last, patience)
	if err != nil {
		var denied *events.BatchError
		if errors.As(context.Cause(waiting), &denied) {
			return 0, denied
		}
		return 0, publishError(err)
	}
	sequence, err := readBatchAck(answer.Data, last.Header[batchID][0], len(s.wire))
	var refused *events.RefusedError
	if errors.As(err, &refused) && refused.Code == codeTooLarge {
		return 0, &events.BatchError{Index: len(s.wire) - 1, Err: err} // of the others it does not say so
	}
	if !isCode(err, codeBatchIncomplete) {
		return sequence, err
	}
	if over := l.overLimit(ctx, s.wire); over != nil {
		return 0, over
	}
	// One of them did not arrive, or was not allowed: that is told apart from the answer.
	late := time.NewTimer(denialLate)
	defer late.Stop()
	select {
	case <-s.denied.Done():
		return 0, context.Cause(s.denied)
	case <-late.C:
	case <-ctx.Done():
	}
	return sequence, err
}

// overLimit finds the first message that has more bytes than the log takes, where whoever runs the server limits that:
// the server drops it without a word, and finds the batch incomplete however often it is sent. nil: none has, or the
// limit cannot be had.
func (l line) overLimit(ctx context.Context, wire []*nats.Msg) error {
	var info struct {
		Config struct {
			MaxMsgSize int `json:"max_msg_size"`
		} `json:"config"`
	}
	if err := l.request(ctx, "STREAM.INFO."+streamRecords, nil, &info); err != nil {
		return nil
	}
	most := info.Config.MaxMsgSize
	for i, m := range wire {
		if size := headerSize(m.Header) + len(m.Data); most > 0 && size > most {
			return &events.BatchError{Index: i, Err: &events.RefusedError{Code: codeTooLarge,
				Reason: fmt.Sprintf("message size exceeds maximum allowed: it has %d bytes, and the log takes %d", size, most)}}
		}
	}
	return nil
}

// denialLate is how long after a batch was found incomplete it is waited for that the server
// has not allowed one of its messages.
const denialLate = 100 * time.Millisecond

// readBatchAck reads a stream's answer to the last message of a batch. One that does not
// name the batch is of a server that took each message by itself.
func readBatchAck(data []byte, id string, size int) (last uint64, err error) {
	last, err = readAck(data)
	switch {
	case errors.Is(err, events.ErrFull): // the first of them may have found room
		return 0, fmt.Errorf("%w: %v", events.ErrUnknownOutcome, err)
	case err != nil:
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
