package broker_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/carelog/carelog/broker/brokertest"
	"github.com/carelog/carelog/broker/logtest"
)

// A broker that is started on a disk which is more than three quarters full serves as before: nats-server's own bound
// is made of what is free at its start, and whoever was over it could not even read.
func TestABrokerStartsOnATightDisk(t *testing.T) {
	const letters, size, left = 24, 900 << 10, 4 << 20
	b := brokertest.Start(t)
	l := b.Device("desk-1").Connect()
	write := func() {
		t.Helper()
		letter := logtest.Event(t, "pat-1", "Condition/c-1")
		letter.Data = bytes.Repeat([]byte("x"), size)
		if _, err := l.Append(t.Context(), letter); err != nil {
			t.Fatal(err)
		}
	}
	for range letters {
		write()
	}
	b.Stop()
	kept := filepath.Join(t.TempDir(), "kept")
	if err := os.CopyFS(kept, os.DirFS(b.Folder())); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", b.Folder(), "tmpfs", 0, "size=40m"); err != nil {
		t.Skipf("this machine lets nobody mount a small disk here: %v", err)
	}
	t.Cleanup(func() {
		b.Stop()
		if err := unix.Unmount(b.Folder(), 0); err != nil {
			t.Error(err)
		}
	})
	if err := os.CopyFS(b.Folder(), os.DirFS(kept)); err != nil {
		t.Fatal(err)
	}
	var room unix.Statfs_t
	if err := unix.Statfs(b.Folder(), &room); err != nil {
		t.Fatal(err)
	}
	other := make([]byte, int(room.Bavail)*int(room.Bsize)-left)
	if err := os.WriteFile(filepath.Join(b.Folder(), "downloads"), other, 0o600); err != nil {
		t.Fatal(err)
	}
	b.Start()
	read := uint64(0)
	for m, err := range l.Read(t.Context(), 1) {
		if err != nil {
			t.Fatal(err)
		}
		if read = m.Sequence; read == letters {
			break
		}
	}
	write()
}
