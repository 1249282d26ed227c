package web

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/carelog/carelog/agent/attachments"
	"github.com/carelog/carelog/agent/letters"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
	"github.com/carelog/carelog/projections/fhirjson"
)

// Attachments opens the contents of letters and scans. Errors, also of reading one: attachments.ErrAway, ErrUnsent and
// ErrNoRoom, events.ErrForeignAttachment and ErrNoKey, *events.DamagedError.
type Attachments interface {
	OpenAttachment(ctx context.Context, patient string, of events.Attachment) (*attachments.Content, error)
}

// letter is a content of a record that can be opened.
type letter struct {
	Address string
	Title   string // its own, else that of its record
	About   string // its kind, size and date, as far as they are given
}

// Letters are the contents of the version shown that do not stand in its row as text.
func (r *registration) Letters() []letter {
	_, isText := noteText(r.content)
	return r.page.said.letters(events.Record{Type: r.Type, ID: r.ID}, "", r.content, r.Name, isText)
}

// letters are the contents of a version of a record, of the one shown where that is empty; without the first one where it is read elsewhere.
func (s *spoken) letters(record events.Record, version string, content object, name string, butFirst bool) (list []letter) {
	query := ""
	if version != "" {
		query = "?version=" + version
	}
	for i, a := range contentsOf(content) {
		_, beside := binaryAt(a)
		if held := beside || textAt(a, "data") != "" || keptBeside(a); !held || i == 0 && butFirst {
			continue
		}
		kind, _, _ := strings.Cut(textAt(a, "contentType"), ";")
		kind = strings.ToLower(strings.TrimSpace(kind))
		list = append(list, letter{
			fmt.Sprintf("/letters/%s/%d%s", record, i, query), firstOf(textAt(a, "title"), name),
			joined(", ", firstOf(s.has("letters.kinds", kind), kind), s.sizeOf(a), s.date(textAt(a, "creation"))),
		})
	}
	return list
}

// contentsOf are what a record has to open, in its order: its attachments, or itself. Their places are those of an address.
func contentsOf(r object) (list []any) {
	switch textAt(r, "resourceType") {
	case "DocumentReference":
		for _, c := range listAt(r, "content") {
			list = append(list, at(c, "attachment"))
		}
	case "DiagnosticReport":
		return listAt(r, "presentedForm")
	case "Binary":
		return []any{r}
	}
	return list
}

// keptBeside tells that a Binary refers to a content beside the log.
func keptBeside(binary any) bool {
	return slices.ContainsFunc(listAt(binary, "_data", "extension"), func(e any) bool { return textAt(e, "url") == fhirjson.AttachmentURL })
}

// binaryAt is the Binary of ours to which an attachment refers, perhaps beside an address of the client's.
func binaryAt(attachment any) (events.Record, bool) {
	url := textAt(attachment, "url")
	for _, e := range listAt(attachment, "_data", "extension") {
		if textAt(e, "url") == letters.BesideURL {
			url = textAt(e, "valueUrl")
		}
	}
	kind, id, _ := strings.Cut(url, "/")
	record := events.Record{Type: kind, ID: id}
	return record, kind == "Binary" && record.Validate() == nil
}

// sizeOf is how large a content is; empty where nobody says.
func (s *spoken) sizeOf(attachment any) string {
	n := uint64(base64.StdEncoding.DecodedLen(len(textAt(attachment, "data"))))
	if given, ok := at(attachment, "size").(json.Number); ok && n == 0 {
		n, _ = strconv.ParseUint(given.String(), 10, 64)
	}
	if n == 0 {
		return ""
	}
	return s.bytes(max(n, 1000)) // nothing is 0 kB
}

// sentLetter is a letter as it is sent.
type sentLetter struct {
	io.ReadCloser
	record    events.Record // of which it is, for the trail
	patient   string
	mediaType string
	title     string
	size      int64
}

// errNoLetter is of a content that there is not, or not for this dossier.
var errNoLetter = errors.New("there is no such content")

// letter answers GET /letters/<Type>/<id>/<place> with a content of the version shown, or of ?version=, else with a page that says why not.
func (h *Handler) letter(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "a letter can only be read", http.StatusMethodNotAllowed)
		return
	}
	record := events.Record{Type: r.PathValue("type"), ID: r.PathValue("id")}
	c, err := h.openLetter(r.Context(), record, r.URL.Query().Get("version"), r.PathValue("place"))
	if err != nil {
		h.noLetter(w, r, c.patient, err)
		return
	}
	defer c.Close()
	h.saw(asUser(r), c.record.String(), c.patient)
	if err := sendLetter(w, r, c); err != nil { // the answer is shorter than it said: the browser sees that it was cut
		h.log.Info("a letter was not sent to its end", "page", r.URL.Path, "err", err)
	}
}

// openLetter opens a content, the beginning of which can be read then. The patient is told with an error too, where it is known.
func (h *Handler) openLetter(ctx context.Context, record events.Record, version, place string) (c sentLetter, err error) {
	i, err := strconv.ParseUint(place, 10, 16)
	if record.Validate() != nil || err != nil {
		return c, errNoLetter
	}
	v, err := h.versionOf(ctx, record, version)
	if err != nil {
		return c, err
	}
	body := readResource(v.Body)
	c = sentLetter{record: record, patient: v.Event.Patient}
	contents := contentsOf(body)
	if i >= uint64(len(contents)) {
		return c, errNoLetter
	}
	a := contents[i]
	c.mediaType, c.title = textAt(a, "contentType"), firstOf(textAt(a, "title"), textAt(body, "description"))
	if keptBeside(a) {
		err = h.openBinary(ctx, &c, v)
		return c, err
	}
	if binary, ours := binaryAt(a); ours {
		c.record = binary
		err = h.openReferred(ctx, &c)
		return c, err
	}
	data, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(textAt(a, "data")), ""))
	if err != nil || len(data) == 0 {
		return c, errNoLetter
	}
	c.ReadCloser, c.size = io.NopCloser(bytes.NewReader(data)), int64(len(data))
	return c, nil
}

