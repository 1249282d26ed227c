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

// Whatever byte is changed, the server reads every other message of a mended file, and counts on from
// where it had ended; a message that a power cut has torn is told from damage.
func TestAMendedFile(t *testing.T) {
	folder := written(t, "ONE")
	path := filepath.Join(folder, "1.blk")
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	mend := func(now []byte) blocks.Mended {
		t.Helper()
		if err := os.WriteFile(path, now, 0o600); err != nil {
			t.Fatal(err)
		}
		files, err := blocks.List(folder, "ONE")
		if err != nil || len(files) != 1 {
			t.Fatalf("the files are %v, %v; want one", files, err)
		}
		m, err := files[0].Mend(new([]byte))
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	if m := mend(content); !bytes.Equal(m.Content, content) || m.Cut != 0 || m.Torn {
		t.Errorf("a sound file: %d of %d bytes, %d cut, torn %t", len(m.Content), len(content), m.Cut, m.Torn)
	}
	length := len(content) / sent
	for i := range content {
		changed := bytes.Clone(content)
		changed[i] ^= 1
		m := mend(changed)
		which := i / length
		want := slices.Concat(content[:which*length], content[(which+1)*length:])
		in := i % length
		torn := which == sent-1 && (in < 4 || in == 20 || in == 21) // lengths that do not fit, as those of half a message
		if in >= 22+len("of.one") && in < 26+len("of.one") {
			want, torn = changed, false // the length of the headers, which no checksum covers
		}
		if !bytes.Equal(m.Content, want) || m.Cut != len(content)-len(want) || m.Torn && !torn {
			t.Fatalf("byte %d changed: %d of %d bytes, %d cut, torn %t", i, len(m.Content), len(want), m.Cut, m.Torn)
		}
	}
	for _, n := range []int{1, 10, 30, length - 1} {
		if m := mend(content[:(sent-1)*length+n]); len(m.Content) != (sent-1)*length || m.Cut != n || !m.Torn {
			t.Errorf("%d bytes of a message at the end: %d cut, torn %t", n, m.Cut, m.Torn)
		}
	}
}
