package check

import (
	"fmt"
	"slices"
)

// LocalSystem is the system of the identifiers by which our messages name our records:
// Condition/c1, or CarePlan/p1#2 for the second item that was made of one.
const LocalSystem = "carelog"

// Severity says whether a message with the finding may go out.
type Severity string

// The severities.
const (
	Error   Severity = "error"   // it may not
	Warning Severity = "warning" // it may, and would be better without
)

// Rule names what is wrong. It is stable: scripts and translations stand on it.
type Rule string

// Finding is one thing that is wrong.
type Finding struct {
	Rule   Rule     `json:"rule"`
	Item   int      `json:"item,omitempty"`   // its place among the items, from 1; 0: none
	Kind   string   `json:"kind,omitempty"`   // of the item, as in CD-ITEM
	Record string   `json:"record,omitempty"` // to blame: Type/id; empty where no record of ours is known
	Args   []string `json:"args,omitempty"`   // what the text speaks of
}

// Severity is that of the rule.
func (f Finding) Severity() Severity {
	if rules[f.Rule].warning {
		return Warning
	}
	return Error
}

// Languages in which a text can be had; the first stands in for others.
var Languages = []string{"en", "nl", "fr", "de"}

// Text says what is wrong and what to do, in a language of Languages.
func (f Finding) Text(language string) string {
	at := max(0, slices.Index(Languages, language))
	text := rules[f.Rule].texts[at]
	args := make([]any, len(f.Args))
	for i, a := range f.Args {
		args[i] = a
	}
	return fmt.Sprintf(text, args...)
}

// Errors returns those findings that keep a message from going out.
func Errors(list []Finding) (errors []Finding) {
	for _, f := range list {
		if f.Severity() == Error {
			errors = append(errors, f)
		}
	}
	return errors
}

// Rules are all that there are, sorted.
func Rules() []Rule {
	var all []Rule
	for r := range rules {
		all = append(all, r)
	}
	slices.Sort(all)
	return all
}
