package hubsim

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/carelog/carelog/projections/sumehr/kmehr"
)

// Mode is a way in which the hub answers.
type Mode string

// The modes.
const (
	Well               Mode = "well"
	NoRelation         Mode = "360"                  // no therapeutic relation
	NoConsent          Mode = "365"                  // the patient did not consent
	Broken             Mode = "500"                  // an internal error, in an answer
	Fault              Mode = "fault"                // a SOAP fault
	Timeout            Mode = "timeout"              // nothing is done, and no answer comes
	TimeoutButStored   Mode = "timeout-but-stored"   // it is done, and no answer comes
	CompleteWithErrors Mode = "complete-with-errors" // nothing is done, iscomplete=true, and an error
)

// Modes are all of them.
var Modes = []Mode{Well, NoRelation, NoConsent, Broken, Fault, Timeout, TimeoutButStored, CompleteWithErrors}

// Switch says how the hub answers from now on.
type Switch struct {
	Mode    Mode          `json:"mode"`
	Times   int           `json:"times"`   // so many requests, and then well again; 0: until it is set anew
	Latency time.Duration `json:"latency"` // before each answer, in nanoseconds
	// Writing says that only PutTransaction and RevokeTransaction are hit.
	Writing bool `json:"writing"`
}

// Set puts the switch.
func (h *Hub) Set(s Switch) error {
	if s.Mode == "" {
		s.Mode = Well
	}
	if !slices.Contains(Modes, s.Mode) || s.Times < 0 || s.Latency < 0 {
		return fmt.Errorf("%+v is no switch: the modes are %v", s, Modes)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.how = s
	return nil
}

// next is how one request is answered.
func (h *Hub) next(operation string) Switch {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.how
	if h.how.Writing && !strings.HasPrefix(operation, "Put") && !strings.HasPrefix(operation, "Revoke") {
		return Switch{Mode: Well, Latency: now.Latency}
	}
	if h.how.Times == 1 {
		h.how = Switch{Mode: Well, Latency: now.Latency}
	} else if h.how.Times > 1 {
		h.how.Times--
	}
	return now
}

// control answers what is not SOAP: POST /switch, POST /foreign?patient=&author= with or without a message, GET /holds.
func (h *Hub) control(w http.ResponseWriter, r *http.Request) {
	switch r.Method + " " + r.URL.Path {
	case "POST /switch":
		var s Switch
		d := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<10))
		d.DisallowUnknownFields()
		err := d.Decode(&s)
		if err == nil {
			err = h.Set(s)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	case "POST /foreign":
		message, err := messageOf(http.MaxBytesReader(w, r.Body, kmehr.MaxSize))
		switch {
		case err != nil:
			http.Error(w, err.Error(), http.StatusBadRequest)
		case !h.Another(r.URL.Query().Get("patient"), r.URL.Query().Get("author"), message):
			http.Error(w, "the hub has no Sumehr of this patient", http.StatusNotFound)
		}
	case "GET /holds":
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(h.Holds()) // who went away misses nothing
	default:
		http.Error(w, "want SOAP at /, or POST /switch, POST /foreign, GET /holds", http.StatusNotFound)
	}
}

// messageOf reads a message; nil where there is none.
func messageOf(from io.Reader) (*kmehr.Element, error) {
	text, err := io.ReadAll(from)
	if err != nil || len(text) == 0 {
		return nil, err
	}
	return kmehr.Read(text)
}
