// Command opamp-server manages the configuration of OpenTelemetry collectors over OpAMP.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"tinyolly.dev/apps/opamp-server/internal/fleet"
	"tinyolly.dev/apps/opamp-server/internal/opamp"
	"tinyolly.dev/apps/opamp-server/internal/rest"
	"tinyolly.dev/apps/opamp-server/internal/settings"
	"tinyolly.dev/apps/opamp-server/internal/state"
)

const (
	stopTimeout = 4 * time.Second
	// Room for what agents report, beside a kilobyte or two for each.
	effectiveBytes = 16 << 20
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
	return serve(ctx, logger,
		opamp.NewServer(s.OpAMPListen, s.OpAMPToken, s.MaxAgents, agents, logger),
		rest.NewServer(s.RESTListen, rest.Access{Token: s.RESTToken, Hosts: s.RESTHosts}, agents, logger))
}

// serve runs the servers until one fails or ctx is done, then stops all of them.
func serve(ctx context.Context, logger *slog.Logger, servers ...*http.Server) error {
	failed := make(chan error, len(servers))
	for _, server := range servers {
		logger.Info("listening", "address", server.Addr)
		go func() { failed <- server.ListenAndServe() }()
	}

	var err error
	select {
	case err = <-failed:
	case <-ctx.Done():
		logger.Info("stopping")
	}

	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	for _, server := range servers {
		err = errors.Join(err, server.Shutdown(stopping))
	}
	return err
}
