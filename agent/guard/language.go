package guard

import (
	"fmt"
	"net/http"

	"golang.org/x/text/language"
)

// LanguageCookie has the language that was chosen at a browser, for all desks of this PC.
const LanguageCookie = "carelog-language"

// pageWords is the page of a refusal in one language. What is exact is said to scripts and in the log, in English.
type pageWords struct {
	Lang, Title, Safe, Refused, OnlyHere string
	Command, NoCommand                   string            // how to get a new link, by a command and without one
	Reasons                              map[string]string // by the code of a refusal; %s is the port of the desk
}

var english = pageWords{
	"en", "This browser needs a new link", "Nothing is lost: what was registered is safe on this PC.",
	"This request was refused", "Pages of carelog open only on the PC that carelog runs on, from their own address.",
	"Run `%s` on this PC: it prints a link that can be opened once.",
	"Start carelog on this PC again, or ask for a link where it was started: it prints one that can be opened once.",
	map[string]string{
		"login": "This browser is not logged in.", "token": "The token is not that of this PC.", "link": "This link was opened before, or is too old.",
		"peer": "Only programs on this PC may speak to carelog.", "host": "The address has a name that is not that of this PC: use 127.0.0.1:%s.",
		"origin": "The request was sent by a page of another site: copy the address into the address bar instead.",
		"user":   "The user in whose name this was asked has no valid id.", "method": "A link is opened with GET and made with POST.",
	},
}

// pageLanguages are those that the pages speak; the first one is for whoever asks for none.
var pageLanguages = []pageWords{english, {
	"nl", "Deze browser heeft een nieuwe link nodig", "Er is niets verloren: wat geregistreerd werd, is veilig op deze pc.",
	"Deze vraag werd geweigerd", "Pagina’s van carelog openen alleen op de pc waarop carelog draait, vanaf hun eigen adres.",
	"Voer `%s` uit op deze pc: dat toont een link die één keer geopend kan worden.",
	"Start carelog op deze pc opnieuw, of vraag een link waar het gestart werd: het toont er een die één keer geopend kan worden.",
	map[string]string{
		"login": "Deze browser is niet aangemeld.", "token": "Het token is niet dat van deze pc.", "link": "Deze link werd al geopend, of is te oud.",
		"peer": "Alleen programma’s op deze pc mogen met carelog praten.", "host": "Het adres heeft een naam die niet die van deze pc is: gebruik 127.0.0.1:%s.",
		"origin": "De vraag kwam van een pagina van een andere site: kopieer het adres in de adresbalk.",
		"user":   "De gebruiker in wiens naam dit gevraagd werd, heeft geen geldig id.", "method": "Een link wordt geopend met GET en gemaakt met POST.",
	},
}, {
	"fr", "Ce navigateur a besoin d’un nouveau lien", "Rien n’est perdu : ce qui a été enregistré est en sécurité sur ce PC.",
	"Cette demande a été refusée", "Les pages de carelog ne s’ouvrent que sur le PC où carelog fonctionne, à leur propre adresse.",
	"Exécutez `%s` sur ce PC : un lien qui peut être ouvert une fois s’affiche.",
	"Redémarrez carelog sur ce PC, ou demandez un lien là où il a été démarré : un lien qui peut être ouvert une fois s’affiche.",
	map[string]string{
		"login": "Ce navigateur n’est pas connecté.", "token": "Le jeton n’est pas celui de ce PC.", "link": "Ce lien a déjà été ouvert, ou est trop ancien.",
		"peer": "Seuls les programmes de ce PC peuvent parler à carelog.", "host": "L’adresse a un nom qui n’est pas celui de ce PC : utilisez 127.0.0.1:%s.",
		"origin": "La demande venait d’une page d’un autre site : copiez l’adresse dans la barre d’adresse.",
		"user":   "L’utilisateur au nom duquel ceci a été demandé n’a pas d’identifiant valable.", "method": "Un lien s’ouvre avec GET et se crée avec POST.",
	},
}, {
	"de", "Dieser Browser braucht einen neuen Link", "Nichts ist verloren: Was eingetragen wurde, ist sicher auf diesem PC.",
	"Diese Anfrage wurde abgelehnt", "Seiten von carelog öffnen sich nur auf dem PC, auf dem carelog läuft, unter ihrer eigenen Adresse.",
	"Führen Sie `%s` auf diesem PC aus: Das zeigt einen Link, der einmal geöffnet werden kann.",
	"Starten Sie carelog auf diesem PC neu, oder fragen Sie dort nach einem Link, wo es gestartet wurde: Es zeigt einen, der einmal geöffnet werden kann.",
	map[string]string{
		"login": "Dieser Browser ist nicht angemeldet.", "token": "Das Token ist nicht das dieses PCs.", "link": "Dieser Link wurde schon geöffnet oder ist zu alt.",
		"peer": "Nur Programme auf diesem PC dürfen mit carelog sprechen.", "host": "Die Adresse hat einen Namen, der nicht der dieses PCs ist: Benutzen Sie 127.0.0.1:%s.",
		"origin": "Die Anfrage kam von einer Seite einer anderen Website: Kopieren Sie die Adresse in die Adresszeile.",
		"user":   "Der Benutzer, in dessen Namen gefragt wurde, hat keine gültige Kennung.", "method": "Ein Link wird mit GET geöffnet und mit POST erstellt.",
	},
}}

var pageMatcher = language.NewMatcher([]language.Tag{language.English, language.Dutch, language.French, language.German})

// wordsFor are those of the language that was chosen at the browser, else of the one that it asks for.
func wordsFor(r *http.Request) pageWords {
	asked := []string{r.Header.Get("Accept-Language")}
	if c, err := r.Cookie(LanguageCookie); err == nil {
		asked = []string{c.Value, asked[0]}
	}
	_, i := language.MatchStrings(pageMatcher, asked...)
	return pageLanguages[i]
}

// reason is why a request does not pass; a code without words is told as scripts are.
func (w pageWords) reason(why *refusal) string {
	switch sentence, ok := w.Reasons[why.code]; {
	case !ok, why.code == "host" && why.port == "":
		return why.reason.Error()
	case why.port != "":
		return fmt.Sprintf(sentence, why.port)
	default:
		return sentence
	}
}

// newLink says how to get a link.
func (w pageWords) newLink(command string) string {
	if command == "" {
		return w.NoCommand
	}
	return fmt.Sprintf(w.Command, command)
}
