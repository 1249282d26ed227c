package broker

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/carelog/carelog/broker/internal/writing"
	"github.com/carelog/carelog/events"
)

// objectChunk is how an object is cut: each piece is synced on its own. One is on its way to a reader at first,
// and objectMost on a fast line at most.
const (
	objectChunk = 128 << 10
	objectMost  = 64
)

// objectPatience leaves a slow line the time for pieces of other objects that come before one.
const objectPatience = patience + 2*objectChunk/slowestLine*time.Second

// objectAttempts bounds how often an object is looked for, or announced, while others
// change it.
const objectAttempts = 4

// objectInfo announces an object, in the form of nats.go's object stores.
type objectInfo struct {
	Name    string `json:"name"`
	Options struct {
		ChunkSize int `json:"max_chunk_size,omitempty"`
	} `json:"options"`
	Bucket  string    `json:"bucket"`
	ID      string    `json:"nuid"`
	Size    int64     `json:"size"`
	Time    time.Time `json:"mtime"`
	Chunks  int       `json:"chunks"`
	Digest  string    `json:"digest"`
	Deleted bool      `json:"deleted,omitempty"`

	sequence uint64    // of the announcement
	stored   time.Time // of the announcement
}

// PutObject stores an object of at most events.MaxObject bytes, in place of the one
// with that name. Readers see the old one or the new one, whole. Errors:
// events.ErrFull, events.ErrOffline and *events.RefusedError (the old one stands),
// events.ErrUnknownOutcome (either stands).
func (l *Log) PutObject(ctx context.Context, name string, data []byte) error {
	err := l.putObject(ctx, name, data)
	if errors.Is(err, events.ErrFull) {
		l.sweepObjects(ctx)
	}
	if err != nil {
		return fmt.Errorf("store object %s: %w", name, asFull(streamSnapshots, err))
	}
	return nil
}

func (l *Log) putObject(ctx context.Context, name string, data []byte) error {
	if name == "" || len(name) > 255 || len(data) > events.MaxObject {
		return &events.RefusedError{Reason: fmt.Sprintf("an object has a name of 1 to 255 bytes, and at most %d bytes", events.MaxObject)}
	}
	old, err := l.objectInfo(ctx, name)
	if err != nil && !errors.Is(err, events.ErrNoMessage) {
		return err
	}
	info := objectInfo{Name: name, Bucket: bucketSnapshots, ID: rand.Text(), Size: int64(len(data)), Digest: objectDigest(data)}
	info.Options.ChunkSize = objectChunk
	var chunks []*nats.Msg
	for rest := data; len(rest) > 0; rest = rest[min(objectChunk, len(rest)):] {
		chunks = append(chunks, &nats.Msg{Subject: objectChunks + info.ID, Data: rest[:min(objectChunk, len(rest))]})
	}
	info.Chunks = len(chunks)
	if err := l.publishAll(ctx, chunks); err != nil {
		l.purgeObjects(ctx, objectChunks+info.ID)
		var refused *events.RefusedError
		if errors.Is(err, events.ErrFull) || errors.As(err, &refused) {
			return err
		}
		// Pieces that nobody has announced are no object, however many arrived.
		return fmt.Errorf("%w: %v", events.ErrOffline, err)
	}
	replaced, err := l.announce(ctx, info, old)
	if err != nil {
		if !errors.Is(err, events.ErrUnknownOutcome) {
			l.purgeObjects(ctx, objectChunks+info.ID)
		}
		return err
	}
	if replaced.ID != "" {
		l.purgeObjects(ctx, objectChunks+replaced.ID)
	}
	return nil
}

