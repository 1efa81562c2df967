package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/open-telemetry/opamp-go/client"
	"github.com/open-telemetry/opamp-go/client/types"
	"github.com/open-telemetry/opamp-go/protobufs"

	"tinyolly.dev/apps/opamp-server/internal/agents"
)

const (
	running = "receivers: {otlp: {}}\n"
	pushed  = "receivers: {hostmetrics: {}}\n"
)

// servers are the two ends of the program: agents connect to one, people to the other.
type servers struct {
	opamp string
	rest  string
}

func start(t *testing.T) servers {
	t.Helper()
	logger := slog.New(slog.DiscardHandler)
	fleet := agents.NewFleet(logger)
	opamp, err := agents.NewServer("", fleet, logger)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = opamp.Serve(listener) }()
	t.Cleanup(func() { _ = opamp.Close() })

	rest := httptest.NewServer(NewServer("", fleet, logger).Handler)
	t.Cleanup(rest.Close)
	return servers{opamp: listener.Addr().String() + "/v1/opamp", rest: rest.URL}
}

// collector is an agent that runs whatever it is sent and says so.
type collector struct {
	uid      uuid.UUID
	received chan string
	stop     func()
}

func connect(t *testing.T, agent client.OpAMPClient, url string, heartbeat time.Duration) collector {
	t.Helper()
	stopped := make(chan struct{})
	c := collector{
		uid:      uuid.New(),
		received: make(chan string, 10),
		stop: sync.OnceFunc(func() {
			close(stopped)
			_ = agent.Stop(context.Background())
		}),
	}
	effective := running
	check(t, agent.SetAgentDescription(describe("otelcol", "1.2.3")))
	check(t, agent.SetHealth(&protobufs.ComponentHealth{Healthy: true}))
	capabilities := protobufs.AgentCapabilities_AgentCapabilities_ReportsStatus |
		protobufs.AgentCapabilities_AgentCapabilities_AcceptsRemoteConfig |
		protobufs.AgentCapabilities_AgentCapabilities_ReportsRemoteConfig |
		protobufs.AgentCapabilities_AgentCapabilities_ReportsEffectiveConfig |
		protobufs.AgentCapabilities_AgentCapabilities_ReportsHeartbeat |
		protobufs.AgentCapabilities_AgentCapabilities_ReportsHealth
	check(t, agent.SetCapabilities(&capabilities))
	check(t, agent.Start(t.Context(), types.StartSettings{
		OpAMPServerURL:    url,
		InstanceUid:       types.InstanceUid(c.uid),
		HeartbeatInterval: &heartbeat,
		Callbacks: types.Callbacks{
			GetEffectiveConfig: func(context.Context) (*protobufs.EffectiveConfig, error) {
				return &protobufs.EffectiveConfig{ConfigMap: &protobufs.AgentConfigMap{
					ConfigMap: map[string]*protobufs.AgentConfigFile{"": {Body: []byte(effective)}},
				}}, nil
			},
			OnMessage: func(ctx context.Context, message *types.MessageData) {
				if message.RemoteConfig == nil {
					return
				}
				effective = string(message.RemoteConfig.Config.ConfigMap[""].Body)
				select {
				case c.received <- effective:
				case <-stopped:
					// Nobody reads any more, and the client waits for this to end.
					return
				}
				_ = agent.SetRemoteConfigStatus(&protobufs.RemoteConfigStatus{
					LastRemoteConfigHash: message.RemoteConfig.ConfigHash,
					Status:               protobufs.RemoteConfigStatuses_RemoteConfigStatuses_APPLIED,
				})
				_ = agent.UpdateEffectiveConfig(ctx)
			},
		},
	}))
	t.Cleanup(c.stop)
	return c
}

