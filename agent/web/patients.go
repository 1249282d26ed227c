package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
)

const patientsAtOnce = "50"

// ssin is the system of the Belgian national number.
const ssin = "https://www.ehealth.fgov.be/standards/fhir/core/NamingSystem/ssin"

// patientsPage is the page of the patients.
type patientsPage struct {
	Text  string         // what was typed
	Found *foundPatients // nil: not looked for yet
}

type foundPatients struct {
	Rows    []patientRow
	Total   int
	Next    string // the address of the fragment with the rows that follow; empty: there are none
	Partial bool   // this desk has not read everything yet
	Perhaps bool   // and that has to be said
}

type patientRow struct {
	ID, Last, Given, BirthDate, Gender, Number string
	Deceased                                   bool
}

// patientsFragment answers GET /fragments/patients with the inside of the page of the patients: those
// that a search of FHIR finds, by its parameters, and text, which is what was typed. A refusal is
// that of the FHIR door.
func (h *Handler) patientsFragment(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	p := h.newPage(r)
	p.Patients = &patientsPage{Text: query.Get("text")}
	query.Del("text")
	var err error
	if p.Patients.Found, err = h.findPatients(r, query.Encode(), p); err != nil {
		return err
	}
	return h.render(w, http.StatusOK, "patients", p)
}

// Nobody says that nobody was found, and why.
func (p *page) Nobody() (string, error) {
	switch {
	case p.Patients.Text != "":
		return p.T("patients.nobody", p.Patients.Text)
	case p.Patients.Found.Partial:
		return p.T("patients.arriving")
	}
	return p.T("patients.empty")
}

func (h *Handler) findPatients(r *http.Request, query string, p *page) (*foundPatients, error) {
	answer, err := h.askFHIR(r, "/fhir/Patient?"+query)
	if err != nil {
		return nil, err
	}
	var bundle struct {
		Total *int
		Link  []struct{ Relation, URL string }
		Entry []struct {
			Resource json.RawMessage
			Search   struct{ Mode string }
		}
	}
	if err := json.Unmarshal(answer, &bundle); err != nil {
		return nil, fmt.Errorf("read the patients that were found: %w", err)
	}
	found := &foundPatients{Partial: p.status.Incomplete}
	for _, e := range bundle.Entry {
		if row, ok := rowOf(e.Resource); ok && e.Search.Mode == "match" {
			found.Rows = append(found.Rows, row)
		}
	}
	found.Total = len(found.Rows)
	if bundle.Total != nil {
		found.Total = *bundle.Total
	}
	for _, link := range bundle.Link {
		if next, err := url.Parse(link.URL); err == nil && link.Relation == "next" {
			found.Next = "/fragments/patients?" + next.RawQuery
		}
	}
	found.Perhaps = found.Partial && (p.Patients.Text != "" || len(found.Rows) > 0)
	return found, nil
}

// rowOf reads of a Patient what the list shows; what it lacks is left out.
func rowOf(resource []byte) (patientRow, bool) {
	person := readResource(resource)
	name := nameInUse(person)
	return patientRow{
		ID: textAt(person, "id"), BirthDate: textAt(person, "birthDate"), Gender: textAt(person, "gender"), Number: writeSSIN(numberOf(person)),
		Last: upright(firstOf(textAt(name, "family"), textAt(name, "text"))), Given: upright(givenOf(name)),
		Deceased: textAt(person, "deceasedDateTime") != "" || at(person, "deceasedBoolean") == true,
	}, person != nil
}

var ssinGroups = regexp.MustCompile(`^(\d\d)(\d\d)(\d\d)(\d{3})(\d\d)$`)

// writeSSIN groups the digits of a national number as the card does.
func writeSSIN(digits string) string { return ssinGroups.ReplaceAllString(digits, "$1.$2.$3-$4.$5") }

// askFHIR reads from the FHIR door what the browser of r may read, in the same name, so that the
// trail has it as if the browser had asked.
func (h *Handler) askFHIR(r *http.Request, address string) ([]byte, error) {
	if h.fhir == nil {
		return nil, notFound("this desk has no FHIR door")
	}
	inner, err := http.NewRequestWithContext(r.Context(), http.MethodGet, address, nil)
	if err != nil {
		return nil, badRequest("ask the FHIR door: %v", err)
	}
	inner.Host, inner.RemoteAddr, inner.RequestURI = r.Host, r.RemoteAddr, address
	inner.Header.Set("Accept", "application/fhir+json")
	answer := &kept{header: make(http.Header), status: http.StatusOK}
	h.fhir.ServeHTTP(answer, inner)
	if answer.status >= http.StatusBadRequest {
		return nil, refusedByFHIR(answer)
	}
	return answer.body.Bytes(), nil
}

// refusedByFHIR is the refusal of the FHIR door as one of ours.
func refusedByFHIR(answer *kept) error {
	var outcome struct {
		Issue []struct{ Code, Diagnostics string }
	}
	_ = json.Unmarshal(answer.body.Bytes(), &outcome)
	refusal := &apiError{status: answer.status, code: "request", text: http.StatusText(answer.status)}
	if len(outcome.Issue) > 0 {
		refusal.code, refusal.text = outcome.Issue[0].Code, outcome.Issue[0].Diagnostics
	}
	return refusal
}

// kept is an answer that is kept in memory.
type kept struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (k *kept) Header() http.Header         { return k.header }
func (k *kept) WriteHeader(status int)      { k.status = status }
func (k *kept) Write(p []byte) (int, error) { return k.body.Write(p) }
