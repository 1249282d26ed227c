package synthetic

import "time"

// person is a patient while the records are being made.
type person struct {
	chance
	practice *practice
	w        *writer
	head     head
	doctor   head // the general practitioner
	language language
	sex      sex
	born     time.Time
	last     time.Time // the last day there can be a record of
}

// writePatient makes one patient and all of the patient's records.
func (p *practice) writePatient(w *writer, c chance) {
	one := person{chance: c, practice: p, w: w, language: p.language, sex: sex(c.below(2)), last: today}
	if c.in1000(250) {
		one.language = 1 - one.language
	}
	one.doctor = pick(c, p.doctors).head
	one.head = head{ResourceType: "Patient", ID: c.uuid(), Meta: be("be-patient")}

	wish := today.AddDate(0, 0, -1-c.age())
	number := ""
	if one.born = wish; !c.in1000(10) { // newborns and foreigners may have none
		one.born, number = p.numbers.next(wish, one.sex, c.in1000(25))
	}
	resource := one.resource(number)
	w.write(one.head, resource)
	one.history()
}

func (p *person) resource(number string) patient {
	r := patient{
		head:   p.head,
		Active: true,
		Name: []humanName{{
			Use: "official", Family: pick(p.chance, families[p.language]), Given: []string{pick(p.chance, givenNames[p.language][p.sex])},
		}},
		Gender:               p.sex.String(),
		BirthDate:            p.born.Format(time.DateOnly),
		Communication:        []communication{{Language: *coded("urn:ietf:bcp:47", p.language.code()), Preferred: true}},
		GeneralPractitioner:  []*reference{to(p.doctor)},
		ManagingOrganization: to(p.practice.org.head),
	}
	if number != "" {
		r.Identifier = []identifier{{
			Use: "official", Type: coded(terminology+"v2-0203", "SB"), System: nsSSIN, Value: number,
		}}
	}
	if p.in1000(400) {
		r.Name[0].Given = append(r.Name[0].Given, pick(p.chance, givenNames[p.language][p.sex]))
	}
	if p.years(today) >= 12 {
		r.Telecom = []contactPoint{p.mobile()}
	}
	home := p.address(p.language, "home")
	home.Type = "both"
	r.Address = []address{home}
	if p.years(today) > 70 && p.in1000(60) {
		p.last = today.AddDate(0, 0, -p.between(10, 700))
		r.DeceasedDateTime = p.last.Format(time.DateOnly)
		r.Active = false
	}
	return r
}

// years is the patient's age on a day.
func (p *person) years(on time.Time) int {
	years := on.Year() - p.born.Year()
	if on.YearDay() < p.born.YearDay() {
		years--
	}
	return years
}

// instant writes a moment of a day in office hours as Belgian clocks show it.
func (p *person) instant(day time.Time) time.Time {
	return time.Date(day.Year(), day.Month(), day.Day(), p.between(8, 18), 5*p.below(12), 0, 0, zone(day))
}

// zone is Belgian time on a day: summer time from the last Sunday of March to the
// last Sunday of October. It is here, since the zone files of machines differ.
func zone(day time.Time) *time.Location {
	lastSunday := func(m time.Month) time.Time {
		end := time.Date(day.Year(), m, 31, 0, 0, 0, 0, time.UTC)
		return end.AddDate(0, 0, -int(end.Weekday()))
	}
	if !day.Before(lastSunday(time.March)) && day.Before(lastSunday(time.October)) {
		return summer
	}
	return winter
}

var (
	winter = time.FixedZone("CET", 3600)
	summer = time.FixedZone("CEST", 7200)
)
