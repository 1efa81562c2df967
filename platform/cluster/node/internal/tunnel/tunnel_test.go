package tunnel_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tinyolly.dev/platform/cluster/node/internal/tunnel"
)

func direct(ctx context.Context, address string) (net.Conn, error) {
	var dialer net.Dialer
	return dialer.DialContext(ctx, "tcp", address)
}

func listen(t *testing.T, network, address string) net.Listener {
	t.Helper()
	listener, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
	return listener
}

func start(t *testing.T, serve func() error) {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- serve() }()
	t.Cleanup(func() {
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("serving ended: %v", err)
			}
		default:
		}
	})
}

// upperCaser answers once the client has said all, as a server that reads to the end does.
func upperCaser(t *testing.T) string {
	t.Helper()
	listener := listen(t, "tcp", "127.0.0.1:0")
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				text, err := io.ReadAll(conn)
				if err == nil {
					_, err = io.WriteString(conn, strings.ToUpper(string(text)))
				}
				if err != nil {
					t.Error(err)
				}
			}()
		}
	}()
	return listener.Addr().String()
}

func say(t *testing.T, conn net.Conn, text string) string {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	half, ok := conn.(interface{ CloseWrite() error })
	if !ok {
		t.Fatalf("%T cannot end one direction", conn)
	}
	if err := half.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}

func connectVia(t *testing.T, socket, address string) (net.Conn, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return tunnel.Through(socket)(ctx, address)
}

func TestConnectionsGoThroughASocketAndEndInEachDirection(t *testing.T) {
	target := upperCaser(t)
	socket := filepath.Join(t.TempDir(), "s")
	proxy := listen(t, "unix", socket)
	start(t, func() error { return tunnel.Serve(proxy, direct) })

	conn, err := connectVia(t, socket, target)
	if err != nil {
		t.Fatal(err)
	}
	if got := say(t, conn, "hello"); got != "HELLO" {
		t.Errorf("got %q", got)
	}
}

func TestAPortLeadsToAnAddressBehindASocket(t *testing.T) {
	target := upperCaser(t)
	socket := filepath.Join(t.TempDir(), "s")
	proxy := listen(t, "unix", socket)
	start(t, func() error { return tunnel.Serve(proxy, direct) })
	port := listen(t, "tcp", "127.0.0.1:0")
	start(t, func() error { return tunnel.Forward(port, target, tunnel.Through(socket)) })

	conn, err := net.Dial("tcp", port.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	// More than any buffer on the way.
	text := strings.Repeat("abcdefgh", 1<<18)
	if got := say(t, conn, text); got != strings.ToUpper(text) {
		t.Errorf("got %d bytes, want %d", len(got), len(text))
	}
}

func TestWhatCannotBeReachedIsToldWithItsReason(t *testing.T) {
	gone := listen(t, "tcp", "127.0.0.1:0")
	address := gone.Addr().String()
	if err := gone.Close(); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(t.TempDir(), "s")
	proxy := listen(t, "unix", socket)
	start(t, func() error { return tunnel.Serve(proxy, direct) })

	_, err := connectVia(t, socket, address)
	if err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("got %v", err)
	}
}

func TestOnlyTheGivenAddressesCanBeReached(t *testing.T) {
	target := upperCaser(t)
	socket := filepath.Join(t.TempDir(), "s")
	proxy := listen(t, "unix", socket)
	start(t, func() error {
		return tunnel.Serve(proxy, tunnel.Only([]string{"127.0.0.1:1"}, direct))
	})

	_, err := connectVia(t, socket, target)
	if err == nil || !strings.Contains(err.Error(), "none of the addresses that may be reached") {
		t.Errorf("got %v", err)
	}
}

func TestRequestsOtherThanConnectAreRefused(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	proxy := listen(t, "unix", socket)
	start(t, func() error { return tunnel.Serve(proxy, direct) })

	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	if got := say(t, conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.1 405 ") {
		t.Errorf("got %q", got)
	}
}

func TestASocketIsOpenToItsOwnerOnly(t *testing.T) {
	const user = 1000
	if os.Getuid() != 0 {
		t.Skip("only root may give a file away")
	}
	socket := filepath.Join(t.TempDir(), "x.sock")
	for range 2 {
		// The second one takes the place of the first, as after a killed node.
		if _, err := tunnel.Listen(socket, user); err != nil {
			t.Fatal(err)
		}
	}
	var stat syscall.Stat_t
	if err := syscall.Stat(socket, &stat); err != nil {
		t.Fatal(err)
	}
	if stat.Uid != user || stat.Mode&0o777 != 0o600 {
		t.Errorf("owner %d, mode %o", stat.Uid, stat.Mode&0o777)
	}
}
