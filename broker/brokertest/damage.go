package brokertest

import (
	"math/rand/v2"
	"os"
	"path/filepath"
)

// DamageLog stops the broker, writes noise over a part of the file in which the messages of
// the log stand, from one share of its size (0 to 1) to another, as a failing disk does, and
// starts the broker again.
func (b *Broker) DamageLog(from, to float64) {
	b.t.Helper()
	b.Stop()
	defer b.Start()
	found, err := filepath.Glob(filepath.Join(b.streams(), "*", "streams", "RECORDS", "msgs", "*.blk"))
	if err != nil || len(found) != 1 {
		b.t.Fatalf("the log stands in the files %v, %v; want one", found, err)
	}
	f, err := os.OpenFile(found[0], os.O_RDWR, 0)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() {
		if err := f.Close(); err != nil {
			b.t.Error(err)
		}
	}()
	info, err := f.Stat()
	if err != nil {
		b.t.Fatal(err)
	}
	begin, end := int64(from*float64(info.Size())), int64(to*float64(info.Size()))
	noise, random := make([]byte, end-begin), rand.NewChaCha8([32]byte{1})
	_, _ = random.Read(noise) // never fails
	if _, err := f.WriteAt(noise, begin); err != nil {
		b.t.Fatal(err)
	}
}
