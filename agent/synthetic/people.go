package synthetic

// language of a person: 0 Dutch, 1 French. Tables hold both, in that order.
type language int

const (
	dutch language = iota
	french
)

// code is the language as BCP 47 has it in Belgium.
func (l language) code() string { return [...]string{"nl-BE", "fr-BE"}[l] }

// text is something said in both languages.
type text [2]string

// families are common in Belgium; the parts of the country mix.
var families = [2][]string{
	dutch: {
		"Peeters", "Janssens", "Maes", "Jacobs", "Mertens", "Willems", "Claes", "Goossens", "Wouters", "De Smet",
		"Vermeulen", "De Clercq", "Van den Broeck", "Hermans", "Aerts", "Michiels", "Van Damme", "Desmet", "Verhoeven", "Smets",
		"De Backer", "Baert", "Lemmens", "Van de Velde", "Cools", "Pauwels", "Bogaert", "D'hondt", "Vandenberghe", "Coppens",
		"El Amrani", "Yılmaz", "Nowak", "Benali",
	},
	french: {
		"Dubois", "Lambert", "Dupont", "Martin", "Simon", "Laurent", "Leroy", "Denis", "Lejeune", "Leclercq",
		"Renard", "Gérard", "Noël", "François", "Fontaine", "Gillet", "Servais", "Collard", "Delvaux", "Thiry",
		"Marchal", "Piron", "Bodart", "Henrard", "Delcourt", "Petit", "Évrard", "Masson", "Hubert", "Toussaint",
		"Benali", "Ndiaye", "Russo", "Da Silva",
	},
}

var givenNames = [2][2][]string{
	dutch: {
		female: {"Emma", "Louise", "Marie", "Anna", "Els", "Griet", "An", "Katrien", "Lotte", "Sofie", "Nele", "Hilde", "Ingrid", "Fien", "Noor", "Godelieve", "Rita", "Zoë"},
		male:   {"Jan", "Luc", "Lucas", "Noah", "Arthur", "Pieter", "Koen", "Bart", "Tom", "Wim", "Jef", "Dirk", "Stijn", "Bram", "Joris", "Seppe", "André", "Mehmet"},
	},
	french: {
		female: {"Camille", "Léa", "Chloé", "Marie", "Isabelle", "Nathalie", "Élise", "Françoise", "Céline", "Julie", "Manon", "Inès", "Monique", "Aurélie", "Jeanne", "Anaïs"},
		male:   {"Louis", "Gabriel", "Hugo", "Jean", "Michel", "Philippe", "Benoît", "Nicolas", "Maxime", "Théo", "Étienne", "Olivier", "Marc", "Raphaël", "Jean-Pierre", "Karim"},
	},
}

// town is a postal code with its name in the language that is spoken there.
type town struct{ code, name string }

var towns = [2][]town{
	dutch: {
		{"9000", "Gent"}, {"2000", "Antwerpen"}, {"3000", "Leuven"}, {"8000", "Brugge"}, {"2800", "Mechelen"}, {"3500", "Hasselt"},
		{"9300", "Aalst"}, {"8500", "Kortrijk"}, {"1500", "Halle"}, {"2300", "Turnhout"}, {"9100", "Sint-Niklaas"}, {"1000", "Brussel"},
	},
	french: {
		{"4000", "Liège"}, {"5000", "Namur"}, {"6000", "Charleroi"}, {"7000", "Mons"}, {"1300", "Wavre"}, {"7500", "Tournai"},
		{"4500", "Huy"}, {"6700", "Arlon"}, {"5500", "Dinant"}, {"1400", "Nivelles"}, {"4800", "Verviers"}, {"1000", "Bruxelles"},
	},
}

var streets = [2][]string{
	dutch: {
		"Kerkstraat", "Stationsstraat", "Nieuwstraat", "Molenstraat", "Dorpsstraat", "Schoolstraat", "Veldstraat", "Beukenlaan",
		"Grote Steenweg", "Kapelleweg", "Groenstraat", "Lindenlaan", "Hoogstraat", "Bosstraat", "Meersstraat",
	},
	french: {
		"Rue de l'Église", "Rue de la Station", "Rue du Moulin", "Rue Haute", "Rue des Écoles", "Chaussée de Bruxelles",
		"Avenue des Tilleuls", "Rue du Centre", "Rue Neuve", "Place du Marché", "Rue de la Chapelle", "Rue des Champs",
	},
}

// pyramid is the weight of each five years of age, from 0 to 99.
var pyramid = [...]int{50, 56, 59, 59, 60, 63, 66, 66, 66, 64, 67, 69, 66, 58, 50, 39, 24, 17, 8, 2}

// age draws an age in days.
func (c chance) age() int {
	total := 0
	for _, weight := range pyramid {
		total += weight
	}
	band, left := 0, c.below(total)
	for left >= pyramid[band] {
		left -= pyramid[band]
		band++
	}
	return c.between(band*5*365, (band*5+5)*365-1)
}

func (c chance) address(l language, use string) address {
	street, house := pick(c, streets[l]), decimal(c.between(1, 240), 0)
	line := street + " " + house
	parts := []extension{
		{URL: "http://hl7.org/fhir/StructureDefinition/iso21090-ADXP-streetName", ValueString: street},
		{URL: "http://hl7.org/fhir/StructureDefinition/iso21090-ADXP-houseNumber", ValueString: house},
	}
	if c.in1000(150) {
		box := decimal(c.between(1, 40), 0)
		line += [...]string{" bus ", " boîte "}[l] + box
		parts = append(parts, extension{URL: "http://hl7.org/fhir/StructureDefinition/iso21090-ADXP-postBox", ValueString: box})
	}
	t := pick(c, towns[l])
	return address{
		Use: use, Line: []string{line}, LineParts: []element{{Extension: parts}},
		City: t.name, PostalCode: t.code, Country: "BE",
	}
}

// mobile returns a number in a range where Belgium has no mobile numbers.
func (c chance) mobile() contactPoint {
	return contactPoint{System: "phone", Value: "+3240" + decimal(c.between(1_000_000, 9_999_999), 0), Use: "mobile"}
}
