package kubernetes

import (
	"context"
	"fmt"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"tinyolly.dev/platform/stand-ins/internal/object"
)

// Update applies the new inputs and waits for the object.
func (s *Server) Update(ctx context.Context, req *pulumirpc.UpdateRequest) (*pulumirpc.UpdateResponse, error) {
	ctx, end := s.operation(ctx, req.GetUrn())
	defer end()
	inputs, err := read(req.GetNews())
	if err != nil {
		return nil, err
	}
	obj := object.FromProperties(inputs)
	if req.GetPreview() && !s.canPreview(obj, inputs) {
		return &pulumirpc.UpdateResponse{Properties: req.GetNews()}, nil
	}
	if err := s.reachable(); err != nil {
		return nil, err
	}
	asked, err := waitOf(obj)
	if err != nil {
		return nil, err
	}
	ctx, cancel := asked.within(ctx, req.GetTimeout())
	defer cancel()

	live, err := s.client.Apply(ctx, obj, s.force(obj), req.GetPreview())
	switch {
	case err != nil && req.GetPreview() && dependsOnOthers(err):
		return &pulumirpc.UpdateResponse{Properties: req.GetNews()}, nil
	case apierrors.IsConflict(err):
		return nil, fmt.Errorf("resource %q was not updated: another manager of the object sets the same fields: %w. "+
			"Leave those fields out, or set the annotation %s: \"true\" to take them over", req.GetUrn(), err, patchForceAnnotation)
	case err != nil:
		return nil, fmt.Errorf("resource %q was not successfully updated by the Kubernetes API server: %w", req.GetUrn(), err)
	case req.GetPreview():
		properties, err := write(object.State(live, inputs))
		return &pulumirpc.UpdateResponse{Properties: properties}, err
	}

	state, err := s.settle(ctx, settling{
		urn: req.GetUrn(), id: req.GetId(), verb: "updated", live: live, inputs: inputs, asked: asked,
	})
	return &pulumirpc.UpdateResponse{Properties: state}, err
}
