package fhir

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// everythingAsked is what $everything was asked for.
type everythingAsked struct {
	want  projections.Want
	limit int    // 0: all
	after string // the record before, as in order
	used  url.Values
}

// everything answers Patient/[id]/$everything: the Patient, every record of the dossier
// by type and id, and behind them the practice's own records that these refer to. The
// Bundle is written while it is read: the versions that were shown when it began, and
// never more in memory than a few. A failure on the way breaks the connection off, since a
// Bundle that ends well must be whole.
func (h *Handler) everything(w http.ResponseWriter, r *http.Request, record events.Record) error {
	asked, err := understandEverything(r, record)
	if err != nil {
		return err
	}
	ctx := r.Context()
	_, err = h.records.Record(ctx, record) // fetches the dossier where it is not here yet
	if err != nil && !errors.Is(err, projections.ErrNotFound) && !errors.Is(err, agent.ErrIncomplete) {
		return err
	}
	incomplete := h.desk.Need(ctx, record.ID)
	names, listErr := h.records.Names(ctx, asked.want)
	if listErr != nil {
		return listErr
	}
	if len(names) == 0 && err != nil {
		return err // nothing is known of the patient
	}
	e := &everythingOut{
		out: bufio.NewWriterSize(w, writeBuffer), records: h.records, base: base(r),
		types: asked.want.Types, queued: make(map[events.Record]bool),
	}
	names, next := asked.page(names, record)
	sawDossier(w, record.ID)
	w.Header().Set("Content-Type", contentType)
	if r.Method == http.MethodHead {
		return nil
	}
	if err := e.bundle(ctx, h.header(r, record, asked, next), incomplete, names); err != nil {
		if ctx.Err() == nil {
			h.log.Error("$everything broken off", "record", record, "err", err)
		}
		panic(http.ErrAbortHandler)
	}
	return nil
}

func understandEverything(r *http.Request, record events.Record) (a everythingAsked, err error) {
	a = everythingAsked{want: projections.Want{Patient: record.ID}, used: url.Values{}}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return a, badRequest("value", "the parameters cannot be read: %v", err)
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		value := strings.Join(values[name], ",")
		switch name {
		case "_format", "_pretty":
			continue
		case "_since":
			a.want.Since, err = parseInstant(value)
		case "_type":
			a.want.Types, err = parseTypes(value)
		case "_count":
			a.limit, err = parseCount(value)
		case cursorParameter:
			var raw []byte
			raw, err = base64.RawURLEncoding.Strict().DecodeString(value)
			a.after = string(raw)
		default:
			return a, badRequest("not-supported", "$everything knows no %s: want _since, _type, _count", name)
		}
		if err != nil {
			return a, badRequest("value", "%s=%s: %v", name, value, err)
		}
		if name != cursorParameter {
			a.used.Set(name, value)
		}
	}
	return a, nil
}

// parseTypes reads a list of types with commas between them.
func parseTypes(text string) ([]string, error) {
	types := strings.Split(text, ",")
	for _, t := range types {
		if _, ok := resourceTypes[t]; !ok {
			return nil, fmt.Errorf("%q is no resource type of FHIR R4 that can be a record", t)
		}
	}
	return types, nil
}

// order is the place of a record in the Bundle: the Patient goes before all.
func order(r, patient events.Record) string {
	if r == patient {
		return " "
	}
	return r.Type + "/" + r.ID
}

// page is the part of the names that is asked for, and the place of its last one where
// there is more.
func (a everythingAsked) page(names []projections.Named, patient events.Record) (page []projections.Named, next string) {
	slices.SortFunc(names, func(x, y projections.Named) int {
		return strings.Compare(order(x.Record, patient), order(y.Record, patient))
	})
	from, found := slices.BinarySearchFunc(names, a.after, func(n projections.Named, after string) int { return strings.Compare(order(n.Record, patient), after) })
	if found {
		from++
	}
	names = names[from:]
	if a.limit == 0 || len(names) <= a.limit {
		return names, ""
	}
	names = names[:a.limit]
	return names, order(names[a.limit-1].Record, patient)
}

// header is the Bundle up to its entries.
func (h *Handler) header(r *http.Request, record events.Record, a everythingAsked, next string) []byte {
	here := base(r) + "/" + record.String() + "/$everything"
	b := newBundle("searchset", -1)
	b.link("self", withQuery(here, a.used))
	if next != "" {
		query := maps.Clone(a.used)
		query.Set(cursorParameter, base64.RawURLEncoding.EncodeToString([]byte(next)))
		b.link("next", withQuery(here, query))
	}
	whole := b.bytes()
	return whole[:len(whole)-1]
}
