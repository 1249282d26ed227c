package agent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/carelog/carelog/agent/light"
	"github.com/carelog/carelog/agent/outbox"
	"github.com/carelog/carelog/events"
)

// Bounds of a push.
const (
	// pushBytes leaves room for what the broker's own headers add to a batch.
	pushBytes = events.MaxBatchBytes - events.MaxBatch<<8
	// patientTries is how often a batch is sent whole to a log in which others write to
	// the same dossiers; after that it gets smaller each time.
	patientTries = 3
	// firstPush is how many events the first batch has at most: the next ones are read
	// while the server is at work with these.
	firstPush = 250
	// restful is how long the reading of the log and the completing of the index rest at
	// most while a push begins. What was typed here is more urgent than to read it back; a
	// long push goes side by side with both.
	restful = 2 * time.Second
)

// push sends what is queued, in the order of the chain, keys first. The log must
// have been read to its end: what had arrived after all is then out of the outbox.
func (a *Agent) push(ctx context.Context, log Log) (err error) {
	if err := a.showTwins(ctx); err != nil {
		return fmt.Errorf("show what was numbered anew: %w", err)
	}
	a.owesKeys.Store(true) // what an earlier session sent may be lost again
	p := &pusher{agent: a, log: log, ends: make(map[string]uint64), size: a.config.PushBatch, began: a.config.Now(), noted: func() error { return nil }}
	defer func() { err = errors.Join(err, p.noted()) }()
	p.wake = a.replica.Rest()
	defer p.wake()
	defer log.Announce(nil)
	defer time.AfterFunc(restful, func() {
		p.wake()
		a.setBusy(false)
	}).Stop()
	ahead := make(chan part, 1)
	// It is announced while the keys are on their way: nothing of it is stored before its
	// end is sent, which is when the server has them.
	go func() { ahead <- p.announce(p.read(ctx, 0, min(firstPush, a.config.PushBatch)), nil) }()
	err = a.pushKeys(ctx, log)
	next := <-ahead
	if err != nil {
		return err
	}
	for {
		if next.err != nil {
			return next.err
		}
		if len(next.entries) > 0 || p.done > 0 { // the last batch counts too
			total := p.done + uint64(a.outbox.Len())
			a.setLight(light.Synchronising, reasonSending, &light.Activity{
				Kind: light.Push, Done: p.done, Total: total, ETASeconds: remaining(a.config.Now().Sub(p.began), p.done, total),
			})
		}
		if len(next.entries) == 0 {
			return nil
		}
		// After the reading: the key of an event that was read is then told of.
		if err := a.pushKeys(ctx, log); err != nil {
			return err
		}
		if next, err = p.step(ctx, next); err != nil {
			return err
		}
	}
}

// pusher is a push under way. It is used by one goroutine.
type pusher struct {
	agent *Agent
	log   Log
	began time.Time
	wake  func()       // lets the reading go on
	done  uint64       // events that the server has taken
	noted func() error // waits until the outbox knows of the batch that was stored last

	// ends is where each dossier ends, by subject: as it had been read when this push
	// came to it, and since then as the server's answers say. A place stands here only
	// if everything of the dossier up to there was read, or was acknowledged here: what
	// waits in the outbox is then certainly not before it.
	ends  map[string]uint64
	size  int // of the next batch
	tries int // of the batch at hand that met somebody else's change

	// Something from one place in the chain to another was refused; 0: nothing is sought.
	suspectFrom, suspectTo uint64
}

// part is what comes next in the outbox.
type part struct {
	entries []outbox.Entry
	ends    map[string]uint64 // of dossiers that this push has not come to before
	behind  uint64            // a place that must be read before it can be sent; 0: none
	// announced is the batch at the front, where it is on its way to the server already.
	announced []events.Appending
	err       error
}

// read reads at most limit of what waits after a place in the chain, and where its dossiers end. What was
// read of the log after the outbox was looked at is no end: an event that waits here may
// stand before it.
func (p *pusher) read(ctx context.Context, after uint64, limit int) part {
	position, _, _ := p.agent.replica.Position()
	next := part{ends: make(map[string]uint64)}
	next.entries, next.err = p.agent.outbox.Pending(ctx, after, limit)
	for _, e := range next.entries {
		subject := e.Message.Subject
		if _, known := p.ends[subject]; known {
			continue
		}
		if _, known := next.ends[subject]; known {
			continue
		}
		_, patient, err := events.ParseSubject(subject)
		if err != nil {
			return part{err: err}
		}
		end, err := p.agent.store.DossierSequence(ctx, patient)
		if err != nil {
			return part{err: err}
		}
		if end > position.Sequence {
			next.behind = max(next.behind, end)
		}
		next.ends[subject] = end
	}
	return next
}

