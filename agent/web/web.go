package web

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/behind"
	"github.com/carelog/carelog/agent/feed"
	"github.com/carelog/carelog/agent/guard"
	"github.com/carelog/carelog/agent/light"
	"github.com/carelog/carelog/agent/publish"
	"github.com/carelog/carelog/agent/trail"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
	"github.com/carelog/carelog/projections/sumehr/kmehr"
)

// Desk is what the pages need of an agent.
type Desk interface {
	Status(ctx context.Context) (agent.Status, error)
	WorkOffline(ctx context.Context) error
	WorkOnline(ctx context.Context) error
	// Resolve answers *agent.StaleError where Resolution.Heads are not the heads any more.
	Resolve(ctx context.Context, choice agent.Resolution) (agent.Written, error)
	Outbox(ctx context.Context) ([]agent.Queued, error)
	// Retry sends a set-aside event again. agent.ErrNotFound: there is none of that id.
	Retry(ctx context.Context, id events.ID) error
	// Discard ends the waiting of a set-aside event, in author's name and for the reason
	// given. agent.ErrNotFound: there is none of that id.
	Discard(ctx context.Context, id events.ID, author, reason string) error
	// Acknowledge takes a warning that may stay for ever out of those to be looked at, in author's name and for the
	// reason given, as long as it is of the same fact. agent.ErrNoWarning: there is none of that code.
	Acknowledge(ctx context.Context, code, fact, author, reason string) (agent.Written, error)
	// Prove asks the server now, and waits for a light that is green by the answer.
	Prove(ctx context.Context) error
	// RevokeDevice shuts a desk out, and returns the key with which it logs in to the broker.
	RevokeDevice(ctx context.Context, device, author string) (login string, w agent.Written, err error)
	// RevokeName shuts out a name that is in the log without a certificate. agent.ErrNotFound:
	// nothing waits in that name.
	RevokeName(ctx context.Context, device, author string) (agent.Written, error)
	// Snapshots lists those in the practice's object store, CheckSnapshots reads them whole
	// first; MakeSnapshot makes one now.
	Snapshots(ctx context.Context) ([]agent.Snapshot, error)
	CheckSnapshots(ctx context.Context) ([]agent.Snapshot, error)
	MakeSnapshot(ctx context.Context) (agent.Snapshot, error)
	// Need brings a dossier here where it is not yet; its error wraps agent.ErrIncomplete:
	// what is here may be less than there is.
	Need(ctx context.Context, patient string) error
	// Incomplete is an error that wraps agent.ErrIncomplete where a list may lack something.
	Incomplete(ctx context.Context) error
	// Prefetch lets the dossiers of an agenda be here before the others.
	Prefetch(patients []string) error
	// Positions is how far the desks of the practice have read, as far as it is known.
	Positions(ctx context.Context) ([]agent.DevicePosition, error)
	// OpenDossier notes that a page has a patient's dossier open, for so long; an empty patient:
	// it has none. Errors wrap agent.ErrTooManyPages.
	OpenDossier(page, patient, author string, lasts time.Duration) error
	// OpenHere is what the pages of this desk have open, OpenElsewhere what the other desks have,
	// as far as it is known. Neither is nil.
	OpenHere() []agent.Opened
	OpenElsewhere() []agent.Opened
	// Past are the last synchronisations, the newest first.
	Past() []light.Episode
	// Changed returns a channel that is closed at the next change of light, store or outbox.
	Changed() <-chan struct{}
}

// Records is what the pages need of the store. Errors wrap projections.ErrNotFound
// where there is no such record.
type Records interface {
	Record(ctx context.Context, r events.Record) (projections.State, error)
	Ancestor(ctx context.Context, r events.Record) (projections.Version, bool, error)
	// History is every version of a record, the newest first; Version is one of them.
	History(ctx context.Context, r events.Record) ([]projections.Version, error)
	Version(ctx context.Context, r events.Record, id events.ID) (projections.Version, error)
	Conflicts(ctx context.Context) ([]projections.State, error)
	Dossier(ctx context.Context, patient string, types ...string) ([]projections.State, error)
	Devices(ctx context.Context) ([]projections.Device, error)
	feed.Records
}

// Trail keeps who looks at what; see package trail.
type Trail interface {
	Add(trail.Entry)
}

// Sumehrs knows of whom the hub does not hold the newest Sumehr; see package behind.
type Sumehrs interface {
	List(ctx context.Context) (rows []behind.Row, wished int, err error)
	// One is how a patient stands, be it in the table or not.
	One(ctx context.Context, patient string) (behind.Row, error)
	Behind() int
	Stale() bool
}

// Publisher publishes Sumehrs, and talks with the hub about them; see package publish.
type Publisher interface {
	// Publish and Revoke are by a Practitioner; empty: nobody is named.
	Publish(ctx context.Context, patient, over, by string) error
	Revoke(ctx context.Context, patient, by string) error
	Look(ctx context.Context, patient string) ([]publish.Held, *kmehr.Element, error)
	Status() agent.HubStatus
}

// Config says what the pages show.
type Config struct {
	Desk    Desk
	Records Records
	// Heartbeat is the longest silence of the stream; 0 means 15 seconds. The pages call
	// themselves stale after 40 seconds without a byte.
	Heartbeat time.Duration
	// Trail keeps who opens a dossier or a conflict. Nil: nobody does.
	Trail Trail
	// Sumehrs is the table of the patients whose Sumehr on the hub is not the newest. Nil:
	// there is none, as on a desk without doors.
	Sumehrs Sumehrs
	// Publisher publishes Sumehrs. Nil: no hub is set up at this desk.
	Publisher Publisher
	// Intake takes in what other doctors put on the hub. Nil: nothing is taken in.
	Intake Intake
	// FHIR is the door that the pages search patients by, in the name of who asks. Nil: a page
	// with patients is filled by its script alone.
	FHIR http.Handler
	// Attachments opens letters and scans. Nil: those that stand beside their records cannot be opened.
	Attachments Attachments
	// Logger hears of errors that are ours and not the caller's. Nil: nobody does.
	Logger *slog.Logger
}

