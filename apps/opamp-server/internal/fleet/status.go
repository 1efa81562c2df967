package fleet

import (
	"encoding/hex"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/open-telemetry/opamp-go/protobufs"

	"tinyolly.dev/apps/opamp-server/internal/collector"
)

// AnyRevision replaces whatever configuration there is.
const AnyRevision = uint64(math.MaxUint64)

// Connection tells whether an agent is heard.
type Connection string

const (
	Connected Connection = "connected"
	// Silent has a connection that answers, but the agent has missed three heartbeats: it hangs.
	Silent       Connection = "silent"
	Disconnected Connection = "disconnected"
)

// Status is what is known of an agent, but for the texts of configurations.
type Status struct {
	InstanceUID string     `json:"instanceUid"`
	Type        string     `json:"type"`
	Version     string     `json:"version"`
	Host        string     `json:"host"`
	Connection  Connection `json:"connection"`
	Connected   bool       `json:"connected"`
	Transport   string     `json:"transport"`
	// Duplicate tells that another agent had the same UID within the last ten minutes.
	Duplicate        bool   `json:"duplicate"`
	LastSeenUnixNano string `json:"lastSeenUnixNano"`
	// Healthy is nil until the agent tells.
	Healthy      *bool    `json:"healthy"`
	HealthError  string   `json:"healthError"`
	Capabilities []string `json:"capabilities"`
	// AcceptsRemoteConfig is the capability that setting a configuration needs.
	AcceptsRemoteConfig bool               `json:"acceptsRemoteConfig"`
	Wanted              *Wanted            `json:"wanted"`
	RemoteConfig        RemoteConfigStatus `json:"remoteConfig"`
	Effective           *Effective         `json:"effective"`
}

// Wanted is the configuration that was set for an agent, and what became of it.
type Wanted struct {
	Setting
	Status            Outcome `json:"status"`
	Error             string  `json:"error"`
	ChangedAtUnixNano string  `json:"changedAtUnixNano"`
	Offers            int     `json:"offers"`
}

// Setting is who has set which configuration.
type Setting struct {
	Hash          string `json:"hash"`
	Revision      uint64 `json:"revision"`
	By            string `json:"by"`
	SetAtUnixNano string `json:"setAtUnixNano"`
}

// RemoteConfigStatus is what the agent last said about the remote configuration with the given hash, which can be an older one.
type RemoteConfigStatus struct {
	Status             string `json:"status"`
	Error              string `json:"error"`
	Hash               string `json:"hash"`
	ReportedAtUnixNano string `json:"reportedAtUnixNano"`
}

// Effective identifies the configuration that an agent runs by its own account.
type Effective struct {
	Hash  string   `json:"hash"`
	Files []string `json:"files"`
	Bytes int      `json:"bytes"`
	// Omitted tells that there was no room to keep all of its text.
	Omitted bool `json:"omitted"`
}

// Detail is all that is known of an agent.
type Detail struct {
	Status
	// WantedFiles are nil where nothing was set.
	WantedFiles    map[string]string `json:"wantedFiles"`
	EffectiveFiles map[string]string `json:"effectiveFiles"`
}

// Query selects agents of a list.
type Query struct {
	// After is the instance UID that the list begins after.
	After string
	Limit int
	// Text has to be part of the UID, the type, the version or the host.
	Text       string
	Connection Connection
	Outcome    Outcome
}

// List is a part of the agents, in the order of their UIDs.
type List struct {
	Agents []Status `json:"agents"`
	// Total is how many agents match, on this page and others.
	Total int `json:"total"`
	// Next is what the next page begins after; empty on the last one.
	Next string `json:"next"`
}

// List returns the agents that match.
func (f *Fleet) List(query Query) List {
	now := time.Now()
	list := List{Agents: []Status{}}
	text := strings.ToLower(query.Text)
	for _, known := range f.all() {
		known.mu.Lock()
		if known.matches(query, text, now) {
			list.Total++
			switch instance := known.id.String(); {
			case instance <= query.After:
			case len(list.Agents) < query.Limit:
				list.Agents = append(list.Agents, known.status(now))
			default:
				list.Next = list.Agents[len(list.Agents)-1].InstanceUID
			}
		}
		known.mu.Unlock()
	}
	return list
}

