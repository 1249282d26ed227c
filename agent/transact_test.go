package agent_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/agenttest"
	"github.com/carelog/carelog/broker/memlog"
	"github.com/carelog/carelog/events"
)

// drafts are notes in two dossiers, each of a record of its own.
func drafts(prefix string, n int) []agent.Draft {
	list := make([]agent.Draft, n)
	for i := range list {
		id, patient := fmt.Sprint(prefix, "-", i), fmt.Sprint("p", i%2+1)
		list[i] = agent.Draft{
			Record: agenttest.Condition(id), Patient: patient, Author: "dr-1",
			Body: fmt.Appendf(nil, `{"resourceType":"Condition","id":%q,"subject":{"reference":"Patient/%s"},"code":{"text":"together"}}`, id, patient),
		}
	}
	return list
}

// these is the plan that writes what it was given.
func these(list ...agent.Draft) agent.Plan {
	return func(context.Context) ([]agent.Draft, error) { return list, nil }
}

// transact makes a transaction that must succeed.
func (m *machine) transact(list ...agent.Draft) (ids []events.ID) {
	m.world.t.Helper()
	written, err := m.Transact(m.world.t.Context(), these(list...))
	if err != nil {
		m.world.t.Fatal(err)
	}
	for _, w := range written {
		ids = append(ids, w.ID)
	}
	return ids
}

// together checks that events stand in the log side by side.
func (w *world) together(ids ...events.ID) {
	w.t.Helper()
	for i, id := range ids {
		at, first := w.places(id), w.places(ids[0])
		if len(at) != 1 || len(first) != 1 || at[0] != first[0]+uint64(i) {
			w.t.Fatalf("event %d of a transaction stands at %v and the first at %v, want them side by side", i, at, first)
		}
	}
}

// nothing checks that nothing of drafts is anywhere.
func (w *world) nothing(list []agent.Draft) {
	w.t.Helper()
	for _, m := range w.desks {
		for _, d := range list {
			if texts := m.Texts(d.Record.ID); len(texts) > 0 {
				w.t.Errorf("desk %s has %s, which was refused: %q", m.Name, d.Record, texts)
			}
		}
		if n := m.Now().Outbox; n > 0 {
			w.t.Errorf("desk %s has %d events in the outbox after a refusal", m.Name, n)
		}
	}
}

func TestATransactionIsStoredAsOne(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one, _ := w.two()
		written, err := one.Transact(t.Context(), these(drafts("a", 6)...))
		if err != nil || len(written) != 6 {
			t.Fatalf("%v, %v", written, err)
		}
		var ids []events.ID
		for _, x := range written {
			ids = append(ids, x.ID)
			if x.Queued() {
				t.Error("a transaction with a green light was queued")
			}
		}
		w.together(ids...)
		w.settled()
		for i := range 6 {
			w.texts(fmt.Sprint("a-", i), "together")
		}
		w.agreed()
		if written, err := one.Transact(t.Context(), these()); len(written) > 0 || err != nil {
			t.Errorf("a plan without drafts: %v, %v", written, err)
		}
	})
}

// What speaks against one draft speaks against all, and is said of that one.
func TestATransactionIsRefusedAsOne(t *testing.T) {
	for name, spoil := range map[string]func(w *world, list []agent.Draft) error{
		"a stale version": func(w *world, list []agent.Draft) error {
			first := w.desks[1].MustNote("a-3", "first")
			w.desks[1].MustNote("a-3", "second", first.ID)
			w.settled()
			list[3].Patient, list[3].Parents = "p1", []events.ID{first.ID}
			return new(agent.StaleError)
		},
		"a record that exists": func(w *world, list []agent.Draft) error {
			w.desks[1].MustNote("a-3", "first")
			w.settled()
			list[3].Patient, list[3].Create = "p1", true
			return agent.ErrExists
		},
		"a record of another patient": func(w *world, list []agent.Draft) error {
			w.desks[1].MustNote("a-3", "first")
			w.settled()
			return new(agent.MovedError)
		},
		"a deletion of nothing": func(_ *world, list []agent.Draft) error {
			list[3].Delete = true
			return agent.ErrNotFound
		},
		"a record twice": func(_ *world, list []agent.Draft) error {
			list[3].Record, list[3].Patient = list[0].Record, list[0].Patient
			return nil
		},
		"a record that is too large": func(_ *world, list []agent.Draft) error {
			list[3].Body = make([]byte, events.MaxPlain+1)
			return events.ErrTooLarge
		},
	} {
		for _, offline := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/offline %v", name, offline), func(t *testing.T) {
				inWorld(t, func(t *testing.T, w *world) {
					one, _ := w.two()
					list := drafts("a", 5)
					want := spoil(w, list)
					if offline {
						one.offline()
					}
					before := len(w.server.Stored())
					_, err := one.Transact(t.Context(), these(list...))
					var blamed *agent.DraftError
					if !errors.As(err, &blamed) || blamed.Index != 3 {
						t.Fatalf("got %v, want the fault of draft 3", err)
					}
					var stale *agent.StaleError
					var moved *agent.MovedError
					switch want.(type) {
					case *agent.StaleError:
						if !errors.As(err, &stale) || len(stale.Heads) != 1 {
							t.Errorf("got %v, want what stands", err)
						}
					case *agent.MovedError:
						if !errors.As(err, &moved) {
							t.Errorf("got %v, want that it cannot move", err)
						}
					case nil:
					default:
						if !errors.Is(err, want) {
							t.Errorf("got %v, want %v", err, want)
						}
					}
					w.nothing(slices.Concat(list[:3], list[4:]))
					if n := len(w.server.Stored()); n != before {
						t.Errorf("%d events were stored of a transaction that was refused", n-before)
					}
					one.transact(drafts("b", 5)...) // the chain goes on
					if offline {
						one.online()
					}
					w.settled()
					w.agreed()
				})
			})
		}
	}
}

