package synthetic

// What people in the practice have, take and get. Frequencies are in 1000 people of
// the age given, and only as true as a demonstration needs.

// problem is a diagnosis or a complaint.
type problem struct {
	icpc2, icd10 string
	name         text
	from, to     int // age in years at its onset
	in1000       int
	passing      bool // over within weeks; else for life
	drugs        []drug
	tests        []test // measured at a contact about it
}

// drug is something that is taken, under its own name where that has a CNK code.
type drug struct {
	cnk, atc  string
	name      string
	dosage    text
	frequency int // a day
}

// test is a measurement: a number between two bounds, in units of its last decimal.
type test struct {
	loinc, display, unit, ucum string
	low, high, places          int
	laboratory                 bool
}

var (
	weight    = test{loinc: "29463-7", display: "Body weight", unit: "kg", ucum: "kg", low: 480, high: 1080, places: 1}
	heartRate = test{loinc: "8867-4", display: "Heart rate", unit: "/min", ucum: "/min", low: 54, high: 104}
	warmth    = test{loinc: "8310-5", display: "Body temperature", unit: "°C", ucum: "Cel", low: 364, high: 396, places: 1}
	glucose   = test{loinc: "1558-6", display: "Fasting glucose", unit: "mg/dL", ucum: "mg/dL", low: 78, high: 210, laboratory: true}
	hba1c     = test{loinc: "4548-4", display: "Hemoglobin A1c", unit: "%", ucum: "%", low: 56, high: 92, places: 1, laboratory: true}
	ldl       = test{loinc: "13457-7", display: "LDL cholesterol", unit: "mg/dL", ucum: "mg/dL", low: 62, high: 190, laboratory: true}
	creatine  = test{loinc: "2160-0", display: "Creatinine", unit: "mg/dL", ucum: "mg/dL", low: 58, high: 146, places: 2, laboratory: true}
	tsh       = test{loinc: "3016-3", display: "TSH", unit: "mU/L", ucum: "mU/L", low: 40, high: 780, places: 2, laboratory: true}
	inr       = test{loinc: "6301-6", display: "INR", unit: "INR", ucum: "{INR}", low: 16, high: 38, places: 1, laboratory: true}
)

var paracetamol = drug{atc: "N02BE01", name: "Paracetamol 1 g", dosage: text{"zo nodig 1 tablet, maximaal 3 per dag", "1 comprimé si nécessaire, maximum 3 par jour"}, frequency: 3}

