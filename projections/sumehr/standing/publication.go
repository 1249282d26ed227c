package standing

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/sumehr"
)

// PublishedCode is that of the category, in sumehr.MarkSystem, of a DocumentReference that says
// what the hub holds.
const PublishedCode = "published"

// DigestURL marks the extension that has the digest of what was published.
const DigestURL = "https://carelog.eu/fhir/StructureDefinition/sumehr-digest"

// Publication is what went to the hub, or was taken from there.
type Publication struct {
	Record  events.Record
	Version events.ID     // the event that says so
	Revoked bool          // it was taken from the hub again
	URI     string        // the hub's name for it, with its version
	Hub     string        // EHP number
	Digest  events.Digest // of its content
	At      time.Time
	Author  string // id of the Practitioner who answers for it
	Made    []sumehr.Made
}

// resource is a DocumentReference as Body writes it.
type resource struct {
	Type       string      `json:"resourceType"`
	ID         string      `json:"id"`
	Extension  []extension `json:"extension"`
	Identifier identifier  `json:"masterIdentifier"`
	Status     string      `json:"status"`
	Kind       concept     `json:"type"`
	Category   []concept   `json:"category"`
	Subject    reference   `json:"subject"`
	Date       string      `json:"date"`
	Author     []reference `json:"author,omitempty"`
	Custodian  *custodian  `json:"custodian,omitempty"`
	Content    []content   `json:"content"`
	Context    *related    `json:"context,omitempty"`
}

type (
	extension struct {
		URL   string `json:"url"`
		Value string `json:"valueString"`
	}
	identifier struct {
		System string `json:"system"`
		Value  string `json:"value"`
	}
	reference struct {
		Reference string `json:"reference"`
	}
	custodian struct {
		Identifier identifier `json:"identifier"`
	}
	content struct {
		Attachment struct {
			ContentType string `json:"contentType"`
			Title       string `json:"title"`
		} `json:"attachment"`
	}
	related struct {
		Related []reference `json:"related"`
	}
)

// Systems of identifiers of a publication.
const (
	uriSystem = sumehr.TableBase + sumehr.VitalinkURI
	ehpSystem = sumehr.TableBase + "ehp"
	loinc     = "http://loinc.org"
)

// Body is the DocumentReference of a patient that says so.
func (p Publication) Body(patient string) ([]byte, error) {
	r := resource{
		Type: "DocumentReference", ID: p.Record.ID, Extension: []extension{{DigestURL, p.Digest.String()}},
		Identifier: identifier{uriSystem, p.URI}, Status: "current",
		Kind:     concept{[]coding{{loinc, sumehr.LOINCSummary}}},
		Category: []concept{{[]coding{{sumehr.MarkSystem, PublishedCode}}}},
		Subject:  reference{"Patient/" + patient}, Date: p.At.Format(time.RFC3339Nano), Content: make([]content, 1),
	}
	r.Content[0].Attachment.ContentType, r.Content[0].Attachment.Title = "application/xml", "Sumehr"
	if p.Revoked {
		r.Status = "superseded"
	}
	if p.Author != "" {
		r.Author = []reference{{"Practitioner/" + p.Author}}
	}
	if p.Hub != "" {
		r.Custodian = &custodian{identifier{ehpSystem, p.Hub}}
	}
	if len(p.Made) > 0 {
		r.Context = &related{}
	}
	for _, m := range p.Made {
		r.Context.Related = append(r.Context.Related, reference{m.Record.String() + "/_history/" + m.Version.String()})
	}
	body, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("write what was published: %w", err)
	}
	return body, nil
}

// lastPublished is the publication of the newest event among all heads; nil where there is none.
func lastPublished(records []sumehr.Record) (last *Publication) {
	for _, r := range records {
		if r.Type != "DocumentReference" {
			continue
		}
		for _, h := range r.Heads {
			if p, ok := published(r.Record, h); ok && (last == nil || p.Version.Compare(last.Version) > 0) {
				last = &p
			}
		}
	}
	return last
}

// published reads what Body wrote. One without a digest of ours says nothing.
func published(record events.Record, h sumehr.Head) (p Publication, ok bool) {
	var r resource
	if json.Unmarshal(h.Body, &r) != nil || !isPublication(r.Category) {
		return p, false
	}
	p = Publication{Record: record, Version: h.Version, URI: r.Identifier.Value, Revoked: r.Status != "current"}
	for _, x := range r.Extension {
		if x.URL == DigestURL {
			p.Digest, _ = events.ParseDigest(x.Value) // a wrong one is nobody's: it is published once more
		}
	}
	p.At, _ = time.Parse(time.RFC3339Nano, r.Date) // it is shown and decides nothing
	if r.Custodian != nil {
		p.Hub = r.Custodian.Identifier.Value
	}
	if len(r.Author) > 0 {
		p.Author = strings.TrimPrefix(r.Author[0].Reference, "Practitioner/")
	}
	if r.Context != nil {
		for _, made := range r.Context.Related {
			if m, ok := madeOf(made.Reference); ok {
				p.Made = append(p.Made, m)
			}
		}
	}
	return p, true
}

func isPublication(categories []concept) bool {
	return consent{Category: categories}.has(func(k coding) bool { return k.System == sumehr.MarkSystem && k.Code == PublishedCode })
}

// madeOf reads Type/id/_history/event.
func madeOf(text string) (m sumehr.Made, ok bool) {
	name, version, _ := strings.Cut(text, "/_history/")
	m.Record.Type, m.Record.ID, _ = strings.Cut(name, "/")
	id, err := events.ParseID(version)
	m.Version = id
	return m, err == nil && m.Record.Validate() == nil
}
