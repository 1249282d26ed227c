package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/enrolment"
	"github.com/carelog/carelog/broker"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
	"github.com/carelog/carelog/projections/audit"
)

// auditFlags say which log is read: the broker's, or a device's copy.
type auditFlags struct {
	Data      string   `help:"Data folder of a desk: its enrolment opens the log." placeholder:"DIR" type:"path"`
	Enrolment string   `help:"An enrolment, where there is no data folder." placeholder:"FILE" type:"path"`
	File      bool     `help:"Read the desk's own copy of the log, not the broker's."`
	Broker    []string `help:"Where the broker is, instead of what the enrolment says." placeholder:"URL"`
	JSON      bool     `help:"Print JSON lines." name:"json"`
}

// auditSource is an open log.
type auditSource struct {
	enrolment enrolment.Enrolment
	keys      audit.Keys
	read      func(ctx context.Context, from uint64) iter.Seq2[events.Stored, error]
	last      uint64                                                       // the last message that stands
	end       uint64                                                       // to which its keeper has counted: more than last where the end was removed
	pieces    func(ctx context.Context, name string) (map[int]bool, error) // of attachments at the broker; nil: it is not asked
	close     func() error
}

// open opens the log that the flags name.
func (f auditFlags) open(env *environment) (*auditSource, error) {
	if err := checkBrokers("broker", f.Broker); err != nil {
		return nil, err
	}
	if f.File && f.Data == "" {
		return nil, usage(errors.New("--file reads the copy of a desk: give its folder as --data"))
	}
	path := f.Enrolment
	if path == "" {
		if f.Data == "" {
			return nil, usage(errors.New("which log? give --data DIR of a desk, or --enrolment FILE"))
		}
		path = filepath.Join(f.Data, enrolmentFile)
	}
	e, err := loadEnrolment(path)
	if err != nil {
		return nil, err
	}
	if len(f.Broker) > 0 {
		e.URLs = f.Broker
	}
	practiceKey, err := events.KeyFrom(e.PracticeKey)
	if err != nil {
		return nil, err
	}
	ring := events.NewKeyring(practiceKey)
	s := &auditSource{enrolment: e, keys: audit.Keys{Practice: e.Practice, Root: e.Root, Open: ring.Open}}
	if f.File {
		return s, s.openFile(env.ctx, f.Data, ring)
	}
	return s, s.openBroker(env, ring)
}

// openFile opens the copy in a desk's folder, which may run, and changes nothing in it. It
// makes none: an empty one would be clean.
func (s *auditSource) openFile(ctx context.Context, data string, ring *events.Keyring) error {
	path := filepath.Join(data, agent.ProjectionFile)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s has no copy of the log: a desk makes it when it runs for the first time", data)
	}
	store, err := projections.OpenReadOnly(ctx, path, s.enrolment.Practice)
	if err != nil {
		return err
	}
	position, _, err := store.Position(ctx)
	if err == nil {
		err = addKeys(ring, store.Keys(ctx))
	}
	if err != nil {
		return errors.Join(err, store.Close())
	}
	s.read, s.last, s.end, s.close = store.Log, position.Sequence, position.Sequence, store.Close
	return nil
}

// reachPatience is how long a tool waits for the broker before it gives up.
const reachPatience = 10 * time.Second

// reach connects to the broker of an enrolment, and waits for as long as reachPatience and ctx;
// where it is not to be tried again, the first failure ends it. That nobody can be reached has its
// own exit code; that the enrolment cannot be used has not.
func reach(ctx context.Context, e enrolment.Enrolment, again bool) (*broker.Log, error) {
	connection := make(chan error, 1)
	log, err := broker.Connect(ctx, broker.Config{
		Practice: e.Practice, Device: e.Device, URLs: e.URLs, JWT: e.JWT, Seed: e.Seed,
		OnConnection: func(up bool, err error) { // one at a time, and what is newer counts
			if up {
				err = nil
			}
			select {
			case <-connection:
			default:
			}
			connection <- err
		},
	})
	if err != nil {
		return nil, err
	}
	if err := awaitConnection(ctx, connection, again); err != nil {
		return nil, errors.Join(unreachable(e, err), log.Close())
	}
	return log, nil
}

func unreachable(e enrolment.Enrolment, err error) error {
	return codedError{exitUnreachable, fmt.Errorf("read the log at %s: %w", e.URLs[0], err)}
}

func (s *auditSource) openBroker(env *environment, ring *events.Keyring) error {
	log, err := reach(env.ctx, s.enrolment, true)
	if err != nil {
		return err
	}
	if s.last, s.end, err = endsOf(env.ctx, log); err == nil {
		err = addKeys(ring, log.Keys(env.ctx))
	}
	if err != nil {
		return errors.Join(unreachable(s.enrolment, err), log.Close())
	}
	s.read, s.close, s.pieces = log.Read, log.Close, log.Pieces
	s.keys.Devices = log.Dossier(env.ctx, "", 0)
	return nil
}

// endsOf is the last message that is there, behind which a reader would wait for ever, and the
// place to which the broker has counted. A broker that finds only now that its file is
// damaged ends elsewhere than it said.
func endsOf(ctx context.Context, log *broker.Log) (last, counted uint64, err error) {
	state, err := log.State(ctx)
	if err != nil {
		return 0, 0, err
	}
	counted = state.Counted
	if _, err = log.Get(ctx, state.Last); errors.Is(err, events.ErrNoMessage) {
		state, err = log.State(ctx)
	}
	return state.Last, counted, err
}

func awaitConnection(ctx context.Context, connection <-chan error, again bool) error {
	timer := time.NewTimer(reachPatience)
	defer timer.Stop()
	var last error = events.ErrOffline
	for {
		select {
		case err := <-connection:
			if err == nil || !again {
				return err
			}
			last = err
		case <-timer.C:
			return last
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func addKeys(ring *events.Keyring, keys iter.Seq2[events.WrappedKey, error]) error {
	for k, err := range keys {
		if err != nil {
			return err
		}
		if err := ring.Add(k); err != nil {
			return err
		}
	}
	return nil
}
