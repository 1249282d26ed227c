package broker

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/carelog/carelog/events"
)

// keyAttempts bounds how often a key is sent whose outcome is unknown.
const keyAttempts = 3

// PutKey stores a wrapped key, once and for ever: the same again is no error,
// another one under its name is a *events.RefusedError. Further errors as in Append.
func (l *Log) PutKey(ctx context.Context, k events.WrappedKey) error {
	var doubt, last error
	for range keyAttempts {
		_, err := l.publish(ctx, &nats.Msg{
			Subject: wrappedKeySubject(k),
			Header:  nats.Header{expectSubject: []string{"0"}},
			Data:    k.Wrapped,
		})
		var refused *events.RefusedError
		switch {
		case err == nil:
			return nil
		case doubt == nil && (errors.Is(err, events.ErrOffline) || errors.Is(err, events.ErrFull) || errors.As(err, &refused)):
			return fmt.Errorf("store key %s: %w", k.Name(), err)
		case errors.Is(err, events.ErrUnknownOutcome):
			doubt = err
		}
		last = err
		there, err := l.Key(ctx, k.Patient, k.ID)
		switch {
		case err == nil && bytes.Equal(there.Wrapped, k.Wrapped):
			return nil
		case err == nil:
			return fmt.Errorf("store key %s: %w", k.Name(), &events.RefusedError{Reason: "another wrapped key stands under its name"})
		case !errors.Is(err, events.ErrNoMessage):
			return fmt.Errorf("store key %s: %w: it cannot be read back: %v", k.Name(), events.ErrUnknownOutcome, err)
		}
	}
	if isCode(last, codeWrongLastSequence) {
		return fmt.Errorf("store key %s: %w", k.Name(), &events.RefusedError{Reason: "an entry stands under its name that cannot be read: the server's disk has damaged it"})
	}
	return fmt.Errorf("store key %s: %w: it was sent %d times and is not there (%v)", k.Name(), events.ErrUnknownOutcome, keyAttempts, doubt)
}

// PutKeys stores wrapped keys that the server does not have yet: all of them, with one
// sync to disk, or none, as where it has one of them. With an error it is not known
// which are there; PutKey tells of each.
func (l *Log) PutKeys(ctx context.Context, keys []events.WrappedKey) error {
	for part := range slices.Chunk(keys, events.MaxBatch) {
		if err := l.putKeys(ctx, part); err != nil {
			return fmt.Errorf("store %d keys: %w", len(part), err)
		}
	}
	return nil
}

func (l *Log) putKeys(ctx context.Context, keys []events.WrappedKey) error {
	if len(keys) == 1 {
		return l.PutKey(ctx, keys[0])
	}
	if l.link.current() == nil {
		return fmt.Errorf("%w: %w: there is no connection", events.ErrOffline, errNotSent)
	}
	id, last := rand.Text()[:13], len(keys)-1
	for i, k := range keys {
		m := &nats.Msg{Subject: wrappedKeySubject(k), Data: k.Wrapped, Header: nats.Header{
			expectSubject: {"0"}, batchID: {id}, batchSequence: {strconv.Itoa(i + 1)},
		}}
		if i == last {
			m.Header.Set(batchCommit, "1")
			_, err := l.publish(ctx, m)
			return err
		}
		if err := l.link.conn.Load().PublishMsg(m); err != nil {
			return fmt.Errorf("%w: %w", events.ErrOffline, err)
		}
	}
	return nil
}

// Key reads one wrapped key from the leader; events.ErrNoMessage where there is none.
func (l *Log) Key(ctx context.Context, patient string, id events.KeyID) (events.WrappedKey, error) {
	k := events.WrappedKey{Patient: patient, ID: id}
	s, err := l.get(ctx, streamKeys, getRequest{LastFor: wrappedKeySubject(k)})
	if err != nil {
		return events.WrappedKey{}, fmt.Errorf("read key %s: %w", k.Name(), err)
	}
	k.Wrapped = s.Data
	return k, nil
}

// Keys reads all wrapped keys that there are now, in the order they came. An entry
// whose name is none of a key is passed over: it cannot be asked for either.
func (l *Log) Keys(ctx context.Context) iter.Seq2[events.WrappedKey, error] {
	return func(yield func(events.WrappedKey, error) bool) {
		for s, err := range l.all(ctx, streamKeys, keySubject+"*.*", 0) {
			if err != nil {
				yield(events.WrappedKey{}, fmt.Errorf("read the keys: %w", err))
				return
			}
			if k, ok := l.readKey(s); ok && !yield(k, nil) {
				return
			}
		}
	}
}

