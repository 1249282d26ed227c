package broker

import "time"

// Bounds of what is under way of a mass that is read, in bytes and in time.
const (
	windowFirst   = 64 << 10
	windowLeast   = 32 << 10
	windowShort   = 100 * time.Millisecond // what comes within has a fast line
	windowLong    = 200 * time.Millisecond // what does not fills a slow one
	windowMessage = 1 << 10                // of a message, before one has come
)

// window is how much of a delivery may be under way. That of a mass begins small, and grows as long as what is asked
// for comes at once: on a slow line little stands before what somebody waits for, who asks on another.
type window struct {
	fixed       int           // messages; 0: by what follows
	pull        int           // bytes of one pull; 0: no bound
	bytes       int           // that may be under way
	least, most int           // of them
	message     int           // bytes of one, about
	base        time.Duration // from asking to the first message, at best
}

// newWindow is the window of a delivery.
func newWindow(d delivery) *window {
	switch {
	case d.pieces:
		return &window{bytes: objectChunk, least: objectChunk, most: objectMost * objectChunk, message: objectChunk}
	case d.mass:
		return &window{pull: pullBytes, bytes: windowFirst, least: windowLeast, most: pullBytes, message: windowMessage}
	}
	return &window{fixed: pullMessages, pull: pullBytes}
}

// messages is how many may be under way.
func (w *window) messages() int {
	if w.fixed > 0 {
		return w.fixed
	}
	return min(max((w.bytes+w.message/2)/w.message, 1), pullMessages)
}

// size learns from a message of so many bytes.
func (w *window) size(bytes int) { w.message = max(w.message+(bytes-w.message)/16, 1) }

// began learns how long a pull took to its first message.
func (w *window) began(after time.Duration) {
	if w.base == 0 || after < w.base {
		w.base = after
	}
}

// ended learns how long a pull took to its last message.
func (w *window) ended(after time.Duration) {
	switch after -= w.base; {
	case after < windowShort:
		w.bytes = min(2*w.bytes, w.most)
	case after > windowLong:
		w.bytes = max(w.bytes/2, w.least)
	}
}
