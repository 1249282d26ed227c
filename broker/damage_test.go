package broker_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carelog/carelog/broker"
	"github.com/carelog/carelog/broker/brokertest"
	"github.com/carelog/carelog/broker/logtest"
	"github.com/carelog/carelog/events"
)

// logLines gives what is logged to a channel.
type logLines chan slog.Record

func (logLines) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }
func (l logLines) WithAttrs([]slog.Attr) slog.Handler             { return l }
func (l logLines) WithGroup(string) slog.Handler                  { return l }
func (l logLines) Handle(_ context.Context, r slog.Record) error {
	select {
	case l <- r:
	default:
	}
	return nil
}

// Where nothing that can be read stands behind the damage, nats-server cuts the file off. What is left is read and
// written on: the state names the last message that is there, whoever has read to it can write at the
// end, and who has not is told so.
func TestADamagedEnd(t *testing.T) {
	l, b, _ := damagedLog(t, .5, 1)
	state, err := l.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	left := uint64(len(b.Stored()))
	if state.Last != left || left == 0 || left >= sentBefore {
		t.Fatalf("%+v of a log that has %d messages of %d", state, left, sentBefore)
	}
	writtenOn(t, l, left)
}

// What stands behind a damaged place is not lost with it: the place is cut out of the file, and is a gap.
func TestADamagedPlace(t *testing.T) {
	for _, again := range []bool{false, true} {
		t.Run(fmt.Sprintf("started again %t", again), func(t *testing.T) {
			l, b, said := damagedLog(t, .5, .6)
			awaitLine(t, said, "are cut out of their files")
			if again {
				saidOnce(t, b, said)
				l = b.Device("desk-2").Connect()
			}
			state, err := l.State(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			left := uint64(len(b.Stored()))
			if state.Last != sentBefore || state.Counted != sentBefore || state.Lost != sentBefore-left || left < sentBefore*8/10 || left == sentBefore {
				t.Fatalf("%+v of a log that has %d messages of %d", state, left, sentBefore)
			}
			if kept, err := filepath.Glob(filepath.Join(b.Folder(), "damaged", b.Practice(), "RECORDS-*-1.blk")); err != nil || len(kept) != 1 {
				t.Errorf("of the damaged file %v is kept, %v", kept, err)
			}
			writtenOn(t, l, sentBefore)
		})
	}
}

// A damaged message that nats-server takes for there, since its index says so, is cut out of the newest file:
// whichever byte of it, also where it is the last one.
func TestADamagedMessage(t *testing.T) {
	b := brokertest.Start(t)
	l := b.Device("desk-1").Connect()
	for i := range 3 {
		if _, err := l.Append(t.Context(), logtest.Event(t, "pat-1", fmt.Sprintf("Condition/c-%d", i))); err != nil {
			t.Fatal(err)
		}
	}
	for lost, at := range []int64{300, 900, 3} { // of the second message, of the last one that is left, and the length of the first
		b.FlipBit(at)
		if n := len(b.Stored()); n != 2-lost && !(lost == 2 && n == 0) {
			t.Errorf("after byte %d was changed %d messages are there", at, n)
		}
	}
}

// The number of a damaged message at the end is not given to another one: who knows the stream by its end and by how many
// are gone would not notice.
func TestTheLastMessageIsDamaged(t *testing.T) {
	b := brokertest.Start(t)
	sent := fill(t, b, 1)
	for range 2 { // at each start it is the last one that is left
		b.DamageFolder("RECORDS", func(folder string) error {
			path := filepath.Join(folder, "msgs", "1.blk")
			info, err := os.Stat(path)
			if err != nil {
				return err
			}
			return flipIn(path, int(info.Size())-1000)
		})
	}
	l := b.Device("desk-1").Connect()
	state, err := l.State(t.Context())
	if err != nil || state.Counted != uint64(sent) || state.Lost == 0 {
		t.Errorf("%+v, %v of a log of %d messages, the last of which was damaged", state, err, sent)
	}
	if at, err := l.Append(t.Context(), logtest.Event(t, "pat-2", "Condition/next")); err != nil || at != uint64(sent)+1 {
		t.Errorf("the next one stands at %d, %v; want %d", at, err, sent+1)
	}
}

// A damaged message that stands alone in the newest file is cut out as well, and its number is not given again: where
// it is the only one of all, and where others stand in the file before.
func TestAMessageAloneInItsFile(t *testing.T) {
	for name, before := range map[string]int{"of all": 0, "behind another file": 4 << 20} {
		t.Run(name, func(t *testing.T) {
			b := brokertest.Start(t)
			sent := 0
			if before > 0 {
				sent = fill(t, b, before)
			}
			newest, alone := "1.blk", func() bool { return sent == 1 }
			if before > 0 {
				newest = "2.blk"
				alone = func() bool {
					files, err := filepath.Glob(filepath.Join(b.StreamFolder("RECORDS"), "msgs", newest))
					return err == nil && len(files) == 1
				}
			}
			l := b.Device("desk-1").Connect()
			for !alone() {
				m := logtest.Event(t, "pat-2", fmt.Sprintf("Condition/d-%d", sent))
				m.Data = bytes.Repeat([]byte("long"), 50<<10)
				if _, err := l.Append(t.Context(), m); err != nil {
					t.Fatal(err)
				}
				sent++
			}
			b.DamageFolder("RECORDS", func(folder string) error { return flipIn(filepath.Join(folder, "msgs", newest), 300) })
			l = b.Device("desk-2").Connect()
			state, err := l.State(t.Context())
			if err != nil || state.Counted != uint64(sent) || state.Lost != 1 {
				t.Errorf("%+v, %v of a log of %d messages, the last of which was damaged", state, err, sent)
			}
			if at, err := l.Append(t.Context(), logtest.Event(t, "pat-2", "Condition/next")); err != nil || at != uint64(sent)+1 {
				t.Errorf("the next one stands at %d, %v; want %d", at, err, sent+1)
			}
			b.Restart()
			if n := len(b.Stored()); n != sent {
				t.Errorf("%d messages are there after the next start, want %d", n, sent)
			}
		})
	}
}

// A damaged piece of an attachment is cut out, those around it are read, and it can be given again. The file is read by whom it was read by
// before, and of one that a kill left half-written nothing stays.
func TestADamagedPieceOfAnAttachment(t *testing.T) {
	const pieces, name = 3, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	b := brokertest.Start(t)
	l := b.Device("desk-1").Connect()
	piece := func(n int) []byte { return bytes.Repeat([]byte{byte('a' + n)}, 5000) }
	for n := range pieces {
		if err := l.PutPiece(t.Context(), name, n, piece(n), 0); err != nil {
			t.Fatal(err)
		}
	}
	const mode = 0o640
	msgs := filepath.Join(b.StreamFolder("ATTACHMENTS"), "msgs")
	path, half := filepath.Join(msgs, "1.blk"), filepath.Join(msgs, ".new-123")
	b.DamageFolder("ATTACHMENTS", func(string) error {
		return errors.Join(flipIn(path, 5000+3000), os.Chmod(path, mode), os.WriteFile(half, []byte("half"), 0o600))
	})
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
		t.Errorf("the mended file is %v, %v; want mode %o", info.Mode(), err, mode)
	}
	if _, err := os.Stat(half); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the half-written file: %v, want none", err)
	}
	l = b.Device("desk-2").Connect()
	if has, err := l.Pieces(t.Context(), name); err != nil || len(has) != pieces-1 || has[1] {
		t.Fatalf("the pieces are %v, %v; want all but the second", has, err)
	}
	if err := l.PutPiece(t.Context(), name, 1, piece(1), 0); err != nil {
		t.Fatal(err)
	}
	for n := range pieces {
		if got, err := l.Piece(t.Context(), name, n, 0); err != nil || !bytes.Equal(got.Data, piece(n)) {
			t.Errorf("piece %d: %d bytes, %v", n, len(got.Data), err)
		}
	}
}

