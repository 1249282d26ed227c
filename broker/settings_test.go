package broker_test

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
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

// What cannot be mended is named in the words of the practice, with what to do.
func TestAStreamThatCannotBeMended(t *testing.T) {
	data := t.TempDir()
	config := broker.ServerConfig{Data: data, Port: broker.AnyPort}
	server, err := broker.Start(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	_, public := newSigning(t)
	_, err = server.Operator().AddPractice(t.Context(), broker.AddPractice{ID: "dr", SigningKey: public})
	if err = errors.Join(err, server.Close()); err != nil {
		t.Fatal(err)
	}
	if server, err = broker.Start(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(server.Provision(t.Context()), server.Close()); err != nil {
		t.Fatal(err)
	}
	found, err := filepath.Glob(filepath.Join(data, "jetstream", "*", "streams", "TRAIL"))
	if err != nil || len(found) != 1 {
		t.Fatalf("%v, %v", found, err)
	}
	meta := filepath.Join(found[0], "meta.inf")
	if err := errors.Join(os.Remove(meta), os.Mkdir(meta, 0o700)); err != nil {
		t.Fatal(err)
	}
	_, err = broker.Start(t.Context(), config)
	for _, word := range []string{"TRAIL", "practice dr", found[0], "move this folder"} {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("it starts with %v, want an error that says %s", err, word)
		}
	}
	if err := os.Rename(found[0], filepath.Join(t.TempDir(), "TRAIL")); err != nil {
		t.Fatal(err)
	}
	if server, err = broker.Start(t.Context(), config); err != nil {
		t.Fatalf("after what the error says: %v", err)
	}
	if err := errors.Join(server.Provision(t.Context()), server.Close()); err != nil {
		t.Error(err)
	}
}
