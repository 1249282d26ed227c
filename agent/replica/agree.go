package replica

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// Loss says in what the server's log is not the one that was read before.
type Loss string

// Agree asks the server for its log and compares it with what was read of it: same
// stream, not shorter, same event by hash at our position, no gap before it that is not
// here. Where it is another, loss says in what.
func (r *Replica) Agree(ctx context.Context, log Log) (state events.LogState, loss Loss, err error) {
	position, stream, _ := r.Position()
	ahead, err := r.config.Store.Farthest(ctx, position.Sequence) // before the server is asked, which may get more, and so may the copy
	if err != nil {
		return state, "", fmt.Errorf("compare the server's log with ours: %w", err)
	}
	var there events.Stored // at our position
	var failed error
	var asking sync.WaitGroup
	if position.Sequence > 0 {
		asking.Go(func() { there, failed = log.Get(ctx, position.Sequence) })
	}
	state, err = log.State(ctx)
	asking.Wait()
	if err != nil {
		return state, "", fmt.Errorf("ask the server for its log: %w", err)
	}
	switch {
	case position.Sequence == 0:
		loss, err = sameAhead(ctx, log, state, stream, ahead)
		return state, loss, err
	case state.Identity != stream:
		return state, "it is another log under the same name", nil
	case state.Last < position.Sequence:
		return state, Loss(fmt.Sprintf("it ends at %d, and was read here up to %d", state.Last, position.Sequence)), nil
	}
	same, err := r.isAt(ctx, position, there, failed)
	if err != nil {
		return state, "", fmt.Errorf("compare the server's log with ours: %w", err)
	}
	if !same {
		// A server that finds only now that its file is damaged ends elsewhere than it said.
		if state, err = log.State(ctx); err != nil {
			return state, "", fmt.Errorf("ask the server for its log: %w", err)
		}
		return state, Loss(fmt.Sprintf("it has not the event at %d that was read here", position.Sequence)), nil
	}
	if loss, err = r.lostBehind(ctx, state, position); err == nil && loss == "" {
		loss, err = sameAhead(ctx, log, state, stream, ahead)
	}
	if err != nil {
		err = fmt.Errorf("compare the server's log with ours: %w", err)
	}
	return state, loss, err
}

func (r *Replica) same(ctx context.Context, log Log, p events.Position) (bool, error) {
	m, err := log.Get(ctx, p.Sequence)
	return r.isAt(ctx, p, m, err)
}

// isAt reports whether what the server answered to the question for the message at a
// position is what was read there.
func (r *Replica) isAt(ctx context.Context, p events.Position, m events.Stored, err error) (bool, error) {
	if errors.Is(err, events.ErrNoMessage) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	hash, err := r.config.Store.HashBefore(ctx, p.Sequence)
	if err != nil {
		return false, err
	}
	before := events.Position{Hash: hash}
	if before.Next(p.Sequence, m.Message.Fingerprint()) != p {
		return false, nil
	}
	// The same event at the same place, and yet stored at another time: the server has
	// lost it and was given it back, and who knows in what order what stands before it.
	ours, err := r.config.Store.StoredAt(ctx, p.Sequence)
	return err == nil && (ours.IsZero() || ours.Equal(m.Time)), err
}

// Begin prepares a read of the stream that the server has now. After a loss the
// whole log is read again; what it no longer has stays here until Heal.
func (r *Replica) Begin(ctx context.Context, state events.LogState, loss Loss) error {
	r.mu.Lock()
	r.last = state.Last
	r.mu.Unlock()
	if _, stream, _ := r.Position(); loss == "" && stream == state.Identity {
		return nil // as nearly always
	}
	if loss != "" {
		if err := r.config.Store.Distrust(ctx); err != nil {
			return fmt.Errorf("stop trusting the position: %w", err)
		}
		r.noteGaps(lostWithin(state)) // all that is there is read now, and what is not is not missed twice
	}
	if _, err := r.config.Store.Apply(ctx, projections.Batch{Stream: state.Identity}); err != nil {
		return fmt.Errorf("begin to read the log: %w", err)
	}
	return r.reload(ctx)
}

// Owes reports whether there is something here that the server once had and that it
// was not given back yet: an earlier session was cut off before it could.
func (r *Replica) Owes(ctx context.Context) (bool, error) {
	for _, err := range r.config.Store.Unconfirmed(ctx) {
		return err == nil, err
	}
	return false, nil
}

