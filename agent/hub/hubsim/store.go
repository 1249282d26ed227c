package hubsim

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/sumehr"
	"github.com/carelog/carelog/projections/sumehr/check"
	"github.com/carelog/carelog/projections/sumehr/kmehr"
)

// document is one Sumehr with all its versions.
type document struct {
	id       string
	revoked  bool
	versions []version
}

// version is one that was given, the first of a document having number 1.
type version struct {
	message *kmehr.Element
	author  string // NIHII
	at      time.Time
}

func (d *document) last() version { return d.versions[len(d.versions)-1] }

func (d *document) uri(patient string) string {
	return fmt.Sprintf("/subject/%s/sumehr/%s/%d", patient, d.id, len(d.versions))
}

// Held is a document as a test sees it.
type Held struct {
	URI      string          `json:"uri"`
	Author   string          `json:"author"` // NIHII of the newest version
	Versions []events.Digest `json:"versions"`
	Revoked  bool            `json:"revoked"`
}

// Holds are all documents, by the INSS of the patient, in the order in which they came.
func (h *Hub) Holds() map[string][]Held {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := map[string][]Held{}
	for patient, documents := range h.documents {
		for _, d := range documents {
			held := Held{URI: d.uri(patient), Author: d.last().author, Revoked: d.revoked}
			for _, v := range d.versions {
				held.Versions = append(held.Versions, sumehr.Digest(v.message))
			}
			all[patient] = append(all[patient], held)
		}
	}
	return all
}

// Foreign puts a newer version of a patient's Sumehr, by another author; it says whether
// there is one to be newer than. It says what the last one does.
func (h *Hub) Foreign(patient, author string) bool { return h.Another(patient, author, nil) }

// Another is Foreign with a message of its own; nil: what the last one says.
func (h *Hub) Another(patient, author string, message *kmehr.Element) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	d := h.live(patient)
	if d == nil {
		return false
	}
	if message == nil {
		message = unmarked(d.last().message)
	}
	d.versions = append(d.versions, version{message, author, h.now()})
	return h.save() == nil
}

// unmarked is a message without the identifier by which its maker knows it again: who writes
// another does not write that.
func unmarked(message *kmehr.Element) *kmehr.Element {
	whole := *message
	whole.Children = slices.Clone(message.Children)
	for i, folder := range whole.Children {
		if folder.Name != "folder" {
			continue
		}
		copied := *folder
		copied.Children = slices.Clone(folder.Children)
		for j, part := range copied.Children {
			if part.Name == "transaction" {
				tx := *part
				tx.Children = slices.DeleteFunc(slices.Clone(part.Children), func(e *kmehr.Element) bool {
					return e.Name == "id" && e.Attribute("SL") == check.LocalSystem
				})
				copied.Children[j] = &tx
			}
		}
		whole.Children[i] = &copied
	}
	return &whole
}

// live is the newest document of a patient that was not revoked. h.mu is held.
func (h *Hub) live(patient string) *document {
	for _, d := range slices.Backward(h.documents[patient]) {
		if !d.revoked {
			return d
		}
	}
	return nil
}

var (
	newVersion  = regexp.MustCompile(`^/subject/(\d{11})/sumehr/(\d{5})/new/(\d+)$`)
	newDocument = regexp.MustCompile(`^/subject/(\d{11})/sumehr/new$`)
	stored      = regexp.MustCompile(`^/subject/(\d{11})/sumehr/(\d{5})/(\d+)$`)
)

// keep stores a Sumehr by the uri that it names, and returns that of the version.
func (h *Hub) keep(patient, named string, v version) (uri string, refused *refusal) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if named == "" || newDocument.MatchString(named) {
		h.last++
		d := &document{id: fmt.Sprintf("%05d", h.last), versions: []version{v}}
		h.documents[patient] = append(h.documents[patient], d)
		return d.uri(patient), broken(h.save())
	}
	m := newVersion.FindStringSubmatch(named)
	if m == nil || m[1] != patient {
		return "", &refusal{"LOCAL", "uri", "the uri " + named + " is none of a new version of this patient's Sumehr"}
	}
	for _, d := range h.documents[patient] {
		if d.id != m[2] || d.revoked {
			continue
		}
		if base, _ := strconv.Atoi(m[3]); base != len(d.versions) {
			return "", &refusal{"LOCAL", "stale", fmt.Sprintf("version %s is not the newest: that is %d", m[3], len(d.versions))}
		}
		d.versions = append(d.versions, v)
		return d.uri(patient), broken(h.save())
	}
	return "", &refusal{"CD-ERROR", "406", "there is no node for " + named}
}

// broken is the answer of a hub that could not keep what it was given.
func broken(err error) *refusal {
	if err == nil {
		return nil
	}
	return &refusal{"CD-ERROR", "500", err.Error()}
}

// find returns the document that a uri names. h.mu is held.
func (h *Hub) find(patient, uri string) (*document, int) {
	m := stored.FindStringSubmatch(uri)
	if m == nil || m[1] != patient {
		return nil, 0
	}
	n, _ := strconv.Atoi(m[3])
	for _, d := range h.documents[patient] {
		if d.id == m[2] && n >= 1 && n <= len(d.versions) {
			return d, n
		}
	}
	return nil, 0
}
