package check

// states are the small tables that an item's state is said in, by the element.
var states = []struct{ element, table string }{
	{"lifecycle", "CD-LIFECYCLE"}, {"certainty", "CD-CERTAINTY"}, {"temporality", "CD-TEMPORALITY"},
}

// tables are the words of the small tables that the rules stand on. Vaccines came after 2016
// as well: the words are those of version 1.4.
var tables = map[string][]string{
	"CD-SEX":         {"male", "female", "unknown", "undefined", "changed"},
	"CD-CERTAINTY":   {"proven", "probable", "unprobable", "excluded", "undefined"},
	"CD-TEMPORALITY": {"chronic", "acute", "oneshot", "subacute", "remission", "reactivation", "ifnecessary"},
	"CD-LIFECYCLE": {
		"active", "inactive", "cancelled", "completed", "prescribed", "added", "planned", "delivered", "substituted", "administrated", "reported", "corrected",
		"refused", "switched", "suspended", "stopped", "aborted", "excluded", "notpresent",
		"ordered", "scheduled", "todo", "postponed", "pending", "expected", "obtained", "proposed", "retracted",
	},
	"CD-DAYPERIOD": {
		"morning", "afternoon", "evening", "night", "beforelunch", "beforebreakfast", "beforedinner", "thehourofsleep", "betweenmeals",
		"betweenlunchanddinner", "betweenbreakfastandlunch", "betweendinnerandsleep", "aftermeal", "afterlunch", "afterbreakfast", "afterdinner",
		"duringbreakfast", "duringlunch", "duringdinner",
	},
	"CD-PATIENTWILL": {
		"ntbr", "bloodtransfusionrefusal", "intubationrefusal", "euthanasiarequest", "vaccinationrefusal", "organdonationconsent",
		"datareuseforclinicalresearchconsent", "datareuseforclinicaltrialsconsent", "clinicaltrialparticipationconsent", "omissionofmedicaldata",
	},
	"CD-PATIENTWILL-RES": {"dnr0", "dnr1", "dnr2", "dnr3"},
	"CD-PATIENTWILL-HOS": {"hos0", "hos1", "hos2"},
	"CD-VACCINEINDICATION": {
		"poliomyelitis", "measles", "rubella", "mumps", "seasonalinfluenza", "hepatitisa", "hepatitisb", "rabies", "varicella", "rotavirus", "papillomavirus",
		"yellowfever", "tickborneencephalitis", "ej", "diphteria", "tetanus", "pertussis", "hib", "meningitisc", "meningitis", "pneumonia23", "pneumonia7",
		"tuberculosis", "typhoid", "pandemics", "herpeszoster", "cholera", "covid19", "meningitisb", "pneumonia15", "pneumonia20",
	},
}
