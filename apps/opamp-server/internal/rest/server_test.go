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

	"tinyolly.dev/apps/opamp-server/internal/fleet"
	"tinyolly.dev/apps/opamp-server/internal/opamp"
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

func start(t *testing.T, access Access) servers {
	t.Helper()
	logger := slog.New(slog.DiscardHandler)
	agents := fleet.New(fleet.Limits{Agents: 100, EffectiveBytes: 1 << 20}, logger)
	server := opamp.NewServer("", "", 100, agents, logger)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })

	rest := httptest.NewServer(NewServer("", access, agents, logger).Handler)
	t.Cleanup(rest.Close)
	return servers{opamp: listener.Addr().String() + "/v1/opamp", rest: rest.URL}
}

// otelcol is an agent that runs whatever it is sent and says so.
type otelcol struct {
	uid      uuid.UUID
	received chan string
	stop     func()
}

func connect(t *testing.T, agent client.OpAMPClient, url string, heartbeat time.Duration) otelcol {
	t.Helper()
	stopped := make(chan struct{})
	c := otelcol{
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

type reply struct {
	status int
	header http.Header
	body   string
}

func (r reply) decode(t *testing.T, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.body), into); err != nil {
		t.Fatalf("%v: %s", err, r.body)
	}
}

func call(t *testing.T, method, url, body string, header http.Header) reply {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	check(t, err)
	for name, values := range header {
		request.Header[name] = values
	}
	request.Host = header.Get("Host")
	response, err := http.DefaultClient.Do(request)
	check(t, err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	check(t, err)
	if got := response.Header.Get("Content-Type"); len(content) > 0 && !strings.Contains(got, "json") && response.StatusCode != http.StatusUnauthorized {
		t.Errorf("%s %s: content type is %q, want JSON", method, url, got)
	}
	return reply{response.StatusCode, response.Header, string(bytes.TrimSpace(content))}
}

// await returns the only agent once it fulfils the condition.
func (s servers) await(t *testing.T, condition func(fleet.Detail) bool) fleet.Detail {
	t.Helper()
	var detail fleet.Detail
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		var list fleet.List
		call(t, "GET", s.rest+"/api/v1/agents", "", nil).decode(t, &list)
		if len(list.Agents) != 1 {
			continue
		}
		call(t, "GET", s.rest+"/api/v1/agents/"+list.Agents[0].InstanceUID, "", nil).decode(t, &detail)
		if condition(detail) {
			return detail
		}
	}
	t.Fatalf("the agent did not get there: %+v", detail)
	return detail
}

func (c otelcol) expect(t *testing.T, config string) {
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
	reply := call(t, "PUT", s.rest+"/config", string(request), nil)
	if reply.status != http.StatusAccepted {
		t.Fatalf("status is %d: %s", reply.status, reply.body)
	}
	var body struct {
		Hash      string
		Instances []string
	}
	reply.decode(t, &body)
	return body.Hash, body.Instances
}

func filesOf(t *testing.T, files map[string]string) string {
	t.Helper()
	body, err := json.Marshal(map[string]any{"files": files})
	check(t, err)
	return string(body)
}

