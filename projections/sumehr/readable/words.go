package readable

import (
	"slices"

	"github.com/carelog/carelog/projections/sumehr/check"
	"github.com/carelog/carelog/projections/sumehr/kmehr"
)

// worded are the tables whose codes are said in words; no code means two things in them.
var worded = []string{"CD-LIFECYCLE", "CD-CERTAINTY", "CD-TEMPORALITY", "CD-HCPARTY", "CD-VACCINEINDICATION"}

// codeWords are our words for the codes of these tables, in the order of check.Languages. Where
// one is missing, the code is said as it stands; so is "active", which goes without saying.
var codeWords = map[string][4]string{
	// CD-LIFECYCLE
	"inactive":      {"inactive", "niet actief", "inactif", "nicht aktiv"},
	"cancelled":     {"cancelled", "geannuleerd", "annulé", "annulliert"},
	"completed":     {"completed", "afgerond", "terminé", "abgeschlossen"},
	"prescribed":    {"prescribed", "voorgeschreven", "prescrit", "verschrieben"},
	"planned":       {"planned", "gepland", "planifié", "geplant"},
	"delivered":     {"delivered", "afgeleverd", "délivré", "abgegeben"},
	"administrated": {"given", "toegediend", "administré", "verabreicht"},
	"refused":       {"refused", "geweigerd", "refusé", "abgelehnt"},
	"suspended":     {"suspended", "onderbroken", "suspendu", "unterbrochen"},
	"stopped":       {"stopped", "gestopt", "arrêté", "abgesetzt"},
	"aborted":       {"broken off", "afgebroken", "interrompu", "abgebrochen"},
	"notpresent":    {"not present", "niet aanwezig", "absent", "nicht vorhanden"},
	// CD-CERTAINTY; excluded is of both
	"proven":     {"confirmed", "bevestigd", "confirmé", "bestätigt"},
	"probable":   {"probable", "waarschijnlijk", "probable", "wahrscheinlich"},
	"unprobable": {"improbable", "onwaarschijnlijk", "improbable", "unwahrscheinlich"},
	"excluded":   {"ruled out", "uitgesloten", "exclu", "ausgeschlossen"},
	"undefined":  {"not confirmed", "niet bevestigd", "non confirmé", "nicht bestätigt"},
	// CD-TEMPORALITY
	"chronic":      {"chronic", "chronisch", "chronique", "chronisch"},
	"acute":        {"acute", "acuut", "aigu", "akut"},
	"subacute":     {"subacute", "subacuut", "subaigu", "subakut"},
	"oneshot":      {"once", "eenmalig", "une seule fois", "einmalig"},
	"remission":    {"in remission", "in remissie", "en rémission", "in Remission"},
	"reactivation": {"returned", "teruggekeerd", "réapparu", "wiedergekehrt"},
	"ifnecessary":  {"if needed", "indien nodig", "si nécessaire", "bei Bedarf"},
	// CD-HCPARTY
	"persphysician":       {"physician", "arts", "médecin", "Arzt"},
	"persnurse":           {"nurse", "verpleegkundige", "infirmier", "Krankenpfleger"},
	"perspharmacist":      {"pharmacist", "apotheker", "pharmacien", "Apotheker"},
	"persphysiotherapist": {"physiotherapist", "kinesitherapeut", "kinésithérapeute", "Physiotherapeut"},
	"persdentist":         {"dentist", "tandarts", "dentiste", "Zahnarzt"},
	"persmidwife":         {"midwife", "vroedvrouw", "sage-femme", "Hebamme"},
	"orghospital":         {"hospital", "ziekenhuis", "hôpital", "Krankenhaus"},
	"orgpharmacy":         {"pharmacy", "apotheek", "pharmacie", "Apotheke"},
	// CD-VACCINEINDICATION
	"poliomyelitis":         {"polio", "polio", "poliomyélite", "Polio"},
	"measles":               {"measles", "mazelen", "rougeole", "Masern"},
	"rubella":               {"rubella", "rodehond", "rubéole", "Röteln"},
	"mumps":                 {"mumps", "bof", "oreillons", "Mumps"},
	"seasonalinfluenza":     {"seasonal influenza", "seizoensgriep", "grippe saisonnière", "saisonale Grippe"},
	"hepatitisa":            {"hepatitis A", "hepatitis A", "hépatite A", "Hepatitis A"},
	"hepatitisb":            {"hepatitis B", "hepatitis B", "hépatite B", "Hepatitis B"},
	"rabies":                {"rabies", "hondsdolheid", "rage", "Tollwut"},
	"varicella":             {"varicella", "windpokken", "varicelle", "Windpocken"},
	"rotavirus":             {"rotavirus", "rotavirus", "rotavirus", "Rotaviren"},
	"papillomavirus":        {"papillomavirus (HPV)", "papillomavirus (HPV)", "papillomavirus (HPV)", "Papillomaviren (HPV)"},
	"yellowfever":           {"yellow fever", "gele koorts", "fièvre jaune", "Gelbfieber"},
	"tickborneencephalitis": {"tick-borne encephalitis", "tekenencefalitis", "encéphalite à tiques", "FSME"},
	"ej":                    {"Japanese encephalitis", "Japanse encefalitis", "encéphalite japonaise", "Japanische Enzephalitis"},
	"diphteria":             {"diphtheria", "difterie", "diphtérie", "Diphtherie"},
	"tetanus":               {"tetanus", "tetanus", "tétanos", "Tetanus"},
	"pertussis":             {"whooping cough", "kinkhoest", "coqueluche", "Keuchhusten"},
	"tuberculosis":          {"tuberculosis", "tuberculose", "tuberculose", "Tuberkulose"},
	"typhoid":               {"typhoid", "buiktyfus", "fièvre typhoïde", "Typhus"},
	"herpeszoster":          {"shingles", "gordelroos", "zona", "Gürtelrose"},
	"cholera":               {"cholera", "cholera", "choléra", "Cholera"},
	"covid19":               {"COVID-19", "COVID-19", "COVID-19", "COVID-19"},
	"hib":                   {"Haemophilus influenzae b", "Haemophilus influenzae b", "Haemophilus influenzae b", "Haemophilus influenzae b"},
	"meningitisb":           {"meningococcus B", "meningokokken B", "méningocoque B", "Meningokokken B"},
	"meningitisc":           {"meningococcus C", "meningokokken C", "méningocoque C", "Meningokokken C"},
	"pneumonia7":            {"pneumococcus (7)", "pneumokokken (7)", "pneumocoque (7)", "Pneumokokken (7)"},
	"pneumonia15":           {"pneumococcus (15)", "pneumokokken (15)", "pneumocoque (15)", "Pneumokokken (15)"},
	"pneumonia20":           {"pneumococcus (20)", "pneumokokken (20)", "pneumocoque (20)", "Pneumokokken (20)"},
	"pneumonia23":           {"pneumococcus (23)", "pneumokokken (23)", "pneumocoque (23)", "Pneumokokken (23)"},
}

// inWords says a code in words; ok is false where there are none.
func inWords(cd *kmehr.Element, language string) (words string, ok bool) {
	if !slices.Contains(worded, cd.Attribute("S")) {
		return "", false
	}
	all, ok := codeWords[cd.Value()]
	return all[max(0, slices.Index(check.Languages, language))], ok
}

// said is the value of an element, in words where it is a code that has them.
func said(e *kmehr.Element, language string) string {
	if words, ok := inWords(e, language); ok {
		return words
	}
	return e.Value()
}
