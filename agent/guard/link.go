package guard

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// openPath is where one-time links are made (POST, with the token) and opened (GET).
const openPath = "/open"

// maxLinks bounds how many links can wait to be opened; the oldest makes room.
const maxLinks = 32

// Link makes a one-time link to the desk at base, like "http://127.0.0.1:7878". Whoever
// opens it first is logged in; it is worth as much as the token until then.
func (g *Guard) Link(base string) string {
	return strings.TrimSuffix(base, "/") + openPath + "?key=" + url.QueryEscape(g.links.mint())
}

// open answers /open.
func (g *Guard) open(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	switch r.Method {
	case http.MethodGet:
		g.openLink(w, r)
	case http.MethodPost:
		g.answerLink(w, r)
	default:
		w.Header().Set("Allow", "GET, POST")
		g.refuse(w, r, &refusal{status: http.StatusMethodNotAllowed, code: "method", reason: errors.New("a link is opened with GET and made with POST")})
	}
}

// openLink takes a key for a session.
func (g *Guard) openLink(w http.ResponseWriter, r *http.Request) {
	// An address bar may fetch a link before the person decides to open it. That must
	// not use it up.
	if strings.Contains(r.Header.Get("Sec-Purpose"), "prefetch") {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	if !g.links.take(r.URL.Query().Get("key")) {
		g.refuse(w, r, &refusal{status: http.StatusUnauthorized, code: "link",
			reason: errors.New("this link was opened before, or is too old")})
		return
	}
	port, err := localPort(r)
	if err != nil {
		g.refuse(w, r, &refusal{status: http.StatusForbidden, code: "host", reason: err})
		return
	}
	id, err := g.sessions.add()
	if err != nil {
		// The person is logged in all the same, until the next restart.
		g.log.Warn("sessions cannot be kept", "error", err)
	}
	if g.config.LoggedIn != nil {
		g.config.LoggedIn()
	}
	http.SetCookie(w, &http.Cookie{
		Name: cookieName(port), Value: id, Path: "/", MaxAge: int(g.config.SessionLife / time.Second),
		HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// answerLink makes a link for a script that has the token, such as a command that
// opens the pages of a running desk.
func (g *Guard) answerLink(w http.ResponseWriter, r *http.Request) {
	if values := r.Header.Values("Authorization"); len(values) != 1 || !g.isToken(values[0]) {
		g.refuse(w, r, &refusal{status: http.StatusUnauthorized, code: "token", reason: errors.New("a link is made only for whoever has the token")})
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	answer := struct {
		URL     string    `json:"url"`
		Expires time.Time `json:"expires"`
	}{g.Link("http://" + r.Host), g.config.Now().Add(g.config.LinkLife).UTC()}
	_ = json.NewEncoder(w).Encode(answer) // a caller that went away needs no link
}

// cookieName has the port in it: browsers keep the cookies of all ports of a host
// together, and two desks on one PC would log each other out.
func cookieName(port string) string { return "carelog-" + port }

// links are the keys that can still be opened, by their digest.
type links struct {
	life time.Duration
	now  func() time.Time
	mu   sync.Mutex
	keys map[[sha256.Size]byte]time.Time // until when
}

func newLinks(life time.Duration, now func() time.Time) *links {
	return &links{life: life, now: now, keys: make(map[[sha256.Size]byte]time.Time)}
}

func (l *links) mint() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	// Room is made first: of keys of the same moment the new one must not be the one to go.
	dropOldest(l.keys, maxLinks-1, l.now())
	key := rand.Text()
	l.keys[sha256.Sum256([]byte(key))] = l.now().Add(l.life)
	return key
}

// take reports whether the key could be opened, and makes sure that it cannot be again.
func (l *links) take(key string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	digest := sha256.Sum256([]byte(key))
	until, ok := l.keys[digest]
	delete(l.keys, digest)
	return ok && l.now().Before(until)
}

// dropOldest drops what has expired and then what expires first, down to most entries.
func dropOldest(entries map[[sha256.Size]byte]time.Time, most int, now time.Time) {
	for digest, until := range entries {
		if !now.Before(until) {
			delete(entries, digest)
		}
	}
	for len(entries) > most {
		var first [sha256.Size]byte
		var when time.Time
		for digest, until := range entries {
			if when.IsZero() || until.Before(when) {
				first, when = digest, until
			}
		}
		delete(entries, first)
	}
}