func TestConfigIsPushedAndItsStatusShown(t *testing.T) {
	const never = time.Hour
	transports := map[string]struct {
		agent     client.OpAMPClient
		scheme    string
		heartbeat time.Duration
	}{
		"websocket": {client.NewWebSocket(nil), "ws://", never},
		"polling":   {client.NewHTTP(nil), "http://", time.Second},
	}
	for name, transport := range transports {
		t.Run(name, func(t *testing.T) {
			s := start(t, Access{})
			c := connect(t, transport.agent, transport.scheme+s.opamp, transport.heartbeat)

			before := s.await(t, func(a fleet.Detail) bool { return a.EffectiveFiles[""] == running })
			if before.InstanceUID != c.uid.String() || before.Type != "otelcol" || before.Version != "1.2.3" ||
				before.Connection != fleet.Connected || before.Healthy == nil || !*before.Healthy ||
				before.RemoteConfig.Status != "UNSET" || before.Wanted != nil || before.Transport != name {
				t.Errorf("status before the push is %+v", before)
			}

			hash, instances := put(t, s, pushed, &c.uid)
			if !slices.Equal(instances, []string{c.uid.String()}) {
				t.Errorf("instances are %v, want %s", instances, c.uid)
			}
			c.expect(t, pushed)
			after := s.await(t, func(a fleet.Detail) bool { return a.EffectiveFiles[""] == pushed })
			if after.RemoteConfig.Status != "APPLIED" || after.RemoteConfig.Hash != hash ||
				after.Wanted.Status != fleet.Applied || after.Wanted.Hash != hash || after.Effective.Hash != hash {
				t.Errorf("status after the push is %+v", after)
			}

			reply := call(t, "GET", s.rest+"/config?instance="+c.uid.String(), "", nil)
			var offered struct{ Instance, Config, Hash, EffectiveConfig string }
			reply.decode(t, &offered)
			if reply.status != http.StatusOK || offered.Instance != c.uid.String() || offered.Config != pushed ||
				offered.Hash != hash || offered.EffectiveConfig != pushed {
				t.Errorf("configuration is %d %s", reply.status, reply.body)
			}

			c.stop()
			if name == "websocket" {
				s.await(t, func(a fleet.Detail) bool { return a.Connection == fleet.Disconnected })
			}
		})
	}
}

func TestConfigOfAllReachesAgentsThatComeLater(t *testing.T) {
	s := start(t, Access{})
	if _, instances := put(t, s, pushed, nil); len(instances) != 0 {
		t.Errorf("instances are %v, want none", instances)
	}
	connect(t, client.NewWebSocket(nil), "ws://"+s.opamp, time.Hour).expect(t, pushed)
}

