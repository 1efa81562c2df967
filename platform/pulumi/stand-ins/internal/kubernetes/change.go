package kubernetes

import (
	"cmp"
	"context"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"google.golang.org/protobuf/types/known/structpb"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"tinyolly.dev/platform/pulumi/stand-ins/internal/object"
)

// change is what Create and Update have in common.
type change struct {
	urn string
	// id of the object; empty of one that is not there yet.
	id      string
	inputs  *structpb.Struct
	preview bool
	// timeout in seconds; 0 leaves it to the object's annotation.
	timeout float64
	verb    string
	send    func(context.Context, *unstructured.Unstructured) (*unstructured.Unstructured, error)
	// previewed is the state of an object that was sent and not kept.
	previewed func(*unstructured.Unstructured, resource.PropertyMap) resource.PropertyMap
	// failed names the resource and what to do.
	failed func(*unstructured.Unstructured, error) error
}

// put sends an object and waits for it; it returns the object's id and the state to keep. In a preview the API server
// judges the object and keeps nothing; what it cannot judge yet has its inputs for a state.
func (s *Server) put(ctx context.Context, c change) (string, *structpb.Struct, error) {
	ctx, end := s.operation(ctx, c.urn)
	defer end()
	inputs, err := read(c.inputs)
	if err != nil {
		return "", nil, err
	}
	obj := object.FromProperties(inputs)
	if c.preview && !s.canPreview(obj, inputs) {
		return "", c.inputs, nil
	}
	if err := s.reachable(); err != nil {
		return "", nil, err
	}
	asked, err := waitOf(obj)
	if err != nil {
		return "", nil, err
	}
	ctx, cancel := asked.within(ctx, c.timeout)
	defer cancel()

	live, err := c.send(ctx, obj)
	switch {
	case err != nil && c.preview && dependsOnOthers(err):
		return "", c.inputs, nil
	case err != nil:
		return "", nil, c.failed(obj, err)
	case c.preview:
		state, err := write(c.previewed(live, inputs))
		return "", state, err
	}
	id := cmp.Or(c.id, object.ID(live))
	state, err := s.settle(ctx, settling{urn: c.urn, id: id, verb: c.verb, live: live, inputs: inputs, asked: asked})
	return id, state, err
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
