package main_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/carelog/carelog/broker"
)

// A practice on a cluster of three that is not ours: each log has three copies, the node that
// leads it dies and comes back, the desks go on, and the log is whole.
func TestACluster(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	data, sheet := filepath.Join(dir, "broker"), filepath.Join(dir, "sheet.txt")
	ports := freePorts(t, 6)
	clients, routes := ports[:3], strings.Join(ports[3:], ",")
	add := []string{"practice", "add", "dr-peeters", "--no-running", "--data", data, "--sheet", sheet}
	for _, port := range clients {
		add = append(add, "--url", "nats://127.0.0.1:"+port)
	}
	succeed(t, add...)
	nodes := make(map[string]*service)
	begin := func(n int) {
		t.Helper()
		name := "n" + strconv.Itoa(n)
		begun(t, nodes, name, exec.Command("nats-node", name, filepath.Join(dir, name), filepath.Join(data, "operator"), clients[n], ports[3+n], routes))
	}
	for n := range 3 {
		begin(n)
	}
	provision := []string{"practice", "provision", "dr-peeters", "--data", data, "--url", "nats://127.0.0.1:" + clients[0]}
	provisioned(t, append(provision, "--replicas", "3"))
	succeed(t, provision...) // more copies than asked for are no fault
	leader := ""
	streams(t, data, clients, func(info *jetstream.StreamInfo) {
		want := 3
		if info.Config.Name == "OBJ_SNAPSHOTS" {
			want = 1
		}
		if info.Config.Replicas != want {
			t.Errorf("%s has %d copies, want %d", info.Config.Name, info.Config.Replicas, want)
		}
		if info.Config.Name == "RECORDS" {
			leader = info.Cluster.Leader
		}
	})
	desks := make(map[string]*service)
	for _, name := range []string{"one", "two"} {
		file := filepath.Join(dir, name+".json")
		succeed(t, "device", "enrol", name, "--sheet", sheet, "--out", file)
		begun(t, desks, name, exec.Command("carelog", "agent", "--data", filepath.Join(dir, name), "--enrolment", file, "--listen", "127.0.0.1:0", "--json"))
	}
	written := 0
	write := func() {
		t.Helper()
		for _, desk := range desks {
			for range 5 {
				written++
				put(t, desk, "p"+strconv.Itoa(written))
			}
		}
	}
	level := func() {
		t.Helper()
		for name := range desks {
			succeed(t, "wait", "--data", filepath.Join(dir, name), "--for", "current")
		}
	}
	write()
	level()
	lost := nodes[leader]
	if lost == nil {
		t.Fatalf("the log is led by %q", leader)
	}
	lost.kill9()
	write()
	level()
	n, _ := strconv.Atoi(leader[1:])
	begin(n)
	write()
	level()
	for name := range desks {
		out := succeed(t, "audit", "verify", "--data", filepath.Join(dir, name))
		if want := fmt.Sprintf("%d of 2 devices; 0 unreadable", written+len(desks)); !strings.Contains(out, want) { // each has its certificate there
			t.Errorf("want events %s:\n%s", want, out)
		}
	}
	for _, name := range []string{"one", "two"} {
		if err := desks[name].stop(); err != nil {
			t.Error(err)
		}
	}
}

// provisioned waits until the cluster has chosen who leads.
func provisioned(t *testing.T, command []string) {
	t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		out, err := exec.Command("carelog", command...).CombinedOutput()
		if err == nil {
			return
		}
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 3 || !strings.Contains(string(out), "try again in a minute") {
			t.Fatalf("%v, want 3 and what to do\n%s", err, out)
		}
	}
}

// begun starts a service that ends with the test.
func begun(t *testing.T, all map[string]*service, name string, cmd *exec.Cmd) {
	t.Helper()
	s, err := startService(name, filepath.Join(t.TempDir(), name+".log"), cmd)
	if err != nil {
		t.Fatal(err)
	}
	all[name] = s
	t.Cleanup(func() { s.end(t) })
}