// FetchKeys takes over the keys that came to the server since they were last read, and
// opens what waited for them.
func (r *Replica) FetchKeys(ctx context.Context, log Log) error {
	read, err := r.config.Store.KeysRead(ctx)
	if err != nil {
		return fmt.Errorf("fetch the keys of the patients: %w", err)
	}
	return r.fetchKeys(ctx, log, read, func([]events.WrappedKey) {})
}

// LackedKeys takes over all keys that the server has, and returns those that only this
// device has, but for those that were erased. What stands under a key's name and is another is not
// the key: whoever gives the server the right one is refused, and can say so. state is asked for before.
func (r *Replica) LackedKeys(ctx context.Context, log Log, state events.KeyState) (lacked []events.WrappedKey, err error) {
	if err := r.noteErased(ctx, state); err != nil {
		return nil, err
	}
	there := make(map[[16]byte]struct{}) // that is all of them: of each as little as tells it apart
	if err := r.fetchKeys(ctx, log, events.KeyMark{}, func(keys []events.WrappedKey) {
		for _, k := range keys {
			there[digestOf(k)] = struct{}{}
		}
	}); err != nil {
		return nil, err
	}
	for k, err := range r.config.Store.Keys(ctx) {
		if err != nil {
			return nil, fmt.Errorf("find the keys that the server lacks: %w", err)
		}
		if _, ok := there[digestOf(k)]; ok {
			continue
		}
		if r.config.Ring.Check(k) == nil { // else this disk has spoilt it, and the server would have that for ever
			lacked = append(lacked, k)
		}
	}
	if lacked, err = r.alive(ctx, lacked); err != nil {
		return nil, fmt.Errorf("find the keys that the server lacks: %w", err)
	}
	return lacked, nil
}

// digestOf is of a key's name and of what stands under it.
func digestOf(k events.WrappedKey) [16]byte {
	sum := sha256.Sum256(append([]byte(k.Name()+"\n"), k.Wrapped...))
	return [16]byte(sum[:])
}

// fetchKeys takes over the keys that came to the server after read, and gives heed those that were not erased, some at a
// time. Those that came before it was cut off stay here.
func (r *Replica) fetchKeys(ctx context.Context, log Log, read events.KeyMark, heed func([]events.WrappedKey)) error {
	came := false
	err := log.KeysAfter(ctx, read, func(keys []events.WrappedKey, now events.KeyMark) error {
		keys, err := r.alive(ctx, keys)
		if err == nil && now.Anew {
			err = r.config.Store.PutKeysGone(ctx, noSuchGone)
		}
		if err == nil && !now.Same(read) {
			err = r.takeKeys(ctx, now, keys)
		}
		heed(keys)
		came = came || len(keys) > 0
		return err
	})
	if err != nil {
		return fmt.Errorf("fetch the keys of the patients: %w", err)
	}
	if err := r.reopen(ctx); err != nil {
		return err
	}
	if came {
		r.weigh()
	}
	return nil
}

// takeKeys keeps keys up to which the server's are read now, and lets the ring know.
func (r *Replica) takeKeys(ctx context.Context, read events.KeyMark, keys []events.WrappedKey) error {
	keys = r.sound(keys)
	err := r.config.Store.PutRead(ctx, read, keys...)
	if err == nil {
		r.config.Ring.Stored(keys...)
	}
	return err
}

// sound leaves out what does not unwrap: junk that somebody put there, which stops no other.
func (r *Replica) sound(keys []events.WrappedKey) []events.WrappedKey {
	good := make([]events.WrappedKey, 0, len(keys))
	for _, k := range keys {
		if err := r.config.Ring.Check(k); err != nil {
			r.config.Warn("key-damaged", "The server has a key that is none of this practice: "+err.Error()+". What was sealed with the right one opens where that one is known.")
			continue
		}
		good = append(good, k)
	}
	return good
}

// reopen opens events that came before their keys.
func (r *Replica) reopen(ctx context.Context) error {
	patients, err := r.config.Store.Unopened(ctx)
	if err != nil {
		return fmt.Errorf("open what waited for its key: %w", err)
	}
	for _, patient := range patients {
		if _, err := r.config.Store.Reopen(ctx, patient); err != nil {
			return fmt.Errorf("open what waited for its key: %w", err)
		}
	}
	return nil
}

