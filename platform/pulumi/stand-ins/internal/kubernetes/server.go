// Package kubernetes serves objects of any kind to the Pulumi engine as resources `kubernetes:<group>/<version>:<Kind>`.
//
// It waits for what the annotation pulumi.com/waitFor names and for nothing else.
package kubernetes

import (
	"context"
	"encoding/json"

	"github.com/pulumi/pulumi/sdk/v3/go/common/diag"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/provider"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/protobuf/types/known/emptypb"

	"tinyolly.dev/platform/pulumi/stand-ins/internal/cluster"
	"tinyolly.dev/platform/pulumi/stand-ins/internal/standin"
)

// Server answers the engine for one configured cluster.
type Server struct {
	pulumirpc.UnimplementedResourceProviderServer

	host    *provider.HostClient
	stopped context.Context
	stop    context.CancelFunc

	options     options
	namespace   string
	client      *cluster.Client // nil while unreachable says why
	unreachable error
}

// NewServer returns a server that logs to host.
func NewServer(host *provider.HostClient) *Server {
	stopped, stop := context.WithCancel(context.Background())
	return &Server{host: host, stopped: stopped, stop: stop}
}

// GetPluginInfo tells the version of the official plugin.
func (*Server) GetPluginInfo(context.Context, *emptypb.Empty) (*pulumirpc.PluginInfo, error) {
	return &pulumirpc.PluginInfo{Version: standin.Kubernetes.Version}, nil
}

// GetSchema returns a schema without types: kinds are whatever the cluster serves.
func (*Server) GetSchema(context.Context, *pulumirpc.GetSchemaRequest) (*pulumirpc.GetSchemaResponse, error) {
	schema, err := json.Marshal(map[string]any{
		"name":        standin.Kubernetes.Name,
		"version":     standin.Kubernetes.Version,
		"description": standin.Kubernetes.Description(),
	})
	return &pulumirpc.GetSchemaResponse{Schema: string(schema)}, err
}

// Attach connects the server to an engine that did not start it.
func (s *Server) Attach(_ context.Context, req *pulumirpc.PluginAttach) (*emptypb.Empty, error) {
	host, err := provider.NewHostClient(req.GetAddress())
	if err != nil {
		return nil, err
	}
	s.host = host
	return &emptypb.Empty{}, nil
}

// Cancel ends all operations under way.
func (s *Server) Cancel(context.Context, *emptypb.Empty) (*emptypb.Empty, error) {
	s.stop()
	return &emptypb.Empty{}, nil
}

// Invoke refuses functions, which only the official plugin has.
func (*Server) Invoke(_ context.Context, req *pulumirpc.InvokeRequest) (*pulumirpc.InvokeResponse, error) {
	return nil, standin.Kubernetes.NotServed("function \"" + req.GetTok() + "\"")
}

// Construct refuses component resources, which only the official plugin has.
func (*Server) Construct(_ context.Context, req *pulumirpc.ConstructRequest) (*pulumirpc.ConstructResponse, error) {
	return nil, standin.Kubernetes.NotServed("resource type \"" + req.GetType() + "\"")
}

type urnKey struct{}

// operation returns a context for work on a resource. It ends with the request or with Cancel.
func (s *Server) operation(ctx context.Context, urn string) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.WithValue(ctx, urnKey{}, resource.URN(urn)))
	unhook := context.AfterFunc(s.stopped, cancel)
	return ctx, func() { unhook(); cancel() }
}

// status shows what a resource is waiting for beside its name while the CLI runs.
func (s *Server) status(ctx context.Context) func(string) {
	return func(message string) {
		if urn, ok := ctx.Value(urnKey{}).(resource.URN); ok && s.host != nil {
			_ = s.host.LogStatus(ctx, diag.Info, urn, message)
		}
	}
}

// HandleWarningHeaderWithContext shows a warning of the API server at the resource that it is about.
func (s *Server) HandleWarningHeaderWithContext(ctx context.Context, code int, _, message string) {
	const miscellaneous = 299
	if urn, ok := ctx.Value(urnKey{}).(resource.URN); ok && code == miscellaneous && s.host != nil {
		_ = s.host.Log(ctx, diag.Warning, urn, message)
	}
}
