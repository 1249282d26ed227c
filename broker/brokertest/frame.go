package brokertest

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strconv"
)

// frame is one protocol message of NATS, its payload included.
type frame []byte

// maxFrame bounds what a proxy keeps in memory of one frame.
const maxFrame = 64 << 20

// readFrame reads the next frame of either direction.
func readFrame(r *bufio.Reader) (frame, error) {
	f, err := r.ReadBytes('\n')
	if err != nil {
		return nil, err
	}
	fields := bytes.Fields(f)
	if len(fields) < 2 {
		return f, nil
	}
	switch string(bytes.ToUpper(fields[0])) {
	case "PUB", "HPUB", "MSG", "HMSG":
	default:
		return f, nil
	}
	size, err := strconv.Atoi(string(fields[len(fields)-1]))
	if err != nil || size < 0 || size > maxFrame {
		return nil, fmt.Errorf("frame %q: its size cannot be read", f)
	}
	head := len(f)
	f = append(f, make([]byte, size+2)...)
	_, err = io.ReadFull(r, f[head:])
	return f, err
}

// isAck reports whether the broker says that it has stored a message of the log.
func (f frame) isAck() bool {
	return bytes.HasPrefix(f, []byte("MSG ")) && bytes.Contains(f, []byte(`"stream":"RECORDS"`)) &&
		bytes.Contains(f, []byte(`"seq":`)) && !bytes.Contains(f, []byte(`"type":`)) && !bytes.Contains(f, []byte(`"error":`))
}

// isRecord reports whether a device sends a message to the log.
func (f frame) isRecord() bool { return bytes.HasPrefix(f, []byte("HPUB carelog.")) }

// isCommit reports whether a device ends a batch, so that it be stored.
func (f frame) isCommit() bool { return f.isRecord() && bytes.Contains(f, []byte("Nats-Batch-Commit")) }

// isObject reports whether a device makes an object count.
func (f frame) isObject() bool { return bytes.HasPrefix(f, []byte("HPUB $O.SNAPSHOTS.M.")) }

// isObjectAck reports whether the broker says that it has stored a message of the
// object store.
func (f frame) isObjectAck() bool {
	return bytes.HasPrefix(f, []byte("MSG ")) && bytes.Contains(f, []byte(`"stream":"OBJ_SNAPSHOTS"`)) &&
		bytes.Contains(f, []byte(`"seq":`)) && !bytes.Contains(f, []byte(`"type":`))
}
