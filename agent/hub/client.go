package hub

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/carelog/carelog/projections/sumehr"
	"github.com/carelog/carelog/projections/sumehr/kmehr"
)

// Author is in whose name the hub is asked. A hub takes it from the session's certificate,
// and refuses another.
type Author struct {
	NIHII, INSS, First, Family string
	Zip, NIS                   string // of the practice; may be empty
	Software                   string
}

// AuthorOf is a care provider, as a message names one, who asks the hub by a program.
func AuthorOf(party *kmehr.Element, software string) Author {
	return Author{
		NIHII: party.ID("ID-HCPARTY"), INSS: party.ID("INSS"), First: party.At("firstname").Value(), Family: party.At("familyname").Value(),
		Zip: party.At("address", "zip").Value(), NIS: party.At("address", "nis").Value(), Software: software,
	}
}

// Client asks one hub. All fields are required but Now; its methods may be called by several
// goroutines.
type Client struct {
	URL      string
	HTTP     *http.Client // with a timeout
	Hub      sumehr.Hub
	Author   Author
	Security Security
	Now      func() time.Time // nil: time.Now
}

// Update says when what a hub holds of a patient was last changed.
type Update struct {
	Patient          string // INSS
	Version          string
	Created, Updated time.Time
}

// Listed is a Sumehr that a hub holds.
type Listed struct {
	URI      string
	Author   string // NIHII of who answers for it
	Recorded time.Time
}

// Put publishes a Sumehr, and returns the uri under which the hub keeps it now. Without a
// uri of its own (sumehr.Input.Replaces) it becomes a second one beside what there is.
func (c *Client) Put(ctx context.Context, message *kmehr.Element) (uri string, err error) {
	sealed, err := c.Security.Seal(ctx, message)
	if err != nil {
		return "", fmt.Errorf("seal the Sumehr for the hub: %w", err)
	}
	parcel := kmehr.New("kmehrmessage")
	for _, part := range sealed.Children {
		copied := *part
		parcel.Add(In(kmehr.Namespace, &copied))
	}
	answer, err := c.ask(ctx, "PutTransaction", parcel)
	if err != nil {
		return "", err
	}
	if uri = answer.At("transaction").Local(sumehr.VitalinkURI); uri == "" {
		return "", fmt.Errorf("the hub took the Sumehr and did not say under which uri: %w", ErrUnknown)
	}
	return uri, nil
}

// LatestUpdates asks for many patients at once when their Sumehr was changed. Of whom the
// hub has none there is none.
func (c *Client) LatestUpdates(ctx context.Context, patients ...string) (list []Update, err error) {
	criteria := kmehr.New("select")
	for _, p := range patients {
		criteria.Add(kmehr.New("criteria", kmehr.New("patient", kmehr.ID("INSS", p)), kmehr.Code("CD-TRANSACTION", "1.4", "sumehr")))
	}
	answer, err := c.ask(ctx, "GetLatestUpdate", criteria)
	if nothing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, u := range answer.At("latestupdatelist").All("latestupdate") {
		list = append(list, Update{
			Patient: u.At("patient").ID("INSS"), Version: u.At("version").Value(),
			Created: moment(u.At("createdatetime")), Updated: moment(u.At("updatedatetime")),
		})
	}
	return list, nil
}

// List returns what the hub holds of a patient, the newest first: there may be several.
func (c *Client) List(ctx context.Context, patient string) (list []Listed, err error) {
	answer, err := c.ask(ctx, "GetTransactionList", kmehr.New("select",
		kmehr.New("patient", kmehr.ID("INSS", patient)), kmehr.New("transaction", kmehr.Code("CD-TRANSACTION", "1.6", "sumehr")), kmehr.Leaf("searchtype", "global")))
	if nothing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, t := range answer.At("kmehrheader", "folder").All("transaction") {
		one := Listed{URI: t.Local(sumehr.VitalinkURI), Recorded: moment(t.At("recorddatetime"))}
		if authors := t.At("author").All("hcparty"); len(authors) > 0 {
			one.Author = authors[len(authors)-1].ID("ID-HCPARTY")
		}
		list = append(list, one)
	}
	slices.SortStableFunc(list, func(a, b Listed) int { return cmp.Or(b.Recorded.Compare(a.Recorded), strings.Compare(b.URI, a.URI)) })
	return list, nil
}

