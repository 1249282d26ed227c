package brokertest

import (
	"math/rand/v2"
	"os"
	"path/filepath"
)

// DamageLog stops the broker, writes noise over a part of the first file in which the messages
// of the log stand, from one share of its size (0 to 1) to another, as a failing disk does, and
// starts the broker again.
func (b *Broker) DamageLog(from, to float64) {
	b.t.Helper()
	b.noise("RECORDS", from, to)
}

// DamageKeys is DamageLog for the first file of the bucket of keys.
func (b *Broker) DamageKeys(from, to float64) {
	b.t.Helper()
	b.noise("KV_KEYS", from, to)
}

// KeyFiles is how many files the bucket of keys has.
func (b *Broker) KeyFiles() int {
	b.t.Helper()
	found, err := filepath.Glob(filepath.Join(filepath.Dir(b.firstFile("KV_KEYS")), "*.blk"))
	if err != nil {
		b.t.Fatal(err)
	}
	return len(found)
}

// LoseKeys stops the broker, removes the first file of the bucket of keys, and starts the broker
// again.
func (b *Broker) LoseKeys() {
	b.t.Helper()
	b.Stop()
	defer b.Start()
	if err := os.Remove(b.firstFile("KV_KEYS")); err != nil {
		b.t.Fatal(err)
	}
}

// FlipKeyBit stops the broker, changes one bit of the content of the first key, which leaves all
// lengths as they are, and starts the broker again.
func (b *Broker) FlipKeyBit() {
	b.t.Helper()
	b.damage("KV_KEYS", flip(inAKey))
}

func (b *Broker) noise(stream string, from, to float64) {
	b.t.Helper()
	b.damage(stream, func(f *os.File, size int64) error {
		begin, end := int64(from*float64(size)), int64(to*float64(size))
		noise, random := make([]byte, end-begin), rand.NewChaCha8([32]byte{1})
		_, _ = random.Read(noise) // never fails
		_, err := f.WriteAt(noise, begin)
		return err
	})
}

// Places in the first message of the log's first file.
const (
	InALength = 3    // the first byte of its length
	InABody   = 4000 // the message must be longer than that
	inAKey    = 100  // behind its name
)

// FlipBit stops the broker, changes one bit of the first file in which the messages of the log
// stand, and starts the broker again.
func (b *Broker) FlipBit(at int64) {
	b.t.Helper()
	b.damage("RECORDS", flip(at))
}

func flip(at int64) func(f *os.File, size int64) error {
	return func(f *os.File, _ int64) error {
		var one [1]byte
		if _, err := f.ReadAt(one[:], at); err != nil {
			return err
		}
		one[0] ^= 1
		_, err := f.WriteAt(one[:], at)
		return err
	}
}

// firstFile is where the messages of a stream begin.
func (b *Broker) firstFile(stream string) string {
	b.t.Helper()
	found, err := filepath.Glob(filepath.Join(b.streams(), "*", "streams", stream, "msgs", "1.blk"))
	if err != nil || len(found) != 1 {
		b.t.Fatalf("stream %s begins in the files %v, %v; want one", stream, found, err)
	}
	return found[0]
}

// damage changes the first file of a stream while the broker stands still.
func (b *Broker) damage(stream string, change func(f *os.File, size int64) error) {
	b.t.Helper()
	b.Stop()
	defer b.Start()
	f, err := os.OpenFile(b.firstFile(stream), os.O_RDWR, 0)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() {
		if err := f.Close(); err != nil {
			b.t.Error(err)
		}
	}()
	info, err := f.Stat()
	if err == nil {
		err = change(f, info.Size())
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// StreamFolder is where a stream stands.
func (b *Broker) StreamFolder(stream string) string {
	b.t.Helper()
	return filepath.Dir(filepath.Dir(b.firstFile(stream)))
}

// DamageFolder stops the broker, changes something in the folder of a stream, and starts the
// broker again.
func (b *Broker) DamageFolder(stream string, change func(folder string) error) {
	b.t.Helper()
	folder := b.StreamFolder(stream)
	b.Stop()
	defer b.Start()
	if err := change(folder); err != nil {
		b.t.Fatal(err)
	}
}
