package web

import (
	"cmp"
	"slices"
	"strings"
)

// consents are those of a table: what allows that the hub has a Sumehr.
type consents struct {
	Code  string // that a new one begins with
	Title string
	List  list
}

// privacyOf are the wishes of a dossier about its Sumehr, and what allows it: what holds first, and of that the newest.
func (p *page) privacyOf(rows []*registration) (wishes []*registration, allowed []consents) {
	byTable := make(map[string][]*registration)
	for _, r := range rows {
		if r.wish {
			wishes = append(wishes, r)
		}
		if r.allows != "" {
			byTable[r.allows] = append(byTable[r.allows], r)
		}
	}
	for i, table := range consentTables {
		found := byTable[table]
		slices.SortStableFunc(found, func(a, b *registration) int {
			return cmp.Or(cmp.Compare(past(a), past(b)), strings.Compare(b.When, a.When))
		})
		code := []string{"retrospective", "gmd"}[i]
		allowed = append(allowed, consents{code, p.said.must([]string{"privacy.consent", "privacy.relation"}[i]), p.newList(code, found, rowsAtOnce)})
	}
	return wishes, allowed
}

// past is 1 for what is over.
func past(r *registration) int {
	if r.Said.Past {
		return 1
	}
	return 0
}
