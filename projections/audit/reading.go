package audit

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/carelog/carelog/events"
)

// item is one message of the log with all that can be known of it on its own and
// from the Device records before it.
type item struct {
	stored      events.Stored
	event       *events.Event // nil: the message is no event, and fault says why
	fault       error
	fingerprint events.Digest
	digest      events.Digest
	body        []byte // kept for Device records and Binaries, and where the reading keeps bodies
	openErr     error
	standing    Standing
	problems    []problem // of a Device record

	key     ed25519.PublicKey // of its device at this point
	revoked bool
	judged  bool
}

func (it *item) place() place { return placeOf(it.stored.Sequence, it.stored.Message) }

// link is Event.Link, without hashing again.
func (it *item) link() events.Digest {
	if !it.event.Replaces.IsZero() {
		return it.event.Replaces
	}
	return events.FingerprintOf(it.digest, it.event.Signature)
}

// noKey reports whether the body stays closed only because its key is not here.
func (it *item) noKey() bool { return errors.Is(it.openErr, events.ErrNoKey) }

// Bounds of one batch: what is in memory at once, in messages and in bytes of their
// bodies as they came. Once opened a body can be larger, up to events.MaxPlain; only
// as many as there are cores are open at a time, unless the reading keeps them: then
// its batches are smaller.
const (
	batchMessages = 512
	batchKept     = 64
	batchBytes    = 8 << 20
)

// reading goes through a log in batches. Decoding, hashing, opening and the check of
// signatures are done by all cores, the rest in order by the caller's goroutine;
// between two batches no goroutine is left.
type reading struct {
	keys  Keys
	trust *trust
	keep  bool                      // keep every body, not only those of Device records and Binaries
	wants func(events.Message) bool // nil: all; the others are not even decoded
}

// run gives every wanted message to each, in the order of the log.
func (r *reading) run(ctx context.Context, log Log, each func(*item) error) error {
	r.trust = newTrust(r.keys)
	if err := r.introduce(log); err != nil {
		return err
	}
	most, size := batchMessages, 0
	if r.keep {
		most = batchKept
	}
	batch := make([]item, 0, most)
	flush := func() error {
		r.examine(batch)
		for i := range batch {
			if err := each(&batch[i]); err != nil {
				return err
			}
			batch[i] = item{} // its bytes may go before the next batch is full
		}
		batch, size = batch[:0], 0
		return ctx.Err()
	}
	for m, err := range log {
		if err != nil {
			return fmt.Errorf("read the log: %w", err)
		}
		if r.wants != nil && !r.wants(m.Message) {
			continue
		}
		batch = append(batch, item{stored: m})
		size += len(m.Data)
		if len(batch) == most || size >= batchBytes {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// introduce reads the certificates first, since each counts wherever it stands, and where a device is shut out
// what it has sent, since that is vouched for by what may stand behind it.
func (r *reading) introduce(log Log) error {
	if !r.keys.judges() {
		return nil
	}
	devices := log
	if r.keys.Devices != nil {
		devices = r.keys.Devices
	}
	var list []introduction
	for m, err := range devices {
		if err != nil {
			return fmt.Errorf("read the devices of the log: %w", err)
		}
		if _, record := m.Peek(); !strings.HasPrefix(record, deviceType+"/") {
			continue
		}
		e, err := events.Decode(m.Message)
		if err != nil || !introduces(e) || e.Practice != r.keys.Practice {
			continue
		}
		if body, err := r.keys.Open(e); err == nil {
			list = append(list, introduction{e, body})
		}
	}
	r.trust.meet(list)
	return r.trust.hold(log, list)
}

// examine fills in the items of a batch.
func (r *reading) examine(batch []item) {
	parallel(len(batch), func(i int) { r.decode(&batch[i]) })
	if !r.keys.judges() {
		for i := range batch {
			batch[i].standing = NotJudged
		}
		return
	}
	// Who may sign changes only here, in order, and only by Device records.
	for i := range batch {
		it := &batch[i]
		switch {
		case it.event == nil:
			it.judged = true
		case it.event.Practice != r.keys.Practice:
			// A stranger to this log: it must neither teach us keys nor count.
			it.standing, it.judged = NotCertified, true
		case introduces(it.event):
			it.standing, it.problems = r.trust.learn(it)
			it.judged = true
		default:
			it.key, it.revoked = r.trust.of(it)
		}
	}
	parallel(len(batch), func(i int) {
		if it := &batch[i]; !it.judged {
			it.standing = judge(it.event, it.key, it.revoked)
		}
	})
}

// decode does what needs nothing but the message and the keys.
func (r *reading) decode(it *item) {
	e, err := events.Decode(it.stored.Message)
	if err != nil {
		it.fault, it.fingerprint = err, it.stored.Message.Fingerprint()
		return
	}
	it.event, it.digest = e, e.Digest()
	it.fingerprint = events.FingerprintOf(it.digest, e.Signature)
	if r.keys.Open == nil {
		return
	}
	body, err := r.keys.Open(e)
	it.openErr = err
	if r.keep || introduces(e) || e.Record.Type == binaryType {
		it.body = body
	}
}

// parallel calls f for 0 to n-1 on all cores and waits for the last.
func parallel(n int, f func(int)) {
	workers := min(n, runtime.GOMAXPROCS(0))
	var next atomic.Int64
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	all.Wait()
}
