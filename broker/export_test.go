package broker

import (
	"context"
	"crypto/rand"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/carelog/carelog/events"
)

// What the tests of impatience and of windows need to see.
const (
	BusyLine    = busyLine
	LongestWait = longestWait
	ObjectMost  = objectMost
	ObjectChunk = objectChunk
)

// Impatience is that of a line which has carried so many bytes by now.
func Impatience(patience time.Duration, carried func() uint64, giveUp context.CancelCauseFunc) (stop func()) {
	return impatience(patience, carried, giveUp)
}

// LibraryPatience is how long the library of NATS waits for an answer by itself.
func (l *Log) LibraryPatience() time.Duration { return l.js.Options().DefaultTimeout }

// Window is how much of a delivery may be under way.
type Window struct{ *window }

// MassWindow is that of a log or of keys; ObjectWindow that of an object.
func MassWindow() Window   { return Window{newWindow(delivery{mass: true})} }
func ObjectWindow() Window { return Window{newWindow(delivery{pieces: true})} }

// Messages is how many may be under way.
func (w Window) Messages() int { return w.messages() }

// Pulled learns from a pull of so many messages, of so many bytes each.
func (w Window) Pulled(messages, bytes int, first, last time.Duration) {
	for range messages {
		w.size(bytes)
	}
	w.began(first)
	w.ended(last)
}

// Received is how many bytes have come over the connection.
func (l *Log) Received() uint64 { return l.link.conn.Load().Stats().InBytes }

// WaitForPieces sets how long a reader of objects waits for a piece that the server may have.
func (l *Log) WaitForPieces(patience time.Duration) { l.objectPatience = patience }

// Edit changes the accounts of a practice as an operator does with the tools of NATS.
func (o *Operator) Edit(ctx context.Context, practice string, f func(data, desks *jwt.AccountClaims)) error {
	return o.locked(ctx, func() error {
		data, desks, err := o.accounts(practice)
		if err != nil {
			return err
		}
		f(data, desks)
		if err := o.writeAccount(data); err != nil {
			return err
		}
		return o.writeAccount(desks)
	})
}

// BeforeLooks makes the accounts of a practice as they were before there were looks.
func (o *Operator) BeforeLooks(ctx context.Context, practice string) error {
	return o.Edit(ctx, practice, func(data, desks *jwt.AccountClaims) {
		data.Exports = slices.DeleteFunc(data.Exports, func(e *jwt.Export) bool { return IsOfLooks(string(e.Subject)) })
		desks.Imports = slices.DeleteFunc(desks.Imports, func(i *jwt.Import) bool { return IsOfLooks(string(i.Subject)) })
		for _, scope := range desks.SigningKeys {
			allow := &scope.(*jwt.UserScope).Template.Permissions.Pub.Allow
			*allow = slices.DeleteFunc(*allow, IsOfLooks)
		}
	})
}

// IsOfLooks reports whether a subject is one of looks.
func IsOfLooks(subject string) bool {
	return strings.Contains(subject, "looks") || strings.Contains(subject, "LOOKS")
}

// Stood is of how many streams files stand in a folder.
func (s *Server) Stood(data string, logger *slog.Logger) int { return len(s.stood(data, logger)) }

// EraseKeysNoting is EraseKeys of a subject's, which tells when keys are noted and not removed yet.
func EraseKeysNoting(ctx context.Context, a Access, subject string, noted func()) (int, error) {
	return eraseKeys(ctx, a, subject, noted)
}

// Puller asks a consumer for messages.
type Puller struct{ *puller }

// NewPuller asks at a subject, for what is neither a mass nor of an object.
func NewPuller(conn *nats.Conn, subject string) Puller {
	return Puller{newPuller(conn, subject, newWindow(delivery{}))}
}

// Pull asks a new consumer of the log, for at most so many bytes at once.
func (l *Log) Pull(ctx context.Context, bytes int) (Puller, error) {
	name := l.device + "_" + rand.Text()
	_, err := l.js.CreateConsumer(ctx, streamRecords, jetstream.ConsumerConfig{Name: name,
		FilterSubject: events.Subjects(l.practice), AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true})
	p := NewPuller(l.link.conn.Load(), l.api+"CONSUMER.MSG.NEXT."+streamRecords+"."+name)
	p.window.pull = bytes
	return p, err
}

// Ask asks for more where little is under way.
func (p Puller) Ask() error { return p.ask() }

// Next waits for one message.
func (p Puller) Next(ctx context.Context) (*nats.Msg, error) { return p.next(ctx) }

// Stop ends all that is under way.
func (p Puller) Stop() { p.stop() }

// PullMessages is how many may be under way.
const PullMessages = pullMessages
