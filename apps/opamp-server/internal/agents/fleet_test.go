package agents

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/open-telemetry/opamp-go/protobufs"
)

const (
	accepting = uint64(protobufs.AgentCapabilities_AgentCapabilities_ReportsStatus |
		protobufs.AgentCapabilities_AgentCapabilities_AcceptsRemoteConfig |
		protobufs.AgentCapabilities_AgentCapabilities_ReportsRemoteConfig)
	reporting = uint64(protobufs.AgentCapabilities_AgentCapabilities_ReportsStatus)
)

var uid = uuid.MustParse("0198c1a2-7d3e-7000-8000-000000000001")

// connection stands for a WebSocket and keeps what is sent over it.
type connection struct {
	sent    chan *protobufs.ServerToAgent
	closed  context.Context
	close   context.CancelFunc
	stalled bool
}

func newConnection() *connection {
	closed, end := context.WithCancel(context.Background())
	return &connection{sent: make(chan *protobufs.ServerToAgent, 10), closed: closed, close: end}
}

func (c *connection) Connection() net.Conn { return nil }

func (c *connection) Send(_ context.Context, message *protobufs.ServerToAgent) error {
	if c.stalled {
		<-c.closed.Done()
		return net.ErrClosed
	}
	c.sent <- message
	return nil
}

func (c *connection) Disconnect() error {
	c.close()
	return nil
}

func newTestFleet() *Fleet {
	return NewFleet(slog.New(slog.DiscardHandler))
}

func hello(capabilities uint64) *protobufs.AgentToServer {
	return &protobufs.AgentToServer{
		InstanceUid:      uid[:],
		SequenceNum:      1,
		Capabilities:     capabilities,
		AgentDescription: &protobufs.AgentDescription{},
	}
}

func heartbeat(sequence uint64) *protobufs.AgentToServer {
	return &protobufs.AgentToServer{InstanceUid: uid[:], SequenceNum: sequence}
}

func configured(sequence uint64, config *Config) *protobufs.AgentToServer {
	message := heartbeat(sequence)
	message.RemoteConfigStatus = &protobufs.RemoteConfigStatus{
		LastRemoteConfigHash: config.hash[:],
		Status:               protobufs.RemoteConfigStatuses_RemoteConfigStatuses_APPLIED,
	}
	return message
}

func asksForFullState(reply *protobufs.ServerToAgent) bool {
	return reply.Flags&uint64(protobufs.ServerToAgentFlags_ServerToAgentFlags_ReportFullState) != 0
}

func offers(reply *protobufs.ServerToAgent, config *Config) bool {
	return config.matches(reply.GetRemoteConfig().GetConfigHash())
}

func TestReplyNamesInstanceAndCapabilities(t *testing.T) {
	reply := newTestFleet().receive(nil, hello(reporting))
	if !slices.Equal(reply.InstanceUid, uid[:]) {
		t.Errorf("instance UID is %x, want %x", reply.InstanceUid, uid)
	}
	if reply.Capabilities != 1|2|4 {
		t.Errorf("capabilities are %b, want status, remote configuration and effective configuration", reply.Capabilities)
	}
}

func TestFullStateIsAskedForWhenSomethingIsMissing(t *testing.T) {
	fleet := newTestFleet()
	for _, step := range []struct {
		name    string
		message *protobufs.AgentToServer
		asks    bool
	}{
		{"an unknown agent without description", heartbeat(7), true},
		{"the full state that was asked for", &protobufs.AgentToServer{
			InstanceUid: uid[:], SequenceNum: 8, AgentDescription: &protobufs.AgentDescription{},
		}, false},
		{"the next heartbeat", heartbeat(9), false},
		{"a heartbeat after a lost message", heartbeat(11), true},
	} {
		if asks := asksForFullState(fleet.receive(nil, step.message)); asks != step.asks {
			t.Errorf("%s: asks for full state is %t, want %t", step.name, asks, step.asks)
		}
	}
}

