package events

import "time"

// Stored is a message with its place in the log.
type Stored struct {
	Sequence uint64
	Time     time.Time // when the broker stored it, by the broker's clock
	Message
}
