package readable

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/carelog/carelog/projections/sumehr/check"
)

// titles of the sections, and the few other words, in the order of check.Languages.
var titles = map[string][4]string{
	"problem":           {"Problems", "Problemen", "Problèmes", "Probleme"},
	"healthcareelement": {"Health care elements", "Zorgelementen", "Éléments de soins", "Gesundheitselemente"},
	"treatment":         {"Treatments", "Behandelingen", "Traitements", "Behandlungen"},
	"allergy":           {"Allergies", "Allergieën", "Allergies", "Allergien"},
	"adr":               {"Adverse drug reactions", "Ongewenste reacties op geneesmiddelen", "Effets indésirables de médicaments", "Unerwünschte Arzneimittelwirkungen"},
	"socialrisk":        {"Social risks", "Sociale risico's", "Risques sociaux", "Soziale Risiken"},
	"risk":              {"Risks", "Risico's", "Risques", "Risiken"},
	"medication":        {"Medication", "Medicatie", "Médication", "Medikation"},
	"vaccine":           {"Vaccines", "Vaccins", "Vaccins", "Impfungen"},
	"patientwill":       {"Patient's wishes", "Wil van de patiënt", "Volontés du patient", "Wille des Patienten"},
	"gmdmanager":        {"Keeper of the global medical file", "Houder van het globaal medisch dossier", "Détenteur du dossier médical global", "Inhaber der globalen medizinischen Akte"},
	"contactperson":     {"Contacts", "Contactpersonen", "Personnes de contact", "Kontaktpersonen"},
	"contacthcparty":    {"Care providers", "Zorgverleners", "Prestataires de soins", "Leistungserbringer"},
	"nothing":           {"nothing known", "niets gekend", "rien de connu", "nichts bekannt"},
	"born":              {"born", "geboren", "né(e)", "geboren"},
	"by":                {"Sumehr of %s, by %s", "Sumehr van %s, door %s", "Sumehr du %s, par %s", "Sumehr vom %s, von %s"},
	"remark":            {"Remark", "Opmerking", "Remarque", "Bemerkung"},
}

func title(kind, language string) string {
	if words, ok := titles[kind]; ok {
		return words[max(0, slices.Index(check.Languages, language))]
	}
	return kind
}

// Text writes the page for a terminal, its few words in a language of check.Languages.
func (p Page) Text(w io.Writer, language string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s", p.Patient.Name)
	if p.Patient.Born != "" {
		fmt.Fprintf(&b, ", %s %s", title("born", language), p.Patient.Born)
	}
	for _, said := range []string{p.Patient.Sex, p.Patient.Number} {
		if said != "" {
			fmt.Fprintf(&b, ", %s", said)
		}
	}
	fmt.Fprintf(&b, "\n"+title("by", language)+"\n", p.Made, strings.TrimSpace(p.Author.Name+" "+p.Author.Number))
	for _, s := range p.Sections {
		fmt.Fprintf(&b, "\n%s\n", s.Title)
		if s.Nothing {
			fmt.Fprintf(&b, "  %s\n", title("nothing", language))
		}
		for _, l := range s.Lines {
			fmt.Fprintf(&b, "  %s\n", l)
		}
	}
	if p.Remark != "" {
		fmt.Fprintf(&b, "\n%s\n  %s\n", title("remark", language), p.Remark)
	}
	_, err := io.WriteString(w, printable(b.String()))
	return err
}

// String is the item on one line.
func (l Line) String() string {
	text := l.Label
	switch {
	case l.End != "":
		text += " (" + strings.TrimSpace(l.Begin+" – "+l.End) + ")"
	case l.Begin != "":
		text += " (" + l.Begin + ")"
	}
	if l.State != "" && l.State != "active" {
		text += " " + l.State
	}
	if codes := strings.Join(l.Codes, ", "); codes != "" && codes != l.Label {
		text += " [" + codes + "]"
	}
	if len(l.Details) > 0 {
		text += ": " + strings.Join(l.Details, "; ")
	}
	return text
}

// printable leaves out what would command a terminal: the words come from anywhere.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0 {
			return -1
		}
		return r
	}, text)
}
