package agents

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/open-telemetry/opamp-go/protobufs"
	opamp "github.com/open-telemetry/opamp-go/server"
	"github.com/open-telemetry/opamp-go/server/types"
)

const (
	path           = "/v1/opamp"
	maxMessageSize = 16 << 20
)

// NewServer returns the HTTP server through which agents reach the fleet, by WebSocket or by polling.
func NewServer(address string, fleet *Fleet, logger *slog.Logger) (*http.Server, error) {
	handle, connContext, err := opamp.New(libraryLogger{logger}).Attach(opamp.Settings{
		EnableCompression: true,
		Callbacks: types.Callbacks{OnConnecting: func(request *http.Request) types.ConnectionResponse {
			return types.ConnectionResponse{Accept: true, ConnectionCallbacks: callbacks(fleet, isPolling(request))}
		}},
	})
	if err != nil {
		return nil, fmt.Errorf("attach OpAMP: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle(path, http.MaxBytesHandler(http.HandlerFunc(handle), maxMessageSize))
	server := &http.Server{
		Addr:              address,
		Handler:           mux,
		ConnContext:       connContext,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      15 * time.Second,
		IdleTimeout:       2 * time.Minute,
	}
	server.RegisterOnShutdown(fleet.Close)
	return server, nil
}

func isPolling(request *http.Request) bool {
	return request.Header.Get("Content-Type") == "application/x-protobuf"
}

func callbacks(fleet *Fleet, polling bool) types.ConnectionCallbacks {
	if polling {
		return types.ConnectionCallbacks{
			OnMessage: func(_ context.Context, _ types.Connection, message *protobufs.AgentToServer) *protobufs.ServerToAgent {
				return fleet.receive(nil, message)
			},
		}
	}
	return types.ConnectionCallbacks{
		OnMessage: func(_ context.Context, conn types.Connection, message *protobufs.AgentToServer) *protobufs.ServerToAgent {
			return fleet.receive(conn, message)
		},
		OnConnectionClose: fleet.disconnect,
	}
}

// libraryLogger reports what opamp-go calls errors as warnings: most are agents that went away.
type libraryLogger struct{ logger *slog.Logger }

func (l libraryLogger) Debugf(ctx context.Context, format string, args ...any) {
	l.logger.DebugContext(ctx, fmt.Sprintf(format, args...))
}

func (l libraryLogger) Errorf(ctx context.Context, format string, args ...any) {
	l.logger.WarnContext(ctx, fmt.Sprintf(format, args...))
}
