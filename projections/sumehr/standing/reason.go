package standing

import "slices"

// Reason says how a patient's Sumehr stands. It is stable: scripts and translations stand on it.
type Reason string

// The reasons. Between Off and Newest, in the order in which they are looked for.
const (
	Off         Reason = "off"         // nobody wishes that it is kept up to date
	Refused     Reason = "refused"     // the patient wants none on the hub
	Number      Reason = "number"      // the patient has no valid number in the National Register
	NoConsent   Reason = "no-consent"  // no informed consent is recorded that holds
	NoRelation  Reason = "no-relation" // no therapeutic relation is recorded that holds
	Conflict    Reason = "conflict"    // a record that goes in is not settled
	NotLevel    Reason = "not-level"   // this desk and the server do not have the same
	Invalid     Reason = "invalid"     // the checker finds errors, or no Sumehr can be made
	NoHub       Reason = "no-hub"      // no hub is set up
	NoSession   Reason = "no-session"  // of the author with the hub
	Unreachable Reason = "unreachable" // the hub, or it answers that it broke
	Unknown     Reason = "unknown"     // it was sent, and what became of it is being read
	Foreign     Reason = "foreign"     // the hub holds one that is not the one we published last
	Twice       Reason = "twice"       // the hub holds two of ours, and does not let go of the older
	NotOurs     Reason = "not-ours"    // the practice does not keep the patient's global medical file
	Waiting     Reason = "waiting"     // nothing stands in the way: it is about to be sent
	Newest      Reason = "newest"
)

// Reasons are those for which a Sumehr is not the newest, the one that is given first in
// front.
var Reasons = []Reason{
	Refused, Number, NoConsent, NoRelation, Conflict, NotLevel, Invalid, NoHub, NoSession, Unreachable, Unknown, Foreign, Twice, NotOurs, Waiting,
}

// Action is what the user can do about a reason. It is stable.
type Action string

// The actions.
const (
	Nothing        Action = ""
	WithdrawWish   Action = "withdraw-wish"
	OpenPatient    Action = "open-patient"
	RecordConsent  Action = "record-consent"
	RecordRelation Action = "record-relation"
	Resolve        Action = "resolve"
	Connect        Action = "connect"
	Correct        Action = "correct"
	SetUpHub       Action = "set-up-hub"
	LogIn          Action = "log-in"
	Choose         Action = "choose"
)

// Do is what the user can do about a reason.
func (r Reason) Do() Action { return says[r].do }

// Languages in which a text can be had; the first stands in for others.
var Languages = []string{"en", "nl", "fr", "de"}

// Text says the reason and what to do, in a language of Languages.
func (r Reason) Text(language string) string {
	return says[r].texts[max(0, slices.Index(Languages, language))]
}

