package trail

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/carelog/carelog/events"
)

// Practice is what a desk needs so that its trail reaches the other desks, and theirs it.
type Practice struct {
	ID   string
	Key  []byte             // the practice's, of which the one that seals runs is derived
	Sign ed25519.PrivateKey // the device's own
	// Trusted gives the key by which a device of the practice signs, revoked or not.
	Trusted func(ctx context.Context, device string) (ed25519.PublicKey, error)
	// Server is where runs stand; nil while it cannot be reached.
	Server func() Server
	// Busy reports that something goes before: nothing is sent meanwhile.
	Busy func() bool
}

// Server keeps the runs of all desks: a *broker.Log, or a stand-in. Each stands behind the
// one before it of its desk; nothing is ever replaced. What they hold nobody there can read.
type Server interface {
	// LookState names what keeps the runs, and the devices that have any.
	LookState(ctx context.Context) (identity string, devices []string, err error)
	// PutLooks puts a run of this device behind the one at a sequence (0: there is none);
	// events.ErrTaken where another stands there.
	PutLooks(ctx context.Context, data []byte, after uint64) (sequence uint64, err error)
	// Looks reads the run of a device at a sequence (0: the last); events.ErrNoMessage
	// where there is none.
	Looks(ctx context.Context, device string, at uint64) (events.Stored, error)
}

// others are the trails of the other desks, as far as they can be asked, and what keeps
// their runs.
func (t *Trail) others(ctx context.Context, q Query, from cursor) (list []source, identity string, err error) {
	server := t.config.Practice.Server()
	if server == nil {
		return nil, "", ErrAlone
	}
	identity, devices, err := server.LookState(ctx)
	if err != nil {
		return nil, "", fmt.Errorf("%w: %w", ErrAlone, err)
	}
	if from.Identity != identity { // its numbers are of other runs
		from.Runs = nil
	}
	for _, device := range devices {
		if device == t.config.Device {
			continue
		}
		s := source{Other: Other{Device: device}, at: new(uint64)}
		_, r, err := t.run(ctx, server, device, 0)
		if n := len(r.entries); n > 0 {
			s.Until = r.entries[n-1].At
		}
		at, known := from.Runs[device]
		if err == nil && at > 0 && at < r.sequence {
			_, r, err = t.run(ctx, server, device, at)
		}
		switch {
		case known && at == 0, errors.Is(err, events.ErrNoMessage) && at > 0: // all of it was on earlier pages, or came of age
			s.list = func(func(Entry, error) bool) {}
		case err != nil:
			s.list = failed(err)
		default:
			s.list = t.theirs(ctx, server, device, r, q, from.before, s.at)
		}
		list = append(list, s)
	}
	return list, identity, nil
}

func failed(err error) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) { yield(Entry{}, err) }
}

var errUnopened = errors.New("looks that the server keeps do not open")

// run reads and opens the run of a device at a sequence (0: the last).
func (t *Trail) run(ctx context.Context, server Server, device string, at uint64) (sequence uint64, r run, err error) {
	stored, err := server.Looks(ctx, device, at)
	if err != nil {
		return 0, r, err
	}
	public := ed25519.PublicKey(nil)
	if device == t.config.Device {
		public = t.config.Practice.Sign.Public().(ed25519.PublicKey)
	} else if public, err = t.config.Practice.Trusted(ctx, device); err != nil {
		return 0, r, err
	}
	r, err = t.config.Practice.open(device, public, stored.Data)
	if err == nil && r.Previous >= stored.Sequence {
		err = &events.DamagedError{Name: "looks of " + device, Reason: "they stand behind themselves"}
	}
	if err != nil {
		return stored.Sequence, run{}, fmt.Errorf("%w: %w", errUnopened, err)
	}
	r.sequence = stored.Sequence
	return stored.Sequence, r, nil
}

// held is an entry and the run in which it stands.
type held struct {
	Entry
	run uint64
}

// theirs is the entries of another desk that match, the last first, from a run on
// backwards. What the server has dropped by its age is the end of it. With each entry at
// becomes the run from which it and all behind it are found again.
func (t *Trail) theirs(ctx context.Context, server Server, device string, r run, q Query, before events.ID, at *uint64) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		var list []held // read, and not given since a run before may have a higher id
		for {
			for _, e := range r.entries {
				if q.matches(e) && (before.IsZero() || e.ID.Compare(before) < 0) {
					list = append(list, held{e, r.sequence})
				}
			}
			slices.SortFunc(list, func(a, b held) int { return a.ID.Compare(b.ID) })
			var goOn bool
			if list, goOn = giveAbove(r.Highest, list, at, yield); !goOn || r.enough(q) {
				return
			}
			var err error
			if r, err = t.runBefore(ctx, server, device, r); err != nil {
				if _, goOn = giveAbove(events.ID{}, list, at, yield); goOn && !errors.Is(err, events.ErrNoMessage) {
					yield(Entry{}, err)
				}
				return
			}
		}
	}
}

// giveAbove gives the entries of a list with ids above one, the last first, and returns those
// that are left.
func giveAbove(id events.ID, list []held, at *uint64, yield func(Entry, error) bool) (rest []held, goOn bool) {
	latest := make([]uint64, len(list)) // of the runs of an entry and of all before it
	for i, e := range list {
		latest[i] = max(e.run, latest[max(i-1, 0)])
	}
	for n := len(list) - 1; n >= 0 && list[n].ID.Compare(id) > 0; n-- {
		if *at = latest[n]; !yield(list[n].Entry, nil) {
			return nil, false
		}
		list = list[:n]
	}
	return list, true
}

// runBefore is the run of a device before one; events.ErrNoMessage where there is none.
func (t *Trail) runBefore(ctx context.Context, server Server, device string, r run) (run, error) {
	if r.Previous == 0 {
		return run{}, events.ErrNoMessage
	}
	_, r, err := t.run(ctx, server, device, r.Previous)
	return r, err
}
