package audit

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/carelog/carelog/events"
)

// Progress says how far a reading is.
type Progress struct {
	Done  uint64        `json:"done"`            // messages
	Total uint64        `json:"total,omitempty"` // messages; 0 where it is not known
	Rate  float64       `json:"rate"`            // messages a second, so far
	Since time.Duration `json:"-"`               // since the start
}

// Check is what to verify a log against.
type Check struct {
	Keys Keys
	// Expect are positions that others say they have read: the log must have the
	// same hash there.
	Expect []events.Position
	// Pieces tells which pieces of an attachment the broker has, by number; nil: nobody
	// looks for them. See events.Attachment.
	Pieces func(ctx context.Context, name string) (map[int]bool, error)
	// Last is the sequence to which whoever keeps the log has counted, for Progress and to
	// see that nothing was removed from the end; 0 where it is not known.
	Last uint64
	// Progress is called from Verify's goroutine after some hundreds of messages; it may be nil.
	Progress func(Progress)
}

// Summary is what Verify counted.
type Summary struct {
	Messages    int             `json:"messages"`
	Events      int             `json:"events"`       // messages that are events, repeats left out
	Unreadable  int             `json:"unreadable"`   // messages that are no event
	UnknownType int             `json:"unknown_type"` // events of a newer version
	Discounted  int             `json:"discounted"`   // events that do not count: wrong signature, no certified device, revoked
	SetAside    int             `json:"set_aside"`
	Devices     int             `json:"devices"`
	Opened      int             `json:"opened"`      // bodies
	Erased      int             `json:"erased"`      // bodies that stay closed because their patient was erased
	Closed      int             `json:"closed"`      // bodies that stay closed though no erasure says so
	Attachments int             `json:"attachments"` // contents to which the log refers
	Position    events.Position `json:"position"`    // the end of the log
	Errors      int             `json:"errors"`
	Warnings    int             `json:"warnings"`
	Notices     int             `json:"notices"`
	Seconds     float64         `json:"seconds"`
}

// Clean reports whether nothing was found that a person must look at.
func (s Summary) Clean() bool { return s.Errors == 0 && s.Warnings == 0 }

// Verify reads a whole log once and gives every finding to found as soon as it is
// certain: what may still come (a parent, a missing number of a chain, an erasure)
// is reported at the end. The log must end; see Until.
//
// An error of the log, of ctx or of found ends it; the summary then covers what was
// read. That there are findings is no error.
//
// It takes time linear in the messages, and for every million events some 80 MB;
// bodies are held only for the batch that is being read.
func Verify(ctx context.Context, log Log, c Check, found func(Finding) error) (Summary, error) {
	v := newVerifier(c, found)
	r := reading{keys: c.Keys}
	err := r.run(ctx, log, v.add)
	if err == nil {
		err = v.attachments(ctx)
	}
	if err == nil {
		v.finish()
		err = v.err
	}
	v.summary.Position = v.position
	v.summary.Devices = len(v.chains.devices)
	v.summary.Seconds = time.Since(v.start).Seconds()
	return v.summary, err
}

// verifier is the state of one Verify.
type verifier struct {
	check    Check
	found    func(Finding) error
	err      error // of found: the first
	start    time.Time
	summary  Summary
	position events.Position
	expect   []events.Position // sorted, those not reached yet
	seen     *seen
	parents  *parents
	chains   *chains
	closed   map[string]*closed  // by patient
	erased   map[string]bool     // patients
	attached map[string]attached // by the name of the content
	empty    uint64              // places that have no message although the log goes on behind them
	torn     bool                // something is missing in the middle of a chain, or a parent is
}

// closed are the bodies of one patient whose key is not here.
type closed struct {
	first place
	count int
}

func newVerifier(c Check, found func(Finding) error) *verifier {
	s := newSeen()
	expect := slices.DeleteFunc(slices.Clone(c.Expect), func(p events.Position) bool { return p == events.Position{} })
	slices.SortFunc(expect, func(a, b events.Position) int { return cmp.Compare(a.Sequence, b.Sequence) })
	return &verifier{
		check: c, found: found, start: time.Now(), expect: expect,
		seen: s, parents: newParents(s), chains: newChains(),
		closed: make(map[string]*closed), erased: make(map[string]bool), attached: make(map[string]attached),
	}
}

// report passes a finding on and counts it.
func (v *verifier) report(f Finding) {
	switch f.Severity {
	case Error:
		v.summary.Errors++
	case Warning:
		v.summary.Warnings++
	default:
		v.summary.Notices++
	}
	switch f.Code {
	case ChainGap, ChainBroken, ParentMissing:
		v.torn = true
	}
	if v.err == nil {
		v.err = v.found(f)
	}
}

// add checks one message against all before it.
func (v *verifier) add(it *item) error {
	v.summary.Messages++
	at := it.place()
	v.place(it, at)
	if it.event == nil {
		v.summary.Unreadable++
		v.report(at.finding(Undecodable, "%v", it.fault))
	} else {
		v.event(it, at)
	}
	if v.check.Progress != nil && v.summary.Messages%batchMessages == 0 {
		v.check.Progress(v.progress())
	}
	return v.err
}

