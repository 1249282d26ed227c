package brokertest

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"

	"github.com/carelog/carelog/broker"
)

// CutNextStart lets the next start of the broker end when nats-server has read its files, as a kill
// does, before anything else is done with them; after it the broker starts as ever.
func (b *Broker) CutNextStart() { b.cut = true }

func (b *Broker) startAndDie(port int) {
	b.t.Helper()
	ctx := &mortal{Context: b.t.Context(), dead: make(chan struct{}), felt: make(chan struct{})}
	logger := slog.New(&killer{ctx: ctx})
	server, err := broker.Start(ctx, broker.ServerConfig{Data: b.dir, Port: port, Logger: logger})
	if !errors.Is(err, context.Canceled) {
		b.t.Fatalf("the start that is cut off ends with %v, %v", server, err)
	}
}

// mortal is a context that tells when its end was looked for after it ended.
type mortal struct {
	context.Context
	dead, felt chan struct{}
	die, feel  sync.Once
}

func (m *mortal) ended() bool {
	select {
	case <-m.dead:
		return true
	default:
		return false
	}
}

func (m *mortal) Done() <-chan struct{} {
	if m.ended() {
		m.feel.Do(func() { close(m.felt) })
	}
	return m.dead
}

func (m *mortal) Err() error {
	if m.ended() {
		return context.Canceled
	}
	return nil
}

// killer ends its context when nats-server begins with its files, which it then reads to the end.
type killer struct{ ctx *mortal }

func (*killer) Enabled(context.Context, slog.Level) bool { return true }
func (k *killer) WithAttrs([]slog.Attr) slog.Handler     { return k }
func (k *killer) WithGroup(string) slog.Handler          { return k }
func (k *killer) Handle(_ context.Context, r slog.Record) error {
	if strings.HasPrefix(r.Message, "Starting JetStream") {
		k.ctx.die.Do(func() { close(k.ctx.dead) })
		<-k.ctx.felt
	}
	return nil
}
