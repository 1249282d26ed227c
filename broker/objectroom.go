package broker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/carelog/carelog/events"
)

// token is what may stand for an upload in a subject.
var token = regexp.MustCompile("^[A-Za-z0-9]{1,64}$")

// unannounced is how long pieces may wait for their object to be announced.
const unannounced = time.Hour

// asFull says what to do about a stream where the server has no room for it.
func asFull(stream string, err error) error {
	var e *apiError
	if !errors.Is(err, events.ErrFull) || !errors.As(err, &e) {
		return err
	}
	return fmt.Errorf("%w: whoever runs it should make room on its disk, or take off the limit of its stream %s or of its account (%v)", events.ErrFull, stream, e)
}

// inFlight is how many pieces are on the line at once: more would keep the signs of
// life of a slow line waiting for so long that it is taken for dead.
const inFlight = 2

// publishAll sends messages in order, a few at a time, and waits for every answer.
// It sends nothing more after the first error, and still waits for the answers to what
// it had sent: nothing comes after a purge that follows.
func (l *Log) publishAll(ctx context.Context, list []*nats.Msg) error {
	session := l.link.current()
	if session == nil {
		return fmt.Errorf("%w: there is no connection", errNotSent)
	}
	waiting, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(session, func() { cancel(errDisconnected) })()
	conn := l.link.conn.Load()
	answers, err := conn.SubscribeSync(conn.NewInbox())
	if err != nil {
		return err
	}
	defer func() { _ = answers.Unsubscribe() }() // else it ends with the connection
	var failed error
	for sent, answered := 0, 0; answered < len(list); {
		if failed != nil && answered == sent {
			return failed
		}
		if failed == nil && sent < len(list) && sent-answered < inFlight {
			if sent == 0 {
				defer l.link.onDenied(list[0].Subject, cancel)()
			}
			m := *list[sent]
			m.Reply = answers.Subject
			if err := conn.PublishMsg(&m); err != nil {
				return sendError(err, waiting)
			}
			sent++
			continue
		}
		patience := l.timeout + time.Duration(inFlight*objectChunk)*time.Second/slowestLine
		bounded, done := context.WithTimeoutCause(waiting, patience, fmt.Errorf("no answer within %v", patience))
		answer, err := answers.NextMsgWithContext(bounded)
		if err != nil {
			err = sendError(err, bounded)
			done()
			return cmp.Or(failed, err)
		}
		done()
		if _, err := readAck(answer.Data); err != nil && failed == nil {
			failed = err
		}
		answered++
	}
	return failed
}

// purge empties one subject of the object store.
func (l *Log) purge(ctx context.Context, subject string) error {
	var answer struct{}
	return l.request(ctx, "STREAM.PURGE."+streamSnapshots, struct {
		Filter string `json:"filter"`
	}{subject}, &answer)
}

// purgeObjects gives room back. What it cannot, a later sweep does.
func (l *Log) purgeObjects(ctx context.Context, subject string) {
	if err := l.purge(ctx, subject); err != nil {
		l.logger.Debug("pieces of an object are left behind", slog.Any("error", err))
	}
}

// sweepObjects removes the pieces of uploads that never ended.
func (l *Log) sweepObjects(ctx context.Context) {
	if err := l.sweep(ctx); err != nil {
		l.logger.Debug("the object store was not swept", slog.Any("error", err))
	}
}

func (l *Log) sweep(ctx context.Context) error {
	subjects, now, err := l.objectSubjects(ctx)
	if err != nil {
		return err
	}
	uploads := make(map[string]uint64)
	for subject, pieces := range subjects {
		if strings.HasPrefix(subject, objectChunks) {
			uploads[subject] = pieces
		}
	}
	// To see whose they are would bring in the whole store.
	if len(uploads) <= len(subjects)-len(uploads) || now.UnixNano() < l.sweepAfter.Load() {
		return nil
	}
	announced, err := l.objectInfos(ctx) // after the pieces: what was announced meanwhile is here
	if err != nil {
		return err
	}
	for _, object := range announced {
		delete(uploads, objectChunks+object.ID)
	}
	due := int64(0)
	for subject := range uploads {
		last, err := l.get(ctx, streamSnapshots, getRequest{LastFor: subject})
		switch {
		case errors.Is(err, events.ErrNoMessage):
			continue
		case err != nil:
			return err
		case now.Sub(last.Time) < unannounced:
			if at := last.Time.Add(unannounced).UnixNano(); due == 0 || at < due {
				due = at
			}
			continue
		}
		if err := l.purge(ctx, subject); err != nil {
			return err
		}
	}
	l.sweepAfter.Store(due)
	return nil
}

// objectSubjects are the subjects of all uploads and announcements, with how many messages each has, and the
// server's time. The server knows them by heart.
func (l *Log) objectSubjects(ctx context.Context) (subjects map[string]uint64, now time.Time, err error) {
	subjects = make(map[string]uint64)
	for {
		var info struct {
			Now   time.Time `json:"ts"`
			Total int       `json:"total"` // of a list that comes in pages
			State struct {
				Subjects map[string]uint64 `json:"subjects"`
			} `json:"state"`
		}
		filter := struct {
			Subjects string `json:"subjects_filter"`
			Offset   int    `json:"offset,omitempty"`
		}{objectAny, len(subjects)}
		if err := l.request(ctx, "STREAM.INFO."+streamSnapshots, filter, &info); err != nil {
			return nil, now, err
		}
		before := len(subjects)
		maps.Copy(subjects, info.State.Subjects)
		if now = info.Now; len(subjects) >= info.Total || len(subjects) == before {
			return subjects, now, nil
		}
	}
}
