package web_test

import (
	"cmp"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/carelog/carelog/agent/fhir"
	"github.com/carelog/carelog/agent/guard"
	"github.com/carelog/carelog/events/eventstest"
	"github.com/carelog/carelog/projections"
)

// firstView is of a page that stands: the bytes on the line until then, and in milliseconds from the
// beginning of the navigation when the first byte of its HTML was here and the last, when it was read, when its
// content was painted, and when it listened.
const firstView = `(() => {
	const stands = performance.getEntriesByName('carelog.first')[0].startTime;
	const [page] = performance.getEntriesByType('navigation');
	const read = performance.getEntriesByType('resource').concat(page).filter((e) => !e.name.includes('/api/changes') && e.startTime < stands);
	const painted = performance.getEntriesByName('first-contentful-paint')[0].startTime;
	return [read.reduce((n, e) => n + e.transferSize, 0), page.responseStart, page.responseEnd, page.domContentLoadedEventEnd, painted, stands].join(' ');
})()`

// early are the modules and words that a page asked for before it was painted, or gave up to be: a paint is told to four milliseconds.
const early = `(() => {
	const painted = Math.min(500, performance.getEntriesByName('first-contentful-paint')[0].startTime);
	return performance.getEntriesByType('resource').filter((e) => /\/(js|words)\//.test(e.name) && e.startTime < painted - 4).map((e) => e.name).join(' ');
})()`

// stood waits until a page was painted and listens; rested until the browser has nothing more to
// do for it, so that the next visit does not pay for this one.
const (
	stood = `Promise.all([['paint', 'first-contentful-paint'], ['mark', 'carelog.first']].map(([type, name]) => new Promise((done) => {
		new PerformanceObserver((seen) => seen.getEntriesByName(name).forEach(done)).observe({type, buffered: true});
	})))`
	rested = `new Promise((done) => requestIdleCallback(() => requestIdleCallback(done)))`
)

// view is what a first view took: bytes, and milliseconds.
type view struct {
	size                                 int
	begins, here, read, painted, listens float64
}

// viewed is the first view of the page that is open, once the browser has nothing more to do for it.
func (b *browser) viewed() (v view) {
	b.t.Helper()
	b.run(stood)
	if _, err := fmt.Sscan(b.text(firstView), &v.size, &v.begins, &v.here, &v.read, &v.painted, &v.listens); err != nil {
		b.t.Fatal(err)
	}
	b.run(rested)
	return v
}

// The first view is less than 100 KB, with the words of its language and no others, and the patients
// are in the HTML, so that they stand at the first paint; the modules are fetched and come to life after it.
func TestFirstViewIsSmall(t *testing.T) {
	d := newDesk(t)
	morning(d)
	b := openBrowser(t, d) // which visits it with nothing kept from before
	v := b.viewed()
	t.Logf("the first visit reads %d bytes", v.size)
	if v.size > 100_000 || v.size < 20_000 {
		t.Errorf("the first visit reads %d bytes, want less than 100 KB, and not next to nothing", v.size)
	}
	b.see("tbody", "Bogaert")
	if n := b.text(`String(performance.getEntriesByType('resource').filter((e) => e.name.includes('/words/')).length)`); n != "1" {
		t.Errorf("the first view has the words of %s languages, want one", n)
	}
	b.until(`performance.getEntriesByType('resource').some((e) => e.name.includes('/others.js'))`, "the modules of the other pages")
	b.do(chromedp.Navigate(b.url + "/"))
	v = b.viewed()
	if patience := 500.; v.listens < min(v.painted, patience) {
		t.Errorf("a visit listens after %.0f ms and is painted after %.0f: want no module to run before the paint", v.listens, v.painted)
	}
	if early := b.text(early); early != "" {
		t.Errorf("before the paint it asks for %s: want only what is painted, and what waits for it", early)
	}
	if _, page := d.ask("GET", "/", "", "Accept-Language: nl"); !strings.Contains(page, "<strong>Bogaert</strong>") || !strings.Contains(page, "12 mrt 1957") {
		t.Errorf("got %s, want the patients in it", page)
	}
}

