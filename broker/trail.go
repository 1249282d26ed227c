package broker

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/carelog/carelog/events"
)

// PutPosition publishes where this device stands; the one before it is gone then.
// The position must be this device's own. Errors as in Append; an unknown outcome
// may be sent again, since the latest position is the only one kept.
func (l *Log) PutPosition(ctx context.Context, p events.SignedPosition) error {
	data, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("publish the position of %s: %w", p.Device, err)
	}
	if p.Practice != l.practice || p.Device != l.device {
		return fmt.Errorf("publish the position of %s/%s: %w", p.Practice, p.Device,
			&events.RefusedError{Reason: "a device publishes its own position only, and this one is " + l.device})
	}
	if _, err := l.publish(ctx, &nats.Msg{Subject: positionSubject(l.practice, l.device), Data: data}); err != nil {
		return fmt.Errorf("publish the position of %s: %w", p.Device, err)
	}
	return nil
}

// Positions returns the latest position of every device, sorted by device. They
// are as they were published: whoever uses one verifies its signature first. One
// that cannot be read, or that stands under another device's name, is left out.
func (l *Log) Positions(ctx context.Context) ([]events.SignedPosition, error) {
	latest := make(map[string]events.SignedPosition)
	for s, err := range l.all(ctx, streamTrail, positionSubject(l.practice, "*"), 0) {
		if err != nil {
			return nil, fmt.Errorf("read the positions: %w", err)
		}
		var p events.SignedPosition
		if err := json.Unmarshal(s.Data, &p); err != nil || s.Subject != positionSubject(l.practice, p.Device) || p.Practice != l.practice {
			l.logger.Warn("a message of the trail is no position", "subject", s.Subject, "error", err)
			continue
		}
		latest[p.Device] = p
	}
	list := make([]events.SignedPosition, 0, len(latest))
	for _, p := range latest {
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b events.SignedPosition) int { return strings.Compare(a.Device, b.Device) })
	return list, nil
}