// place checks the message's place in the log, whatever it is.
func (v *verifier) place(it *item, at place) {
	if want := v.position.Sequence + 1; at.sequence != want {
		v.empty += max(at.sequence, want) - want
		v.torn = v.torn || at.sequence < want
		v.report(at.finding(SequenceGap, "the log goes on with %d where %d was to come", at.sequence, want))
	}
	v.position = v.position.Next(at.sequence, it.fingerprint)
	for len(v.expect) > 0 && v.expect[0].Sequence <= v.position.Sequence {
		if want := v.expect[0]; want.Sequence != v.position.Sequence || want.Hash != v.position.Hash {
			v.report(at.finding(OtherHash, "the log up to %d has the hash %s, and %s was expected: something up to here was changed, lost or put in", want.Sequence, v.position.Hash, want.Hash))
		}
		v.expect = v.expect[1:]
	}
}

// event checks a message that is an event.
func (v *verifier) event(it *item, at place) {
	e := it.event
	check := v.seen.check(it.fingerprint)
	if before := v.seen.find(e.ID); before != nil {
		if before.check == check {
			v.report(at.finding(Repeated, "the same event stands in the log before; it counts once"))
		} else {
			v.report(at.finding(ReusedID, "another event with this id stands in the log before"))
		}
		return
	}
	about := v.seen.about(e)
	v.seen.add(seenEntry{id: e.ID, about: about, check: check})
	v.summary.Events++

	if v.check.Keys.Practice != "" && e.Practice != v.check.Keys.Practice {
		v.summary.Discounted++
		v.report(at.finding(OtherPractice, "it is of practice %s", e.Practice))
		return
	}
	v.standing(it, at)
	v.parents.add(at, e, about, v.report)
	if it.standing != NotSigned { // what nobody signed says nothing of the device's chain
		v.chains.add(at, e, it.link(), v.report)
	}
	v.body(it, at)
	v.refers(it, at)
	v.kind(it, at)
}

// standing reports who signed, and whether they may.
func (v *verifier) standing(it *item, at place) {
	for _, p := range it.problems {
		v.report(at.finding(p.code, "%s", p.text))
	}
	device := it.event.Device
	switch it.standing {
	case NotCertified:
		v.report(at.finding(DeviceUnknown, "no certified key of device %s stands in the log", device))
	case NotSigned:
		v.report(at.finding(BadSignature, "its signature is not that of device %s", device))
	case SignedRevoked:
		v.report(at.finding(AfterRevoked, "device %s was revoked by then: a person must decide whether what it says is to be registered anew", device))
	}
	if !it.standing.Counts() {
		v.summary.Discounted++
	}
}

// body reports a body that does not open.
func (v *verifier) body(it *item, at place) {
	switch {
	case len(it.event.Sealed) == 0 || v.check.Keys.Open == nil:
	case it.openErr == nil:
		v.summary.Opened++
	case it.noKey():
		c := v.closed[it.event.Patient]
		if c == nil {
			c = &closed{first: at}
			v.closed[it.event.Patient] = c
		}
		c.count++
	default:
		v.report(at.finding(BodyBroken, "%v", it.openErr))
	}
}

// kind reports what is particular to some types of event.
func (v *verifier) kind(it *item, at place) {
	e := it.event
	switch {
	case !e.Type.Known():
		v.summary.UnknownType++
		v.report(at.finding(UnknownType, "events of type %s are of a newer version", e.Type))
	case e.Type == events.SetAside:
		v.summary.SetAside++
		v.report(at.finding(WasSetAside, "it stands for number %d of device %s, which the server refused", e.Chain.Counter, e.Device))
	case e.Type == events.Erased && it.standing.Counts():
		v.erased[erasedPatient(e)] = true
		v.report(at.finding(Erasure, "patient %s was erased by %s", erasedPatient(e), e.Author))
	}
}

// erasedPatient is the patient that an erasure is about.
func erasedPatient(e *events.Event) string {
	if e.Record.Type == "Patient" {
		return e.Record.ID
	}
	return e.Patient
}

// finish reports what only the end of the log can tell.
func (v *verifier) finish() {
	if at := v.position.Sequence; at < v.check.Last {
		v.report(place{}.finding(SequenceGap, "the log ends at %d, and its keeper has counted to %d: what stood behind was removed", at, v.check.Last))
	}
	v.parents.finish(v.report)
	v.chains.finish(v.report)
	if v.empty > 0 && !v.torn {
		v.report(place{}.finding(GapWhole, "%d places are empty, and what the devices made is there without a gap: they gave back what was lost. "+
			"What a device made last cannot be told from the log: compare with `carelog audit verify --file` at the desks", v.empty))
	}
	for _, patient := range slices.Sorted(maps.Keys(v.closed)) {
		c := v.closed[patient]
		if v.erased[patient] {
			v.summary.Erased += c.count
			continue
		}
		v.summary.Closed += c.count
		whose := "patient " + patient
		if patient == "" {
			whose = "the practice's own records"
		}
		v.report(c.first.finding(BodyNoKey, "the key of %s is not here, and no erasure says why: %d bodies stay closed, of which this is the first", whose, c.count))
	}
	for _, want := range v.expect {
		v.report(place{}.finding(NotReached, "the log ends at %d, and %d was expected with the hash %s", v.position.Sequence, want.Sequence, want.Hash))
	}
	switch {
	case v.check.Keys.Open == nil:
		v.report(place{}.finding(NotChecked, "bodies and signatures were not checked: the practice's keys are not here"))
	case !v.check.Keys.judges():
		v.report(place{}.finding(NotChecked, "signatures were not checked: the practice's root key is not given"))
	}
	if v.check.Progress != nil {
		v.check.Progress(v.progress())
	}
}

func (v *verifier) progress() Progress {
	p := Progress{Done: uint64(v.summary.Messages), Total: v.check.Last, Since: time.Since(v.start)}
	if s := p.Since.Seconds(); s > 0 {
		p.Rate = float64(p.Done) / s
	}
	return p
}
