package replica

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"iter"

	"github.com/carelog/carelog/events"
)

// Standing is what the log says of a device.
type Standing struct {
	Public  ed25519.PublicKey
	Revoked bool
}

// dossiers is a log that can be read by dossier.
type dossiers interface {
	Log
	Dossier(ctx context.Context, patient string, after uint64) iter.Seq2[events.Stored, error]
}

// Enrolled reads who may sign from the practice's own records in the log, each by its
// own signature. It needs nothing that was read before, and changes nothing here but
// keys that it had to fetch.
func (r *Replica) Enrolled(ctx context.Context, log dossiers) (map[string]Standing, error) {
	t := r.newTrust()
	t.ahead = true
	var devices []*prepared
	for m, err := range log.Dossier(ctx, "", 0) {
		if err != nil {
			return nil, fmt.Errorf("read the devices of the practice: %w", err)
		}
		p := &prepared{}
		r.openOne(ctx, log, m, p)
		if p.failed != nil {
			return nil, fmt.Errorf("read the devices of the practice: %w", p.failed)
		}
		if e := p.entry.Event; e != nil && e.Record.Type == "Device" {
			devices = append(devices, p)
		}
	}
	t.judge(devices)
	standing := make(map[string]Standing, len(t.known))
	for id, s := range t.known {
		standing[id] = Standing{Public: s.public, Revoked: t.revoked(id)}
	}
	return standing, nil
}

// Replaced learns the projection anew after another file took its place: where it
// stands, whom it knows, and what opens with the keys that are here.
func (r *Replica) Replaced(ctx context.Context) error {
	if err := r.reopen(ctx); err != nil {
		return err
	}
	r.trusting.Lock()
	r.trust = r.newTrust()
	r.trusting.Unlock()
	if err := r.reload(ctx); err != nil {
		return fmt.Errorf("learn the projection anew: %w", err)
	}
	return nil
}
