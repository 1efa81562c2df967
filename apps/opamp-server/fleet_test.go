package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"
	"github.com/open-telemetry/opamp-go/protobufs"
	"google.golang.org/protobuf/proto"
)

// The machine of a test is busy, so that the times are bounded widely, and the processors' time and the memory as they should be: a push that
// takes two cores five seconds, in some 100 MB beside the program itself, and never more than the chart allows.
const (
	fleetSize     = 10_000
	maxPushTime   = 2 * time.Minute
	maxPushCPU    = 15 * time.Second
	maxListTime   = time.Second
	maxListBytes  = 2 << 20
	maxResidentKB = 110_000
	maxPeakKB     = 128 << 10
)

// simulated is an agent with as little of its own as possible: there are ten thousand of them in this process.
type simulated struct {
	uid      uuid.UUID
	socket   *websocket.Conn
	sequence uint64
}

func (s *simulated) send(message *protobufs.AgentToServer) error {
	message.InstanceUid, message.SequenceNum = s.uid[:], s.sequence
	s.sequence++
	content, err := proto.Marshal(message)
	if err != nil {
		return err
	}
	return s.socket.WriteMessage(websocket.BinaryMessage, append([]byte{0}, content...))
}

func (s *simulated) receive() (*protobufs.ServerToAgent, error) {
	_, content, err := s.socket.ReadMessage()
	if err != nil {
		return nil, err
	}
	var message protobufs.ServerToAgent
	return &message, proto.Unmarshal(content[1:], &message)
}

// effectiveConfig is like that of a supervisor, which names the instance.
func effectiveConfig(uid uuid.UUID, text string) *protobufs.EffectiveConfig {
	body := text + "extensions: {opamp: {instance_uid: " + uid.String() + "}}\n"
	return &protobufs.EffectiveConfig{ConfigMap: &protobufs.AgentConfigMap{
		ConfigMap: map[string]*protobufs.AgentConfigFile{"": {Body: []byte(body), ContentType: "text/yaml"}},
	}}
}

// connect makes an agent that the server knows.
func connect(address, text string) (*simulated, error) {
	dialer := websocket.Dialer{ReadBufferSize: 512, WriteBufferSize: 512, WriteBufferPool: &sync.Pool{}}
	socket, response, err := dialer.Dial("ws://"+address+"/v1/opamp", nil)
	for ; err != nil && response != nil && response.StatusCode == http.StatusTooManyRequests; socket, response, err = dialer.Dial("ws://"+address+"/v1/opamp", nil) {
		time.Sleep(100 * time.Millisecond)
	}
	if err != nil {
		return nil, err
	}
	s := &simulated{uid: uuid.New(), socket: socket}
	attribute := func(key, value string) *protobufs.KeyValue {
		return &protobufs.KeyValue{Key: key, Value: &protobufs.AnyValue{Value: &protobufs.AnyValue_StringValue{StringValue: value}}}
	}
	err = s.send(&protobufs.AgentToServer{
		Capabilities: 0x1f,
		AgentDescription: &protobufs.AgentDescription{
			IdentifyingAttributes:    []*protobufs.KeyValue{attribute("service.name", "otelcol"), attribute("service.version", "0.149.0")},
			NonIdentifyingAttributes: []*protobufs.KeyValue{attribute("host.name", "node-"+s.uid.String())},
		},
		Health:             &protobufs.ComponentHealth{Healthy: true},
		RemoteConfigStatus: &protobufs.RemoteConfigStatus{},
		EffectiveConfig:    effectiveConfig(s.uid, text),
	})
	if err == nil {
		_, err = s.receive()
	}
	return s, err
}

// follow applies what it is offered, and says so.
func (s *simulated) follow(applied *atomic.Int64) error {
	for {
		message, err := s.receive()
		if err != nil {
			return err
		}
		offer := message.RemoteConfig
		if offer == nil {
			continue
		}
		if err := s.send(&protobufs.AgentToServer{
			RemoteConfigStatus: &protobufs.RemoteConfigStatus{
				LastRemoteConfigHash: offer.ConfigHash,
				Status:               protobufs.RemoteConfigStatuses_RemoteConfigStatuses_APPLIED,
			},
			EffectiveConfig: effectiveConfig(s.uid, string(offer.Config.ConfigMap[""].Body)),
		}); err != nil {
			return err
		}
		applied.Add(1)
	}
}