// Heal pushes back what the server no longer has, each event once: an event is stored only
// at the very end of what was read, so that of two devices that heal at the same time one is
// told to read first. The server must have the keys. reach waits until the log was read up to a
// place, and gives up where nothing comes; Follow must be running.
func (r *Replica) Heal(ctx context.Context, log Log, reach func(ctx context.Context, sequence uint64) error) (pushed int, err error) {
	done := make(map[string]bool) // what the server took or refused: nothing is given twice
	for {
		position, _, _ := r.Position()
		n, last, err := r.pushBack(ctx, log, position.Sequence, done)
		pushed += n
		switch {
		case errors.Is(err, events.ErrNotAtEnd):
			state, err := log.State(ctx)
			if err != nil {
				return pushed, fmt.Errorf("give the server back what it lost: %w", err)
			}
			if n == 0 && state.Last <= position.Sequence {
				return pushed, fmt.Errorf("give the server back what it lost: it ends its log at %d and takes nothing after that: restart the broker, and look for what its log says of a damaged file: %w", state.Last, err)
			}
			last = state.Last
		case err != nil:
			return pushed, fmt.Errorf("give the server back what it lost: %w", err)
		case n == 0:
			return pushed, nil
		}
		if err := reach(ctx, last); err != nil {
			return pushed, fmt.Errorf("read what the server was given back: %w", err)
		}
	}
}

func (r *Replica) pushBack(ctx context.Context, log Log, last uint64, done map[string]bool) (n int, end uint64, err error) {
	for m, err := range r.config.Store.Unconfirmed(ctx) {
		if err != nil {
			return n, last, err
		}
		print := m.Message.Fingerprint().String()
		if done[print] {
			continue
		}
		sequence, err := log.AppendAtEnd(ctx, m.Message, last)
		var refused *events.RefusedError
		if errors.As(err, &refused) {
			id, record := m.Peek()
			r.config.Warn("heal-refused", fmt.Sprintf("The server does not take back message %q of %q: %s. It stays here.", id, record, refused.Reason))
			done[print] = true
			continue
		}
		if err != nil {
			return n, last, err
		}
		done[print] = true
		last = max(last, sequence)
		n++
	}
	return n, last, nil
}

// Contradiction is a device whose signed position cannot be of the log that was read
// here.
type Contradiction struct {
	Device string
	Text   string
	// Ours says that the two have read different things up to a place that both have
	// passed: which of them is right is found by reading again.
	Ours bool
}

// trusts reports whether a position is of this log, and signed by a device that is let in.
func (r *Replica) trusts(s events.SignedPosition, stream string) bool {
	r.trusting.Lock()
	public, ok := r.trust.key(s.Device)
	r.trusting.Unlock()
	return ok && s.Stream == stream && s.Verify(public) == nil
}

// Agreed are those of the positions up to which this copy has read the same. It is asked for
// before the log is read again: a device that says nothing newer contradicts nothing afterwards,
// since all that it had read was here, and what the server lost of it is given back.
func (r *Replica) Agreed(ctx context.Context, stated []events.SignedPosition) (agreed []events.SignedPosition, err error) {
	_, stream, _ := r.Position()
	for _, s := range stated {
		if s.Sequence == 0 || !r.trusts(s, stream) {
			continue
		}
		hash, ok, err := r.config.Store.HashAt(ctx, s.Sequence)
		if err != nil {
			return nil, fmt.Errorf("compare positions: %w", err)
		}
		if ok && hash == s.Hash {
			agreed = append(agreed, s)
		}
	}
	return agreed, nil
}

// Contradicted looks for a contradiction among what other devices say; the server's log ends at
// last. nil: none.
func (r *Replica) Contradicted(ctx context.Context, stated []events.SignedPosition, last uint64) (*Contradiction, error) {
	position, stream, _ := r.Position()
	for _, s := range stated {
		if s.Device == r.config.Device || !r.trusts(s, stream) {
			continue
		}
		if s.Sequence > last {
			return &Contradiction{Device: s.Device, Text: fmt.Sprintf("the server's log ends at %d, but device %s has read up to %d: the server lost what that device will give back when it connects", last, s.Device, s.Sequence)}, nil
		}
		if s.Sequence > position.Sequence || s.Sequence == 0 {
			continue
		}
		hash, ok, err := r.config.Store.HashAt(ctx, s.Sequence)
		if err != nil {
			return nil, fmt.Errorf("compare positions: %w", err)
		}
		if ok && hash != s.Hash {
			return &Contradiction{Device: s.Device, Ours: true, Text: fmt.Sprintf("device %s has read another log than this one up to %d: let it connect, it gives back what it has; revoke it only where it is gone for good", s.Device, s.Sequence)}, nil
		}
	}
	return nil, nil
}