var problems = []problem{
	{icpc2: "K86", icd10: "I10", name: text{"Essentiële hypertensie", "Hypertension artérielle essentielle"}, from: 35, to: 80, in1000: 280,
		drugs: []drug{
			{cnk: "1467000", atc: "C09AA04", name: "Coversyl 4 mg", dosage: text{"1 tablet 's ochtends", "1 comprimé le matin"}, frequency: 1},
			{atc: "C08CA01", name: "Amlodipine 5 mg", dosage: text{"1 tablet per dag", "1 comprimé par jour"}, frequency: 1},
			{atc: "C07AB07", name: "Bisoprolol 2,5 mg", dosage: text{"1 tablet 's ochtends", "1 comprimé le matin"}, frequency: 1},
		}, tests: []test{heartRate, creatine}},
	{icpc2: "T90", icd10: "E11", name: text{"Diabetes mellitus type 2", "Diabète de type 2"}, from: 40, to: 78, in1000: 95,
		drugs: []drug{{atc: "A10BA02", name: "Metformine 850 mg", dosage: text{"1 tablet bij ontbijt en avondmaal", "1 comprimé au petit-déjeuner et au souper"}, frequency: 2}},
		tests: []test{hba1c, glucose, weight}},
	{icpc2: "T93", icd10: "E78.0", name: text{"Hypercholesterolemie", "Hypercholestérolémie"}, from: 38, to: 75, in1000: 210,
		drugs: []drug{{atc: "C10AA05", name: "Atorvastatine 20 mg", dosage: text{"1 tablet 's avonds", "1 comprimé le soir"}, frequency: 1}},
		tests: []test{ldl}},
	{icpc2: "T86", icd10: "E03.9", name: text{"Hypothyroïdie", "Hypothyroïdie"}, from: 30, to: 75, in1000: 55,
		drugs: []drug{{cnk: "0669127", atc: "H03AA01", name: "Elthyrone 0,025 mg", dosage: text{"1 tablet nuchter", "1 comprimé à jeun"}, frequency: 1}},
		tests: []test{tsh}},
	{icpc2: "K78", icd10: "I48", name: text{"Voorkamerfibrillatie", "Fibrillation auriculaire"}, from: 62, to: 90, in1000: 80,
		drugs: []drug{{cnk: "0119065", atc: "B01AA04", name: "Marcoumar 3 mg", dosage: text{"volgens INR", "selon l'INR"}, frequency: 1}},
		tests: []test{inr, heartRate}},
	{icpc2: "R96", icd10: "J45", name: text{"Astma", "Asthme"}, from: 4, to: 45, in1000: 75,
		drugs: []drug{{atc: "R03AC02", name: "Salbutamol 100 µg", dosage: text{"zo nodig 2 puffs", "2 bouffées si nécessaire"}, frequency: 2}}},
	{icpc2: "R95", icd10: "J44", name: text{"COPD", "BPCO"}, from: 52, to: 82, in1000: 60,
		drugs: []drug{{atc: "R03BB04", name: "Tiotropium 18 µg", dosage: text{"1 inhalatie per dag", "1 inhalation par jour"}, frequency: 1}}},
	{icpc2: "P76", icd10: "F32", name: text{"Depressieve stoornis", "Épisode dépressif"}, from: 18, to: 75, in1000: 90,
		drugs: []drug{{atc: "N06AB06", name: "Sertraline 50 mg", dosage: text{"1 tablet 's ochtends", "1 comprimé le matin"}, frequency: 1}}},
	{icpc2: "L90", icd10: "M17", name: text{"Gonartrose", "Gonarthrose"}, from: 50, to: 85, in1000: 130, drugs: []drug{paracetamol}},
	{icpc2: "D84", icd10: "K21", name: text{"Gastro-oesofageale reflux", "Reflux gastro-œsophagien"}, from: 25, to: 80, in1000: 140,
		drugs: []drug{
			{cnk: "2732808", atc: "A02BC02", name: "Pantomed 40 mg", dosage: text{"1 tablet voor het ontbijt", "1 comprimé avant le petit-déjeuner"}, frequency: 1},
			{cnk: "1767367", atc: "A02BC01", name: "Omeprazol Sandoz 20 mg", dosage: text{"1 capsule voor het ontbijt", "1 gélule avant le petit-déjeuner"}, frequency: 1},
		}},
	{icpc2: "N89", icd10: "G43", name: text{"Migraine", "Migraine"}, from: 12, to: 50, in1000: 85, drugs: []drug{paracetamol}},
	{icpc2: "S87", icd10: "L20", name: text{"Atopisch eczeem", "Eczéma atopique"}, from: 0, to: 20, in1000: 110},
	{icpc2: "T91", icd10: "E55", name: text{"Vitamine D-tekort", "Carence en vitamine D"}, from: 1, to: 90, in1000: 160,
		drugs: []drug{{cnk: "3834447", atc: "A11CC05", name: "D-Cure 25000 IE", dosage: text{"1 capsule per maand", "1 gélule par mois"}}}},
	{icpc2: "L03", icd10: "M54.5", name: text{"Lage rugpijn", "Lombalgie"}, from: 18, to: 80, in1000: 330, passing: true, drugs: []drug{paracetamol}},
	{icpc2: "R74", icd10: "J06", name: text{"Acute bovenste luchtweginfectie", "Infection aiguë des voies respiratoires supérieures"}, from: 0, to: 95, in1000: 420, passing: true, tests: []test{warmth}},
	{icpc2: "H71", icd10: "H66", name: text{"Acute otitis media", "Otite moyenne aiguë"}, from: 0, to: 9, in1000: 480, passing: true,
		drugs: []drug{{atc: "J01CA04", name: "Amoxicilline 250 mg/5 ml", dosage: text{"3 x 5 ml per dag, 5 dagen", "3 x 5 ml par jour, 5 jours"}, frequency: 3}}, tests: []test{warmth}},
	{icpc2: "U71", icd10: "N30", name: text{"Acute cystitis", "Cystite aiguë"}, from: 16, to: 85, in1000: 160, passing: true,
		drugs: []drug{{atc: "J01XX01", name: "Fosfomycine 3 g", dosage: text{"eenmalig 1 zakje", "1 sachet en une prise"}, frequency: 1}}},
	{icpc2: "D73", icd10: "A09", name: text{"Acute gastro-enteritis", "Gastro-entérite aiguë"}, from: 0, to: 90, in1000: 240, passing: true, tests: []test{warmth}},
}

// checkUp is why people come who have nothing.
var checkUp = problem{name: text{"Algemeen nazicht", "Examen de routine"}, tests: []test{weight, heartRate}}

// substance is what an allergy is against.
type substance struct {
	atc      string // empty: no drug
	name     text
	category string
	reaction text
	severity string
	high     bool // criticality
}

