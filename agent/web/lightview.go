package web

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/light"
)

// lightView is what is behind the light: its panel, and with all of it the page of the synchronisation.
type lightView struct {
	*page
	All      bool
	Activity *activityView
	Facts    []lightFact
	Warnings []warningView
	ByChoice bool // the user works offline
}

type lightFact struct {
	Term, Text string
	Link       string // where more of it is
	Wide       bool   // it may be longer than others
}

type activityView struct {
	Kind, Of, Rest string
	Done, Total    uint64 // of a bar; Total 0: nobody knows
}

type warningView struct {
	*page
	Meant      string // in the language in use; empty: there are no words for its code
	Exact      string // in English
	Since      string
	Code, Fact string // no fact: it cannot be acknowledged
	Seen       string // who acknowledged it, when and why; empty: nobody did
}

// lightFragment answers GET /fragments/light with the inside of the light's panel.
func (h *Handler) lightFragment(w http.ResponseWriter, r *http.Request) error {
	p := h.newPage(r)
	if p.unknown != nil {
		return p.unknown
	}
	p.Panel = p.lightView(false)
	return h.render(w, http.StatusOK, "light-panel", p)
}

func (p *page) lightView(all bool) *lightView {
	s := p.status
	v := &lightView{page: p, All: all, ByChoice: s.ByChoice, Activity: p.said.activity(s.Activity)}
	word := func(name string) string { return p.said.must("light." + name) }
	add := func(when bool, f lightFact) {
		if when {
			v.Facts = append(v.Facts, f)
		}
	}
	add(s.Reason != "", lightFact{Term: word("reason"), Text: p.said.reason(s.Reason, s.Problem), Wide: true})
	add(true, lightFact{Term: word("server"), Text: s.Server.URL, Wide: true})
	add(true, lightFact{Term: word("since"), Text: p.said.moment(s.Since)})
	add(s.Color == light.Synchronising, lightFact{Term: word("lasts"), Text: p.said.duration(max(0, time.Since(s.Since)))})
	add(true, lightFact{Term: word("agreed"), Text: p.said.moment(s.Server.Agreed)})
	add(true, lightFact{Term: word("queue"), Text: p.N(s.Outbox)})
	if s.Prefetch != nil {
		add(true, lightFact{Term: word("agenda"), Text: p.said.must("light.of", p.N(s.Prefetch.Done), p.N(s.Prefetch.Total))})
	}
	add(s.SetAside > 0, lightFact{Term: word("setAside"), Text: p.N(s.SetAside)})
	add(all, lightFact{Term: word("position"), Text: p.said.must("light.of", p.said.number(s.Position.Sequence), p.said.number(s.Server.Sequence))})
	add(all, lightFact{Term: word("conflicts"), Text: p.N(s.Conflicts)})
	add(s.SumehrBehind > 0, lightFact{Term: word("sumehr"), Text: p.N(s.SumehrBehind), Link: "/sumehr"})
	add(all, lightFact{Term: word("practice"), Text: s.Practice})
	add(true, lightFact{Term: word("device"), Text: firstOf(s.DeviceName, s.Device)})
	for _, w := range s.Warnings {
		v.Warnings = append(v.Warnings, p.warningView(w))
	}
	return v
}

func (p *page) warningView(w agent.Warning) warningView {
	return warningView{page: p, Meant: p.said.has("light.warnings", w.Code), Exact: w.Text, Since: p.said.moment(w.Since), Code: w.Code, Fact: w.Fact}
}

// activity is the bar of what is being done; nil where nothing is.
func (s *spoken) activity(a *light.Activity) *activityView {
	if a == nil {
		return nil
	}
	v := &activityView{Kind: firstOf(s.has("light.activity", string(a.Kind)), string(a.Kind)), Done: a.Done, Total: a.Total}
	if a.Total > 0 {
		v.Of = s.must("light.of", s.number(a.Done), s.number(a.Total))
	}
	left, rate, read := s.must("light.leftUnknown"), "", ""
	if a.ETASeconds >= 0 {
		left = s.must("light.left", s.duration(time.Duration(a.ETASeconds)*time.Second))
	}
	if a.Rate > 0 {
		rate = s.must("light.rate", int(a.Rate)) // events per second: far below what an int holds
	}
	if a.Bytes > 0 {
		read = s.must("light.bytes", s.bytes(a.Bytes))
	}
	v.Rest = joined(" · ", left, rate, read)
	return v
}

var digits = regexp.MustCompile(`\d+`)

// reason says the light's reason, which comes in English, by its text, and the cause by its code. What
// there are no words for stays as it is.
func (s *spoken) reason(text string, cause *agent.Problem) string {
	head, rest, _ := strings.Cut(text, ": ")
	for _, known := range []string{text, head} {
		n := digits.FindString(known)
		said := s.wordIn("light.reasons", strings.Replace(known, n, "#", btoi(n != "")))
		if said == "" {
			continue
		}
		if figure, err := strconv.Atoi(n); err == nil {
			n = s.printer.Sprint(figure)
		}
		said = strings.ReplaceAll(said, "{0}", n)
		switch {
		case cause != nil && cause.Code != agent.ProblemOther:
			return said + ". " + s.problem(cause)
		case known == head && rest != "":
			return s.must("named", said, rest)
		}
		return said
	}
	return text
}

// problem says what stands in the way.
func (s *spoken) problem(p *agent.Problem) string {
	args := make([]any, len(p.Args))
	for i, arg := range p.Args {
		args[i] = arg
		if kind, id, ok := strings.Cut(arg, "/"); ok {
			args[i] = s.kind(kind) + " " + id
		}
	}
	said, err := s.say("problems."+string(p.Code), args...)
	if err != nil {
		return s.must("problems.other")
	}
	return said
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
