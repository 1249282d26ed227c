package replica

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// Log is what the replica needs of the server.
type Log interface {
	State(context.Context) (events.LogState, error)
	Read(ctx context.Context, from uint64) iter.Seq2[events.Stored, error]
	Get(ctx context.Context, sequence uint64) (events.Stored, error)
	Dossier(ctx context.Context, patient string, after uint64) iter.Seq2[events.Stored, error]
	AppendAtEnd(ctx context.Context, m events.Message, last uint64) (uint64, error)
	Key(ctx context.Context, patient string, id events.KeyID) (events.WrappedKey, error)
	KeyState(ctx context.Context) (events.KeyState, error)
	KeysAfter(ctx context.Context, read events.KeyMark, take func(keys []events.WrappedKey, now events.KeyMark) error) error
}

// Bounds of the pipeline: messages read ahead, those that are opened together, and events in one transaction.
const (
	readAhead = 8192
	partSize  = 1000
	batchSize = 8 * partSize
)

// Config is what a replica works with.
type Config struct {
	Practice string
	Device   string            // this one, which does not contradict itself
	Root     ed25519.PublicKey // of the practice: certifies devices
	Store    *projections.Store
	Ring     *events.Keyring
	// Applied is called after every commit and before the position is told, from the
	// goroutine of Follow, with the events that the log has and the records that changed.
	Applied func(ctx context.Context, confirmed []*events.Event, changed []events.Record) error
	// Judged is called when events were judged again and none is any more; see LeftOut.
	Judged func()
	// Warn tells people of something odd, by a code that stays the same.
	Warn func(code, text string)
}

// Replica is the device's copy of the log.
type Replica struct {
	config Config

	trusting sync.Mutex // what follows, between Follow and who asks
	trust    trust
	busy     string        // device whose events are being judged again
	left     *LeftOut      // nil: to be counted
	altered  uint64        // how often that may have become something else
	stirs    chan struct{} // keys came: there may be something to judge again

	applying atomic.Bool // a batch is being judged and applied

	mu       sync.Mutex
	last     uint64 // where the server's log ended when the reading began
	position events.Position
	stream   string
	moved    chan struct{} // closed and replaced when the position moves
	resting  chan struct{} // closed when the reading may go on; nil: it may
	late     []string      // patients whose keys were fetched for the batch at hand
	gaps     uint64        // of the server's log, of which is known that they are here, too
	missed   Loss          // gaps that are not, until the log is read again
}

// Open learns where the copy stands and which devices it knows.
func Open(ctx context.Context, c Config) (*Replica, error) {
	r := &Replica{config: c, moved: make(chan struct{}), stirs: make(chan struct{}, 1)}
	r.trust = r.newTrust()
	if err := r.reload(ctx); err != nil {
		return nil, fmt.Errorf("open the replica: %w", err)
	}
	return r, nil
}

func (r *Replica) newTrust() trust {
	return trust{practice: r.config.Practice, root: r.config.Root, open: r.config.Ring.Open, words: make(map[events.Digest]*word)}
}

// reload learns the copy as it is in the file. Of whom it is the first time to hear all is judged
// again that could be otherwise: who filled the file may have been cut off before, or been another carelog.
func (r *Replica) reload(ctx context.Context) error {
	position, stream, err := r.config.Store.Position(ctx)
	if err != nil {
		return err
	}
	r.trusting.Lock()
	err = r.trust.load(ctx, r.config.Store)
	r.trusting.Unlock()
	if err != nil {
		return err
	}
	r.alter()
	r.move(position, stream)
	return nil
}

func (r *Replica) move(p events.Position, stream string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.position, r.stream = p, stream
	close(r.moved)
	r.moved = make(chan struct{})
}

// Position returns how far the log was read, the identity of its stream, and a
// channel that is closed when that has changed.
func (r *Replica) Position() (events.Position, string, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.position, r.stream, r.moved
}

// end is where the server's log ended when the reading began.
func (r *Replica) end() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last
}

// Revoked reports whether the log shuts a device out.
func (r *Replica) Revoked(device string) bool {
	r.trusting.Lock()
	defer r.trusting.Unlock()
	return r.trust.revoked(device)
}

