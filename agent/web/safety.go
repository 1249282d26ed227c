package web

import (
	"cmp"
	"slices"
)

// safety is what nobody may overlook.
type safety struct {
	Allergies  []allergy
	Unreadable bool // one of them cannot be read here
	Incomplete bool
}

// Calm tells that there is nothing to warn of.
func (s safety) Calm() bool { return len(s.Allergies) == 0 && !s.Unreadable && !s.Incomplete }

type allergy struct {
	Title, State string
	High         bool
	Conflict     string // the record, where versions differ
}

// safetyOf are the allergies of every version that is in conflict: one that stands on one side only is
// an allergy until somebody has decided that it is not. Of two versions the more dangerous one is shown.
func (p *page) safetyOf(rows []*registration, incomplete bool) safety {
	s := safety{Incomplete: incomplete}
	for _, r := range rows {
		if r.Type != "AllergyIntolerance" {
			continue
		}
		for _, v := range r.versions {
			if v.content == nil {
				s.Unreadable = s.Unreadable || !v.Deleted
				continue
			}
			if v.Said.Title == "" || v.Said.Past || slices.Contains([]string{"refuted", "entered-in-error"}, codeOf(at(v.content, "verificationStatus"))) {
				continue
			}
			found := allergy{Title: v.Said.Title, State: v.Said.State, High: v.Said.High}
			if r.Versions > 1 {
				found.Conflict = r.Type + "/" + r.ID
			}
			i := slices.IndexFunc(s.Allergies, func(a allergy) bool { return a.Title == found.Title })
			switch {
			case i < 0:
				s.Allergies = append(s.Allergies, found)
			case found.High && !s.Allergies[i].High:
				s.Allergies[i] = found
			}
		}
	}
	slices.SortStableFunc(s.Allergies, func(a, b allergy) int { return cmp.Compare(btoi(b.High), btoi(a.High)) })
	return s
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
