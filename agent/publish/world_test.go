package publish_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/agenttest"
	"github.com/carelog/carelog/agent/behind"
	"github.com/carelog/carelog/agent/enrolment"
	"github.com/carelog/carelog/agent/hub"
	"github.com/carelog/carelog/agent/hub/hubsim"
	"github.com/carelog/carelog/agent/publish"
	"github.com/carelog/carelog/broker/memlog"
	"github.com/carelog/carelog/projections/sumehr"
	"github.com/carelog/carelog/projections/sumehr/kmehr"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a practice whose broker and hub are in memory and whose time is virtual. Its
// desks have real files.
type world struct {
	t      *testing.T
	server *memlog.Server
	sim    *hubsim.Hub
	sheet  enrolment.Sheet
	dir    string
	desks  []*desk
	copies int
	away   atomic.Bool // the hub: no line to it comes about
	puts   atomic.Int64
	before atomic.Pointer[func()]  // what comes before the next Sumehr that is sent
	strict atomic.Bool             // the hub takes no Sumehr
	refuse atomic.Pointer[string]  // the number of the patient of whom the hub lists nothing, and does not say why; nil: none
	hold   atomic.Bool             // the next Sumehr that is sent is on its way for long, and nobody is told
	late   atomic.Pointer[func()]  // lets what was held arrive
	stuck  atomic.Bool             // a desk cannot read its own outbox
	alone  atomic.Pointer[program] // that took the lease last
	die    atomic.Pointer[string]  // the step at which the next program that comes there is killed; nil: none
	jitter func(time.Duration) time.Duration
}

// inWorld plays a test in a world of its own, which begins on a morning.
func inWorld(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	agenttest.WarmUp()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(8 * time.Hour)
		secret := enrolment.NewSecret()
		pair, err := secret.AccountKey()
		if err != nil {
			t.Fatal(err)
		}
		account, err := pair.PublicKey()
		if err != nil {
			t.Fatal(err)
		}
		w := &world{
			t: t, server: memlog.NewServer("p1"), dir: dir,
			sheet:  enrolment.Sheet{Practice: "p1", Account: account, URLs: []string{"nats://in-memory"}, Secret: secret},
			jitter: func(most time.Duration) time.Duration { return most / 2 },
		}
		w.sim = hubsim.New(hubsim.Config{Schema: func(payload []byte) error {
			if w.strict.Load() && bytes.Contains(payload, []byte("<PutTransactionRequest")) {
				return errors.New("no such element")
			}
			return nil
		}})
		t.Cleanup(func() {
			for _, d := range w.desks {
				d.stop()
			}
			if err := w.server.Check(); err != nil {
				t.Error(err)
			}
		})
		test(t, w)
	})
}

// desk is a PC of the practice: its files outlive the program that runs there.
type desk struct {
	*agenttest.Desk
	world     *world
	authors   []string // who has a session with the hub there; none: everybody
	table     *behind.Table
	publisher *publish.Publisher
	run       *program
}

// program is one run of a desk, from its start to its end, however it ends.
type program struct {
	dead atomic.Bool // killed: what it still does is done by nobody
	ctx  context.Context
	end  context.CancelFunc
	all  sync.WaitGroup
	line atomic.Pointer[memlog.Log]
}

// desk adds a PC and starts its program.
func (w *world) desk(name string, authors ...string) *desk {
	w.t.Helper()
	d := &desk{Desk: agenttest.NewDesk(w.t, w.sheet, w.dir, name, nil), world: w, authors: authors}
	d.Config.Interval, d.Config.Patience = time.Minute, 5*time.Second
	w.desks = append(w.desks, d)
	d.start()
	return d
}

