package fhir

import (
	"io"
	"net/http"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/oklog/ulid/v2"
)

// requestID names a request, so that who asks and who answers mean the same one.
const requestID = "X-Request-Id"

// maxRequestID bounds a name that the caller gave, in bytes.
const maxRequestID = 128

// requestIDOf is the caller's own name for a request, where it can be one, and else a new one.
func requestIDOf(r *http.Request) string {
	id := r.Header.Get(requestID)
	fits := id != "" && len(id) <= maxRequestID && !strings.ContainsFunc(id, func(c rune) bool { return c <= ' ' || c > '~' })
	if fits {
		return id
	}
	return ulid.Make().String()
}

// throttled says that too many requests are being answered.
func throttled() *problem {
	p := problemf(http.StatusTooManyRequests, "throttled", "too many requests at once: try again in a moment")
	p.header = http.Header{"Retry-After": {"1"}}
	return p
}

// packFrom is the size of an answer from which packing it saves anything.
const packFrom = 1 << 10

// packs reports whether the caller takes gzip.
func packs(r *http.Request) bool {
	for part := range strings.SplitSeq(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
		name, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			weight := strings.TrimSpace(params)
			return strings.TrimRight(weight, "0.") != "q="
		}
	}
	return false
}

// packer packs an answer in gzip where its first piece is large enough. It decides with
// that piece, so the header waits for it.
type packer struct {
	http.ResponseWriter
	status  int
	decided bool
	gzip    *gzip.Writer
}

// WriteHeader keeps the status until it is known whether there is anything to pack.
func (p *packer) WriteHeader(status int) {
	p.status = status
	p.Header().Add("Vary", "Accept-Encoding")
}

// Write packs, or passes on.
func (p *packer) Write(b []byte) (int, error) {
	if !p.decided {
		p.decide(len(b))
	}
	if p.gzip != nil {
		return p.gzip.Write(b)
	}
	return p.ResponseWriter.Write(b)
}

func (p *packer) decide(size int) {
	p.decided = true
	if size >= packFrom && p.Header().Get("Content-Encoding") == "" && strings.HasPrefix(p.Header().Get("Content-Type"), "application/fhir+json") {
		p.Header().Set("Content-Encoding", "gzip")
		p.Header().Del("Content-Length")
		p.gzip, _ = gzip.NewWriterLevel(p.ResponseWriter, gzip.BestSpeed) // the level is one
	}
	if p.status != 0 {
		p.ResponseWriter.WriteHeader(p.status)
	}
}

// FlushError sends what there is, for answers that go on.
func (p *packer) FlushError() error {
	if !p.decided {
		p.decide(0)
	}
	if p.gzip != nil {
		if err := p.gzip.Flush(); err != nil {
			return err
		}
	}
	return http.NewResponseController(p.ResponseWriter).Flush()
}

// Flush is FlushError, for who does not ask.
func (p *packer) Flush() { _ = p.FlushError() }

// Unwrap gives http.ResponseController what it needs.
func (p *packer) Unwrap() http.ResponseWriter { return p.ResponseWriter }

// close ends the answer. An error means that the caller went away.
func (p *packer) close() {
	if !p.decided {
		p.decide(0)
	}
	if p.gzip != nil {
		_ = p.gzip.Close()
	}
}

// unpack reads gzip. How much of it is read is for the reader to bound.
func unpack(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }
