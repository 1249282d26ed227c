package check

// rule is how serious a finding is, and what it says in the order of Languages.
type rule struct {
	warning bool
	texts   [4]string
}

// The rules.
const (
	Unreadable      Rule = "record-unreadable"
	Unopened        Rule = "record-unopened"
	VaccineLeftOut  Rule = "vaccine-left-out"
	ManagerUnknown  Rule = "gmd-manager-unknown"
	ContactNameless Rule = "contact-nameless"
	PartyUnknown    Rule = "care-provider-unknown"
	PartyProfession Rule = "care-provider-profession"
	PatientINSS     Rule = "patient-inss"
	INSSNumber      Rule = "inss-number"

	standardMissing    Rule = "standard-missing"
	standardOld        Rule = "standard-old"
	folders            Rule = "one-folder"
	transactions       Rule = "one-transaction"
	notSumehr          Rule = "not-a-sumehr"
	incomplete         Rule = "not-complete"
	unvalidated        Rule = "not-validated"
	headings           Rule = "headings"
	authorMissing      Rule = "author-missing"
	authorNumber       Rule = "author-number"
	authorName         Rule = "author-name"
	authorKind         Rule = "author-no-physician"
	authorINSS         Rule = "author-inss"
	authorAddress      Rule = "author-address"
	authorTelecom      Rule = "author-telecom"
	partyKinds         Rule = "party-kinds"
	partyNumber        Rule = "party-number"
	patientName        Rule = "patient-name"
	patientBirth       Rule = "patient-birthdate"
	patientLanguage    Rule = "patient-language"
	givenName          Rule = "given-name"
	sexUnknown         Rule = "sex"
	future             Rule = "date-in-future"
	backwards          Rule = "end-before-begin"
	itemKind           Rule = "item-kind"
	itemUnknown        Rule = "item-unknown"
	itemNumber         Rule = "item-number-twice"
	labelMissing       Rule = "label-missing"
	labelTwice         Rule = "label-twice"
	emptyText          Rule = "empty-text"
	textLanguage       Rule = "text-language"
	codesTwice         Rule = "codes-in-two-contents"
	codeTwice          Rule = "code-twice"
	codeSystem         Rule = "code-system"
	codeVersion        Rule = "code-version"
	codeMissing        Rule = "code-missing"
	codeUnknown        Rule = "code-unknown"
	lifecycleMissing   Rule = "lifecycle"
	beginMissing       Rule = "begin-missing"
	endMissing         Rule = "end-missing"
	drugBegin          Rule = "medication-begin"
	drugEnd            Rule = "medication-end"
	productMissing     Rule = "product-missing"
	productTwice       Rule = "product-twice"
	atcMissing         Rule = "atc-missing"
	contentForeign     Rule = "content-foreign"
	posologyBoth       Rule = "posology-both"
	cnk                Rule = "cnk"
	indicationMissing  Rule = "vaccine-indication"
	vaccineText        Rule = "vaccine-text"
	vaccineBegin       Rule = "vaccine-date"
	willCode           Rule = "patientwill-code"
	willOld            Rule = "patientwill-deprecated"
	willText           Rule = "patientwill-text"
	omissionTwice      Rule = "omission-twice"
	managerTwice       Rule = "gmd-manager-twice"
	partyMissing       Rule = "party-missing"
	managerNumber      Rule = "gmd-manager-number"
	managerKind        Rule = "gmd-manager-no-physician"
	partyName          Rule = "party-name"
	partyKind          Rule = "party-no-person"
	partyID            Rule = "party-id-missing"
	address            Rule = "address-missing"
	telecom            Rule = "telecom-missing"
	personMissing      Rule = "person-missing"
	relationMissing    Rule = "relation-missing"
	nothingForbidden   Rule = "nothing-known-forbidden"
	nothingContent     Rule = "nothing-known-with-content"
	nothingContradicts Rule = "nothing-known-contradicts"
)

