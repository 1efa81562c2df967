// Package tunnel carries TCP connections between network namespaces through Unix sockets, which no namespace bounds.
// Its protocol is HTTP CONNECT, since kube-apiserver speaks it as well.
package tunnel

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"
)

const patience = 10 * time.Second

// Dial opens a TCP connection to "host:port".
type Dial func(ctx context.Context, address string) (net.Conn, error)

// Serve answers CONNECT requests of a listener until it is closed: it dials what they name and carries bytes.
func Serve(listener net.Listener, dial Dial) error {
	return accept(listener, func(client net.Conn) error {
		reader := bufio.NewReader(client)
		request, err := http.ReadRequest(reader)
		if err != nil {
			return fmt.Errorf("read a request: %w", err)
		}
		if request.Method != http.MethodConnect {
			_, err := io.WriteString(client, "HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n")
			return err
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		target, err := dial(ctx, request.Host)
		if err != nil {
			_, writeErr := fmt.Fprintf(client, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: %d\r\n\r\n%s", len(err.Error()), err)
			return errors.Join(fmt.Errorf("dial %s: %w", request.Host, err), writeErr)
		}
		if _, err := io.WriteString(client, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
			return errors.Join(err, target.Close())
		}
		carry(client, reader, target)
		return nil
	})
}

// Listen listens on a Unix socket that only the user `owner` may use, in the place of one that an ended process left.
func Listen(socket string, owner int) (net.Listener, error) {
	if err := os.Remove(socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return nil, err
	}
	return listener, errors.Join(os.Chmod(socket, 0o600), os.Chown(socket, owner, -1))
}

// Go serves in the background, and logs why it ends.
func Go(serve func() error) {
	go func() {
		if err := serve(); err != nil {
			slog.Error("stopped serving", "error", err)
		}
	}()
}

// Forward carries every connection of a listener to one address, until the listener is closed.
func Forward(listener net.Listener, address string, dial Dial) error {
	return accept(listener, func(client net.Conn) error {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		target, err := dial(ctx, address)
		if err != nil {
			return fmt.Errorf("dial %s: %w", address, err)
		}
		carry(client, client, target)
		return nil
	})
}

// Through returns a Dial that asks the server behind a Unix socket to connect.
func Through(socket string) Dial {
	return func(ctx context.Context, address string) (net.Conn, error) {
		var dialer net.Dialer
		conn, err := dialer.DialContext(ctx, "unix", socket)
		if err != nil {
			return nil, err
		}
		opened, err := connect(ctx, conn, address)
		if err != nil {
			return nil, errors.Join(err, conn.Close())
		}
		return opened, nil
	}
}

// Only returns a Dial that refuses all but the given addresses.
func Only(addresses []string, dial Dial) Dial {
	return func(ctx context.Context, address string) (net.Conn, error) {
		for _, allowed := range addresses {
			if address == allowed {
				return dial(ctx, address)
			}
		}
		return nil, fmt.Errorf("%s is none of the addresses that may be reached", address)
	}
}

func connect(ctx context.Context, conn net.Conn, address string) (net.Conn, error) {
	deadline, bounded := ctx.Deadline()
	if bounded {
		if err := conn.SetDeadline(deadline); err != nil {
			return nil, err
		}
	}
	if _, err := fmt.Fprintf(conn, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n", address, address); err != nil {
		return nil, err
	}
	reader := bufio.NewReader(conn)
	response, err := http.ReadResponse(reader, &http.Request{Method: http.MethodConnect})
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		reason, err := io.ReadAll(io.LimitReader(response.Body, 1<<10))
		return nil, errors.Join(fmt.Errorf("%s: %s", response.Status, reason), err)
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return nil, err
	}
	return &buffered{Conn: conn, reader: reader}, nil
}

// buffered is a connection of which some bytes were read with the answer's head.
type buffered struct {
	net.Conn
	reader *bufio.Reader
}

func (b *buffered) Read(p []byte) (int, error) { return b.reader.Read(p) }

// CloseWrite lets the other side see the end of the stream.
func (b *buffered) CloseWrite() error { return closeWrite(b.Conn) }

func accept(listener net.Listener, handle func(net.Conn) error) error {
	for {
		client, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("accept on %s: %w", listener.Addr(), err)
		}
		go func() {
			err := handle(client)
			if err := errors.Join(err, ignoreClosed(client.Close())); err != nil {
				slog.Debug("connection failed", "listener", listener.Addr().String(), "error", err)
			}
		}()
	}
}

// carry copies both ways until both are at their end; each end is passed on, since some protocols half-close.
func carry(client net.Conn, fromClient io.Reader, target net.Conn) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		pass(target, fromClient)
	}()
	pass(client, target)
	<-done
	if err := target.Close(); ignoreClosed(err) != nil {
		slog.Debug("close failed", "error", err)
	}
}

func pass(to net.Conn, from io.Reader) {
	if _, err := io.Copy(to, from); err != nil {
		// A reset on one side ends both.
		slog.Debug("connection ended", "error", err)
		_ = to.Close()
		return
	}
	if err := closeWrite(to); err != nil {
		_ = to.Close()
	}
}

func closeWrite(conn net.Conn) error {
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return conn.Close()
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
