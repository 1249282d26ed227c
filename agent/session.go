package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/carelog/carelog/agent/light"
	"github.com/carelog/carelog/agent/replica"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// Bounds of a session.
const (
	// liveLag is how many events behind a desk may be before its light blinks.
	liveLag = 100
	// liveLate is for how long it may be.
	liveLate = 2 * time.Second
	// positionEvery is how often a device states its position to the others.
	positionEvery = 10 * time.Second
)

// session is one meeting with the server: agree, read, heal, push, then live.
type session struct {
	agent    *Agent
	log      Log
	metered  *metered        // log, as Follow reads it
	contents *contentLine    // log, as contents go over it
	fail     func(error)     // ends the session
	over     context.Context // is done when it has ended
	keys     func() error    // waits until those that were new when it began are here
	keysCame chan struct{}   // closed when they are, or do not come

	heard    bool            // what this device had said before was held against the log
	stated   events.Position // that the others were told
	statedAt time.Time
	lookedAt time.Time       // for keys
	keyState events.KeyState // of the server's, when it had all that are here
	keyed    bool            // whether there was such a time in this session

	missing     map[string]int // how many changes of each device were missing at the last look
	missingFact string         // and which

	makers   sync.WaitGroup // of snapshots, and whoever does something else alone
	newest   atomic.Uint64  // position of the newest snapshot, as far as is known
	reviewed time.Time      // when the snapshots were last looked at for a good one
}

func (s *session) run(ctx context.Context) error {
	s.agent.setBusy(true)
	defer s.agent.setBusy(false)
	if !s.agent.failing() {
		s.agent.setLight(light.Synchronising, reasonAsking, nil)
	}
	asking, enough := context.WithCancel(ctx)
	s.keysCame = make(chan struct{})
	s.keys = beside(func() error {
		defer close(s.keysCame)
		return s.agent.replica.FetchKeys(asking, s.metered)
	})
	defer func() {
		enough()
		_ = s.keys()
	}()
	state, loss, err := s.agree(ctx)
	if err != nil {
		return err
	}
	s.agent.setLight(light.Synchronising, reasonAsking, s.beginning(state))
	endAhead := func(error) {}
	if loss == "" {
		if endAhead, err = s.beginAhead(ctx, state); err != nil {
			return err
		}
		defer func() { endAhead(nil) }()
		if state, loss, err = s.takeSnapshot(ctx, state); err != nil {
			return err
		}
	}
	heal, err := s.begin(ctx, state, loss)
	if err != nil {
		return err
	}
	if heal {
		endAhead(nil) // all that the server had is here, and what it has now may be less
	}
	return s.follow(ctx, state, func(ctx context.Context) error { return s.meet(ctx, state, heal, endAhead) })
}

// failing reports whether the last session failed for what a new one does not mend by beginning: the light
// says so until the server has answered, and does not blink at each try.
func (a *Agent) failing() bool {
	reason := a.light.State().Reason
	return strings.HasPrefix(reason, reasonDisagree) || strings.HasPrefix(reason, reasonDisk)
}

// beginning is what is done before anything of the log has come; nil where nothing is to come.
func (s *session) beginning(state events.LogState) *light.Activity {
	a := s.agent
	position, _, _ := a.replica.Position()
	if position.Sequence >= state.Last {
		return nil
	}
	kind := light.CatchUp
	if a.readsFirst() {
		kind = light.Initial
	}
	pace := estimate{began: a.config.Now()}
	return pace.progress(kind, pace.began, position.Sequence, position.Sequence, state.Last, s.metered.bytes.Load())
}

// awaitKeys waits for the keys that were new when the session began.
func (s *session) awaitKeys(state events.LogState) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-s.keysCame:
			return s.keys()
		default:
		}
		s.agent.setLight(light.Synchronising, reasonKeys, s.beginning(state))
		select {
		case <-s.keysCame:
		case <-tick.C:
		}
	}
}

// agree finds out whether the server's log is the one that was read, and says where it is not.
func (s *session) agree(ctx context.Context) (state events.LogState, loss replica.Loss, err error) {
	if state, loss, err = s.agent.replica.Agree(ctx, s.log); err != nil {
		return state, "", err
	}
	if loss == "" {
		loss = s.agent.doubtful
	}
	if loss != "" {
		s.agent.warn("server-lost", "The server's log is not the one that was read before: %s. It is read again from the start, and gets back what it lost.", loss)
	}
	s.noteServer(state)
	return state, loss, nil
}

