package attachments_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/carelog/carelog/agent/attachments"
	"github.com/carelog/carelog/events"
)

func digestOf(content []byte) events.Digest { return sha256.Sum256(content) }

func tick() <-chan time.Time { return time.After(5 * time.Millisecond) }

const pieces = 7

func content(seed byte) []byte { return noise((pieces-1)*events.PieceSize+12345, seed) }

func TestSentAndFetched(t *testing.T) {
	p := newPractice(t)
	one, two := p.desk("one"), p.desk("two")
	want := content(1)
	seal := one.keep(patient, want)
	one.wantRead(seal, want)
	if _, err := two.read(seal, 0); !errors.Is(err, attachments.ErrUnsent) {
		t.Errorf("before it is sent: %v, want that the server does not have it yet", err)
	}
	one.send(never)
	two.wantRead(seal, want)
	two.line.Cut()
	two.wantRead(seal, want) // it is here now
	if tail, err := two.read(seal, int64(len(want)-7)); err != nil || !bytes.Equal(tail, want[len(want)-7:]) {
		t.Errorf("its end: %q, %v", tail, err)
	}
	if end, err := two.read(seal, int64(len(want)+7)); err != nil || len(end) > 0 {
		t.Errorf("behind its end: %q, %v", end, err)
	}
}

// What a cut line let through is not sent again, nor fetched again after a restart.
func TestBothWaysGoOnAfterACut(t *testing.T) {
	p := newPractice(t)
	one, two := p.desk("one"), p.desk("two")
	want := content(1)
	seal := one.keep(patient, want)
	one.line.cutAfter(3)
	one.send(func() bool { return one.trouble.Load() != nil && *one.trouble.Load() != nil })
	state, err := one.line.AttachmentState(t.Context())
	there := int(state.Last) // what was under way when the line was cut may be among them
	if err != nil || there < 1 || there > 3 || one.Owed() != 1 {
		t.Fatalf("%d pieces were sent before the cut, %d contents owed, %v; want at most 3 and 1", there, one.Owed(), err)
	}
	one.open() // as after a kill
	one.line.cutAfter(-1)
	one.send(never)
	if got, put := one.line.counts(); put != pieces-there || got != there {
		t.Errorf("%d pieces were sent and %d read back, want %d and %d", put, got, pieces-there, there)
	}

	two.line.cutAfter(4)
	if _, err := two.read(seal, 0); !errors.Is(err, attachments.ErrAway) {
		t.Errorf("over a cut line: %v, want that the server cannot be reached", err)
	}
	before, _ := two.line.counts()
	two.open()
	two.line.cutAfter(-1)
	two.wantRead(seal, want)
	if got, _ := two.line.counts(); before < 1 || got != pieces-before {
		t.Errorf("%d pieces were fetched before the cut and %d after it, want all %d once", before, got, pieces)
	}
	two.line.Cut()
	two.open()
	two.wantRead(seal, want)
}

// An acknowledgement that is lost is asked for again, and nothing is stored twice.
func TestALostAcknowledgement(t *testing.T) {
	p := newPractice(t)
	one := p.desk("one")
	one.line.SetTimeout(10 * time.Millisecond)
	want := content(1)
	seal := one.keep(patient, want)
	one.line.CutIncoming()
	one.send(func() bool { return one.trouble.Load() != nil && *one.trouble.Load() != nil })
	one.line.Mend()
	one.send(never)
	state, err := one.line.AttachmentState(t.Context())
	if err != nil || state.Last != pieces {
		t.Errorf("the server has %d pieces, %v; want %d", state.Last, err, pieces)
	}
	p.desk("two").wantRead(seal, want)
}

