package guard

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/carelog/carelog/events"
)

// Config says how a desk is guarded.
type Config struct {
	// Token opens every door for scripts and for the EHR, as "Authorization: Bearer".
	// At least MinToken characters; see NewToken.
	Token string
	// Author is the Practitioner id of whoever sends no Carelog-User header. May be empty.
	Author string
	// Sessions is the file that keeps browser sessions over a restart. Only digests of
	// sessions are in it. Empty: sessions end with the process.
	Sessions string
	// LinkCommand prints a one-time link; a person who is not logged in is told of it. Empty: they
	// are told what fits every way of starting a desk.
	LinkCommand string
	// LinkLife is how long a one-time link can be opened; 0 means 10 minutes.
	LinkLife time.Duration
	// SessionLife is how long a browser stays logged in; 0 means 30 days.
	SessionLife time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// LoggedIn is told, where it is not nil, when a link was opened and a browser is in.
	LoggedIn func()
	// Logger hears of every refusal, without secrets. Nil: nobody does.
	Logger *slog.Logger
}

// MinToken is the shortest token that is accepted, in characters.
const MinToken = 32

// UserHeader names the Practitioner who makes a request.
const UserHeader = "Carelog-User"

// NewToken makes a token of 256 bits.
func NewToken() string {
	// rand.Text has at least 128 bits; two of them leave nothing to be argued.
	return rand.Text() + rand.Text()
}

// Guard decides who passes. Safe for use by several goroutines.
type Guard struct {
	config   Config
	token    [sha256.Size]byte
	links    *links
	sessions *sessions
	log      *slog.Logger
}

// Open returns a guard, with the sessions that its file kept. A file that cannot be
// read as sessions is an error: deleting it logs every browser out and harms nothing else.
func Open(c Config) (*Guard, error) {
	if len(c.Token) < MinToken {
		return nil, fmt.Errorf("the token of the desk has %d characters, want at least %d: make one with NewToken", len(c.Token), MinToken)
	}
	if c.Author != "" {
		if err := events.ValidateID("the default user", c.Author); err != nil {
			return nil, err
		}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.LinkLife == 0 {
		c.LinkLife = 10 * time.Minute
	}
	if c.SessionLife == 0 {
		c.SessionLife = 30 * 24 * time.Hour
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	kept, err := openSessions(c.Sessions, c.SessionLife, c.Now)
	if err != nil {
		return nil, err
	}
	return &Guard{
		config: c, token: sha256.Sum256([]byte(c.Token)),
		links: newLinks(c.LinkLife, c.Now), sessions: kept, log: c.Logger,
	}, nil
}

// Handler puts the guard before next.
func (g *Guard) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		harden(w.Header())
		if refused := g.origin(r); refused != nil {
			g.refuse(w, r, refused)
			return
		}
		if r.URL.Path == openPath {
			g.open(w, r)
			return
		}
		if unguarded(r) {
			next.ServeHTTP(w, r)
			return
		}
		if refused := g.authorise(r); refused != nil {
			g.refuse(w, r, refused)
			return
		}
		author, refused := g.author(r)
		if refused != nil {
			g.refuse(w, r, refused)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), authorKey{}, author)))
	})
}

// Author returns the Practitioner id in whose name the request is made: what the
// Carelog-User header said, else the default of the desk. Empty where neither is set,
// or where the request did not come through the guard.
func Author(r *http.Request) string {
	author, _ := r.Context().Value(authorKey{}).(string)
	return author
}

// WithAuthor returns r as Handler would pass it on for that author: where a page names its user in another
// way than by the header, and in tests of doors.
func WithAuthor(r *http.Request, author string) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), authorKey{}, author))
}

type authorKey struct{}

// harden sets what is right for every answer of a desk: nothing of it may be guessed
// at, told to another site as a referrer, or embedded by another origin.
func harden(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("X-Frame-Options", "DENY")
}

// unguarded reports whether a request passes without token or session: a probe, or the question
// what the FHIR door can do. Clients ask that before they log in, and the answer says
// nothing of any patient.
func unguarded(r *http.Request) bool {
	switch r.URL.Path {
	case "/healthz", "/readyz":
		return true
	case "/fhir/metadata":
		return r.Method == http.MethodGet || r.Method == http.MethodHead
	}
	return false
}

// authorise wants the token or a session.
func (g *Guard) authorise(r *http.Request) *refusal {
	if values := r.Header.Values("Authorization"); len(values) > 0 {
		if len(values) == 1 && g.isToken(values[0]) {
			return nil
		}
		return &refusal{status: http.StatusUnauthorized, code: "token", reason: errors.New("the token is not that of this desk")}
	}
	port, err := localPort(r)
	if err == nil && g.sessions.valid(r.CookiesNamed(cookieName(port))) {
		return nil
	}
	reason := errors.New("this browser is not logged in")
	if under(r.URL.Path, "/fhir") { // whoever knocks there is a program
		reason = errors.New("the desk's token is missing: send it in the header Authorization: Bearer")
	}
	return &refusal{status: http.StatusUnauthorized, code: "login", reason: reason}
}

// isToken compares digests, so that neither the content nor the length of the token
// shows in the time that it takes.
func (g *Guard) isToken(header string) bool {
	scheme, given, _ := strings.Cut(header, " ")
	digest := sha256.Sum256([]byte(strings.TrimSpace(given)))
	return strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare(digest[:], g.token[:]) == 1
}

func (g *Guard) author(r *http.Request) (string, *refusal) {
	values := r.Header.Values(UserHeader)
	if len(values) == 0 {
		return g.config.Author, nil
	}
	if len(values) > 1 {
		return "", &refusal{status: http.StatusBadRequest, code: "user", reason: errors.New(UserHeader + " is given more than once")}
	}
	if err := events.ValidateID(UserHeader, values[0]); err != nil {
		return "", &refusal{status: http.StatusBadRequest, code: "user", reason: err}
	}
	return values[0], nil
}
