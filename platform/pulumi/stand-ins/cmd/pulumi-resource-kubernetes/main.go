// Pulumi-resource-kubernetes stands in for the plugin of @pulumi/kubernetes.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/provider"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"tinyolly.dev/platform/pulumi/stand-ins/internal/kubernetes"
	"tinyolly.dev/platform/pulumi/stand-ins/internal/standin"
)

func main() {
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve() error {
	ctx, err := standin.UntilEngineEnds(context.Background())
	if err != nil {
		return err
	}
	return provider.MainContext(ctx, standin.Kubernetes.Name, func(host *provider.HostClient) (pulumirpc.ResourceProviderServer, error) {
		return kubernetes.NewServer(host), nil
	})
}
