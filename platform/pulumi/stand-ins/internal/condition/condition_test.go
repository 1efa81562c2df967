package condition

import (
	"strings"
	"testing"
)

var application = map[string]any{
	"metadata": map[string]any{"name": "a", "labels": map[string]any{"app.kubernetes.io/name": "n"}},
	"spec":     map[string]any{"replicas": int64(3), "sources": []any{map[string]any{"ref": "x"}, map[string]any{"ref": "y"}}},
	"status": map[string]any{
		"sync":       map[string]any{"status": "Synced"},
		"empty":      nil,
		"conditions": []any{map[string]any{"type": "Ready", "status": "True"}, map[string]any{"type": "Failed", "status": "False"}},
	},
}

func TestHolds(t *testing.T) {
	for annotation, want := range map[string]string{
		`jsonpath={.status.sync.status}=Synced`:                      "",
		`jsonpath={.status.sync.status}`:                             "",
		`jsonpath=.status.sync.status=Synced`:                        "",
		`jsonpath=status.sync.status=Synced`:                         "",
		`jsonpath={.status.sync.status}=synced`:                      `"Synced"`,
		`jsonpath={.status.health.status}=Healthy`:                   "not set",
		`jsonpath={.status.health}`:                                  "not set",
		`jsonpath={.status.empty}`:                                   "not set",
		`jsonpath={.spec.replicas}=3`:                                "",
		`jsonpath={.spec.sources[1].ref}=y`:                          "",
		`jsonpath={.spec.sources[*].ref}=y`:                          `"x"`,
		`jsonpath={.spec.sources[?(@.ref=="y")].ref}=y`:              "",
		`jsonpath={.metadata.labels.app\.kubernetes\.io/name}=n`:     "",
		`jsonpath={.metadata.labels}={"app.kubernetes.io/name":"n"}`: "",
		`condition=Ready`:                                            "",
		`condition=ready=true`:                                       "",
		`condition=Failed`:                                           `"False"`,
		`condition=Failed=False`:                                     "",
		`condition=Synced`:                                           "not set",
	} {
		t.Run(annotation, func(t *testing.T) {
			conditions, err := Parse(annotation)
			if err != nil {
				t.Fatal(err)
			}
			holds, actual := conditions[0].Holds(application)
			if holds != (want == "") || !holds && actual != want {
				t.Errorf("holds is %v with %s, want %q", holds, actual, want)
			}
		})
	}
}

func TestAnArrayNamesSeveralConditions(t *testing.T) {
	conditions, err := Parse(` ["jsonpath={.a}=1", "condition=Ready"]`)
	if err != nil {
		t.Fatal(err)
	}
	if len(conditions) != 2 || conditions[0].Text != "jsonpath={.a}=1" || conditions[1].Text != "condition=Ready" {
		t.Errorf("conditions are %+v", conditions)
	}
}

func TestWhatCannotBeReadIsAnError(t *testing.T) {
	for annotation, message := range map[string]string{
		"":                     "want jsonpath=",
		"ready":                "want jsonpath=",
		"[]":                   "names no condition",
		"[1]":                  "not a JSON array of strings",
		`["condition=A", "b"]`: `condition "b": want jsonpath=`,
		"jsonpath={.a":         "no closing brace",
		"jsonpath={.a}x":       `"x" after the path`,
		"jsonpath={.a}=":       "value after = is empty",
		"jsonpath={.a[}":       "unterminated array",
		"condition=":           "want condition=Type",
		"condition=Ready=":     "want condition=Type",
	} {
		t.Run(annotation, func(t *testing.T) {
			if _, err := Parse(annotation); err == nil || !strings.Contains(err.Error(), message) {
				t.Errorf("error is %v, want one with %q", err, message)
			}
		})
	}
}
