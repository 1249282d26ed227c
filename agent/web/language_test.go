package web_test

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/carelog/carelog/agent/web"
	"github.com/carelog/carelog/projections/sumehr/standing"
)

// sameWords runs in the browser and says where a language has other words than English: one
// that is missing or too many, other places in a sentence, other forms than its plural has.
const sameWords = `(async () => {
	const load = async (code) => (await import('/assets/words/' + code + '.js')).default;
	const wrong = [];
	const places = (text) => [...new Set(text.match(/\{\d\}/g))].sort().join();
	const isPlural = (v) => typeof v === 'object' && 'one' in v && 'other' in v;
	const compare = (at, a, b, forms) => {
		if (typeof a !== typeof b || isPlural(a) !== isPlural(b)) wrong.push(at + ' is of another kind');
		else if (typeof a === 'string') {
			if (!b.trim()) wrong.push(at + ' is empty');
			if (places(a) !== places(b)) wrong.push(at + ' has places ' + places(b) + ', want ' + places(a));
		} else if (isPlural(a)) {
			if (Object.keys(b).sort().join() !== forms) wrong.push(at + ' has forms ' + Object.keys(b) + ', want ' + forms);
			for (const [form, text] of Object.entries(b)) compare(at + '.' + form, a.other, text, forms);
		} else {
			for (const name of Object.keys(a)) if (!(name in b)) wrong.push(at + '.' + name + ' is missing');
			for (const name of Object.keys(b)) {
				if (!(name in a)) wrong.push(at + '.' + name + ' is not in English');
				else compare(at + '.' + name, a[name], b[name], forms);
			}
		}
	};
	const english = await load('en');
	for (const code of ['nl', 'fr', 'de', 'en']) {
		const other = await load(code);
		if (!other.locale.startsWith(code)) wrong.push(code + ' is of ' + other.locale);
		compare(code, english, other, new Intl.PluralRules(other.locale).resolvedOptions().pluralCategories.sort().join());
		if (code !== 'en') {
			const flat = (v) => (typeof v === 'string' ? [v] : Object.values(v).flatMap(flat));
			const [ours, theirs] = [flat(english), new Set(flat(other))];
			const left = ours.filter((text) => text.length > 24 && theirs.has(text));
			if (left.length > 0) wrong.push(code + ' says in English: ' + left.join('; '));
		}
	}
	return wrong.join('\n');
})()`

func TestLanguages(t *testing.T) {
	d := newDesk(t)
	morning(d)
	b := openBrowser(t, d)
	if wrong := b.text(sameWords); wrong != "" {
		t.Errorf("wrong:\n%s", wrong)
	}
	reading(d)
	b.visit("/patients/p7")
	for _, c := range []struct{ code, light, title, born, rate, problem string }{
		{"NL", "Synchroniseren", "Allergieën", "12 mrt 1957 (69 jaar)", "31.250 registraties per seconde", "Probleem"},
		{"FR", "Synchronisation", "Allergies", "12 mars 1957 (69 ans)", "31 250 enregistrements par seconde", "Problème"},
		{"DE", "Synchronisieren", "Allergien", "12. März 1957 (69 Jahre)", "31.250 Einträge pro Sekunde", "Problem"},
		{"EN", "Synchronising", "Allergies", "12 Mar 1957 (69 years)", "31,250 records a second", "Problem"},
	} {
		b.click(".section-DocumentReference .section-head button", "")
		b.fill("text", "Not lost in "+c.code)
		b.click(".languages button", c.code)
		b.until(`document.documentElement.lang === `+quote(strings.ToLower(c.code)), c.code)
		b.see("#light", c.light)
		b.see(".safety-title", c.title)
		b.see(".inline-facts", c.born)
		b.until(`document.querySelector('.form [name=text]')?.value === 'Not lost in `+c.code+`'`, "the draft after the change of language")
		b.click("#light", "")
		b.until(`document.querySelector('#light-details').innerText.replace(/\s/g, ' ').includes(`+quote(c.rate)+`)`, c.rate)
		b.shoot("language-" + strings.ToLower(c.code))
	}
	// Kept, and used by a page that is opened anew.
	b.click(".languages button", "FR")
	b.see(".inline-facts", "69 ans")
	b.visit("/")
	b.see("h1", "Patients")
	b.until(`document.querySelector('#search').placeholder.startsWith('Chercher')`, "French")
}

