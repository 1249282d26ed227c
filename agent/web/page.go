package web

import (
	"bytes"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/guard"
	"github.com/carelog/carelog/events"
)

// page is what a template is filled with.
type page struct {
	said      *spoken
	Language  string
	Languages []languageName
	Assets    string // where the files of this version are
	Title     string // empty: the page's script gives it
	// Others tells that the page needs more modules than the first ones.
	Others            bool
	Nothing           bool // there is no such page
	Light             string
	Conflicts, Behind int
	Default           string // whom the desk takes somebody for who does not say who they are; empty: nobody
	status            agent.Status
	unknown           error // why the status is not known; nil: it is
	// What the page shows; all but one are nil, and all where the page's script fills it.
	Patients     *patientsPage
	ConflictList *conflictsPage
	Conflict     *conflictPage
	Preview      *previewed // of a choice of fields, on its own
	History      *historyPage
	Dossier      *dossierPage
	Sync         *syncPage
	Sumehrs      *sumehrsPage
	Standing     *standingPage // of one patient, on its own
	Letter       *letterPage   // why one cannot be opened, on its own
	Panel        *lightView    // what is behind the light, on its own
}

type languageName struct{ Code, Name, Short string }

// T is a sentence of the language; see spoken.say.
func (p *page) T(at string, args ...any) (string, error) { return p.said.say(at, args...) }

// Word is the word for a code; empty where there is none.
func (p *page) Word(at, code string) string { return p.said.has(at, code) }

// N writes a number.
func (p *page) N(n int) string { return p.said.printer.Sprint(n) }

// Date writes a FHIR date.
func (p *page) Date(value string) string { return p.said.date(value) }

// Age is how old somebody is today; empty where the birth date does not tell.
func (p *page) Age(birth string) (string, error) {
	return p.said.age(birth, time.Now())
}

// Now is this moment.
func (p *page) Now() string { return p.said.momentInFull(time.Now()) }

// Unwritten tells that the page is made by its script, and nothing of it stands here.
func (p *page) Unwritten() bool {
	return !p.Nothing && p.Patients == nil && p.Dossier == nil && p.Sync == nil && p.Sumehrs == nil && p.ConflictList == nil && p.Conflict == nil && p.History == nil
}

// LightWord is the light in a word, LightMeaning in a sentence.
func (p *page) LightWord() (string, error) {
	if word := p.Word("light", p.Light); word != "" {
		return word, nil
	}
	return p.T("loading")
}

// LightMeaning is empty as long as the light is not known. Who works at a PC that the practice has shut out
// cannot go on as one without a line can.
func (p *page) LightMeaning() string {
	if cause := p.status.Problem; cause != nil && cause.Code == agent.ProblemRevoked {
		return p.said.must("light.meaning.revoked")
	}
	return p.Word("light.meaning", p.Light)
}

// newPage is a page in the language of the browser, with the light and the figures of the frame.
func (h *Handler) newPage(r *http.Request) *page {
	chosen := ""
	if c, err := r.Cookie(guard.LanguageCookie); err == nil {
		chosen = c.Value
	}
	said := pick(h.site.languages, chosen, r.Header.Get("Accept-Language"))
	p := &page{said: said, Language: said.code, Languages: h.site.names, Assets: "/assets/" + h.site.version, Others: r.URL.Path != "/"}
	if id := guard.Author(r); id != "" {
		p.Default = h.newNames(r, said).who(id)
	}
	if p.status, p.unknown = h.deskStatus(r.Context()); p.unknown == nil { // without it the page hears of it by the stream
		p.Light, p.Conflicts, p.Behind = string(p.status.Color), p.status.Conflicts, p.status.SumehrBehind
	}
	return p
}

// nameLanguages puts them in the order in which Belgium names its own.
func nameLanguages(languages map[string]*spoken) (list []languageName) {
	order := "nl fr de en"
	for _, code := range slices.SortedFunc(maps.Keys(languages), func(a, b string) int { return strings.Index(order, a) - strings.Index(order, b) }) {
		list = append(list, languageName{Code: code, Name: languages[code].has("name", ""), Short: strings.ToUpper(code)})
	}
	return list
}

