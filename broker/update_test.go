package broker_test

import (
	"reflect"
	"slices"
	"testing"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/carelog/carelog/broker"
	"github.com/carelog/carelog/broker/brokertest"
)

// While the signing key of a practice is exchanged there are two, and the desks of both stay
// enrolled. What else the operator put into the accounts is left as it is.
func TestUpdateLeavesWhatIsOfTheOperator(t *testing.T) {
	b := brokertest.Start(t)
	second, next := newSigning(t)
	_, other := newSigning(t)
	_, plain := newSigning(t)
	first, err := b.Signing().PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	limited := scope(next, "device")
	limited.Template.Src.Add("127.0.0.0/8")
	o := b.Server().Operator()
	if err := o.BeforeLooks(t.Context(), brokertest.Practice); err != nil {
		t.Fatal(err)
	}
	if err := o.Edit(t.Context(), brokertest.Practice, func(data, desks *jwt.AccountClaims) {
		desks.SigningKeys.AddScopedSigner(limited)
		desks.SigningKeys.AddScopedSigner(scope(other, "watch"))
		desks.SigningKeys.Add(plain)
		data.Exports.Add(&jwt.Export{Name: "stats", Subject: "stats.>", Type: jwt.Stream})
		desks.Imports.Add(&jwt.Import{Name: "stats", Subject: "stats.>", Account: data.Subject, Type: jwt.Stream})
	}); err != nil {
		t.Fatal(err)
	}
	for range 3 { // a map has another order each time
		if err := b.Server().Provision(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := o.Edit(t.Context(), brokertest.Practice, func(data, desks *jwt.AccountClaims) {
		if got := desks.SigningKeys.Keys(); len(got) != 4 {
			t.Fatalf("%d signing keys are left, want 4", len(got))
		}
		if s, _ := desks.SigningKeys.GetScope(other); !reflect.DeepEqual(s, scope(other, "watch")) {
			t.Errorf("the scope of another role became %+v", s)
		}
		if s, _ := desks.SigningKeys.GetScope(plain); s != nil {
			t.Errorf("a key without a scope was given %+v", s)
		}
		wantSameLimits(t, desks, first, next, limited)
		if !slices.ContainsFunc(data.Exports, func(e *jwt.Export) bool { return e.Name == "stats" }) ||
			!slices.ContainsFunc(desks.Imports, func(i *jwt.Import) bool { return i.Name == "stats" }) {
			t.Error("what the operator shares is gone")
		}
		for _, e := range data.Exports {
			if n := countOf(data.Exports, e.Subject); n != 1 {
				t.Errorf("%s is exported %d times", e.Subject, n)
			}
		}
	}); err != nil {
		t.Fatal(err)
	}
	b.Restart()
	for name, signing := range map[string]nkeys.KeyPair{"desk-1": b.Signing(), "desk-2": second} {
		token, seed, err := broker.IssueUser(signing, b.Account(), brokertest.Practice, name)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := nats.Connect(b.URL(), nats.UserJWTAndSeed(token, seed))
		if err != nil {
			t.Errorf("%s is locked out: %v", name, err)
			continue
		}
		conn.Close()
	}
}

// wantSameLimits wants that two keys let devices do the same, looks included, and that the
// limit of the operator to one of them stays.
func wantSameLimits(t *testing.T, desks *jwt.AccountClaims, first, next string, limited *jwt.UserScope) {
	t.Helper()
	was, _ := desks.SigningKeys.GetScope(first)
	now, _ := desks.SigningKeys.GetScope(next)
	a, c := was.(*jwt.UserScope).Template, now.(*jwt.UserScope).Template
	if !slices.ContainsFunc(a.Permissions.Pub.Allow, broker.IsOfLooks) || !reflect.DeepEqual(a.Permissions, c.Permissions) {
		t.Errorf("the keys of devices let them do\n%+v and\n%+v", a.Permissions, c.Permissions)
	}
	if !slices.Equal(c.Src, limited.Template.Src) {
		t.Errorf("the limit of the operator became %v", c.Src)
	}
}

// scope is one that an operator made with the tools of NATS.
func scope(key, role string) *jwt.UserScope {
	s := jwt.NewUserScope()
	s.Key, s.Role = key, role
	s.Template.Permissions.Sub.Allow.Add("stats.>")
	return s
}

func countOf(exports jwt.Exports, subject jwt.Subject) (n int) {
	for _, e := range exports {
		if e.Subject == subject {
			n++
		}
	}
	return n
}
