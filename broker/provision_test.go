package broker_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/carelog/carelog/broker"
	"github.com/carelog/carelog/broker/brokertest"
	"github.com/carelog/carelog/broker/logtest"
	"github.com/carelog/carelog/events"
)

// admin connects as one who may do all with the practice's streams.
func admin(t *testing.T, a broker.Access) jetstream.JetStream {
	t.Helper()
	var options []nats.Option
	if a.JWT != "" {
		options = append(options, nats.UserJWTAndSeed(a.JWT, a.Seed))
	}
	conn, err := nats.Connect(a.URLs[0], options...)
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

func TestProvisionAgain(t *testing.T) {
	b := brokertest.Start(t)
	l := b.Device("desk-1").Connect()
	before, err := l.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := broker.Provision(t.Context(), b.Access(), brokertest.Practice, 1); err != nil {
			t.Fatal(err)
		}
	}
	after, err := l.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if after.Identity != before.Identity {
		t.Errorf("the log is %q, want the same as before, %q", after.Identity, before.Identity)
	}
}

// changeRecords changes the settings of the log past all of ours.
func changeRecords(t *testing.T, js jetstream.JetStream, change func(*jetstream.StreamConfig)) {
	t.Helper()
	stream, err := js.Stream(t.Context(), "RECORDS")
	if err != nil {
		t.Fatal(err)
	}
	config := stream.CachedInfo().Config
	change(&config)
	if _, err := js.UpdateStream(t.Context(), config); err != nil {
		t.Fatal(err)
	}
}

// What somebody changed in one practice's streams is said, and keeps no other practice from its own.
func TestProvisionAllPastDrift(t *testing.T) {
	b := brokertest.Start(t)
	js := admin(t, b.Access())
	changeRecords(t, js, func(c *jetstream.StreamConfig) { c.MaxAge = 24 * time.Hour })
	mild := "a-mild"
	_, public := newSigning(t)
	if _, err := b.Server().Operator().AddPractice(t.Context(), broker.AddPractice{ID: mild, SigningKey: public}); err != nil {
		t.Fatal(err)
	}
	access, err := b.Server().Operator().Access(mild, b.Server().URL())
	if err != nil {
		t.Fatal(err)
	}
	if err := broker.Provision(t.Context(), access, mild, 1); err != nil {
		t.Fatal(err)
	}
	changeRecords(t, admin(t, access), func(c *jetstream.StreamConfig) { c.AllowDirect = true })
	others := []string{"a-before", "z-behind"}
	for _, practice := range others {
		_, public := newSigning(t)
		if _, err := b.Server().Operator().AddPractice(t.Context(), broker.AddPractice{ID: practice, SigningKey: public}); err != nil {
			t.Fatal(err)
		}
	}
	err = b.Server().Provision(t.Context())
	var drift *broker.DriftError
	if !errors.As(err, &drift) || !strings.Contains(err.Error(), "practice "+brokertest.Practice) || !strings.Contains(err.Error(), "max_age") ||
		!strings.Contains(err.Error(), "practice "+mild) {
		t.Errorf("error %v, want the practices and what differs", err)
	}
	if drift != nil && !drift.Deletes() {
		t.Errorf("error %v, want that something is deleted", err)
	}
	for _, practice := range others {
		access, err := b.Server().Operator().Access(practice, b.Server().URL())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := admin(t, access).Stream(t.Context(), "RECORDS"); err != nil {
			t.Errorf("%s: %v", practice, err)
		}
	}
}