// servePage answers every page with the same frame and what is in it; where the desk does not write that,
// the script fills it, which reads the address.
func (h *Handler) servePage(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "a page can only be read", http.StatusMethodNotAllowed)
		return
	}
	p := h.newPage(r) // before, or whom the desk takes somebody for is whom they say they are
	if !isPage(r.URL.Path) {
		p.Nothing, p.Title = true, p.said.must("nothingFound")
		if err := h.render(w, http.StatusNotFound, "page.html", p); err != nil {
			h.fail(w, r, err)
		}
		return
	}
	if err := h.write(asUser(r), p); err != nil {
		h.log.Warn("a page could not be written: its script asks again, and says why", "page", r.URL.Path, "err", err)
	}
	status := http.StatusOK
	if p.Conflict != nil && p.Conflict.Never {
		status = http.StatusNotFound
	}
	if err := h.render(w, status, "page.html", p); err != nil {
		h.fail(w, r, err)
	}
}

// write fills in what the page of an address shows.
func (h *Handler) write(r *http.Request, p *page) (err error) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch {
	case r.URL.Path == "/":
		p.Title = p.said.must("patients.title")
		p.Patients = &patientsPage{Text: r.URL.Query().Get("q")}
		if p.Patients.Text == "" { // what was typed is taken apart by the script
			p.Patients.Found, err = h.findPatients(r, "_count="+patientsAtOnce, p)
		}
	case parts[0] == "patients":
		p.Dossier, err = h.readDossier(r, p, parts[1])
		if p.Dossier != nil && p.Dossier.Here {
			p.Title = p.Dossier.Name
		}
	case parts[0] == "sumehr" && len(parts) == 1:
		p.Title = p.said.must("sumehr.title")
		p.Sumehrs, err = h.readSumehrs(r, p)
	case parts[0] == "sync":
		p.Title = p.said.must("synchronisation.title")
		p.Sync, err = h.readSync(r, p)
	case parts[0] == "conflicts" && len(parts) == 1:
		p.Title = p.said.must("conflicts.title")
		p.ConflictList, err = h.listConflicts(r, p)
	case parts[0] == "conflicts":
		if p.Conflict, err = h.readConflict(r, p, events.Record{Type: parts[1], ID: parts[2]}); err == nil {
			p.Title = p.Conflict.Title
		}
	case parts[0] == "history":
		if p.History, err = h.readHistory(r, p, events.Record{Type: parts[1], ID: parts[2]}); err == nil {
			p.Title = p.History.Title
		}
	}
	return err
}

// render writes a template whole, or nothing of it.
func (h *Handler) render(w http.ResponseWriter, status int, name string, p *page) error {
	var filled bytes.Buffer
	if err := h.site.templates.ExecuteTemplate(&filled, name, p); err != nil {
		return fmt.Errorf("fill %s: %w", name, err)
	}
	header := w.Header()
	header.Set("Content-Security-Policy", policy)
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Cache-Control", "no-store") // it names patients
	w.WriteHeader(status)
	_, _ = filled.WriteTo(w) // a browser that went away misses nothing
	return nil
}

// asUser is the request in the name of whoever said at this browser who they are. A browser that
// opens an address sends no Carelog-User header, and the trail must name who looks all the same.
func asUser(r *http.Request) *http.Request {
	if r.Header.Get(guard.UserHeader) != "" {
		return r // who says it of this request is right
	}
	name := "carelog-user"
	if _, port, err := net.SplitHostPort(r.Host); err == nil {
		name += "-" + port // a cookie is sent to every port of a host, and a PC may have two desks
	}
	if c, err := r.Cookie(name); err == nil && events.ValidateID(guard.UserHeader, c.Value) == nil {
		return guard.WithAuthor(r, c.Value)
	}
	return r
}
