package memlog

import (
	"context"
	"fmt"
	"slices"

	"github.com/carelog/carelog/events"
)

// look is what a device put down of who looked at what.
type look struct {
	device string
	events.Stored
}

// LookState is broker.Log.LookState.
func (l *Log) LookState(ctx context.Context) (identity string, devices []string, err error) {
	err = l.request(ctx, func() error {
		identity = l.server.identity()
		for _, x := range l.server.looks {
			devices = append(devices, x.device)
		}
		slices.Sort(devices)
		devices = slices.Compact(devices)
		return nil
	})
	if err != nil {
		return "", nil, fmt.Errorf("ask who has looks: %w", err)
	}
	return identity, devices, nil
}

// PutLooks is broker.Log.PutLooks.
func (l *Log) PutLooks(ctx context.Context, data []byte, after uint64) (sequence uint64, err error) {
	data = slices.Clone(data)
	s := l.server
	err = l.submit(ctx, true, func() error {
		if last := s.lastLook(l.device); last.Sequence != after {
			return events.ErrTaken
		}
		sequence = uint64(len(s.looks)) + 1
		s.looks = append(s.looks, look{l.device, events.Stored{Sequence: sequence, Time: s.now(), Message: events.Message{Data: data}}})
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("store looks: %w", err)
	}
	return sequence, nil
}

// Looks is broker.Log.Looks.
func (l *Log) Looks(ctx context.Context, device string, at uint64) (stored events.Stored, err error) {
	err = l.request(ctx, func() error {
		s := l.server
		switch {
		case at == 0:
			stored = s.lastLook(device)
		case at <= uint64(len(s.looks)) && s.looks[at-1].device == device:
			stored = s.looks[at-1].Stored
		}
		if stored.Sequence == 0 {
			return events.ErrNoMessage
		}
		stored.Data = slices.Clone(stored.Data)
		return nil
	})
	if err != nil {
		return events.Stored{}, fmt.Errorf("read looks of %s at %d: %w", device, at, err)
	}
	return stored, nil
}

// lastLook is the last that a device put down; s.mu is held.
func (s *Server) lastLook(device string) events.Stored {
	for _, x := range slices.Backward(s.looks) {
		if x.device == device {
			return x.Stored
		}
	}
	return events.Stored{}
}
