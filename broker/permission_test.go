package broker_test

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/carelog/carelog/broker"
	"github.com/carelog/carelog/broker/brokertest"
	"github.com/carelog/carelog/broker/logtest"
	"github.com/carelog/carelog/events"
)

// raw connects with a device's credentials and without any of our own care, as
// somebody would who stole them.
func raw(t *testing.T, b *brokertest.Broker, d *brokertest.Device) *nats.Conn {
	t.Helper()
	conn, err := nats.Connect(b.URL(), nats.UserJWTAndSeed(d.JWT, d.Seed), nats.CustomInboxPrefix("_INBOX."+d.Name),
		nats.PermissionErrOnSubscribe(true), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

// sealedWorld is a practice with a record, a key, an attachment and looks, and a
// check that all are as they were.
type sealedWorld struct {
	*brokertest.Broker
	record events.Message
	key    events.WrappedKey
}

var (
	attachment   = strings.Repeat("0a", 32)
	pieceSubject = "carelogattachment.p1." + attachment + ".0"
)

func newSealedWorld(t *testing.T) *sealedWorld {
	t.Helper()
	w := &sealedWorld{Broker: brokertest.Start(t), record: logtest.Event(t, "pat-1", "Condition/c-1")}
	l := w.Device("desk-0").Connect()
	if _, err := l.Append(t.Context(), w.record); err != nil {
		t.Fatal(err)
	}
	w.key = events.WrappedKey{Patient: "pat-1", Wrapped: []byte("sealed")}
	if err := l.PutKey(t.Context(), w.key); err != nil {
		t.Fatal(err)
	}
	if err := l.PutPiece(t.Context(), attachment, 0, []byte("sealed piece"), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := l.PutLooks(t.Context(), []byte("sealed looks"), 0); err != nil {
		t.Fatal(err)
	}
	return w
}

// check is the whole of what a thief must not be able to change.
func (w *sealedWorld) check(t *testing.T, what string) {
	t.Helper()
	d := w.Device("desk-9")
	l := d.Connect()
	d.Await(l, true)
	state, err := l.State(t.Context())
	if err != nil {
		t.Fatalf("after %s: %v", what, err)
	}
	got, err := l.Get(t.Context(), 1)
	if err != nil || string(got.Data) != string(w.record.Data) || state.First != 1 {
		t.Fatalf("after %s the record is %q (%v), the log %+v", what, got.Data, err, state)
	}
	k, err := l.Key(t.Context(), w.key.Patient, w.key.ID)
	if err != nil || string(k.Wrapped) != string(w.key.Wrapped) {
		t.Fatalf("after %s the key is %q (%v)", what, k.Wrapped, err)
	}
	piece, err := l.Piece(t.Context(), attachment, 0, 0)
	if err != nil || string(piece.Data) != "sealed piece" {
		t.Fatalf("after %s the attachment is %q (%v)", what, piece.Data, err)
	}
	looks, err := l.Looks(t.Context(), "desk-0", 0)
	if err != nil || string(looks.Data) != "sealed looks" || looks.Sequence != 1 {
		t.Fatalf("after %s the looks are %q (%v)", what, looks.Data, err)
	}
	if err := broker.Provision(t.Context(), w.Access(), brokertest.Practice, 1); err != nil {
		t.Fatalf("after %s: %v", what, err)
	}
}

// requests are all that could change or remove what is there, with a body that the
// server would accept from an administrator.
var requests = map[string]string{
	"STREAM.CREATE.EVIL":                  `{"name":"EVIL","subjects":["evil"]}`,
	"STREAM.UPDATE.RECORDS":               `{"name":"RECORDS","subjects":["carelog.p1.*"],"max_msgs":1}`,
	"STREAM.DELETE.RECORDS":               ``,
	"STREAM.DELETE.TRAIL":                 ``,
	"STREAM.DELETE.KV_KEYS":               ``,
	"STREAM.DELETE.OBJ_SNAPSHOTS":         ``,
	"STREAM.UPDATE.OBJ_SNAPSHOTS":         `{"name":"OBJ_SNAPSHOTS","subjects":["$O.SNAPSHOTS.C.>"],"max_msgs":1}`,
	"STREAM.MSG.DELETE.OBJ_SNAPSHOTS":     `{"seq":1}`,
	"STREAM.DELETE.ATTACHMENTS":           ``,
	"STREAM.UPDATE.ATTACHMENTS":           `{"name":"ATTACHMENTS","subjects":["carelogattachment.p1.*.*"],"max_msgs":1}`,
	"STREAM.PURGE.ATTACHMENTS":            ``,
	"STREAM.MSG.DELETE.ATTACHMENTS":       `{"seq":1}`,
	"STREAM.DELETE.LOOKS":                 ``,
	"STREAM.UPDATE.LOOKS":                 `{"name":"LOOKS","subjects":["careloglooks.p1.*"],"max_msgs":1}`,
	"STREAM.PURGE.LOOKS":                  ``,
	"STREAM.MSG.DELETE.LOOKS":             `{"seq":1}`,
	"STREAM.PURGE.TRAIL":                  ``,
	"STREAM.PURGE.RECORDS":                ``,
	"STREAM.PURGE.KV_KEYS":                ``,
	"STREAM.MSG.DELETE.RECORDS":           `{"seq":1}`,
	"STREAM.MSG.DELETE.KV_KEYS":           `{"seq":1}`,
	"STREAM.SNAPSHOT.RECORDS":             `{"deliver_subject":"_INBOX.desk-1.x"}`,
	"STREAM.RESTORE.EVIL":                 `{}`,
	"STREAM.LEADER.STEPDOWN.RECORDS":      ``,
	"STREAM.PEER.REMOVE.RECORDS":          `{"peer":"x"}`,
	"STREAM.NAMES":                        ``,
	"STREAM.LIST":                         ``,
	"CONSUMER.NAMES.RECORDS":              ``,
	"CONSUMER.LIST.RECORDS":               ``,
	"CONSUMER.DURABLE.CREATE.RECORDS.d":   `{"stream_name":"RECORDS","config":{"durable_name":"d"}}`,
	"CONSUMER.CREATE.RECORDS":             `{"stream_name":"RECORDS","config":{}}`,
	"CONSUMER.CREATE.RECORDS.all":         `{"stream_name":"RECORDS","config":{"name":"all"}}`,
	"CONSUMER.CREATE.RECORDS.all.carelog": `{"stream_name":"RECORDS","config":{"name":"all","filter_subject":"carelog"}}`,
	"CONSUMER.CREATE.OBJ_SNAPSHOTS.c.x":   `{"stream_name":"OBJ_SNAPSHOTS","config":{"name":"c","filter_subject":"x"}}`,
	"INFO":                                ``,
	"ACCOUNT.PURGE.x":                     ``,
	"DIRECT.GET.RECORDS":                  `{"seq":1}`,
}

func TestDeviceCannotAskForMore(t *testing.T) {
	w := newSealedWorld(t)
	conn := raw(t, w.Broker, w.Device("desk-1"))
	for _, prefix := range []string{"$JS.API.", "carelogapi."} {
		for subject, body := range requests {
			answer, err := conn.Request(prefix+subject, []byte(body), 50*time.Millisecond)
			if err == nil {
				t.Errorf("%s%s was answered: %s", prefix, subject, answer.Data)
			}
		}
	}
	w.check(t, "asking for all that is not allowed")
}

// Nobody puts down looks in the name of another desk.
func TestLooksAreOnesOwn(t *testing.T) {
	w := newSealedWorld(t)
	conn := raw(t, w.Broker, w.Device("desk-1"))
	if _, err := conn.Request("careloglooks.p1.desk-0", []byte("not ours"), 100*time.Millisecond); err == nil {
		t.Error("desk-1 has put down looks of desk-0")
	}
	w.check(t, "looks in another's name")
}

// What a device may publish cannot be made to do more by a header.
func TestDeviceCannotUndoByHeader(t *testing.T) {
	w := newSealedWorld(t)
	conn := raw(t, w.Broker, w.Device("desk-1"))
	for _, subject := range []string{w.record.Subject, "$KV.KEYS." + w.key.Name(), "carelogtrail.p1.position.desk-1", "carelogtrail.p1.lease.snapshot", "$O.SNAPSHOTS.M.name", pieceSubject, "careloglooks.p1.desk-1"} {
		for name, value := range map[string]string{
			"Nats-Rollup": "sub", "KV-Operation": "PURGE", "Nats-TTL": "1s", "Nats-Marker-Reason": "Purge",
			"Nats-Schedule": "@at 2030-01-01T00:00:00Z", "Nats-Incr": "+1",
		} {
			m := nats.NewMsg(subject)
			m.Header.Set(name, value)
			if name == "Nats-Rollup" {
				m.Header.Set(name, "all")
			}
			if _, err := conn.RequestMsg(m, time.Second); err != nil {
				t.Fatalf("%s with %s: %v", subject, name, err)
			}
		}
	}
	w.check(t, "publishing with every header of the broker")
}

// The answer to a request goes wherever its sender says, in the server's own name.
// An empty answer sent to $JS.API.STREAM.DELETE.RECORDS deletes the log where a
// device is a user of the account that has it: that is why it is not.
func TestDeviceCannotDeleteByReflection(t *testing.T) {
	w := newSealedWorld(t)
	conn := raw(t, w.Broker, w.Device("desk-1"))
	const create = `{"stream_name":"RECORDS","action":"create","config":{"name":"c","filter_subject":"carelog.p1.*","ack_policy":"none","deliver_policy":"new"}}`
	if _, err := conn.Request("carelogapi.CONSUMER.CREATE.RECORDS.c.carelog.p1.*", []byte(create), time.Second); err != nil {
		t.Fatal(err)
	}
	const batch = "batch" // an atomic one, of which each message is acknowledged with nothing at all
	inBatch := 0
	for _, prefix := range []string{"$JS.API.", "carelogapi."} {
		for target := range requests {
			target = prefix + target
			push, err := json.Marshal(map[string]any{"stream_name": "RECORDS", "config": map[string]any{"name": "p",
				"filter_subject": "carelog.p1.*", "ack_policy": "none", "deliver_policy": "all", "deliver_subject": target}})
			if err != nil {
				t.Fatal(err)
			}
			for _, reflected := range []struct{ subject, body string }{
				{"carelogapi.CONSUMER.MSG.NEXT.RECORDS.c", `{"batch":1,"no_wait":true}`},
				{"carelogapi.CONSUMER.MSG.NEXT.RECORDS.c", `{"batch":1,"expires":1000000}`},
				{"carelogapi.CONSUMER.MSG.NEXT.RECORDS.gone", `{"batch":1}`},
				{"carelogapi.STREAM.MSG.GET.RECORDS", `{"seq":1}`},
				{"carelogapi.STREAM.INFO.RECORDS", ``},
				{"carelogapi.CONSUMER.CREATE.RECORDS.p.carelog.p1.*", string(push)},
				{"carelogapi.CONSUMER.DELETE.RECORDS.p", ``},
				{"carelog.p1.pat-2", ``},
				{"carelogapi.CONSUMER.MSG.NEXT.OBJ_SNAPSHOTS.gone", `{"batch":1,"no_wait":true}`},
				{"carelogapi.CONSUMER.DELETE.OBJ_SNAPSHOTS.p", ``},
				{"carelogapi.STREAM.INFO.OBJ_SNAPSHOTS", ``},
				{"carelogapi.STREAM.PURGE.OBJ_SNAPSHOTS", ``},
				{"carelogapi.STREAM.MSG.GET.OBJ_SNAPSHOTS", `{"seq":1}`},
				{"$O.SNAPSHOTS.C.piece", ``},
				{"$O.SNAPSHOTS.M.name", ``},
				{"carelogtrail.p1.lease.snapshot", ``},
				{pieceSubject, ``},
				{"carelogapi.STREAM.INFO.ATTACHMENTS", ``},
				{"careloglooks.p1.desk-1", ``},
				{"carelogapi.STREAM.INFO.LOOKS", ``},
				{"carelogapi.STREAM.MSG.GET.LOOKS", `{"seq":9}`},
				{"carelogapi.STREAM.MSG.GET.ATTACHMENTS", `{"seq":9}`},
			} {
				if err := conn.PublishRequest(reflected.subject, target, []byte(reflected.body)); err != nil {
					t.Fatal(err)
				}
			}
			inBatch++
			m := nats.NewMsg("carelog.p1.pat-3")
			m.Reply = target
			m.Header.Set("Nats-Batch-Id", batch)
			m.Header.Set("Nats-Batch-Sequence", strconv.Itoa(inBatch))
			if err := conn.PublishMsg(m); err != nil {
				t.Fatal(err)
			}
		}
	}
	end := nats.NewMsg("carelog.p1.pat-3")
	end.Header.Set("Nats-Batch-Id", batch)
	end.Header.Set("Nats-Batch-Sequence", strconv.Itoa(inBatch+1))
	end.Header.Set("Nats-Batch-Commit", "1")
	if answer, err := conn.RequestMsg(end, 10*time.Second); err != nil {
		t.Fatal(err)
	} else if !strings.Contains(string(answer.Data), `"seq"`) || strings.Contains(string(answer.Data), `"error"`) {
		t.Fatalf("the batch was not stored, so it has proved nothing: %s", answer.Data)
	}
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	w.check(t, "naming the API as the place for answers")
}

func TestDeviceHearsOnlyItself(t *testing.T) {
	w := newSealedWorld(t)
	conn := raw(t, w.Broker, w.Device("desk-1"))
	for _, subject := range []string{">", "carelog.>", "carelog.p1.*", "_INBOX.>", "_INBOX.desk-2.>", "$JS.>", "$KV.>", "_R_.>"} {
		sub, err := conn.SubscribeSync(subject)
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.Flush(); err != nil {
			t.Fatal(err)
		}
		if _, err := sub.NextMsg(time.Second); !errors.Is(err, nats.ErrPermissionViolation) {
			t.Errorf("subscribing to %s: %v, want that it is not allowed", subject, err)
		}
	}
}

func TestPracticesAreApart(t *testing.T) {
	w := newSealedWorld(t)
	signing, err := nkeys.CreateAccount()
	if err != nil {
		t.Fatal(err)
	}
	other := w.AddPractice("p2", signing)
	token, seed, err := broker.IssueUser(signing, other.PublicKey, "p2", "desk-1")
	if err != nil {
		t.Fatal(err)
	}
	thief := &brokertest.Device{Name: "desk-1", JWT: token, Seed: seed}
	conn := raw(t, w.Broker, thief)
	if _, err := conn.Request(w.record.Subject, nil, 100*time.Millisecond); err == nil {
		t.Error("a device of p2 has written to p1")
	}
	answer, err := conn.Request("carelogapi.STREAM.MSG.GET.RECORDS", []byte(`{"seq":1}`), 20*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Error *struct{ Code int } `json:"error"`
	}
	if err := json.Unmarshal(answer.Data, &got); err != nil || got.Error == nil || got.Error.Code != 404 {
		t.Errorf("the empty log of p2 answers %s, want that there is no message", answer.Data)
	}
	// A user of p1's account that p2's key has signed is nobody.
	token, seed, err = broker.IssueUser(signing, w.Account(), brokertest.Practice, "desk-1")
	if err != nil {
		t.Fatal(err)
	}
	if conn, err := nats.Connect(w.URL(), nats.UserJWTAndSeed(token, seed)); err == nil {
		conn.Close()
		t.Error("a user that another practice's key has signed was let in")
	}
	w.check(t, "another practice's attempts")
}