func (d *desk) start() {
	d.world.t.Helper()
	run := &program{}
	run.ctx, run.end = context.WithCancel(context.Background())
	d.run = run
	d.Config.Connect = func(_ context.Context, report func(bool, error)) (agent.Log, error) {
		line := d.world.server.Client(d.Name)
		line.SetTimeout(d.Config.Patience)
		run.line.Store(line)
		if run.dead.Load() {
			line.Close()
		}
		line.OnConnection(report)
		return line, nil
	}
	d.Desk.Start()
	d.publisher = publish.New(publish.Config{
		Desk: steps{d.Agent, d, run}, Records: d.Store(), URL: "http://hub/", Hub: sumehr.Vitalink,
		HTTP: &http.Client{Timeout: 20 * time.Second, Transport: wire{d, run}}, Sessions: hub.Trusting{Only: d.authors},
		Practice: d.Config.Enrolment.PracticeKey, Jitter: d.world.jitter, Logger: slog.New(slog.NewTextHandler(paper{d.world}, nil)),
	})
	d.table = behind.New(behind.Config{Desk: d.Agent, Records: d.Store(), Hub: d.publisher})
	run.all.Go(func() { _ = d.publisher.Run(run.ctx, d.table) }) // it has no error but of its context
	run.all.Go(func() { _ = d.table.Run(run.ctx) })
}

// paper is what the publishers' log is written on, where no patient's number may stand.
type paper struct{ *world }

func (p paper) Write(line []byte) (int, error) {
	for number := range p.sim.Holds() {
		if bytes.Contains(line, []byte(number)) {
			p.t.Errorf("the log names the patient: %s", line)
		}
	}
	if os.Getenv("DBG") != "" {
		p.t.Log(time.Now().Format("15:04:05"), string(line))
	}
	return len(line), nil
}

// stop ends the program in order.
func (d *desk) stop() {
	if d.run == nil {
		return
	}
	d.run.end()
	d.run.all.Wait()
	d.Desk.Stop()
	d.run = nil
}

// step is where a program may be killed. The killed one comes no further, and reaches nobody.
func (d *desk) step(run *program, name string) error {
	if die := d.world.die.Load(); die != nil && *die == name && !run.dead.Load() && d.world.die.CompareAndSwap(die, nil) {
		d.kill()
	}
	if run.dead.Load() {
		<-run.ctx.Done()
		return context.Cause(run.ctx)
	}
	return nil
}

// kill kills the program where it is.
func (d *desk) kill() {
	d.run.dead.Store(true)
	d.run.line.Load().Close()
}

// dead reports whether the program was killed and lies there.
func (d *desk) dead() bool { return d.run != nil && d.run.dead.Load() }

// bury clears a killed program away. What its files were is all that is left, and the desk is off.
func (d *desk) bury() {
	d.world.t.Helper()
	synctest.Wait()
	d.world.copies++
	dir := filepath.Join(d.world.dir, fmt.Sprintf("%s-%d", d.Name, d.world.copies))
	copyFolder(d.world.t, d.Config.Data, dir)
	d.stop()
	next := *d.Desk
	next.Agent, next.Config.Data = nil, dir
	d.Desk = &next
}

