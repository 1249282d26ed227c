package projections

import (
	"context"
	"database/sql"
	"fmt"
	"os"
)

// checkpointer moves what stands in the WAL into the file, side by side with the writer,
// which would else wait for the disk: half a second for every 80 MB.
type checkpointer struct {
	wal      string // its path
	pageSize int64  // in bytes
	pool     *sql.DB
	changing chan struct{} // of the store
	full     chan bool     // the WAL may be long enough; true: after a large batch
	stop     context.CancelFunc
	done     chan struct{} // closed when the goroutine has ended
}

const (
	// walEnough is from how many bytes on the WAL is moved into the file.
	walEnough = 80 << 20
	// walEnoughOfMany is the same after a large batch, of which more follow: a page that many of
	// them change is then moved once. *Measured*, a first read of a million events takes a tenth less.
	walEnoughOfMany = 3 * walEnough
	// walKept is how long the file of the WAL stays when all of it was moved: it must be
	// below walEnough, since its length is what is looked at, and not by much, since what
	// is cut off has to be made again. After a large batch nothing is cut off: that, and making
	// it again, took a twentieth of such a read.
	walKept = walEnough - 1<<20
	// walMost is the length at which the writer does it by itself, where the
	// checkpointer cannot keep up, or fails. Its error is then the writer's.
	walMost = 480 << 20
)

var (
	keepWAL = &statement{"PRAGMA journal_size_limit = -1"}
	cutWAL  = &statement{fmt.Sprintf("PRAGMA journal_size_limit = %d", walKept)}
)

// boundWAL says from which length on the writer moves the WAL by itself, and how much of it is kept. It returns
// the size of the file's pages, in bytes.
func (w *writer) boundWAL(ctx context.Context) (pageSize int64, err error) {
	if err := w.conn.QueryRowContext(ctx, "PRAGMA page_size").Scan(&pageSize); err != nil {
		return 0, err
	}
	if _, err := w.conn.ExecContext(ctx, fmt.Sprintf("PRAGMA wal_autocheckpoint = %d", walMost/pageSize)); err != nil {
		return 0, err
	}
	_, err = w.exec(cutWAL)
	return pageSize, err
}

func openCheckpointer(path string, pageSize int64, changing chan struct{}) (*checkpointer, error) {
	pool, err := sql.Open("sqlite", source(path, "synchronous(NORMAL)", "cache_size(-1024)"))
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(1)
	ctx, stop := context.WithCancel(context.Background())
	c := &checkpointer{
		wal: path + "-wal", pageSize: pageSize, pool: pool, changing: changing,
		full: make(chan bool, 1), stop: stop, done: make(chan struct{}),
	}
	go c.run(ctx)
	return c, nil
}

// look is called after a change; many says that it was a large batch.
func (c *checkpointer) look(many bool) {
	enough := int64(walEnough)
	if many {
		enough = walEnoughOfMany
	}
	if info, err := os.Stat(c.wal); err != nil || info.Size() < enough {
		return
	}
	select {
	case c.full <- many:
	default: // it is at it
	}
}

func (c *checkpointer) run(ctx context.Context) {
	defer close(c.done)
	for {
		select {
		case many := <-c.full:
			if !many || c.holds(ctx) >= walEnoughOfMany {
				c.move(ctx)
			}
		case <-ctx.Done():
			return
		}
	}
}

// holds is how many bytes of the WAL are in use: its file says it only where it is cut off.
func (c *checkpointer) holds(ctx context.Context) int64 {
	var busy, length, moved int64
	if c.pool.QueryRowContext(ctx, "PRAGMA wal_checkpoint(NOOP)").Scan(&busy, &length, &moved) != nil {
		return 0 // as with pass
	}
	return length * c.pageSize
}

// move leaves the WAL so that the next change begins it anew. That can only be where all of it is moved
// when a change begins, and with one change right after the other it never is: what came while the rest was
// moved, and then what came during that, is little, and the next change waits for it.
func (c *checkpointer) move(ctx context.Context) {
	first, ok := c.pass(ctx)
	if !ok {
		return
	}
	second, ok := c.pass(ctx)
	if !ok || second == first {
		return
	}
	select {
	case c.changing <- struct{}{}:
		defer func() { <-c.changing }()
		c.pass(ctx)
	case <-ctx.Done():
	}
}

// pass moves what stands in the WAL, whose length in pages it returns. It is not ok where some of it had to stay,
// since a question still reads it there. An error is not of interest here: nothing was lost, and the writer will meet it.
func (c *checkpointer) pass(ctx context.Context) (length int, ok bool) {
	var busy, moved int
	err := c.pool.QueryRowContext(ctx, "PRAGMA wal_checkpoint(PASSIVE)").Scan(&busy, &length, &moved)
	return length, err == nil && moved >= length
}

// close ends it and waits for what it is at. It may be called during a change.
func (c *checkpointer) close() error {
	c.stop()
	<-c.done
	return c.pool.Close()
}
