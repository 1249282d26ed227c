package brokertest

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/carelog/carelog/broker"
	"github.com/carelog/carelog/events"
)

// Stored returns all of the log that is there, past all lines, as an administrator sees it.
func (b *Broker) Stored() []events.Stored {
	b.t.Helper()
	js, done := b.admin()
	defer done()
	stream, err := js.Stream(b.t.Context(), "RECORDS")
	if err != nil {
		b.t.Fatal(err)
	}
	var list []events.Stored
	for sequence := uint64(1); sequence <= stream.CachedInfo().State.LastSeq; sequence++ {
		m, err := stream.GetMsg(b.t.Context(), sequence)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			b.t.Fatalf("message %d: %v", sequence, err)
		}
		for name := range m.Header {
			if strings.HasPrefix(name, "Nats-Expected-") || strings.HasPrefix(name, "Nats-Batch-") {
				delete(m.Header, name)
			}
		}
		list = append(list, events.Stored{Sequence: m.Sequence, Time: m.Time,
			Message: events.Message{Subject: m.Subject, Header: m.Header, Data: m.Data}})
	}
	return list
}

// Keys returns what stands in the bucket of keys, past all lines, as an administrator sees it:
// the wrapped keys by their names.
func (b *Broker) Keys() map[string]string {
	b.t.Helper()
	js, done := b.admin()
	defer done()
	const bucket = "$KV.KEYS."
	stream, err := js.Stream(b.t.Context(), "KV_KEYS")
	if err != nil {
		b.t.Fatal(err)
	}
	info, err := stream.Info(b.t.Context(), jetstream.WithSubjectFilter(bucket+">"))
	if err != nil {
		b.t.Fatal(err)
	}
	keys := make(map[string]string)
	for subject := range info.State.Subjects {
		m, err := stream.GetLastMsgForSubject(b.t.Context(), subject)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue // it stands there, and cannot be read
		}
		if err != nil {
			b.t.Fatal(err)
		}
		keys[strings.TrimPrefix(subject, bucket)] = string(m.Data)
	}
	return keys
}

// CountKeys is how many keys stand in the bucket, as the server counts them.
func (b *Broker) CountKeys() int {
	b.t.Helper()
	js, done := b.admin()
	defer done()
	stream, err := js.Stream(b.t.Context(), "KV_KEYS")
	if err != nil {
		b.t.Fatal(err)
	}
	return int(stream.CachedInfo().State.Msgs)
}

// EraseKeys removes a patient's keys, as the operator does.
func (b *Broker) EraseKeys(patient string) {
	b.t.Helper()
	if _, err := broker.EraseKeys(b.t.Context(), b.Access(), Practice, patient); err != nil {
		b.t.Fatal(err)
	}
}

// PurgeKeys removes a patient's keys with another tool than the operator's, which notes nothing.
func (b *Broker) PurgeKeys(patient string) {
	b.t.Helper()
	js, done := b.admin()
	defer done()
	stream, err := js.Stream(b.t.Context(), "KV_KEYS")
	if err == nil {
		err = stream.Purge(b.t.Context(), jetstream.WithPurgeSubject("$KV.KEYS."+events.SubjectToken(patient)+".*"))
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// admin is a connection that may do all within the practice's account.
func (b *Broker) admin() (js jetstream.JetStream, done func()) {
	b.t.Helper()
	access := b.Access()
	conn, err := nats.Connect(b.url, nats.UserJWTAndSeed(access.JWT, access.Seed))
	if err != nil {
		b.t.Fatal(err)
	}
	if js, err = jetstream.New(conn); err != nil {
		b.t.Fatal(err)
	}
	return js, conn.Close
}

// LimitObjects lets the object store have at most so many bytes; 0 is no limit.
func (b *Broker) LimitObjects(bytes int64) { b.limit("OBJ_SNAPSHOTS", bytes) }

// LimitAttachments lets the attachments have at most so many bytes; 0 is no limit.
func (b *Broker) LimitAttachments(bytes int64) { b.limit("ATTACHMENTS", bytes) }

// LimitEvents lets the server refuse, for good, every event that has more than so many bytes; 0 is no limit.
func (b *Broker) LimitEvents(bytes int32) {
	b.t.Helper()
	b.update("RECORDS", func(c *jetstream.StreamConfig) {
		if c.MaxMsgSize = bytes; bytes == 0 {
			c.MaxMsgSize = -1
		}
	})
}

// CompressLog lets the log be compressed on the disk, as an operator can.
func (b *Broker) CompressLog() {
	b.t.Helper()
	b.update("RECORDS", func(c *jetstream.StreamConfig) { c.Compression = jetstream.S2Compression })
}

func (b *Broker) limit(name string, bytes int64) {
	b.t.Helper()
	b.update(name, func(c *jetstream.StreamConfig) {
		if c.MaxBytes = bytes; bytes == 0 {
			c.MaxBytes = -1
		}
	})
}

func (b *Broker) update(name string, change func(*jetstream.StreamConfig)) {
	b.t.Helper()
	js, done := b.admin()
	defer done()
	stream, err := js.Stream(b.t.Context(), name)
	if err != nil {
		b.t.Fatal(err)
	}
	config := stream.CachedInfo().Config
	change(&config)
	if _, err := js.UpdateStream(b.t.Context(), config); err != nil {
		b.t.Fatal(err)
	}
}

// DamageObject makes an object another one than was stored.
func (b *Broker) DamageObject(name string) {
	b.t.Helper()
	b.object(name, func(js jetstream.JetStream, m *nats.Msg, info map[string]any) {
		info["digest"] = "SHA-256=" + base64.URLEncoding.EncodeToString(make([]byte, 32))
		var err error
		if m.Data, err = json.Marshal(info); err != nil {
			b.t.Fatal(err)
		}
		if _, err := js.PublishMsg(b.t.Context(), m); err != nil {
			b.t.Fatal(err)
		}
	})
}

// LoseObject loses the content of an object; its name stays.
func (b *Broker) LoseObject(name string) {
	b.t.Helper()
	b.object(name, func(js jetstream.JetStream, _ *nats.Msg, info map[string]any) {
		stream, err := js.Stream(b.t.Context(), "OBJ_SNAPSHOTS")
		if err != nil {
			b.t.Fatal(err)
		}
		if err := stream.Purge(b.t.Context(), jetstream.WithPurgeSubject("$O.SNAPSHOTS.C."+info["nuid"].(string))); err != nil {
			b.t.Fatal(err)
		}
	})
}

// object gives what announces an object to f.
func (b *Broker) object(name string, f func(js jetstream.JetStream, m *nats.Msg, info map[string]any)) {
	b.t.Helper()
	js, done := b.admin()
	defer done()
	stream, err := js.Stream(b.t.Context(), "OBJ_SNAPSHOTS")
	if err != nil {
		b.t.Fatal(err)
	}
	subject := "$O.SNAPSHOTS.M." + base64.URLEncoding.EncodeToString([]byte(name))
	last, err := stream.GetLastMsgForSubject(b.t.Context(), subject)
	if err != nil {
		b.t.Fatal(err)
	}
	var info map[string]any
	if err := json.Unmarshal(last.Data, &info); err != nil {
		b.t.Fatal(err)
	}
	f(js, &nats.Msg{Subject: subject, Header: nats.Header{nats.MsgRollup: []string{nats.MsgRollupSubject}}}, info)
}
