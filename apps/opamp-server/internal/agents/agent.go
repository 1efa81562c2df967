package agents

import (
	"bytes"
	"encoding/hex"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/open-telemetry/opamp-go/protobufs"
	"github.com/open-telemetry/opamp-go/server/types"
)

const (
	// Agents report every 30 s unless told otherwise; three missed reports of a polling agent mean that it is gone.
	pollingTimeout = 90 * time.Second
	offerInterval  = 30 * time.Second
)

// Status is what an agent has reported about itself.
type Status struct {
	InstanceUID      string             `json:"instanceUid"`
	Type             string             `json:"type"`
	Version          string             `json:"version"`
	Connected        bool               `json:"connected"`
	Healthy          bool               `json:"healthy"`
	LastSeenUnixNano string             `json:"lastSeenUnixNano"`
	EffectiveConfig  string             `json:"effectiveConfig"`
	RemoteConfig     RemoteConfigStatus `json:"remoteConfig"`
}

// RemoteConfigStatus is what became of the configuration with the given hash.
type RemoteConfigStatus struct {
	Status string `json:"status"`
	Error  string `json:"error"`
	Hash   string `json:"hash"`
}

type agent struct {
	uid          []byte
	sequence     uint64
	lastSeen     time.Time
	disconnected bool
	// conn is nil for agents that poll over plain HTTP: nothing can be pushed to them.
	conn types.Connection

	capabilities protobufs.AgentCapabilities
	description  *protobufs.AgentDescription
	health       *protobufs.ComponentHealth
	effective    *protobufs.EffectiveConfig
	remoteStatus *protobufs.RemoteConfigStatus

	desired   *Config
	offered   *Config
	offeredAt time.Time
}

// report merges a message, which carries only what has changed since the previous one.
func (a *agent) report(message *protobufs.AgentToServer, now time.Time) {
	a.sequence = message.SequenceNum
	a.lastSeen = now
	a.disconnected = message.AgentDisconnect != nil
	if message.Capabilities != 0 {
		a.capabilities = protobufs.AgentCapabilities(message.Capabilities)
	}
	if message.AgentDescription != nil {
		a.description = message.AgentDescription
	}
	if message.Health != nil {
		a.health = message.Health
	}
	if message.EffectiveConfig != nil {
		a.effective = message.EffectiveConfig
	}
	if status := message.RemoteConfigStatus; status != nil {
		// An offer can overtake an older one on its way; the agent then reports the older hash.
		if !bytes.Equal(status.LastRemoteConfigHash, a.remoteStatus.GetLastRemoteConfigHash()) {
			a.offered = nil
		}
		a.remoteStatus = status
	}
}

// connect forgets what was offered over an older connection: it may never have arrived.
func (a *agent) connect(conn types.Connection) {
	if a.conn != conn {
		a.conn = conn
		a.offered = nil
	}
}

func (a *agent) connected(now time.Time) bool {
	if a.disconnected {
		return false
	}
	return a.conn != nil || now.Sub(a.lastSeen) < pollingTimeout
}

func (a *agent) acceptsConfig() bool {
	return a.capabilities&protobufs.AgentCapabilities_AgentCapabilities_AcceptsRemoteConfig != 0
}

// offer returns the desired configuration unless the agent has it already. An offer that stays without an
// answer is repeated, but not in reply to every message: an agent that answers each offer would never rest.
func (a *agent) offer(now time.Time) *protobufs.AgentRemoteConfig {
	switch {
	case a.desired == nil || !a.acceptsConfig():
		return nil
	case a.desired.matches(a.remoteStatus.GetLastRemoteConfigHash()):
		return nil
	case a.offered == a.desired && now.Sub(a.offeredAt) < offerInterval:
		return nil
	}
	a.offered, a.offeredAt = a.desired, now
	return a.desired.remoteConfig()
}

func (a *agent) status(instance string, now time.Time) Status {
	return Status{
		InstanceUID:      instance,
		Type:             a.identity("service.name"),
		Version:          a.identity("service.version"),
		Connected:        a.connected(now),
		Healthy:          a.health == nil || a.health.Healthy,
		LastSeenUnixNano: strconv.FormatInt(a.lastSeen.UnixNano(), 10),
		EffectiveConfig:  a.effectiveText(),
		RemoteConfig: RemoteConfigStatus{
			Status: strings.TrimPrefix(a.remoteStatus.GetStatus().String(), "RemoteConfigStatuses_"),
			Error:  a.remoteStatus.GetErrorMessage(),
			Hash:   hex.EncodeToString(a.remoteStatus.GetLastRemoteConfigHash()),
		},
	}
}

func (a *agent) identity(key string) string {
	for _, attribute := range a.description.GetIdentifyingAttributes() {
		if attribute.GetKey() == key {
			return attribute.GetValue().GetStringValue()
		}
	}
	return ""
}

func (a *agent) effectiveText() string {
	files := a.effective.GetConfigMap().GetConfigMap()
	if len(files) == 1 {
		for _, file := range files {
			return string(file.GetBody())
		}
	}
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(files)) {
		text.WriteString("--- # " + name + "\n")
		text.WriteString(strings.TrimRight(string(files[name].GetBody()), "\n") + "\n")
	}
	return text.String()
}
