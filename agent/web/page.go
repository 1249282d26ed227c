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
	Light             string
	Conflicts, Behind int
	incomplete        bool          // the desk has not read everything yet
	Patients          *patientsPage // nil: another page
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
	months, ok := monthsSince(birth, time.Now())
	switch {
	case !ok:
		return "", nil
	case months >= 24:
		return p.T("years", months/12)
	}
	return p.T("months", months)
}

// LightWord is the light in a word, LightMeaning in a sentence.
func (p *page) LightWord() (string, error) {
	if word := p.Word("light", p.Light); word != "" {
		return word, nil
	}
	return p.T("loading")
}

// LightMeaning is empty as long as the light is not known.
func (p *page) LightMeaning() string { return p.Word("light.meaning", p.Light) }

// newPage is a page in the language of the browser, with the light and the figures of the frame.
func (h *Handler) newPage(r *http.Request) *page {
	chosen := ""
	if c, err := r.Cookie(languageCookie); err == nil {
		chosen = c.Value
	}
	said := pick(h.site.languages, chosen, r.Header.Get("Accept-Language"))
	p := &page{said: said, Language: said.code, Languages: h.site.names, Assets: "/assets/" + h.site.version, Others: r.URL.Path != "/"}
	if status, err := h.deskStatus(r.Context()); err == nil { // without it the page hears of it by the stream
		p.Light, p.Conflicts, p.Behind, p.incomplete = string(status.Color), status.Conflicts, status.SumehrBehind, status.Incomplete
	}
	return p
}

// languageCookie has the language that was chosen at this browser, for all desks of this PC.
const languageCookie = "carelog-language"

// nameLanguages puts them in the order in which Belgium names its own.
func nameLanguages(languages map[string]*spoken) (list []languageName) {
	order := "nl fr de en"
	for _, code := range slices.SortedFunc(maps.Keys(languages), func(a, b string) int { return strings.Index(order, a) - strings.Index(order, b) }) {
		list = append(list, languageName{Code: code, Name: languages[code].has("name", ""), Short: strings.ToUpper(code)})
	}
	return list
}

// servePage answers every page with the same frame; the first page of a morning, the patients,
// with all that is in it, and the others are filled by the script, which reads the address.
func (h *Handler) servePage(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "a page can only be read", http.StatusMethodNotAllowed)
		return
	}
	status := http.StatusOK
	if !isPage(r.URL.Path) {
		status = http.StatusNotFound
	}
	r = asUser(r)
	p := h.newPage(r)
	if r.URL.Path == "/" {
		p.Title, _ = p.T("patients.title")
		p.Patients = &patientsPage{Text: r.URL.Query().Get("q")}
		if p.Patients.Text == "" { // what was typed is taken apart by the script
			// Where they cannot be read the script asks again, and says why.
			p.Patients.Found, _ = h.findPatients(r, "_count="+patientsAtOnce, p)
		}
	}
	if err := h.render(w, status, "page.html", p); err != nil {
		h.fail(w, r, err)
	}
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

// monthsSince counts the whole months from a date of birth to a day at this PC.
func monthsSince(birth string, now time.Time) (int, bool) {
	born, err := time.Parse(time.DateOnly, birth)
	if err != nil {
		return 0, false
	}
	months := (now.Year()-born.Year())*12 + int(now.Month()-born.Month())
	if now.Day() < born.Day() {
		months--
	}
	return months, months >= 0
}
