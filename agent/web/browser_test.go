package web_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/carelog/carelog/agent/guard"
)

// browser is a real Chromium that is logged in at a desk.
type browser struct {
	t   *testing.T
	ctx context.Context
	url string
}

// openBrowser opens a browser that knows nothing yet, logged in at the desk.
func openBrowser(t *testing.T, d *desk) *browser {
	t.Helper()
	return openBrowserAt(t, d.guard, d.url)
}

// openBrowserAt is openBrowser for any desk.
func openBrowserAt(t *testing.T, g *guard.Guard, url string) *browser {
	t.Helper()
	if err := shared.start(needChromium(t)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := chromedp.NewContext(shared.ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	b := &browser{t: t, ctx: ctx, url: url}
	b.logIn(g)
	return b
}

// chromium is a process of Chromium. Each test has a profile of its own in it: nothing that a
// test leaves is there for the next one, and to start it takes seconds.
type chromium struct {
	mu   sync.Mutex
	ctx  context.Context // nil: it does not run
	stop func()
}

// shared is the one that TestMain ends.
var shared = chromium{stop: func() {}}

func (c *chromium) start(path string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx != nil {
		return nil
	}
	folder, err := os.MkdirTemp("", "carelog-chromium-")
	if err != nil {
		return err
	}
	ctx, stop, err := startChromium(path, folder)
	c.stop = func() {
		stop()
		_ = os.RemoveAll(folder) // what is left is in the folder of temporary files
	}
	if err != nil {
		return err
	}
	c.ctx = ctx
	return nil
}

// startChromium starts one with its profile in a folder; stop closes it and waits for it.
func startChromium(path, folder string) (ctx context.Context, stop func(), err error) {
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.WSURLReadTimeout(patience), chromedp.UserDataDir(folder), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-dev-shm-usage", !roomInMemory()), chromedp.Flag("disable-component-update", true), chromedp.Flag("lang", "en-GB"),
		chromedp.WindowSize(1280, 900), chromedp.Env("TZ=Europe/Brussels", "TMPDIR="+folder))
	allocator, cancelAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocator)
	stop = func() {
		cancel() // closes the browser and waits for it
		cancelAllocator()
	}
	if err := chromedp.Do(ctx); err != nil {
		return ctx, stop, fmt.Errorf("start Chromium: %w", err)
	}
	return ctx, stop, nil
}

// roomInMemory tells whether /dev/shm has the gigabyte that Chromium may want of it. Where it has
// not, as in a container, the pixels of every page go by way of a disk, and a view costs a quarter more.
func roomInMemory() bool {
	mounts, err := os.ReadFile("/proc/mounts")
	if err != nil {
		return false
	}
	size := regexp.MustCompile(`(?m)^\S+ /dev/shm tmpfs \S*\bsize=(\d+)k`).FindSubmatch(mounts)
	if size == nil {
		return false
	}
	kilobytes, err := strconv.Atoi(string(size[1]))
	return err == nil && kilobytes >= 1<<20
}

func (b *browser) logIn(g *guard.Guard) {
	b.t.Helper()
	b.do(chromedp.Navigate(g.Link(b.url)))
	b.until(alive, "the page to stand")
	b.until(`document.querySelector('#light[data-light="online"]')`, "a light that is online")
}

// at opens another page of the same browser, which is logged in at another desk.
func (b *browser) at(g *guard.Guard, url string) *browser {
	b.t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx)
	b.t.Cleanup(cancel)
	other := &browser{t: b.t, ctx: ctx, url: url}
	other.logIn(g)
	return other
}

// needChromium is where Chromium is. Without it the test is skipped, but not in CI, where its
// absence would go unseen.
func needChromium(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("a browser takes seconds; -short leaves it out")
	}
	path := findChromium()
	if path == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("there is no Chromium, and CI must look at the pages")
		}
		t.Skip("there is no Chromium on this machine, so nobody can look at the pages")
	}
	return path
}

func findChromium() string {
	for _, path := range []string{"/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome", "/opt/google/chrome/chrome"} {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return ""
}

// tab opens another page of the same browser.
func (b *browser) tab(path string) *browser {
	b.t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx)
	b.t.Cleanup(cancel)
	other := &browser{t: b.t, ctx: ctx, url: b.url}
	other.visit(path)
	return other
}

func (b *browser) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.shoot("failed-" + strings.ReplaceAll(b.t.Name(), "/", "-"))
		b.t.Fatal(err)
	}
}

// visit opens an address, and waits until the page stands and listens.
func (b *browser) visit(path string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.url + path))
	b.until(alive, "the page to stand")
}

const alive = `performance.getEntriesByName('carelog.first').length === 1`

// see waits until an element that matches shows the text.
func (b *browser) see(selector, text string) {
	b.t.Helper()
	b.until(`[...document.querySelectorAll(`+quote(selector)+`)].some((e) => e.checkVisibility() && e.innerText.includes(`+quote(text)+`))`,
		selector+" with "+text)
}

