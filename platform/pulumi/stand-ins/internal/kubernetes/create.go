package kubernetes

import (
	"context"
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"tinyolly.dev/platform/pulumi/stand-ins/internal/object"
)

// Create makes a new object and waits for it.
func (s *Server) Create(ctx context.Context, req *pulumirpc.CreateRequest) (*pulumirpc.CreateResponse, error) {
	id, state, err := s.put(ctx, change{
		urn: req.GetUrn(), inputs: req.GetProperties(), preview: req.GetPreview(), timeout: req.GetTimeout(), verb: "created",
		send: func(ctx context.Context, obj *unstructured.Unstructured) (*unstructured.Unstructured, error) {
			return s.create(ctx, obj, req.GetPreview())
		},
		previewed: previewed,
		failed: func(obj *unstructured.Unstructured, err error) error {
			return notCreated(req.GetUrn(), obj, err)
		},
	})
	return &pulumirpc.CreateResponse{Id: id, Properties: state}, err
}

func (s *Server) create(ctx context.Context, obj *unstructured.Unstructured, preview bool) (*unstructured.Unstructured, error) {
	if s.options.upsert {
		return s.client.Apply(ctx, obj, s.force(obj), preview)
	}
	return s.client.Create(ctx, obj, preview)
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
