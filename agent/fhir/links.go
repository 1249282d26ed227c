package fhir

import (
	"context"
	"net/http"
	"strings"

	"github.com/carelog/carelog/projections/fhirjson"
)

// links knows what the references in a transaction become.
type links struct {
	handler  *Handler
	ctx      context.Context
	places   map[string]string // Type/id, by the fullUrl of the entry
	criteria map[string]string // Type/id, by conditional reference
}

func newLinks(h *Handler, ctx context.Context) *links {
	return &links{h, ctx, make(map[string]string), make(map[string]string)}
}

// add notes an entry whose record is known.
func (l *links) add(p *part) error {
	if p.target.record.ID == "" || p.Method == http.MethodDelete {
		return nil
	}
	place := p.target.record.String()
	if other := l.places[p.FullURL]; other != "" && other != place {
		return p.fault("fullUrl", "duplicate", "two entries have the fullUrl %q: what refers to it could mean either", p.FullURL)
	}
	if p.FullURL != "" {
		l.places[p.FullURL] = place
	}
	if p.IfNoneExist != "" {
		l.criteria[p.target.record.Type+"?"+p.IfNoneExist] = place
	}
	return nil
}

// rewrite returns the body of an entry in which references to entries and conditional
// references name their record, with every other byte as it was.
func (l *links) rewrite(p *part) (body []byte, err error) {
	if p.change.body == nil {
		return nil, nil
	}
	return fhirjson.RewriteLinks(p.change.body, func(name, value string) (string, bool) {
		if err != nil {
			return "", false
		}
		place := ""
		place, err = l.of(p, name, value)
		return place, place != ""
	}), err
}

// of is what a link becomes; empty where it stays as it is. The url of a definition is
// its name, and not where its entry stands.
func (l *links) of(p *part, name, value string) (string, error) {
	if name != "reference" && !strings.HasPrefix(value, "urn:") {
		return "", nil
	}
	if place := l.places[value]; place != "" || name != "reference" {
		return place, nil
	}
	if strings.HasPrefix(value, "urn:") {
		return "", p.fault("resource", "value", "the reference %q leads to no entry of the transaction", value)
	}
	typ, criteria, conditional := strings.Cut(value, "?")
	if _, known := resourceTypes[typ]; conditional && known {
		return l.search(value, typ, criteria)
	}
	if place := l.places[neighbour(p.FullURL, value)]; place != "" && place != value {
		return place, nil
	}
	return "", nil
}

// search resolves a conditional reference.
func (l *links) search(value, typ, criteria string) (string, error) {
	if place := l.criteria[value]; place != "" {
		return place, nil
	}
	found, _, err := l.handler.match(l.ctx, typ, criteria)
	switch {
	case err != nil:
		return "", err
	case found == nil:
		return "", problemf(http.StatusPreconditionFailed, "not-found", "the reference %q matches nothing", value)
	}
	l.criteria[value] = found.Record.String()
	return l.criteria[value], nil
}

// neighbour is the address of Type/id on the server of another address; empty where that
// is no record on a server.
func neighbour(fullURL, reference string) string {
	if !strings.HasPrefix(fullURL, "http") || strings.Count(reference, "/") != 1 {
		return ""
	}
	steps := strings.Split(fullURL, "/")
	if len(steps) < 5 {
		return ""
	}
	return strings.Join(steps[:len(steps)-2], "/") + "/" + reference
}