func TestMalformedInstanceIsRefused(t *testing.T) {
	fleet := newTestFleet()
	reply := fleet.receive(nil, &protobufs.AgentToServer{InstanceUid: []byte("short")})
	if reply.GetErrorResponse().GetType() != protobufs.ServerErrorResponseType_ServerErrorResponseType_BadRequest {
		t.Errorf("reply is %v, want a bad request", reply)
	}
	if agents := fleet.Status(); len(agents) != 0 {
		t.Errorf("agents are %v, want none", agents)
	}
}

func TestInstanceUIDIsMadeOnRequest(t *testing.T) {
	message := hello(reporting)
	message.Flags = uint64(protobufs.AgentToServerFlags_AgentToServerFlags_RequestInstanceUid)
	made, err := uuid.FromBytes(newTestFleet().receive(nil, message).GetAgentIdentification().GetNewInstanceUid())
	if err != nil || made == uid || made.Version() != 7 {
		t.Errorf("new instance UID is %v (%v), want another one of version 7", made, err)
	}
}

func TestReconnectOutlivesTheOldConnection(t *testing.T) {
	fleet := newTestFleet()
	first, second := newConnection(), newConnection()
	fleet.receive(first, hello(accepting))
	fleet.receive(second, hello(accepting))

	fleet.disconnect(first)
	if !fleet.Status()[0].Connected {
		t.Error("the late end of the old connection disconnected the agent")
	}
	fleet.disconnect(second)
	if fleet.Status()[0].Connected {
		t.Error("the agent is still connected after both connections ended")
	}
}

func TestUnconfirmedConfigIsOfferedAgainAfterReconnect(t *testing.T) {
	fleet, config := newTestFleet(), newConfig("a: 1")
	first, second := newConnection(), newConnection()
	fleet.receive(first, hello(accepting))
	fleet.SetConfigOfAll(config)
	if !offers(<-first.sent, config) {
		t.Fatal("the configuration was not pushed")
	}
	fleet.disconnect(first)
	if !offers(fleet.receive(second, hello(accepting)), config) {
		t.Error("the configuration was not offered over the new connection")
	}
}

func TestOffersRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fleet, config := newTestFleet(), newConfig("a: 1")
		fleet.SetConfigOfAll(config)
		for _, step := range []struct {
			name    string
			wait    time.Duration
			message *protobufs.AgentToServer
			offers  bool
		}{
			{"the first message", 0, hello(accepting), true},
			{"a message right after the offer", 0, heartbeat(2), false},
			{"a message when the offer has been unanswered for long", offerInterval, heartbeat(3), true},
			{"a report of another configuration", 0, configured(4, newConfig("b: 1")), true},
			{"the same report again", 0, configured(5, newConfig("b: 1")), false},
			{"the confirmation", 0, configured(6, config), false},
			{"a heartbeat long after the confirmation", time.Hour, heartbeat(7), false},
		} {
			time.Sleep(step.wait)
			if got := offers(fleet.receive(nil, step.message), config); got != step.offers {
				t.Errorf("%s: offers is %t, want %t", step.name, got, step.offers)
			}
		}
	})
}

func TestStalledConnectionIsEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fleet, conn := newTestFleet(), newConnection()
		conn.stalled = true
		fleet.receive(conn, hello(accepting))
		started := time.Now()
		fleet.SetConfigOfAll(newConfig("a: 1"))
		<-conn.closed.Done()
		if waited := time.Since(started); waited != sendTimeout {
			t.Errorf("the connection was ended after %s, want %s", waited, sendTimeout)
		}
	})
}

func TestConfigOfOneInstanceLeavesOthersAlone(t *testing.T) {
	fleet, all, one := newTestFleet(), newConfig("a: 1"), newConfig("b: 1")
	fleet.SetConfigOfAll(all)
	fleet.receive(nil, hello(accepting))
	if err := fleet.SetConfig(uid.String(), one); err != nil {
		t.Fatal(err)
	}
	if !offers(fleet.receive(nil, heartbeat(2)), one) {
		t.Error("the instance was not offered its own configuration")
	}
	other := hello(accepting)
	other.InstanceUid = slices.Concat(uid[:15], []byte{2})
	if !offers(fleet.receive(nil, other), all) {
		t.Error("the other instance was not offered the configuration of all")
	}
}

