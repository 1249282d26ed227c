package events

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Bounds of the attributes of a newer version: with MaxParents they leave the header
// under the 64 KiB of the broker.
const (
	maxExtra      = 32
	maxExtraBytes = 8 << 10 // of all names and values together
)

// Check reports what keeps an event from being encoded: a *BrokenError, or nil.
func (e *Event) Check() error {
	if err := e.fault(); err != nil {
		return &BrokenError{ID: e.ID.String(), Reason: err.Error()}
	}
	return nil
}

// fault says what keeps the event from being written or read, or nil. Encode and
// Decode hold an event to the same rules, so that what one writes the other reads.
func (e *Event) fault() error {
	for _, find := range [...]func() error{e.nameFault, e.graphFault, e.bodyFault, e.extraFault} {
		if err := find(); err != nil {
			return err
		}
	}
	return nil
}

// nameFault looks at what the event is, of what, by whom and when.
func (e *Event) nameFault() error {
	if e.ID.IsZero() {
		return errors.New("it has no id")
	}
	if len(e.Type) == 0 || len(e.Type) > 128 || !all(string(e.Type), typeByte) {
		return fmt.Errorf("type %q: want 1 to 128 of a-z, 0-9 and dot", clip(string(e.Type)))
	}
	if err := ValidateName("practice", e.Practice); err != nil {
		return err
	}
	if err := ValidateName("device", e.Device); err != nil {
		return err
	}
	if err := e.Record.Validate(); err != nil {
		return err
	}
	if e.Patient != "" {
		if err := ValidateID("patient", e.Patient); err != nil {
			return err
		}
	}
	if e.Author != "" {
		if err := ValidateID("author", e.Author); err != nil {
			return err
		}
	}
	if e.Time.Location() != time.UTC || e.Time.Nanosecond()%int(time.Millisecond) != 0 || e.Time.Before(earliest) || e.Time.After(latest) {
		return fmt.Errorf("time %v: want UTC in whole milliseconds, years 1 to 9999", e.Time)
	}
	return nil
}

// graphFault looks at the event's place among its record's and its device's events.
func (e *Event) graphFault() error {
	if len(e.Parents) > MaxParents {
		return fmt.Errorf("%d parents: at most %d", len(e.Parents), MaxParents)
	}
	for i, p := range e.Parents {
		if i > 0 && e.Parents[i-1].Compare(p) >= 0 {
			return errors.New("its parents are not sorted, or one stands twice")
		}
	}
	if n := len(e.Parents); n > 0 && e.Parents[n-1].Compare(e.ID) >= 0 {
		return fmt.Errorf("parent %s is not older than the event", e.Parents[n-1])
	}
	if e.Chain.Counter == 0 {
		return errors.New("its chain has no counter")
	}
	if (e.Chain.Counter == 1) != e.Chain.Previous.IsZero() {
		return fmt.Errorf("its chain's counter is %d and its previous digest %s", e.Chain.Counter, e.Chain.Previous)
	}
	if e.Type.Known() && (e.Type == SetAside) == e.Replaces.IsZero() {
		return errors.New("only a set-aside, and each of them, names the event it stands for")
	}
	return nil
}

// bodyFault looks at the body and its type.
func (e *Event) bodyFault() error {
	switch {
	case len(e.ContentType) > 128 || !all(e.ContentType, printable) || strings.TrimSpace(e.ContentType) != e.ContentType:
		return fmt.Errorf("content type %q: want at most 128 printable ASCII characters", clip(e.ContentType))
	case len(e.Sealed) > MaxSealed:
		return fmt.Errorf("its body has %d bytes: at most %d", len(e.Sealed), MaxSealed)
	case e.Type == Written && len(e.Sealed) == 0:
		return errors.New("it has no body")
	case e.Type == Deleted && len(e.Sealed) > 0:
		return errors.New("it is a deletion with a body")
	}
	return nil
}

// extraFault looks at the attributes that this version does not know.
func (e *Event) extraFault() error {
	if len(e.Extra) > maxExtra {
		return fmt.Errorf("%d unknown attributes: at most %d", len(e.Extra), maxExtra)
	}
	size := 0
	for i, a := range e.Extra {
		name, ok := strings.CutPrefix(a.Name, prefix)
		if !ok || len(name) == 0 || len(name) > 61 || !all(name, attributeByte) || known(a.Name) {
			return fmt.Errorf("unknown attribute %q: want ce- and 1 to 61 of a-z and 0-9", clip(a.Name))
		}
		if a.Value == "" || !all(a.Value, printable) || strings.TrimSpace(a.Value) != a.Value {
			return fmt.Errorf("attribute %s: want printable ASCII characters, without space around", a.Name)
		}
		if i > 0 && e.Extra[i-1].Name >= a.Name {
			return errors.New("its unknown attributes are not sorted, or one stands twice")
		}
		if size += len(a.Name) + len(a.Value); size > maxExtraBytes {
			return fmt.Errorf("its unknown attributes have over %d bytes", maxExtraBytes)
		}
	}
	return nil
}

func typeByte(b byte) bool { return attributeByte(b) || b == '.' }

func attributeByte(b byte) bool { return 'a' <= b && b <= 'z' || '0' <= b && b <= '9' }

func printable(b byte) bool { return ' ' <= b && b <= '~' }
