package fhir

import "strconv"

// bundle gathers a Bundle. Resources stand in it byte for byte as they were given,
// which encoding/json would not do.
type bundle struct {
	kind    string
	total   int // -1: a kind of Bundle that has none
	meta    []byte
	links   []link
	entries []byte
}

func newBundle(kind string, total int) *bundle { return &bundle{kind: kind, total: total} }

type link struct {
	Relation string `json:"relation"`
	URL      string `json:"url"`
}

// entry is one of a Bundle.
type entry struct {
	Link     []link         `json:"link,omitempty"`
	FullURL  string         `json:"fullUrl,omitempty"`
	Resource []byte         `json:"-"`
	Search   *entrySearch   `json:"search,omitempty"`
	Request  *entryRequest  `json:"request,omitempty"`
	Response *entryResponse `json:"response,omitempty"`
}

type entrySearch struct {
	Mode string `json:"mode"`
}

type entryRequest struct {
	Method string `json:"method"`
	URL    string `json:"url"`
}

type entryResponse struct {
	Status       string  `json:"status"`
	Location     string  `json:"location,omitempty"`
	ETag         string  `json:"etag,omitempty"`
	LastModified string  `json:"lastModified,omitempty"`
	Outcome      rawJSON `json:"outcome,omitempty"`
}

// rawJSON is JSON that we encoded ourselves.
type rawJSON []byte

// MarshalJSON returns it.
func (r rawJSON) MarshalJSON() ([]byte, error) { return r, nil }

func (b *bundle) link(relation, url string) { b.links = append(b.links, link{relation, url}) }

func (b *bundle) add(e entry) {
	if len(b.entries) > 0 {
		b.entries = append(b.entries, ",\n"...)
	}
	shell := encode(e)
	if e.Resource == nil {
		b.entries = append(b.entries, shell...)
		return
	}
	b.entries = append(b.entries, shell[:len(shell)-1]...)
	if len(shell) > 2 { // more than {}
		b.entries = append(b.entries, ',')
	}
	b.entries = append(b.entries, `"resource":`...)
	b.entries = append(append(b.entries, e.Resource...), '}')
}

func (b *bundle) bytes() []byte {
	out := make([]byte, 0, len(b.entries)+512)
	out = append(out, `{"resourceType":"Bundle","type":"`+b.kind+`"`...)
	if b.meta != nil {
		out = append(append(out, `,"meta":`...), b.meta...)
	}
	if b.total >= 0 {
		out = strconv.AppendInt(append(out, `,"total":`...), int64(b.total), 10)
	}
	if len(b.links) > 0 {
		out = append(append(out, `,"link":`...), encode(b.links)...)
	}
	if len(b.entries) > 0 { // FHIR knows no empty lists
		out = append(append(append(out, ",\"entry\":[\n"...), b.entries...), "\n]"...)
	}
	return append(out, '}')
}
