package fhir

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/carelog/carelog/agent/attachments"
	"github.com/carelog/carelog/agent/bulk"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
	"github.com/carelog/carelog/projections/fhirjson"
)

// Exports are the jobs of $export; see package bulk.
type Exports interface {
	Start(bulk.Request) (id string, err error)
	Status(id string) (bulk.Status, error)
	File(id, name string) (*os.File, error)
	Delete(id string) error
}

const (
	exportSteps = "_export" // the path of jobs
	ndjson      = "application/fhir+ndjson"
)

// exportRoute finds what stands at a path of $export.
func (h *Handler) exportRoute(steps []string) (map[string]answer, bool) {
	switch {
	case h.exports == nil:
		return nil, false
	case len(steps) == 1 && steps[0] == "$export":
		return map[string]answer{"GET": h.export(projections.Want{})}, true
	case len(steps) == 2 && steps[0] == "Patient" && steps[1] == "$export":
		return map[string]answer{"GET": h.export(projections.Want{Dossiers: true})}, true
	case len(steps) == 2 && steps[0] == exportSteps:
		return map[string]answer{"GET": h.exportStatus(steps[1]), "DELETE": h.exportDelete(steps[1])}, true
	case len(steps) == 3 && steps[0] == exportSteps:
		return map[string]answer{"GET": h.exportFile(steps[1], steps[2])}, true
	}
	return nil, false
}

// export begins a job.
func (h *Handler) export(want projections.Want) answer {
	return func(w http.ResponseWriter, r *http.Request, _ events.Record) error {
		if !prefers(r, "respond-async") {
			return badRequest("required", "an export is a job: send Prefer: respond-async")
		}
		want := want
		if err := understandExport(r, &want); err != nil {
			return err
		}
		if err := h.desk.Incomplete(r.Context()); err != nil {
			p := problemf(http.StatusServiceUnavailable, "incomplete", "an export now would not be whole: %v", err)
			p.header = http.Header{"Retry-After": {"60"}}
			return p
		}
		exported(w, want)
		id, err := h.exports.Start(bulk.Request{URL: strings.TrimSuffix(base(r), Root) + r.URL.RequestURI(), Want: want, Format: lines{base(r), h.attachments}})
		if errors.Is(err, bulk.ErrBusy) {
			p := problemf(http.StatusTooManyRequests, "throttled", "%v", err)
			p.header = http.Header{"Retry-After": {"60"}}
			return p
		}
		if err != nil {
			return err
		}
		w.Header().Set("Content-Location", base(r)+"/"+exportSteps+"/"+id)
		send(w, http.StatusAccepted, outcome(issue{Severity: "information", Code: "informational", Diagnostics: "the export has begun: ask at Content-Location how far it is"}))
		return nil
	}
}

// prefers reports whether a Prefer header has a word.
func prefers(r *http.Request, word string) bool {
	for _, header := range r.Header.Values("Prefer") {
		for part := range strings.FieldsFuncSeq(header, func(c rune) bool { return c == ',' || c == ';' }) {
			if strings.EqualFold(strings.TrimSpace(part), word) {
				return true
			}
		}
	}
	return false
}

// understandExport reads the parameters of $export. What would narrow or widen the
// export in a way that we do not know is an error.
func understandExport(r *http.Request, want *projections.Want) error {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return badRequest("value", "the parameters cannot be read: %v", err)
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		value := strings.Join(values[name], ",")
		switch name {
		case "_format", "_pretty":
		case "_since":
			want.Since, err = parseInstant(value)
		case "_type":
			want.Types, err = parseTypes(value)
		case "_outputFormat":
			if !slices.Contains([]string{ndjson, "application/ndjson", "ndjson"}, strings.ReplaceAll(value, " ", "+")) {
				err = fmt.Errorf("there is %s only", ndjson)
			}
		default:
			return badRequest("not-supported", "$export knows no %s: want _since, _type, _outputFormat", name)
		}
		if err != nil {
			return badRequest("value", "%s=%s: %v", name, value, err)
		}
	}
	return nil
}

type manifestFile struct {
	Type  string `json:"type"`
	URL   string `json:"url"`
	Count int    `json:"count"`
}

type manifest struct {
	TransactionTime     string         `json:"transactionTime"`
	Request             string         `json:"request"`
	RequiresAccessToken bool           `json:"requiresAccessToken"`
	Output              []manifestFile `json:"output"`
	Deleted             []manifestFile `json:"deleted"`
	Error               []manifestFile `json:"error"`
}

// exportStatus says how far a job is: 202 while it works, then 200 with the manifest.
func (h *Handler) exportStatus(id string) answer {
	return func(w http.ResponseWriter, r *http.Request, _ events.Record) error {
		s, err := h.exports.Status(id)
		switch {
		case errors.Is(err, bulk.ErrUnknown):
			return notFound("%v", err)
		case err != nil:
			return err
		case !s.Done:
			w.Header().Set("X-Progress", fmt.Sprintf("%d of %d records", s.Read, s.Total))
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusAccepted)
			return nil
		case s.Err != nil:
			return fmt.Errorf("the export failed: ask again: %w", s.Err)
		}
		m := manifest{TransactionTime: s.At.Format(instant), Request: s.Request.URL, RequiresAccessToken: true,
			Output: []manifestFile{}, Deleted: []manifestFile{}, Error: []manifestFile{}}
		lists := map[bulk.Kind]*[]manifestFile{bulk.Output: &m.Output, bulk.Deleted: &m.Deleted, bulk.Failed: &m.Error}
		for _, f := range s.Files {
			list := lists[f.Kind]
			*list = append(*list, manifestFile{f.Type, base(r) + "/" + exportSteps + "/" + id + "/" + f.Name, f.Count})
		}
		w.Header().Set("Expires", s.Expires.UTC().Format(http.TimeFormat))
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(encode(m))
		return nil
	}
}

