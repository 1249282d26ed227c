package fhirjson

import (
	"slices"
	"strings"
	"time"

	"github.com/carelog/carelog/events"
)

// Tag is a label in a resource's meta.
type Tag struct{ System, Code string }

// ConflictTag stands on a record in conflict when it is read. Every tag of its
// system belongs to the server: it is set by Stamp and taken out by Prepare.
var ConflictTag = Tag{System: "https://carelog.eu/fhir/CodeSystem/sync", Code: "conflict"}

// instant is FHIR's type of that name.
const instant = "2006-01-02T15:04:05.000Z07:00"

// Prepare makes of what a client sent the bytes that an event keeps: it sets the
// id, takes out what belongs to the server (meta.versionId, meta.lastUpdated, tags
// of the server's system, and a meta or meta.tag that is empty then), and leaves
// every other byte as it was. It checks as Check does. The result may share memory
// with body. Prepare of its own result changes nothing.
func Prepare(body []byte, id string) ([]byte, error) {
	if err := events.ValidateID("id", id); err != nil {
		return nil, &Error{Path: "id", Reason: err.Error()}
	}
	t, err := parseContent(body)
	if err != nil {
		return nil, err
	}
	defer t.free()
	if _, err := t.check(); err != nil {
		return nil, err
	}
	out := apply(t.body, t.setID(id))
	if len(out) > events.MaxPlain {
		return nil, &Error{Reason: "it is too large with its id", TooLarge: true}
	}
	return out, nil
}

// Stamp makes of a stored resource what a client reads: with its version, the time
// at which that version came here, and the server's tags. All other bytes stay as
// they are, and Prepare takes out exactly what Stamp put in. A body that Check
// refuses is returned as it is.
func Stamp(body []byte, versionID string, updated time.Time, tags ...Tag) []byte {
	t, err := parseContent(body)
	if err != nil {
		return body
	}
	defer t.free()
	if _, err := t.check(); err != nil {
		return body
	}
	header := appendMember(nil, "versionId", versionID)
	header = append(header, ',')
	header = appendMember(header, "lastUpdated", updated.UTC().Format(instant))
	items := appendTags(nil, tags)

	meta, hasMeta := t.member(root, "meta")
	if !hasMeta {
		if len(items) > 0 {
			header = append(append(append(header, `,"tag":[`...), items...), ']')
		}
		anchor, ok := t.member(root, "id")
		if !ok {
			anchor, _ = t.member(root, "resourceType")
		}
		return apply(t.body, []edit{t.insertAfter(root, anchor, `"meta":{`+string(header)+`}`)})
	}
	edits := []edit{}
	if tag, ok := t.member(meta, "tag"); ok && len(items) > 0 {
		edits = append(edits, insert(t.nodes[tag].start+1, string(items)+","))
	} else if len(items) > 0 {
		header = append(append(append(header, `,"tag":[`...), items...), ']')
	}
	edits = append(edits, insert(t.nodes[meta].start+1, string(header)+","))
	return apply(t.body, edits)
}

// setID returns the edit that gives the resource its id; none where it has it.
func (t *tree) setID(id string) []edit {
	if c, ok := t.member(root, "id"); ok {
		if t.text(c) == id {
			return nil
		}
		return []edit{{t.nodes[c].start, t.nodes[c].end, `"` + id + `"`}}
	}
	anchor, _ := t.member(root, "resourceType")
	return []edit{t.insertAfter(root, anchor, `"id":"`+id+`"`)}
}

// parseContent reads a body without what belongs to the server in it.
func parseContent(body []byte) (*tree, error) {
	t, err := parse(body)
	if err != nil {
		return nil, err
	}
	cuts := t.serverOwned()
	if len(cuts) == 0 {
		return t, nil
	}
	stripped := apply(body, cuts)
	t.free()
	return parse(stripped)
}

