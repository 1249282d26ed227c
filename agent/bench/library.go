package bench

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/enrolment"
)

// library is a log that was filled once, and what several subjects need of it.
type library struct {
	ground *ground
	size   int
	written
	sheet enrolment.Sheet
	desks []enrolment.Enrolment // closed, with all of the log read; see readers
	bare  string                // a bare table with all of the log; empty: there is none
	todo  []subject             // the one at hand and those to come
	costs map[int]float64       // microseconds of a replay for each event, by size, from one library to the next
}

// fill makes the log.
func (l *library) fill(ctx context.Context) (err error) {
	if l.sheet, err = l.ground.practice(ctx); err != nil {
		return err
	}
	inTurn := min(maxBatch, l.size/10) // small logs have records in conflict as well
	l.written, err = l.ground.fill(ctx, l.sheet, l.size, inTurn, forked(drafts(ctx, firstSeed), inTurn))
	return err
}

// rounds is how often ours and the limit take turns with a whole log: with a large one
// chance has less to say, and each turn takes minutes.
func (l *library) rounds() int {
	switch {
	case l.size >= 1_000_000:
		return min(l.ground.Rounds, 2)
	case l.size >= 100_000:
		return min(l.ground.Rounds, 3)
	}
	return l.ground.Rounds
}

// needs are what a subject needs of a library. Each has the size of the log, several gigabytes
// with a large one, so nothing is kept that no subject to come needs.
type needs struct {
	desks int  // that have read the log
	bare  bool // a bare table
}

func needsOf(list []subject) (all needs) {
	for _, s := range list {
		all = needs{max(all.desks, s.needs.desks), all.bare || s.needs.bare}
	}
	return all
}

// keepFor removes what none of those to come needs. A nil library has nothing.
func (l *library) keepFor(todo []subject) (err error) {
	if l == nil {
		return nil
	}
	l.todo = todo
	all := needsOf(todo)
	for len(l.desks) > all.desks {
		last := len(l.desks) - 1
		err = errors.Join(err, os.RemoveAll(l.ground.deskData(l.desks[last])))
		l.desks = l.desks[:last]
	}
	if l.bare != "" && !all.bare {
		err = errors.Join(err, os.Remove(l.bare))
		l.bare = ""
	}
	return err
}

// keep closes a desk that has read the log, and keeps its folder where one is needed.
func (l *library) keep(d *desk) error {
	if len(l.desks) >= needsOf(l.todo).desks {
		return l.ground.discard(d)
	}
	l.desks = append(l.desks, d.enrolment)
	return d.close()
}

// reader opens one of the desks that have read the log; one is made where none is kept.
func (l *library) reader(ctx context.Context, i int, c agent.Config) (*desk, error) {
	for len(l.desks) <= i {
		var unused series
		if err := l.ground.replay(ctx, &unused); err != nil {
			return nil, err
		}
	}
	c.Enrolment = l.desks[i]
	if c.SnapshotEvery == 0 {
		c.SnapshotEvery = -1
	}
	return l.ground.open(ctx, c)
}

// bareFile is a bare table with all messages of the log, closed.
func (l *library) bareFile(ctx context.Context) (string, error) {
	if l.bare == "" {
		var unused series
		if err := l.ground.replayBare(ctx, &unused); err != nil {
			return "", err
		}
	}
	return l.bare, nil
}

// diskUse is how many bytes the files below a folder have.
func diskUse(folder string) (n int64, err error) {
	err = filepath.WalkDir(folder, func(_ string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if errors.Is(err, os.ErrNotExist) {
			return nil // the broker puts its files in order now and then
		}
		if err == nil {
			n += info.Size()
		}
		return err
	})
	return n, err
}
