package projections

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/fhirjson"
	"github.com/carelog/carelog/projections/fhirsearch"
)

// carrier stands for the rows by which a head is found. Their key is the arrival of
// the version that brought them in; a version that takes the place of another and has
// the same words takes over its carrier, so that most changes touch no index.
type carrier struct {
	key   int64  // 0: no rows
	terms []byte // digest of the words
}

type index struct {
	carrier
	label string // what lists are sorted by
}

// terms are the words by which a version is found, folded.
type terms struct {
	fhirjson.Index
}

// maxLabel bounds the sort key, in bytes: it stands in every cursor.
const maxLabel = 120

var (
	insertName = &statement{"INSERT INTO words (rowid, family, given, name, other) VALUES (?, ?, ?, ?, ?)"}
	deleteName = &statement{"DELETE FROM words WHERE rowid = ?"}
)

// free gives up the rows of a version that is no head any more; the version that
// takes its place may take them over until the batch settles the record.
func (r *record) free(c carrier) {
	if c.key != 0 {
		r.freed = append(r.freed, c)
	}
}

// indexHead makes a head findable, live ones only.
func (b *batch) indexHead(r *record, v *version) (index, error) {
	t := b.found(v)
	if t.empty() {
		return index{}, nil
	}
	x := index{carrier: carrier{key: v.arrival, terms: t.digest}, label: t.label()}
	for i, c := range r.freed {
		if bytes.Equal(c.terms, x.terms) {
			x.key = c.key
			r.freed = slices.Delete(r.freed, i, i+1)
			return x, nil
		}
	}
	_, err := b.exec(insertName, x.key, strings.Join(t.Family, " "), strings.Join(t.Given, " "), strings.Join(t.Names, " "), t.other())
	return x, err
}

// dropFreed deletes the rows that nobody took over.
func (b *batch) dropFreed(r *record) error {
	for _, c := range r.freed {
		if _, err := b.exec(deleteName, c.key); err != nil {
			return err
		}
	}
	r.freed = nil
	return nil
}

// termsOf reads the words out of a version. Most resources have none, and a look for
// the names of the fields saves taking them apart.
func (s *Store) termsOf(v *version) terms {
	if v.class() != classReadable {
		return terms{}
	}
	body := s.bodyOf(v)
	if !mayHaveTerms(body) {
		return terms{}
	}
	x, err := fhirjson.IndexOf(body)
	if err != nil {
		return terms{} // it is no FHIR: kept and shown, but found by its id only
	}
	return terms{x}
}

func mayHaveTerms(body []byte) bool {
	return hasField(body, `"identifier"`, 'f') || hasField(body, `"name"`, 'm') || hasField(body, `"birthDate"`, 'D') || bytes.Contains(body, []byte(`\u`))
}

// hasField looks for a field by a letter of it that is rare: every other field begins with the
// same letter, a quotation mark.
func hasField(body []byte, field string, rare byte) bool {
	before := strings.IndexByte(field, rare)
	for at := before; at < len(body); at++ {
		next := bytes.IndexByte(body[at:], rare)
		if next < 0 {
			return false
		}
		if at += next; strings.HasPrefix(string(body[at-before:min(at-before+len(field), len(body))]), field) {
			return true
		}
	}
	return false
}

// bodyOf is the resource, nil where it does not open.
func (s *Store) bodyOf(v *version) []byte {
	if v.opened {
		return v.body
	}
	body, err := s.options.Opener(v.event)
	if err != nil {
		return nil
	}
	v.body, v.opened = body, true
	return body
}

// contentOf is equal for two versions if their content is: all deletions are, and
// what cannot be read equals nothing.
func (s *Store) contentOf(v *version) []byte {
	switch v.class() {
	case classDeleted:
		return []byte{}
	case classUnreadable:
		return v.event.ID[:]
	}
	body := s.bodyOf(v)
	if body == nil {
		return v.event.ID[:]
	}
	return contentDigest(body)
}

// contentDigest compares resources by what they say, and what is none by its bytes.
func contentDigest(body []byte) []byte {
	d, err := fhirjson.Digest(body)
	if err != nil {
		d = events.Digest(sha256.Sum256(append([]byte("carelog bytes v1\n"), body...)))
	}
	return d[:]
}

func (t terms) empty() bool {
	return len(t.Names)+len(t.Family)+len(t.Given)+len(t.Identifiers) == 0 && t.BirthDate == ""
}

// String is the same for the same words.
func (t terms) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "family %q given %q names %q born %q", t.Family, t.Given, t.Names, t.BirthDate)
	for _, i := range t.Identifiers {
		fmt.Fprintf(&b, " %q|%q", i.System, i.Value)
	}
	return b.String()
}

func (t terms) digest() []byte {
	sum := sha256.Sum256([]byte(t.String()))
	return sum[:16]
}

// label is what lists are sorted by.
func (t terms) label() string { return clip(fhirjson.Fold(t.Label), maxLabel) }

// clip cuts a text before the rune that goes over size bytes.
func clip(s string, size int) string {
	if len(s) <= size {
		return s
	}
	for !utf8.RuneStart(s[size]) {
		size--
	}
	return s[:size]
}

// other is what a search for any text finds besides names: birth dates and
// identifiers, without the dots and dashes that are typed with them or not.
func (t terms) other() string {
	words := []string{fhirsearch.Bare(t.BirthDate)}
	for _, i := range t.Identifiers {
		words = append(words, fhirsearch.Bare(i.Value))
	}
	return strings.Join(words, " ")
}
