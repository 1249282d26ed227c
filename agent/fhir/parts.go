package fhir

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/fhirjson"
	"github.com/carelog/carelog/projections/fhirjson/structure"
)

// maxAnswer bounds what the entries of a Bundle are answered with, in bytes.
const maxAnswer = 64 << 20

// part is an entry of a batch or transaction: a request of its own, and its answer.
type part struct {
	fhirjson.BundleEntry
	index   int
	request *http.Request
	change  *change // of a transaction; nil: it only reads
	target  target
	settled settled
	answer  kept
}

// kept is an answer that is not sent, but becomes part of another.
type kept struct {
	header http.Header
	status int
	body   bytes.Buffer
	said   []issue // what is doubtful beside it
}

func (a *kept) Header() http.Header {
	if a.header == nil {
		a.header = make(http.Header)
	}
	return a.header
}

func (a *kept) WriteHeader(status int) { a.status = status }

func (a *kept) Write(b []byte) (int, error) {
	a.status = cmp.Or(a.status, http.StatusOK) // as net/http has it
	return a.body.Write(b)
}

// bundle answers POST to the root: a batch, or a transaction.
func (h *Handler) bundle(w http.ResponseWriter, r *http.Request, _ events.Record) error {
	body, err := resourceBody(w, r)
	if err != nil {
		return err
	}
	kind, entries, err := fhirjson.Entries(body)
	if err != nil {
		return err
	}
	if kind != "batch" && kind != "transaction" {
		p := badRequest("value", "a Bundle is posted here as batch or transaction, not as %q", kind)
		p.path = "Bundle.type"
		return p
	}
	if len(entries) > events.MaxBatch {
		return problemf(http.StatusRequestEntityTooLarge, "too-costly", "the Bundle has %d entries: at most %d", len(entries), events.MaxBatch)
	}
	if len(entries) > 0 { // where nothing is asked for, nothing is asked for wrongly
		if err := structure.CheckBundle(body); err != nil {
			return err
		}
	}
	parts := make([]*part, len(entries))
	for i, e := range entries {
		parts[i] = &part{BundleEntry: e, index: i}
	}
	if kind == "batch" {
		h.batch(r, parts)
	} else if err := h.transaction(r, parts); err != nil {
		return err
	}
	b := newBundle(kind+"-response", -1)
	for _, p := range parts {
		if p.answer.Header().Get(QueuedHeader) != "" {
			w.Header().Set(QueuedHeader, "true")
		}
		b.add(p.entry())
	}
	send(w, http.StatusOK, b.bytes())
	return nil
}

// batch answers each entry by itself.
func (h *Handler) batch(r *http.Request, parts []*part) {
	size := 0
	for _, p := range inOrder(parts) {
		err := p.open(r)
		switch {
		case err != nil:
			h.fail(&p.answer, r, err)
		case size > maxAnswer:
			h.fail(&p.answer, p.request, tooMuch())
		default:
			h.respondTo(p)
		}
		size += p.answer.body.Len()
	}
}

// respondTo answers a part. What is kept can still be taken back: an answer that broke off
// in the middle, and one that is no resource and has no place in a Bundle.
func (h *Handler) respondTo(p *part) {
	take := func(err error) {
		p.answer = kept{}
		h.fail(&p.answer, p.request, err)
	}
	defer func() {
		switch broken := recover(); {
		case broken == http.ErrAbortHandler:
			take(transient("exception", 1, errors.New("the answer broke off")))
		case broken != nil:
			panic(broken)
		}
	}()
	h.respond(&p.answer, p.request)
	if p.answer.body.Len() > 0 && p.answer.Header().Get("Content-Type") != contentType {
		take(p.alone())
	}
}

// alone says that what a part asks for cannot be answered within a Bundle.
func (p *part) alone() *problem {
	return p.fault("request.url", "not-supported", "%s is answered with what is no resource of FHIR: ask for it by itself", p.URL)
}

func tooMuch() *problem {
	return problemf(http.StatusRequestEntityTooLarge, "too-costly", "the answers to the entries before it have over %d bytes: ask for it by itself", maxAnswer)
}

// inOrder is the order in which entries are worked on: what deletes, creates, changes,
// and reads, each in the order of the Bundle.
func inOrder(parts []*part) []*part {
	sorted := slices.Clone(parts)
	slices.SortStableFunc(sorted, func(a, b *part) int { return rank(a.Method) - rank(b.Method) })
	return sorted
}

func rank(method string) int {
	switch method {
	case http.MethodDelete:
		return 0
	case http.MethodPost:
		return 1
	case http.MethodPut, http.MethodPatch:
		return 2
	}
	return 3
}

