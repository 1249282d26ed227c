package blocks_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/carelog/carelog/broker/internal/blocks"
)

// sound reads what is sound in the one file of a folder.
func sound(t *testing.T, folder, stream string) (sequences []uint64) {
	t.Helper()
	files, err := blocks.List(folder, stream)
	if err != nil || len(files) != 1 {
		t.Fatalf("the files are %v, %v; want one", files, err)
	}
	var buffer []byte
	err = files[0].Sound(&buffer, func(m blocks.Message) {
		if m.Subject != "of.one" || string(m.Data) != "what is said" {
			t.Errorf("message %d is %q of %q", m.Sequence, m.Data, m.Subject)
		}
		sequences = append(sequences, m.Sequence)
	}, func(sequence uint64) { t.Errorf("%d was taken out", sequence) })
	if err != nil {
		t.Fatal(err)
	}
	return sequences
}

// Whatever byte is changed, and however many of one message, every other message is read, and
// nothing that was not written.
func TestWhatIsSoundIsRead(t *testing.T) {
	folder := written(t, "ONE")
	path := filepath.Join(folder, "1.blk")
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	all := []uint64{1, 2, 3, 4, 5}
	if got := sound(t, folder, "ONE"); !slices.Equal(got, all) {
		t.Errorf("a sound file has %v", got)
	}
	length, headers := len(content)/sent, 22+len("of.one")
	for i := range content {
		changed := bytes.Clone(content)
		changed[i] ^= 1
		want := all
		if in := i % length; in < headers || in >= headers+4 { // but the length of the headers, which is not needed
			want = slices.Delete(slices.Clone(all), i/length, i/length+1)
		}
		if err := os.WriteFile(path, changed, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := sound(t, folder, "ONE"); !slices.Equal(got, want) {
			t.Errorf("byte %d changed: %v, want %v", i, got, want)
		}
	}
	changed := bytes.Clone(content)
	for i := length; i < 2*length+3; i++ {
		changed[i] = 0x5a
	}
	if err := os.WriteFile(path, changed, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, want := sound(t, folder, "ONE"), []uint64{1, 4, 5}; !slices.Equal(got, want) {
		t.Errorf("noise in two messages: %v, want %v", got, want)
	}
}
