package kubernetes

import (
	"context"
	"fmt"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"tinyolly.dev/platform/pulumi/stand-ins/internal/object"
)

// Update applies the new inputs and waits for the object.
func (s *Server) Update(ctx context.Context, req *pulumirpc.UpdateRequest) (*pulumirpc.UpdateResponse, error) {
	_, state, err := s.put(ctx, change{
		urn: req.GetUrn(), id: req.GetId(), inputs: req.GetNews(),
		preview: req.GetPreview(), timeout: req.GetTimeout(), verb: "updated",
		send: func(ctx context.Context, obj *unstructured.Unstructured) (*unstructured.Unstructured, error) {
			return s.client.Apply(ctx, obj, s.force(obj), req.GetPreview())
		},
		previewed: object.State,
		failed: func(_ *unstructured.Unstructured, err error) error {
			return notUpdated(req.GetUrn(), err)
		},
	})
	return &pulumirpc.UpdateResponse{Properties: state}, err
}

func notUpdated(urn string, err error) error {
	if apierrors.IsConflict(err) {
		return fmt.Errorf("resource %q was not updated: another manager of the object sets the same fields: %w. "+
			"Leave those fields out, or set the annotation %s: \"true\" to take them over", urn, err, patchForceAnnotation)
	}
	return fmt.Errorf("resource %q was not successfully updated by the Kubernetes API server: %w", urn, err)
}
