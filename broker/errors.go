package broker

import (
	"errors"
	"fmt"
	"strings"

	"github.com/carelog/carelog/broker/internal/writing"
	"github.com/carelog/carelog/events"
)

// Answers of JetStream that mean something to an append or a read (nats-server 2.15.2).
const (
	codeNoMessage         = 10037
	codeWrongLastSequence = 10071 // with the sequence that there is
	codeWrongLastInFlight = 10164 // the same, where another message is under way
	codeTooLarge          = 10054
	codeHeaderTooLarge    = 10097
	codeExpectedStream    = 10060
	codeBatchDuplicate    = 10201
	codeAccountFull       = 10002
	codeServerFull        = 10023
	codeStorageFull       = 10047
	codeStoreFailed       = 10077 // with the reason in words
	codeBatchTooLarge     = 10199
	codeBatchIncomplete   = 10176
)

// apiError is JetStream's own form of an error.
type apiError struct {
	Status      int    `json:"code"`
	Code        int    `json:"err_code"`
	Description string `json:"description"`
}

// Error gives the server's words and number.
func (e *apiError) Error() string {
	return fmt.Sprintf("the server answers %d: %s", e.Code, e.Description)
}

// full reports whether the server has no room for a message: it asks itself that before it stores or proposes one.
func (e *apiError) full() bool {
	switch e.Code {
	case codeAccountFull, codeServerFull, codeStorageFull:
		return true
	}
	return e.Code == codeStoreFailed && strings.Contains(e.Description, "maximum")
}

// appendError says what the answer to a publish means for the message. Only what
// can never succeed is refused for good: a missing leader passes, and whether such a
// message was stored is for a read to tell.
func appendError(e *apiError) error {
	switch e.Code {
	case codeWrongLastSequence, codeWrongLastInFlight:
		return fmt.Errorf("%w: %w", writing.ErrConflict, e)
	case codeBatchDuplicate:
		return fmt.Errorf("%w: %w", writing.ErrDuplicate, e)
	case codeTooLarge, codeHeaderTooLarge, codeExpectedStream, codeBatchTooLarge:
		return &events.RefusedError{Code: e.Code, Reason: e.Description}
	}
	if e.full() {
		return fmt.Errorf("%w: %w", events.ErrFull, e)
	}
	return fmt.Errorf("%w: %w", events.ErrUnknownOutcome, e)
}

// isCode reports whether err is that answer of JetStream.
func isCode(err error, code int) bool {
	var e *apiError
	return errors.As(err, &e) && e.Code == code
}