// announce makes an object count, in place of old, and returns what it replaced. An
// announcement that is late finds another one in its place, and is refused.
func (l *Log) announce(ctx context.Context, info, old objectInfo) (replaced objectInfo, err error) {
	info.Time = time.Now().UTC()
	data, err := json.Marshal(info)
	if err != nil {
		return objectInfo{}, err
	}
	var doubt error
	for range objectAttempts {
		_, err := l.publish(ctx, &nats.Msg{Subject: objectSubject(info.Name), Data: data, Header: nats.Header{
			nats.MsgRollup: []string{nats.MsgRollupSubject}, expectSubject: []string{strconv.FormatUint(old.sequence, 10)}}})
		switch {
		case err == nil:
			return old, nil
		case doubt == nil && !errors.Is(err, events.ErrUnknownOutcome) && !errors.Is(err, writing.ErrConflict):
			return objectInfo{}, err
		case errors.Is(err, events.ErrUnknownOutcome):
			doubt = err
		}
		now, readErr := l.objectInfo(ctx, info.Name)
		switch {
		case readErr != nil && !errors.Is(readErr, events.ErrNoMessage):
			return objectInfo{}, fmt.Errorf("%w: it cannot be read back: %v", events.ErrUnknownOutcome, readErr)
		case now.ID == info.ID:
			return old, nil
		}
		old = now
	}
	return objectInfo{}, fmt.Errorf("%w: it was announced %d times and is not there (%v)", events.ErrUnknownOutcome, objectAttempts, doubt)
}

// Object reads an object, and checks its digest. events.ErrNoMessage where there is
// none; *events.DamagedError where it is not what was stored; both where its content is
// not all there.
func (l *Log) Object(ctx context.Context, name string) ([]byte, error) {
	data, info, err := l.object(ctx, name)
	if err == nil && objectDigest(data) != info.Digest {
		err = &events.DamagedError{Name: name, Reason: "its digest is another one"}
	}
	if err != nil {
		return nil, fmt.Errorf("read object %s: %w", name, err)
	}
	return data, nil
}

// Sealed reads what comes in an object after a place, by pieces of at most objectChunk bytes: for what shows by
// itself whether it is what was stored, since its digest is not looked at. Where the object was replaced since
// it was read up to there, what comes is of no use, or events.ErrNoMessage; other errors are those of Object.
func (l *Log) Sealed(ctx context.Context, name string, after events.ObjectPlace) iter.Seq2[events.ObjectPiece, error] {
	return func(yield func(events.ObjectPiece, error) bool) {
		info, err := l.objectInfo(ctx, name)
		if err != nil {
			yield(events.ObjectPiece{}, fmt.Errorf("read object %s: %w", name, err))
			return
		}
		for piece, err := range l.objectPieces(ctx, info, after) {
			if err != nil {
				err = fmt.Errorf("read object %s: %w", name, l.removedMeanwhile(ctx, info, err))
			}
			if !yield(piece, err) {
				return
			}
		}
	}
}

// removedMeanwhile is err, or events.ErrNoMessage alone where what is not all there was removed or replaced while it was read.
func (l *Log) removedMeanwhile(ctx context.Context, of objectInfo, err error) error {
	if !errors.Is(err, events.ErrNoMessage) {
		return err
	}
	now, failed := l.objectInfo(ctx, of.Name)
	if errors.Is(failed, events.ErrNoMessage) || failed == nil && now.sequence != of.sequence {
		return events.ErrNoMessage
	}
	return err
}

func (l *Log) object(ctx context.Context, name string) (data []byte, info objectInfo, err error) {
	var gone error
	for last := uint64(0); ; last = info.sequence {
		info, err = l.objectInfo(ctx, name)
		if err == nil && info.sequence == last { // not replaced while it was read
			return nil, info, gone
		}
		if err != nil {
			return nil, info, err
		}
		if data, err = l.objectData(ctx, info); !errors.Is(err, events.ErrNoMessage) {
			return data, info, err
		}
		gone = err
	}
}

func (l *Log) objectData(ctx context.Context, info objectInfo) (data []byte, err error) {
	for piece, err := range l.objectPieces(ctx, info, events.ObjectPlace{}) {
		if err != nil {
			return nil, err
		}
		data = append(slices.Grow(data, int(info.Size)-len(data)), piece.Data...)
	}
	return data, nil
}

