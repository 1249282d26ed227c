package web_test

import (
	"context"
	"fmt"
	"time"

	"github.com/carelog/carelog/agent/behind"
	"github.com/carelog/carelog/agent/intake"
	"github.com/carelog/carelog/agent/web"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/events/eventstest"
	"github.com/carelog/carelog/projections/sumehr"
	"github.com/carelog/carelog/projections/sumehr/standing"
)

// sumehrsOfMonday lets the hub have some Sumehrs, and not others, for a reason of each kind that
// needs no hub.
func sumehrsOfMonday(d *desk) {
	const wish, consents, relation = 0, 1, 2
	for patient, has := range map[string][]int{"p2": {wish}, "p5": {wish, consents}, "p6": {wish, consents}, "p7": {wish, consents, relation}, "p8": {wish, consents, relation}, "p10": {wish, consents, relation}, "p12": {wish, consents, relation}} {
		for _, i := range has {
			c := [][3]string{{"wish", sumehr.MarkSystem, standing.WishCode}, {"yes", sumehr.TableBase + "cd-consenttype", "retrospective"}, {"link", sumehr.TableBase + "cd-therapeuticlinktype", "gmd"}}[i]
			d.consents(c[0], patient, c[1], c[2], "")
		}
	}
	d.consents("no", "p5", sumehr.MarkSystem, standing.WishCode, `,"provision":{"type":"deny"}`)
	for patient, problem := range map[string]string{"p8": `"code":{"text":"Asthma"},"onsetDateTime":"2001"`, "p10": `"code":{"text":"Gout"}`, "p12": `"code":{"text":"Migraine"},"onsetDateTime":"2019"`} {
		d.arrives("Condition/s-"+patient, patient, "dr-1", `{"resourceType":"Condition","id":"s-`+patient+`","subject":{"reference":"Patient/`+patient+`"},`+clinical("Condition", "active")+`,`+problem+`}`)
	}
	for _, patient := range []string{"p6", "p7", "p8"} {
		d.publish(patient)
	}
	d.arrives("Condition/s-p6", "p6", "dr-1", `{"resourceType":"Condition","id":"s-p6","subject":{"reference":"Patient/p6"},`+clinical("Condition", "active")+`,"code":{"text":"Psoriasis"},"onsetDateTime":"2024"}`)
}

func (d *desk) consents(name, patient, system, code, more string) {
	d.t.Helper()
	id := name + "-" + patient
	d.arrives("Consent/"+id, patient, "dr-1", fmt.Sprintf(`{"resourceType":"Consent","id":%q,"status":"active","scope":{"text":"privacy"},"patient":{"reference":"Patient/%s"},"category":[{"coding":[{"system":%q,"code":%q}]}],"dateTime":"2026-03-02"%s}`, id, patient, system, code, more))
}

// publish records that the hub has what the dossier makes now.
func (d *desk) publish(patient string) events.ID { return d.published(patient, false) }

// published records that the hub has what the dossier makes now, or that it was taken from there.
func (d *desk) published(patient string, revoked bool, parents ...events.ID) events.ID {
	d.t.Helper()
	records, _, err := behind.Gather(context.Background(), d.store, patient, "")
	if err != nil {
		d.t.Fatal(err)
	}
	f := standing.Read(sumehr.Input{Patient: patient, Records: records, At: eventstest.Epoch})
	p := standing.Publication{
		Record: events.Record{Type: "DocumentReference", ID: "pub-" + patient}, URI: "/subject/58031499914/sumehr/12345/1",
		At: eventstest.Epoch.AddDate(0, 0, -12), Author: "dr-1", Digest: f.Digest, Made: f.Made, Revoked: revoked,
	}
	body, err := p.Body(patient)
	if err != nil {
		d.t.Fatal(err)
	}
	return d.arrives(p.Record.String(), patient, "dr-1", string(body), parents...)
}

// atHub gives the desk a hub, for as long as the test lasts.
func (d *desk) atHub(p *publisher) {
	d.t.Helper()
	before := d.pages
	d.sumehrs = behind.New(behind.Config{Desk: d, Records: d.store, Hub: p})
	d.serving(web.New(web.Config{Desk: d, Records: d.store, Trail: d, Sumehrs: d.sumehrs, FHIR: d.fhir, Publisher: p, Intake: intake.NewDossiers(d, d.store), Heartbeat: 50 * time.Millisecond}))
	before.Close() // whoever listened there comes back
	d.judged()
}

// judged lets the desk count whose Sumehr is behind, for as long as the test lasts.
func (d *desk) judged() {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	table := d.sumehrs
	go func() { done <- table.Run(ctx) }()
	d.t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			d.t.Error(err)
		}
	})
}
