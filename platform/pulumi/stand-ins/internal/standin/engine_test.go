package standin

import (
	"net"
	"testing"
	"time"

	"google.golang.org/grpc"
)

func TestTheContextEndsWithTheEngineAndNotBefore(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	// The engine does not serve health checks either.
	engine := grpc.NewServer()
	defer engine.Stop()
	go func() { _ = engine.Serve(listener) }()

	ctx, err := untilGone(t.Context(), listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-ctx.Done():
		t.Fatal("the context ended before the engine")
	case <-time.After(2 * pause):
	}

	engine.Stop()
	select {
	case <-ctx.Done():
	case <-time.After(5 * time.Second):
		t.Fatal("the context outlives the engine")
	}
}
