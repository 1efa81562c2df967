package settings

import (
	"log/slog"
	"reflect"
	"strings"
	"testing"
)

func read(t *testing.T, env map[string]string) (Settings, error) {
	t.Helper()
	return Read(func(name string) (string, bool) {
		value, ok := env[name]
		return value, ok
	})
}

func TestDefaults(t *testing.T) {
	got, err := read(t, map[string]string{"REST_TOKEN": ""})
	want := Settings{OpAMPListen: ":4320", RESTListen: ":4321", MaxAgents: 10_000}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("settings are %+v (%v), want %+v", got, err, want)
	}
}

func TestEverythingCanBeSet(t *testing.T) {
	got, err := read(t, map[string]string{
		"LOG_LEVEL": "WARN", "OPAMP_LISTEN": "a:1", "REST_LISTEN": "b:2", "OPAMP_TOKEN": "c", "REST_TOKEN": "d",
		"REST_HOSTS": "One.example, two.example,", "MAX_AGENTS": "5", "STATE_FILE": "/e",
	})
	want := Settings{slog.LevelWarn, "a:1", "b:2", "c", "d", []string{"one.example", "two.example"}, 5, "/e"}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("settings are %+v (%v), want %+v", got, err, want)
	}
}

func TestEverythingWrongIsTold(t *testing.T) {
	_, err := read(t, map[string]string{"LOG_LEVEL": "loud", "MAX_AGENTS": "0"})
	for _, message := range []string{"LOG_LEVEL is not DEBUG, INFO, WARN or ERROR", `MAX_AGENTS is "0"`} {
		if err == nil || !strings.Contains(err.Error(), message) {
			t.Errorf("error is %v, want one with %q", err, message)
		}
	}
}
