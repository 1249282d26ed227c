package guard

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"strings"
)

// refusal is why a request does not pass.
type refusal struct {
	status int
	code   string // stable, for scripts
	reason error
	port   string // that of the desk, where a person is told to use it
}

// refuse answers in the form of the door that was knocked at.
func (g *Guard) refuse(w http.ResponseWriter, r *http.Request, why *refusal) {
	g.log.Info("refused", "code", why.code, "reason", why.reason, "method", r.Method, "path", r.URL.Path, "peer", r.RemoteAddr)
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	if why.status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="carelog"`)
	}
	switch {
	case under(r.URL.Path, "/fhir"):
		writeJSON(w, "application/fhir+json; charset=utf-8", why.status, outcome(why))
	case under(r.URL.Path, "/api") || r.Method != http.MethodGet && r.Method != http.MethodHead:
		writeJSON(w, "application/json", why.status, map[string]any{
			"error": map[string]string{"code": why.code, "text": why.reason.Error()},
		})
	case strings.Contains(r.Header.Get("Accept"), "text/html"):
		g.writePage(w, r, why)
	default:
		http.Error(w, why.reason.Error()+"\n"+english.newLink(g.config.LinkCommand), why.status)
	}
}

func under(path, root string) bool { return path == root || strings.HasPrefix(path, root+"/") }

// outcome is the FHIR form of a refusal.
func outcome(why *refusal) any {
	code := "forbidden"
	switch why.status {
	case http.StatusUnauthorized:
		code = "login"
	case http.StatusBadRequest:
		code = "value"
	}
	type issue struct {
		Severity    string `json:"severity"`
		Code        string `json:"code"`
		Diagnostics string `json:"diagnostics"`
	}
	return struct {
		ResourceType string  `json:"resourceType"`
		Issue        []issue `json:"issue"`
	}{"OperationOutcome", []issue{{"error", code, why.reason.Error()}}}
}

// writeJSON leaves the error of a caller that went away to the server.
func writeJSON(w http.ResponseWriter, contentType string, status int, v any) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// writePage answers a person. The page stands on its own: no file of the desk is
// served to a browser that is not logged in.
func (g *Guard) writePage(w http.ResponseWriter, r *http.Request, why *refusal) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", pagePolicy)
	h.Add("Vary", "Accept-Language, Cookie")
	w.WriteHeader(why.status)
	words := wordsFor(r)
	_ = page.Execute(w, map[string]any{
		"Words": words, "Style": pageStyle, "Reason": words.reason(why), "NewLink": words.newLink(g.config.LinkCommand),
		"Login": why.status == http.StatusUnauthorized,
	})
}

const pageStyle template.CSS = `
body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: #f4f6f5; color: #17262b;
  font: 1.0625rem/1.6 system-ui, "Segoe UI", "Liberation Sans", sans-serif; }
main { max-width: 34rem; margin: 1.5rem; padding: 2.5rem; background: #fff; border: 1px solid #d5dddb; border-radius: 14px; }
h1 { margin: 0 0 1rem; font-size: 1.6rem; line-height: 1.25; letter-spacing: -.01em; }
p { margin: 0 0 .75rem; } p:last-child { margin: 0; color: #52646a; }
`

// pagePolicy allows the one style sheet of the page, by its digest, and nothing else.
var pagePolicy = func() string {
	digest := sha256.Sum256([]byte(pageStyle))
	return fmt.Sprintf("default-src 'none'; style-src 'sha256-%s'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
		base64.StdEncoding.EncodeToString(digest[:]))
}()

var page = template.Must(template.New("refusal").Parse(`<!doctype html>
<html lang="{{.Words.Lang}}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>carelog</title>
<style>{{.Style}}</style>
</head>
<body>
<main>
{{if .Login -}}
<h1>{{.Words.Title}}</h1>
<p>{{.Reason}}</p>
<p>{{.Words.Safe}}</p>
<p>{{.NewLink}}</p>
{{- else -}}
<h1>{{.Words.Refused}}</h1>
<p>{{.Reason}}</p>
<p>{{.Words.OnlyHere}}</p>
{{- end}}
</main>
</body>
</html>
`))
