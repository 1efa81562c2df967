package local

import (
	"context"
	"fmt"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"

	"tinyolly.dev/platform/pulumi/stand-ins/internal/standin"
)

// NewProvider serves Command and refuses every other type of the official plugin.
func NewProvider() (p.Provider, error) {
	return infer.NewProviderBuilder().
		WithDescription(standin.Command.Description()).
		WithResources(infer.Resource(&Command{})).
		WithWrapped(refusal()).
		Build()
}

// refusal answers for the types that NewProvider does not serve. The engine checks, reads or deletes a resource
// before anything else.
func refusal() p.Provider {
	resource := func(token string) error {
		return standin.Command.NotServed(fmt.Sprintf("resource type %q", token))
	}
	return p.Provider{
		Check: func(_ context.Context, req p.CheckRequest) (p.CheckResponse, error) {
			return p.CheckResponse{}, resource(string(req.Urn.Type()))
		},
		Read: func(_ context.Context, req p.ReadRequest) (p.ReadResponse, error) {
			return p.ReadResponse{}, resource(string(req.Urn.Type()))
		},
		Delete: func(_ context.Context, req p.DeleteRequest) error {
			return resource(string(req.Urn.Type()))
		},
		Invoke: func(_ context.Context, req p.InvokeRequest) (p.InvokeResponse, error) {
			return p.InvokeResponse{}, standin.Command.NotServed(fmt.Sprintf("function %q", req.Token))
		},
	}
}
