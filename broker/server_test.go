package broker_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nkeys"

	"github.com/carelog/carelog/broker"
	"github.com/carelog/carelog/broker/brokertest"
	"github.com/carelog/carelog/broker/logtest"
)

func port(t *testing.T, raw string) int {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(u.Port())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestStartSaysWhatIsInTheWay(t *testing.T) {
	b := brokertest.Start(t)
	occupied := port(t, b.URL())
	running := t.TempDir()
	first, err := broker.Start(t.Context(), broker.ServerConfig{Data: running, Port: broker.AnyPort})
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()

	_, err = broker.Start(t.Context(), broker.ServerConfig{Data: running, Port: broker.AnyPort})
	var inUse *broker.FolderInUseError
	if !errors.As(err, &inUse) || inUse.Folder != running {
		t.Errorf("a second broker on one folder: %v, want that it is in use", err)
	}
	absent := filepath.Join(t.TempDir(), "absent")
	for _, data := range []string{t.TempDir(), absent} {
		_, err = broker.Start(t.Context(), broker.ServerConfig{Data: data, Port: occupied})
		var taken *broker.PortInUseError
		if !errors.As(err, &taken) || taken.Address != net.JoinHostPort("127.0.0.1", strconv.Itoa(occupied)) {
			t.Errorf("a port in use: %v, want that it is in use", err)
		}
	}
	if _, err := os.Stat(absent); err == nil {
		t.Error("the folder of a broker that could not start is there")
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := broker.Start(t.Context(), broker.ServerConfig{Data: filepath.Join(file, "data"), Port: broker.AnyPort}); !errors.Is(err, fs.ErrExist) && !strings.Contains(err.Error(), file) {
		t.Errorf("a folder that cannot be made: %v, want one that names it", err)
	}
	for name, c := range map[string]broker.ServerConfig{"no folder": {}, "no port": {Data: t.TempDir(), Port: 65536}, "no host": {Data: t.TempDir(), Host: "host.invalid", Port: 1}} {
		if s, err := broker.Start(t.Context(), c); err == nil {
			s.Close()
			t.Errorf("%s: it runs", name)
		}
	}
	for range 2 {
		if err := first.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	second, err := broker.Start(t.Context(), broker.ServerConfig{Data: running, Port: broker.AnyPort})
	if err != nil {
		t.Fatalf("after the first is closed: %v", err)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
}

// A practice that is added by another process is let in by the running broker.
func TestAddPracticeWhileRunning(t *testing.T) {
	dir := t.TempDir()
	server, err := broker.Start(t.Context(), broker.ServerConfig{Data: dir, Port: broker.AnyPort})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	elsewhere, err := broker.OpenOperator(filepath.Join(dir, "operator"))
	if err != nil {
		t.Fatal(err)
	}
	_, public := newSigning(t)
	first, err := elsewhere.AddPractice(t.Context(), broker.AddPractice{ID: "p1", SigningKey: public})
	if err != nil {
		t.Fatal(err)
	}
	again, err := elsewhere.AddPractice(t.Context(), broker.AddPractice{ID: "p1", SigningKey: public})
	if err != nil || again != first {
		t.Errorf("added twice: %v, %v; want the same", again, err)
	}
	_, otherPublic := newSigning(t)
	var exists *broker.PracticeExistsError
	if _, err := elsewhere.AddPractice(t.Context(), broker.AddPractice{ID: "p1", SigningKey: otherPublic}); !errors.As(err, &exists) {
		t.Errorf("added with another key: %v, want that it exists", err)
	}
	if practices, err := elsewhere.Practices(); err != nil || len(practices) != 1 || practices[0] != "p1" {
		t.Errorf("practices %v, %v; want p1", practices, err)
	}
	access, err := elsewhere.Access("p1", server.URL())
	if err != nil {
		t.Fatal(err)
	}
	if err := broker.Provision(t.Context(), access, "p1", 1); err != nil {
		t.Fatal(err)
	}
	if _, err := elsewhere.Access("p2"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an unknown practice: %v, want that it does not exist", err)
	}
	err = filepath.WalkDir(filepath.Join(dir, "operator"), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s is open to others: %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// A revoked device is disconnected from the running broker, told why, and never let in again.
func TestRevoke(t *testing.T) {
	b := brokertest.Start(t)
	d, other := b.Device("desk-1"), b.Device("desk-2")
	reasons := make(chan error, 100)
	c := d.Config()
	c.OnConnection = func(connected bool, err error) {
		if !connected && err != nil {
			select {
			case reasons <- err:
			default:
			}
		}
	}
	l, err := broker.Connect(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	d.Await(l, true)
	stays := other.Connect()
	key, err := broker.UserKey(d.JWT)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Server().Operator().Revoke(t.Context(), brokertest.Practice, key); err != nil {
		t.Fatal(err)
	}
	d.Await(l, false)
	for told := false; !told; {
		select {
		case err := <-reasons:
			told = strings.Contains(strings.ToLower(err.Error()), "auth")
		case <-time.After(10 * time.Second):
			t.Fatal("nobody says why the device is not let in")
		}
	}
	other.Await(stays, true)
	b.Restart()
	other.Await(stays, true)
	if l.Connected() {
		t.Error("the revoked device is let in after a restart")
	}
}

// The broker's process is killed under writes. What was acknowledged is there.
func TestKill(t *testing.T) {
	if dir := os.Getenv("CARELOG_TEST_BROKER"); dir != "" {
		serve(dir)
		return
	}
	dir := t.TempDir()
	signing, account := prepare(t, dir)
	token, seed, err := broker.IssueUser(signing, account, "p1", "desk-1")
	if err != nil {
		t.Fatal(err)
	}
	var sent []string
	for round := range 3 {
		process, address := spawn(t, dir)
		l, err := broker.Connect(t.Context(), broker.Config{Practice: "p1", Device: "desk-1", URLs: []string{address}, JWT: token, Seed: seed, Timeout: 5 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		enough, dead := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(dead)
			<-enough
			process.Process.Kill() // in the middle of a write, as far as anybody can say
			process.Wait()
		}()
		for acknowledged, killed := 0, false; !killed; {
			m := logtest.Event(t, "pat-1", "Condition/c-1")
			if _, err := l.Append(t.Context(), m); err == nil {
				id, _ := m.Peek()
				sent = append(sent, id)
				if acknowledged++; acknowledged == 20*(round+1) {
					close(enough)
				}
			}
			select {
			case <-dead:
				killed = true
			default:
			}
		}
		l.Close()
	}
	process, address := spawn(t, dir)
	defer func() {
		process.Process.Kill()
		process.Wait()
	}()
	l, err := broker.Connect(t.Context(), broker.Config{Practice: "p1", Device: "desk-1", URLs: []string{address}, JWT: token, Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	there := timesIn(t, l)
	for _, id := range sent {
		if there[id] != 1 {
			t.Errorf("acknowledged event %s stands %d times in the log", id, there[id])
		}
	}
	t.Logf("%d acknowledged, %d stored, over 3 kills", len(sent), len(there))
}

// timesIn counts how often each event stands in a log that is not empty.
func timesIn(t *testing.T, l *broker.Log) map[string]int {
	t.Helper()
	there := make(map[string]int)
	var last uint64
	for s, err := range l.Read(t.Context(), 1) {
		if err != nil {
			t.Fatal(err)
		}
		id, _ := s.Peek()
		there[id]++
		if last == 0 {
			now, err := l.State(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			last = now.Last
		}
		if s.Sequence == last {
			break
		}
	}
	return there
}

// newSigning makes a key that enrols devices.
func newSigning(t testing.TB) (signing nkeys.KeyPair, public string) {
	t.Helper()
	signing, err := nkeys.CreateAccount()
	if err == nil {
		public, err = signing.PublicKey()
	}
	if err != nil {
		t.Fatal(err)
	}
	return signing, public
}

// prepare provisions a practice in a folder and closes its broker.
func prepare(t *testing.T, dir string) (nkeys.KeyPair, string) {
	t.Helper()
	signing, public := newSigning(t)
	server, err := broker.Start(t.Context(), broker.ServerConfig{Data: dir, Port: broker.AnyPort})
	if err != nil {
		t.Fatal(err)
	}
	account, err := server.Operator().AddPractice(t.Context(), broker.AddPractice{ID: "p1", SigningKey: public})
	if err == nil {
		err = server.Provision(t.Context())
	}
	if err := errors.Join(err, server.Close()); err != nil {
		t.Fatal(err)
	}
	return signing, account.PublicKey
}

// spawn runs a broker as a process of its own, and returns it with its URL.
func spawn(t *testing.T, dir string) (*exec.Cmd, string) {
	t.Helper()
	process := exec.Command(os.Args[0], "-test.run=^TestKill$")
	process.Env = append(os.Environ(), "CARELOG_TEST_BROKER="+dir)
	out, err := process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if address, ok := strings.CutPrefix(lines.Text(), "broker at "); ok {
			return process, address
		}
	}
	process.Wait()
	t.Fatal("the broker's process does not start")
	return nil, ""
}

// serve is that process.
func serve(dir string) {
	server, err := broker.Start(context.Background(), broker.ServerConfig{Data: dir, Port: broker.AnyPort})
	if err == nil {
		err = server.Provision(context.Background())
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("broker at", server.URL())
	select {}
}
