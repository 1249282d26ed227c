package web_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/carelog/carelog/agent/web"
)

// The page of the patients comes with the patients in it, in the language that is asked for, with
// the light and the figures; the text of a dossier is text.
func TestFirstPageIsWrittenByTheDesk(t *testing.T) {
	d := newDesk(t)
	morning(d)
	d.arrives("Patient/evil", "evil", "dr-1", person("evil", "<b>&", "O'Neil", "1980-01", "other"))
	for language, want := range map[string][]string{
		"nl": {`<html lang="nl">`, "<title>Patiënten · carelog</title>", `data-light="online"`, ">Online<", "13 patiënten", "<strong>Bogaert</strong> Wim Jozef", "11 feb 1961", "Man", "61.02.11-999.63", `id="count-conflicts">3<`, "&lt;b&gt;&amp;", "jan 1980"},
		"de": {`<html lang="de">`, "13 Patienten", "11. Feb. 1961", "Männlich"},
	} {
		answer, page := d.ask("GET", "/", "", "Accept-Language: "+language)
		for _, text := range want {
			if !strings.Contains(page, text) {
				t.Errorf("%s: %q is not in\n%s", language, text, page)
			}
		}
		if strings.Contains(page, "<b>") || answer.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: got %q and\n%s", language, answer.Header.Get("Cache-Control"), page)
		}
	}
	if _, page := d.ask("GET", "/", "", "Accept-Language: nl", "Cookie: carelog-language=fr"); !strings.Contains(page, `<html lang="fr">`) {
		t.Error("the language that was chosen does not come before the one asked for")
	}
	if _, page := d.ask("GET", "/sync", "", "Accept-Language: fr"); !strings.Contains(page, `data-light="online"`) || strings.Contains(page, "Bogaert") {
		t.Errorf("got %s, want a frame with its light and without patients", page)
	}
}

// The desk says who is found, and why nobody is; what the FHIR door refuses is refused in its words.
func TestPatientsFragment(t *testing.T) {
	d := newDesk(t)
	fragment := func(query string) string {
		t.Helper()
		answer, text := d.ask("GET", "/fragments/patients?"+query, "", "Accept-Language: en")
		if answer.StatusCode != http.StatusOK {
			t.Fatalf("%s: got %s %s", query, answer.Status, text)
		}
		return text
	}
	has := func(got, want string) {
		t.Helper()
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	has(fragment(""), "No patients are here yet.")
	d.set(func() { d.status.Incomplete = true })
	has(fragment(""), "patients appear as they arrive")
	d.set(func() { d.status.Incomplete = false })
	morning(d)
	has(fragment("name=zzz&text=z%3Cz"), "Nobody found for “z&lt;z”.")
	has(fragment("name=bogaert&text=bog"), "1 patient<")
	first := fragment("_count=5")
	has(first, "12 patients")
	_, rest, ok := strings.Cut(first, `data-next="`)
	if !ok {
		t.Fatalf("there is no next page in\n%s", first)
	}
	next, _, _ := strings.Cut(rest, `"`)
	if _, text := d.ask("GET", strings.ReplaceAll(next, "&amp;", "&"), ""); !strings.Contains(text, "Fontaine") || strings.Contains(text, "Aerts") {
		t.Errorf("got %s, want the rows that follow", text)
	}
	answer, text := d.ask("GET", "/fragments/patients?birthdate=x", "")
	var refused struct{ Error struct{ Code, Text string } }
	if err := json.Unmarshal([]byte(text), &refused); err != nil || answer.StatusCode != http.StatusBadRequest || refused.Error.Text == "" {
		t.Errorf("got %s %s, want the refusal of the FHIR door", answer.Status, text)
	}
	if rows := strings.Count(fragment("name=bogaert&_include=Patient:general-practitioner"), `<tr><th scope="row"`); rows != 1 {
		t.Errorf("who comes with a patient is in the list: got %d rows", rows)
	}
	if answer, _ := d.ask("POST", "/fragments/patients", ""); answer.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: got %s, want 405", answer.Status)
	}
}

