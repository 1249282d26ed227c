package agent_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/agenttest"
	"github.com/carelog/carelog/agent/enrolment"
	"github.com/carelog/carelog/agent/light"
	"github.com/carelog/carelog/broker/memlog"
	"github.com/carelog/carelog/events"
)

// What the desks of a world wait for, in virtual time.
const (
	worldInterval = 2 * time.Second
	worldPatience = 5 * time.Second
)

// world is a practice whose server is in memory and whose time is virtual. Its desks
// have real files.
type world struct {
	t      *testing.T
	server *memlog.Server
	sheet  enrolment.Sheet
	dir    string
	desks  []*machine
	copies int
}

// inWorld plays a test in a world of its own. Every desk that still runs at the end
// is stopped, and the log is checked.
func inWorld(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	agenttest.WarmUp()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		secret := enrolment.NewSecret()
		pair, err := secret.AccountKey()
		if err != nil {
			t.Fatal(err)
		}
		account, err := pair.PublicKey()
		if err != nil {
			t.Fatal(err)
		}
		sheet := enrolment.Sheet{Practice: "p1", Account: account, URLs: []string{"nats://in-memory"}, Secret: secret}
		w := &world{t: t, server: memlog.NewServer(sheet.Practice), sheet: sheet, dir: dir}
		t.Cleanup(func() {
			for _, m := range w.desks {
				m.stop()
			}
			if err := w.server.Check(); err != nil {
				t.Error(err)
			}
		})
		test(t, w)
	})
}

// machine is a PC of the practice: a desk, its files, its clock, and its line to the
// server, which outlive the program that runs there.
type machine struct {
	*agenttest.Desk
	world *world
	run   *program
	skew  atomic.Int64                // nanoseconds that its clock is ahead
	wrap  func(*memlog.Log) agent.Log // what its program gets in place of its line; nil: the line

	mu     sync.Mutex
	faults []func(*memlog.Log) // of the line, whoever uses it
}

// program is an agent from its start to its end, however it ends.
type program struct {
	users sync.WaitGroup // calls of people that have not returned
	dead  atomic.Bool    // killed: what it still does is done by nobody

	mu   sync.Mutex
	line *memlog.Log
}

// machine adds a PC to the practice. It is off.
func (w *world) machine(name string) *machine {
	w.t.Helper()
	m := &machine{world: w}
	m.Desk = agenttest.NewDesk(w.t, w.sheet, w.dir, name, nil)
	m.Config.Interval, m.Config.Patience = worldInterval, worldPatience
	m.Config.Now = func() time.Time { return time.Now().Add(time.Duration(m.skew.Load())) }
	w.desks = append(w.desks, m)
	return m
}

// desk adds a PC and starts it.
func (w *world) desk(name string) *machine {
	w.t.Helper()
	m := w.machine(name)
	m.start()
	return m
}

// start starts the program on the machine's files.
func (m *machine) start() {
	m.world.t.Helper()
	run := &program{}
	m.run = run
	m.Config.Connect = func(_ context.Context, report func(bool, error)) (agent.Log, error) {
		line := m.connect(run, report)
		if m.wrap != nil {
			return m.wrap(line), nil
		}
		return line, nil
	}
	m.Desk.Start()
}

func (m *machine) connect(run *program, report func(bool, error)) *memlog.Log {
	line := m.world.server.Client(m.Name)
	line.SetTimeout(m.Config.Patience)
	m.mu.Lock()
	for _, fault := range m.faults {
		fault(line)
	}
	m.mu.Unlock()
	run.mu.Lock()
	run.line = line
	run.mu.Unlock()
	if run.dead.Load() {
		run.hangUp()
	}
	line.OnConnection(report)
	return line
}

// hangUp ends the program's connection for good.
func (p *program) hangUp() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.line != nil {
		p.line.Close()
	}
}

// running reports whether a program runs on the machine.
func (m *machine) running() bool { return m.run != nil }

// stop ends the program in order; a stopped machine stays so.
func (m *machine) stop() {
	m.world.t.Helper()
	if m.run == nil {
		return
	}
	m.run.users.Wait()
	m.Desk.Stop()
	m.run = nil
}

// kill ends the program as kill -9 does: what its files are at this moment is all
// that is left. The machine is off afterwards.
func (m *machine) kill() {
	m.world.t.Helper()
	synctest.Wait()
	m.abandon(m.copyData())
}

// abandon goes on with the files in dir. The program that ran dies on those it had:
// nobody hears of it any more, neither the server nor its users.
func (m *machine) abandon(dir string) {
	m.world.t.Helper()
	if m.run != nil {
		m.run.dead.Store(true)
		m.run.hangUp()
		m.run.users.Wait()
		old := *m.Desk
		old.Stop()
		m.run = nil
	}
	next := *m.Desk
	next.Agent, next.Config.Data = nil, dir
	m.Desk = &next
}

