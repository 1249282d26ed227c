package blocks_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/carelog/carelog/broker/internal/blocks"
)

const sent = 5

// written is a folder in which nats-server has written a stream of some messages.
func written(t *testing.T, stream string) string {
	t.Helper()
	data := t.TempDir()
	s, err := server.NewServer(&server.Options{JetStream: true, StoreDir: data, DontListen: true, NoSigs: true, NoLog: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.WaitForShutdown()
	defer s.Shutdown()
	s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("nats-server does not start")
	}
	conn, err := nats.Connect("", nats.InProcessServer(s))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: stream, Subjects: []string{"of.*"}}); err != nil {
		t.Fatal(err)
	}
	for i := range sent {
		m := &nats.Msg{Subject: "of.one", Header: nats.Header{"Number": {fmt.Sprint(i)}}, Data: []byte("what is said")}
		if _, err := js.PublishMsg(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(data, "jetstream", "$G", "streams", stream, "msgs")
}

func look(t *testing.T, f blocks.File) blocks.Verdict {
	t.Helper()
	var buffer []byte
	v, err := f.Look(&buffer)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// What nats-server writes is understood to the last byte, and none can change unnoticed, but
// for those that say how long the headers are, which nats-server's own checksum leaves out.
func TestEveryByteCounts(t *testing.T) {
	folder := written(t, "ONE")
	files, err := blocks.List(folder, "ONE")
	if err != nil || len(files) != 1 {
		t.Fatalf("the files are %v, %v; want one", files, err)
	}
	if v := look(t, files[0]); v != (blocks.Verdict{Last: sent}) {
		t.Fatalf("a sound file: %+v", v)
	}
	if other, err := blocks.List(folder, "OTHER"); err != nil || !look(t, other[0]).Damaged {
		t.Errorf("the file of another stream is taken for sound, %v", err)
	}
	content, err := os.ReadFile(files[0].Path)
	if err != nil {
		t.Fatal(err)
	}
	length, headers := len(content)/sent, 22+len("of.one")
	for i := range content {
		changed := bytes.Clone(content)
		changed[i] ^= 1
		if err := os.WriteFile(files[0].Path, changed, 0o600); err != nil {
			t.Fatal(err)
		}
		uncovered := i%length >= headers && i%length < headers+4
		want := blocks.Verdict{Last: uint64(i / length), Damaged: true}
		if uncovered {
			want = blocks.Verdict{Last: sent}
		}
		if v := look(t, files[0]); v != want {
			t.Errorf("byte %d changed: %+v, want %+v", i, v, want)
		}
	}
}

// A server that goes on writing is no damage, nor one that has cut the file off or removed it.
func TestTheServerGoesOn(t *testing.T) {
	files, err := blocks.List(written(t, "ONE"), "ONE")
	if err != nil || len(files) != 1 {
		t.Fatalf("the files are %v, %v; want one", files, err)
	}
	f, err := os.OpenFile(files[0].Path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("half a message"); err != nil {
		t.Fatal(err)
	}
	if v := look(t, files[0]); v != (blocks.Verdict{Last: sent}) {
		t.Errorf("a file that has grown: %+v", v)
	}
	if err := f.Truncate(files[0].Bytes - 1); err != nil {
		t.Fatal(err)
	}
	if v := look(t, files[0]); v.Damaged {
		t.Errorf("a file that was cut off: %+v", v)
	}
	if err := os.Remove(files[0].Path); err != nil {
		t.Fatal(err)
	}
	if v := look(t, files[0]); v.Damaged {
		t.Errorf("a file that is gone: %+v", v)
	}
	if none, err := blocks.List(filepath.Join(t.TempDir(), "none"), "ONE"); err != nil || len(none) > 0 {
		t.Errorf("no folder: %v, %v", none, err)
	}
}

// A power cut leaves half a message at the end. The server cuts it off when it starts, and then
// writes on past the place where the file had ended, within the head of a message or behind it.
func TestTheEndIsTorn(t *testing.T) {
	folder := written(t, "ONE")
	path := filepath.Join(folder, "1.blk")
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	length := len(content) / sent
	const kept = sent - 2
	for _, torn := range []int{1, 10, length / 2, length - 1} {
		if err := os.WriteFile(path, content[:kept*length+torn], 0o600); err != nil {
			t.Fatal(err)
		}
		files, err := blocks.List(folder, "ONE")
		if err != nil || len(files) != 1 {
			t.Fatalf("the files are %v, %v; want one", files, err)
		}
		if v := look(t, files[0]); v != (blocks.Verdict{Last: kept, Damaged: true}) {
			t.Errorf("%d bytes of a message at the end: %+v", torn, v)
		}
		changed := bytes.Clone(content)
		changed[(kept+1)*length-1] ^= 1
		for _, now := range []struct {
			content []byte
			want    blocks.Verdict
		}{
			{content[:kept*length], blocks.Verdict{}}, // cut off
			{content, blocks.Verdict{Last: kept + 1}}, // and written on
			{changed, blocks.Verdict{Last: kept, Damaged: true}},
		} {
			if err := os.WriteFile(path, now.content, 0o600); err != nil {
				t.Fatal(err)
			}
			if v := look(t, files[0]); v != now.want {
				t.Errorf("listed with %d bytes of a message, and now %d bytes long: %+v, want %+v", torn, len(now.content), v, now.want)
			}
		}
	}
}

// A stream that an operator has set to be compressed has files that are not damaged.
func TestACompressedFile(t *testing.T) {
	folder := t.TempDir()
	meta := server.CompressionInfo{Algorithm: server.S2Compression, OriginalSize: 100}
	if err := os.WriteFile(filepath.Join(folder, "1.blk"), append(meta.MarshalMetadata(), make([]byte, 60)...), 0o600); err != nil {
		t.Fatal(err)
	}
	files, err := blocks.List(folder, "ONE")
	if err != nil || len(files) != 1 {
		t.Fatalf("the files are %v, %v; want one", files, err)
	}
	if v, err := files[0].Look(new([]byte)); !errors.Is(err, blocks.ErrCompressed) {
		t.Errorf("%+v, %v; want ErrCompressed", v, err)
	}
}

// Whatever stands in a file, a look at it ends.
func FuzzLook(f *testing.F) {
	f.Add([]byte{})
	f.Add(bytes.Repeat([]byte{0}, 64))
	f.Add(bytes.Repeat([]byte{0xff}, 64))
	f.Add([]byte("cmp\x01"))
	f.Add(append([]byte{30, 0, 0, 0}, make([]byte, 60)...))
	f.Fuzz(func(t *testing.T, content []byte) {
		folder := t.TempDir()
		if err := os.WriteFile(filepath.Join(folder, "1.blk"), content, 0o600); err != nil {
			t.Fatal(err)
		}
		files, err := blocks.List(folder, "ONE")
		if err != nil || len(files) != 1 {
			t.Fatal(files, err)
		}
		v, err := files[0].Look(new([]byte))
		if err != nil && !errors.Is(err, blocks.ErrCompressed) || err == nil && v.Damaged != (len(content) > 0) {
			t.Errorf("%x: %+v, %v", content, v, err)
		}
	})
}
