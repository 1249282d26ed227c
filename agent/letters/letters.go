package letters

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha1" // R4 wants it of Attachment.hash; nothing is trusted for it
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"strconv"
	"strings"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/attachments"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
	"github.com/carelog/carelog/projections/fhirjson"
	"github.com/carelog/carelog/projections/fhirjson/structure"
)

// MaxBody bounds a resource or Bundle with contents in it, in bytes: the largest content in base64 and
// what stands beside it.
const MaxBody = events.MaxAttachment/3*4 + 4 + events.MaxPlain

// BesideURL marks the server's own extension on Attachment.data, where the client gave a url of its own:
// it names the Binary that has the content.
const BesideURL = "https://carelog.eu/fhir/StructureDefinition/beside"

// Bag holds the contents that came within the records of one request. It is used by one
// goroutine, and must be closed, after the records were written.
type Bag struct {
	newSpool func() (*attachments.Spool, error)
	contents map[string]*content // by what stands in their place
}

type content struct {
	*attachments.Spool
	sha1 hash.Hash
}

func (c *content) Write(p []byte) (int, error) {
	_, _ = c.sha1.Write(p) // never fails
	return c.Spool.Write(p)
}

// NewBag returns an empty one; newSpool is where contents go, and is asked when there is one.
func NewBag(newSpool func() (*attachments.Spool, error)) *Bag { return &Bag{newSpool: newSpool} }

// Read reads a resource, or a Bundle of them, without the contents that leave it. It is to be
// checked as if it were what was sent; see structure.SplitAttachments, and newSpool, for the errors.
func (b *Bag) Read(r io.Reader) ([]byte, error) { return structure.SplitAttachments(r, b.take) }

// ReadRecord is Read of one resource, which may be a Binary: see Content.
func (b *Bag) ReadRecord(r io.Reader) ([]byte, error) { return structure.SplitRecord(r, b.take) }

// Content is that of a Binary that ReadRecord took out, for agent.Draft.Content, and the Binary with a place for it; nil, and
// the body itself, where it has none or still has it.
func (b *Bag) Content(body []byte) (rest []byte, content *attachments.Spool) {
	var ticket bytes.Buffer
	rest, found, err := fhirjson.SplitContent(bytes.NewReader(body), &ticket)
	c := b.contents[base64.StdEncoding.EncodeToString(ticket.Bytes())]
	if err != nil || !found || c == nil {
		return body, nil // who checks the body says what is wrong with it
	}
	return rest, c.Spool
}

func (b *Bag) take() (io.Writer, string, error) {
	spool, err := b.newSpool()
	if err != nil {
		return nil, "", err
	}
	var name [24]byte // nobody can send one that is in use
	_, _ = rand.Read(name[:])
	ticket := base64.StdEncoding.EncodeToString(name[:])
	if b.contents == nil {
		b.contents = make(map[string]*content)
	}
	c := &content{spool, sha1.New()}
	b.contents[ticket] = c
	return c, ticket, nil
}

// Len is how many contents came.
func (b *Bag) Len() int { return len(b.contents) }

// Close removes what came.
func (b *Bag) Close() error {
	var errs []error
	for _, c := range b.contents {
		errs = append(errs, c.Spool.Close())
	}
	b.contents = nil
	return errors.Join(errs...)
}

// Desk finds out which Binaries there are.
type Desk struct {
	// Record answers projections.ErrNotFound, wrapped, where no such record is here.
	Record func(ctx context.Context, r events.Record) (projections.State, error)
	// NameFor is that of agent.Agent.
	NameFor func(what string, number int) string
}

// Moved is a content that leaves its record.
type Moved struct {
	Path   string // of the Attachment, such as DocumentReference.content[0].attachment
	Binary events.Record
	Size   int64
}

// String is the place, and what became of the content.
func (m Moved) String() string { return m.Path + ": " + m.Text() }

// Text says what became of the content.
func (m Moved) Text() string {
	return fmt.Sprintf("its data, %d bytes, is kept as %s", m.Size, m.Binary)
}

// Apart finds in the body of a draft, which structure.Check let pass, the contents that left it, puts into
// it where they are, and returns the Binaries that are to be written with it, or not at all. Whoever writes must let no other
// change of this desk come between. What is not true of a content is a *structure.Error; the other errors are those of Record.
func (b *Bag) Apart(ctx context.Context, desk Desk, d *agent.Draft) (beside []agent.Draft, moved []Moved, err error) {
	if b.Len() == 0 && len(d.Body) <= structure.MaxInline {
		return nil, nil, nil
	}
	m := mover{ctx: ctx, desk: desk, draft: d}
	d.Body, err = structure.MoveContents(d.Body, func(path string, a fhirjson.Element) (string, error) {
		c := b.contents[a.Text("data")]
		if c == nil {
			if !structure.Stays(a) {
				return "", fault(path+".data", "it is too long to stay in the record: write its name without escapes")
			}
			return "", nil
		}
		return m.move(path, a, c)
	})
	return m.beside, m.moved, err
}

