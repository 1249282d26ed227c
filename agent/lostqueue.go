package agent

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/carelog/carelog/agent/outbox"
	"github.com/carelog/carelog/events"
)

// Warnings of a queue that was lost.
const (
	warnPutBack = "outbox-restored"
	warnUnsent  = "changes-unsent"
	warnShared  = "enrolment-shared"
)

// restoreQueue puts back into the outbox what only the projection has of this device: the
// outbox's file was lost, or is an older copy. Nothing was sent yet, and nothing new is
// written, so every event goes where it stood; what the log turns out to have is found there
// as any other, and what does not fit its end gets new numbers then.
func (a *Agent) restoreQueue(ctx context.Context) error {
	entries, err := a.outbox.All(ctx)
	if err != nil {
		return err
	}
	lost, err := a.lostEvents(ctx, entries)
	if err != nil {
		return err
	}
	end, err := a.store.ChainEnd(ctx, a.config.Enrolment.Device)
	if err != nil {
		return err
	}
	if len(lost) == 0 && end.Counter <= a.outbox.Next().Counter {
		return nil
	}
	keys, err := a.keysOf(ctx, lost)
	if err != nil {
		return err
	}
	used := a.outbox.Next().Counter > 1 // it is not a new file in the place of one that was lost
	renewed, err := a.outbox.PutBack(ctx, end, keys, a.renew, lost...)
	if err != nil {
		return err
	}
	a.owesKeys.Store(a.owesKeys.Load() || len(keys) > 0)
	if used && len(lost) == 0 {
		a.warn(warnShared, "The server has changes in the name of this PC that %s here knows nothing of: another folder or PC uses the same enrolment, or the file was put back from an older copy. Nothing of them is lost. If two use one enrolment, stop this one, make an enrolment with `carelog device enrol`, and start it with that in a new folder.", OutboxFile)
		return a.replaceQueued(ctx, renewed...)
	}
	a.warn(warnPutBack, "The file %s on this PC was missing, or older than %s beside it. Changes in there that the server is not known to have were put back and are sent: %d. Keep the two files together, also in a backup.", OutboxFile, ProjectionFile, len(lost))
	return a.replaceQueued(ctx, renewed...)
}

// lostEvents are the events that the outbox lacks, in the order of the chain. Those that are
// not any more what this device signed are kept from being sent, and said.
func (a *Agent) lostEvents(ctx context.Context, entries []outbox.Entry) (lost []*events.Event, err error) {
	held := make(map[events.ID]uint64, len(entries))
	for _, e := range entries {
		held[e.ID] = max(held[e.ID], e.Counter)
	}
	// One that got a new number got a higher one: the higher one is the newer form.
	all, err := a.store.Queued(ctx, a.config.Enrolment.Device, func(id events.ID, counter uint64) bool {
		at, ok := held[id]
		return ok && at >= counter
	})
	if err != nil || len(all) == 0 {
		return nil, err
	}
	replaced := make(map[events.Digest]bool) // of what is there itself, no stub is needed
	for _, e := range all {
		replaced[e.Link()] = replaced[e.Link()] || e.Type != events.SetAside
	}
	for _, entry := range entries {
		e, err := entry.Event()
		if err != nil {
			return nil, err
		}
		replaced[e.Link()] = replaced[e.Link()] || e.Type != events.SetAside
	}
	var spoilt []*events.Event
	for _, e := range all {
		switch {
		case e.Type == events.SetAside && replaced[e.Link()]:
			if err := a.store.Remove(ctx, e.ID); err != nil {
				return nil, err
			}
		case a.genuine(e) != nil:
			spoilt = append(spoilt, e)
		default:
			lost = append(lost, e)
		}
	}
	a.tellUnsent(spoilt)
	return lost, nil
}

// genuine reports why an event is not, byte for byte, what this device wrote.
func (a *Agent) genuine(e *events.Event) error {
	if err := e.Check(); err != nil {
		return err
	}
	return e.Verify(a.key.Public().(ed25519.PublicKey))
}

// keysOf are the keys that events are sealed by. The server may have them; to give it one
// again changes nothing.
func (a *Agent) keysOf(ctx context.Context, list []*events.Event) (keys []events.WrappedKey, err error) {
	wanted := make(map[string]bool)
	for _, e := range list {
		if id, err := events.SealedBy(e.Sealed); err == nil {
			wanted[events.WrappedKey{Patient: e.Patient, ID: id}.Name()] = true
		}
	}
	if len(wanted) == 0 {
		return nil, nil
	}
	for k, err := range a.store.Keys(ctx) {
		if err != nil {
			return nil, err
		}
		if wanted[k.Name()] && a.ring.Check(k) == nil { // else the disk has spoilt it: the server has it
			keys = append(keys, k)
		}
	}
	return keys, nil
}

// tellUnsent keeps the light from being green while changes are shown here that cannot be
// sent, and says which records they are of.
func (a *Agent) tellUnsent(list []*events.Event) {
	if len(list) == 0 {
		return
	}
	a.unsent = make(map[events.ID]bool, len(list))
	var records []string
	for _, e := range list {
		a.unsent[e.ID] = true
		if name := e.Record.String(); !slices.Contains(records, name) {
			records = append(records, name)
		}
	}
	const shown = 20
	if more := len(records) - shown; more > 0 {
		records = append(records[:shown], fmt.Sprintf("and %d more", more))
	}
	a.warn(warnUnsent, "Changes of this PC are not on the server and cannot be sent, since %s was lost and %s is damaged where it has them: %s. Note what these records say here and keep a copy of both files; then stop carelog, move %s away, which is built anew from the server, and enter them again. Have this PC's disk checked.",
		OutboxFile, ProjectionFile, strings.Join(records, ", "), ProjectionFile)
}

// findUnsent forgets of the changes that cannot be sent those that the log turned out to
// have. Whoever has read it to its end calls it. writing is held.
func (a *Agent) findUnsent(ctx context.Context) error {
	if len(a.unsent) == 0 {
		return nil
	}
	there, err := a.store.InLog(ctx, slices.Collect(maps.Keys(a.unsent))...)
	if err != nil {
		return err
	}
	for _, id := range there {
		delete(a.unsent, id)
	}
	if len(a.unsent) == 0 {
		a.clearWarning(warnUnsent)
	}
	return nil
}

func reasonUnsent(n int) string {
	return fmt.Sprintf("changes are only on this PC and cannot be sent: %d", n)
}

// errUnsent says that a change builds on one that no other desk will ever have.
var errUnsent = fmt.Errorf("%w: it builds on a change that cannot be sent; see the warnings of this desk", ErrDisk)