// More rows come once, however often one asks; what went wrong is said, and the button stays.
func TestMorePatientsComeOnce(t *testing.T) {
	d := newDesk(t)
	morning(d)
	for i := range 60 {
		id := fmt.Sprintf("more%02d", i)
		d.arrives("Patient/"+id, id, "dr-1", person(id, "Zoveel", fmt.Sprint("N", i), "1980-01-02", "other"))
	}
	b := openBrowser(t, d)
	b.run(`(() => { window.fetched = window.fetch; window.fetch = () => Promise.reject(new TypeError('no line')); document.querySelector('[data-next]').click(); })()`)
	b.until(`document.querySelector('#found .count .error') && document.querySelector('[data-next]:enabled')`, "what went wrong, and the button")
	b.run(`(() => { window.fetch = window.fetched; const more = document.querySelector('[data-next]'); more.click(); more.click(); })()`)
	b.until(`document.querySelectorAll('#found tbody tr').length > 50 && !document.querySelector('[data-next]')`, "the rest")
	b.run(`fetch('/api/status')`) // behind what was asked for twice
	if got := b.text(`String(new Set([...document.querySelectorAll('#found tbody a')].map((a) => a.href)).size) + ' of ' + document.querySelectorAll('#found tbody tr').length`); got != "72 of 72" {
		t.Errorf("got %s rows, want 72, each once", got)
	}
	b.until(`!document.querySelector('#found .count .error') && document.querySelector('#found .count').textContent.includes('72')`, "how many there are")
}

// Whoever opens the page of the patients can type at once, and the modules that come do not take the cursor away.
func TestSearchKeepsTheCursor(t *testing.T) {
	d := newDesk(t)
	morning(d)
	b := openBrowser(t, d)
	b.visit("/")
	b.keys("bogaert")
	b.see("#found .count", "1 patient")
	b.click("nav a", "Conflicts")
	b.see("main h1", "Conflicts")
	b.until(`document.activeElement.id === 'main'`, "the focus on what is new")
	b.click("nav a", "Patients")
	b.until(`document.activeElement.id === 'search'`, "the cursor in the search")
}

// A Patient of any form has a row, with what can be read of it.
func TestPatientsOfOddForm(t *testing.T) {
	d := newDesk(t)
	for i, members := range []string{
		`"name":[{"use":"old","family":"Old"},{"use":"usual","family":"Usual"},{"use":"official","family":"Official","given":["A","B"]}]`,
		`"name":[{"text":"All of it"}]`, `"birthDate":"1950","gender":"unknown"`, `"deceasedBoolean":true,"name":[{"family":"Gone"}]`,
		`"identifier":[{"system":"https://www.ehealth.fgov.be/standards/fhir/core/NamingSystem/ssin","value":"12"}],"name":[{"family":"Short"}]`,
	} {
		id := fmt.Sprintf("o%d", i)
		d.arrives("Patient/"+id, id, "dr-1", `{"resourceType":"Patient","id":"`+id+`",`+members+`}`)
	}
	_, page := d.ask("GET", "/", "", "Accept-Language: en")
	for _, want := range []string{"<strong>Official</strong> A B", "<strong>All of it</strong>", "<strong>Name not known</strong>", "1950", "<td>Deceased</td>", `<td class="figures">12</td>`} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is not in\n%s", want, page)
		}
	}
}

// Whoever said at the browser who they are is named in the trail also for what an address shows.
func TestUserOfAPageIsWhoSaidSo(t *testing.T) {
	d := newDesk(t)
	morning(d)
	b := openBrowser(t, d)
	b.until(`document.querySelectorAll('#user option').length > 1`, "the people of the practice")
	b.run(`(() => { const s = document.getElementById('user'); s.value = 'nurse-1'; s.dispatchEvent(new Event('change', {bubbles: true})); })()`)
	asked := d.askers(func() { b.visit("/") })
	if len(asked) == 0 || asked[0] != "nurse-1" {
		t.Errorf("the patients are read in the name of %q, want nurse-1", asked)
	}
	b.until(`document.getElementById('user').value === 'nurse-1'`, "the choice that was made")
}

