package guard

import (
	"net/http"

	"golang.org/x/text/language"
)

// pageWords is the page of a refusal in one language; what is exact stays as it is said to
// scripts.
type pageWords struct {
	Lang, NewLink, Safe, Refused, OnlyHere string
}

// pageLanguages are those that the pages speak; the first one is for whoever asks for none.
var pageLanguages = []pageWords{
	{"en", "This browser needs a new link", "Nothing is lost: what was registered is safe on this PC.",
		"This request was refused", "Pages of carelog open only on the PC that carelog runs on, from their own address."},
	{"nl", "Deze browser heeft een nieuwe link nodig", "Er is niets verloren: wat geregistreerd werd, is veilig op deze pc.",
		"Deze vraag werd geweigerd", "Pagina’s van carelog openen alleen op de pc waarop carelog draait, vanaf hun eigen adres."},
	{"fr", "Ce navigateur a besoin d’un nouveau lien", "Rien n’est perdu : ce qui a été enregistré est en sécurité sur ce PC.",
		"Cette demande a été refusée", "Les pages de carelog ne s’ouvrent que sur le PC où carelog fonctionne, à leur propre adresse."},
	{"de", "Dieser Browser braucht einen neuen Link", "Nichts ist verloren: Was eingetragen wurde, ist sicher auf diesem PC.",
		"Diese Anfrage wurde abgelehnt", "Seiten von carelog öffnen sich nur auf dem PC, auf dem carelog läuft, unter ihrer eigenen Adresse."},
}

var pageMatcher = language.NewMatcher([]language.Tag{language.English, language.Dutch, language.French, language.German})

// wordsFor are those of the language that the browser asks for.
func wordsFor(r *http.Request) pageWords {
	_, i := language.MatchStrings(pageMatcher, r.Header.Get("Accept-Language"))
	return pageLanguages[i]
}