// versionOf is a version of a record, the one shown where none is named.
func (h *Handler) versionOf(ctx context.Context, record events.Record, version string) (v projections.Version, err error) {
	if version == "" {
		state, err := h.records.Record(ctx, record)
		return state.Shown, err
	}
	id, err := events.ParseID(version)
	if err != nil {
		return v, errNoLetter
	}
	return h.records.Version(ctx, record, id)
}

// openReferred opens a Binary of the letter's own dossier: what another's refers to is never shown in this one.
func (h *Handler) openReferred(ctx context.Context, c *sentLetter) error {
	v, err := h.versionOf(ctx, c.record, "")
	if errors.Is(err, projections.ErrNotFound) && h.desk.Need(ctx, c.patient) != nil {
		return attachments.ErrAway
	}
	if err != nil {
		return err
	}
	if v.Event.Patient != c.patient || v.Deleted() {
		return errNoLetter
	}
	return h.openBinary(ctx, c, v)
}

// openBinary opens the content that a version of a Binary refers to.
func (h *Handler) openBinary(ctx context.Context, c *sentLetter, v projections.Version) error {
	if h.attachments == nil {
		return errNoLetter
	}
	b, err := fhirjson.BinaryOf(v.Body)
	if err != nil {
		return fmt.Errorf("read %s: %w", c.record, err)
	}
	if !b.Attached {
		return errNoLetter
	}
	opened, err := h.attachments.OpenAttachment(ctx, c.patient, b.Attachment)
	if err != nil {
		return err
	}
	if err := opened.Await(); err != nil { // while there can still be an error
		return errors.Join(err, opened.Close())
	}
	c.ReadCloser, c.mediaType, c.size = opened, firstOf(b.ContentType, c.mediaType), b.Attachment.Size
	return nil
}

// shownInline are the types that a browser shows by itself, with the end of a file's name; all others become a file.
var shownInline = map[string]string{"application/pdf": ".pdf", "image/png": ".png", "image/jpeg": ".jpg", "text/plain": ".txt"}

// sendLetter sends a content. Anybody may have written it, and it comes from our own address: a browser runs nothing of it.
func sendLetter(w http.ResponseWriter, r *http.Request, c sentLetter) error {
	kind, parameters, err := mime.ParseMediaType(c.mediaType)
	if err != nil {
		kind, parameters = "application/octet-stream", nil
	}
	if kind == "text/plain" && parameters["charset"] == "" { // as the texts of records are
		parameters = map[string]string{"charset": "utf-8"}
	}
	disposition := "attachment"
	ending, inline := shownInline[kind]
	if inline {
		disposition = "inline"
	}
	name := strings.Map(func(r rune) rune {
		if strings.ContainsRune(`/\:*?"<>|`, r) {
			return ' '
		}
		return r
	}, firstOf(c.title, c.record.ID))
	if path.Ext(name) == "" {
		name += ending
	}
	header := w.Header()
	header.Set("Content-Type", firstOf(mime.FormatMediaType(kind, parameters), kind))
	header.Set("Content-Disposition", firstOf(mime.FormatMediaType(disposition, map[string]string{"filename": name}), disposition))
	header.Set("Content-Length", strconv.FormatInt(c.size, 10))
	header.Set("Content-Security-Policy", "sandbox; default-src 'none'; style-src 'unsafe-inline'")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return nil
	}
	_, err = io.Copy(w, c)
	return err
}

// letterPage says why a letter cannot be opened, and what to do.
type letterPage struct{ Why, Do, Patient, Again string }

func (h *Handler) noLetter(w http.ResponseWriter, r *http.Request, patient string, err error) {
	if r.Context().Err() != nil {
		return // nobody is there to be told
	}
	status, why := whyNoLetter(err)
	if status == http.StatusInternalServerError {
		h.log.Error("a letter could not be opened", "page", r.URL.Path, "error", err)
	}
	p := h.newPage(r)
	p.Letter = &letterPage{p.said.must("letters.why." + why), p.said.must("letters.do." + why), patient, r.URL.RequestURI()}
	if err := h.render(w, status, "letter.html", p); err != nil {
		h.fail(w, r, err)
	}
}

// whyNoLetter sorts the errors of opening a letter, by the words for them.
func whyNoLetter(err error) (status int, why string) {
	switch {
	case errors.Is(err, errNoLetter), errors.Is(err, projections.ErrNotFound):
		return http.StatusNotFound, "none"
	case errors.Is(err, attachments.ErrAway), errors.Is(err, events.ErrOffline):
		return http.StatusServiceUnavailable, "away"
	case errors.Is(err, attachments.ErrUnsent):
		return http.StatusServiceUnavailable, "unsent"
	case errors.Is(err, attachments.ErrNoRoom):
		return http.StatusInsufficientStorage, "noRoom"
	}
	return http.StatusInternalServerError, "unread"
}