// The cookie of this desk names who looks, under each name that the desk has; that of another desk of the PC
// does not, and who says it of the request itself comes first.
func TestUserOfACookie(t *testing.T) {
	d := newDesk(t)
	port := d.url[strings.LastIndex(d.url, ":")+1:]
	for _, c := range []struct{ host, cookie, header, want string }{
		{"127.0.0.1", "carelog-user-" + port + "=nurse-1", "", "nurse-1"},
		{"localhost", "carelog-user-" + port + "=nurse-1", "", "nurse-1"},
		{"[::1]", "carelog-user-" + port + "=nurse-1", "", "nurse-1"},
		{"127.0.0.1", "carelog-user-1=nurse-1", "", "dr-1"},
		{"127.0.0.1", "carelog-user-" + port + "=nurse/1", "", "dr-1"},
		{"127.0.0.1", "carelog-user-" + port + "=nurse-1", "dr-2", "dr-2"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), "GET", d.url+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = c.host + ":" + port
		r.Header.Set("Authorization", "Bearer "+d.token)
		r.Header.Set("Cookie", c.cookie)
		if c.header != "" {
			r.Header.Set("Carelog-User", c.header)
		}
		asked := d.askers(func() {
			answer, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
			if answer.StatusCode != http.StatusOK {
				t.Errorf("%+v: got %s", c, answer.Status)
			}
		})
		if len(asked) != 1 || asked[0] != c.want {
			t.Errorf("%+v: the patients are read in the name of %q", c, asked)
		}
	}
}

func TestLanguageThatIsSpoken(t *testing.T) {
	for _, c := range []struct{ chosen, accept, want string }{
		{"", "fr-BE, nl;q=0.5", "fr"}, {"de", "fr", "de"}, {"xx", "pt, nl-NL;q=0.3", "nl"}, {"", "", "en"}, {"constructor", "ja", "en"}, {"", "nl;q=0.1, de;q=0.9", "de"}, {"", ";;;", "en"},
	} {
		if got := web.Pick(c.chosen, c.accept); got != c.want {
			t.Errorf("chosen %q, accepted %q: got %s, want %s", c.chosen, c.accept, got, c.want)
		}
	}
}

// The desk writes numbers, plurals and dates as the browser does in the same language.
func TestDeskWritesAsTheBrowserDoes(t *testing.T) {
	d := newDesk(t)
	b := openBrowser(t, d)
	for _, code := range []string{"nl", "fr", "de", "en"} {
		b.run(`document.cookie = 'carelog-language=` + code + `; path=/'`)
		b.visit("/")
		for month := 1; month <= 12; month++ {
			for form, parts := range map[string]string{
				"1957-%02d-03": `day: 'numeric', month: 'short', year: 'numeric'`, "2004-%02d": `month: 'short', year: 'numeric'`, "2024-%02d-13T09:05:00+01:00": `day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit'`,
			} {
				value := fmt.Sprintf(form, month)
				rule := b.text(`import('/assets/words/` + code + `.js').then((m) => new Intl.DateTimeFormat(m.default.locale, { ` + parts + ` }).format(new Date('` + value + `')))`)
				module := b.text(`import('/assets/js/words.js').then((m) => m.date('` + value + `'))`)
				if got := web.Date(code, value); got != rule || module != rule {
					t.Errorf("%s: the desk writes %s as %q, the modules %q, the language %q", code, value, got, module, rule)
				}
			}
		}
		for _, n := range []int{0, 1, 2, 21, 1234, 1234567} {
			want := b.text(fmt.Sprintf(`import('/assets/js/words.js').then((m) => m.words.patients.count(%d))`, n))
			got, err := web.Say(code, "patients.count", n)
			spaces := strings.NewReplacer("\u00a0", " ", "\u202f", " ") // two editions of the same rules
			if err != nil || spaces.Replace(got) != spaces.Replace(want) {
				t.Errorf("%s: the desk says %q (%v), the browser %q", code, got, err, want)
			}
		}
	}
	for _, odd := range []string{"", "1957", "1957-13-01", "12/3/1957", "1957-03-12Tsoon"} {
		if got := web.Date("nl", odd); got != odd {
			t.Errorf("%q is written as %q", odd, got)
		}
	}
}