// missing waits until no element that matches shows the text.
func (b *browser) missing(selector, text string) {
	b.t.Helper()
	b.until(`![...document.querySelectorAll(`+quote(selector)+`)].some((e) => e.checkVisibility() && e.innerText.includes(`+quote(text)+`))`,
		selector+" without "+text)
}

// patience is how long a test waits for Chromium. Nothing depends on it but the time that a
// failing test takes.
const patience = time.Minute

// until waits until the script is true. It asks again and again from here, since a
// script that waits within the page does not survive a navigation.
func (b *browser) until(script, what string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	var last error
	for {
		yes, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("Boolean("+script+")"))
		if yes {
			return
		}
		if err != nil {
			last = err
		}
		select {
		case <-ctx.Done():
			text, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string](`location.pathname + "\n" + document.body.innerText`))
			b.shoot("failed-" + strings.ReplaceAll(b.t.Name(), "/", "-"))
			b.t.Fatalf("waited in vain for %s (%v); the page says:\n%s", what, last, text)
		case <-again.C:
		}
	}
}

// click clicks the first visible element that matches and shows the text.
func (b *browser) click(selector, text string) {
	b.t.Helper()
	b.see(selector, text)
	b.until(alive, "the page to stand") // what the desk wrote can be seen before it listens
	b.run(`[...document.querySelectorAll(` + quote(selector) + `)].find((e) => e.checkVisibility() && e.innerText.includes(` + quote(text) + `)).click()`)
}

// fill types into the field of that name, in the last form that is open.
func (b *browser) fill(name, text string) {
	b.t.Helper()
	b.until(`document.querySelector('.form [name="`+name+`"]')`, "a field "+name)
	b.run(`(() => {
		const field = [...document.querySelectorAll('.form [name="` + name + `"]')].pop();
		field.value = ` + quote(text) + `;
		field.dispatchEvent(new Event('input', {bubbles: true}));
	})()`)
}

// keys presses keys, as a person does.
func (b *browser) keys(keys string) {
	b.t.Helper()
	b.do(chromedp.KeyEvent(keys))
}

// tabTo presses Tab until an element that matches has the focus.
func (b *browser) tabTo(selector string) {
	b.t.Helper()
	b.see(selector, "")
	for range 60 {
		if b.text(`String(document.activeElement.matches(`+quote(selector)+`))`) == "true" {
			return
		}
		b.keys(kb.Tab)
	}
	b.t.Fatalf("Tab does not come to %s", selector)
}

// unhurried waits as long as the page takes a second click or key for the rest of the first.
func (b *browser) unhurried() {
	b.t.Helper()
	b.run(`(() => { window.since = performance.now(); })()`)
	b.until(`performance.now() - window.since > 450`, "a moment to pass")
}

// run runs a script and waits for what it promises.
func (b *browser) run(script string) {
	b.t.Helper()
	if err := b.evaluate(script); err != nil {
		b.shoot("failed-" + strings.ReplaceAll(b.t.Name(), "/", "-"))
		b.t.Fatal(err)
	}
}

func (b *browser) evaluate(script string) error {
	_, err := chromedp.Run(b.ctx, chromedp.Evaluate[any]("Promise.resolve("+script+").then(() => true)", chromedp.EvalAwaitPromise))
	return err
}

// text is the text that the script gives.
func (b *browser) text(script string) string {
	b.t.Helper()
	text, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](script, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatal(err)
	}
	return text
}

// shoot keeps a picture of the page where CARELOG_PICTURES names a folder.
func (b *browser) shoot(name string) {
	b.t.Helper()
	folder := os.Getenv("CARELOG_PICTURES")
	if folder == "" {
		return
	}
	// From the top, or what sticks there is drawn in the middle.
	_, _ = chromedp.Run(b.ctx, chromedp.Evaluate[any](`scrollTo(0, 0);new Promise((go) => requestAnimationFrame(() => requestAnimationFrame(() => go(0))))`, chromedp.EvalAwaitPromise))
	picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		b.t.Logf("no picture of %s: %v", name, err)
		return
	}
	if err := os.WriteFile(filepath.Join(folder, name+".png"), picture, 0o600); err != nil {
		b.t.Error(err)
	}
}

// size sets what the page has for itself, in CSS pixels, and how large each is drawn.
func (b *browser) size(width, height int64, scale float64) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(width, height, chromedp.EmulateScale(scale)))
}

// media lets the page believe that it is printed, or that its user wants something.
func (b *browser) media(media string, features ...*emulation.MediaFeature) {
	b.t.Helper()
	if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: media, Features: features}); err != nil {
		b.t.Fatal(err)
	}
}

func quote(s string) string {
	return "`" + strings.ReplaceAll(s, "`", "\\`") + "`"
}