// Reach waits until the log was read up to a sequence.
func (r *Replica) Reach(ctx context.Context, sequence uint64) error {
	for {
		p, _, moved := r.Position()
		if p.Sequence >= sequence {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return fmt.Errorf("wait for event %d of the log: %w", sequence, context.Cause(ctx))
		}
	}
}

// Follow reads the log from the position on and applies it, until ctx ends or
// something fails. It is three stages side by side: read, open, judge and apply.
// Nothing is opened before keys returns, which waits for those that are on their way.
func (r *Replica) Follow(ctx context.Context, log Log, keys func() error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	start, stream, _ := r.Position()
	read, ahead := make(chan events.Stored, readAhead), newBudget()
	ready := make(chan opened, 1) // see hand

	var stages sync.WaitGroup
	run := func(stage func() error) {
		stages.Go(func() {
			if err := stage(); err != nil {
				cancel(err)
			}
		})
	}
	run(func() error { defer close(read); return r.read(ctx, log, start, ahead, read) })
	run(func() error {
		defer close(ready)
		if err := keys(); err != nil {
			return err
		}
		return r.prepare(ctx, log, start, ahead, read, ready)
	})
	run(func() error {
		if err := keys(); err != nil { // what is judged again is opened again
			return err
		}
		return r.apply(ctx, stream, ready)
	})
	stages.Wait()
	// Cut off at the wrong moment, it has committed more than it told: the next meeting
	// must compare what is in the file.
	if err := r.reload(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("see how far the log was read: %w", err)
	}
	return context.Cause(ctx)
}

func (r *Replica) read(ctx context.Context, log Log, start events.Position, ahead *budget, out chan<- events.Stored) error {
	first := true
	for m, err := range log.Read(ctx, start.Sequence+1) {
		if err == nil && first {
			first, err = false, r.sameStart(ctx, log, start)
		}
		if err != nil {
			return fmt.Errorf("read the log: %w", err)
		}
		if len(out) == 0 {
			runtime.Gosched() // where it came with the answer to a change, that goes first: somebody waits for it
		}
		if r.rest(ctx) != nil || ahead.take(ctx, sizeOf(m)) != nil {
			return nil
		}
		select {
		case out <- m:
		case <-ctx.Done():
			return nil
		}
	}
	return errors.New("read the log: the server ended it")
}

// Rest lets Follow take nothing more from the log until it is woken, so that something
// more urgent has the processor. wake can be called more than once, and must be called.
// Only one can ask for rest at a time.
func (r *Replica) Rest() (wake func()) {
	over := make(chan struct{})
	r.mu.Lock()
	defer r.mu.Unlock()
	r.resting = over
	return sync.OnceFunc(func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.resting = nil
		close(over)
	})
}

