package agents

import (
	"bytes"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"google.golang.org/protobuf/proto"
)

func serve(t *testing.T) (*Fleet, *http.Server, string) {
	t.Helper()
	fleet := newTestFleet()
	server, err := NewServer("", fleet, fleet.logger)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return fleet, server, listener.Addr().String() + path
}

// dial returns the WebSocket of an agent that the fleet knows.
func dial(t *testing.T, address string) *websocket.Conn {
	t.Helper()
	socket, _, err := websocket.DefaultDialer.Dial("ws://"+address, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = socket.Close() })
	message, err := proto.Marshal(hello(accepting))
	if err != nil {
		t.Fatal(err)
	}
	const header = 0
	if err := socket.WriteMessage(websocket.BinaryMessage, append([]byte{header}, message...)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := socket.ReadMessage(); err != nil {
		t.Fatal(err)
	}
	return socket
}

func TestLostConnectionDisconnectsItsAgent(t *testing.T) {
	fleet, _, address := serve(t)
	socket := dial(t, address)
	if !fleet.Status()[0].Connected {
		t.Fatal("the agent is not connected")
	}
	if err := socket.NetConn().Close(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(5 * time.Second); fleet.Status()[0].Connected; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the agent is still connected")
		}
	}
}

func TestShutdownEndsConnections(t *testing.T) {
	_, server, address := serve(t)
	socket := dial(t, address)
	if err := server.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := socket.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := socket.ReadMessage(); !websocket.IsUnexpectedCloseError(err) {
		t.Errorf("reading ends with %v, want the end of the connection", err)
	}
}

func TestPolledMessageHasAMaximumSize(t *testing.T) {
	_, _, address := serve(t)
	message, err := proto.Marshal(hello(accepting))
	if err != nil {
		t.Fatal(err)
	}
	// An unknown field of 16 MiB: two bytes of tag (field 100, bytes), four of length.
	tooLarge := append(append(message, 0xa2, 0x06, 0x80, 0x80, 0x80, 0x08), make([]byte, maxMessageSize)...)
	for want, body := range map[int][]byte{http.StatusOK: message, http.StatusBadRequest: tooLarge} {
		response, err := http.Post("http://"+address, "application/x-protobuf", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("%d bytes: status is %d, want %d", len(body), response.StatusCode, want)
		}
	}
}
