package readable_test

import (
	"strings"
	"testing"

	"github.com/carelog/carelog/projections/sumehr/kmehr"
	"github.com/carelog/carelog/projections/sumehr/readable"
)

const message = `<kmehrmessage xmlns="http://www.ehealth.fgov.be/standards/kmehr/schema/v1"><folder>
<patient><id S="INSS" SV="1">58031499914</id><firstname>Fictief</firstname><familyname>Voorbeeld</familyname><birthdate><year>1958</year></birthdate><sex><cd S="CD-SEX" SV="1.1">male</cd></sex></patient>
<transaction><date>2026-01-05</date><time>09:30:00</time><author><hcparty><name>VITALINK</name></hcparty><hcparty><id S="ID-HCPARTY" SV="1">10000007004</id><firstname>T</firstname><familyname>V</familyname></hcparty></author>
<item><cd S="CD-ITEM" SV="1">vaccine</cd><content><cd S="CD-VACCINEINDICATION" SV="1">tetanus</cd></content><beginmoment><date>2021-09-14</date></beginmoment><lifecycle><cd S="CD-LIFECYCLE" SV="1">administrated</cd></lifecycle><batch>L1</batch></item>
<heading><item><id S="LOCAL" SL="carelog" SV="1">Condition/c1#2</id><cd S="CD-ITEM" SV="1">problem</cd><content><cd S="ICPC" SV="2">R96</cd></content><content><text L="nl">Astma&#x9b;31m</text></content><beginmoment><yearmonth>2001-02</yearmonth></beginmoment><endmoment><year>2010</year></endmoment><lifecycle><cd S="CD-LIFECYCLE" SV="1">inactive</cd></lifecycle><certainty><cd S="CD-CERTAINTY" SV="1">proven</cd></certainty></item></heading>
<item><cd S="CD-ITEM" SV="1" nullFlavor="NA">treatment</cd></item>
<item><cd S="CD-ITEM" SV="1">gmdmanager</cd><content><hcparty><id S="ID-HCPARTY" SV="1">10000007004</id><cd S="CD-HCPARTY" SV="1">persphysician</cd><familyname>V</familyname></hcparty></content></item>
<item><cd S="CD-ITEM" SV="1">evolution</cd><content><text L="nl">iets</text></content></item>
<item><cd S="CD-ITEM" SV="1">medication</cd><content><medicinalproduct><intendedcd S="CD-DRUG-CNK" SV="1">1467000</intendedcd><intendedname>Coversyl</intendedname></medicinalproduct></content><regimen><daynumber>1</daynumber><daytime><time>08:00:00</time></daytime><quantity><decimal>1</decimal></quantity><daytime><time>20:00:00</time></daytime><quantity><decimal>2</decimal></quantity></regimen></item>
<item><cd S="CD-ITEM" SV="1">contactperson</cd><cd S="CD-CONTACT-PERSON" SV="1">spouse</cd><content><person><firstname>E</firstname><familyname>P</familyname><address><zip>9000</zip><city>Gent</city><street>Kerkstraat</street><housenumber>1</housenumber></address><telecom><cd S="CD-TELECOM" SV="1">phone</cd><telecomnumber>1</telecomnumber></telecom></person></content></item>
<text L="nl">let op</text></transaction></folder></kmehrmessage>`

// Every item is there, in the order in which it is read, and no word commands a terminal.
func TestText(t *testing.T) {
	m, err := kmehr.Read([]byte(message))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := readable.Of(m, "nl").Text(&b, "nl"); err != nil {
		t.Fatal(err)
	}
	want := `Fictief Voorbeeld, geboren 1958, male, 58031499914
Sumehr van 2026-01-05 09:30:00, door T V 10000007004

Problemen
  Astma31m (2001-02 – 2010) niet actief [ICPC R96]: bevestigd

Behandelingen
  niets gekend

Medicatie
  Coversyl [DRUG-CNK 1467000]: 1 08:00:00 1; 20:00:00 2

Vaccins
  tetanus (2021-09-14) toegediend [VACCINEINDICATION tetanus]: L1

Houder van het globaal medisch dossier
  V: 10000007004; arts

Contactpersonen
  E P: Kerkstraat 1, 9000 Gent; phone 1; spouse

evolution
  iets

Opmerking
  let op
`
	if got := b.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := readable.Of(m, "xx").Sections[0]; got.Title != "Problems" || got.Lines[0].Record != "Condition/c1" {
		t.Errorf("got %+v", got)
	}
}
