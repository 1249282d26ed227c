package agent_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/light"
)

// What was synchronised is told of after a start as well, whether the program ended in order or was killed.
func TestPastOutlivesAStart(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one := w.desk("one")
		one.AwaitGreen()
		ended := func() []light.Episode {
			t.Helper()
			synctest.Wait()
			return slices.DeleteFunc(one.Past(), func(e light.Episode) bool { return e.Ended.IsZero() })
		}
		next := func(how string, before []light.Episode) []light.Episode {
			t.Helper()
			if len(before) == 0 {
				t.Fatalf("%s: got no synchronisation before it, want some", how)
			}
			one.start()
			one.AwaitGreen()
			got := ended()
			if len(got) < len(before) || !alike(got[len(got)-len(before):], before) {
				t.Errorf("%s: got %+v, want them to end with %+v", how, got, before)
			}
			return got
		}
		first := ended()
		one.stop()
		then := next("a stop", first)
		sendsLater(t, one)
		sent := ended()
		if len(sent) <= len(then) {
			t.Fatalf("got %+v, want that something was sent", sent)
		}
		one.kill()
		next("a kill", sent)
	})
}

// sendsLater lets a desk have something to synchronise.
func sendsLater(t *testing.T, one *machine) {
	t.Helper()
	if err := one.WorkOffline(t.Context()); err != nil {
		t.Fatal(err)
	}
	one.MustNote("c1", "asthma")
	if err := one.WorkOnline(t.Context()); err != nil {
		t.Fatal(err)
	}
	one.AwaitGreen()
}

func alike(got, want []light.Episode) bool {
	return slices.EqualFunc(got, want, func(x, y light.Episode) bool {
		return x.Kind == y.Kind && x.Began.Equal(y.Began) && x.Ended.Equal(y.Ended) && x.Done == y.Done && x.Bytes == y.Bytes
	})
}

// A list that is damaged is dropped, and the desk starts and keeps the next ones.
func TestDamagedPastIsDropped(t *testing.T) {
	for name, spoil := range map[string]func(path string) error{
		"empty":     func(path string) error { return os.WriteFile(path, nil, 0o600) },
		"noise":     func(path string) error { return os.WriteFile(path, []byte("\x00\xa7{"), 0o600) },
		"cut off":   func(path string) error { return os.Truncate(path, 40) },
		"too large": func(path string) error { return os.WriteFile(path, []byte(strings.Repeat(" ", 1<<20)), 0o600) },
		"a folder": func(path string) error {
			return errors.Join(os.Remove(path), os.MkdirAll(filepath.Join(path, "kept"), 0o700))
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				one := w.desk("one")
				one.AwaitGreen()
				one.stop()
				path := filepath.Join(one.Config.Data, agent.PastFile)
				if err := spoil(path); err != nil {
					t.Fatal(err)
				}
				one.start()
				one.AwaitGreen()
				if past := one.Past(); len(past) > 0 {
					t.Errorf("got %+v of the damaged list, want nothing", past)
				}
				sendsLater(t, one)
				one.stop()
				one.start()
				if name != "a folder" && len(one.Past()) == 0 {
					t.Error("got nothing after one more start, want what was sent")
				}
			})
		})
	}
}
