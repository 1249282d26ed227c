package check_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carelog/carelog/projections/sumehr/check"
	"github.com/carelog/carelog/projections/sumehr/kmehr"
)

// good is a Sumehr without an error or a warning. The numbers have valid check digits and
// belong to nobody.
const good = `<kmehrmessage xmlns="http://www.ehealth.fgov.be/standards/kmehr/schema/v1"><header><standard><cd S="CD-STANDARD" SV="1.19">20161201</cd></standard>
<sender><hcparty><id S="ID-HCPARTY" SV="1.0">10000007004</id><cd S="CD-HCPARTY" SV="1.12">persphysician</cd></hcparty></sender>
<recipient><hcparty><id S="ID-HCPARTY" SV="1.0">1990001916</id><cd S="CD-HCPARTY" SV="1.12">hub</cd></hcparty></recipient></header>
<folder><patient><id S="ID-PATIENT" SV="1.0">58031499914</id><id S="LOCAL" SV="1.0" SL="carelog">Patient/p1</id><firstname>A</firstname><familyname>B</familyname><birthdate><date>1958-03-14</date></birthdate><sex><cd S="CD-SEX" SV="1.1">male</cd></sex><usuallanguage>nl</usuallanguage></patient>
<transaction><cd S="CD-TRANSACTION" SV="1.9">sumehr</cd><author><hcparty><id S="ID-HCPARTY" SV="1.0">10000007004</id><id S="INSS" SV="1.0">85052099927</id><id S="LOCAL" SV="1.0" SL="carelog">Practitioner/dr1</id><cd S="CD-HCPARTY" SV="1.12">persphysician</cd><firstname>T</firstname><familyname>V</familyname><address/><telecom/></hcparty></author><iscomplete>true</iscomplete><isvalidated>true</isvalidated>
ITEMS</transaction></folder></kmehrmessage>`

// The items of it, by kind; each alone has no finding.
var goodItems = map[string]string{
	"problem":        `<content><cd S="ICPC" SV="2">T90</cd></content><content><text L="nl">suiker</text></content><beginmoment><year>2016</year></beginmoment><lifecycle><cd S="CD-LIFECYCLE" SV="1.9">active</cd></lifecycle>`,
	"past":           `<content><cd S="ICPC" SV="2">T90</cd></content><content><text L="nl">suiker</text></content><beginmoment><year>2016</year></beginmoment><endmoment><yearmonth>2016-05</yearmonth></endmoment><lifecycle><cd S="CD-LIFECYCLE" SV="1.9">inactive</cd></lifecycle>`,
	"treatment":      `<content><text L="nl">kine</text></content><lifecycle><cd S="CD-LIFECYCLE" SV="1.9">active</cd></lifecycle>`,
	"adr":            `<content><cd S="CD-ATC" SV="1.0">N02BE01</cd></content><content><text L="nl">paracetamol</text></content>`,
	"allergy":        `<content><cd S="ICPC" SV="2">A92</cd></content><content><text L="nl">stof</text></content>`,
	"medication":     `<content><text L="nl">a</text></content><content><medicinalproduct><intendedcd S="CD-DRUG-CNK" SV="x">1467000</intendedcd></medicinalproduct></content><content><cd S="CD-ATC" SV="1.0">C09AA04</cd></content><beginmoment><date>2026-01-01</date></beginmoment><endmoment><date>2030-01-01</date></endmoment><posology><text L="nl">1</text></posology>`,
	"vaccine":        `<content><cd S="CD-VACCINEINDICATION" SV="1.0">diphteria</cd><cd S="CD-VACCINEINDICATION" SV="1.0">tetanus</cd><cd S="CD-ATC" SV="1.0">J07AM51</cd></content><content><medicinalproduct><intendedcd S="CD-DRUG-CNK" SV="x">1077593</intendedcd></medicinalproduct></content><beginmoment><date>2021-01-01</date></beginmoment><lifecycle><cd S="CD-LIFECYCLE" SV="1.9">administrated</cd></lifecycle>`,
	"patientwill":    `<content><cd S="CD-PATIENTWILL-RES" SV="1.0">dnr1</cd></content>`,
	"omission":       `<content><cd S="CD-PATIENTWILL" SV="1.3">omissionofmedicaldata</cd></content>`,
	"gmdmanager":     `<content><hcparty><id S="ID-HCPARTY" SV="1.0">10000007004</id><cd S="CD-HCPARTY" SV="1.12">persphysician</cd><familyname>V</familyname><address/><telecom/></hcparty></content>`,
	"contacthcparty": `<content><hcparty><id S="ID-HCPARTY" SV="1.0">10000106003</id><cd S="CD-HCPARTY" SV="1.12">persnurse</cd><familyname>V</familyname><address/><telecom/></hcparty></content>`,
	"contactperson":  `<cd S="CD-CONTACT-PERSON" SV="1.0">spouse</cd><content><person><firstname>A</firstname><familyname>B</familyname><sex><cd S="CD-SEX" SV="1.1">female</cd></sex><address/><telecom/></person></content>`,
}

