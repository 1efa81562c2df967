// Command opamp-server manages the configuration of OpenTelemetry collectors over OpAMP.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"tinyolly.dev/apps/opamp-server/internal/agents"
	"tinyolly.dev/apps/opamp-server/internal/rest"
)

const stopTimeout = 4 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "opamp-server:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	var level slog.Level
	if err := level.UnmarshalText([]byte(cmp.Or(os.Getenv("LOG_LEVEL"), "INFO"))); err != nil {
		return fmt.Errorf("LOG_LEVEL is not DEBUG, INFO, WARN or ERROR: %w", err)
	}
	logger := slog.New(slog.NewJSONHandler(os.Stdout, &slog.HandlerOptions{Level: level}))

	fleet := agents.NewFleet(logger)
	opamp, err := agents.NewServer(cmp.Or(os.Getenv("OPAMP_LISTEN"), ":4320"), fleet, logger)
	if err != nil {
		return err
	}
	api := rest.NewServer(cmp.Or(os.Getenv("REST_LISTEN"), ":4321"), fleet, logger)
	return serve(ctx, logger, opamp, api)
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
