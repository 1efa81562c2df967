package fleet

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func restart(t *testing.T, fleet *Fleet) *Fleet {
	t.Helper()
	again := newTestFleet()
	snapshot, agents := snapshotOf(t, fleet)
	if err := again.Restore(snapshot, agents); err != nil {
		t.Fatal(err)
	}
	return again
}

func snapshotOf(t *testing.T, fleet *Fleet) (Snapshot, []SavedAgent) {
	t.Helper()
	var agents []SavedAgent
	snapshot, err := fleet.Snapshot(func(saved SavedAgent) error {
		agents = append(agents, saved)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return snapshot, agents
}

func TestTargetsAndHistoryOutliveTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fleet, all, own := newTestFleet(), config("a"), config("b")
		a := newAgent(fleet, 1)
		a.hello(accepting)
		if _, _, err := fleet.SetShared(all, AnyRevision, "me"); err != nil {
			t.Fatal(err)
		}
		last := a.set(t, own)
		a.send(nil)
		a.reports(failed, own, "no such exporter")

		time.Sleep(time.Minute)
		a.fleet = restart(t, fleet)
		if got := a.status(t).Connection; got != Disconnected {
			t.Errorf("an agent that was not heard yet is %s", got)
		}
		a.expect(t, Failed, "no such exporter")
		if reply := a.send(nil); reply.RemoteConfig != nil || !asksForFullState(reply) {
			t.Errorf("reply is %v, want a question and no offer of what has failed", reply)
		}
		if reply := a.reports(applied, all, ""); reply.RemoteConfig != nil {
			t.Error("what has failed is offered again")
		}
		other := newAgent(a.fleet, 2)
		if !offers(other.hello(accepting), all) {
			t.Error("a new agent is not offered the configuration of all")
		}
		if history := a.fleet.History(); len(history) != 2 || history[0].Setting != last || a.fleet.Past(all.Hash()) == nil {
			t.Errorf("history is %+v, want both changes", history)
		}
		if next := a.set(t, all); next.Revision <= last.Revision {
			t.Errorf("revision %d follows on %d", next.Revision, last.Revision)
		}
	})
}

func TestWhatWasTakenAwayStaysAway(t *testing.T) {
	a := newAgent(newTestFleet(), 1)
	a.hello(accepting)
	a.set(t, config("a"))
	a.set(t, nil)
	a.fleet = restart(t, a.fleet)
	if reply := a.hello(accepting); reply.RemoteConfig != nil {
		t.Errorf("%v is offered", reply.RemoteConfig)
	}
	if status := a.status(t); status.Wanted != nil {
		t.Errorf("wanted is %+v, want nothing", status.Wanted)
	}
}

func TestDamagedSnapshotIsRefused(t *testing.T) {
	a := newAgent(newTestFleet(), 1)
	a.hello(accepting)
	set := a.set(t, config("a"))
	for message, damage := range map[string]func(*Snapshot, []SavedAgent){
		"is missing":      func(s *Snapshot, _ []SavedAgent) { delete(s.Configs, set.Hash) },
		"another content": func(s *Snapshot, _ []SavedAgent) { s.Configs[set.Hash] = map[string]string{"": "b"} },
		"instance UID":    func(_ *Snapshot, agents []SavedAgent) { agents[0].InstanceUID = "x" },
		`time "x"`:        func(_ *Snapshot, agents []SavedAgent) { agents[0].Wanted.ChangedAtUnixNano = "x" },
	} {
		snapshot, agents := snapshotOf(t, a.fleet)
		damage(&snapshot, agents)
		if err := newTestFleet().Restore(snapshot, agents); err == nil || !strings.Contains(err.Error(), message) {
			t.Errorf("error is %v, want one with %q", err, message)
		}
	}
}