// collectorConfig has four kilobytes, as many as one of a Collector with a dozen components.
func collectorConfig(name string) string {
	var text strings.Builder
	text.WriteString("receivers: {otlp: {protocols: {grpc: {endpoint: 0.0.0.0:4317}}}}\nexporters:\n")
	for index := range 40 {
		fmt.Fprintf(&text, "  otlp/%s-%d:\n    endpoint: gateway-%d.observability.svc.cluster.local:4317\n    tls: {insecure: true}\n", name, index, index)
	}
	return text.String()
}

// cpuTime is what the server has used of the processors.
func cpuTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	const user, system, tick = 11, 12, 10 * time.Millisecond
	var used time.Duration
	for _, field := range []int{user, system} {
		ticks, err := strconv.Atoi(strings.Fields(rest)[field])
		if err != nil {
			t.Fatal(err)
		}
		used += time.Duration(ticks) * tick
	}
	return used
}

func residentKB(t *testing.T, pid int, field string) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), field+":")
	kilobytes, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return kilobytes
}

// fits returns how many sockets a process may have, with some to spare for others.
func fits(t *testing.T, wanted int) int {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	return min(wanted, int(limit.Max)-100)
}

func TestFleetOfTenThousand(t *testing.T) {
	size := fits(t, fleetSize)
	if raceDetector {
		// Which takes ten times the memory, and finds with fewer what it finds.
		size = min(size, 500)
	}
	opamp, rest := freeAddress(t), freeAddress(t)
	server := command(t, "OPAMP_LISTEN="+opamp, "REST_LISTEN="+rest, "LOG_LEVEL=ERROR", "MAX_AGENTS="+strconv.Itoa(size),
		"STATE_FILE="+filepath.Join(t.TempDir(), "state.json"))
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	await(t, rest)

	began := time.Now()
	agents := make([]*simulated, size)
	var connecting sync.WaitGroup
	failures := make(chan error, size)
	next := atomic.Int64{}
	for range 16 {
		connecting.Go(func() {
			for index := next.Add(1) - 1; index < int64(size); index = next.Add(1) - 1 {
				agent, err := connect(opamp, collectorConfig("own"))
				if err != nil {
					failures <- err
					return
				}
				agents[index] = agent
			}
		})
	}
	connecting.Wait()
	close(failures)
	if err := errors.Join(slices.Collect(func(yield func(error) bool) {
		for err := range failures {
			yield(err)
		}
	})...); err != nil {
		t.Fatal(err)
	}
	connected := time.Since(began)

	var applied atomic.Int64
	for _, agent := range agents {
		go func() { _ = agent.follow(&applied) }()
	}
	body, err := json.Marshal(map[string]string{"config": collectorConfig("new")})
	if err != nil {
		t.Fatal(err)
	}
	before := cpuTime(t, server.Process.Pid)
	began = time.Now()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://"+rest+"/config", strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	answered := time.Since(began)
	var list struct{ Total int }
	for ; list.Total < size; time.Sleep(200 * time.Millisecond) {
		get(t, "http://"+rest+"/api/v1/agents?limit=1&status=APPLIED", &list)
		if time.Since(began) > maxPushTime {
			t.Fatalf("%d of %d agents have the configuration after %s", list.Total, size, maxPushTime)
		}
	}
	pushed, used := time.Since(began), cpuTime(t, server.Process.Pid)-before

	// The least of several, since others use the machine as well.
	listed, bytes := time.Hour, 0
	for range 20 {
		began = time.Now()
		bytes = get(t, "http://"+rest+"/api/v1/agents?limit=1000", &list)
		listed = min(listed, time.Since(began))
	}
	resident, peak := residentKB(t, server.Process.Pid, "RssAnon"), residentKB(t, server.Process.Pid, "VmHWM")
	t.Logf("%d agents: connected in %s, PUT answered in %s, all applied in %s with %s of the processors, a page of 1000 in %s with %d bytes, %d kB resident, %d kB at most",
		size, connected, answered, pushed, used, listed, bytes, resident, peak)
	if listed > maxListTime || bytes > maxListBytes {
		t.Errorf("a page takes %s and %d bytes, want at most %s and %d", listed, bytes, maxListTime, maxListBytes)
	}
	if !raceDetector && (used > maxPushCPU || resident > maxResidentKB || peak > maxPeakKB) {
		t.Errorf("the server takes %s of the processors, %d kB and at most %d kB, want at most %s, %d kB and %d kB",
			used, resident, peak, maxPushCPU, maxResidentKB, maxPeakKB)
	}
	for _, agent := range agents {
		_ = agent.socket.Close()
	}
	if err := server.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := server.Wait(); err != nil {
		t.Errorf("the server ended with %v, want success", err)
	}
}

func get(t *testing.T, url string, into any) int {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(content, into); err != nil {
		t.Fatalf("%v: %s", err, content)
	}
	return len(content)
}
