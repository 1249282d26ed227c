package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"maps"
	"mime"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/carelog/carelog/events"
)

//go:embed pages
var embedded embed.FS

// policy lets the pages use their own files and this desk, and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// asset is a file of the pages.
type asset struct {
	content     string
	packed      func() string // the same in gzip, which a browser that takes it is sent
	contentType string
	etag        string
}

// site is all that the pages are made of.
type site struct {
	assets    map[string]asset // by their path under pages/
	version   string           // of all of them together
	languages map[string]*spoken
	names     []languageName
	templates *template.Template // the frame around all pages, and what is in it
}

// builtSite is made once, since it never changes, and not before somebody serves it: a command that
// serves no page starts without it.
var builtSite = sync.OnceValue(func() *site {
	s, err := readSite()
	if err != nil {
		panic("web: the binary was built with pages that do not work: " + err.Error()) // a test would find it first
	}
	return s
})

func readSite() (*site, error) {
	s := &site{assets: make(map[string]asset)}
	err := fs.WalkDir(embedded, "pages", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := embedded.ReadFile(name)
		if err != nil {
			return err
		}
		if path.Ext(name) != ".html" { // those are templates
			s.assets[strings.TrimPrefix(name, "pages/")] = newAsset(name, content)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if s.templates, err = template.ParseFS(embedded, "pages/html/*.html"); err != nil {
		return nil, err
	}
	if s.languages, err = readLanguages(s.assets); err != nil {
		return nil, err
	}
	s.names = nameLanguages(s.languages)
	first, others, err := joinModules(s.assets)
	if err != nil {
		return nil, err
	}
	styles := joinStyles(s.assets)
	for name, content := range map[string]string{joinedFirst: first, joinedOthers: others, joinedStyles: styles} {
		s.assets[name] = newAsset(name, []byte(content))
	}
	s.version = versionOf(s.assets)
	return s, nil
}

// versionOf names all files together, as they are sent: also what is made of the others here,
// so that another way of making it has another name.
func versionOf(files map[string]asset) string {
	all := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(all, "%s %d\n%s", name, len(files[name].content), files[name].content)
	}
	return hex.EncodeToString(all.Sum(nil)[:8])
}

func newAsset(name string, content []byte) asset {
	digest := sha256.Sum256(content)
	return asset{
		content: string(content), packed: sync.OnceValue(func() string { return pack(content) }),
		contentType: typeOf(name), etag: `"` + hex.EncodeToString(digest[:12]) + `"`,
	}
}

// pack is done once for each file, and not before a browser asks for it: a command that
// serves no page starts without it. So the best that gzip can do costs nobody anything.
func pack(content []byte) string {
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err == nil {
		_, err = w.Write(content)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		panic("web: pack a page: " + err.Error()) // memory does not fail, and the level is one
	}
	return packed.String()
}

// typeOf does not ask the PC, whose own table may call a script anything.
func typeOf(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	return mime.TypeByExtension(path.Ext(name))
}

// How long a browser may keep a file. Below the name of its version it is for ever, and after an
// update of carelog there are other names: no browser mixes old files with new ones. Without it,
// the desk is asked each time, and answers without a byte where nothing has changed.
const (
	forEver   = "private, max-age=31536000, immutable"
	mayChange = "no-cache"
)

// serveAsset answers the files that a page is made of.
func (h *Handler) serveAsset(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/assets/")
	keep := mayChange
	if ours, ok := strings.CutPrefix(name, h.site.version+"/"); ok {
		name, keep = ours, forEver
	}
	file, ok := h.site.assets[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	serve(w, r, file, keep)
}

func serve(w http.ResponseWriter, r *http.Request, file asset, keep string) {
	h := w.Header()
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "a file can only be read", http.StatusMethodNotAllowed)
		return
	}
	h.Set("Content-Security-Policy", policy)
	h.Set("Content-Type", file.contentType)
	h.Set("Cache-Control", keep)
	h.Set("ETag", file.etag)
	if r.Header.Get("If-None-Match") == file.etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	content := file.content
	h.Set("Vary", "Accept-Encoding")
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		content = file.packed()
	}
	if r.Method == http.MethodGet {
		_, _ = w.Write([]byte(content)) // a browser that went away misses nothing
	}
}

// isPage knows the addresses of the pages, so that a wrong one is answered as not found: also one with what
// can be no id of a record.
func isPage(address string) bool {
	parts := strings.Split(strings.Trim(address, "/"), "/")
	switch parts[0] {
	case "":
		return len(parts) == 1
	case "sync", "new-patient":
		return len(parts) == 1
	case "patients":
		return len(parts) == 2 && events.ValidateID("patient", parts[1]) == nil
	case "sumehr":
		return len(parts) == 1 || len(parts) == 2 && events.ValidateID("patient", parts[1]) == nil
	case "history":
		return namesRecord(parts)
	case "conflicts":
		return len(parts) == 1 || namesRecord(parts)
	}
	return false
}

// namesRecord reports whether an address is that of a page about one record.
func namesRecord(parts []string) bool {
	return len(parts) == 3 && events.Record{Type: parts[1], ID: parts[2]}.Validate() == nil
}