// Whatever is done to a piece, nobody is given its bytes, and a right one heals it.
func TestDamageAtTheServer(t *testing.T) {
	want, other := content(1), content(2)
	put := func(d *desk, seal *events.PieceSeal, number int, data []byte) {
		t.Helper()
		if err := d.line.PutPiece(t.Context(), seal.Attachment().Name, number, data, 0); err != nil {
			t.Fatal(err)
		}
	}
	sealed := func(seal *events.PieceSeal, of []byte, number int) []byte {
		from := number * events.PieceSize
		data, err := seal.Seal(nil, number, of[from:min(from+events.PieceSize, len(of))])
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	for what, bad := range map[string]func(d *desk, seal *events.PieceSeal) (number int, data []byte){
		"a flipped bit": func(d *desk, seal *events.PieceSeal) (int, []byte) {
			data := sealed(seal, want, 2)
			data[100] ^= 1
			return 2, data
		},
		"a piece of another content": func(d *desk, _ *events.PieceSeal) (int, []byte) {
			return 2, sealed(d.seal(patient, other), other, 2)
		},
		"another patient's": func(d *desk, _ *events.PieceSeal) (int, []byte) {
			return 2, sealed(d.seal("p2", want), want, 2)
		},
		"another place": func(_ *desk, seal *events.PieceSeal) (int, []byte) { return 3, sealed(seal, want, 2) },
		"a cut piece":   func(_ *desk, seal *events.PieceSeal) (int, []byte) { return 2, sealed(seal, want, 2)[:1000] },
		"an empty one":  func(*desk, *events.PieceSeal) (int, []byte) { return 2, nil },
		"another form": func(_ *desk, seal *events.PieceSeal) (int, []byte) {
			data := sealed(seal, want, 2)
			data[0] = 2
			return 2, data
		},
	} {
		t.Run(what, func(t *testing.T) {
			p := newPractice(t)
			one, two := p.desk("one"), p.desk("two")
			seal := one.seal(patient, want)
			at, data := bad(one, seal)
			for i := range pieces {
				if i == at {
					put(one, seal, i, data)
				} else {
					put(one, seal, i, sealed(seal, want, i))
				}
			}
			var damaged *events.DamagedError
			got, err := two.read(seal, 0)
			if !errors.As(err, &damaged) || !bytes.HasPrefix(want, got) || len(got) > at*events.PieceSize {
				t.Errorf("%d bytes are read before %v; want what stands before the piece, and that it is damaged", len(got), err)
			}
			if seal := one.keep(patient, want); seal == nil { // whoever has it writes it again
				t.Fatal()
			}
			one.send(never)
			two.wantRead(seal, want)
		})
	}
}

// A content that was made longer or shorter at its end is not the one that is named.
func TestATruncatedContent(t *testing.T) {
	p := newPractice(t)
	one, two := p.desk("one"), p.desk("two")
	want := content(1)
	seal := one.keep(patient, want)
	one.send(never)
	shorter := seal.Attachment()
	shorter.Size -= 12345
	if _, err := p.ring.PieceSeal(patient, shorter); !errors.Is(err, events.ErrForeignAttachment) {
		t.Errorf("a reference to less of it: %v, want that it is refused", err)
	}
	if _, err := p.ring.PieceSeal("p2", seal.Attachment()); !errors.Is(err, events.ErrNoKey) {
		t.Errorf("a reference from another dossier: %v, want that it is refused", err)
	}
	two.wantRead(seal, want)
}

// The last piece is not given before the digest of all is right.
func TestTheDigestDecides(t *testing.T) {
	p := newPractice(t)
	one, two := p.desk("one"), p.desk("two")
	want := content(1)
	seal := one.seal(patient, want)
	for i := range pieces { // sealed rightly, by somebody who has the key, and another text
		plain := want[i*events.PieceSize : min((i+1)*events.PieceSize, len(want))]
		if i == 4 {
			plain = noise(len(plain), 9)
		}
		data, err := seal.Seal(nil, i, plain)
		if err != nil {
			t.Fatal(err)
		}
		if err := one.line.PutPiece(t.Context(), seal.Attachment().Name, i, data, 0); err != nil {
			t.Fatal(err)
		}
	}
	var damaged *events.DamagedError
	for range 2 {
		if got, err := two.read(seal, 0); !errors.As(err, &damaged) || len(got) > (pieces-1)*events.PieceSize {
			t.Errorf("%d of %d bytes are read before %v; want that it is damaged", len(got), len(want), err)
		}
	}
}

func TestDamageOnThisDisk(t *testing.T) {
	p := newPractice(t)
	one := p.desk("one")
	want := content(1)
	seal := one.keep(patient, want)
	one.send(never)
	flip := func(at int64) {
		t.Helper()
		f, err := os.OpenFile(one.path(seal), os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		var b [1]byte
		if _, err := f.ReadAt(b[:], at); err != nil {
			t.Fatal(err)
		}
		b[0] ^= 1
		if _, err := f.WriteAt(b[:], at); err != nil {
			t.Fatal(err)
		}
	}
	for _, at := range []int64{3*events.PieceSize + 1000, 0, 50} {
		flip(at)
		one.line.cutAfter(-1)
		one.wantRead(seal, want)
		if got, _ := one.line.counts(); got > 1 {
			t.Errorf("%d pieces were fetched for one that was damaged", got)
		}
	}
	flip(5)
	one.line.Cut()
	if got, err := one.read(seal, 0); err == nil || len(got) > 0 {
		t.Errorf("a damaged piece, offline: %d bytes, %v", len(got), err)
	}
	if err := os.Truncate(one.path(seal), 1000); err != nil {
		t.Fatal(err)
	}
	one.line.Mend()
	one.wantRead(seal, want)
}

func TestEqualContentsAreKeptOnce(t *testing.T) {
	p := newPractice(t)
	one, two := p.desk("one"), p.desk("two")
	want := content(1)
	first := one.keep(patient, want)
	if again := one.keep(patient, want); again.Attachment() != first.Attachment() || one.Owed() != 1 || len(one.files()) != 1 {
		t.Errorf("%d contents owed, files %v; want one", one.Owed(), one.files())
	}
	if elsewhere := two.seal("p2", want).Attachment(); elsewhere.Name == first.Attachment().Name {
		t.Error("in another dossier it has the same name: the server sees that they are equal")
	}
	two.keep(patient, want)
	done := make(chan struct{})
	go func() { defer close(done); two.send(never) }() // both at once
	one.send(never)
	<-done
	if state, err := one.line.AttachmentState(t.Context()); err != nil || state.Last != pieces {
		t.Errorf("the server has %d pieces, %v; want %d", state.Last, err, pieces)
	}
}

// What a write that was refused had put is gone, unless somebody needs it.
func TestDroppedContents(t *testing.T) {
	p := newPractice(t)
	one := p.desk("one")
	want := content(1)
	_, a := one.put(patient, want)
	if one.Owed() != 1 {
		t.Error("a content that is put counts nothing: the light could be green before its record is written")
	}
	_, b := one.put(patient, want)
	if err := a.Drop(); err != nil || len(one.files()) != 1 {
		t.Errorf("dropped by one of two: files %v, %v", one.files(), err)
	}
	if err := b.Drop(); err != nil || len(one.files()) != 0 || one.Owed() != 0 {
		t.Errorf("dropped by both: files %v, %d owed, %v", one.files(), one.Owed(), err)
	}
	_, a = one.put(patient, want)
	seal, b := one.put(patient, want)
	b.Keep()
	if err := a.Drop(); err != nil {
		t.Error(err)
	}
	one.wantRead(seal, want)
	if _, a = one.put(patient, want); a.Drop() != nil || one.Owed() != 1 || len(one.files()) != 1 {
		t.Errorf("one that others need was dropped: %d owed, files %v", one.Owed(), one.files())
	}
}

// A kill at any moment of Put leaves a content whole or not at all.
func TestKilledWhilePutting(t *testing.T) {
	p := newPractice(t)
	one := p.desk("one")
	want := content(1)
	seal, _ := one.put(patient, want)
	one.open() // killed before anybody said that it is needed
	if one.Owed() != 1 {
		t.Errorf("%d contents owed after a kill, want 1: its record may stand", one.Owed())
	}
	one.send(never)
	p.desk("two").wantRead(seal, want)

	// Killed while the pieces were written: the state is not that of a whole one.
	other := noise(3*events.PieceSize, 3)
	part := one.seal(patient, other)
	if err := os.WriteFile(one.path(part), append([]byte{'p'}, noise(events.PieceSize, 4)...), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(one.config.Dir, "spool", "content-1"), other, 0o600); err != nil {
		t.Fatal(err)
	}
	one.open()
	if list, err := os.ReadDir(filepath.Join(one.config.Dir, "spool")); err != nil || len(list) > 0 || one.Owed() != 0 {
		t.Errorf("%d files in the spool, %d owed, %v; want none", len(list), one.Owed(), err)
	}
	if _, err := one.read(part, 0); !errors.Is(err, attachments.ErrUnsent) {
		t.Errorf("what is not whole: %v, want that nobody has it", err)
	}
	one.keep(patient, other)
	one.wantRead(part, other)
}

// After the server's disk was lost, whoever holds a content gives it back.
func TestTheServerIsHealed(t *testing.T) {
	p := newPractice(t)
	one, two, three := p.desk("one"), p.desk("two"), p.desk("three")
	mine, read, gone := content(1), content(2), content(3)
	first := one.keep(patient, mine)
	one.send(never)
	second, third := three.keep(patient, read), three.keep(patient, gone)
	three.send(never)
	two.sendOnce()
	two.wantRead(second, read)
	p.server.Wipe()
	five := p.desk("five") // has made it longer than it was before the others come back
	for seed := range byte(4) {
		five.keep(patient, content(10+seed))
	}
	five.send(never)
	for _, d := range []*desk{one, two} {
		d.open()
		ctx := t.Context()
		d.line.Mend()
		if _, err := d.line.AttachmentState(ctx); err != nil {
			t.Fatal(err)
		}
		d.sendOnce()
	}
	four := p.desk("four")
	four.wantRead(first, mine)
	four.wantRead(second, read)
	if _, err := four.read(third, 0); !errors.Is(err, attachments.ErrUnsent) {
		t.Errorf("what only a desk has that is off: %v", err)
	}
	three.sendOnce()
	four.wantRead(third, gone)
}

// A server whose disk is damaged in the middle has as many pieces behind it as before. Whoever
// holds what is gone gives it back, once.
func TestTheServerLosesFromTheMiddle(t *testing.T) {
	p := newPractice(t)
	one := p.desk("one")
	mine, other := content(1), content(2)
	first, second := one.keep(patient, mine), one.keep(patient, other)
	one.send(never)
	p.server.LosePieces(first.Attachment().Name)
	one.open()
	one.sendOnce()
	two := p.desk("two")
	two.wantRead(first, mine)
	two.wantRead(second, other)
	before, err := one.line.AttachmentState(t.Context())
	if err != nil || before.Lost == 0 {
		t.Fatalf("the server says that %d are lost, %v", before.Lost, err)
	}
	one.open()
	one.sendOnce()
	if after, err := one.line.AttachmentState(t.Context()); err != nil || after.Last != before.Last {
		t.Errorf("the server has %d pieces, %v, and had %d: they were sent again", after.Last, err, before.Last)
	}
}

func TestAFullServer(t *testing.T) {
	p := newPractice(t)
	one := p.desk("one")
	p.server.LimitAttachments(4 * events.PieceSize)
	want := content(1)
	seal := one.keep(patient, want)
	one.send(func() bool { return one.trouble.Load() != nil && *one.trouble.Load() != nil })
	if err := *one.trouble.Load(); !errors.Is(err, events.ErrFull) || one.Owed() != 1 {
		t.Errorf("trouble %v, %d owed; want that the server is full, and 1", err, one.Owed())
	}
	one.wantRead(seal, want)
	p.server.LimitAttachments(0)
	one.send(never)
	if err := *one.trouble.Load(); err != nil {
		t.Errorf("when there is room: %v", err)
	}
	p.desk("two").wantRead(seal, want)
}

// What was looked at least lately goes first, and never what the server does not have,
// nor what somebody reads.
func TestRoom(t *testing.T) {
	p := newPractice(t)
	one := p.desk("one")
	one.config.Room = 2*pieces*events.PieceSize + 100
	one.open()
	a, b := one.keep(patient, content(1)), one.keep(patient, content(2))
	one.keep(patient, content(3))
	if n := len(one.files()); n != 3 {
		t.Fatalf("%d files, want all: the server has none", n)
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(one.path(b), old, old); err != nil {
		t.Fatal(err)
	}
	reading, err := one.Open(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(one.path(b), old, old); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(one.path(a), old.Add(time.Minute), old.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	one.send(never)
	if err := reading.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(one.path(a)); !errors.Is(err, os.ErrNotExist) || len(one.files()) != 2 {
		t.Errorf("files %v, %v; want all but the oldest that nobody reads", one.files(), err)
	}
	one.wantRead(a, content(1)) // fetched again, in the place of another
	if n := len(one.files()); n != 2 {
		t.Errorf("%d files, want 2", n)
	}
}

func TestNoRoomOnTheDisk(t *testing.T) {
	p := newPractice(t)
	one := p.desk("one")
	one.config.Spare = 1 << 60
	one.open()
	if _, err := one.NewSpool(); !errors.Is(err, attachments.ErrNoRoom) {
		t.Errorf("error %v, want that there is no room", err)
	}
}
