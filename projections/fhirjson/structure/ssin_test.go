package structure_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/carelog/carelog/projections/fhirjson/structure"
)

func identifier(system, value, more string) string {
	return of("Patient", `"identifier":[{"system":"s","value":"v"},{"system":"`+system+`","value":"`+value+`"`+more+`}]`)
}

func TestSSIN(t *testing.T) {
	for value, right := range map[string]bool{
		"85073003328":     true,  // 97 - 850730033 mod 97 = 28
		"85073003329":     false, // one off
		"85073003238":     false, // two digits exchanged
		"17073003384":     true,  // born in 2017: 97 - 2170730033 mod 97 = 84
		"85473003317":     true,  // bis number, the sex known: the month is 40 higher
		"85273003371":     true,  // bis number, the sex not known: the month is 20 higher
		"85473003318":     false,
		"00000100068":     false,
		"8507300332":      false, // too short
		"850730033280":    false,
		"85.07.30-033.28": false, // right, and not as it should be written
		"8507300332a":     false,
	} {
		warned := structure.Warnings([]byte(identifier(structure.SSIN, value, "")))
		if (len(warned) == 0) != right {
			t.Errorf("%s is right: %v, and warned of: %v", value, right, warned)
		}
		for _, w := range warned {
			if w.Path != "Patient.identifier[1].value" || w.Code != structure.CodeValue || strings.Contains(w.Text, value) {
				t.Errorf("%s: %+v", value, w)
			}
		}
		if err := structure.Check([]byte(identifier(structure.SSIN, value, ""))); err != nil {
			t.Errorf("%s is refused: %v", value, err)
		}
	}
}

func TestWarningsAreOfSSINsAlone(t *testing.T) {
	const pseudonym = `,"extension":[{"url":"https://www.ehealth.fgov.be/standards/fhir/infsec/StructureDefinition/be-ext-pseudonymization","extension":[{"url":"marker","valueBoolean":true}]}]`
	for name, body := range map[string]string{
		"another system":        identifier("https://www.ehealth.fgov.be/standards/fhir/core/NamingSystem/nihdi", "1", ""),
		"a pseudonym":           identifier(structure.SSIN, "ZXlKaGJHY2lPaUo", pseudonym),
		"no value":              of("Patient", `"identifier":[{"system":"`+structure.SSIN+`"}]`),
		"not where a number is": of("NamingSystem", `"name":"x","uniqueId":[{"type":"uri","value":"`+structure.SSIN+`"}]`),
		"no JSON":               `{"/ssin`,
	} {
		if warned := structure.Warnings([]byte(body)); warned != nil {
			t.Errorf("%s: %v", name, warned)
		}
	}
	for name, body := range map[string]string{
		"escaped slashes":  strings.ReplaceAll(identifier(structure.SSIN, "1", ""), "/", `\/`),
		"in a bundle":      of("Bundle", `"type":"collection","entry":[{"resource":`+identifier(structure.SSIN, "1", "")+`}]`),
		"of a reference":   of("Observation", `"status":"final","code":{"text":"x"},"subject":{"identifier":{"system":"`+structure.SSIN+`","value":"1"}}`),
		"of an extension":  of("Patient", `"extension":[{"url":"u","valueIdentifier":{"system":"`+structure.SSIN+`","value":"1"}}]`),
		"beside an error":  of("Patient", `"x":1,"identifier":[{"system":"`+structure.SSIN+`","value":"1"}]`),
		"other extensions": identifier(structure.SSIN, "1", `,"extension":[{"url":"u","valueString":"x"}]`),
	} {
		if warned := structure.Warnings([]byte(body)); len(warned) != 1 {
			t.Errorf("%s: %v", name, warned)
		}
	}
	many := of("Patient", `"identifier":[`+strings.TrimSuffix(strings.Repeat(`{"system":"`+structure.SSIN+`","value":"1"},`, 100), ",")+`]`)
	if warned := structure.Warnings([]byte(many)); len(warned) != structure.MaxIssues {
		t.Errorf("%d warnings", len(warned))
	}
	var wrong *structure.Error
	if errors.As(structure.Check([]byte(many)), &wrong) {
		t.Error(wrong)
	}
}
