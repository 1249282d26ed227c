package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/carelog/carelog/agent/enrolment"
	"github.com/carelog/carelog/agent/intake"
	"github.com/carelog/carelog/agent/synthetic"
)

// demoCommand starts a whole practice and a hub on this machine, each part its own process.
type demoCommand struct {
	Data     string   `help:"Folder of the demo; a new temporary one, removed at the end, by default." placeholder:"DIR" type:"path"`
	Port     int      `help:"Port of the first desk; the next ones follow. 0 for any free ones." default:"7878"`
	Desks    int      `help:"How many desks." default:"2"`
	Patients int      `help:"Patients of the generated practice that the demo starts with." default:"200"`
	Seed     uint64   `help:"Seed of the generated practice." default:"1"`
	Bundles  []string `help:"FHIR Bundles to start with as well." placeholder:"FILE" type:"existingfile"`
	JSON     bool     `help:"Print one line of JSON when all is ready." name:"json"`
}

const demoPractice = "demo"

// How far the ports of the broker and of the hub are above that of the first desk.
const (
	brokerOffset = 100
	hubOffset    = 101
	maxPort      = 65535
)

// demoReady is the line that --json prints.
type demoReady struct {
	Broker demoPart   `json:"broker"`
	Hub    demoPart   `json:"hub"`
	Desks  []demoDesk `json:"desks"`
}

type demoPart struct {
	URL string `json:"url"`
	PID int    `json:"pid"`
}

type demoDesk struct {
	Name  string `json:"name"`
	URL   string `json:"url"`
	Token string `json:"token"`
	Link  string `json:"link"`
	Data  string `json:"data"`
	PID   int    `json:"pid"`
}

// Run starts everything, waits to be told to stop, and stops everything.
func (c *demoCommand) Run(env *environment) (err error) {
	if c.Desks < 1 || c.Desks > 9 {
		return usage(fmt.Errorf("--desks %d: want 1 to 9", c.Desks))
	}
	if c.Patients < 0 {
		return usage(fmt.Errorf("--patients %d: want none or more", c.Patients))
	}
	if c.Port < 0 || c.Port > maxPort-hubOffset {
		return usage(fmt.Errorf("--port %d: want 1 to %d, or 0 for any free ones: the broker and the hub take those that are %d and %d higher", c.Port, maxPort-hubOffset, brokerOffset, hubOffset))
	}
	worked := false
	if c.Data == "" {
		if c.Data, err = os.MkdirTemp("", "carelog-demo-"); err != nil {
			return err
		}
		defer func() {
			if err == nil || !worked || env.ctx.Err() != nil { // else its logs say why
				err = errors.Join(err, os.RemoveAll(c.Data))
			}
		}()
	}
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return usage(fmt.Errorf("--data: %w", err))
	}
	ctx, cancel := context.WithCancel(env.ctx)
	defer cancel()
	parts := &processes{env: env}
	defer parts.stop()
	ready, err := c.start(ctx, parts)
	if err == nil {
		err = c.fill(ctx, env, ready.Desks[0])
	}
	if err != nil {
		return err
	}
	if err := c.announce(env, ready); err != nil {
		return err
	}
	worked = true
	select {
	case <-ctx.Done():
		return nil
	case err := <-parts.ended:
		return fmt.Errorf("%w; its log is in %s", err, c.Data)
	}
}

func (c *demoCommand) start(ctx context.Context, parts *processes) (ready demoReady, err error) {
	brokerData := filepath.Join(c.Data, "broker")
	var at struct{ URL string }
	pid, err := parts.start(ctx, "broker", filepath.Join(c.Data, "broker.log"), &at,
		"broker", "--data", brokerData, "--port="+c.brokerPort(), "--json")
	if err != nil {
		return ready, err
	}
	ready.Broker = demoPart{at.URL, pid}
	sheet, err := c.practice(ctx, parts.env, brokerData, at.URL)
	if err != nil {
		return ready, err
	}
	pid, err = parts.start(ctx, "hub", filepath.Join(c.Data, "hub.log"), &at,
		"hub", "--listen", "127.0.0.1:"+c.hubPort(), "--data", filepath.Join(c.Data, "hub.json"), "--json")
	if err != nil {
		return ready, err
	}
	ready.Hub = demoPart{at.URL, pid}
	for n := range c.Desks {
		d, err := c.startDesk(ctx, parts, sheet, ready, n)
		if err != nil {
			return ready, err
		}
		ready.Desks = append(ready.Desks, d)
	}
	return ready, nil
}

