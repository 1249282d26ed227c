package attachments_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/carelog/carelog/agent/attachments"
	"github.com/carelog/carelog/broker/memlog"
	"github.com/carelog/carelog/events"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patient = "p1"

// practice is a server in memory, and the keys that every desk has.
type practice struct {
	t      testing.TB
	server *memlog.Server
	ring   *events.Keyring
}

// desk is a store with its line to the server.
type desk struct {
	*attachments.Store
	practice *practice
	config   attachments.Config
	line     *line
	changed  chan struct{}
	trouble  atomic.Pointer[error]
}

// line is a line to the server that can be cut after so many pieces, and counts them.
type line struct {
	*memlog.Log
	mu        sync.Mutex
	got, put  int // pieces that were read and stored
	cutBefore int // how many more pieces get through; -1: all
}

var errCut = errors.Join(events.ErrOffline, errors.New("the line was cut on command"))

func (l *line) pass() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cutBefore == 0 {
		return false
	}
	if l.cutBefore > 0 {
		l.cutBefore--
	}
	return true
}

func (l *line) cutAfter(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cutBefore, l.got, l.put = n, 0, 0
}

func (l *line) counts() (got, put int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.got, l.put
}

func (l *line) Piece(ctx context.Context, name string, number int, from uint64) (events.Stored, error) {
	if !l.pass() {
		return events.Stored{}, errCut
	}
	s, err := l.Log.Piece(ctx, name, number, from)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil {
		l.got++
	}
	return s, err
}

func (l *line) PutPiece(ctx context.Context, name string, number int, data []byte, after uint64) error {
	if !l.pass() {
		return errCut
	}
	err := l.Log.PutPiece(ctx, name, number, data, after)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil {
		l.put++
	}
	return err
}

func newPractice(t testing.TB) *practice {
	t.Helper()
	key, err := events.KeyFrom(bytes.Repeat([]byte{42}, 32))
	if err != nil {
		t.Fatal(err)
	}
	p := &practice{t: t, server: memlog.NewServer("p1"), ring: events.NewKeyring(key)}
	for _, patient := range []string{patient, "p2"} {
		if _, err := p.ring.Make(patient); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

func (p *practice) desk(name string) *desk {
	p.t.Helper()
	d := &desk{practice: p, line: &line{Log: p.server.Client(name), cutBefore: -1}, changed: make(chan struct{}, 1)}
	d.config = attachments.Config{
		Dir: filepath.Join(p.t.TempDir(), "attachments"), Room: 1 << 30,
		Server: func() attachments.Server {
			if !d.line.Connected() {
				return nil
			}
			return d.line
		},
		Changed: func() {
			select {
			case d.changed <- struct{}{}:
			default:
			}
		},
		Trouble: func(err error) { d.trouble.Store(&err) },
	}
	d.open()
	return d
}

func (d *desk) open() {
	d.practice.t.Helper()
	var err error
	if d.Store, err = attachments.Open(d.config); err != nil {
		d.practice.t.Fatal(err)
	}
}

// seal is what seals a content of a patient.
func (d *desk) seal(patient string, content []byte) *events.PieceSeal {
	d.practice.t.Helper()
	seal, err := d.practice.ring.Attach(patient, int64(len(content)), digestOf(content))
	if err != nil {
		d.practice.t.Fatal(err)
	}
	return seal
}

// put puts a content, and does not say yet whether it is needed.
func (d *desk) put(patient string, content []byte) (*events.PieceSeal, *attachments.Held) {
	d.practice.t.Helper()
	spool, err := d.NewSpool()
	if err != nil {
		d.practice.t.Fatal(err)
	}
	defer spool.Close()
	if _, err := io.Copy(spool, bytes.NewReader(content)); err != nil {
		d.practice.t.Fatal(err)
	}
	seal := d.seal(patient, content)
	held, err := d.Put(seal, spool)
	if err != nil {
		d.practice.t.Fatal(err)
	}
	return seal, held
}

// keep puts a content that a record refers to.
func (d *desk) keep(patient string, content []byte) *events.PieceSeal {
	d.practice.t.Helper()
	seal, held := d.put(patient, content)
	held.Keep()
	return seal
}

// send sends until nothing is owed, or until the test says that it is enough.
func (d *desk) send(enough func() bool) {
	d.practice.t.Helper()
	ctx, cancel := context.WithCancel(d.practice.t.Context())
	done := make(chan struct{})
	go func() { defer close(done); d.Send(ctx, d.line) }()
	for d.Owed() > 0 && !enough() {
		select {
		case <-d.changed:
		case <-tick():
		}
	}
	cancel()
	<-done
}

func never() bool { return false }

// read reads a content from a place on.
func (d *desk) read(seal *events.PieceSeal, from int64) ([]byte, error) {
	content, err := d.Open(d.practice.t.Context(), seal)
	if err != nil {
		return nil, err
	}
	defer content.Close()
	if _, err := content.Seek(from, io.SeekStart); err != nil {
		return nil, err
	}
	return io.ReadAll(content)
}

func (d *desk) wantRead(seal *events.PieceSeal, content []byte) {
	d.practice.t.Helper()
	got, err := d.read(seal, 0)
	if err != nil || !bytes.Equal(got, content) {
		d.practice.t.Errorf("%d bytes of %d are read, or others: %v", len(got), len(content), err)
	}
}

func (d *desk) path(seal *events.PieceSeal) string {
	return filepath.Join(d.config.Dir, seal.Attachment().Name)
}

// files are the names of all contents that a desk holds.
func (d *desk) files() (names []string) {
	d.practice.t.Helper()
	list, err := os.ReadDir(d.config.Dir)
	if err != nil {
		d.practice.t.Fatal(err)
	}
	for _, file := range list {
		if !file.IsDir() && !strings.Contains(file.Name(), ".") {
			names = append(names, file.Name())
		}
	}
	return names
}

// noise is a content of so many bytes, another for each seed.
func noise(size int, seed byte) []byte {
	data := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(data)
	return data
}

// sendOnce sends until the server was looked at and nothing is owed.
func (d *desk) sendOnce() {
	d.practice.t.Helper()
	ctx, cancel := context.WithCancel(d.practice.t.Context())
	none := make(chan struct{})
	trouble := d.config.Trouble
	d.config.Trouble = func(err error) {
		trouble(err)
		if err == nil && d.Owed() == 0 {
			cancel() // it waits for more
		}
	}
	defer func() { d.config.Trouble = trouble }()
	d.open()
	go func() { defer close(none); d.Send(ctx, d.line) }()
	<-none
	cancel()
	if n := d.Owed(); n != 0 {
		d.practice.t.Errorf("%d contents are still owed", n)
	}
}
