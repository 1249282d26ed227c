package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/sumehr"
	"github.com/carelog/carelog/projections/sumehr/kmehr"
	"github.com/carelog/carelog/projections/sumehr/resources"
)

// meet asks the desk who of a Sumehr has a record already. A patient of whom there are two
// records is for a person to choose, and nothing is taken in.
func (d *desk) meet(ctx context.Context, who resources.People) (known resources.Known, err error) {
	known.Practitioners = map[string]string{}
	if who.Patient != "" {
		ids, err := d.numbered(ctx, "Patient", sumehr.SystemSSIN, who.Patient)
		if err != nil {
			return known, err
		}
		if len(ids) > 1 {
			return known, fmt.Errorf("%d patients have the number %s: merge them first", len(ids), who.Patient)
		}
		if len(ids) == 1 {
			known.Patient = ids[0]
			if known.Sumehr, err = d.summary(ctx, known.Patient); err != nil {
				return known, err
			}
		}
	}
	for _, number := range who.Practitioners {
		ids, err := d.numbered(ctx, "Practitioner", sumehr.SystemNIHII, number)
		if err != nil {
			return known, err
		}
		if len(ids) > 0 {
			known.Practitioners[number] = ids[0]
		}
	}
	known.Records = map[string]bool{}
	for _, name := range who.Records {
		if known.Records[name], err = d.stood(ctx, name); err != nil {
			return known, err
		}
	}
	return known, nil
}

// summary is the Sumehr that a patient's dossier makes now; nil where none is made of it.
func (d *desk) summary(ctx context.Context, patient string) (*kmehr.Element, error) {
	answer, err := d.send(ctx, http.MethodGet, "/api/sumehr/"+patient+"?format=xml", "application/xml", nil)
	var refused *answerError
	if errors.As(err, &refused) && refused.status == http.StatusUnprocessableEntity {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, kmehr.MaxSize))
	if err != nil {
		return nil, fmt.Errorf("read the Sumehr of %s: %w", patient, err)
	}
	return kmehr.Read(text)
}

// stood reports whether a record stands here, or was deleted here.
func (d *desk) stood(ctx context.Context, name string) (bool, error) {
	r, err := events.ParseRecord(name)
	if err != nil {
		return false, nil // no record has such a name
	}
	var bundle struct{ Total int }
	err = d.get(ctx, "/fhir/"+r.String()+"/_history?_count=1", &bundle)
	var refused *answerError
	if errors.As(err, &refused) && refused.status == http.StatusNotFound {
		return false, nil
	}
	return err == nil, err
}

// numbered finds the records of a type that have an identifier.
func (d *desk) numbered(ctx context.Context, kind, system, value string) (ids []string, err error) {
	var bundle struct {
		Entry []struct {
			Resource struct {
				ResourceType, ID string
				Issue            []struct{ Code string }
			}
		}
	}
	query := url.Values{"identifier": {system + "|" + value}, "_count": {"3"}}
	if err := d.get(ctx, "/fhir/"+kind+"?"+query.Encode(), &bundle); err != nil {
		return nil, err
	}
	for _, e := range bundle.Entry {
		if e.Resource.ResourceType == kind {
			ids = append(ids, e.Resource.ID)
		}
		for _, issue := range e.Resource.Issue {
			if issue.Code == "incomplete" {
				return nil, errors.New("not all records of the practice are at this desk yet, so it cannot be told who is known: import again when the light is green")
			}
		}
	}
	return ids, nil
}
