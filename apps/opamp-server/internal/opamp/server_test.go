package opamp

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"
	"github.com/open-telemetry/opamp-go/protobufs"
	"google.golang.org/protobuf/proto"

	"tinyolly.dev/apps/opamp-server/internal/collector"
	"tinyolly.dev/apps/opamp-server/internal/fleet"
)

const accepting = uint64(protobufs.AgentCapabilities_AgentCapabilities_ReportsStatus |
	protobufs.AgentCapabilities_AgentCapabilities_AcceptsRemoteConfig |
	protobufs.AgentCapabilities_AgentCapabilities_ReportsRemoteConfig)

type served struct {
	agents  *fleet.Fleet
	server  *http.Server
	address string
}

func serve(t testing.TB, change func(*handler)) served {
	t.Helper()
	logger := slog.New(slog.DiscardHandler)
	agents := fleet.New(fleet.Limits{Agents: 2000, EffectiveBytes: 16 << 20}, logger)
	h := newHandler(2000, agents, logger)
	if change != nil {
		change(h)
	}
	server := newServer("", "", h)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return served{agents, server, listener.Addr().String() + path}
}

func hello(uid uuid.UUID) *protobufs.AgentToServer {
	return &protobufs.AgentToServer{
		InstanceUid: uid[:], Capabilities: accepting, AgentDescription: &protobufs.AgentDescription{},
		RemoteConfigStatus: &protobufs.RemoteConfigStatus{},
	}
}

func encode(t testing.TB, message *protobufs.AgentToServer) []byte {
	t.Helper()
	content, err := proto.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func open(t testing.TB, address string) *websocket.Conn {
	t.Helper()
	socket, _, err := websocket.DefaultDialer.Dial("ws://"+address, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = socket.Close() })
	return socket
}

// dial returns the WebSocket of an agent that the fleet knows.
func dial(t testing.TB, address string, uid uuid.UUID) *websocket.Conn {
	t.Helper()
	socket := open(t, address)
	const header = 0
	if err := socket.WriteMessage(websocket.BinaryMessage, append([]byte{header}, encode(t, hello(uid))...)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := socket.ReadMessage(); err != nil {
		t.Fatal(err)
	}
	return socket
}

func (s served) await(t testing.TB, uid uuid.UUID, wanted fleet.Connection) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		detail, err := s.agents.Detail(uid.String())
		if err == nil && detail.Connection == wanted {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the agent is %+v (%v), want %s", detail, err, wanted)
		}
	}
}

// ends tells how the server ends a connection.
func ends(t testing.TB, socket *websocket.Conn) error {
	t.Helper()
	if err := socket.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	for {
		if _, _, err := socket.ReadMessage(); err != nil {
			if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
				t.Fatal("the server does not end the connection")
			}
			return err
		}
	}
}

func post(t testing.TB, address string, body []byte, header http.Header) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header = header.Clone()
	request.Header.Set("Content-Type", protobufType)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	return response.StatusCode
}

func compress(t testing.TB, content io.Reader) []byte {
	t.Helper()
	var compressed bytes.Buffer
	writer := gzip.NewWriter(&compressed)
	if _, err := io.Copy(writer, content); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return compressed.Bytes()
}

func TestLostConnectionDisconnectsItsAgent(t *testing.T) {
	s, uid := serve(t, nil), uuid.New()
	socket := dial(t, s.address, uid)
	s.await(t, uid, fleet.Connected)
	if err := socket.NetConn().Close(); err != nil {
		t.Fatal(err)
	}
	s.await(t, uid, fleet.Disconnected)
}

func TestShutdownEndsConnections(t *testing.T) {
	s := serve(t, nil)
	socket := dial(t, s.address, uuid.New())
	if err := s.server.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := ends(t, socket); !websocket.IsUnexpectedCloseError(err) {
		t.Errorf("reading ends with %v, want the end of the connection", err)
	}
}

