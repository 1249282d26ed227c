package resources

import (
	"net/url"
	"strings"

	"github.com/carelog/carelog/projections/sumehr"
	"github.com/carelog/carelog/projections/sumehr/kmehr"
)

const terminology = "http://terminology.hl7.org/CodeSystem/"

// systems are those that FHIR has for a table; the others are named by sumehr.TableBase.
var systems = map[string]string{
	"ICPC": sumehr.SystemICPC2, "ICD": sumehr.SystemICD10, "CD-ATC": sumehr.SystemATC, "CD-DRUG-CNK": sumehr.SystemCNK, "CD-HCPARTY": sumehr.SystemParty,
}

// coding reads a code; nil where it is empty.
func coding(cd *kmehr.Element) object {
	value, table := cd.Value(), cd.Attribute("S")
	if value == "" {
		return nil
	}
	system := systems[table]
	switch {
	case system != "":
	case table == "LOCAL":
		system = sumehr.TableBase + "local-" + url.PathEscape(cd.Attribute("SL"))
	default:
		system = sumehr.TableBase + strings.ToLower(table)
	}
	c := object{"system": system, "code": value}
	if label := strings.TrimSpace(cd.Attribute("DN")); label != "" {
		c["display"] = label
	}
	return c
}

// concept joins codes and a label; empty where there is neither.
func concept(label string, codes ...*kmehr.Element) object {
	c := object{}
	var list []object
	for _, cd := range codes {
		if one := coding(cd); one != nil {
			list = append(list, one)
		}
	}
	if len(list) > 0 {
		c["coding"] = list
	}
	if label != "" {
		c["text"] = label
	}
	return c
}

// coded is a concept of a code of HL7.
func coded(system, code string) object {
	return object{"coding": []object{{"system": terminology + system, "code": code}}}
}

// marked is a meta with a mark for the summary.
func marked(mark string) object {
	return object{"tag": []object{{"system": sumehr.MarkSystem, "code": mark}}}
}
