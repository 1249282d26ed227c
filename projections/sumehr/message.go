package sumehr

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"regexp"
	"strings"

	"github.com/carelog/carelog/projections/sumehr/check"
	"github.com/carelog/carelog/projections/sumehr/kmehr"
)

// standard is the release of KMEHR that Sumehr 2.0 begins with.
const standard = "20161201"

// message puts the items between header, patient and author. The unique name of the message
// is the author's number, the moment and a digest of the patient's id: a practice that
// publishes for many patients within a millisecond still names each message once.
func (b *builder) message() *kmehr.Element {
	at := b.in.At
	date, clock := kmehr.Leaf("date", at.Format("2006-01-02")), kmehr.Leaf("time", at.Format("15:04:05-07:00"))
	author := b.party(b.author, "persphysician")
	if author == nil { // what is missing is for the rules to say
		author = kmehr.New("hcparty", code("CD-HCPARTY", "persphysician"), kmehr.Leaf("firstname", ""), kmehr.Leaf("familyname", ""))
	}
	unique := sha256.Sum256([]byte(b.in.Patient))
	name := fmt.Sprintf("%s.%s%03d%010d", author.ID("ID-HCPARTY"), at.Format("20060102150405"), at.Nanosecond()/1_000_000,
		binary.BigEndian.Uint64(unique[:])%10_000_000_000)

	sender := kmehr.New("hcparty").Add(author.All("id")...).Add(author.All("cd")...).Add(author.All("firstname")...).Add(author.All("familyname")...)
	software := firstOf(b.in.Software, "carelog")
	hub := b.in.Hub
	if hub == (Hub{}) {
		hub = Vitalink
	}
	header := kmehr.New("header",
		kmehr.New("standard", code("CD-STANDARD", standard)),
		kmehr.ID("ID-KMEHR", strings.TrimPrefix(name, ".")), date, clock,
		kmehr.New("sender", sender,
			kmehr.New("hcparty", kmehr.LocalID("endusersoftwareinfo", software), code("CD-HCPARTY", "application"), kmehr.Leaf("name", software))),
		kmehr.New("recipient",
			kmehr.New("hcparty", kmehr.ID("ID-HCPARTY", hub.EHP), code("CD-HCPARTY", "hub"), kmehr.Leaf("name", hub.Name))),
	)
	tx := kmehr.New("transaction", kmehr.ID("ID-KMEHR", "1"))
	if b.in.Replaces != "" {
		tx.Add(kmehr.LocalID(VitalinkURI, b.in.Replaces))
	}
	if b.in.Mark != "" {
		tx.Add(kmehr.LocalID(check.LocalSystem, b.in.Mark))
	}
	tx.Add(code("CD-TRANSACTION", "sumehr"), date, clock, kmehr.New("author", author), kmehr.Leaf("iscomplete", "true"), kmehr.Leaf("isvalidated", "true"))
	for i, e := range b.entries {
		tx.Add(e.element(i + 1))
	}
	if b.remark != "" {
		tx.Add(kmehr.Text(b.language, b.remark))
	}
	return kmehr.New("kmehrmessage", header, kmehr.New("folder", kmehr.ID("ID-KMEHR", "1"), b.person(), tx))
}

// VitalinkURI is the system of the identifiers by which Vitalink names what it keeps.
const VitalinkURI = "vitalinkuri"

// uri is /subject/<INSS>/sumehr/<document>/<version>: a document is five digits or 32 letters
// and digits (Vitalink/evs, URI*.java).
var uri = regexp.MustCompile(`^(/subject/\d{11}/sumehr/(?:\d{5}|[0-9A-Za-z]{32}))/(\d+)$`)

// NextURI is the identifier of a new version of what the hub keeps under a uri: it names the
// version that it was made from, so that the hub can refuse one that is not based on the
// newest. Without it the hub would keep a second Sumehr beside the first.
func NextURI(stored string) (string, error) {
	m := uri.FindStringSubmatch(stored)
	if m == nil {
		return "", fmt.Errorf("%.100q is no uri under which the hub keeps a Sumehr: want /subject/<INSS>/sumehr/<document>/<version>", stored)
	}
	return m[1] + "/new/" + m[2], nil
}
