package intake

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"strings"

	"github.com/carelog/carelog/events"
)

const urnUUID = "urn:uuid:"

// index knows what the references in a bundle can mean: for each fullUrl, the type
// and id that its entry is stored under.
type index struct {
	entries int
	// uuids holds the usual case, an entry that is stored under its own UUID, in few bytes.
	uuids map[[16]byte]uint16 // number of the type
	types []string
	other map[string]string // fullUrl to Type/id
	// disputed entries have an id of their own besides the UUID they are created under;
	// the one that other entries refer to counts.
	disputed map[string]dispute // by Type/own id
	own      map[string]bool    // disputes that the own id has won, by fullUrl
}

type dispute struct{ fullURL, own string }

func newIndex() *index {
	return &index{
		uuids: map[[16]byte]uint16{}, other: map[string]string{}, disputed: map[string]dispute{}, own: map[string]bool{},
	}
}

// add notes an entry. One that says of itself neither type nor id cannot be referred to.
func (x *index) add(e envelope[head]) {
	if e.FullURL == "" || !resourceType(e.Resource.ResourceType) {
		return
	}
	if disputed(e) {
		x.disputed[e.Resource.ResourceType+"/"+e.Resource.ID] = dispute{e.FullURL, e.Resource.ID}
	}
	x.set(e.FullURL, e.Resource.ResourceType, x.id(e))
}

func (x *index) set(fullURL, resourceType, id string) {
	if uuid, ok := parseUUID(fullURL); ok && id == fullURL[len(urnUUID):] {
		if number, ok := x.number(resourceType); ok {
			x.uuids[uuid] = number
			return
		}
	}
	x.other[fullURL] = resourceType + "/" + id
}

// number numbers the types; a bundle that makes up thousands of them gets none.
func (x *index) number(resourceType string) (uint16, bool) {
	for i, t := range x.types {
		if t == resourceType {
			return uint16(i), true
		}
	}
	if len(x.types) >= 256 {
		return 0, false
	}
	x.types = append(x.types, resourceType)
	return uint16(len(x.types) - 1), true
}

// target returns what a reference to an entry of this bundle becomes.
func (x *index) target(reference string) (string, bool) {
	if target, ok := x.other[reference]; ok {
		return target, true
	}
	if uuid, ok := parseUUID(reference); ok {
		if number, ok := x.uuids[uuid]; ok {
			return x.types[number] + "/" + reference[len(urnUUID):], true
		}
	}
	return "", false
}

// settle looks at the references of an entry for those that decide a dispute.
func (x *index) settle(raw json.RawMessage) {
	eachReference(raw, func(reference string) {
		if d, ok := x.disputed[reference]; ok && !x.own[d.fullURL] {
			x.own[d.fullURL] = true
			resourceType, _, _ := strings.Cut(reference, "/")
			if uuid, ok := parseUUID(d.fullURL); ok {
				delete(x.uuids, uuid)
			}
			x.set(d.fullURL, resourceType, d.own)
		}
	})
}

// disputed reports whether an entry is created under a UUID and has another id too.
func disputed(e envelope[head]) bool {
	uuid, ok := strings.CutPrefix(e.FullURL, urnUUID)
	return ok && e.Request.Method == "POST" && validID(e.Resource.ID) && e.Resource.ID != uuid
}

// id returns what an entry is stored under; empty where it says nothing of that.
func (x *index) id(e envelope[head]) string {
	own := e.Resource.ID
	uuid, isURN := strings.CutPrefix(e.FullURL, urnUUID)
	switch {
	case disputed(e) && !x.own[e.FullURL] && validID(uuid):
		return uuid // the server would not look at the own id either
	case validID(own):
		return own
	case e.Request.Method == "PUT" && validID(after(e.Request.URL, e.Resource.ResourceType+"/")):
		return after(e.Request.URL, e.Resource.ResourceType+"/")
	case isURN && validID(uuid):
		return uuid
	case e.FullURL == "":
		return ""
	}
	if id := e.FullURL[strings.LastIndexByte(e.FullURL, '/')+1:]; !isURN && validID(id) &&
		strings.HasSuffix(e.FullURL, "/"+e.Resource.ResourceType+"/"+id) {
		return id
	}
	return madeID([]byte(e.FullURL))
}

func after(s, prefix string) string {
	rest, ok := strings.CutPrefix(s, prefix)
	if !ok {
		return ""
	}
	return rest
}

func validID(id string) bool { return events.ValidateID("id", id) == nil }

func resourceType(s string) bool {
	return events.Record{Type: s, ID: "-"}.Validate() == nil
}

// madeID makes an id of what there is, in the form of a UUID of version 8: the same
// for the same, so that a second import does not double what the first one wrote.
func madeID(of []byte) string {
	sum := newMadeID()
	_, _ = sum.Write(of) // never fails
	return sum.id()
}

// madeIDSum is madeID of what comes in pieces, without the white space around it.
type madeIDSum struct {
	hash  hash.Hash
	begun bool
	space []byte // that may be within, or behind all
}

func newMadeID() *madeIDSum {
	h := sha256.New()
	_, _ = h.Write([]byte("carelog import id v1\n"))
	return &madeIDSum{hash: h}
}

func (m *madeIDSum) Write(p []byte) (int, error) {
	const space = " \t\r\n"
	text := p
	if !m.begun {
		text = bytes.TrimLeft(p, space)
	}
	if end := len(bytes.TrimRight(text, space)); end > 0 {
		_, _ = m.hash.Write(m.space)
		_, _ = m.hash.Write(text[:end])
		m.begun, m.space, text = true, m.space[:0], text[end:]
	}
	m.space = append(m.space, text...)
	return len(p), nil
}

func (m *madeIDSum) id() string {
	sum := m.hash.Sum(nil)
	sum[6] = sum[6]&0x0f | 0x80
	sum[8] = sum[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

// parseUUID reads urn:uuid: and a UUID in small letters, the only spelling that comes
// back the same from its 16 bytes.
func parseUUID(s string) (uuid [16]byte, ok bool) {
	text, ok := strings.CutPrefix(s, urnUUID)
	if !ok || len(text) != 36 || strings.ToLower(text) != text ||
		text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
		return uuid, false
	}
	digits := text[:8] + text[9:13] + text[14:18] + text[19:23] + text[24:]
	n, err := hex.Decode(uuid[:], []byte(digits))
	return uuid, err == nil && n == len(uuid)
}
