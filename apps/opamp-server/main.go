// Command opamp-server manages the configuration of OpenTelemetry collectors over OpAMP.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"sync"
	"syscall"

	"tinyolly.dev/apps/opamp-server/internal/fleet"
	"tinyolly.dev/apps/opamp-server/internal/opamp"
	"tinyolly.dev/apps/opamp-server/internal/rest"
	"tinyolly.dev/apps/opamp-server/internal/servers"
	"tinyolly.dev/apps/opamp-server/internal/settings"
	"tinyolly.dev/apps/opamp-server/internal/state"
)

const (
	// Room for what agents report, beside some eight kilobytes for each that is connected.
	effectiveBytes = 16 << 20
	// Below the limit of the chart: memory is collected more often instead. More agents need more, by GOMEMLIMIT.
	memoryLimit = 96 << 20
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "opamp-server:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
	s, err := settings.Read(os.LookupEnv)
	if err != nil {
		return err
	}
	logger := slog.New(slog.NewJSONHandler(os.Stdout, &slog.HandlerOptions{Level: s.LogLevel}))
	agents := fleet.New(fleet.Limits{Agents: s.MaxAgents, EffectiveBytes: effectiveBytes}, logger)
	keeper, err := state.Restore(s.StateFile, agents, logger)
	if err != nil {
		return err
	}

	background, end := context.WithCancel(context.WithoutCancel(ctx))
	var jobs sync.WaitGroup
	jobs.Go(func() { agents.Run(background) })
	jobs.Go(func() { keeper.Run(background) })
	defer jobs.Wait()
	defer end()
	return servers.Run(ctx, logger,
		opamp.NewServer(s.OpAMPListen, s.OpAMPToken, s.MaxAgents, agents, logger),
		rest.NewServer(s.RESTListen, rest.Access{Token: s.RESTToken, Hosts: s.RESTHosts}, agents, logger))
}