// serverOwned returns the cuts that take out of meta what belongs to the server.
func (t *tree) serverOwned() []edit {
	meta, ok := t.member(root, "meta")
	if !ok || !t.is(meta, object) {
		return nil
	}
	var within []edit
	cuts, emptied := t.cut(meta, func(c uint32) bool {
		if t.named(c, "versionId") || t.named(c, "lastUpdated") {
			return true
		}
		if !t.named(c, "tag") || !t.is(c, array) {
			return false
		}
		tags, all := t.cut(c, t.isServerTag)
		if !all {
			within = tags
		}
		return all
	})
	if emptied {
		cuts, _ = t.cut(root, func(c uint32) bool { return c == meta })
		return cuts
	}
	return append(cuts, within...)
}

func (t *tree) isServerTag(i uint32) bool {
	return t.is(i, object) && t.textAt(i, "system") == ConflictTag.System
}

func appendTags(out []byte, tags []Tag) []byte {
	for i, tag := range tags {
		if i > 0 {
			out = append(out, ',')
		}
		out = appendMember(append(out, '{'), "system", tag.System)
		out = appendMember(append(out, ','), "code", tag.Code)
		out = append(out, '}')
	}
	return out
}

// edit replaces a part of a body.
type edit struct {
	from, to uint32
	with     string
}

func insert(at uint32, with string) edit { return edit{at, at, with} }

// apply makes the edits, which do not overlap. Without any it returns body itself.
func apply(body []byte, edits []edit) []byte {
	if len(edits) == 0 {
		return body
	}
	slices.SortStableFunc(edits, func(a, b edit) int { return int(a.from) - int(b.from) })
	size := len(body)
	for _, e := range edits {
		size += len(e.with)
	}
	out := make([]byte, 0, size)
	at := uint32(0)
	for _, e := range edits {
		out = append(append(out, body[at:e.from]...), e.with...)
		at = e.to
	}
	return append(out, body[at:]...)
}

// cut returns the edits that take children out of an object or array, each with the
// comma that follows it, and the last ones with the comma before them; emptied says
// that none would stay.
//
// What insertAfter or an insert behind an opening bracket put in, cut takes out to
// the byte.
func (t *tree) cut(parent uint32, drop func(uint32) bool) (cuts []edit, emptied bool) {
	var run []uint32 // dropped since the last one that stays
	stays := uint32(0)
	from := t.nodes[parent].start + 1 // behind the bracket or comma before the child
	for c := range t.children(parent) {
		to, _ := t.comma(c)
		if drop(c) {
			run = append(run, c)
			cuts = append(cuts, edit{from: from, to: to})
		} else {
			run, stays = run[:0], c
		}
		from = to
	}
	if stays == 0 {
		return nil, true
	}
	if len(run) > 0 {
		cuts = cuts[:len(cuts)-len(run)]
		behind, _ := t.comma(stays)
		cuts = append(cuts, edit{from: behind - 1, to: t.nodes[run[len(run)-1]].end})
	}
	return cuts, false
}

// insertAfter adds a member behind a child.
func (t *tree) insertAfter(parent, child uint32, member string) edit {
	if behind, ok := t.comma(child); ok {
		return insert(behind, member+",")
	}
	return insert(t.nodes[child].end, ","+member)
}

// comma returns the place behind the comma that follows a child; where none does,
// the place behind the child.
func (t *tree) comma(child uint32) (behind uint32, ok bool) {
	at := t.nodes[child].end
	for strings.IndexByte(" \n\r\t", t.body[at]) >= 0 {
		at++
	}
	if t.body[at] != ',' {
		return t.nodes[child].end, false
	}
	return at + 1, true
}

// appendMember writes "name":"value".
func appendMember(out []byte, name, value string) []byte {
	out = append(appendQuoted(out, name), ':')
	return appendQuoted(out, value)
}

// appendQuoted writes a string as JSON, escaping no more than JSON asks for.
func appendQuoted(out []byte, s string) []byte {
	const hex = "0123456789abcdef"
	out = append(out, '"')
	for _, r := range strings.ToValidUTF8(s, "\uFFFD") {
		switch {
		case r == '"' || r == '\\':
			out = append(out, '\\', byte(r))
		case r < ' ':
			out = append(out, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
		default:
			out = append(out, string(r)...)
		}
	}
	return append(out, '"')
}
