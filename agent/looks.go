package agent

import (
	"context"
	"crypto/ed25519"
	"fmt"

	"github.com/carelog/carelog/events"
)

// LookLog is where the desks of the practice put down who looked at what. What they put
// there is sealed and signed by whoever keeps it, which is not the agent.
type LookLog interface {
	LookState(ctx context.Context) (identity string, devices []string, err error)
	PutLooks(ctx context.Context, data []byte, after uint64) (sequence uint64, err error)
	Looks(ctx context.Context, device string, at uint64) (events.Stored, error)
}

// Looks is the server as looks go to it and come from it; nil while there is no session.
func (a *Agent) Looks() LookLog {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.meeting == nil {
		return nil
	}
	return a.meeting.log
}

// Owes reports whether changes wait here that the server does not have: they go before
// everything else.
func (a *Agent) Owes() bool { return a.outbox.Len() > 0 }

// DeviceKey is the key by which a device of the practice signs, or signed until it was
// revoked; ErrNotFound where none that the practice certified has that id.
func (a *Agent) DeviceKey(ctx context.Context, device string) (ed25519.PublicKey, error) {
	devices, err := a.store.Devices(ctx)
	if err != nil {
		return nil, err
	}
	e := a.config.Enrolment
	for _, d := range devices {
		if d.ID == device && events.VerifyCertificate(e.Root, e.Practice, d.ID, d.PublicKey, d.Certificate) == nil {
			return d.PublicKey, nil
		}
	}
	return nil, fmt.Errorf("device %q: %w", device, ErrNotFound)
}
