package broker_test

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/carelog/carelog/broker"
	"github.com/carelog/carelog/broker/brokertest"
	"github.com/carelog/carelog/broker/logtest"
)

// Settings that can still be read keep what the broker alone knows: the log stays the same one,
// and what was erased stays erased. What was damaged is put aside, and said once.
func TestSettingsThatCanBeReadAreKept(t *testing.T) {
	b := brokertest.Start(t)
	l := b.Device("desk-1").Connect()
	if _, err := l.Append(t.Context(), logtest.Event(t, "pat-1", "Condition/c-1")); err != nil {
		t.Fatal(err)
	}
	before, err := l.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	said := make(logLines, 256)
	b.LogTo(slog.New(said))
	var folder string
	b.DamageFolder("RECORDS", func(f string) error {
		folder = f
		return os.WriteFile(filepath.Join(f, "meta.sum"), []byte("0123456789abcdef"), 0o600)
	})
	aside := ""
	awaitLine(t, said, "were written anew").Attrs(func(a slog.Attr) bool {
		if a.Key == "aside" {
			aside = a.Value.String()
		}
		return true
	})
	if kept, err := os.ReadFile(filepath.Join(aside, "meta.sum")); err != nil || string(kept) != "0123456789abcdef" {
		t.Errorf("put aside: %q, %v; want what was damaged", kept, err)
	}
	after, err := b.Device("desk-2").Connect().State(t.Context())
	if err != nil || after.Identity != before.Identity || after.Last != before.Last {
		t.Errorf("the log is %+v, %v; want %+v", after, err, before)
	}
	if err := b.Server().Provision(t.Context()); err != nil {
		t.Errorf("the settings are not as they should be: %v", err)
	}
	b.Restart()
	awaitLine(t, said, "were examined")
	for len(said) > 0 {
		if r := <-said; strings.Contains(r.Message, "were written anew") {
			t.Error("it is said again when nothing is damaged")
		}
	}
	if _, err := os.Stat(folder); err != nil {
		t.Error(err)
	}
}

// A practice with a stream that cannot be mended is out of service, with what to do in the words of the practice; the others go on, and the broker does not take
// itself for ill. Where there is no other it does not start.
func TestAStreamThatCannotBeMended(t *testing.T) {
	data := t.TempDir()
	said := make(logLines, 256)
	config := broker.ServerConfig{Data: data, Port: broker.AnyPort, Logger: slog.New(said)}
	start := func() *broker.Server {
		t.Helper()
		server, err := broker.Start(t.Context(), config)
		if err != nil {
			t.Fatal(err)
		}
		return server
	}
	server := start()
	add := func(practice string) {
		t.Helper()
		_, public := newSigning(t)
		if _, err := server.Operator().AddPractice(t.Context(), broker.AddPractice{ID: practice, SigningKey: public}); err != nil {
			t.Fatal(err)
		}
	}
	add("dr")
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	server = start()
	if err := errors.Join(server.Provision(t.Context()), server.Close()); err != nil {
		t.Fatal(err)
	}
	found, err := filepath.Glob(filepath.Join(data, "jetstream", "*", "streams", "TRAIL"))
	if err != nil || len(found) != 1 {
		t.Fatalf("%v, %v", found, err)
	}
	folder := found[0]
	meta := filepath.Join(folder, "meta.inf")
	if err := errors.Join(os.Remove(meta), os.Mkdir(meta, 0o700)); err != nil {
		t.Fatal(err)
	}
	_, err = broker.Start(t.Context(), config)
	for _, word := range []string{"TRAIL", "practice dr", folder, "move this folder"} {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("alone it starts with %v, want an error that says %s", err, word)
		}
	}

	add("other")
	for len(said) > 0 {
		<-said
	}
	server = start()
	awaitLine(t, said, "move this folder").Attrs(func(a slog.Attr) bool {
		if want := map[string]string{"practice": "dr", "stream": "TRAIL", "folder": folder}[a.Key]; want != "" && a.Value.String() != want {
			t.Errorf("%s is said to be %s, want %s", a.Key, a.Value, want)
		}
		return true
	})
	if out := server.OutOfService(); !slices.Equal(out, []string{"dr"}) {
		t.Errorf("out of service: %q, want dr", out)
	}
	if err := errors.Join(server.Provision(t.Context()), server.Healthy()); err != nil {
		t.Errorf("the other practice: %v", err)
	}
	access, err := server.Operator().Access("other", server.URL())
	if err == nil {
		err = broker.Provision(t.Context(), access, "other", 1)
	}
	if err = errors.Join(err, server.Close()); err != nil {
		t.Errorf("the other practice: %v", err)
	}
	if info, err := os.Stat(meta); err != nil || !info.IsDir() {
		t.Errorf("the folder is not as it was: %v", err)
	}
	if err := os.Rename(folder, filepath.Join(t.TempDir(), "TRAIL")); err != nil {
		t.Fatal(err)
	}
	server = start() // after what the error says
	if err := errors.Join(server.Provision(t.Context()), server.Close()); err != nil {
		t.Error(err)
	}
}