var kindOf = map[string]string{"past": "problem", "omission": "patientwill"}

func message(t testing.TB, skeleton string, names ...string) *kmehr.Element {
	t.Helper()
	items := ""
	for i, name := range names {
		kind := name
		if kindOf[name] != "" {
			kind = kindOf[name]
		}
		items += fmt.Sprintf(`<item><id S="ID-KMEHR" SV="1.0">%d</id><id S="LOCAL" SV="1.0" SL="carelog">Record/%s#1</id><cd S="CD-ITEM" SV="1.11">%s</cd>%s</item>`, i+1, name, kind, goodItems[name])
	}
	m, err := kmehr.Read([]byte(strings.Replace(skeleton, "ITEMS", items, 1)))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// broken are what each rule is broken by.
var broken = []struct {
	rule      check.Rule
	item      string // whose record is to blame; empty: see record
	old, with string
	record    string
}{
	{"standard-missing", "", cd19("CD-STANDARD", "20161201"), "", ""},
	{"standard-old", "problem", "20161201", "20100601", ""},
	{"one-folder", "", "</folder>", "</folder><folder/>", ""},
	{"one-transaction", "", "</transaction>", "</transaction><transaction/>", ""},
	{"not-a-sumehr", "", ">sumehr<", ">result<", ""},
	{"not-complete", "", "<iscomplete>true", "<iscomplete>false", ""},
	{"not-validated", "", "<isvalidated>true", "<isvalidated>false", ""},
	{"headings", "", "<isvalidated>", "<heading/><isvalidated>", ""},
	{"author-missing", "", authorOf(), "", ""},
	{"author-number", "", `<id S="ID-HCPARTY" SV="1.0">10000007004</id><id S="INSS"`, `<id S="INSS"`, "Practitioner/dr1"},
	{"author-name", "", "<familyname>V</familyname><address/><telecom/></hcparty></author>", "<address/><telecom/></hcparty></author>", "Practitioner/dr1"},
	{"author-no-physician", "", `persphysician</cd><firstname>T`, `persnurse</cd><firstname>T`, "Practitioner/dr1"},
	{"author-inss", "", `<id S="INSS" SV="1.0">85052099927</id>`, "", "Practitioner/dr1"},
	{"author-address", "", "<address/><telecom/></hcparty></author>", "<telecom/></hcparty></author>", "Practitioner/dr1"},
	{"author-telecom", "", "<telecom/></hcparty></author>", "</hcparty></author>", "Practitioner/dr1"},
	{"party-kinds", "", `persphysician</cd><firstname>T`, `persphysician</cd><cd S="CD-HCPARTY" SV="1">persnurse</cd><firstname>T`, "Practitioner/dr1"},
	{"party-number", "contacthcparty", "10000106003", "10000107003", ""},
	{"inss-number", "", "58031499914", "58031499915", "Patient/p1"},
	{"patient-inss", "", `<id S="ID-PATIENT" SV="1.0">58031499914</id>`, "", "Patient/p1"},
	{"patient-inss", "", `<id S="ID-PATIENT" SV="1.0">58031499914</id>`, `<id S="ID-PATIENT" SV="1.0">58031499914</id><id S="INSS" SV="1.0">58031499914</id>`, "Patient/p1"},
	{"patient-name", "", "<familyname>B</familyname><birthdate>", "<familyname> </familyname><birthdate>", "Patient/p1"},
	{"patient-birthdate", "", "<birthdate><date>1958-03-14</date></birthdate>", "", "Patient/p1"},
	{"patient-language", "", "<usuallanguage>nl</usuallanguage>", "", "Patient/p1"},
	{"given-name", "contactperson", "<person><firstname>A</firstname>", "<person><firstname/>", ""},
	{"sex", "", ">male<", ">man<", "Patient/p1"},
	{"date-in-future", "", "1958-03-14", "2058-03-14", "Patient/p1"},
	{"date-in-future", "problem", "<beginmoment><year>2016</year></beginmoment><lifecycle>", "<beginmoment><yearmonth>2026-03</yearmonth></beginmoment><lifecycle>", ""},
	{"end-before-begin", "past", "2016-05", "2015-05", ""},
	{"end-before-begin", "", "</birthdate>", "</birthdate><deathdate><year>1957</year></deathdate>", "Patient/p1"},
	{"item-kind", "allergy", `allergy</cd>`, `allergy</cd><cd S="CD-ITEM" SV="1.11">adr</cd>`, ""},
	{"item-unknown", "allergy", `>allergy</cd>`, `>evolution</cd>`, ""},
	{"item-number-twice", "", `<id S="ID-KMEHR" SV="1.0">2</id>`, `<id S="ID-KMEHR" SV="1.0">1</id>`, ""},
	{"label-missing", "allergy", `<content><text L="nl">stof</text></content>`, "", ""},
	{"label-missing", "medication", `<content><text L="nl">a</text></content>`, "", ""},
	{"label-twice", "allergy", `<content><text L="nl">stof</text></content>`, `<content><text L="nl">stof</text></content><content><text L="nl">stof</text></content>`, ""},
	{"empty-text", "allergy", `>stof<`, `> <`, ""},
	{"text-language", "allergy", `<text L="nl">stof`, `<text>stof`, ""},
	{"codes-in-two-contents", "allergy", `<content><cd S="ICPC" SV="2">A92</cd></content>`, `<content><cd S="ICPC" SV="2">A92</cd></content><content><cd S="ICD" SV="10">J30</cd></content>`, ""},
	{"code-twice", "allergy", `<cd S="ICPC" SV="2">A92</cd>`, `<cd S="ICPC" SV="2">A92</cd><cd S="ICPC" SV="2">A93</cd>`, ""},
	{"code-twice", "vaccine", cd("CD-ATC", "J07AM51"), cd("CD-ATC", "J07AM51") + cd("CD-ATC", "J07AM01"), ""},
	{"code-system", "allergy", `S="ICPC" SV="2">A92`, `S="CD-ATC" SV="2">A92`, ""},
	{"code-version", "allergy", `SV="2">A92`, `SV="1">A92`, ""},
	{"code-missing", "problem", `<content><cd S="ICPC" SV="2">T90</cd></content><content><text L="nl">suiker</text></content><beginmoment><year>2016</year></beginmoment><lifecycle>`, `<content><text L="nl">suiker</text></content><beginmoment><year>2016</year></beginmoment><lifecycle>`, ""},
	{"code-unknown", "vaccine", ">diphteria<", ">diphtheria<", ""},
	{"code-unknown", "vaccine", ">administrated<", ">administered<", ""},
	{"code-unknown", "patientwill", ">dnr1<", ">dnr9<", ""},
	{"code-unknown", "medication", "<posology>", "<dayperiod>" + cd("CD-DAYPERIOD", "noon") + "</dayperiod><posology>", ""},
	{"lifecycle", "treatment", ">active</cd></lifecycle></item><item><id S=\"ID-KMEHR\" SV=\"1.0\">12", ">completed</cd></lifecycle></item><item><id S=\"ID-KMEHR\" SV=\"1.0\">12", ""},
	{"begin-missing", "problem", `<beginmoment><year>2016</year></beginmoment><lifecycle>`, `<lifecycle>`, ""},
	{"end-missing", "past", `<endmoment><yearmonth>2016-05</yearmonth></endmoment>`, ``, ""},
	{"medication-begin", "medication", `<beginmoment><date>2026-01-01</date></beginmoment>`, ``, ""},
	{"medication-end", "medication", `<endmoment><date>2030-01-01</date></endmoment>`, ``, ""},
	{"product-missing", "vaccine", `<content><medicinalproduct><intendedcd S="CD-DRUG-CNK" SV="x">1077593</intendedcd></medicinalproduct></content>`, ``, ""},
	{"product-twice", "medication", `<content><medicinalproduct><intendedcd S="CD-DRUG-CNK" SV="x">1467000</intendedcd></medicinalproduct></content>`, `<content><medicinalproduct/></content><content><medicinalproduct/></content>`, ""},
	{"atc-missing", "medication", `<content><cd S="CD-ATC" SV="1.0">C09AA04</cd></content>`, ``, ""},
	{"content-foreign", "medication", `<content><cd S="CD-ATC" SV="1.0">C09AA04</cd></content>`, `<content><cd S="CD-ATC" SV="1.0">C09AA04</cd></content><content><decimal>1</decimal></content>`, ""},
	{"posology-both", "medication", `<posology><text L="nl">1</text>`, `<posology><text L="nl">1</text><takes><high>1</high></takes>`, ""},
	{"cnk", "medication", "1467000", "146700", ""},
	{"vaccine-indication", "vaccine", cd("CD-VACCINEINDICATION", "diphteria") + cd("CD-VACCINEINDICATION", "tetanus"), "", ""},
	{"vaccine-text", "vaccine", `<content><cd S="CD-VACCINEINDICATION"`, `<content><text L="nl">a</text></content><content><cd S="CD-VACCINEINDICATION"`, ""},
	{"vaccine-date", "vaccine", "<beginmoment><date>2021-01-01</date></beginmoment>", "", ""},
	{"patientwill-code", "patientwill", "<content>" + cd("CD-PATIENTWILL-RES", "dnr1") + "</content>", "", ""},
	{"patientwill-deprecated", "patientwill", cd("CD-PATIENTWILL-RES", "dnr1"), cd("CD-PATIENTWILL", "ntbr"), ""},
	{"patientwill-text", "patientwill", "<content>" + cd("CD-PATIENTWILL-RES", "dnr1") + "</content>", "<content>" + cd("CD-PATIENTWILL-RES", "dnr1") + `</content><content><text L="nl">a</text></content><content><text L="nl">a</text></content>`, ""},
	{"omission-twice", "patientwill", cd("CD-PATIENTWILL-RES", "dnr1"), cd("CD-PATIENTWILL", "omissionofmedicaldata"), ""},
	{"gmd-manager-twice", "treatment", `treatment</cd>` + goodItems["treatment"], `gmdmanager</cd>` + goodItems["gmdmanager"], ""},
	{"party-missing", "gmdmanager", goodItems["gmdmanager"], "", ""},
	{"gmd-manager-number", "gmdmanager", `<content><hcparty><id S="ID-HCPARTY" SV="1.0">10000007004</id>`, `<content><hcparty>`, ""},
	{"gmd-manager-no-physician", "gmdmanager", `persphysician</cd><familyname>`, `persnurse</cd><familyname>`, ""},
	{"party-name", "contacthcparty", `persnurse</cd><familyname>V</familyname>`, `persnurse</cd>`, ""},
	{"party-no-person", "contacthcparty", `persnurse`, `orghospital`, ""},
	{"party-id-missing", "contacthcparty", `<id S="ID-HCPARTY" SV="1.0">10000106003</id>`, "", ""},
	{"address-missing", "contactperson", `<address/><telecom/></person>`, `<telecom/></person>`, ""},
	{"telecom-missing", "contactperson", `<telecom/></person>`, `</person>`, ""},
	{"person-missing", "contactperson", `<content><person>`, `<content/><content><person>`, ""},
	{"relation-missing", "contactperson", `<cd S="CD-CONTACT-PERSON" SV="1.0">spouse</cd>`, ``, ""},
	{"nothing-known-forbidden", "allergy", `<cd S="CD-ITEM" SV="1.11">allergy</cd>` + goodItems["allergy"], `<cd S="CD-ITEM" SV="1.11" nullFlavor="NA">allergy</cd>`, ""},
	{"nothing-known-with-content", "treatment", `<cd S="CD-ITEM" SV="1.11">treatment`, `<cd S="CD-ITEM" SV="1.11" nullFlavor="NA">treatment`, ""},
	{"nothing-known-contradicts", "", `<cd S="CD-ITEM" SV="1.11">problem</cd>` + goodItems["past"], `<cd S="CD-ITEM" SV="1.11" nullFlavor="NA">problem</cd>`, ""},
}

// Each rule is broken by one edit of a message that is right, is found where it is, and by
// its own edit only.
func TestRules(t *testing.T) {
	var all []string
	for name := range goodItems {
		all = append(all, name)
	}
	slices.Sort(all)
	if list := check.Message(message(t, good, all...), on); len(list) > 0 {
		t.Fatalf("the message that is right has %v", list)
	}
	tried := map[check.Rule]bool{
		// These are found where the message is made, and tried there.
		check.Unreadable: true, check.Unopened: true, check.VaccineLeftOut: true, check.ManagerUnknown: true, check.ContactNameless: true, check.PartyUnknown: true, check.PartyProfession: true,
	}
	for _, c := range broken {
		text := string(kmehr.Write(message(t, good, all...)))
		text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '\n' }), "")
		for strings.Contains(text, " <") || strings.Contains(text, "> ") {
			text = strings.ReplaceAll(strings.ReplaceAll(text, " <", "<"), "> ", ">")
		}
		if !strings.Contains(text, c.old) {
			t.Fatalf("%s: %s is not in the message\n%s", c.rule, c.old, text)
		}
		m, err := kmehr.Read([]byte(strings.Replace(text, c.old, c.with, 1)))
		if err != nil {
			t.Fatalf("%s: %v", c.rule, err)
		}
		record := c.record
		if c.item != "" {
			record = "Record/" + c.item
		}
		findings := check.Message(m, on)
		at := slices.IndexFunc(findings, func(f check.Finding) bool { return f.Rule == c.rule && f.Record == record })
		if at < 0 {
			t.Errorf("%s of %q: found %+v", c.rule, record, findings)
			continue
		}
		tried[c.rule] = true
		if f := findings[at]; c.item != "" && (f.Item == 0 || f.Kind == "") {
			t.Errorf("%s: the finding does not say the item: %+v", c.rule, f)
		}
	}
	for _, rule := range check.Rules() {
		if !tried[rule] {
			t.Errorf("nothing breaks %s here", rule)
		}
	}
}