const sentBefore = 100

// damagedLog is a log that was damaged between two places of its file, while the broker stood still.
func damagedLog(t *testing.T, from, to float64) (*broker.Log, *brokertest.Broker, logLines) {
	t.Helper()
	b := brokertest.Start(t)
	device := b.Device("desk-1")
	l := device.Connect()
	for i := range sentBefore {
		if _, err := l.Append(t.Context(), logtest.Event(t, "pat-1", fmt.Sprintf("Condition/c-%d", i))); err != nil {
			t.Fatal(err)
		}
	}
	said := make(logLines, 64)
	b.LogTo(slog.New(said))
	b.DamageLog(from, to)
	device.Await(l, true)
	return l, b, said
}

// saidOnce checks that what is gone is an error when it is found, and is said quietly at the next start.
func saidOnce(t *testing.T, b *brokertest.Broker, said logLines) {
	t.Helper()
	if r := awaitLine(t, said, "are gone"); r.Level != slog.LevelError {
		t.Errorf("what is found is said as %v, want an error", r.Level)
	}
	awaitFile(t, filepath.Join(b.Folder(), "damaged", b.Practice(), "RECORDS.gone"))
	b.Restart()
	if r := awaitLine(t, said, "are gone"); r.Level != slog.LevelInfo {
		t.Errorf("what was said before is said as %v again", r.Level)
	}
}

