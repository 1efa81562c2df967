package kubernetes

import (
	"context"
	"errors"
	"os"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"tinyolly.dev/platform/pulumi/stand-ins/internal/cluster"
	"tinyolly.dev/platform/pulumi/stand-ins/internal/standin"
)

// CheckConfig refuses settings that would change what this server does and that it does not know.
func (*Server) CheckConfig(_ context.Context, req *pulumirpc.CheckRequest) (*pulumirpc.CheckResponse, error) {
	args, err := read(req.GetNews())
	if err != nil {
		return nil, err
	}
	var failures []*pulumirpc.CheckFailure
	refuse := func(property string) {
		reason := standin.Kubernetes.NotServed("provider setting \"" + property + "\"").Error()
		failures = append(failures, &pulumirpc.CheckFailure{Property: property, Reason: reason})
	}
	if text(args, "renderYamlToDirectory") != "" {
		refuse("renderYamlToDirectory")
	}
	if flag(args, "skipUpdateUnreachable") {
		refuse("skipUpdateUnreachable")
	}
	if serverSide := plain(args["enableServerSideApply"]); serverSide.HasValue() && !serverSide.IsComputed() &&
		!flag(args, "enableServerSideApply") {
		refuse("enableServerSideApply: false")
	}
	return &pulumirpc.CheckResponse{Inputs: req.GetNews(), Failures: failures}, nil
}

// DiffConfig replaces everything in a cluster when the provider comes to mean another cluster: by its identifier when it
// has one, by the active cluster of its kubeconfig otherwise.
func (*Server) DiffConfig(_ context.Context, req *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	olds, err := read(req.GetOlds())
	if err != nil {
		return nil, err
	}
	news, err := read(req.GetNews())
	if err != nil {
		return nil, err
	}
	diff := olds.Diff(news)
	if diff == nil {
		return &pulumirpc.DiffResponse{Changes: pulumirpc.DiffResponse_DIFF_NONE}, nil
	}
	response := &pulumirpc.DiffResponse{Changes: pulumirpc.DiffResponse_DIFF_SOME}
	for _, key := range diff.ChangedKeys() {
		response.Diffs = append(response.Diffs, string(key))
	}
	response.Replaces = movedBy(response.Diffs, olds, news)
	return response, nil
}

// movedBy returns those of the changed settings that lead to another cluster.
func movedBy(changed []string, olds, news resource.PropertyMap) []string {
	const identifier = "clusterIdentifier"
	oldID, newID := plain(olds[identifier]), plain(news[identifier])
	if oldID.HasValue() && newID.HasValue() {
		if slices.Contains(changed, identifier) {
			return []string{identifier}
		}
		return nil
	}
	var moved []string
	same := cluster.SameCluster(readOptions(olds).Settings, readOptions(news).Settings)
	for _, key := range []string{"kubeconfig", "context", "cluster"} {
		unknown := news[resource.PropertyKey(key)].ContainsUnknowns()
		if slices.Contains(changed, key) && (unknown || !same) {
			moved = append(moved, key)
		}
	}
	return moved
}

// Configure connects to the cluster. One that cannot be reached is no error yet, so that a preview can still be made.
func (s *Server) Configure(_ context.Context, req *pulumirpc.ConfigureRequest) (*pulumirpc.ConfigureResponse, error) {
	args, err := read(req.GetArgs())
	if err != nil {
		return nil, err
	}
	s.options = readOptions(args)
	if os.Getenv("PULUMI_K8S_DELETE_UNREACHABLE") == "true" {
		s.options.deleteUnreachable = true
	}
	if args.ContainsUnknowns() {
		s.unreachable = errors.New("the provider's settings are not known yet")
	} else {
		s.connect()
	}
	return &pulumirpc.ConfigureResponse{
		AcceptSecrets:                   true,
		SupportsPreview:                 true,
		SupportsAutonamingConfiguration: true,
	}, nil
}

func (s *Server) connect() {
	s.namespace, s.unreachable = s.options.DefaultNamespace()
	if s.unreachable == nil {
		s.client, s.unreachable = cluster.Connect(s.options.Settings, s)
	}
}
