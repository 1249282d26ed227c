package broker

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// Drift is one setting of a stream that is not as it should be.
type Drift struct {
	Stream, Setting, Want, Got string
	// Deletes says that the server deletes by it, by itself, what nobody can make again.
	Deletes bool
}

// DriftError says that a practice's streams are not as Provision would make them.
// Nothing was changed: a person decides.
type DriftError struct{ Drifts []Drift }

// Error lists every difference, one to a line.
func (e *DriftError) Error() string {
	var b strings.Builder
	b.WriteString("its streams are not as they should be; nothing was changed. Set right, with the tools of your NATS server:")
	for _, d := range e.Drifts {
		fmt.Fprintf(&b, "\n  %s: %s is %s, and should be %s", d.Stream, d.Setting, d.Got, d.Want)
		if d.Deletes {
			b.WriteString(": the server deletes by it what nobody can make again")
		}
	}
	return b.String()
}

// Deletes reports whether the server deletes by one of them what nobody can make again.
func (e *DriftError) Deletes() bool {
	return slices.ContainsFunc(e.Drifts, func(d Drift) bool { return d.Deletes })
}

// deletes reports whether a stream loses messages by a setting that it has beyond what is wanted.
func deletes(setting string, got jetstream.StreamConfig) bool {
	if got.Name == streamTrail || got.Name == streamSnapshots { // which can be made again
		return false
	}
	old := got.Discard == jetstream.DiscardOld
	switch setting {
	case "retention":
		return true
	case "max_age":
		return got.MaxAge > 0
	case "max_msgs":
		return got.MaxMsgs > 0 && old
	case "max_bytes":
		return got.MaxBytes > 0 && old
	case "max_msgs_per_subject", "discard", "discard_new_per_subject":
		return got.MaxMsgsPerSubject > 0 && (old || !got.DiscardNewPerSubject)
	}
	return false
}

// compare lists what differs of what matters. The description and what the server
// adds by itself do not matter; a stream that has more in its metadata is no drift.
func compare(want, got jetstream.StreamConfig) []Drift {
	var list []Drift
	name := want.Name
	check := func(setting string, wanted, found any) {
		if w, g := fmt.Sprint(wanted), fmt.Sprint(found); w != g {
			list = append(list, Drift{Stream: name, Setting: setting, Want: w, Got: g, Deletes: deletes(setting, got)})
		}
	}
	check("subjects", sorted(want.Subjects), sorted(got.Subjects))
	check("storage", want.Storage, got.Storage)
	check("retention", want.Retention, got.Retention)
	check("discard", want.Discard, got.Discard)
	check("discard_new_per_subject", want.DiscardNewPerSubject, got.DiscardNewPerSubject)
	if got.Replicas < want.Replicas { // more copies are no fault
		check("num_replicas", want.Replicas, got.Replicas)
	}
	check("max_msgs", unlimited(want.MaxMsgs), unlimited(got.MaxMsgs))
	check("max_bytes", unlimited(want.MaxBytes), unlimited(got.MaxBytes))
	if name != streamLooks { // how long looks are kept, the operator sets as the law wants it
		check("max_age", want.MaxAge, got.MaxAge)
	}
	check("max_msgs_per_subject", unlimited(want.MaxMsgsPerSubject), unlimited(got.MaxMsgsPerSubject))
	check("max_msg_size", unlimited(int64(want.MaxMsgSize)), unlimited(int64(got.MaxMsgSize)))
	check("max_consumers", unlimited(int64(want.MaxConsumers)), unlimited(int64(got.MaxConsumers)))
	check("duplicate_window", want.Duplicates, got.Duplicates)
	check("deny_delete", want.DenyDelete, got.DenyDelete)
	check("deny_purge", want.DenyPurge, got.DenyPurge)
	check("allow_rollup_hdrs", want.AllowRollup, got.AllowRollup)
	check("allow_direct", want.AllowDirect, got.AllowDirect)
	check("allow_atomic", want.AllowAtomicPublish, got.AllowAtomicPublish)
	check("allow_msg_ttl", want.AllowMsgTTL, got.AllowMsgTTL)
	check("no_ack", want.NoAck, got.NoAck)
	check("sealed", want.Sealed, got.Sealed)
	check("persist_mode", want.PersistMode, got.PersistMode)
	check("mirror", want.Mirror, got.Mirror)
	check("sources", len(want.Sources), len(got.Sources))
	check("republish", want.RePublish, got.RePublish)
	check("subject_transform", want.SubjectTransform, got.SubjectTransform)
	return list
}

func sorted(s []string) []string { return slices.Sorted(slices.Values(s)) }

// unlimited writes the server's two ways to say "no limit" as one.
func unlimited(n int64) int64 {
	if n <= 0 {
		return -1
	}
	return n
}
