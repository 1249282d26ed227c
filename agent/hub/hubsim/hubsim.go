package hubsim

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/carelog/carelog/agent/hub"
	"github.com/carelog/carelog/projections/sumehr"
	"github.com/carelog/carelog/projections/sumehr/check"
	"github.com/carelog/carelog/projections/sumehr/kmehr"
)

// Config of a Hub.
type Config struct {
	Now func() time.Time // nil: time.Now
	// Schema holds the payload of a request or an answer against the hub's schema; nil: nobody does.
	Schema func(payload []byte) error
}

// Hub is the simulator. It answers SOAP at / and its switches beside it.
type Hub struct {
	now    func() time.Time
	schema func([]byte) error
	file   string // where it keeps what it holds; empty: nowhere

	mu        sync.Mutex
	how       Switch
	last      int // number of the newest document
	documents map[string][]*document
}

// New returns a hub that holds nothing and works well.
func New(c Config) *Hub {
	h := &Hub{now: c.Now, schema: c.Schema, last: 40000, how: Switch{Mode: Well}, documents: map[string][]*document{}}
	if h.now == nil {
		h.now = time.Now
	}
	return h
}

// self is the hub as a party of its answers.
var self = sumehr.Vitalink

// refusal is an error of an answer.
type refusal struct{ scheme, code, text string }

// ServeHTTP answers one request.
func (h *Hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/" {
		h.control(w, r)
		return
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, kmehr.MaxSize))
	if err != nil {
		fault(w, "Client", err.Error())
		return
	}
	payload, err := hub.Unwrap(text)
	if err != nil {
		fault(w, "Client", err.Error())
		return
	}
	operation := strings.TrimSuffix(payload.Name, "Request")
	answer := h.operations()[operation]
	if answer == nil || payload.Attribute("xmlns") != hub.Protocol || strings.Trim(r.Header.Get("SOAPAction"), `"`) != hub.Action(operation) {
		fault(w, "Client", fmt.Sprintf("there is no operation %.60q, or the SOAPAction is of another", payload.Name))
		return
	}
	if h.schema != nil {
		if err := h.schema(kmehr.Write(payload)); err != nil {
			fault(w, "Client", err.Error())
			return
		}
	}
	h.reply(w, r, operation, payload, answer)
}

// answer does an operation, and returns what stands behind the acknowledgement.
type answer func(payload *kmehr.Element) (content *kmehr.Element, refused *refusal)

func (h *Hub) operations() map[string]answer {
	return map[string]answer{
		"PutTransaction": h.put, "GetTransaction": h.get, "GetTransactionList": h.list, "GetLatestUpdate": h.updates, "RevokeTransaction": h.revoke,
	}
}

// reply answers as the switch says.
func (h *Hub) reply(w http.ResponseWriter, r *http.Request, operation string, payload *kmehr.Element, do answer) {
	how := h.next(operation)
	if how.Latency > 0 {
		select {
		case <-time.After(how.Latency):
		case <-r.Context().Done():
			return
		}
	}
	var content *kmehr.Element
	var refused *refusal
	complete := false
	switch how.Mode {
	case Fault:
		fault(w, "Server", "the hub broke")
		return
	case Timeout:
		<-r.Context().Done()
		return
	case TimeoutButStored:
		do(payload)
		<-r.Context().Done()
		return
	case NoRelation:
		refused = &refusal{"CD-ERROR", "360", "there is no therapeutic relation"}
	case NoConsent:
		refused = &refusal{"CD-ERROR", "365", "the patient gave no consent"}
	case Broken:
		refused = &refusal{"CD-ERROR", "500", "internal error"}
	case CompleteWithErrors:
		complete, refused = true, &refusal{"CD-ERROR", "500", "internal error, and all is well"}
	default:
		content, refused = do(payload)
	}
	response := hub.In(hub.Protocol, kmehr.New(operation+"Response", hub.In(hub.Core, h.response(payload)), hub.In(hub.Core, acknowledge(complete, refused))))
	if content == nil && operation == "GetLatestUpdate" {
		content = kmehr.New("latestupdatelist") // the schema wants it also beside an error
	}
	if content != nil {
		response.Add(hub.In(hub.Core, content))
	}
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	_, _ = w.Write(hub.Wrap(nil, response)) // who went away misses it, as with any hub
}

// response says who answers, when, and echoes who asked.
func (h *Hub) response(payload *kmehr.Element) *kmehr.Element {
	at := h.now()
	asked := *payload.At("request")
	asked.Attr = nil
	return kmehr.New("response", kmehr.ID("ID-KMEHR", fmt.Sprintf("%s.%d", self.EHP, at.UnixNano())), kmehr.New("author", party("1.0")),
		kmehr.Leaf("date", at.Format(time.DateOnly)), kmehr.Leaf("time", at.Format("15:04:05-07:00")), &asked)
}

func party(version string) *kmehr.Element {
	return hub.In(kmehr.Namespace, kmehr.New("hcparty", kmehr.ID("ID-HCPARTY", self.EHP), kmehr.Code("CD-HCPARTY", version, "hub"), kmehr.Leaf("name", self.Name)))
}

func acknowledge(complete bool, refused *refusal) *kmehr.Element {
	if refused == nil {
		return kmehr.New("acknowledge", kmehr.Leaf("iscomplete", "true"))
	}
	cd := kmehr.Code(refused.scheme, "1.0", refused.code)
	if refused.scheme == "LOCAL" {
		cd.Attr = append(cd.Attr, kmehr.Attr{Name: "SL", Value: "hub-simulator"})
	}
	description := kmehr.Text("en", refused.text)
	description.Name = "description"
	return kmehr.New("acknowledge", kmehr.Leaf("iscomplete", fmt.Sprint(complete)),
		kmehr.New("error", hub.In(kmehr.Namespace, cd), hub.In(kmehr.Namespace, description)))
}

// fault answers with a SOAP fault.
func fault(w http.ResponseWriter, code, text string) {
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	w.WriteHeader(http.StatusInternalServerError)
	_, _ = w.Write(hub.Wrap(nil, kmehr.New("Fault", hub.In("", kmehr.Leaf("faultcode", "soap:"+code)), hub.In("", kmehr.Leaf("faultstring", text)))))
}

// put keeps a Sumehr.
func (h *Hub) put(payload *kmehr.Element) (*kmehr.Element, *refusal) {
	message := bare(payload.At("kmehrmessage"))
	tx := message.At("folder", "transaction")
	if wrong := check.Errors(check.Message(message, h.now())); len(wrong) > 0 {
		return nil, &refusal{"LOCAL", "rule", fmt.Sprintf("%s: %s (%d errors)", wrong[0].Rule, wrong[0].Text("en"), len(wrong))}
	}
	patient := inss(message.At("folder", "patient"))
	authors := tx.At("author").All("hcparty")
	uri, refused := h.keep(patient, tx.Local(sumehr.VitalinkURI), version{message, authors[len(authors)-1].ID("ID-HCPARTY"), h.now()})
	if refused != nil {
		return nil, refused
	}
	return kmehr.New("transaction", kmehr.LocalID(sumehr.VitalinkURI, uri)), nil
}

// bare is a message in its own namespace.
func bare(parcel *kmehr.Element) *kmehr.Element {
	message := &kmehr.Element{Name: "kmehrmessage"}
	if parcel == nil {
		return message
	}
	for _, part := range parcel.Children {
		copied := *part
		copied.Attr = nil
		message.Add(&copied)
	}
	return message
}

func inss(patient *kmehr.Element) string {
	if n := patient.ID("INSS"); n != "" {
		return n
	}
	return patient.ID("ID-PATIENT")
}