// step sends one batch from the front of a part, or gets out of the way what keeps it
// from being sent, and returns what comes next.
func (p *pusher) step(ctx context.Context, next part) (part, error) {
	if next.behind > 0 {
		if err := p.reach(ctx, next.behind); err != nil {
			return part{}, err
		}
		return p.again(ctx)
	}
	batch, orphan, err := p.cut(next.entries)
	if err != nil {
		return part{}, err
	}
	if orphan != nil {
		if err := errors.Join(p.noted(), p.agent.setAside(ctx, batch, orphan.Reason)); err != nil {
			return part{}, err
		}
		return p.again(ctx)
	}
	list := next.announced
	if len(list) != len(batch) {
		list = p.expect(batch, next.ends)
	}
	ahead := make(chan part, 1)
	go func() { ahead <- p.announce(p.read(ctx, batch[len(batch)-1].Counter, p.agent.config.PushBatch), batch) }() // p does not change meanwhile
	first, err := p.log.AppendBatch(ctx, list)
	following := <-ahead
	if failed := p.noted(); failed != nil {
		return part{}, failed
	}
	if err == nil {
		p.stored(ctx, batch, first)
		return following, nil
	}
	if err := p.failed(ctx, batch, list, err); err != nil {
		return part{}, err
	}
	return p.again(ctx)
}

// again reads what comes next from what the server has not taken.
func (p *pusher) again(ctx context.Context) (part, error) {
	if err := p.noted(); err != nil {
		return part{}, err
	}
	return p.read(ctx, 0, p.agent.config.PushBatch), nil
}

// announce sends what comes next ahead, all but its end, while the server is at work with
// the batch before. Where that one leaves a dossier is not known yet, so what it has of
// such a dossier expects nothing. But its first event does: whatever sends any of the batch
// anew begins with that one, so a batch that hangs in a dead connection is then refused.
func (p *pusher) announce(next part, before []outbox.Entry) part {
	if next.err != nil || next.behind > 0 || len(next.entries) == 0 || !p.whole() {
		return next // what will be sent is not certain
	}
	batch, orphan, err := p.cut(next.entries)
	if orphan != nil || err != nil {
		return next
	}
	met := make(map[string]bool)
	for _, e := range before {
		met[e.Message.Subject] = true
	}
	list := p.appending(batch, next.ends, met)
	if list[0].After != nil {
		p.log.Announce(list)
		next.announced = list
	}
	return next
}

// whole reports whether batches are as large as they may be: nothing was refused, and
// nobody writes to the same dossiers all the time.
func (p *pusher) whole() bool { return p.size >= p.agent.config.PushBatch && p.suspectTo == 0 }

// cut takes from the front what goes into one batch; a transaction is never parted. An
// event that builds on one that was set aside here is refused, and comes alone, or with
// its transaction.
func (p *pusher) cut(entries []outbox.Entry) (batch []outbox.Entry, orphan *events.RefusedError, err error) {
	most := min(len(entries), p.size)
	if p.suspectTo > 0 {
		most = min(most, p.suspicious(entries))
	}
	n, bytes := 0, 0
	met, fresh := make(map[string]bool), 0 // where the last dossier begins that the batch did not have before
	for n < len(entries) {
		unit := entries[n : n+together(entries[n:])]
		for _, e := range unit {
			bytes += e.Message.Size()
		}
		if n > 0 && (n+len(unit) > most || bytes > pushBytes) {
			break
		}
		orphan, err := p.agent.buildsOnSetAside(unit)
		switch {
		case err != nil:
			return nil, nil, err
		case orphan != nil && n == 0:
			return unit, orphan, nil
		case orphan != nil:
			return entries[:n], nil, nil
		}
		if !met[unit[0].Message.Subject] {
			fresh = n
		}
		for _, e := range unit {
			met[e.Message.Subject] = true
		}
		n += len(unit)
	}
	if p.whole() && n >= firstPush && n-fresh <= n/10 {
		n = fresh // the next batch then begins with a dossier of its own, and can be announced
	}
	return entries[:n], nil, nil
}

// together counts the events at the front that the server must take as one: those of a
// transaction, or one that stands alone.
func together(entries []outbox.Entry) int {
	n := 1
	for n < len(entries) && entries[n].Together == entries[0].Together && !entries[0].Together.IsZero() {
		n++
	}
	return n
}

// unitAt returns the part of a batch that the server must take as one and that holds
// what stands at i.
func unitAt(batch []outbox.Entry, i int) []outbox.Entry {
	for from := 0; ; {
		to := from + together(batch[from:])
		if i < to {
			return batch[from:to]
		}
		from = to
	}
}

// suspicious is how many may go into a batch while one that was refused is sought: those
// before it, or half of those among which it is, or it alone.
func (p *pusher) suspicious(entries []outbox.Entry) int {
	before, among := 0, 0
	for _, e := range entries {
		switch {
		case e.Counter < p.suspectFrom:
			before++
		case e.Counter <= p.suspectTo:
			among++
		}
	}
	switch {
	case before > 0:
		return before
	case among > 0:
		return max(1, among/2)
	}
	p.suspectFrom, p.suspectTo = 0, 0
	return len(entries)
}