// takeSnapshot takes one where that saves reading, and holds what it brought against the log.
func (s *session) takeSnapshot(ctx context.Context, state events.LogState) (events.LogState, replica.Loss, error) {
	took, err := s.restore(ctx, state)
	if err != nil || !took {
		return state, "", err
	}
	return s.agent.replica.Agree(ctx, s.log)
}

// begin prepares the reading, after a loss of the whole log, and reports whether there is
// something that the server has to be given back.
func (s *session) begin(ctx context.Context, state events.LogState, loss replica.Loss) (heal bool, err error) {
	if loss != "" {
		if err := s.explain(ctx); err != nil {
			return false, err
		}
	}
	if err := s.agent.replica.Begin(ctx, state, loss); err != nil {
		return false, err
	}
	s.agent.doubtful = ""
	heal, err = s.agent.replica.Owes(ctx)
	return heal || loss != "", err
}

// follow reads the log for as long as meet goes on, or until the reading fails.
func (s *session) follow(ctx context.Context, state events.LogState, meet func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	var following sync.WaitGroup
	following.Go(func() { cancel(s.agent.replica.Follow(ctx, s.metered, s.keys)) })
	err := s.awaitKeys(state)
	if err == nil {
		err = meet(ctx)
	}
	s.agent.leaveLive(s)
	cause := context.Cause(ctx)
	cancel(err)
	following.Wait()
	if cause != nil {
		return cause
	}
	return err
}

// meet brings both sides to the same state and keeps them there.
func (s *session) meet(ctx context.Context, state events.LogState, heal bool, endAhead func(why error)) error {
	if err := s.catchUp(ctx, state, heal); err != nil {
		return err
	}
	if err := s.agent.finishedReading(); err != nil {
		return err
	}
	endAhead(errReadToEnd)
	if heal {
		if err := s.keepKeys(ctx, true); err != nil {
			return err
		}
		s.agent.setLight(light.Synchronising, "giving the server back what it lost", &light.Activity{Kind: light.Heal, ETASeconds: -1})
		n, err := s.agent.replica.Heal(ctx, s.log, s.reach)
		if err != nil {
			return err
		}
		s.agent.log.Warn("server healed", "events", n)
		s.agent.clearWarning("server-lost")
	}
	if s.agent.replica.Revoked(s.agent.config.Enrolment.Device) {
		return ErrRevoked
	}
	if err := s.agent.align(ctx); err != nil {
		return err
	}
	if heal {
		if err := s.agent.attachments.OweAll(); err != nil {
			return err
		}
	}
	defer s.sendAttachments(ctx)()
	for {
		if s.agent.outbox.Len() > 0 {
			s.agent.setBusy(true)
		}
		if err := s.agent.push(ctx, s.log); err != nil {
			return err
		}
		if err := s.live(ctx); err != nil {
			return err
		}
	}
}

// manyToRead is from how many events on a read is a long one, of a fifth of a second.
const manyToRead = 5000

// catchUp waits until all is read that was in the log when the session began.
func (s *session) catchUp(ctx context.Context, state events.LogState, heal bool) error {
	a := s.agent
	start, _, _ := a.replica.Position()
	kind, reason := light.CatchUp, "reading what is new"
	switch {
	case heal:
		kind, reason = light.Heal, "reading the server's log again"
	case a.readsFirst() && len(a.refused) > 0:
		kind, reason = light.Initial, reasonInstead
	case a.readsFirst():
		kind, reason = light.Initial, "reading the practice's log for the first time"
	}
	if state.Last-start.Sequence >= manyToRead {
		defer replica.HoldBallast()()
	}
	pace := estimate{began: a.config.Now()}
	for {
		position, _, moved := a.replica.Position()
		if position.Sequence >= state.Last {
			return nil
		}
		a.setLight(light.Synchronising, reason, pace.progress(kind, a.config.Now(), start.Sequence, position.Sequence, state.Last, s.metered.bytes.Load()))
		if err := s.moves(ctx, moved, state.Last); err != nil {
			return err
		}
	}
}

// stallAfter is how long the server may send nothing of what it has.
const stallAfter = time.Minute

