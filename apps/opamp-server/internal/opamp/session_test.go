package opamp

import (
	"context"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"

	"tinyolly.dev/apps/opamp-server/internal/collector"
	"tinyolly.dev/apps/opamp-server/internal/fleet"
)

// pipes is a network without buffers, on which tests may wait in a time of their own.
type pipes struct {
	accepted chan net.Conn
	closed   chan struct{}
}

func (p pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.accepted:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p pipes) Close() error {
	close(p.closed)
	return nil
}

func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p pipes) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	p.accepted <- server
	return client, nil
}

// inBubble runs a test with the times that a server really has. connect returns a WebSocket, and the agent's hello unless it stays silent.
func inBubble(t *testing.T, test func(t *testing.T, agents *fleet.Fleet, connect func(t *testing.T, uid uuid.UUID, greet bool) *websocket.Conn)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		logger := slog.New(slog.DiscardHandler)
		agents := fleet.New(fleet.Limits{Agents: 10, EffectiveBytes: 1 << 10}, logger)
		server := NewServer("", "", 10, agents, logger)
		network := pipes{make(chan net.Conn), make(chan struct{})}
		served := make(chan error)
		go func() { served <- server.Serve(network) }()
		dialer := websocket.Dialer{NetDialContext: network.dial}
		test(t, agents, func(t *testing.T, uid uuid.UUID, greet bool) *websocket.Conn {
			t.Helper()
			socket, _, err := dialer.Dial("ws://server"+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = socket.Close() })
			if greet {
				if err := socket.WriteMessage(websocket.BinaryMessage, encode(t, hello(uid))); err != nil {
					t.Fatal(err)
				}
				if _, _, err := socket.ReadMessage(); err != nil {
					t.Fatal(err)
				}
			}
			return socket
		})
		_ = server.Close()
		<-served
	})
}

func expect(t *testing.T, agents *fleet.Fleet, uid uuid.UUID, wanted fleet.Connection) {
	t.Helper()
	synctest.Wait()
	if detail, err := agents.Detail(uid.String()); err != nil || detail.Connection != wanted {
		t.Errorf("the agent is %+v (%v), want %s", detail, err, wanted)
	}
}

func TestHungAgentIsDisconnected(t *testing.T) {
	inBubble(t, func(t *testing.T, agents *fleet.Fleet, connect func(*testing.T, uuid.UUID, bool) *websocket.Conn) {
		reads, never := uuid.New(), uuid.New()
		// One takes pings and answers none, the other takes nothing.
		socket := connect(t, reads, true)
		socket.SetPingHandler(func(string) error { return nil })
		go func() { _, _, _ = socket.ReadMessage() }()
		connect(t, never, true)
		time.Sleep(defaultTiming().ping - time.Second)
		expect(t, agents, reads, fleet.Connected)
		expect(t, agents, never, fleet.Connected)
		time.Sleep(defaultTiming().send + 2*time.Second)
		expect(t, agents, reads, fleet.Connected)
		expect(t, agents, never, fleet.Disconnected)
		time.Sleep(defaultTiming().silence)
		expect(t, agents, reads, fleet.Disconnected)
	})
}

func TestAgentThatAnswersPingsStaysConnected(t *testing.T) {
	inBubble(t, func(t *testing.T, agents *fleet.Fleet, connect func(*testing.T, uuid.UUID, bool) *websocket.Conn) {
		uid := uuid.New()
		socket := connect(t, uid, true)
		go func() { _, _, _ = socket.ReadMessage() }()
		time.Sleep(time.Hour)
		expect(t, agents, uid, fleet.Connected)
	})
}

func TestConnectionThatSaysNothingIsEnded(t *testing.T) {
	inBubble(t, func(t *testing.T, _ *fleet.Fleet, connect func(*testing.T, uuid.UUID, bool) *websocket.Conn) {
		socket := connect(t, uuid.New(), false)
		began := time.Now()
		go func() {
			// Pongs that nobody asked for do not count.
			for socket.WriteControl(websocket.PongMessage, nil, time.Now().Add(time.Second)) == nil {
				time.Sleep(time.Second)
			}
		}()
		_, _, err := socket.ReadMessage()
		if waited := time.Since(began); err == nil || waited != defaultTiming().greeting {
			t.Errorf("reading ends with %v after %s, want %s", err, waited, defaultTiming().greeting)
		}
	})
}

func TestMessageThatNeverEndsIsEnded(t *testing.T) {
	inBubble(t, func(t *testing.T, agents *fleet.Fleet, connect func(*testing.T, uuid.UUID, bool) *websocket.Conn) {
		uid := uuid.New()
		socket := connect(t, uid, true)
		writer, err := socket.NextWriter(websocket.BinaryMessage)
		if err != nil {
			t.Fatal(err)
		}
		// More than the buffer, so that a first fragment is sent.
		if _, err := writer.Write(make([]byte, 10_000)); err != nil {
			t.Fatal(err)
		}
		go func() {
			for socket.WriteControl(websocket.PongMessage, nil, time.Now().Add(time.Second)) == nil {
				time.Sleep(time.Second)
			}
		}()
		go func() { _, _ = io.Copy(io.Discard, socket.NetConn()) }()
		time.Sleep(defaultTiming().message - time.Second)
		expect(t, agents, uid, fleet.Connected)
		time.Sleep(3 * time.Second)
		expect(t, agents, uid, fleet.Disconnected)
	})
}

func TestAgentThatTakesNothingIsDisconnected(t *testing.T) {
	inBubble(t, func(t *testing.T, agents *fleet.Fleet, connect func(*testing.T, uuid.UUID, bool) *websocket.Conn) {
		uid := uuid.New()
		connect(t, uid, true)
		config := collector.Trust(collector.One(strings.Repeat("x", 1<<20)))
		if _, err := agents.Set(uid.String(), config, fleet.AnyRevision, "me"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(defaultTiming().send - time.Second)
		expect(t, agents, uid, fleet.Connected)
		time.Sleep(2 * time.Second)
		expect(t, agents, uid, fleet.Disconnected)
	})
}