// writtenOn writes behind the end of a log, in its order.
func writtenOn(t *testing.T, l *broker.Log, end uint64) {
	t.Helper()
	m := logtest.Event(t, "pat-2", "Condition/back")
	if _, err := l.AppendAtEnd(t.Context(), m, end-1); !errors.Is(err, events.ErrNotAtEnd) {
		t.Errorf("who has not read the last message: %v, want ErrNotAtEnd", err)
	}
	at, err := l.AppendAtEnd(t.Context(), m, end)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.AppendAtEnd(t.Context(), logtest.Event(t, "pat-2", "Condition/late"), end); !errors.Is(err, events.ErrNotAtEnd) {
		t.Errorf("who comes second: %v, want ErrNotAtEnd", err)
	}
	if next, err := l.AppendAtEnd(t.Context(), logtest.Event(t, "pat-2", "Condition/next"), at); err != nil || next != at+1 {
		t.Errorf("the next one stands at %d, %v; want %d", next, err, at+1)
	}
}

// A log of several files is examined in the memory of one, whatever its length, and what is
// found in an earlier one is said: where nats-server sees it too, and where it does not.
func TestALogOfSeveralFiles(t *testing.T) {
	const files, fileBytes = 4, 8 << 20
	b := brokertest.Start(t)
	said := make(logLines, 64)
	b.LogTo(slog.New(said))
	started := func() uint64 {
		b.Restart() // nothing is in memory from writing it
		awaitLine(t, said, "were examined")
		b.Stop()
		before := allocated()
		b.Start()
		awaitLine(t, said, "were examined")
		return allocated() - before
	}
	short := fill(t, b, 1)
	usual := started()
	stored := fill(t, b, files*fileBytes)
	took := started()
	for try := 1; try < 6 && took > usual+fileBytes*files/2; try++ {
		took = min(took, started()) // nats-server reads its files anew at some of its starts
	}
	if took > usual+fileBytes*files/2 {
		t.Errorf("a start took %d MiB of memory in all for %d files of %d, and %d for a short log", took>>20, files, fileBytes>>20, usual>>20)
	}

	b.FlipBit(brokertest.InABody)
	awaitLine(t, said, "does not notice it")
	b.Restart()
	awaitLine(t, said, "are cut out of their files")
	if n, want := len(b.Stored()), short+stored-1; n != want {
		t.Errorf("%d messages are there after one was damaged, want %d", n, want)
	}
	b.FlipBit(brokertest.InALength)
	awaitLine(t, said, "is damaged")
	gone := uint64(0)
	awaitLine(t, said, "are gone").Attrs(func(a slog.Attr) bool {
		if a.Key == "messages" {
			gone = a.Value.Uint64()
		}
		return true
	})
	if gone == 0 || gone > uint64(stored)*2/files {
		t.Errorf("%d messages of %d are gone: want those of one file", gone, stored)
	}
}

