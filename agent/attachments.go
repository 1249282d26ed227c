package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/carelog/carelog/agent/attachments"
	"github.com/carelog/carelog/agent/light"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/fhirjson"
)

// AttachmentsFolder is the folder of the data folder with the contents of letters and scans.
const AttachmentsFolder = "attachments"

// attachmentSpare is what contents leave free on the disk, in bytes: people write there.
const attachmentSpare = 64 << 20

// binaryType is the type of the records whose content is kept beside the log.
const binaryType = "Binary"

func (a *Agent) openAttachments() (err error) {
	a.attachments, err = attachments.Open(attachments.Config{
		Dir: filepath.Join(a.config.Data, AttachmentsFolder), Room: a.config.AttachmentRoom, Spare: attachmentSpare, Patience: a.config.Patience,
		Server: a.attachmentServer, Changed: a.attachmentsChanged, Trouble: a.attachmentTrouble, Logger: a.log,
	})
	return err
}

// attachmentServer is the server while there is a session with it.
func (a *Agent) attachmentServer() attachments.Server {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.meeting == nil {
		return nil
	}
	return a.meeting.contents
}

// attachmentsChanged keeps the light from being green while a content is only here, and
// has it proved as soon as none is.
func (a *Agent) attachmentsChanged() {
	owed := a.attachments.Owed()
	switch {
	case owed == 0:
		a.work.fire()
	case a.light.State().Color == light.Online:
		a.setLight(light.Synchronising, reasonAttachments(owed), nil)
	}
	a.changed.fire()
}

func reasonAttachments(owed int) string {
	if owed == 1 {
		return "sending the content of an attachment"
	}
	return fmt.Sprintf("sending the contents of %d attachments", owed)
}

const warnAttachments = "attachments-unsent"

// attachmentTrouble says why contents stay here; a line that was lost says itself.
func (a *Agent) attachmentTrouble(err error) {
	switch owed := a.attachments.Owed(); {
	case err == nil:
		a.clearWarning(warnAttachments)
	case owed == 0 || errors.Is(err, events.ErrOffline) || errors.Is(err, events.ErrUnknownOutcome):
	default:
		a.warn(warnAttachments, "The contents of %d attachments are on this PC only: the server does not take them (%v). They are safe here and tried again; have whoever runs the server make room, or run `carelog practice provision`.", owed, err)
	}
}

// sendAttachments sends what the server does not have, beside the session. stop waits.
func (s *session) sendAttachments(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.agent.attachments.Send(ctx, s.contents)
	}()
	return func() { cancel(); <-done }
}

// NewContent takes in the content of a letter or scan, for Draft.Content. It must be
// closed. Errors, also of Write: attachments.ErrNoRoom, events.ErrAttachmentSize.
func (a *Agent) NewContent() (*attachments.Spool, error) { return a.attachments.NewSpool() }

// OpenAttachment reads the content to which a Binary of a patient's dossier refers. What
// is not here is fetched while it is read, for as long as ctx lasts; see
// attachments.Store.Open for the errors.
func (a *Agent) OpenAttachment(ctx context.Context, patient string, of events.Attachment) (*attachments.Content, error) {
	seal, err := a.pieceSeal(ctx, patient, of)
	if err != nil {
		return nil, err
	}
	return a.attachments.Open(ctx, seal)
}

// pieceSeal is what opens a content. A key that is not here is asked for: two desks may have
// made one of the patient at once, and no event need be sealed by that under which the
// content is. Without the server nobody knows whether there is such a key: the error is
// attachments.ErrAway then.
func (a *Agent) pieceSeal(ctx context.Context, patient string, of events.Attachment) (*events.PieceSeal, error) {
	seal, err := a.ring.PieceSeal(patient, of)
	if !errors.Is(err, events.ErrNoKey) {
		return seal, err
	}
	a.mu.Lock()
	s := a.meeting
	a.mu.Unlock()
	if s == nil {
		return nil, fmt.Errorf("%w: %w", attachments.ErrAway, err)
	}
	if err := a.replica.FetchKey(ctx, s.log, patient, of.Key); errors.Is(err, events.ErrOffline) {
		return nil, fmt.Errorf("%w: %w", attachments.ErrAway, err)
	} else if err != nil {
		return nil, err
	}
	return a.ring.PieceSeal(patient, of)
}

// keyMaker makes a patient's key where there is none.
type keyMaker func(ctx context.Context, patient string) error