func TestReadOnlyAgentIsNeverOfferedConfig(t *testing.T) {
	fleet := newTestFleet()
	fleet.receive(nil, hello(reporting))
	if err := fleet.SetConfig(uid.String(), newConfig("a: 1")); !errors.Is(err, ReadOnlyInstanceError{uid.String()}) {
		t.Errorf("error is %v, want that the agent is read-only", err)
	}
	if instances := fleet.SetConfigOfAll(newConfig("a: 1")); len(instances) != 0 {
		t.Errorf("instances are %v, want none", instances)
	}
	if offer := fleet.receive(nil, heartbeat(2)).RemoteConfig; offer != nil {
		t.Errorf("offer is %v, want none", offer)
	}
}

func TestSilentPollingAgentIsDisconnectedAndForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fleet := newTestFleet()
		fleet.receive(nil, hello(accepting))
		time.Sleep(pollingTimeout - time.Second)
		if !fleet.Status()[0].Connected {
			t.Error("the agent is disconnected before its time")
		}
		time.Sleep(time.Second)
		if fleet.Status()[0].Connected {
			t.Error("the agent is still connected")
		}
		time.Sleep(forgetAfter)
		if agents := fleet.Status(); len(agents) != 0 {
			t.Errorf("agents are %v, want none", agents)
		}
	})
}

func TestGoodbyeDisconnects(t *testing.T) {
	fleet, conn := newTestFleet(), newConnection()
	goodbye := heartbeat(2)
	goodbye.AgentDisconnect = &protobufs.AgentDisconnect{}
	fleet.receive(conn, goodbye)
	if agents := fleet.Status(); len(agents) != 0 {
		t.Errorf("agents are %v, want none: nobody was known", agents)
	}
	fleet.receive(conn, hello(accepting))
	fleet.receive(conn, goodbye)
	if fleet.Status()[0].Connected {
		t.Error("the agent is still connected")
	}
}

func TestHealthIsAssumedUntilReported(t *testing.T) {
	fleet := newTestFleet()
	fleet.receive(nil, hello(accepting))
	if !fleet.Status()[0].Healthy {
		t.Error("an agent that reports no health is not healthy")
	}
	sick := heartbeat(2)
	sick.Health = &protobufs.ComponentHealth{Healthy: false}
	fleet.receive(nil, sick)
	if fleet.Status()[0].Healthy {
		t.Error("an agent that reports bad health is healthy")
	}
}

func TestEffectiveConfig(t *testing.T) {
	for name, test := range map[string]struct {
		files map[string]string
		want  string
	}{
		"no file":   {nil, ""},
		"one file":  {map[string]string{"": "a: 1"}, "a: 1"},
		"two files": {map[string]string{"b.yaml": "b: 1\n", "a.yaml": "a: 1"}, "--- # a.yaml\na: 1\n--- # b.yaml\nb: 1\n"},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]*protobufs.AgentConfigFile{}
			for file, text := range test.files {
				files[file] = &protobufs.AgentConfigFile{Body: []byte(text)}
			}
			message := hello(accepting)
			message.EffectiveConfig = &protobufs.EffectiveConfig{ConfigMap: &protobufs.AgentConfigMap{ConfigMap: files}}
			fleet := newTestFleet()
			fleet.receive(nil, message)
			fleet.receive(nil, heartbeat(2))
			if got := fleet.Status()[0].EffectiveConfig; got != test.want {
				t.Errorf("effective configuration is %q, want %q", got, test.want)
			}
			config, err := fleet.Config(uid.String())
			if err != nil || config.Text != test.want {
				t.Errorf("configuration is %v (%v), want %q", config, err, test.want)
			}
		})
	}
}
