package kubernetes

import (
	"context"
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil/rpcerror"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/structpb"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"tinyolly.dev/platform/pulumi/stand-ins/internal/object"
)

// settling is an object that was just written and may still have to become what its annotations wait for.
type settling struct {
	urn    string
	id     string
	verb   string
	live   *unstructured.Unstructured
	inputs resource.PropertyMap
	asked  wait
}

// settle waits and returns the state to keep. When the waiting fails the error carries that state, so that the engine
// keeps the object and tries to update it next time.
func (s *Server) settle(ctx context.Context, o settling) (*structpb.Struct, error) {
	live, waitErr := o.live, error(nil)
	if len(o.asked.conditions) > 0 {
		live, waitErr = s.client.Wait(ctx, live, o.asked.conditions, s.status(ctx))
	}
	state, err := write(object.State(live, o.inputs))
	if err != nil || waitErr == nil {
		return state, err
	}
	reason := fmt.Sprintf("resource %q was successfully %s, but failed to become ready: %v", o.urn, o.verb, waitErr)
	return nil, rpcerror.WithDetails(rpcerror.New(codes.Unknown, reason), &pulumirpc.ErrorResourceInitFailed{
		Id:         o.id,
		Properties: state,
		Reasons:    []string{reason},
	})
}

func (s *Server) reachable() error {
	if s.client == nil {
		return fmt.Errorf("configured Kubernetes cluster is unreachable: %w", s.unreachable)
	}
	return nil
}

// force says whether to take over fields that other managers of the object set.
func (s *Server) force(obj *unstructured.Unstructured) bool {
	return s.options.patchForce || obj.GetAnnotations()[patchForceAnnotation] == "true"
}