// rest waits until nobody asks for rest.
func (r *Replica) rest(ctx context.Context) error {
	r.mu.Lock()
	over := r.resting
	r.mu.Unlock()
	if over == nil {
		return nil
	}
	select {
	case <-over:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// sameStart asks once more, now that the reading has begun, whether the log is the one
// that Agree found: it may have been put back between the two. What comes after the
// first message is Read's own to see.
func (r *Replica) sameStart(ctx context.Context, log Log, start events.Position) error {
	if start.Sequence == 0 {
		return nil
	}
	same, err := r.same(ctx, log, start)
	if err == nil && !same {
		err = events.ErrInconsistent
	}
	return err
}

// prepare opens what has arrived, part by part: the first is applied while the others are opened.
func (r *Replica) prepare(ctx context.Context, log Log, p events.Position, ahead *budget, in <-chan events.Stored, out chan opened) error {
	for first := range in {
		messages, bytes := gather(ctx, first, in, r.end())
		ahead.give(bytes)
		part := opened{r.open(ctx, log, messages), bytes}
		for _, m := range part.messages {
			if m.failed != nil {
				return m.failed
			}
			p = p.Next(m.entry.Sequence, m.print)
			m.entry.Hash = p.Hash
		}
		if !hand(ctx, out, part) {
			return nil
		}
	}
	return nil
}

// Where more than a part is known to come, one of less than partLeast waits for others, partPause at a time: each
// part costs its opening, and each transaction much more, what a few hundred events do.
const (
	partLeast = 200
	partPause = 500 * time.Microsecond
)

// gather takes what has arrived already: one event when current, many when behind. The log ends at end, as far as is known.
func gather(ctx context.Context, first events.Stored, in <-chan events.Stored, end uint64) (part []events.Stored, bytes int) {
	part, bytes = append(make([]events.Stored, 0, min(1+len(in), partSize)), first), sizeOf(first)
	for len(part) < partSize && bytes < partBytes {
		select {
		case m, ok := <-in:
			if !ok {
				return part, bytes
			}
			part, bytes = append(part, m), bytes+sizeOf(m)
		default:
			if len(part) >= partLeast || first.Sequence+partSize > end || !more(ctx, in) {
				return part, bytes
			}
		}
	}
	return part, bytes
}

// more waits for partPause and reports whether anything came. It is not woken by each message: that would cost more than it is for.
func more(ctx context.Context, in <-chan events.Stored) bool {
	pause := time.NewTimer(partPause)
	defer pause.Stop()
	select {
	case <-pause.C:
		return len(in) > 0
	case <-ctx.Done():
		return false
	}
}

// opened are messages that are open, in their order, and how large they were.
type opened struct {
	messages []*prepared
	bytes    int
}

// hand gives a part to be applied, with what still waits there where one transaction may have both: messages
// that came one by one meanwhile wait for one transaction, and keep nothing from being opened. Nobody else
// puts something into out, which has room for one. It is false when ctx ends.
func hand(ctx context.Context, out chan opened, part opened) bool {
	select {
	case waiting := <-out:
		if len(waiting.messages)+len(part.messages) > batchSize || waiting.bytes+part.bytes > batchBytes {
			out <- waiting
			break
		}
		part = opened{append(waiting.messages, part.messages...), waiting.bytes + part.bytes}
	default:
	}
	select {
	case out <- part:
		return true
	case <-ctx.Done():
		return false
	}
}

// open decodes and opens messages, on all cores where they are many, but for one that a batch is being applied on: that
// is done by one goroutine, and what it is kept waiting the whole read takes longer.
func (r *Replica) open(ctx context.Context, log Log, messages []events.Stored) []*prepared {
	batch, space := make([]*prepared, len(messages)), make([]prepared, len(messages))
	cores := runtime.GOMAXPROCS(0)
	if r.applying.Load() {
		cores = max(1, cores-1)
	}
	workers := min(cores, 1+len(messages)/64)
	var wg sync.WaitGroup
	for w := range workers {
		work := func() {
			for i := w; i < len(messages); i += workers {
				batch[i] = &space[i]
				r.openOne(ctx, log, messages[i], batch[i])
			}
		}
		if w == workers-1 {
			work()
			break
		}
		wg.Go(work)
	}
	wg.Wait()
	return batch
}

// openOne decodes and opens a message into p.
func (r *Replica) openOne(ctx context.Context, log Log, m events.Stored, p *prepared) {
	p.entry.Sequence, p.entry.Stored = m.Sequence, m.Time
	e, digest, err := events.DecodeAndDigest(m.Message)
	if err != nil {
		p.entry.Message, p.entry.Reason, p.print = m.Message, err.Error(), m.Message.Fingerprint()
		return
	}
	p.entry.Event, p.digest = e, digest
	p.print = events.FingerprintOf(p.digest, e.Signature)
	if err := r.unseal(p); errors.Is(err, events.ErrNoKey) {
		if p.failed = r.fetchKey(ctx, log, e); p.failed == nil {
			_ = r.unseal(p) // what is wrong is a doubt
		}
	}
}

// unseal opens an event with the keys that are here.
func (r *Replica) unseal(p *prepared) error {
	e := p.entry.Event
	body, err := r.config.Ring.Open(e)
	switch {
	case errors.Is(err, events.ErrKeysUnread):
		p.failed = err
	case !e.Type.Known():
		p.doubt(projections.DoubtUnknownType, "it is of type %s, which this carelog does not know", e.Type)
	case err != nil:
		p.doubt(projections.DoubtUnopened, "%v", err)
	default:
		p.entry.Body, p.entry.Doubt, p.entry.Reason = body, "", ""
	}
	return err
}

// fetchKey asks for the key of an event. That the server has none, or none that fits,
// is no error; that it could not be asked is one: an event must not be doubted for ever
// because of a line that was cut just then.
func (r *Replica) fetchKey(ctx context.Context, log Log, e *events.Event) error {
	id, err := events.SealedBy(e.Sealed)
	if err != nil {
		return nil
	}
	if err := r.FetchKey(ctx, log, e.Patient, id); err != nil {
		return fmt.Errorf("fetch the key of event %s: %w", e.ID, err)
	}
	return nil
}

// FetchKey asks for one key of a patient. That the server has none, or none that fits, is
// no error: whoever needs it finds out.
func (r *Replica) FetchKey(ctx context.Context, log Log, patient string, id events.KeyID) error {
	k, err := log.Key(ctx, patient, id)
	switch {
	case errors.Is(err, events.ErrOffline) || ctx.Err() != nil:
		return err
	case err != nil || r.config.Ring.Check(k) != nil:
		return nil
	}
	if err := r.config.Store.PutKeys(ctx, k); err != nil {
		return err
	}
	r.config.Ring.Stored(k)
	r.fetched(patient)
	return nil
}

// fetched notes a patient whose key came late: what did not open before may open now.
func (r *Replica) fetched(patient string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.late = append(r.late, patient)
}

// reopenLate opens what waited for keys that came with this batch.
func (r *Replica) reopenLate(ctx context.Context) error {
	r.mu.Lock()
	late := r.late
	r.late = nil
	r.mu.Unlock()
	for _, patient := range late {
		if _, err := r.config.Store.Reopen(ctx, patient); err != nil {
			return fmt.Errorf("open what waited for its key: %w", err)
		}
	}
	if len(late) > 0 {
		r.weigh()
	}
	return nil
}

// weigh lets keys that came late say who may sign.
func (r *Replica) weigh() {
	r.trusting.Lock()
	r.trust.weigh()
	r.trusting.Unlock()
	r.alter()
	select {
	case r.stirs <- struct{}{}:
	default: // it is said already
	}
}

func (r *Replica) apply(ctx context.Context, stream string, in <-chan opened) error {
	for {
		if err := r.rejudge(ctx); err != nil { // first what an earlier reading was cut off before
			return err
		}
		select {
		case <-r.stirs:
		case batch, ok := <-in:
			if !ok {
				return nil
			}
			r.applying.Store(true)
			position, err := r.take(ctx, stream, batch.messages)
			r.applying.Store(false)
			if err != nil {
				return err
			}
			if err := r.rejudge(ctx); err != nil {
				return err
			}
			r.move(position, stream)
		}
	}
}

// take judges and applies a batch, and returns the position that it leads to. It is not judged before what stands before it
// was applied: where that becomes something else by it, it is found in the store.
func (r *Replica) take(ctx context.Context, stream string, batch []*prepared) (events.Position, error) {
	r.trusting.Lock()
	r.trust.judge(batch)
	r.trusting.Unlock()
	ofRevoked, err := r.meet(batch)
	if err != nil {
		return events.Position{}, err
	}
	b := projections.Batch{Entries: make([]projections.Entry, len(batch)), Stream: stream}
	var confirmed []*events.Event
	doubted := false
	for i, p := range batch {
		b.Entries[i] = p.entry
		b.Position = events.Position{Sequence: p.entry.Sequence, Hash: p.entry.Hash}
		if err := r.unqueue(ctx, p); err != nil {
			return b.Position, err
		}
		doubted = doubted || p.entry.Doubt != ""
		if p.entry.Event != nil && p.entry.Doubt != projections.DoubtSignature {
			confirmed = append(confirmed, p.entry.Event)
		}
	}
	changed, err := r.config.Store.Apply(ctx, b)
	if err != nil {
		return b.Position, fmt.Errorf("apply events %d to %d of the log: %w", b.Entries[0].Sequence, b.Position.Sequence, err)
	}
	if doubted || ofRevoked {
		r.alter()
	}
	if err := r.reopenLate(ctx); err != nil {
		return b.Position, err
	}
	if err := r.want(ctx, batch); err != nil {
		return b.Position, err
	}
	return b.Position, r.config.Applied(ctx, confirmed, changed)
}
