package sumehr

import "strings"

// classes are the ATC classes of vaccines of which the name says what they are against, and
// so which words of CD-VACCINEINDICATION. The conjugated pneumococcal vaccines (J07AL02) are
// not among them: how many types there are in one, which the words tell apart, its class
// does not say.
var classes = map[string]string{
	"J07AE": "cholera", "J07AF": "diphteria", "J07AG01": "hib", "J07AH07": "meningitisc", "J07AH09": "meningitisb",
	"J07AJ": "pertussis", "J07AJ52": "pertussis diphteria tetanus", "J07AL01": "pneumonia23", "J07AM01": "tetanus", "J07AM51": "tetanus diphteria",
	"J07AN": "tuberculosis", "J07AP": "typhoid", "J07BA01": "tickborneencephalitis", "J07BA02": "ej", "J07BB": "seasonalinfluenza",
	"J07BC01": "hepatitisb", "J07BC02": "hepatitisa", "J07BC20": "hepatitisa hepatitisb", "J07BD01": "measles", "J07BD52": "measles mumps rubella",
	"J07BD54": "measles mumps rubella varicella", "J07BE": "mumps", "J07BF": "poliomyelitis", "J07BG": "rabies", "J07BH": "rotavirus", "J07BJ": "rubella",
	"J07BK01": "varicella", "J07BK02": "herpeszoster", "J07BK03": "herpeszoster", "J07BL": "yellowfever", "J07BM": "papillomavirus", "J07BN": "covid19",
	"J07CA01": "diphteria poliomyelitis tetanus", "J07CA02": "diphteria pertussis poliomyelitis tetanus",
	"J07CA06": "diphteria hib pertussis poliomyelitis tetanus", "J07CA09": "diphteria hepatitisb hib pertussis poliomyelitis tetanus",
}

// indications are what a vaccine is against by its ATC code: by the narrowest class that is
// known. None where the class does not say it.
func indications(atc string) []string {
	for _, length := range []int{7, 5} {
		if len(atc) >= length {
			if words, ok := classes[atc[:length]]; ok {
				return strings.Fields(words)
			}
		}
	}
	return nil
}
