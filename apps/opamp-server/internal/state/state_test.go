package state

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/open-telemetry/opamp-go/protobufs"

	"tinyolly.dev/apps/opamp-server/internal/collector"
	"tinyolly.dev/apps/opamp-server/internal/fleet"
)

func newFleet() *fleet.Fleet {
	return fleet.New(fleet.Limits{Agents: 10, EffectiveBytes: 1 << 10}, slog.New(slog.DiscardHandler))
}

func restore(t *testing.T, path string) (*fleet.Fleet, *Keeper) {
	t.Helper()
	agents := newFleet()
	keeper, err := Restore(path, agents, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return agents, keeper
}

// run keeps what changes until the returned function is called.
func run(keeper *Keeper) func() {
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { keeper.Run(ctx); close(ended) }()
	return func() { stop(); <-ended }
}

func set(t *testing.T, agents *fleet.Fleet, uid uuid.UUID) fleet.Setting {
	t.Helper()
	agents.Receive(nil, &protobufs.AgentToServer{
		InstanceUid:  uid[:],
		Capabilities: uint64(protobufs.AgentCapabilities_AgentCapabilities_AcceptsRemoteConfig),
	})
	setting, err := agents.Set(uid.String(), collector.Trust(collector.One("receivers: {a: }")), fleet.AnyRevision, "me")
	if err != nil {
		t.Fatal(err)
	}
	return setting
}

func TestTargetsOutliveTheServer(t *testing.T) {
	path, uid := filepath.Join(t.TempDir(), "state.json"), uuid.New()
	agents, keeper := restore(t, path)
	stop := run(keeper)
	want := set(t, agents, uid)
	stop()

	again, _ := restore(t, path)
	if _, got, err := again.Config(uid.String()); err != nil || got != want {
		t.Errorf("setting is %+v (%v), want %+v", got, err, want)
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
		t.Errorf("the folder has %v (%v), want only the file", entries, err)
	}
}

func TestTargetsOutliveAServerThatIsKilled(t *testing.T) {
	path, uid := filepath.Join(t.TempDir(), "state.json"), uuid.New()
	agents, keeper := restore(t, path)
	defer run(keeper)()
	want := set(t, agents, uid)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		again, _ := restore(t, path)
		if _, got, err := again.Config(uid.String()); err == nil && got == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the target was not saved")
		}
	}
}

func TestFailedSaveIsRepeated(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "state")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		path, uid := filepath.Join(folder, "state.json"), uuid.New()
		agents, keeper := restore(t, path)
		if err := os.RemoveAll(folder); err != nil {
			t.Fatal(err)
		}
		stop := run(keeper)
		defer stop()
		want := set(t, agents, uid)
		time.Sleep(saveInterval)
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		time.Sleep(retryInterval + saveInterval)
		again, _ := restore(t, path)
		if _, got, err := again.Config(uid.String()); err != nil || got != want {
			t.Errorf("setting is %+v (%v), want %+v", got, err, want)
		}
	})
}

func TestWhatCannotBeUsedSaysWhy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	for content, message := range map[string]string{
		"":                      "is not what this server has written",
		"{":                     "is not what this server has written",
		`{"agent":{}}`:          "is not what this server has written",
		`{}`:                    "is not of version 1",
		`{"end":{"version":2}}`: "is not of version 1",
		`{"end":{"version":1,"configs":{"f00d":{"":"a"}}}}`: "has another content",
	} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Restore(path, newFleet(), slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), message) || !strings.Contains(err.Error(), "move it away") {
			t.Errorf("%s: error is %v, want one with %q and what to do", content, err, message)
		}
	}
	if _, err := Restore(filepath.Join(path, "below", "a-file"), newFleet(), slog.New(slog.DiscardHandler)); err == nil {
		t.Error("a folder that is none is taken")
	}
}

func TestWithoutAFileNothingIsKept(t *testing.T) {
	agents, keeper := restore(t, "")
	set(t, agents, uuid.New())
	keeper.Run(t.Context())
}