func (a *agent) matches(query Query, text string, now time.Time) bool {
	if query.Connection != "" && a.connection(now) != query.Connection {
		return false
	}
	if query.Outcome != "" && a.outcome() != query.Outcome {
		return false
	}
	return text == "" || slices.ContainsFunc([]string{a.id.String(), a.known.kind, a.known.version, a.known.host}, func(field string) bool {
		return strings.Contains(strings.ToLower(field), text)
	})
}

// Detail returns what is known of an instance.
func (f *Fleet) Detail(instance string) (Detail, error) {
	known, err := f.lookUp(instance)
	if err != nil {
		return Detail{}, err
	}
	known.mu.Lock()
	defer known.mu.Unlock()
	detail := Detail{Status: known.status(time.Now()), EffectiveFiles: known.effective.texts()}
	if known.wanted != nil && known.wanted.config != nil {
		detail.WantedFiles = known.wanted.config.Files()
	}
	return detail, nil
}

// Config returns the configuration that was set for an instance, nil where there is none, and its setting.
func (f *Fleet) Config(instance string) (*collector.Config, Setting, error) {
	known, err := f.lookUp(instance)
	if err != nil {
		return nil, Setting{}, err
	}
	known.mu.Lock()
	defer known.mu.Unlock()
	if known.wanted == nil {
		return nil, Setting{}, nil
	}
	return known.wanted.config, known.wanted.setting(), nil
}

// Shared returns the configuration for agents that are yet to come, nil where there is none, and its setting.
func (f *Fleet) Shared() (*collector.Config, Setting) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.shared == nil {
		return nil, Setting{}
	}
	return f.shared.config, f.shared.setting()
}

func (t *target) setting() Setting {
	if t == nil {
		return Setting{}
	}
	setting := Setting{Revision: t.revision, By: t.by, SetAtUnixNano: unixNano(t.at)}
	if t.config != nil {
		setting.Hash = t.config.Hash()
	}
	return setting
}

func (a *agent) revision() uint64 {
	if a.wanted == nil {
		return 0
	}
	return a.wanted.target.revision
}

func (a *agent) status(now time.Time) Status {
	connection := a.connection(now)
	status := Status{
		InstanceUID:         a.id.String(),
		Type:                a.known.kind,
		Version:             a.known.version,
		Host:                a.known.host,
		Connection:          connection,
		Connected:           connection != Disconnected,
		Transport:           "websocket",
		Duplicate:           !a.duplicateAt.IsZero() && now.Sub(a.duplicateAt) < duplicateFor,
		LastSeenUnixNano:    unixNano(a.lastSeen),
		Capabilities:        capabilityNames(a.capabilities),
		AcceptsRemoteConfig: a.acceptsConfig(),
		RemoteConfig: RemoteConfigStatus{
			Status: strings.TrimPrefix(a.reported.GetStatus().String(), "RemoteConfigStatuses_"),
			Error:  a.reported.GetErrorMessage(),
			Hash:   hex.EncodeToString(a.reported.GetLastRemoteConfigHash()),
		},
	}
	if a.polls {
		status.Transport = "polling"
	}
	if a.health != nil {
		status.Healthy, status.HealthError = &a.health.healthy, a.health.message
	}
	if a.reported != nil {
		status.RemoteConfig.ReportedAtUnixNano = unixNano(a.reportedAt)
	}
	if w := a.wanted; w != nil && w.config != nil {
		status.Wanted = &Wanted{w.setting(), w.outcome, w.message, unixNano(w.changedAt), w.offers}
	}
	if e := a.effective; e != nil {
		status.Effective = &Effective{hex.EncodeToString(e.hash[:]), e.names(), e.bytes, e.omitted}
	}
	return status
}

func capabilityNames(capabilities protobufs.AgentCapabilities) []string {
	names := make([]string, 0, bits.OnesCount64(uint64(capabilities)))
	for rest := uint64(capabilities); rest != 0; rest &= rest - 1 {
		name, ok := protobufs.AgentCapabilities_name[int32(rest&-rest)]
		if ok {
			names = append(names, strings.TrimPrefix(name, "AgentCapabilities_"))
		}
	}
	return names
}

func unixNano(t time.Time) string {
	return strconv.FormatInt(t.UnixNano(), 10)
}

func parseUnixNano(text string) (time.Time, error) {
	nanoseconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("time %q: %w", text, err)
	}
	return time.Unix(0, nanoseconds), nil
}
