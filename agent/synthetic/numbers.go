package synthetic

import (
	"fmt"
	"time"
)

// Sex of a person, as the SSIN and FHIR's administrative gender know it here.
type sex int

const (
	female sex = iota
	male
)

// sequence returns the sequence number of an SSIN that is never given out: even for
// women, odd for men, and just outside of the range of each.
func (s sex) sequence() int { return [...]int{female: 0, male: 999}[s] }

func (s sex) String() string { return [...]string{female: "female", male: "male"}[s] }

// ssin returns the social security number for a birth date. A bis number, for
// somebody who is not in the National Register, has 40 added to its month.
func ssin(born time.Time, s sex, bis bool) string {
	month := int(born.Month())
	if bis {
		month += 40
	}
	nine := ((born.Year()%100*100+month)*100+born.Day())*1000 + s.sequence()
	checked := nine
	if born.Year() >= 2000 {
		checked += 2_000_000_000
	}
	return fmt.Sprintf("%09d%02d", nine, 97-checked%97)
}

// nihdi returns a number of the national health insurance: six digits, the first of
// which is the profession, two check digits, and for a person the qualification.
func nihdi(six int, qualification string) string {
	return fmt.Sprintf("%06d%02d", six, 97-six%97) + qualification
}

// ssins hands out SSINs, each once. With one sequence number for each sex there are
// two a day; so the birth date moves back by some days where its number is taken, and
// then to a bis number. After some 130,000 patients people have none, as newborns
// and foreigners may. It takes 176 KB, however many patients there are.
type ssins struct {
	taken [2][2][daysOfBirth]bool // by bis or not, by sex, by day
}

const (
	daysOfBirth = 120 * 366
	daysAside   = 60
)

// firstBirth is the day that ssins counts from.
var firstBirth = time.Date(1910, time.January, 1, 0, 0, 0, 0, time.UTC)

// next returns a birth date that is the one wished for or a little before, and its
// SSIN; none where all are taken.
func (a *ssins) next(wish time.Time, s sex, bis bool) (born time.Time, number string) {
	kind := 0
	if bis {
		kind = 1
	}
	for ; kind < len(a.taken); kind++ {
		day := int(wish.Sub(firstBirth) / (24 * time.Hour))
		for aside := range min(daysAside, day+1) {
			if taken := &a.taken[kind][s][day-aside]; !*taken {
				*taken = true
				born = wish.AddDate(0, 0, -aside)
				return born, ssin(born, s, kind == 1)
			}
		}
	}
	return wish, ""
}