func TestManyAgentsAndPushesAtOnce(t *testing.T) {
	s := start(t, Access{})
	var collectors []otelcol
	for range 5 {
		collectors = append(collectors, connect(t, client.NewWebSocket(nil), "ws://"+s.opamp, 20*time.Millisecond))
	}
	for range 5 {
		put(t, s, running, nil)
		call(t, "GET", s.rest+"/status", "", nil)
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
	// Probes know neither name nor token.
	reply := call(t, "GET", start(t, Access{Token: "secret"}).rest+"/health", "", http.Header{"Host": {"10.1.2.3:4321"}})
	if reply.status != http.StatusOK || reply.body != `{"status":"ok"}` {
		t.Errorf("health is %d %s", reply.status, reply.body)
	}
}

func TestStatusOfNobodyIsAnEmptyList(t *testing.T) {
	if reply := call(t, "GET", start(t, Access{}).rest+"/status", "", nil); reply.body != `{"agents":[],"total":0,"next":""}` {
		t.Errorf("status is %s", reply.body)
	}
}

func TestBadInput(t *testing.T) {
	s := start(t, Access{})
	for name, test := range map[string]struct {
		method, path, body string
		status             int
		code, message      string
	}{
		"unknown path":            {"GET", "/agents", "", 404, "not_found", "/status"},
		"wrong method":            {"POST", "/config", "{}", 405, "method_not_allowed", "GET, PUT"},
		"no instance":             {"GET", "/config", "", 400, "bad_request", `"instance" is missing`},
		"unknown instance, read":  {"GET", "/config?instance=x", "", 404, "not_found", `instance UID "x"`},
		"unknown instance, write": {"PUT", "/config", `{"config":"receivers: {a: }","instance":"x"}`, 404, "not_found", `instance UID "x"`},
		"empty instance":          {"PUT", "/config", `{"config":"receivers: {a: }","instance":""}`, 404, "not_found", `instance UID ""`},
		"no body":                 {"PUT", "/config", "", 400, "invalid_json", "EOF"},
		"no JSON":                 {"PUT", "/config", "config: a", 400, "invalid_json", "invalid character"},
		"JSON of another shape":   {"PUT", "/config", "[1]", 400, "invalid_json", "array"},
		"unknown key":             {"PUT", "/config", `{"config":"receivers: {a: }","instanceId":"x"}`, 400, "invalid_json", `"instanceId"`},
		"two JSON values":         {"PUT", "/config", `{"config":"receivers: {a: }"} {}`, 400, "invalid_json", "more than one"},
		"no config":               {"PUT", "/config", "{}", 400, "invalid_yaml", "YAML mapping"},
		"no YAML":                 {"PUT", "/config", `{"config":"a: ["}`, 400, "invalid_yaml", "line 1"},
		"no Collector's config":   {"PUT", "/config", `{"config":"a: 1"}`, 400, "invalid_yaml", "no section"},
		"a redacted secret":       {"PUT", "/config", `{"config":"exporters: {a: {key: '[REDACTED]'}}"}`, 400, "invalid_yaml", "exporters.a.key is [REDACTED]"},
		"too large":               {"PUT", "/config", `{"config":"` + strings.Repeat("a", maxBodySize) + `"}`, 413, "too_large", "256 KiB"},
	} {
		t.Run(name, func(t *testing.T) {
			reply := call(t, test.method, s.rest+test.path, test.body, nil)
			var body struct {
				Error struct{ Code, Message string }
			}
			reply.decode(t, &body)
			if reply.status != test.status || body.Error.Code != test.code || !strings.Contains(body.Error.Message, test.message) {
				t.Errorf("reply is %d %s, want %d %s with %q", reply.status, reply.body, test.status, test.code, test.message)
			}
		})
	}
}

func TestProblems(t *testing.T) {
	s := start(t, Access{})
	unknown := "/api/v1/agents/" + uuid.New().String()
	any := http.Header{"If-Match": {"*"}}
	good := `{"files":{"":"receivers: {a: }"}}`
	for name, test := range map[string]struct {
		method, path, body string
		header             http.Header
		status             int
		message            string
	}{
		"unknown path":       {"GET", "/api/v1/x", "", nil, 404, "openapi.json"},
		"wrong method":       {"POST", "/api/v1/config", "", nil, 405, "DELETE, GET, PUT"},
		"unknown agent":      {"GET", unknown, "", nil, 404, "no agent has the instance UID"},
		"its configuration":  {"PUT", unknown + "/config", good, any, 404, "no agent has the instance UID"},
		"unknown parameter":  {"GET", "/api/v1/agents?page=2", "", nil, 400, `"path":"page"`},
		"no number":          {"GET", "/api/v1/agents?limit=many", "", nil, 400, `"path":"limit"`},
		"too many":           {"GET", "/api/v1/agents?limit=1001", "", nil, 400, "1 to 1000"},
		"unknown status":     {"GET", "/api/v1/agents?status=GOOD", "", nil, 400, `"path":"status"`},
		"unknown connection": {"GET", "/api/v1/agents?connection=up", "", nil, 400, `"path":"connection"`},
		"no If-Match":        {"PUT", "/api/v1/config", good, nil, 428, "If-Match is missing"},
		"no If-Match, away":  {"DELETE", "/api/v1/config", "", nil, 428, "If-Match is missing"},
		"wrong If-Match":     {"PUT", "/api/v1/config", good, http.Header{"If-Match": {"1"}}, 400, "has to be an ETag"},
		"old If-Match":       {"PUT", "/api/v1/config", good, http.Header{"If-Match": {`"7"`}}, 412, "revision 0 by now, not 7"},
		"old If-Match, away": {"DELETE", "/api/v1/config", "", http.Header{"If-Match": {`"7"`}}, 412, "revision 0 by now, not 7"},
		"no JSON":            {"PUT", "/api/v1/config", "x", any, 400, "invalid character"},
		"too large":          {"PUT", "/api/v1/config", filesOf(t, map[string]string{"": strings.Repeat("a", maxBodySize)}), any, 413, "256 KiB"},
		"no files":           {"PUT", "/api/v1/config", "{}", any, 422, "has no file"},
		"two problems":       {"PUT", "/api/v1/config", `{"files":{"a":"receiver: {}\nexporter: {}"}}`, any, 422, "exporter"},
		"unknown past":       {"GET", "/api/v1/configs/f00d", "", nil, 404, "history has no configuration"},
	} {
		t.Run(name, func(t *testing.T) {
			reply := call(t, test.method, s.rest+test.path, test.body, test.header)
			if reply.status != test.status || !strings.Contains(reply.body, strings.ReplaceAll(test.message, `\`, "")) {
				t.Errorf("reply is %d %s, want %d with %q", reply.status, reply.body, test.status, test.message)
			}
			if got := reply.header.Get("Content-Type"); got != "application/problem+json" {
				t.Errorf("content type is %q", got)
			}
			conforms(t, "Problem", reply.body)
		})
	}
}

func TestTwoOperatorsDoNotOverwriteEachOther(t *testing.T) {
	s := start(t, Access{})
	c := connect(t, client.NewWebSocket(nil), "ws://"+s.opamp, time.Hour)
	s.await(t, func(a fleet.Detail) bool { return a.AcceptsRemoteConfig })
	path := s.rest + "/api/v1/agents/" + c.uid.String() + "/config"
	read := call(t, "GET", path, "", nil).header.Get("ETag")
	change := func(config, etag, by string) reply {
		return call(t, "PUT", path, filesOf(t, map[string]string{"": config}), http.Header{"If-Match": {etag}, "X-Forwarded-User": {by}})
	}
	first, second := change(pushed, read, "ada"), change(running, read, "bob")
	if first.status != http.StatusAccepted || second.status != http.StatusPreconditionFailed {
		t.Errorf("replies are %d and %d, want that the first one wins", first.status, second.status)
	}
	c.expect(t, pushed)
	if again := change(running, first.header.Get("ETag"), "bob"); again.status != http.StatusAccepted {
		t.Errorf("reply is %d %s, want that the second one may go on from the first", again.status, again.body)
	}
	c.expect(t, running)

	var history struct{ Entries []fleet.Entry }
	listed := call(t, "GET", s.rest+"/api/v1/history", "", nil)
	listed.decode(t, &history)
	conforms(t, "History", listed.body)
	if len(history.Entries) != 2 || history.Entries[0].By != "bob" || history.Entries[1].By != "ada" {
		t.Fatalf("history is %+v, want bob after ada", history.Entries)
	}
	past := call(t, "GET", s.rest+"/api/v1/configs/"+history.Entries[1].Hash, "", nil)
	conforms(t, "Past", past.body)
	if !strings.Contains(past.body, "hostmetrics") {
		t.Errorf("the past configuration is %s", past.body)
	}
}

func TestSeveralFilesReachTheAgent(t *testing.T) {
	s := start(t, Access{})
	c := connect(t, client.NewWebSocket(nil), "ws://"+s.opamp, time.Hour)
	s.await(t, func(a fleet.Detail) bool { return a.AcceptsRemoteConfig })
	files := map[string]string{"": pushed, "exporters.yaml": "exporters: {debug: {}}\n"}
	reply := call(t, "PUT", s.rest+"/api/v1/agents/"+c.uid.String()+"/config", filesOf(t, files), http.Header{"If-Match": {"*"}})
	if reply.status != http.StatusAccepted {
		t.Fatalf("reply is %d %s", reply.status, reply.body)
	}
	c.expect(t, pushed)
	detail := s.await(t, func(a fleet.Detail) bool { return a.Wanted != nil && a.Wanted.Status == fleet.Applied })
	if len(detail.WantedFiles) != 2 || detail.WantedFiles["exporters.yaml"] != files["exporters.yaml"] {
		t.Errorf("wanted files are %v, want %v", detail.WantedFiles, files)
	}
}

func TestConfigOfAllIsTakenAway(t *testing.T) {
	s := start(t, Access{})
	put(t, s, pushed, nil)
	before := call(t, "GET", s.rest+"/api/v1/config", "", nil)
	conforms(t, "Setting", before.body)
	if reply := call(t, "DELETE", s.rest+"/api/v1/config", "", http.Header{"If-Match": {before.header.Get("ETag")}}); reply.status != http.StatusNoContent {
		t.Errorf("reply is %d %s", reply.status, reply.body)
	}
	var after setting
	call(t, "GET", s.rest+"/api/v1/config", "", nil).decode(t, &after)
	if after.Files != nil || after.Revision != 2 {
		t.Errorf("the configuration of all is %+v, want none", after)
	}
}

func TestValidateSetsNothing(t *testing.T) {
	s := start(t, Access{})
	for body, problems := range map[string]int{
		filesOf(t, map[string]string{"": pushed}):                  0,
		filesOf(t, map[string]string{"": "receiver: {}\na: {}\n"}): 2,
	} {
		reply := call(t, "POST", s.rest+"/api/v1/validate", body, nil)
		conforms(t, "Validation", reply.body)
		var found struct{ Problems []any }
		reply.decode(t, &found)
		if reply.status != http.StatusOK || len(found.Problems) != problems {
			t.Errorf("%s: reply is %d %s, want %d problems", body, reply.status, reply.body, problems)
		}
	}
	var history struct{ Entries []fleet.Entry }
	call(t, "GET", s.rest+"/api/v1/history", "", nil).decode(t, &history)
	if len(history.Entries) != 0 {
		t.Errorf("history is %+v, want nothing", history.Entries)
	}
}

func TestReadOnlyAgentIsAConflict(t *testing.T) {
	s := start(t, Access{})
	agent, uid := client.NewWebSocket(nil), uuid.New()
	check(t, agent.SetAgentDescription(describe("reader", "1")))
	capabilities := protobufs.AgentCapabilities_AgentCapabilities_ReportsStatus
	check(t, agent.SetCapabilities(&capabilities))
	check(t, agent.Start(t.Context(), types.StartSettings{OpAMPServerURL: "ws://" + s.opamp, InstanceUid: types.InstanceUid(uid)}))
	t.Cleanup(func() { _ = agent.Stop(context.Background()) })
	s.await(t, func(a fleet.Detail) bool { return a.Connected })

	old := call(t, "PUT", s.rest+"/config", `{"config":"receivers: {a: }","instance":"`+uid.String()+`"}`, nil)
	if old.status != http.StatusConflict || !strings.Contains(old.body, "read_only_instance") {
		t.Errorf("reply is %d %s, want a conflict", old.status, old.body)
	}
	reply := call(t, "PUT", s.rest+"/api/v1/agents/"+uid.String()+"/config", filesOf(t, map[string]string{"": pushed}), http.Header{"If-Match": {"*"}})
	if reply.status != http.StatusConflict || !strings.Contains(reply.body, "does not accept") {
		t.Errorf("reply is %d %s, want a conflict", reply.status, reply.body)
	}
}

func TestStrangersAreKeptOut(t *testing.T) {
	s := start(t, Access{Token: "secret", Hosts: []string{"opamp.example.com"}})
	token := []string{"Bearer secret"}
	for name, test := range map[string]struct {
		header http.Header
		status int
	}{
		"the token":               {http.Header{"Authorization": token}, 404},
		"no token":                {http.Header{}, 401},
		"a wrong token":           {http.Header{"Authorization": {"Bearer secret2"}}, 401},
		"a name of the cluster":   {http.Header{"Authorization": token, "Host": {"olly-opamp-server.ns.svc.cluster.local:4321"}}, 404},
		"a name without a dot":    {http.Header{"Authorization": token, "Host": {"localhost:4321"}}, 404},
		"an IPv6 address":         {http.Header{"Authorization": token, "Host": {"[::1]:4321"}}, 404},
		"a name that is given":    {http.Header{"Authorization": token, "Host": {"opamp.example.com"}}, 404},
		"a name of a stranger":    {http.Header{"Authorization": token, "Host": {"evil.example.com:4321"}}, 421},
		"a page of the same host": {http.Header{"Authorization": token, "Host": {"localhost:1"}, "Origin": {"http://localhost:1"}}, 404},
		"a page of another host":  {http.Header{"Authorization": token, "Origin": {"https://evil.example.com"}}, 403},
		"a page, by its browser":  {http.Header{"Authorization": token, "Sec-Fetch-Site": {"cross-site"}}, 403},
	} {
		t.Run(name, func(t *testing.T) {
			test.header.Set("If-Match", "*")
			reply := call(t, "PUT", s.rest+"/api/v1/agents/x/config", `{"files":{"":"receivers: {a: }"}}`, test.header)
			if reply.status != test.status {
				t.Errorf("reply is %d %s, want %d", reply.status, reply.body, test.status)
			}
		})
	}
}