// copyFolder copies what a power cut would leave: the databases and their WAL.
func copyFolder(t *testing.T, from, to string) {
	t.Helper()
	if err := os.MkdirAll(to, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{agent.ProjectionFile, agent.ProjectionFile + "-wal", agent.OutboxFile, agent.OutboxFile + "-wal"} {
		data, err := os.ReadFile(filepath.Join(from, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(to, name), data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Steps at which a publishing program may be killed, in their order. Those of the hub stand
// before the request is sent and after it was carried out: the pair of every fault.
var allSteps = []string{
	"leased", "proved", "before list", "after list", "before put", "after put", "before record", "after record", "released",
}

// steps is an agent whose program may be killed at each step that it takes for the publisher.
type steps struct {
	*agent.Agent
	desk *desk
	run  *program
}

func (s steps) Alone(ctx context.Context, name string, do func(context.Context) error) error {
	return s.Agent.Alone(ctx, name, func(ctx context.Context) error {
		s.desk.world.alone.Store(s.run)
		if err := s.desk.step(s.run, "leased"); err != nil {
			return err
		}
		err := do(ctx)
		return errors.Join(err, s.desk.step(s.run, "released"))
	})
}

func (s steps) Outbox(ctx context.Context) ([]agent.Queued, error) {
	if s.desk.world.stuck.Load() {
		return nil, errors.New("disk I/O error")
	}
	return s.Agent.Outbox(ctx)
}

func (s steps) Prove(ctx context.Context) error {
	err := s.Agent.Prove(ctx)
	return errors.Join(err, s.desk.step(s.run, "proved"))
}

func (s steps) Write(ctx context.Context, draft agent.Draft) (w agent.Written, err error) {
	if err := s.desk.step(s.run, "before record"); err != nil {
		return w, err
	}
	w, err = s.Agent.Write(ctx, draft)
	return w, errors.Join(err, s.desk.step(s.run, "after record"))
}

// wire is a desk's line to the hub.
type wire struct {
	desk *desk
	run  *program
}

// RoundTrip lets the hub answer, unless it is away, the program is killed before or after, or
// the caller waits no longer.
func (l wire) RoundTrip(r *http.Request) (*http.Response, error) {
	step := map[string]string{hub.Action("PutTransaction"): "put", hub.Action("GetTransactionList"): "list"}[r.Header.Get("SOAPAction")[1:len(r.Header.Get("SOAPAction"))-1]]
	if err := l.desk.step(l.run, "before "+step); err != nil {
		return nil, err
	}
	w := l.desk.world
	if w.away.Load() {
		return nil, &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	}
	if refuse := w.refuse.Load(); refuse != nil {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		if bytes.Contains(text, []byte(">"+*refuse+"<")) && (step == "list" || bytes.Contains(text, []byte("GetLatestUpdateRequest"))) {
			return refusal(text, *refuse)
		}
		r.Body = io.NopCloser(bytes.NewReader(text))
	}
	if step == "put" {
		w.puts.Add(1)
		if first := w.before.Swap(nil); first != nil {
			(*first)()
		}
		if w.alone.Load() != l.run {
			w.t.Errorf("desk %s sends and has no lease", l.desk.Name)
		}
	}
	if step == "put" && w.hold.CompareAndSwap(true, false) {
		return nil, w.keep(r)
	}
	answer, done := httptest.NewRecorder(), make(chan struct{})
	go func() {
		defer close(done)
		w.sim.ServeHTTP(answer, r)
	}()
	<-done // a hub that holds the line lets it go when the caller does
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if err := l.desk.step(l.run, "after "+step); err != nil {
		return nil, err
	}
	return answer.Result(), nil
}

// keep lets a request arrive later, when nobody waits for its answer any more.
func (w *world) keep(r *http.Request) error {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	again := r.Clone(context.Background())
	again.Body = io.NopCloser(bytes.NewReader(text))
	arrive := func() { w.sim.ServeHTTP(httptest.NewRecorder(), again) }
	w.late.Store(&arrive)
	<-r.Context().Done()
	return r.Context().Err()
}

// refusal is the answer of a hub that refuses a request about a patient, and will next time.
func refusal(request []byte, inss string) (*http.Response, error) {
	payload, err := hub.Unwrap(request)
	if err != nil {
		return nil, err
	}
	refused := kmehr.New("acknowledge", kmehr.Leaf("iscomplete", "false"), kmehr.New("error", kmehr.Leaf("cd", "999"), kmehr.Leaf("description", "no such patient: "+inss)))
	answer := httptest.NewRecorder()
	answer.Header().Set("Content-Type", "text/xml")
	_, err = answer.Write(hub.Wrap(nil, hub.In(hub.Protocol, kmehr.New(strings.Replace(payload.Name, "Request", "Response", 1), hub.In(hub.Core, refused)))))
	return answer.Result(), err
}

// client is somebody else who talks with the hub.
func (w *world) client() *hub.Client {
	return &hub.Client{
		URL: "http://hub/", HTTP: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			answer := httptest.NewRecorder()
			w.sim.ServeHTTP(answer, r)
			return answer.Result(), nil
		})}, Hub: sumehr.Vitalink, Author: hub.Author{NIHII: doctors["dr2"]}, Security: hub.Plain{},
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
