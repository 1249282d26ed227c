package agent_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A small file of one stream is gone or damaged, without which nats-server does not start it. The
// broker starts, nothing that stood in the log or was a key is lost, and the desks go on.
func TestTheBrokerLosesSettings(t *testing.T) {
	for name, spoil := range map[string]func(folder string) error{
		"missing": func(folder string) error { return os.Remove(filepath.Join(folder, "meta.inf")) },
		"noise": func(folder string) error {
			return os.WriteFile(filepath.Join(folder, "meta.inf"), []byte(strings.Repeat("\x00\xa7{", 200)), 0o600)
		},
		"with all messages": func(folder string) error {
			return errors.Join(os.Remove(filepath.Join(folder, "meta.inf")), os.RemoveAll(filepath.Join(folder, "msgs")))
		},
	} {
		for _, stream := range []string{"RECORDS", "KV_KEYS", "TRAIL"} {
			t.Run(stream+" "+name, func(t *testing.T) {
				p := newPractice(t)
				one, two, drafts := keyed(t, p, 4)
				keys, stored := p.broker.Keys(), p.broker.Stored()
				p.broker.DamageFolder(stream, spoil)
				one.AwaitGreen()
				two.AwaitGreen()
				drafts = append(drafts, write(t, one, "pat-after"))
				opens(t, two, drafts)
				for name, key := range keys {
					if got := p.broker.Keys()[name]; got != key {
						t.Errorf("key %s is %q on the broker, want %q", name, got, key)
					}
				}
				there := make(map[string]bool)
				for _, s := range p.broker.Stored() {
					there[fmt.Sprint(s.Message)] = true
				}
				for _, s := range stored {
					if !there[fmt.Sprint(s.Message)] {
						t.Errorf("message %d is not on the broker any more", s.Sequence)
					}
				}
				opens(t, p.desk("three"), drafts)
			})
		}
	}
}