// The language of a browser that has chosen none is the one that it asks for.
func TestLanguageOfTheBrowser(t *testing.T) {
	d := newDesk(t)
	b := openBrowser(t, d)
	override := emulation.SetUserAgentOverrideParams{UserAgent: b.text(`navigator.userAgent`), AcceptLanguage: "de-BE,fr"}
	if _, err := chromedp.Call(b.ctx, emulation.SetUserAgentOverride, override); err != nil {
		t.Fatal(err)
	}
	b.visit("/")
	b.see("nav", "Patienten")
}

// Every reason that the light can give has words in each language; English, which all
// others are compared with, has them by the text itself.
func TestReasonsOfTheLightHaveWords(t *testing.T) {
	english, err := os.ReadFile("pages/words/en.json")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, file := range []string{"../run.go", "../session.go", "../attachments.go", "../lostqueue.go", "../unshown.go", "../room.go", "../ownword.go"} {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^\s*reason\w+\s+= "([^"]+)"|reason :?= light\.\w+, "([^"]+)"|"(sending the contents? of [^"]+|changes are only [^"]+)"|Offline, "([^"]+)"`).FindAllStringSubmatch(string(source), -1) {
			text := strings.ReplaceAll(m[1]+m[2]+m[3]+m[4], "%d", "#")
			found++
			if !strings.Contains(string(english), `"`+text+`"`) {
				t.Errorf("the light can say %q in %s, for which the pages have no words", text, file)
			}
		}
		for _, m := range regexp.MustCompile(`\.warn\("([^"]+)"|(?m)^(?:const |\t)[wW]arn\w+\s+= "([^"]+)"`).FindAllStringSubmatch(string(source), -1) {
			if code := m[1] + m[2]; !strings.Contains(string(english), `"`+code+`"`) {
				t.Errorf("%s warns of %q, for which the pages have no words", file, code)
			}
		}
	}
	if found < 8 {
		t.Errorf("found %d reasons in the agent's source, want all of them", found)
	}
}

// What a dossier can hold is called by a word in every language, and not by the name of its type.
// Each has one of its own, so that what is chosen by its word is one kind.
func TestKindsHaveWords(t *testing.T) {
	types := strings.Fields("AllergyIntolerance CarePlan CareTeam Communication Composition Condition Consent DiagnosticReport DocumentReference Encounter EpisodeOfCare FamilyMemberHistory Flag Goal ImagingStudy Immunization " +
		"List Medication MedicationAdministration MedicationDispense MedicationRequest MedicationStatement Observation Organization Patient Practitioner PractitionerRole Procedure QuestionnaireResponse RelatedPerson RiskAssessment ServiceRequest Specimen Task")
	for _, code := range languages {
		kindOf := make(map[string]string)
		for _, kind := range types {
			word, err := web.Say(code, "kinds."+kind)
			if err != nil {
				t.Errorf("%s has no word for %s", code, kind)
			}
			if other := kindOf[word]; other != "" {
				t.Errorf("%s calls %s and %s the same: %s", code, other, kind, word)
			}
			kindOf[word] = kind
		}
	}
}

// Every reason for which a Sumehr is behind, every action, and every problem has words.
func TestCodesHaveWords(t *testing.T) {
	text, err := os.ReadFile("pages/words/en.json")
	if err != nil {
		t.Fatal(err)
	}
	var words struct {
		Problems map[string]any
		Sumehr   struct{ Reasons, Do map[string]any }
	}
	if err := json.Unmarshal(text, &words); err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("../problem.go")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`ProblemCode = "([^"]+)"`).FindAllStringSubmatch(string(source), -1)
	if len(found) < 10 {
		t.Errorf("found %d problems in the agent's source, want all of them", len(found))
	}
	for _, m := range found {
		if words.Problems[m[1]] == nil {
			t.Errorf("there are no words for the problem %q", m[1])
		}
	}
	for _, r := range append(standing.Reasons, standing.Off, standing.Newest) {
		if words.Sumehr.Reasons[string(r)] == nil {
			t.Errorf("there are no words for the reason %q", r)
		}
		if do := r.Do(); do != standing.Nothing && words.Sumehr.Do[string(do)] == nil {
			t.Errorf("there are no words for what to do: %q", do)
		}
	}
}