func TestBadFramesEndTheConnection(t *testing.T) {
	s := serve(t, nil)
	uid := uuid.New()
	for name, test := range map[string]struct {
		kind    int
		content []byte
		code    int
	}{
		"text":             {websocket.TextMessage, encode(t, hello(uid)), websocket.ClosePolicyViolation},
		"no protobuf":      {websocket.BinaryMessage, []byte("hello"), websocket.ClosePolicyViolation},
		"an instance UID":  {websocket.BinaryMessage, encode(t, &protobufs.AgentToServer{InstanceUid: []byte("x")}), websocket.ClosePolicyViolation},
		"a large message":  {websocket.BinaryMessage, make([]byte, maxMessageSize+1), websocket.CloseMessageTooBig},
		"many attributes":  {websocket.BinaryMessage, attributes(maxStructureSize), websocket.ClosePolicyViolation},
		"many files":       {websocket.BinaryMessage, manyFiles(t), websocket.ClosePolicyViolation},
		"nested attribute": {websocket.BinaryMessage, encode(t, nested(uid, maxNesting)), websocket.ClosePolicyViolation},
	} {
		t.Run(name, func(t *testing.T) {
			socket := open(t, s.address)
			// A message that is refused while it is sent cannot be sent to its end.
			_ = socket.WriteMessage(test.kind, test.content)
			if err := ends(t, socket); !websocket.IsCloseError(err, test.code) && test.code != websocket.CloseMessageTooBig {
				t.Errorf("the connection ends with %v, want code %d", err, test.code)
			}
		})
	}
	if list := s.agents.List(fleet.Query{Limit: 10}); list.Total != 0 {
		t.Errorf("agents are %+v, want none", list)
	}
}

// attributes is a description of many empty attributes: two bytes each, and an object of a hundred when decoded.
func attributes(size int) []byte {
	description := bytes.Repeat([]byte{0x0a, 0x00}, size/2)
	// Field 3, of bytes.
	return append(append([]byte{0x1a}, varint(len(description))...), description...)
}

func varint(number int) []byte {
	var encoded []byte
	for ; number >= 0x80; number >>= 7 {
		encoded = append(encoded, byte(number)|0x80)
	}
	return append(encoded, byte(number))
}

func manyFiles(t testing.TB) []byte {
	files := map[string]string{}
	for index := range maxConfigFiles + 1 {
		files[fmt.Sprint(index)] = ""
	}
	message := hello(uuid.New())
	message.EffectiveConfig = &protobufs.EffectiveConfig{ConfigMap: collector.Trust(files).Remote().Config}
	return encode(t, message)
}

func nested(uid uuid.UUID, depth int) *protobufs.AgentToServer {
	value := &protobufs.AnyValue{}
	for range depth {
		value = &protobufs.AnyValue{Value: &protobufs.AnyValue_ArrayValue{
			ArrayValue: &protobufs.ArrayValue{Values: []*protobufs.AnyValue{value}},
		}}
	}
	message := hello(uid)
	message.AgentDescription.IdentifyingAttributes = []*protobufs.KeyValue{{Key: "a", Value: value}}
	return message
}

func TestPolledMessagesAreTakenAndRefused(t *testing.T) {
	s := serve(t, nil)
	message := encode(t, hello(uuid.New()))
	large := encode(t, &protobufs.AgentToServer{EffectiveConfig: &protobufs.EffectiveConfig{
		ConfigMap: collector.Trust(collector.One(strings.Repeat("x", maxMessageSize))).Remote().Config,
	}})
	zipped := http.Header{"Content-Encoding": {"gzip"}}
	for name, test := range map[string]struct {
		body   []byte
		header http.Header
		status int
	}{
		"a message":                   {message, http.Header{}, http.StatusOK},
		"a compressed message":        {compress(t, bytes.NewReader(message)), zipped, http.StatusOK},
		"a large message":             {large, http.Header{}, http.StatusRequestEntityTooLarge},
		"a compressed large message":  {compress(t, bytes.NewReader(large)), zipped, http.StatusRequestEntityTooLarge},
		"many attributes":             {attributes(maxStructureSize), http.Header{}, http.StatusBadRequest},
		"no protobuf":                 {[]byte("hello"), http.Header{}, http.StatusBadRequest},
		"no gzip":                     {message, zipped, http.StatusBadRequest},
		"a compression of other kind": {message, http.Header{"Content-Encoding": {"br"}}, http.StatusBadRequest},
		"a page of another origin":    {message, http.Header{"Origin": {"https://evil.example"}}, http.StatusForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			if status := post(t, s.address, test.body, test.header); status != test.status {
				t.Errorf("status is %d, want %d", status, test.status)
			}
		})
	}
}

type zeros struct{}

func (zeros) Read(into []byte) (int, error) {
	clear(into)
	return len(into), nil
}

