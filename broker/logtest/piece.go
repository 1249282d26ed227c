package logtest

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/carelog/carelog/events"
)

func pieceCases() map[string]func(*testing.T, World) {
	return map[string]func(*testing.T, World){"Pieces": testPieces, "PieceFull": testPieceFull, "PieceOffline": testPieceOffline}
}

var attachment = strings.Repeat("0a", 32)

func wantPiece(t testing.TB, l Log, number int, from uint64, want []byte) (sequence uint64) {
	t.Helper()
	got, err := l.Piece(t.Context(), attachment, number, from)
	if err != nil || !bytes.Equal(got.Data, want) {
		t.Errorf("piece %d has %d bytes, %v; want %d others", number, len(got.Data), err, len(want))
	}
	return got.Sequence
}

// A piece is stored once, another only behind it, and none is ever lost by that.
func testPieces(t *testing.T, w World) {
	mine, theirs := w.Device("desk-1"), w.Device("desk-2")
	before, err := mine.AttachmentState(t.Context())
	if err != nil || before.Identity == "" || before.Last != 0 {
		t.Fatalf("the state of no attachments is %+v, %v", before, err)
	}
	_, err = mine.Piece(t.Context(), attachment, 0, 0)
	wantError(t, err, events.ErrNoMessage)
	full, junk := noise(events.PieceSize+events.PieceOverhead, 1), noise(10, 2)
	for _, put := range []struct {
		number int
		data   []byte
	}{{0, junk}, {11, full}} {
		if err := mine.PutPiece(t.Context(), attachment, put.number, put.data, 0); err != nil {
			t.Fatal(err)
		}
		wantError(t, theirs.PutPiece(t.Context(), attachment, put.number, put.data, 0), events.ErrTaken)
		wantPiece(t, theirs, put.number, 0, put.data)
	}
	sequence := wantPiece(t, theirs, 0, 0, junk)
	if err := theirs.PutPiece(t.Context(), attachment, 0, full, sequence); err != nil {
		t.Fatal(err)
	}
	wantError(t, mine.PutPiece(t.Context(), attachment, 0, full, sequence), events.ErrTaken)
	wantPiece(t, mine, 0, 0, junk)
	wantPiece(t, mine, 0, sequence+1, full)
	_, err = mine.Piece(t.Context(), attachment, 0, sequence+100)
	wantError(t, err, events.ErrNoMessage)

	pieces, err := mine.Pieces(t.Context(), attachment)
	if got := slices.Sorted(maps.Keys(pieces)); err != nil || !slices.Equal(got, []int{0, 11}) {
		t.Errorf("pieces %v, %v; want 0 and 11", got, err)
	}
	if pieces, err := mine.Pieces(t.Context(), strings.Repeat("0b", 32)); err != nil || len(pieces) != 0 {
		t.Errorf("an attachment that is not there has pieces %v, %v", pieces, err)
	}
	if state, err := theirs.AttachmentState(t.Context()); err != nil || state.Identity != before.Identity || state.Last != 3 {
		t.Errorf("the state is %+v, %v; want three pieces of the same", state, err)
	}
	var refused *events.RefusedError
	for name, data := range map[string][]byte{"x": junk, attachment: append(full, 0), "a.b": junk} {
		if err := mine.PutPiece(t.Context(), name, 1, data, 0); !errors.As(err, &refused) {
			t.Errorf("attachment %q: error %v, want that it is refused", name, err)
		}
	}
	w.Wipe()
	mine.Await(true)
	if state, err := mine.AttachmentState(t.Context()); err != nil || state.Identity == before.Identity || state.Last != 0 {
		t.Errorf("after the loss of the disk the state is %+v, %v; want another one", state, err)
	}
}

func testPieceFull(t *testing.T, w World) {
	d := w.Device("desk-1")
	w.LimitAttachments(400 << 10)
	data := noise(200<<10, 1)
	if err := d.PutPiece(t.Context(), attachment, 0, data, 0); err != nil {
		t.Fatal(err)
	}
	err := d.PutPiece(t.Context(), attachment, 1, noise(events.PieceSize, 1), 0)
	wantError(t, err, events.ErrFull)
	if errors.Is(err, events.ErrOffline) {
		t.Errorf("error %v says two things", err)
	}
	wantPiece(t, d, 0, 0, data)
	w.LimitAttachments(0)
	if err := d.PutPiece(t.Context(), attachment, 1, data, 0); err != nil {
		t.Error(err)
	}
}

// Both ways in which it can fail: it was not stored, and it was and nobody was told.
func testPieceOffline(t *testing.T, w World) {
	d := w.Device("desk-1")
	data := noise(1000, 1)
	d.CutOutgoing()
	wantError(t, d.PutPiece(t.Context(), attachment, 0, data, 0), events.ErrUnknownOutcome)
	d.Mend()
	d.Await(true)
	_, err := d.Piece(t.Context(), attachment, 0, 0)
	wantError(t, err, events.ErrNoMessage)

	d.CutIncoming()
	wantError(t, d.PutPiece(t.Context(), attachment, 0, data, 0), events.ErrUnknownOutcome)
	d.Mend()
	d.Await(true)
	wantError(t, d.PutPiece(t.Context(), attachment, 0, data, 0), events.ErrTaken)
	wantPiece(t, d, 0, 0, data)

	d.Cut()
	d.Await(false)
	wantError(t, d.PutPiece(t.Context(), attachment, 1, data, 0), events.ErrOffline)
	_, err = d.Piece(t.Context(), attachment, 0, 0)
	wantError(t, err, events.ErrOffline)
	_, err = d.Pieces(t.Context(), attachment)
	wantError(t, err, events.ErrOffline)
	_, err = d.AttachmentState(t.Context())
	wantError(t, err, events.ErrOffline)
}