func describe(name, version string) *protobufs.AgentDescription {
	text := func(value string) *protobufs.AnyValue {
		return &protobufs.AnyValue{Value: &protobufs.AnyValue_StringValue{StringValue: value}}
	}
	return &protobufs.AgentDescription{IdentifyingAttributes: []*protobufs.KeyValue{
		{Key: "service.name", Value: text(name)},
		{Key: "service.version", Value: text(version)},
	}}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func call(t *testing.T, method, url, body string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	check(t, err)
	response, err := http.DefaultClient.Do(request)
	check(t, err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	check(t, err)
	if got := response.Header.Get("Content-Type"); got != "application/json" {
		t.Errorf("%s %s: content type is %q, want JSON", method, url, got)
	}
	return response.StatusCode, string(bytes.TrimSpace(content))
}

// await returns the status of the only agent once it fulfils the condition.
func (s servers) await(t *testing.T, condition func(agents.Status) bool) agents.Status {
	t.Helper()
	var last string
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		_, last = call(t, "GET", s.rest+"/status", "")
		var body struct{ Agents []agents.Status }
		check(t, json.Unmarshal([]byte(last), &body))
		if len(body.Agents) == 1 && condition(body.Agents[0]) {
			return body.Agents[0]
		}
	}
	t.Fatalf("the agent did not get there: %s", last)
	return agents.Status{}
}

func (c collector) expect(t *testing.T, config string) {
	t.Helper()
	select {
	case got := <-c.received:
		if got != config {
			t.Errorf("the agent received %q, want %q", got, config)
		}
	case <-time.After(time.Minute):
		t.Fatal("the agent received nothing")
	}
}

func put(t *testing.T, s servers, config string, instance *uuid.UUID) (hash string, instances []string) {
	t.Helper()
	request, err := json.Marshal(struct {
		Config   string     `json:"config"`
		Instance *uuid.UUID `json:"instance,omitempty"`
	}{config, instance})
	check(t, err)
	status, reply := call(t, "PUT", s.rest+"/config", string(request))
	if status != http.StatusAccepted {
		t.Fatalf("status is %d: %s", status, reply)
	}
	var body struct {
		Hash      string
		Instances []string
	}
	check(t, json.Unmarshal([]byte(reply), &body))
	return body.Hash, body.Instances
}

func TestConfigIsPushedAndItsStatusShown(t *testing.T) {
	const never = time.Hour
	transports := map[string]struct {
		agent     client.OpAMPClient
		scheme    string
		heartbeat time.Duration
	}{
		"WebSocket":    {client.NewWebSocket(nil), "ws://", never},
		"HTTP polling": {client.NewHTTP(nil), "http://", 50 * time.Millisecond},
	}
	for name, transport := range transports {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			c := connect(t, transport.agent, transport.scheme+s.opamp, transport.heartbeat)

			before := s.await(t, func(a agents.Status) bool { return a.EffectiveConfig == running })
			if before.InstanceUID != c.uid.String() || before.Type != "otelcol" || before.Version != "1.2.3" ||
				!before.Connected || !before.Healthy || before.RemoteConfig.Status != "UNSET" {
				t.Errorf("status before the push is %+v", before)
			}

			hash, instances := put(t, s, pushed, &c.uid)
			if !slices.Equal(instances, []string{c.uid.String()}) {
				t.Errorf("instances are %v, want %s", instances, c.uid)
			}
			c.expect(t, pushed)
			after := s.await(t, func(a agents.Status) bool { return a.EffectiveConfig == pushed })
			if want := (agents.RemoteConfigStatus{Status: "APPLIED", Hash: hash}); after.RemoteConfig != want {
				t.Errorf("remote configuration is %+v, want %+v", after.RemoteConfig, want)
			}

			status, reply := call(t, "GET", s.rest+"/config?instance="+c.uid.String(), "")
			var offered struct{ Instance, Config, Hash string }
			check(t, json.Unmarshal([]byte(reply), &offered))
			if status != http.StatusOK || offered.Instance != c.uid.String() || offered.Config != pushed || offered.Hash != hash {
				t.Errorf("configuration is %d %s", status, reply)
			}

			c.stop()
			if transport.scheme == "ws://" {
				s.await(t, func(a agents.Status) bool { return !a.Connected })
			}
		})
	}
}

func TestConfigOfAllReachesAgentsThatComeLater(t *testing.T) {
	s := start(t)
	if _, instances := put(t, s, pushed, nil); len(instances) != 0 {
		t.Errorf("instances are %v, want none", instances)
	}
	connect(t, client.NewWebSocket(nil), "ws://"+s.opamp, time.Hour).expect(t, pushed)
}

