package agent_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/events"
)

// Each sentence with which something is refused or does not get through has a code; one of a
// later server has the code of none.
func TestProblems(t *testing.T) {
	record := "Condition/c1"
	for text, want := range map[string]agent.Problem{
		(&events.RefusedError{Reason: nats.ErrMaxPayload.Error()}).Error(): {Code: agent.ProblemTooLarge},
		nats.ErrMaxPayload.Error():                                                                                              {Code: agent.ProblemTooLarge},
		"message size exceeds maximum allowed":                                                                                  {Code: agent.ProblemTooLarge},
		"its header is too large":                                                                                               {Code: agent.ProblemTooLarge},
		`permissions violation for publish to "carelog.p1.x"`:                                                                   {Code: agent.ProblemForbidden},
		record + " builds on event 01KE6JS9A00D4B28CMTT86K8JH, which was refused":                                               {Code: agent.ProblemBuildsOn, Args: []string{record, "01KE6JS9A00D4B28CMTT86K8JH"}},
		"the server refuses " + record + ", and with it the transaction that it is a part of: x":                                {Code: agent.ProblemTransaction, Args: []string{record}},
		agent.ErrRevoked.Error():                                                                                                {Code: agent.ProblemRevoked},
		"the broker does not let this device in: nats: Authorization Violation":                                                 {Code: agent.ProblemNotLetIn},
		"the broker does not let this device in (it was revoked, or else): nats: Authorization Violation":                       {Code: agent.ProblemNotLetIn},
		fmt.Errorf("send 3 events: %w: nothing was sent: no stream answers: the broker is starting", events.ErrOffline).Error(): {Code: agent.ProblemNotReady},
		"dial tcp 127.0.0.1:4222: connect: connection refused":                                                                  {Code: agent.ProblemUnreachable},
		events.ErrOffline.Error():                                                                                               {Code: agent.ProblemUnreachable},
		nats.ErrNoServers.Error():                                                                                               {Code: agent.ProblemUnreachable},
		fmt.Errorf("send: %w: no answer within 5s", events.ErrUnknownOutcome).Error():                                           {Code: agent.ProblemNoAnswer},
		events.ErrUnknownOutcome.Error():                                                                                        {Code: agent.ProblemNoAnswer},
		events.ErrFull.Error():                                                                                                  {Code: agent.ProblemFull},
		"the server has lost events that it acknowledged: a dossier ends at 3, and was at 5":                                    {Code: agent.ProblemLost},
		"the server has events up to 9, but sends none after 5":                                                                 {Code: agent.ProblemSilent},
		"the server sends none of its events up to 9":                                                                           {Code: agent.ProblemSilent},
		"something that a later server says":                                                                                    {Code: agent.ProblemOther},
	} {
		got := agent.ProblemOf(text)
		if got == nil || got.Code != want.Code || !slices.Equal(got.Args, want.Args) {
			t.Errorf("%q: got %+v, want %+v", text, got, want)
		}
	}
	if agent.ProblemOf("") != nil {
		t.Error("nothing that is said is a problem")
	}
}

// What was refused is listed with its code, and a light without a server with that of its cause.
func TestAProblemIsInTheStatus(t *testing.T) {
	p := newPractice(t)
	one := p.desk("one")
	one.AwaitGreen()
	p.broker.Stop()
	one.Await("a cause with its code", func(s agent.Status) bool {
		return s.Problem != nil && s.Problem.Code == agent.ProblemUnreachable
	})
	if w := one.MustNote("c1", "asthma"); !w.Queued() {
		t.Error("it was sent to nobody")
	}
	if list, err := one.Outbox(t.Context()); err != nil || len(list) != 1 || list[0].Problem != nil {
		t.Errorf("nobody has tried to send it yet: got %+v (%v)", list, err)
	}
	p.broker.Start()
	one.Await("a light without a problem", func(s agent.Status) bool { return s.Problem == nil && s.Color == "online" })
}
