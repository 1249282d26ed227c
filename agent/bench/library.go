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
	bare  string                // a bare table with all of the log; empty: there is none yet
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

// readers is how many desks that have read the log are kept, for those who need them.
const readers = 2

// keep closes a desk that has read the log, and keeps its folder where one is needed.
func (l *library) keep(d *desk) error {
	if len(l.desks) >= readers {
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
