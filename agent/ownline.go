package agent

import (
	"context"
	"time"
)

// ownLineFrom is how many events a desk must be behind for what is fetched ahead to have
// a connection of its own: on a slow line an answer would else wait behind all of the
// log that is under way, which the broker sends megabytes of at a time.
const ownLineFrom = 200

// holdOwnLine keeps a second connection until ctx ends, and lets dossiers be fetched over
// it whenever it stands; over the session's own otherwise, once it had the time to be made.
func (a *Agent) holdOwnLine(ctx context.Context, shared Log) {
	link := newLink()
	own, err := a.config.Connect(ctx, link.report)
	if err != nil {
		a.log.Warn("dossiers are fetched over the line on which the log is read", "err", err)
		a.fetchIn(ctx, shared)
		return
	}
	late := time.NewTimer(a.config.Patience / 2)
	defer late.Stop()
	for early := true; ctx.Err() == nil; {
		up, changed, why := link.state()
		if up || why != nil || !early {
			a.fetchOver(ctx, own, up, shared)
		}
		select {
		case <-changed:
		case <-late.C:
			early = false
		case <-ctx.Done():
		}
	}
	a.fetchOver(ctx, own, false, shared)
	if err := own.Close(); err != nil {
		a.log.Warn("close the line of what is fetched ahead", "err", err)
	}
}

// fetchOver chooses the connection of the next dossier.
func (a *Agent) fetchOver(ctx context.Context, own Log, up bool, shared Log) {
	if up {
		a.fetchIn(ctx, own)
	} else {
		a.fetchIn(ctx, shared)
	}
}
