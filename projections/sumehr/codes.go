package sumehr

import (
	"slices"
	"strings"

	"github.com/carelog/carelog/projections/fhirsearch"
	"github.com/carelog/carelog/projections/sumehr/kmehr"
)

// Systems of FHIR that a Sumehr has a place for.
const (
	SystemICPC2 = "http://hl7.org/fhir/sid/icpc-2"
	SystemICD10 = "http://hl7.org/fhir/sid/icd-10"
	SystemATC   = "http://www.whocc.no/atc"
	SystemCNK   = "https://www.ehealth.fgov.be/standards/fhir/medication/NamingSystem/cnk-codes"
	SystemParty = "https://www.ehealth.fgov.be/standards/fhir/core/CodeSystem/cd-hcparty"
	SystemSSIN  = "https://www.ehealth.fgov.be/standards/fhir/core/NamingSystem/ssin"
	SystemNIHII = "https://www.ehealth.fgov.be/standards/fhir/core/NamingSystem/nihdi"
	// TableBase is before the name of a KMEHR table in small letters, for those that have no
	// published system in FHIR: TableBase + "cd-clinical". A system of whatever host that
	// ends so is read as that table.
	TableBase = "https://carelog.eu/fhir/CodeSystem/"
)

// MarkSystem is that of the tags by which a doctor says what goes into the Sumehr.
const MarkSystem = "https://carelog.eu/fhir/CodeSystem/sumehr"

// Marks, in meta.tag of a record.
const (
	// MarkRelevant: it goes in, though it is over, or is of a kind that does not go in by itself.
	MarkRelevant = "relevant"
	// MarkIrrelevant: it stays out, and nothing is said of that.
	MarkIrrelevant = "irrelevant"
	// MarkMasked: it stays out as if it were confidential, and that is said.
	MarkMasked = "masked"
	// MarkReceived is on a Composition that was read from a Sumehr: whoever made that does not
	// answer for ours.
	MarkReceived = "received"
)

// TemporalityURL marks the extension that says whether a drug is taken for good.
const TemporalityURL = "https://carelog.eu/fhir/StructureDefinition/temporality"

// DayNumberURL marks the extension of a dosage that says on which day of a cycle it is due.
const DayNumberURL = "https://carelog.eu/fhir/StructureDefinition/day-number"

// versions are those of the tables at the time of KMEHR 20161201, which hubs expect.
var versions = map[string]string{
	"ICPC": "2", "ICD": "10", "CD-CLINICAL": "1.0", "CD-ATC": "1.0", "CD-DRUG-CNK": "2010-07", "CD-INNCLUSTER": "1.0", "CD-VMPGROUP": "1.0",
	"CD-PATIENTWILL": "1.3", "CD-PATIENTWILL-RES": "1.0", "CD-PATIENTWILL-HOS": "1.0", "CD-VACCINEINDICATION": "1.0",
	"CD-ITEM": "1.11", "CD-LIFECYCLE": "1.9", "CD-CERTAINTY": "1.1", "CD-TEMPORALITY": "1.0", "CD-CONTACT-PERSON": "1.0", "CD-HCPARTY": "1.12",
	"CD-SEX": "1.1", "CD-ADDRESS": "1.1", "CD-TELECOM": "1.0", "CD-FED-COUNTRY": "1.2", "CD-DAYPERIOD": "1.1", "CD-ADMINISTRATIONUNIT": "1.2",
	"CD-WEEKDAY": "1.0", "CD-PERIODICITY": "1.0", "CD-STANDARD": "1.19", "CD-TRANSACTION": "1.9",
}

// code is a code of one of the tables above.
func code(table, value string) *kmehr.Element { return kmehr.Code(table, versions[table], value) }

// tableOf is the KMEHR table that a FHIR system stands for; empty where there is none. ICD-10
// is that of the WHO: the codes of ICD-10-CM are others.
func tableOf(system string) string {
	switch fhirsearch.Canonical(system) {
	case SystemICPC2, "urn:oid:2.16.840.1.113883.6.139":
		return "ICPC"
	case SystemICD10, "urn:oid:2.16.840.1.113883.6.3":
		return "ICD"
	case SystemATC, "urn:oid:2.16.840.1.113883.6.73":
		return "CD-ATC"
	case SystemCNK:
		return "CD-DRUG-CNK"
	}
	table := strings.ToUpper(system[strings.LastIndex(system, "/")+1:])
	if _, known := versions[table]; known && strings.HasPrefix(table, "CD-") {
		return table
	}
	return ""
}

// of is the first code of a table; empty where there is none.
func (c concept) of(table string) string { return c.coding(table).Code }

func (c concept) coding(table string) coding {
	for _, k := range c.Coding {
		if k.Code != "" && tableOf(k.System) == table {
			return k
		}
	}
	return coding{}
}

// anyOf is the first code of a table in one of several concepts.
func anyOf(table string, list ...concept) string {
	for _, c := range list {
		if value := c.of(table); value != "" {
			return value
		}
	}
	return ""
}

// has reports whether one of the codings has a code, of whatever system.
func (c concept) has(codes ...string) bool {
	return slices.ContainsFunc(c.Coding, func(k coding) bool { return slices.Contains(codes, k.Code) })
}

// label is what a person reads: the text, or else what a code stands for.
func (c concept) label() string {
	if c.Text != "" {
		return c.Text
	}
	for _, k := range c.Coding {
		if k.Display != "" {
			return k.Display
		}
	}
	return ""
}

// codes are those of the tables given, in that order and of each the first: a Sumehr takes
// one of each.
func (c concept) codes(tables ...string) (list []*kmehr.Element) {
	for _, table := range tables {
		if value := c.of(table); value != "" {
			list = append(list, code(table, value))
		}
	}
	return list
}

// marked reports whether the doctor has put a mark on the record.
func (h head) marked(mark string) bool {
	return slices.ContainsFunc(h.Meta.Tag, func(t coding) bool { return t.System == MarkSystem && t.Code == mark })
}

// confidential reports whether the record must not leave the practice: restricted or very
// restricted (HL7 v3 Confidentiality), or masked by its doctor.
func (h head) confidential() bool {
	return h.marked(MarkMasked) || slices.ContainsFunc(h.Meta.Security, func(s coding) bool { return s.Code == "R" || s.Code == "V" })
}

// extended is the code or number that an extension of one's own has.
func extended(list []extension, url string) string {
	for _, x := range list {
		if x.URL == url {
			return firstOf(x.ValueCode, x.ValuePositiveInt.String())
		}
	}
	return ""
}