// copyData copies the files of the machine as they are now, and returns the copy's folder.
func (m *machine) copyData() string {
	m.world.t.Helper()
	m.world.copies++
	dir := filepath.Join(m.world.dir, fmt.Sprintf("%s-%d", m.Name, m.world.copies))
	copyFolder(m.world.t, m.Config.Data, dir)
	copyFile(m.world.t, filepath.Join(m.Config.Data, agent.PastFile), filepath.Join(dir, agent.PastFile))
	return dir
}

// copyFolder copies what a power cut would leave: the databases and their WAL, and what tells of a first read. What
// SQLite keeps in -shm is made anew.
func copyFolder(t *testing.T, from, to string) {
	t.Helper()
	if err := os.MkdirAll(to, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{agent.FirstReadFile, agent.AgendaFile} {
		copyFile(t, filepath.Join(from, name), filepath.Join(to, name))
	}
	for _, name := range []string{agent.ProjectionFile, agent.OutboxFile} {
		for _, suffix := range []string{"", "-wal"} {
			copyFile(t, filepath.Join(from, name+suffix), filepath.Join(to, name+suffix))
		}
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err == nil {
		err = os.WriteFile(to, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// loseProjection deletes record.db; the machine must be off.
func (m *machine) loseProjection() {
	m.world.t.Helper()
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(filepath.Join(m.Config.Data, agent.ProjectionFile+suffix)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			m.world.t.Fatal(err)
		}
	}
}

// damageProjection writes noise over record.db behind its head; the machine must have stopped.
func (m *machine) damageProjection() {
	m.world.t.Helper()
	path := filepath.Join(m.Config.Data, agent.ProjectionFile)
	content, err := os.ReadFile(path)
	if err == nil {
		copy(content[4096:], bytes.Repeat([]byte("noise"), len(content)/5))
		err = os.WriteFile(path, content, 0o600)
	}
	if err != nil {
		m.world.t.Fatal(err)
	}
}

// fault breaks the line of the machine, now and whenever it connects, until mend.
func (m *machine) fault(f func(*memlog.Log)) {
	m.mu.Lock()
	m.faults = append(m.faults, f)
	m.mu.Unlock()
	m.once(f)
}

// once does something to the line that there is now, if any.
func (m *machine) once(f func(*memlog.Log)) {
	if m.run == nil {
		return
	}
	m.run.mu.Lock()
	line := m.run.line
	m.run.mu.Unlock()
	if line != nil {
		f(line)
	}
}

func (m *machine) mend() {
	m.mu.Lock()
	m.faults = nil
	m.mu.Unlock()
	m.once((*memlog.Log).Mend)
}

// user makes a call as a user of the desk does: it is waited for before the program
// ends in order, and its answer reaches nobody where the program was killed.
func (m *machine) user(call func(a *agent.Agent) (answer func())) {
	run, a := m.run, m.Agent
	run.users.Go(func() {
		if answer := call(a); !run.dead.Load() {
			answer()
		}
	})
}

// green reports whether the light is green and the desk stands at the end of the log.
func (m *machine) green() bool {
	s := m.Now()
	stored := m.world.server.Stored()
	return s.Color == light.Online && s.Outbox == 0 && s.Position.Sequence == uint64(len(stored))
}

// settled waits until all desks that run, but those that are to work offline, are
// green at the end of one log.
func (w *world) settled() {
	w.t.Helper()
	const bound = 15 * time.Minute
	deadline := time.Now().Add(bound)
	for {
		synctest.Wait()
		all := true
		for _, m := range w.desks {
			all = all && (!m.running() || m.Now().ByChoice || m.green())
		}
		if all {
			return
		}
		if time.Now().After(deadline) {
			for _, m := range w.desks {
				if m.running() {
					s := m.Now()
					w.t.Logf("desk %s: %s (%s), %d queued, %d set aside, position %d %.8s, warnings %v", m.Name, s.Color, s.Reason, s.Outbox, s.SetAside, s.Position.Sequence, s.Position.Hash, s.Warnings)
				}
			}
			truth := w.truth()
			w.t.Fatalf("not every light is green within %v; the log ends at %d %.8s", bound, truth.Sequence, truth.Hash)
		}
		time.Sleep(worldInterval / 2)
	}
}

// truth is the end of the log, worked out from its first message.
func (w *world) truth() events.Position {
	return endOf(w.server.Stored())
}

// endOf is the position at the end of a log.
func endOf(log []events.Stored) (end events.Position) {
	for _, stored := range log {
		end = end.Next(stored.Sequence, stored.Fingerprint())
	}
	return end
}
