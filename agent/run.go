package agent

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/carelog/carelog/agent/light"
)

// Words of the light's reason.
const (
	reasonChosen   = "you chose to work offline"
	reasonNoServer = "no connection to the server"
	reasonDisagree = "this desk and the server cannot agree"
	reasonSafe     = "everything is on the server"
	reasonSending  = "sending what was queued"
	reasonDisk     = "the disk of this PC is full, or does not work"
	reasonAsking   = "asking the server what is new"
	reasonKeys     = "fetching the keys of the dossiers"
	reasonFetching = "fetching a snapshot of the practice's records"
	reasonInstead  = "reading the practice's log from the start, since no snapshot of it can be used"
	reasonTaking   = "taking over a snapshot of the practice's records"
)

// How long to wait before a session that failed is tried again.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 10 * time.Second
)

// WorkOffline lets the user work without the server until WorkOnline, also after the
// program was started again.
func (a *Agent) WorkOffline(ctx context.Context) error { return a.choose(ctx, true) }

// WorkOnline ends WorkOffline.
func (a *Agent) WorkOnline(ctx context.Context) error { return a.choose(ctx, false) }

func (a *Agent) choose(ctx context.Context, offline bool) error {
	// A change on its way is decided first, so that no write is online after this.
	if err := a.lockWriting(ctx); err != nil {
		return err
	}
	defer a.unlockWriting()
	if offline == a.chosenOffline() {
		return nil // above all no line is cut for it
	}
	if err := a.outbox.SetOffline(ctx, offline); err != nil {
		return err
	}
	a.mu.Lock()
	a.offline = offline
	a.mu.Unlock()
	if offline {
		a.live = nil
		a.setLight(light.Offline, reasonChosen, nil)
	} else if a.light.State().Reason == reasonChosen {
		a.setLight(light.Offline, reasonNoServer, nil)
	}
	a.choice.fire()
	return nil
}

func (a *Agent) chosenOffline() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.offline
}

func (a *Agent) setLight(c light.Color, reason string, activity *light.Activity) {
	if a.light.Set(c, reason, activity) {
		a.lit.fire()
		a.changed.fire()
	}
}

// Run keeps the desk and the server the same, until ctx ends; it then returns nil.
// Reading and writing work before, during and after it.
func (a *Agent) Run(ctx context.Context) error {
	defer a.writePast()
	defer a.setLight(light.Offline, "the agent has stopped", nil)
	ctx, stop := context.WithCancel(ctx)
	var beside sync.WaitGroup
	beside.Go(func() { a.completeIndex(ctx) })
	beside.Go(func() { a.keepReady(ctx) })
	beside.Go(func() { a.keepPast(ctx) })
	defer beside.Wait()
	defer stop()
	for ctx.Err() == nil {
		chosen := a.choice.wait()
		if a.chosenOffline() {
			a.setLight(light.Offline, reasonChosen, nil)
			select {
			case <-chosen:
			case <-ctx.Done():
			}
			continue
		}
		if err := a.connected(ctx, chosen); err != nil && ctx.Err() == nil {
			return fmt.Errorf("connect to the server: %w", err)
		}
	}
	return nil
}

// connected holds a connection until ctx ends or the user chooses otherwise.
func (a *Agent) connected(ctx context.Context, chosen <-chan struct{}) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := cancelOn(ctx, chosen, cancel)
	defer stop()

	a.setLight(light.Offline, reasonNoServer, nil)
	link := newLink()
	log, err := a.config.Connect(ctx, link.report)
	if err != nil {
		return err
	}
	pause := firstPause
	for ctx.Err() == nil {
		up, changed, why := link.state()
		if !up {
			if !a.chosenOffline() {
				a.setLight(light.Offline, withCause(reasonNoServer, why), nil)
			}
			pause = firstPause
			select {
			case <-changed:
			case <-ctx.Done():
			}
			continue
		}
		began := a.config.Now()
		err := a.needRoom(ctx)
		if err == nil {
			err = a.serve(ctx, log, changed)
		}
		if ctx.Err() != nil {
			break
		}
		a.log.Info("session ended", "err", err)
		switch {
		case errors.Is(err, errLinkDown):
		case errors.Is(ofDisk(err), ErrDisk):
			a.setLight(light.Offline, withCause(reasonDisk, err), nil)
			pause = a.config.Interval // nobody is burdened by it, and somebody may have made room
		default:
			a.setLight(light.Offline, withCause(reasonDisagree, err), nil)
		}
		if a.config.Now().Sub(began) > lastPause {
			pause = firstPause
		}
		wait(ctx, changed, pause)
		pause = min(2*pause, lastPause)
	}
	return log.Close()
}

// serve runs one session until it fails, the link changes, this PC's disk is full or ctx ends.
func (a *Agent) serve(ctx context.Context, log Log, changed <-chan struct{}) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := cancelOn(ctx, changed, func() { cancel(errLinkDown) })
	defer stop()
	defer a.whileRoom(ctx, cancel)()
	s := &session{agent: a, log: log, metered: &metered{Log: log, ahead: &a.ahead}, contents: &contentLine{Log: log, agent: a, over: ctx}, fail: cancel, over: ctx}
	a.meet(s)
	unhint := s.hint(ctx)
	err := s.run(ctx)
	unhint()
	a.meet(nil)
	s.contents.end()
	cause := context.Cause(ctx)
	cancel(err)
	s.makers.Wait()
	if cause != nil {
		return cause
	}
	return err
}

var errLinkDown = errors.New("the connection was lost")

// cancelOn calls cancel when ch closes, until stop is called or ctx ends. stop waits.
func cancelOn(ctx context.Context, ch <-chan struct{}, cancel func()) (stop func()) {
	ctx, end := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-ch:
			cancel()
		case <-ctx.Done():
		}
	}()
	return func() { end(); <-done }
}

// wait pauses, and less long where the link changes.
func wait(ctx context.Context, changed <-chan struct{}, pause time.Duration) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-changed:
	case <-ctx.Done():
	}
}

func withCause(what string, why error) string {
	if why == nil {
		return what
	}
	return what + ": " + why.Error()
}

// causeIn is the why of withCause; empty where there is none.
func causeIn(reason string) string {
	_, why, _ := strings.Cut(reason, ": ")
	return why
}
