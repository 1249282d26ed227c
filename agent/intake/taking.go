package intake

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/attachments"
	"github.com/carelog/carelog/agent/letters"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
	"github.com/carelog/carelog/projections/fhirjson"
	"github.com/carelog/carelog/projections/fhirjson/structure"
)

// taking is what one request brings, on its way into the desk.
type taking struct {
	desk     Desk
	standing Standing
	author   string
	bag      *letters.Bag
	waiting  []coming
	bytes    int // of what is waiting
	result   Result
}

// coming is a change that was checked and is not written yet.
type coming struct {
	agent.Draft
	source  string
	letters bool // it has contents in it that leave it
}

func newTaking(desk Desk, standing Standing, author string) *taking {
	return &taking{desk: desk, standing: standing, author: author, bag: letters.NewBag(desk.NewContent), result: Result{Refused: []Refusal{}}}
}

// lines takes NDJSON of Line. Nothing is written before all of it has come.
func (t *taking) lines(ctx context.Context, body io.Reader) error {
	lines := bufio.NewScanner(body)
	lines.Buffer(make([]byte, 64<<10), maxLine)
	for n := 1; lines.Scan(); n++ {
		var line Line
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return fmt.Errorf("line %d: %w: %w", n, errLine, err)
		}
		if err := t.add(ctx, line, strings.NewReader(line.Body), nil); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%w: nothing was taken of what does not come to its end: %w", errLine, err)
	}
	return t.flush(ctx)
}

// letter takes one resource, whose contents go to the disk while they come.
func (t *taking) letter(ctx context.Context, body io.Reader, line Line) error {
	if err := t.add(ctx, line, body, nil); err != nil {
		return err
	}
	return t.flush(ctx)
}

// Bounds of what waits until it is written, of lines that come without end.
const (
	maxWaiting      = 500
	maxWaitingBytes = 4 << 20
)

// stream takes resources of FHIR as lines. They are written as they come: of what breaks off, the lines before are here.
func (t *taking) stream(ctx context.Context, body io.Reader) error {
	in := bufio.NewReaderSize(body, 64<<10)
	for n := 1; ; n++ {
		line, made := &oneLine{r: in, left: MaxLetter}, newMadeID()
		err := t.add(ctx, Line{Source: fmt.Sprintf("line %d", n)}, io.TeeReader(line, made), made)
		if err == nil {
			err = line.skip()
		}
		if err != nil {
			err = errors.Join(err, t.flush(ctx))
			return fmt.Errorf("line %d: %w; %d resources before it were written: send all again, nothing is doubled", n, err, t.result.Written)
		}
		if len(t.waiting) >= maxWaiting || t.bytes >= maxWaitingBytes || t.bag.Len() > 0 || line.last {
			err := errors.Join(t.flush(ctx), t.bag.Close())
			if err != nil || line.last {
				return err
			}
		}
	}
}

// oneLine reads up to the end of a line.
type oneLine struct {
	r     *bufio.Reader
	left  int
	ended bool
	last  bool // nothing comes behind it
}

func (l *oneLine) Read(p []byte) (int, error) {
	if l.ended {
		return 0, io.EOF
	}
	if l.left <= 0 {
		return 0, &fhirjson.Error{Reason: fmt.Sprintf("the line has more than %d MB", MaxLetter>>20), TooLarge: true}
	}
	if _, err := l.r.Peek(1); err != nil {
		l.ended, l.last = true, err == io.EOF
		return 0, err
	}
	next, _ := l.r.Peek(min(l.r.Buffered(), len(p), l.left))
	n := len(next)
	if end := bytes.IndexByte(next, '\n'); end >= 0 {
		n, l.ended = end, true
		_, _ = l.r.Discard(end + 1)
	} else {
		_, _ = l.r.Discard(n)
	}
	l.left -= n
	return copy(p, next[:n]), nil
}

// skip passes over what nobody has read of it.
func (l *oneLine) skip() error {
	for !l.ended {
		_, err := l.r.ReadSlice('\n')
		switch {
		case err == nil:
			l.ended = true
		case err == io.EOF:
			l.ended, l.last = true, true
		case err != bufio.ErrBufferFull:
			return fmt.Errorf("%w: %w", errLine, err)
		}
	}
	return nil
}

// add checks a resource and keeps it until flush. What cannot be taken in is refused, and no error. made is what its id is made of where
// it has none; nil: the line says its type and id.
func (t *taking) add(ctx context.Context, line Line, from io.Reader, made *madeIDSum) error {
	before := t.bag.Len()
	body, err := t.bag.ReadRecord(from)
	var wrong *fhirjson.Error
	switch {
	case errors.As(err, &wrong), errors.Is(err, events.ErrAttachmentSize):
		t.refuse(line, err)
		return nil
	case errors.Is(err, attachments.ErrNoRoom):
		return err
	case err != nil:
		return fmt.Errorf("%w: %w", errLine, err)
	}
	if made != nil { // a resource says itself what it is
		if len(bytes.TrimSpace(body)) == 0 {
			return nil
		}
		if line.Type, line.ID, err = named(body, made); err != nil {
			t.refuse(line, err)
			return nil
		}
	}
	var content *attachments.Spool
	if line.Type == "Binary" && t.bag.Len() > before {
		body, content = t.bag.Content(body)
	}
	d, err := draftWith(line, body, content, t.author)
	one := coming{Draft: d, source: line.Source, letters: content == nil && t.bag.Len() > before}
	if err == nil && !one.letters && len(d.Body) > structure.MaxInline {
		_, _, err = t.bag.Apart(ctx, t.where(), &one.Draft) // nothing leaves it, and nothing may stay that must
	}
	if err != nil {
		t.refuse(line, err)
		return nil
	}
	t.waiting, t.bytes = append(t.waiting, one), t.bytes+len(d.Body)
	return nil
}

