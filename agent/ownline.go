package agent

import "context"

// ownLineFrom is how many events a desk must be behind for what is fetched ahead to have
// a connection of its own: on a slow line an answer would else wait behind all of the
// log that is under way, which the broker sends megabytes of at a time.
const ownLineFrom = 200

// holdOwnLine keeps a second connection until ctx ends, and lets dossiers be fetched over
// it whenever it stands; over the session's own otherwise.
func (a *Agent) holdOwnLine(ctx context.Context, shared Log) {
	link := newLink()
	own, err := a.config.Connect(ctx, link.report)
	if err != nil {
		a.log.Warn("dossiers are fetched over the line on which the log is read", "err", err)
		return
	}
	for ctx.Err() == nil {
		up, changed, _ := link.state()
		a.fetchOver(own, up, shared)
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
	a.fetchOver(own, false, shared)
	if err := own.Close(); err != nil {
		a.log.Warn("close the line of what is fetched ahead", "err", err)
	}
}

// fetchOver chooses the connection of the next dossier; those under way are waited for.
func (a *Agent) fetchOver(own Log, up bool, shared Log) {
	a.ahead.mu.Lock()
	defer a.ahead.mu.Unlock()
	a.ahead.log = shared
	if up {
		a.ahead.log = own
	}
}
