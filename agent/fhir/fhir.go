package fhir

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	pathpkg "path"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/feed"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// Desk makes changes. An error of either means that nothing was written.
type Desk interface {
	// Write answers agent.ErrExists, agent.ErrNotFound, agent.ErrGone, *agent.StaleError,
	// *agent.MovedError, events.ErrTooLarge or *events.RefusedError, possibly wrapped.
	Write(ctx context.Context, d agent.Draft) (agent.Written, error)
	// Resolve answers *agent.StaleError where the heads are not those given any more.
	Resolve(ctx context.Context, r agent.Resolution) (agent.Written, error)
	// Need brings a dossier (empty: the practice's own records) here where it is not yet;
	// its error wraps agent.ErrIncomplete: what is here may be less than there is.
	Need(ctx context.Context, patient string) error
	// Incomplete is an error that wraps agent.ErrIncomplete where what is not found here may exist.
	Incomplete(ctx context.Context) error
	// Transact writes what a plan says, all of it or nothing; see agent.Plan. Errors as of
	// Write, within *agent.DraftError, those of the plan, agent.ErrBusy and agent.ErrTooMany.
	Transact(ctx context.Context, plan agent.Plan) ([]agent.Written, error)
	// NameFor is the id of a record that is to exist once for what is said of it.
	NameFor(what string, number int) string
}

// Records is what is read. Errors wrap projections.ErrNotFound where there is no such
// record or version, and agent.ErrIncomplete as well where it may not be here yet; that alone
// where it is known to be more than can be shown.
type Records interface {
	Record(ctx context.Context, r events.Record) (projections.State, error)
	Version(ctx context.Context, r events.Record, id events.ID) (projections.Version, error)
	// Past lists versions of a record, a type or all, the one that came here last first.
	Past(ctx context.Context, q projections.Past) (projections.PastPage, error)
	feed.Records
	// ByID is the version that is an event.
	ByID(ctx context.Context, id events.ID) (projections.Version, error)
	// Names lists live records by type and id; Listed reads a few of the versions named.
	Names(ctx context.Context, w projections.Want) ([]projections.Named, error)
	Listed(ctx context.Context, names []projections.Named) ([]projections.Listed, error)
	// Ancestor returns the latest version that all heads descend from, if there is one.
	Ancestor(ctx context.Context, r events.Record) (projections.Version, bool, error)
	// Search answers projections.ErrCursor or projections.ErrQuery for what it cannot understand.
	Search(ctx context.Context, q projections.Query) (projections.Page, error)
}

// Config says what stands behind the door.
type Config struct {
	Desk    Desk
	Records Records
	// Attachments keeps the contents of Binaries. Nil: there is no place for them, and a
	// Binary is a record like any other.
	Attachments Attachments
	// Author returns the id of the Practitioner who makes a request, as the guard
	// knows them; empty where nobody is named. Nil: nobody ever is.
	Author func(*http.Request) string
	// Version is that of the program, for the CapabilityStatement.
	Version string
	// Started dates the CapabilityStatement.
	Started time.Time
	// Logger hears of errors that are ours and not the caller's. Nil: nobody does.
	Logger *slog.Logger
	// Changed returns a channel that is closed at the next change here. Nil: there is
	// no stream of events.
	Changed func() <-chan struct{}
	// Exports are the jobs of $export. Nil: there are none.
	Exports Exports
	// Trail keeps who looks at what, and is searched as AuditEvent. Nil: nobody keeps it.
	Trail Looks
	// Heartbeat is the longest silence of the stream of events; 0 means 15 seconds.
	Heartbeat time.Duration
	// Concurrent is how many requests are answered at once, at most, and how many streams
	// of events beside them; who comes then is told to come again. 0 means 256.
	Concurrent int
	// Stall is how long the body of a request may stop on its way, and an answer that the
	// caller does not take; 0 means a minute.
	Stall time.Duration
}

// Root is the path under which the door stands.
const Root = "/fhir"

// QueuedHeader stands, as "true", on the answer to a write that is safe on this device
// and that the server does not have yet.
const QueuedHeader = "Carelog-Queued"

// WarningHeader stands on the answer to a write, once for each thing in the resource that
// is doubtful and was kept as it is, or that was kept beside it: its FHIRPath, a colon, and what to
// look at, or where it is. The same stand as issues of severity warning, or information, in an answer
// to Prefer: return=OperationOutcome.
// On a read it names the parameters that were passed over.
const WarningHeader = "Carelog-Warning"

// Handler answers requests to Root and below. Safe for use by several goroutines.
type Handler struct {
	desk         Desk
	records      Records
	attachments  Attachments
	author       func(*http.Request) string
	log          *slog.Logger
	capabilities []byte
	streams      streams
	exports      Exports
	trail        Trail
	looks        Looks
	places       chan struct{} // one for each request that may be answered at once
	listeners    chan struct{} // and one for each stream of events, which would hold a place for hours
	stall        time.Duration
}