// A browser that cannot tell of its paints comes to life at once.
func TestAPageComesToLifeWithoutWordOfItsPaint(t *testing.T) {
	d := newDesk(t)
	morning(d)
	for name, lacks := range map[string]string{
		"there is no observer":     `delete globalThis.PerformanceObserver`,
		"it refuses to be made":    `globalThis.PerformanceObserver = class { constructor() { throw new Error('no') } }`,
		"it refuses what is asked": `PerformanceObserver.prototype.observe = () => { throw new Error('no') }`,
	} {
		t.Run(name, func(t *testing.T) {
			b := openBrowser(t, d)
			if _, err := chromedp.Call(b.ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: lacks}); err != nil {
				t.Fatal(err)
			}
			b.visit("/")
			b.see("tbody", "Bogaert")
		})
	}
}

// So is that of any page that somebody opens by its address in a browser that has nothing: until it stands, which is the
// mark carelog.first. What follows after that is said beside it.
func TestFirstViewOfAnyPageIsSmall(t *testing.T) {
	d := newDesk(t)
	morning(d)
	openBrowser(t, d) // Chromium runs
	session := sessionOf(t, d)
	for _, page := range []struct{ name, path, shows string }{
		{"the patients", "/", "Bogaert"}, {"a dossier", "/patients/p7", "Metformin"}, {"the synchronisation", "/sync", "Consultation room 1"},
		{"a conflict", "/conflicts/MedicationStatement/m9", "half a tablet"},
	} {
		b, leave := newcomer(t, d, session)
		b.visit(page.path)
		b.see("main", page.shows)
		v := b.viewed()
		after := b.text(`String(performance.getEntriesByType('resource').filter((e) => !e.name.includes('/api/changes') && e.startTime >= performance.getEntriesByName('carelog.first')[0].startTime).reduce((n, e) => n + e.transferSize, 0))`)
		t.Logf("%s: %d bytes until it stands, %s after that", page.name, v.size, after)
		if v.size > 100_000 || v.size < 20_000 {
			t.Errorf("%s reads %d bytes until it stands, want less than 100 KB, and not next to nothing", page.name, v.size)
		}
		leave()
	}
}