func cd(table, value string) string { return `<cd S="` + table + `" SV="1.0">` + value + `</cd>` }

func cd19(table, value string) string { return `<cd S="` + table + `" SV="1.19">` + value + `</cd>` }

func authorOf() string {
	_, rest, _ := strings.Cut(good, "<author>")
	author, _, _ := strings.Cut(rest, "</author>")
	return author
}

// Each rule has a text in every language, which speaks of the same things.
func TestTexts(t *testing.T) {
	for _, rule := range check.Rules() {
		seen := map[string]bool{}
		for _, language := range append(check.Languages, "xx") {
			text := check.Finding{Rule: rule, Args: []string{"@1", "@2", "@3"}}.Text(language)
			text, extra, _ := strings.Cut(text, "%!(EXTRA")
			if strings.Contains(text, "%!") {
				t.Errorf("%s in %s: %s", rule, language, text)
			}
			for n := range 3 {
				arg := fmt.Sprintf("@%d", n+1)
				if language == "en" {
					seen[arg] = strings.Contains(text, arg)
				} else if seen[arg] != strings.Contains(text, arg) {
					t.Errorf("%s in %s speaks of something else than in English: %s", rule, language, text)
				}
			}
			_ = extra
			if text == "" {
				t.Errorf("%s has no text in %s", rule, language)
			}
		}
	}
}

