package fhir

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"
)

// usualStall is how long a body may stop on its way, and an answer.
const usualStall = time.Minute

// moving is a body that must go on coming: who stops in the middle of one would else hold
// one of the places that all callers share, for as long as its program runs.
type moving struct {
	io.ReadCloser
	control *http.ResponseController
	stall   time.Duration
}

// mustMove makes a body one that must go on coming. The limit holds from now on: of a body
// that nobody wants to read, the server reads the rest before it sends the answer.
func mustMove(w http.ResponseWriter, body io.ReadCloser, stall time.Duration) io.ReadCloser {
	m := moving{body, http.NewResponseController(w), stall}
	m.wait()
	return m
}

// wait begins the time in which a piece must come. It is not possible where there is no
// connection.
func (m moving) wait() { _ = m.control.SetReadDeadline(time.Now().Add(m.stall)) }

// Read waits for the next piece, no longer than a body may stop. Behind the last piece
// there is no limit any more: the server goes on listening whether the caller is there. Of
// what stopped there is one still: the server would wait for the rest of it.
func (m moving) Read(p []byte) (int, error) {
	m.wait()
	n, err := m.ReadCloser.Read(p)
	if err == io.EOF {
		_ = m.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

// stopped says that a body stopped on its way; nil for other errors of reading one.
func stopped(err error) *problem {
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	p := problemf(http.StatusRequestTimeout, "timeout", "the body stopped coming, and nothing was written: send it again")
	p.header = http.Header{"Connection": {"close"}}
	return p
}

// taken is an answer that must go on being taken: who stops reading in the middle of one would
// else hold a place for as long as its program runs. However long the whole takes, each piece
// has its own time.
type taken struct {
	http.ResponseWriter
	control *http.ResponseController
	stall   time.Duration
}

// pieceSize is what of an answer must be taken within the time in which one may stop, in bytes:
// with a minute, a line of 10 kbit/s does.
const pieceSize = 64 << 10

func mustBeTaken(w http.ResponseWriter, stall time.Duration) *taken {
	return &taken{w, http.NewResponseController(w), stall}
}

// wait begins the time in which a piece must be taken. It is not possible where there is no
// connection.
func (t *taken) wait() { _ = t.control.SetWriteDeadline(time.Now().Add(t.stall)) }

func (t *taken) Write(b []byte) (n int, err error) {
	for {
		piece := b[n:min(len(b), n+pieceSize)]
		t.wait()
		m, err := t.ResponseWriter.Write(piece)
		if n += m; err != nil || n == len(b) {
			return n, err
		}
	}
}

// FlushError sends what there is, for answers that go on.
func (t *taken) FlushError() error {
	t.wait()
	return t.control.Flush()
}

// Flush is FlushError, for who does not ask.
func (t *taken) Flush() { _ = t.FlushError() }

// Unwrap gives http.ResponseController what it needs.
func (t *taken) Unwrap() http.ResponseWriter { return t.ResponseWriter }

// end takes the limit away: the next answer on the connection may be somebody else's.
func (t *taken) end() { _ = t.control.SetWriteDeadline(time.Time{}) }

// serverOf is the server's own writer under those that stand around it: http.MaxBytesReader tells
// it, and no other, that the rest of a body is not to be waited for. Else a caller who is still
// sending finds the connection reset, and may never see why.
func serverOf(w http.ResponseWriter) http.ResponseWriter {
	for {
		around, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return w
		}
		w = around.Unwrap()
	}
}
