package agent

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"
)

// warn keeps a warning until it is cleared; its time is that of the first.
func (a *Agent) warn(code, format string, args ...any) {
	a.warnOfFact(code, "", fmt.Sprintf(format, args...))
}

// warnOfFact is warn of a fact that may stay for ever: a person can acknowledge it.
func (a *Agent) warnOfFact(code, fact, text string) {
	a.mu.Lock()
	old, had := a.warnings[code]
	w := Warning{Code: code, Text: text, Since: old.Since, Fact: fact}
	if !had {
		w.Since = a.config.Now().UTC()
	}
	a.warnings[code] = w
	a.mu.Unlock()
	if !had || old.Text != text || old.Fact != fact {
		a.log.Warn(code, "text", text)
		a.changed.fire()
	}
}

func (a *Agent) clearWarning(code string) {
	a.mu.Lock()
	_, had := a.warnings[code]
	delete(a.warnings, code)
	a.mu.Unlock()
	if had {
		a.changed.fire()
	}
}

// outlived takes away a warning that has been said for long enough.
func (a *Agent) outlived(code string, enough time.Duration) {
	a.mu.Lock()
	w, said := a.warnings[code]
	a.mu.Unlock()
	if said && a.config.Now().Sub(w.Since) >= enough {
		a.clearWarning(code)
	}
}

func (a *Agent) currentWarnings() []Warning {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := slices.Collect(maps.Values(a.warnings))
	slices.SortFunc(list, func(x, y Warning) int { return cmp.Compare(x.Code, y.Code) })
	if list == nil {
		list = []Warning{}
	}
	return list
}
