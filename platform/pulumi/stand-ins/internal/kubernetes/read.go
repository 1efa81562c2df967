package kubernetes

import (
	"context"
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"tinyolly.dev/platform/pulumi/stand-ins/internal/cluster"
	"tinyolly.dev/platform/pulumi/stand-ins/internal/object"
)

// Read looks an object up. One that is gone has no ID.
func (s *Server) Read(ctx context.Context, req *pulumirpc.ReadRequest) (*pulumirpc.ReadResponse, error) {
	ctx, end := s.operation(ctx, req.GetUrn())
	defer end()
	if s.client == nil {
		if s.options.deleteUnreachable {
			return &pulumirpc.ReadResponse{}, nil
		}
		return nil, fmt.Errorf("failed to read resource %q: %w. If the cluster is gone, run the command again with "+
			"PULUMI_K8S_DELETE_UNREACHABLE=true to forget what was in it", req.GetUrn(), s.reachable())
	}
	inputs, err := read(req.GetInputs())
	if err != nil {
		return nil, err
	}
	kind, err := servedKind(resource.URN(req.GetUrn()).Type().String(), inputs)
	if err != nil {
		return nil, err
	}

	live, err := s.client.Get(ctx, object.New(kind, req.GetId()))
	if cluster.IsGone(err) {
		return &pulumirpc.ReadResponse{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("failed to read resource %q: %w", req.GetUrn(), err)
	}

	liveInputs := object.ToProperties(seen(live, object.FromProperties(inputs).Object))
	object.MarkSecrets(liveInputs, inputs)
	properties, err := write(object.State(live, liveInputs))
	if err != nil {
		return nil, err
	}
	newInputs, err := write(liveInputs)
	return &pulumirpc.ReadResponse{Id: req.GetId(), Properties: properties, Inputs: newInputs}, err
}

// seen returns the inputs that would make the object as it is: the known ones with their live values, or for an object
// without known inputs, as in an import, all that is not the server's own.
func seen(live *unstructured.Unstructured, inputs map[string]any) map[string]any {
	if len(inputs) > 0 {
		return object.Prune(live.Object, inputs)
	}
	all := live.DeepCopy()
	unstructured.RemoveNestedField(all.Object, "status")
	for _, field := range []string{"uid", "resourceVersion", "creationTimestamp", "generation", "managedFields"} {
		unstructured.RemoveNestedField(all.Object, "metadata", field)
	}
	return all.Object
}
