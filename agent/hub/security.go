package hub

import (
	"context"
	"slices"

	"github.com/carelog/carelog/projections/sumehr/kmehr"
)

// Security makes the hub trust a request, and keeps the folder of a message from everybody
// but the hub. An adapter for eHealth has the session of the author: its SAML token goes
// into the header, and the folder is sealed (CMS) with the hub's token.
type Security interface {
	// Header returns what goes into the SOAP header. An error says that there is no session,
	// and nothing is sent.
	Header(ctx context.Context) ([]*kmehr.Element, error)
	// Seal returns the message with its folder sealed, and Open with its folder opened.
	Seal(ctx context.Context, message *kmehr.Element) (*kmehr.Element, error)
	Open(ctx context.Context, message *kmehr.Element) (*kmehr.Element, error)
}

// Plain is no security at all.
type Plain struct{}

// Header returns nothing.
func (Plain) Header(context.Context) ([]*kmehr.Element, error) { return nil, nil }

// Seal returns the message as it is.
func (Plain) Seal(_ context.Context, message *kmehr.Element) (*kmehr.Element, error) {
	return message, nil
}

// Open returns the message as it is.
func (Plain) Open(_ context.Context, message *kmehr.Element) (*kmehr.Element, error) {
	return message, nil
}

// Trusting are sessions with a hub that trusts everybody, as the simulator does.
type Trusting struct {
	Only []string // numbers of the authors who are logged in at this desk; empty: whoever asks
}

// Of is the session of an author.
func (s Trusting) Of(_ context.Context, author string) (Security, error) {
	if author == "" || len(s.Only) > 0 && !slices.Contains(s.Only, author) {
		return nil, ErrNoSession
	}
	return Plain{}, nil
}
