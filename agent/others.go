package agent

import (
	"context"
	"fmt"
	"time"

	"github.com/carelog/carelog/events"
)

// DevicePosition is how far a desk of the practice has read, by its own signed word.
type DevicePosition struct {
	Device   string    `json:"device"`
	Sequence uint64    `json:"sequence"`
	Seen     time.Time `json:"seen,omitzero"` // when this desk saw it move; zero: not since it was started
}

// statement is the position that another desk stated last, and when this one saw it move.
type statement struct {
	events.SignedPosition
	seen time.Time
}

// noteStated keeps what the desks of the practice say of themselves, to be shown.
func (a *Agent) noteStated(stated []events.SignedPosition) {
	now := a.config.Now().UTC()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stated == nil {
		a.stated = make(map[string]statement)
	}
	for _, s := range stated {
		old, known := a.stated[s.Device]
		next := statement{SignedPosition: s, seen: old.seen}
		if known && s.Position != old.Position {
			next.seen = now
		}
		a.stated[s.Device] = next
	}
}

// Positions returns how far the desks of the practice have read, as far as this one has
// heard it since it was started. One whose signature is not that desk's is left out.
func (a *Agent) Positions(ctx context.Context) ([]DevicePosition, error) {
	devices, err := a.store.Devices(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the positions of the desks: %w", err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	list := []DevicePosition{}
	for _, d := range devices {
		if s, ok := a.stated[d.ID]; ok && s.Verify(d.PublicKey) == nil {
			list = append(list, DevicePosition{Device: d.ID, Sequence: s.Sequence, Seen: s.seen})
		}
	}
	return list, nil
}