func TestBombsCostLittleMemory(t *testing.T) {
	s := serve(t, nil)
	bomb := compress(t, io.LimitReader(zeros{}, 16<<20))
	if len(bomb) > 1<<20 {
		t.Fatalf("the bomb has %d bytes", len(bomb))
	}
	var before runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)

	var highest atomic.Uint64
	watching, stop := context.WithCancel(t.Context())
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		for watching.Err() == nil {
			var now runtime.MemStats
			runtime.ReadMemStats(&now)
			highest.Store(max(highest.Load(), now.HeapInuse))
			time.Sleep(time.Millisecond)
		}
	}()
	const senders = 8
	done := make(chan int, senders)
	for range senders {
		go func() { done <- post(t, s.address, bomb, http.Header{"Content-Encoding": {"gzip"}}) }()
	}
	for range senders {
		if status := <-done; status != http.StatusRequestEntityTooLarge {
			t.Errorf("status is %d, want that the message is too large", status)
		}
	}
	stop()
	<-watched
	cost := highest.Load() - min(highest.Load(), before.HeapInuse)
	t.Logf("%d bombs of 16 MiB cost %.1f MiB", senders, float64(cost)/(1<<20))
	if cost > 64<<20 {
		t.Errorf("%d bombs cost %d bytes, want less than 64 MiB", senders, cost)
	}
}

func TestMoreConnectionsThanAllowedAreRefused(t *testing.T) {
	s := serve(t, func(h *handler) { h.maxSessions = 1 })
	first := dial(t, s.address, uuid.New())
	_, response, err := websocket.DefaultDialer.Dial("ws://"+s.address, nil)
	if err == nil || response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") == "" {
		t.Errorf("response is %v (%v), want that the agent comes later", response, err)
	}
	_ = first.Close()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if socket, _, err := websocket.DefaultDialer.Dial("ws://"+s.address, nil); err == nil {
			_ = socket.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("there is no room after the first agent has gone")
		}
	}
}

func TestFloodOfRequestsIsRefused(t *testing.T) {
	s := serve(t, func(h *handler) { h.requests.SetLimit(0); h.requests.SetBurst(1) })
	message := encode(t, hello(uuid.New()))
	for index, want := range []int{http.StatusOK, http.StatusTooManyRequests} {
		if status := post(t, s.address, message, http.Header{}); status != want {
			t.Errorf("status of request %d is %d, want %d", index+1, status, want)
		}
	}
}

func TestAgentsNeedTheToken(t *testing.T) {
	logger := slog.New(slog.DiscardHandler)
	server := NewServer("", "secret", 10, fleet.New(fleet.Limits{Agents: 10}, logger), logger)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	message := encode(t, hello(uuid.New()))
	for given, want := range map[string]int{"": 401, "Bearer wrong": 401, "Bearer secret": 200} {
		if status := post(t, listener.Addr().String()+path, message, http.Header{"Authorization": {given}}); status != want {
			t.Errorf("%q: status is %d, want %d", given, status, want)
		}
	}
}

// FuzzMessage shows that no frame does more than end its own connection, or adds more than one agent.
func FuzzMessage(f *testing.F) {
	f.Add(append([]byte{0}, encode(f, hello(uuid.New()))...))
	f.Add(encode(f, nested(uuid.New(), 3)))
	f.Add(attributes(100))
	f.Add(manyFiles(f))
	f.Fuzz(func(t *testing.T, content []byte) {
		agents := fleet.New(fleet.Limits{Agents: 10, EffectiveBytes: 1 << 10}, slog.New(slog.DiscardHandler))
		var message protobufs.AgentToServer
		if decode(content[headerSize(content):], &message) != nil {
			return
		}
		for range 3 {
			if reply := agents.Receive(nil, &message); reply != nil {
				if _, err := proto.Marshal(reply); err != nil {
					t.Errorf("the reply cannot be sent: %v", err)
				}
			}
		}
		if list := agents.List(fleet.Query{Limit: 10}); list.Total > 1 {
			t.Errorf("one message makes %d agents", list.Total)
		}
	})
}

// FuzzBody shows that no body takes more than its limit.
func FuzzBody(f *testing.F) {
	f.Add(compress(f, io.LimitReader(zeros{}, maxMessageSize+1)), true)
	f.Add([]byte("hello"), false)
	f.Fuzz(func(t *testing.T, content []byte, zipped bool) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost", bytes.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		if zipped {
			request.Header.Set("Content-Encoding", "gzip")
		}
		body, err := bodyOf(request)
		if err != nil {
			return
		}
		_ = newReader().read(t.Context(), body, func(content []byte) error {
			if len(content) > maxMessageSize {
				t.Errorf("%d bytes are used", len(content))
			}
			return nil
		})
	})
}