func TestATransactionHasABound(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one, _ := w.two()
		if _, err := one.Transact(t.Context(), these(drafts("a", events.MaxBatch+1)...)); !errors.Is(err, agent.ErrTooMany) {
			t.Errorf("got %v, want ErrTooMany", err)
		}
		w.nothing(drafts("a", 3))
		one.transact(drafts("b", events.MaxBatch)...)
		w.settled()
		w.agreed()
	})
}

// A colleague writes to one of the dossiers at the moment of sending. Where it is another
// record, the transaction goes behind it; where it is a record of the transaction that
// names the version before it, nothing is written.
func TestAColleagueIsFasterThanATransaction(t *testing.T) {
	for _, same := range []bool{false, true} {
		t.Run(fmt.Sprint("the same record ", same), func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				two := w.desk("two")
				one := w.machine("one")
				meddle := 0
				one.wrap = func(l *memlog.Log) agent.Log {
					return batches{Log: l, before: func([]events.Appending) {
						if meddle > 0 {
							meddle--
							record := fmt.Sprint("other-", meddle)
							if same {
								record = "a-0"
							}
							two.MustNote(record, "theirs")
						}
					}}
				}
				one.start()
				w.settled()
				first := two.MustNote("a-0", "first")
				w.settled()
				list, plans := drafts("a", 4), 0
				list[0].Parents = []events.ID{first.ID}
				meddle = 3
				written, err := one.Transact(t.Context(), func(context.Context) ([]agent.Draft, error) { plans++; return list, nil })
				w.settled()
				if same {
					var stale *agent.StaleError
					if !errors.As(err, &stale) || len(stale.Heads) != 1 || stale.Heads[0] == first.ID {
						t.Errorf("got %v, want that it is stale, and what stands", err)
					}
					w.nothing(list[1:])
					w.texts("a-0", "theirs")
				} else {
					if err != nil || plans != 4 {
						t.Fatalf("%v after %d plans, want none after 4", err, plans)
					}
					w.together(written[0].ID, written[1].ID, written[2].ID, written[3].ID)
					w.texts("a-0", "together")
				}
				w.agreed()
			})
		})
	}
}

// A dossier in which others write all the time does not keep a caller for ever.
func TestATransactionGivesUp(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		two := w.desk("two")
		one := w.machine("one")
		meddles := 0
		one.wrap = func(l *memlog.Log) agent.Log {
			return batches{Log: l, before: func([]events.Appending) { meddles++; two.MustNote(fmt.Sprint("other-", meddles), "theirs") }}
		}
		one.start()
		w.settled()
		if _, err := one.Transact(t.Context(), these(drafts("a", 4)...)); !errors.Is(err, agent.ErrBusy) {
			t.Errorf("got %v after %d changes of others, want ErrBusy", err, meddles)
		}
		w.settled()
		w.nothing(drafts("a", 4))
	})
}