func (l *Log) readKey(s events.Stored) (events.WrappedKey, bool) {
	k, err := events.ParseWrappedKey(strings.TrimPrefix(s.Subject, keySubject), s.Data)
	if err != nil {
		l.logger.Warn("an entry of the key bucket is no key", "subject", s.Subject, "error", err)
	}
	return k, err == nil
}

// Keys are handed over every keysEvery while more are on their way, and keysMost of them at most: whoever keeps
// them writes into the same pages of a table each time, so a fast line hands over many at once, and whoever
// wants the line for something else can keep those that come next waiting.
const (
	keysEvery = 100 * time.Millisecond
	keysMost  = 32_768
)

// KeysAfter reads the wrapped keys that came after read, and hands them over in their order, with how far they are read
// then: what take has kept need not be read again after a cut. Where the bucket does not have the entry that read is of, all are
// read, and the first mark says so: it was made anew, came back from an older copy, or just that key was erased. Where
// nothing came it asks two questions, at once, and take is not called. Its error ends the reading.
func (l *Log) KeysAfter(ctx context.Context, read events.KeyMark, take func(keys []events.WrappedKey, now events.KeyMark) error) error {
	same, more, err := l.newKeys(ctx, read)
	if err != nil {
		return fmt.Errorf("read the new keys: %w", err)
	}
	if same && !more {
		return nil
	}
	now := read
	if !same {
		now = events.KeyMark{Anew: true}
	}
	var keys []events.WrappedKey
	began := time.Now()
	for s, err := range l.all(ctx, streamKeys, keySubject+"*.*", now.Sequence) {
		if err != nil {
			return fmt.Errorf("read the new keys: %w", err)
		}
		if len(keys) >= keysMost || len(keys) > 0 && time.Since(began) >= keysEvery {
			if err := take(keys, now); err != nil {
				return err
			}
			keys, now.Anew, began = nil, false, time.Now()
		}
		now.Sequence, now.Stored = s.Sequence, s.Time
		if k, ok := l.readKey(s); ok {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 && !now.Anew && now.Same(read) {
		return nil
	}
	return take(keys, now)
}

// newKeys asks whether the bucket is the one that was read up to a place, and whether it
// has more.
func (l *Log) newKeys(ctx context.Context, read events.KeyMark) (same, more bool, err error) {
	if read.Sequence == 0 {
		return true, true, nil
	}
	var failed error
	var asking sync.WaitGroup
	asking.Go(func() {
		_, err := l.get(ctx, streamKeys, getRequest{Sequence: read.Sequence + 1, NextFor: keySubject + "*.*"})
		if more = err == nil; !errors.Is(err, events.ErrNoMessage) {
			failed = err
		}
	})
	last, err := l.get(ctx, streamKeys, getRequest{Sequence: read.Sequence})
	asking.Wait()
	if errors.Is(err, events.ErrNoMessage) {
		err = nil
	} else {
		same = read.Same(events.KeyMark{Sequence: last.Sequence, Stored: last.Time})
	}
	return same, more, errors.Join(err, failed)
}

// all reads all messages of a stream's subject (wildcards allowed) that its leader has
// now and that come after a sequence. Where there is one at most, it needs no consumer.
func (l *Log) all(ctx context.Context, stream, subject string, after uint64) iter.Seq2[events.Stored, error] {
	return func(yield func(events.Stored, error) bool) {
		var next events.Stored
		var failed error
		var asking sync.WaitGroup
		asking.Go(func() { next, failed = l.get(ctx, stream, getRequest{Sequence: after + 1, NextFor: subject}) })
		last, err := l.get(ctx, stream, getRequest{LastFor: subject})
		asking.Wait()
		switch err := cmp.Or(err, failed); {
		case errors.Is(err, events.ErrNoMessage):
			return
		case err != nil:
			yield(events.Stored{}, err)
			return
		}
		if yield(next, nil) && next.Sequence < last.Sequence {
			l.span(ctx, delivery{stream: stream, subject: subject, from: next.Sequence + 1, mass: true}, last.Sequence, true)(yield)
		}
	}
}
