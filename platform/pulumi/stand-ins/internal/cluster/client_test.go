package cluster

import (
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestConflictsOnlyWith(t *testing.T) {
	conflict := func(messages ...string) error {
		var causes []metav1.StatusCause
		for _, message := range messages {
			causes = append(causes, metav1.StatusCause{Type: metav1.CauseTypeFieldManagerConflict, Message: message})
		}
		return apierrors.NewApplyConflict(causes, "conflict")
	}
	const (
		kubectl    = `conflict with "kubectl-edit" using argoproj.io/v1alpha1`
		controller = `conflict with "argocd-image-updater" using argoproj.io/v1alpha1`
	)
	for name, test := range map[string]struct {
		err  error
		want bool
	}{
		"one of them":          {conflict(kubectl), true},
		"another manager":      {conflict(controller), false},
		"one of them and more": {conflict(kubectl, controller), false},
		"no conflict":          {apierrors.NewBadRequest("bad"), false},
		"no error":             {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := conflictsOnlyWith(test.err, "kubectl", "ours"); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}