// mover moves the contents of one record.
type mover struct {
	ctx    context.Context
	desk   Desk
	draft  *agent.Draft
	beside []agent.Draft
	moved  []Moved
}

// move is what stands in place of data.
func (m *mover) move(path string, a fhirjson.Element, c *content) (string, error) {
	sum := base64.StdEncoding.EncodeToString(c.sha1.Sum(nil))
	size := strconv.FormatInt(c.Size(), 10)
	if given := a.Member("size"); given != fhirjson.None && given.Digits() != size {
		return "", fault(path+".size", fmt.Sprintf("it is %s, and data has %s bytes", given.Raw(), size))
	}
	if given := a.Member("hash"); given != fhirjson.None && given.Text() != sum {
		return "", fault(path+".hash", "it is not the SHA-1 of data, in base64")
	}
	if a.Member("_data") != fhirjson.None {
		return "", fault(path+".data", "so long a content is kept as a Binary, and _data cannot stay without it: leave _data out, or send the Binary yourself")
	}
	binary, err := m.binary(path, a, c)
	if err != nil {
		return "", err
	}
	m.moved = append(m.moved, Moved{path, binary, c.Size()})
	members := []string{`"url":` + quoted(binary.String())}
	if a.Member("url") != fhirjson.None { // that is the client's, who says that the same is there
		members[0] = `"_data":{"extension":[{"url":` + quoted(BesideURL) + `,"valueUrl":` + quoted(binary.String()) + `}]}`
	}
	if a.Member("size") == fhirjson.None {
		members = append(members, `"size":`+size)
	}
	if a.Member("hash") == fhirjson.None {
		members = append(members, `"hash":`+quoted(sum))
	}
	return strings.Join(members, ","), nil
}

// maxNames is how many ids are tried; others of them are of Binaries that were deleted or changed.
const maxNames = 100

// binary finds the Binary that has a content, or makes one of it.
func (m *mover) binary(path string, a fhirjson.Element, c *content) (events.Record, error) {
	contentType := a.Text("contentType")
	if contentType == "" {
		contentType = "application/octet-stream"
	}
	digest := c.Digest()
	if url := a.Text("url"); url != "" {
		if err := m.same(path, url, digest); err != nil {
			return events.Record{}, err
		}
	}
	what := fmt.Sprintf("Binary of %s of patient %q: %s, %d, %q", m.draft.Record, m.draft.Patient, digest, c.Size(), contentType)
	for n := range maxNames {
		record := events.Record{Type: "Binary", ID: m.desk.NameFor(what, n)}
		for _, other := range m.beside {
			if other.Record == record {
				return record, nil
			}
		}
		state, err := m.desk.Record(m.ctx, record)
		if errors.Is(err, projections.ErrNotFound) {
			return record, m.make(record, contentType, c)
		}
		if err != nil {
			return record, err
		}
		b, readable := shown(state)
		if readable && b.Attachment.Digest == digest && b.ContentType == contentType && state.Patient == m.draft.Patient {
			return record, nil
		}
	}
	return events.Record{}, fmt.Errorf("keep %s.data: its Binary was deleted or changed %d times", path, maxNames)
}

// same refuses a url of one of our Binaries that has another content.
func (m *mover) same(path, url string, digest events.Digest) error {
	record, err := events.ParseRecord(fhirjson.Local(url)) // that of one version is none
	if err != nil || record.Type != "Binary" {
		return nil
	}
	state, err := m.desk.Record(m.ctx, record)
	if errors.Is(err, projections.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if b, readable := shown(state); readable && b.Attachment.Digest != digest {
		return fault(path+".url", fmt.Sprintf("data is another content than that of %s: R4 wants both to be the same", record))
	}
	return nil
}

// shown is what is known of the version shown; not readable where it refers to no content.
func shown(state projections.State) (b fhirjson.Binary, readable bool) {
	if state.Shown.Deleted() {
		return b, false
	}
	b, err := fhirjson.BinaryOf(state.Shown.Body)
	return b, err == nil && b.Attached
}

func (m *mover) make(record events.Record, contentType string, c *content) error {
	security := ""
	if m.draft.Patient != "" {
		security = "Patient/" + m.draft.Patient
	}
	body, err := fhirjson.Prepare(fhirjson.NewBinary(contentType, security), record.ID)
	if err != nil {
		return err
	}
	m.beside = append(m.beside, agent.Draft{Record: record, Patient: m.draft.Patient, Author: m.draft.Author, Create: true, Body: body, Content: c.Spool})
	return nil
}

func fault(path, text string) error {
	return &structure.Error{Issues: []structure.Issue{{Code: structure.CodeValue, Path: path, Text: text}}}
}

// quoted is a text in JSON; of a record's name or address nothing needs escapes.
func quoted(text string) string {
	q, _ := json.Marshal(text) // a string always has a form
	return string(q)
}