// expect says with each first event of a dossier where that dossier ends. It is no
// condition in meaning: what was written offline is stored whatever others wrote. It
// keeps a batch that hangs in a dead connection from being stored a second time.
func (p *pusher) expect(batch []outbox.Entry, ends map[string]uint64) []events.Appending {
	list := p.appending(batch, ends, make(map[string]bool))
	for _, a := range list {
		if a.After != nil {
			p.ends[a.Message.Subject] = *a.After
		}
	}
	return list
}

// appending says where each dossier ends that was not met before, as far as it is known, and
// else as it was read.
func (p *pusher) appending(batch []outbox.Entry, ends map[string]uint64, met map[string]bool) []events.Appending {
	list := make([]events.Appending, len(batch))
	for i, e := range batch {
		subject := e.Message.Subject
		list[i].Message = e.Message
		if met[subject] {
			continue
		}
		met[subject] = true
		end, known := p.ends[subject]
		if !known {
			end = ends[subject]
		}
		list[i].After = &end
	}
	return list
}

// stored notes a batch that the server has taken. It leaves the outbox when the replica
// reads it in the log. The outbox learns of it beside the next batch.
func (p *pusher) stored(ctx context.Context, batch []outbox.Entry, first uint64) {
	counters := make([]uint64, len(batch))
	for i, e := range batch {
		counters[i] = e.Counter
		p.ends[e.Message.Subject] = first + uint64(i)
	}
	p.done += uint64(len(batch))
	p.tries, p.size = 0, min(2*p.size, p.agent.config.PushBatch)
	p.noted = beside(func() error {
		defer p.agent.changed.fire()
		return p.agent.outbox.Sent(context.WithoutCancel(ctx), first, counters...)
	})
}

// failed sees to what kept a batch from being stored; nil where the rest can go on.
func (p *pusher) failed(ctx context.Context, batch []outbox.Entry, list []events.Appending, cause error) error {
	var refused *events.RefusedError
	var stale *events.StaleError
	var blamed *events.BatchError
	at := -1
	if errors.As(cause, &blamed) && blamed.Index < len(batch) {
		at = blamed.Index
	}
	switch {
	case errors.As(cause, &refused) && len(batch) == together(batch):
		p.suspectFrom, p.suspectTo = 0, 0
		return p.agent.setAside(ctx, batch, reasonOf(refused, batch, at))
	case errors.As(cause, &refused) && at >= 0:
		unit := unitAt(batch, at)
		p.suspectFrom, p.suspectTo = unit[0].Counter, unit[len(unit)-1].Counter
		return nil
	case errors.As(cause, &refused):
		p.suspectFrom, p.suspectTo = batch[0].Counter, batch[len(batch)-1].Counter
		return nil
	case errors.As(cause, &stale) && at >= 0:
		return p.stale(ctx, batch[at].Message.Subject, list[at].After, stale)
	}
	cause = fmt.Errorf("send %d events from %s on: %w", len(batch), batch[0].ID, cause)
	return errors.Join(cause, p.agent.outbox.Failed(context.WithoutCancel(ctx), batch[0].Counter, batch[len(batch)-1].Counter, cause))
}

// reasonOf says why an event was refused, or a transaction, of which one event may be to
// blame: none of it was stored.
func reasonOf(refused *events.RefusedError, batch []outbox.Entry, at int) string {
	if len(batch) == 1 || at < 0 {
		return refused.Reason
	}
	_, record := batch[at].Message.Peek()
	return fmt.Sprintf("the server refuses %s, and with it the transaction that it is a part of: %s", record, refused.Reason)
}

// stale reads what a colleague wrote to a dossier meanwhile: what is queued goes behind it.
func (p *pusher) stale(ctx context.Context, subject string, after *uint64, stale *events.StaleError) error {
	if after != nil && stale.Sequence < *after {
		return fmt.Errorf("the server has lost events that it acknowledged: a dossier ends at %d, and was at %d", stale.Sequence, *after)
	}
	if p.tries++; p.tries > patientTries {
		p.size = max(1, p.size/2)
	}
	if err := p.reach(ctx, stale.Sequence); err != nil {
		return err
	}
	p.ends[subject] = stale.Sequence
	return nil
}

// reach waits until the log was read up to a place.
func (p *pusher) reach(ctx context.Context, sequence uint64) error {
	p.wake()
	ctx, cancel := context.WithTimeoutCause(ctx, stallAfter, fmt.Errorf("the server sends none of its events up to %d", sequence))
	defer cancel()
	return p.agent.replica.Reach(ctx, sequence)
}

// buildsOnSetAside refuses what has an event whose parent was set aside here: the
// others would see a change of something that they have never seen.
func (a *Agent) buildsOnSetAside(unit []outbox.Entry) (*events.RefusedError, error) {
	if a.outbox.CountSetAside() == 0 {
		return nil, nil
	}
	list, err := outbox.Events(unit)
	if err != nil {
		return nil, err
	}
	for _, e := range list {
		for _, parent := range e.Parents {
			if a.outbox.IsSetAside(parent) {
				return &events.RefusedError{Reason: fmt.Sprintf("%s builds on event %s, which was refused", e.Record, parent)}, nil
			}
		}
	}
	return nil, nil
}