// objectPieces reads the content of an object after a place, to its end.
func (l *Log) objectPieces(ctx context.Context, info objectInfo, read events.ObjectPlace) iter.Seq2[events.ObjectPiece, error] {
	return func(yield func(events.ObjectPiece, error) bool) {
		fail := func(err error) { yield(events.ObjectPiece{}, err) }
		if info.Size < 0 || info.Size > events.MaxObject || info.Chunks < 0 {
			fail(&events.DamagedError{Name: info.Name, Reason: "its size is none of an object"})
			return
		}
		if read.Bytes < info.Size {
			d := delivery{stream: streamSnapshots, subject: objectChunks + info.ID, from: read.Sequence + 1, patience: l.objectPatience, pieces: true}
			for s, err := range l.span(ctx, d, info.sequence, true) {
				if err != nil {
					fail(err)
					return
				}
				read = events.ObjectPlace{Bytes: read.Bytes + int64(len(s.Data)), Sequence: s.Sequence}
				if read.Bytes > info.Size {
					break
				}
				if !yield(events.ObjectPiece{Data: s.Data, Read: read}, nil) {
					return
				}
				if read.Bytes == info.Size {
					return
				}
			}
		}
		switch {
		case read.Bytes < info.Size:
			fail(&events.DamagedError{Name: info.Name, Gone: true, Reason: fmt.Sprintf("the server can read %d of its %d bytes", read.Bytes, info.Size)})
		case read.Bytes > info.Size:
			fail(&events.DamagedError{Name: info.Name, Reason: "it has not as many bytes as were stored"})
		}
	}
}

// ObjectNames lists the names of what there is, in their order. No content is read for it,
// nor what announces it: the server would bring in its whole store, since one stands beside each object.
func (l *Log) ObjectNames(ctx context.Context) ([]string, error) {
	subjects, _, err := l.objectSubjects(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the objects: %w", err)
	}
	var names []string
	for subject := range subjects {
		name, err := base64.URLEncoding.DecodeString(strings.TrimPrefix(subject, objectNames))
		if strings.HasPrefix(subject, objectNames) && err == nil {
			names = append(names, string(name))
		}
	}
	slices.Sort(names)
	return names, nil
}

// ObjectInfo says what is known of an object without reading it; events.ErrNoMessage where there is none.
func (l *Log) ObjectInfo(ctx context.Context, name string) (events.Object, error) {
	info, err := l.objectInfo(ctx, name)
	if err != nil {
		return events.Object{}, fmt.Errorf("ask for object %s: %w", name, err)
	}
	return events.Object{Name: info.Name, Size: info.Size, Stored: info.stored}, nil
}

// DeleteObject removes an object; none there is no error. After an error it may be
// there still, and can be deleted again. What uploads that never ended have left
// behind an hour ago goes with it.
func (l *Log) DeleteObject(ctx context.Context, name string) error {
	info, err := l.objectInfo(ctx, name)
	if err == nil {
		if err = l.purge(ctx, objectSubject(name)); err == nil {
			l.purgeObjects(ctx, objectChunks+info.ID)
			l.sweepObjects(ctx)
		}
	}
	if err != nil && !errors.Is(err, events.ErrNoMessage) {
		return fmt.Errorf("delete object %s: %w", name, err)
	}
	return nil
}

// objectInfo reads what announces an object; events.ErrNoMessage where there is none.
func (l *Log) objectInfo(ctx context.Context, name string) (objectInfo, error) {
	s, err := l.get(ctx, streamSnapshots, getRequest{LastFor: objectSubject(name)})
	if err != nil {
		return objectInfo{}, err
	}
	info, ok := readObjectInfo(s)
	if !ok {
		return objectInfo{sequence: s.Sequence}, events.ErrNoMessage
	}
	return info, nil
}

// objectInfos reads all announcements.
func (l *Log) objectInfos(ctx context.Context) (list []objectInfo, err error) {
	for s, err := range l.all(ctx, streamSnapshots, objectNames+"*", 0) {
		if err != nil {
			return nil, err
		}
		if info, ok := readObjectInfo(s); ok {
			list = append(list, info)
			continue
		}
		l.logger.Warn("an entry of the object store is no object", slog.String("subject", s.Subject))
	}
	return list, nil
}

// readObjectInfo reads an announcement; one of a deletion, or under another's name, is none.
func readObjectInfo(s events.Stored) (info objectInfo, ok bool) {
	err := json.Unmarshal(s.Data, &info)
	info.sequence, info.stored = s.Sequence, s.Time
	return info, err == nil && !info.Deleted && objectSubject(info.Name) == s.Subject && token.MatchString(info.ID)
}

func objectDigest(data []byte) string {
	sum := sha256.Sum256(data)
	return "SHA-256=" + base64.URLEncoding.EncodeToString(sum[:])
}