// Get fetches a Sumehr.
func (c *Client) Get(ctx context.Context, patient, uri string) (*kmehr.Element, error) {
	answer, err := c.ask(ctx, "GetTransaction", kmehr.New("select", kmehr.New("patient", kmehr.ID("INSS", patient)), c.named(uri)))
	if err != nil {
		return nil, err
	}
	parcel := answer.At("kmehrmessage")
	if parcel == nil {
		return nil, errors.New("the hub answered without the Sumehr")
	}
	message := &kmehr.Element{Name: "kmehrmessage"}
	for _, part := range parcel.Children {
		copied := *part
		copied.Attr = slices.DeleteFunc(slices.Clone(part.Attr), func(a kmehr.Attr) bool { return a.Name == "xmlns" })
		message.Add(&copied)
	}
	return c.Security.Open(ctx, message)
}

// Revoke takes a Sumehr from the hub. One that is gone already is gone.
func (c *Client) Revoke(ctx context.Context, patient, uri string) error {
	_, err := c.ask(ctx, "RevokeTransaction", kmehr.New("select", kmehr.New("patient", kmehr.ID("INSS", patient)), c.named(uri)))
	var refused *AnswerError
	if errors.As(err, &refused) && refused.Has("464") {
		return nil
	}
	return err
}

// named names a Sumehr as the hub does, which is its author on the hub.
func (c *Client) named(uri string) *kmehr.Element {
	return kmehr.New("transaction", kmehr.LocalID(sumehr.VitalinkURI, uri), kmehr.New("author", In(kmehr.Namespace, c.hub())))
}

func (c *Client) hub() *kmehr.Element {
	return kmehr.New("hcparty", kmehr.ID("ID-HCPARTY", c.Hub.EHP), kmehr.Code("CD-HCPARTY", "1.1", "hub"), kmehr.Leaf("name", c.Hub.Name))
}

// nothing reports whether an error says that the hub has nothing of the kind.
func nothing(err error) bool {
	var refused *AnswerError
	if !errors.As(err, &refused) || len(refused.Codes) == 0 {
		return false
	}
	return !slices.ContainsFunc(refused.Codes, func(c Code) bool { return !slices.Contains([]string{"400", "406", "489"}, c.Code) })
}

func moment(e *kmehr.Element) time.Time {
	at, err := time.Parse(time.RFC3339, e.Value())
	if err != nil {
		return time.Time{}
	}
	return at
}

// ask sends an operation with what it asks for.
func (c *Client) ask(ctx context.Context, operation string, content *kmehr.Element) (*kmehr.Element, error) {
	payload := In(Protocol, kmehr.New(operation+"Request", In(Core, c.request()), In(Core, content)))
	answer, err := c.exchange(ctx, operation, payload)
	if err != nil {
		return nil, fmt.Errorf("ask the hub (%s): %w", operation, err)
	}
	if err := judge(operation, answer); err != nil {
		return nil, err
	}
	return answer, nil
}

// request says who asks, and when.
func (c *Client) request() *kmehr.Element {
	now := time.Now
	if c.Now != nil {
		now = c.Now
	}
	at, a := now(), c.Author
	person := kmehr.New("hcparty", kmehr.ID("ID-HCPARTY", a.NIHII), given(a.INSS, kmehr.ID("INSS", a.INSS)), kmehr.ID("ID-ENCRYPTION-ACTOR", a.NIHII[:min(8, len(a.NIHII))]),
		kmehr.Code("CD-HCPARTY", "1.1", "persphysician"), kmehr.Code("CD-ENCRYPTION-ACTOR", "1.1", "NIHII"), kmehr.Leaf("firstname", a.First), kmehr.Leaf("familyname", a.Family),
		given(a.Zip+a.NIS, kmehr.New("address", kmehr.Code("CD-ADDRESS", "1.1", "work"), given(a.Zip, kmehr.Leaf("zip", a.Zip)), given(a.NIS, kmehr.Leaf("nis", a.NIS)))))
	program := kmehr.New("hcparty", kmehr.LocalID("endusersoftwareinfo", a.Software), kmehr.Code("CD-HCPARTY", "1.1", "application"))
	return kmehr.New("request",
		kmehr.ID("ID-KMEHR", fmt.Sprintf("%s.%s%09d", a.NIHII, at.Format("20060102150405"), at.Nanosecond())),
		kmehr.New("author", In(kmehr.Namespace, person), In(kmehr.Namespace, program)),
		kmehr.Leaf("date", at.Format(time.DateOnly)), kmehr.Leaf("time", at.Format("15:04:05-07:00")))
}

// given is an element, where what it says is known.
func given(value string, e *kmehr.Element) *kmehr.Element {
	if value == "" {
		return nil
	}
	return e
}
