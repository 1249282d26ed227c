package blocks

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/minio/highwayhash"
)

// File is a part of a stream, as it stood when it was listed.
type File struct {
	Path  string
	Bytes int64
	index uint64
	key   [sha256.Size]byte // of the checksums in it
}

const suffix = ".blk"

// List lists the files of a stream in a folder, in the order of their messages. No folder,
// no files.
func List(folder, stream string) ([]File, error) {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list the files of stream %s: %w", stream, err)
	}
	var files []File
	for _, e := range entries {
		number, ok := strings.CutSuffix(e.Name(), suffix)
		index, err := strconv.ParseUint(number, 10, 32)
		if !ok || err != nil {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return nil, fmt.Errorf("list the files of stream %s: %w", stream, err)
		}
		files = append(files, File{
			Path: filepath.Join(folder, e.Name()), Bytes: info.Size(), index: index,
			key: sha256.Sum256(fmt.Appendf(nil, "%s-%d", stream, index)),
		})
	}
	slices.SortFunc(files, func(a, b File) int { return int(a.index) - int(b.index) })
	return files, nil
}

// Verdict is what a look at a file has found.
type Verdict struct {
	Last    uint64 // the sequence before the damage, or at the end; 0: no message was read
	Damaged bool
}

// ErrCompressed says that a file was written compressed, which is not understood here.
var ErrCompressed = errors.New("the file is compressed")

// The server takes what begins so for compressed: as the length of a message it would be one of
// 24 MB, more than a file of ours is long.
const compressed = "cmp\x01"

// Look reads the messages of a file that begin before where it ended when it was listed. A file
// that is shorter now, or gone, was cut off by the server, which does that only when it has
// read it itself: that is no damage that it does not know of. Where it has cut off a torn
// message and written on, the old end lies within a message that is read to its own. The buffer is
// used, and grown where it is too small, for the next file.
//
// Errors: ErrCompressed, and those of reading.
func (f File) Look(buffer *[]byte) (Verdict, error) {
	content, err := f.read(buffer)
	if err != nil || int64(len(content)) < f.Bytes {
		return Verdict{}, err
	}
	hash, err := f.hash(content)
	if err != nil {
		return Verdict{}, err
	}
	var v Verdict
	for at := int64(0); at < f.Bytes; {
		r, ok := first(content[at:])
		if !ok || r.sum(hash) != r.checksum {
			v.Damaged = true
			return v, nil
		}
		if r.sequence&notThere == 0 {
			v.Last = r.sequence
		}
		at += int64(r.length)
	}
	return v, nil
}

// hash makes the checksums of a file's messages, where the content can be understood.
func (f File) hash(content []byte) (*highwayhash.Digest64, error) {
	if bytes.HasPrefix(content, []byte(compressed)) {
		return nil, ErrCompressed
	}
	return highwayhash.NewDigest64(f.key[:])
}

// read reads the file as it is now.
func (f File) read(buffer *[]byte) ([]byte, error) {
	file, err := os.Open(f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	size := info.Size()
	if int64(cap(*buffer)) < size {
		*buffer = make([]byte, size+size/4) // no two are quite as long
	}
	n, err := io.ReadFull(file, (*buffer)[:size])
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return (*buffer)[:n], err
}

// A record is a message in a file: its length with all of this (4 bytes; the first bit says
// whether there are headers), sequence (8), time (8), length of the subject (2), the
// subject, the length of the headers (4) and these where there are any, the message, and a
// HighwayHash of 64 bits over all but the two lengths at the beginning and that of the headers.
type record struct {
	length   int
	headers  bool
	sequence uint64
	head     []byte // sequence and time
	subject  []byte
	rest     []byte // headers and message
	checksum uint64
}

const (
	headBytes     = 22
	checksumBytes = 8
	lengthBytes   = 4
	withHeaders   = 1 << 31
	notThere      = 3 << 62 // an erased message, or a note that one is gone
)

// first takes a record from the beginning of a file's content; its lengths must fit.
func first(content []byte) (r record, ok bool) {
	if len(content) < headBytes+checksumBytes {
		return record{}, false
	}
	length := binary.LittleEndian.Uint32(content)
	r.length = int(length &^ withHeaders)
	begin := headBytes + int(binary.LittleEndian.Uint16(content[20:]))
	rest := begin
	if r.headers = length&withHeaders != 0; r.headers {
		rest += lengthBytes
	}
	end := r.length - checksumBytes
	if r.length > len(content) || rest > end {
		return record{}, false
	}
	r.sequence = binary.LittleEndian.Uint64(content[lengthBytes:])
	r.head, r.subject, r.rest = content[lengthBytes:20], content[headBytes:begin], content[rest:end]
	r.checksum = binary.LittleEndian.Uint64(content[end:])
	return r, true
}

// sum is what the checksum must be.
func (r record) sum(hash *highwayhash.Digest64) uint64 {
	hash.Reset()
	for _, part := range [][]byte{r.head, r.subject, r.rest} {
		hash.Write(part) // never fails
	}
	return hash.Sum64()
}
