package hub

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"strings"

	"github.com/carelog/carelog/projections/sumehr/kmehr"
)

// Namespaces of a request: three in one document, beside those of SOAP 1.1 and WS-Addressing.
const (
	Protocol   = "http://www.ehealth.fgov.be/hubservices/protocol/v3"
	Core       = "http://www.ehealth.fgov.be/hubservices/core/v3"
	Envelope   = "http://schemas.xmlsoap.org/soap/envelope/"
	Addressing = "http://www.w3.org/2005/08/addressing"
)

// Action is the SOAP action of an operation.
func Action(operation string) string { return "urn:be:fgov:ehealth:intrahub:protocol:v3:" + operation }

// In puts an element into a namespace that the one around it is not of.
func In(space string, e *kmehr.Element) *kmehr.Element {
	e.Attr = append([]kmehr.Attr{{Name: "xmlns", Value: space}}, e.Attr...)
	return e
}

// Wrap puts a payload into an envelope.
func Wrap(header []*kmehr.Element, payload *kmehr.Element) []byte {
	return kmehr.Write(In(Envelope, kmehr.New("Envelope", kmehr.New("Header", header...), kmehr.New("Body", payload))))
}

// Unwrap takes the payload out of an envelope.
func Unwrap(text []byte) (*kmehr.Element, error) {
	envelope, err := kmehr.ReadRoot(text, "Envelope", Envelope)
	if err != nil {
		return nil, err
	}
	body := envelope.At("Body")
	if body == nil || len(body.Children) != 1 {
		return nil, errors.New("the envelope has no body with one payload")
	}
	return body.Children[0], nil
}

// exchange sends a payload and returns that of the answer.
func (c *Client) exchange(ctx context.Context, operation string, payload *kmehr.Element) (*kmehr.Element, error) {
	vouched, err := c.Security.Header(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoSession, err)
	}
	header := append([]*kmehr.Element{
		In(Addressing, kmehr.Leaf("Action", Action(operation))),
		In(Addressing, kmehr.Leaf("MessageID", "urn:uuid:"+uuid())),
		In(Addressing, kmehr.Leaf("To", c.URL)),
	}, vouched...)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL, bytes.NewReader(Wrap(header, payload)))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "text/xml; charset=utf-8")
	r.Header.Set("SOAPAction", `"`+Action(operation)+`"`)
	answer, err := c.HTTP.Do(r)
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) && op.Op == "dial" {
			return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
		}
		return nil, fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, kmehr.MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	if kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type")); kind != "text/xml" {
		return nil, fmt.Errorf("%w: the answer is %s, %.80q", ErrUnknown, answer.Status, kind)
	}
	got, err := Unwrap(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	if got.Name == "Fault" {
		return nil, &FaultError{operation, got.At("faultcode").Value(), got.At("faultstring").Value()}
	}
	if got.Name != operation+"Response" {
		return nil, fmt.Errorf("%w: it answered with %.60q", ErrUnknown, got.Name)
	}
	return got, nil
}

// judge is the error of an answer; nil where it is complete and names none.
func judge(operation string, answer *kmehr.Element) error {
	e := &AnswerError{Operation: operation}
	for _, one := range answer.At("acknowledge").All("error") {
		for _, cd := range one.All("cd") {
			switch code := strings.ToUpper(cd.Value()); code {
			case "200", "202", "VALID":
			default:
				e.Codes = append(e.Codes, Code{cd.Value(), one.At("description").Value()})
			}
		}
	}
	if complete := answer.At("acknowledge", "iscomplete").Value(); len(e.Codes) == 0 && (complete == "true" || complete == "1") {
		return nil
	}
	return e
}

func uuid() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}
