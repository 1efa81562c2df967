package cluster

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"tinyolly.dev/platform/pulumi/stand-ins/internal/object"
)

var configMap = schema.GroupVersionKind{Version: "v1", Kind: "ConfigMap"}

type content = map[string]any

// conflicting serves one ConfigMap, whose fields the manager `owner` sets: server-side apply is refused unless forced.
func conflicting(t *testing.T, operation, owner string) *Client {
	t.Helper()
	live := content{
		"apiVersion": "v1", "kind": "ConfigMap",
		"metadata": content{"name": "a", "namespace": "n", "managedFields": []content{
			{"manager": object.FieldManager, "operation": operation, "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": content{}},
		}},
	}
	conflict := metav1.Status{
		TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"},
		Status:   metav1.StatusFailure, Reason: metav1.StatusReasonConflict, Code: http.StatusConflict,
		Details: &metav1.StatusDetails{Causes: []metav1.StatusCause{
			{Type: metav1.CauseTypeFieldManagerConflict, Message: fmt.Sprintf("conflict with %q using v1", owner)},
		}},
	}
	configMaps := content{"name": "configmaps", "namespaced": true, "kind": "ConfigMap", "verbs": []string{"patch"}}
	answers := map[string]any{
		"/version":                          content{"gitVersion": "v1.36.3"},
		"/api":                              content{"kind": "APIVersions", "versions": []string{"v1"}},
		"/apis":                             content{"kind": "APIGroupList", "groups": []any{}},
		"/api/v1":                           content{"kind": "APIResourceList", "groupVersion": "v1", "resources": []any{configMaps}},
		"/api/v1/namespaces/n/configmaps/a": live,
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, known := answers[r.URL.Path]
		w.Header().Set("Content-Type", "application/json")
		switch {
		case !known:
			w.WriteHeader(http.StatusNotFound)
		case r.Method == http.MethodPatch && r.URL.Query().Get("force") != "true":
			w.WriteHeader(http.StatusConflict)
			answer = conflict
		}
		_ = json.NewEncoder(w).Encode(answer)
	}))
	t.Cleanup(server.Close)
	kubeconfig := fmt.Sprintf(`{"clusters": [{"name": "c", "cluster": {"server": %q}}], `+
		`"contexts": [{"name": "x", "context": {"cluster": "c"}}], "current-context": "x"}`, server.URL)
	client, err := Connect(Settings{Kubeconfig: kubeconfig}, rest.NoWarnings{})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func TestConflictsThatApplyForces(t *testing.T) {
	const created, applied = "Update", "Apply"
	for name, test := range map[string]struct {
		operation, owner string
		dryRun           bool
		forced           bool
	}{
		"an edit by kubectl": {applied, "kubectl-edit", false, true},
		"another manager":    {applied, "robot", false, false},
		"an edit by kubectl of what was created, in a dry run": {created, "kubectl-edit", true, true},
		"another manager of what was created, in a dry run":    {created, "robot", true, true},
		"an edit by kubectl of what was applied, in a dry run": {applied, "kubectl-edit", true, false},
		"another manager of what was applied, in a dry run":    {applied, "robot", true, false},
	} {
		t.Run(name, func(t *testing.T) {
			client := conflicting(t, test.operation, test.owner)
			obj := object.New(configMap, "n/a")
			_, err := client.Apply(t.Context(), obj, false, test.dryRun)
			if test.forced && err != nil || !test.forced && !apierrors.IsConflict(err) {
				t.Errorf("error is %v", err)
			}
		})
	}
}
