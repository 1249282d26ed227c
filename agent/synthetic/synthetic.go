package synthetic

import (
	"bytes"
	"context"
	"encoding/json"
	"iter"
	"time"
)

// Options say which practice is made.
type Options struct {
	Patients int    // how many; about 17 records each
	Seed     uint64 // another seed is another practice
}

// Resource is one FHIR resource.
type Resource struct {
	Type string
	ID   string
	Body []byte // JSON on one line, without a line end; the caller's own
}

// today is the day that the practice is seen on. It is fixed, as the bytes must not
// depend on when they are made.
var today = time.Date(2026, time.November, 2, 0, 0, 0, 0, time.UTC)

// Generate yields the organization, its practitioners, and then each patient
// followed by the patient's records, the oldest contact first. A resource only
// refers to ones that came before. It ends early when ctx does.
func Generate(ctx context.Context, o Options) iter.Seq[Resource] {
	return func(yield func(Resource) bool) {
		w := &writer{ctx: ctx, yield: yield}
		w.json = json.NewEncoder(&w.buffer)
		w.json.SetEscapeHTML(false)

		p := newPractice(o.Seed)
		p.write(w)
		for i := 0; i < o.Patients && !w.stopped; i++ {
			p.writePatient(w, newChance(o.Seed, uint64(i)))
		}
	}
}

// writer hands resources to the caller until the caller or the context has enough.
type writer struct {
	ctx     context.Context
	yield   func(Resource) bool
	stopped bool
	buffer  bytes.Buffer
	json    *json.Encoder
}

func (w *writer) write(h head, resource any) {
	if w.stopped || w.ctx.Err() != nil {
		w.stopped = true
		return
	}
	w.buffer.Reset()
	if err := w.json.Encode(resource); err != nil {
		panic(err) // structs of strings always encode
	}
	body := bytes.Clone(bytes.TrimSuffix(w.buffer.Bytes(), []byte("\n")))
	w.stopped = !w.yield(Resource{Type: h.ResourceType, ID: h.ID, Body: body})
}
