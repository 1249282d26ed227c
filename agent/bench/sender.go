package bench

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/carelog/carelog/events"
)

// maxBatch is how many messages the broker takes as one atomic batch.
const maxBatch = 1000

// Headers of an atomic batch.
const (
	batchID       = "Nats-Batch-Id"
	batchSequence = "Nats-Batch-Sequence"
	batchCommit   = "Nats-Batch-Commit"
)

// batchesInFlight is how many atomic batches are sent before the first is answered:
// the next one is on its way while the broker syncs.
const batchesInFlight = 2

// sender publishes atomic batches in order, since the broker then syncs once for each
// batch and not for each message.
type sender struct {
	conn    *nats.Conn
	inbox   string
	answers *nats.Subscription
	flying  int
}

func newSender(conn *nats.Conn) (*sender, error) {
	s := &sender{conn: conn, inbox: conn.NewInbox()}
	var err error
	s.answers, err = conn.SubscribeSync(s.inbox)
	return s, err
}

// send sends at most maxBatch messages as one batch. It writes into their headers.
func (s *sender) send(list []events.Message) error {
	if len(list) == 0 {
		return nil
	}
	if s.flying == batchesInFlight {
		if err := s.await(); err != nil {
			return err
		}
	}
	id := nats.NewInbox()
	for i, m := range list {
		header := nats.Header(m.Header)
		header[batchID] = []string{id}
		header[batchSequence] = []string{strconv.Itoa(i + 1)}
		out := &nats.Msg{Subject: m.Subject, Header: header, Data: m.Data}
		delete(header, batchCommit)
		if i == len(list)-1 {
			header[batchCommit] = []string{"1"}
			out.Reply = s.inbox
		}
		if err := s.conn.PublishMsg(out); err != nil {
			return err
		}
	}
	s.flying++
	return nil
}

// finish waits until the broker has everything on disk.
func (s *sender) finish() error {
	for s.flying > 0 {
		if err := s.await(); err != nil {
			return err
		}
	}
	return s.answers.Unsubscribe()
}

func (s *sender) await() error {
	answer, err := s.answers.NextMsg(patience)
	if err != nil {
		return fmt.Errorf("wait for the broker to store a batch: %w", err)
	}
	s.flying--
	return acknowledged(answer)
}

// sendAll sends any number of messages, and waits until the broker has them on disk.
func sendAll(conn *nats.Conn, list []events.Message) error {
	s, err := newSender(conn)
	if err != nil {
		return err
	}
	for len(list) > 0 {
		n := min(maxBatch, len(list))
		if err := s.send(list[:n]); err != nil {
			return err
		}
		list = list[n:]
	}
	return s.finish()
}

// patience is how long the broker may take for one answer.
const patience = 30 * time.Second

// publish sends a message and waits until the broker has it on disk.
func publish(conn *nats.Conn, subject string, m events.Message) error {
	answer, err := conn.RequestMsg(&nats.Msg{Subject: subject, Header: nats.Header(m.Header), Data: m.Data}, patience)
	if err != nil {
		return fmt.Errorf("publish to %s: %w", subject, err)
	}
	return acknowledged(answer)
}

// acknowledged reads the broker's answer to a publish.
func acknowledged(answer *nats.Msg) error {
	var ack struct {
		Sequence uint64 `json:"seq"`
		Error    *struct {
			Description string `json:"description"`
		} `json:"error"`
	}
	switch err := json.Unmarshal(bytes.TrimSpace(answer.Data), &ack); {
	case err != nil:
		return fmt.Errorf("the broker's answer cannot be read: %w", err)
	case ack.Error != nil:
		return errors.New("the broker refuses it: " + ack.Error.Description)
	case ack.Sequence == 0:
		return errors.New("the broker's answer names no place in the log")
	}
	return nil
}
