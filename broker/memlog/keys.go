package memlog

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/carelog/carelog/events"
)

// PutKey stores a wrapped key, once and for ever; see broker.Log.PutKey.
func (l *Log) PutKey(ctx context.Context, k events.WrappedKey) error {
	s := l.server
	k.Wrapped = slices.Clone(k.Wrapped)
	err := l.submit(ctx, false, func() error {
		for _, other := range s.keys {
			if other.Name() != k.Name() {
				continue
			}
			if bytes.Equal(other.Wrapped, k.Wrapped) {
				return nil
			}
			return &events.RefusedError{Reason: "another wrapped key stands under its name"}
		}
		s.addKey(k)
		return nil
	})
	if err != nil {
		return fmt.Errorf("store key %s: %w", k.Name(), err)
	}
	return nil
}

// PutKeys is broker.Log.PutKeys.
func (l *Log) PutKeys(ctx context.Context, keys []events.WrappedKey) error {
	s, stored := l.server, make([]events.WrappedKey, len(keys))
	names := make(map[string]bool)
	for i, k := range keys {
		k.Wrapped = slices.Clone(k.Wrapped)
		stored[i] = k
		names[k.Name()] = true
	}
	err := l.submit(ctx, false, func() error {
		for _, other := range s.keys {
			if names[other.Name()] {
				return fmt.Errorf("%w: the server has one of them", events.ErrUnknownOutcome)
			}
		}
		for _, k := range stored {
			s.addKey(k)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("store %d keys: %w", len(keys), err)
	}
	return nil
}

// addKey stores a key; s.mu is held.
func (s *Server) addKey(k events.WrappedKey) {
	s.keyed++
	s.keys = append(s.keys, storedKey{k, events.KeyMark{Sequence: s.keyed, Stored: s.now()}, s.last()})
}

// lastKey is the place of the last key that there is; s.mu is held.
func (s *Server) lastKey() uint64 {
	if len(s.keys) == 0 {
		return 0
	}
	return s.keys[len(s.keys)-1].mark.Sequence
}

// Key reads one wrapped key; events.ErrNoMessage where there is none.
func (l *Log) Key(ctx context.Context, patient string, id events.KeyID) (events.WrappedKey, error) {
	k := events.WrappedKey{Patient: patient, ID: id}
	err := l.request(ctx, func() error {
		for _, other := range l.server.keys {
			if other.Name() == k.Name() {
				k.Wrapped = slices.Clone(other.Wrapped)
				return nil
			}
		}
		return events.ErrNoMessage
	})
	if err != nil {
		return events.WrappedKey{}, fmt.Errorf("read key %s: %w", k.Name(), err)
	}
	return k, nil
}

// Keys reads all wrapped keys that there are now, in the order they came.
func (l *Log) Keys(ctx context.Context) iter.Seq2[events.WrappedKey, error] {
	return func(yield func(events.WrappedKey, error) bool) {
		var list []events.WrappedKey
		err := l.request(ctx, func() error {
			for _, k := range l.server.keys {
				k.Wrapped = slices.Clone(k.Wrapped)
				list = append(list, k.WrappedKey)
			}
			return nil
		})
		if err != nil {
			yield(events.WrappedKey{}, fmt.Errorf("read the keys: %w", err))
			return
		}
		for _, k := range list {
			if !yield(k, nil) {
				return
			}
		}
	}
}

// KeysAfter reads the wrapped keys that came after read; see broker.Log.KeysAfter. It hands them over one by one.
func (l *Log) KeysAfter(ctx context.Context, read events.KeyMark, take func(keys []events.WrappedKey, now events.KeyMark) error) error {
	var came []storedKey
	anew := false
	err := l.request(ctx, func() error {
		if !slices.ContainsFunc(l.server.keys, func(k storedKey) bool { return k.mark.Same(read) }) {
			anew, read = read.Sequence > 0, events.KeyMark{}
		}
		for _, k := range l.server.keys {
			if k.mark.Sequence > read.Sequence {
				k.Wrapped = slices.Clone(k.Wrapped)
				came = append(came, k)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the new keys: %w", err)
	}
	if anew && len(came) == 0 {
		return take(nil, events.KeyMark{Anew: true})
	}
	for i, k := range came {
		now := k.mark
		now.Anew = anew && i == 0
		if err := take([]events.WrappedKey{k.WrappedKey}, now); err != nil {
			return err
		}
	}
	return nil
}

// KeyState tells how many keys there are, and which were erased; see broker.Log.KeyState.
func (l *Log) KeyState(ctx context.Context) (state events.KeyState, err error) {
	err = l.request(ctx, func() error {
		s := l.server
		state = events.KeyState{Counted: s.keyed, Held: uint64(len(s.keys)), Erased: slices.Sorted(maps.Keys(s.erased))}
		return nil
	})
	if err != nil {
		err = fmt.Errorf("ask for the state of the keys: %w", err)
	}
	return state, err
}

// PutPosition publishes where this device stands; see broker.Log.PutPosition.
func (l *Log) PutPosition(ctx context.Context, p events.SignedPosition) error {
	if p.Practice != l.server.practice || p.Device != l.device {
		return fmt.Errorf("publish the position of %s/%s: %w", p.Practice, p.Device,
			&events.RefusedError{Reason: "a device publishes its own position only, and this one is " + l.device})
	}
	err := l.submit(ctx, false, func() error {
		l.server.positions[p.Device] = p
		return nil
	})
	if err != nil {
		return fmt.Errorf("publish the position of %s: %w", p.Device, err)
	}
	return nil
}

// Positions returns the latest position of every device, sorted by device.
func (l *Log) Positions(ctx context.Context) ([]events.SignedPosition, error) {
	var list []events.SignedPosition
	err := l.request(ctx, func() error {
		for _, device := range slices.Sorted(maps.Keys(l.server.positions)) {
			list = append(list, l.server.positions[device])
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the positions: %w", err)
	}
	return list, nil
}
