package sumehr

import (
	"slices"

	"github.com/carelog/carelog/projections/sumehr/kmehr"
)

// will makes an item of each wish that a Consent says in the words of a table. A Consent to
// something else is no wish of this kind.
func will(c *candidate, body []byte) error {
	var p consent
	if err := read(body, &p); err != nil {
		return err
	}
	if p.Status != "active" || over(p.Provision.Period.End, c.day) {
		return nil
	}
	said := slices.Concat(p.Category, []concept{p.PolicyRule}, p.Provision.Code)
	part := 0
	for _, table := range []string{"CD-PATIENTWILL", "CD-PATIENTWILL-RES", "CD-PATIENTWILL-HOS"} {
		wish := anyOf(table, said...)
		if wish == "" && table == "CD-PATIENTWILL-RES" && slices.ContainsFunc(said, func(k concept) bool { return k.has("dnr") }) {
			wish = "dnr1" // HL7 consentcategorycodes: a directive not to attempt resuscitation
		}
		if wish == "" {
			continue
		}
		contents := []*kmehr.Element{kmehr.New("content", code(table, wish))}
		for _, k := range said {
			if k.of(table) == wish && k.Text != "" {
				contents = append(contents, kmehr.New("content", kmehr.Text(c.languageOf(p.head), k.Text)))
				break
			}
		}
		part++
		c.add(p.head, entry{
			kind: "patientwill", part: part, active: true, contents: contents,
			begin: moment("beginmoment", p.Provision.Period.Start), end: moment("endmoment", p.Provision.Period.End), recorded: p.DateTime,
		})
	}
	return nil
}
