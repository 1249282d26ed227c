package fhirsearch

// medication is where the Belgian guides keep the systems of medicines.
const medication = "www.ehealth.fgov.be/standards/fhir/medication/NamingSystem/"

// spelt names, for each way in which the guides of hl7-be and others spell a code system,
// the one that stands for all of them in the index. What was sent is kept as it was.
//
// CNK and CTI: cnk-codes and cti-extended-code in hl7-be/medication and terminology,
// be-ns-cnk-codes and be-ns-cti-extended-code in hl7-be/vaccination, there once with http.
// ATC: http://www.whocc.no/atc in most, http://whocc.no/atc in some.
var spelt = func() map[string]string {
	all := make(map[string]string)
	for canonical, others := range map[string][]string{
		"https://" + medication + "cnk-codes":         {medication + "be-ns-cnk-codes"},
		"https://" + medication + "cti-extended-code": {medication + "be-ns-cti-extended-code"},
		"http://www.whocc.no/atc":                     {"whocc.no/atc", "www.whocc.no/atc"},
	} {
		for _, other := range append(others, canonical[len("https://"):]) {
			all["http://"+other], all["https://"+other] = canonical, canonical
		}
		all[canonical] = canonical
	}
	return all
}()

// Canonical is the one spelling of a code system that stands for all in the index.
func Canonical(system string) string {
	if one, ok := spelt[system]; ok {
		return one
	}
	return system
}