func (h *Handler) exportDelete(id string) answer {
	return func(w http.ResponseWriter, _ *http.Request, _ events.Record) error {
		if err := h.exports.Delete(id); errors.Is(err, bulk.ErrUnknown) {
			return notFound("%v", err)
		} else if err != nil {
			return err
		}
		w.WriteHeader(http.StatusAccepted)
		return nil
	}
}

// exportFile serves a file of a job, or the rest of it to whoever was cut off.
func (h *Handler) exportFile(id, name string) answer {
	return func(w http.ResponseWriter, r *http.Request, _ events.Record) error {
		file, err := h.exports.File(id, name)
		if errors.Is(err, bulk.ErrUnknown) || errors.Is(err, os.ErrNotExist) {
			return notFound("%v", bulk.ErrUnknown)
		}
		if err != nil {
			return err
		}
		defer file.Close() // it was only read
		job, err := h.exports.Status(id)
		if err != nil {
			return err
		}
		exported(w, job.Request.Want, "file "+name)
		w.Header().Set("Content-Type", ndjson)
		w.Header().Set("ETag", `"`+id+`"`) // the file never changes
		serveContent(w, r, file)
		return nil
	}
}

// lines is how records go out; see bulk.Format.
type lines struct {
	base     string
	contents Attachments // nil: there are none
}

// Shown is the resource as it is read. A desk's own Device stays here.
func (l lines) Shown(v projections.Listed) []byte {
	if v.Event.Record.Type == "Device" {
		if _, err := fhirjson.DeviceOf(v.Body); err == nil {
			return nil
		}
	}
	return stampListed(v)
}

// Conflict is every head and who wrote it, as $conflicts has them.
func (l lines) Conflict(state projections.State) []byte {
	b := newBundle("collection", -1)
	b.meta = encode(map[string]any{"tag": []coding{{fhirjson.ConflictTag.System, fhirjson.ConflictTag.Code}}})
	for _, v := range state.Heads {
		b.addVersion(l.base, v, practitioner(v.Event.Author), "head", true) // whose record goes out too
	}
	return b.bytes()
}

// Deleted is a Bundle with the request that deletes the record, as Bulk Data has it.
func (l lines) Deleted(v projections.Version) []byte {
	b := newBundle("transaction", -1)
	b.add(entry{Request: &entryRequest{Method: http.MethodDelete, URL: v.Event.Record.String()}})
	return b.bytes()
}

// Refers reports whether a line may have a Binary whose content is kept beside it.
func (l lines) Refers(line []byte) bool {
	return l.contents != nil && bytes.Contains(line, []byte(fhirjson.AttachmentURL))
}

// Fill writes a line with the contents of its Binaries. Each is fetched whole and found
// right before the first byte of the line goes out.
func (l lines) Fill(ctx context.Context, w io.Writer, patient string, line []byte) (missing [][]byte, err error) {
	parts, rest, err := fhirjson.CutAtContents(line)
	if err != nil { // no door takes such a reference: it goes out as it came
		head, _ := fhirjson.Check(line)
		_, written := w.Write(line)
		return [][]byte{lacking(head.ResourceType+"/"+head.ID, "incomplete", err)}, written
	}
	f := filled{parts, make([]*attachments.Content, len(parts)), rest}
	defer func() {
		for _, content := range f.contents {
			if content != nil {
				err = errors.Join(err, content.Close())
			}
		}
	}()
	for i, part := range parts {
		f.contents[i], err = l.fetch(ctx, patient, part.Attachment)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err != nil {
			missing = append(missing, lacking(part.Version, problemOf(err).code, err))
		}
	}
	return missing, f.writeTo(w)
}

// lacking names a version that goes out without its content.
func lacking(version, code string, err error) []byte {
	return outcome(issue{Severity: "error", Code: code, Diagnostics: fmt.Sprintf("%s goes out without its content, which could not be had: %v", version, err)})
}

// fetch opens a content of which all is here.
func (l lines) fetch(ctx context.Context, patient string, of events.Attachment) (*attachments.Content, error) {
	content, err := l.contents.OpenAttachment(ctx, patient, of)
	if err != nil {
		return nil, err
	}
	_, err = io.Copy(io.Discard, content)
	if err == nil {
		_, err = content.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(err, content.Close())
	}
	return content, nil
}

// Unreadable names a record that cannot be opened here.
func (l lines) Unreadable(v projections.Version) []byte {
	return outcome(issue{Severity: "error", Code: "incomplete", Diagnostics: sealed(v.Event.Record, v).text})
}