// Numbers that are well formed, and others.
func TestNumbers(t *testing.T) {
	for number, right := range map[string]bool{
		"58031499914": true, "85052099927": true, "58031499915": false, "5803149991": false, "58.03.14-999.14": false, "": false, "abcdefghijk": false,
	} {
		m := message(t, strings.Replace(good, "58031499914", number, 1))
		got := !slices.ContainsFunc(check.Message(m, on), func(f check.Finding) bool { return f.Rule == "inss-number" })
		if got != right {
			t.Errorf("INSS %q is right: %v, want %v", number, got, right)
		}
	}
	for number, right := range map[string]bool{"10000007004": true, "10000007": true, "10000008004": false, "1990001916": true, "1000000700": true, "100000070041": false, "x": false} {
		m := message(t, strings.Replace(good, "10000007004", number, 1))
		got := !slices.ContainsFunc(check.Message(m, on), func(f check.Finding) bool { return f.Rule == "party-number" })
		if got != right {
			t.Errorf("NIHII %q is right: %v, want %v", number, got, right)
		}
	}
}

// No message makes the checker panic, and the same gives the same.
func FuzzMessage(f *testing.F) {
	for name := range goodItems {
		f.Add([]byte(strings.Replace(good, "ITEMS", `<item><cd S="CD-ITEM">`+name+`</cd>`+goodItems[name]+`</item>`, 1)))
	}
	f.Add([]byte(good))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := kmehr.Read(text)
		if err != nil {
			return
		}
		first := check.Message(m, on)
		if second := check.Message(m, on); fmt.Sprint(first) != fmt.Sprint(second) {
			t.Fatal("the same message gives other findings")
		}
		for _, f := range first {
			if f.Text("nl") == "" || strings.Contains(f.Text("de"), "%!") {
				t.Fatalf("%+v has no text", f)
			}
		}
		check.Message(m, time.Time{})
	})
}