var substances = []substance{
	{atc: "J01C", name: text{"Penicilline", "Pénicilline"}, category: "medication", reaction: text{"Anafylactische shock", "Choc anaphylactique"}, severity: "severe", high: true},
	{atc: "J01CA04", name: text{"Amoxicilline", "Amoxicilline"}, category: "medication", reaction: text{"Huiduitslag", "Éruption cutanée"}, severity: "mild"},
	{atc: "M01AE01", name: text{"Ibuprofen", "Ibuprofène"}, category: "medication", reaction: text{"Angio-oedeem", "Angio-œdème"}, severity: "moderate", high: true},
	{atc: "J01EE01", name: text{"Sulfamethoxazol met trimethoprim", "Sulfaméthoxazole et triméthoprime"}, category: "medication", reaction: text{"Koorts en uitslag", "Fièvre et éruption"}, severity: "moderate"},
	{name: text{"Pinda", "Arachide"}, category: "food", reaction: text{"Anafylaxie", "Anaphylaxie"}, severity: "severe", high: true},
	{name: text{"Kippenei", "Œuf de poule"}, category: "food", reaction: text{"Urticaria", "Urticaire"}, severity: "mild"},
	{name: text{"Huisstofmijt", "Acariens"}, category: "environment", reaction: text{"Rinitis", "Rhinite"}, severity: "mild"},
	{name: text{"Berkenpollen", "Pollen de bouleau"}, category: "environment", reaction: text{"Rinoconjunctivitis", "Rhinoconjonctivite"}, severity: "mild"},
	{name: text{"Wespengif", "Venin de guêpe"}, category: "environment", reaction: text{"Bewustzijnsverlies", "Perte de connaissance"}, severity: "severe", high: true},
	{name: text{"Latex", "Latex"}, category: "environment", reaction: text{"Contacteczeem", "Eczéma de contact"}, severity: "moderate"},
}

// vaccine is given once at an age in weeks, or each autumn from an age in years on.
type vaccine struct {
	cnk, atc string
	name     string
	weeks    int
	yearly   int
	in1000   int
}

var vaccines = []vaccine{
	{atc: "J07CA09", name: "Hexyon", weeks: 8, in1000: 960},
	{atc: "J07AL02", name: "Prevenar 13", weeks: 8, in1000: 950},
	{atc: "J07BD52", name: "MMR VaxPro", weeks: 52, in1000: 950},
	{atc: "J07BM03", name: "Gardasil 9", weeks: 13 * 52, in1000: 820},
	{cnk: "1077593", atc: "J07AM51", name: "Tedivax pro Adulto", weeks: 36 * 52, in1000: 600},
	{cnk: "4172672", atc: "J07BB02", name: "Influvac Tetra", yearly: 65, in1000: 640},
}

// What a note says: what the patient tells, what the doctor finds, what they agree on.
var (
	tells = [2][]string{
		dutch: {
			"Klachten sinds een drietal dagen, nu wat beter.", "Komt op controle, voelt zich goed.", "Vermoeid de laatste weken, slaapt slecht.",
			"Neemt de medicatie trouw in, geen bijwerkingen.", "Is ongerust na het overlijden van een broer.", "Vraagt een attest voor het werk.",
		},
		french: {
			"Plaintes depuis trois jours, un peu mieux aujourd'hui.", "Vient pour un contrôle, se sent bien.", "Fatigué ces dernières semaines, dort mal.",
			"Prend bien son traitement, pas d'effets secondaires.", "S'inquiète depuis le décès d'un frère.", "Demande un certificat pour le travail.",
		},
	}
	finds = [2][]string{
		dutch: {
			"Algemene toestand goed. Hart en longen: geen bijzonderheden.", "Auscultatie: zuiver, geen souffle.", "Abdomen soepel, niet drukpijnlijk.",
			"Keel rood, trommelvliezen normaal.", "Geen oedeem, goede perifere pulsaties.",
		},
		french: {
			"Bon état général. Cœur et poumons : rien de particulier.", "Auscultation claire, pas de souffle.", "Abdomen souple, indolore.",
			"Gorge rouge, tympans normaux.", "Pas d'œdème, bons pouls périphériques.",
		},
	}
	agrees = [2][]string{
		dutch: {
			"Beleid: zelfde behandeling verder, controle over 3 maanden.", "Beleid: afwachten, terug bij koorts of dyspneu.", "Beleid: bloedname afgesproken, resultaten telefonisch.",
			"Beleid: verwijzing naar specialist, brief meegegeven.", "Beleid: rust, voldoende drinken, symptomatisch.",
		},
		french: {
			"Plan : même traitement, contrôle dans 3 mois.", "Plan : attendre, revenir si fièvre ou dyspnée.", "Plan : prise de sang prévue, résultats par téléphone.",
			"Plan : envoi chez le spécialiste, lettre remise.", "Plan : repos, boire suffisamment, traitement symptomatique.",
		},
	}
)
