package web_test

import (
	"strings"
	"testing"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/projections/sumehr"
	"github.com/carelog/carelog/projections/sumehr/standing"
)

// No text of a dossier becomes code or HTML, on whatever page it is shown.
func TestNoTextBecomesCode(t *testing.T) {
	d := newDesk(t)
	morning(d)
	const evil = `<img src=x onerror='window.taken=1'><script>window.taken=1</script>{0}`
	d.arrives("Patient/evil", "evil", "dr-1", person("evil", evil, "Eve", "1980-01-01", "female"))
	statement := func(dose string) string {
		return `{"resourceType":"MedicationStatement","id":"e1","status":"active","subject":{"reference":"Patient/evil"},"medicationCodeableConcept":{"text":"` + evil + `"},"dosage":[{"text":"` + dose + `"}]}`
	}
	root := d.arrives("MedicationStatement/e1", "evil", "dr-1", statement(evil))
	d.arrives("MedicationStatement/e1", "evil", "dr-2", statement("1 "+evil), root)
	d.arrivesFrom(d.here, "MedicationStatement/e1", "evil", "nurse-1", statement("2 "+evil), root)
	waiting(d)
	d.set(func() { d.queue[0].LastError, d.queue[0].Patient, d.status.Reason = evil, "evil", evil })
	d.consents("wish", "evil", sumehr.MarkSystem, standing.WishCode, "")
	d.set(func() { d.open = []agent.Opened{{Patient: "evil", Author: "nobody<img src=x>", Device: "<b>"}} })
	b := openBrowser(t, d)
	for path, where := range map[string]string{
		"/?q=eve": "tbody", "/patients/evil": ".section-MedicationStatement", "/patients/evil?view=timeline": ".timeline", "/history/MedicationStatement/e1": "#difference",
		"/sumehr": ".sumehrs", "/sumehr/evil": ".sumehr-sections", "/sumehr/evil?view=xml": "pre.xml",
		"/conflicts": "tbody", "/conflicts/MedicationStatement/e1": ".compare", "/sync": ".stack",
	} {
		b.visit(path)
		b.see(where, "onerror=")
		b.until(`document.querySelectorAll('img, body script').length === 0 && !window.taken`, "nothing but text on "+path)
	}
	b.visit("/patients/evil?view=privacy")
	b.see(".colleagues", "<img src=x>")
	b.until(`document.querySelectorAll('img, body script, .colleagues b').length === 0 && !window.taken`, "nothing but text")
	if policy := b.text(`fetch('/').then((r) => r.headers.get('Content-Security-Policy'))`); !strings.Contains(policy, "script-src 'self'") {
		t.Errorf("got policy %q, want one that would stop it as well", policy)
	}
}