// brokerPort is the same after a restart with the same port.
func (c *demoCommand) brokerPort() string {
	if c.Port == 0 {
		return "-1"
	}
	return strconv.Itoa(c.Port + brokerOffset)
}

func (c *demoCommand) hubPort() string {
	if c.Port == 0 {
		return "0"
	}
	return strconv.Itoa(c.Port + hubOffset)
}

// practice makes the demo's practice at the first start, and reads its sheet later.
func (c *demoCommand) practice(ctx context.Context, env *environment, brokerData, url string) (enrolment.Sheet, error) {
	path := filepath.Join(c.Data, "recovery-sheet.txt")
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		quiet := *env
		quiet.ctx, quiet.stdout = ctx, io.Discard
		add := practiceAddCommand{Practice: demoPractice, Name: "Demo practice", Data: brokerData, URL: []string{url}, Sheet: path, Running: true, Replicas: 1}
		if err := add.Run(&quiet); err != nil {
			return enrolment.Sheet{}, err
		}
	}
	f, err := os.Open(path)
	if err != nil {
		return enrolment.Sheet{}, err
	}
	defer f.Close()
	return enrolment.ParseSheet(f)
}

// startDesk starts a desk, with the addresses that broker and hub have this time: of any free ports these are others than its enrolment names.
func (c *demoCommand) startDesk(ctx context.Context, parts *processes, sheet enrolment.Sheet, ready demoReady, n int) (d demoDesk, err error) {
	id := "desk-" + strconv.Itoa(n+1)
	data := filepath.Join(c.Data, id)
	args := []string{"agent", "--data", data, "--listen", c.deskAddress(n), "--broker", ready.Broker.URL, "--hub", ready.Hub.URL, "--json"}
	if doctors := c.practitioners(ctx); len(doctors) > 0 {
		args = append(args, "--user", doctors[n%len(doctors)])
	}
	if _, err := os.Stat(filepath.Join(data, enrolmentFile)); errors.Is(err, os.ErrNotExist) {
		e, err := sheet.Enrol(id, "Desk "+strconv.Itoa(n+1))
		if err != nil {
			return d, err
		}
		if err := os.MkdirAll(data, 0o700); err != nil {
			return d, err
		}
		if err := e.Save(filepath.Join(data, enrolmentFile)); err != nil {
			return d, err
		}
	}
	d.PID, err = parts.start(ctx, id, filepath.Join(c.Data, id+".log"), &d, args...)
	d.Data = data
	return d, err
}

