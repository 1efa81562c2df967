package fleet

import (
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/open-telemetry/opamp-go/protobufs"

	"tinyolly.dev/apps/opamp-server/internal/collector"
)

// Snapshot is what outlives the server, but for the agents: the configuration of all, the history, and the texts for both and for agents.
type Snapshot struct {
	Revision uint64                       `json:"revision"`
	Configs  map[string]map[string]string `json:"configs"`
	Shared   *Setting                     `json:"shared"`
	History  []Entry                      `json:"history"`
}

// SavedAgent is an agent for which a configuration was set.
type SavedAgent struct {
	InstanceUID      string `json:"instanceUid"`
	Type             string `json:"type"`
	Version          string `json:"version"`
	Host             string `json:"host"`
	Capabilities     uint64 `json:"capabilities"`
	LastSeenUnixNano int64  `json:"lastSeenUnixNano"`
	Wanted           Wanted `json:"wanted"`
}

// Changed gets a value when there is something new to save.
func (f *Fleet) Changed() <-chan struct{} {
	return f.changed
}

// Snapshot passes the agents to save on one by one, and returns what to save beside them. Agents tell the rest again.
func (f *Fleet) Snapshot(save func(SavedAgent) error) (Snapshot, error) {
	s := Snapshot{Configs: map[string]map[string]string{}}
	keep := func(config *collector.Config) {
		if config != nil {
			s.Configs[config.Hash()] = config.Files()
		}
	}
	f.mu.RLock()
	if f.shared != nil {
		setting := f.shared.setting()
		s.Shared = &setting
		keep(f.shared.config)
	}
	f.mu.RUnlock()
	var last *collector.Config
	for _, known := range f.all() {
		saved, config, ok := known.saved()
		if !ok {
			continue
		}
		if config != last {
			keep(config)
			last = config
		}
		if err := save(saved); err != nil {
			return Snapshot{}, err
		}
	}
	f.journal.mu.Lock()
	s.History = append(s.History, f.journal.entries...)
	for _, config := range f.journal.configs {
		keep(config)
	}
	f.journal.mu.Unlock()
	// Read last, so that it is not below any revision above.
	s.Revision = f.revision.Load()
	return s, nil
}

// saved returns what to save of an agent, if something was set for it, and the configuration that it refers to.
func (a *agent) saved() (SavedAgent, *collector.Config, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	w := a.wanted
	if w == nil {
		return SavedAgent{}, nil, false
	}
	return SavedAgent{
		a.id.String(), a.known.kind, a.known.version, a.known.host, uint64(a.capabilities), a.lastSeen.UnixNano(),
		Wanted{w.setting(), w.outcome, w.message, unixNano(w.changedAt), w.offers},
	}, w.config, true
}

// Restore fills a new fleet. Agents are disconnected until they are heard again.
func (f *Fleet) Restore(s Snapshot, agents []SavedAgent) error {
	configs := map[string]*collector.Config{}
	for hash, files := range s.Configs {
		config := collector.Trust(files)
		if config.Hash() != hash {
			return fmt.Errorf("the configuration with the hash %s has another content", hash)
		}
		configs[hash] = config
	}
	targets := map[uint64]*target{}
	restore := func(setting Setting) (*target, error) {
		if known, ok := targets[setting.Revision]; ok {
			return known, nil
		}
		at, err := parseUnixNano(setting.SetAtUnixNano)
		if err != nil {
			return nil, err
		}
		config := configs[setting.Hash]
		if config == nil && setting.Hash != "" {
			return nil, fmt.Errorf("the configuration with the hash %s is missing", setting.Hash)
		}
		targets[setting.Revision] = &target{config, setting.Revision, setting.By, at}
		return targets[setting.Revision], nil
	}

	f.mu.Lock()
	defer f.mu.Unlock()
	f.revision.Store(s.Revision)
	if s.Shared != nil {
		var err error
		if f.shared, err = restore(*s.Shared); err != nil {
			return err
		}
	}
	for _, saved := range agents {
		id, err := uuid.Parse(saved.InstanceUID)
		if err != nil {
			return fmt.Errorf("instance UID %q: %w", saved.InstanceUID, err)
		}
		wanted, err := restore(saved.Wanted.Setting)
		if err != nil {
			return err
		}
		changedAt, err := parseUnixNano(saved.Wanted.ChangedAtUnixNano)
		if err != nil {
			return err
		}
		f.agents[id] = &agent{
			id: id, gone: true, incomplete: true,
			lastSeen: time.Unix(0, saved.LastSeenUnixNano),
			known:    identity{saved.Type, saved.Version, saved.Host},

			capabilities: protobufs.AgentCapabilities(saved.Capabilities),
			wanted: &attempt{
				target: wanted, outcome: saved.Wanted.Status, message: saved.Wanted.Error,
				changedAt: changedAt, offers: saved.Wanted.Offers,
			},
		}
	}
	f.journal.restore(s.History, configs)
	return nil
}
