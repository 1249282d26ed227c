package main_test

import (
	"context"
	"encoding/json"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// office is a practice with a broker and desks, each a process of its own that can be
// killed at any moment. Its methods are for the test's goroutine.
type office struct {
	t      *testing.T
	dir    string
	port   string // of the broker, the same over restarts
	broker *service
	desks  []*officeDesk
}

// officeDesk is one desk of an office.
type officeDesk struct {
	name  string
	flags []string // beside the usual ones

	mu      sync.Mutex
	service *service
}

// openOffice lets a practice in and starts its desks. All of it ends with the test.
func openOffice(t *testing.T, desks ...string) *office {
	t.Helper()
	o := &office{t: t, dir: t.TempDir(), port: "-1"}
	t.Cleanup(o.close)
	o.startBroker()
	o.port = o.broker.port()
	o.carelog("practice", "add", "dr-peeters", "--data", "broker", "--url", o.broker.text("url"), "--sheet", "sheet.txt")
	for _, name := range desks {
		o.carelog("device", "enrol", name, "--device", name, "--sheet", "sheet.txt", "--out", name+".json")
		d := &officeDesk{name: name}
		o.desks = append(o.desks, d)
		o.startDesk(d)
	}
	return o
}

func (o *office) close() {
	for _, s := range o.services() {
		s.end(o.t)
	}
}

// services are all that were started last, running or not.
func (o *office) services() (list []*service) {
	if o.broker != nil {
		list = append(list, o.broker)
	}
	for _, d := range o.desks {
		if s := d.current(); s != nil {
			list = append(list, s)
		}
	}
	return list
}

func (o *office) startBroker() {
	o.t.Helper()
	o.broker = o.start("broker", "broker", "--data", "broker", "--port="+o.port, "--json")
}

func (o *office) startDesk(d *officeDesk) {
	o.t.Helper()
	s := o.start(d.name, append([]string{"agent", "--data", d.name, "--enrolment", d.name + ".json", "--listen", "127.0.0.1:0",
		"--user", "dr-" + d.name, "--interval", "200ms", "--patience", "1s", "--json"}, d.flags...)...)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.service = s
}

// current is the process of the desk, which may have been killed.
func (d *officeDesk) current() *service {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.service
}

func (o *office) start(name string, args ...string) *service {
	o.t.Helper()
	cmd := exec.Command("carelog", args...)
	cmd.Dir = o.dir
	s, err := startService(name, filepath.Join(o.dir, name+".log"), cmd)
	if err != nil {
		o.t.Fatal(err)
	}
	return s
}

// carelog runs a command to its end, wants it to succeed, and returns its output.
func (o *office) carelog(args ...string) string {
	o.t.Helper()
	ctx, cancel := context.WithTimeout(o.t.Context(), 2*time.Minute)
	defer cancel()
	path, err := client()
	if err != nil {
		o.t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir = o.dir
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		errors.As(err, &exit)
		o.t.Fatalf("carelog %s: %v\n%s%s", strings.Join(args, " "), err, out, exit.Stderr)
	}
	return string(out)
}

// settle waits until every desk has what the others have, and the broker too.
func (o *office) settle() {
	o.t.Helper()
	for range 2 { // what the second desk pushed is new to the first
		for _, d := range o.desks {
			o.carelog("wait", "--data", d.name, "--for", "current", "--timeout", "90s")
		}
	}
}

// logLine is an event of the broker's log.
type logLine struct{ Event, Record string }

// logged are the events of the broker's log, in its order.
func (o *office) logged() (lines []logLine) {
	o.t.Helper()
	for line := range strings.Lines(o.carelog("audit", "log", "--data", o.desks[0].name, "--json")) {
		var l logLine
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			o.t.Fatalf("a line of audit log is no JSON: %v: %s", err, line)
		}
		lines = append(lines, l)
	}
	return lines
}

// perEvent counts how often each event stands in the log.
func perEvent(log []logLine) map[string]int {
	count := make(map[string]int)
	for _, l := range log {
		count[l.Event]++
	}
	return count
}
