package kubernetes

import (
	"context"
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"tinyolly.dev/platform/stand-ins/internal/object"
)

// Create makes a new object and waits for it. In a preview the API server judges the object and keeps nothing.
func (s *Server) Create(ctx context.Context, req *pulumirpc.CreateRequest) (*pulumirpc.CreateResponse, error) {
	ctx, end := s.operation(ctx, req.GetUrn())
	defer end()
	inputs, err := read(req.GetProperties())
	if err != nil {
		return nil, err
	}
	obj := object.FromProperties(inputs)
	if req.GetPreview() && !s.canPreview(obj, inputs) {
		return &pulumirpc.CreateResponse{Properties: req.GetProperties()}, nil
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

	live, err := s.create(ctx, obj, req.GetPreview())
	switch {
	case err != nil && req.GetPreview() && dependsOnOthers(err):
		return &pulumirpc.CreateResponse{Properties: req.GetProperties()}, nil
	case err != nil:
		return nil, notCreated(req.GetUrn(), obj, err)
	case req.GetPreview():
		properties, err := write(previewed(live, inputs))
		return &pulumirpc.CreateResponse{Properties: properties}, err
	}

	id := object.ID(live)
	state, err := s.settle(ctx, settling{urn: req.GetUrn(), id: id, verb: "created", live: live, inputs: inputs, asked: asked})
	return &pulumirpc.CreateResponse{Id: id, Properties: state}, err
}

func (s *Server) create(ctx context.Context, obj *unstructured.Unstructured, preview bool) (*unstructured.Unstructured, error) {
	if s.options.upsert {
		return s.client.Apply(ctx, obj, s.force(obj), preview)
	}
	return s.client.Create(ctx, obj, preview)
}

// canPreview says whether the API server can be asked about an object that is not there yet.
func (s *Server) canPreview(obj *unstructured.Unstructured, inputs resource.PropertyMap) bool {
	if s.client == nil || inputs.ContainsUnknowns() {
		return false
	}
	known, _ := s.client.Knows(obj.GroupVersionKind())
	return known
}

// dependsOnOthers says whether what stops an object in a preview may well be gone in the update: its namespace is yet to
// be made, an object of its name is yet to be deleted, or the user may only write for real.
func dependsOnOthers(err error) bool {
	return apierrors.IsNotFound(err) || apierrors.IsAlreadyExists(err) || apierrors.IsForbidden(err)
}

// previewed is the state of an object that was only tried, without what a real one will have otherwise.
func previewed(live *unstructured.Unstructured, inputs resource.PropertyMap) resource.PropertyMap {
	unstructured.RemoveNestedField(live.Object, "status")
	for _, field := range []string{"uid", "resourceVersion", "creationTimestamp", "generation"} {
		unstructured.RemoveNestedField(live.Object, "metadata", field)
	}
	return object.State(live, inputs)
}

func notCreated(urn string, obj *unstructured.Unstructured, err error) error {
	switch {
	case meta.IsNoMatchError(err):
		return fmt.Errorf("resource %q was not created: the API server does not serve %s %s. "+
			"Verify that the CustomResourceDefinition is installed: %w", urn, obj.GetAPIVersion(), obj.GetKind(), err)
	case apierrors.IsAlreadyExists(err):
		return fmt.Errorf("resource %q was not successfully created by the Kubernetes API server: %w. "+
			"Take the object over with `pulumi import %s <name> %s`, delete it, "+
			"or set upsertExistingObjects on the provider to change it as it is",
			urn, err, resource.URN(urn).Type(), object.ID(obj))
	}
	return fmt.Errorf("resource %q was not successfully created by the Kubernetes API server: %w", urn, err)
}