// named is what a resource is stored under. Its body has no contents in it any more, which made is of as well.
func named(body []byte, made *madeIDSum) (typ, id string, err error) {
	head, err := fhirjson.Check(body)
	if err != nil {
		return "", "", err
	}
	if head.ResourceType == "Bundle" {
		if err := isRecord(body); err != nil {
			return "", "", err
		}
	}
	if !validID(head.ID) {
		head.ID = made.id()
	}
	return head.ResourceType, head.ID, nil
}

// isRecord refuses a Bundle that an export gives out beside the records.
func isRecord(bundle []byte) error {
	var b struct {
		Type  string
		Meta  struct{ Tag []fhirjson.Tag }
		Entry []struct{ Resource head }
	}
	if err := json.Unmarshal(bundle, &b); err != nil {
		return err
	}
	switch {
	case slices.Contains(b.Meta.Tag, fhirjson.ConflictTag) && len(b.Entry) > 0:
		return errConflict(b.Entry[0].Resource.ResourceType + "/" + b.Entry[0].Resource.ID)
	case b.Type == "transaction", b.Type == "batch":
		return fmt.Errorf("a Bundle of changes is no record: POST it to the FHIR door, which says of each what became of it")
	}
	return nil
}

func (t *taking) where() letters.Desk {
	return letters.Desk{Record: t.standing.Record, NameFor: t.desk.NameFor}
}

// flush writes what waits, in its order.
func (t *taking) flush(ctx context.Context) error {
	waiting := t.waiting
	t.waiting, t.bytes = nil, 0
	for len(waiting) > 0 {
		n := 0
		for n < len(waiting) && !waiting[n].letters {
			n++
		}
		if err := t.many(ctx, waiting[:n]); err != nil {
			return err
		}
		if waiting = waiting[n:]; len(waiting) > 0 {
			if err := t.withLetters(ctx, waiting[0]); err != nil {
				return err
			}
			waiting = waiting[1:]
		}
	}
	return nil
}

// many writes changes without contents in them, all at the price of one.
func (t *taking) many(ctx context.Context, list []coming) error {
	if len(list) == 0 {
		return nil
	}
	drafts := make([]agent.Draft, len(list))
	for i, c := range list {
		drafts[i] = c.Draft
		drafts[i].Once = true
	}
	outcomes, err := t.desk.WriteMany(ctx, drafts)
	if err != nil {
		return err
	}
	for i, o := range outcomes {
		t.took(list[i], o)
	}
	return nil
}

// withLetters writes one change with the Binaries of the contents that came in it.
func (t *taking) withLetters(ctx context.Context, c coming) error {
	var outcome agent.Outcome
	_, err := t.desk.Transact(ctx, func(ctx context.Context) ([]agent.Draft, error) {
		d, before := c.Draft, c.Draft
		beside, _, err := t.bag.Apart(ctx, t.where(), &d)
		if err == nil { // a letter that was deleted here gets another name, and would make the document a new one
			_, _, err = t.bag.Apart(ctx, letters.Desk{Record: none, NameFor: t.desk.NameFor}, &before)
		}
		if err != nil {
			return nil, &agent.DraftError{Err: err}
		}
		d.Once = true
		outcome, err = t.desk.Said(ctx, d, before.Body) // or with the letters of then
		if err != nil || outcome.Kept || outcome.Unchanged && len(beside) == 0 {
			return nil, err
		}
		outcome = agent.Outcome{}
		return append(beside, d), nil
	})
	var of *agent.DraftError
	if errors.As(err, &of) {
		t.took(c, agent.Outcome{Err: of.Err})
		return nil
	}
	if err == nil {
		t.took(c, outcome)
	}
	return err
}

// none finds no record, as a desk to which nothing came yet.
func none(context.Context, events.Record) (projections.State, error) {
	return projections.State{}, projections.ErrNotFound
}

// took notes what became of a change.
func (t *taking) took(c coming, o agent.Outcome) {
	switch {
	case o.Unchanged, c.Create && errors.Is(o.Err, agent.ErrExists):
		t.result.Unchanged++
	case o.Kept:
		t.result.Kept++
		t.result.warn(Warning{c.source, fmt.Sprintf("%s: it came in just so before, and was changed or deleted here since: it stays as it is now", c.Record)})
		return
	case o.Err != nil:
		t.result.add(Refusal{c.source, o.Err.Error()})
		return
	default:
		t.result.Written++
	}
	doubts := structure.Warnings(c.Body)
	if c.Patient == "" {
		doubts = append(doubts, structure.NoDossier(c.Body)...)
	}
	for _, doubt := range doubts {
		t.result.warn(Warning{c.source, fmt.Sprintf("%s: %v", c.Record, doubt)})
	}
}

func (t *taking) refuse(line Line, err error) {
	name := ""
	if line.Type != "" {
		name = line.Type + "/" + line.ID + ": "
	}
	t.result.add(Refusal{line.Source, name + err.Error()})
}

// maxListed is how many refusals, and warnings, a Result lists.
const maxListed = 10_000

func (r *Result) add(one Refusal) {
	if len(r.Refused) == maxListed {
		r.Unlisted++
		return
	}
	r.Refused = append(r.Refused, one)
}

func (r *Result) warn(one Warning) {
	if len(r.Warnings) < maxListed {
		r.Warnings = append(r.Warnings, one)
	}
}