func TestWordsThatAreNotThere(t *testing.T) {
	if _, err := web.Say("nl", "patients.nothing"); err == nil {
		t.Error("a sentence that is not there is said")
	}
	if got, _ := web.Say("en", "patients.nobody", "{0} {1}"); got != "Nobody found for “{0} {1}”." {
		t.Errorf("got %q: what is said of has places itself", got)
	}
}

// inTurn tells whether a text has all parts, in this order.
func inTurn(text string, parts ...string) bool {
	for _, part := range parts {
		var ok bool
		if _, text, ok = strings.Cut(text, part); !ok {
			return false
		}
	}
	return true
}

// What joins is what runs; a module that cannot be joined is an error, and not a page that does nothing.
func TestModulesJoin(t *testing.T) {
	first, others, err := web.JoinModules(map[string]string{
		"three": "await 3;\n", "main": "import './three.js';\nimport { a as b } from './one.js';\n\nb();\nimport('./two.js');\n", "one": "// A remark.\nconst own = 1;\nexport function a() { return own; }\n", "two": "import { a } from './one.js';\n\nexport const own = a();\n",
	})
	if err != nil || !strings.Contains(first, "const { a: b } = oneModule;") || !strings.Contains(first, "import('./others.js').then((all) => all.twoModule)") || strings.Contains(first, "remark") ||
		!inTurn(first, "const threeModule", "await 3;", "const oneModule", "const mainModule") || !strings.Contains(others, "return { own };") {
		t.Errorf("got %v\n%s\n%s", err, first, others)
	}
	for name, modules := range map[string]map[string]string{
		"no such module":          {"main": "import { a } from './one.js';\n"},
		"modules that need each":  {"main": "import { a } from './one.js';\n", "one": "import { b } from './main.js';\n"},
		"another form of import":  {"main": "import * as a from './one.js';\n", "one": ""},
		"another form of export":  {"main": "export default 1;\n"},
		"a module without a main": {"one": ""},
	} {
		if _, _, err := web.JoinModules(modules); err == nil {
			t.Errorf("%s: they join", name)
		}
	}
}

// What is kept for ever has another name when it is another file: also what is joined from the others.
func TestVersionIsOfWhatIsSent(t *testing.T) {
	d := newDesk(t)
	for _, file := range []string{"js/joined.js", "js/others.js", "css/joined.css", "words/nl.js", "js/words.js"} {
		version, other := web.Versions(file)
		if version == other {
			t.Errorf("with another %s the files have the same name", file)
		}
		if answer, _ := d.ask("GET", "/assets/"+version+"/"+file, ""); answer.StatusCode != http.StatusOK {
			t.Errorf("%s: got %s", file, answer.Status)
		}
	}
}

// What is rendered by the desk is not made a second time by a module.
func TestNothingIsWrittenTwice(t *testing.T) {
	files, err := filepath.Glob("pages/js/*.js")
	if err != nil || len(files) < 40 {
		t.Fatalf("got %d modules, %v", len(files), err)
	}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, of := range []string{"words.patients.count", "words.patients.nobody", "words.patients.search", "words.nav.", "words.find.open", "words.skip", "words.user.hint",
			"words.conflicts.intro", "words.conflicts.noneText", "words.dossier.noAllergies", "words.dossier.allergiesUnreadable", "words.dossier.past", "words.dossier.plot", "words.dossier.empty",
			"words.synchronisation.asideText", "words.synchronisation.queueEmpty", "words.synchronisation.pastEmpty", "words.light.agreed", "words.light.reasons", "words.units", "words.sumehr.intro", "words.sumehr.hubDown",
			"words.conflicts.ancestor", "words.conflicts.clock", "words.conflicts.deleted", "words.conflicts.elsewhere", "words.conflicts.left", "words.conflicts.take", "words.history.title", "words.history.pick", "words.measures", "words.gender."} {
			if strings.Contains(string(source), of) {
				t.Errorf("%s says %s, which the desk's templates say", file, of)
			}
		}
	}
}