// open makes the request that an entry stands for: with the caller's own headers, but
// for what is of the Bundle, and with the entry's conditions.
func (p *part) open(r *http.Request) error {
	switch p.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
	default:
		return p.fault("request.method", "value", "want one of GET, HEAD, POST, PUT, PATCH, DELETE, not %q", p.Method)
	}
	where := strings.TrimPrefix(strings.TrimPrefix(p.URL, base(r)), "/")
	u, err := url.Parse(Root + "/" + where)
	if err != nil || strings.Trim(strings.TrimPrefix(u.Path, Root), "/") == "" {
		return p.fault("request.url", "value", "want the address of a type or record, such as Patient/1, not %q", p.URL)
	}
	steps := strings.Split(strings.Trim(strings.TrimPrefix(u.Path, Root), "/"), "/")
	if isStream(steps) || steps[len(steps)-1] == "$export" {
		return p.alone()
	}
	sub := r.Clone(r.Context())
	sub.Method, sub.URL, sub.RequestURI = p.Method, u, ""
	sub.Body, sub.ContentLength = http.NoBody, 0
	sub.Header.Set("Accept", "application/fhir+json") // a Binary is its resource
	for _, name := range []string{"Content-Encoding", "Content-Length", "Content-Type", "If-Match", "If-None-Match", "If-None-Exist", "If-Modified-Since", "If-Unmodified-Since"} {
		sub.Header.Del(name)
	}
	for name, value := range map[string]string{
		"If-Match": p.IfMatch, "If-None-Match": p.IfNoneMatch, "If-None-Exist": p.IfNoneExist, "If-Modified-Since": p.IfModifiedSince,
	} {
		if value != "" {
			sub.Header.Set(name, value)
		}
	}
	if preference(r, "return") == "" {
		sub.Header.Add("Prefer", "return=minimal") // the answer would else be as long as the Bundle
	}
	if err := misplaced(sub); err != nil {
		err.path = p.path() + ".request"
		return err
	}
	p.request = sub
	return p.load()
}

// load gives the request its body.
func (p *part) load() error {
	switch p.Method {
	case http.MethodPost, http.MethodPut:
		if p.Resource == nil {
			return p.fault("resource", "required", "%s %s has no resource", p.Method, p.URL)
		}
		p.carry("application/fhir+json", p.Resource)
	case http.MethodPatch:
		patch, err := p.patch()
		if err != nil {
			return err
		}
		p.carry(patchType, patch)
	}
	return nil
}

func (p *part) carry(mediaType string, body []byte) {
	p.request.Header.Set("Content-Type", mediaType)
	p.request.Body, p.request.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
}

// patch takes a JSON Patch out of the Binary in which a Bundle carries it.
func (p *part) patch() ([]byte, error) {
	var binary struct{ ResourceType, ContentType, Data string }
	err := json.Unmarshal(p.Resource, &binary)
	if err != nil || binary.ResourceType != "Binary" || binary.ContentType != patchType {
		return nil, p.fault("resource", "value", "send a patch as a Binary of contentType %s", patchType)
	}
	patch, err := base64.StdEncoding.DecodeString(binary.Data)
	if err != nil {
		return nil, p.fault("resource", "value", "the data of the Binary is no base64: %v", err)
	}
	return patch, nil
}

func (p *part) path() string { return "Bundle.entry[" + strconv.Itoa(p.index) + "]" }

func (p *part) fault(place, code, format string, args ...any) *problem {
	fault := badRequest(code, format, args...)
	fault.path = p.path() + "." + place
	return fault
}

// blame says that an error is one of this entry.
func (p *part) blame(err error) error {
	told := *problemOf(err)
	if told.status >= http.StatusInternalServerError && told.code != "incomplete" {
		return err
	}
	told.text = p.path() + ": " + told.text
	told.path = p.within(told.path)
	told.issues = slices.Clone(told.issues)
	for i, found := range told.issues {
		if len(found.Expression) > 0 {
			told.issues[i].Expression = []string{p.within(found.Expression[0])}
		}
	}
	return &told
}

// within is the place in the Bundle of a place in the entry's resource.
func (p *part) within(path string) string {
	if path == "" || strings.HasPrefix(path, "Bundle.") {
		return cmp.Or(path, p.path())
	}
	_, inside, _ := strings.Cut(path, ".")
	return strings.TrimSuffix(p.path()+".resource."+inside, ".")
}

// entry is what the response Bundle says of a part.
func (p *part) entry() entry {
	header := p.answer.Header()
	status := p.answer.status
	e := entry{Response: &entryResponse{
		Status:   strconv.Itoa(status) + " " + http.StatusText(status),
		Location: header.Get("Location"), ETag: header.Get("ETag"),
	}}
	if modified, err := http.ParseTime(header.Get("Last-Modified")); err == nil {
		e.Response.LastModified = modified.UTC().Format(time.RFC3339)
	}
	body := p.answer.body.Bytes()
	switch {
	case len(body) == 0 || p.Method == http.MethodHead:
	case status >= http.StatusBadRequest || bytes.HasPrefix(body, []byte(`{"resourceType":"OperationOutcome"`)):
		e.Response.Outcome = body
	default:
		e.Resource = body
	}
	if e.Response.Outcome == nil && len(p.answer.said) > 0 {
		e.Response.Outcome = outcome(p.answer.said...)
	}
	return e
}
