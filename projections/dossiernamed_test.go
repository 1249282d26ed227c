package projections_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// Who asks for the few of a dossier with a certain name does not open what else stands there, however much it is.
func TestOfADossierByName(t *testing.T) {
	opened := make(map[string]int)
	o := options()
	o.Opener = func(e *events.Event) ([]byte, error) { opened[e.Record.ID]++; return plainOpener(e) }
	s, err := projections.Open(t.Context(), filepath.Join(t.TempDir(), "record.db"), o)
	if err != nil {
		t.Fatal(err)
	}
	defer finish(t, s)
	d := newDesk("a")
	for i, r := range []events.Record{{Type: "Basic", ID: "warning-2"}, {Type: "Basic", ID: "setting"}, {Type: "Basic", ID: "warning-1"}, {Type: "List", ID: "warning-3"}} {
		read(t, s, at(uint64(i+1), d.write(r, note1("x"))))
	}
	clear(opened)
	got, err := s.DossierNamed(t.Context(), "pat-1", "Basic", "warning-")
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, state := range got {
		ids = append(ids, state.Record.ID)
	}
	if fmt.Sprint(ids) != "[warning-1 warning-2]" || len(opened) != 2 {
		t.Errorf("got %v, and opened %v", ids, opened)
	}
}
