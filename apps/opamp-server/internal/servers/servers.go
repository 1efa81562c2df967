// Package servers runs HTTP servers together.
package servers

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"
)

const stopTimeout = 4 * time.Second

// Run runs the servers until one fails or ctx is done, then stops all of them.
func Run(ctx context.Context, logger *slog.Logger, servers ...*http.Server) error {
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
