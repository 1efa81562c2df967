package kubernetes

import (
	"context"
	"fmt"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/protobuf/types/known/emptypb"

	"tinyolly.dev/platform/pulumi/stand-ins/internal/cluster"
	"tinyolly.dev/platform/pulumi/stand-ins/internal/object"
)

// Delete deletes an object and returns once it is gone.
func (s *Server) Delete(ctx context.Context, req *pulumirpc.DeleteRequest) (*emptypb.Empty, error) {
	ctx, end := s.operation(ctx, req.GetUrn())
	defer end()
	if s.client == nil && s.options.deleteUnreachable {
		return &emptypb.Empty{}, nil
	}
	if err := s.reachable(); err != nil {
		return nil, err
	}
	state, err := read(req.GetProperties())
	if err != nil {
		return nil, err
	}
	recorded := object.FromProperties(state)
	asked, err := waitOf(recorded)
	if err != nil {
		return nil, err
	}
	ctx, cancel := asked.within(ctx, req.GetTimeout())
	defer cancel()

	obj := object.New(recorded.GroupVersionKind(), req.GetId())
	err = s.client.Delete(ctx, obj, asked.propagation, s.status(ctx))
	if err != nil && !cluster.IsGone(err) {
		return nil, fmt.Errorf("resource %q was not deleted: %w", req.GetUrn(), err)
	}
	return &emptypb.Empty{}, nil
}