// attach puts the content of a Binary on this PC's disk and a reference into the draft,
// so that no event ever has a content; need makes a key that is missing. settle must be told whether the draft was written.
func (a *Agent) attach(ctx context.Context, d *Draft, need keyMaker) (settle func(written bool), err error) {
	settle = func(bool) {}
	if d.Delete || d.Record.Type != binaryType {
		return settle, nil
	}
	spool := d.Content
	if spool == nil {
		b, err := fhirjson.BinaryOf(d.Body)
		if err == nil && !b.Inline {
			if b.Attached {
				_, err = a.pieceSeal(ctx, d.Patient, b.Attachment)
			}
			return settle, err
		}
		if err != nil {
			return nil, err
		}
		if spool, err = a.attachments.NewSpool(); err != nil {
			return nil, err
		}
		defer spool.Close()
		var found bool
		if d.Body, found, err = fhirjson.SplitContent(bytes.NewReader(d.Body), spool); err != nil {
			return nil, err
		}
		if !found {
			return nil, errInline
		}
	}
	if err := contentless(*d); err != nil {
		return nil, err
	}
	if err := need(ctx, d.Patient); err != nil {
		return nil, err
	}
	seal, err := a.ring.Attach(d.Patient, spool.Size(), spool.Digest())
	if err != nil {
		return nil, err
	}
	if d.Body, err = fhirjson.Attach(d.Body, seal.Attachment()); err != nil {
		return nil, err
	}
	held, err := a.attachments.Put(seal, spool)
	if err != nil {
		return nil, err
	}
	record := d.Record
	return func(written bool) {
		if written || a.stands(record) {
			held.Keep()
		} else if err := held.Drop(); err != nil {
			a.log.Warn("a content that is not needed stays", "err", err)
		}
	}, nil
}

// stands reports whether a change of a record may be queued: one that was refused, and
// could not be taken out of the outbox again, still needs its content.
func (a *Agent) stands(record events.Record) bool {
	queued, err := a.allQueued(context.Background())
	return err != nil || slices.ContainsFunc(queued, func(e *events.Event) bool { return e.Record == record })
}

// attachAll is attach for many drafts, which it copies where it must. settle must be told
// what became of each; of those without an outcome nothing was written.
func (a *Agent) attachAll(ctx context.Context, given []Draft, need keyMaker) (drafts []Draft, settle func([]Outcome)) {
	drafts = given
	settles := make(map[int]func(bool))
	for i := range given {
		if given[i].Record.Type != binaryType {
			continue
		}
		if len(settles) == 0 {
			drafts = slices.Clone(given)
		}
		one, err := a.attach(ctx, &drafts[i], need)
		if err != nil {
			drafts[i].fault, one = err, func(bool) {}
		}
		settles[i] = one
	}
	return drafts, func(outcomes []Outcome) {
		for i, one := range settles {
			one(i < len(outcomes) && outcomes[i].Err == nil)
		}
	}
}

// contentless refuses what would put a content into an event.
func contentless(d Draft) error {
	if d.Record.Type != binaryType {
		return nil
	}
	b, err := fhirjson.BinaryOf(d.Body)
	if err == nil && b.Inline {
		err = errInline
	}
	return err
}

// errInline is of a content that is still in its resource.
var errInline = &fhirjson.Error{Path: "Binary.data", Reason: "it stands twice, or is no string of base64"}

// needKey makes a patient's key where there is none. It is on this PC's disk before it
// seals anything, and goes to the server before the next event.
func (a *Agent) needKey(ctx context.Context, patient string) error {
	if has, err := a.ring.Has(patient); has || err != nil {
		return err
	}
	if err := a.lockWriting(ctx); err != nil {
		return err
	}
	defer a.unlockWriting()
	return a.needKeyWriting(ctx, patient)
}

// needKeyWriting is needKey for who holds writing.
func (a *Agent) needKeyWriting(ctx context.Context, patient string) error {
	if has, err := a.ring.Has(patient); has || err != nil {
		return err
	}
	made := a.newKeys()
	k, err := made.ring.Make(patient)
	if err != nil {
		return err
	}
	made.wrapped = append(made.wrapped, k)
	if err := a.outbox.Enqueue(ctx, made.wrapped); err != nil {
		return err
	}
	a.keepKeys(context.WithoutCancel(ctx), made)
	return nil
}
