package brokertest

import (
	"context"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/nats-io/nkeys"

	"github.com/carelog/carelog/broker"
)

// Practice is the practice that Start provisions.
const Practice = "p1"

// Broker is a real broker with one practice. Its methods are for the test's goroutine.
type Broker struct {
	t        testing.TB
	dir      string
	server   *broker.Server // nil while stopped
	url      string         // kept over restarts
	signing  nkeys.KeyPair
	account  string
	logger   *slog.Logger
	original string // folder of the streams as Mark found them
	cut      bool   // the next start is
}

// Start starts a broker on a free port of this machine and provisions Practice on
// it. Both end with the test.
func Start(t testing.TB) *Broker {
	t.Helper()
	b := &Broker{t: t, dir: t.TempDir()}
	b.start(broker.AnyPort)
	t.Cleanup(b.Stop)
	var err error
	if b.signing, err = nkeys.CreateAccount(); err != nil {
		t.Fatal(err)
	}
	b.account = b.AddPractice(Practice, b.signing).PublicKey
	return b
}

// AddPractice adds and provisions another practice.
func (b *Broker) AddPractice(id string, signing nkeys.KeyPair) broker.Account {
	b.t.Helper()
	public, err := signing.PublicKey()
	if err != nil {
		b.t.Fatal(err)
	}
	account, err := b.server.Operator().AddPractice(b.t.Context(), broker.AddPractice{ID: id, SigningKey: public})
	if err != nil {
		b.t.Fatal(err)
	}
	if err := b.server.Provision(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	return account
}

// URL is the broker's own, past all proxies.
func (b *Broker) URL() string { return b.url }

// Folder is the broker's data folder.
func (b *Broker) Folder() string { return b.dir }

// Practice is the id of the practice that Start made.
func (b *Broker) Practice() string { return Practice }

// Account is the public key of the practice's account.
func (b *Broker) Account() string { return b.account }

// Signing is the practice's signing key, which enrols devices.
func (b *Broker) Signing() nkeys.KeyPair { return b.signing }

// Server is the running broker; nil while it is stopped.
func (b *Broker) Server() *broker.Server { return b.server }

// Access may do all within the practice's account.
func (b *Broker) Access() broker.Access {
	b.t.Helper()
	a, err := b.server.Operator().Access(Practice, b.url)
	if err != nil {
		b.t.Fatal(err)
	}
	return a
}

// LogTo lets the broker log there from its next start on.
func (b *Broker) LogTo(logger *slog.Logger) { b.logger = logger }

// Stop stops the broker; a stopped one stays so.
func (b *Broker) Stop() {
	b.t.Helper()
	if b.server == nil {
		return
	}
	if err := b.server.Close(); err != nil {
		b.t.Error(err)
	}
	b.server = nil
}

// Start starts a stopped broker again, on the same port and with its data.
func (b *Broker) Start() {
	b.t.Helper()
	if b.server != nil {
		return
	}
	u, err := url.Parse(b.url)
	if err != nil {
		b.t.Fatal(err)
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		b.t.Fatal(err)
	}
	b.start(port)
}

// Restart stops and starts the broker.
func (b *Broker) Restart() {
	b.t.Helper()
	b.Stop()
	b.Start()
}

// Mark keeps a copy of the streams, as a backup would.
func (b *Broker) Mark() {
	b.t.Helper()
	b.Stop()
	b.original = filepath.Join(b.t.TempDir(), "jetstream")
	if err := os.CopyFS(b.original, os.DirFS(b.streams())); err != nil {
		b.t.Fatal(err)
	}
	b.Start()
}

// RollBack puts the streams back as Mark found them, as restoring a backup does.
func (b *Broker) RollBack() {
	b.t.Helper()
	b.Stop()
	if err := os.RemoveAll(b.streams()); err != nil {
		b.t.Fatal(err)
	}
	if err := os.CopyFS(b.streams(), os.DirFS(b.original)); err != nil {
		b.t.Fatal(err)
	}
	b.Start()
}

// Wipe loses the broker's disk and provisions the practice anew; the accounts stay.
func (b *Broker) Wipe() {
	b.t.Helper()
	b.Stop()
	if err := os.RemoveAll(b.streams()); err != nil {
		b.t.Fatal(err)
	}
	b.Start()
	if err := b.server.Provision(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
}

func (b *Broker) streams() string { return filepath.Join(b.dir, "jetstream") }

func (b *Broker) start(port int) {
	b.t.Helper()
	if b.cut {
		b.cut = false
		b.startAndDie(port)
	}
	server, err := broker.Start(context.WithoutCancel(b.t.Context()), broker.ServerConfig{Data: b.dir, Port: port, Logger: b.logger})
	if err != nil {
		b.t.Fatal(err)
	}
	b.server, b.url = server, server.URL()
}
