package memlog

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/carelog/carelog/events"
)

// object is one of the object store.
type object struct {
	data   []byte
	stored time.Time
	broken error // what reading it gives; nil: its data
}

// LimitObjects lets the object store have at most so many bytes; 0 is no limit.
func (s *Server) LimitObjects(bytes int64) { s.change(func() { s.room = bytes }) }

// DamageObject makes an object another one than was stored.
func (s *Server) DamageObject(name string) {
	s.breakObject(name, &events.DamagedError{Name: name, Reason: "its digest is another one"})
}

// LoseObject loses the content of an object; its name stays.
func (s *Server) LoseObject(name string) {
	s.breakObject(name, &events.DamagedError{Name: name, Gone: true, Reason: "the server can read none of its bytes"})
}

func (s *Server) breakObject(name string, err error) {
	s.change(func() {
		o := s.objects[name]
		o.broken = err
		s.objects[name] = o
	})
}

// PutObject is broker.Log.PutObject. As there, the old one needs its room until the
// new one counts.
func (l *Log) PutObject(ctx context.Context, name string, data []byte) error {
	data = slices.Clone(data)
	store := func() error {
		if name == "" || len(name) > 255 || len(data) > events.MaxObject {
			return &events.RefusedError{Reason: "an object has a name of 1 to 255 bytes, and is not that large"}
		}
		used := int64(len(data))
		for _, o := range l.server.objects {
			used += int64(len(o.data))
		}
		if l.server.room > 0 && used > l.server.room {
			return events.ErrFull
		}
		l.server.objects[name] = object{data: data, stored: l.server.now()}
		return nil
	}
	// The name is looked up first, so a line that is dead is found out with nothing sent.
	err := l.request(ctx, func() error { return nil })
	if err == nil {
		err = l.submit(ctx, false, store)
	}
	if err != nil {
		return fmt.Errorf("store object %s: %w", name, err)
	}
	return nil
}

// Object is broker.Log.Object.
func (l *Log) Object(ctx context.Context, name string) ([]byte, error) {
	var data []byte
	err := l.request(ctx, func() error {
		o, ok := l.server.objects[name]
		if !ok {
			return events.ErrNoMessage
		}
		data = slices.Clone(o.data)
		return o.broken
	})
	if err != nil {
		return nil, fmt.Errorf("read object %s: %w", name, err)
	}
	return data, nil
}

// pieceSize is how large a piece of an object is, in bytes: small, so that tests have several.
const pieceSize = 4 << 10

// Sealed is broker.Log.Sealed. Each piece is a question of its own.
func (l *Log) Sealed(ctx context.Context, name string, after events.ObjectPlace) iter.Seq2[events.ObjectPiece, error] {
	return func(yield func(events.ObjectPiece, error) bool) {
		for {
			var piece []byte
			err := l.request(ctx, func() error {
				o, ok := l.server.objects[name]
				if !ok {
					return events.ErrNoMessage
				}
				rest := o.data[min(after.Bytes, int64(len(o.data))):]
				piece = slices.Clone(rest[:min(len(rest), pieceSize)])
				return o.broken
			})
			if err != nil {
				yield(events.ObjectPiece{}, fmt.Errorf("read object %s: %w", name, err))
				return
			}
			after = events.ObjectPlace{Bytes: after.Bytes + int64(len(piece)), Sequence: after.Sequence + 1}
			if len(piece) == 0 || !yield(events.ObjectPiece{Data: piece, Read: after}, nil) {
				return
			}
		}
	}
}

// ObjectNames is broker.Log.ObjectNames.
func (l *Log) ObjectNames(ctx context.Context) (names []string, err error) {
	err = l.request(ctx, func() error {
		names = slices.Sorted(maps.Keys(l.server.objects))
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list the objects: %w", err)
	}
	return names, nil
}

// ObjectInfo is broker.Log.ObjectInfo.
func (l *Log) ObjectInfo(ctx context.Context, name string) (info events.Object, err error) {
	err = l.request(ctx, func() error {
		o, ok := l.server.objects[name]
		if !ok {
			return events.ErrNoMessage
		}
		info = events.Object{Name: name, Size: int64(len(o.data)), Stored: o.stored}
		return nil
	})
	if err != nil {
		return events.Object{}, fmt.Errorf("ask for object %s: %w", name, err)
	}
	return info, nil
}

// DeleteObject is broker.Log.DeleteObject.
func (l *Log) DeleteObject(ctx context.Context, name string) error {
	err := l.request(ctx, func() error { return nil }) // looked up first, as in PutObject
	if err == nil {
		err = l.request(ctx, func() error {
			delete(l.server.objects, name)
			return nil
		})
	}
	if err != nil {
		return fmt.Errorf("delete object %s: %w", name, err)
	}
	return nil
}