// Of one that is stale itself that is said, however much others write meanwhile: its caller has to
// read again, and not to try again.
func TestAStaleTransactionIsNotBusy(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one, two := w.two()
		first := two.MustNote("a-0", "first")
		second := two.MustNote("a-0", "second")
		w.settled()
		list, plans := drafts("a", 4), 0
		list[0].Parents = []events.ID{first.ID}
		_, err := one.Transact(t.Context(), func(context.Context) ([]agent.Draft, error) {
			plans++
			other := agent.Draft{Record: agenttest.Condition(fmt.Sprint("other-", plans)), Patient: "p9", Author: "dr-1"}
			other.Body = fmt.Appendf(nil, `{"resourceType":"Condition","id":%q,"subject":{"reference":"Patient/p9"}}`, other.Record.ID)
			if _, err := two.Write(t.Context(), other); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Second) // until it has come in here
			return list, nil
		})
		var stale *agent.StaleError
		if !errors.As(err, &stale) || !slices.Equal(stale.Heads, []events.ID{second.ID}) || errors.Is(err, agent.ErrBusy) || plans != 20 {
			t.Errorf("got %v after %d plans, want that it is stale, and what stands", err, plans)
		}
		w.settled()
		w.nothing(list[1:])
	})
}

// Whatever becomes of a transaction or of its acknowledgement, it is in the log once and
// whole.
func TestATransactionMeetsFaults(t *testing.T) {
	for name, fault := range map[string]func(*memlog.Log){
		"the acknowledgement is lost":         func(l *memlog.Log) { l.LoseAcks(1) },
		"three acknowledgements are lost":     func(l *memlog.Log) { l.LoseAcks(3) },
		"the batch is lost":                   func(l *memlog.Log) { l.LoseSends(1) },
		"the line is cut before its end":      (*memlog.Log).CutBeforeCommit,
		"the line is cut when it was stored":  (*memlog.Log).CutAfterStoring,
		"nothing comes in while it is stored": (*memlog.Log).CutIncoming,
		"nothing goes out":                    (*memlog.Log).CutOutgoing,
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				one := w.machine("one")
				hit := false
				one.wrap = func(l *memlog.Log) agent.Log {
					return batches{Log: l, before: func(list []events.Appending) {
						if !hit && len(list) > 1 {
							hit = true
							fault(l)
						}
					}}
				}
				one.start()
				w.desk("two")
				w.settled()
				ids := one.transact(drafts("a", 5)...)
				time.Sleep(time.Minute)
				one.mend()
				w.settled()
				if !hit {
					t.Fatal("no batch was sent")
				}
				w.together(ids...)
				w.agreed()
			})
		})
	}
}