// says is what can be done about a reason, and its words in the order of Languages.
var says = map[Reason]struct {
	do    Action
	texts [4]string
}{
	Off: {Nothing, [4]string{
		"it is not to be kept up to date on the hub",
		"ze moet op de hub niet up-to-date gehouden worden",
		"il ne doit pas être tenu à jour sur le hub",
		"er soll auf dem Hub nicht aktuell gehalten werden",
	}},
	Refused: {WithdrawWish, [4]string{
		"the patient wants no Sumehr on the hub: switch it off, or record that the patient wants it now",
		"de patiënt wil geen Sumehr op de hub: zet het uit, of noteer dat de patiënt het nu wel wil",
		"le patient ne veut pas de Sumehr sur le hub : désactivez-le, ou notez que le patient le veut maintenant",
		"der Patient möchte keinen Sumehr auf dem Hub: schalten Sie ihn aus, oder vermerken Sie, dass er ihn nun möchte",
	}},
	Number: {OpenPatient, [4]string{
		"the patient has no valid number in the National Register: correct it in the patient's record",
		"de patiënt heeft geen geldig INSZ: verbeter het in de fiche van de patiënt",
		"le patient n'a pas de NISS valide : corrigez-le dans la fiche du patient",
		"der Patient hat keine gültige Nationalregisternummer: berichtigen Sie sie in der Karte des Patienten",
	}},
	NoConsent: {RecordConsent, [4]string{
		"no informed consent of the patient is recorded that holds today: register it, and record it here",
		"er is geen geïnformeerde toestemming van de patiënt genoteerd die vandaag geldt: registreer ze, en noteer ze hier",
		"aucun consentement éclairé du patient valable aujourd'hui n'est noté : enregistrez-le, et notez-le ici",
		"es ist keine heute gültige informierte Zustimmung des Patienten vermerkt: registrieren Sie sie, und vermerken Sie sie hier",
	}},
	NoRelation: {RecordRelation, [4]string{
		"no therapeutic relation with the patient is recorded that holds today: register it, and record it here",
		"er is geen therapeutische relatie met de patiënt genoteerd die vandaag geldt: registreer ze, en noteer ze hier",
		"aucune relation thérapeutique avec le patient valable aujourd'hui n'est notée : enregistrez-la, et notez-la ici",
		"es ist keine heute gültige therapeutische Beziehung mit dem Patienten vermerkt: registrieren Sie sie, und vermerken Sie sie hier",
	}},
	Conflict: {Resolve, [4]string{
		"a record that goes in is in conflict: choose what stands",
		"een registratie die erin staat is in conflict: kies wat geldt",
		"un enregistrement qui y figure est en conflit : choisissez ce qui vaut",
		"eine Eintragung, die hineingehört, ist in Konflikt: wählen Sie, was gilt",
	}},
	NotLevel: {Connect, [4]string{
		"this desk and the server do not have the same yet: it goes on when the light is green",
		"deze post en de server hebben nog niet hetzelfde: het gaat verder als het lampje groen is",
		"ce poste et le serveur n'ont pas encore la même chose : cela continue quand le voyant est vert",
		"dieser PC und der Server haben noch nicht dasselbe: es geht weiter, wenn das Licht grün ist",
	}},
	Invalid: {Correct, [4]string{
		"it breaks the rules of a Sumehr: correct the records that are named",
		"ze voldoet niet aan de regels van een Sumehr: verbeter de genoemde registraties",
		"il enfreint les règles d'un Sumehr : corrigez les enregistrements cités",
		"er verletzt die Regeln eines Sumehr: berichtigen Sie die genannten Eintragungen",
	}},
	NoHub: {SetUpHub, [4]string{
		"no hub is set up at this desk",
		"op deze post is geen hub ingesteld",
		"aucun hub n'est configuré sur ce poste",
		"an diesem PC ist kein Hub eingerichtet",
	}},
	NoSession: {LogIn, [4]string{
		"its author has no session with the hub: log in with the author's card",
		"de auteur heeft geen sessie met de hub: meld aan met de kaart van de auteur",
		"son auteur n'a pas de session avec le hub : connectez-vous avec la carte de l'auteur",
		"sein Autor hat keine Sitzung mit dem Hub: melden Sie sich mit der Karte des Autors an",
	}},
	Unreachable: {Nothing, [4]string{
		"the hub cannot be reached or does not work: it is tried again",
		"de hub is niet bereikbaar of werkt niet: er wordt opnieuw geprobeerd",
		"le hub est injoignable ou ne fonctionne pas : un nouvel essai suivra",
		"der Hub ist nicht erreichbar oder arbeitet nicht: es wird erneut versucht",
	}},
	Unknown: {Nothing, [4]string{
		"it was sent and no answer came: what the hub holds is read before anything is sent again",
		"ze werd verzonden en er kwam geen antwoord: eerst wordt gelezen wat op de hub staat",
		"il a été envoyé et aucune réponse n'est venue : le contenu du hub est d'abord relu",
		"er wurde gesendet, und es kam keine Antwort: zuerst wird gelesen, was auf dem Hub steht",
	}},
	Foreign: {Choose, [4]string{
		"the hub holds a Sumehr that is not the one published from here last: look at it, and choose",
		"op de hub staat een Sumehr die niet de laatste van hier is: bekijk ze, en kies",
		"le hub contient un Sumehr qui n'est pas le dernier publié d'ici : examinez-le, et choisissez",
		"auf dem Hub steht ein Sumehr, der nicht der letzte von hier ist: sehen Sie ihn an, und wählen Sie",
	}},
	Twice: {Nothing, [4]string{
		"the hub holds two Sumehrs of this practice, and did not take the older away yet: it is asked again",
		"op de hub staan twee Sumehrs van deze praktijk, en de oudste is er nog niet weg: het wordt opnieuw gevraagd",
		"le hub contient deux Sumehrs de ce cabinet, et n'a pas encore retiré le plus ancien : la demande sera répétée",
		"auf dem Hub stehen zwei Sumehrs dieser Praxis, und der ältere ist noch nicht weg: es wird erneut darum gebeten",
	}},
	NotOurs: {RecordRelation, [4]string{
		"the practice does not keep the patient's global medical file: record that it does, or switch the Sumehr off",
		"de praktijk houdt het GMD van de patiënt niet bij: noteer dat ze dat wel doet, of zet de Sumehr uit",
		"le cabinet ne gère pas le DMG du patient : notez qu'il le gère, ou désactivez le Sumehr",
		"die Praxis führt die globale medizinische Akte des Patienten nicht: vermerken Sie, dass sie es tut, oder schalten Sie den Sumehr aus",
	}},
	Waiting: {Nothing, [4]string{
		"nothing stands in the way: it is about to be sent",
		"niets staat in de weg: ze wordt zo dadelijk verzonden",
		"rien ne s'y oppose : il va être envoyé",
		"nichts steht im Weg: er wird gleich gesendet",
	}},
	Newest: {Nothing, [4]string{
		"the hub holds the newest",
		"op de hub staat de nieuwste",
		"le hub contient le plus récent",
		"auf dem Hub steht der neueste",
	}},
}