// A stream whose folder cannot be read is logged, and the others are examined.
func TestAFolderThatCannotBeRead(t *testing.T) {
	b := brokertest.Start(t)
	account, err := b.Server().Operator().Account(b.Practice())
	if err != nil {
		t.Fatal(err)
	}
	data := t.TempDir()
	streams := filepath.Join(data, "jetstream", account.Data, "streams")
	sound := filepath.Join(streams, "ATTACHMENTS", "msgs")
	if err := errors.Join(os.MkdirAll(sound, 0o700), os.WriteFile(filepath.Join(sound, "1.blk"), nil, 0o600),
		os.Mkdir(filepath.Join(streams, "RECORDS"), 0o700), os.WriteFile(filepath.Join(streams, "RECORDS", "msgs"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	said := make(logLines, 64)
	if n := b.Server().Stood(data, slog.New(said)); n != 1 {
		t.Errorf("%d streams are examined, want the other one", n)
	}
	awaitLine(t, said, "could not be examined")
}

// A stream that an operator has set to be compressed is not taken for a damaged one.
func TestACompressedStream(t *testing.T) {
	b := brokertest.Start(t)
	b.CompressLog()
	b.Restart() // nats-server holds to it from its next start on
	said := make(logLines, 64)
	b.LogTo(slog.New(said))
	fill(t, b, 9<<20) // a file is compressed when the next one begins
	b.Restart()
	for {
		r := awaitLine(t, said, "")
		if r.Level >= slog.LevelWarn {
			t.Errorf("the broker says: %s", r.Message)
		}
		if strings.Contains(r.Message, "is compressed") {
			return
		}
	}
}

// What is damaged is said also where nothing can be put beside it, as on a full disk.
func TestDamageThatCannotBeNoted(t *testing.T) {
	b := brokertest.Start(t)
	fill(t, b, 9<<20)
	said := make(logLines, 64)
	b.LogTo(slog.New(said))
	b.DamageFolder("RECORDS", func(folder string) error {
		return errors.Join(flipIn(filepath.Join(folder, "msgs", "1.blk"), brokertest.InABody), os.WriteFile(filepath.Join(b.Folder(), "damaged"), nil, 0o600))
	})
	awaitLine(t, said, "does not notice it")
	awaitLine(t, said, "could not be examined")
}

// Where an operator has let the older files of a stream be compressed, the newest one is mended all the same.
func TestADamagedFileBesideCompressedOnes(t *testing.T) {
	b := brokertest.Start(t)
	b.CompressLog()
	b.Restart()
	sent := fill(t, b, 9<<20)
	b.DamageFolder("RECORDS", func(folder string) error { return flipIn(filepath.Join(folder, "msgs", "2.blk"), brokertest.InABody) })
	state, err := b.Device("desk-1").Connect().State(t.Context())
	if err != nil || state.Lost != 1 || state.Last != uint64(sent) {
		t.Errorf("%+v, %v of a log of %d messages of which one was damaged", state, err, sent)
	}
}

// After a power cut nats-server reads all files, and would cut each off at its first damage: they are mended before.
func TestADamagedOlderFileAfterAPowerCut(t *testing.T) {
	for _, index := range []string{"gone", "older"} {
		t.Run(index, func(t *testing.T) {
			b := brokertest.Start(t)
			sent := fill(t, b, 9<<20)
			var old []byte
			b.DamageFolder("RECORDS", func(folder string) (err error) {
				old, err = os.ReadFile(filepath.Join(folder, "msgs", "index.db"))
				return err
			})
			sent += fill(t, b, 1)
			b.DamageFolder("RECORDS", func(folder string) error {
				path := filepath.Join(folder, "msgs", "index.db")
				err := os.Remove(path)
				if index == "older" {
					err = os.WriteFile(path, old, 0o600)
				}
				return errors.Join(err, flipIn(filepath.Join(folder, "msgs", "1.blk"), brokertest.InABody))
			})
			state, err := b.Device("desk-1").Connect().State(t.Context())
			if err != nil || state.Lost != 1 || state.Last != uint64(sent) {
				t.Errorf("%+v, %v of a log of %d messages of which one was damaged", state, err, sent)
			}
		})
	}
}

// Where the end of the newest file is torn and an older one is mended beside it, the last number is not given again: the index knows it.
func TestATornEndBesideAMendedFile(t *testing.T) {
	b := brokertest.Start(t)
	sent := fill(t, b, 9<<20)
	b.DamageFolder("RECORDS", func(folder string) error {
		newest := filepath.Join(folder, "msgs", "2.blk")
		info, err := os.Stat(newest)
		if err != nil {
			return err
		}
		return errors.Join(os.Truncate(newest, info.Size()-5000), flipIn(filepath.Join(folder, "msgs", "1.blk"), brokertest.InABody))
	})
	l := b.Device("desk-1").Connect()
	state, err := l.State(t.Context())
	if err != nil || state.Last != uint64(sent)-1 || state.Counted != uint64(sent) || state.Lost != 2 {
		t.Errorf("%+v, %v of a log of %d messages, the last of which was torn and an older one damaged", state, err, sent)
	}
	if at, err := l.Append(t.Context(), logtest.Event(t, "pat-2", "Condition/next")); err != nil || at != uint64(sent)+1 {
		t.Errorf("the next one stands at %d, %v; want %d", at, err, sent+1)
	}
}

// flipIn changes one bit of a file.
func flipIn(path string, at int) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	content[at] ^= 1
	return os.WriteFile(path, content, 0o600)
}

// fill makes the log as long, and returns of how many messages of 8 KiB.
func fill(t *testing.T, b *brokertest.Broker, size int) (n int) {
	t.Helper()
	const each, together = 8 << 10, 400
	l := b.Device("filler").Connect()
	noise, random := make([]byte, each), rand.NewChaCha8([32]byte{1})
	for made := 0; made < size; made += each * together {
		batch := make([]events.Appending, together)
		for i := range batch {
			batch[i].Message = logtest.Event(t, "pat-1", fmt.Sprintf("Condition/c-%d-%d", made, i))
			_, _ = random.Read(noise) // never fails
			batch[i].Message.Data = slices.Clone(noise)
		}
		if _, err := l.AppendBatch(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		n += together
	}
	return n
}

// allocated is how much memory this process has taken since it began, in bytes.
func allocated() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.TotalAlloc
}

// awaitFile waits until a file is there.
func awaitFile(t *testing.T, path string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		if _, err := os.Stat(path); err == nil {
			return
		} else if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// awaitLine waits until a line is logged that says so.
func awaitLine(t *testing.T, said logLines, what string) slog.Record {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		select {
		case r := <-said:
			if strings.Contains(r.Message, what) {
				return r
			}
		case <-deadline:
			t.Fatalf("the broker does not say that something %s", what)
			return slog.Record{}
		}
	}
}
