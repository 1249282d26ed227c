package guard

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/carelog/carelog/internal/localdisk"
)

// maxSessions bounds how many browsers are logged in at one desk; the oldest makes room.
const maxSessions = 64

// sessions are the browsers that are logged in. Memory and file hold digests only: who
// reads them cannot log in with what they read.
type sessions struct {
	file string
	life time.Duration
	now  func() time.Time
	mu   sync.Mutex
	ends map[[sha256.Size]byte]time.Time
}

func openSessions(file string, life time.Duration, now func() time.Time) (*sessions, error) {
	s := &sessions{file: file, life: life, now: now, ends: make(map[[sha256.Size]byte]time.Time)}
	if file == "" {
		return s, nil
	}
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the browser sessions: %w", err)
	}
	if err := s.parse(text); err != nil {
		return nil, fmt.Errorf("read the browser sessions in %s: %w (deleting the file logs every browser out and harms nothing else)", file, err)
	}
	return s, nil
}

func (s *sessions) parse(text []byte) error {
	var kept map[string]time.Time
	if err := json.Unmarshal(text, &kept); err != nil {
		return err
	}
	for name, until := range kept {
		digest, err := hex.DecodeString(name)
		if err != nil || len(digest) != sha256.Size {
			return fmt.Errorf("%q is no digest of a session", clip(name))
		}
		s.ends[[sha256.Size]byte(digest)] = until
	}
	dropOldest(s.ends, maxSessions, s.now())
	return nil
}

// add starts a session and returns its id. With an error the session holds, but a
// restart ends it.
func (s *sessions) add() (id string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	dropOldest(s.ends, maxSessions-1, s.now())
	id = rand.Text()
	s.ends[sha256.Sum256([]byte(id))] = s.now().Add(s.life)
	return id, s.keep()
}

// valid reports whether one of the cookies is a session. Looking up a digest tells
// nothing by its time: who could choose a digest that is nearly right could invert SHA-256.
func (s *sessions) valid(cookies []*http.Cookie) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range cookies {
		if until, ok := s.ends[sha256.Sum256([]byte(c.Value))]; ok && s.now().Before(until) {
			return true
		}
	}
	return false
}

// keep writes the file as a whole: a power cut leaves the old one or the new one.
func (s *sessions) keep() error {
	if s.file == "" {
		return nil
	}
	kept := make(map[string]time.Time, len(s.ends))
	for digest, until := range s.ends {
		kept[hex.EncodeToString(digest[:])] = until.UTC()
	}
	text, err := json.MarshalIndent(kept, "", "  ")
	if err != nil {
		return fmt.Errorf("write the browser sessions: %w", err)
	}
	if err := localdisk.WriteFile(s.file, text); err != nil {
		return fmt.Errorf("write the browser sessions: %w", err)
	}
	return nil
}