// What somebody changed is named, setting by setting, and left as it is.
func TestProvisionDrift(t *testing.T) {
	b := brokertest.Start(t)
	js := admin(t, b.Access())
	changeRecords(t, js, func(c *jetstream.StreamConfig) {
		c.MaxAge, c.Duplicates, c.AllowDirect = 24*time.Hour, time.Minute, true
	})
	if err := js.DeleteStream(t.Context(), "TRAIL"); err != nil {
		t.Fatal(err)
	}
	err := broker.Provision(t.Context(), b.Access(), brokertest.Practice, 1)
	var drift *broker.DriftError
	if !errors.As(err, &drift) {
		t.Fatalf("error %v, want what differs", err)
	}
	want := []broker.Drift{
		{Stream: "RECORDS", Setting: "max_age", Want: "0s", Got: "24h0m0s", Deletes: true},
		{Stream: "RECORDS", Setting: "duplicate_window", Want: "2m0s", Got: "1m0s"},
		{Stream: "RECORDS", Setting: "allow_direct", Want: "false", Got: "true"},
	}
	if len(drift.Drifts) != len(want) {
		t.Fatalf("drift %v, want %v", drift.Drifts, want)
	}
	for i := range want {
		if drift.Drifts[i] != want[i] {
			t.Errorf("drift %v, want %v", drift.Drifts[i], want[i])
		}
		if !strings.Contains(err.Error(), want[i].Setting) {
			t.Errorf("%q does not name %s", err, want[i].Setting)
		}
	}
	if _, err := js.Stream(t.Context(), "TRAIL"); !errors.Is(err, jetstream.ErrStreamNotFound) {
		t.Errorf("in spite of the drift, TRAIL was made: %v", err)
	}
}

// A practice of an earlier version gets what it lacks, a desk that was let in then may use
// it, and who was revoked stays out.
func TestProvisionOfAnEarlierVersion(t *testing.T) {
	b := brokertest.Start(t)
	desk, revoked := b.Device("desk-1"), b.Device("desk-2")
	l := desk.Connect()
	user, err := broker.UserKey(revoked.JWT)
	if err != nil {
		t.Fatal(err)
	}
	o := b.Server().Operator()
	if err := errors.Join(o.Revoke(t.Context(), brokertest.Practice, user), o.BeforeLooks(t.Context(), brokertest.Practice),
		admin(t, b.Access()).DeleteStream(t.Context(), "LOOKS")); err != nil {
		t.Fatal(err)
	}
	b.Restart()
	desk.Await(l, true)
	if _, err := l.PutLooks(t.Context(), []byte("x"), 0); err == nil {
		t.Fatal("the practice is not of an earlier version")
	}
	var accounts [2]string
	for i := range accounts {
		if err := b.Server().Provision(t.Context()); err != nil {
			t.Fatal(err)
		}
		a, err := b.Server().Operator().Account(brokertest.Practice)
		if err != nil {
			t.Fatal(err)
		}
		accounts[i] = a.JWT + a.DataJWT
	}
	if accounts[0] != accounts[1] {
		t.Error("the accounts are written anew where they were as they should be")
	}
	b.Restart() // desks that are connected are told now or then; this one then
	desk.Await(l, true)
	if _, err := l.PutLooks(t.Context(), []byte("x"), 0); err != nil {
		t.Error(err)
	}
	if conn, err := nats.Connect(b.URL(), nats.UserJWTAndSeed(revoked.JWT, revoked.Seed)); err == nil {
		conn.Close()
		t.Error("a desk that was revoked is let in again")
	}
}

// How long looks are kept is the operator's to say, and no drift.
func TestProvisionLeavesTheAgeOfLooks(t *testing.T) {
	b := brokertest.Start(t)
	js := admin(t, b.Access())
	stream, err := js.Stream(t.Context(), "LOOKS")
	if err != nil {
		t.Fatal(err)
	}
	changed := stream.CachedInfo().Config
	changed.MaxAge = 30 * 365 * 24 * time.Hour
	if _, err := js.UpdateStream(t.Context(), changed); err != nil {
		t.Fatal(err)
	}
	if err := broker.Provision(t.Context(), b.Access(), brokertest.Practice, 1); err != nil {
		t.Error(err)
	}
}

