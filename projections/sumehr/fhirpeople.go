package sumehr

type patient struct {
	head
	Identifier          []identifier    `json:"identifier"`
	Name                []humanName     `json:"name"`
	Telecom             []contactPoint  `json:"telecom"`
	Gender              string          `json:"gender"`
	BirthDate           string          `json:"birthDate"`
	Deceased            string          `json:"deceasedDateTime"`
	Address             []address       `json:"address"`
	Communication       []communication `json:"communication"`
	Contact             []contact       `json:"contact"`
	GeneralPractitioner []reference     `json:"generalPractitioner"`
}

type communication struct {
	Language  concept `json:"language"`
	Preferred bool    `json:"preferred"`
}

// contact is Patient.contact, and with more than one name a RelatedPerson.
type contact struct {
	Relationship []concept      `json:"relationship"`
	Name         humanName      `json:"name"`
	Telecom      []contactPoint `json:"telecom"`
	Address      address        `json:"address"`
	Gender       string         `json:"gender"`
	Period       period         `json:"period"`
}

type relatedPerson struct {
	head
	Active       *bool          `json:"active"`
	Identifier   []identifier   `json:"identifier"`
	Relationship []concept      `json:"relationship"`
	Name         []humanName    `json:"name"`
	Telecom      []contactPoint `json:"telecom"`
	Gender       string         `json:"gender"`
	BirthDate    string         `json:"birthDate"`
	Address      []address      `json:"address"`
	Period       period         `json:"period"`
}

type practitioner struct {
	head
	Identifier    []identifier    `json:"identifier"`
	Name          []humanName     `json:"name"`
	Telecom       []contactPoint  `json:"telecom"`
	Address       []address       `json:"address"`
	Qualification []qualification `json:"qualification"`
}

type qualification struct {
	Code concept `json:"code"`
}

type practitionerRole struct {
	head
	Practitioner reference      `json:"practitioner"`
	Organization reference      `json:"organization"`
	Code         []concept      `json:"code"`
	Telecom      []contactPoint `json:"telecom"`
}

type organization struct {
	head
	Identifier []identifier   `json:"identifier"`
	Type       []concept      `json:"type"`
	Name       string         `json:"name"`
	Telecom    []contactPoint `json:"telecom"`
	Address    []address      `json:"address"`
}

type careTeam struct {
	head
	Status      string `json:"status"`
	Participant []struct {
		Role   []concept `json:"role"`
		Member reference `json:"member"`
		Period period    `json:"period"`
	} `json:"participant"`
}

type composition struct {
	head
	Status    string      `json:"status"`
	Type      concept     `json:"type"`
	Date      string      `json:"date"`
	Author    []reference `json:"author"`
	Custodian reference   `json:"custodian"`
	Section   []struct {
		Code        concept `json:"code"`
		EmptyReason concept `json:"emptyReason"`
	} `json:"section"`
}