// succeed runs a command of carelog that must, and returns what it prints.
func succeed(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("carelog", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("carelog %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// put registers a patient at a desk.
func put(t *testing.T, desk *service, id string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, desk.text("url")+"/fhir/Patient/"+id, strings.NewReader(`{"resourceType":"Patient","id":"`+id+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+desk.text("token"))
	r.Header.Set("Content-Type", "application/fhir+json")
	r.Close = true
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusCreated {
		t.Errorf("desk %s answers %s", desk.name, answer.Status)
	}
}

// asOperator is the JetStream of the practice at a broker, as whoever has the broker's data folder reaches it.
func asOperator(t *testing.T, data, url string) jetstream.JetStream {
	t.Helper()
	operator, err := broker.OpenOperator(filepath.Join(data, "operator"))
	if err != nil {
		t.Fatal(err)
	}
	access, err := operator.Access("dr-peeters", url)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := nats.Connect(access.URLs[0], nats.UserJWTAndSeed(access.JWT, access.Seed))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

// streams calls look with each stream of the practice.
func streams(t *testing.T, data string, clients []string, look func(*jetstream.StreamInfo)) {
	t.Helper()
	js := asOperator(t, data, "nats://127.0.0.1:"+clients[0])
	list := js.ListStreams(t.Context())
	for info := range list.Info() {
		look(info)
	}
	if err := list.Err(); err != nil {
		t.Fatal(err)
	}
}

// freePorts are ports that are free: the nodes of a cluster must know each other's before they have them. They are of
// those that no system gives out by itself, so that nobody has one by chance when a node comes, or comes back, to it.
func freePorts(t *testing.T, n int) (ports []string) {
	t.Helper()
	const lowest, number = 10_000, 20_000 // Linux gives out those from 32,768 on, others from 49,152
	for _, offset := range rand.Perm(number) {
		port := strconv.Itoa(lowest + offset)
		l, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err != nil {
			continue
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if ports = append(ports, port); len(ports) == n {
			return ports
		}
	}
	t.Fatalf("%d of %d ports are free", len(ports), n)
	return nil
}

// node is one node of such a cluster, a process of its own: NAME FOLDER OPERATOR PORT ROUTE-PORT ROUTE-PORTS.
func node() {
	if err := serveNode(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serveNode(args []string) error {
	name, folder, operator := args[0], args[1], args[2]
	token, err := os.ReadFile(filepath.Join(operator, "operator.jwt"))
	if err != nil {
		return err
	}
	claims, err := jwt.DecodeOperatorClaims(string(token))
	if err != nil {
		return err
	}
	accounts, err := filepath.Glob(filepath.Join(operator, "accounts", "*.jwt"))
	if err != nil {
		return err
	}
	resolver := &server.MemAccResolver{}
	for _, file := range accounts {
		token, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := resolver.Store(strings.TrimSuffix(filepath.Base(file), ".jwt"), string(token)); err != nil {
			return err
		}
	}
	port, err := strconv.Atoi(args[3])
	if err != nil {
		return err
	}
	route, err := strconv.Atoi(args[4])
	if err != nil {
		return err
	}
	s, err := server.NewServer(&server.Options{
		ServerName: name, Host: "127.0.0.1", Port: port, NoSigs: true,
		Cluster:   server.ClusterOpts{Name: "cluster", Host: "127.0.0.1", Port: route},
		Routes:    server.RoutesFromStr("nats://127.0.0.1:" + strings.ReplaceAll(args[5], ",", ",nats://127.0.0.1:")),
		JetStream: true, StoreDir: folder, SyncAlways: true, JetStreamLimits: server.JSLimitOpts{DefaultMaxConsumers: -1},
		TrustedOperators: []*jwt.OperatorClaims{claims}, SystemAccount: claims.SystemAccount, AccountResolver: resolver,
	})
	if err != nil {
		return err
	}
	ends := make(chan os.Signal, 1)
	signal.Notify(ends, syscall.SIGTERM)
	s.Start()
	if !s.ReadyForConnections(startPatience) {
		return errors.New("the node does not start")
	}
	if err := json.NewEncoder(os.Stdout).Encode(map[string]string{"url": s.ClientURL()}); err != nil {
		return err
	}
	<-ends
	s.Shutdown()
	s.WaitForShutdown()
	return nil
}
