package resources

import (
	"slices"
	"strings"

	"github.com/carelog/carelog/projections/sumehr"
	"github.com/carelog/carelog/projections/sumehr/kmehr"
)

// standing is the records that a Sumehr was made of, by what their items say. A contact within
// the Patient and a member of a team stand in a record that is of more: those have no name.
func standing(message *kmehr.Element) map[string]string {
	records := map[string]string{}
	for _, item := range kmehr.Items(message.At("folder", "transaction")) {
		name, says := recordOf(item), saying(item)
		if _, known := records[says]; known || name == "" {
			continue
		}
		if kind, _, _ := strings.Cut(name, "/"); kind == "Patient" || kind == "CareTeam" {
			name = ""
		}
		records[says] = name
	}
	return records
}

// here reports whether an item says just what a record of the dossier does, and if so puts that
// into the summary.
func (r *reader) here(kind string, item *kmehr.Element) bool {
	name, known := r.stands[saying(item)]
	if !known {
		return false
	}
	r.standing++
	if name != "" && !slices.Contains(r.sections[kind], name) {
		r.sections[kind] = append(r.sections[kind], name)
	}
	return true
}

// saying is what an item says, without what every item does by standing in a Sumehr.
func saying(item *kmehr.Element) string {
	e := *item
	e.Children = slices.DeleteFunc(slices.Clone(item.Children), func(c *kmehr.Element) bool {
		return c.Value() == "true" && slices.Contains([]string{"isrelevant", "iscomplete", "isvalidated"}, c.Name)
	})
	return sumehr.Saying(&e)
}
