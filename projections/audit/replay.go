package audit

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// Replica is a projection to compare, with what it was made of: a *projections.Store.
type Replica interface {
	Position(context.Context) (events.Position, string, error)
	Keys(context.Context) iter.Seq2[events.WrappedKey, error]
	Doubts(context.Context) ([]projections.Doubtful, error)
	// Index completes the index a few records at a time.
	Index(ctx context.Context, limit int) (projections.Indexed, error)
	Dump(context.Context, io.Writer) error
}

// Projection says what VerifyProjection compares.
type Projection struct {
	Replica Replica
	// Log is replayed up to the replica's position: the broker's, or the replica's own
	// copy (projections.Store.Log).
	Log  Log
	Keys Keys
	// Queued are the events of the device's outbox, which stand in its projection and
	// not in the log.
	Queued []*events.Event
	// Folder is where the replay is written and removed again, and what an earlier one
	// left there that was killed; it needs as much room as the projection has. Nobody else
	// may compare there meanwhile. It holds the records as readable as the projection does.
	Folder   string
	Progress func(Progress) // may be nil
}

// replayFolder is what the replay is written in.
const replayFolder = "audit-replay"

// VerifyProjection replays a log from zero into a projection of its own, with the rules
// of this package for who may sign, and reports the first line in which the two differ,
// under the code Projected. The verdict on a doubtful event is compared, its wording is
// taken from the replica. The replica must not change meanwhile, and must not be in the
// middle of healing the server. What waits to be indexed in it is indexed first.
func VerifyProjection(ctx context.Context, p Projection, found func(Finding) error) (err error) {
	if !p.Keys.judges() {
		return errors.New("verify the projection: the practice's keys and its root key are needed to replay the log")
	}
	if p.Folder == "" {
		return errors.New("verify the projection: no folder is given to write a replay in")
	}
	folder := filepath.Join(p.Folder, replayFolder)
	if err := errors.Join(os.RemoveAll(folder), os.Mkdir(folder, 0o700)); err != nil {
		return fmt.Errorf("verify the projection: make room for a replay: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	store, err := projections.Open(ctx, filepath.Join(folder, "replay.db"), projections.Options{Practice: p.Keys.Practice, Opener: p.Keys.Open})
	if err != nil {
		return fmt.Errorf("verify the projection: %w", err)
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if err := p.replay(ctx, store); err != nil {
		return fmt.Errorf("verify the projection: %w", err)
	}
	for _, r := range []Replica{store, p.Replica} {
		if err := complete(ctx, r); err != nil {
			return fmt.Errorf("verify the projection: %w", err)
		}
	}
	d, differ, err := FirstDifference(ctx, store.Dump, p.Replica.Dump)
	if err != nil {
		return fmt.Errorf("verify the projection: compare: %w", err)
	}
	if !differ {
		return nil
	}
	return found(place{}.finding(Projected, "line %d of the dump: the log gives %q, the projection has %q", d.Line, d.Want, d.Got))
}

// complete completes an index: how far it is depends on how the events came.
func complete(ctx context.Context, r Replica) error {
	for {
		at, err := r.Index(ctx, batchMessages)
		if err != nil || at.Complete() {
			return err
		}
	}
}

// replay fills a store with what the replica should hold.
func (p Projection) replay(ctx context.Context, into *projections.Store) error {
	end, stream, err := p.Replica.Position(ctx)
	if err != nil {
		return err
	}
	for key, err := range p.Replica.Keys(ctx) {
		if err == nil {
			err = into.PutKeys(ctx, key)
		}
		if err != nil {
			return fmt.Errorf("copy the keys: %w", err)
		}
	}
	wording, err := p.wording(ctx)
	if err != nil {
		return err
	}
	v := newVerifier(Check{Last: end.Sequence, Progress: p.Progress}, nil) // for its progress
	batch, size := projections.Batch{Stream: stream}, 0
	apply := func() error {
		if p.Progress != nil {
			p.Progress(v.progress())
		}
		_, err := into.Apply(ctx, batch)
		batch.Entries, size = nil, 0
		return err
	}
	r := reading{keys: p.Keys, keep: true}
	if err := r.run(ctx, Until(p.Log, end.Sequence), func(it *item) error {
		batch.Position = batch.Position.Next(it.stored.Sequence, it.fingerprint)
		batch.Entries = append(batch.Entries, entryOf(it, batch.Position.Hash, wording))
		v.summary.Messages++
		size += len(it.body)
		if len(batch.Entries) < batchMessages && size < batchBytes {
			return nil
		}
		return apply()
	}); err != nil {
		return err
	}
	for _, e := range p.Queued {
		body, err := p.Keys.Open(e)
		if err != nil {
			return fmt.Errorf("open queued event %s: %w", e.ID, err)
		}
		batch.Entries = append(batch.Entries, projections.Entry{Event: e, Body: body})
	}
	return apply()
}

// said names a doubt about an event.
type said struct {
	event events.ID
	doubt projections.Doubt
}

// wording is how the replica put its doubts: two versions of carelog may put the same
// doubt in other words.
func (p Projection) wording(ctx context.Context) (map[said]string, error) {
	list, err := p.Replica.Doubts(ctx)
	if err != nil {
		return nil, err
	}
	words := make(map[said]string, len(list))
	for _, d := range list {
		words[said{d.Event, d.Kind}] = d.Reason
	}
	return words, nil
}

// entryOf is what a replica should apply for a message.
func entryOf(it *item, hash events.Digest, wording map[said]string) projections.Entry {
	entry := projections.Entry{Sequence: it.stored.Sequence, Stored: it.stored.Time, Hash: hash, Event: it.event}
	if it.event == nil {
		entry.Message, entry.Reason = it.stored.Message, it.fault.Error()
		return entry
	}
	entry.Doubt, entry.Reason = doubtOf(it)
	if entry.Doubt == "" {
		entry.Body = it.body
	}
	if words, ok := wording[said{it.event.ID, entry.Doubt}]; ok && entry.Doubt != "" {
		entry.Reason = words
	}
	return entry
}

// doubtOf says in the store's words how far an event is to be trusted.
func doubtOf(it *item) (projections.Doubt, string) {
	switch {
	case it.standing == SignedRevoked:
		return projections.DoubtRevoked, "its device was revoked"
	case !it.standing.Counts():
		return projections.DoubtSignature, "it is not signed by a device of the practice"
	case !it.event.Type.Known():
		return projections.DoubtUnknownType, "its type is of a newer version"
	case it.openErr != nil:
		return projections.DoubtUnopened, it.openErr.Error()
	}
	return "", ""
}

// Difference is the first line in which two texts differ. A line that one of them does
// not have is empty there.
type Difference struct {
	Line      int
	Want, Got string
}

// FirstDifference compares two texts line by line as they are written. Lines are cut
// for the answer where they are long, around the place where they differ.
func FirstDifference(ctx context.Context, want, got func(context.Context, io.Writer) error) (Difference, bool, error) {
	ctx, cancel := context.WithCancel(ctx)
	wantLines, waitWant := textOf(ctx, want)
	gotLines, waitGot := textOf(ctx, got)
	d, differ, err := compareLines(wantLines, gotLines)
	cancel()
	err = errors.Join(err, waitWant(), waitGot())
	return d, differ && err == nil, err
}

// textOf runs a writer in its own goroutine, until wait, which ends it where it has not ended.
func textOf(ctx context.Context, write func(context.Context, io.Writer) error) (*bufio.Reader, func() error) {
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := write(ctx, w)
		w.CloseWithError(err) // never an error of its own
		done <- err
	}()
	return bufio.NewReaderSize(r, 1<<16), func() error {
		r.CloseWithError(errEnough)
		if err := <-done; !errors.Is(err, errEnough) && !errors.Is(err, context.Canceled) {
			return err
		}
		return nil
	}
}

// errEnough tells a writer that nobody reads on.
var errEnough = errors.New("the first difference is found")

func compareLines(want, got *bufio.Reader) (Difference, bool, error) {
	for line := 1; ; line++ {
		a, errA := want.ReadString('\n')
		b, errB := got.ReadString('\n')
		for _, err := range []error{errA, errB} {
			if err != nil && err != io.EOF {
				return Difference{}, false, err
			}
		}
		if a != b {
			a, b = around(a, b)
			return Difference{line, a, b}, true, nil
		}
		if errA == io.EOF {
			return Difference{}, false, nil // and so does the other, since the rest is equal
		}
	}
}

// around cuts two different lines: their beginning, which says what they are about,
// and the place where they differ.
func around(a, b string) (string, string) {
	const head, before, after = 100, 20, 100
	at := 0
	for at < len(a) && at < len(b) && a[at] == b[at] {
		at++
	}
	cut := func(s string) string {
		end := min(len(s), at+after)
		tail := ""
		if end < len(s) {
			tail = "…"
		}
		if at-before <= head {
			return s[:end] + tail
		}
		return s[:head] + "…" + s[at-before:end] + tail
	}
	return cut(a), cut(b)
}