// existing starts a server without accounts that others run, provisions it and connects a desk to it.
func existing(t *testing.T, change func(*server.Options)) (*broker.Log, broker.Access) {
	t.Helper()
	options := &server.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true}
	change(options)
	s, err := server.NewServer(options)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the existing server does not start")
	}
	access := broker.Access{URLs: []string{s.ClientURL()}}
	if err := broker.Provision(t.Context(), access, "p1", 1); err != nil {
		t.Fatal(err)
	}
	up, once := make(chan struct{}), sync.Once{}
	l, err := broker.Connect(t.Context(), broker.Config{Practice: "p1", Device: "desk-1", URLs: access.URLs,
		OnConnection: func(connected bool, _ error) {
			if connected {
				once.Do(func() { close(up) })
			}
		}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	<-up
	return l, access
}

// A setting by which the server deletes by itself what nobody can make again is told from one that only refuses.
func TestDriftThatDeletes(t *testing.T) {
	b := brokertest.Start(t)
	js := admin(t, b.Access())
	for _, c := range []struct {
		stream, setting string
		change          func(*jetstream.StreamConfig)
		deletes         bool
	}{
		{"RECORDS", "max_age", func(c *jetstream.StreamConfig) { c.MaxAge = time.Hour }, true},
		{"RECORDS", "max_bytes", func(c *jetstream.StreamConfig) { c.MaxBytes = 1 << 30 }, true},
		{"RECORDS", "max_msgs", func(c *jetstream.StreamConfig) { c.MaxMsgs = 1 << 20 }, true},
		{"RECORDS", "max_msgs_per_subject", func(c *jetstream.StreamConfig) { c.MaxMsgsPerSubject = 1000 }, true},
		{"RECORDS", "allow_direct", func(c *jetstream.StreamConfig) { c.AllowDirect = true }, false},
		{"KV_KEYS", "max_age", func(c *jetstream.StreamConfig) { c.MaxAge = time.Hour }, true},
		{"KV_KEYS", "max_bytes", func(c *jetstream.StreamConfig) { c.MaxBytes = 1 << 30 }, false},
		{"KV_KEYS", "discard", func(c *jetstream.StreamConfig) { c.Discard, c.DiscardNewPerSubject = jetstream.DiscardOld, false }, true},
		{"KV_KEYS", "max_msgs_per_subject", func(c *jetstream.StreamConfig) { c.MaxMsgsPerSubject, c.DiscardNewPerSubject = -1, false }, false},
		{"ATTACHMENTS", "max_bytes", func(c *jetstream.StreamConfig) { c.MaxBytes = 1 << 30 }, false},
		{"TRAIL", "max_age", func(c *jetstream.StreamConfig) { c.MaxAge = time.Hour }, false},
		{"OBJ_SNAPSHOTS", "max_age", func(c *jetstream.StreamConfig) { c.MaxAge = time.Hour }, false},
	} {
		t.Run(c.stream+" "+c.setting, func(t *testing.T) {
			stream, err := js.Stream(t.Context(), c.stream)
			if err != nil {
				t.Fatal(err)
			}
			sound := stream.CachedInfo().Config
			changed := sound
			c.change(&changed)
			if _, err := js.UpdateStream(t.Context(), changed); err != nil {
				t.Fatal(err)
			}
			defer func() {
				if _, err := js.UpdateStream(t.Context(), sound); err != nil {
					t.Error(err)
				}
			}()
			var drift *broker.DriftError
			if err := b.Server().Provision(t.Context()); !errors.As(err, &drift) || drift.Deletes() != c.deletes ||
				!slices.ContainsFunc(drift.Drifts, func(d broker.Drift) bool { return d.Setting == c.setting }) {
				t.Errorf("error %v, want %s, and that it deletes: %v", err, c.setting, c.deletes)
			}
		})
	}
}

// An existing server without accounts is provisioned and used in the same way.
func TestExistingServer(t *testing.T) {
	l, access := existing(t, func(*server.Options) {})
	m := logtest.Event(t, "pat-1", "Condition/c-1")
	if sequence, err := l.AppendAfter(t.Context(), m, 0); err != nil || sequence != 1 {
		t.Fatalf("%d, %v; want 1", sequence, err)
	}
	for stored, err := range l.Read(t.Context(), 1) {
		if err != nil || stored.Sequence != 1 {
			t.Errorf("read %d, %v; want 1", stored.Sequence, err)
		}
		break
	}
	if err := broker.Provision(t.Context(), access, "p1", 3); err == nil {
		t.Error("one node is provisioned with three replicas")
	}
}

// Where the server has no room for it, one message is certainly not stored. Of a batch that is not known: a part of it may
// have been stored before the room ended.
func TestAFullServerStoresNothing(t *testing.T) {
	l, access := existing(t, func(o *server.Options) { o.JetStreamMaxStore = 8 << 10 })
	first := logtest.Event(t, "pat-1", "Condition/c-1")
	first.Data = bytes.Repeat([]byte("x"), 10<<10)
	if _, err := l.Append(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	for name, store := range map[string]func() error{
		"Append": func() error { _, err := l.Append(t.Context(), logtest.Event(t, "pat-1", "Condition/c-2")); return err },
		"AppendAfter": func() error {
			_, err := l.AppendAfter(t.Context(), logtest.Event(t, "pat-2", "Condition/c-2"), 0)
			return err
		},
		"AppendAtEnd": func() error {
			_, err := l.AppendAtEnd(t.Context(), logtest.Event(t, "pat-1", "Condition/c-2"), 1)
			return err
		},
		"PutKey": func() error {
			return l.PutKey(t.Context(), events.WrappedKey{Patient: "pat-1", ID: events.KeyID{1}, Wrapped: []byte("w")})
		},
	} {
		if err := store(); !errors.Is(err, events.ErrFull) || errors.Is(err, events.ErrUnknownOutcome) || errors.Is(err, events.ErrOffline) {
			t.Errorf("%s: error %v, want that the server is full", name, err)
		}
	}
	_, err := l.AppendBatch(t.Context(), []events.Appending{{Message: logtest.Event(t, "pat-1", "Condition/c-3")}, {Message: logtest.Event(t, "pat-1", "Condition/c-4")}})
	if !errors.Is(err, events.ErrUnknownOutcome) || errors.Is(err, events.ErrFull) || !strings.Contains(err.Error(), events.ErrFull.Error()) {
		t.Errorf("AppendBatch: error %v, want that it is not known, with the reason in words", err)
	}
	stream, err := admin(t, access).Stream(t.Context(), "RECORDS")
	if err != nil {
		t.Fatal(err)
	}
	if n := stream.CachedInfo().State.Msgs; n != 1 {
		t.Errorf("%d messages were stored, want 1", n)
	}
}

// An administrator comes by a file, as the tools of NATS write it.
func TestProvisionByCredentials(t *testing.T) {
	b := brokertest.Start(t)
	a := b.Access()
	file := filepath.Join(t.TempDir(), "admin.creds")
	text, err := jwt.FormatUserConfig(a.JWT, []byte(a.Seed))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := broker.Provision(t.Context(), broker.Access{URLs: a.URLs, Credentials: file}, brokertest.Practice, 1); err != nil {
		t.Error(err)
	}
}

func TestEraseKeys(t *testing.T) {
	b := brokertest.Start(t)
	l := b.Device("desk-1").Connect()
	for i, patient := range []string{"pat-1", "pat-1", "pat.1", ""} {
		if err := l.PutKey(t.Context(), events.WrappedKey{Patient: patient, ID: events.KeyID{byte(i)}, Wrapped: []byte("sealed")}); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []int{2, 0} {
		if got, err := broker.EraseKeys(t.Context(), b.Access(), brokertest.Practice, "pat-1"); err != nil || got != want {
			t.Errorf("erased %d, %v; want %d", got, err, want)
		}
	}
	left := 0
	for _, err := range l.Keys(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		left++
	}
	if left != 2 {
		t.Errorf("%d keys are left, want 2", left)
	}
}

// A key that comes between the note and the removal is noted before it is removed.
func TestAKeyThatComesWhileOthersAreErasedIsNoted(t *testing.T) {
	b := brokertest.Start(t)
	l := b.Device("desk-1").Connect()
	put := func(i int) {
		t.Helper()
		if err := l.PutKey(t.Context(), events.WrappedKey{Patient: "pat-1", ID: events.KeyID{byte(i)}, Wrapped: []byte("sealed")}); err != nil {
			t.Fatal(err)
		}
	}
	put(1)
	if got, err := broker.EraseKeysNoting(t.Context(), b.Access(), "$KV.KEYS.pat-1.*", sync.OnceFunc(func() { put(2) })); err != nil || got != 2 {
		t.Errorf("erased %d, %v; want 2", got, err)
	}
	state, err := l.KeyState(t.Context())
	if err != nil || state.Held != 0 || len(state.Erased) != 2 {
		t.Errorf("the bucket is %+v, %v; want no key, and two that are noted", state, err)
	}
}
