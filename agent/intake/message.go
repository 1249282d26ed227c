package intake

import (
	"bytes"
	"context"
	"fmt"

	"github.com/carelog/carelog/projections/sumehr/kmehr"
	"github.com/carelog/carelog/projections/sumehr/resources"
)

// Lookup finds those of a Sumehr who have a record already, so that the patient's dossier
// does not become two.
type Lookup func(ctx context.Context, who resources.People) (resources.Known, error)

// Meet lets the Source ask who has a record already, before it reads a Sumehr. Without it
// all are made anew, under ids that are made of their numbers.
func (s *Source) Meet(lookup Lookup) { s.lookup = lookup }

// isMessage reports whether a file begins as a KMEHR message.
func isMessage(head []byte) bool { return bytes.Contains(head, []byte("kmehrmessage")) }

// message reads a Sumehr, as the resources that it is made of.
func (r *reader) message(p part) {
	at := Item{Source: p.name}
	opened, err := p.open()
	if err != nil {
		r.fail(at, err)
		return
	}
	defer opened.Close() // it was only read
	text, err := readAll(opened, kmehr.MaxSize)
	if err != nil {
		r.fail(at, err)
		return
	}
	read, err := r.resources(text)
	if err != nil {
		r.fail(at, err)
		return
	}
	for n, one := range read.Resources {
		item := at
		item.Entry, item.Type, item.ID, item.Body = n+1, one.Type, one.ID, one.Body
		if n == len(read.Resources)-1 {
			item.Here = read.Here
			for _, what := range read.Unread {
				item.Warnings = append(item.Warnings, fmt.Sprintf("%s was not taken in: look into the Sumehr for it", what))
			}
		}
		r.item(item)
	}
}

func (r *reader) resources(text []byte) (*resources.Reading, error) {
	message, err := kmehr.Read(text)
	if err != nil {
		return nil, err
	}
	var known resources.Known
	if r.lookup != nil {
		if known, err = r.lookup(r.ctx, resources.PeopleOf(message)); err != nil {
			return nil, fmt.Errorf("look up of whom the Sumehr is: %w", err)
		}
	}
	return resources.Of(message, known)
}
