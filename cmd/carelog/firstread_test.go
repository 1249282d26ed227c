package main_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carelog/carelog/agent"
)

// A new desk that is killed again and again in its first read, in the fetch of a snapshot, between unpacked parts, while it is
// taken over and in the replay, comes to the same in the end as one that read the log in one go, byte for byte.
func TestKilledAgainAndAgainInTheFirstRead(t *testing.T) {
	t.Parallel()
	for with, stages := range map[string][]readStage{
		"replay":   {inReplay, inReplay, inReplay},
		"snapshot": {inFetch, inFetch, inUnpacking, inTakingOver, inTakingOver, inReplay},
	} {
		t.Run(with, func(t *testing.T) {
			o := openOffice(t, "one")
			o.carelog("generate", "--patients", "80", "--out", "practice.ndjson")
			o.carelog("import", "--data", "one", "practice.ndjson")
			o.settle()
			every := "-1"
			if with == "snapshot" {
				every = "50000"
				o.carelog("snapshot", "make", "--data", "one")
				o.carelog("generate", "--patients", "20", "--seed", "2", "--out", "tail.ndjson")
				o.carelog("import", "--data", "one", "tail.ndjson")
				o.settle()
			}
			o.newDesk("three", "-1") // reads from nothing, in one go
			o.settle()

			patients := o.patients("practice.ndjson")
			line := narrow(t, o.broker.text("url"), 250_000)
			killed := o.newDesk("two", every, "--broker="+line)
			for life, at := range stages {
				for landed := false; !landed; {
					if life%2 == 0 {
						path := "/fhir/Patient/" + patients[life*7%len(patients)]
						if status, body := killed.asks(t, path); status != http.StatusOK && status != http.StatusNotFound {
							t.Errorf("a dossier is answered with %d: %s", status, body)
						}
					}
					desk := firstRead{t: t, desk: killed, folder: filepath.Join(o.dir, "two")}
					reached := desk.await(at)
					killed.current().kill9()
					if landed = reached && at.left(desk); !landed { // it was over before: everything from nothing
						t.Logf("life %d was over before it was killed %s", life, at.name)
						desk.forget()
					}
					o.startDesk(killed)
				}
				t.Logf("life %d ended %s", life, at.name)
			}
			o.settle()
			for _, s := range o.services() {
				s.kill9()
			}
			want, err := projectionOf(filepath.Join(o.dir, "three"))
			if err != nil {
				t.Fatal(err)
			}
			got, err := projectionOf(filepath.Join(o.dir, "two"))
			if err != nil {
				t.Fatal(err)
			}
			if want != got {
				t.Errorf("the killed desk differs (-want +got):\n%.4000s", cmp.Diff(want, got))
			}
		})
	}
}

// firstRead is a desk that reads for the first time, and its data folder.
type firstRead struct {
	t      *testing.T
	desk   *officeDesk
	folder string
}

// readStage is a part of a first read: how it is known that a desk has come to it, and that it was killed in it.
type readStage struct {
	name string
	come func(firstRead) bool
	left func(firstRead) bool
}

var (
	inFetch = readStage{"in the fetch", func(r firstRead) bool {
		return r.has("snapshot-*.db.part.*")
	}, func(r firstRead) bool { return r.has("snapshot-*.db.part") }}
	inUnpacking  = readStage{"between unpacked parts", firstRead.unpacked, firstRead.unpacked}
	inTakingOver = readStage{"while it was taken over", func(r firstRead) bool { return r.has("snapshot-*.db") },
		func(r firstRead) bool { return r.has("snapshot-*.db") }}
	inReplay = readStage{"in the replay", func(r firstRead) bool { return r.status().Position.Sequence > 0 },
		func(r firstRead) bool { return r.has("first-read") }}
)

func (r firstRead) has(pattern string) bool {
	list, err := filepath.Glob(filepath.Join(r.folder, pattern))
	if err != nil {
		r.t.Fatal(err)
	}
	return len(list) > 0
}

// unpacked reports whether a part of the snapshot's file is there.
func (r firstRead) unpacked() bool {
	list, err := filepath.Glob(filepath.Join(r.folder, "snapshot-*.db.part"))
	if err != nil || len(list) == 0 {
		return false
	}
	text, err := os.ReadFile(list[0])
	return err == nil && strings.Trim(string(text), "\x00") != ""
}

type firstStatus struct {
	Position   struct{ Sequence uint64 }
	Incomplete bool
}

func (r firstRead) status() (s firstStatus) {
	r.t.Helper()
	if _, body := r.desk.asks(r.t, "/api/status"); json.Unmarshal(body, &s) != nil {
		r.t.Fatalf("the status: %s", body)
	}
	return s
}

// await waits until the desk comes to a stage, and reports whether it does.
func (r firstRead) await(at readStage) bool {
	tick := time.NewTicker(time.Millisecond) // who asks without rest takes the processor from the desk
	defer tick.Stop()
	for ; r.t.Context().Err() == nil; <-tick.C {
		if at.come(r) {
			return true
		}
		if !r.has("first-read") {
			return at.come(r)
		}
	}
	return false
}

// forget lets a desk that was killed have read nothing.
func (r firstRead) forget() {
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(filepath.Join(r.folder, agent.ProjectionFile+suffix)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			r.t.Fatal(err)
		}
	}
}

// narrow is a line to a broker on which so many bytes come in a second, and its URL.
func narrow(t *testing.T, to string, rate int) string {
	t.Helper()
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	broker := u.Host
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	var mu sync.Mutex // of the line
	pass := func(from, to net.Conn, rate int) {
		defer func() { _, _ = from.Close(), to.Close() }()
		defer context.AfterFunc(t.Context(), func() { _ = from.Close() })()
		text := make([]byte, 4<<10)
		for {
			n, err := from.Read(text)
			if err == nil && rate > 0 {
				mu.Lock()
				pause(t.Context(), time.Duration(n)*time.Second/time.Duration(rate))
				mu.Unlock()
			}
			if err == nil {
				_, err = to.Write(text[:n])
			}
			if err != nil {
				return
			}
		}
	}
	all.Go(func() {
		for {
			desk, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", broker)
			if err != nil {
				_ = desk.Close()
				continue
			}
			all.Go(func() { pass(desk, server, 0) })
			all.Go(func() { pass(server, desk, rate) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		all.Wait()
	})
	u.Host = listener.Addr().String()
	return u.String()
}

// newDesk enrols and starts a desk.
func (o *office) newDesk(name, snapshotEvery string, flags ...string) *officeDesk {
	o.t.Helper()
	o.carelog("device", "enrol", name, "--device", name, "--sheet", "sheet.txt", "--out", name+".json")
	d := &officeDesk{name: name, flags: append(flags, "--snapshot-every="+snapshotEvery)}
	o.desks = append(o.desks, d)
	o.startDesk(d)
	return d
}

// patients are the ids of those in a file of resources.
func (o *office) patients(file string) (ids []string) {
	o.t.Helper()
	text, err := os.ReadFile(filepath.Join(o.dir, file))
	if err != nil {
		o.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var r struct{ ResourceType, ID string }
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			o.t.Fatal(err)
		}
		if r.ResourceType == "Patient" {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

// asks asks a desk for something over HTTP.
func (d *officeDesk) asks(t *testing.T, path string) (status int, body []byte) {
	t.Helper()
	s := d.current()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.text("url")+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+s.text("token"))
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if body, err = io.ReadAll(answer.Body); err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, body
}