// moves waits until the position moves; that it does not, while the server has more,
// is an error.
func (s *session) moves(ctx context.Context, moved <-chan struct{}, last uint64) error {
	stalled := time.NewTimer(stallAfter)
	defer stalled.Stop()
	select {
	case <-moved:
		return nil
	case <-stalled.C:
		if s.agent.ahead.agenda.busy() {
			return nil // it goes first
		}
		p, _, _ := s.agent.replica.Position()
		return fmt.Errorf("the server has events up to %d, but sends none after %d", last, p.Sequence)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// reach waits until the log was read up to a place, for as long as it is on its way.
func (s *session) reach(ctx context.Context, sequence uint64) error {
	for {
		position, _, moved := s.agent.replica.Position()
		if position.Sequence >= sequence {
			return nil
		}
		if err := s.moves(ctx, moved, sequence); err != nil {
			return err
		}
	}
}

// remaining estimates the seconds left from the rate so far; -1 where there is none.
func remaining(spent time.Duration, done, total uint64) int64 {
	if done == 0 || spent <= 0 {
		return -1
	}
	left := spent.Seconds() / float64(done) * float64(total-done)
	return int64(left + 0.5)
}

// live takes writes online for as long as both sides are the same. It returns nil
// when something waits in the outbox.
func (s *session) live(ctx context.Context) error {
	a := s.agent
	tick := time.NewTicker(a.config.Interval)
	defer tick.Stop()
	for {
		work := a.work.wait()
		took, err := a.enterLive(ctx, s)
		if err != nil || !took {
			return err
		}
		if err := s.prove(ctx); err != nil {
			return err
		}
		a.setBusy(false)
		s.offerSnapshot(ctx)
		if err := s.forgetRefused(ctx); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-work:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// ErrRevoked says that the log shuts this desk out: what it would write is refused.
var ErrRevoked = errors.New("this desk was revoked: what it writes counts nowhere any more; what is queued stays here for an administrator")

// enterLive lets writes go online, unless something is queued.
func (a *Agent) enterLive(ctx context.Context, s *session) (bool, error) {
	if err := a.lockWriting(ctx); err != nil {
		return false, err
	}
	defer a.unlockWriting()
	was := a.live
	a.live = nil
	switch {
	case ctx.Err() != nil:
		return false, context.Cause(ctx)
	case a.chosenOffline():
		return false, errors.New(reasonChosen)
	case a.replica.Revoked(a.config.Enrolment.Device):
		return false, ErrRevoked
	case a.outbox.Len() > 0 || was != s && a.owesKeys.Load():
		return false, nil
	}
	if was != s {
		a.acked = 0
	} else if err := a.giveMade(ctx, s); err != nil {
		return false, err
	}
	a.live = s
	return true, nil
}

// giveMade sends a key that was made for a change which is about to come, as that one would: if the session
// were left for it, the change would be queued. writing is held.
func (a *Agent) giveMade(ctx context.Context, s *session) error {
	ctx, cancel := context.WithTimeout(ctx, a.config.Patience)
	defer cancel()
	return a.pushKeys(ctx, s.log)
}

// leaveLive makes writes go to the outbox. A change on its way is waited for: it
// ends within the agent's patience.
func (a *Agent) leaveLive(s *session) {
	a.writing <- struct{}{}
	defer a.unlockWriting()
	if a.live == s {
		a.live = nil
	}
}

// prove compares both ends and sets the light accordingly: green is a proof.
func (s *session) prove(ctx context.Context) error {
	a := s.agent
	began, wanted := a.config.Now().UTC(), a.proofs.asked.Load()
	var stated []events.SignedPosition
	asked := beside(func() (err error) {
		stated, err = s.log.Positions(ctx)
		return err
	})
	state, loss, err := a.replica.Agree(ctx, s.log)
	if failed := asked(); failed != nil {
		return fmt.Errorf("ask for the positions of the other devices: %w", failed)
	}
	a.noteStated(stated)
	if err != nil {
		return err
	}
	stated = slices.DeleteFunc(stated, a.isExplained)
	if loss != "" {
		return fmt.Errorf("the server's log changed while it was read: %s", loss)
	}
	s.noteServer(state)
	s.noteClock(state)
	if err := s.hearOwn(ctx, stated, state.Last); err != nil {
		return err
	}
	position, stream, _ := a.replica.Position()
	contradiction, err := a.replica.Contradicted(ctx, stated, state.Last)
	if err == nil && contradiction != nil && !contradiction.Ours {
		// It may have read on between the two answers: against one that was asked for later, its word holds.
		if state, err = s.log.State(ctx); err == nil {
			contradiction, err = a.replica.Contradicted(ctx, stated, state.Last)
		}
	}
	if err != nil {
		return err
	}
	switch {
	case contradiction != nil:
		return s.contradicted(ctx, contradiction, state.Last)
	case position.Sequence < state.Last:
		return s.lag(ctx, state)
	}
	a.clearWarning("positions-differ")
	if err := s.openLate(ctx); err != nil {
		return err
	}
	if err := s.green(ctx, began, wanted, position); err != nil {
		return err
	}
	return s.state(ctx, position, stream)
}

// openLate looks now and then for keys that came after what they open, sends those
// again that the server refused, gives back those that it lost, and says what does not open: not at
// every proof, since what that costs grows with what does not.
func (s *session) openLate(ctx context.Context) error {
	a := s.agent
	now := a.config.Now()
	if now.Sub(s.lookedAt) < positionEvery {
		return nil
	}
	s.lookedAt = now
	if err := a.retryKeys(ctx, s.log); err != nil {
		return err
	}
	if err := s.keepKeys(ctx, false); err != nil {
		return err
	}
	if err := a.mendKeys(ctx, s.log); err != nil {
		return err
	}
	if err := errors.Join(a.tellUnopened(ctx), s.tellMissing(ctx)); err != nil {
		return err
	}
	concerns, err := a.store.Concerns(ctx)
	if err != nil {
		return err
	}
	left, err := a.replica.LeftOut(ctx) // a certificate is sealed, too
	if err != nil || concerns.Doubts[projections.DoubtUnopened] == 0 && len(left.Unvouched) == 0 {
		return err
	}
	if err := a.replica.FetchKeys(ctx, s.log); err != nil {
		return err
	}
	a.changed.fire()
	return nil
}

// doubt is another device's word against this one, for which the log was read again.
type doubt struct {
	text string
	at   time.Time
}

// doubtRests is for how long the word of one device does not make the log be read again. Two
// that differ for good, as those of a cluster that was cut in two do, would else answer each
// other's newer words by reading for ever.
const doubtRests = time.Hour

// contradicted keeps the light from being green. Where both have read different things,
// this desk reads the whole log once more, whose end is last: what only it has is then found, and given
// back. For the same words that is done once, for newer ones of the same device at most once in
// doubtRests.
func (s *session) contradicted(ctx context.Context, c *replica.Contradiction, last uint64) error {
	a := s.agent
	a.warn("positions-differ", "%s.", c.Text)
	a.setLight(light.Synchronising, c.Text, &light.Activity{Kind: light.Heal, ETASeconds: -1})
	now := a.config.Now()
	if was, ok := a.doubted[c.Device]; !c.Ours || ok && (was.text == c.Text || now.Sub(was.at) < doubtRests) {
		// It was read again, and is so, or reading again would not help: that this desk doubts another
		// is no reason for the others to hold its older word, too, against what they have, nor to keep
		// silent about what is lost.
		position, stream, _ := a.replica.Position()
		if position.Sequence >= last {
			if err := s.openLate(ctx); err != nil {
				return err
			}
			if _, err := a.tellLeftOut(ctx); err != nil {
				return err
			}
		}
		return s.state(ctx, position, stream)
	}
	a.doubted[c.Device] = doubt{text: c.Text, at: now}
	a.doubtful = replica.Loss(c.Text)
	return fmt.Errorf("read the log again: %s", c.Text)
}

// green turns the light on by a proof that began at a time, for all who had asked for one by
// then, and found us at a position; unless something was queued since: then the light is
// looked at again after the push.
func (s *session) green(ctx context.Context, began time.Time, wanted uint64, at events.Position) error {
	a := s.agent
	left, err := a.tellLeftOut(ctx)
	if err != nil {
		return err
	}
	if err := a.lockWriting(ctx); err != nil {
		return err
	}
	defer a.unlockWriting()
	if a.live != s {
		return nil
	}
	if n := a.outbox.Overdue(at.Sequence); n > 0 {
		return fmt.Errorf("the server acknowledged %d events that are not in its log", n)
	}
	refused := a.outbox.CountSetAside()
	a.mu.Lock()
	a.server.Agreed = began
	a.mu.Unlock()
	if refused > 0 {
		a.setLight(light.Synchronising, fmt.Sprintf("the server refused %d of this desk's changes: send them again, or discard them", refused), nil)
		return nil
	}
	if left != "" {
		a.setLight(light.Synchronising, left, nil)
		return nil
	}
	if !a.ready() {
		if err := a.makeReady(ctx); err != nil {
			a.setLight(light.Synchronising, withCause(reasonDisk, err), nil)
			return nil
		}
	}
	if lost := len(a.unsent); lost > 0 {
		a.setLight(light.Synchronising, reasonUnsent(lost), nil)
		return nil
	}
	if keys := len(a.outbox.RefusedKeys()); keys > 0 {
		a.setLight(light.Synchronising, reasonRefusedKeys(keys), nil)
		return nil
	}
	if owed := a.attachments.Owed(); owed > 0 {
		a.setLight(light.Synchronising, reasonAttachments(owed), nil)
		return nil
	}
	a.outlived(warnRestored, restoredFor) // what got new numbers is on the server
	a.outlived(WarnEndLost, restoredFor)
	a.proofs.given.Store(wanted)
	a.setLight(light.Online, reasonSafe, nil)
	a.proved.fire()
	return nil
}

// lag handles a desk that is behind while live: a few events are on their way and
// do not make the light blink; more do, or a few that do not come soon; and none arriving
// is a failure.
func (s *session) lag(ctx context.Context, state events.LogState) error {
	a := s.agent
	position, _, _ := a.replica.Position()
	if state.Last-position.Sequence <= liveLag {
		soon, cancel := context.WithTimeout(ctx, liveLate)
		_ = a.replica.Reach(soon, state.Last)
		cancel()
		position, _, _ = a.replica.Position()
	}
	if position.Sequence < state.Last && ctx.Err() == nil {
		a.setLight(light.Synchronising, "reading what is new", &light.Activity{
			Kind: light.CatchUp, Total: state.Last - position.Sequence, ETASeconds: -1,
		})
	}
	for position.Sequence < state.Last {
		p, _, moved := a.replica.Position()
		if p.Sequence >= state.Last {
			break
		}
		if err := s.moves(ctx, moved, state.Last); err != nil {
			return err
		}
		position, _, _ = a.replica.Position()
	}
	if a.light.State().Color != light.Online {
		a.work.fire() // look again at once: the light should not wait for the next tick
	}
	return nil
}

// state tells the other devices, at most every positionEvery, where this one stands.
func (s *session) state(ctx context.Context, p events.Position, stream string) error {
	now := s.agent.config.Now()
	if !s.heard || p == s.stated || p.Sequence == 0 || now.Sub(s.statedAt) < positionEvery {
		return nil
	}
	e := s.agent.config.Enrolment
	signed := events.SignedPosition{Position: p, Practice: e.Practice, Device: e.Device, Stream: stream}
	signed.Sign(e.SigningKey())
	if err := s.log.PutPosition(ctx, signed); err != nil {
		return fmt.Errorf("tell the other devices our position: %w", err)
	}
	s.stated, s.statedAt = p, now
	return nil
}

func (s *session) noteServer(state events.LogState) {
	s.agent.mu.Lock()
	defer s.agent.mu.Unlock()
	s.agent.server.Sequence = state.Last
}

// clockTolerance is how far a PC's clock may be off before it is said.
const clockTolerance = 2 * time.Minute

// noteClock compares the PC's clock with the server's. Nothing is decided by it, but
// the times that people read are wrong until somebody sets it.
func (s *session) noteClock(state events.LogState) {
	off := s.agent.config.Now().Sub(state.Now)
	if off.Abs() <= clockTolerance {
		s.agent.clearWarning("clock-wrong")
		return
	}
	way := "ahead of"
	if off < 0 {
		way = "behind"
	}
	s.agent.warn("clock-wrong", "The clock of this PC is %v %s the server's: set it, since the times shown with what is written here are wrong. The order of changes is not harmed.", off.Abs().Round(time.Minute), way)
}