// What was queued as one is pushed as one, however small the batches are, and also after
// a restart; what was queued around it keeps its order.
func TestAQueuedTransactionIsPushedAsOne(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one := w.machine("one")
		one.Config.PushBatch = 3
		var sizes []int
		one.wrap = func(l *memlog.Log) agent.Log {
			return batches{Log: l, before: func(list []events.Appending) { sizes = append(sizes, len(list)) }}
		}
		one.start()
		w.desk("two")
		w.settled()
		one.offline()
		before := one.many(2)
		ids := one.transact(drafts("a", 7)...)
		after := one.transact(drafts("b", 2)...)
		last := one.MustNote("c9", "last")
		one.kill()
		one.start()
		for i, q := range must(one.Outbox(t.Context())) {
			want := ""
			switch {
			case i >= 2 && i < 9:
				want = ids[0].String()
			case i >= 9 && i < 11:
				want = after[0].String()
			}
			if q.Transaction != want {
				t.Errorf("%d in the outbox is of transaction %q, want %q", i, q.Transaction, want)
			}
		}
		sizes = nil
		one.online()
		w.settled()
		w.together(ids...)
		w.together(after...)
		w.inOrder(slices.Concat(before, ids, after, []events.ID{last.ID})...)
		if !slices.Equal(sizes, []int{2, 7, 3}) {
			t.Errorf("batches of %v, want 2, 7, 3", sizes)
		}
		w.agreed()
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Of a queued transaction the server refuses one event, which it names or does not: all
// of it is set aside, with the reason, and nothing else; it is retried, or given up, as
// one.
func TestATransactionIsSetAsideAsOne(t *testing.T) {
	for _, named := range []bool{true, false} {
		for _, again := range []bool{true, false} {
			t.Run(fmt.Sprintf("named %v, again %v", named, again), func(t *testing.T) {
				inWorld(t, func(t *testing.T, w *world) {
					one := w.machine("one")
					one.wrap = func(l *memlog.Log) agent.Log {
						return batches{Log: l, after: func(err error) error {
							var refused *events.RefusedError
							if !named && errors.As(err, &refused) {
								return refused
							}
							return err
						}}
					}
					one.start()
					w.desk("two")
					w.settled()
					one.offline()
					before := one.many(30)
					ids := one.transact(drafts("a", 7)...)
					child := one.transact(append(drafts("b", 2), agent.Draft{
						Record: agenttest.Condition("a-2"), Patient: "p1", Parents: []events.ID{ids[2]}, Body: agenttest.Body("a-2", "builds on it"),
					})...)
					after := one.transact(drafts("c", 4)...)
					w.server.Refuse(func(m events.Message) bool {
						id, _ := m.Peek()
						return id == ids[4].String()
					})
					one.online()
					one.Await("an empty queue", func(s agent.Status) bool { return s.Outbox == 0 && !s.ByChoice })
					var held []events.ID
					for _, q := range must(one.Outbox(t.Context())) {
						held = append(held, q.ID)
						if !q.SetAside || q.LastError == "" || q.Transaction == "" {
							t.Errorf("in the outbox: %+v", q)
						}
					}
					if want := slices.Concat(ids, child); !slices.Equal(held, want) {
						t.Errorf("set aside are %v, want %v", held, want)
					}
					w.together(after...)
					w.inOrder(slices.Concat(before, after)...)
					w.server.Refuse(nil)
					if again {
						if err := errors.Join(one.Retry(t.Context(), ids[5]), one.Retry(t.Context(), child[0])); err != nil {
							t.Fatal(err)
						}
						w.settled()
						w.together(ids...)
						w.together(child...)
						w.texts("a-2", "builds on it")
					} else {
						if err := errors.Join(one.Discard(t.Context(), ids[5], "dr-1", "typed twice"), one.Discard(t.Context(), child[0], "dr-1", "too")); err != nil {
							t.Fatal(err)
						}
						w.settled()
						w.nothing(drafts("a", 7))
						w.nothing(drafts("b", 2))
					}
					one.stop()
					one.start()
					w.settled()
					w.agreed()
				})
			})
		}
	}
}

// Killed at each moment of a transaction, online and offline: all of it is there, or
// nothing.
func TestKilledInATransaction(t *testing.T) {
	for _, when := range []string{"before it is sent", "when it was stored", "when it was queued"} {
		t.Run(when, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				one := w.machine("one")
				disk, armed := "", false
				kill := func() {
					if armed {
						synctest.Wait() // nobody writes the files while they are copied
						disk, armed = one.copyData(), false
					}
				}
				one.wrap = func(l *memlog.Log) agent.Log {
					hook := batches{Log: l}
					if when == "before it is sent" {
						hook.before = func([]events.Appending) { kill() }
					} else {
						hook.after = func(err error) error { kill(); return err }
					}
					return hook
				}
				one.start()
				w.desk("two")
				w.settled()
				list := drafts("a", 5)
				armed = true
				if when == "when it was queued" {
					one.offline()
					one.transact(list...)
					kill()
				} else {
					one.transact(list...)
				}
				one.abandon(disk)
				one.start()
				if got := len(one.Texts("a-0")); got != 1 {
					t.Errorf("after the kill the desk shows %d versions of what was in the outbox, want 1", got)
				}
				if one.Now().ByChoice {
					one.online()
				}
				w.settled()
				for i := range list {
					w.texts(fmt.Sprint("a-", i), "together")
				}
				w.agreed()
			})
		})
	}
}

// Sixteen at two desks want the same record, which none of them finds: one makes it, and
// the others find it.
func TestOneOfManyCreates(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one, two := w.two()
		made := make(chan events.ID, 16)
		var all sync.WaitGroup
		for i := range 16 {
			m := []*machine{one, two}[i%2]
			id := m.NameFor("Patient?identifier=1", 0)
			d := agent.Draft{Record: events.Record{Type: "Patient", ID: id}, Patient: id, Create: true, Body: fmt.Appendf(nil, `{"resourceType":"Patient","id":%q,"active":true,"language":"l%d"}`, id, i)}
			all.Go(func() {
				written, err := m.Transact(t.Context(), func(ctx context.Context) ([]agent.Draft, error) {
					if _, err := m.Store().Record(ctx, d.Record); err == nil {
						return nil, nil
					}
					return []agent.Draft{d}, nil
				})
				switch {
				case err != nil:
					t.Error(err)
				case len(written) == 1:
					made <- written[0].ID
				}
			})
		}
		all.Wait()
		synctest.Wait()
		w.settled()
		if len(made) != 1 {
			t.Fatalf("%d created it, want 1", len(made))
		}
		w.once(<-made)
		w.agreed()
	})
}

func TestNameFor(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one, two := w.two()
		name := one.NameFor("Patient?identifier=1", 0)
		if err := events.ValidateID("id", name); err != nil || name != two.NameFor("Patient?identifier=1", 0) {
			t.Errorf("the desks say %q and %q: %v", name, two.NameFor("Patient?identifier=1", 0), err)
		}
		if name == one.NameFor("Patient?identifier=1", 1) || name == one.NameFor("Patient?identifier=2", 0) {
			t.Error("two names for different things are the same")
		}
	})
}