// practitioners are the doctors of the generated practice: one sits at each desk.
func (c *demoCommand) practitioners(ctx context.Context) (ids []string) {
	for r := range synthetic.Generate(ctx, synthetic.Options{Seed: c.Seed}) {
		if r.Type == "Practitioner" {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

func (c *demoCommand) deskAddress(n int) string {
	if c.Port == 0 {
		return "127.0.0.1:0"
	}
	return "127.0.0.1:" + strconv.Itoa(c.Port+n)
}

// fill gives an empty practice its patients.
func (c *demoCommand) fill(ctx context.Context, env *environment, first demoDesk) error {
	marker := filepath.Join(c.Data, "filled")
	if _, err := os.Stat(marker); err == nil {
		return nil
	}
	in := newImporter(&desk{url: first.URL, token: first.Token, http: httpClient()})
	for r := range synthetic.Generate(ctx, synthetic.Options{Patients: c.Patients, Seed: c.Seed}) {
		if err := in.add(ctx, intake.Item{Source: "generated", Type: r.Type, ID: r.ID, Body: r.Body}); err != nil {
			return err
		}
	}
	for _, name := range c.Bundles {
		if err := in.file(ctx, name, nil); err != nil {
			return err
		}
	}
	if err := in.flush(ctx); err != nil {
		return err
	}
	wait := waitCommand{deskFlags: deskFlags{Agent: first.URL, Token: first.Token}, For: "current", Timeout: 5 * time.Minute}
	quiet := *env
	quiet.ctx = ctx
	if err := wait.Run(&quiet); err != nil {
		return err
	}
	return os.WriteFile(marker, nil, 0o600)
}

func (c *demoCommand) announce(env *environment, ready demoReady) error {
	if c.JSON {
		return printJSON(env.stdout, ready)
	}
	fmt.Fprintf(env.stdout, "One practice, %d desks, %d patients. Open each link in its own window:\n\n", c.Desks, c.Patients)
	for _, d := range ready.Desks {
		fmt.Fprintf(env.stdout, "  %s  %s\n", d.Name, d.Link)
	}
	_, err := fmt.Fprintf(env.stdout, "\nType at one desk and look at the other; click the light to work offline.\nThe broker is at %s, a hub to publish Sumehrs on at %s, the files in %s. Ctrl-C ends all.\n",
		ready.Broker.URL, ready.Hub.URL, c.Data)
	return err
}

// processes are the parts of a demo. Each is attached to the demo by its standard input, so
// that it ends with the demo however that ends, and leaves the terminal's signals to it.
type processes struct {
	env     *environment
	inputs  []io.Closer
	waiting sync.WaitGroup
	ended   chan error // why a part did
}

// start starts a part and waits for the line of JSON with which it says that it is
// ready. Where it ends before, the error is what it said at last, with its exit code.
func (p *processes) start(ctx context.Context, name, logFile string, ready any, args ...string) (pid int, err error) {
	if p.ended == nil {
		p.ended = make(chan error, 16)
	}
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	log, err := os.OpenFile(logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	cmd := exec.Command(self, append([]string{"--attached"}, args...)...)
	cmd.Stderr = log
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, errors.Join(err, log.Close())
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		return 0, errors.Join(err, log.Close())
	}
	if err := cmd.Start(); err != nil {
		return 0, errors.Join(fmt.Errorf("start the %s: %w", name, err), log.Close())
	}
	p.inputs = append(p.inputs, in)
	line := make(chan error, 2)
	p.waiting.Go(func() {
		lines := bufio.NewReader(out)
		text, err := lines.ReadBytes('\n')
		if err == nil {
			line <- json.Unmarshal(text, ready)
		}
		_, _ = io.Copy(io.Discard, lines)
		err = errors.Join(cmd.Wait(), log.Close())
		err = codedError{max(cmd.ProcessState.ExitCode(), exitFailed), fmt.Errorf("the demo's %s ended: %s", name, lastWords(logFile, err))}
		line <- err
		p.ended <- err
	})
	select {
	case err := <-line:
		return cmd.Process.Pid, err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// lastWords are those with which a command ended, of the file of its standard error; without
// any, as where it was killed, how it ended.
func lastWords(logFile string, ended error) string {
	text, err := os.ReadFile(logFile)
	if err != nil {
		return err.Error()
	}
	text = bytes.TrimSpace(text)
	last := text[bytes.LastIndexByte(text, '\n')+1:]
	if words, ok := bytes.CutPrefix(last, []byte("carelog: ")); ok {
		return strings.Replace(string(words), otherPort, "choose other ports with --port", 1)
	}
	if ended == nil {
		return "it was told to"
	}
	return ended.Error()
}

// stop ends the parts, the desks before the broker, and waits.
func (p *processes) stop() {
	for _, in := range slices.Backward(p.inputs) {
		_ = in.Close()
	}
	p.waiting.Wait()
}