var rules = map[Rule]rule{
	Unreadable: {false, [4]string{
		"the record is not written as FHIR R4 has it, so nobody knows whether it belongs in: correct it",
		"de registratie is niet geschreven zoals FHIR R4 voorschrijft, dus is niet geweten of ze erin hoort: verbeter ze",
		"l'enregistrement n'est pas écrit selon FHIR R4, on ne sait donc pas s'il doit y figurer : corrigez-le",
		"der Eintrag entspricht nicht FHIR R4, daher ist unklar, ob er hineingehört: bitte berichtigen"}},
	Unopened: {false, [4]string{
		"the record cannot be opened on this PC yet, so nobody knows whether it belongs in: wait until it can",
		"de registratie kan op deze pc nog niet geopend worden, dus is niet geweten of ze erin hoort: wacht tot het kan",
		"l'enregistrement ne peut pas encore être ouvert sur ce PC, on ne sait donc pas s'il doit y figurer : attendez",
		"der Eintrag lässt sich auf diesem PC noch nicht öffnen, daher ist unklar, ob er hineingehört: bitte warten"}},
	VaccineLeftOut: {true, [4]string{
		"the vaccine %q was left out: a Sumehr says against which disease, and the record does not; add it",
		"het vaccin %q werd weggelaten: een Sumehr zegt tegen welke ziekte, en de registratie niet; vul aan",
		"le vaccin %q a été omis : un Sumehr dit contre quelle maladie, et l'enregistrement ne le dit pas ; complétez-le",
		"der Impfstoff %q wurde weggelassen: ein Sumehr nennt die Krankheit, der Eintrag nicht; bitte ergänzen"}},
	ManagerUnknown: {true, [4]string{
		"who keeps the global medical file is not known here: choose the general practitioner again",
		"de houder van het globaal medisch dossier is hier niet gekend: kies de huisarts opnieuw",
		"le détenteur du dossier médical global n'est pas connu ici : choisissez à nouveau le médecin généraliste",
		"wer die globale medizinische Akte führt, ist hier nicht bekannt: bitte den Hausarzt neu wählen"}},
	ContactNameless: {true, [4]string{
		"a contact without a name was left out: add the name",
		"een contactpersoon zonder naam werd weggelaten: vul de naam aan",
		"une personne de contact sans nom a été omise : ajoutez le nom",
		"eine Kontaktperson ohne Namen wurde weggelassen: bitte den Namen ergänzen"}},
	PartyUnknown: {true, [4]string{
		"%s of the care team is not known here and was left out: choose the care provider again",
		"%s van het zorgteam is hier niet gekend en werd weggelaten: kies de zorgverlener opnieuw",
		"%s de l'équipe de soins n'est pas connu ici et a été omis : choisissez à nouveau le prestataire",
		"%s aus dem Betreuungsteam ist hier nicht bekannt und wurde weggelassen: bitte den Leistungserbringer neu wählen"}},
	PartyProfession: {true, [4]string{
		"the care provider was left out, since the profession is not known: add it",
		"de zorgverlener werd weggelaten omdat het beroep niet gekend is: vul het aan",
		"le prestataire a été omis parce que sa profession n'est pas connue : ajoutez-la",
		"der Leistungserbringer wurde weggelassen, da der Beruf nicht bekannt ist: bitte ergänzen"}},

	standardMissing: {false, [4]string{
		"the message does not say of which release of KMEHR it is", "het bericht zegt niet van welke versie van KMEHR het is",
		"le message ne dit pas de quelle version de KMEHR il est", "die Nachricht nennt nicht die Version von KMEHR"}},
	standardOld: {true, [4]string{
		"the message says that it is of KMEHR %s, and holds what there is only since 20161201",
		"het bericht zegt dat het van KMEHR %s is, en bevat wat pas sinds 20161201 bestaat",
		"le message se dit de KMEHR %s et contient ce qui n'existe que depuis 20161201",
		"die Nachricht nennt KMEHR %s und enthält, was es erst seit 20161201 gibt"}},
	folders: {false, [4]string{
		"there are %s folders: a Sumehr has exactly one, unencrypted here", "er zijn %s mappen: een Sumehr heeft er precies één, hier niet versleuteld",
		"il y a %s dossiers : un Sumehr en a exactement un, ici non chiffré", "es gibt %s Mappen: ein Sumehr hat genau eine, hier unverschlüsselt"}},
	transactions: {false, [4]string{
		"there are %s transactions: a Sumehr has exactly one", "er zijn %s transacties: een Sumehr heeft er precies één",
		"il y a %s transactions : un Sumehr en a exactement une", "es gibt %s Transaktionen: ein Sumehr hat genau eine"}},
	notSumehr: {false, [4]string{
		"the transaction is a %q: want sumehr, and nothing else", "de transactie is een %q: het moet sumehr zijn, en niets anders",
		"la transaction est un %q : il faut sumehr, et rien d'autre", "die Transaktion ist ein %q: es muss sumehr sein, und nichts anderes"}},
	incomplete: {false, [4]string{
		"the Sumehr is not said to be complete", "de Sumehr is niet als volledig aangeduid", "le Sumehr n'est pas déclaré complet", "der Sumehr ist nicht als vollständig gekennzeichnet"}},
	unvalidated: {false, [4]string{
		"the Sumehr is not said to be validated", "de Sumehr is niet als gevalideerd aangeduid", "le Sumehr n'est pas déclaré validé", "der Sumehr ist nicht als validiert gekennzeichnet"}},
	headings: {true, [4]string{
		"items stand beneath headings, and some readers do not see them there", "items staan onder hoofdingen, en sommige lezers zien ze daar niet",
		"des éléments se trouvent sous des titres, où certains lecteurs ne les voient pas", "Einträge stehen unter Überschriften, wo manche Leser sie nicht sehen"}},
	authorMissing: {false, [4]string{
		"nobody answers for the Sumehr: choose the physician", "niemand staat in voor de Sumehr: kies de arts", "personne ne répond du Sumehr : choisissez le médecin", "niemand verantwortet den Sumehr: bitte den Arzt wählen"}},
	authorNumber: {false, [4]string{
		"the author has no NIHII number, or more than one: enter it", "de auteur heeft geen RIZIV-nummer, of meer dan een: vul het in",
		"l'auteur n'a pas de numéro INAMI, ou plus d'un : introduisez-le", "der Autor hat keine LIKIV-Nummer oder mehr als eine: bitte eintragen"}},
	authorName: {false, [4]string{
		"the author has no name", "de auteur heeft geen naam", "l'auteur n'a pas de nom", "der Autor hat keinen Namen"}},
	authorKind: {false, [4]string{
		"the author is no physician (%q)", "de auteur is geen arts (%q)", "l'auteur n'est pas médecin (%q)", "der Autor ist kein Arzt (%q)"}},
	authorINSS: {true, [4]string{
		"the INSS of the author is missing", "het INSZ van de auteur ontbreekt", "le NISS de l'auteur manque", "die ENSS des Autors fehlt"}},
	authorAddress: {true, [4]string{
		"the address of the author is missing", "het adres van de auteur ontbreekt", "l'adresse de l'auteur manque", "die Adresse des Autors fehlt"}},
	authorTelecom: {true, [4]string{
		"it is not said how the author is reached", "er staat niet hoe de auteur te bereiken is", "les coordonnées de l'auteur manquent", "es fehlt, wie der Autor zu erreichen ist"}},
	partyKinds: {false, [4]string{
		"a care provider has more than one profession (%s)", "een zorgverlener heeft meer dan één beroep (%s)", "un prestataire a plus d'une profession (%s)", "ein Leistungserbringer hat mehr als einen Beruf (%s)"}},
	partyNumber: {false, [4]string{
		"the NIHII number %s is not right: look at its digits", "het RIZIV-nummer %s klopt niet: kijk de cijfers na", "le numéro INAMI %s n'est pas correct : vérifiez les chiffres", "die LIKIV-Nummer %s stimmt nicht: bitte die Ziffern prüfen"}},
	INSSNumber: {false, [4]string{
		"the INSS %s is not right: look at the card again", "het INSZ %s klopt niet: bekijk de kaart opnieuw", "le NISS %s n'est pas correct : regardez à nouveau la carte", "die ENSS %s stimmt nicht: bitte die Karte prüfen"}},
	PatientINSS: {false, [4]string{
		"the patient has no INSS, or more than one: enter it", "de patiënt heeft geen INSZ, of meer dan een: vul het in", "le patient n'a pas de NISS, ou plus d'un : introduisez-le", "der Patient hat keine ENSS oder mehr als eine: bitte eintragen"}},
	patientName: {false, [4]string{
		"the patient has no name", "de patiënt heeft geen naam", "le patient n'a pas de nom", "der Patient hat keinen Namen"}},
	patientBirth: {false, [4]string{
		"the date of birth is missing: enter it", "de geboortedatum ontbreekt: vul ze in", "la date de naissance manque : introduisez-la", "das Geburtsdatum fehlt: bitte eintragen"}},
	patientLanguage: {true, [4]string{
		"the language of the patient is missing", "de taal van de patiënt ontbreekt", "la langue du patient manque", "die Sprache des Patienten fehlt"}},
	givenName: {true, [4]string{
		"a first name is missing", "een voornaam ontbreekt", "un prénom manque", "ein Vorname fehlt"}},
	sexUnknown: {false, [4]string{
		"the sex %q is none of CD-SEX", "het geslacht %q staat niet in CD-SEX", "le sexe %q n'est pas dans CD-SEX", "das Geschlecht %q steht nicht in CD-SEX"}},
	future: {false, [4]string{
		"the date %s is in the future", "de datum %s ligt in de toekomst", "la date %s est dans le futur", "das Datum %s liegt in der Zukunft"}},
	backwards: {false, [4]string{
		"the end %[2]s is before the begin %[1]s", "het einde %[2]s ligt voor het begin %[1]s", "la fin %[2]s précède le début %[1]s", "das Ende %[2]s liegt vor dem Beginn %[1]s"}},
	itemKind: {false, [4]string{
		"the item has %s kinds: want exactly one", "het item heeft %s soorten: het moet er precies één zijn", "l'élément a %s types : il en faut exactement un", "der Eintrag hat %s Arten: es muss genau eine sein"}},
	itemUnknown: {false, [4]string{
		"an item %q does not belong in a Sumehr", "een item %q hoort niet in een Sumehr", "un élément %q n'a pas sa place dans un Sumehr", "ein Eintrag %q gehört nicht in einen Sumehr"}},
	itemNumber: {false, [4]string{
		"two items have the number %s", "twee items hebben het nummer %s", "deux éléments ont le numéro %s", "zwei Einträge haben die Nummer %s"}},
	labelMissing: {false, [4]string{
		"it is not said in words what it is: add a text", "er staat niet in woorden wat het is: voeg tekst toe", "il n'est pas dit en mots ce que c'est : ajoutez un texte", "es fehlt in Worten, was es ist: bitte Text ergänzen"}},
	labelTwice: {false, [4]string{
		"it is said more than once in words what it is", "er staat meer dan eens in woorden wat het is", "il est dit plus d'une fois en mots ce que c'est", "es steht mehr als einmal in Worten, was es ist"}},
	emptyText: {false, [4]string{
		"a text is empty", "een tekst is leeg", "un texte est vide", "ein Text ist leer"}},
	textLanguage: {false, [4]string{
		"a text does not say its language", "een tekst zegt zijn taal niet", "un texte ne dit pas sa langue", "ein Text nennt seine Sprache nicht"}},
	codesTwice: {false, [4]string{
		"codes stand in more than one content", "codes staan in meer dan één content", "des codes se trouvent dans plus d'un content", "Codes stehen in mehr als einem content"}},
	codeTwice: {false, [4]string{
		"there is more than one code of %s", "er is meer dan één code van %s", "il y a plus d'un code de %s", "es gibt mehr als einen Code von %s"}},
	codeSystem: {false, [4]string{
		"codes of %s have no place in this item", "codes van %s horen niet in dit item", "les codes de %s n'ont pas leur place dans cet élément", "Codes von %s gehören nicht in diesen Eintrag"}},
	codeVersion: {false, [4]string{
		"%s is said to be of version %s: want %s", "%s zou van versie %s zijn: het moet %s zijn", "%s serait de la version %s : il faut %s", "%s sei von Version %s: es muss %s sein"}},
	codeMissing: {true, [4]string{
		"it has no code (ICPC-2, ICD-10)", "het heeft geen code (ICPC-2, ICD-10)", "il n'a pas de code (CISP-2, CIM-10)", "es hat keinen Code (ICPC-2, ICD-10)"}},
	codeUnknown: {false, [4]string{
		"%[2]q is no word of %[1]s", "%[2]q is geen woord van %[1]s", "%[2]q n'est pas un mot de %[1]s", "%[2]q ist kein Wort von %[1]s"}},
	lifecycleMissing: {false, [4]string{
		"it is said neither to be active nor to be over", "er staat niet of het actief of voorbij is", "il n'est dit ni actif ni terminé", "es ist weder als aktiv noch als beendet gekennzeichnet"}},
	beginMissing: {false, [4]string{
		"the begin of an active problem is missing: add it, if only the year", "het begin van een actief probleem ontbreekt: vul het aan, al was het maar het jaar",
		"le début d'un problème actif manque : ajoutez-le, ne serait-ce que l'année", "der Beginn eines aktiven Problems fehlt: bitte ergänzen, und sei es nur das Jahr"}},
	endMissing: {true, [4]string{
		"the end of a problem that is over is missing", "het einde van een voorbij probleem ontbreekt", "la fin d'un problème terminé manque", "das Ende eines beendeten Problems fehlt"}},
	drugBegin: {true, [4]string{
		"it is not said since when the drug is taken", "er staat niet sinds wanneer het geneesmiddel genomen wordt", "il n'est pas dit depuis quand le médicament est pris", "es fehlt, seit wann das Medikament genommen wird"}},
	drugEnd: {true, [4]string{
		"it is not said until when the drug is taken", "er staat niet tot wanneer het geneesmiddel genomen wordt", "il n'est pas dit jusqu'à quand le médicament est pris", "es fehlt, bis wann das Medikament genommen wird"}},
	productMissing: {true, [4]string{
		"the package (CNK) or group of packages is missing", "de verpakking (CNK) of groep van verpakkingen ontbreekt", "le conditionnement (CNK) ou le groupe manque", "die Packung (CNK) oder Packungsgruppe fehlt"}},
	productTwice: {false, [4]string{
		"there is more than one product", "er is meer dan één product", "il y a plus d'un produit", "es gibt mehr als ein Produkt"}},
	atcMissing: {true, [4]string{
		"the ATC code is missing", "de ATC-code ontbreekt", "le code ATC manque", "der ATC-Code fehlt"}},
	contentForeign: {false, [4]string{
		"a %s has no place in this item", "een %s hoort niet in dit item", "un %s n'a pas sa place dans cet élément", "ein %s gehört nicht in diesen Eintrag"}},
	posologyBoth: {false, [4]string{
		"the dose is said in words and in numbers at once", "de dosis staat tegelijk in woorden en in cijfers", "la dose est dite à la fois en mots et en chiffres", "die Dosis steht zugleich in Worten und in Zahlen"}},
	cnk: {false, [4]string{
		"%q is no CNK: it has 7 digits", "%q is geen CNK: die heeft 7 cijfers", "%q n'est pas un CNK : il a 7 chiffres", "%q ist keine CNK: sie hat 7 Ziffern"}},
	indicationMissing: {false, [4]string{
		"it is not said against which disease the vaccine is", "er staat niet tegen welke ziekte het vaccin is", "il n'est pas dit contre quelle maladie est le vaccin", "es fehlt, gegen welche Krankheit der Impfstoff ist"}},
	vaccineText: {false, [4]string{
		"a vaccine has a text in its content: want it beside the content", "een vaccin heeft tekst in zijn content: die hoort ernaast", "un vaccin a un texte dans son content : il doit être à côté", "ein Impfstoff hat Text in seinem content: er gehört daneben"}},
	vaccineBegin: {true, [4]string{
		"it is not said when the vaccine was given", "er staat niet wanneer het vaccin gegeven werd", "il n'est pas dit quand le vaccin a été donné", "es fehlt, wann geimpft wurde"}},
	willCode: {false, [4]string{
		"the wish of the patient is not said by exactly one code", "de wil van de patiënt is niet met precies één code gezegd", "la volonté du patient n'est pas dite par exactement un code", "der Wille des Patienten ist nicht mit genau einem Code gesagt"}},
	willOld: {true, [4]string{
		"%q is no longer used: want a code of CD-PATIENTWILL-RES", "%q wordt niet meer gebruikt: neem een code van CD-PATIENTWILL-RES", "%q n'est plus utilisé : prenez un code de CD-PATIENTWILL-RES", "%q wird nicht mehr verwendet: bitte einen Code von CD-PATIENTWILL-RES"}},
	willText: {false, [4]string{
		"the wish of the patient has more than one text", "de wil van de patiënt heeft meer dan één tekst", "la volonté du patient a plus d'un texte", "der Wille des Patienten hat mehr als einen Text"}},
	omissionTwice: {false, [4]string{
		"it is said more than once that something was left out", "er staat meer dan eens dat er iets weggelaten is", "il est dit plus d'une fois que quelque chose a été omis", "es steht mehr als einmal, dass etwas weggelassen wurde"}},
	managerTwice: {false, [4]string{
		"more than one keeps the global medical file", "er is meer dan één houder van het globaal medisch dossier", "il y a plus d'un détenteur du dossier médical global", "es gibt mehr als einen Inhaber der globalen medizinischen Akte"}},
	partyMissing: {false, [4]string{
		"the item names no care provider, or more than one", "het item noemt geen zorgverlener, of meer dan een", "l'élément ne nomme aucun prestataire, ou plus d'un", "der Eintrag nennt keinen Leistungserbringer oder mehr als einen"}},
	managerNumber: {false, [4]string{
		"who keeps the global medical file has no NIHII number: enter it", "de houder van het globaal medisch dossier heeft geen RIZIV-nummer: vul het in",
		"le détenteur du dossier médical global n'a pas de numéro INAMI : introduisez-le", "der Inhaber der globalen medizinischen Akte hat keine LIKIV-Nummer: bitte eintragen"}},
	managerKind: {false, [4]string{
		"who keeps the global medical file is no physician (%q)", "de houder van het globaal medisch dossier is geen arts (%q)", "le détenteur du dossier médical global n'est pas médecin (%q)", "der Inhaber der globalen medizinischen Akte ist kein Arzt (%q)"}},
	partyName: {false, [4]string{
		"the care provider has no name", "de zorgverlener heeft geen naam", "le prestataire n'a pas de nom", "der Leistungserbringer hat keinen Namen"}},
	partyKind: {false, [4]string{
		"the care provider is no person (%q)", "de zorgverlener is geen persoon (%q)", "le prestataire n'est pas une personne (%q)", "der Leistungserbringer ist keine Person (%q)"}},
	partyID: {true, [4]string{
		"the NIHII number of the care provider is missing", "het RIZIV-nummer van de zorgverlener ontbreekt", "le numéro INAMI du prestataire manque", "die LIKIV-Nummer des Leistungserbringers fehlt"}},
	address: {true, [4]string{
		"the address is missing", "het adres ontbreekt", "l'adresse manque", "die Adresse fehlt"}},
	telecom: {true, [4]string{
		"it is not said how to reach them", "er staat niet hoe te bereiken", "les coordonnées manquent", "es fehlt, wie zu erreichen"}},
	personMissing: {false, [4]string{
		"the item names no person, or more than one", "het item noemt geen persoon, of meer dan een", "l'élément ne nomme aucune personne, ou plus d'une", "der Eintrag nennt keine Person oder mehr als eine"}},
	relationMissing: {true, [4]string{
		"it is not said who the contact is to the patient", "er staat niet wie de contactpersoon voor de patiënt is", "le lien de la personne de contact avec le patient manque", "es fehlt, wer die Kontaktperson für den Patienten ist"}},
	nothingForbidden: {false, [4]string{
		"that nothing is known can be said of problems and treatments only, not of %q", "dat niets gekend is kan enkel van problemen en behandelingen gezegd worden, niet van %q",
		"que rien n'est connu ne peut être dit que des problèmes et traitements, pas de %q", "dass nichts bekannt ist, lässt sich nur von Problemen und Behandlungen sagen, nicht von %q"}},
	nothingContent: {false, [4]string{
		"that nothing is known is said with a content", "dat niets gekend is staat er met een inhoud", "qu'il n'y a rien de connu est dit avec un contenu", "dass nichts bekannt ist, steht mit einem Inhalt da"}},
	nothingContradicts: {false, [4]string{
		"that nothing is known stands beside a %s", "dat niets gekend is staat naast een %s", "qu'il n'y a rien de connu est à côté d'un %s", "dass nichts bekannt ist, steht neben einem %s"}},
}
