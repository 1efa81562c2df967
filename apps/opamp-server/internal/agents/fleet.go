// Package agents knows the OpAMP agents, what they report and which configuration each of them is to run.
package agents

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/open-telemetry/opamp-go/protobufs"
	"github.com/open-telemetry/opamp-go/server/types"
)

const (
	forgetAfter = 24 * time.Hour
	sendTimeout = 5 * time.Second
)

// UnknownInstanceError names an instance that no agent has reported.
type UnknownInstanceError struct{ Instance string }

func (e UnknownInstanceError) Error() string {
	return fmt.Sprintf("no agent has the instance UID %q", e.Instance)
}

// ReadOnlyInstanceError names an agent that reports but does not accept remote configuration.
type ReadOnlyInstanceError struct{ Instance string }

func (e ReadOnlyInstanceError) Error() string {
	return fmt.Sprintf("the agent %q does not accept remote configuration", e.Instance)
}

// Fleet holds every agent seen within the last day. It is safe for concurrent use.
type Fleet struct {
	logger *slog.Logger

	mu     sync.Mutex
	agents map[string]*agent
	// desired is for agents that are yet to come.
	desired *Config
}

// NewFleet returns a fleet without agents.
func NewFleet(logger *slog.Logger) *Fleet {
	return &Fleet{logger: logger, agents: map[string]*agent{}}
}

// Status lists the agents in the order of their instance UIDs.
func (f *Fleet) Status() []Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	f.forget(now)
	statuses := make([]Status, 0, len(f.agents))
	for _, instance := range slices.Sorted(maps.Keys(f.agents)) {
		statuses = append(statuses, f.agents[instance].status(instance, now))
	}
	return statuses
}

// Config returns the configuration set for an instance or, where none has been set, the one that it runs.
func (f *Fleet) Config(instance string) (*Config, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	known, ok := f.agents[instance]
	if !ok {
		return nil, UnknownInstanceError{instance}
	}
	if known.desired != nil {
		return known.desired, nil
	}
	return newConfig(known.effectiveText()), nil
}

// SetConfig makes config the one of the given instance and pushes it if the agent is connected.
func (f *Fleet) SetConfig(instance string, config *Config) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	known, ok := f.agents[instance]
	if !ok {
		return UnknownInstanceError{instance}
	}
	if !known.acceptsConfig() {
		return ReadOnlyInstanceError{instance}
	}
	f.assign(known, config)
	return nil
}

// SetConfigOfAll makes config the one of all agents, also of those that connect later, and pushes it to the
// connected ones. It returns the instances that accept it.
func (f *Fleet) SetConfigOfAll(config *Config) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.desired = config
	instances := []string{}
	for instance, known := range f.agents {
		f.assign(known, config)
		if known.acceptsConfig() {
			instances = append(instances, instance)
		}
	}
	slices.Sort(instances)
	return instances
}

func (f *Fleet) assign(known *agent, config *Config) {
	known.desired = config
	if known.conn == nil {
		return
	}
	if offer := known.offer(time.Now()); offer != nil {
		go f.push(known.conn, newReply(known.uid, offer))
	}
}

// push ends a connection that does not take the message: the agent gets its configuration when it connects again.
func (f *Fleet) push(conn types.Connection, message *protobufs.ServerToAgent) {
	watchdog := time.AfterFunc(sendTimeout, func() { _ = conn.Disconnect() })
	defer watchdog.Stop()
	if err := conn.Send(context.Background(), message); err != nil {
		f.logger.Warn("configuration was not pushed", "error", err)
		_ = conn.Disconnect()
	}
}

// receive takes a message and returns the reply. conn is nil for a message that came by plain HTTP.
func (f *Fleet) receive(conn types.Connection, message *protobufs.AgentToServer) *protobufs.ServerToAgent {
	id, err := uuid.FromBytes(message.InstanceUid)
	if err != nil {
		return badRequest(message, "instance_uid is not 16 bytes long")
	}
	if message.Flags&uint64(protobufs.AgentToServerFlags_AgentToServerFlags_RequestInstanceUid) != 0 {
		return f.identify(message)
	}

	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	f.forget(now)

	known, ok := f.agents[id.String()]
	incomplete := ok && message.SequenceNum != known.sequence+1 || !ok && message.AgentDescription == nil
	if !ok {
		if message.AgentDisconnect != nil {
			return nil
		}
		known = &agent{uid: message.InstanceUid, desired: f.desired}
		f.agents[id.String()] = known
		f.logger.Info("agent appeared", "instance", id.String())
	}
	known.connect(conn)
	known.report(message, now)
	if known.disconnected {
		known.conn = nil
		return nil
	}

	reply := newReply(message.InstanceUid, known.offer(now))
	if incomplete {
		reply.Flags = uint64(protobufs.ServerToAgentFlags_ServerToAgentFlags_ReportFullState)
	}
	return reply
}

// identify gives a new instance UID to an agent that asked for one.
func (f *Fleet) identify(message *protobufs.AgentToServer) *protobufs.ServerToAgent {
	id, err := uuid.NewV7()
	if err != nil {
		return badRequest(message, "no instance UID could be made: "+err.Error())
	}
	reply := newReply(message.InstanceUid, nil)
	reply.AgentIdentification = &protobufs.AgentIdentification{NewInstanceUid: id[:]}
	return reply
}

// disconnect marks the agents of a closed connection, but not those that came back over another one.
func (f *Fleet) disconnect(conn types.Connection) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for instance, known := range f.agents {
		if known.conn == conn {
			known.conn = nil
			known.disconnected = true
			f.logger.Info("agent disconnected", "instance", instance)
		}
	}
}

// Close ends all connections; agents then look for the next server by themselves.
func (f *Fleet) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, known := range f.agents {
		if known.conn != nil {
			_ = known.conn.Disconnect()
		}
	}
}

func (f *Fleet) forget(now time.Time) {
	maps.DeleteFunc(f.agents, func(_ string, known *agent) bool {
		return !known.connected(now) && now.Sub(known.lastSeen) > forgetAfter
	})
}

func newReply(uid []byte, offer *protobufs.AgentRemoteConfig) *protobufs.ServerToAgent {
	return &protobufs.ServerToAgent{
		InstanceUid:  uid,
		RemoteConfig: offer,
		Capabilities: uint64(protobufs.ServerCapabilities_ServerCapabilities_AcceptsStatus |
			protobufs.ServerCapabilities_ServerCapabilities_OffersRemoteConfig |
			protobufs.ServerCapabilities_ServerCapabilities_AcceptsEffectiveConfig),
	}
}

func badRequest(message *protobufs.AgentToServer, reason string) *protobufs.ServerToAgent {
	reply := newReply(message.InstanceUid, nil)
	reply.ErrorResponse = &protobufs.ServerErrorResponse{
		Type:         protobufs.ServerErrorResponseType_ServerErrorResponseType_BadRequest,
		ErrorMessage: reason,
	}
	return reply
}
