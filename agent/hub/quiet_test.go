package hub_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/carelog/carelog/agent/hub"
)

// What a hub says may speak of the patient: the number is left out wherever it is shown, and all
// of its words where it is logged.
func TestWhatAHubSaysOfPatients(t *testing.T) {
	for _, err := range []error{
		&hub.AnswerError{Operation: "PutTransaction", Codes: []hub.Code{{Code: "999", Text: "Fictief Voorbeeld (" + inss + ") is not known"}}},
		&hub.FaultError{Operation: "PutTransaction", Code: "soap:Client", Text: "Fictief Voorbeeld, 58.03.14-999.14, is not known"},
	} {
		wrapped := fmt.Errorf("of one patient: %w", err)
		if text := wrapped.Error(); strings.Contains(text, inss) || strings.Contains(text, "999.14") || !strings.Contains(text, "is not known") {
			t.Errorf("it is shown as %q", text)
		}
		if text := hub.Quiet(wrapped); strings.Contains(text, "Fictief") || strings.Contains(text, inss) || !strings.Contains(text, "PutTransaction") {
			t.Errorf("it is logged as %q", text)
		}
	}
	if text := hub.Quiet(fmt.Errorf("read /subject/%s/sumehr/1: broken pipe", inss)); strings.Contains(text, inss) || !strings.Contains(text, "broken pipe") {
		t.Errorf("it is logged as %q", text)
	}
}
