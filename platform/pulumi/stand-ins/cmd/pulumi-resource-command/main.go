// Pulumi-resource-command stands in for the plugin of @pulumi/command.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"tinyolly.dev/platform/pulumi/stand-ins/internal/local"
	"tinyolly.dev/platform/pulumi/stand-ins/internal/standin"
)

func main() {
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, err := standin.UntilEngineEnds(ctx)
	if err != nil {
		return err
	}

	provider, err := local.NewProvider()
	if err != nil {
		return err
	}
	// The engine may end the plugin, or end itself, without a call to Cancel, and the commands are in process groups of their own.
	context.AfterFunc(ctx, func() { _ = provider.Cancel(context.Background()) })
	return provider.Run(ctx, standin.Command.Name, standin.Command.Version)
}
