package web

import (
	"cmp"
	"slices"
)

// safety is what nobody may overlook.
type safety struct {
	Allergies  []allergy
	Over       bool // there are others, which are over
	Unreadable bool // one of them cannot be read here
	Incomplete bool
	Others     string // what other registrations may say of dangers
}

// Calm tells that there is nothing to warn of.
func (s safety) Calm() bool {
	return len(s.Allergies) == 0 && !s.Unreadable && !s.Incomplete && s.Others == ""
}

// Elsewhere tells that only other registrations warn of something.
func (s safety) Elsewhere() bool {
	return len(s.Allergies) == 0 && !s.Unreadable && !s.Incomplete && s.Others != ""
}

type allergy struct {
	Title, State string
	High         bool
	Conflicts    []string // the records of which versions differ
	danger       int
}

// safetyOf are the allergies of every version that is in conflict: one that stands on one side only is
// an allergy until somebody has decided that it is not. Of two of a name the more dangerous one is
// shown, with every conflict of both.
func (p *page) safetyOf(rows []*registration, incomplete bool) safety {
	s := safety{Incomplete: incomplete, Others: p.speakingOf("AllergyIntolerance", rows)}
	for _, r := range rows {
		switch {
		case r.Type != "AllergyIntolerance":
		case r.over:
			s.Over = true
		default:
			s.add(r)
		}
	}
	slices.SortStableFunc(s.Allergies, func(a, b allergy) int { return cmp.Compare(b.danger, a.danger) })
	return s
}

// add adds what the versions of a record say that is not over; where those cannot be read, what the
// others say was, since nobody knows whether it is.
func (s *safety) add(r *registration) {
	var live, past []version
	for _, v := range r.versions {
		switch {
		case v.over() && v.content != nil:
			past = append(past, v)
		case v.content != nil:
			live = append(live, v)
		case !v.Deleted:
			s.Unreadable = true
		}
	}
	if len(live) == 0 {
		live = past
	}
	for _, v := range live {
		found := allergy{Title: v.Said.Title, State: v.Said.State, High: v.Said.High, danger: dangerOf(v.content)}
		if r.Versions > 1 {
			found.Conflicts = []string{r.Type + "/" + r.ID}
		}
		i := slices.IndexFunc(s.Allergies, func(a allergy) bool { return a.Title == found.Title })
		if i < 0 {
			s.Allergies = append(s.Allergies, found)
			continue
		}
		conflicts := s.Allergies[i].Conflicts
		for _, c := range found.Conflicts {
			conflicts = add(conflicts, c)
		}
		if found.danger > s.Allergies[i].danger {
			s.Allergies[i] = found
		}
		s.Allergies[i].Conflicts = conflicts
	}
}

// dangerOf orders allergies: one of which nobody said how dangerous it is comes before one that is not.
func dangerOf(r object) int {
	if isHigh(r) {
		return 4
	}
	return 1 + slices.Index([]string{"low", "", "unable-to-assess"}, textAt(r, "criticality"))
}