func TestManyAgentsAndPushesAtOnce(t *testing.T) {
	s := start(t)
	var collectors []collector
	for range 5 {
		collectors = append(collectors, connect(t, client.NewWebSocket(nil), "ws://"+s.opamp, 20*time.Millisecond))
	}
	for range 5 {
		put(t, s, running, nil)
		call(t, "GET", s.rest+"/status", "")
		put(t, s, pushed, nil)
	}
	for _, c := range collectors {
		for got := ""; got != pushed; {
			select {
			case got = <-c.received:
			case <-time.After(time.Minute):
				t.Fatal("the agent did not receive the last configuration")
			}
		}
	}
}

func TestHealth(t *testing.T) {
	if status, body := call(t, "GET", start(t).rest+"/health", ""); status != http.StatusOK || body != `{"status":"ok"}` {
		t.Errorf("health is %d %s", status, body)
	}
}

func TestStatusOfNobodyIsAnEmptyList(t *testing.T) {
	if _, body := call(t, "GET", start(t).rest+"/status", ""); body != `{"agents":[]}` {
		t.Errorf("status is %s", body)
	}
}

func TestBadInput(t *testing.T) {
	s := start(t)
	for name, test := range map[string]struct {
		method, path, body string
		status             int
		code, message      string
	}{
		"unknown path":            {"GET", "/agents", "", 404, "not_found", "/status"},
		"wrong method":            {"POST", "/config", "{}", 405, "method_not_allowed", "GET, PUT"},
		"no instance":             {"GET", "/config", "", 400, "bad_request", `"instance" is missing`},
		"unknown instance, read":  {"GET", "/config?instance=x", "", 404, "not_found", `instance UID "x"`},
		"unknown instance, write": {"PUT", "/config", `{"config":"a: 1","instance":"x"}`, 404, "not_found", `instance UID "x"`},
		"empty instance":          {"PUT", "/config", `{"config":"a: 1","instance":""}`, 404, "not_found", `instance UID ""`},
		"no body":                 {"PUT", "/config", "", 400, "invalid_json", "EOF"},
		"no JSON":                 {"PUT", "/config", "config: a", 400, "invalid_json", "invalid character"},
		"JSON of another shape":   {"PUT", "/config", "[1]", 400, "invalid_json", "array"},
		"unknown key":             {"PUT", "/config", `{"config":"a: 1","instanceId":"x"}`, 400, "invalid_json", `"instanceId"`},
		"two JSON values":         {"PUT", "/config", `{"config":"a: 1"} {}`, 400, "invalid_json", "more than one"},
		"no config":               {"PUT", "/config", "{}", 400, "invalid_yaml", "YAML mapping"},
		"no YAML":                 {"PUT", "/config", `{"config":"a: ["}`, 400, "invalid_yaml", "line 1"},
		"too large":               {"PUT", "/config", `{"config":"` + strings.Repeat("a", maxBodySize) + `"}`, 413, "too_large", "1 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			status, reply := call(t, test.method, s.rest+test.path, test.body)
			var body struct {
				Error struct{ Code, Message string }
			}
			check(t, json.Unmarshal([]byte(reply), &body))
			if status != test.status || body.Error.Code != test.code || !strings.Contains(body.Error.Message, test.message) {
				t.Errorf("reply is %d %s, want %d %s with %q", status, reply, test.status, test.code, test.message)
			}
		})
	}
}

func TestReadOnlyAgentIsAConflict(t *testing.T) {
	s := start(t)
	agent, uid := client.NewWebSocket(nil), uuid.New()
	check(t, agent.SetAgentDescription(describe("reader", "1")))
	capabilities := protobufs.AgentCapabilities_AgentCapabilities_ReportsStatus
	check(t, agent.SetCapabilities(&capabilities))
	check(t, agent.Start(t.Context(), types.StartSettings{OpAMPServerURL: "ws://" + s.opamp, InstanceUid: types.InstanceUid(uid)}))
	t.Cleanup(func() { _ = agent.Stop(context.Background()) })
	s.await(t, func(a agents.Status) bool { return a.Connected })

	status, reply := call(t, "PUT", s.rest+"/config", `{"config":"a: 1","instance":"`+uid.String()+`"}`)
	if status != http.StatusConflict || !strings.Contains(reply, "read_only_instance") {
		t.Errorf("reply is %d %s, want a conflict", status, reply)
	}
}