// How long it takes until a page is painted, in turns with a page of one line, which is the browser's own part,
// and with its still twin: the same HTML and style sheet, of which nothing comes to life, without the guard's
// headers, as the one line is. And since it depends on what
// the browser has before, in four ways. It is said and not asserted: CARELOG_VISITS is how often each is
// visited, and make paint runs it.
func TestFirstPaint(t *testing.T) {
	visits, err := strconv.Atoi(cmp.Or(os.Getenv("CARELOG_VISITS"), "0"))
	if err != nil || visits < 1 {
		t.Skip("CARELOG_VISITS gives no number of visits; make paint does")
	}
	d := newDesk(t)
	morning(d)
	const module = `<script type="module" src="/m.js"></script>`
	still := map[string]string{"/one-line": `<!doctype html><title>bare</title>bare` + module}
	bare := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		page, ok := still[r.URL.Path]
		switch {
		case ok:
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = w.Write([]byte(page))
		case r.URL.Path == "/m.js":
			w.Header().Set("Content-Type", "text/javascript")
			_, _ = w.Write([]byte(`performance.mark('carelog.first')`))
		default: // the style sheet and the icon
			d.pages.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(bare.Close)
	pages := [][2]string{{"one line", bare.URL + "/one-line"}}
	for _, page := range [][2]string{{"the patients", "/"}, {"a dossier", "/patients/p7"}, {"behind the light", "/sync"}} {
		_, html := d.ask("GET", page[1], "", "Accept-Language: en")
		twin := "/still" + page[1]
		still[twin] = modules.ReplaceAllString(html, "") + module
		pages = append(pages, [2]string{page[0], d.url + page[1]}, [2]string{page[0] + ", still", bare.URL + twin})
	}
	openBrowser(t, d) // Chromium runs, and has come to itself
	session := sessionOf(t, d)
	elsewhere := strings.Replace(bare.URL, "127.0.0.1", "localhost", 1) + "/one-line" // another site, as that of an EHR is
	for _, way := range []struct {
		name string
		from []string // what the browser has open before, once it was made anew; nil: it is the same browser again
	}{{"the first page of all in a new browser", []string{}}, {"the same once that has come to itself", []string{"about:blank"}}, {"a new browser, from a page of another site", []string{elsewhere}}, {"again", nil}} {
		views := make(map[string][]view)
		again := make(map[string]*browser)
		for visit := range 1 + visits {
			for i := range pages {
				page := pages[(visit+i)%len(pages)]
				b, close := again[page[0]], func() {}
				if b == nil {
					b, close = newcomer(t, d, session)
				}
				for _, before := range way.from {
					if b.do(chromedp.Navigate(before)); before == elsewhere {
						b.viewed()
					}
					b.unhurried() // who follows a link has read something first, and the browser has made ready
				}
				b.do(chromedp.Navigate(page[1]))
				if v := b.viewed(); visit > 0 {
					views[page[0]] = append(views[page[0]], v)
				}
				if way.from == nil {
					again[page[0]], close = b, func() {}
				}
				close()
			}
		}
		line := middle(views["one line"], painted)
		for _, page := range pages {
			own := middle(views[page[0]], painted)
			t.Logf("%s: %s: %s; painted %.0f ms after one line, which is %.1f times that", way.name, page[0], summed(views[page[0]]), own-line, own/line)
		}
	}
}

// modules are what a page comes to life by.
var modules = regexp.MustCompile(`<script[^>]*></script>|<link rel="modulepreload"[^>]*>`)

func painted(v view) float64 { return v.painted }

// middle is that of some views.
func middle(all []view, of func(view) float64) float64 {
	sorted := inOrder(all, of)
	return sorted[len(sorted)/2]
}

func inOrder(all []view, of func(view) float64) (sorted []float64) {
	for _, v := range all {
		sorted = append(sorted, of(v))
	}
	slices.Sort(sorted)
	return sorted
}

// summed says the middle of some views, and what nine of ten are below.
func summed(all []view) string {
	of := func(name string, get func(view) float64) string {
		sorted := inOrder(all, get)
		return fmt.Sprintf("%s %.0f (%.0f)", name, middle(all, get), sorted[min(len(sorted)-1, len(sorted)*9/10)])
	}
	return strings.Join([]string{
		of("first byte", func(v view) float64 { return v.begins }), of("HTML", func(v view) float64 { return v.here }),
		of("DOMContentLoaded", func(v view) float64 { return v.read }), of("painted", painted),
		of("listens", func(v view) float64 { return v.listens }),
	}, ", ") + " ms"
}

// sessionOf is the cookies of somebody who has logged in.
func sessionOf(t *testing.T, d *desk) (cookies []*network.CookieParam) {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := (&http.Client{Jar: jar}).Get(d.guard.Link(d.url))
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	for _, c := range jar.Cookies(answer.Request.URL) {
		cookies = append(cookies, &network.CookieParam{Name: c.Name, Value: c.Value, URL: d.url})
	}
	return cookies
}

// newcomer is a browser that has nothing but the session.
func newcomer(t *testing.T, d *desk, session []*network.CookieParam) (*browser, func()) {
	t.Helper()
	ctx, cancel := chromedp.NewContext(shared.ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	b := &browser{t: t, ctx: ctx, url: d.url}
	if _, err := chromedp.Call(ctx, network.SetCookies, network.SetCookiesParams{Cookies: session}); err != nil {
		t.Fatal(err)
	}
	return b, cancel
}

// practiceOf20000 is a desk with as many patients, and as many families as a practice has: the most frequent name of the
// country has one in three hundred. patient39 is one of them.
func practiceOf20000(t testing.TB) *desk {
	t.Helper()
	d := newDesk(t)
	stems := strings.Fields("Peet Jan Mae Jac Mer Wil Clae Goos Wou Smet Dub Lamb Mart Dup Ver Van Her Bog Coo Aer Font Vand El Yil Pau Hen Mich Stev Pauw Roel Ben Car Leem Cup Gee Mo Thie Wau")
	ends := strings.Fields("ers ssens mans kx ot en ier elmans aert oy")
	given := []string{"Jan", "Marie", "Els", "Wim", "Amélie", "Youssef", "Griet", "Noor", "Marc", "Rita Maria"}
	const patients, batch = 20_000, 500
	for from := 0; from < patients; from += batch {
		var entries []projections.Entry
		for i := from; i < from+batch; i++ {
			id := fmt.Sprintf("p%d", i)
			birth := time.Date(1930+i%90, time.Month(1+i%12), 1+i%28, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
			body := person(id, stems[i%len(stems)]+ends[i/len(stems)%len(ends)], given[i%len(given)], birth, "female")
			e := d.other.Make(eventstest.Change{Record: "Patient/" + id, Patient: id, Author: "dr-1", Body: body})
			entries = append(entries, projections.Entry{Sequence: uint64(i + 1), Event: e, Body: []byte(body), Stored: e.Time})
		}
		if _, err := d.store.Apply(t.Context(), projections.Batch{Entries: entries}); err != nil {
			t.Fatal(err)
		}
	}
	for d.store.Waiting() > 0 { // what a desk does beside everything else
		if _, err := d.store.Index(t.Context(), patients); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

// patient39 is looked for by name and by number.
const patient39Name, patient39Number = "rita janssens", "69041200050"

// A patient is found in less than 50 ms among 20,000, by name, by birth date and by number:
// the time of the door, since a browser adds the same to any size.
func BenchmarkFindAmong20000(b *testing.B) {
	d := practiceOf20000(b)
	door := fhir.New(fhir.Config{Desk: d, Records: d.store, Author: guard.Author, Version: "test", Started: eventstest.Epoch})
	ask := func(b *testing.B, query string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		door.ServeHTTP(w, httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/fhir/Patient?_count=8&"+query, nil))
		return w
	}
	for name, query := range map[string]string{
		"name": "name=" + strings.ReplaceAll(patient39Name, " ", "+"), "letter": "name=p", "date": "birthdate=1957-04-04", "number": "identifier=" + patient39Number, "part": "name=peet", "nobody": "name=zzz",
	} {
		b.Run(name, func(b *testing.B) {
			w := ask(b, query)
			if found := strings.Contains(w.Body.String(), `"resourceType":"Patient"`); w.Code != http.StatusOK || found != (name != "nobody") {
				b.Fatalf("got %d %s, want somebody in all cases but nobody", w.Code, w.Body)
			}
			for b.Loop() {
				if w := ask(b, query); w.Code != http.StatusOK {
					b.Fatalf("got %d %s", w.Code, w.Body)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/1000, "ms/op")
		})
	}
}

// How long it takes among 20,000 patients from the key to the people in the search from anywhere, in the browser: the middle of
// as many as CARELOG_VISITS says, and what nine of ten are below. It is said and not asserted, and make paint runs it.
func TestFirstOptions(t *testing.T) {
	visits, err := strconv.Atoi(cmp.Or(os.Getenv("CARELOG_VISITS"), "0"))
	if err != nil || visits < 1 {
		t.Skip("CARELOG_VISITS gives no number of visits; make paint does")
	}
	needChromium(t)
	d := practiceOf20000(t)
	b := openBrowser(t, d)
	for _, texts := range [][]string{{"j", "ja"}, {"p", "pe"}, {patient39Name}, {patient39Number}, {"12/4/1969"}} {
		var took []float64
		for range visits {
			b.run(`document.getElementById('find').click()`)
			var asked string
			for _, text := range texts { // only the last one finds somebody: one letter is not asked
				asked = b.text(`(async () => {
					const input = document.getElementById('find-input'), list = document.getElementById('find-list');
					const there = new Promise((done) => new MutationObserver(() => list.children.length > 0 && done(performance.now())).observe(list, {childList: true}));
					input.value = ` + quote(text) + `;
					const began = performance.now();
					input.dispatchEvent(new Event('input', {bubbles: true}));
					return String(` + quote(text) + `.length > 1 ? await there - began : 0);
				})()`)
			}
			ms, err := strconv.ParseFloat(asked, 64)
			if err != nil {
				t.Fatal(err)
			}
			took = append(took, ms)
			b.run(`document.querySelector('dialog.find').close()`)
			b.run(rested)
		}
		slices.Sort(took)
		t.Logf("%s: %.0f (%.0f) ms", texts[len(texts)-1], took[len(took)/2], took[min(len(took)-1, len(took)*9/10)])
	}
}

// The handler of the first page alone, without the line and the browser: fifty patients, which is
// as many as it shows.
func BenchmarkFirstPage(b *testing.B) {
	d := newDesk(b)
	for i := range 60 {
		id := fmt.Sprintf("p%d", i)
		d.arrives("Patient/"+id, id, "dr-1", person(id, fmt.Sprintf("Peeters%02d", i), "Jan", "1957-03-12", "male"))
	}
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/", nil)
		w := httptest.NewRecorder()
		d.pages.ServeHTTP(w, r)
		if n := strings.Count(w.Body.String(), "row-link"); n != 50 {
			b.Fatalf("got %d %s, want fifty patients", w.Code, w.Body)
		}
	}
}
