package sumehr

import (
	"strings"

	"github.com/carelog/carelog/events"
)

// LOINCSummary is the type of a Composition that is a patient summary.
const LOINCSummary = "60591-5"

// RemarkCode is that of the section of a Composition that holds the author's remark on the
// whole, as the text of the code.
const RemarkCode = "remark"

// sections are the LOINC codes of sections of a summary of which "nothing known" can be
// said in a Sumehr.
var sections = map[string]string{"11450-4": "problem", "47519-4": "treatment"}

// composition takes from the newest Composition of a summary what no other record says: who
// answers for it, why a section is empty, and the author's remark. One by another author, or
// one that was taken in, is somebody else's Sumehr and says nothing of this one.
func (b *builder) composition() {
	var newest composition
	var from events.Record
	for _, r := range b.in.Records {
		if r.Type != "Composition" {
			continue
		}
		var c composition
		if !b.open(r.Record, &c) || c.Status != "final" && c.Status != "amended" || !c.Type.has(LOINCSummary) || c.confidential() {
			continue
		}
		byAuthor := len(c.Author) > 0 && b.behind(named(c.Author[0])).ID == b.in.Author
		if !byAuthor && (b.in.Author != "" || c.marked(MarkReceived)) {
			continue
		}
		if c.Date > newest.Date || c.Date == newest.Date && r.Record.String() > from.String() {
			newest, from = c, r.Record
		}
	}
	if from == (events.Record{}) {
		return
	}
	b.use(from)
	if len(newest.Author) > 0 && b.in.Author == "" {
		b.author = b.behind(named(newest.Author[0]))
	}
	if len(b.patient.GeneralPractitioner) == 0 {
		b.manager = named(newest.Custodian)
	}
	b.empty = map[string]string{}
	for _, s := range newest.Section {
		for _, k := range s.Code.Coding {
			kind := sections[k.Code]
			if kind != "" && len(s.EmptyReason.Coding) > 0 {
				b.empty[kind] = s.EmptyReason.Coding[0].Code
			}
			if k.System == MarkSystem && k.Code == RemarkCode {
				b.remark = strings.TrimSpace(s.Code.Text)
			}
		}
	}
}

// References names the records of the practice that a dossier's records need for a Sumehr
// and that are not among them: care providers, organisations, drugs. Those that are then
// added may name others: it is asked until there are none, or none that can be had.
func References(records []Record, author string) (missing []events.Record) {
	known := map[events.Record]bool{{}: true}
	for _, r := range records {
		known[r.Record] = true
	}
	want := func(r events.Record) {
		if !known[r] {
			known[r] = true
			missing = append(missing, r)
		}
	}
	if author != "" {
		want(events.Record{Type: "Practitioner", ID: author})
	}
	for _, r := range records {
		var refers struct {
			GeneralPractitioner []reference `json:"generalPractitioner"`
			Practitioner        reference   `json:"practitioner"`
			Custodian           reference   `json:"custodian"`
			Medication          reference   `json:"medicationReference"`
			Author              []reference `json:"author"`
			Participant         []struct {
				Member reference `json:"member"`
			} `json:"participant"`
		}
		switch r.Type {
		case "Patient", "PractitionerRole", "Composition", "CareTeam", "MedicationStatement", "MedicationRequest":
		default:
			continue
		}
		for _, h := range r.Heads {
			if len(h.Body) == 0 || read(h.Body, &refers) != nil {
				continue
			}
			list := append(refers.GeneralPractitioner, refers.Practitioner, refers.Custodian, refers.Medication)
			list = append(list, refers.Author...)
			for _, p := range refers.Participant {
				list = append(list, p.Member)
			}
			for _, ref := range list {
				switch to := named(ref); to.Type {
				case "Practitioner", "PractitionerRole", "Organization", "Medication":
					want(to)
				}
			}
		}
	}
	return missing
}
