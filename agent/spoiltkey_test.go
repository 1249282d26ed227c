package agent_test

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/light"
	"github.com/carelog/carelog/broker/memlog"
	"github.com/carelog/carelog/events"
)

// spoilKey spoils the key of a patient on the disk of a desk that is off.
func (m *machine) spoilKey(patient string) {
	m.world.t.Helper()
	m.alter("UPDATE wrapped_key SET wrapped = zeroblob(length(wrapped)) WHERE patient = ?", patient)
}

// shown reports whether a desk shows what was written of a patient.
func (m *machine) shown(id string) bool {
	state, err := m.Store().Record(m.world.t.Context(), events.Record{Type: "Patient", ID: id})
	return err == nil && state.Shown.Body != nil
}

// A key that the disk of a desk has spoilt is the server's to give: the desk starts, says so, takes it again, and keeps it.
func TestAKeyIsSpoiltOnADesk(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one, two := w.two()
		two.register("pat-1")
		w.settled()
		one.stop()
		one.start() // it notes how far the keys were read
		w.settled()
		one.stop()
		one.spoilKey("pat-1")
		one.start()
		w.settled()
		if one.shown("pat-1") {
			t.Error("it is shown without its key")
		}
		w.await(t, "what the key opens", func() bool { return one.shown("pat-1") })
		one.stop()
		one.fault((*memlog.Log).Cut)
		one.start()
		if !one.shown("pat-1") {
			t.Error("the server's key was not kept")
		}
		one.mend()
		w.settled()
		w.agreed()
	})
}

// It is not given to a server that has lost it: nobody could give it the right one any more.
func TestASpoiltKeyIsGivenToNobody(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one, two := w.lostKey()
		one.spoilKey("pat-1")
		one.start()
		w.settled()
		two.start()
		w.settled()
		three := w.desk("three")
		w.settled()
		for _, m := range []*machine{one, two, three} {
			w.await(t, "what the key opens at "+m.Name, func() bool { return m.shown("pat-1") })
			if s := m.Now(); s.Color != light.Online {
				t.Errorf("the light of %s is %s: %s", m.Name, s.Color, s.Reason)
			}
		}
		w.agreed()
	})
}

// spoilTable writes zeros over the first page of a table of record.db; the machine must have stopped.
func (m *machine) spoilTable(name string) {
	m.world.t.Helper()
	path := filepath.Join(m.Config.Data, agent.ProjectionFile)
	db, err := sql.Open("sqlite", path)
	if err != nil {
		m.world.t.Fatal(err)
	}
	var page, size int64
	err = db.QueryRow("SELECT rootpage, page_size FROM sqlite_master, pragma_page_size WHERE name = ?", name).Scan(&page, &size)
	if err := errors.Join(err, db.Close()); err != nil {
		m.world.t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err == nil {
		_, err = f.WriteAt(make([]byte, size), (page-1)*size)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		m.world.t.Fatal(err)
	}
}

// The keys in a projection whose other part is damaged go into the next one, also those that the server has lost: it gets them back.
func TestKeysOutOfADamagedProjectionAreKept(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one, _ := w.lostKey()
		one.spoilTable("event")
		one.start()
		if !one.warned("projection-rebuilt") {
			t.Error("it is not said that the projection was damaged")
		}
		w.settled()
		one.stop()
		one.start()
		w.settled()
		three := w.desk("three")
		w.settled()
		for _, m := range []*machine{one, three} {
			w.await(t, "what the key opens at "+m.Name, func() bool { return m.shown("pat-1") })
		}
	})
}

// lostKey has two desks that are stopped, and a patient of theirs whose key the server has lost.
func (w *world) lostKey() (one, two *machine) {
	one, two = w.two()
	two.register("pat-1")
	w.settled()
	one.stop()
	two.stop()
	w.server.LoseKeys("pat-1")
	return one, two
}
