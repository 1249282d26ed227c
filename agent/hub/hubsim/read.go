package hubsim

import (
	"strconv"
	"time"

	"github.com/carelog/carelog/agent/hub"
	"github.com/carelog/carelog/projections/sumehr"
	"github.com/carelog/carelog/projections/sumehr/kmehr"
)

// list answers what there is of a patient.
func (h *Hub) list(payload *kmehr.Element) (*kmehr.Element, *refusal) {
	patient := payload.At("select", "patient").ID("INSS")
	h.mu.Lock()
	defer h.mu.Unlock()
	folder := kmehr.New("folder")
	for _, d := range h.documents[patient] {
		if d.revoked {
			continue
		}
		v := d.last()
		if len(folder.Children) == 0 {
			folder.Add(person(v.message.At("folder", "patient")))
		}
		tx := v.message.At("folder", "transaction")
		authors := kmehr.New("author", party("1.12"))
		for _, a := range tx.At("author").All("hcparty") {
			authors.Add(author(a, v.author))
		}
		folder.Add(kmehr.New("transaction", kmehr.LocalID(sumehr.VitalinkURI, d.uri(patient)), kmehr.Code("CD-TRANSACTION", "1.6", "sumehr"),
			kmehr.Leaf("date", tx.At("date").Value()), kmehr.Leaf("time", tx.At("time").Value()), authors,
			kmehr.Leaf("iscomplete", "true"), kmehr.Leaf("isvalidated", "true"), kmehr.Leaf("recorddatetime", v.at.Format(time.RFC3339))))
	}
	if len(folder.Children) == 0 {
		return nil, &refusal{"CD-ERROR", "400", "the patient is not known here"}
	}
	return kmehr.New("kmehrheader", folder), nil
}

// person is the patient as a list names one.
func person(p *kmehr.Element) *kmehr.Element {
	who := kmehr.New("patient", hub.In(kmehr.Namespace, kmehr.ID("INSS", inss(p))))
	for _, name := range []string{"firstname", "familyname", "sex"} {
		if e := p.At(name); e != nil {
			copied := *e
			who.Add(hub.In(kmehr.Namespace, &copied))
		}
	}
	return who
}

// author is a party of a list, under the number of who gave the version.
func author(a *kmehr.Element, number string) *kmehr.Element {
	return hub.In(kmehr.Namespace, kmehr.New("hcparty", kmehr.ID("ID-HCPARTY", number)).Add(a.All("cd")...).Add(a.All("firstname")...).Add(a.All("familyname")...))
}

// get answers one, with the hub as its first author and the uri under which it is kept.
func (h *Hub) get(payload *kmehr.Element) (*kmehr.Element, *refusal) {
	patient := payload.At("select", "patient").ID("INSS")
	uri := payload.At("select", "transaction").Local(sumehr.VitalinkURI)
	h.mu.Lock()
	defer h.mu.Unlock()
	d, n := h.find(patient, uri)
	if d == nil || d.revoked {
		return nil, &refusal{"CD-ERROR", "406", "there is no node for " + uri}
	}
	parcel := kmehr.New("kmehrmessage")
	for _, part := range d.versions[n-1].message.Children {
		copied := *part
		if part.Name == "folder" {
			copied.Children = stamped(part, uri)
		}
		parcel.Add(hub.In(kmehr.Namespace, &copied))
	}
	return parcel, nil
}

// stamped are the parts of a folder, with what the hub adds to the transaction.
func stamped(folder *kmehr.Element, uri string) (parts []*kmehr.Element) {
	for _, part := range folder.Children {
		if part.Name != "transaction" {
			parts = append(parts, part)
			continue
		}
		tx := kmehr.New("transaction")
		for _, c := range part.Children {
			switch {
			case c.Attribute("SL") == sumehr.VitalinkURI:
				continue
			case c.Name == "author":
				self := party("1.12")
				self.Attr = nil
				c = kmehr.New("author", self).Add(c.All("hcparty")...)
			}
			tx.Add(c)
			if c.Name == "id" && c.Attribute("S") == "ID-KMEHR" {
				tx.Add(kmehr.LocalID(sumehr.VitalinkURI, uri))
			}
		}
		parts = append(parts, tx)
	}
	return parts
}

// updates answers for many patients when theirs was changed.
func (h *Hub) updates(payload *kmehr.Element) (*kmehr.Element, *refusal) {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := kmehr.New("latestupdatelist")
	for _, c := range payload.At("select").All("criteria") {
		patient := c.At("patient").ID("INSS")
		d := h.live(patient)
		if d == nil {
			continue
		}
		list.Add(kmehr.New("latestupdate", kmehr.New("patient", kmehr.ID("INSS", patient)), kmehr.Code("CD-TRANSACTION", "1.4", "sumehr"),
			kmehr.Leaf("version", strconv.Itoa(len(d.versions))), kmehr.Leaf("createdatetime", d.versions[0].at.Format(time.RFC3339)),
			kmehr.Leaf("updatedatetime", d.last().at.Format(time.RFC3339))))
	}
	if len(list.Children) == 0 {
		return nil, &refusal{"CD-ERROR", "489", "nothing was ever stored"}
	}
	return list, nil
}

// revoke takes a document away.
func (h *Hub) revoke(payload *kmehr.Element) (*kmehr.Element, *refusal) {
	patient := payload.At("select", "patient").ID("INSS")
	uri := payload.At("select", "transaction").Local(sumehr.VitalinkURI)
	h.mu.Lock()
	defer h.mu.Unlock()
	d, _ := h.find(patient, uri)
	switch {
	case d == nil:
		return nil, &refusal{"CD-ERROR", "406", "there is no node for " + uri}
	case d.revoked:
		return nil, &refusal{"CD-ERROR", "464", "it is gone already"}
	}
	d.revoked = true
	return nil, broken(h.save())
}
