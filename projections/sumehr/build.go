package sumehr

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/sumehr/check"
	"github.com/carelog/carelog/projections/sumehr/kmehr"
)

// Build makes the Sumehr of a patient.
func Build(in Input) (*Summary, error) {
	b, err := begin(in)
	if err != nil {
		return nil, err
	}
	if b.patient.confidential() {
		return nil, ErrConfidential
	}
	for _, r := range in.Records {
		b.record(r)
	}
	b.drugs()
	if b.withheld {
		b.omission()
	}
	b.nothingKnown()
	return b.summary(), nil
}

// Parties are the patient and who answers for the Sumehr (nil: nobody), as a message names
// them, also where none may be made.
func Parties(in Input) (patient, author *kmehr.Element, err error) {
	b, err := begin(in)
	if err != nil {
		return nil, nil, err
	}
	return b.person(), b.party(b.author, "persphysician"), nil
}

// begin finds out of whom the Sumehr is, and who answers for it.
func begin(in Input) (*builder, error) {
	b := &builder{in: in, day: in.At.Format(time.DateOnly), records: map[events.Record]Record{}, made: map[Made]bool{}}
	for _, r := range in.Records {
		b.records[r.Record] = r
	}
	who := events.Record{Type: "Patient", ID: in.Patient}
	if !b.open(who, &b.patient) {
		return nil, ErrNoPatient
	}
	b.use(who)
	b.language = languageOf(firstOf(in.Language, b.patient.language(), "nl"))
	b.composition()
	b.people()
	return b, nil
}

// builder is a Sumehr while it is being made.
type builder struct {
	in       Input
	day      string // of the making, to compare dates with
	language string
	records  map[events.Record]Record

	patient patient
	author  events.Record     // a Practitioner; zero: nobody
	manager events.Record     // who keeps the global medical file
	empty   map[string]string // why a section of the author's Composition is empty, by kind
	remark  string            // of the author, on the whole

	entries  []entry
	taken    []taking // drugs, until it is known which are the same
	withheld bool     // something that would have gone in is confidential
	unsure   map[string]bool
	made     map[Made]bool
	findings []check.Finding
}

// record makes the items of one record, by what is shown of it.
func (b *builder) record(r Record) {
	kind, known := kinds[r.Type]
	if !known || len(r.Heads) == 0 {
		return
	}
	goesIn := false
	for i, h := range r.Heads {
		if h.Unopened {
			b.doubt(r.Record)
			b.find(check.Unopened, r.Record)
		}
		if len(h.Body) == 0 {
			continue
		}
		c := candidate{builder: b, record: r.Record, shown: i == 0}
		if err := kind(&c, h.Body); err != nil {
			b.doubt(r.Record)
			b.find(check.Unreadable, r.Record)
		}
		goesIn = goesIn || c.goesIn
	}
	if goesIn {
		b.use(r.Record)
	}
}

func (b *builder) find(rule check.Rule, r events.Record, args ...string) {
	b.findings = append(b.findings, check.Finding{Rule: rule, Record: r.String(), Args: args})
}

// use notes that the message says something of a record.
func (b *builder) use(r events.Record) {
	for _, h := range b.records[r].Heads {
		b.made[Made{r, h.Version}] = true
	}
}

// open reads what is shown of a record; false where it is not there or cannot be read.
func (b *builder) open(r events.Record, into any) bool {
	heads := b.records[r].Heads
	return len(heads) > 0 && len(heads[0].Body) > 0 && read(heads[0].Body, into) == nil
}

// summary puts everything in its place.
func (b *builder) summary() *Summary {
	slices.SortStableFunc(b.entries, entry.compare)
	s := &Summary{Message: b.message()}
	for made := range b.made {
		s.Made = append(s.Made, made)
	}
	slices.SortFunc(s.Made, func(a, c Made) int {
		return cmp.Or(cmp.Compare(a.Record.String(), c.Record.String()), strings.Compare(a.Version.String(), c.Version.String()))
	})
	for i, made := range s.Made {
		if i > 0 && s.Made[i-1].Record == made.Record && !slices.Contains(s.Conflicts, made.Record) {
			s.Conflicts = append(s.Conflicts, made.Record)
		}
	}
	slices.SortFunc(b.findings, func(x, y check.Finding) int {
		return cmp.Or(cmp.Compare(x.Record, y.Record), cmp.Compare(x.Rule, y.Rule), slices.Compare(x.Args, y.Args))
	})
	s.Findings = append(b.findings, check.Message(s.Message, b.in.At)...)
	return s
}

// nothingKnown says of problems and treatments that there are none, where that is so: never
// beside one, never where one was held back or could not be read, and not where the doctor
// gave another reason for having none here.
func (b *builder) nothingKnown() {
	for _, kind := range []string{"problem", "treatment"} {
		reason, given := b.empty[kind]
		if b.unsure[kind] || given && reason != "nilknown" || slices.ContainsFunc(b.entries, func(e entry) bool { return e.kind == kind }) {
			continue
		}
		b.entries = append(b.entries, entry{kind: kind, nothing: true, inactive: true})
	}
}

// omission says, once, that something was left out; see confidential.
func (b *builder) omission() {
	if slices.ContainsFunc(b.entries, func(e entry) bool { return e.kind == "patientwill" && e.omission() }) {
		return
	}
	b.entries = append(b.entries, entry{
		kind: "patientwill", contents: []*kmehr.Element{kmehr.New("content", code("CD-PATIENTWILL", omissionCode))}, active: true,
	})
}

const omissionCode = "omissionofmedicaldata"

var (
	// primary is the language that a tag of BCP 47 begins with; whole is such a tag as a schema
	// takes it.
	primary = regexp.MustCompile(`^([A-Za-z]{2,3})(?:-|$)`)
	whole   = regexp.MustCompile(`^[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*$`)
)

// languageOf is the language of a tag, in small letters; Dutch where it names none.
func languageOf(tag string) string {
	if m := primary.FindStringSubmatch(tag); m != nil {
		return strings.ToLower(m[1])
	}
	return "nl"
}