// Handler answers /api and the pages.
type Handler struct {
	desk        Desk
	records     Records
	heartbeat   time.Duration
	trail       Trail
	sumehrs     Sumehrs
	publisher   Publisher
	intake      Intake
	fhir        http.Handler
	attachments Attachments
	log         *slog.Logger
	site        *site
	mux         *http.ServeMux
	closed      chan struct{}
	closeOnce   sync.Once
}

// New returns the handler. It starts nothing.
func New(c Config) *Handler {
	h := &Handler{
		desk: c.Desk, records: c.Records, heartbeat: c.Heartbeat, trail: c.Trail, sumehrs: c.Sumehrs, publisher: c.Publisher,
		intake: c.Intake, fhir: c.FHIR, attachments: c.Attachments, log: c.Logger, site: builtSite(), mux: http.NewServeMux(), closed: make(chan struct{}),
	}
	if h.heartbeat == 0 {
		h.heartbeat = 15 * time.Second
	}
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	h.route("/api/status", methods{"GET": h.status})
	h.route("/api/changes", methods{"GET": h.changes})
	h.route("/api/offline", methods{"POST": h.offline})
	h.route("/api/online", methods{"POST": h.online})
	h.route("/api/conflicts", methods{"GET": h.conflicts})
	h.route("/api/conflicts/{type}/{id}", methods{"GET": h.conflict})
	h.route("/api/conflicts/{type}/{id}/resolve", methods{"POST": h.resolve})
	h.route("/api/dossiers/{patient}", methods{"GET": h.dossier})
	h.route("/api/sumehr", methods{"GET": h.sumehrsBehind})
	h.route("/api/sumehr/{patient}", methods{"GET": h.sumehr})
	h.route("/api/sumehr/{patient}/standing", methods{"GET": h.standing})
	h.route("/api/sumehr/{patient}/publish", methods{"POST": h.publish})
	h.route("/api/sumehr/{patient}/revoke", methods{"POST": h.revokeSumehr})
	h.route("/api/sumehr/{patient}/hub", methods{"GET": h.lookAtHub})
	h.route("/api/sumehr/{patient}/take-in", methods{"GET": h.takingIn, "POST": h.takeIn})
	h.route("/api/history/{type}/{id}", methods{"GET": h.history})
	h.route("/api/history/{type}/{id}/compare", methods{"GET": h.compareVersions})
	h.route("/api/open", methods{"GET": h.opened, "POST": h.open})
	h.route("/api/prefetch", methods{"POST": h.prefetch})
	h.route("/api/devices", methods{"GET": h.devices})
	h.route("/api/devices/{id}/revoke", methods{"POST": h.revoke})
	h.route("/api/synchronisations", methods{"GET": h.synchronisations})
	h.route("/api/outbox", methods{"GET": h.outbox})
	h.route("/api/outbox/{event}/retry", methods{"POST": h.retry})
	h.route("/api/outbox/{event}/discard", methods{"POST": h.discard})
	h.route("/api/warnings/{code}/acknowledge", methods{"POST": h.acknowledge})
	h.route("/api/snapshot", methods{"GET": h.snapshots, "POST": h.makeSnapshot})
	h.mux.HandleFunc("/api/", func(w http.ResponseWriter, r *http.Request) {
		h.fail(w, r, notFound("there is no %s", r.URL.Path))
	})
	h.route("/fragments/patients", methods{"GET": h.patientsFragment})
	h.route("/fragments/dossiers/{patient}", methods{"GET": h.dossierFragment})
	h.route("/fragments/light", methods{"GET": h.lightFragment})
	h.route("/fragments/sumehr", methods{"GET": h.sumehrsFragment})
	h.route("/fragments/sumehr/{patient}", methods{"GET": h.standingFragment})
	h.route("/fragments/sync", methods{"GET": h.syncFragment})
	h.route("/fragments/conflicts", methods{"GET": h.conflictsFragment})
	h.route("/fragments/conflicts/{type}/{id}", methods{"GET": h.conflictFragment})
	h.route("/fragments/conflicts/{type}/{id}/preview", methods{"GET": h.previewFragment})
	h.route("/fragments/history/{type}/{id}", methods{"GET": h.historyFragment})
	h.mux.HandleFunc("/letters/{type}/{id}/{place}", h.letter)
	h.mux.HandleFunc("/", h.servePage)
	h.mux.HandleFunc("/assets/", h.serveAsset)
	return h
}

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.mux.ServeHTTP(w, r) }

// Close ends all streams of changes, which would otherwise hold up the end of a server:
// give it to http.Server.RegisterOnShutdown. It may be called again.
func (h *Handler) Close() { h.closeOnce.Do(func() { close(h.closed) }) }

// methods are the answers of one path.
type methods map[string]func(http.ResponseWriter, *http.Request) error

// saw keeps in the trail that somebody looked at a record of a dossier, before the
// answer shows it.
func (h *Handler) saw(r *http.Request, what, patient string) { h.keep(r, "read", what, patient) }

// keep keeps in the trail what somebody does.
func (h *Handler) keep(r *http.Request, did trail.Did, what, patient string) {
	if h.trail == nil {
		return
	}
	e := trail.Entry{Agent: guard.Author(r), Door: "pages", Did: did, What: what}
	if patient != "" {
		e.Patients = []string{patient}
	}
	h.trail.Add(e)
}
