package standing

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/carelog/carelog/projections/sumehr"
)

// WishCode is that of the category, in sumehr.MarkSystem, of a Consent that wishes the Sumehr to
// be kept up to date on the hub; with the provision deny, that the patient wants none there.
const WishCode = "publish"

// Tables of which a code in the category of a Consent says what was registered.
const (
	consentTable  = "cd-consenttype"
	relationTable = "cd-therapeuticlinktype"
)

// consent is as much of a Consent as is needed.
type consent struct {
	Status     string    `json:"status"`
	Category   []concept `json:"category"`
	PolicyRule concept   `json:"policyRule"`
	Provision  struct {
		Type   string `json:"type"`
		Period struct {
			Start string `json:"start"`
			End   string `json:"end"`
		} `json:"period"`
		Code []concept `json:"code"`
	} `json:"provision"`
}

type concept struct {
	Coding []coding `json:"coding"`
}

type coding struct {
	System string `json:"system"`
	Code   string `json:"code"`
}

// of reports whether it is about a code of a table, or any of it where the code is empty.
func (c consent) of(table, code string) bool {
	return c.has(func(k coding) bool {
		return k.Code != "" && strings.HasSuffix(strings.ToLower(k.System), "/"+table) && (code == "" || k.Code == code)
	})
}

func (c consent) wishes() bool {
	return c.has(func(k coding) bool { return k.System == sumehr.MarkSystem && k.Code == WishCode })
}

func (c consent) has(wanted func(coding) bool) bool {
	return slices.ContainsFunc(slices.Concat(c.Category, []concept{c.PolicyRule}, c.Provision.Code), func(k concept) bool {
		return slices.ContainsFunc(k.Coding, wanted)
	})
}

// on reports whether it is in force on a day. A date of a month or a year counts for all of it.
func (c consent) on(day string) bool {
	begins, ends := c.Provision.Period.Start, c.Provision.Period.End
	return c.Status == "active" && (begins == "" || clip(begins, day) <= clip(day, begins)) && (ends == "" || clip(ends, day) >= clip(day, ends))
}

// clip is as much of a date as another says.
func clip(date, other string) string { return date[:min(len(date), len(other), len("2006-01-02"))] }

func (c consent) denies() bool { return c.Provision.Type == "deny" }

// read finds the Consents of a kind. In a conflict it holds where any version does, so that
// nobody's wish is forgotten, and the conflict is named.
func read(records []sumehr.Record, day string, kind func(consent) bool) (s Stand) {
	each(records, kind, func(r sumehr.Record, h sumehr.Head, c consent) {
		name := r.String()
		if !slices.Contains(s.Records, name) {
			s.Records = append(s.Records, name)
			if len(r.Heads) > 1 {
				s.conflict = append(s.conflict, name)
			}
		}
		if !c.on(day) || c.denies() {
			return
		}
		s.Holds = true
		if at := h.Version.Time(); s.Since.IsZero() || at.Before(s.Since) {
			s.Since = at
		}
	})
	slices.Sort(s.Records)
	return s
}

// wishes is whether the Sumehr is to be kept up to date, and whether the patient refuses it in
// a version that is shown. Who only refuses is no wish; where both stand, the user should see
// that the wish is not followed, and why.
func wishes(records []sumehr.Record, day string) (wish Stand, refused bool) {
	wish = read(records, day, consent.wishes)
	each(records, consent.wishes, func(r sumehr.Record, h sumehr.Head, c consent) {
		refused = refused || c.on(day) && c.denies() && h.Version == r.Heads[0].Version
	})
	return wish, refused
}

func each(records []sumehr.Record, kind func(consent) bool, do func(sumehr.Record, sumehr.Head, consent)) {
	for _, r := range records {
		if r.Type != "Consent" {
			continue
		}
		for _, h := range r.Heads {
			var c consent
			if json.Unmarshal(h.Body, &c) == nil && kind(c) {
				do(r, h, c)
			}
		}
	}
}