// New returns the handler. It reads and starts nothing.
func New(c Config) *Handler {
	h := &Handler{desk: c.Desk, records: c.Records, attachments: c.Attachments, author: c.Author, log: c.Logger, capabilities: capabilities(c), streams: newStreams(c), exports: c.Exports}
	if c.Trail != nil {
		h.trail, h.looks = c.Trail, c.Trail
	}
	if c.Concurrent == 0 {
		c.Concurrent = 256
	}
	h.stall = cmp.Or(c.Stall, usualStall)
	h.places, h.listeners = make(chan struct{}, c.Concurrent), make(chan struct{}, c.Concurrent)
	if h.author == nil {
		h.author = func(*http.Request) string { return "" }
	}
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	return h
}

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-cache") // may be kept, and must be asked about: see If-None-Match
	w.Header().Set(requestID, requestIDOf(r))
	out := mustBeTaken(w, h.stall)
	defer out.end()
	w = out
	if packs(r) {
		p := &packer{ResponseWriter: w}
		defer p.close()
		w = p
	}
	places := h.places
	if path(r) == eventsStep {
		places = h.listeners
	}
	select {
	case places <- struct{}{}:
		defer func() { <-places }()
	default:
		h.fail(w, r, throttled())
		return
	}
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = mustMove(w, r.Body, h.stall)
	}
	r, done := h.withBag(r)
	defer done()
	h.respond(w, r)
}

// Before answers what is under Root, and leaves everything else to next. A ServeMux
// would send who asks for Root itself, or for an address with // in it, elsewhere with a
// page of HTML; whoever misspells Root is told so, in FHIR as well.
func (h *Handler) Before(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == Root || strings.HasPrefix(r.URL.Path, Root+"/") {
			h.ServeHTTP(w, r)
			return
		}
		if near := strings.ToLower(pathpkg.Clean(r.URL.Path)); near == Root || strings.HasPrefix(near, Root+"/") {
			h.fail(w, r, notFound("there is nothing at %s: the address begins with %s", r.URL.Path, base(r)))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// respond answers a request, or an entry of a Bundle.
func (h *Handler) respond(w http.ResponseWriter, r *http.Request) {
	if err := h.serve(w, r); err != nil {
		h.fail(w, r, err)
	}
}

// path is where a request goes, below Root.
func path(r *http.Request) string { return strings.Trim(strings.TrimPrefix(r.URL.Path, Root), "/") }

// answer serves a request to one place, or says why it cannot.
type answer func(w http.ResponseWriter, r *http.Request, record events.Record) error

// serve finds the answer to a request: by its path, then by its method.
func (h *Handler) serve(w http.ResponseWriter, r *http.Request) error {
	var steps []string
	if path := path(r); path != "" {
		steps = strings.Split(path, "/")
	}
	methods, record, err := h.route(steps)
	if err != nil {
		return err
	}
	if h.isContent(record) {
		h.routeContent(steps, methods)
	}
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet // net/http leaves out the body
	}
	serve, ok := methods[method]
	if !ok {
		return notAllowed(methods, r.Method)
	}
	if err := misplaced(r); err != nil {
		return err
	}
	if err := repeated(r.URL.Query()); err != nil {
		return err
	}
	if err := acceptable(r); err != nil && !isStream(steps) && !h.isContent(record) {
		return err
	}
	if isRead(method, steps) {
		if err := whole(w, r); err != nil {
			return err
		}
	} else if method == http.MethodGet {
		if err := unversioned(r); err != nil {
			return err
		}
	}
	return serve(h.watch(w, r, steps, record), r, record)
}

// route finds what stands at a path.
func (h *Handler) route(steps []string) (methods map[string]answer, record events.Record, err error) {
	var unknown = notFound("there is nothing at %s/%s: see %s/metadata", Root, strings.Join(steps, "/"), Root)
	if len(steps) == 0 {
		return map[string]answer{"POST": h.bundle}, record, nil
	}
	if len(steps) > 4 {
		return nil, record, unknown
	}
	if len(steps) == 1 && steps[0] == "metadata" {
		return map[string]answer{"GET": h.metadata}, record, nil
	}
	if methods, record, ok := h.readings(steps); ok {
		return methods, record, nil
	}
	record.Type = steps[0]
	if _, ok := resourceTypes[record.Type]; !ok {
		return nil, record, notFound("%q is no resource type of FHIR R4 that can be a record", steps[0])
	}
	switch {
	case len(steps) == 1:
		return map[string]answer{"GET": h.search, "POST": h.change, "PUT": h.change, "PATCH": h.change, "DELETE": h.change}, record, nil
	case len(steps) == 2 && steps[1] == "_search":
		return map[string]answer{"POST": h.search}, record, nil
	}
	record.ID = steps[1]
	if err := events.ValidateID("id", record.ID); err != nil {
		return nil, record, notFound("%v", err)
	}
	switch {
	case len(steps) == 2:
		return map[string]answer{"GET": h.read, "PUT": h.change, "PATCH": h.change, "DELETE": h.change}, record, nil
	case len(steps) == 3 && steps[2] == "$conflicts":
		return map[string]answer{"GET": h.conflicts}, record, nil
	case len(steps) == 3 && steps[2] == "$resolve" && (record.Type != "AuditEvent" || h.looks == nil): // nobody writes those of the trail
		return map[string]answer{"POST": h.resolve}, record, nil
	case len(steps) == 4 && steps[2] == "_history":
		return map[string]answer{"GET": h.vread(steps[3])}, record, nil
	}
	return nil, record, unknown
}

// base is the absolute URL of Root as the caller wrote it. The guard has checked Host.
func base(r *http.Request) string {
	scheme := "http://"
	if r.TLS != nil {
		scheme = "https://"
	}
	return scheme + r.Host + Root
}

// newID makes the id of a new record. It is written in small letters, so that it is
// not taken for the id of an event.
func newID() string { return strings.ToLower(ulid.Make().String()) }
